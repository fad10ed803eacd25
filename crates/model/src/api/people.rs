//! Users, groups, robots, and the tokens they come with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Bound, NewBinding};
use crate::handle::Handle;
use crate::id::Id;
use crate::name::ProjectName;
use crate::pattern::Pattern;
use crate::permission::Permissions;

/// Who asks: the answer of `GET /api/v1/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// `user:NAME` or `robot:NAME`.
    #[schema(value_type = String, example = "user:kim")]
    pub subject: Bound,
    /// Names it for good.
    #[schema(value_type = String)]
    pub id: Id,
    /// The groups it is in.
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<Handle>,
    /// What it may do in the whole system, as far as the credential that was shown leaves it.
    #[schema(value_type = Vec<String>)]
    pub permissions: Permissions,
    /// What the token that was shown is limited to; empty for nothing.
    pub limits: Vec<Limit>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Names the user for good.
    #[schema(value_type = String)]
    pub id: Id,
    /// What the user logs in as.
    #[schema(value_type = String)]
    pub name: Handle,
    /// For people to read: a full name, a team.
    pub description: String,
    /// Whether logging in is refused.
    pub disabled: bool,
    /// When the user was made, in milliseconds since 1970.
    pub created_at: i64,
    /// The groups the user is in.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<Handle>,
}

/// The body of `POST /api/v1/users`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// What the user logs in as.
    #[schema(value_type = String)]
    pub name: Handle,
    /// The password; 10 to 1,024 bytes. A random one is made, and shown once, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// For people to read; at most 1,000 characters.
    #[serde(default)]
    pub description: String,
}

/// The body of `PUT /api/v1/users/<name>`; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserChange {
    /// For people to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether logging in is refused. Everything that was issued to the user ends at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// The body of `PUT /api/v1/users/<name>/password`. Everything that was issued for the old one ends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one that is in force; needed by who changes their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The new one; 10 to 1,024 bytes.
    pub password: String,
}

/// A group of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Handle,
    /// What it is for.
    pub description: String,
    /// Who is in it; at most 10,000.
    #[schema(value_type = Vec<String>)]
    pub members: Vec<Handle>,
}

/// The body of `PUT /api/v1/groups/<name>`; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupChange {
    /// What it is for; at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All who are in it from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub members: Option<Vec<Handle>>,
}

/// What a token is limited to: these permissions in these repositories. It only takes away.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Which permissions are left.
    #[schema(value_type = Vec<String>)]
    pub permissions: Permissions,
    /// In which repositories: a pattern over whole names; everywhere where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub repositories: Option<Pattern>,
}

/// A token: what a user's scripts or a robot logs in with in place of a password. Its secret is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Names it.
    #[schema(value_type = String)]
    pub id: Id,
    /// What it is for.
    pub name: String,
    /// What it is limited to; empty for nothing.
    pub limits: Vec<Limit>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it ends; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When it was used last, to within five minutes; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<i64>,
}

/// The body of `POST /api/v1/tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for; at most 100 characters.
    pub name: String,
    /// What it is limited to; nothing where it is left out. At most 50.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// In how many days it ends, 1 to 3,650; never where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// Something new with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithSecret<T> {
    /// What was made.
    #[serde(flatten)]
    pub made: T,
    /// Its secret; absent where whoever made it said which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A robot: an account for a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Robot {
    /// Names it for good.
    #[schema(value_type = String)]
    pub id: Id,
    /// What it logs in as: `<project>+<name>`, or a name alone where it is the system's.
    #[schema(value_type = String)]
    pub name: Handle,
    /// The project it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub project: Option<ProjectName>,
    /// What it is for.
    pub description: String,
    /// Whether logging in is refused.
    pub disabled: bool,
    /// When it ends, in milliseconds since 1970; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// What it may do.
    pub bindings: Vec<super::access::Binding>,
    /// Its tokens: one, or two for a while after a rotation.
    pub tokens: Vec<Token>,
}

/// The body of `POST …/robots`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRobot {
    /// Its name, without the project.
    #[schema(value_type = String)]
    pub name: Handle,
    /// What it is for; at most 1,000 characters.
    #[serde(default)]
    pub description: String,
    /// In how many days it ends, 1 to 3,650; never where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// What it may do, where; at most 50. The subject is left out: it is the robot.
    pub bindings: Vec<NewBinding>,
}

/// The body of `PUT …/robots/<name>`; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RobotChange {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether logging in is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// The body of `POST …/robots/<name>/rotate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// For how many seconds the old tokens still count, at most 30 days; 0 unless said.
    pub overlap_secs: u32,
    /// In how many days the new one ends; never where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}
