//! What may be late or lost without breaking an invariant: row by row, not logged.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharf_model::id::Id;
use wharf_model::name::RepositoryName;

use super::Seq;
use crate::clock::Millis;

/// An upload session that has received something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadNote {
    /// Names it.
    pub id: Id,
    /// The repository that it is for.
    pub repository: RepositoryName,
    /// Who began it; nobody else may go on.
    pub actor: String,
    /// How many bytes of its project's quota it holds, received or not; given back when it ends.
    pub reserved: u64,
    /// One more with each write: of two writers, one wins.
    pub version: u64,
    /// The state of the upload, in the layout of whoever keeps it.
    pub state: Bytes,
    /// When it was written last. Set by the ledger.
    pub updated_at: Millis,
}

/// Where a follower stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last entry that it has followed.
    pub seq: Seq,
    /// The version of the follower that did.
    pub version: u32,
    /// Whether it is told to wait.
    pub paused: bool,
}

/// A job to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Who does it.
    pub kind: String,
    /// Makes it unique within its kind.
    pub key: String,
    /// What is to be done, in the layout of whoever does it.
    pub payload: String,
}

/// Which jobs are claimed: of those of a kind that are due the first, in the order of when they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Their kind.
    pub kind: String,
    /// For how many milliseconds.
    pub lease: Millis,
    /// At most so many. Fewer only where no others are due, or there are as many that were tried before as there may be.
    pub limit: usize,
    /// At most so many that were tried before.
    pub tried: usize,
}

impl Claim {
    /// Any that are due.
    pub fn new(kind: &str, lease: Millis, limit: usize) -> Claim {
        Claim { kind: kind.to_owned(), lease, limit, tried: limit }
    }

    /// Whether others may be due beside these, that this claim took.
    pub fn may_go_on(&self, jobs: &[Job]) -> bool {
        jobs.len() >= self.limit || jobs.iter().filter(|job| job.is_again()).count() >= self.tried
    }
}

/// A job that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Names it.
    pub id: i64,
    /// Makes it unique within its kind.
    pub key: String,
    /// What is to be done.
    pub payload: String,
    /// How often it was claimed, this time included, since it was asked for last or got on.
    pub attempts: u64,
    /// How often it had been asked for when it was claimed.
    pub asked: u64,
}

impl Job {
    /// Whether it was tried before.
    pub fn is_again(&self) -> bool {
        self.attempts > 1
    }

    /// What became of it.
    pub fn settled(&self, outcome: Outcome) -> Settled {
        Settled { id: self.id, asked: self.asked, outcome }
    }
}

/// What became of a job that was claimed. No effect where the job is not there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The job.
    pub id: i64,
    /// How often it had been asked for when it was claimed. Where it was asked for since, it is due again now, unless it failed.
    pub asked: u64,
    /// What.
    pub outcome: Outcome,
}

/// What may become of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done and forgotten.
    Done,
    /// A part is done: this is left to be done, now.
    Left(String),
    /// It failed, and is due again in `delay` milliseconds.
    Failed {
        /// How long it waits.
        delay: Millis,
        /// Why, for people.
        error: String,
    },
    /// The same, but what failed is something else, so that it counts no attempt.
    Postponed {
        /// How long it waits.
        delay: Millis,
        /// Why, for people.
        error: String,
    },
}

/// The kind of the jobs that remove bytes which the ledger no longer knows; the payload is a location.
pub const RECLAIM: &str = "reclaim";
