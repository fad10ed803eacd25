//! Workers: what may take long, done at least once, side by side, beside the requests. A job is unique by its kind and key;
//! whoever takes it holds a lease, renews it, and when that runs out somebody else may.
//!
//! There is one way of working off jobs, [`Worker`]; what is done with one is a [`Work`]: a file here.

mod inspect;
mod reclaim;
mod tree;

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use wharf_store::clock::Millis;
use wharf_store::ledger::change::{Change, Commit, Refused};
use wharf_store::ledger::facts::FactsChange;
use wharf_store::ledger::notes::{Claim, Job, NewJob, Outcome, RECLAIM};
use wharf_store::ledger::{Ledger, Seq};

use crate::files::TREE;
use crate::inspect::{INSPECT, INSPECT_ALL, Inspector};
use crate::registry::Registry;

/// The kinds of jobs that there are.
pub const KINDS: [&str; 4] = [RECLAIM, INSPECT, INSPECT_ALL, TREE];

/// Most jobs whose results are committed at once, and that are taken at once where that is harmless.
const BATCH: usize = 32;
/// How large the results of one commit may be, in bytes, before it is made.
const BATCH_BYTES: usize = 4 << 20;
/// How long results wait for others to be committed with.
const GATHER: Duration = Duration::from_millis(100);
/// How long a job that was taken is kept from others, in milliseconds: so long it waits where a process ends in the middle.
const LEASE: Millis = 60_000;
/// How often the leases of what is not finished are renewed.
const RENEW: Duration = Duration::from_secs(20);
/// How often a worker looks where nothing wakes it: for what failed before, and what other processes have queued.
const LOOK: Duration = Duration::from_secs(5);
/// The first wait after a failure, in milliseconds; it doubles up to an hour.
const RETRY: Millis = 1_000;
const RETRY_MAX: Millis = 3_600_000;
/// How long a job waits whose failure says nothing of it, in milliseconds.
const POSTPONED: Millis = 30_000;

/// What is done with the jobs of one kind.
#[async_trait]
pub trait Work: Send + Sync {
    /// The kind.
    fn kind(&self) -> &'static str;
    /// How many are done side by side.
    fn at_once(&self) -> usize;
    /// How many are taken at once; they are begun in their order, as there is room.
    fn taken(&self) -> usize {
        1
    }
    /// Whether one may end the process. It counts as an attempt to be taken; so of those that were tried before one is taken
    /// at a time, and runs beside no other of its kind: none counts more than one attempt because of the same other.
    fn is_risky(&self) -> bool {
        true
    }
    /// How long the worker rests after it has worked off what there was.
    fn rest(&self) -> Duration;
    /// Does a job. It may have been done before: at least once is what is promised.
    async fn work(&self, job: &Job) -> Worked;
}

/// What came of a job: what is to be committed, with the job's end.
#[derive(Debug)]
pub struct Worked {
    /// Changes to be made.
    pub changes: Vec<Change>,
    /// Further jobs.
    pub jobs: Vec<NewJob>,
    /// How it ended.
    pub ended: Ended,
}

/// How a job ended.
#[derive(Debug)]
pub enum Ended {
    /// It is done.
    Done,
    /// A part is done; this is left.
    Left(String),
    /// It failed, and is tried again later, each time later.
    Failed(String),
    /// Something else failed, that it needs; it is tried again later.
    Postponed(String),
}

impl Worked {
    /// Done, with these changes.
    pub fn done(changes: Vec<Change>) -> Worked {
        Worked { changes, jobs: Vec::new(), ended: Ended::Done }
    }

    /// Nothing came of it.
    pub fn ended(ended: Ended) -> Worked {
        Worked { changes: Vec::new(), jobs: Vec::new(), ended }
    }

    /// About how many bytes are to be committed.
    fn weight(&self) -> usize {
        let of = |change: &Change| match change {
            Change::Found(FactsChange::PutFacts { facts, .. }) => facts.len(),
            _ => 0,
        };
        self.changes.iter().map(of).sum()
    }
}

/// Works off the jobs of one kind.
pub struct Worker {
    ledger: Arc<dyn Ledger>,
    work: Box<dyn Work>,
}

impl Worker {
    /// A worker over the registry's ledger; nothing runs yet.
    pub fn new(registry: &Registry, work: Box<dyn Work>) -> Worker {
        Worker { ledger: registry.stores().0.clone(), work }
    }

    /// All workers of a process, but for those that take more than its stores.
    pub fn reclaimer(registry: &Registry) -> Worker {
        Worker::new(registry, Box::new(reclaim::Reclaim::new(registry)))
    }

    /// Those that inspect: what was pushed, and everything, where it may be told otherwise than before.
    pub fn inspectors(registry: &Registry, inspector: &Arc<Inspector>) -> [Worker; 2] {
        let inspect = inspect::Inspect(inspector.clone());
        let all = inspect::InspectAll(inspector.clone());
        [Worker::new(registry, Box::new(inspect)), Worker::new(registry, Box::new(all))]
    }

    /// The one that looks into layers.
    pub fn of_trees(registry: &Registry) -> Worker {
        Worker::new(registry, Box::new(tree::Trees(registry.clone())))
    }

    /// Works for ever.
    pub async fn run(&self) {
        let mut queued = self.ledger.queued(self.work.kind());
        loop {
            queued.mark_unchanged();
            if let Err(error) = self.work_off().await {
                tracing::warn!(kind = self.work.kind(), %error, "a worker failed; it will go on later");
            }
            tokio::time::sleep(self.work.rest()).await;
            let _ = timeout(LOOK, queued.changed()).await;
        }
    }

    /// Does what is due, and returns when nothing is; how many jobs that were.
    ///
    /// # Errors
    /// The ledger fails; what was taken and not committed is done again later.
    pub async fn work_off(&self) -> Result<usize, Refused> {
        let shift = Shift {
            worker: self,
            waiting: VecDeque::new(),
            running: FuturesUnordered::new(),
            finished: Vec::new(),
            weight: 0,
            since: Instant::now(),
            held: HashSet::new(),
            is_dry: false,
            is_alone: false,
            failure: None,
            count: 0,
        };
        shift.run().await
    }

    /// Does one job. A mistake in the work ends that job and no other.
    async fn one(&self, job: Job) -> (Job, Worked) {
        let worked = AssertUnwindSafe(self.work.work(&job)).catch_unwind().await;
        let worked = worked.unwrap_or_else(|_| Worked::ended(Ended::Failed("the work broke off".to_owned())));
        (job, worked)
    }

    async fn commit(&self, finished: Vec<(Job, Worked)>) -> Result<Seq, Refused> {
        let mut commit = Commit { actor: format!("worker:{}", self.work.kind()), ..Commit::default() };
        let mut is_told = false;
        for (job, worked) in finished {
            match &worked.ended {
                Ended::Failed(error) => {
                    tracing::warn!(
                        kind = self.work.kind(),
                        job = job.key,
                        error,
                        "a job failed; it will be tried again"
                    );
                }
                // Whatever that is, it is the same for all of them.
                Ended::Postponed(error) if !is_told => {
                    tracing::warn!(kind = self.work.kind(), job = job.key, error, "jobs have to wait");
                    is_told = true;
                }
                _ => {}
            }
            commit.changes.extend(worked.changes);
            commit.jobs.extend(worked.jobs);
            commit.settled.push(job.settled(outcome(&job, worked.ended)));
        }
        self.ledger.commit(commit).await
    }
}

fn outcome(job: &Job, ended: Ended) -> Outcome {
    match ended {
        Ended::Done => Outcome::Done,
        Ended::Left(rest) => Outcome::Left(rest),
        Ended::Failed(error) => {
            let doublings = job.attempts.min(12) as u32;
            Outcome::Failed { delay: (RETRY << doublings).min(RETRY_MAX), error }
        }
        Ended::Postponed(error) => Outcome::Postponed { delay: POSTPONED, error },
    }
}

/// What a worker has in hand until nothing is left.
struct Shift<'w> {
    worker: &'w Worker,
    /// Taken, and not begun.
    waiting: VecDeque<Job>,
    running: FuturesUnordered<BoxFuture<'w, (Job, Worked)>>,
    /// Done, and not committed.
    finished: Vec<(Job, Worked)>,
    /// About how many bytes that is.
    weight: usize,
    /// When the first of it was done.
    since: Instant,
    /// The jobs that are in hand, wherever.
    held: HashSet<i64>,
    /// Whether nothing was due when it was asked last.
    is_dry: bool,
    /// Whether nothing is to run beside what does.
    is_alone: bool,
    /// Why nothing more is taken.
    failure: Option<Refused>,
    count: usize,
}

impl Shift<'_> {
    async fn run(mut self) -> Result<usize, Refused> {
        let mut queued = self.worker.ledger.queued(self.worker.work.kind());
        let mut renew = tokio::time::interval_at(Instant::now() + RENEW, RENEW);
        loop {
            self.begin();
            while self.take().await {
                self.begin();
            }
            if self.is_full() || self.running.is_empty() && !self.finished.is_empty() {
                self.commit().await;
                continue;
            }
            if self.running.is_empty() {
                return self.failure.map_or(Ok(self.count), Err);
            }
            tokio::select! {
                Some(done) = self.running.next() => self.finish(done),
                () = sleep_until(self.since + GATHER), if !self.finished.is_empty() => self.commit().await,
                _ = renew.tick() => self.renew().await,
                Ok(()) = queued.changed(), if self.is_dry => self.is_dry = false,
            }
        }
    }

    /// Takes more, where nothing waits, there is room for it, and something may be due; whether it has.
    async fn take(&mut self) -> bool {
        let (work, room) = (&self.worker.work, self.running.len() < self.worker.work.at_once());
        if self.is_dry || self.failure.is_some() || !self.waiting.is_empty() || self.is_alone || !room {
            return false;
        }
        let mut claim = Claim::new(work.kind(), LEASE, work.taken());
        if work.is_risky() {
            claim.tried = 1;
        }
        match self.worker.ledger.claim_jobs(claim.clone()).await {
            Ok(jobs) => {
                self.is_dry = !claim.may_go_on(&jobs);
                // One whose lease has run out all the same is in hand already.
                self.waiting = jobs.into_iter().filter(|job| self.held.insert(job.id)).collect();
            }
            Err(error) => self.failure = Some(error.into()),
        }
        !self.waiting.is_empty()
    }

    /// Begins what waits. What was begun before may have ended the process, and may do so again: it runs alone, so that this
    /// counts against no other.
    fn begin(&mut self) {
        let worker = self.worker;
        self.is_alone &= !self.running.is_empty();
        while self.running.len() < worker.work.at_once() && !self.is_alone {
            let Some(job) = self.waiting.pop_front() else { return };
            let is_alone = worker.work.is_risky() && job.is_again();
            if is_alone && !self.running.is_empty() {
                self.waiting.push_front(job);
                return;
            }
            self.is_alone = is_alone;
            self.running.push(worker.one(job).boxed());
        }
    }

    fn finish(&mut self, done: (Job, Worked)) {
        if self.finished.is_empty() {
            self.since = Instant::now();
        }
        self.weight += done.1.weight();
        self.finished.push(done);
    }

    fn is_full(&self) -> bool {
        self.finished.len() >= BATCH || self.weight >= BATCH_BYTES
    }

    async fn commit(&mut self) {
        let finished = std::mem::take(&mut self.finished);
        self.weight = 0;
        for (job, worked) in &finished {
            self.held.remove(&job.id);
            // What is left of a job is due now, and nobody wakes us for it.
            self.is_dry &= !matches!(worked.ended, Ended::Left(_));
        }
        let count = finished.len();
        match self.worker.commit(finished).await {
            Ok(_) => self.count += count,
            Err(refused) => self.failure = Some(refused),
        }
    }

    /// Where that fails, somebody else may do the same work: a waste, and no harm.
    async fn renew(&mut self) {
        let held: Vec<i64> = self.held.iter().copied().collect();
        if let Err(error) = self.worker.ledger.renew_jobs(&held, LEASE).await {
            tracing::warn!(kind = self.worker.work.kind(), %error, "leases were not renewed");
        }
    }
}
