//! What a repository shows in front.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::RepositoryName;

/// What the people of a repository say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// Markdown, as it was written. Nobody has made it harmless.
    pub text: String,
    /// When it was written, in milliseconds since 1970.
    pub changed_at: i64,
    /// By whom, by name to whoever logged in.
    pub changed_by: String,
}

/// What is to be said of a repository: the body of `PUT /api/v1/repositories/<repository>/overview`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverviewChange {
    /// Markdown, of 65,536 bytes at most; nothing in it takes away what is said.
    pub text: String,
}

/// A repository in the catalogue of what everybody may pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CatalogueEntry {
    /// Its name.
    #[schema(value_type = String)]
    pub repository: RepositoryName,
    /// How often it was pulled, as far as that is known.
    pub pulls: u64,
    /// Whether those who administer the registry vouch for its project.
    pub vouched: bool,
}
