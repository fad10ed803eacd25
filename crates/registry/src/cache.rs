//! What is asked for all the time, kept in bounded memory and never older than the ledger.
//!
//! An entry carries the version that its repository had *before* the ledger was asked. Every commit moves the versions of
//! the repositories and projects that it touches before it is acknowledged, so an entry whose version is no longer the
//! current one is not used: no entry needs to be found and thrown away, and a slow reader cannot bring back what a commit
//! has just replaced. Versions live in a fixed number of slots; two names in one slot cost a miss, never a wrong answer.

use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;
use wharf_model::name::{Reference, RepositoryName};
use wharf_store::ledger::Observer;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::query::{ManifestRow, PlaceRow};

/// Number of version slots; a power of two.
const SLOTS: usize = 4096;

/// Counts the commits that touched a name, by slot.
pub struct Versions {
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Versions {
    fn new() -> Versions {
        Versions { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }

    fn slot(&self, name: &str) -> &AtomicU64 {
        &self.slots[self.hasher.hash_one(name) as usize % SLOTS]
    }

    /// The version of a repository, its project's included.
    fn of(&self, repository: &RepositoryName) -> (u64, u64) {
        let load = |name: &str| self.slot(name).load(Ordering::Acquire);
        (load(repository.as_str()), load(repository.project_str()))
    }

    fn touch(&self, name: &str) {
        self.slot(name).fetch_add(1, Ordering::AcqRel);
    }
}

impl Observer for Versions {
    fn committed(&self, entry: &Entry) {
        for change in &entry.changes {
            match change {
                Change::EnsureRepository { repository, made_project, .. } => {
                    self.touch(repository.as_str());
                    if *made_project {
                        // Of its other repositories it is known that they have no project.
                        self.touch(repository.project_str());
                    }
                }
                Change::PutManifest { repository, .. }
                | Change::PointTag { repository, .. }
                | Change::DeleteTag { repository, .. }
                | Change::DeleteManifest { repository, .. }
                | Change::RestoreManifest { repository, .. }
                | Change::DeleteRepository { repository, .. }
                | Change::RestoreRepository { repository, .. } => self.touch(repository.as_str()),
                Change::PutProject { project, .. }
                | Change::DeleteProject { project, .. }
                | Change::RestoreProject { project, .. } => self.touch(project.as_str()),
                // No blob is kept here, and none of these changes a manifest, a tag or a repository.
                Change::PutBlob { .. }
                | Change::MountBlob { .. }
                | Change::DeleteBlob { .. }
                | Change::SetOverview { .. }
                | Change::SweepMember { .. }
                | Change::PurgeTrash { .. } => {}
                Change::People(_) | Change::Found(_) | Change::AddTotals(_) | Change::SetTotals(_) => {}
            }
        }
    }
}

/// A cache of answers about things in repositories.
struct Answers<K, V> {
    cache: Cache<K, Answer<V>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Clone)]
struct Answer<V> {
    version: (u64, u64),
    value: V,
}

impl<K: Hash + Eq + Send + Sync + Clone + 'static, V: Clone + Send + Sync + 'static> Answers<K, V> {
    fn new(weight_max: u64, weigh: fn(&V) -> u32) -> Answers<K, V> {
        let cache = Cache::builder()
            .max_capacity(weight_max)
            .weigher(move |_, answer: &Answer<V>| weigh(&answer.value))
            .build();
        Answers { cache, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    fn get(&self, version: (u64, u64), key: &K) -> Option<V> {
        let found = self.cache.get(key).filter(|answer| answer.version == version);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(|answer| answer.value)
    }

    fn put(&self, version: (u64, u64), key: K, value: V) {
        self.cache.insert(key, Answer { version, value });
    }
}

/// The caches of one process.
pub struct Caches {
    versions: Arc<Versions>,
    manifests: Answers<(RepositoryName, Reference), Arc<ManifestRow>>,
    places: Answers<RepositoryName, PlaceRow>,
}

impl Caches {
    /// Empty caches; manifests take up to `manifest_bytes_max` bytes.
    pub fn new(manifest_bytes_max: u64) -> Caches {
        Caches {
            versions: Arc::new(Versions::new()),
            manifests: Answers::new(manifest_bytes_max, |row| row.bytes.len() as u32 + 512),
            places: Answers::new(20_000, |_| 1),
        }
    }

    /// What must observe the ledger for the caches to be right.
    pub fn observer(&self) -> Arc<Versions> {
        self.versions.clone()
    }

    /// The manifest, from the cache or by asking. What is not there is not kept.
    pub async fn manifest<E, F: Future<Output = Result<Option<ManifestRow>, E>>>(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        ask: impl FnOnce() -> F,
    ) -> Result<Option<Arc<ManifestRow>>, E> {
        let version = self.versions.of(repository);
        let key = (repository.clone(), reference.clone());
        if let Some(row) = self.manifests.get(version, &key) {
            return Ok(Some(row));
        }
        let row = ask().await?.map(Arc::new);
        if let Some(row) = &row {
            self.manifests.put(version, key, row.clone());
        }
        Ok(row)
    }

    /// The place of a repository's name, from the cache or by asking; that nothing is there is kept too.
    pub async fn place<E, F: Future<Output = Result<PlaceRow, E>>>(
        &self,
        repository: &RepositoryName,
        ask: impl FnOnce() -> F,
    ) -> Result<PlaceRow, E> {
        let version = self.versions.of(repository);
        if let Some(row) = self.places.get(version, repository) {
            return Ok(row);
        }
        let row = ask().await?;
        self.places.put(version, repository.clone(), row.clone());
        Ok(row)
    }

    /// Hits and misses since the start, manifests and places together.
    pub fn counts(&self) -> (u64, u64) {
        let load = |counters: [&AtomicU64; 2]| counters.iter().map(|counter| counter.load(Ordering::Relaxed)).sum();
        (load([&self.manifests.hits, &self.places.hits]), load([&self.manifests.misses, &self.places.misses]))
    }
}
