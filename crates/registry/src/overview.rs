//! What somebody learns of themselves: who they are, and which projects they may see.

use std::collections::BTreeSet;

use wharf_model::api::access::Binding;
use wharf_model::api::list::List;
use wharf_model::api::people::Me;
use wharf_model::api::project::{ListedProject, Project};
use wharf_model::name::ProjectName;
use wharf_model::permission::{Permission, Permissions};

use crate::access::{self, Decision};
use crate::actor::Subject;
use crate::bindings;
use crate::error::Error;
use crate::people::{Part, logged_in};
use crate::registry::Registry;
use crate::rights::{self, Place};

impl Registry {
    /// Who asks, and what they may do in the whole system.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]; or the ledger fails.
    pub async fn me(&self, subject: &Subject) -> Result<Me, Error> {
        let id = logged_in(subject)?;
        let bound = subject.actor.bound().ok_or(Error::Unauthorized)?;
        let permissions = subject.ceiling.leaves(subject.rights.system(), &Place::default());
        let groups = self.groups_of(id).await?;
        Ok(Me { subject: bound, id, groups, permissions, limits: subject.ceiling.limits.to_vec() })
    }

    /// All that `subject` may do in the project, or in the system, and in no repository in particular; what anybody may in open
    /// mode does not count. For those who show only what may be done: every use case asks again.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]; [`Error::ProjectUnknown`], also to whoever has nothing in it; or the ledger fails.
    pub async fn may(&self, subject: &Subject, project: Option<&ProjectName>) -> Result<Permissions, Error> {
        logged_in(subject)?;
        let mut place = Place::default();
        if let Some(name) = project {
            let found = self.0.ledger.project(name).await?.filter(|project| subject.rights.knows(project.id));
            let found = found.ok_or_else(|| Error::ProjectUnknown(name.clone()))?;
            (place.project, place.public) = (Some(found.id), found.public);
        }
        Ok(subject.ceiling.leaves(subject.rights.at(&place), &place))
    }

    /// What `subject` has been given, itself or by its groups, in whatever place; nothing in a project that is in the trash. What its
    /// credential leaves of that is not looked at.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]; or the ledger fails.
    pub async fn own_bindings(&self, subject: &Subject) -> Result<Vec<Binding>, Error> {
        let id = logged_in(subject)?;
        let row = self.0.ledger.account_by_id(id).await?.ok_or(Error::Unauthorized)?;
        let counting = rights::counting(&row, self.0.ledger.bindings_of(id).await?);
        Ok(counting.into_iter().filter_map(bindings::told).collect())
    }

    /// The projects that `subject` may see, in the order of their names: those in which it is given something, which its
    /// token leaves it, and those that are public; those that it may not read (`project:read`) in brief. A page may be shorter
    /// than was asked for.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]; or the ledger fails.
    pub async fn projects(&self, subject: &Subject, part: &Part) -> Result<List<ListedProject>, Error> {
        logged_in(subject)?;
        self.browse_projects(subject, part).await
    }

    /// The same for whoever comes by: to who has not logged in, the public ones, or all in open mode.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn browse_projects(&self, subject: &Subject, part: &Part) -> Result<List<ListedProject>, Error> {
        let wanted = self.wanted(subject, "projects", part)?;
        let (after, is_open) = (wanted.after(), self.0.settings.policy.open);
        let names = match subject.rights.projects().filter(|_| !is_open) {
            None => self.0.ledger.project_names(false, after, wanted.rows()).await?,
            Some(own) => {
                let mut names = self.0.ledger.project_names(true, after, wanted.rows()).await?;
                names
                    .extend(own.filter(|name| Some(*name) > after).filter_map(|name| name.parse::<ProjectName>().ok()));
                let names: BTreeSet<ProjectName> = names.into_iter().collect();
                names.into_iter().take(wanted.rows()).collect()
            }
        };
        let page = wanted.cut(names, ProjectName::clone)?;
        let last = page.items.last().cloned();
        let mut items = Vec::with_capacity(page.items.len());
        for name in page.items {
            // What has just gone, or gone private, is left out.
            let found = self.0.ledger.project(&name).await?;
            let seen = found.filter(|project| is_open || is_seen(subject, project));
            items.extend(seen.map(|project| listed(subject, project)));
        }
        let is_told = items.last().map(|item: &ListedProject| &item.name) == last.as_ref();
        let next = if page.next.is_none() || is_told { page.next } else { wanted.next(last)? };
        Ok(List { items, next })
    }

    /// The project, as [`Registry::browse_projects`] lists it.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], also where `subject` may not see it.
    pub async fn browse_project(&self, subject: &Subject, name: &ProjectName) -> Result<ListedProject, Error> {
        let is_open = self.0.settings.policy.open;
        let found = self.0.ledger.project(name).await?;
        let seen = found.filter(|project| is_open || is_seen(subject, project));
        seen.map(|project| listed(subject, project)).ok_or_else(|| Error::ProjectUnknown(name.clone()))
    }
}

fn is_seen(subject: &Subject, project: &Project) -> bool {
    let is_given = subject.rights.knows(project.id) && subject.ceiling.leaves_some_of(project.name.as_str());
    project.public || is_given
}

fn listed(subject: &Subject, project: Project) -> ListedProject {
    let place = Place { repository: None, project: Some(project.id), public: project.public };
    match access::administer(subject, Permission::ProjectRead, &place) {
        Decision::Allow(_) => ListedProject::whole(project),
        Decision::Deny { .. } => ListedProject::in_brief(project),
    }
}
