//! Roles, bindings, and why somebody may or may not.

use wharf_model::api::access::{Binding, Bound, Explanation, NewBinding, Role, RoleChange};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::permission::Permission;

use super::{Admin, encoded};
use crate::error::Error;

/// What bindings are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Within {
    /// The whole system.
    System,
    /// A project.
    Project(ProjectName),
}

impl Within {
    fn bindings(&self) -> String {
        match self {
            Within::System => "/api/v1/bindings".to_owned(),
            Within::Project(project) => format!("/api/v1/projects/{project}/bindings"),
        }
    }
}

/// Where somebody may or may not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the system.
    System,
    /// In a project.
    Project(ProjectName),
    /// In a repository.
    Repository(RepositoryName),
}

impl Admin {
    /// All roles, those that are built in first.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        self.list("/api/v1/roles").await
    }

    /// A role.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn role(&self, name: &Handle) -> Result<Role, Error> {
        self.get(&of_role(name)).await
    }

    /// Makes a role or changes it; that counts at once for all who have it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_role(&self, name: &Handle, change: &RoleChange) -> Result<Role, Error> {
        self.put(&of_role(name), change).await
    }

    /// Deletes a role.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_role(&self, name: &Handle) -> Result<(), Error> {
        self.delete(&of_role(name)).await
    }

    /// Who is given what there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bindings(&self, within: &Within) -> Result<Vec<Binding>, Error> {
        self.list(&within.bindings()).await
    }

    /// Gives somebody something there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bind(&self, within: &Within, new: &NewBinding) -> Result<Binding, Error> {
        self.post(&within.bindings(), new).await
    }

    /// Takes it away.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn unbind(&self, within: &Within, id: Id) -> Result<(), Error> {
        self.delete(&format!("{}/{id}", within.bindings())).await
    }

    /// Whether somebody may do something, and why.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn explain(&self, who: &Bound, what: Permission, place: &Place) -> Result<Explanation, Error> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("subject", &who.to_string()).append_pair("permission", what.as_str());
        match place {
            Place::System => {}
            Place::Project(project) => drop(query.append_pair("project", project.as_str())),
            Place::Repository(repository) => drop(query.append_pair("repository", repository.as_str())),
        }
        self.get(&format!("/api/v1/access?{}", query.finish())).await
    }
}

fn of_role(name: &Handle) -> String {
    format!("/api/v1/roles/{}", encoded(name.as_str()))
}
