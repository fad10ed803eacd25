//! Appending: what comes is hashed here, in the task, while a blocking thread writes what came before. Memory is bounded by
//! one budget of all uploads; an upload whose sender pauses holds none of it.

use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use wharf_content::body::Body;

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
/// Hashed before other tasks get a chance, in bytes: about a tenth of a millisecond.
const HASH_BYTES: usize = 256 << 10;
/// Below this many bytes a chunk is copied to its neighbours: a chunk costs a slice, and may keep a larger buffer alive.
const SMALL_BYTES: usize = 4 << 10;
/// Most slices in one write, well under the system's 1024.
const SLICES_MAX: usize = 256;
/// Most threads that write at the same time.
const WRITERS_MAX: usize = 4;
/// How long a sender may pause before what it sent so far is written, however little.
const PAUSE: Duration = Duration::from_millis(20);

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
            writers: Arc::new(Semaphore::new(WRITERS_MAX)),
            active: Arc::default(),
        }
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
        let target = Arc::new(Target { file, path, _turn: turn });
        let mut writing = Writing::new(self, target, state.offset());
        let ended = writing.receive(state, body, limit).await;
        if !matches!(ended, Ok(_) | Err(BlobsError::Sender(_))) {
            return ended;
        }
        writing.dispatch().await?;
        writing.land().await?;
        ended
    }
}

/// The file that is written, held open and with its turn by whoever may still write to it.
struct Target {
    file: File,
    path: std::path::PathBuf,
    _turn: Arc<Turn>,
}

/// One append: a batch that is gathered, and one that is being written.
struct Writing<'a> {
    writes: &'a Writes,
    target: Arc<Target>,
    batch: Batch,
    flight: Option<JoinHandle<io::Result<()>>>,
    _active: Active,
}

impl<'a> Writing<'a> {
    fn new(writes: &'a Writes, target: Arc<Target>, at: u64) -> Writing<'a> {
        let active = Active::new(&writes.active);
        Writing { writes, target, batch: Batch::at(at), flight: None, _active: active }
    }

    /// Takes up to `limit` bytes. On return some may still be in the batch or in flight.
    async fn receive(&mut self, state: &mut UploadState, body: &mut Body, limit: u64) -> Result<bool, BlobsError> {
        let mut left = limit;
        while left > 0 {
            let Some(chunk) = self.next(body).await? else { return Ok(true) };
            let mut chunk = chunk.map_err(BlobsError::Sender)?;
            let mut taken = chunk.split_to(usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len()));
            body.unread(chunk);
            left -= taken.len() as u64;
            while !taken.is_empty() {
                self.take(state, taken.split_to(taken.len().min(HASH_BYTES))).await?;
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

    /// Hashes a piece and adds it to the batch. Whoever waits for the budget holds none of it but what is being written, so
    /// that somebody always goes on.
    async fn take(&mut self, state: &mut UploadState, piece: Bytes) -> Result<(), BlobsError> {
        let size = piece.len() as u32;
        let permit = match self.writes.budget.clone().try_acquire_many_owned(size) {
            Ok(permit) => permit,
            Err(_) => {
                self.dispatch().await?;
                self.writes.budget.clone().acquire_many_owned(size).await.map_err(|_| stopped())?
            }
        };
        state.hasher.update(&piece);
        self.batch.push(piece, permit);
        if self.batch.bytes >= self.batch_bytes() || self.batch.pieces.len() >= SLICES_MAX {
            self.dispatch().await?;
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// How much to gather: two batches of each upload fit into half the budget.
    fn batch_bytes(&self) -> usize {
        let active = self.writes.active.load(Ordering::Relaxed).max(1);
        (BUDGET_BYTES / 4 / active).clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX)
    }

    /// Hands the batch to a thread, once the one before has been written.
    async fn dispatch(&mut self) -> Result<(), BlobsError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.land().await?;
        let writer = self.writes.writers.clone().acquire_owned().await.map_err(|_| stopped())?;
        let next = Batch::at(self.batch.at + self.batch.bytes as u64);
        let batch = std::mem::replace(&mut self.batch, next);
        let target = self.target.clone();
        self.flight = Some(spawn_blocking(move || {
            let _writer = writer;
            batch.write(&target.file)
        }));
        Ok(())
    }

    /// Waits until what was handed over has been written.
    async fn land(&mut self) -> Result<(), BlobsError> {
        match self.flight.as_mut() {
            None => Ok(()),
            Some(flight) => {
                let written = flight.await;
                self.flight = None;
                written.map_err(|_| stopped())?.map_err(|error| failed("writing", &self.target.path, error))
            }
        }
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

    /// Writes all of it where it belongs. Blocks.
    fn write(mut self, file: &File) -> io::Result<()> {
        self.settle();
        let mut slices: Vec<IoSlice<'_>> = self.pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let (mut slices, mut at) = (&mut slices[..], self.at);
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
