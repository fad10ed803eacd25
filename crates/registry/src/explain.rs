//! Why somebody may or may not do something, in one sentence.

use wharf_model::api::access::{Bound, Explanation};
use wharf_model::handle::Handle;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::permission::{Level, Permission, Permissions};
use wharf_store::clock::Millis;
use wharf_store::ledger::people::{AccountKind, AccountRow, BindingRow, Holder};

use crate::access;
use crate::actor::{Actor, Ceiling, Subject};
use crate::bindings::told;
use crate::error::Error;
use crate::people::{logged_in, not_there};
use crate::registry::Registry;
use crate::rights::{self, Place, Rights};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// About whom; about who asks, where it is left out.
    pub about: Option<Bound>,
    /// What is to be done.
    pub permission: Permission,
    /// Where.
    pub at: At,
}

/// Where something is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// In the system.
    System,
    /// In a project.
    Project(ProjectName),
    /// In a repository.
    Repository(RepositoryName),
}

impl At {
    fn project(&self) -> Option<ProjectName> {
        match self {
            At::System => None,
            At::Project(name) => Some(name.clone()),
            At::Repository(name) => Some(name.project()),
        }
    }

    fn told(&self) -> String {
        match self {
            At::System => "in the system".to_owned(),
            At::Project(name) => format!("in the project {name}"),
            At::Repository(name) => format!("in {name}"),
        }
    }
}

/// Whom it is about, with what it is given.
struct About {
    bound: Bound,
    /// As it would ask.
    subject: Subject,
    bindings: Vec<BindingRow>,
    /// Why it cannot log in at all.
    shut: Option<&'static str>,
}

impl Registry {
    /// Answers the question: about oneself to anybody who logged in, about others to those who may see who may do what
    /// there, or see users. Somebody who asks about themselves is told no more of a project than a push or a pull would; who
    /// does not see users is told of no other project's robots.
    ///
    /// # Errors
    /// Not allowed: it takes `member:read` there or `user:read`; [`Error::NotThere`], also where it is not to be told of.
    pub async fn explain(&self, subject: &Subject, question: &Question) -> Result<Explanation, Error> {
        logged_in(subject)?;
        let (bound, is_oneself) = whom(subject, question)?;
        if !is_oneself {
            self.authorise_explaining(subject, &question.at).await?;
        }
        let is_told = is_oneself || self.authorise_system(subject, Permission::UserRead).is_ok();
        let is_told = is_told || belongs(&bound, &question.at);
        let about = self.about(subject, bound, is_oneself, is_told).await?;
        let place = self.place_of(&question.at).await?;
        let is_known = place.project.is_some_and(|project| about.subject.rights.knows(project)) || place.public;
        let (project, public) = if is_oneself && !is_known { (None, false) } else { (place.project, place.public) };
        let repository = match &question.at {
            At::Repository(name) => Some(name.as_str()),
            _ => None,
        };
        Ok(self.answer(about, question, &Place { repository, project, public }))
    }

    async fn authorise_explaining(&self, subject: &Subject, at: &At) -> Result<(), Error> {
        let there = match at.project() {
            Some(project) => self.authorise_project(subject, &project, Permission::MemberRead).await.map(drop),
            None => self.authorise_system(subject, Permission::MemberRead),
        };
        there.or_else(|error| self.authorise_system(subject, Permission::UserRead).map_err(|_| error))
    }

    /// Who is not to be told of is asked for all the same: that takes as long as where nobody is called so.
    async fn about(&self, asker: &Subject, bound: Bound, is_oneself: bool, is_told: bool) -> Result<About, Error> {
        let (name, what) = match &bound {
            Bound::Group(name) => return self.about_group(name.clone(), bound.clone()).await,
            Bound::User(name) => (name, "user"),
            Bound::Robot(name) => (name, "robot"),
        };
        let is_robot = |row: &AccountRow| matches!(row.kind, AccountKind::Robot { .. });
        let row = self.0.ledger.account(name).await?.filter(|row| is_robot(row) == (what == "robot"));
        let row = row.filter(|_| is_told).ok_or_else(|| not_there(what, name))?;
        let bindings = rights::counting(&row, self.0.ledger.bindings_of(row.id).await?);
        let ceiling = if is_oneself { asker.ceiling.clone() } else { Ceiling::default() };
        let actor = Actor::User { id: row.id, name: row.name.clone() };
        let subject = Subject { actor, rights: Rights::compile(&bindings).into(), ceiling, ..asker.clone() };
        Ok(About { bound, subject, bindings, shut: shut(&row, self.0.ledger.now().await?) })
    }

    async fn about_group(&self, name: Handle, bound: Bound) -> Result<About, Error> {
        let id = self.find_group(&name).await?.id;
        let bindings = self.0.ledger.bindings_of_group(id).await?;
        let rights = Rights::compile(&bindings).into();
        let subject = Subject { actor: Actor::User { id, name }, rights, ..Subject::anonymous() };
        Ok(About { bound, subject, bindings, shut: None })
    }

    async fn place_of(&self, at: &At) -> Result<Place<'static>, Error> {
        let (project, public) = match at {
            At::System => (None, false),
            At::Project(name) => match self.0.ledger.project(name).await? {
                Some(project) => (Some(project.id), project.public),
                None => (None, false),
            },
            At::Repository(name) => {
                let row = self.0.ledger.place(name).await?;
                (row.project, row.public)
            }
        };
        Ok(Place { repository: None, project, public })
    }

    fn answer(&self, about: About, question: &Question, place: &Place<'_>) -> Explanation {
        let policy = &self.0.settings.policy;
        // Where no repository is named it is about administration, for which only bindings count.
        let given = match place.repository {
            Some(_) => access::entitled(&about.subject, policy, place),
            None => about.subject.rights.at(place),
        };
        let counting: Vec<BindingRow> = about.bindings.into_iter().filter(|row| counts(row, place)).collect();
        let permissions = match about.shut {
            Some(_) => Permissions::NONE,
            None => about.subject.ceiling.leaves(given, place),
        };
        let permission = question.permission;
        let makes_project = permission == Permission::Push && place.repository.is_some() && place.project.is_none();
        let lacks_project = makes_project && !permissions.has(Permission::ProjectCreate);
        let (who, at) = (&about.bound, question.at.told());
        let because = if let Some(shut) = about.shut {
            format!("{who} cannot log in: it {shut}")
        } else if !given.has(permission) {
            format!("nothing gives {who} {permission} {at}")
        } else if !permissions.has(permission) {
            format!("{who} may {permission} {at}, but the token that was shown does not leave it that")
        } else if lacks_project {
            format!("{who} may {permission} {at}, but that would make the project, which takes project:create")
        } else {
            source(who, permission, &counting, place, &at)
        };
        let allowed = permissions.has(permission) && !lacks_project;
        Explanation { allowed, because, bindings: counting.into_iter().filter_map(told).collect(), permissions }
    }
}

/// Whom the question is about, and whether that is who asks.
fn whom(subject: &Subject, question: &Question) -> Result<(Bound, bool), Error> {
    let oneself = subject.actor.bound().ok_or(Error::Unauthorized)?;
    let about = question.about.clone().unwrap_or_else(|| oneself.clone());
    let is_oneself = about == oneself;
    Ok((about, is_oneself))
}

/// Whether it can be of the place that is asked about: a project's robot is of that project alone.
fn belongs(bound: &Bound, at: &At) -> bool {
    match bound {
        Bound::Robot(name) => name.project().is_none_or(|home| Some(home) == at.project()),
        Bound::User(_) | Bound::Group(_) => true,
    }
}

fn shut(row: &AccountRow, now: Millis) -> Option<&'static str> {
    if row.disabled {
        return Some("is disabled");
    }
    row.expires_at.filter(|at| *at <= now).map(|_| "has expired")
}

/// Whether the binding gives something in the place.
fn counts(row: &BindingRow, place: &Place<'_>) -> bool {
    let Some((project, _)) = &row.project else { return true };
    let matches = |repository: &str| row.pattern.as_ref().is_none_or(|pattern| pattern.matches(repository));
    Some(*project) == place.project && place.repository.map_or(row.pattern.is_none(), matches)
}

/// Where the permission comes from, the most particular place first.
fn source(who: &Bound, permission: Permission, bindings: &[BindingRow], place: &Place<'_>, at: &str) -> String {
    let means = |row: &BindingRow| match (&row.project, &row.pattern) {
        (None, _) => Level::System,
        (Some(_), None) => Level::Project,
        (Some(_), Some(_)) => Level::Repository,
    };
    let gives = |row: &&BindingRow| row.permissions.has(permission) && permission.level() <= means(row);
    if let Some(row) = bindings.iter().filter(gives).min_by_key(|row| means(row)) {
        return told_binding(who, row);
    }
    if place.public && permission == Permission::Pull {
        return format!("anybody may {permission} {at}: the project is public");
    }
    format!("anybody may {permission} {at}: the registry is open")
}

fn told_binding(who: &Bound, row: &BindingRow) -> String {
    let what = match &row.role {
        Some(role) => format!("the role {role}"),
        None => format!("{}", row.permissions),
    };
    let place = match (&row.project, &row.pattern) {
        (None, _) => "the whole system".to_owned(),
        (Some((_, name)), None) => {
            format!("the project {}", name.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        (Some(_), Some(pattern)) => pattern.to_string(),
    };
    let is_through = matches!(row.holder, Holder::Group(_)) && !matches!(who, Bound::Group(_));
    let through = if is_through { format!(" is in the group {}, which", row.holder_name) } else { String::new() };
    format!("{who}{through} has {what} in {place}")
}
