//! Projects: what repositories are grouped by.

use serde::{Deserialize, Serialize};

use crate::name::ProjectName;

/// What can be set of a project: the body of `PUT /api/v1/projects/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSettings {
    /// Whether anybody may pull from it, without login.
    pub public: bool,
}

/// A project as the API tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Names it for good, whatever happens to its name.
    pub id: crate::id::Id,
    /// Its name.
    pub name: ProjectName,
    /// Whether anybody may pull from it, without login.
    pub public: bool,
}
