//! Questions about manifests as artifacts: with their tags, and with what was found out about them. All rows come without the
//! manifests' bytes, so that a page costs what it shows.

pub(crate) mod read;

use async_trait::async_trait;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::media::MediaType;
use wharf_model::name::{RepositoryName, Tag};

use super::query::LedgerError;
use crate::clock::Millis;

/// How many tags of one artifact are told.
pub const ARTIFACT_TAGS_MAX: usize = 10;
/// How far tags and referrers of one artifact are counted. Statements repeat it as a literal.
pub const COUNTED_MAX: u64 = 1_000;

/// What was found out about an artifact, in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InBrief {
    /// What kind of thing it is.
    pub kind: String,
    /// What it is called; empty where nobody says.
    pub title: String,
    /// What it is for; empty where nobody says.
    pub summary: String,
    /// Of the manifest, its config and its layers, in bytes.
    pub size: u64,
    /// What it runs on.
    pub platforms: Vec<String>,
}

/// A live manifest, as lists tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRow {
    /// Its number: the order in which manifests came. It keeps it in the trash and back.
    pub number: u64,
    /// Names it for good.
    pub id: Id,
    /// What its bytes are named.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// What it is attached to.
    pub subject: Option<Digest>,
    /// When it came.
    pub pushed_at: Millis,
    /// On whose behalf.
    pub pushed_by: String,
    /// Its first tags in byte order, at most [`ARTIFACT_TAGS_MAX`].
    pub tags: Vec<Tag>,
    /// How many there are, counted to [`COUNTED_MAX`].
    pub tags_total: u64,
    /// How many manifests have it as their subject, counted to [`COUNTED_MAX`].
    pub referrers: u64,
    /// What was found out about it, where that is done.
    pub found: Option<InBrief>,
}

/// A tag, as lists tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// The tag.
    pub tag: Tag,
    /// When it was pointed there.
    pub moved_at: Millis,
    /// On whose behalf.
    pub moved_by: String,
    /// What it points to.
    pub digest: Digest,
    /// The media type of that.
    pub media_type: MediaType,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// What was found out about it, where that is done.
    pub found: Option<InBrief>,
    /// How often it was pulled, as far as that was written down.
    pub pulls: u64,
}

/// The questions about artifacts.
#[async_trait]
pub trait Artifacts: Send + Sync {
    /// Live manifests of a repository, those first that came last; before the number `before`, of one kind where one is said,
    /// at most `limit`. None where there is no such repository.
    async fn artifacts(
        &self,
        repository: &RepositoryName,
        kind: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ArtifactRow>, LedgerError>;

    /// Those of `digests` that are live manifests of the repository, in no order.
    async fn artifacts_named(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Vec<ArtifactRow>, LedgerError>;

    /// Tags of a repository after `after`, in byte order, with what they point to, at most `limit`. None where there is no such
    /// repository.
    async fn tagged(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TagRow>, LedgerError>;

    /// The tag, with what it points to.
    async fn tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<TagRow>, LedgerError>;

    /// Those of `tags` that are there, in no order.
    async fn tags_named(&self, repository: &RepositoryName, tags: &[Tag]) -> Result<Vec<TagRow>, LedgerError>;

    /// Of which kinds that is which names one of `digests` as its subject, in no order; of each at most [`COUNTED_MAX`] are looked
    /// at. Those to which nothing is attached may be left out.
    async fn attached_kinds(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Vec<(Digest, Vec<String>)>, LedgerError>;

    /// The tags that point to a manifest, in byte order, at most `limit`.
    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<Tag>, LedgerError>;
}
