//! Projects.

use wharf_model::api::project::{ListedProject, Project, ProjectChange};
use wharf_model::name::ProjectName;

use super::Admin;
use crate::error::Error;

impl Admin {
    /// The projects that one may see; those that one may not read in brief.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn projects(&self) -> Result<Vec<ListedProject>, Error> {
        self.list("/api/v1/projects").await
    }

    /// A project.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn project(&self, name: &ProjectName) -> Result<Project, Error> {
        self.get(&of_project(name)).await
    }

    /// Makes a project or changes it; what is left out stays.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_project(&self, name: &ProjectName, change: &ProjectChange) -> Result<Project, Error> {
        self.put(&of_project(name), change).await
    }

    /// Deletes a project with everything in it; it goes to the trash.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_project(&self, name: &ProjectName) -> Result<(), Error> {
        self.delete(&of_project(name)).await
    }
}

fn of_project(name: &ProjectName) -> String {
    format!("/api/v1/projects/{name}")
}
