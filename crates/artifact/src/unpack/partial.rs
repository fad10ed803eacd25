//! Bytes of large layers as they came, kept beside the parts until the layer is in place: what an interruption left need not
//! travel again. Nobody trusts them; whoever reads them reads all of the layer and compares its digest.

use std::fs::File;
use std::io::{self, Write as _};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use wharf_model::digest::Digest;

use crate::tree::PART_PREFIX;
use crate::unpack::place::{Missing, names, open_folder, unless};

/// Where they are, at the top of the target.
pub(super) const FOLDER: &str = ".wharf-part-layers";
const _: () = assert!(FOLDER.len() > PART_PREFIX.len());

/// The first bytes of a layer. Nobody else adds to them as long as this is there.
#[derive(Debug)]
pub struct Partial {
    folder: File,
    name: String,
    file: File,
    length: u64,
}

impl Partial {
    /// What there is of the layer, or nothing yet; `None` where somebody else has it or there is no space.
    pub(super) fn open(root: &File, layer: &Digest, size: u64) -> io::Result<Option<Partial>> {
        let Some(folder) = open_folder(root, FOLDER, Missing::Make)? else { return Ok(None) };
        let name = layer.hex();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&folder, &name, flags, Mode::from_raw_mode(0o600))?.into();
        let is_ours = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        let metadata = file.metadata()?;
        // Whoever had it before may have removed it.
        if !is_ours || !metadata.is_file() || std::os::unix::fs::MetadataExt::nlink(&metadata) == 0 {
            return Ok(None);
        }
        let mut partial = Partial { folder, name, file, length: metadata.len() };
        if partial.length > size {
            partial.clear()?;
        }
        let disk = rustix::fs::fstatvfs(&partial.file)?;
        let needed = (size - partial.length).saturating_add(size);
        if disk.f_bavail.saturating_mul(disk.f_frsize) < needed.saturating_add(needed / 8) {
            partial.remove();
            return Ok(None);
        }
        Ok(Some(partial))
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// All of them, from the first.
    ///
    /// # Errors
    /// The file cannot be opened again.
    pub fn reader(&self) -> io::Result<impl io::Read + Send + use<>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&self.folder, &self.name, flags, Mode::empty())?.into();
        Ok(io::Read::take(file, self.length))
    }

    /// Adds the bytes that follow.
    ///
    /// # Errors
    /// They cannot be written; then some of them may have been.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew.
    ///
    /// # Errors
    /// The file cannot be emptied.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.length = 0;
        Ok(())
    }

    /// Removes it: the layer is in place, or not to be had.
    pub fn remove(self) {
        // What stays takes space until the next pull, nothing else.
        let _ = rustix::fs::unlinkat(&self.folder, &self.name, AtFlags::empty());
    }
}

/// Removes those that nobody adds to, and their folder when it is empty.
pub(super) fn sweep(root: &File) {
    let Ok(Some(folder)) = open_folder(root, FOLDER, Missing::Leave) else { return };
    for name in names(&folder).unwrap_or_default() {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&folder, &name, flags, Mode::empty()) else { continue };
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = rustix::fs::unlinkat(&folder, &name, AtFlags::empty());
        }
    }
    let _ = unless(rustix::io::Errno::NOTEMPTY, rustix::fs::unlinkat(root, FOLDER, AtFlags::REMOVEDIR));
}
