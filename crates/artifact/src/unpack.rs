//! Puts the files of layers into a folder, and trusts nothing in them.
//!
//! **Nothing leaves the folder.** Every parent is opened by itself, without following links, from the folder down, so neither
//! names nor links in a layer, nor whoever changes the folder meanwhile, lead out of it. A link or file in place of a folder
//! is replaced. Devices are refused, setuid bits dropped, entries, bytes and growth are bounded ([`Limits`]).
//!
//! **Nothing wrong is ever in place.** A layer is unpacked beside, into a folder `.wharf-part-…` at the top of the target, and
//! its files are renamed into their places when the stream has come to its end without an error. So a reader that fails at its
//! end where the digest is not the expected one is all that a caller needs: then nothing of the layer has come into place. What
//! an interruption left is removed by the next [`Target::open`].

pub mod below;
mod hashing;
mod member;
mod partial;
mod place;
mod put;
mod stage;
mod time;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use wharf_model::digest::Digest;
use wharf_model::limits::{TREE_DEPTH_MAX, TREE_NAME_BYTES_MAX, TREE_PATH_BYTES_MAX};
use wharf_model::media::MediaType;

use crate::compression::Compression;
use crate::layer::LayerError;
pub use partial::Partial;
use place::{Folder, Walker};
use stage::Stage;

pub use crate::layer::Limits;

/// What to do with what the layers say beyond names and contents.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The times that files get.
    pub times: Times,
    /// Set owner and group, which only root may.
    pub owners: bool,
    /// Keep setuid and setgid bits.
    pub special_bits: bool,
    /// Set extended attributes.
    pub xattrs: bool,
    /// Layers of an image, which are to be unpacked in their order, one by one: a whiteout deletes what layers before it put in
    /// place, and nothing else. Without it, `.wh.…` is refused.
    pub whiteouts: bool,
    /// Leave out devices and fifos instead of refusing the layer.
    pub skip_special: bool,
    /// How much is unpacked at most.
    pub limits: Limits,
}

/// The times that files get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Those in the layers. Where that is [`crate::pack::NORMAL_TIME`], which says nothing, a file that replaces one of other
    /// content gets the time of now, so that who builds by times sees the change.
    #[default]
    Kept,
    /// All the same, in nanoseconds since 1970. A time some seconds ago, rather than now, so that every later change of a file
    /// changes its time.
    At(i64),
}

/// Something that was put in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Below the target, with `/` between the names.
    pub path: Box<str>,
    /// What it is.
    pub kind: WrittenKind,
    /// Size of a file, in bytes; else 0.
    pub size: u64,
    /// The time that was set, in nanoseconds since 1970; 0 where none is compared (folders, symlinks).
    pub mtime: i64,
    /// The permission bits that were set; 0 for symlinks.
    pub mode: u32,
    /// Of a file's content, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// What a file's content is known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The state of the hash before it, in base64 ([`wharf_model::digest::Hasher::save`]): that of all that stands before the
    /// file in its layer. Nothing where the file was hashed by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Box<str>>,
    /// The digest when the content has been added.
    digest: Digest,
}

/// How closely files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// By size and time.
    Outside,
    /// Also by content: all of it is read.
    Inside,
}

/// What was put in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrittenKind {
    /// A file, or a further name of one.
    File,
    /// A folder.
    Folder,
    /// A symbolic link with this target.
    Symlink(Box<str>),
}

/// What became of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// What is in place now, sorted by path, each once.
    pub written: Vec<Written>,
    /// What its whiteouts removed.
    pub removed: Vec<Box<str>>,
    /// Devices and fifos that were left out.
    pub skipped: Vec<Box<str>>,
    /// Size of the tar, in bytes.
    pub tar_bytes: u64,
}

/// What became of what was to be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How much of it is gone.
    pub count: usize,
    /// What is something else than what was left there, and stays.
    pub kept: Vec<Box<str>>,
}

/// Why a layer was not unpacked. But for [`UnpackError::Write`] and [`UnpackError::Occupied`], nothing of it came into place.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The layer cannot be read, or is more than is allowed.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A name that cannot be written, or would lead out of the target.
    #[error("the layer holds the path {path:?}, {reason}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: PathFault,
    },
    /// Something that is not unpacked.
    #[error("the layer holds {path:?}, which is {kind}")]
    Special {
        /// The path.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// The stream is not what its digest says.
    #[error("the layer is {actual}, not {expected}")]
    Wrong {
        /// What it was to be.
        expected: Digest,
        /// What it is.
        actual: Box<Digest>,
    },
    /// A hard link to what is not in the target.
    #[error("the layer holds {path:?}, a hard link to {target:?}, which is no file in the target folder")]
    Link {
        /// The path.
        path: String,
        /// Where the link leads.
        target: String,
    },
    /// A folder with other things in it stands where something else belongs.
    #[error("{0:?} is a folder that is not empty, where the artifact has something else; move it away")]
    Occupied(String),
    /// The target cannot be written.
    #[error("cannot write {path:?}: {source}")]
    Write {
        /// Below the target.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// What is wrong with a path in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It leads out of the target.
    #[error("which leads out of the target folder")]
    Escapes,
    /// It is not UTF-8.
    #[error("which is not UTF-8")]
    NotUtf8,
    /// It is too long.
    #[error(
        "which is too long: a path has at most {TREE_PATH_BYTES_MAX} bytes and {TREE_DEPTH_MAX} folders, a name at most {TREE_NAME_BYTES_MAX} bytes"
    )]
    TooLong,
    /// It is empty, where something is needed.
    #[error("which names nothing")]
    Empty,
    /// It holds a NUL.
    #[error("which holds a NUL byte")]
    Nul,
    /// It is where an unpacking keeps its parts.
    #[error("which is where parts are kept while they are unpacked")]
    Reserved,
    /// It is a whiteout, and none is expected.
    #[error("which means a deletion, as in the layers of images")]
    Whiteout,
}

/// A folder that layers are unpacked into. May be shared: layers that hold different paths may be unpacked by several threads
/// at once.
#[derive(Debug)]
pub struct Target {
    root: File,
    parts: place::Parts,
    options: Options,
    /// Folders whose bits and times are set at the end, so that they can be written into until then.
    folders: Mutex<BTreeMap<Box<str>, Folder>>,
    /// With whiteouts: what is in place, and the layer that put it there.
    placed: Mutex<BTreeMap<Box<str>, usize>>,
    layers: AtomicUsize,
    entries: AtomicUsize,
    bytes: Arc<AtomicU64>,
}

impl Target {
    /// Opens the folder `path`, makes it where there is none (with its parents), and removes what an interrupted unpacking
    /// left in it. The path may lead through links: they are the caller's.
    ///
    /// # Errors
    /// [`UnpackError::Write`].
    pub fn open(path: &Path, options: Options) -> Result<Target, UnpackError> {
        let opened = std::fs::create_dir_all(path).and_then(|()| File::open(path));
        let opened = opened.and_then(|root| Target::new(root, options));
        opened.map_err(|source| UnpackError::Write { path: path.display().to_string(), source })
    }

    /// The same with the folder `below` in the folder `path`, which others may have filled: no link is followed from there on.
    /// What is no folder is replaced, as where an unpacking needs one.
    ///
    /// # Errors
    /// [`UnpackError::Write`].
    pub fn open_below(path: &Path, below: &str, options: Options) -> Result<Target, UnpackError> {
        let opened = below::make(path, below).and_then(|root| Target::new(root, options));
        opened.map_err(|source| UnpackError::Write { path: path.join(below).display().to_string(), source })
    }

    fn new(root: File, options: Options) -> io::Result<Target> {
        place::sweep(&root);
        let parts = place::Parts::make(&root)?;
        Ok(Target {
            root,
            parts,
            options,
            folders: Mutex::default(),
            placed: Mutex::default(),
            layers: AtomicUsize::default(),
            entries: AtomicUsize::default(),
            bytes: Arc::default(),
        })
    }

    /// Unpacks the layer that `stream` holds, to the end of the stream, and then puts it in place.
    ///
    /// How it is compressed is told by `media_type`, where it tells, and by the content; both must agree. Of several members
    /// with the same path the last counts. Memory hangs on the number of entries, not on their size.
    ///
    /// # Errors
    /// [`UnpackError`]. Unless it is about writing, nothing of the layer is in place; an error of `stream`, at its very end
    /// even, comes as [`LayerError::Read`].
    pub fn unpack(&self, stream: impl Read, media_type: &MediaType) -> Result<Unpacked, UnpackError> {
        let mut stage = Stage::new(self)?;
        stage.read(stream, media_type, None)?;
        stage.put()
    }

    /// The same with a layer that is not compressed, of which nothing is put in place unless it is what `digest` says. Nobody else
    /// need hash it then: what the layer is and what its files are is found out by hashing it once.
    ///
    /// # Errors
    /// As [`Target::unpack`], and [`UnpackError::Wrong`].
    pub fn unpack_plain(&self, stream: impl Read, digest: &Digest) -> Result<Unpacked, UnpackError> {
        let mut stage = Stage::new(self)?;
        stage.read(stream, &Compression::Plain.layer_type(), Some(digest))?;
        stage.put()
    }

    /// Whether all of `written` is as it was left: kinds, sizes, times and targets, and contents where that is asked; folders
    /// need only be there. A file whose content is not known is not as it was.
    pub fn holds(&self, written: &[Written], look: Look) -> bool {
        let mut walker = Walker::new(self);
        written.iter().all(|one| {
            let is_there = walker.look(&one.path).is_some_and(|now| now.is_as(one));
            let is_read = look == Look::Inside && one.kind == WrittenKind::File;
            let mut is_known = || one.content.as_ref().is_some_and(|content| walker.reads_as(&one.path, content));
            is_there && (!is_read || is_known())
        })
    }

    /// What came of a large layer before an interruption, to be added to; `None` where it cannot be kept: somebody else is
    /// adding to it, or there is not the space to have the layer twice. It outlives this value, until the layer is in place,
    /// or [`Target::finish`].
    pub fn partial(&self, layer: &Digest, size: u64) -> Option<Partial> {
        Partial::open(&self.root, layer, size).ok().flatten()
    }

    /// Removes what is still as it was `left`, told as by [`Target::holds`]; folders, where nothing is in them any more. What is
    /// in a folder comes before it, and how one path was left at several times stands together: any of them counts.
    ///
    /// # Errors
    /// [`UnpackError::Write`].
    pub fn remove(&self, left: &[Written]) -> Result<Removed, UnpackError> {
        let (mut walker, mut removed) = (Walker::new(self), Removed::default());
        for same in left.chunk_by(|one, other| one.path == other.path) {
            let path = &same[0].path;
            match walker.look(path) {
                Some(now) if same.iter().any(|one| now.is_as(one)) => {
                    removed.count += usize::from(walker.remove(path)?);
                }
                None if !walker.has(path) => (),
                _ => removed.kept.push(path.clone()),
            }
        }
        Ok(removed)
    }

    /// Sets the bits and times of the folders, now that nothing is written into them any more, and removes what was kept of
    /// layers that nobody waits for.
    ///
    /// # Errors
    /// [`UnpackError::Write`].
    pub fn finish(self) -> Result<(), UnpackError> {
        partial::sweep(&self.root);
        put::finish(&self)
    }
}

impl From<io::Error> for UnpackError {
    /// An error from reading.
    fn from(error: io::Error) -> UnpackError {
        UnpackError::Layer(error.into())
    }
}
