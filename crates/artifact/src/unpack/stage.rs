//! Reads a layer, and keeps what it holds beside the target until it is known to be whole.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::media::MediaType;

use crate::layer::member::Members;
use crate::layer::stream::Tar;
use crate::layer::{LayerError, too_much};
use crate::tree::{OPAQUE, WHITEOUT_PREFIX};
use crate::unpack::hashing::Hashing;
use crate::unpack::member::{Member, MemberKind, SPARSE};
use crate::unpack::place::Folder;
use crate::unpack::{Content, Options, PathFault, Target, Times, UnpackError, Unpacked};

/// How much of a file is written at once, in bytes: few calls, and little memory for each layer that is unpacked.
const BUFFER_BYTES: usize = 64 << 10;

/// A layer on its way into the target. What has not come into its place vanishes with it.
pub(super) struct Stage<'a> {
    pub(super) target: &'a Target,
    /// Where its files wait.
    pub(super) folder: Arc<File>,
    /// What is to be done in the target, in the order of the layer.
    pub(super) steps: Vec<Step>,
    pub(super) done: Unpacked,
    /// Folders that hold nothing of other layers any more.
    pub(super) emptied: HashSet<Box<str>>,
    name_bytes: u64,
    buffer: Vec<u8>,
}

/// One member of the layer.
pub(super) struct Step {
    pub(super) path: Box<str>,
    pub(super) mode: u32,
    pub(super) mtime: i64,
    pub(super) size: u64,
    /// Of a file.
    pub(super) content: Option<Content>,
    pub(super) act: Act,
}

pub(super) enum Act {
    /// Puts the file that waits under the step's number.
    File,
    Folder(Folder),
    Symlink(Box<str>),
    HardLink(Box<str>),
    /// Removes what layers before put at the path.
    Remove,
    /// Removes what layers before put below the path.
    Empty,
}

impl<'a> Stage<'a> {
    pub(super) fn new(target: &'a Target) -> Result<Stage<'a>, UnpackError> {
        let write = |source| UnpackError::Write { path: String::new(), source };
        let folder = target.parts.folder().map_err(write)?;
        let buffer = vec![0; BUFFER_BYTES];
        let (steps, done, emptied) = (Vec::new(), Unpacked::default(), HashSet::new());
        Ok(Stage { target, folder, steps, done, emptied, name_bytes: 0, buffer })
    }

    /// Reads the whole stream, which is to be a plain tar where a digest is given.
    pub(super) fn read(
        &mut self,
        stream: impl Read,
        media_type: &MediaType,
        expected: Option<&Digest>,
    ) -> Result<(), UnpackError> {
        let limits = self.target.options.limits;
        let tar = Tar::open(stream, Some(media_type), limits, self.target.bytes.clone())?;
        let algorithm = expected.map_or(Algorithm::Sha256, Digest::algorithm);
        let mut members = Members::new(Hashing::new(tar, algorithm));
        while let Some(member) = members.next()? {
            let member = Member::checked(member)?;
            self.count(&member)?;
            self.member(member, &mut members)?;
        }
        members.drain()?;
        let tar = members.into_inner();
        self.done.tar_bytes = tar.length();
        match (expected, tar.digest()) {
            (Some(expected), Some(actual)) if actual != *expected => {
                Err(UnpackError::Wrong { expected: *expected, actual: Box::new(actual) })
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, member: &Member) -> Result<(), UnpackError> {
        let limits = self.target.options.limits;
        if self.target.entries.fetch_add(1, Ordering::Relaxed) >= limits.entries {
            return Err(too_much("entries", limits.entries as u64).into());
        }
        let target = match &member.kind {
            MemberKind::Symlink(target) | MemberKind::HardLink(target) => target.len(),
            _ => 0,
        };
        let xattrs: usize = member.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.name_bytes += (member.path.len() + target + xattrs) as u64;
        if self.name_bytes > limits.name_bytes {
            return Err(too_much("bytes of names", limits.name_bytes).into());
        }
        Ok(())
    }

    fn member(&mut self, member: Member, members: &mut Members<Hashing<impl Read>>) -> Result<(), UnpackError> {
        if self.whiteout(&member)? {
            return Ok(());
        }
        if member.path.is_empty() {
            let is_folder = member.kind == MemberKind::Folder;
            let fault = UnpackError::Path { path: member.path, reason: PathFault::Empty };
            // The target itself is the caller's: it keeps its bits.
            return if is_folder { Ok(()) } else { Err(fault) };
        }
        let options = &self.target.options;
        let mut content = None;
        let act = match &member.kind {
            MemberKind::Special(kind) if *kind == SPARSE || !options.skip_special => {
                return Err(UnpackError::Special { path: member.path, kind });
            }
            MemberKind::Special(_) => {
                self.done.skipped.push(member.path.into());
                return Ok(());
            }
            MemberKind::File => {
                let file = |source| UnpackError::Write { path: member.path.clone(), source };
                content = self.file(&member, members, file)?;
                Act::File
            }
            MemberKind::Folder => Act::Folder(folder(&member, options)),
            MemberKind::HardLink(to) if to.is_empty() => {
                return Err(UnpackError::Link { path: member.path.clone(), target: to.clone() });
            }
            MemberKind::HardLink(to) => Act::HardLink(to.as_str().into()),
            MemberKind::Symlink(to) => {
                self.symlink(&member, to).map_err(|error| write(&member.path, error))?;
                Act::Symlink(to.as_str().into())
            }
        };
        self.add(&member, content, act);
        Ok(())
    }

    fn add(&mut self, member: &Member, content: Option<Content>, act: Act) {
        self.steps.push(Step {
            path: member.path.as_str().into(),
            mode: bits(member.mode, &self.target.options),
            mtime: time(member.mtime, &self.target.options),
            size: member.size,
            content,
            act,
        });
    }

    /// Notes a deletion; whether `member` is one.
    fn whiteout(&mut self, member: &Member) -> Result<bool, UnpackError> {
        let (above, name) = member.path.rsplit_once('/').unwrap_or(("", &member.path));
        let Some(gone) = name.strip_prefix(WHITEOUT_PREFIX) else { return Ok(false) };
        if !self.target.options.whiteouts || gone.is_empty() || matches!(gone, "." | "..") {
            return Err(UnpackError::Path { path: member.path.clone(), reason: PathFault::Whiteout });
        }
        let (path, act) = match (name, above) {
            (OPAQUE, _) => (above.to_owned(), Act::Empty),
            // Names of aufs, which say nothing to us.
            _ if gone.starts_with(WHITEOUT_PREFIX) => return Ok(true),
            (_, "") => (gone.to_owned(), Act::Remove),
            _ => (format!("{above}/{gone}"), Act::Remove),
        };
        self.steps.push(Step { path: path.into(), mode: 0, mtime: 0, size: 0, content: None, act });
        Ok(true)
    }

    /// Writes a file under the number of its step, and answers with what its content is known by.
    fn file(
        &mut self,
        member: &Member,
        members: &mut Members<Hashing<impl Read>>,
        failed: impl Fn(io::Error) -> UnpackError,
    ) -> Result<Option<Content>, UnpackError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = self.part_name();
        let file = rustix::fs::openat(&self.folder, &name, flags, Mode::from_raw_mode(0o600));
        let mut file: File = file.map_err(|error| failed(error.into()))?.into();
        let before = members.get_ref().state();
        let mut own = before.is_none().then(|| Hasher::new(Algorithm::Sha256));
        loop {
            let count = fill(members, &mut self.buffer)?;
            own.iter_mut().for_each(|hasher| hasher.update(&self.buffer[..count]));
            file.write_all(&self.buffer[..count]).map_err(&failed)?;
            if count < self.buffer.len() {
                break;
            }
        }
        let options = &self.target.options;
        let meta = Folder {
            mode: Some(bits(member.mode, options)),
            mtime: Some(time(member.mtime, options)),
            owner: options.owners.then_some((member.uid, member.gid)),
            xattrs: if options.xattrs { member.xattrs.clone() } else { Vec::new() },
        };
        set(&file, &meta).map_err(failed)?;
        let digest = own.map(Hasher::finish).or_else(|| members.get_ref().digest());
        Ok(digest.map(|digest| Content { before, digest }))
    }

    fn symlink(&self, member: &Member, to: &str) -> rustix::io::Result<()> {
        let name = self.part_name();
        let options = &self.target.options;
        rustix::fs::symlinkat(to, &self.folder, &name)?;
        if options.owners {
            let (uid, gid) = owner(member.uid, member.gid);
            rustix::fs::chownat(&self.folder, &name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        let times = timestamps(time(member.mtime, options));
        rustix::fs::utimensat(&self.folder, &name, &times, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// The name of the part for the step that is added next.
    fn part_name(&self) -> String {
        self.steps.len().to_string()
    }
}

/// Reads until the buffer is full, or the content at its end.
fn fill(members: &mut Members<impl Read>, buffer: &mut [u8]) -> Result<usize, LayerError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match members.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.target.parts.give_back(self.folder.clone());
    }
}

pub(super) fn write(path: &str, error: rustix::io::Errno) -> UnpackError {
    UnpackError::Write { path: path.to_owned(), source: error.into() }
}

fn folder(member: &Member, options: &Options) -> Folder {
    Folder {
        mode: Some(bits(member.mode, options)),
        mtime: (options.times == Times::Kept).then_some(member.mtime),
        owner: options.owners.then_some((member.uid, member.gid)),
        xattrs: if options.xattrs { member.xattrs.clone() } else { Vec::new() },
    }
}

/// The bits that are set: without setuid and setgid, unless they are asked for.
fn bits(mode: u32, options: &Options) -> u32 {
    if options.special_bits { mode & 0o7777 } else { mode & 0o1777 }
}

fn time(mtime: i64, options: &Options) -> i64 {
    match options.times {
        Times::Kept => mtime,
        Times::At(time) => time,
    }
}

/// Sets what a file or folder is to have. The owner first: changing it clears bits and capabilities.
pub(super) fn set(file: &File, meta: &Folder) -> io::Result<()> {
    if let Some((uid, gid)) = meta.owner {
        let (uid, gid) = owner(uid, gid);
        rustix::fs::fchown(file, uid, gid)?;
    }
    for (name, value) in &meta.xattrs {
        rustix::fs::fsetxattr(file, &**name, value, XattrFlags::empty())?;
    }
    if let Some(mode) = meta.mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
    }
    if let Some(mtime) = meta.mtime {
        rustix::fs::futimens(file, &timestamps(mtime))?;
    }
    Ok(())
}

fn owner(uid: u32, gid: u32) -> (Option<Uid>, Option<Gid>) {
    // -1 means "as it is" to the system.
    let known = |id: u32| Some(id).filter(|id| *id != u32::MAX);
    (known(uid).map(Uid::from_raw), known(gid).map(Gid::from_raw))
}

pub(super) fn timestamps(mtime: i64) -> Timestamps {
    let time = Timespec { tv_sec: mtime.div_euclid(1_000_000_000), tv_nsec: mtime.rem_euclid(1_000_000_000) };
    Timestamps { last_access: time, last_modification: time }
}
