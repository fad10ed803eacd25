//! Any heap of blobs with faults where a test wants them: an operation that fails before or after it took effect, or an
//! append that is cut short. Not a simulated disk: for what a power cut leaves see [`super::memory::Memory::crash`].

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use parking_lot::Mutex;
use wharf_content::body::Body;
use wharf_model::range::ByteRange;

use super::{Blobs, BlobsError, Location, Served, Stored, UploadState};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// [`BlobsError::Full`].
    Full,
    /// [`BlobsError::Failed`].
    Failed,
}

/// How it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens but the error.
    Before(Failure),
    /// The operation takes effect, then the error is what the caller gets.
    After(Failure),
    /// An append takes at most that many bytes before the error; to other operations, as [`Fault::Before`].
    Cut(u64, Failure),
    /// An opening never answers; to other operations, as [`Fault::Before`].
    Never,
}

/// A heap of blobs that fails on purpose.
pub struct Faulty {
    inner: Arc<dyn Blobs>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    operations: u64,
    faults: BTreeMap<u64, Fault>,
}

impl Faulty {
    /// `inner`, without a fault as yet.
    pub fn new(inner: Arc<dyn Blobs>) -> Faulty {
        Faulty { inner, plan: Mutex::default() }
    }

    /// Lets the operation with this number go wrong, once; the first has number 0. All but [`Blobs::check`] count.
    pub fn fail(&self, number: u64, fault: Fault) {
        self.plan.lock().faults.insert(number, fault);
    }

    /// Lets the operation that comes next go wrong.
    pub fn fail_next(&self, fault: Fault) {
        let mut plan = self.plan.lock();
        let next = plan.operations;
        plan.faults.insert(next, fault);
    }

    /// Lets nothing go wrong any more.
    pub fn heal(&self) {
        self.plan.lock().faults.clear();
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.plan.lock().operations
    }

    /// Counts an operation. An error where it is to fail at once, else what is to come after it.
    fn enter(&self) -> Result<Option<Failure>, BlobsError> {
        planned(self.next_fault())
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut plan = self.plan.lock();
        let number = plan.operations;
        plan.operations += 1;
        plan.faults.remove(&number)
    }
}

fn planned(fault: Option<Fault>) -> Result<Option<Failure>, BlobsError> {
    match fault {
        None => Ok(None),
        Some(Fault::After(failure)) => Ok(Some(failure)),
        Some(Fault::Before(failure) | Fault::Cut(_, failure)) => Err(error(failure)),
        Some(Fault::Never) => Err(error(Failure::Failed)),
    }
}

fn error(failure: Failure) -> BlobsError {
    match failure {
        Failure::Full => BlobsError::Full,
        Failure::Failed => {
            BlobsError::Failed { what: "a planned fault".to_owned(), error: io::Error::other("planned by a test") }
        }
    }
}

/// `result`, unless a failure was planned to come after it.
fn leave<T>(planned: Option<Failure>, result: Result<T, BlobsError>) -> Result<T, BlobsError> {
    match planned {
        Some(failure) => result.and(Err(error(failure))),
        None => result,
    }
}

#[async_trait]
impl Blobs for Faulty {
    async fn append(&self, state: &mut UploadState, body: &mut Body, limit: u64) -> Result<bool, BlobsError> {
        match self.next_fault() {
            None => self.inner.append(state, body, limit).await,
            Some(Fault::Before(failure)) => Err(error(failure)),
            Some(Fault::Never) => Err(error(Failure::Failed)),
            Some(Fault::After(failure)) => leave(Some(failure), self.inner.append(state, body, limit).await),
            Some(Fault::Cut(bytes, failure)) => {
                leave(Some(failure), self.inner.append(state, body, limit.min(bytes)).await)
            }
        }
    }

    async fn sync(&self, state: &UploadState) -> Result<(), BlobsError> {
        let planned = self.enter()?;
        leave(planned, self.inner.sync(state).await)
    }

    async fn finish(&self, state: &UploadState) -> Result<Stored, BlobsError> {
        let planned = self.enter()?;
        leave(planned, self.inner.finish(state).await)
    }

    async fn cancel(&self, state: &UploadState) -> Result<(), BlobsError> {
        let planned = self.enter()?;
        leave(planned, self.inner.cancel(state).await)
    }

    async fn stat(&self, location: &Location) -> Result<Option<u64>, BlobsError> {
        let planned = self.enter()?;
        leave(planned, self.inner.stat(location).await)
    }

    async fn open(&self, location: &Location, range: ByteRange) -> Result<Served, BlobsError> {
        let planned = match self.next_fault() {
            Some(Fault::Never) => std::future::pending().await,
            fault => planned(fault)?,
        };
        leave(planned, self.inner.open(location, range).await)
    }

    async fn delete(&self, location: &Location) -> Result<(), BlobsError> {
        let planned = self.enter()?;
        leave(planned, self.inner.delete(location).await)
    }

    fn list(&self) -> BoxStream<'_, Result<(Location, u64), BlobsError>> {
        match self.enter() {
            Err(error) => stream::iter([Err(error)]).boxed(),
            Ok(None) => self.inner.list(),
            Ok(Some(failure)) => self.inner.list().chain(stream::iter([Err(error(failure))])).boxed(),
        }
    }

    async fn check(&self) -> Result<(), BlobsError> {
        self.inner.check().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use bytes::Bytes;
    use wharf_model::digest::{Algorithm, Digest};
    use wharf_model::id::Id;

    use super::*;
    use crate::blobs::memory::Memory;

    #[tokio::test]
    async fn faults_come_where_they_were_planned() {
        let memory = Arc::new(Memory::new());
        let blobs = Faulty::new(memory.clone());
        blobs.fail(0, Fault::Cut(2, Failure::Full));
        blobs.fail(2, Fault::After(Failure::Failed));
        let mut state = UploadState::new(Id([1; 16]), Algorithm::Sha256);
        let error = blobs.append(&mut state, &mut Body::full(Bytes::from_static(b"abc")), 9).await;
        assert!(matches!(error, Err(BlobsError::Full)));
        assert_eq!(state.offset(), 2);
        let mut state = UploadState::new(Id([1; 16]), Algorithm::Sha256);
        blobs.append(&mut state, &mut Body::full(Bytes::from_static(b"abc")), 9).await.expect("no fault");
        state.digest = Some(Digest::of(Algorithm::Sha256, b"abc"));
        assert!(matches!(blobs.finish(&state).await, Err(BlobsError::Failed { .. })));
        assert_eq!(memory.list().count().await, 1);
        blobs.fail_next(Fault::Before(Failure::Failed));
        assert!(matches!(blobs.cancel(&state).await, Err(BlobsError::Failed { .. })));
        assert_eq!(memory.list().count().await, 1);
        blobs.cancel(&state).await.expect("no fault");
        assert_eq!((memory.list().count().await, blobs.operations()), (0, 5));
    }

    #[tokio::test]
    async fn a_crash_leaves_what_was_synced() {
        let memory = Memory::new();
        let mut state = UploadState::new(Id([1; 16]), Algorithm::Sha256);
        memory.append(&mut state, &mut Body::full(Bytes::from_static(b"abc")), 9).await.expect("appended");
        memory.sync(&state).await.expect("synced");
        let noted = state.clone();
        memory.append(&mut state, &mut Body::full(Bytes::from_static(b"def")), 9).await.expect("appended");
        memory.crash();
        let mut body = Body::full(Bytes::from_static(b"x"));
        assert!(matches!(memory.append(&mut state, &mut body, 9).await, Err(BlobsError::Lost(_))));
        state = noted;
        memory.append(&mut state, &mut body, 9).await.expect("appended");
        state.digest = Some(Digest::of(Algorithm::Sha256, b"abcx"));
        memory.finish(&state).await.expect("finished");
    }
}
