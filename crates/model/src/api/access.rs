//! Who may do what: roles, bindings, and why somebody may or may not.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::handle::{Handle, HandleError};
use crate::id::Id;
use crate::name::ProjectName;
use crate::pattern::Pattern;
use crate::permission::Permissions;

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Handle,
    /// What it is for.
    pub description: String,
    /// What it allows.
    #[schema(value_type = Vec<String>)]
    pub permissions: Permissions,
    /// Whether it is always there and cannot be changed.
    pub built_in: bool,
}

/// The body of `PUT /api/v1/roles/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// What it is for; at most 1,000 characters.
    #[serde(default)]
    pub description: String,
    /// What it allows; at least one.
    #[schema(value_type = Vec<String>)]
    pub permissions: Permissions,
}

/// Whom a binding is about; written `user:kim`, `group:devs`, `robot:acme+ci`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bound {
    /// A user.
    User(Handle),
    /// A robot.
    Robot(Handle),
    /// All who are in a group.
    Group(Handle),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::User(name) => write!(f, "user:{name}"),
            Bound::Robot(name) => write!(f, "robot:{name}"),
            Bound::Group(name) => write!(f, "group:{name}"),
        }
    }
}

/// The text names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// It has no such form.
    #[error("write user:NAME, robot:NAME or group:NAME")]
    Form,
    /// The name is none.
    #[error(transparent)]
    Name(#[from] HandleError),
}

impl FromStr for Bound {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(':').ok_or(BoundError::Form)?;
        match kind {
            "user" => Ok(Bound::User(name.parse()?)),
            "robot" => Ok(Bound::Robot(name.parse()?)),
            "group" => Ok(Bound::Group(name.parse()?)),
            _ => Err(BoundError::Form),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a binding gives: a role, or permissions one by one. Exactly one of the two is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBinding {
    /// To whom: `user:NAME`, `robot:NAME` or `group:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "user:kim")]
    pub subject: Option<Bound>,
    /// A role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub role: Option<Handle>,
    /// Permissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub permissions: Option<Permissions>,
    /// In which repositories of the project: a pattern over whole names. All of the project where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "acme/app/**")]
    pub repositories: Option<Pattern>,
}

/// A binding: who is given what, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Binding {
    /// Names it.
    #[schema(value_type = String)]
    pub id: Id,
    /// To whom.
    #[schema(value_type = String)]
    pub subject: Bound,
    /// The role, where one is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub role: Option<Handle>,
    /// The permissions that it gives, the role's where there is one.
    #[schema(value_type = Vec<String>)]
    pub permissions: Permissions,
    /// The project; the whole system where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub project: Option<ProjectName>,
    /// The repositories of the project, where not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub repositories: Option<Pattern>,
}

/// Why somebody may or may not do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The answer.
    pub allowed: bool,
    /// In one sentence.
    pub because: String,
    /// The bindings that count in that place, whether they give this permission or another.
    pub bindings: Vec<Binding>,
    /// All that the subject may do there.
    #[schema(value_type = Vec<String>)]
    pub permissions: Permissions,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn subjects() {
        for text in ["user:kim", "robot:acme+ci", "group:devs"] {
            assert_eq!(text.parse::<Bound>().expect(text).to_string(), text);
        }
        assert_eq!("kim".parse::<Bound>(), Err(BoundError::Form));
        assert_eq!("host:kim".parse::<Bound>(), Err(BoundError::Form));
        assert_eq!("user:Kim".parse::<Bound>(), Err(BoundError::Name(HandleError::Form)));
    }
}
