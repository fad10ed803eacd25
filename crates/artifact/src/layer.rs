//! What layers hold, read from their streams: tars, compressed or not. No files are written; that is [`crate::unpack`].
//!
//! - [`walk`]: one layer, entry by entry, with the content of each file
//! - [`index`]: all of its entries, by path
//! - [`view`]: what an image has at a path, asked from its top layer down
//! - [`tree`]: what all of its layers make together, and what each did
//! - [`diff`]: how two images differ
//! - [`stored`]: the entries of one layer in a form that rests, made in one pass, and read a few blocks at a time
//! - [`stack`]: several such on one another, read folder by folder
//! - [`compare`]: how two such differ, page by page
//! - [`part`]: a part of the tar in a layer
//!
//! Nothing of a layer is to be trusted before its stream has come to its end, as only there its digest is known.

pub mod compare;
pub mod diff;
pub mod index;
pub(crate) mod member;
pub mod part;
pub(crate) mod path;
pub mod stack;
pub mod stored;
pub(crate) mod stream;
pub mod tree;
pub mod view;
pub mod walk;
pub(crate) mod watched;

use std::io;

use wharf_model::descriptor::Descriptor;
use wharf_model::limits::{
    LAYER_NAME_BYTES_MAX, TAR_EXTENSION_BYTES_MAX, TREE_ENTRIES_MAX, TREE_TAR_BYTES_MAX, TREE_WINDOW_LOG_MAX,
    UNPACK_BYTES_MAX, UNPACK_RATIO_FREE_BYTES, UNPACK_RATIO_MAX, VIEW_ENTRIES_MAX, VIEW_NAME_BYTES_MAX,
    ZSTD_WINDOW_LOG_MAX,
};
use wharf_model::manifest::Manifest;
use wharf_model::media::{MediaType, OCI_EMPTY};

pub use self::path::path_of_file;
use crate::compression::Compression;
use crate::config::{FOLDER_TYPE, TITLE, UNPACK};

/// What `helm push` puts beside a signed chart, without a name.
const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

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
    /// Largest window of a zstd frame, as a power of two in bytes: that much memory it takes.
    pub window_log: u32,
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
            window_log: ZSTD_WINDOW_LOG_MAX,
        }
    }
}

impl Limits {
    /// For layers whose entries are kept in memory.
    pub fn of_view() -> Limits {
        Limits { entries: VIEW_ENTRIES_MAX, name_bytes: VIEW_NAME_BYTES_MAX, ..Limits::default() }
    }

    /// For layers of which a tree is made that rests.
    pub fn of_tree() -> Limits {
        Limits { bytes: TREE_TAR_BYTES_MAX, window_log: TREE_WINDOW_LOG_MAX, ..Limits::default() }
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

/// What the layer's file is called, where it is one file and no tar of many (oras-go `content/file`).
pub fn file_name(layer: &Descriptor) -> Option<&str> {
    let titled = layer.annotations.as_ref().and_then(|annotations| {
        let is_folder = annotations.get(UNPACK).is_some_and(|value| value == "true");
        annotations.get(TITLE).map(String::as_str).filter(|_| !is_folder)
    });
    titled.or_else(|| (layer.media_type.as_str() == PROVENANCE).then_some("chart.tgz.prov"))
}

/// The layers that hold files, the topmost first: tars, and such that are one file each.
///
/// # Errors
/// Why there are none, in words for people.
pub fn of_files(manifest: &Manifest) -> Result<Vec<&Descriptor>, String> {
    if manifest.is_index() {
        return Err("it is an index; look into one of its manifests".to_owned());
    }
    let mut layers = Vec::new();
    for layer in manifest.layers.iter().rev().filter(|layer| layer.media_type.as_str() != OCI_EMPTY) {
        if file_name(layer).is_none() && Compression::of_type(&layer.media_type).is_none() {
            let Descriptor { digest, media_type, .. } = layer;
            return Err(format!("its layer {digest} is a {media_type} without a name, which holds no files"));
        }
        layers.push(layer);
    }
    if layers.is_empty() && manifest.artifact_type.as_deref() != Some(FOLDER_TYPE) && !manifest.layers.is_empty() {
        return Err("it holds no files".to_owned());
    }
    Ok(layers)
}

/// Whether an artifact of these layers holds files that can be told one by one.
pub fn has_files(layers: &[Descriptor]) -> bool {
    let mut layers = layers.iter().filter(|layer| layer.media_type.as_str() != OCI_EMPTY).peekable();
    let is_of_files =
        |layer: &Descriptor| file_name(layer).is_some() || Compression::of_type(&layer.media_type).is_some();
    layers.peek().is_some() && layers.all(is_of_files)
}

/// More than the limit of something.
pub(crate) fn too_much(what: &'static str, max: u64) -> LayerError {
    LayerError::TooMuch { what, max }
}

const _: () = assert!(TAR_EXTENSION_BYTES_MAX < LAYER_NAME_BYTES_MAX);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn what_layers_are_called() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let check = |media_type: &str, annotations: serde_json::Value, expect: Option<&str>| {
            let layer = json!({ "mediaType": media_type, "digest": digest, "size": 2, "annotations": annotations });
            let layer: Descriptor = serde_json::from_value(layer).expect("a descriptor");
            assert_eq!(file_name(&layer), expect, "{media_type}");
        };
        check("a/b", json!({ TITLE: "x" }), Some("x"));
        check("a/b", json!({ TITLE: "x", UNPACK: "true" }), None);
        check("application/vnd.cncf.helm.chart.content.v1.tar+gzip", json!({}), None);
        // Of `helm push` of a signed chart.
        check(PROVENANCE, json!({}), Some("chart.tgz.prov"));
        check(PROVENANCE, json!({ TITLE: "app-1.0.tgz.prov" }), Some("app-1.0.tgz.prov"));
    }
}
