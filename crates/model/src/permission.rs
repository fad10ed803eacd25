//! What can be allowed: a closed list of permissions, sets of them, and the roles that are built in.

use std::fmt;
use std::str::FromStr;

/// Makes the enum, its names and what they mean from one table.
macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $level:ident;)+) => {
        /// What somebody may be allowed to do. In texts it is written as [`Permission::as_str`] says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Permission {
            /// All of them.
            pub const ALL: &[Permission] = &[$(Permission::$name,)+];

            /// How it is written: stable, part of the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Permission::$name => $text,)+ }
            }

            /// The smallest place in which it means something.
            pub const fn level(self) -> Level {
                match self { $(Permission::$name => Level::$level,)+ }
            }

            /// What it allows, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Permission::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

/// Where a permission means something: given in a larger place, it holds in all smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// In a repository.
    Repository,
    /// In a project.
    Project,
    /// In the system.
    System,
}

permissions! {
    /// Read manifests, blobs, tags and referrers.
    Pull = "pull", Repository;
    /// Write blobs and manifests; make repositories in a project that is there.
    Push = "push", Repository;
    /// Create and move tags.
    Tag = "tag", Repository;
    /// Attach manifests that have a subject (signatures, SBOMs), by digest.
    Attach = "attach", Repository;
    /// Delete tags, manifests, blobs and repositories; they go to the trash.
    Delete = "delete", Repository;
    /// Look into the trash and take things out of it.
    Restore = "restore", Repository;
    /// Empty the trash before its time.
    Purge = "purge", Repository;
    /// See the project: what it is set to, what it uses.
    ProjectRead = "project:read", Project;
    /// Change what the project says of itself and is set to, quota and rules apart.
    ProjectWrite = "project:write", Project;
    /// Delete the project; it goes to the trash.
    ProjectDelete = "project:delete", Project;
    /// See who may do what in the project.
    MemberRead = "member:read", Project;
    /// Change who may do what in the project.
    MemberWrite = "member:write", Project;
    /// See the project's robots.
    RobotRead = "robot:read", Project;
    /// Make, change and delete the project's robots.
    RobotWrite = "robot:write", Project;
    /// See the project's rules: immutability, retention.
    PolicyRead = "policy:read", Project;
    /// Change the project's rules.
    PolicyWrite = "policy:write", Project;
    /// See the project's webhooks.
    WebhookRead = "webhook:read", Project;
    /// Change the project's webhooks.
    WebhookWrite = "webhook:write", Project;
    /// Change the project's quota.
    QuotaWrite = "quota:write", System;
    /// Make projects.
    ProjectCreate = "project:create", System;
    /// See users, groups, and the robots of the system.
    UserRead = "user:read", System;
    /// Make, change and delete users, and the robots of the system.
    UserWrite = "user:write", System;
    /// Make, change and delete groups.
    GroupWrite = "group:write", System;
    /// Make, change and delete roles.
    RoleWrite = "role:write", System;
    /// See what the system is set to, its log and its jobs.
    SystemRead = "system:read", System;
    /// Change what the system is set to.
    SystemWrite = "system:write", System;
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no such permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission {0:?}")]
pub struct PermissionUnknown(pub String);

impl FromStr for Permission {
    type Err = PermissionUnknown;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Permission::ALL.iter().copied().find(|permission| permission.as_str() == text);
        found.ok_or_else(|| PermissionUnknown(text.chars().take(64).collect()))
    }
}

impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Permission {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u64);

impl Permissions {
    /// None.
    pub const NONE: Permissions = Permissions(0);
    /// All.
    pub const ALL: Permissions = Permissions::of(Permission::ALL);

    /// The set of these.
    pub const fn of(list: &[Permission]) -> Permissions {
        let mut bits = 0;
        let mut at = 0;
        while at < list.len() {
            bits |= 1 << list[at] as u64;
            at += 1;
        }
        Permissions(bits)
    }

    /// All that mean something in a place of this size.
    pub fn within(level: Level) -> Permissions {
        Permission::ALL.iter().copied().filter(|permission| permission.level() <= level).collect()
    }

    /// Whether it is in the set.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    /// Whether all of `other` are in the set.
    pub const fn has_all(self, other: Permissions) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
    pub const fn has_any(self, other: Permissions) -> bool {
        self.0 & other.0 != 0
    }

    /// Those in either.
    #[must_use]
    pub const fn and(self, other: Permissions) -> Permissions {
        Permissions(self.0 | other.0)
    }

    /// Those in both.
    #[must_use]
    pub const fn only(self, other: Permissions) -> Permissions {
        Permissions(self.0 & other.0)
    }

    /// Those of the set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Permissions) -> Permissions {
        Permissions(self.0 & !other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after the other, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(list: I) -> Self {
        list.into_iter().fold(Permissions::NONE, |set, permission| set.and(Permissions::of(&[permission])))
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Permission::as_str).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Permissions {
    type Err = PermissionUnknown;

    /// Reads what is printed: names separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse).collect()
    }
}

impl serde::Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Permission>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// A role that is always there and cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What it allows.
    pub permissions: Permissions,
}

const READER: Permissions = Permissions::of(&[Permission::Pull, Permission::ProjectRead]);
const CONTRIBUTOR: Permissions = READER.and(Permissions::of(&[Permission::Push, Permission::Tag, Permission::Attach]));
const MAINTAINER: Permissions = CONTRIBUTOR.and(Permissions::of(&[
    Permission::Delete,
    Permission::Restore,
    Permission::MemberRead,
    Permission::RobotRead,
    Permission::RobotWrite,
    Permission::PolicyRead,
    Permission::PolicyWrite,
    Permission::WebhookRead,
    Permission::WebhookWrite,
]));
const OWNER: Permissions = MAINTAINER.and(Permissions::of(&[
    Permission::Purge,
    Permission::ProjectWrite,
    Permission::ProjectDelete,
    Permission::MemberWrite,
]));

/// The roles that are built in, from the least to the most.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn { name: "reader", about: "Reads.", permissions: READER },
    BuiltIn { name: "contributor", about: "Reads, pushes and tags.", permissions: CONTRIBUTOR },
    BuiltIn {
        name: "maintainer",
        about: "Also deletes and restores, and keeps robots, rules and webhooks.",
        permissions: MAINTAINER,
    },
    BuiltIn { name: "owner", about: "Does everything in a project but raise its quota.", permissions: OWNER },
    BuiltIn { name: ADMINISTRATOR, about: "Does everything, everywhere.", permissions: Permissions::ALL },
];

/// The role of who may do everything.
pub const ADMINISTRATOR: &str = "administrator";

/// The built-in role of that name.
pub fn built_in(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|role| role.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
            assert!(permission.about().ends_with('.'), "{permission}");
        }
        assert!("everything".parse::<Permission>().is_err());
        assert!(Permission::ALL.len() <= 64);
        assert_eq!("push, pull,".parse::<Permissions>().expect("a set").to_string(), "pull,push");
    }

    #[test]
    fn roles_grow() {
        for pair in BUILT_IN.windows(2) {
            assert!(pair[1].permissions.has_all(pair[0].permissions), "{} {}", pair[0].name, pair[1].name);
        }
        let beyond = OWNER.without(Permissions::within(Level::Project));
        assert!(beyond.is_empty(), "an owner's are all of the project: {beyond}");
        assert_eq!(Permissions::within(Level::System), Permissions::ALL);
    }

    #[test]
    fn sets() {
        let (pull, push) = (Permissions::of(&[Permission::Pull]), Permissions::of(&[Permission::Push]));
        let both = pull.and(push);
        assert!(both.has(Permission::Push) && both.has_all(pull) && !pull.has_all(both) && both.has_any(push));
        assert_eq!(both.without(pull), push);
        assert_eq!(both.only(pull), pull);
        assert!(Permissions::NONE.is_empty() && !both.is_empty());
    }
}
