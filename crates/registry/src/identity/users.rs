//! Users in memory, never older than the ledger.
//!
//! An entry carries the number of user changes that this process had seen *before* the ledger was asked. Every commit that
//! changes a user moves that number before it is acknowledged, so an entry with an older number is not used, and a slow
//! reader cannot bring back what a commit has just replaced. One number for all users: they change rarely, and a miss costs
//! one question.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use moka::sync::Cache;
use wharf_model::id::Id;
use wharf_model::name::RepositoryName;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::query::{LedgerError, UserRow};
use wharf_store::ledger::{Ledger, Observer};

use crate::cache::Caches;

/// Most users kept, by name and by id each.
const USERS_MAX: u64 = 10_000;

/// What identities ask the ledger.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// As [`Ledger::user`].
    async fn user(&self, name: &str) -> Result<Option<UserRow>, LedgerError>;
    /// As [`Ledger::user_by_id`].
    async fn user_by_id(&self, id: Id) -> Result<Option<UserRow>, LedgerError>;
    /// Whether anybody may pull from the repository; `false` where it is not there.
    async fn is_public(&self, repository: &RepositoryName) -> Result<bool, LedgerError>;
}

/// The ledger, and what is known of its repositories.
pub(super) struct Asked {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) caches: Arc<Caches>,
}

#[async_trait]
impl Source for Asked {
    async fn user(&self, name: &str) -> Result<Option<UserRow>, LedgerError> {
        self.ledger.user(name).await
    }

    async fn user_by_id(&self, id: Id) -> Result<Option<UserRow>, LedgerError> {
        self.ledger.user_by_id(id).await
    }

    async fn is_public(&self, repository: &RepositoryName) -> Result<bool, LedgerError> {
        let row = self.caches.repository(repository, || self.ledger.repository(repository)).await?;
        Ok(row.is_some_and(|row| row.public))
    }
}

/// Counts the changes of users. An observer of the ledger; it must not hold the ledger, which holds it.
#[derive(Default)]
pub(super) struct Changes(AtomicU64);

/// See the module.
pub(super) struct Users {
    source: Arc<dyn Source>,
    changes: Arc<Changes>,
    by_name: Cache<String, Kept>,
    by_id: Cache<Id, Kept>,
}

#[derive(Clone)]
struct Kept {
    version: u64,
    row: Arc<UserRow>,
}

impl Users {
    pub(super) fn new(source: Arc<dyn Source>) -> Users {
        let (by_name, by_id) = (Cache::new(USERS_MAX), Cache::new(USERS_MAX));
        Users { source, changes: Arc::default(), by_name, by_id }
    }

    /// What must observe the ledger for this to be right.
    pub(super) fn observer(&self) -> Arc<Changes> {
        self.changes.clone()
    }

    /// How many changes of users this process has seen. What was learnt after reading it holds as long as it stays.
    pub(super) fn version(&self) -> u64 {
        self.changes.0.load(Ordering::Acquire)
    }

    /// The user of that name, as of now.
    pub(super) async fn by_name(&self, name: &str) -> Result<Option<Arc<UserRow>>, LedgerError> {
        let version = self.version();
        if let Some(kept) = self.by_name.get(name).filter(|kept| kept.version == version) {
            return Ok(Some(kept.row));
        }
        Ok(self.keep(version, self.source.user(name).await?))
    }

    /// The user with that id, as of now.
    pub(super) async fn by_id(&self, id: Id) -> Result<Option<Arc<UserRow>>, LedgerError> {
        let version = self.version();
        if let Some(kept) = self.by_id.get(&id).filter(|kept| kept.version == version) {
            return Ok(Some(kept.row));
        }
        Ok(self.keep(version, self.source.user_by_id(id).await?))
    }

    /// Keeps those that are there; that somebody is not there is asked anew each time, so that made-up names take no room.
    pub(super) fn keep(&self, version: u64, row: Option<UserRow>) -> Option<Arc<UserRow>> {
        let row = Arc::new(row?);
        let kept = Kept { version, row: row.clone() };
        self.by_name.insert(row.name.clone(), kept.clone());
        self.by_id.insert(row.id, kept);
        Some(row)
    }
}

impl Observer for Changes {
    fn committed(&self, entry: &Entry) {
        if entry.changes.iter().any(|change| matches!(change, Change::PutUser { .. })) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}
