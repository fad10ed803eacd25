//! The log by place: which of its entries are about which project and repository, so that what happened somewhere is told
//! without reading all that happened elsewhere.
//!
//! It is an index of the log: written in its transaction, only added to, and kept as long as it. It names projects and
//! repositories by numbers that are never given twice, so what was deleted and made again is something else here, too. Entries
//! are in it that change what [`Change::about`] names; others are nobody's news.

pub(crate) mod apply;
pub(crate) mod read;

use async_trait::async_trait;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName};

use super::Seq;
use super::change::{Change, Entry};
use super::query::LedgerError;

/// What a change is about, where it is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// A repository.
    Repository(&'a RepositoryName),
    /// A project.
    Project(&'a ProjectName),
}

impl About<'_> {
    /// The name of its project.
    pub fn project(&self) -> &str {
        match self {
            About::Repository(name) => name.project_str(),
            About::Project(name) => name.as_str(),
        }
    }
}

impl Change {
    /// What it is about, where it is news: repositories, manifests and tags that come, change and go, and projects. Blobs, people,
    /// counters and what is purged are none.
    pub fn about(&self) -> Option<About<'_>> {
        match self {
            Change::EnsureRepository { repository, .. }
            | Change::PutManifest { repository, .. }
            | Change::PointTag { repository, .. }
            | Change::DeleteTag { repository, .. }
            | Change::SetOverview { repository, .. }
            | Change::DeleteManifest { repository, .. }
            | Change::DeleteRepository { repository, .. }
            | Change::RestoreManifest { repository, .. }
            | Change::RestoreRepository { repository, .. } => Some(About::Repository(repository)),
            Change::PutProject { project, .. }
            | Change::DeleteProject { project, .. }
            | Change::RestoreProject { project, .. } => Some(About::Project(project)),
            Change::PutBlob { .. }
            | Change::MountBlob { .. }
            | Change::DeleteBlob { .. }
            | Change::PurgeTrash { .. }
            | Change::SweepMember { .. }
            | Change::People(_)
            | Change::Found(_)
            | Change::AddTotals(_)
            | Change::SetTotals(_) => None,
        }
    }
}

/// Where news are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// Everywhere.
    All,
    /// In the project of that id.
    Project(Id),
    /// In the repository of that id.
    Repository(Id),
}

/// A place in the news: an entry, and the number of a project that it is about.
pub type NewsMark = (Seq, u64);

/// In which direction news are read, beyond which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the latest back, before that place.
    Before(NewsMark),
    /// From the first on, after that place.
    After(NewsMark),
}

/// That an entry is about a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsRow {
    /// The entry.
    pub seq: Seq,
    /// The project's number, for [`Direction`].
    pub number: u64,
    /// The project; `None` where it is gone for good, or in the trash.
    pub project: Option<NewsProject>,
}

/// The project of some news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsProject {
    /// Names it for good.
    pub id: Id,
    /// What it is called.
    pub name: ProjectName,
    /// Whether anybody may pull from it.
    pub public: bool,
}

/// The questions about what happened.
#[async_trait]
pub trait News: Send + Sync {
    /// Which entries are about which project, in order, at most `limit`.
    async fn news(&self, whence: Whence, direction: Direction, limit: usize) -> Result<Vec<NewsRow>, LedgerError>;

    /// The entries of the log with those numbers, in their order; those that are not there are left out.
    async fn entries(&self, numbers: &[Seq]) -> Result<Vec<Entry>, LedgerError>;
}
