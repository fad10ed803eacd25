//! What was deleted and can come back, and how tags came to point where they do.
//!
//! What is in the trash keeps its rows, so that it comes back as it was. A manifest leaves the table of live ones and keeps its
//! number, and with it its edges. A repository or project keeps a name that none can have: it begins with `/`, which sorts
//! before every name, and whatever asks by name does not find it.

pub(crate) mod read;

use async_trait::async_trait;
use wharf_model::api::trash::TrashKind;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName, Tag};

use super::query::LedgerError;
use crate::clock::Millis;

/// Every name in the trash is less than this, every other name is greater. Statements repeat it as a literal.
pub(crate) const BEYOND_TRASH: &str = "/~";

/// The numbers of the kinds of entries, as the table has them. They never change: an index is of the third.
macro_rules! kind {
    (manifest) => {
        1
    };
    (repository) => {
        2
    };
    (project) => {
        3
    };
}
pub(crate) use kind;

/// What the number of a kind stands for.
pub(crate) fn kind_of(number: i64) -> Result<TrashKind, LedgerError> {
    match number {
        kind!(manifest) => Ok(TrashKind::Manifest),
        kind!(repository) => Ok(TrashKind::Repository),
        kind!(project) => Ok(TrashKind::Project),
        other => Err(LedgerError::Corrupt(format!("something of kind {other} in the trash"))),
    }
}

/// The tags that a manifest had, as its entry has them.
pub(crate) fn tags_of(text: &str) -> Result<Vec<Tag>, LedgerError> {
    serde_json::from_str(text).map_err(|error| LedgerError::Corrupt(format!("tags in the trash: {error}")))
}

/// What a project is called in the trash; its repositories and robots have that in place of its name.
pub(crate) fn trashed_project(number: i64) -> String {
    format!("/{number}")
}

/// What a repository is called in the trash that was deleted by itself.
pub(crate) fn trashed_repository(number: i64) -> String {
    format!("//{number}")
}

/// An entry of the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashRow {
    /// Names it.
    pub id: Id,
    /// What it is.
    pub kind: TrashKind,
    /// Names the project that it is of, or is.
    pub project: Id,
    /// What the repository (a manifest's, too) or the project was called.
    pub name: String,
    /// Of a manifest.
    pub digest: Option<Digest>,
    /// The tags that a manifest had.
    pub tags: Vec<Tag>,
    /// When it was deleted.
    pub deleted_at: Millis,
    /// On whose behalf.
    pub deleted_by: String,
    /// When its time is up.
    pub until: Millis,
}

/// Where a list of the trash goes on: after the entry that was deleted at that time and has that id, which need not be there
/// any more.
pub type TrashMark = (Millis, Id);

/// A repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepositoryRow {
    /// Names it for good.
    pub id: Id,
    /// Whether anybody may pull from it.
    pub public: bool,
    /// When it was made.
    pub created_at: Millis,
    /// How often it was pulled, as far as that was written down.
    pub pulls: u64,
}

/// One move of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRow {
    /// Which of the tag's moves it is: the first is 1. Never another's.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// On whose behalf.
    pub actor: String,
    /// What the client called itself.
    pub client: Option<String>,
    /// What the tag pointed to before.
    pub before: Option<Digest>,
    /// What it pointed to from then on.
    pub after: Option<Digest>,
}

/// The questions about the trash and about history.
#[async_trait]
pub trait Trash: Send + Sync {
    /// The repository of that name.
    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRow>, LedgerError>;

    /// The moves of a tag, the newest first, at most `limit`; only those before the one with the number `before`, where that is
    /// said. Empty where there never was such a tag, `None` where there is no such repository.
    async fn tag_moves(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<MoveRow>>, LedgerError>;

    /// What is in the trash, the latest first, after `after`, at most `limit`; of one project, which may be in the trash itself,
    /// where one is named.
    async fn trash(
        &self,
        project: Option<Id>,
        after: Option<TrashMark>,
        limit: usize,
    ) -> Result<Vec<TrashRow>, LedgerError>;

    /// Of what is in the trash of each of these projects after `after` the latest entry, in no order; none of a project that has
    /// none there.
    async fn latest_trash(&self, projects: &[Id], after: Option<TrashMark>) -> Result<Vec<TrashRow>, LedgerError>;

    /// The entry of the trash with that id.
    async fn trash_entry(&self, id: Id) -> Result<Option<TrashRow>, LedgerError>;

    /// The entry of the manifest that was deleted last of those with that digest in the repository.
    async fn trashed_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<TrashRow>, LedgerError>;

    /// The project of that name, if it is there, and those in the trash that had it; at most `limit`.
    async fn projects_called(&self, name: &ProjectName, limit: usize) -> Result<Vec<Id>, LedgerError>;

    /// What was trashed and whose time is up, at most `limit`.
    async fn expired_trash(&self, limit: usize) -> Result<Vec<TrashRow>, LedgerError>;
}
