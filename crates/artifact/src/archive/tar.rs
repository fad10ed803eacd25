//! The parts of a tar: what stands before each content, which is the header that our own layers have.

use crate::archive::{Entry, What};
use crate::pack::{Keep, header};
use crate::tree::{Entry as TreeEntry, Kind};

/// Everything is a multiple of it.
pub(super) const BLOCK_BYTES: usize = 512;
/// What a tar ends with: two blocks of nothing.
pub(super) const END_BYTES: usize = 2 * BLOCK_BYTES;
/// All permission bits but setuid, setgid and sticky.
const PERMISSIONS: u32 = 0o777;

/// What stands before the content of an entry.
pub(super) fn head(all: &[Entry], entry: &Entry) -> Vec<u8> {
    let (kind, size, owner) = match &entry.what {
        What::Folder => (Kind::Folder, 0, 0o700),
        What::File(size) => (Kind::File, *size, 0o600),
        What::Link(target) => (Kind::Symlink(target.clone()), 0, 0),
        What::Again(of) => (Kind::HardLink(all[*of as usize].path.clone()), 0, 0o600),
    };
    let entry = TreeEntry {
        path: entry.path.clone(),
        kind,
        size,
        mtime: entry.mtime.max(0).saturating_mul(1_000_000_000),
        ctime: 0,
        inode: 0,
        device: 0,
        mode: entry.mode & PERMISSIONS | owner,
        uid: 0,
        gid: 0,
        xattrs: Vec::new(),
    };
    let mut head = Vec::with_capacity(BLOCK_BYTES);
    header::write(&entry, Keep { times: true, owners: false, modes: true }, &mut head);
    head
}
