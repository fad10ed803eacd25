//! The history of tags, and the trash.

use wharf_model::api::trash::{TagMove, TrashItem};
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName, Tag};

use super::repositories::of_repository;
use super::{Admin, encoded};
use crate::error::Error;

impl Admin {
    /// How a tag came to point where it does, the newest move first.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn tag_history(&self, repository: &RepositoryName, tag: &Tag) -> Result<Vec<TagMove>, Error> {
        self.list(&format!("{}/history", of_tag(repository, tag))).await
    }

    /// Points a tag to what it pointed to before it was deleted or moved.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn restore_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), Error> {
        self.act(&format!("{}/restore", of_tag(repository, tag))).await
    }

    /// What was deleted and can be restored: everywhere, or in a project.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn trash(&self, project: Option<&ProjectName>) -> Result<Vec<TrashItem>, Error> {
        match project {
            Some(project) => self.list(&format!("/api/v1/trash?project={project}")).await,
            None => self.list("/api/v1/trash").await,
        }
    }

    /// Takes something out of the trash, back to where it was.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn restore(&self, id: Id) -> Result<(), Error> {
        self.act(&format!("/api/v1/trash/{id}/restore")).await
    }

    /// Takes something out of the trash for good.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn purge(&self, id: Id) -> Result<(), Error> {
        self.delete(&format!("/api/v1/trash/{id}")).await
    }
}

fn of_tag(repository: &RepositoryName, tag: &Tag) -> String {
    format!("{}/tags/{}", of_repository(repository), encoded(tag.as_str()))
}
