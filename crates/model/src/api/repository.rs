//! Repositories, as our API tells of them. What is in them is the Distribution API's to tell.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::Id;
use crate::name::{ProjectName, RepositoryName};

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repository {
    /// Names it for good, whatever happens to its name.
    #[schema(value_type = String)]
    pub id: Id,
    /// Its name.
    #[schema(value_type = String)]
    pub name: RepositoryName,
    /// Its project.
    #[schema(value_type = String)]
    pub project: ProjectName,
    /// Whether anybody may pull from it, without login.
    pub public: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// How often it was pulled, as far as that is known.
    #[serde(default)]
    pub pulls: u64,
}
