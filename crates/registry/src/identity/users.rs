//! Accounts in memory with what they are given, and their tokens, never older than the ledger.
//!
//! An entry carries the number of changes of people that this process had seen *before* the ledger was asked. Every commit
//! that changes an account, a group, a role or a binding moves that number before it is acknowledged, and so does one that
//! changes a project; an entry with an older number is not used, and a slow reader cannot bring back what a commit has just
//! replaced. One number for all: they change rarely, and a miss costs two questions. Ends of tokens, which are not so rare, are
//! counted apart, and matter to tokens only; a new one is nothing that anybody could know already.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use moka::sync::Cache;
use wharf_model::api::people::Limit;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::RepositoryName;
use wharf_store::clock::Millis;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::people::{AccountKind, AccountRow, BindingRow, PeopleChange, SecretRow};
use wharf_store::ledger::query::{LedgerError, PlaceRow};
use wharf_store::ledger::{Ledger, Observer};

use crate::actor::Actor;
use crate::cache::Caches;
use crate::rights::{self, Rights};

/// What accounts may take in memory, by name and by id each, in bytes: some tens of thousands of the usual sort.
const ACCOUNTS_BYTES_MAX: u64 = 16 << 20;
/// What an account takes besides its rights, in bytes, about.
const ACCOUNT_BYTES: usize = 512;
/// Most tokens kept.
const SECRETS_MAX: u64 = 10_000;

/// What identities ask the ledger.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// As [`wharf_store::ledger::people::People::account`].
    async fn account(&self, name: &Handle) -> Result<Option<AccountRow>, LedgerError>;
    /// As [`wharf_store::ledger::people::People::account_by_id`].
    async fn account_by_id(&self, id: Id) -> Result<Option<AccountRow>, LedgerError>;
    /// As [`wharf_store::ledger::people::People::bindings_of`].
    async fn bindings_of(&self, account: Id) -> Result<Vec<BindingRow>, LedgerError>;
    /// As [`wharf_store::ledger::people::People::secret`].
    async fn secret(&self, id: Id) -> Result<Option<SecretRow>, LedgerError>;
    /// As [`wharf_store::ledger::people::People::note_uses`].
    async fn note_uses(&self, uses: &[(Id, Millis)]) -> Result<(), LedgerError>;
    /// As [`Ledger::place`].
    async fn place(&self, repository: &RepositoryName) -> Result<PlaceRow, LedgerError>;
}

/// The ledger, and what is known of its repositories.
pub(super) struct Asked {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) caches: Arc<Caches>,
}

#[async_trait]
impl Source for Asked {
    async fn account(&self, name: &Handle) -> Result<Option<AccountRow>, LedgerError> {
        self.ledger.account(name).await
    }

    async fn account_by_id(&self, id: Id) -> Result<Option<AccountRow>, LedgerError> {
        self.ledger.account_by_id(id).await
    }

    async fn bindings_of(&self, account: Id) -> Result<Vec<BindingRow>, LedgerError> {
        self.ledger.bindings_of(account).await
    }

    async fn secret(&self, id: Id) -> Result<Option<SecretRow>, LedgerError> {
        self.ledger.secret(id).await
    }

    async fn note_uses(&self, uses: &[(Id, Millis)]) -> Result<(), LedgerError> {
        self.ledger.note_uses(uses).await
    }

    async fn place(&self, repository: &RepositoryName) -> Result<PlaceRow, LedgerError> {
        self.caches.place(repository, || self.ledger.place(repository)).await
    }
}

/// An account, and what it is given.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) row: AccountRow,
    pub(super) rights: Arc<Rights>,
}

impl Account {
    /// Whether it may log in at that time.
    pub(super) fn is_open(&self, now: Millis) -> bool {
        !self.row.disabled && self.row.expires_at.is_none_or(|at| now < at)
    }

    pub(super) fn actor(&self) -> Actor {
        let (id, name) = (self.row.id, self.row.name.clone());
        match self.row.kind {
            AccountKind::User => Actor::User { id, name },
            AccountKind::Robot { .. } => Actor::Robot { id, name },
        }
    }

    fn bytes(&self) -> usize {
        ACCOUNT_BYTES + self.rights.bytes()
    }
}

/// A token that is known by its id.
#[derive(Debug)]
pub(super) struct Secret {
    pub(super) row: SecretRow,
    pub(super) limits: Arc<[Limit]>,
}

impl Secret {
    /// Whether it counts at that time.
    pub(super) fn is_open(&self, now: Millis) -> bool {
        self.row.expires_at.is_none_or(|at| now < at)
    }
}

/// Counts the changes of people, and the ends of tokens. An observer of the ledger; it must not hold the ledger, which holds it.
#[derive(Default)]
pub(super) struct Changes {
    people: AtomicU64,
    tokens: AtomicU64,
}

/// See the module.
pub(super) struct Users {
    source: Arc<dyn Source>,
    changes: Arc<Changes>,
    by_name: Cache<Handle, Kept<Account>>,
    by_id: Cache<Id, Kept<Account>>,
    secrets: Cache<Id, Kept<Secret>>,
}

struct Kept<T> {
    version: u64,
    what: Arc<T>,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Kept { version: self.version, what: self.what.clone() }
    }
}

impl Users {
    pub(super) fn new(source: Arc<dyn Source>) -> Users {
        let weigh = |kept: &Kept<Account>| u32::try_from(kept.what.bytes()).unwrap_or(u32::MAX);
        let by_name = Cache::builder().max_capacity(ACCOUNTS_BYTES_MAX).weigher(move |_, kept| weigh(kept)).build();
        let by_id = Cache::builder().max_capacity(ACCOUNTS_BYTES_MAX).weigher(move |_, kept| weigh(kept)).build();
        Users { source, changes: Arc::default(), by_name, by_id, secrets: Cache::new(SECRETS_MAX) }
    }

    /// What must observe the ledger for this to be right.
    pub(super) fn observer(&self) -> Arc<Changes> {
        self.changes.clone()
    }

    /// How many changes of people and ends of tokens this process has seen. What was learnt after reading it holds as long as
    /// it stays.
    pub(super) fn version(&self) -> u64 {
        // Both only grow: where the sum is what it was, they are.
        self.accounts_version() + self.changes.tokens.load(Ordering::Acquire)
    }

    /// The same for what is learnt of accounts, which have nothing to do with tokens.
    pub(super) fn accounts_version(&self) -> u64 {
        self.changes.people.load(Ordering::Acquire)
    }

    /// The account of that name, as of now.
    pub(super) async fn by_name(&self, name: &str) -> Result<Option<Arc<Account>>, LedgerError> {
        // What is no name is nobody's.
        let Ok(name) = name.parse::<Handle>() else { return Ok(None) };
        let version = self.accounts_version();
        if let Some(kept) = self.by_name.get(&name).filter(|kept| kept.version == version) {
            return Ok(Some(kept.what));
        }
        let row = self.source.account(&name).await?;
        self.load(version, row).await
    }

    /// The account with that id, as of now.
    pub(super) async fn by_id(&self, id: Id) -> Result<Option<Arc<Account>>, LedgerError> {
        let version = self.accounts_version();
        if let Some(kept) = self.by_id.get(&id).filter(|kept| kept.version == version) {
            return Ok(Some(kept.what));
        }
        let row = self.source.account_by_id(id).await?;
        self.load(version, row).await
    }

    /// The token with that id, as of now.
    pub(super) async fn secret(&self, id: Id) -> Result<Option<Arc<Secret>>, LedgerError> {
        let version = self.version();
        if let Some(kept) = self.secrets.get(&id).filter(|kept| kept.version == version) {
            return Ok(Some(kept.what));
        }
        let Some(row) = self.source.secret(id).await? else { return Ok(None) };
        let what = Arc::new(Secret { limits: row.limits.clone().into(), row });
        self.secrets.insert(id, Kept { version, what: what.clone() });
        Ok(Some(what))
    }

    /// Keeps those that are there, for as long as [`Users::accounts_version`] is what is given; that somebody is not there is asked anew each time, so that made-up names take no room.
    pub(super) async fn load(
        &self,
        version: u64,
        row: Option<AccountRow>,
    ) -> Result<Option<Arc<Account>>, LedgerError> {
        let Some(row) = row else { return Ok(None) };
        let bindings = rights::counting(&row, self.source.bindings_of(row.id).await?);
        let account = Arc::new(Account { rights: Arc::new(Rights::compile(&bindings)), row });
        let kept = Kept { version, what: account.clone() };
        self.by_name.insert(account.row.name.clone(), kept.clone());
        self.by_id.insert(account.row.id, kept);
        Ok(Some(account))
    }
}

impl Observer for Changes {
    fn committed(&self, entry: &Entry) {
        // A project that comes into being with its first repository has no bindings yet. Robots go and come back with theirs.
        let counter = |change: &Change| match change {
            Change::People(PeopleChange::PutSecret { .. }) => None,
            Change::People(PeopleChange::EndSecret { .. }) => Some(&self.tokens),
            Change::People(_)
            | Change::PutProject { .. }
            | Change::DeleteProject { .. }
            | Change::RestoreProject { .. } => Some(&self.people),
            _ => None,
        };
        for counter in entry.changes.iter().filter_map(counter) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }
}
