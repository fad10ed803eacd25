//! Projects: what repositories are grouped by. Today they are public or not.

use wharf_model::api::project::{Project, ProjectSettings};
use wharf_model::name::ProjectName;
use wharf_store::ledger::change::{Change, Commit};

use crate::access::Action;
use crate::actor::Subject;
use crate::error::Error;
use crate::registry::Registry;

impl Registry {
    /// The project, for those who may administer.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`].
    pub async fn project(&self, subject: &Subject, name: &ProjectName) -> Result<Project, Error> {
        self.authorise_system(subject, Action::Administer)?;
        self.0.ledger.project(name).await?.ok_or_else(|| Error::ProjectUnknown(name.clone()))
    }

    /// Makes the project, or sets what it says.
    ///
    /// # Errors
    /// Not allowed, or the ledger fails.
    pub async fn put_project(
        &self,
        subject: &Subject,
        name: &ProjectName,
        settings: &ProjectSettings,
    ) -> Result<Project, Error> {
        self.authorise_system(subject, Action::Administer)?;
        let change = Change::PutProject { project: name.clone(), public: settings.public };
        let commit = Commit { actor: subject.actor.key(), changes: vec![change], ..Commit::default() };
        match self.0.ledger.commit(commit).await {
            Ok(_) => self.project(subject, name).await,
            Err(refused) => Err(Error::Internal(refused.to_string())),
        }
    }
}
