//! The only truth: which repository holds which blob, manifests and their exact bytes, tags and their history, projects,
//! people; and the log of how it came to be so.
//!
//! Two doors. [`Ledger::commit`] is for facts: all or none, one after the other, each written to the log in the same
//! transaction, durable before it returns. Notes ([`notes`]) are for what may be late or lost: upload sessions, jobs'
//! leases, cursors.

mod apply;
pub mod artifacts;
pub mod change;
mod engine;
pub mod events;
pub mod facts;
pub mod faulty;
pub mod front;
mod migrate;
mod noted;
pub mod notes;
pub mod people;
pub mod postgres;
pub mod project;
pub mod query;
mod read;
pub mod readable;
pub mod sqlite;
pub mod trash;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use wharf_model::api::project::Project;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, Reference, RepositoryName, Tag};

use crate::clock::{Clock, Millis};
use artifacts::Artifacts;
use change::{Commit, Entry, Refused};
use events::News;
use facts::Facts;
use front::Front;
use notes::{Claim, Cursor, Job, UploadNote};
use people::People;
use query::{BlobRow, LedgerError, ManifestRow, PlaceRow, RepositoryPage, Totals};
use readable::Readable;
use trash::Trash;

/// What a ledger is opened with, whatever its engine.
#[derive(Clone)]
pub struct LedgerOptions {
    /// The clock by which deadlines are compared; `None` for the ledger's own: the machine's for SQLite, the database's for
    /// PostgreSQL.
    pub clock: Option<Arc<dyn Clock>>,
    /// How long a blob that no manifest names stays, in milliseconds; half of it is how long it is shown.
    pub grace: Millis,
    /// Whether to refuse a ledger that another process has open so, and to keep it from others. A file is kept from others by
    /// the folder that it is in.
    pub alone: bool,
}

impl Default for LedgerOptions {
    /// The ledger's own clock, and a grace of a day.
    fn default() -> Self {
        LedgerOptions { clock: None, grace: 24 * 3_600_000, alone: false }
    }
}

/// The number of an entry of the log: dense, in the order of commits, from 1. 0 is before the first.
pub type Seq = u64;

/// Is told of every commit, in order: of those of this process when they are durable and before they are acknowledged, of
/// other processes' when this one writes next. Caches forget here what is no longer so. Must be quick and must not call the
/// ledger.
pub trait Observer: Send + Sync {
    /// `entry` was committed.
    fn committed(&self, entry: &Entry);
}

/// The contract of a ledger. The suite [`crate::contract::ledger`] holds every backend to it.
///
/// Every question is answered as of one moment that is not before the question was asked.
#[async_trait]
pub trait Ledger: Facts + Front + People + Trash + Artifacts + News {
    // --- facts

    /// Makes all of the changes, or none of them. Returns the entry's number, or the latest one where nothing had an effect
    /// (then nothing is logged). Durable on return. Cancel-safe: dropped, it is made as a whole or not at all.
    ///
    /// # Errors
    /// [`Refused`]: a precondition that rides inside a change does not hold, or the ledger fails.
    async fn commit(&self, commit: Commit) -> Result<Seq, Refused>;

    /// The entries after `after`, at most `limit`, in order.
    async fn log(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, LedgerError>;

    /// The number of the latest entry, whichever process made it.
    async fn latest(&self) -> Result<Seq, LedgerError>;

    /// The number of the latest entry known here; changes wake whoever waits.
    fn watch(&self) -> watch::Receiver<Seq>;

    /// Changes, and wakes whoever waits, when jobs of that kind were queued by this process.
    fn queued(&self, kind: &str) -> watch::Receiver<u64>;

    /// Adds an observer. Meant for start-up: commits made before are not told.
    fn observe(&self, observer: Arc<dyn Observer>);

    /// Now, on the clock by which deadlines are compared.
    async fn now(&self) -> Result<Millis, LedgerError>;

    /// How long a blob that no manifest names stays; half of it is how long it is shown.
    fn grace(&self) -> Millis;

    // --- questions

    /// The project of that name.
    async fn project(&self, name: &ProjectName) -> Result<Option<Project>, LedgerError>;

    /// The names of projects after `after`, at most `limit`, in byte order; of the public ones only where that is asked for.
    async fn project_names(
        &self,
        public_only: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ProjectName>, LedgerError>;

    /// How many of the bytes that the project uses only the trash holds: manifests in it, and blobs that one of them names
    /// and no live manifest of the project. Costs in proportion to what the trash holds; `None`, at a cost in proportion to
    /// `most`, where that is more than so many edges, manifests and blobs.
    async fn trash_bytes(&self, project: Id, most: usize) -> Result<Option<u64>, LedgerError>;

    /// What is known of the place of that name: its project, and the repository itself, where they are there.
    async fn place(&self, name: &RepositoryName) -> Result<PlaceRow, LedgerError>;

    /// The manifest, by tag or digest, with its bytes.
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRow>, LedgerError>;

    /// The blob, if it is a member of the repository and still shown (DESIGN §6: half the grace after its last edge went,
    /// it is not).
    async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<BlobRow>, LedgerError>;

    /// A repository that shows the blob and that may be read; any, where there are several.
    async fn home_of_blob(&self, digest: &Digest, readable: &Readable) -> Result<Option<RepositoryName>, LedgerError>;

    /// The tags after `after`, at most `limit`, in byte order; `None` where there is no such repository.
    async fn tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, LedgerError>;

    /// The repositories after the name `after`, which need not be one's, at most `limit`, in byte order of their names.
    /// Reads ranges of names that `readable` has in the page's stretch, so that the moment of the answer is one for each. Of
    /// those that are in a range and not among its names only some thousands are passed over for one page, which may then be
    /// short, or empty, though it is not the last.
    async fn repositories(
        &self,
        readable: &Readable,
        after: Option<&str>,
        limit: usize,
    ) -> Result<RepositoryPage, LedgerError>;

    /// The live manifests whose subject is `subject`, after the one with the digest `after` (in byte order of algorithm and
    /// digest), at most `limit`, of one artifact type where one is given.
    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<ManifestRow>, LedgerError>;

    /// Members that no manifest of their repository names since before `now - grace`, at most `limit`.
    async fn unreferenced(&self, limit: usize) -> Result<Vec<(RepositoryName, Digest)>, LedgerError>;

    /// What the totals follower has counted.
    async fn totals(&self) -> Result<Totals, LedgerError>;

    /// The same, counted anew from the tables, and the number of the latest entry at that very moment: reads all of them.
    async fn count_totals(&self) -> Result<(Seq, Totals), LedgerError>;

    /// Whether any blob of the ledger rests at `location`: for the scrub.
    async fn knows_location(&self, location: &crate::blobs::Location) -> Result<bool, LedgerError>;

    /// Whether the ledger answers: for readiness.
    async fn check(&self) -> Result<(), LedgerError>;

    // --- notes

    /// The upload session with that id.
    async fn upload(&self, id: Id) -> Result<Option<UploadNote>, LedgerError>;

    /// Writes an upload session, durable on return; `updated_at` is set to now. `Ok(false)`, with nothing written, where
    /// the one that is there is not of version `note.version - 1` (version 1 makes a new one). What its project counts as
    /// reserved moves with it; where there is no project of the repository yet, nothing is reserved.
    ///
    /// # Errors
    /// [`Refused::Quota`], with nothing written, where more is to be reserved than before and the project may not use as
    /// much; or the ledger fails.
    async fn put_upload(&self, note: &UploadNote) -> Result<bool, Refused>;

    /// Forgets an upload session; no error where there is none.
    async fn delete_upload(&self, id: Id) -> Result<(), LedgerError>;

    /// Sessions not touched for `idle` milliseconds, at most `limit`, oldest first.
    async fn idle_uploads(&self, idle: Millis, limit: usize) -> Result<Vec<UploadNote>, LedgerError>;

    /// Where a follower stands; `None` where it never ran.
    async fn cursor(&self, follower: &str) -> Result<Option<Cursor>, LedgerError>;

    /// Notes where a follower stands, without a commit.
    async fn put_cursor(&self, follower: &str, cursor: Cursor) -> Result<(), LedgerError>;

    /// Takes jobs that are due, each for a while: until then nobody else gets it, after that somebody else may. Counts as an
    /// attempt.
    async fn claim_jobs(&self, claim: Claim) -> Result<Vec<Job>, LedgerError>;

    /// Whoever claimed these jobs has them for `lease` milliseconds from now. What became of them is said by a commit
    /// ([`Commit::settled`]).
    async fn renew_jobs(&self, jobs: &[i64], lease: Millis) -> Result<(), LedgerError>;

    /// How many jobs of `kind` wait or run.
    async fn count_jobs(&self, kind: &str) -> Result<u64, LedgerError>;
}
