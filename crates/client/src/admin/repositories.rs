//! Repositories. What is in them is the Distribution API's.

use wharf_model::api::front::{Overview, OverviewChange};
use wharf_model::api::repository::Repository;
use wharf_model::name::{ProjectName, RepositoryName};

use super::Admin;
use crate::error::Error;

impl Admin {
    /// The repositories that one may read: all of them, or those of a project.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn repositories(&self, project: Option<&ProjectName>) -> Result<Vec<Repository>, Error> {
        match project {
            Some(project) => self.list(&format!("/api/v1/repositories?project={project}")).await,
            None => self.list("/api/v1/repositories").await,
        }
    }

    /// A repository.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn repository(&self, name: &RepositoryName) -> Result<Repository, Error> {
        self.get(&of_repository(name)).await
    }

    /// What the people of a repository say of it.
    ///
    /// # Errors
    /// [`Error`]; also where they say nothing.
    pub async fn overview(&self, name: &RepositoryName) -> Result<Overview, Error> {
        self.get(&format!("{}/overview", of_repository(name))).await
    }

    /// Sets it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_overview(&self, name: &RepositoryName, change: &OverviewChange) -> Result<(), Error> {
        self.set(&format!("{}/overview", of_repository(name)), change).await
    }

    /// Deletes a repository with everything in it; it goes to the trash.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_repository(&self, name: &RepositoryName) -> Result<(), Error> {
        self.delete(&of_repository(name)).await
    }
}

/// `/` in a repository's name is written `~` in our API.
pub(super) fn of_repository(name: &RepositoryName) -> String {
    format!("/api/v1/repositories/{}", name.as_str().replace('/', "~"))
}
