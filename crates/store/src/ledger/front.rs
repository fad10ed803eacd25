//! What a repository shows in front: what its people say of it, and how often it is pulled.
//!
//! The overview is a fact: set by a change, told in the log without its text. Pulls are notes, which may be late and may be lost.

pub(crate) mod apply;
pub(crate) mod read;

use async_trait::async_trait;
use wharf_model::name::{Reference, RepositoryName};

use super::query::LedgerError;
use crate::clock::Millis;

/// What the people of a repository say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverviewRow {
    /// Markdown, as it was written.
    pub text: String,
    /// When it was.
    pub changed_at: Millis,
    /// On whose behalf.
    pub changed_by: String,
}

/// Pulls that are to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Out of which repository.
    pub repository: RepositoryName,
    /// What was asked for. Of a digest the tags count that point there, and nothing where none does: so what an index lists is not
    /// counted beside it.
    pub reference: Reference,
    /// How often.
    pub count: u64,
}

/// A repository in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueRow {
    /// Its name.
    pub name: RepositoryName,
    /// How often it was pulled.
    pub pulls: u64,
    /// Its number; in the order in which they came.
    pub number: u64,
}

/// The questions about what is shown in front, and the note of it.
#[async_trait]
pub trait Front: Send + Sync {
    /// What the people of the repository say of it, where they do.
    async fn overview(&self, repository: &RepositoryName) -> Result<Option<OverviewRow>, LedgerError>;

    /// Public repositories, or all, those that are pulled most first, behind the one of so many pulls and that number; at most
    /// `limit`.
    async fn catalogue(
        &self,
        public_only: bool,
        after: Option<(u64, u64)>,
        limit: usize,
    ) -> Result<Vec<CatalogueRow>, LedgerError>;

    /// Adds to what was counted; of repositories and tags that are not there nothing. What is counted of a tag goes with that, and
    /// comes back with it out of the trash; another tag that takes its name begins anew. What is counted of a repository stays.
    async fn note_pulls(&self, pulled: &[Pulled]) -> Result<(), LedgerError>;
}
