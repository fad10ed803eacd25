//! All that is configured in the ledger, as one document: what `wharf export config` prints and `wharf apply` reads.
//!
//! A document says how the things that it names are to be. What it does not name stays as it is; a thing that it names comes
//! into being where it is not there. Of a list that is given (members, bindings) the whole is given: what is not on it goes.
//! Secrets are not in it: a user that comes into being has no password, a robot no token, until one is made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{NewBinding, RoleChange};
use super::people::{GroupChange, UserChange};
use super::project::ProjectChange;
use crate::handle::Handle;
use crate::name::ProjectName;

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Roles that are not built in, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, RoleChange>)]
    pub roles: BTreeMap<Handle, RoleChange>,
    /// Users by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, UserChange>)]
    pub users: BTreeMap<Handle, UserChange>,
    /// Groups by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, GroupChange>)]
    pub groups: BTreeMap<Handle, GroupChange>,
    /// Robots of the system by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, RobotConfig>)]
    pub robots: BTreeMap<Handle, RobotConfig>,
    /// All that is given in the system, but to robots that stand above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindings: Option<Vec<NewBinding>>,
    /// Projects by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, ProjectConfig>)]
    pub projects: BTreeMap<ProjectName, ProjectConfig>,
}

/// A project in the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectConfig {
    /// What it is set to.
    pub settings: ProjectChange,
    /// All that is given in it, but to its robots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindings: Option<Vec<NewBinding>>,
    /// Its robots by name, without the project.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, RobotConfig>)]
    pub robots: BTreeMap<Handle, RobotConfig>,
}

/// A robot in the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RobotConfig {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether logging in is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// All that it is given. The subject is left out: it is the robot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindings: Option<Vec<NewBinding>>,
}

/// What is done with a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It comes into being.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Remove,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    /// What is done.
    pub verb: Verb,
    /// With what: `project acme`, `binding of user:kim in acme`.
    pub what: String,
    /// What changes about it: `quota_bytes: 10 → 20`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// What a document changes, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// The changes, in the order in which they are made; none where all is as the document says.
    pub changes: Vec<Planned>,
    /// Whether they were made.
    pub applied: bool,
}

/// What is wrong with a document, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The place: `projects.acme.bindings[0].role`.
    pub at: String,
    /// What is wrong.
    pub reason: String,
}

impl Config {
    /// Adds what another document says, as when several files are one.
    ///
    /// # Errors
    /// What both speak of: which of them is right cannot be told.
    pub fn merge(&mut self, other: Config) -> Result<(), Problem> {
        fn add<K: Ord + std::fmt::Display, V>(
            what: &str,
            mine: &mut BTreeMap<K, V>,
            theirs: BTreeMap<K, V>,
        ) -> Result<(), Problem> {
            for (name, value) in theirs {
                if mine.contains_key(&name) {
                    return Err(twice(format!("{what}.{name}")));
                }
                mine.insert(name, value);
            }
            Ok(())
        }
        let Config { roles, users, groups, robots, bindings, projects } = other;
        add("roles", &mut self.roles, roles)?;
        add("users", &mut self.users, users)?;
        add("groups", &mut self.groups, groups)?;
        add("robots", &mut self.robots, robots)?;
        add("projects", &mut self.projects, projects)?;
        if let Some(bindings) = bindings
            && self.bindings.replace(bindings).is_some()
        {
            return Err(twice("bindings".to_owned()));
        }
        Ok(())
    }
}

fn twice(at: String) -> Problem {
    Problem { at, reason: "it stands there twice".to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn read(text: &str) -> Config {
        serde_json::from_str(text).expect("a document")
    }

    #[test]
    fn documents_are_put_together() {
        let mut all = read(r#"{"users": {"kim": {}}, "bindings": []}"#);
        all.merge(read(r#"{"users": {"ann": {}}, "projects": {"acme": {}}}"#)).expect("they fit");
        assert_eq!(all, read(r#"{"users": {"ann": {}, "kim": {}}, "bindings": [], "projects": {"acme": {}}}"#));
        let check = |text: &str, expect: &str| {
            assert_eq!(all.clone().merge(read(text)).expect_err(text).at, expect);
        };
        check(r#"{"users": {"kim": {}}}"#, "users.kim");
        check(r#"{"projects": {"acme": {}}}"#, "projects.acme");
        check(r#"{"bindings": []}"#, "bindings");
    }

    #[test]
    fn what_is_no_document() {
        for text in [r#"{"user": {}}"#, r#"{"users": {"No Name": {}}}"#, r#"{"projects": {"acme": {"public": true}}}"#]
        {
            assert!(serde_json::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}
