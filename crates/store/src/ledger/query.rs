//! What the ledger answers with.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::media::MediaType;

use super::change::Place;
use crate::clock::Millis;

/// The ledger does not answer, or not sensibly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be reached, is busy beyond the wait, or its disk is full or broken; it may answer later.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
    /// No space is left on the ledger's disk.
    #[error("no space is left for the ledger")]
    Full,
    /// It holds something that this release does not understand.
    #[error("the ledger holds something unexpected: {0}")]
    Corrupt(String),
    /// It was written by a newer release.
    #[error("the ledger has schema {found}; this release of wharf knows {known}: start a newer one")]
    Newer {
        /// The schema that is there.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
}

/// A repository, with what its project says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryRow {
    /// Names it for good.
    pub id: Id,
    /// Names its project for good.
    pub project: Id,
    /// Whether anybody may pull from it.
    pub public: bool,
}

/// A manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRow {
    /// What its bytes are named.
    pub digest: Digest,
    /// The media type under which it is served.
    pub media_type: MediaType,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Its exact bytes.
    pub bytes: Bytes,
}

/// A blob of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// Its size, in bytes.
    pub size: u64,
    /// Where its bytes are.
    pub place: Place,
}

/// The hash of a password in PHC form. Not shown by `Debug`, not logged.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Names it for good.
    pub id: Id,
    /// What it logs in as.
    pub name: String,
    /// The hash of its password.
    pub password_hash: PasswordHash,
    /// Grows with each new credential: what was issued under another epoch has ended.
    pub epoch: u64,
    /// Whether it may do everything.
    pub admin: bool,
}

/// An entry of the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashRow {
    /// Names it.
    pub id: Id,
    /// When its time is up.
    pub until: Millis,
}

/// Which repositories somebody may read: computed once per change of rights, taken by every question that lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Readable {
    /// All.
    All,
    /// Those of public projects.
    #[default]
    Public,
}

/// What is stored, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Repositories.
    pub repositories: i64,
    /// Live manifests, counted in each repository.
    pub manifests: i64,
    /// Tags.
    pub tags: i64,
    /// Distinct blobs.
    pub blobs: i64,
    /// Bytes of distinct blobs.
    pub blob_bytes: i64,
}
