//! Blobs as files of one folder on a local file system. Not for folders that two processes serve at once: the writing of one
//! upload is serialised inside this process only.
//!
//! ```text
//! DIR/uploads/<upload id>               being written
//! DIR/sha256/ab/<hex>.<upload id>       at rest: the hash's first two digits, the hash, the upload that brought it
//! DIR/sha512/ab/<hex>.<upload id>
//! ```
//!
//! A file is written beside, made durable, renamed to its final name, and the folder made durable: so what has a final name
//! is whole, whenever the power went.

mod direct;
mod place;
mod read;
mod tree;
mod turn;
mod write;

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use wharf_content::body::Body;
use wharf_model::digest::Digest;
use wharf_model::range::ByteRange;

use self::read::Reads;
use self::tree::Tree;
use self::turn::{Turn, Turns};
use self::write::Writes;
use super::{Blobs, BlobsError, Location, Served, Stored, UploadState};

/// Most files that are made durable, looked up or deleted at the same time. Waiting together lets the file system commit
/// them together; each holds a thread.
const SETTLES_MAX: usize = 32;
/// Entries of [`Blobs::list`] that are read ahead of whoever takes them.
const LISTED_AHEAD: usize = 256;

/// Most threads of the runtime that block for one heap at the same time: for what is settled, read and written. A runtime
/// needs more than all its users together, or they wait for each other.
pub fn threads_max() -> usize {
    SETTLES_MAX + read::READERS_MAX + write::writers_max() + LISTERS
}

/// Threads that list, one for each [`Blobs::list`]; there is a scrub at most.
const LISTERS: usize = 1;

/// A heap of blobs in a folder.
pub struct Files {
    tree: Arc<Tree>,
    turns: Arc<Turns>,
    writes: Writes,
    reads: Reads,
    settles: Arc<Semaphore>,
}

impl Files {
    /// The blobs of the folder `dir`, which is made where there is none. Nothing is listed: this takes as long for a
    /// million blobs as for none.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub async fn open(dir: impl AsRef<Path>) -> Result<Files, BlobsError> {
        let dir = dir.as_ref().to_owned();
        let settles = Arc::new(Semaphore::new(SETTLES_MAX));
        let tree = blocking(&settles, move || Tree::open(&dir)).await?;
        Ok(Files { tree: Arc::new(tree), turns: Arc::default(), writes: Writes::new(), reads: Reads::new(), settles })
    }

    /// Runs `work` on the tree, in a blocking thread.
    async fn settle<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tree) -> Result<T, BlobsError> + Send + 'static,
    ) -> Result<T, BlobsError> {
        let tree = self.tree.clone();
        blocking(&self.settles, move || work(&tree)).await
    }

    /// Hashes an upload once more, by the algorithm of `digest`. It takes as long as the upload is large, so it is for those
    /// that hash and write, and keeps no place from those that wait for the disk.
    async fn rehash(&self, turn: Arc<Turn>, state: &UploadState, digest: Digest) -> Result<(), BlobsError> {
        let (tree, state) = (self.tree.clone(), state.clone());
        blocking(self.writes.writers(), move || {
            let _turn = turn;
            place::rehash(&tree, &state, digest)
        })
        .await
    }

    /// Runs `work` once nothing else is done to the upload, and with nothing else done to it meanwhile.
    async fn settle_upload<T: Send + 'static>(
        &self,
        state: &UploadState,
        work: impl FnOnce(&Tree, &UploadState) -> Result<T, BlobsError> + Send + 'static,
    ) -> Result<T, BlobsError> {
        let turn = self.turns.take(state.id).await;
        self.settle_in(turn, state, work).await
    }

    /// The same by whoever has the upload's turn.
    async fn settle_in<T: Send + 'static>(
        &self,
        turn: Arc<Turn>,
        state: &UploadState,
        work: impl FnOnce(&Tree, &UploadState) -> Result<T, BlobsError> + Send + 'static,
    ) -> Result<T, BlobsError> {
        let state = state.clone();
        self.settle(move |tree| {
            let _turn = turn;
            work(tree, &state)
        })
        .await
    }
}

#[async_trait]
impl Blobs for Files {
    async fn append(&self, state: &mut UploadState, body: &mut Body, limit: u64) -> Result<bool, BlobsError> {
        let turn = self.turns.take(state.id).await;
        self.writes.append(&self.tree, turn, state, body, limit).await
    }

    async fn sync(&self, state: &UploadState) -> Result<(), BlobsError> {
        self.settle_upload(state, place::sync).await
    }

    async fn finish(&self, state: &UploadState) -> Result<Stored, BlobsError> {
        let digest = super::state::expected(state)?;
        let turn = self.turns.take(state.id).await;
        if digest.algorithm() != state.hasher.algorithm() {
            self.rehash(turn.clone(), state, digest).await?;
        }
        self.settle_in(turn, state, move |tree, state| place::finish(tree, state, digest)).await
    }

    async fn cancel(&self, state: &UploadState) -> Result<(), BlobsError> {
        self.settle_upload(state, place::cancel).await
    }

    async fn stat(&self, location: &Location) -> Result<Option<u64>, BlobsError> {
        let Some(path) = self.tree.resting(location) else { return Ok(None) };
        self.settle(move |_| match path.metadata() {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("looking at", &path, error)),
        })
        .await
    }

    async fn open(&self, location: &Location, range: ByteRange) -> Result<Served, BlobsError> {
        let Some(path) = self.tree.resting(location) else { return Err(BlobsError::Lost(location.clone())) };
        self.reads.open(location, path, range).await.map(Served::Body)
    }

    /// Not durable of itself: after a power cut the file may be there again, as bytes that no ledger knows.
    async fn delete(&self, location: &Location) -> Result<(), BlobsError> {
        let Some(path) = self.tree.resting(location) else { return Ok(()) };
        self.settle(move |_| place::remove(&path)).await
    }

    fn list(&self) -> BoxStream<'_, Result<(Location, u64), BlobsError>> {
        let (sender, receiver) = mpsc::channel(LISTED_AHEAD);
        let tree = self.tree.clone();
        spawn_blocking(move || tree.list(&mut |found| sender.blocking_send(found).is_ok()));
        stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|found| (found, receiver)) }).boxed()
    }

    async fn check(&self) -> Result<(), BlobsError> {
        self.settle(Tree::check).await
    }
}

/// Runs `work` in a blocking thread, at most as many at a time as `slots` has; where the caller goes away, it is still done
/// to its end.
async fn blocking<T: Send + 'static>(
    slots: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, BlobsError> + Send + 'static,
) -> Result<T, BlobsError> {
    let slot = slots.clone().acquire_owned().await.map_err(|_| stopped())?;
    let work = spawn_blocking(move || {
        let _slot = slot;
        work()
    });
    work.await.map_err(|_| stopped())?
}

/// The runtime ends, or the work panicked.
fn stopped() -> BlobsError {
    BlobsError::Failed { what: "handing work to a thread".to_owned(), error: io::ErrorKind::Interrupted.into() }
}

/// What it means that the system refused to do `what` with `path`.
fn failed(what: &str, path: &Path, error: io::Error) -> BlobsError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobsError::Full,
        _ => BlobsError::Failed { what: format!("{what} {}", path.display()), error },
    }
}

/// The upload's file has gone, or is too short.
fn lost(state: &UploadState) -> BlobsError {
    BlobsError::Lost(Location(format!("{}/{}", tree::UPLOADS, state.id)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use futures_util::future::poll_immediate;
    use wharf_model::digest::Algorithm;
    use wharf_model::id::Id;

    use super::*;

    /// Reading all of a blob once more keeps nobody who only looks up or makes durable.
    #[tokio::test]
    async fn hashing_once_more_takes_its_place_among_the_writers() {
        let dir = tempfile::tempdir().expect("a folder");
        let blobs = Files::open(dir.path()).await.expect("opened");
        let mut state = UploadState::new(Id([1; 16]), Algorithm::Sha256);
        let mut body = Body::full(vec![7; 100_000].into());
        blobs.append(&mut state, &mut body, u64::MAX).await.expect("appended");
        state.digest = Some(Digest::of(Algorithm::Sha512, &[7; 100_000]));
        let all = u32::try_from(write::writers_max()).expect("few");
        let writers = blobs.writes.writers().clone().acquire_many_owned(all).await.expect("free");
        let mut finish = Box::pin(blobs.finish(&state));
        for _ in 0..10 {
            assert!(poll_immediate(&mut finish).await.is_none());
            blobs.check().await.expect("what is settled goes on");
        }
        drop(writers);
        assert_eq!(finish.await.expect("finished").size, 100_000);
        assert_eq!(blobs.finish(&state).await.expect("once more").size, 100_000);
        let other = UploadState { digest: Some(Digest::of(Algorithm::Sha512, b"other")), ..state };
        assert!(matches!(blobs.finish(&other).await, Err(BlobsError::Lost(_))), "it rests under its own name only");
    }
}
