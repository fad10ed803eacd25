//! Who asks: an actor, what it is given, and what the credential it came with limits it to. What that allows is
//! [`crate::access`]'s to say.

use std::sync::Arc;

use wharf_model::api::access::Bound;
use wharf_model::api::people::Limit;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::pattern::Pattern;
use wharf_model::permission::{Level, Permission, Permissions};
use wharf_model::scope::Scope;
use wharf_store::ledger::change::{Change, Commit};
use wharf_store::ledger::readable::Readable;

use crate::identity::token::Owner;
use crate::rights::{Place, Rights, in_project};

/// Somebody who asks. That everybody may do much in open mode is a policy, not an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody in particular.
    Anonymous,
    /// A person.
    User {
        /// Names it for good.
        id: Id,
        /// What it logged in as; for people to read, never to decide by.
        name: Handle,
    },
    /// A machine.
    Robot {
        /// Names it for good.
        id: Id,
        /// What it logged in as.
        name: Handle,
    },
}

impl Actor {
    /// The actor in logs, in the ledger's log and as the owner of upload sessions: `anonymous`, `user:<id>` or `robot:<id>`.
    /// At most 255 bytes. Survives renaming.
    pub fn key(&self) -> String {
        match self {
            Actor::Anonymous => "anonymous".to_owned(),
            Actor::User { id, .. } => format!("user:{id}"),
            Actor::Robot { id, .. } => format!("robot:{id}"),
        }
    }

    /// Whether nobody logged in.
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Actor::Anonymous)
    }

    /// What it is called, unless it is nobody in particular.
    pub fn name(&self) -> Option<&Handle> {
        match self {
            Actor::Anonymous => None,
            Actor::User { name, .. } | Actor::Robot { name, .. } => Some(name),
        }
    }

    /// What it is called where something is about it, unless it is nobody in particular.
    pub(crate) fn bound(&self) -> Option<Bound> {
        match self {
            Actor::Anonymous => None,
            Actor::User { name, .. } => Some(Bound::User(name.clone())),
            Actor::Robot { name, .. } => Some(Bound::Robot(name.clone())),
        }
    }

    /// What names it for good, unless it is nobody in particular.
    pub fn id(&self) -> Option<Id> {
        match self {
            Actor::Anonymous => None,
            Actor::User { id, .. } | Actor::Robot { id, .. } => Some(*id),
        }
    }
}

/// What a credential limits its bearer to. It only takes away: nobody may do more because of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// What a bearer token was made for; `None` where it is none. It leaves nothing but what clients ask for by these words.
    pub scopes: Option<Arc<[Scope]>>,
    /// What a personal token or a robot's is limited to; empty for nothing.
    pub limits: Arc<[Limit]>,
    /// Whether a personal token or a robot's was shown, or a bearer token that came of one, and not a password.
    pub by_token: bool,
}

impl Ceiling {
    /// What it leaves of `given` in a place.
    pub fn leaves(&self, given: Permissions, place: &Place<'_>) -> Permissions {
        let given = self.limits_leave(given, place);
        let Some(scopes) = &self.scopes else { return given };
        let named = |scope: &&Scope| scope.kind == "repository" && Some(scope.name.as_str()) == place.repository;
        let verbs = scopes.iter().filter(named).flat_map(|scope| &scope.actions);
        given.only(verbs.fold(Permissions::NONE, |left, verb| left.and(of_verb(verb))))
    }

    /// What the limits leave of it; what a token was made for apart.
    pub(crate) fn limits_leave(&self, given: Permissions, place: &Place<'_>) -> Permissions {
        if self.limits.is_empty() {
            return given;
        }
        let of_limit = |limit: &Limit| match &limit.repositories {
            None => limit.permissions,
            Some(pattern) if place.repository.is_some_and(|name| pattern.matches(name)) => {
                limit.permissions.only(Permissions::within(Level::Repository))
            }
            Some(_) => Permissions::NONE,
        };
        given.only(self.limits.iter().fold(Permissions::NONE, |left, limit| left.and(of_limit(limit))))
    }

    /// What it leaves of what is given in all of the repositories that `repositories` matches, or in all of a project or
    /// of the system where there is no pattern, as far as can be told from how patterns are written.
    pub fn leaves_throughout(&self, given: Permissions, repositories: Option<&Pattern>) -> Permissions {
        if self.scopes.is_some() {
            return Permissions::NONE;
        }
        if self.limits.is_empty() {
            return given;
        }
        let of_limit = |limit: &Limit| match (&limit.repositories, repositories) {
            (None, _) => limit.permissions,
            (Some(own), Some(asked)) if own.covers(asked) => {
                limit.permissions.only(Permissions::within(Level::Repository))
            }
            _ => Permissions::NONE,
        };
        given.only(self.limits.iter().fold(Permissions::NONE, |left, limit| left.and(of_limit(limit))))
    }

    /// Whether it leaves anything in the project of that name.
    pub fn leaves_some_of(&self, project: &str) -> bool {
        let reaches = |pattern: &Pattern| !in_project(project, pattern).is_empty();
        self.limits.is_empty() || self.limits.iter().any(|limit| limit.repositories.as_ref().is_none_or(reaches))
    }

    /// What the limits leave of what may be read. What is public anybody may read, without a token.
    pub fn narrow(&self, readable: Readable) -> Readable {
        let mut patterns: Vec<&Pattern> = Vec::new();
        for limit in self.limits.iter().filter(|limit| limit.permissions.has(Permission::Pull)) {
            match &limit.repositories {
                None => return readable,
                Some(pattern) => patterns.push(pattern),
            }
        }
        if self.limits.is_empty() { readable } else { readable.matching(&patterns) }
    }

    /// Whether it leaves listing the repositories.
    pub fn leaves_listing(&self) -> bool {
        let is_catalog = |scope: &Scope| {
            (scope.kind.as_str(), scope.name.as_str()) == CATALOG && scope.actions.iter().any(|a| a == "*")
        };
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(is_catalog))
    }
}

/// The scope of the catalog, as clients ask for it.
pub(crate) const CATALOG: (&str, &str) = ("registry", "catalog");

/// What the words of the token service stand for. Who pushes may make what it pushes into.
fn of_verb(verb: &str) -> Permissions {
    const PUSH: Permissions =
        Permissions::of(&[Permission::Push, Permission::Tag, Permission::Attach, Permission::ProjectCreate]);
    match verb {
        "pull" => Permissions::of(&[Permission::Pull]),
        "push" => PUSH,
        "delete" => Permissions::of(&[Permission::Delete]),
        "*" => PUSH.and(Permissions::within(Level::Repository)),
        _ => Permissions::NONE,
    }
}

/// An actor with its rights, under its ceiling: what a request comes with. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Who.
    pub actor: Actor,
    /// What it is given.
    pub rights: Arc<Rights>,
    /// Limited to what.
    pub ceiling: Ceiling,
    /// What was shown to log in, as far as it has to be asked for again: for what is to end when that does.
    pub login: Option<Owner>,
    /// What its client calls itself, where that is to be remembered; at most 128 bytes. Nothing is decided by it.
    pub client: Option<Arc<str>>,
}

impl Subject {
    /// A request without credentials.
    pub fn anonymous() -> Subject {
        Subject {
            actor: Actor::Anonymous,
            rights: Arc::default(),
            ceiling: Ceiling::default(),
            login: None,
            client: None,
        }
    }

    /// The commit of these changes on behalf of whoever asks.
    pub(crate) fn commit(&self, changes: Vec<Change>) -> Commit {
        let client = self.client.as_deref().map(str::to_owned);
        Commit { actor: self.actor.key(), client, changes, ..Commit::default() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_store::ledger::readable::NameRange;

    use super::*;

    #[test]
    fn keys_name_the_actor_for_good() {
        let (id, name) = (Id([0xab; 16]), "kim".parse::<Handle>().expect("a name"));
        assert_eq!(Actor::Anonymous.key(), "anonymous");
        assert_eq!(Actor::User { id, name: name.clone() }.key(), format!("user:{}", "ab".repeat(16)));
        assert_eq!(Actor::Robot { id, name }.key(), format!("robot:{}", "ab".repeat(16)));
    }

    #[test]
    fn ceilings_only_take_away() {
        let check = |given: &str, scopes: Option<&str>, limits: &[(&str, Option<&str>)], expect: &str| {
            let limit = |(permissions, pattern): &(&str, Option<&str>)| Limit {
                permissions: permissions.parse().expect("permissions"),
                repositories: pattern.map(|pattern| pattern.parse().expect("a pattern")),
            };
            let ceiling = Ceiling {
                scopes: scopes.map(|text| Scope::parse_all(text).into()),
                limits: limits.iter().map(limit).collect(),
                ..Ceiling::default()
            };
            let place = Place { repository: Some("acme/app"), project: Some(Id([1; 16])), public: false };
            let left = ceiling.leaves(given.parse().expect("permissions"), &place);
            assert_eq!(left.to_string(), expect, "{given} under {scopes:?} {limits:?}");
        };
        check("pull,push,user:write", None, &[], "pull,push,user:write");
        check("pull,push,tag,user:write", Some("repository:acme/app:pull,push"), &[], "pull,push,tag");
        check("pull", Some("repository:acme/app:*"), &[], "pull");
        check("pull,push", Some("repository:acme/other:*"), &[], "");
        check("pull,push", Some("repository:acme:*"), &[], "");
        check("pull,push", Some("registry:acme/app:*"), &[], "");
        check("pull,push", Some(""), &[], "");
        check("pull,delete,purge", Some("repository:acme/app:delete"), &[], "delete");
        check("pull,push", None, &[("pull", None)], "pull");
        check("pull,push", None, &[("pull", Some("acme/*"))], "pull");
        check("pull,push", None, &[("pull", Some("other/*"))], "");
        check("pull,push", None, &[("pull", Some("acme/*")), ("push", None)], "pull,push");
        check("pull,user:write", None, &[("pull,user:write", Some("acme/*"))], "pull");
        check("pull,push", Some("repository:acme/app:push"), &[("pull", None)], "");
    }

    #[test]
    fn what_is_left_throughout() {
        let check = |limits: &[(&str, Option<&str>)], asked: Option<&str>, expect: &str| {
            let limit = |(permissions, pattern): &(&str, Option<&str>)| Limit {
                permissions: permissions.parse().expect("permissions"),
                repositories: pattern.map(|pattern| pattern.parse().expect("a pattern")),
            };
            let ceiling = Ceiling { limits: limits.iter().map(limit).collect(), ..Ceiling::default() };
            let asked = asked.map(|pattern| pattern.parse().expect("a pattern"));
            let given = "pull,push,user:write".parse().expect("permissions");
            let left = ceiling.leaves_throughout(given, asked.as_ref());
            assert_eq!(left.to_string(), expect, "{asked:?} under {limits:?}");
            let bearer = Ceiling { scopes: Some([].into()), ..ceiling };
            assert!(bearer.leaves_throughout(given, asked.as_ref()).is_empty());
        };
        check(&[], None, "pull,push,user:write");
        check(&[("pull,user:write", None)], None, "pull,user:write");
        check(&[("pull,user:write", Some("acme/**"))], None, "");
        check(&[("pull,user:write", Some("acme/**"))], Some("acme/app/**"), "pull");
        check(&[("pull", Some("acme/app/**"))], Some("acme/**"), "");
        check(&[("pull", Some("acme/*")), ("push", None)], Some("acme/app"), "pull,push");
        let limit = Limit { permissions: Permissions::ALL, repositories: "acme/**".parse().ok() };
        let ceiling = Ceiling { limits: [limit].into(), ..Ceiling::default() };
        assert!(ceiling.leaves_some_of("acme") && !ceiling.leaves_some_of("other"));
        assert!(Ceiling::default().leaves_some_of("other"));
    }

    #[test]
    fn lists_are_narrowed() {
        let check = |limits: &[(&str, Option<&str>)], yes: &[&str], no: &[&str]| {
            let limit = |(permissions, pattern): &(&str, Option<&str>)| Limit {
                permissions: permissions.parse().expect("permissions"),
                repositories: pattern.map(|pattern| pattern.parse().expect("a pattern")),
            };
            let ceiling = Ceiling { limits: limits.iter().map(limit).collect(), ..Ceiling::default() };
            for all in [Readable::All, Readable::some(vec![NameRange::below("acme/".to_owned())])] {
                let left = ceiling.narrow(all);
                yes.iter().for_each(|name| assert!(left.holds(name, false), "{name} under {limits:?}"));
                no.iter().for_each(|name| assert!(!left.holds(name, false), "{name} under {limits:?}"));
            }
        };
        check(&[], &["acme/app"], &[]);
        check(&[("push", None)], &[], &["acme/app"]);
        check(&[("pull", Some("acme/a*"))], &["acme/app"], &["acme/lib", "acme/a/b"]);
        check(&[("pull", Some("acme/a*")), ("pull", None)], &["acme/app", "acme/lib"], &[]);
        check(
            &[("pull", Some("acme/a*")), ("push", None), ("pull", Some("**/x"))],
            &["acme/app", "acme/x"],
            &["acme/b"],
        );
    }

    #[test]
    fn listing() {
        let check = |scopes: Option<&str>, expect| {
            let scopes = scopes.map(|text| Scope::parse_all(text).into());
            assert_eq!(Ceiling { scopes, ..Ceiling::default() }.leaves_listing(), expect);
        };
        check(None, true);
        check(Some("registry:catalog:*"), true);
        check(Some("repository:catalog:*"), false);
        check(Some("repository:a:*"), false);
    }
}
