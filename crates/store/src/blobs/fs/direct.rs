//! Writing past the page cache (`O_DIRECT`, open(2)). An upload's first part is written through the cache, as it is likely to
//! be pulled soon; the rest of a large one would push out what is pulled often, and costs the system a copy and a page of
//! memory for each 4 KiB. Where a file system does not know this, everything goes through the cache.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rustix::fs::OFlags;

/// What a disk is given has its address, offset and length in multiples of this, in bytes: no disk has larger blocks.
pub(super) const BLOCK_BYTES: usize = 4 << 10;
/// From here on an upload is written past the cache, in bytes.
pub(super) const FROM_BYTES: u64 = 64 << 20;

/// The second way to the file of an upload; opened when it is first needed.
#[derive(Default)]
pub(super) struct Direct {
    file: OnceLock<Option<File>>,
    refused: AtomicBool,
}

impl Direct {
    /// Whether this way can be taken to the file at `path`.
    pub(super) fn can(&self, path: &Path) -> bool {
        !self.refused.load(Ordering::Relaxed) && self.opened(path).is_some()
    }

    fn opened(&self, path: &Path) -> Option<&File> {
        let open = || OpenOptions::new().write(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path).ok();
        self.file.get_or_init(open).as_ref()
    }

    /// Writes all of `staged`: whole blocks past the cache, what is left at both ends by `file`. Blocks.
    pub(super) fn write(&self, file: &File, staged: &Staged) -> io::Result<()> {
        let (bytes, at) = (staged.bytes(), staged.at);
        let begin = bytes.len().min(at.next_multiple_of(BLOCK_BYTES as u64).abs_diff(at) as usize);
        let whole = (bytes.len() - begin) / BLOCK_BYTES * BLOCK_BYTES;
        let written = self.write_whole(&bytes[begin..begin + whole], at + begin as u64)?;
        file.write_all_at(&bytes[..begin], at)?;
        file.write_all_at(&bytes[begin + written..], at + (begin + written) as u64)
    }

    /// How much of the blocks was written: less than all only where the file system refuses.
    fn write_whole(&self, blocks: &[u8], at: u64) -> io::Result<usize> {
        let Some(Some(file)) = self.file.get() else { return Ok(0) };
        let mut done = 0;
        while done < blocks.len() {
            match rustix::io::pwrite(file.as_fd(), &blocks[done..], at + done as u64) {
                Ok(written) if written > 0 && written % BLOCK_BYTES == 0 => done += written,
                Ok(_) | Err(rustix::io::Errno::INVAL) => {
                    self.refused.store(true, Ordering::Relaxed);
                    break;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }
}

/// Bytes for the offset `at`, in memory so that a block of the file is one of memory.
pub(super) struct Staged {
    buffer: Vec<u8>,
    begin: usize,
    at: u64,
}

impl Staged {
    /// Room for `length` bytes.
    pub(super) fn new(at: u64, length: usize) -> Staged {
        let mut buffer: Vec<u8> = Vec::with_capacity(length + 2 * BLOCK_BYTES);
        let begin = buffer.as_ptr().align_offset(BLOCK_BYTES) + (at % BLOCK_BYTES as u64) as usize;
        buffer.resize(begin, 0);
        Staged { buffer, begin, at }
    }

    /// Adds pieces; no more than there is room for.
    pub(super) fn extend(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            debug_assert!(self.buffer.capacity() - self.buffer.len() >= piece.len(), "moved, it would lie elsewhere");
            self.buffer.extend_from_slice(piece);
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.begin..]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// Whatever the ends, the file has the bytes, and what lies before and after is as it was.
    #[test]
    fn writes_what_it_is_given() {
        let folder = tempfile::tempdir_in(".").expect("a folder on a disk");
        let path = folder.path().join("file");
        let block = BLOCK_BYTES as u64;
        for (at, length) in
            [(0, 0), (0, 1), (0, 4096), (1, 4094), (1, 4095), (1, 9000), (4095, 2), (4096, 8192), (5000, 70_000)]
        {
            let file =
                OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).expect("opened");
            let mut expect = vec![1; 3 * BLOCK_BYTES];
            file.write_all_at(&expect, 0).expect("written");
            let data: Vec<u8> = (0..length).map(|n: usize| (n % 251) as u8).collect();
            let mut staged = Staged::new(at, length);
            let (one, other) = data.split_at(length / 3);
            staged.extend(&[Bytes::copy_from_slice(one), Bytes::copy_from_slice(other)]);
            let direct = Direct::default();
            assert!(direct.can(&path), "tests run on a disk");
            direct.write(&file, &staged).expect("written");
            let end = at as usize + length;
            expect.resize(expect.len().max(end), 0);
            expect[at as usize..end].copy_from_slice(&data);
            assert_eq!(std::fs::read(&path).expect("read"), expect, "{length} bytes at {at}, blocks of {block}");
        }
    }

    /// Where the way is not open, the bytes take the other.
    #[test]
    fn goes_through_the_cache_where_it_must() {
        let file = tempfile::tempfile().expect("a file");
        let mut staged = Staged::new(0, 10_000);
        staged.extend(&[Bytes::from(vec![7; 10_000])]);
        let direct = Direct::default();
        assert!(!direct.can(Path::new("/proc/self/nothing")));
        direct.write(&file, &staged).expect("written");
        assert_eq!(file.metadata().expect("looked at").len(), 10_000);
    }
}
