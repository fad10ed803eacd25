//! Projects: what repositories are grouped by, what is set of them and what they use.

use wharf_model::api::project::{Project, ProjectChange};
use wharf_model::id::Id;
use wharf_model::name::ProjectName;
use wharf_model::permission::{Permission, Permissions};
use wharf_store::ids;
use wharf_store::ledger::change::{Change, Expects, Refused};
use wharf_store::ledger::people::{Gives, Holder, PeopleChange};

use crate::actor::Subject;
use crate::error::Error;
use crate::registry::Registry;

/// How often a project is asked for anew because others made or removed it meanwhile.
const ATTEMPTS_MAX: usize = 3;
/// How many edges, manifests and blobs of the trash are summed up at most to tell why there is no room.
const TRASH_SUMMED_MAX: usize = 10_000;

impl Registry {
    /// The project, for those who may see it, with what of its use is in the trash.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], or not allowed.
    pub async fn project(&self, subject: &Subject, name: &ProjectName) -> Result<Project, Error> {
        let mut project = self.authorise_project(subject, name, Permission::ProjectRead).await?.project;
        project.usage.trash_bytes = self.0.ledger.trash_bytes(project.id, usize::MAX).await?;
        Ok(project)
    }

    /// Makes the project, or sets what is said of it. Who makes one owns it.
    ///
    /// # Errors
    /// [`Error::Field`] for what is out of its bounds, not allowed, or the ledger fails.
    pub async fn put_project(
        &self,
        subject: &Subject,
        name: &ProjectName,
        change: &ProjectChange,
    ) -> Result<Project, Error> {
        change.check().map_err(|error| Error::field(error.field(), error))?;
        for _ in 0..ATTEMPTS_MAX {
            let changes = match self.authorise_project_for(subject, name, &needed(change)).await {
                Ok(access) => vec![put(name, Expects::Project(access.project.id), None, change)],
                Err(Error::ProjectUnknown(_)) => self.new_project(subject, name, change)?,
                Err(error) => return Err(error),
            };
            match self.0.ledger.commit(subject.commit(changes)).await {
                Ok(_) => {
                    let project = self.0.ledger.project(name).await?;
                    return project.ok_or_else(|| Error::ProjectUnknown(name.clone()));
                }
                Err(Refused::ProjectChanged) => {}
                // Who asks has been deleted meanwhile.
                Err(Refused::Unknown(_)) => return Err(Error::Denied),
                Err(Refused::Failed(error)) => return Err(error.into()),
                Err(refused) => return Err(Error::Internal(refused.to_string())),
            }
        }
        Err(Error::Denied)
    }

    /// The changes that make it. Whoever makes one owns it, and may set all but what it may use and who vouches for it.
    fn new_project(&self, subject: &Subject, name: &ProjectName, change: &ProjectChange) -> Result<Vec<Change>, Error> {
        self.authorise_system(subject, Permission::ProjectCreate)?;
        if change.sets_quota() {
            self.authorise_system(subject, Permission::QuotaWrite)?;
        }
        if change.vouched.is_some() {
            self.authorise_system(subject, Permission::SystemWrite)?;
        }
        let id = ids::random()?;
        let mut changes = vec![put(name, Expects::Nothing, Some(id), change)];
        let needs_no_more = subject.rights.system().has_all(Permissions::ALL);
        if let Some(maker) = subject.actor.id().filter(|_| !needs_no_more) {
            changes.push(Change::People(PeopleChange::PutBinding {
                id: ids::random()?,
                holder: Holder::Account(maker),
                gives: Gives::BuiltIn("owner".to_owned()),
                project: Some(id),
                pattern: None,
            }));
        }
        Ok(changes)
    }

    /// The error; where a quota is used up, with how much of it the trash holds, unless that takes looking at much: a client
    /// that has no room may ask again and again.
    pub(crate) async fn with_trash(&self, error: Error) -> Error {
        match error {
            Error::Quota { exceeded, trash_bytes: None } => {
                let trash_bytes = self.0.ledger.trash_bytes(exceeded.id, TRASH_SUMMED_MAX).await.ok().flatten();
                Error::Quota { exceeded, trash_bytes }
            }
            other => other,
        }
    }
}

fn put(project: &ProjectName, expects: Expects, id: Option<Id>, change: &ProjectChange) -> Change {
    Change::PutProject { project: project.clone(), expects, id, set: change.clone(), created: false }
}

/// What it takes to set what the change says.
fn needed(change: &ProjectChange) -> Vec<Permission> {
    let mut needed = Vec::new();
    if change.sets_quota() {
        needed.push(Permission::QuotaWrite);
    }
    if change.vouched.is_some() {
        needed.push(Permission::SystemWrite);
    }
    if change.sets_policy() {
        needed.push(Permission::PolicyWrite);
    }
    if change.sets_itself() || needed.is_empty() {
        needed.push(Permission::ProjectWrite);
    }
    needed
}
