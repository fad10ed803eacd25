//! Reading without ever blocking the runtime: what is in the page cache is copied inline, the rest by a blocking thread.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::ReadWriteFlags;
use tokio::sync::Semaphore;
use wharf_content::body::Body;
use wharf_model::range::ByteRange;

use super::{blocking, failed};
use crate::blobs::{BlobsError, Location};

/// Read at once, in bytes: larger does not make it faster, smaller costs calls.
const CHUNK_BYTES: usize = 256 << 10;
/// Read at once while very many buffers are out, in bytes.
const CHUNK_BYTES_MIN: usize = 64 << 10;
/// From this many buffers on that is so.
const LENT_MANY: usize = 32;
/// Buffers that are kept when nobody reads.
const KEPT: usize = 8;
/// Most threads that wait for the disk at the same time.
pub(super) const READERS_MAX: usize = 16;

/// What all reads share.
pub(super) struct Reads {
    buffers: Arc<Buffers>,
    readers: Arc<Semaphore>,
}

impl Reads {
    pub(super) fn new() -> Reads {
        Reads { buffers: Arc::default(), readers: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// [`crate::blobs::Blobs::open`] of the file at `path`.
    pub(super) async fn open(&self, location: &Location, path: PathBuf, range: ByteRange) -> Result<Body, BlobsError> {
        let file = match open_cached(&path) {
            Some(file) => file,
            None => {
                let (location, path) = (location.clone(), path.clone());
                blocking(&self.readers, move || open(location, &path)).await?
            }
        };
        let size = file.metadata().map_err(|error| failed("looking at", &path, error))?.len();
        if range.end > size || range.start > range.end {
            return Err(BlobsError::Lost(location.clone()));
        }
        let (at, end) = (range.start, range.end);
        let reading =
            Reading { file: Arc::new(file), at, end, buffers: self.buffers.clone(), readers: self.readers.clone() };
        let chunks =
            stream::unfold(reading, |mut reading| async { reading.next().await.map(|chunk| (chunk, reading)) });
        Ok(Body::new(Some(range.len()), chunks))
    }
}

/// Opens the file if that needs no disk. `None` where it does, where the file is not there, or the system cannot tell.
fn open_cached(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
}

fn open(location: Location, path: &Path) -> Result<File, BlobsError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BlobsError::Lost(location),
        _ => failed("opening", path, error),
    })
}

/// A body's rest.
struct Reading {
    file: Arc<File>,
    at: u64,
    end: u64,
    buffers: Arc<Buffers>,
    readers: Arc<Semaphore>,
}

impl Reading {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let left = self.end - self.at;
        if left == 0 {
            return None;
        }
        let mut buffer = Buffers::lend(&self.buffers, left);
        let read = match cached(&self.file, &mut buffer.bytes[..buffer.filled], self.at) {
            Some(read) => Ok((buffer, read)),
            None => self.wait_for(buffer).await,
        };
        let chunk = read.and_then(|(buffer, read)| buffer.filled(read));
        self.at = chunk.as_ref().map_or(self.end, |chunk| self.at + chunk.len() as u64);
        Some(chunk)
    }

    async fn wait_for(&self, mut buffer: Lent) -> io::Result<(Lent, usize)> {
        let (file, at) = (self.file.clone(), self.at);
        let read = blocking(&self.readers, move || {
            let filled = buffer.filled;
            let read = file.read_at(&mut buffer.bytes[..filled], at);
            Ok(read.map(|read| (buffer, read)))
        });
        read.await.map_err(io::Error::other)?
    }
}

/// Reads what the page cache has of it; `None` where it has nothing, or the file system cannot tell.
fn cached(file: &File, buffer: &mut [u8], at: u64) -> Option<usize> {
    let mut buffers = [IoSliceMut::new(buffer)];
    rustix::io::preadv2(file.as_fd(), &mut buffers, at, ReadWriteFlags::NOWAIT).ok().filter(|read| *read > 0)
}

/// Buffers that are used again: fresh ones would have to be zeroed first, which takes as long as reading them full.
#[derive(Default)]
struct Buffers(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    free: Vec<Vec<u8>>,
    /// How many are out.
    lent: usize,
}

impl Buffers {
    /// A buffer for the next of `left` bytes.
    fn lend(home: &Arc<Buffers>, left: u64) -> Lent {
        let mut shelf = home.0.lock();
        let most = if shelf.lent < LENT_MANY { CHUNK_BYTES } else { CHUNK_BYTES_MIN };
        let filled = usize::try_from(left).unwrap_or(most).min(most);
        if filled <= CHUNK_BYTES_MIN {
            return Lent { bytes: vec![0; filled], filled, home: None };
        }
        shelf.lent += 1;
        let free = shelf.free.pop();
        drop(shelf);
        Lent { bytes: free.unwrap_or_else(|| vec![0; CHUNK_BYTES]), filled, home: Some(home.clone()) }
    }
}

/// A buffer that goes back where it came from.
struct Lent {
    bytes: Vec<u8>,
    /// How many of them count.
    filled: usize,
    home: Option<Arc<Buffers>>,
}

impl Lent {
    /// The chunk that was read; the file has no end before the range has.
    fn filled(mut self, read: usize) -> io::Result<Bytes> {
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled = read;
        Ok(Bytes::from_owner(self))
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut shelf = home.0.lock();
        shelf.lent -= 1;
        shelf.free.push(std::mem::take(&mut self.bytes));
        let kept = shelf.lent.max(KEPT);
        let surplus = shelf.free.len().saturating_sub(kept);
        let surplus: Vec<_> = shelf.free.drain(..surplus).collect();
        drop(shelf);
        drop(surplus);
    }
}
