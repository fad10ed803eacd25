//! Who may do what: one pure function, asked at each request. No I/O, no clock; what it has to know is handed in.
//!
//! Hidden and missing look the same from outside: what is not there has no project and is not public, so that only who is
//! given something in the whole system, or in the project where there is one, gets to know.

use wharf_model::permission::{Permission, Permissions};
use wharf_model::scope::Scope;
pub use wharf_store::ledger::readable::Readable;

use crate::actor::{CATALOG, Subject};
use crate::rights::Place;

/// What somebody is about to do to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read manifests, blobs, tags and referrers.
    Pull,
    /// Write blobs or manifests. Whether tags may be set, or only attachments made, is looked at when it is known.
    Push,
    /// Delete manifests, tags and blobs.
    Delete,
}

impl Action {
    /// The permissions of which one is needed.
    pub fn needs(self) -> Permissions {
        match self {
            Action::Pull => Permissions::of(&[Permission::Pull]),
            Action::Push => Permissions::of(&[Permission::Push, Permission::Attach]),
            Action::Delete => Permissions::of(&[Permission::Delete]),
        }
    }
}

/// What anybody may do without being told so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Everybody may pull, push, tag, delete and list, everywhere. Administration still needs an administrator.
    pub open: bool,
}

/// What everybody is given in open mode.
const OPEN: Permissions = Permissions::of(&[
    Permission::Pull,
    Permission::Push,
    Permission::Tag,
    Permission::Attach,
    Permission::Delete,
    Permission::ProjectCreate,
]);

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes; and all that the subject may do there.
    Allow(Permissions),
    /// No.
    Deny {
        /// Whether other credentials could change that: nobody logged in, or the token was made for something else. Then the
        /// answer is a challenge (clients fetch a token with the right scope on 401, never on 403).
        login_would_help: bool,
    },
}

/// May `subject` do `action` in `place`?
pub fn allow(subject: &Subject, policy: &Policy, action: Action, place: &Place<'_>) -> Decision {
    let entitled = entitled(subject, policy, place);
    let left = subject.ceiling.leaves(entitled, place);
    if suffice(left, action, place) {
        return Decision::Allow(left);
    }
    let another_token = suffice(subject.ceiling.limits_leave(entitled, place), action, place);
    Decision::Deny { login_would_help: subject.actor.is_anonymous() || another_token }
}

/// May `subject` do what takes `permission` in `place`, for which it does not count what anybody may: administration?
pub fn administer(subject: &Subject, permission: Permission, place: &Place<'_>) -> Decision {
    let given = subject.rights.at(place);
    let left = subject.ceiling.leaves(given, place);
    if left.has(permission) {
        return Decision::Allow(left);
    }
    let another_token = subject.ceiling.limits_leave(given, place).has(permission);
    Decision::Deny { login_would_help: subject.actor.is_anonymous() || another_token }
}

/// Whatever the subject came with.
pub(crate) fn entitled(subject: &Subject, policy: &Policy, place: &Place<'_>) -> Permissions {
    let mut given = subject.rights.at(place);
    if policy.open {
        given = given.and(OPEN);
    }
    if place.public { given.and(Permissions::of(&[Permission::Pull])) } else { given }
}

/// Pushing into a project that is not there makes it.
fn suffice(given: Permissions, action: Action, place: &Place<'_>) -> bool {
    let makes_project = action == Action::Push && place.project.is_none();
    given.has_any(action.needs()) && (!makes_project || given.has(Permission::ProjectCreate))
}

/// The part of a scope that `subject` may have in a token: of the actions asked for, those that [`allow`] grants now, `*`
/// standing for all of them. `None` where nothing is left. `place` is where the scope's repository is.
pub fn grant(subject: &Subject, policy: &Policy, scope: &Scope, place: &Place<'_>) -> Option<Scope> {
    let mut actions = Vec::new();
    let asked = |verb: &str| scope.actions.iter().any(|action| action == verb || action == "*");
    if scope.kind == "repository" {
        for (verb, action) in [("pull", Action::Pull), ("push", Action::Push), ("delete", Action::Delete)] {
            if asked(verb) && matches!(allow(subject, policy, action, place), Decision::Allow(_)) {
                actions.push(verb.to_owned());
            }
        }
    } else if (scope.kind.as_str(), scope.name.as_str()) == CATALOG
        && scope.actions.iter().any(|action| action == "*")
        && may_list(subject, policy)
    {
        actions.push("*".to_owned());
    }
    (!actions.is_empty()).then(|| Scope { kind: scope.kind.clone(), name: scope.name.clone(), actions })
}

/// Whether `subject` may list the repositories, which shows those that it may read: whoever logged in, if its credential
/// leaves that.
pub fn may_list(subject: &Subject, policy: &Policy) -> bool {
    (policy.open || !subject.actor.is_anonymous()) && subject.ceiling.leaves_listing()
}

/// Which repositories `subject` may read, for the questions that list or look through all of them. A token for some
/// repositories reads no more than the public ones this way.
pub fn readable(subject: &Subject, policy: &Policy) -> Readable {
    if !may_list(subject, policy) {
        return Readable::public();
    }
    let entitled = if policy.open { Readable::All } else { subject.rights.readable().clone() };
    subject.ceiling.narrow(entitled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::sync::Arc;

    use Action::{Delete, Pull, Push};
    use wharf_model::api::people::Limit;
    use wharf_model::id::Id;
    use wharf_model::permission::built_in;
    use wharf_store::ledger::people::{BindingRow, Holder};

    use super::*;
    use crate::actor::{Actor, Ceiling};
    use crate::rights::Rights;

    const ACME: Id = Id([1; 16]);
    const YES: bool = true;
    const NO: bool = false;

    /// Who has `given`, a role or permissions, in `project`, or in the system where that is none; nobody in particular where
    /// `given` is `-`.
    fn who(given: &str, project: Option<Id>) -> Subject {
        if given == "-" {
            return Subject::anonymous();
        }
        let permissions = built_in(given).map(|role| role.permissions);
        let binding = BindingRow {
            id: Id([9; 16]),
            holder: Holder::Account(Id([8; 16])),
            holder_name: "kim".parse().expect("a name"),
            is_robot: false,
            role: None,
            permissions: permissions.unwrap_or_else(|| given.parse().expect("permissions")),
            project: project.map(|id| (id, Some("acme".parse().expect("a name")))),
            pattern: None,
        };
        let actor = Actor::User { id: Id([8; 16]), name: "kim".parse().expect("a name") };
        Subject {
            actor,
            rights: Arc::new(Rights::compile(&[binding])),
            ceiling: Ceiling::default(),
            login: None,
            client: None,
        }
    }

    fn under(subject: Subject, scopes: Option<&str>, limits: &[(&str, Option<&str>)]) -> Subject {
        let limit = |(permissions, pattern): &(&str, Option<&str>)| Limit {
            permissions: permissions.parse().expect("permissions"),
            repositories: pattern.map(|pattern| pattern.parse().expect("a pattern")),
        };
        let scopes = scopes.map(|text| Scope::parse_all(text).into());
        Subject { ceiling: Ceiling { scopes, limits: limits.iter().map(limit).collect(), by_token: false }, ..subject }
    }

    const CLOSED: Place<'static> = Place { repository: Some("acme/app"), project: Some(ACME), public: false };
    const PUBLIC: Place<'static> = Place { public: true, ..CLOSED };
    const MISSING: Place<'static> = Place { project: None, ..CLOSED };
    const ELSEWHERE: Place<'static> =
        Place { repository: Some("other/app"), project: Some(Id([2; 16])), public: false };

    fn is_allowed(subject: &Subject, open: bool, action: Action, place: &Place<'_>) -> bool {
        matches!(allow(subject, &Policy { open }, action, place), Decision::Allow(_))
    }

    /// Every role that is built in, in the project and in the system, and nobody, with every action in every sort of place.
    #[test]
    fn roles_and_places() {
        // May it pull, push, delete: in its project; there where that is public; where nothing is; in another project.
        let rows: &[(&str, bool, [[bool; 3]; 4])] = &[
            ("-", NO, [[NO, NO, NO], [YES, NO, NO], [NO, NO, NO], [NO, NO, NO]]),
            ("reader", NO, [[YES, NO, NO], [YES, NO, NO], [NO, NO, NO], [NO, NO, NO]]),
            ("contributor", NO, [[YES, YES, NO], [YES, YES, NO], [NO, NO, NO], [NO, NO, NO]]),
            ("maintainer", NO, [[YES, YES, YES], [YES, YES, YES], [NO, NO, NO], [NO, NO, NO]]),
            ("owner", NO, [[YES, YES, YES], [YES, YES, YES], [NO, NO, NO], [NO, NO, NO]]),
            ("administrator", NO, [[YES, YES, YES], [YES, YES, YES], [NO, NO, NO], [NO, NO, NO]]),
            ("reader", YES, [[YES, NO, NO], [YES, NO, NO], [YES, NO, NO], [YES, NO, NO]]),
            ("contributor", YES, [[YES, YES, NO], [YES, YES, NO], [YES, NO, NO], [YES, YES, NO]]),
            ("maintainer", YES, [[YES, YES, YES], [YES, YES, YES], [YES, NO, YES], [YES, YES, YES]]),
            ("owner", YES, [[YES, YES, YES], [YES, YES, YES], [YES, NO, YES], [YES, YES, YES]]),
            ("administrator", YES, [[YES; 3]; 4]),
            ("push", YES, [[NO, YES, NO], [YES, YES, NO], [NO, NO, NO], [NO, YES, NO]]),
            ("push,project:create", YES, [[NO, YES, NO], [YES, YES, NO], [NO, YES, NO], [NO, YES, NO]]),
            ("attach", NO, [[NO, YES, NO], [YES, YES, NO], [NO, NO, NO], [NO, NO, NO]]),
            ("tag", NO, [[NO, NO, NO], [YES, NO, NO], [NO, NO, NO], [NO, NO, NO]]),
        ];
        for (given, everywhere, expect) in rows {
            let subject = who(given, if *everywhere { None } else { Some(ACME) });
            for (place, expect) in [CLOSED, PUBLIC, MISSING, ELSEWHERE].iter().zip(expect) {
                for (action, expect) in [Pull, Push, Delete].into_iter().zip(expect) {
                    let told = format!("{given} everywhere={everywhere} {action:?} {place:?}");
                    assert_eq!(is_allowed(&subject, false, action, place), *expect, "{told}");
                    assert!(is_allowed(&subject, true, action, place), "{told}, open");
                }
            }
        }
    }

    #[test]
    fn denials_say_whether_to_log_in() {
        let check = |subject: Subject, action, place: Place<'_>, login_would_help| {
            let decision = allow(&subject, &Policy::default(), action, &place);
            assert_eq!(decision, Decision::Deny { login_would_help }, "{subject:?} {action:?} {place:?}");
        };
        for place in [CLOSED, MISSING, ELSEWHERE] {
            check(who("-", None), Pull, place, true);
            check(who("pull", Some(Id([7; 16]))), Pull, place, false);
        }
        check(who("-", None), Push, PUBLIC, true);
        let reader = || who("reader", Some(ACME));
        check(reader(), Push, CLOSED, false);
        check(under(reader(), Some("repository:acme/app:pull"), &[]), Push, CLOSED, false);
        check(under(reader(), Some("repository:acme/lib:pull"), &[]), Pull, CLOSED, true);
        check(under(reader(), Some(""), &[]), Pull, CLOSED, true);
        // A token that is limited stays so however often it is shown.
        check(under(reader(), None, &[("push", None)]), Pull, CLOSED, false);
        check(under(reader(), Some(""), &[("pull", Some("acme/lib"))]), Pull, CLOSED, false);
    }

    #[test]
    fn a_ceiling_only_takes_away() {
        let check = |scopes: Option<&str>, limits: &[(&str, Option<&str>)], expect: [bool; 3]| {
            let subject = under(who("administrator", None), scopes, limits);
            let may = [Pull, Push, Delete].map(|action| is_allowed(&subject, false, action, &CLOSED));
            assert_eq!(may, expect, "{scopes:?} {limits:?}");
            for action in [Pull, Push, Delete] {
                assert!(!is_allowed(&under(who("-", None), scopes, limits), false, action, &CLOSED));
            }
        };
        check(None, &[], [YES, YES, YES]);
        check(Some("repository:acme/app:pull"), &[], [YES, NO, NO]);
        check(Some("repository:acme/app:push"), &[], [NO, YES, NO]);
        check(Some("repository:acme/app:*"), &[], [YES, YES, YES]);
        check(Some("repository:acme/other:*"), &[], [NO, NO, NO]);
        check(Some("registry:catalog:*"), &[], [NO, NO, NO]);
        check(None, &[("pull", None)], [YES, NO, NO]);
        check(None, &[("pull,delete", Some("acme/*")), ("push", Some("other/**"))], [YES, NO, YES]);
        check(Some("repository:acme/app:pull,push"), &[("push,delete", Some("acme/**"))], [NO, YES, NO]);
    }

    #[test]
    fn tokens_get_what_is_allowed_of_what_is_asked() {
        let check = |subject: &Subject, asked: &str, place: Place<'_>, expect: &str| {
            let scope: Scope = asked.parse().expect("a scope");
            let place = Place { repository: Some(&scope.name), ..place };
            let granted = grant(subject, &Policy::default(), &scope, &place);
            assert_eq!(granted.map(|scope| scope.to_string()).unwrap_or_default(), expect, "{asked}");
        };
        let (admin, reader, anybody) = (who("administrator", None), who("reader", Some(ACME)), who("-", None));
        check(&admin, "repository:acme/a:pull,push", CLOSED, "repository:acme/a:pull,push");
        check(&admin, "repository:acme/a:*", CLOSED, "repository:acme/a:pull,push,delete");
        check(&admin, "repository:acme/a:frobnicate", CLOSED, "");
        check(&admin, "registry:catalog:*", Place::default(), "registry:catalog:*");
        check(&admin, "registry:other:*", Place::default(), "");
        check(&reader, "registry:catalog:*", Place::default(), "registry:catalog:*");
        check(&anybody, "registry:catalog:*", Place::default(), "");
        check(&reader, "repository:acme/a:pull,push", CLOSED, "repository:acme/a:pull");
        check(&reader, "repository:acme/a:pull,push", ELSEWHERE, "");
        check(&anybody, "repository:acme/a:*", PUBLIC, "repository:acme/a:pull");
        check(&who("attach", Some(ACME)), "repository:acme/a:pull,push", CLOSED, "repository:acme/a:push");
        let limited = under(admin, None, &[("pull", Some("acme/*"))]);
        check(&limited, "repository:acme/a:*", CLOSED, "repository:acme/a:pull");
        check(&limited, "repository:other/a:*", ELSEWHERE, "");
    }

    #[test]
    fn what_lists_show() {
        let check = |subject: Subject, open, listed: bool, shown: [bool; 2]| {
            let policy = Policy { open };
            assert_eq!(may_list(&subject, &policy), listed, "{subject:?} {open}");
            let readable = readable(&subject, &policy);
            let holds = ["acme/app", "other/app"].map(|name| readable.holds(name, false));
            assert_eq!(holds, shown, "{subject:?} {open}");
            assert!(readable.holds("open/app", true), "what is public");
        };
        let (admin, reader, anybody) = (|| who("administrator", None), || who("reader", Some(ACME)), || who("-", None));
        check(admin(), false, YES, [YES, YES]);
        check(reader(), false, YES, [YES, NO]);
        check(anybody(), false, NO, [NO, NO]);
        check(anybody(), true, YES, [YES, YES]);
        check(reader(), true, YES, [YES, YES]);
        check(under(admin(), Some("repository:acme/app:*"), &[]), false, NO, [NO, NO]);
        check(under(reader(), Some("registry:catalog:*"), &[]), false, YES, [YES, NO]);
        check(under(admin(), None, &[("pull", Some("acme/**"))]), false, YES, [YES, NO]);
        check(under(admin(), None, &[("pull", Some("acme/**"))]), true, YES, [YES, NO]);
        check(under(reader(), None, &[("pull", Some("other/**"))]), false, YES, [NO, NO]);
        check(under(admin(), None, &[("push", None)]), false, YES, [NO, NO]);
    }

    #[test]
    fn administration_takes_what_is_given() {
        let check = |subject: Subject, permission, place: Place<'_>, expect: Option<bool>| {
            let decision = match administer(&subject, permission, &place) {
                Decision::Allow(_) => None,
                Decision::Deny { login_would_help } => Some(login_would_help),
            };
            assert_eq!(decision, expect, "{subject:?} {permission} {place:?}");
        };
        let (system, project) = (Place::default(), Place { repository: None, ..PUBLIC });
        let (create, write) = (Permission::ProjectCreate, Permission::ProjectWrite);
        check(who("administrator", None), create, system, None);
        check(who("owner", None), create, system, Some(false));
        check(who("-", None), create, system, Some(true));
        check(who("owner", Some(ACME)), write, project, None);
        check(who("maintainer", Some(ACME)), write, project, Some(false));
        check(who("owner", Some(Id([2; 16]))), write, project, Some(false));
        check(who("administrator", Some(ACME)), Permission::QuotaWrite, project, Some(false));
        check(under(who("administrator", None), None, &[("pull", None)]), create, system, Some(false));
        check(under(who("administrator", None), Some("repository:a:*"), &[]), create, system, Some(true));
    }
}
