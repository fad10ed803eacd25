//! The one writer of a process: takes what waits, makes it in one transaction with a savepoint for each commit, and
//! answers when all of it is durable. So waiting commits share one flush, and one that is refused leaves nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot, watch};
use wharf_model::id::Id;

use super::apply::Applied;
use super::change::{Commit, Entry, Refused};
use super::front::{self, Pulled};
use super::notes::{Claim, Cursor, Job, UploadNote};
use super::query::LedgerError;
use super::{Observer, Seq, apply, noted, people, read};
use crate::clock::Millis;
use crate::sql::Sql;

/// Most requests that wait; more wait for a place.
const WAITING_MAX: usize = 1024;
/// Most requests in one transaction.
pub(crate) const BATCH_MAX: usize = 256;
/// How long a transaction takes in more requests: other processes wait for the writer's lock meanwhile, and not for ever.
const BATCH_TIME: Duration = Duration::from_secs(5);
/// How many entries that came to be unnoticed are read at once.
const MISSED_PAGE: usize = 256;

/// What the writer is asked for.
pub(crate) enum Work {
    Commit(Commit),
    PutUpload(UploadNote),
    DeleteUpload(Id),
    PutCursor(String, Cursor),
    ClaimJobs(Claim),
    /// See [`People::note_uses`](super::people::People::note_uses).
    NoteUses(Vec<(Id, Millis)>),
    /// See [`Front::note_pulls`](super::front::Front::note_pulls).
    NotePulls(Vec<Pulled>),
    RenewJobs {
        jobs: Vec<i64>,
        lease: Millis,
    },
}

/// What the writer did.
pub(crate) enum Done {
    /// A commit, and what came of it.
    Committed(Applied),
    /// A note; whether it was written.
    Noted(bool),
    Claimed(Vec<Job>),
}

/// A request, and where its answer goes.
pub(crate) struct Request {
    work: Work,
    answer: oneshot::Sender<Result<(Done, Seq), Refused>>,
}

/// How the writer is reached. When this is dropped, the writer makes what waits and ends.
pub(crate) struct Writer {
    requests: mpsc::Sender<Request>,
    pub(crate) news: watch::Receiver<Seq>,
    pub(crate) queues: Queues,
    pub(crate) observers: Observers,
}

/// Who waits for jobs, kind by kind: as many as there are in the code.
#[derive(Clone, Default)]
pub(crate) struct Queues(Arc<Mutex<HashMap<String, watch::Sender<u64>>>>);

impl Queues {
    /// What changes when jobs of that kind are queued.
    pub(crate) fn of(&self, kind: &str) -> watch::Receiver<u64> {
        self.0.lock().entry(kind.to_owned()).or_default().subscribe()
    }

    fn tell(&self, kind: &str) {
        if let Some(waiting) = self.0.lock().get(kind) {
            waiting.send_modify(|times| *times += 1);
        }
    }
}

pub(crate) type Observers = Arc<RwLock<Vec<Arc<dyn Observer>>>>;

/// The writer's own end.
pub(crate) struct Desk {
    pub(crate) requests: mpsc::Receiver<Request>,
    news: watch::Sender<Seq>,
    queues: Queues,
    observers: Observers,
    grace: Millis,
}

impl Writer {
    /// A writer that nobody serves yet, for a ledger whose latest entry is `latest`.
    pub(crate) fn new(latest: Seq, grace: Millis) -> (Writer, Desk) {
        let (sender, requests) = mpsc::channel(WAITING_MAX);
        let (news_sender, news) = watch::channel(latest);
        let (queues, observers) = (Queues::default(), Observers::default());
        let desk = Desk { requests, news: news_sender, queues: queues.clone(), observers: observers.clone(), grace };
        (Writer { requests: sender, news, queues, observers }, desk)
    }

    /// Whether somebody serves the writer.
    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        if self.requests.is_closed() { Err(stopped()) } else { Ok(()) }
    }

    /// Has `work` done. Dropped, it is done as a whole or not at all.
    pub(crate) async fn ask(&self, work: Work) -> Result<(Done, Seq), Refused> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { work, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn stopped() -> LedgerError {
    LedgerError::Unavailable("the ledger's writer has stopped".to_owned())
}

/// How a transaction is begun; the statement differs.
pub(crate) trait Transactions: Sql {
    /// Begins a transaction that excludes every other writer; the time on the ledger's clock.
    fn begin(&mut self) -> impl Future<Output = Result<Millis, LedgerError>> + Send;

    /// Makes the transaction durable. An error means that nothing of it stays; where that could not be learned it is
    /// [`LedgerError::Unavailable`].
    fn commit(&mut self) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Ends a transaction that broke; nothing of it stays.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send;
}

impl Desk {
    /// Serves one batch.
    pub(crate) async fn serve(&mut self, sql: &mut impl Transactions, mut batch: Vec<Request>) {
        while !batch.is_empty() {
            match self.transaction(sql, &batch).await {
                Ok((results, latest)) => {
                    self.tell(results.iter().filter_map(entry), latest);
                    results.iter().flat_map(queued).for_each(|kind| self.queues.tell(kind));
                    let done = results.len();
                    for (request, result) in batch.drain(..done).zip(results) {
                        let _ = request.answer.send(result.map(|done| (done, latest)));
                    }
                }
                Err(Broken { at, error }) => {
                    sql.abandon().await;
                    tracing::warn!(%error, "a transaction of the ledger failed");
                    // One request that the engine cannot take must not fail the others; where the transaction as a whole
                    // failed, all are told.
                    let failed = match at {
                        Some(at) => batch.drain(at..=at).collect::<Vec<_>>(),
                        None => std::mem::take(&mut batch),
                    };
                    for request in failed {
                        let _ = request.answer.send(Err(Refused::Failed(error.clone())));
                    }
                }
            }
        }
    }

    /// Makes the batch, or as much of it from its beginning as there is time for; the answers, and the latest entry.
    async fn transaction(
        &self,
        sql: &mut impl Transactions,
        batch: &[Request],
    ) -> Result<(Vec<Result<Done, Refused>>, Seq), Broken> {
        let whole = |error| Broken { at: None, error };
        let now = sql.begin().await.map_err(whole)?;
        let mut seq = self.catch_up(sql).await.map_err(whole)?;
        let mut results = Vec::with_capacity(batch.len());
        let begun = Instant::now();
        for (at, request) in batch.iter().enumerate() {
            if at > 0 && begun.elapsed() > BATCH_TIME {
                break;
            }
            let broken = |error| Broken { at: Some(at), error };
            sql.batch("SAVEPOINT one").await.map_err(broken)?;
            let result = self.one(sql, &request.work, now, seq + 1).await;
            match &result {
                Ok(done) => {
                    seq += u64::from(matches!(done, Done::Committed(Applied { entry: Some(_), .. })));
                    sql.batch("RELEASE SAVEPOINT one").await.map_err(broken)?;
                }
                Err(Refused::Failed(error)) => return Err(broken(error.clone())),
                Err(_) => sql.batch("ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one").await.map_err(broken)?,
            }
            results.push(result);
        }
        sql.commit().await.map_err(whole)?;
        Ok((results, seq))
    }

    /// Tells of what came to be unnoticed here: commits of other processes, and any of this one whose outcome was not
    /// learned. The number of the latest entry.
    async fn catch_up(&self, sql: &mut impl Sql) -> Result<Seq, LedgerError> {
        let latest = read::latest(sql).await?;
        loop {
            let told = *self.news.borrow();
            if told >= latest {
                return Ok(latest);
            }
            let missed = read::log(sql, told, MISSED_PAGE).await?;
            let Some(last) = missed.last() else {
                return Err(LedgerError::Corrupt(format!("entry {} of the log is not there", told + 1)));
            };
            self.tell(missed.iter(), last.seq);
        }
    }

    async fn one(&self, sql: &mut impl Sql, work: &Work, now: Millis, next: Seq) -> Result<Done, Refused> {
        match work {
            Work::Commit(commit) => {
                // Made again after another request broke the transaction, it must begin from what was asked.
                let applied = apply::apply(sql, commit.clone(), next, now, self.grace).await?;
                return Ok(Done::Committed(applied));
            }
            Work::PutUpload(note) => return Ok(Done::Noted(noted::put_upload(sql, note).await?)),
            Work::DeleteUpload(id) => noted::delete_upload(sql, *id).await?,
            Work::PutCursor(follower, cursor) => noted::put_cursor(sql, follower, *cursor).await?,
            Work::ClaimJobs(claim) => return Ok(Done::Claimed(noted::claim_jobs(sql, claim).await?)),
            Work::NoteUses(uses) => people::apply::note_uses(sql, uses).await?,
            Work::NotePulls(pulled) => front::apply::note_pulls(sql, pulled).await?,
            Work::RenewJobs { jobs, lease } => noted::renew_jobs(sql, jobs, *lease).await?,
        }
        Ok(Done::Noted(true))
    }

    /// Observers first, in order; then whoever waits for news; the commits themselves are answered after that.
    fn tell<'a>(&self, entries: impl Iterator<Item = &'a Entry>, latest: Seq) {
        let observers = self.observers.read();
        for entry in entries {
            observers.iter().for_each(|observer| observer.committed(entry));
        }
        self.news.send_if_modified(|known| std::mem::replace(known, latest) != latest);
    }
}

fn entry(result: &Result<Done, Refused>) -> Option<&Entry> {
    if let Ok(Done::Committed(applied)) = result { applied.entry.as_ref() } else { None }
}

/// Of which kinds jobs were queued.
fn queued(result: &Result<Done, Refused>) -> impl Iterator<Item = &String> {
    let applied = if let Ok(Done::Committed(applied)) = result { Some(applied) } else { None };
    applied.into_iter().flat_map(|applied| &applied.queued)
}

/// A transaction that cannot go on, and at which request.
struct Broken {
    at: Option<usize>,
    error: LedgerError,
}
