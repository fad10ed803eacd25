//! What the ledger answers with.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::media::MediaType;
use wharf_model::name::RepositoryName;

use super::change::Place;
use super::project::ProjectRules;

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

/// The place of a repository's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceRow {
    /// Names the repository for good, where it is there.
    pub repository: Option<Id>,
    /// Names its project for good, where that is there.
    pub project: Option<Id>,
    /// Whether anybody may pull from the repositories of the project.
    pub public: bool,
    /// What the project is set to; `None` where nothing is.
    pub rules: Option<Arc<ProjectRules>>,
}

/// Names of repositories, a page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryPage {
    /// The names, in byte order.
    pub names: Vec<RepositoryName>,
    /// What the next page comes after; `None` where there is no more. It may be the name of a repository that was passed over,
    /// which is not to be told.
    pub next: Option<String>,
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
