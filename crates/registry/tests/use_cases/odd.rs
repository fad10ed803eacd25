//! A heap in which something happens when it is read: what a test wants.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use wharf_content::body::Body;
use wharf_model::range::ByteRange;
use wharf_store::blobs::{Blobs, BlobsError, Location, Served, Stored, UploadState};

/// See the module.
pub(crate) struct Odd {
    inner: Arc<dyn Blobs>,
    /// What comes before each reading; where it is an error, the bytes break off with it.
    before: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl Odd {
    pub(crate) fn new(inner: Arc<dyn Blobs>, before: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Arc<Odd> {
        Arc::new(Odd { inner, before: Box::new(before) })
    }
}

#[async_trait]
impl Blobs for Odd {
    async fn append(&self, state: &mut UploadState, body: &mut Body, limit: u64) -> Result<bool, BlobsError> {
        self.inner.append(state, body, limit).await
    }

    async fn sync(&self, state: &UploadState) -> Result<(), BlobsError> {
        self.inner.sync(state).await
    }

    async fn finish(&self, state: &UploadState) -> Result<Stored, BlobsError> {
        self.inner.finish(state).await
    }

    async fn cancel(&self, state: &UploadState) -> Result<(), BlobsError> {
        self.inner.cancel(state).await
    }

    async fn stat(&self, location: &Location) -> Result<Option<u64>, BlobsError> {
        self.inner.stat(location).await
    }

    async fn open(&self, location: &Location, range: ByteRange) -> Result<Served, BlobsError> {
        match (self.before)() {
            Ok(()) => self.inner.open(location, range).await,
            Err(error) => Ok(Served::Body(Body::new(Some(range.len()), stream::iter([Err(error)])))),
        }
    }

    async fn delete(&self, location: &Location) -> Result<(), BlobsError> {
        self.inner.delete(location).await
    }

    fn list(&self) -> BoxStream<'_, Result<(Location, u64), BlobsError>> {
        self.inner.list()
    }

    async fn check(&self) -> Result<(), BlobsError> {
        self.inner.check().await
    }
}
