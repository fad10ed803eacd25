//! From how things are and how a document says that they are to be, what has to be changed. Pure: no I/O, no clock; new ids
//! are handed in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;
use wharf_model::api::access::{Bound, NewBinding, RoleChange};
use wharf_model::api::config::{Config, Planned, Problem, ProjectConfig, RobotConfig, Verb};
use wharf_model::api::people::{GroupChange, UserChange};
use wharf_model::api::project::Project;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{GRANTS_MAX, GROUP_MEMBERS_MAX};
use wharf_model::name::ProjectName;
use wharf_model::pattern::Pattern;
use wharf_model::permission::{Permissions, built_in};
use wharf_store::ledger::change::{Change, Expects};
use wharf_store::ledger::people::{
    AccountKind, AccountRow, BindingRow, Gives, GroupRow, Holder, PeopleChange, RoleRow,
};
use wharf_store::ledger::query::LedgerError;

use crate::bindings::check_place;
use crate::error::Error;
use crate::people::{check_description, check_plain};

/// How things are, as far as a document speaks of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) roles: BTreeMap<Handle, RoleRow>,
    pub(crate) users: BTreeMap<Handle, AccountRow>,
    pub(crate) groups: BTreeMap<Handle, Group>,
    /// By what they log in as.
    pub(crate) robots: BTreeMap<Handle, AccountRow>,
    pub(crate) projects: BTreeMap<ProjectName, Project>,
    /// In each project, and in the system.
    pub(crate) bindings: BTreeMap<Option<ProjectName>, Vec<BindingRow>>,
}

/// A group and who is in it.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) row: GroupRow,
    pub(crate) members: BTreeSet<Handle>,
}

/// What is to be done, told and to be committed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Work {
    pub(crate) planned: Vec<Planned>,
    pub(crate) changes: Vec<Change>,
}

/// Draws the id of something new.
pub(crate) type NewId<'a> = &'a mut (dyn FnMut() -> Result<Id, LedgerError> + Send);

/// Why there is no plan.
#[derive(Debug, PartialEq)]
pub(crate) enum NoPlan {
    /// These things are wrong with the document: all that were found.
    Problems(Vec<Problem>),
    /// No id could be drawn.
    Failed(LedgerError),
}

impl From<LedgerError> for NoPlan {
    fn from(error: LedgerError) -> Self {
        NoPlan::Failed(error)
    }
}

/// What has to be changed so that all is as `config` says; nothing where it is so already.
pub(crate) fn plan(config: &Config, world: &World, new_id: NewId<'_>) -> Result<Work, NoPlan> {
    let mut planner = Planner { world, new_id, ids: Ids::of(world), work: Work::default(), problems: Vec::new() };
    planner.roles(&config.roles)?;
    planner.users(&config.users)?;
    planner.groups(&config.groups)?;
    planner.projects(&config.projects)?;
    planner.all_robots(config)?;
    planner.all_bindings(config)?;
    planner.finish()
}

/// What names things, those that come into being included.
struct Ids {
    roles: BTreeMap<Handle, Id>,
    users: BTreeMap<Handle, Id>,
    groups: BTreeMap<Handle, Id>,
    robots: BTreeMap<Handle, Id>,
    projects: BTreeMap<ProjectName, Id>,
}

impl Ids {
    fn of(world: &World) -> Ids {
        let accounts =
            |rows: &BTreeMap<Handle, AccountRow>| rows.iter().map(|(name, row)| (name.clone(), row.id)).collect();
        Ids {
            roles: world.roles.iter().map(|(name, row)| (name.clone(), row.id)).collect(),
            users: accounts(&world.users),
            groups: world.groups.iter().map(|(name, group)| (name.clone(), group.row.id)).collect(),
            robots: accounts(&world.robots),
            projects: world.projects.iter().map(|(name, project)| (name.clone(), project.id)).collect(),
        }
    }

    fn holder(&self, bound: &Bound) -> Option<Holder> {
        match bound {
            Bound::User(name) => self.users.get(name).copied().map(Holder::Account),
            Bound::Robot(name) => self.robots.get(name).copied().map(Holder::Account),
            Bound::Group(name) => self.groups.get(name).copied().map(Holder::Group),
        }
    }
}

/// By what two bindings in one place are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    bound: Bound,
    role: Option<Handle>,
    /// Written out, so that they have an order; empty where a role is given.
    permissions: String,
    pattern: Option<Pattern>,
}

impl Key {
    fn of_row(row: &BindingRow) -> Key {
        let name = row.holder_name.clone();
        let bound = match (row.holder, row.is_robot) {
            (Holder::Group(_), _) => Bound::Group(name),
            (Holder::Account(_), true) => Bound::Robot(name),
            (Holder::Account(_), false) => Bound::User(name),
        };
        Key::new(bound, row.role.clone(), row.permissions, row.pattern.clone())
    }

    fn new(bound: Bound, role: Option<Handle>, permissions: Permissions, pattern: Option<Pattern>) -> Key {
        let permissions = if role.is_some() { String::new() } else { permissions.to_string() };
        Key { bound, role, permissions, pattern }
    }

    fn told(&self, place: Option<&ProjectName>) -> String {
        let given = self.role.as_ref().map_or(self.permissions.as_str(), Handle::as_str);
        match (place, &self.pattern) {
            (None, _) => format!("binding of {} to {given} in the system", self.bound),
            (Some(project), None) => format!("binding of {} to {given} in {project}", self.bound),
            (Some(_), Some(pattern)) => format!("binding of {} to {given} in {pattern}", self.bound),
        }
    }
}

/// Where a list of bindings stands, and of whom it is.
struct List<'a> {
    at: String,
    place: Option<&'a ProjectName>,
    /// The robot of which all of them are.
    robot: Option<Handle>,
}

impl List<'_> {
    /// Whether a binding in the place is one that the list is about.
    fn is_about(&self, row: &BindingRow) -> bool {
        match &self.robot {
            Some(robot) => row.is_robot && row.holder_name == *robot,
            None => !(row.is_robot && self.is_at_home(&row.holder_name)),
        }
    }

    /// Whether bindings of that robot in this place stand with the robot.
    fn is_at_home(&self, robot: &Handle) -> bool {
        robot.project().as_ref() == self.place
    }
}

struct Planner<'a> {
    world: &'a World,
    new_id: NewId<'a>,
    ids: Ids,
    work: Work,
    problems: Vec<Problem>,
}

impl Planner<'_> {
    fn finish(self) -> Result<Work, NoPlan> {
        if !self.problems.is_empty() {
            return Err(NoPlan::Problems(self.problems));
        }
        Ok(self.work)
    }

    fn problem(&mut self, at: impl Display, reason: impl Display) {
        self.problems.push(Problem { at: at.to_string(), reason: reason.to_string() });
    }

    /// Notes what is wrong, if anything is; whether nothing was.
    fn is_fine(&mut self, at: impl Display, checked: Result<(), Error>) -> bool {
        match checked {
            Ok(()) => true,
            Err(Error::Field { field, reason }) => {
                self.problem(format_args!("{at}.{field}"), reason);
                false
            }
            Err(error) => {
                self.problem(at, error);
                false
            }
        }
    }

    fn put(&mut self, verb: Verb, what: String, details: Vec<String>, change: Change) {
        self.work.planned.push(Planned { verb, what, details });
        self.work.changes.push(change);
    }

    fn roles(&mut self, roles: &BTreeMap<Handle, RoleChange>) -> Result<(), LedgerError> {
        for (name, set) in roles {
            let at = format!("roles.{name}");
            if built_in(name.as_str()).is_some() {
                self.problem(at, "it is built in and stays as it is");
                continue;
            }
            if set.permissions.is_empty() {
                self.problem(format_args!("{at}.permissions"), "at least one");
            }
            if !self.is_fine(&at, check_plain("name", name).and_then(|()| check_description(&set.description))) {
                continue;
            }
            let row = self.world.roles.get(name);
            let now = row.map(|row| RoleChange { description: row.description.clone(), permissions: row.permissions });
            let details = differences(&now, set);
            let id = match row {
                Some(_) if details.is_empty() => continue,
                Some(row) => row.id,
                None => (self.new_id)()?,
            };
            self.ids.roles.insert(name.clone(), id);
            let (description, permissions) = (set.description.clone(), set.permissions);
            let change = PeopleChange::PutRole { id, name: name.clone(), description, permissions };
            self.put(verb(row), format!("role {name}"), details, Change::People(change));
        }
        Ok(())
    }

    fn users(&mut self, users: &BTreeMap<Handle, UserChange>) -> Result<(), LedgerError> {
        for (name, set) in users {
            let row = self.world.users.get(name);
            let account = Account { at: format!("users.{name}"), what: "user", name, kind: AccountKind::User, row };
            let fine = check_plain("name", name);
            let set = RobotConfig { description: set.description.clone(), disabled: set.disabled, bindings: None };
            if self.is_fine(&account.at, fine)
                && let Some(id) = self.account(&account, &set)?
            {
                self.ids.users.insert(name.clone(), id);
            }
        }
        Ok(())
    }

    /// The id of the account; `None` where something is wrong.
    fn account(&mut self, account: &Account<'_>, set: &RobotConfig) -> Result<Option<Id>, LedgerError> {
        let Account { at, what, name, kind, row } = account;
        let set = RobotConfig { bindings: None, ..set.clone() };
        if !self.is_fine(at, set.description.as_deref().map_or(Ok(()), check_description)) {
            return Ok(None);
        }
        let now = row.map(|row| RobotConfig {
            description: Some(row.description.clone()),
            disabled: Some(row.disabled),
            bindings: None,
        });
        let details = differences(&now, &set);
        let RobotConfig { description, disabled, .. } = set;
        let (id, change) = match row {
            Some(row) if details.is_empty() => return Ok(Some(row.id)),
            // Only what the document says: whatever else is changed meanwhile stays, and one that has gone stays away.
            Some(row) => {
                (row.id, PeopleChange::ChangeAccount { account: row.id, description, disabled, password: None })
            }
            None => {
                let (id, name, kind) = ((self.new_id)()?, (*name).clone(), *kind);
                let (description, disabled) = (description.unwrap_or_default(), disabled.unwrap_or(false));
                let put = PeopleChange::PutAccount {
                    id,
                    name,
                    kind,
                    description,
                    disabled,
                    expires_at: None,
                    password: None,
                };
                (id, put)
            }
        };
        self.put(verb(*row), format!("{what} {name}"), details, Change::People(change));
        Ok(Some(id))
    }

    fn groups(&mut self, groups: &BTreeMap<Handle, GroupChange>) -> Result<(), LedgerError> {
        for (name, set) in groups {
            let at = format!("groups.{name}");
            let described = set.description.as_deref().map_or(Ok(()), check_description);
            if !self.is_fine(&at, check_plain("name", name).and(described)) {
                continue;
            }
            let group = self.world.groups.get(name);
            let now =
                group.map(|group| GroupChange { description: Some(group.row.description.clone()), members: None });
            let said = GroupChange { description: set.description.clone(), members: None };
            let details = differences(&now, &said);
            let id = match group {
                Some(group) => group.row.id,
                None => (self.new_id)()?,
            };
            self.ids.groups.insert(name.clone(), id);
            if group.is_none() || !details.is_empty() {
                let description =
                    said.description.or_else(|| group.map(|group| group.row.description.clone())).unwrap_or_default();
                let change = PeopleChange::PutGroup { id, name: name.clone(), description };
                self.put(verb(group), format!("group {name}"), details, Change::People(change));
            }
            if let Some(members) = &set.members {
                self.members(&at, name, id, members);
            }
        }
        Ok(())
    }

    fn members(&mut self, at: &str, name: &Handle, group: Id, members: &[Handle]) {
        if members.len() > GROUP_MEMBERS_MAX {
            return self.problem(format_args!("{at}.members"), format_args!("at most {GROUP_MEMBERS_MAX}"));
        }
        let wanted: BTreeSet<&Handle> = members.iter().collect();
        let none = BTreeSet::new();
        let there: BTreeSet<&Handle> =
            self.world.groups.get(name).map_or(&none, |group| &group.members).iter().collect();
        if wanted == there {
            return;
        }
        let mut ids = Vec::with_capacity(wanted.len());
        for member in &wanted {
            match self.ids.users.get(*member) {
                Some(id) => ids.push(*id),
                None => self.problem(format_args!("{at}.members"), format_args!("the user {member} is not there")),
            }
        }
        let come = wanted.difference(&there).map(|name| format!("+ {name}"));
        let go = there.difference(&wanted).map(|name| format!("- {name}"));
        let details = come.chain(go).collect();
        let change = PeopleChange::SetMembers { group, members: ids };
        self.put(Verb::Update, format!("members of the group {name}"), details, Change::People(change));
    }

    fn projects(&mut self, projects: &BTreeMap<ProjectName, ProjectConfig>) -> Result<(), LedgerError> {
        for (name, ProjectConfig { settings, .. }) in projects {
            if let Err(error) = settings.check() {
                self.problem(format_args!("projects.{name}.settings.{}", error.field()), error);
                continue;
            }
            let project = self.world.projects.get(name);
            let details = differences(&project, settings);
            let (expects, id) = match project {
                Some(_) if details.is_empty() => continue,
                Some(project) => (Expects::Project(project.id), None),
                None => (Expects::Nothing, Some((self.new_id)()?)),
            };
            if let Some(id) = id {
                self.ids.projects.insert(name.clone(), id);
            }
            let change =
                Change::PutProject { project: name.clone(), expects, id, set: settings.clone(), created: false };
            self.put(verb(project), format!("project {name}"), details, change);
        }
        Ok(())
    }

    fn all_robots(&mut self, config: &Config) -> Result<(), LedgerError> {
        for (name, set) in &config.robots {
            self.robot(format!("robots.{name}"), None, name, set)?;
        }
        for (project, set) in &config.projects {
            for (name, robot) in &set.robots {
                self.robot(format!("projects.{project}.robots.{name}"), Some(project), name, robot)?;
            }
        }
        Ok(())
    }

    fn robot(
        &mut self,
        at: String,
        place: Option<&ProjectName>,
        name: &Handle,
        set: &RobotConfig,
    ) -> Result<(), LedgerError> {
        if !self.is_fine(&at, check_plain("name", name)) {
            return Ok(());
        }
        let full = full_name(place, name);
        let kind = AccountKind::Robot { project: place.and_then(|place| self.ids.projects.get(place).copied()) };
        let row = self.world.robots.get(&full);
        let account = Account { at, what: "robot", name: &full, kind, row };
        if let Some(id) = self.account(&account, set)? {
            self.ids.robots.insert(full, id);
        }
        Ok(())
    }

    fn all_bindings(&mut self, config: &Config) -> Result<(), LedgerError> {
        if let Some(bindings) = &config.bindings {
            self.bindings(&List { at: "bindings".to_owned(), place: None, robot: None }, bindings)?;
        }
        self.bindings_of_robots("robots", None, &config.robots)?;
        for (project, set) in &config.projects {
            let at = format!("projects.{project}");
            if let Some(bindings) = &set.bindings {
                self.bindings(&List { at: format!("{at}.bindings"), place: Some(project), robot: None }, bindings)?;
            }
            self.bindings_of_robots(&format!("{at}.robots"), Some(project), &set.robots)?;
        }
        Ok(())
    }

    fn bindings_of_robots(
        &mut self,
        at: &str,
        place: Option<&ProjectName>,
        robots: &BTreeMap<Handle, RobotConfig>,
    ) -> Result<(), LedgerError> {
        for (name, set) in robots {
            let Some(bindings) = &set.bindings else { continue };
            let list = List { at: format!("{at}.{name}.bindings"), place, robot: Some(full_name(place, name)) };
            if bindings.len() > GRANTS_MAX {
                self.problem(&list.at, format_args!("at most {GRANTS_MAX}"));
                continue;
            }
            self.bindings(&list, bindings)?;
        }
        Ok(())
    }

    /// Makes the bindings that are missing, and has those removed that are not on the list.
    fn bindings(&mut self, list: &List<'_>, wanted: &[NewBinding]) -> Result<(), LedgerError> {
        let project = list.place.and_then(|place| self.ids.projects.get(place).copied());
        let rows = self.world.bindings.get(&list.place.cloned()).map_or(&[][..], Vec::as_slice);
        let mut surplus: BTreeMap<Key, Vec<Id>> = BTreeMap::new();
        for row in rows.iter().filter(|row| list.is_about(row)) {
            surplus.entry(Key::of_row(row)).or_default().push(row.id);
        }
        let mut seen = BTreeSet::new();
        for (at, new) in wanted.iter().enumerate() {
            let at = format!("{}[{at}]", list.at);
            let Some((key, gives, holder)) = self.wanted(&at, list, new) else { continue };
            if !seen.insert(key.clone()) {
                continue;
            }
            if let Some(ids) = surplus.get_mut(&key) {
                ids.pop();
                continue;
            }
            let id = (self.new_id)()?;
            let change = PeopleChange::PutBinding { id, holder, gives, project, pattern: key.pattern.clone() };
            self.put(Verb::Create, key.told(list.place), Vec::new(), Change::People(change));
        }
        for (key, ids) in surplus {
            for binding in ids {
                let change = PeopleChange::DeleteBinding { binding, project };
                self.put(Verb::Remove, key.told(list.place), Vec::new(), Change::People(change));
            }
        }
        Ok(())
    }

    /// What an entry of a list says; `None` where something is wrong with it.
    fn wanted(&mut self, at: &str, list: &List<'_>, new: &NewBinding) -> Option<(Key, Gives, Holder)> {
        let bound = match self.bound(list, new) {
            Ok(bound) => bound,
            Err(reason) => {
                self.problem(format_args!("{at}.subject"), reason);
                return None;
            }
        };
        let holder = self.ids.holder(&bound);
        if holder.is_none() {
            self.problem(format_args!("{at}.subject"), format_args!("{bound} is not there"));
        }
        let gives = match self.gives(new) {
            Ok(gives) => Some(gives),
            Err(reason) => {
                self.problem(format_args!("{at}.role"), reason);
                None
            }
        };
        let is_fine = self.is_fine(at, check_place(list.place, new));
        let key = Key::new(bound, new.role.clone(), new.permissions.unwrap_or_default(), new.repositories.clone());
        Some((key, gives?, holder?)).filter(|_| is_fine)
    }

    fn bound(&self, list: &List<'_>, new: &NewBinding) -> Result<Bound, &'static str> {
        match (&list.robot, &new.subject) {
            (Some(robot), None) => Ok(Bound::Robot(robot.clone())),
            (Some(_), Some(_)) => Err("leave it out: it is the robot"),
            (None, None) => Err("say to whom: user:NAME, robot:NAME or group:NAME"),
            (None, Some(Bound::Robot(robot))) if list.is_at_home(robot) => {
                Err("what is given to a robot in its own place stands with the robot, under `robots`")
            }
            (None, Some(Bound::Robot(robot))) if robot.project().is_some() => {
                Err("a robot of a project is bound in that project only")
            }
            (None, Some(bound)) => Ok(bound.clone()),
        }
    }

    fn gives(&self, new: &NewBinding) -> Result<Gives, String> {
        match (&new.role, new.permissions) {
            (Some(role), None) => match built_in(role.as_str()) {
                Some(role) => Ok(Gives::BuiltIn(role.name.to_owned())),
                None => {
                    let id = self.ids.roles.get(role);
                    id.map(|id| Gives::Role(*id)).ok_or_else(|| format!("the role {role} is not there"))
                }
            },
            (None, Some(permissions)) if !permissions.is_empty() => Ok(Gives::Permissions(permissions)),
            _ => Err("give a role, or permissions, and not both".to_owned()),
        }
    }
}

/// An account that is to be as a document says.
struct Account<'a> {
    at: String,
    what: &'static str,
    name: &'a Handle,
    kind: AccountKind,
    row: Option<&'a AccountRow>,
}

/// What a robot logs in as. `name` has no project in it.
pub(crate) fn full_name(place: Option<&ProjectName>, name: &Handle) -> Handle {
    place.and_then(|place| Handle::robot(place, name).ok()).unwrap_or_else(|| name.clone())
}

fn verb<T>(there: Option<T>) -> Verb {
    if there.is_some() { Verb::Update } else { Verb::Create }
}

/// The fields that `wanted` sets to something else than they are `now`: `name: old → new`. What is nothing, empty or `false` and
/// what is not there are the same.
fn differences(now: &impl Serialize, wanted: &impl Serialize) -> Vec<String> {
    let read = |value: Result<Value, _>| value.unwrap_or(Value::Null);
    let (now, wanted) = (read(serde_json::to_value(now)), read(serde_json::to_value(wanted)));
    let Value::Object(fields) = wanted else { return Vec::new() };
    let change = |(name, new): (String, Value)| {
        let (old, new) = (plain(now.get(&name).cloned().unwrap_or(Value::Null)), plain(new));
        (old != new).then(|| format!("{name}: {} → {}", told(&old), told(&new)))
    };
    fields.into_iter().filter_map(change).collect()
}

fn plain(value: Value) -> Value {
    match value {
        Value::Bool(false) => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Array(list) if list.is_empty() => Value::Null,
        other => other,
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
