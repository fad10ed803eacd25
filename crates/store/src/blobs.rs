//! Immutable bytes at rest, by location. Knows nothing of repositories or rights, and keeps no session of its own: what an
//! upload is between two requests is an [`UploadState`], which the ledger's notes keep.

pub mod faulty;
pub mod fs;
pub mod memory;
pub mod state;

use std::fmt;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::id::Id;
use wharf_model::range::ByteRange;

/// Where some bytes rest. Unique for each upload, so that deleting one can never hit newer bytes; opaque to everybody but
/// the backend.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location(pub String);

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An upload between two calls: plain data that survives a restart.
#[derive(Clone, Debug)]
pub struct UploadState {
    /// Names the upload, and makes its location unique.
    pub id: Id,
    /// The running hash; its length is the offset at which the next byte goes.
    pub hasher: Hasher,
    /// What the bytes will be named, once that is known. Set (and noted) before [`Blobs::finish`], so that after a crash
    /// [`Blobs::cancel`] finds the bytes wherever they had got to.
    pub digest: Option<Digest>,
    /// What the backend keeps of its own.
    pub backend: serde_json::Value,
}

impl UploadState {
    /// An upload of nothing yet.
    pub fn new(id: Id, algorithm: Algorithm) -> UploadState {
        UploadState { id, hasher: Hasher::new(algorithm), digest: None, backend: serde_json::Value::Null }
    }

    /// The number of bytes so far.
    pub fn offset(&self) -> u64 {
        self.hasher.length()
    }
}

/// Bytes that were put to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where.
    pub location: Location,
    /// How many.
    pub size: u64,
}

/// What a read is answered with.
#[derive(Debug)]
pub enum Served {
    /// The bytes.
    Body(Body),
    /// A signed URL that gives them.
    Redirect(String),
}

/// Why bytes could not be put to rest or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobsError {
    /// Whoever sends stopped sending; what came before is kept in the state.
    #[error("the sender broke off: {0}")]
    Sender(std::io::Error),
    /// The bytes do not have the digest that they were to have.
    #[error("the content has the digest {actual}")]
    Digest {
        /// The one they do have.
        actual: Digest,
    },
    /// There is no more room: the disk is full, or a limit of the storage is reached.
    #[error("no space is left for blobs")]
    Full,
    /// The bytes are not there, or not as many as the state or the ledger says.
    #[error("bytes are missing at {0:?}")]
    Lost(Location),
    /// The storage fails.
    #[error("the blob storage failed at {what}: {error}")]
    Failed {
        /// What was tried, on what.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
}

/// The contract of a heap of blobs. The suite [`crate::contract::blobs`] holds every backend to it.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Adds up to `limit` bytes of `body` at the state's offset, and moves the state on by what was added. What the storage
    /// holds beyond the offset (from an append whose state was lost) is overwritten.
    ///
    /// Memory is bounded by a budget that all uploads share, whatever the body's size. Whoever calls sees to it that one
    /// upload is appended to by one caller at a time. Returns whether the body was seen to end; where it was not, `limit`
    /// bytes were taken and nothing beyond: what a chunk had more is given back to the body. After the last byte that
    /// `limit` allows the end is not waited for, so a body of just `limit` bytes ends in the next call.
    ///
    /// May be dropped at any moment: the state is then to be thrown away, and no late write of it can hit what is appended
    /// afterwards.
    ///
    /// # Errors
    /// [`BlobsError::Sender`] leaves the state at what was received; after any other error the state is to be thrown away
    /// and the one noted last used.
    async fn append(&self, state: &mut UploadState, body: &mut Body, limit: u64) -> Result<bool, BlobsError>;

    /// Makes what was appended durable: after this returns, the state may be noted and its offset told to the client.
    async fn sync(&self, state: &UploadState) -> Result<(), BlobsError>;

    /// Puts the upload's bytes to rest under `state.digest` (which must be set), durable on return. Copies nothing.
    /// Where the running hash is of another algorithm, the bytes are read once more to hash them.
    ///
    /// # Errors
    /// [`BlobsError::Digest`] where the content has another digest; the upload is then still there to be cancelled.
    async fn finish(&self, state: &UploadState) -> Result<Stored, BlobsError>;

    /// Removes all that there is of an upload, before or after [`Blobs::finish`], be it whole, in part or not at all there.
    /// Never called for an upload whose bytes a ledger knows.
    async fn cancel(&self, state: &UploadState) -> Result<(), BlobsError>;

    /// The size of what rests at `location`, in bytes, or `None`.
    async fn stat(&self, location: &Location) -> Result<Option<u64>, BlobsError>;

    /// The bytes of `range`, which lies within the content's `size`. Blobs are immutable, so a body that was opened is read
    /// to its end even where the blob is deleted meanwhile.
    async fn open(&self, location: &Location, range: ByteRange) -> Result<Served, BlobsError>;

    /// Removes what rests at `location`; no error where nothing does.
    async fn delete(&self, location: &Location) -> Result<(), BlobsError>;

    /// All that rests, in no order; uploads that are not finished are left out. For scrubbing and disaster recovery: it
    /// reads everything's name.
    fn list(&self) -> BoxStream<'_, Result<(Location, u64), BlobsError>>;

    /// Whether bytes could be put to rest now: for readiness. Cheap.
    async fn check(&self) -> Result<(), BlobsError>;
}
