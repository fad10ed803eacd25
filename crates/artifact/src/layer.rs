//! What layers hold, read from their streams: tars, compressed or not. No files are written; that is [`crate::unpack`].
//!
//! - [`walk`]: one layer, entry by entry, with the content of each file
//! - [`index`]: all of its entries, by path
//! - [`view`]: what an image has at a path, asked from its top layer down
//! - [`tree`]: what all of its layers make together, and what each did
//! - [`diff`]: how two images differ
//!
//! Nothing of a layer is to be trusted before its stream has come to its end, as only there its digest is known.

pub mod diff;
pub mod index;
pub(crate) mod member;
pub(crate) mod path;
pub(crate) mod stream;
pub mod tree;
pub mod view;
pub mod walk;

use std::io;

use wharf_model::limits::{
    LAYER_NAME_BYTES_MAX, TAR_EXTENSION_BYTES_MAX, TREE_ENTRIES_MAX, UNPACK_BYTES_MAX, UNPACK_RATIO_FREE_BYTES,
    UNPACK_RATIO_MAX, VIEW_ENTRIES_MAX, VIEW_NAME_BYTES_MAX,
};
use wharf_model::media::MediaType;

use crate::compression::Compression;

/// How much is read at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries.
    pub entries: usize,
    /// Bytes of the names in one layer, with targets of links and extended attributes.
    pub name_bytes: u64,
    /// Bytes, unpacked.
    pub bytes: u64,
    /// How many times its size a layer may become, beyond `free_bytes`.
    pub ratio: u64,
    /// Bytes that a layer may become whatever its size.
    pub free_bytes: u64,
}

impl Default for Limits {
    /// For layers that are unpacked into a folder.
    fn default() -> Limits {
        Limits {
            entries: TREE_ENTRIES_MAX,
            name_bytes: LAYER_NAME_BYTES_MAX,
            bytes: UNPACK_BYTES_MAX,
            ratio: UNPACK_RATIO_MAX,
            free_bytes: UNPACK_RATIO_FREE_BYTES,
        }
    }
}

impl Limits {
    /// For layers whose entries are kept in memory.
    pub fn of_view() -> Limits {
        Limits { entries: VIEW_ENTRIES_MAX, name_bytes: VIEW_NAME_BYTES_MAX, ..Limits::default() }
    }

    /// What is left of them, all layers together, when one like that has been read.
    pub fn after(self, read: &walk::Walked) -> Limits {
        Limits {
            entries: self.entries.saturating_sub(read.entries),
            name_bytes: self.name_bytes.saturating_sub(read.name_bytes),
            bytes: self.bytes.saturating_sub(read.tar_bytes),
            ..self
        }
    }
}

/// Why a layer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The stream failed: an error of the reader that was given, or the compression is broken.
    #[error("cannot read the layer: {0}")]
    Read(#[source] io::Error),
    /// The media type says something else than the content.
    #[error("the layer's media type {media_type} says {stated}, but it is {found}")]
    Compression {
        /// The media type.
        media_type: MediaType,
        /// What it says.
        stated: Compression,
        /// What the content is.
        found: Compression,
    },
    /// Not a tar.
    #[error("the layer is no tar that can be read: {0}")]
    Malformed(&'static str),
    /// More than is allowed.
    #[error("the layer holds too much: more than {max} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: u64,
    },
}

impl From<io::Error> for LayerError {
    /// An error from reading; what our own readers say comes out as it went in.
    fn from(error: io::Error) -> LayerError {
        error.downcast::<LayerError>().unwrap_or_else(LayerError::Read)
    }
}

/// More than the limit of something.
pub(crate) fn too_much(what: &'static str, max: u64) -> LayerError {
    LayerError::TooMuch { what, max }
}

const _: () = assert!(TAR_EXTENSION_BYTES_MAX < LAYER_NAME_BYTES_MAX);
