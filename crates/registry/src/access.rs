//! Who may do what: one pure function, asked at each request. No I/O, no clock; what it has to know is handed in.
//!
//! Hidden and missing look the same from outside. A caller asks first as if the repository were not there
//! (`public: false`): whoever is allowed then may know whether it is there, and gets 404 where it is not. Only where that is
//! denied, it asks again with what the repository's project says; a repository that is not there counts as one that is not
//! public. So [`Decision::Deny`] is the same for a private repository and for none, and is answered without looking further:
//! 401 with a challenge where `login_would_help`, else 403.

use wharf_model::scope::Scope;
pub use wharf_store::ledger::query::Readable;

use crate::actor::{Actor, Ceiling, Subject};

/// What somebody is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read manifests, blobs, tags and referrers of a repository.
    Pull,
    /// Write blobs and manifests into a repository, with the tags that a push sets.
    Push,
    /// Set tags of a repository apart from a push.
    Tag,
    /// Delete manifests, tags and blobs of a repository.
    Delete,
    /// List the repositories.
    List,
    /// Change projects, users and settings.
    Administer,
}

/// What anybody may do without being told so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Everybody may pull, push, tag, delete and list, everywhere. Administration still needs an administrator.
    pub open: bool,
}

/// What it is to be done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Whether anybody may pull from it, as its project says; `false` where that is not known, or nothing is there.
    pub public: bool,
    /// The repository; `None` for what is in none.
    pub repository: Option<&'a str>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No.
    Deny {
        /// Whether other credentials could change that: nobody logged in, or the token was made for something else. Then the
        /// answer is a challenge (clients fetch a token with the right scope on 401, never on 403).
        login_would_help: bool,
    },
}

/// May `subject` do `action` to `target`?
pub fn allow(subject: &Subject, policy: &Policy, action: Action, target: &Target<'_>) -> Decision {
    let entitled = is_entitled(&subject.actor, policy, action, target);
    if entitled && covers(&subject.ceiling, action, target) {
        return Decision::Allow;
    }
    Decision::Deny { login_would_help: entitled || subject.actor.is_anonymous() }
}

/// Whether the actor may, whatever it came with.
fn is_entitled(actor: &Actor, policy: &Policy, action: Action, target: &Target<'_>) -> bool {
    let admin = matches!(actor, Actor::User { admin: true, .. });
    match action {
        Action::Administer => admin,
        Action::Pull => admin || policy.open || target.public,
        Action::Push | Action::Tag | Action::Delete | Action::List => admin || policy.open,
    }
}

/// Whether the ceiling leaves room for it. No scope gives administration: that takes the credential itself.
fn covers(ceiling: &Ceiling, action: Action, target: &Target<'_>) -> bool {
    let Ceiling::Scopes(scopes) = ceiling else { return true };
    let (kind, name, verb) = match (action, target.repository) {
        (Action::Pull, Some(name)) => ("repository", name, "pull"),
        (Action::Push | Action::Tag, Some(name)) => ("repository", name, "push"),
        (Action::Delete, Some(name)) => ("repository", name, "delete"),
        (Action::List, None) => CATALOG,
        _ => return false,
    };
    scopes.iter().any(|scope| {
        scope.kind == kind && scope.name == name && scope.actions.iter().any(|action| action == verb || action == "*")
    })
}

/// The scope of the catalog, as clients ask for it.
const CATALOG: (&str, &str, &str) = ("registry", "catalog", "*");

/// The part of a scope that `subject` may have in a token: of the actions asked for, those that [`allow`] grants now, `*`
/// standing for all of them. `None` where nothing is left. `public` is what the repository's project says.
pub fn grant(subject: &Subject, policy: &Policy, scope: &Scope, public: bool) -> Option<Scope> {
    let allowed = |action, target: &Target<'_>| allow(subject, policy, action, target) == Decision::Allow;
    let mut actions = Vec::new();
    if scope.kind == "repository" {
        let target = Target { public, repository: Some(&scope.name) };
        let asked = |verb: &str| scope.actions.iter().any(|action| action == verb || action == "*");
        for (verb, action) in [("pull", Action::Pull), ("push", Action::Push), ("delete", Action::Delete)] {
            if asked(verb) && allowed(action, &target) {
                actions.push(verb.to_owned());
            }
        }
    } else if (scope.kind.as_str(), scope.name.as_str()) == (CATALOG.0, CATALOG.1)
        && scope.actions.iter().any(|action| action == CATALOG.2)
        && allowed(Action::List, &Target { public: false, repository: None })
    {
        actions.push(CATALOG.2.to_owned());
    }
    (!actions.is_empty()).then(|| Scope { kind: scope.kind.clone(), name: scope.name.clone(), actions })
}

/// Which repositories `subject` may read, for the questions that list or look through all of them. A token for some
/// repositories reads no more than the public ones this way.
pub fn readable(subject: &Subject, policy: &Policy) -> Readable {
    let everything = Target { public: false, repository: None };
    match allow(subject, policy, Action::List, &everything) {
        Decision::Allow => Readable::All,
        Decision::Deny { .. } => Readable::Public,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::id::Id;

    use super::*;
    use Action::{Administer, Delete, List, Pull, Push, Tag};

    fn subject(who: &str, ceiling: Option<&str>) -> Subject {
        let user = |admin| Actor::User { id: Id([1; 16]), name: who.into(), admin };
        let actor = match who {
            "anonymous" => Actor::Anonymous,
            "admin" => user(true),
            _ => user(false),
        };
        let ceiling = ceiling.map_or(Ceiling::None, |text| Ceiling::Scopes(Scope::parse_all(text).into()));
        Subject { actor, ceiling }
    }

    fn on(public: bool) -> Target<'static> {
        Target { public, repository: Some("acme/app") }
    }

    const NOWHERE: Target<'static> = Target { public: false, repository: None };
    const YES: Decision = Decision::Allow;
    const LOGIN: Decision = Decision::Deny { login_would_help: true };
    const NO: Decision = Decision::Deny { login_would_help: false };

    #[test]
    fn rights() {
        let check = |who: &str, open: bool, action, target: Target<'_>, expect| {
            let decision = allow(&subject(who, None), &Policy { open }, action, &target);
            assert_eq!(decision, expect, "{who} {action:?} {target:?} open={open}");
        };
        for action in [Pull, Push, Tag, Delete] {
            for open in [false, true] {
                check("admin", open, action, on(false), YES);
                check("admin", open, action, on(true), YES);
            }
            for public in [false, true] {
                check("anonymous", true, action, on(public), YES);
                check("user", true, action, on(public), YES);
            }
            check("anonymous", false, action, on(false), LOGIN);
            check("user", false, action, on(false), NO);
            let reading = action == Pull;
            check("anonymous", false, action, on(true), if reading { YES } else { LOGIN });
            check("user", false, action, on(true), if reading { YES } else { NO });
        }
        for (who, closed) in [("admin", YES), ("user", NO), ("anonymous", LOGIN)] {
            check(who, false, List, NOWHERE, closed);
            check(who, true, List, NOWHERE, YES);
            check(who, false, Administer, NOWHERE, closed);
            check(who, true, Administer, NOWHERE, closed);
        }
    }

    #[test]
    fn a_ceiling_only_takes_away() {
        let check = |who: &str, ceiling: &str, action, target: Target<'_>, expect| {
            let decision = allow(&subject(who, Some(ceiling)), &Policy::default(), action, &target);
            assert_eq!(decision, expect, "{who} {ceiling} {action:?} {target:?}");
        };
        check("admin", "repository:acme/app:pull", Pull, on(false), YES);
        check("admin", "repository:acme/app:pull", Push, on(false), LOGIN);
        check("admin", "repository:acme/app:pull,push", Push, on(false), YES);
        check("admin", "repository:acme/app:push", Pull, on(false), LOGIN);
        check("admin", "repository:acme/app:push", Tag, on(false), YES);
        check("admin", "repository:acme/app:push", Delete, on(false), LOGIN);
        check("admin", "repository:acme/app:delete", Delete, on(false), YES);
        check("admin", "repository:acme/app:*", Delete, on(false), YES);
        check("admin", "repository:acme/other:*", Pull, on(false), LOGIN);
        check("admin", "repository:acme:*", Pull, on(false), LOGIN);
        check("admin", "registry:acme/app:*", Pull, on(false), LOGIN);
        check("admin", "", Pull, on(false), LOGIN);
        check("admin", "registry:catalog:*", List, NOWHERE, YES);
        check("admin", "repository:catalog:*", List, NOWHERE, LOGIN);
        check("admin", "registry:catalog:* repository:acme/app:*", Administer, NOWHERE, LOGIN);
        check("user", "repository:acme/app:*", Push, on(true), NO);
        check("user", "repository:acme/app:*", Pull, on(true), YES);
        check("user", "", Pull, on(true), LOGIN);
        check("anonymous", "repository:acme/app:*", Push, on(true), LOGIN);
        check("anonymous", "repository:acme/app:pull", Pull, on(true), YES);
    }

    #[test]
    fn tokens_get_what_is_allowed_of_what_is_asked() {
        let check = |who: &str, asked: &str, public, expect: &str| {
            let granted = grant(&subject(who, None), &Policy::default(), &asked.parse().expect("a scope"), public);
            assert_eq!(granted.map(|scope| scope.to_string()).unwrap_or_default(), expect, "{who} {asked}");
        };
        check("admin", "repository:a:pull,push", false, "repository:a:pull,push");
        check("admin", "repository:a:*", false, "repository:a:pull,push,delete");
        check("admin", "repository:a:frobnicate", false, "");
        check("admin", "registry:catalog:*", false, "registry:catalog:*");
        check("admin", "registry:other:*", false, "");
        check("user", "registry:catalog:*", false, "");
        check("user", "repository:a:pull,push", true, "repository:a:pull");
        check("user", "repository:a:pull,push", false, "");
        check("anonymous", "repository:a:*", true, "repository:a:pull");
    }

    #[test]
    fn what_lists_show() {
        let check = |who: &str, ceiling: Option<&str>, open, expect| {
            assert_eq!(readable(&subject(who, ceiling), &Policy { open }), expect, "{who} {ceiling:?} {open}");
        };
        check("admin", None, false, Readable::All);
        check("user", None, false, Readable::Public);
        check("anonymous", None, false, Readable::Public);
        check("anonymous", None, true, Readable::All);
        check("admin", Some("repository:a:*"), false, Readable::Public);
        check("admin", Some("registry:catalog:*"), false, Readable::All);
    }
}
