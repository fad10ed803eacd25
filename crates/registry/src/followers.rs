//! Followers: what happens because something changed. They read the log after the fact, so no write path knows of them.
//!
//! A follower turns entries into further changes and jobs, which are committed together with its cursor: exactly once, even
//! through a crash. It has a version; when that moves, or when it never ran, it is rebuilt from what is and then joins the
//! log. To add one: a file here, and a line in [`FOLLOWERS`].

pub mod inspect;
pub mod totals;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use wharf_store::ledger::change::{Change, Commit, Entry, Refused};
use wharf_store::ledger::notes::{Cursor, NewJob};
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::{Ledger, Seq};

/// All followers, in no order that matters.
pub const FOLLOWERS: &[&dyn Follower] = &[&totals::TotalsFollower, &inspect::InspectFollower];

/// Most entries that are followed in one commit.
const BATCH: usize = 256;
/// How long a follower gathers entries before it commits what follows from them.
const GATHER: Duration = Duration::from_millis(100);
/// How long it waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How often it looks where nothing wakes it: for pauses that end.
const LOOK: Duration = Duration::from_secs(5);

/// What follows from some entries.
#[derive(Debug, Default)]
pub struct Reaction {
    /// Further changes.
    pub changes: Vec<Change>,
    /// Work to be queued.
    pub jobs: Vec<NewJob>,
}

/// A reaction to what is in the log. Holds no state of its own.
#[async_trait]
pub trait Follower: Send + Sync {
    /// Its name in the ledger; never changes.
    fn name(&self) -> &'static str;
    /// Moves when what it derives is derived differently: then it is rebuilt.
    fn version(&self) -> u32;
    /// Whether the change concerns it. It must not want what it makes itself.
    fn wants(&self, change: &Change) -> bool;
    /// What follows from these entries, all of which hold something that it wants.
    fn follow(&self, entries: &[Entry]) -> Reaction;
    /// What follows from all that there is, and the entry up to which that holds.
    async fn rebuild(&self, ledger: &dyn Ledger) -> Result<(Seq, Reaction), LedgerError>;
}

/// One follower at work, and how far it is.
pub struct Following {
    follower: &'static dyn Follower,
    ledger: Arc<dyn Ledger>,
    followed: AtomicU64,
    paused: AtomicBool,
    /// Held from the reading of the cursor to its writing: a step that is under way would undo a pause, and a pause the step.
    turn: Mutex<()>,
}

impl Following {
    /// The follower over this ledger; nothing runs yet.
    pub fn new(follower: &'static dyn Follower, ledger: Arc<dyn Ledger>) -> Following {
        Following {
            follower,
            ledger,
            followed: AtomicU64::new(0),
            paused: AtomicBool::new(false),
            turn: Mutex::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.follower.name()
    }

    /// How many entries it has not followed yet.
    pub fn lag(&self) -> u64 {
        self.ledger.watch().borrow().saturating_sub(self.followed.load(Ordering::Acquire))
    }

    /// Whether it was told to wait.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Tells it to wait, or to go on. Kept in the ledger.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn pause(&self, paused: bool) -> Result<(), LedgerError> {
        let _turn = self.turn.lock().await;
        let cursor = self.ledger.cursor(self.name()).await?.unwrap_or_default();
        self.ledger.put_cursor(self.name(), Cursor { paused, ..cursor }).await?;
        self.paused.store(paused, Ordering::Release);
        Ok(())
    }

    /// Follows for ever.
    pub async fn run(&self) {
        let mut news = self.ledger.watch();
        loop {
            match self.catch_up().await {
                Ok(()) => {
                    let _ = tokio::time::timeout(LOOK, news.changed()).await;
                    tokio::time::sleep(GATHER).await;
                }
                Err(error) => {
                    tracing::warn!(follower = self.name(), %error, "a follower failed; it will try again");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Follows what there is to follow, and returns when nothing is left.
    ///
    /// # Errors
    /// The ledger fails; what was committed stays, and the rest is followed next time.
    pub async fn catch_up(&self) -> Result<(), Refused> {
        while self.step().await? {}
        Ok(())
    }

    /// Follows one batch; whether there may be more.
    async fn step(&self) -> Result<bool, Refused> {
        let _turn = self.turn.lock().await;
        let cursor = self.ledger.cursor(self.name()).await?;
        self.paused.store(cursor.is_some_and(|cursor| cursor.paused), Ordering::Release);
        if self.is_paused() {
            self.followed.store(cursor.map_or(0, |cursor| cursor.seq), Ordering::Release);
            return Ok(false);
        }
        let seq = match cursor {
            Some(cursor) if cursor.version == self.follower.version() => {
                cursor.seq.max(self.followed.load(Ordering::Acquire))
            }
            _ => self.derive().await?,
        };
        let entries = self.ledger.log(seq, BATCH).await?;
        let last = entries.last().map(|entry| entry.seq);
        if let Some(last) = last {
            self.follow(&entries, last).await?;
        }
        self.followed.store(last.unwrap_or(seq), Ordering::Release);
        Ok(last.is_some())
    }

    /// Derives everything anew. A follower that was told to wait goes on waiting afterwards.
    ///
    /// # Errors
    /// The ledger fails; nothing has changed then.
    pub async fn rebuild(&self) -> Result<Seq, Refused> {
        let _turn = self.turn.lock().await;
        let cursor = self.ledger.cursor(self.name()).await?;
        self.paused.store(cursor.is_some_and(|cursor| cursor.paused), Ordering::Release);
        self.derive().await
    }

    async fn derive(&self) -> Result<Seq, Refused> {
        let (seq, reaction) = self.follower.rebuild(&*self.ledger).await?;
        self.commit(reaction, seq).await?;
        self.followed.store(seq, Ordering::Release);
        Ok(seq)
    }

    async fn follow(&self, entries: &[Entry], last: Seq) -> Result<(), Refused> {
        let wanted = |entry: &&Entry| entry.changes.iter().any(|change| self.follower.wants(change));
        let wanted: Vec<Entry> = entries.iter().filter(wanted).cloned().collect();
        if wanted.is_empty() {
            // Nothing to write: the cursor moves in memory, and is noted once in a while, so that the log never grows by
            // itself and a restart does not begin far behind.
            if entries.len() == BATCH {
                let cursor = Cursor { seq: last, version: self.follower.version(), paused: false };
                self.ledger.put_cursor(self.name(), cursor).await?;
            }
            return Ok(());
        }
        self.commit(self.follower.follow(&wanted), last).await
    }

    async fn commit(&self, reaction: Reaction, seq: Seq) -> Result<(), Refused> {
        let cursor = Cursor { seq, version: self.follower.version(), paused: self.is_paused() };
        let commit = Commit {
            actor: format!("follower:{}", self.name()),
            client: None,
            changes: reaction.changes,
            jobs: reaction.jobs,
            settled: Vec::new(),
            cursor: Some((self.name().to_owned(), cursor)),
        };
        self.ledger.commit(commit).await.map(|_| ())
    }
}
