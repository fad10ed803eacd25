//! Goes through a layer, entry by entry, as it comes.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use wharf_model::limits::{TREE_NAME_BYTES_MAX, TREE_PATH_BYTES_MAX};

use crate::compression::Compression;
use crate::layer::member::{Member, MemberKind, Members};
use crate::layer::path::below;
use crate::layer::stream::Tar;
use crate::layer::{LayerError, Limits, too_much};
use crate::tree::{OPAQUE, WHITEOUT_PREFIX};

/// What is met in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// Something that the layer adds.
    Entry(Entry),
    /// What layers below have at this path, and below it, is gone.
    Whiteout(Box<str>),
    /// What layers below have in this folder is gone.
    Opaque(Box<str>),
    /// Something whose name means nothing, which is passed over.
    Fault(Fault),
}

/// Something that a layer adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From the root, with `/` between the names, without one at either end; empty for the root. Bytes that are not UTF-8
    /// stand as `\xNN`.
    pub path: Box<str>,
    /// What it is.
    pub kind: Kind,
    /// Size of a file, in bytes; else 0.
    pub size: u64,
    /// The permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When it changed last, in nanoseconds since 1970.
    pub mtime: i64,
    /// Whether it is a file without its holes (GNU tar), whose content is not read here.
    pub is_sparse: bool,
    /// Of a file: where its content begins, in bytes from the beginning of the uncompressed tar.
    pub offset: u64,
}

impl Entry {
    /// One of which nothing more is known.
    pub(crate) fn plain(kind: Kind, mode: u32) -> Entry {
        let (path, is_sparse) = (Box::default(), false);
        Entry { path, kind, size: 0, mode, uid: 0, gid: 0, mtime: 0, is_sparse, offset: 0 }
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link with this target, as it is written; it may lead anywhere.
    Symlink(Box<str>),
    /// Another name of what is at this path.
    HardLink(Box<str>),
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A fifo.
    Fifo,
    /// A member of a type that nobody knows.
    Unknown,
}

/// A member whose name means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// As much of the name as is good to show.
    pub name: Box<str>,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It leads out of the tree.
    Escapes,
    /// It is longer than any system allows, or below too many folders.
    TooLong,
    /// There is none.
    Empty,
    /// It holds a NUL.
    Nul,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Escapes => "leads out of the tree",
            Reason::TooLong => "is too long",
            Reason::Empty => "names nothing",
            Reason::Nul => "holds a NUL byte",
        })
    }
}

/// How much of the name of a fault is kept, in characters.
const SHOWN: usize = 100;
/// Longest name in a path when each of its bytes stands as `\xNN`.
const READABLE_NAME_BYTES_MAX: usize = 4 * TREE_NAME_BYTES_MAX;

/// See the module.
pub struct Walk<R: Read> {
    members: Members<BufReader<Tar<R>>>,
    limits: Limits,
    entries: usize,
    name_bytes: u64,
}

/// What a layer was, once it has been read to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Size of the tar, in bytes.
    pub tar_bytes: u64,
    /// Members, faults and whiteouts among them.
    pub entries: usize,
    /// Bytes of their names.
    pub name_bytes: u64,
}

impl<R: Read> Walk<R> {
    /// The layer in `stream`: a tar, plain or in gzip or zstd, as its first bytes say.
    ///
    /// # Errors
    /// The stream fails.
    pub fn open(stream: R, limits: Limits) -> Result<Walk<R>, LayerError> {
        let tar = Tar::open(stream, None, limits, Arc::default())?;
        Ok(Walk { members: Members::new(tar), limits, entries: 0, name_bytes: 0 })
    }

    /// The next member; what is left of the content of the one before is passed over. `None` at the end of the tar.
    ///
    /// # Errors
    /// [`LayerError`]: it is no tar, breaks off, or holds more than is allowed.
    pub fn step(&mut self) -> Result<Option<Met>, LayerError> {
        let Some(member) = self.members.next()? else { return Ok(None) };
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(too_much("entries", self.limits.entries as u64));
        }
        self.name_bytes += member.path.len() as u64;
        if let MemberKind::Symlink(target) | MemberKind::HardLink(target) = &member.kind {
            self.name_bytes += target.len() as u64;
        }
        if self.name_bytes > self.limits.name_bytes {
            return Err(too_much("bytes of names", self.limits.name_bytes));
        }
        let offset = self.position();
        Ok(Some(met(&member, offset).unwrap_or_else(|reason| {
            let name = readable(&member.path).chars().take(SHOWN).collect::<String>().into();
            Met::Fault(Fault { name, reason })
        })))
    }

    /// How the layer is compressed.
    pub fn compression(&self) -> Compression {
        self.members.get_ref().get_ref().compression()
    }

    /// How many bytes of the tar have been read, up to the content of what was met last.
    pub(crate) fn position(&self) -> u64 {
        let tar = self.members.get_ref();
        tar.get_ref().length() - tar.buffer().len() as u64
    }

    /// The content of the file that was met last.
    pub fn content(&mut self) -> Content<'_, R> {
        Content { members: &mut self.members }
    }

    /// As [`Walk::finish`], and there is nothing more to be had.
    pub(crate) fn drain(&mut self) -> Result<(), LayerError> {
        self.members.drain()
    }

    /// Reads to the end of the stream, where whoever verifies it says what came of that.
    ///
    /// # Errors
    /// As [`Walk::step`]; an error of the stream, at its very end even, as [`LayerError::Read`].
    pub fn finish(mut self) -> Result<Walked, LayerError> {
        self.drain()?;
        let tar_bytes = self.members.into_inner().get_ref().length();
        Ok(Walked { tar_bytes, entries: self.entries, name_bytes: self.name_bytes })
    }
}

/// The content of a file in a layer.
pub struct Content<'a, R: Read> {
    members: &'a mut Members<BufReader<Tar<R>>>,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.members.read(bytes).map_err(io::Error::other)
    }
}

fn met(member: &Member, offset: u64) -> Result<Met, Reason> {
    let path = path(&member.path)?;
    let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if let Some(gone) = name.strip_prefix(WHITEOUT_PREFIX) {
        return match gone {
            _ if name == OPAQUE => Ok(Met::Opaque(above.into())),
            // The names that aufs uses for itself say nothing to us.
            "" | "." | ".." => Err(Reason::Empty),
            _ if gone.starts_with(WHITEOUT_PREFIX) => Err(Reason::Empty),
            _ if above.is_empty() => Ok(Met::Whiteout(gone.into())),
            _ => Ok(Met::Whiteout(format!("{above}/{gone}").into())),
        };
    }
    let mut size = 0;
    let mut is_sparse = false;
    let kind = match &member.kind {
        MemberKind::File => {
            size = member.size;
            Kind::File
        }
        MemberKind::Sparse(real) => {
            (size, is_sparse) = (*real, true);
            Kind::File
        }
        MemberKind::Folder => Kind::Folder,
        MemberKind::Symlink(target) if target.len() > TREE_PATH_BYTES_MAX => return Err(Reason::TooLong),
        MemberKind::Symlink(target) => Kind::Symlink(readable(target).into()),
        MemberKind::HardLink(target) => Kind::HardLink(self::path(target)?.into()),
        MemberKind::Character => Kind::Character,
        MemberKind::Block => Kind::Block,
        MemberKind::Fifo => Kind::Fifo,
        MemberKind::Unknown => Kind::Unknown,
    };
    if path.is_empty() && kind != Kind::Folder {
        return Err(Reason::Empty);
    }
    let offset = if kind == Kind::File { offset } else { 0 };
    let Member { mode, uid, gid, mtime, .. } = *member;
    Ok(Met::Entry(Entry { path: path.into(), kind, size, mode, uid, gid, mtime, is_sparse, offset }))
}

/// As text, with `\xNN` for bytes that are none.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// The path from the root that `bytes` mean.
fn path(bytes: &[u8]) -> Result<String, Reason> {
    if bytes.len() > TREE_PATH_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    below(&readable(bytes), READABLE_NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let check = |bytes: &[u8], expect: Result<&str, Reason>| {
            assert_eq!(path(bytes), expect.map(str::to_owned), "{bytes:?}");
        };
        check(b"./a//b/", Ok("a/b"));
        check(b"caf\xe9/x", Ok("caf\\xe9/x"));
        check(&[0xe9; 255], Ok(&"\\xe9".repeat(255)));
        check(b"a/../b", Err(Reason::Escapes));
        check(b"", Err(Reason::Empty));
        check(&[b'n'; 5_000], Err(Reason::TooLong));
    }
}
