//! What a folder holds, as a sorted list. Names and sizes only: contents are read by those who pack them.
//!
//! The order is that of the bytes of the paths, which puts a folder before what it holds; only the further names of a hard
//! link stand directly behind the first, so that a layer holds them all. Fifos, sockets, devices and names that are not UTF-8
//! are refused rather than left out in silence: who means to leave something out says so ([`ScanOptions::exclude`], or a
//! `.wharfignore` in any folder, both in the syntax of gitignore).

mod ignored;

use std::collections::HashMap;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use wharf_model::limits::{TREE_DEPTH_MAX, TREE_ENTRIES_MAX, TREE_PATH_BYTES_MAX};

use ignored::Ignored;

/// How the folders begin in which an unpacking keeps what is not in its place yet. They are no part of a tree.
pub const PART_PREFIX: &str = ".wharf-part-";
/// How the names begin that say, in a layer, that something is deleted (image-spec, "Whiteouts").
pub const WHITEOUT_PREFIX: &str = ".wh.";
/// The whiteout that hides all that layers before put into a folder (image-spec, "Opaque Whiteout").
pub const OPAQUE: &str = ".wh..wh..opq";

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Below the folder, with `/` between the names, without one at either end.
    pub path: Box<str>,
    /// What it is.
    pub kind: Kind,
    /// Size of a file's content, in bytes; 0 for all else, further names of a hard link included.
    pub size: u64,
    /// When the content changed last, in nanoseconds since 1970.
    pub mtime: i64,
    /// When anything of it changed last, in nanoseconds since 1970.
    pub ctime: i64,
    /// Its inode.
    pub inode: u64,
    /// The device that the inode is of.
    pub device: u64,
    /// The permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Extended attributes, sorted by name; only where [`ScanOptions::xattrs`] asks for them.
    pub xattrs: Vec<Xattr>,
}

/// An extended attribute: name and value.
pub type Xattr = (Box<str>, Box<[u8]>);

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link with this target, as it is written.
    Symlink(Box<str>),
    /// Another name of the file with this path, which stands before it.
    HardLink(Box<str>),
}

/// How to look at a folder.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Patterns of what to leave out, in gitignore's syntax. They go before the ignore files.
    pub exclude: Vec<String>,
    /// Whether to read extended attributes: `user.*` and `security.capability`, as all others are of the machine.
    pub xattrs: bool,
}

/// Why a folder is not packed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name is not UTF-8.
    #[error("the name {0:?} is not UTF-8: other machines could not read it; rename or exclude it")]
    NotUtf8(PathBuf),
    /// Something that cannot be sent.
    #[error("{} is a {kind}, which cannot be packed; exclude it", .path.display())]
    Special {
        /// What it is.
        kind: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A name that means a deletion.
    #[error("{} begins with {WHITEOUT_PREFIX}, which in a layer means that something is deleted; rename or exclude it", .0.display())]
    Whiteout(PathBuf),
    /// A path that is too long.
    #[error("the path {} is longer than {TREE_PATH_BYTES_MAX} bytes, or below more than {TREE_DEPTH_MAX} folders", .0.display())]
    TooLong(PathBuf),
    /// Too much of everything.
    #[error("{} holds more than {TREE_ENTRIES_MAX} entries; exclude some, or push its folders one by one", .0.display())]
    TooMany(PathBuf),
    /// An ignore file that is no such thing.
    #[error("{}: {reason}", .path.display())]
    Ignore {
        /// The ignore file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern of [`ScanOptions::exclude`] that is none.
    #[error("the pattern {pattern:?}: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// All that is below `root`, which may be reached through a symlink; links below it are not followed.
///
/// What vanishes while it is being listed is taken as if it had never been there.
///
/// # Errors
/// [`TreeError`], which names the path.
pub fn scan(root: &Path, options: &ScanOptions) -> Result<Vec<Entry>, TreeError> {
    let mut scan = Scan { root, options, entries: Vec::new(), names: HashMap::new() };
    let excluded = Ignored::of_patterns(&options.exclude)?;
    let mut rules = vec![excluded];
    scan.folder("", &mut rules)?;
    let Scan { mut entries, mut names, .. } = scan;
    entries.sort_unstable_by(|one, other| one.path.as_bytes().cmp(other.path.as_bytes()));
    names.retain(|_, count| *count > 1);
    Ok(if names.is_empty() { entries } else { gather_links(entries, &names) })
}

struct Scan<'a> {
    root: &'a Path,
    options: &'a ScanOptions,
    entries: Vec<Entry>,
    /// How many names were found of each inode that has several.
    names: HashMap<(u64, u64), usize>,
}

impl Scan<'_> {
    /// Lists the folder at `path`. As deep as the tree, which a path's length bounds.
    fn folder(&mut self, path: &str, rules: &mut Vec<Ignored>) -> Result<(), TreeError> {
        let full = self.root.join(path);
        rules.push(Ignored::of_folder(path, &full)?);
        let mut folders = Vec::new();
        for entry in fs::read_dir(&full).map_err(io_error(&full))? {
            let entry = entry.map_err(io_error(&full))?;
            if let Some(found) = self.entry(path, &entry, rules)? {
                folders.extend((found.kind == Kind::Folder).then(|| found.path.clone()));
                self.entries.push(found);
            }
            if self.entries.len() > TREE_ENTRIES_MAX {
                return Err(TreeError::TooMany(self.root.to_owned()));
            }
        }
        for folder in folders {
            self.folder(&folder, rules)?;
        }
        rules.pop();
        Ok(())
    }

    fn entry(&mut self, parent: &str, entry: &DirEntry, rules: &[Ignored]) -> Result<Option<Entry>, TreeError> {
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&entry.path())(error)),
        };
        let name = entry.file_name();
        let lossy = name.to_string_lossy();
        let path = if parent.is_empty() { lossy.to_string() } else { format!("{parent}/{lossy}") };
        if ignored::is_ignored(rules, &path, metadata.is_dir()) || is_part(&path) {
            return Ok(None);
        }
        if name.to_str().is_none() {
            return Err(TreeError::NotUtf8(entry.path()));
        }
        if lossy.starts_with(WHITEOUT_PREFIX) {
            return Err(TreeError::Whiteout(entry.path()));
        }
        if path.len() > TREE_PATH_BYTES_MAX || path.matches('/').count() > TREE_DEPTH_MAX {
            return Err(TreeError::TooLong(entry.path()));
        }
        if metadata.is_file() && metadata.nlink() > 1 {
            *self.names.entry((metadata.dev(), metadata.ino())).or_default() += 1;
        }
        self.described(path, &entry.path(), &metadata).map(Some)
    }

    fn described(&self, path: String, full: &Path, metadata: &Metadata) -> Result<Entry, TreeError> {
        let kind = kind(full, metadata)?;
        let xattrs = match (self.options.xattrs, &kind) {
            (true, Kind::File | Kind::Folder) => xattrs(full).map_err(|error| io_error(full)(error.into()))?,
            _ => Vec::new(),
        };
        Ok(Entry {
            path: path.into(),
            size: if kind == Kind::File { metadata.size() } else { 0 },
            kind,
            mtime: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            xattrs,
        })
    }
}

/// What an interrupted unpacking left, or one that runs keeps, at the top of the tree.
fn is_part(path: &str) -> bool {
    path.starts_with(PART_PREFIX) && !path.contains('/')
}

fn kind(full: &Path, metadata: &Metadata) -> Result<Kind, TreeError> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(Kind::File);
    }
    if kind.is_dir() {
        return Ok(Kind::Folder);
    }
    if kind.is_symlink() {
        let target = fs::read_link(full).map_err(io_error(full))?;
        let text = target.to_str().ok_or_else(|| TreeError::NotUtf8(target.clone()))?;
        return Ok(Kind::Symlink(text.into()));
    }
    let kind = match () {
        () if kind.is_fifo() => "fifo",
        () if kind.is_socket() => "socket",
        () => "device",
    };
    Err(TreeError::Special { kind, path: full.to_owned() })
}

/// Puts the further names of a file behind its first.
fn gather_links(entries: Vec<Entry>, names: &HashMap<(u64, u64), usize>) -> Vec<Entry> {
    let mut first: HashMap<(u64, u64), usize> = HashMap::new();
    let mut groups: Vec<Vec<Entry>> = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let inode = (entry.device, entry.inode);
        let is_linked = entry.kind == Kind::File && names.contains_key(&inode);
        match first.get(&inode).filter(|_| is_linked) {
            Some(group) => {
                entry.kind = Kind::HardLink(groups[*group][0].path.clone());
                entry.size = 0;
                groups[*group].push(entry);
            }
            None => {
                if is_linked {
                    first.insert(inode, groups.len());
                }
                groups.push(vec![entry]);
            }
        }
    }
    groups.into_iter().flatten().collect()
}

fn xattrs(full: &Path) -> rustix::io::Result<Vec<Xattr>> {
    use rustix::fs::{lgetxattr, llistxattr};
    let mut list = Vec::with_capacity(XATTR_BYTES_MAX);
    match llistxattr(full, rustix::buffer::spare_capacity(&mut list)) {
        Ok(_) => (),
        Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut found = Vec::new();
    for name in list.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()) {
        if name.starts_with("user.") || name == "security.capability" {
            let mut value = Vec::with_capacity(XATTR_BYTES_MAX);
            lgetxattr(full, name, rustix::buffer::spare_capacity(&mut value))?;
            found.push((name.into(), value.into()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Longest list of names, and longest value, of extended attributes, in bytes (Linux's `XATTR_LIST_MAX`).
const XATTR_BYTES_MAX: usize = 64 << 10;

/// Of a time before 1677 or after 2262, the nearest that there is.
pub(crate) fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> TreeError {
    move |source| TreeError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
