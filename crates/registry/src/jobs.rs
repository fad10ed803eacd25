//! Workers: what may take long, done at least once, side by side, beside the requests. A job is unique by its kind and key;
//! whoever takes it holds a lease, and when that runs out somebody else may.

use std::sync::Arc;
use std::time::Duration;

use wharf_store::blobs::{Blobs, Location};
use wharf_store::ledger::Ledger;
use wharf_store::ledger::change::{Commit, Refused};
use wharf_store::ledger::notes::{Job, Outcome, RECLAIM};

use crate::registry::Registry;

/// Most jobs that are taken at once.
const BATCH: usize = 32;
/// How long a worker may take for what it took, in milliseconds.
const LEASE: i64 = 300_000;
/// How often a worker looks where nothing wakes it.
const LOOK: Duration = Duration::from_secs(5);
/// The first wait after a failure, in milliseconds; it doubles up to an hour.
const RETRY: i64 = 1_000;

/// Removes bytes that the ledger no longer knows: of blobs that nothing holds, and of the losers where one digest was
/// uploaded twice. A location is unique to its upload, so what is removed can never be newer bytes.
pub struct Reclaimer {
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn Blobs>,
}

impl Reclaimer {
    /// A worker for this registry; nothing runs yet.
    pub fn new(registry: &Registry) -> Reclaimer {
        let (ledger, blobs) = registry.stores();
        Reclaimer { ledger: ledger.clone(), blobs: blobs.clone() }
    }

    /// Works for ever.
    pub async fn run(&self) {
        let mut news = self.ledger.watch();
        loop {
            if let Err(error) = self.work_off().await {
                tracing::warn!(%error, "reclaiming failed; it will go on later");
            }
            tokio::time::sleep(LOOK).await;
            let _ = tokio::time::timeout(LOOK, news.changed()).await;
        }
    }

    /// Does what is due, and returns when nothing is; how many jobs that were.
    ///
    /// # Errors
    /// The ledger fails; what was taken is done later.
    pub async fn work_off(&self) -> Result<usize, Refused> {
        let mut done = 0;
        loop {
            let jobs = self.ledger.claim_jobs(RECLAIM, LEASE, BATCH).await?;
            if jobs.is_empty() {
                return Ok(done);
            }
            for job in jobs {
                self.reclaim(&job).await?;
                done += 1;
            }
        }
    }

    async fn reclaim(&self, job: &Job) -> Result<(), Refused> {
        match self.blobs.delete(&Location(job.payload.clone())).await {
            Ok(()) => self.settle(job, Outcome::Done).await,
            Err(error) => {
                tracing::warn!(location = job.payload, %error, "bytes could not be removed");
                let doublings = job.attempts.min(12) as u32;
                let delay = (RETRY << doublings).min(3_600_000);
                self.settle(job, Outcome::Failed { delay, error: error.to_string() }).await
            }
        }
    }

    async fn settle(&self, job: &Job, outcome: Outcome) -> Result<(), Refused> {
        let (actor, settled) = ("reclaimer".to_owned(), vec![job.settled(outcome)]);
        self.ledger.commit(Commit { actor, settled, ..Commit::default() }).await.map(drop)
    }
}
