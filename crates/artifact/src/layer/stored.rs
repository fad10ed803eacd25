//! The tree of one layer in a form that rests beside it: of one pass over the layer, and read a few blocks at a time, so that
//! what a folder holds, or what is at a path, is known without reading the layer or all of its tree.
//!
//! ```text
//! blocks   entries in the order of their keys, some 16 KiB of them in a zstd frame with a checksum
//! foot     a zstd frame with a checksum: what the layer is on the whole, and of each block the first key and its length
//! end      END_BYTES: length of the foot, its length unpacked, version, and the magic
//! ```
//!
//! The key of an entry is the folder that it is in, a NUL, and its name; that of the root is empty. So what is in one folder
//! stands together, by name, and what is above something stands before it. An entry says what the layer itself has at a path,
//! and whether it deletes what is below it in other layers: what [`crate::layer::index::Index`] says too, of which this is the
//! form for layers of any size. Only of hard links less is known: one whose target is replaced later in the same layer is told
//! as something unknown.
//!
//! What is read here was made by [`make()`](make::make), but is checked as if nobody had made it.

mod code;
pub mod make;
pub mod read;
mod sort;

use std::io;

use wharf_model::limits::VIEW_FAULTS_MAX;

use crate::compression::Compression;
use crate::layer::index::Node;
use crate::layer::walk::{Fault, Kind};

/// Of the form and of what is in it; another one is made anew.
pub const VERSION: u32 = 1;
/// What stands at its very end.
const MAGIC: [u8; 4] = *b"WhTr";
/// Length of the end, in bytes: three numbers of 4 bytes, the least significant first, and the magic.
const END_BYTES: usize = 16;
/// How long a block is before it is packed, in bytes, when it is closed.
const BLOCK_BYTES: usize = 16 << 10;
/// Longest block with the entry that closes it, in bytes: a path and a target of four bytes for each that was read.
const BLOCK_BYTES_MAX: usize = 64 << 10;
/// Longest foot, unpacked, in bytes.
const FOOT_BYTES_MAX: usize = 8 << 20;
/// Most bytes that the first keys of all blocks have.
const FOOT_KEY_BYTES_MAX: usize = 8 << 20;

/// What a layer has at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What is there.
    pub node: Option<Node>,
    /// Whether what layers below have there is gone.
    pub is_gone: bool,
    /// Whether what layers below have in this folder is gone.
    pub is_opaque: bool,
    /// Whether the layer deletes something further down.
    pub leads: bool,
}

impl Record {
    /// About how many bytes of memory it takes where it is known at a path of so many bytes.
    pub(crate) fn weight(&self, path_bytes: usize) -> usize {
        let target = match self.node.as_ref().map(|node| &node.kind) {
            Some(Kind::Symlink(target) | Kind::HardLink(target)) => target.len(),
            _ => 0,
        };
        size_of::<Record>() + 2 * path_bytes + target
    }
}

/// How much of a folder is wanted at once. One entry comes always, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Entries, at least 1.
    pub entries: usize,
    /// Bytes of memory that they take, about.
    pub bytes: usize,
}

/// Some of what a layer has in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Portion {
    /// By name.
    pub entries: Vec<(String, Record)>,
    /// Whether there is more behind them.
    pub is_more: bool,
}

/// What a layer is on the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How it is compressed.
    pub compression: Compression,
    /// Members of its tar, whiteouts and such whose names mean nothing among them.
    pub members: u64,
    /// Entries of the tree.
    pub entries: u64,
    /// How many of them are files, further names of them not.
    pub files: u64,
    /// Bytes of its files, such among them as later members replace.
    pub bytes: u64,
    /// Bytes of files that later members of the same layer replace.
    pub overwritten: u64,
    /// Size of the tar, in bytes, as far as it was read.
    pub tar_bytes: u64,
    /// Why not all of it was read: what comes after is not in the tree. In words for people.
    pub fault: Option<Box<str>>,
    /// How many members there are whose names mean nothing.
    pub nameless: u64,
    /// The first of those; at most [`VIEW_FAULTS_MAX`].
    pub faults: Vec<Fault>,
}

const _: () = assert!(VIEW_FAULTS_MAX < 1_000);

/// Something of which parts can be read.
pub trait ReadAt {
    /// The `length` bytes from `start` on.
    ///
    /// # Errors
    /// They cannot be read now, or are not there.
    fn read_at(&self, start: u64, length: usize) -> io::Result<Vec<u8>>;
}

impl ReadAt for &[u8] {
    fn read_at(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        let start = usize::try_from(start).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(length)?));
        let bytes = range.and_then(|range| self.get(range));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Why a tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Its bytes cannot be had.
    #[error("cannot read the tree of a layer: {0}")]
    Read(#[from] io::Error),
    /// They are not those of a tree, or of another version.
    #[error("the tree of a layer is broken: {0}")]
    Broken(&'static str),
}

/// The key of what is at a path.
fn key(path: &str) -> Vec<u8> {
    match path.rsplit_once('/') {
        None if path.is_empty() => Vec::new(),
        None => [b"\0", path.as_bytes()].concat(),
        Some((folder, name)) => [folder.as_bytes(), b"\0", name.as_bytes()].concat(),
    }
}

/// The path whose key it is.
fn path(key: &[u8]) -> Option<String> {
    if key.is_empty() {
        return Some(String::new());
    }
    let (folder, name) = std::str::from_utf8(key).ok()?.split_once('\0')?;
    Some(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let mut paths = ["", "b", "b/a", "b/c", "b-", "b/c/d", "\u{1}", "b.", "a"];
        for one in paths {
            assert_eq!(path(&key(one)).as_deref(), Some(one));
        }
        paths.sort_by_key(|path| key(path));
        // What is in one folder stands together, behind the folder.
        assert_eq!(paths, ["", "\u{1}", "a", "b", "b-", "b.", "b/a", "b/c", "b/c/d"]);
        assert_eq!((path(b"a"), path(b"\xff\0a")), (None, None));
    }
}
