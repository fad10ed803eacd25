//! What an actor may do, compiled from its bindings. Pure: no I/O, no clock.

use std::collections::HashMap;

use wharf_model::id::Id;
use wharf_model::pattern::Pattern;
use wharf_model::permission::{Level, Permission, Permissions};
use wharf_store::ledger::people::{AccountKind, AccountRow, BindingRow};
use wharf_store::ledger::readable::{NameRange, Readable};

/// The rights of one actor. See docs/decisions/0004-who-may-do-what.md.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    system: Permissions,
    projects: HashMap<Id, InProject>,
    /// Computed once: every list asks for it.
    readable: Readable,
}

/// What is given in one project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct InProject {
    /// What the project is called; a project in the trash is called nothing.
    name: Option<String>,
    all: Permissions,
    patterns: Vec<(Pattern, Permissions)>,
}

/// Where something is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The repository; `None` for what is in none.
    pub repository: Option<&'a str>,
    /// Its project, if that is there; `None` too for what is in none.
    pub project: Option<Id>,
    /// Whether anybody may pull from it; `false` where nothing is there.
    pub public: bool,
}

/// What of its bindings counts for an account: a project's robot never leaves it, whatever it or its groups are given elsewhere.
pub(crate) fn counting(account: &AccountRow, mut bindings: Vec<BindingRow>) -> Vec<BindingRow> {
    if let AccountKind::Robot { project: Some(home) } = account.kind {
        bindings.retain(|binding| binding.project.as_ref().is_some_and(|(project, _)| *project == home));
    }
    bindings
}

impl Rights {
    /// Of these bindings. What a binding gives beyond its place (a permission of the system in a project) counts for nothing.
    pub fn compile(bindings: &[BindingRow]) -> Rights {
        let mut rights = Rights::default();
        for binding in bindings {
            let Some((project, name)) = &binding.project else {
                rights.system = rights.system.and(binding.permissions);
                continue;
            };
            let within = rights.projects.entry(*project).or_default();
            within.name = name.as_ref().map(|name| name.as_str().to_owned());
            match &binding.pattern {
                None => {
                    within.all = within.all.and(binding.permissions.only(Permissions::within(Level::Project)));
                }
                Some(pattern) => {
                    let given = binding.permissions.only(Permissions::within(Level::Repository));
                    within.patterns.push((pattern.clone(), given));
                }
            }
        }
        rights.readable = rights.compile_readable();
        rights
    }

    /// What it takes in memory, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        const PROJECT: usize = 256;
        const PATTERN: usize = 192;
        self.projects.values().map(|within| PROJECT + PATTERN * within.patterns.len()).sum()
    }

    /// What is given everywhere.
    pub fn system(&self) -> Permissions {
        self.system
    }

    /// What is given in a place.
    pub fn at(&self, place: &Place<'_>) -> Permissions {
        let Some(within) = place.project.and_then(|project| self.projects.get(&project)) else { return self.system };
        let mut given = self.system.and(within.all);
        if let Some(repository) = place.repository {
            for (pattern, permissions) in &within.patterns {
                // Asked only where it would add something: most are given all at once by the project.
                if !given.has_all(*permissions) && pattern.matches(repository) {
                    given = given.and(*permissions);
                }
            }
        }
        given
    }

    /// What is given in all of the repositories of the project that `pattern` matches, or in all of it where there is no
    /// pattern, as far as can be told from how patterns are written.
    pub fn throughout(&self, project: Id, pattern: Option<&Pattern>) -> Permissions {
        let Some(within) = self.projects.get(&project) else { return self.system };
        let given = self.system.and(within.all);
        let Some(pattern) = pattern else { return given };
        let covering = within.patterns.iter().filter(|(own, _)| own.covers(pattern));
        covering.fold(given, |given, (_, permissions)| given.and(*permissions))
    }

    /// The names of the projects in which something is given; `None` where something is given in all.
    pub fn projects(&self) -> Option<impl Iterator<Item = &str>> {
        let named = || self.projects.iter().filter(|(id, _)| self.knows(**id)).filter_map(|(_, p)| p.name.as_deref());
        (!self.opens_all()).then(named)
    }

    /// The projects in which the permission is given, be it in some of their repositories only; `None` where it is given in all.
    pub fn projects_with(&self, permission: Permission) -> Option<Vec<Id>> {
        let has = |within: &InProject| {
            within.all.has(permission) || within.patterns.iter().any(|(_, given)| given.has(permission))
        };
        let some = || self.projects.iter().filter(|(_, within)| has(within)).map(|(id, _)| *id).collect();
        (!self.system.has(permission)).then(some)
    }

    /// Whether anything is given in the project, be it in some of its repositories only: whoever it is knows of the project.
    pub fn knows(&self, project: Id) -> bool {
        let is_given =
            |within: &InProject| !within.all.is_empty() || within.patterns.iter().any(|(_, given)| !given.is_empty());
        self.opens_all() || self.projects.get(&project).is_some_and(is_given)
    }

    /// Whether something is given in the system that is done in or to projects: who may only make projects, or look after people,
    /// knows of none.
    fn opens_all(&self) -> bool {
        self.system.has_any(Permissions::within(Level::Project)) || self.system.has(Permission::QuotaWrite)
    }

    /// Which repositories may be read: all, or the public ones and those in ranges of names.
    pub fn readable(&self) -> &Readable {
        &self.readable
    }

    fn compile_readable(&self) -> Readable {
        if self.system.has(Permission::Pull) {
            return Readable::All;
        }
        let mut ranges = Vec::new();
        for within in self.projects.values() {
            let Some(name) = &within.name else { continue };
            if within.all.has(Permission::Pull) {
                ranges.push(NameRange::one(name.clone()));
                ranges.push(NameRange::below(format!("{name}/")));
                continue;
            }
            let may_pull = within.patterns.iter().filter(|(_, given)| given.has(Permission::Pull));
            ranges.extend(may_pull.flat_map(|(pattern, _)| in_project(name, pattern)));
        }
        Readable::some(ranges)
    }
}

/// The ranges of a pattern, within its project whatever it says.
pub(crate) fn in_project(project: &str, pattern: &Pattern) -> Vec<NameRange> {
    let below = format!("{project}/");
    let mut ranges = Vec::new();
    if pattern.matches(project) {
        ranges.push(NameRange::one(project.to_owned()));
    }
    let prefix = pattern.literal_prefix();
    if pattern.is_literal() {
        if prefix.starts_with(&below) {
            ranges.push(NameRange::one(prefix.to_owned()));
        }
    } else if prefix.starts_with(&below) {
        ranges.push(NameRange::matching(prefix.to_owned(), pattern.clone()));
    } else if below.starts_with(prefix) {
        ranges.push(NameRange::matching(below, pattern.clone()));
    }
    ranges
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_store::ledger::people::Holder;

    use super::*;

    const ACME: Id = Id([1; 16]);
    const OTHER: Id = Id([2; 16]);

    /// `permissions@project-or-*[:pattern]`
    fn rights(bindings: &[(&str, Option<Id>, Option<&str>)]) -> Rights {
        let binding = |(permissions, project, pattern): &(&str, Option<Id>, Option<&str>)| BindingRow {
            id: Id([9; 16]),
            holder: Holder::Account(Id([8; 16])),
            holder_name: "kim".parse().expect("a name"),
            is_robot: false,
            role: None,
            permissions: permissions.parse().expect("permissions"),
            project: project.map(|id| (id, Some(if id == ACME { "acme" } else { "other" }.parse().expect("a name")))),
            pattern: pattern.map(|pattern| pattern.parse().expect("a pattern")),
        };
        Rights::compile(&bindings.iter().map(binding).collect::<Vec<_>>())
    }

    fn at(project: Option<Id>, repository: Option<&'static str>) -> Place<'static> {
        Place { repository, project, public: false }
    }

    #[test]
    fn what_is_given_where() {
        let rights = rights(&[
            ("pull,project:read,project:create", Some(ACME), None),
            ("push,tag,project:write", Some(ACME), Some("acme/app/**")),
            ("pull", Some(OTHER), Some("other/one")),
        ]);
        let check = |place, expect: &str| assert_eq!(rights.at(&place).to_string(), expect, "{place:?}");
        check(at(Some(ACME), Some("acme/lib")), "pull,project:read");
        check(at(Some(ACME), Some("acme/app/web")), "pull,push,tag,project:read");
        check(at(Some(ACME), None), "pull,project:read");
        check(at(Some(OTHER), Some("other/one")), "pull");
        check(at(Some(OTHER), Some("other/two")), "");
        check(at(None, Some("acme/lib")), "");
        check(at(Some(Id([3; 16])), Some("acme/lib")), "");
        check(at(None, None), "");
        assert!(rights.knows(ACME) && rights.knows(OTHER) && !rights.knows(Id([3; 16])));
    }

    #[test]
    fn what_is_given_throughout() {
        let rights =
            rights(&[("pull", Some(ACME), None), ("push", Some(ACME), Some("acme/app/**")), ("tag", None, None)]);
        let check = |project, pattern: Option<&str>, expect: &str| {
            let pattern = pattern.map(|pattern| pattern.parse().expect("a pattern"));
            assert_eq!(rights.throughout(project, pattern.as_ref()).to_string(), expect, "{pattern:?}");
        };
        check(ACME, None, "pull,tag");
        check(ACME, Some("acme/app/**"), "pull,push,tag");
        check(ACME, Some("acme/app/web*"), "pull,push,tag");
        check(ACME, Some("acme/**"), "pull,tag");
        check(OTHER, Some("acme/app/**"), "tag");
        assert!(rights.projects().is_none());
        let rights = self::rights(&[("pull", Some(OTHER), None), ("user:write", Some(ACME), None)]);
        assert_eq!(rights.projects().expect("not all").collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn the_system_is_everywhere() {
        let rights = rights(&[("pull,project:create", None, None)]);
        for place in [at(Some(ACME), Some("acme/lib")), at(None, Some("new/lib")), at(None, None)] {
            assert_eq!(rights.at(&place).to_string(), "pull,project:create");
        }
        assert_eq!(*rights.readable(), Readable::All);
    }

    #[test]
    fn what_may_be_read() {
        let check = |bindings: &[(&str, Option<Id>, Option<&str>)], yes: &[&str], no: &[&str]| {
            let rights = rights(bindings);
            let readable = rights.readable();
            yes.iter().for_each(|name| assert!(readable.holds(name, false), "{name} by {bindings:?}"));
            no.iter().for_each(|name| assert!(!readable.holds(name, false), "{name} by {bindings:?}"));
            assert!(readable.holds("acme/lib", true), "what is public");
        };
        check(&[("pull", Some(ACME), None)], &["acme", "acme/lib", "acme/a/b"], &["acme-x/lib", "acmes", "other/one"]);
        check(&[("push", Some(ACME), None)], &[], &["acme", "acme/lib"]);
        check(&[("pull", Some(ACME), Some("acme/app"))], &["acme/app"], &["acme/apps", "acme/app/web", "acme"]);
        check(&[("pull", Some(ACME), Some("acme/app-*"))], &["acme/app-x"], &["acme/app", "acme/app-x/y"]);
        check(&[("pull", Some(ACME), Some("**"))], &["acme", "acme/x/y"], &["other/one"]);
        check(&[("pull", Some(ACME), Some("**/web"))], &["acme/web", "acme/x/web"], &["other/web", "acme/x"]);
        check(&[("pull", Some(ACME), Some("other/**"))], &[], &["other/one", "acme/lib"]);
    }
}
