//! What fills the search index: it follows the ledger's log, and where there is no index, or none that can be used, goes through all that
//! there is as well, a page at a time.
//!
//! Of what an entry of the log is about it is asked how it is *now*, and the index is told that. So it does no harm to do the same twice,
//! nor that something is read which is newer than the entry: an entry that says so is still to come. That is why the log can be followed
//! while everything is gone through.
//!
//! What is inside of layers and bills of materials comes behind all that: each is read once, whatever names it.
//!
//! Where several servers share an index, one of them fills it ([`Search::leads`]); the others look up to where it has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Mutex;
use wharf_artifact::inspect::packages::{self, Packaged};
use wharf_artifact::layer::stored::StoredError;
use wharf_model::digest::Digest;
use wharf_model::limits::{INSPECT_BLOB_BYTES_MAX, PAGE_ENTRIES_MAX};
use wharf_model::name::{ProjectName, Reference, RepositoryName};
use wharf_model::range::ByteRange;
use wharf_store::blobs::{Blobs, Served};
use wharf_store::ledger::change::{Change, Entry, Place};
use wharf_store::ledger::facts::FactsChange;
use wharf_store::ledger::query::{BlobRow, LedgerError};
use wharf_store::ledger::readable::{NameRange, Readable};
use wharf_store::ledger::{Ledger, Seq};
use wharf_store::search::{Contents, Inside, Package, Search, SearchError, Source, Standing, TAGS_MAX, Update};

use super::Searching;
use super::document::{Known, VERSION};
use crate::artifacts::{parsed, read_facts};
use crate::files;
use crate::registry::Registry;

/// Most entries that are followed in one step.
const BATCH: usize = 256;
/// How many artifacts are put into the index in one commit, about.
const CHUNK: usize = 256;
/// Over so many entries it is quicker to begin anew.
const BEHIND_MAX: Seq = 10_000;
/// How long entries are gathered before they are followed, where nobody waits.
const GATHER: Duration = Duration::from_millis(100);
/// How long it waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How many sources are read at once.
const SOURCES: usize = 32;
/// How many files or packages are put into the index in one commit, about.
const PIECE: usize = 5_000;
/// How many files of one layer are found, folders included.
const FILES_MAX: usize = 250_000;
/// How often a source is tried to be read before it is passed over.
const TRIES_MAX: u32 = 5;
/// How often it looks where nothing wakes it.
const LOOK: Duration = Duration::from_secs(5);
/// How long to rest after a page of all that there is, at most; less where it took less.
const REST_MAX: Duration = Duration::from_millis(500);

/// Why a step was not made.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The ledger fails.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The index fails.
    #[error(transparent)]
    Index(#[from] SearchError),
}

/// Fills an index.
pub struct Indexer {
    ledger: Arc<dyn Ledger>,
    index: Arc<dyn Search>,
    searching: Arc<Searching>,
    /// One step at a time.
    turn: Mutex<State>,
    blobs: Arc<dyn Blobs>,
}

/// What is known from one step to the next.
#[derive(Default)]
struct State {
    standing: Option<Standing>,
    /// What was read of sources and is to be put into the index yet.
    filling: VecDeque<Update>,
    /// Since when the heap does not answer, and how often it was asked.
    waiting: Option<(Instant, u32)>,
}

/// What entries of the log are about.
#[derive(Default)]
struct Touched {
    gone: Vec<Update>,
    projects: BTreeSet<ProjectName>,
    manifests: BTreeMap<RepositoryName, BTreeSet<Digest>>,
    /// Those that came back with all that is in them.
    repositories: BTreeSet<RepositoryName>,
    projects_back: BTreeSet<ProjectName>,
    /// Layers of which it is known now what is in them.
    stale: Vec<Update>,
}

impl Indexer {
    /// What fills this index from the registry's ledger, so that the registry's searches ask it. Nothing is read yet.
    pub fn new(registry: &Registry, index: Arc<dyn Search>) -> Arc<Indexer> {
        let (ledger, blobs) = registry.stores();
        let (ledger, blobs, searching) = (ledger.clone(), blobs.clone(), registry.0.searching.clone());
        // What was taken away before this process began may not be in the index.
        searching.taken_away.fetch_max(*ledger.watch().borrow(), Ordering::AcqRel);
        // Of two, the first is asked.
        let _ = searching.index.set(index.clone());
        Arc::new(Indexer { ledger, index, searching, turn: Mutex::default(), blobs })
    }

    /// Follows for ever.
    pub async fn run(&self) {
        let mut news = self.ledger.watch();
        loop {
            let begun = Instant::now();
            match self.step().await {
                Ok(true) => {
                    if self.is_scanning().await {
                        // Nobody waits for this: it takes half of a core at most.
                        tokio::time::sleep(begun.elapsed().min(REST_MAX)).await;
                    }
                }
                Ok(false) => {
                    // Where another server fills it, nobody tells when it has.
                    let look = if self.searching.is_behind() { GATHER } else { LOOK };
                    let _ = tokio::time::timeout(look, news.changed()).await;
                    let _ = tokio::time::timeout(GATHER, self.searching.hurry.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the search index was not filled; it is tried again");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Follows what there is to follow, and returns when all that there is is in the index.
    ///
    /// # Errors
    /// The ledger or the index fails; what was done stays.
    pub async fn catch_up(&self) -> Result<(), IndexError> {
        while self.step().await? {}
        Ok(())
    }

    /// Makes the index anew: what it has is forgotten, and found again as all is gone through.
    ///
    /// # Errors
    /// The ledger or the index fails.
    pub async fn rebuild(&self) -> Result<(), IndexError> {
        let mut state = self.turn.lock().await;
        self.begin(&mut state).await.map(drop)
    }

    async fn is_scanning(&self) -> bool {
        let state = self.turn.lock().await;
        !state.filling.is_empty() || state.standing.is_some_and(|standing| standing.scanned.is_some())
    }

    /// Follows some entries, and goes through a page of all that there is where that is to be done; whether there may be more.
    async fn step(&self) -> Result<bool, IndexError> {
        let mut state = self.turn.lock().await;
        let stepped = self.step_from(&mut state).await;
        if let Err(IndexError::Index(SearchError::Corrupt(why))) = &stepped {
            tracing::warn!(why, "the search index is made anew");
            self.begin(&mut state).await?;
            return Ok(true);
        }
        if stepped.is_err() {
            // What was written of it is asked anew.
            state.standing = None;
        }
        stepped
    }

    async fn step_from(&self, state: &mut State) -> Result<bool, IndexError> {
        if !self.index.leads().await? {
            *state = State::default();
            self.searching.is_torn.store(false, Ordering::Release);
            return self.watch_other().await.map(|()| false);
        }
        let standing = match state.standing {
            Some(_) if self.searching.is_torn.swap(false, Ordering::AcqRel) => self.begin(state).await?,
            Some(standing) => standing,
            None => match self.usable().await? {
                Some(standing) => standing,
                None => self.begin(state).await?,
            },
        };
        let entries = self.ledger.log(standing.seq, BATCH).await?;
        let standing = match entries.last() {
            Some(last) => {
                let to = Standing { seq: last.seq, at: last.at, ..standing };
                self.follow(&entries, standing, to).await?;
                to
            }
            None => standing,
        };
        self.stands(state, standing);
        let Some(after) = standing.scanned else {
            let is_more = self.fill(state, standing).await?;
            return Ok(is_more || entries.len() == BATCH);
        };
        let standing = self.scan(standing, after).await?;
        self.stands(state, standing);
        Ok(true)
    }

    /// Another server fills the index: this one looks up to where it has.
    async fn watch_other(&self) -> Result<(), IndexError> {
        if let Some(standing) = self.usable().await? {
            self.searching.followed.send_replace(standing.seq);
        }
        Ok(())
    }

    fn stands(&self, state: &mut State, standing: Standing) {
        state.standing = Some(standing);
        self.searching.followed.send_replace(standing.seq);
    }

    /// Where the index stands, if it is of this ledger, of this version, and not far behind.
    async fn usable(&self) -> Result<Option<Standing>, IndexError> {
        let latest = self.ledger.latest().await?;
        let Some(standing) = self.index.standing().await? else { return Ok(None) };
        if standing.version != VERSION || standing.seq > latest || latest - standing.seq > BEHIND_MAX {
            return Ok(None);
        }
        let entry = self.ledger.entries(&[standing.seq]).await?.pop();
        let is_same = standing.seq == 0 || entry.is_some_and(|entry| entry.at == standing.at);
        Ok(is_same.then_some(standing))
    }

    async fn begin(&self, state: &mut State) -> Result<Standing, IndexError> {
        *state = State::default();
        let seq = self.ledger.latest().await?;
        let at = self.ledger.entries(&[seq]).await?.pop().map_or(0, |entry| entry.at);
        let standing = Standing { version: VERSION, seq, at, scanned: Some(0) };
        self.index.begin(standing).await?;
        self.searching.is_torn.store(false, Ordering::Release);
        self.stands(state, standing);
        Ok(standing)
    }

    /// Follows entries from where the index stands to where it is to stand then.
    async fn follow(&self, entries: &[Entry], from: Standing, to: Standing) -> Result<(), IndexError> {
        let mut touched = Touched::default();
        entries.iter().flat_map(|entry| &entry.changes).for_each(|change| touched.by(change));
        let mut updates = touched.gone;
        for name in touched.projects {
            let public = self.ledger.project(&name).await?.map(|project| project.public);
            updates.extend(public.map(|public| Update::Project { name, public }));
        }
        for project in touched.projects_back {
            touched.repositories.extend(self.in_project(&project).await?);
        }
        for repository in touched.repositories {
            let mut after = 0;
            loop {
                let page = self.ledger.live_manifests(Some(&repository), after, CHUNK).await?;
                let Some(last) = page.last() else { break };
                after = last.number;
                let digests: Vec<Digest> = page.into_iter().map(|live| live.digest).collect();
                updates.extend(self.documents(&repository, &digests).await?);
                self.index.apply(std::mem::take(&mut updates), from).await?;
            }
        }
        for (repository, digests) in touched.manifests {
            let digests: Vec<Digest> = digests.into_iter().collect();
            for digests in digests.chunks(CHUNK) {
                updates.extend(self.documents(&repository, digests).await?);
                if updates.len() >= CHUNK {
                    self.index.apply(std::mem::take(&mut updates), from).await?;
                }
            }
        }
        // Behind what names them.
        updates.extend(touched.stale);
        Ok(self.index.apply(updates, to).await?)
    }

    /// The repositories of a project: the one that is called so, if it is there, and those below.
    async fn in_project(&self, project: &ProjectName) -> Result<BTreeSet<RepositoryName>, LedgerError> {
        let below = format!("{project}/");
        let mut all: BTreeSet<RepositoryName> = project.as_str().parse::<RepositoryName>().into_iter().collect();
        let (readable, mut after) = (Readable::some(vec![NameRange::below(below.clone())]), Some(below.clone()));
        while let Some(place) = after {
            let page = self.ledger.repositories(&readable, Some(&place), PAGE_ENTRIES_MAX).await?;
            // Those of public projects are told as well.
            let is_beyond = page.names.last().is_some_and(|last| !last.as_str().starts_with(&below));
            all.extend(page.names.into_iter().filter(|name| name.as_str().starts_with(&below)));
            after = page.next.filter(|_| !is_beyond);
        }
        Ok(all)
    }

    /// Puts the next page of all that there is into the index.
    async fn scan(&self, standing: Standing, after: u64) -> Result<Standing, IndexError> {
        let page = self.ledger.live_manifests(None, after, CHUNK).await?;
        let scanned = (page.len() == CHUNK).then(|| page.last().map(|live| live.number)).flatten();
        let mut manifests: BTreeMap<RepositoryName, Vec<Digest>> = BTreeMap::new();
        for live in page {
            manifests.entry(live.repository).or_default().push(live.digest);
        }
        let mut updates = Vec::new();
        for (repository, digests) in manifests {
            updates.extend(self.documents(&repository, &digests).await?);
        }
        let standing = Standing { scanned, ..standing };
        self.index.apply(updates, standing).await?;
        Ok(standing)
    }

    /// Puts some of what is inside of layers and bills into the index; whether there may be more.
    async fn fill(&self, state: &mut State, standing: Standing) -> Result<bool, IndexError> {
        if state.filling.is_empty() {
            if state.waiting.is_some_and(|(since, _)| since.elapsed() < AFTER_FAILURE) {
                return Ok(false);
            }
            for (source, inside) in self.index.lacking(SOURCES).await? {
                match self.contents(&source, inside).await? {
                    Ok(contents) => state.filling.extend(pieces(source, inside, contents)),
                    Err(what) => {
                        let tries = state.waiting.map_or(0, |(_, tries)| tries) + 1;
                        tracing::warn!(%source, what, tries, "what is inside of an artifact cannot be read");
                        state.waiting = (tries < TRIES_MAX).then(|| (Instant::now(), tries));
                        if state.waiting.is_some() {
                            break;
                        }
                        state.filling.extend(pieces(source, inside, Contents::Unknown));
                    }
                }
            }
        }
        let (mut updates, mut entries) = (Vec::new(), 0);
        while entries < PIECE
            && let Some(update) = state.filling.pop_front()
        {
            entries += weight(&update);
            updates.push(update);
        }
        let is_any = !updates.is_empty();
        if is_any {
            // What was taken off is read again where this fails.
            self.index.apply(updates, standing).await.inspect_err(|_| state.filling.clear())?;
            state.waiting = None;
        }
        Ok(is_any)
    }

    /// What is in a source, as any repository shows it; in words for people where the heap does not answer.
    async fn contents(&self, source: &Digest, inside: Inside) -> Result<Result<Contents, String>, LedgerError> {
        let Some(repository) = self.ledger.home_of_blob(source, &Readable::All).await? else {
            return Ok(Ok(Contents::Unknown));
        };
        if inside == Inside::Files {
            let Some(row) = self.ledger.derived(&repository, source, files::TREE).await?.filter(files::is_usable)
            else {
                return Ok(Ok(Contents::Unknown));
            };
            let paths = files::paths(&self.blobs, row.place, row.size, FILES_MAX).await;
            return Ok(match paths {
                Ok(paths) => Ok(Contents::Files(paths)),
                Err(StoredError::Broken(_)) => Ok(Contents::Unknown),
                Err(error) => Err(error.to_string()),
            });
        }
        let Some(row) = self.ledger.blob(&repository, source).await? else { return Ok(Ok(Contents::Unknown)) };
        if row.size > INSPECT_BLOB_BYTES_MAX as u64 {
            return Ok(Ok(Contents::Unknown));
        }
        let bytes = match self.bytes(row).await {
            Ok(bytes) => bytes,
            Err(what) => return Ok(Err(what)),
        };
        let read = tokio::task::spawn_blocking(move || packages::packages(&bytes)).await;
        let package = |one: Packaged| Package { ecosystem: one.ecosystem, name: one.name, version: one.version };
        let read = read.map_err(|error| error.to_string());
        Ok(read.map(|all| Contents::Packages(all.into_iter().map(package).collect())))
    }

    /// All bytes of a blob that is no larger than may be read at once.
    async fn bytes(&self, row: BlobRow) -> Result<Bytes, String> {
        let location = match row.place {
            Place::Ledger(bytes) => return Ok(bytes),
            Place::Heap(location) => location,
        };
        let range = ByteRange { start: 0, end: row.size };
        let served = self.blobs.open(&location, range).await.map_err(|error| error.to_string())?;
        let Served::Body(mut body) = served else { return Err("the heap names an address for its bytes".to_owned()) };
        let bytes = body.collect(row.size as usize).await.map_err(|broken| broken.error.to_string())?;
        bytes.map_err(|_| "there are more bytes than there should be".to_owned())
    }

    /// Those that the repository has. A manifest may name what it has not, such as a layer with addresses elsewhere: who knows the digest of
    /// somebody else's layer must not learn by it what is in there.
    async fn had(&self, repository: &RepositoryName, sources: Vec<Source>) -> Result<Vec<Source>, LedgerError> {
        let mut had = Vec::with_capacity(sources.len());
        for source in sources {
            if source.names.is_some() || self.ledger.blob(repository, &source.digest).await?.is_some() {
                had.push(source);
            }
        }
        Ok(had)
    }

    /// How these are now.
    async fn documents(&self, repository: &RepositoryName, digests: &[Digest]) -> Result<Vec<Update>, LedgerError> {
        let public = self.ledger.place(repository).await?.public;
        let rows = self.ledger.artifacts_named(repository, digests).await?;
        let mut updates = Vec::with_capacity(digests.len());
        let mut gone: BTreeSet<&Digest> = digests.iter().collect();
        for row in rows {
            let reference = Reference::Digest(row.digest);
            let Some(manifest) = self.ledger.manifest(repository, &reference).await? else { continue };
            let found = match row.found {
                Some(_) => self.ledger.facts(repository, &row.digest).await?,
                None => None,
            };
            let facts = found.and_then(|found| read_facts(&found.facts, &row.digest));
            let tags = if row.tags_total > row.tags.len() as u64 {
                self.ledger.tags_of(repository, &row.digest, TAGS_MAX).await?
            } else {
                row.tags.clone()
            };
            gone.remove(&row.digest);
            let known = Known { repository, public, row, tags, facts, manifest: &parsed(&manifest) };
            let mut document = known.document();
            document.sources = self.had(repository, document.sources).await?;
            updates.push(Update::Put(Box::new(document)));
        }
        let drop = |digest: &Digest| Update::Drop { repository: repository.clone(), digest: *digest };
        updates.extend(gone.into_iter().map(drop));
        Ok(updates)
    }
}

/// What is in a source, in pieces of which each is put by itself.
fn pieces(source: Digest, inside: Inside, contents: Contents) -> Vec<Update> {
    let pieces: Vec<Contents> = match contents {
        Contents::Unknown => vec![Contents::Unknown],
        Contents::Files(all) => cut(all).map(Contents::Files).collect(),
        Contents::Packages(all) => cut(all).map(Contents::Packages).collect(),
    };
    let last = pieces.len();
    let update = |(at, contents)| Update::Contents { source, inside, contents, is_last: at + 1 == last };
    pieces.into_iter().enumerate().map(update).collect()
}

/// One piece where there is nothing.
fn cut<T>(all: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let (mut rest, mut is_first) = (all.into_iter(), true);
    std::iter::from_fn(move || {
        let piece: Vec<T> = rest.by_ref().take(PIECE).collect();
        (std::mem::take(&mut is_first) || !piece.is_empty()).then_some(piece)
    })
}

/// How much an update writes.
fn weight(update: &Update) -> usize {
    match update {
        Update::Contents { contents: Contents::Files(all), .. } => 1 + all.len(),
        Update::Contents { contents: Contents::Packages(all), .. } => 1 + all.len(),
        _ => 1,
    }
}

impl Touched {
    fn by(&mut self, change: &Change) {
        match change {
            Change::PutManifest { repository, digest, .. } => self.manifest(repository, [digest]),
            Change::PointTag { repository, digest, previous, .. } => {
                self.manifest(repository, previous.iter().chain([digest]));
            }
            Change::DeleteTag { repository, previous, .. } => self.manifest(repository, previous),
            Change::DeleteManifest { repository, digest, children, .. } => {
                self.manifest(repository, children.iter().chain([digest]));
            }
            Change::RestoreManifest { repository, restored, .. } => self.manifest(repository, restored),
            Change::Found(FactsChange::PutFacts { repository, digest, .. }) => self.manifest(repository, [digest]),
            Change::Found(FactsChange::PutDerived { source, kind, .. }) => {
                if kind == files::TREE {
                    self.stale.push(Update::Stale { source: *source, inside: Inside::Files });
                }
            }
            Change::DeleteRepository { repository, .. } => self.gone.push(Update::DropRepository(repository.clone())),
            Change::RestoreRepository { repository, .. } => {
                self.repositories.insert(repository.clone());
            }
            Change::DeleteProject { project, .. } => self.gone.push(Update::DropProject(project.clone())),
            Change::RestoreProject { project, .. } => {
                self.projects.insert(project.clone());
                self.projects_back.insert(project.clone());
            }
            Change::PutProject { project, .. } => {
                self.projects.insert(project.clone());
            }
            Change::EnsureRepository { .. }
            | Change::People(_)
            | Change::PutBlob { .. }
            | Change::MountBlob { .. }
            | Change::DeleteBlob { .. }
            | Change::SetOverview { .. }
            | Change::PurgeTrash { .. }
            | Change::SweepMember { .. }
            | Change::AddTotals(_)
            | Change::SetTotals(_) => {}
        }
    }

    fn manifest<'d>(&mut self, repository: &RepositoryName, digests: impl IntoIterator<Item = &'d Digest>) {
        self.manifests.entry(repository.clone()).or_default().extend(digests.into_iter().copied());
    }
}
