//! All that is configured, as one document: exported, and applied as a whole or not at all. Only who may do everything does
//! either: a document gives whatever it says.
//!
//! Applying asks how the things are that the document names, works out what has to change ([`plan`]), and makes that in one
//! commit. Where somebody else changes the same things meanwhile it is worked out anew.

mod plan;

use std::collections::{BTreeMap, BTreeSet};

use wharf_model::api::access::{Binding, Bound, NewBinding, RoleChange};
use wharf_model::api::config::{Config, Plan, ProjectConfig, RobotConfig};
use wharf_model::api::people::{GroupChange, UserChange};
use wharf_model::api::project::{Project, ProjectChange};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{CONFIG_THINGS_MAX, GROUP_MEMBERS_MAX};
use wharf_model::name::ProjectName;
use wharf_model::permission::{Permissions, built_in};
use wharf_store::ids;
use wharf_store::ledger::change::Refused;
use wharf_store::ledger::people::{AccountKind, AccountRow, Accounts, BindingRow};

use crate::actor::Subject;
use crate::bindings;
use crate::error::Error;
use crate::giving::{self, Gift};
use crate::registry::Registry;
use plan::{Group, NoPlan, Work, World, full_name};

/// Rows asked for at once.
const PAGE: usize = 1_000;
/// How often a plan is worked out anew because others changed the same things meanwhile.
const ATTEMPTS_MAX: usize = 3;

impl Registry {
    /// All that is configured in the ledger, without secrets. Applied to an empty registry it makes the same of that.
    ///
    /// # Errors
    /// Not allowed: it takes all permissions in the whole system; [`Error::Conflict`] where there are more than
    /// [`CONFIG_THINGS_MAX`] things.
    pub async fn export_config(&self, subject: &Subject) -> Result<Config, Error> {
        may_do_everything(subject)?;
        let mut left = Left(CONFIG_THINGS_MAX);
        let mut config = Config::default();
        for row in left.take(self.0.ledger.roles().await?)? {
            let change = RoleChange { description: row.description, permissions: row.permissions };
            config.roles.insert(row.name, change);
        }
        for row in self.all_accounts(Accounts::Users, &mut left).await? {
            let change = UserChange { description: said(row.description), disabled: row.disabled.then_some(true) };
            config.users.insert(row.name, change);
        }
        self.export_groups(&mut config, &mut left).await?;
        let (bindings, robots) = self.export_place(None, &mut left).await?;
        (config.bindings, config.robots) = (Some(bindings), robots);
        self.export_projects(&mut config, &mut left).await?;
        Ok(config)
    }

    /// Makes everything as the document says, or with `dry_run` only tells what that would change.
    ///
    /// # Errors
    /// Not allowed: it takes all permissions in the whole system; [`Error::Config`] with all that is wrong with the document;
    /// [`Error::Conflict`] where a name is taken, or nobody would be left who administers.
    pub async fn apply_config(&self, subject: &Subject, config: &Config, dry_run: bool) -> Result<Plan, Error> {
        may_do_everything(subject)?;
        let mut attempts = 1;
        loop {
            let world = self.world(config).await?;
            let Work { planned, changes } =
                plan::plan(config, &world, &mut ids::random).map_err(|no_plan| match no_plan {
                    NoPlan::Problems(problems) => Error::Config(problems),
                    NoPlan::Failed(error) => error.into(),
                })?;
            if dry_run || changes.is_empty() {
                return Ok(Plan { changes: planned, applied: !dry_run });
            }
            match self.0.ledger.commit(subject.commit(changes)).await {
                Ok(_) => return Ok(Plan { changes: planned, applied: true }),
                Err(Refused::Unknown(_) | Refused::ProjectChanged) if attempts < ATTEMPTS_MAX => attempts += 1,
                Err(refused) => return Err(Error::refused_people(refused)),
            }
        }
    }

    async fn export_groups(&self, config: &mut Config, left: &mut Left) -> Result<(), Error> {
        let mut after: Option<Handle> = None;
        loop {
            let page = self.0.ledger.groups(after.as_ref().map(Handle::as_str), PAGE).await?;
            after = page.last().map(|row| row.name.clone());
            let is_last = page.len() < PAGE;
            for row in left.take(page)? {
                let members = self.all_accounts(Accounts::In(row.id), left).await?;
                let members = Some(members.into_iter().map(|row| row.name).collect());
                config.groups.insert(row.name, GroupChange { description: said(row.description), members });
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn export_projects(&self, config: &mut Config, left: &mut Left) -> Result<(), Error> {
        let mut after: Option<ProjectName> = None;
        loop {
            let names = self.0.ledger.project_names(false, after.as_ref().map(ProjectName::as_str), PAGE).await?;
            let is_last = names.len() < PAGE;
            for name in left.take(names)? {
                after = Some(name.clone());
                // One that has just gone is not exported.
                let Some(project) = self.0.ledger.project(&name).await? else { continue };
                let (bindings, robots) = self.export_place(Some(&project), left).await?;
                let settings = settings(&project);
                config.projects.insert(name, ProjectConfig { settings, bindings: Some(bindings), robots });
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// What is given in the project or in the system, and its robots with what is given to them there.
    async fn export_place(
        &self,
        project: Option<&Project>,
        left: &mut Left,
    ) -> Result<(Vec<NewBinding>, BTreeMap<Handle, RobotConfig>), Error> {
        let (id, name) = (project.map(|project| project.id), project.map(|project| &project.name));
        let mut robots = BTreeMap::new();
        for row in self.all_accounts(Accounts::Robots(id), left).await? {
            let robot = RobotConfig {
                description: said(row.description),
                disabled: row.disabled.then_some(true),
                bindings: Some(Vec::new()),
            };
            robots.insert(row.name, robot);
        }
        let mut bindings = Vec::new();
        for row in self.all_bindings(id, left).await? {
            let Some(Binding { subject, role, permissions, repositories, .. }) = bindings::told(row) else { continue };
            let permissions = role.is_none().then_some(permissions);
            let own = match &subject {
                Bound::Robot(robot) => robots.get_mut(robot).and_then(|robot| robot.bindings.as_mut()),
                _ => None,
            };
            match own {
                Some(own) => own.push(NewBinding { subject: None, role, permissions, repositories }),
                None => bindings.push(NewBinding { subject: Some(subject), role, permissions, repositories }),
            }
        }
        // Under the project they stand without it.
        let short = |(full, robot): (Handle, RobotConfig)| match name {
            Some(_) => full.short().parse().ok().map(|short| (short, robot)),
            None => Some((full, robot)),
        };
        Ok((bindings, robots.into_iter().filter_map(short).collect()))
    }

    async fn all_accounts(&self, which: Accounts, left: &mut Left) -> Result<Vec<AccountRow>, Error> {
        let mut all: Vec<AccountRow> = Vec::new();
        loop {
            let after = all.last().map(|row| row.name.clone());
            let page = self.0.ledger.accounts(which, after.as_ref().map(Handle::as_str), PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(left.take(page)?);
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn all_bindings(&self, project: Option<Id>, left: &mut Left) -> Result<Vec<BindingRow>, Error> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.0.ledger.bindings(project, after, PAGE).await?;
            after = page.last().map_or(after, |(number, _)| *number);
            let is_last = page.len() < PAGE;
            all.extend(left.take(page)?.into_iter().map(|(_, row)| row));
            if is_last {
                return Ok(all);
            }
        }
    }

    /// How the things are that the document names.
    async fn world(&self, config: &Config) -> Result<World, Error> {
        let mut world = World::default();
        if names_roles(config) {
            world.roles = self.0.ledger.roles().await?.into_iter().map(|row| (row.name.clone(), row)).collect();
        }
        let Named { users, groups, robots } = Named::of(config);
        for name in users {
            let row = self.0.ledger.account(name).await?.filter(|row| row.kind == AccountKind::User);
            world.users.extend(row.map(|row| (name.clone(), row)));
        }
        for name in groups {
            let Some(row) = self.0.ledger.group(name).await? else { continue };
            let is_set = config.groups.get(name).is_some_and(|group| group.members.is_some());
            let members = match is_set {
                true => self.0.ledger.accounts(Accounts::In(row.id), None, GROUP_MEMBERS_MAX).await?,
                false => Vec::new(),
            };
            let members = members.into_iter().map(|row| row.name).collect();
            world.groups.insert(name.clone(), Group { row, members });
        }
        for name in config.projects.keys() {
            let project = self.0.ledger.project(name).await?;
            world.projects.extend(project.map(|project| (name.clone(), project)));
        }
        for name in robots {
            let home = name.project().map(|project| world.projects.get(&project).map(|project| project.id));
            let is_it = |row: &AccountRow| match home {
                None => row.kind == AccountKind::Robot { project: None },
                Some(home) => home.is_some() && row.kind == AccountKind::Robot { project: home },
            };
            let row = self.0.ledger.account(&name).await?.filter(is_it);
            world.robots.extend(row.map(|row| (name, row)));
        }
        self.world_of_bindings(config, &mut world).await?;
        Ok(world)
    }

    async fn world_of_bindings(&self, config: &Config, world: &mut World) -> Result<(), Error> {
        let mut left = Left(CONFIG_THINGS_MAX);
        let speaks = |robots: &BTreeMap<Handle, RobotConfig>| robots.values().any(|robot| robot.bindings.is_some());
        if config.bindings.is_some() || speaks(&config.robots) {
            world.bindings.insert(None, self.all_bindings(None, &mut left).await?);
        }
        for (name, set) in &config.projects {
            if let Some(project) = world.projects.get(name)
                && (set.bindings.is_some() || speaks(&set.robots))
            {
                let rows = self.all_bindings(Some(project.id), &mut left).await?;
                world.bindings.insert(Some(name.clone()), rows);
            }
        }
        Ok(())
    }
}

fn may_do_everything(subject: &Subject) -> Result<(), Error> {
    if subject.actor.is_anonymous() {
        return Err(Error::Unauthorized);
    }
    let everything = Gift { permissions: Permissions::ALL, project: None, pattern: None };
    giving::check(subject, &everything, || "in the whole system".to_owned())
}

/// How many things may still be read into memory.
struct Left(usize);

impl Left {
    fn take<T>(&mut self, rows: Vec<T>) -> Result<Vec<T>, Error> {
        match self.0.checked_sub(rows.len()) {
            Some(left) => {
                self.0 = left;
                Ok(rows)
            }
            None => {
                Err(Error::Conflict(format!("there are more than {CONFIG_THINGS_MAX} things: too many for a document")))
            }
        }
    }
}

/// Whoever a document speaks of.
struct Named<'a> {
    users: BTreeSet<&'a Handle>,
    groups: BTreeSet<&'a Handle>,
    /// By what they log in as.
    robots: BTreeSet<Handle>,
}

impl<'a> Named<'a> {
    fn of(config: &'a Config) -> Named<'a> {
        let members = config.groups.values().flat_map(|group| group.members.iter().flatten());
        let mut named = Named {
            users: config.users.keys().chain(members).collect(),
            groups: config.groups.keys().collect(),
            robots: config.robots.keys().cloned().collect(),
        };
        for (project, set) in &config.projects {
            named.robots.extend(set.robots.keys().map(|name| full_name(Some(project), name)));
        }
        for binding in all_lists(config).flatten() {
            match &binding.subject {
                Some(Bound::User(name)) => named.users.insert(name),
                Some(Bound::Group(name)) => named.groups.insert(name),
                Some(Bound::Robot(name)) => named.robots.insert(name.clone()),
                None => false,
            };
        }
        named
    }
}

/// Every list of bindings, but those of robots.
fn all_lists(config: &Config) -> impl Iterator<Item = &Vec<NewBinding>> {
    config.bindings.iter().chain(config.projects.values().flat_map(|project| &project.bindings))
}

/// Whether any role that is not built in has to be known.
fn names_roles(config: &Config) -> bool {
    let is_own = |binding: &NewBinding| binding.role.as_ref().is_some_and(|role| built_in(role.as_str()).is_none());
    let of_projects = config.projects.values().flat_map(|project| project.robots.values());
    let robots = config.robots.values().chain(of_projects).flat_map(|robot| &robot.bindings);
    !config.roles.is_empty() || all_lists(config).chain(robots).flatten().any(is_own)
}

/// A text, where there is one.
fn said(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// What a project is set to, as far as it is not what a new one is.
fn settings(project: &Project) -> ProjectChange {
    ProjectChange {
        public: project.public.then_some(true),
        description: said(project.description.clone()),
        missing: project.missing.map(Some),
        artifact_types: project.artifact_types.clone().map(Some),
        trash_days: project.trash_days.map(Some),
        immutable: Some(project.immutable.clone()).filter(|rules| !rules.is_empty()),
        share: project.share.then_some(true),
        vouched: project.vouched.then_some(true),
        quota_bytes: project.quota_bytes.map(Some),
        quota_warn_bytes: project.quota_warn_bytes.map(Some),
        quota_repositories: project.quota_repositories.map(Some),
    }
}
