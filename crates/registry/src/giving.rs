//! Nobody gives away what they do not have, nor gets at who has more. Pure: no I/O, no clock.
//!
//! What somebody has in a place is what its bindings give there in all of it, less what its credential takes away; what
//! anybody may in open mode does not count, nor what a public project gives.

use wharf_model::id::Id;
use wharf_model::limits::BINDINGS_MAX;
use wharf_model::pattern::Pattern;
use wharf_model::permission::{Level, Permissions};
use wharf_store::ledger::people::BindingRow;

use crate::actor::Subject;
use crate::error::Error;

/// What is given, or would be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gift<'a> {
    pub(crate) permissions: Permissions,
    /// In which project; in the system where there is none.
    pub(crate) project: Option<Id>,
    /// In which of its repositories; in all where there is none.
    pub(crate) pattern: Option<&'a Pattern>,
}

impl Gift<'_> {
    fn level(&self) -> Level {
        level(self.project.is_some(), self.pattern)
    }
}

/// The smallest thing that is in such a place.
pub(crate) fn level(is_in_project: bool, pattern: Option<&Pattern>) -> Level {
    match (is_in_project, pattern) {
        (false, _) => Level::System,
        (true, None) => Level::Project,
        (true, Some(_)) => Level::Repository,
    }
}

/// What `subject` lacks to give it. What means nothing in the place, a role's permissions of the system in a project, needs
/// nobody to have it.
pub(crate) fn lacking(subject: &Subject, gift: &Gift<'_>) -> Permissions {
    let given = match gift.project {
        None => subject.rights.system(),
        Some(project) => subject.rights.throughout(project, gift.pattern),
    };
    let has = subject.ceiling.leaves_throughout(given, gift.pattern);
    gift.permissions.only(Permissions::within(gift.level())).without(has)
}

/// Whether `subject` may give it; `place` is for the error.
///
/// # Errors
/// [`Error::Beyond`].
pub(crate) fn check(subject: &Subject, gift: &Gift<'_>, place: impl FnOnce() -> String) -> Result<(), Error> {
    let missing = lacking(subject, gift);
    if missing.is_empty() { Ok(()) } else { Err(Error::Beyond { missing, place: place() }) }
}

/// Whether `subject` may act on whoever is given all of these: get at it by its password, a token or membership; shut, open or end it.
///
/// # Errors
/// [`Error::Above`], which does not tell what `who` has.
pub(crate) fn check_reach(
    subject: &Subject,
    bindings: &[BindingRow],
    who: impl FnOnce() -> String,
) -> Result<(), Error> {
    let is_within = |row: &BindingRow| {
        let project = row.project.as_ref().map(|(id, _)| *id);
        lacking(subject, &Gift { permissions: row.permissions, project, pattern: row.pattern.as_ref() }).is_empty()
    };
    // Of more than that not all are known.
    let are_all = bindings.len() < BINDINGS_MAX;
    if are_all && bindings.iter().all(is_within) { Ok(()) } else { Err(Error::Above(who())) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::api::people::Limit;
    use wharf_model::permission::built_in;
    use wharf_store::ledger::people::Holder;

    use super::*;
    use crate::actor::{Actor, Ceiling};
    use crate::rights::Rights;

    const ACME: Id = Id([1; 16]);
    const OTHER: Id = Id([2; 16]);

    fn permissions(text: &str) -> Permissions {
        built_in(text).map_or_else(|| text.parse().expect("permissions"), |role| role.permissions)
    }

    fn row(given: &str, project: Option<Id>, pattern: Option<&str>) -> BindingRow {
        BindingRow {
            id: Id([9; 16]),
            holder: Holder::Account(Id([8; 16])),
            holder_name: "kim".parse().expect("a name"),
            is_robot: false,
            role: None,
            permissions: permissions(given),
            project: project.map(|id| (id, Some("acme".parse().expect("a name")))),
            pattern: pattern.map(|pattern| pattern.parse().expect("a pattern")),
        }
    }

    fn who(bindings: &[BindingRow], limits: &[(&str, Option<&str>)]) -> Subject {
        let limit = |(permissions, pattern): &(&str, Option<&str>)| Limit {
            permissions: permissions.parse().expect("permissions"),
            repositories: pattern.map(|pattern| pattern.parse().expect("a pattern")),
        };
        let actor = Actor::User { id: Id([8; 16]), name: "kim".parse().expect("a name") };
        let ceiling = Ceiling { limits: limits.iter().map(limit).collect(), ..Ceiling::default() };
        Subject { actor, rights: Rights::compile(bindings).into(), ceiling, ..Subject::anonymous() }
    }

    /// Every role that is built in gives itself and what is less, in its own place and within it, and nothing more.
    #[test]
    fn roles_give_what_they_have() {
        let names = ["reader", "contributor", "maintainer", "owner", "administrator"];
        for (at, maker) in names.iter().enumerate() {
            let (system, project) = (who(&[row(maker, None, None)], &[]), who(&[row(maker, Some(ACME), None)], &[]));
            for (other, gift) in names.iter().enumerate() {
                let pattern = "acme/app/**".parse().expect("a pattern");
                let gift = |project, pattern| Gift { permissions: permissions(gift), project, pattern };
                let may = |subject, gift| lacking(subject, &gift).is_empty();
                let told = format!("{maker} {}", names[other]);
                assert_eq!(may(&system, gift(None, None)), other <= at, "{told}");
                assert!(!may(&project, gift(None, None)), "{told} in the system");
                assert!(!may(&project, gift(Some(OTHER), None)), "{told} elsewhere");
                // In a project an administrator is an owner.
                assert_eq!(may(&project, gift(Some(ACME), None)), other <= at || at >= 3, "{told} in the project");
                let in_part =
                    permissions(maker).has_all(permissions(names[other]).only(Permissions::within(Level::Repository)));
                assert_eq!(may(&project, gift(Some(ACME), Some(&pattern))), in_part, "{told} in a part");
            }
        }
    }

    #[test]
    fn limits_bind_what_is_given() {
        let owner = [row("owner", Some(ACME), None)];
        let pattern = "acme/app/**".parse().expect("a pattern");
        let check = |limits: &[(&str, Option<&str>)], gift: &str, pattern: Option<&Pattern>, expect: &str| {
            let gift = Gift { permissions: permissions(gift), project: Some(ACME), pattern };
            assert_eq!(lacking(&who(&owner, limits), &gift).to_string(), expect, "{limits:?}");
        };
        check(&[], "owner", None, "");
        check(&[("pull,member:write", None)], "pull", None, "");
        check(&[("pull,member:write", None)], "pull,push", None, "push");
        check(&[("pull", Some("acme/**"))], "pull", None, "pull");
        check(&[("pull", Some("acme/**"))], "pull", Some(&pattern), "");
        check(&[("pull", Some("acme/app/web"))], "pull", Some(&pattern), "pull");
    }

    #[test]
    fn who_has_more_is_out_of_reach() {
        let check = |maker: &[BindingRow], other: &[BindingRow], expect: bool| {
            let result = check_reach(&who(maker, &[]), other, || "the user ann".to_owned());
            assert_eq!(result.is_ok(), expect, "{maker:?} {other:?}");
        };
        let help_desk = [row("user:read,user:write", None, None)];
        check(&help_desk, &[], true);
        check(&help_desk, &help_desk, true);
        check(&help_desk, &[row("reader", Some(ACME), None)], false);
        check(&help_desk, &[row("administrator", None, None)], false);
        check(&[row("administrator", None, None)], &[row("administrator", None, None)], true);
        check(&[row("owner", Some(ACME), None)], &[row("push", Some(ACME), Some("acme/*"))], true);
        check(&[row("owner", Some(ACME), None)], &[row("push", Some(OTHER), Some("acme/*"))], false);
    }
}
