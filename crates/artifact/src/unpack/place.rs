//! The folder that is unpacked into: its parents are opened one by one, without following links, so that no name leads out.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use wharf_model::digest::Hasher;

use crate::tree::{PART_PREFIX, Xattr, nanoseconds};
use crate::unpack::{Content, Target, UnpackError, Written, WrittenKind, partial};

/// How much of a file is read at once, in bytes.
const BUFFER_BYTES: usize = 128 << 10;

/// What a folder gets at the end. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) mode: Option<u32>,
    pub(super) mtime: Option<i64>,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) xattrs: Vec<Xattr>,
}

/// Opens folders below the target, and keeps those on the way to the last one open.
pub(super) struct Walker<'a> {
    target: &'a Target,
    /// Names and folders from the top down; at most [`wharf_model::limits::TREE_DEPTH_MAX`].
    way: Vec<(Box<str>, File)>,
}

/// Whether folders are made where there are none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Make,
    Leave,
}

impl<'a> Walker<'a> {
    pub(super) fn new(target: &'a Target) -> Walker<'a> {
        Walker { target, way: Vec::new() }
    }

    /// The folder above `path`, and the name in it; `None` where it is not there and not to be made, or where the path, which
    /// may come from a file that somebody changed, leads upwards.
    pub(super) fn parent<'p>(&mut self, path: &'p str, missing: Missing) -> io::Result<Option<(&File, &'p str)>> {
        if path.split('/').any(|name| name == "..") {
            return Ok(None);
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(self.folder(above, missing)?.map(|folder| (folder, name)))
    }

    /// The folder at `path`.
    pub(super) fn folder(&mut self, path: &str, missing: Missing) -> io::Result<Option<&File>> {
        let names = || path.split('/').filter(|name| !name.is_empty());
        let known = self.way.iter().zip(names()).take_while(|((known, _), name)| &**known == *name).count();
        self.way.truncate(known);
        let mut length = self.way.iter().map(|(name, _)| name.len() + 1).sum::<usize>();
        for name in names().skip(known) {
            let above = self.way.last().map_or(&self.target.root, |(_, folder)| folder);
            let Some(folder) = open_folder(above, name, missing)? else { return Ok(None) };
            length += name.len() + 1;
            if missing == Missing::Make {
                self.target.loosen(&folder, &path[..length - 1])?;
            }
            self.way.push((name.into(), folder));
        }
        Ok(Some(self.way.last().map_or(&self.target.root, |(_, folder)| folder)))
    }

    /// What is at `path` now.
    pub(super) fn look(&mut self, path: &str) -> Option<Now> {
        let (folder, name) = self.parent(path, Missing::Leave).ok()??;
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => WrittenKind::File,
            FileType::Directory => WrittenKind::Folder,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok()?;
                WrittenKind::Symlink(target.into_string().ok()?.into())
            }
            _ => return None,
        };
        Some(Now { kind, stat })
    }

    /// Whether the file at `path` holds that.
    pub(super) fn reads_as(&mut self, path: &str, content: &Content) -> bool {
        self.hashed(path, content).is_some_and(|hasher| content.is(hasher))
    }

    fn hashed(&mut self, path: &str, content: &Content) -> Option<Hasher> {
        let (folder, name) = self.parent(path, Missing::Leave).ok()??;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file: File = rustix::fs::openat(folder, name, flags, Mode::empty()).ok()?.into();
        let (mut hasher, mut buffer) = (content.hasher()?, vec![0; BUFFER_BYTES]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Some(hasher),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(_) => return None,
            }
        }
    }

    /// Whether something is at `path`, be it nothing that is ever put in place.
    pub(super) fn has(&mut self, path: &str) -> bool {
        let Ok(Some((folder, name))) = self.parent(path, Missing::Leave) else { return false };
        rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Removes a file, a link or an empty folder.
    pub(super) fn remove(&mut self, path: &str) -> Result<bool, UnpackError> {
        let removed = self.parent(path, Missing::Leave).and_then(|found| match found {
            Some((folder, name)) if !name.is_empty() => remove(folder, name).map_err(io::Error::from),
            _ => Ok(false),
        });
        removed.map_err(|source| UnpackError::Write { path: path.to_owned(), source })
    }
}

/// What is at a path.
pub(super) struct Now {
    kind: WrittenKind,
    stat: Stat,
}

impl Now {
    pub(super) fn kind(&self) -> &WrittenKind {
        &self.kind
    }

    pub(super) fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or(0)
    }

    pub(super) fn mtime(&self) -> i64 {
        nanoseconds(self.stat.st_mtime, i64::try_from(self.stat.st_mtime_nsec).unwrap_or(0))
    }

    pub(super) fn mode(&self) -> u32 {
        self.stat.st_mode & 0o7777
    }

    pub(super) fn is_as(&self, written: &Written) -> bool {
        let is_file = self.kind == WrittenKind::File;
        self.kind == written.kind && (!is_file || (self.size(), self.mtime()) == (written.size, written.mtime))
    }
}

impl Target {
    /// Lets the owner write into a folder that was left without that right, until the end.
    fn loosen(&self, folder: &File, path: &str) -> io::Result<()> {
        let metadata = folder.metadata()?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o300 == 0o300 || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Ok(());
        }
        rustix::fs::fchmod(folder, Mode::from_raw_mode(mode | 0o700))?;
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.entry(path.into()).or_insert(Folder { mode: Some(mode), ..Folder::default() });
        Ok(())
    }
}

/// How often something else may come into the place of a folder that is being made, before it is an error.
const TRIES: usize = 8;

/// Opens the folder `name`, never through a link. What is in its place is replaced, where it is to be made.
pub(super) fn open_folder(above: &File, name: &str, missing: Missing) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        match (rustix::fs::openat(above, name, flags, Mode::empty()), missing) {
            (Ok(folder), _) => return Ok(Some(folder.into())),
            (Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP), Missing::Leave) => return Ok(None),
            (Err(Errno::NOENT), Missing::Make) => (),
            (Err(Errno::NOTDIR | Errno::LOOP), Missing::Make) => {
                unless(Errno::NOENT, rustix::fs::unlinkat(above, name, AtFlags::empty()))?;
            }
            (Err(error), _) => return Err(error.into()),
        }
        unless(Errno::EXIST, rustix::fs::mkdirat(above, name, Mode::from_raw_mode(0o755)))?;
    }
    Err(io::Error::other("something else comes into the place of the folder again and again"))
}

/// Takes `error` for success.
pub(super) fn unless(error: Errno, result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(found) if found == error => Ok(()),
        other => other,
    }
}

/// Removes a file, a link or an empty folder; whether there was one.
pub(super) fn remove(folder: &File, name: &str) -> rustix::io::Result<bool> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) => return Ok(true),
        Err(Errno::NOENT) => return Ok(false),
        Err(Errno::ISDIR | Errno::PERM) => (),
        Err(error) => return Err(error),
    }
    match rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The folder in which what is unpacked waits. Locked as long as it is used, so that others can tell it from what was left.
#[derive(Debug)]
pub(super) struct Parts {
    root: File,
    name: String,
    folder: File,
    next: AtomicUsize,
    /// Folders that nobody uses at the moment, empty.
    free: Mutex<Vec<Arc<File>>>,
}

impl Parts {
    pub(super) fn make(root: &File) -> io::Result<Parts> {
        let process = std::process::id();
        for number in 0_u32.. {
            let name = format!("{PART_PREFIX}{process}-{number}");
            match rustix::fs::mkdirat(root, &name, Mode::from_raw_mode(0o700)) {
                Ok(()) => (),
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(error.into()),
            }
            // Somebody who sweeps may have taken it for left over before it was locked.
            let Some(folder) = open_folder(root, &name, Missing::Leave)? else { continue };
            let is_locked = rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok();
            if is_locked && folder.metadata()?.nlink() > 0 {
                return Ok(Parts {
                    root: root.try_clone()?,
                    name,
                    folder,
                    next: AtomicUsize::default(),
                    free: Mutex::default(),
                });
            }
        }
        Err(io::Error::other("no name is left for the parts"))
    }

    /// A folder for one layer: empty, and nobody else's until it is given back. There are as many as layers are unpacked at
    /// once, and not one for each: some file systems take the longer to make a file the more was just removed beside it.
    pub(super) fn folder(&self) -> io::Result<Arc<File>> {
        if let Some(free) = self.free().pop() {
            return Ok(free);
        }
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        rustix::fs::mkdirat(&self.folder, &name, Mode::from_raw_mode(0o700))?;
        let folder = open_folder(&self.folder, &name, Missing::Leave)?;
        folder.map(Arc::new).ok_or_else(|| io::Error::other("the folder of the parts was removed"))
    }

    /// Empties what [`Parts::folder`] gave, for another layer. What cannot be emptied is not given again.
    pub(super) fn give_back(&self, folder: Arc<File>) {
        if empty(&folder).is_ok() {
            self.free().push(folder);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Arc<File>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let _ = remove_all(&self.root, &self.name);
    }
}

/// Removes the parts that nobody uses any more. What cannot be removed stays: it is nobody's file.
pub(super) fn sweep(root: &File) {
    for name in names(root).unwrap_or_default() {
        if !name.starts_with(PART_PREFIX) || name == partial::FOLDER {
            continue;
        }
        let Ok(Some(folder)) = open_folder(root, &name, Missing::Leave) else { continue };
        if rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = remove_all(root, &name);
        }
    }
}

/// Removes a folder with all that it holds, following no link. As deep as the parts are: two folders.
fn remove_all(above: &File, name: &str) -> io::Result<()> {
    if let Some(folder) = open_folder(above, name, Missing::Leave)? {
        empty(&folder)?;
    }
    Ok(rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR)?)
}

/// Removes all that a folder holds.
fn empty(folder: &File) -> io::Result<()> {
    for name in names(folder)? {
        if rustix::fs::unlinkat(folder, &name, AtFlags::empty()).is_err() {
            remove_all(folder, &name)?;
        }
    }
    Ok(())
}

pub(super) fn names(folder: &File) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        names.extend(entry.file_name().to_str().ok().filter(|name| !matches!(*name, "." | "..")).map(str::to_owned));
    }
    Ok(names)
}
