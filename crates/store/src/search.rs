//! The index that searches ask: what is told of artifacts, turned round so that it is found by what is in it.
//!
//! It holds nothing that cannot be made again: it is filled by whoever follows the ledger's log, says itself up to where, and is
//! thrown away where it is torn, of another version, or of another ledger (docs/decisions/0008-search.md). It knows which repositories are
//! public and is asked with what somebody may read, so that what it finds, counts and tells of facets is theirs and nothing else.

mod field;
mod find;
mod inside;
mod names;
mod packed;
pub mod postgres;
mod put;
mod sets;
pub mod sqlite;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::name::{ProjectName, RepositoryName, Tag};
use wharf_model::search::Query;

use crate::clock::Millis;
use crate::ledger::Seq;
use crate::ledger::query::LedgerError;
use crate::ledger::readable::Readable;
use crate::sql::{Sql, Value};

/// How many of its tags an artifact is found by.
pub const TAGS_MAX: usize = 1_000;
/// How many sources of an artifact it is found by.
pub const SOURCES_MAX: usize = 1_000;
/// How many manifests of an index it is found by.
pub const CHILDREN_MAX: usize = 1_000;
/// How many packages of a row are told.
pub const PACKAGES_TOLD_MAX: usize = 3;
/// How many tags of an artifact are told.
pub const TAGS_TOLD_MAX: usize = 10;

/// How many questions are answered side by side; each takes a core, and a thread or a connection.
pub const FINDS_MAX: usize = 4;
/// How long a question waits for others.
const WAIT: Duration = Duration::from_secs(2);
/// How long a question may take.
const TIME_MAX: Duration = Duration::from_secs(3);
/// The form of the tables: an index of another is thrown away.
const FORM: i64 = 4;
const SCHEMA: &str = include_str!("search/schema.sql");

/// The index does not answer, or not sensibly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// It is busy beyond the wait, or its disk is full or broken; it may answer later.
    #[error("the search index is not available: {0}")]
    Unavailable(String),
    /// What is there is no index that this release understands, or a torn one: it is to be made anew.
    #[error("the search index cannot be read: {0}")]
    Corrupt(String),
    /// The question takes longer than a question may.
    #[error("looking for this takes too long; say more of what is to be found")]
    TooLong,
}

impl From<LedgerError> for SearchError {
    fn from(error: LedgerError) -> SearchError {
        match error {
            LedgerError::Unavailable(why) => SearchError::Unavailable(why),
            LedgerError::Full => SearchError::Unavailable("no space is left".to_owned()),
            LedgerError::Corrupt(why) => SearchError::Corrupt(why),
            newer @ LedgerError::Newer { .. } => SearchError::Corrupt(newer.to_string()),
        }
    }
}

/// A place among those that are answered.
async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, SearchError> {
    let waited = timeout(WAIT, places.clone().acquire_owned()).await;
    waited.ok().and_then(Result::ok).ok_or_else(|| SearchError::Unavailable("others are being answered".to_owned()))
}

/// Rows of a number and a text.
async fn pairs(
    sql: &mut impl Sql,
    text: &'static str,
    parameters: &[Value<'_>],
) -> Result<Vec<(i64, String)>, SearchError> {
    let rows = sql.query(text, parameters).await?;
    Ok(rows.into_iter().map(|mut row| Ok((row.int(0)?, row.text(1)?))).collect::<Result<_, LedgerError>>()?)
}

/// Up to where the index follows the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of what makes its documents: one that was made by another version is made anew.
    pub version: u32,
    /// The last entry of the log that it has followed.
    pub seq: Seq,
    /// When that entry was made, by which it is known to be the same log.
    pub at: Millis,
    /// While it is being made: up to which manifest all that were there are in it. `None` where all are.
    pub scanned: Option<u64>,
}

/// An artifact, as it is to be found and told. Texts are harmless to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The number of its manifest, which nothing else ever has; what has a higher one came later.
    pub number: u64,
    /// Its repository.
    pub repository: RepositoryName,
    /// Whether anybody may pull it.
    pub public: bool,
    /// What it is named by.
    pub digest: Digest,
    /// What it is attached to: its subject, or what its tag says.
    pub subject: Option<Digest>,
    /// How it is part of what people look for.
    pub rank: Rank,
    /// Whether it is a signature.
    pub is_signature: bool,
    /// What kind of thing it is; empty until its facts are there.
    pub kind: String,
    /// What people call it.
    pub title: String,
    /// What it is for, in a line.
    pub summary: String,
    /// The beginning of what it is for.
    pub description: String,
    /// Its version.
    pub version: String,
    /// Its size with all that it is made of, where that is known.
    pub size: Option<u64>,
    /// When it came.
    pub pushed_at: Millis,
    /// Tags that point to it, those first that are told; at most [`TAGS_MAX`].
    pub tags: Vec<Tag>,
    /// How many there are.
    pub tags_total: u64,
    /// What it runs on.
    pub platforms: Vec<String>,
    /// Its licences.
    pub licenses: Vec<String>,
    /// Who made it, with addresses.
    pub maintainers: Vec<String>,
    /// Words by which it is to be found.
    pub keywords: Vec<String>,
    /// Labels, by name and value.
    pub labels: Vec<(String, String)>,
    /// Annotations, by name and value.
    pub annotations: Vec<(String, String)>,
    /// What it names that is looked into; at most [`SOURCES_MAX`].
    pub sources: Vec<Source>,
    /// The manifests that it lists; at most [`CHILDREN_MAX`].
    pub children: Vec<Digest>,
}

/// Something that artifacts name and that is looked into, once for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is named by: a blob, or [`Source::names`].
    pub digest: Digest,
    /// What is looked for in it.
    pub inside: Inside,
    /// What is in it where that is known already.
    pub names: Option<Vec<String>>,
}

/// What is looked for in something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Inside {
    /// Files, in a layer.
    Files,
    /// Packages, in a bill of materials. They are in what the bill is attached to as well.
    Packages,
}

impl Source {
    /// Files with these names, that are blobs of their own.
    pub fn names(names: Vec<String>) -> Source {
        let digest = Digest::of(Algorithm::Sha256, names.join("\0").as_bytes());
        Source { digest, inside: Inside::Files, names: Some(names) }
    }
}

/// Some of what is in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// It cannot be told yet, or never: it is asked for again where it is said to be [stale](Update::Stale).
    Unknown,
    /// Paths from the root, without a slash before them; those of folders end with one.
    Files(Vec<String>),
    /// Packages.
    Packages(Vec<Package>),
}

/// A package by what it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Where it is from, by the type in package URLs, in lower case; empty where that is not known.
    pub ecosystem: String,
    /// Its name, with a namespace before a slash, in lower case.
    pub name: String,
    /// Its version; empty where it is not known.
    pub version: String,
}

/// How something is part of what people look for. What is rarely meant is found only where it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A tag points to it.
    Tagged,
    /// It is attached to something.
    Attached,
    /// Neither: a part of something, or what was overwritten.
    Loose,
}

/// What is to be made true of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The artifact is as this says; what was there under its number goes.
    Put(Box<Document>),
    /// The manifest is not there any more.
    Drop {
        /// Its repository.
        repository: RepositoryName,
        /// What it was named by.
        digest: Digest,
    },
    /// The repository is not there any more, nor what was in it.
    DropRepository(RepositoryName),
    /// The project is not there any more, nor what was in it.
    DropProject(ProjectName),
    /// Whether anybody may pull from the project.
    Project {
        /// The project.
        name: ProjectName,
        /// Whether they may.
        public: bool,
    },
    /// This is in a source. No effect where no artifact names it any more.
    Contents {
        /// The source.
        source: Digest,
        /// What was looked for.
        inside: Inside,
        /// What is in it, some of it: what was told before stays.
        contents: Contents,
        /// Whether this is all.
        is_last: bool,
    },
    /// What is in a source is to be told anew.
    Stale {
        /// The source.
        source: Digest,
        /// What is looked for.
        inside: Inside,
    },
}

/// For what there is one row each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Each {
    /// For each repository: the artifact in it that fits best.
    #[default]
    Repository,
    /// For each artifact.
    Artifact,
}

/// A question.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What is asked.
    pub query: Query,
    /// Which kinds are meant by what the query says of kinds; by nothing that is not here.
    pub kinds: BTreeMap<String, Vec<String>>,
    /// What whoever asks may read.
    pub readable: Readable,
    /// The entry of the log up to which the index has to have followed at least, so that what was taken away is not found.
    pub since: Seq,
    /// For what there is one row each.
    pub each: Each,
    /// How many rows at most.
    pub limit: usize,
    /// The row after which they come.
    pub after: Option<Place>,
}

/// The place of a row: those with a higher one come before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub(crate) score: u32,
    pub(crate) key: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.score, self.key)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let (score, key) = text.split_once('.').ok_or(())?;
        Ok(Place { score: score.parse().map_err(|_| ())?, key: key.parse().map_err(|_| ())? })
    }
}

/// What is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows, the best first.
    pub rows: Vec<Row>,
    /// The last of them, if there are more.
    pub next: Option<Place>,
    /// How many artifacts; not counted beyond [`wharf_model::limits::SEARCH_HITS_MAX`].
    pub total: u64,
    /// Whether there are more.
    pub more: bool,
    /// In how many repositories those are that were counted.
    pub repositories: u64,
    /// How many of those that were counted have which value, by field: `kind`, `project`, `license`, `platform`, `signed`. The most
    /// frequent first; at most [`wharf_model::limits::SEARCH_FACET_VALUES_MAX`] of each.
    pub facets: Vec<(&'static str, Vec<(String, u64)>)>,
    /// Words that are nowhere, and the parts of names that they were taken for.
    pub corrected: Vec<(String, Vec<String>)>,
    /// Whether all that is there is in the index, as far as it was asked for.
    pub is_whole: bool,
}

/// An artifact that is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its repository.
    pub repository: RepositoryName,
    /// Whether anybody may pull it.
    pub public: bool,
    /// How many artifacts of its repository are found, of those that were counted.
    pub matches: u64,
    /// Whether a signature is attached to it.
    pub signed: bool,
    /// What it is named by.
    pub digest: Digest,
    /// What it is attached to.
    pub subject: Option<Digest>,
    /// What kind of thing it is; empty until its facts are there.
    pub kind: String,
    /// What people call it.
    pub title: String,
    /// What it is for, in a line.
    pub summary: String,
    /// The beginning of what it is for.
    pub description: String,
    /// Its version.
    pub version: String,
    /// Its size with all that it is made of, where that is known.
    pub size: Option<u64>,
    /// When it came.
    pub pushed_at: Millis,
    /// Some of its tags, that with the latest version first; at most [`TAGS_TOLD_MAX`].
    pub tags: Vec<Tag>,
    /// How many there are.
    pub tags_total: u64,
    /// What it runs on.
    pub platforms: Vec<String>,
    /// Its licences.
    pub licenses: Vec<String>,
    /// Who made it.
    pub maintainers: Vec<String>,
    /// Words by which it is to be found.
    pub keywords: Vec<String>,
    /// Packages in it that were looked for, with their versions; at most [`PACKAGES_TOLD_MAX`].
    pub packages: Vec<String>,
}

/// The contract of an index. The suite [`crate::contract::search`] holds every backend to it.
#[async_trait]
pub trait Search: Send + Sync {
    /// Whether it is for this process to fill it: of several that share an index, one does, for as long as it runs. The others ask.
    async fn leads(&self) -> Result<bool, SearchError> {
        Ok(true)
    }

    /// Up to where it follows the ledger; `None` where nothing was ever put into it.
    async fn standing(&self) -> Result<Option<Standing>, SearchError>;

    /// Forgets all that it has, whatever state that is in, and stands there.
    async fn begin(&self, standing: Standing) -> Result<(), SearchError>;

    /// Makes these true, in their order, and stands there: all of it or nothing. Nothing where it does not stand where this process was
    /// told last, as another has filled it meanwhile.
    async fn apply(&self, updates: Vec<Update>, standing: Standing) -> Result<(), SearchError>;

    /// Sources of which it is not known what is in them, at most so many; those first that came first.
    async fn lacking(&self, limit: usize) -> Result<Vec<(Digest, Inside)>, SearchError>;

    /// What is found, as of one moment.
    async fn find(&self, asked: Asked) -> Result<Found, SearchError>;
}
