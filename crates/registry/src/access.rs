//! Who may do what: one pure function, asked at each request. No I/O, no clock; what it has to know is handed in.
//!
//! Hidden and missing look the same from outside: what is not there has no project and is not public, so that only who is
//! given something in the whole system, or in the project where there is one, gets to know.

use wharf_model::permission::{Permission, Permissions};
use wharf_model::scope::Scope;
use wharf_store::ledger::readable::Readable;

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
    Decision::Deny { login_would_help: subject.actor.is_anonymous() || suffice(entitled, action, place) }
}

/// All that `subject` may do in `place`.
pub fn permissions(subject: &Subject, policy: &Policy, place: &Place<'_>) -> Permissions {
    subject.ceiling.leaves(entitled(subject, policy, place), place)
}

/// Whatever the subject came with.
fn entitled(subject: &Subject, policy: &Policy, place: &Place<'_>) -> Permissions {
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
    if policy.open && subject.ceiling.limits.is_empty() {
        return Readable::All;
    }
    subject.ceiling.narrow(subject.rights.readable())
}
