//! Finding out what an artifact is and what there is to tell of it: never while it is pushed, but in jobs ([`crate::jobs`]).
//!
//! What is read for the facts about a manifest are blobs and manifests of its own repository, as far as that shows them: facts are
//! told to whoever may pull from there, and nobody is to learn by naming a blob what is in it.

use std::fmt;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wharf_artifact::inspect::{Artifact, Fetch, INSPECTORS, Inspectors};
use wharf_artifact::kind::folder::InForce;
use wharf_artifact::kind::{Kind, Kinds};
use wharf_artifact::recognise;
use wharf_content::body::Body;
use wharf_model::api::facts::{Facts, Line};
use wharf_model::digest::Digest;
use wharf_model::limits::{FACT_PLATFORMS_BYTES_MAX, FACT_SUMMARY_BYTES_MAX, FACT_TITLE_BYTES_MAX};
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, RepositoryName};
use wharf_model::range::ByteRange;
use wharf_store::blobs::{Blobs, BlobsError, Served};
use wharf_store::ledger::Ledger;
use wharf_store::ledger::change::{Change, Commit, Place, Refused};
use wharf_store::ledger::facts::{FactsChange, Inspectable, LiveManifest};
use wharf_store::ledger::notes::{Cursor, NewJob};
use wharf_store::ledger::query::LedgerError;

use crate::files;
use crate::registry::Registry;

/// The kind of the jobs that inspect a manifest.
pub const INSPECT: &str = "inspect";
/// The kind of the jobs that look at all manifests.
pub const INSPECT_ALL: &str = "inspect-all";

/// How many inspections run at once, whatever asks for them. Each takes a thread, and memory of some tens of megabytes at most.
const AT_ONCE: usize = 4;
/// How many indexes are inspected again because of a manifest that they name.
const INDEXES_MAX: usize = 64;
/// How often the kinds that are in force are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Under what name the mark of the kinds that everything was looked at with is noted.
const KINDS_NOTE: &str = "inspect-kinds";
const ACTOR: &str = "inspector";

/// A manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
}

impl Named {
    /// What [`fmt::Display`] wrote.
    pub(crate) fn read(text: &str) -> Option<Named> {
        let (repository, digest) = text.split_once('@')?;
        Some(Named { repository: repository.parse().ok()?, digest: digest.parse().ok()? })
    }

    /// The job that inspects it.
    pub(crate) fn job(&self) -> NewJob {
        let name = self.to_string();
        NewJob { kind: INSPECT.to_owned(), key: name.clone(), payload: name }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

/// All manifests after a number, of one repository or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct All {
    pub(crate) within: Option<RepositoryName>,
    pub(crate) after: u64,
}

impl All {
    /// What [`fmt::Display`] wrote.
    pub(crate) fn read(text: &str) -> Option<All> {
        let (after, within) = text.split_once(' ').unwrap_or((text, ""));
        let within = if within.is_empty() { None } else { Some(within.parse().ok()?) };
        Some(All { within, after: after.parse().ok()? })
    }

    /// The job that looks at them.
    pub(crate) fn job(&self) -> NewJob {
        let key = self.within.as_ref().map_or_else(|| "all".to_owned(), |within| format!("in {within}"));
        NewJob { kind: INSPECT_ALL.to_owned(), key, payload: self.to_string() }
    }
}

impl fmt::Display for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.within {
            Some(within) => write!(f, "{} {within}", self.after),
            None => write!(f, "{}", self.after),
        }
    }
}

/// How much is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All of it.
    Whole,
    /// All of it, unless there are facts of this version.
    IfOld,
    /// No more than to say which kind it is, and why there is nothing else to tell.
    Nothing(String),
}

/// Why there are no facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It may be for the artifact: its bytes are lost, it takes too long, or an inspector has a mistake.
    Here(String),
    /// The ledger or the heap does not answer.
    Elsewhere(String),
}

/// How inspections are made.
#[derive(Clone, Copy, Debug)]
pub struct InspectSettings {
    /// What looks into artifacts, by the names that kinds give.
    pub inspectors: Inspectors,
    /// How long one inspection may take: then nothing more is read for it.
    pub time_max: Duration,
}

impl Default for InspectSettings {
    /// All inspectors that there are, and five minutes.
    fn default() -> InspectSettings {
        InspectSettings { inspectors: INSPECTORS, time_max: Duration::from_secs(300) }
    }
}

/// Inspects what is in the registry.
pub struct Inspector {
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn Blobs>,
    kinds: Arc<InForce>,
    settings: InspectSettings,
    places: Arc<Semaphore>,
    /// Set where no inspection is to go on.
    stopped: Arc<AtomicBool>,
}

impl Inspector {
    /// An inspector of what is in this registry, by the kinds that are in force.
    pub fn new(registry: &Registry, kinds: Arc<InForce>, settings: InspectSettings) -> Arc<Inspector> {
        let (ledger, blobs) = registry.stores();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let (ledger, blobs) = (ledger.clone(), blobs.clone());
        Arc::new(Inspector { ledger, blobs, kinds, settings, places, stopped: Arc::default() })
    }

    /// Ends the inspections that run at what they read next, and begins no other: their jobs are done by the next process.
    /// Returns when none runs any more.
    pub async fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        drop(self.places.acquire_many(AT_ONCE as u32).await);
        self.places.close();
    }

    /// How many inspections run at once.
    pub(crate) fn at_once(&self) -> usize {
        AT_ONCE
    }

    /// Sees to it, for ever, that everything is looked at again when other kinds are in force, or other inspectors.
    pub async fn keep_up(&self) {
        let mut seen: Option<Arc<Kinds>> = None;
        loop {
            // Not at once: reading the kinds that come with Wharf is no part of starting.
            tokio::time::sleep(LOOK).await;
            let kinds = self.kinds.kinds();
            if !seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &kinds)) {
                match self.look_again().await {
                    Ok(_) => seen = Some(kinds),
                    Err(error) => tracing::warn!(%error, "it was not noted that there are other kinds; later"),
                }
            }
        }
    }

    /// Has everything looked at again if other kinds are in force than when that was asked for last, or other inspectors;
    /// whether it has.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn look_again(&self) -> Result<bool, Refused> {
        let mark = recognise::mark(&self.kinds.kinds());
        if self.ledger.cursor(KINDS_NOTE).await?.is_some_and(|cursor| cursor.version == mark) {
            return Ok(false);
        }
        let cursor = Some((KINDS_NOTE.to_owned(), Cursor { seq: 0, version: mark, paused: false }));
        let jobs = vec![All::default().job()];
        self.ledger.commit(Commit { actor: ACTOR.to_owned(), jobs, cursor, ..Commit::default() }).await?;
        Ok(true)
    }

    /// The next of those manifests, at most `limit`.
    pub(crate) async fn page(&self, all: &All, limit: usize) -> Result<Vec<LiveManifest>, LedgerError> {
        self.ledger.live_manifests(all.within.as_ref(), all.after, limit).await
    }

    /// The jobs that inspect the indexes which name a manifest and were pushed before it: they were told without it.
    pub(crate) async fn indexes(&self, named: &Named) -> Result<Vec<NewJob>, LedgerError> {
        let indexes = self.ledger.indexes_before(&named.repository, &named.digest, INDEXES_MAX).await?;
        let index = |digest| Named { repository: named.repository.clone(), digest }.job();
        Ok(indexes.into_iter().map(index).collect())
    }

    /// The jobs that look into the layers of a manifest that have not been looked into.
    pub(crate) async fn trees(&self, named: &Named) -> Result<Vec<NewJob>, LedgerError> {
        files::jobs(&*self.ledger, named).await
    }

    /// The change that writes down what there is to tell of a manifest; `None` where it is not there, or that is known.
    pub(crate) async fn inspect(&self, named: &Named, depth: Depth) -> Result<Option<Change>, Trouble> {
        let elsewhere = |error: LedgerError| Trouble::Elsewhere(error.to_string());
        let live = self.ledger.inspectable(&named.repository, &named.digest).await.map_err(elsewhere)?;
        let Some(live) = live else { return Ok(None) };
        let place = self.places.clone().acquire_owned().await.map_err(|_| stopped())?;
        let reader = Reader {
            runtime: Handle::current(),
            ledger: self.ledger.clone(),
            blobs: self.blobs.clone(),
            repository: named.repository.clone(),
            time_max: self.settings.time_max,
            until: Instant::now() + self.settings.time_max,
            stopped: self.stopped.clone(),
            trouble: Mutex::default(),
        };
        let (kinds, named, inspectors) = (self.kinds.kinds(), named.clone(), self.settings.inspectors);
        let by = kinds.clone();
        let looked = tokio::task::spawn_blocking(move || {
            // Until the thread is free again, which may be later than somebody waits for it.
            let _place = place;
            look(&kinds, inspectors, &named, &live, &depth, &reader)
        });
        let looked = looked.await;
        // Everything is looked at by the others, and what comes later must not take the place of that.
        if !Arc::ptr_eq(&by, &self.kinds.kinds()) {
            return Err(Trouble::Elsewhere("other kinds are in force by now".to_owned()));
        }
        looked.unwrap_or_else(|error| Err(Trouble::Here(format!("inspecting it broke off: {error}"))))
    }
}

fn look(
    kinds: &Kinds,
    inspectors: Inspectors,
    named: &Named,
    live: &Inspectable,
    depth: &Depth,
    reader: &Reader,
) -> Result<Option<Change>, Trouble> {
    let parsed = Manifest::parse(&live.bytes, Some(&live.media_type));
    let kind = match &parsed {
        Ok(manifest) => match kind_of(kinds, manifest, reader) {
            // Where even that breaks off, it is what nobody knows.
            Err(Trouble::Here(_)) if matches!(depth, Depth::Nothing(_)) => None,
            decided => Some(decided?),
        },
        Err(_) => None,
    };
    let version = kind.map_or(recognise::INSPECTORS_VERSION, recognise::version);
    if *depth == Depth::IfOld && live.version == Some(version) {
        return Ok(None);
    }
    let (mut facts, mut size) = (Facts::default(), 0);
    match (parsed, kind, depth) {
        (Err(error), _, _) => facts.fault("manifest", error),
        (_, _, Depth::Nothing(why)) => facts.fault("inspection", why),
        (Ok(manifest), Some(kind), _) => {
            size = guarded(reader, || recognise::size(&manifest, reader))?;
            let artifact = Artifact { digest: named.digest, manifest, bytes: live.bytes.to_vec() };
            facts = guarded(reader, || recognise::tell(inspectors, kind, artifact, reader))?;
        }
        (Ok(_), None, _) => {}
    }
    let kind = kind.map_or("unknown", |kind| &kind.id);
    written(named, live.number, kind, version, &facts, size).map(Some)
}

/// The change that writes the facts down.
fn written(named: &Named, number: u64, kind: &str, version: u32, facts: &Facts, size: u64) -> Result<Change, Trouble> {
    Ok(Change::Found(FactsChange::PutFacts {
        repository: named.repository.clone(),
        digest: named.digest,
        number,
        kind: kind.to_owned(),
        title: cut(facts.title.as_ref().map_or("", Line::as_str), FACT_TITLE_BYTES_MAX),
        summary: summary(facts),
        size,
        platforms: platforms(facts),
        version,
        facts: serde_json::to_string(facts).map_err(|error| Trouble::Here(error.to_string()))?,
    }))
}

fn kind_of<'k>(kinds: &'k Kinds, manifest: &Manifest, reader: &Reader) -> Result<&'k Kind, Trouble> {
    guarded(reader, || recognise::recognise(kinds, manifest, reader)).map(|decided| decided.kind)
}

/// Does `work`, in which a mistake is no more than trouble with this artifact.
fn guarded<T>(reader: &Reader, work: impl FnOnce() -> io::Result<T>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let trouble = reader.trouble.lock().take();
            Err(trouble.unwrap_or_else(|| Trouble::Here(error.to_string())))
        }
        Err(_) => Err(Trouble::Here("inspecting it broke off".to_owned())),
    }
}

/// The first line of what it is for.
fn summary(facts: &Facts) -> String {
    let description = facts.description.as_ref().map_or("", |text| text.as_str());
    let first = description.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    cut(Line::new(first).as_str(), FACT_SUMMARY_BYTES_MAX)
}

/// What it runs on, one on each line, as far as there is room.
fn platforms(facts: &Facts) -> String {
    let mut all = String::new();
    for platform in facts.platforms.iter().map(Line::as_str) {
        if all.len() + platform.len() >= FACT_PLATFORMS_BYTES_MAX {
            break;
        }
        all.push_str(platform);
        all.push('\n');
    }
    all
}

/// The beginning of `text`, and `…` where there is more.
fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max - '…'.len_utf8());
    format!("{}…", text[..end].trim_end())
}

/// Reads in one repository, on a thread that may wait.
struct Reader {
    runtime: Handle,
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn Blobs>,
    repository: RepositoryName,
    time_max: Duration,
    /// When it has taken too long.
    until: Instant,
    stopped: Arc<AtomicBool>,
    /// What kept it from reading.
    trouble: Mutex<Option<Trouble>>,
}

impl Reader {
    /// Waits for `asked`, but not longer than there is time.
    fn wait<T>(&self, asked: impl Future<Output = Result<T, Trouble>>) -> io::Result<T> {
        let left = self.until.saturating_duration_since(Instant::now());
        let late = || Trouble::Here(format!("inspecting it takes longer than {:?}", self.time_max));
        let waited = if self.stopped.load(Ordering::Acquire) {
            Err(stopped())
        } else if left.is_zero() {
            // A timeout lets through what is there at once, however often that is asked for.
            Err(late())
        } else {
            let waited = self.runtime.block_on(async { tokio::time::timeout(left, asked).await });
            waited.unwrap_or_else(|_| Err(late()))
        };
        waited.map_err(|trouble| {
            *self.trouble.lock() = Some(trouble);
            io::Error::other("it cannot be read now")
        })
    }
}

impl Fetch for Reader {
    fn manifest(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        let reference = Reference::Digest(*digest);
        let row = self.wait(async {
            self.ledger.manifest(&self.repository, &reference).await.map_err(|error| elsewhere(&error))
        })?;
        Ok(row.map(|row| row.bytes.to_vec()))
    }

    fn blob(&self, digest: &Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        let row =
            self.wait(async { self.ledger.blob(&self.repository, digest).await.map_err(|error| elsewhere(&error)) })?;
        let Some(row) = row else { return Ok(None) };
        let body = match row.place {
            Place::Ledger(bytes) => Body::full(bytes),
            Place::Heap(location) => {
                let all = ByteRange { start: 0, end: row.size };
                let opened = self.wait(async {
                    self.blobs.open(&location, all).await.map_err(|error| match error {
                        BlobsError::Lost(_) => Trouble::Here(error.to_string()),
                        _ => elsewhere(&error),
                    })
                })?;
                match opened {
                    Served::Body(body) => body,
                    Served::Redirect(_) => return Err(io::Error::other("the heap names an address for its bytes")),
                }
            }
        };
        Ok(Some(Box::new(Stream { reader: self, body, chunk: Bytes::new() })))
    }
}

fn elsewhere(error: &impl fmt::Display) -> Trouble {
    Trouble::Elsewhere(error.to_string())
}

fn stopped() -> Trouble {
    Trouble::Elsewhere("the server stops".to_owned())
}

/// The bytes of a blob.
struct Stream<'r> {
    reader: &'r Reader,
    body: Body,
    chunk: Bytes,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            let next = self.reader.wait(async { Ok(self.body.next().await) })?;
            match next {
                None => return Ok(0),
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => {
                    // The heap has answered: it is for these bytes.
                    *self.reader.trouble.lock() = Some(Trouble::Here(error.to_string()));
                    return Err(error);
                }
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn jobs_say_what_is_to_be_done() {
        let text = format!("acme/app@sha256:{}", "a".repeat(64));
        let named = Named::read(&text).expect("a manifest");
        assert_eq!((named.job().payload, named.job().key), (text.clone(), text));
        for wrong in ["", "acme/app", "acme/app@", "Acme@sha256:aa"] {
            assert_eq!(Named::read(wrong), None, "{wrong}");
        }
        let all = |within: &str, after| All { within: within.parse().ok(), after };
        for (all, text) in [(all("", 0), "0"), (all("", 17), "17"), (all("acme/app", 5), "5 acme/app")] {
            assert_eq!((all.to_string().as_str(), All::read(text)), (text, Some(all)));
        }
        assert_eq!((All::read(""), All::read("5 A/B")), (None, None));
        assert_ne!(all("", 0).job().key, all("all", 0).job().key);
    }

    #[test]
    fn what_lists_tell_is_short() {
        for (text, expect) in
            [("", ""), ("abcd", "abcd"), ("abcdefgh", "abc…"), ("aääää", "aä…"), ("ab    cdef", "ab…")]
        {
            assert_eq!(cut(text, 6), expect, "{text}");
        }
    }
}
