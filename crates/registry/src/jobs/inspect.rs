//! Inspecting in jobs: one for each manifest that was pushed, and one for everything, a page at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use wharf_store::ledger::notes::{Job, NewJob};
use wharf_store::ledger::query::LedgerError;

use super::{Ended, Work, Worked};
use crate::inspect::{All, Depth, INSPECT, INSPECT_ALL, Inspector, Named, Trouble};

/// Facts of how many manifests are made in one commit, when everything is looked at.
const PAGE: usize = 32;
/// How many are taken at once.
const TAKEN: usize = 16;
/// How often an inspection may fail before it is told that it does.
const ATTEMPTS_MAX: u64 = 5;
/// After how many attempts on a page the manifests of it are left to jobs of their own: one of them may end the process.
const PAGE_ATTEMPTS_MAX: u64 = 2;
/// How long to rest after a page, at most; less where it took less.
const REST_MAX: Duration = Duration::from_secs(1);

/// Inspects what was pushed.
pub(super) struct Inspect(pub(super) Arc<Inspector>);

#[async_trait]
impl Work for Inspect {
    fn kind(&self) -> &'static str {
        INSPECT
    }

    fn at_once(&self) -> usize {
        self.0.at_once()
    }

    /// To take some waits for a turn to write, behind those who push.
    fn taken(&self) -> usize {
        TAKEN
    }

    fn rest(&self) -> Duration {
        Duration::ZERO
    }

    async fn work(&self, job: &Job) -> Worked {
        let Some(named) = Named::read(&job.payload) else { return Worked::done(Vec::new()) };
        // More attempts than can fail: the process ended in the middle, as often.
        let depth = if job.attempts > ATTEMPTS_MAX {
            Depth::Nothing("inspecting it broke off each time that it was tried".to_owned())
        } else {
            Depth::Whole
        };
        let inspected = match self.0.inspect(&named, depth).await {
            Err(Trouble::Here(error)) if job.attempts == ATTEMPTS_MAX => {
                tracing::warn!(%named, error, "an artifact cannot be inspected; its facts say so");
                self.0.inspect(&named, Depth::Nothing(error)).await
            }
            other => other,
        };
        let jobs = self.jobs(&named).await;
        match inspected {
            Ok(change) => match jobs {
                Ok(jobs) => Worked { jobs, ..Worked::done(change.into_iter().collect()) },
                Err(error) => Worked::ended(Ended::Postponed(error.to_string())),
            },
            Err(Trouble::Here(error)) => Worked::ended(Ended::Failed(error)),
            Err(Trouble::Elsewhere(error)) => Worked::ended(Ended::Postponed(error)),
        }
    }
}

impl Inspect {
    /// What is to be done because of it.
    async fn jobs(&self, named: &Named) -> Result<Vec<NewJob>, LedgerError> {
        let mut jobs = self.0.trees(named).await?;
        jobs.extend(self.0.indexes(named).await?);
        Ok(jobs)
    }
}

/// Looks at everything, and inspects what has no facts, or facts of another version. A page is a step of the job, of which the
/// rest is noted: it goes on where it was after a restart, and what was pushed meanwhile does not wait for it.
pub(super) struct InspectAll(pub(super) Arc<Inspector>);

#[async_trait]
impl Work for InspectAll {
    fn kind(&self) -> &'static str {
        INSPECT_ALL
    }

    fn at_once(&self) -> usize {
        1
    }

    fn rest(&self) -> Duration {
        Duration::ZERO
    }

    async fn work(&self, job: &Job) -> Worked {
        let Some(all) = All::read(&job.payload) else { return Worked::done(Vec::new()) };
        let begun = Instant::now();
        let worked = self
            .page(&all, job.attempts > PAGE_ATTEMPTS_MAX)
            .await
            .unwrap_or_else(|error| Worked::ended(Ended::Postponed(error)));
        // Nobody waits for this: it takes half of a core at most.
        tokio::time::sleep(begun.elapsed().min(REST_MAX)).await;
        worked
    }
}

impl InspectAll {
    async fn page(&self, all: &All, each_alone: bool) -> Result<Worked, String> {
        let page = self.0.page(all, PAGE).await.map_err(|error| error.to_string())?;
        let mut worked = Worked::done(Vec::new());
        let is_last = page.len() < PAGE;
        let mut after = all.after;
        for live in page {
            let named = Named { repository: live.repository, digest: live.digest };
            after = live.number;
            if each_alone {
                worked.jobs.push(named.job());
                continue;
            }
            match self.0.inspect(&named, Depth::IfOld).await {
                Ok(change) => worked.changes.extend(change),
                // From there it is tried again, and has its own attempts.
                Err(Trouble::Here(_)) => worked.jobs.push(named.job()),
                Err(Trouble::Elsewhere(error)) => return Err(error),
            }
            worked.jobs.extend(self.0.trees(&named).await.map_err(|error| error.to_string())?);
            if worked.weight() >= super::BATCH_BYTES {
                worked.ended = Ended::Left(All { after, ..all.clone() }.to_string());
                return Ok(worked);
            }
        }
        if !is_last {
            worked.ended = Ended::Left(All { after, ..all.clone() }.to_string());
        }
        Ok(worked)
    }
}
