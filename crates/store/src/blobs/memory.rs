//! Blobs in memory: the contract without a disk, for tests. Not for serving: nothing bounds what it holds.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use parking_lot::Mutex;
use wharf_content::body::Body;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::range::ByteRange;

use super::state::{confirm, expected};
use super::{Blobs, BlobsError, Location, Served, Stored, UploadState};

/// A heap of blobs that ends with the process.
#[derive(Default)]
pub struct Memory {
    heap: Mutex<Heap>,
}

#[derive(Default)]
struct Heap {
    uploads: HashMap<Id, Upload>,
    resting: BTreeMap<Location, Bytes>,
}

#[derive(Default)]
struct Upload {
    bytes: Vec<u8>,
    /// How many of them a crash leaves.
    synced: usize,
}

impl Memory {
    /// An empty heap.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// How many uploads have something here that is not at rest.
    pub fn uploads(&self) -> usize {
        self.heap.lock().uploads.len()
    }

    /// What a power cut does: of uploads, only what was synced is left.
    pub fn crash(&self) {
        self.heap.lock().uploads.retain(|_, upload| {
            upload.bytes.truncate(upload.synced);
            upload.synced > 0
        });
    }

    /// What a broken disk does: what rests at `location` goes, or only so many bytes of it stay.
    pub fn lose(&self, location: &Location, left: Option<usize>) {
        let resting = &mut self.heap.lock().resting;
        match (left, resting.get_mut(location)) {
            (Some(left), Some(bytes)) => bytes.truncate(left),
            _ => drop(resting.remove(location)),
        }
    }

    /// Makes the upload as long as the state says; what is beyond goes.
    fn rewind(&self, state: &UploadState) -> Result<(), BlobsError> {
        let offset = usize::try_from(state.offset()).map_err(|_| lost(state))?;
        let mut heap = self.heap.lock();
        if offset == 0 {
            heap.uploads.insert(state.id, Upload::default());
        }
        let upload = heap.uploads.get_mut(&state.id).ok_or_else(|| lost(state))?;
        if upload.bytes.len() < offset {
            return Err(lost(state));
        }
        upload.bytes.truncate(offset);
        upload.synced = upload.synced.min(offset);
        Ok(())
    }

    fn add(&self, state: &mut UploadState, bytes: &[u8]) -> Result<(), BlobsError> {
        let mut heap = self.heap.lock();
        let upload = heap.uploads.get_mut(&state.id).ok_or_else(|| lost(state))?;
        upload.bytes.extend_from_slice(bytes);
        state.hasher.update(bytes);
        Ok(())
    }
}

fn lost(state: &UploadState) -> BlobsError {
    BlobsError::Lost(Location(format!("uploads/{}", state.id)))
}

fn place(digest: Digest, id: Id) -> Location {
    Location(format!("{digest}.{id}"))
}

#[async_trait]
impl Blobs for Memory {
    async fn append(&self, state: &mut UploadState, body: &mut Body, limit: u64) -> Result<bool, BlobsError> {
        self.rewind(state)?;
        let mut left = limit;
        while left > 0 {
            let Some(chunk) = body.next().await else { return Ok(true) };
            let mut chunk = chunk.map_err(BlobsError::Sender)?;
            let taken = chunk.split_to(usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len()));
            body.unread(chunk);
            self.add(state, &taken)?;
            left -= taken.len() as u64;
        }
        Ok(false)
    }

    async fn sync(&self, state: &UploadState) -> Result<(), BlobsError> {
        if let Some(upload) = self.heap.lock().uploads.get_mut(&state.id)
            && upload.bytes.len() as u64 >= state.offset()
        {
            upload.synced = upload.bytes.len();
            return Ok(());
        }
        if state.offset() == 0 { Ok(()) } else { Err(lost(state)) }
    }

    async fn finish(&self, state: &UploadState) -> Result<Stored, BlobsError> {
        let digest = expected(state)?;
        let location = place(digest, state.id);
        let size = state.offset();
        let mut heap = self.heap.lock();
        if heap.resting.get(&location).is_some_and(|bytes| bytes.len() as u64 == size) {
            // What was sent once more after that.
            heap.uploads.remove(&state.id);
            return Ok(Stored { location, size });
        }
        let mut bytes = match heap.uploads.get(&state.id) {
            Some(upload) if upload.bytes.len() as u64 >= size => upload.bytes.clone(),
            None if size == 0 => Vec::new(),
            _ => return Err(lost(state)),
        };
        bytes.truncate(size as usize);
        confirm(digest, Digest::of(digest.algorithm(), &bytes))?;
        heap.uploads.remove(&state.id);
        heap.resting.insert(location.clone(), Bytes::from(bytes));
        Ok(Stored { location, size })
    }

    async fn cancel(&self, state: &UploadState) -> Result<(), BlobsError> {
        let mut heap = self.heap.lock();
        heap.uploads.remove(&state.id);
        if let Some(digest) = state.digest {
            heap.resting.remove(&place(digest, state.id));
        }
        Ok(())
    }

    async fn stat(&self, location: &Location) -> Result<Option<u64>, BlobsError> {
        Ok(self.heap.lock().resting.get(location).map(|bytes| bytes.len() as u64))
    }

    async fn open(&self, location: &Location, range: ByteRange) -> Result<Served, BlobsError> {
        let heap = self.heap.lock();
        let bytes = heap.resting.get(location).filter(|bytes| range.end <= bytes.len() as u64);
        let bytes = bytes.ok_or_else(|| BlobsError::Lost(location.clone()))?;
        Ok(Served::Body(Body::full(bytes.slice(range.start as usize..range.end as usize))))
    }

    async fn delete(&self, location: &Location) -> Result<(), BlobsError> {
        self.heap.lock().resting.remove(location);
        Ok(())
    }

    fn list(&self) -> BoxStream<'_, Result<(Location, u64), BlobsError>> {
        let heap = self.heap.lock();
        let all: Vec<_> = heap.resting.iter().map(|(place, bytes)| Ok((place.clone(), bytes.len() as u64))).collect();
        stream::iter(all).boxed()
    }

    async fn check(&self) -> Result<(), BlobsError> {
        Ok(())
    }
}
