//! Projects: what repositories are grouped by. Today they are public or not.

use wharf_model::api::project::{Project, ProjectSettings};
use wharf_model::name::ProjectName;
use wharf_model::permission::{Permission, Permissions};
use wharf_store::ids;
use wharf_store::ledger::change::{Change, Commit, Expects, Refused};
use wharf_store::ledger::people::{Gives, Holder, PeopleChange};

use crate::actor::Subject;
use crate::error::Error;
use crate::registry::Registry;

/// How often a project is asked for anew because others made or removed it meanwhile.
const ATTEMPTS_MAX: usize = 3;

impl Registry {
    /// The project, for those who may see it.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], or not allowed.
    pub async fn project(&self, subject: &Subject, name: &ProjectName) -> Result<Project, Error> {
        let access = self.authorise_project(subject, name, Permission::ProjectRead).await?;
        Ok(access.project)
    }

    /// Makes the project, or sets what it says. Who makes one owns it.
    ///
    /// # Errors
    /// Not allowed, or the ledger fails.
    pub async fn put_project(
        &self,
        subject: &Subject,
        name: &ProjectName,
        settings: &ProjectSettings,
    ) -> Result<Project, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let (id, changes) = match self.authorise_project(subject, name, Permission::ProjectWrite).await {
                Ok(access) => {
                    let expects = Expects::Project(access.project.id);
                    let (project, public) = (name.clone(), settings.public);
                    (access.project.id, vec![Change::PutProject { project, expects, id: None, public }])
                }
                Err(Error::ProjectUnknown(_)) => self.new_project(subject, name, settings)?,
                Err(error) => return Err(error),
            };
            let commit = Commit { actor: subject.actor.key(), changes, ..Commit::default() };
            match self.0.ledger.commit(commit).await {
                Ok(_) => return Ok(Project { id, name: name.clone(), public: settings.public }),
                Err(Refused::ProjectChanged) => {}
                // Who asks has been deleted meanwhile.
                Err(Refused::Unknown(_)) => return Err(Error::Denied),
                Err(Refused::Failed(error)) => return Err(error.into()),
                Err(refused) => return Err(Error::Internal(refused.to_string())),
            }
        }
        Err(Error::Denied)
    }

    /// The changes that make it, and its id to be.
    fn new_project(
        &self,
        subject: &Subject,
        name: &ProjectName,
        settings: &ProjectSettings,
    ) -> Result<(wharf_model::id::Id, Vec<Change>), Error> {
        self.authorise_system(subject, Permission::ProjectCreate)?;
        let id = ids::random()?;
        let (project, public) = (name.clone(), settings.public);
        let mut changes = vec![Change::PutProject { project, expects: Expects::Nothing, id: Some(id), public }];
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
        Ok((id, changes))
    }
}
