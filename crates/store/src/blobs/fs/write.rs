//! Appending: the task gathers what comes, while a blocking thread hashes and writes what came before. One thread does both,
//! a piece at a time, because the hash leaves the piece in the cache that the write reads it from. Memory is bounded by one
//! budget of all uploads; an upload whose sender pauses holds none of it. What lies far into an upload goes past the page
//! cache ([`super::direct`]).

use std::fs::File;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::fs::Advice;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use wharf_content::body::Body;
use wharf_model::digest::Hasher;

use super::direct::{self, Direct, Staged};
use super::tree::Tree;
use super::turn::Turn;
use super::{blocking, failed, place, stopped};
use crate::blobs::{BlobsError, UploadState};

/// What all uploads together may hold in memory, in bytes.
const BUDGET_BYTES: usize = 16 << 20;
/// Written at once by an upload that has the budget for itself, in bytes.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Written at once by each of very many, in bytes.
const BATCH_BYTES_MIN: usize = 64 << 10;
/// Taken from a chunk before other tasks get a chance, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Hashed before it is written, in bytes: fits in a core's own cache.
const WARM_BYTES: usize = 128 << 10;
/// Written before the disk is told to begin with it, in bytes: so that little is left to do when all is to be durable.
const WRITE_OUT_BYTES: u64 = 16 << 20;
/// Below this many bytes a chunk is copied to its neighbours: a chunk costs a slice, and may keep a larger buffer alive.
const SMALL_BYTES: usize = 4 << 10;
/// Most slices in one write, well under the system's 1024.
const SLICES_MAX: usize = 256;
/// Threads that hash and write at the same time, unless there are more cores: some of them wait for the disk.
const WRITERS_MIN: usize = 4;
/// How long a sender may pause before what it sent so far is written, however little.
const PAUSE: Duration = Duration::from_millis(20);

/// Most threads that hash and write at the same time.
pub(super) fn writers_max() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).max(WRITERS_MIN)
}

/// What all appends share.
pub(super) struct Writes {
    budget: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    active: Arc<AtomicUsize>,
}

impl Writes {
    pub(super) fn new() -> Writes {
        Writes {
            budget: Arc::new(Semaphore::new(BUDGET_BYTES)),
            writers: Arc::new(Semaphore::new(writers_max())),
            active: Arc::default(),
        }
    }

    /// The places of the threads that hash and write.
    pub(super) fn writers(&self) -> &Arc<Semaphore> {
        &self.writers
    }

    /// [`crate::blobs::Blobs::append`], by whoever has the upload's turn.
    pub(super) async fn append(
        &self,
        tree: &Arc<Tree>,
        turn: Arc<Turn>,
        state: &mut UploadState,
        body: &mut Body,
        limit: u64,
    ) -> Result<bool, BlobsError> {
        let (tree, before, held) = (tree.clone(), state.clone(), turn.clone());
        let file = blocking(&self.writers, move || {
            let _held = held;
            Ok((place::rewound(&tree, &before)?, tree.upload(before.id)))
        });
        let (file, path) = file.await?;
        let target = Arc::new(Target { file, path, direct: Direct::default(), _turn: turn });
        let mut writing = Writing::new(self, target, state.hasher.clone());
        let ended = writing.receive(body, limit).await;
        if !matches!(ended, Ok(_) | Err(BlobsError::Sender(_))) {
            return ended;
        }
        writing.dispatch().await?;
        state.hasher = writing.land().await?;
        ended
    }
}

/// The file that is written, held open and with its turn by whoever may still write to it.
struct Target {
    file: File,
    path: std::path::PathBuf,
    direct: Direct,
    _turn: Arc<Turn>,
}

/// One append: a batch that is gathered, and one that is being written.
struct Writing<'a> {
    writes: &'a Writes,
    target: Arc<Target>,
    batch: Batch,
    flight: Flight,
    _active: Active,
}

/// Where the running hash is.
enum Flight {
    /// Here: nothing is being written.
    Landed(Box<Hasher>),
    /// With the thread that writes.
    Under(JoinHandle<io::Result<Hasher>>),
}

impl<'a> Writing<'a> {
    fn new(writes: &'a Writes, target: Arc<Target>, hasher: Hasher) -> Writing<'a> {
        let batch = Batch::at(hasher.length());
        Writing {
            writes,
            target,
            batch,
            flight: Flight::Landed(Box::new(hasher)),
            _active: Active::new(&writes.active),
        }
    }

    /// Takes up to `limit` bytes. On return some may still be in the batch or in flight.
    async fn receive(&mut self, body: &mut Body, limit: u64) -> Result<bool, BlobsError> {
        let mut left = limit;
        while left > 0 {
            let Some(chunk) = self.next(body).await? else { return Ok(true) };
            let mut chunk = chunk.map_err(BlobsError::Sender)?;
            let mut taken = chunk.split_to(usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len()));
            body.unread(chunk);
            left -= taken.len() as u64;
            while !taken.is_empty() {
                let room = self.room().max(direct::BLOCK_BYTES);
                self.take(taken.split_to(taken.len().min(PIECE_BYTES).min(room))).await?;
            }
        }
        Ok(false)
    }

    /// The next chunk. While it is waited for, what came before is written.
    async fn next(&mut self, body: &mut Body) -> Result<Option<io::Result<Bytes>>, BlobsError> {
        if !self.batch.is_empty() {
            match tokio::time::timeout(PAUSE, body.next()).await {
                Ok(next) => return Ok(next),
                Err(_) => self.dispatch().await?,
            }
        }
        Ok(body.next().await)
    }

    /// Adds a piece to the batch. Whoever waits for the budget holds none of it but what is being written, so
    /// that somebody always goes on.
    async fn take(&mut self, piece: Bytes) -> Result<(), BlobsError> {
        let size = piece.len() as u32;
        let permit = match self.writes.budget.clone().try_acquire_many_owned(size) {
            Ok(permit) => permit,
            Err(_) => {
                self.dispatch().await?;
                self.writes.budget.clone().acquire_many_owned(size).await.map_err(|_| stopped())?
            }
        };
        self.batch.push(piece, permit);
        if self.room() == 0 || self.batch.pieces.len() >= SLICES_MAX {
            self.dispatch().await?;
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// How much may still be gathered: two batches of each upload fit into half the budget, and a full one ends with a block.
    fn room(&self) -> usize {
        let active = self.writes.active.load(Ordering::Relaxed).max(1);
        let most = (BUDGET_BYTES / 4 / active).clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX);
        let over = (self.batch.at + most as u64) % direct::BLOCK_BYTES as u64;
        (most - over as usize).saturating_sub(self.batch.bytes)
    }

    /// Hands the batch to a thread, once the one before has been written.
    async fn dispatch(&mut self) -> Result<(), BlobsError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let hasher = self.land().await?;
        let writer = self.writes.writers.clone().acquire_owned().await.map_err(|_| stopped())?;
        let next = Batch::at(self.batch.at + self.batch.bytes as u64);
        let batch = std::mem::replace(&mut self.batch, next);
        let target = self.target.clone();
        self.flight = Flight::Under(spawn_blocking(move || {
            let _writer = writer;
            batch.write(&target, hasher)
        }));
        Ok(())
    }

    /// Waits until what was handed over has been written; the hash of all of it.
    async fn land(&mut self) -> Result<Hasher, BlobsError> {
        let hasher = match &mut self.flight {
            Flight::Landed(hasher) => return Ok(Hasher::clone(hasher)),
            Flight::Under(written) => written.await.map_err(|_| stopped())?,
        };
        let hasher = hasher.map_err(|error| failed("writing", &self.target.path, error))?;
        self.flight = Flight::Landed(Box::new(hasher.clone()));
        Ok(hasher)
    }
}

/// Pieces that follow one another in the file.
struct Batch {
    at: u64,
    bytes: usize,
    pieces: Vec<Bytes>,
    /// Small pieces, put together; they come after the others.
    gathered: BytesMut,
    /// The pieces' share of the budget.
    permit: Option<OwnedSemaphorePermit>,
}

impl Batch {
    fn at(at: u64) -> Batch {
        Batch { at, bytes: 0, pieces: Vec::new(), gathered: BytesMut::new(), permit: None }
    }

    fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    fn push(&mut self, piece: Bytes, permit: OwnedSemaphorePermit) {
        self.bytes += piece.len();
        match &mut self.permit {
            Some(all) => all.merge(permit),
            none => *none = Some(permit),
        }
        if piece.len() < SMALL_BYTES {
            self.gathered.extend_from_slice(&piece);
        } else {
            self.settle();
            self.pieces.push(piece);
        }
    }

    fn settle(&mut self) {
        if !self.gathered.is_empty() {
            self.pieces.push(self.gathered.split().freeze());
        }
    }

    /// Hashes all of it and writes it where it belongs. Blocks.
    fn write(mut self, target: &Target, mut hasher: Hasher) -> io::Result<Hasher> {
        self.settle();
        let direct = self.at >= direct::FROM_BYTES && target.direct.can(&target.path);
        let mut staged = direct.then(|| Staged::new(self.at, self.bytes));
        let mut pieces = &self.pieces[..];
        while !pieces.is_empty() {
            let start = hasher.length();
            let mut warm = 0;
            while warm < pieces.len() && hasher.length() - start < WARM_BYTES as u64 {
                hasher.update(&pieces[warm]);
                warm += 1;
            }
            let (now, later) = pieces.split_at(warm);
            match &mut staged {
                Some(staged) => staged.extend(now),
                None => write_all(&target.file, now, start)?,
            }
            pieces = later;
        }
        match staged {
            Some(staged) => target.direct.write(&target.file, &staged)?,
            None => begin_write_out(&target.file, self.at, hasher.length()),
        }
        Ok(hasher)
    }
}

fn write_all(file: &File, pieces: &[Bytes], mut at: u64) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = &mut slices[..];
    while !slices.is_empty() {
        match rustix::io::pwritev(file, slices, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut slices, written);
                at += written as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Lets the disk begin with what is complete, where `from..to` crossed a multiple of [`WRITE_OUT_BYTES`]; does not wait.
///
/// The advice says that the pages are not needed, and this is what Linux makes of it: it starts to write the dirty ones and
/// drops those that are clean already, which just after they were written is next to none.
fn begin_write_out(file: &File, from: u64, to: u64) {
    let (begin, end) = (from - from % WRITE_OUT_BYTES, to - to % WRITE_OUT_BYTES);
    if let Some(length) = NonZeroU64::new(end - begin) {
        // Only advice: where it is not taken, syncing takes longer.
        rustix::fs::fadvise(file, begin, Some(length), Advice::DontNeed).ok();
    }
}

/// Counts an append while it runs.
struct Active(Arc<AtomicUsize>);

impl Active {
    fn new(count: &Arc<AtomicUsize>) -> Active {
        count.fetch_add(1, Ordering::Relaxed);
        Active(count.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
