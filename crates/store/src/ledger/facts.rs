//! What inspecting has found out: facts about manifests, and what is derived from the bytes of blobs.
//!
//! Facts are about a manifest of one repository: what was read for them are blobs of that repository, so that nobody learns by
//! naming a blob what is in it. They go with the manifest into the trash and back, and end with it. What is derived from a blob
//! depends on its bytes alone: there is one of each kind, whatever the repository, it is asked for through a repository that
//! shows the blob, and ends with the blob. All of it can be made again; it counts in no quota.

pub(crate) mod apply;
pub(crate) mod read;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::media::MediaType;
use wharf_model::name::RepositoryName;

use super::change::Place;
use super::query::LedgerError;
use crate::clock::Millis;

/// What is found out is written down. Fields with bytes are not repeated by the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum FactsChange {
    /// The facts about a manifest are these from now on. No effect where the manifest is not live, where it is another one by
    /// now, or where the facts are these already.
    PutFacts {
        /// Its repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// The number that it had when it was read: deleted and pushed again, it is another one.
        #[serde(skip)]
        number: u64,
        /// What kind of thing it is; at most 64 bytes.
        kind: String,
        /// What lists call it; at most [`wharf_model::limits::FACT_TITLE_BYTES_MAX`], empty where it has no title.
        #[serde(skip)]
        title: String,
        /// What lists say of it; at most [`wharf_model::limits::FACT_SUMMARY_BYTES_MAX`], empty where there is nothing to say.
        #[serde(skip)]
        summary: String,
        /// How many bytes all that it names has.
        #[serde(skip)]
        size: u64,
        /// What it runs on, one on each line; at most [`wharf_model::limits::FACT_PLATFORMS_BYTES_MAX`].
        #[serde(skip)]
        platforms: String,
        /// Of what made the facts: facts of another version are made again.
        version: u32,
        /// The facts, as JSON; at most [`wharf_model::limits::FACTS_BYTES_MAX`].
        #[serde(skip)]
        facts: String,
    },
    /// What is derived from a blob is this from now on; what was there of that kind goes. Where the blob is not known, nothing
    /// is kept, and bytes on the heap are reclaimed.
    PutDerived {
        /// The blob that it comes from.
        source: Digest,
        /// What it is; at most 64 bytes.
        kind: String,
        /// Of what made it.
        version: u32,
        /// How many bytes it has.
        size: u64,
        /// Where they are.
        place: Place,
        /// The note that names them until then, and its version: it goes. Where there is none of that version somebody else has
        /// ended it, and the bytes with it: then there is no effect.
        #[serde(skip)]
        upload: Option<(Id, u64)>,
    },
}

/// The facts about a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactsRow {
    /// What kind of thing it is.
    pub kind: String,
    /// What lists call it; empty where it has no title.
    pub title: String,
    /// What lists say of it; empty where there is nothing to say.
    pub summary: String,
    /// How many bytes all that it names has.
    pub size: u64,
    /// Of what made them.
    pub version: u32,
    /// The facts, as JSON.
    pub facts: String,
    /// When they were written.
    pub made_at: Millis,
}

/// What is derived from a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedRow {
    /// Of what made it.
    pub version: u32,
    /// How many bytes it has.
    pub size: u64,
    /// Where they are.
    pub place: Place,
}

/// A manifest that is live, for those who look at all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveManifest {
    /// Its number: the order in which manifests came. It keeps it in the trash, and nothing else ever has it.
    pub number: u64,
    /// Its repository.
    pub repository: RepositoryName,
    /// Its digest.
    pub digest: Digest,
}

/// A live manifest, as it is to be inspected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspectable {
    /// Its number, as in [`LiveManifest::number`].
    pub number: u64,
    /// Its media type.
    pub media_type: MediaType,
    /// Its exact bytes.
    pub bytes: Bytes,
    /// Of what made the facts about it, where there are any.
    pub version: Option<u32>,
}

/// The questions about it.
#[async_trait]
pub trait Facts: Send + Sync {
    /// The facts about a live manifest; `None` where there are none, or no such manifest.
    async fn facts(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<FactsRow>, LedgerError>;

    /// What of that kind is derived from a blob, if the repository shows the blob as for [`super::Ledger::blob`].
    async fn derived(
        &self,
        repository: &RepositoryName,
        source: &Digest,
        kind: &str,
    ) -> Result<Option<DerivedRow>, LedgerError>;

    /// A live manifest, as it is to be inspected.
    async fn inspectable(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Inspectable>, LedgerError>;

    /// The live manifests that name a manifest of their repository as their child and came before it, in the order in which they
    /// came, at most `limit`.
    async fn indexes_before(
        &self,
        repository: &RepositoryName,
        child: &Digest,
        limit: usize,
    ) -> Result<Vec<Digest>, LedgerError>;

    /// Live manifests, of one repository where one is given, in the order in which they came, after the number `after`, at most
    /// `limit`.
    async fn live_manifests(
        &self,
        within: Option<&RepositoryName>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<LiveManifest>, LedgerError>;
}
