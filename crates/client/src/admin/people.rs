//! Users, groups, robots and tokens.

use wharf_model::api::people::{
    Group, GroupChange, NewRobot, NewToken, NewUser, PasswordChange, Robot, RobotChange, Rotation, Token, User,
    UserChange, WithSecret,
};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::ProjectName;

use super::{Admin, encoded};
use crate::error::Error;

/// Calls about users.
impl Admin {
    /// All users.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        self.list("/api/v1/users").await
    }

    /// A user.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn user_named(&self, name: &Handle) -> Result<User, Error> {
        self.get(&of_user(name)).await
    }

    /// Makes a user; with a secret where no password is given, which is shown this once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn create_user(&self, new: &NewUser) -> Result<WithSecret<User>, Error> {
        self.post("/api/v1/users", new).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn change_user(&self, name: &Handle, change: &UserChange) -> Result<User, Error> {
        self.put(&of_user(name), change).await
    }

    /// Deletes a user with all that is bound to it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_user(&self, name: &Handle) -> Result<(), Error> {
        self.delete(&of_user(name)).await
    }

    /// Sets a password; all that was issued for the old one ends.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_password(&self, name: &Handle, change: &PasswordChange) -> Result<(), Error> {
        self.set(&format!("{}/password", of_user(name)), change).await
    }

    /// Ends all that was issued to a user: bearer and refresh tokens.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn end_sessions(&self, name: &Handle) -> Result<(), Error> {
        self.delete(&format!("{}/sessions", of_user(name))).await
    }
}

/// Calls about tokens.
impl Admin {
    /// A user's tokens.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tokens(&self, user: &Handle) -> Result<Vec<Token>, Error> {
        self.list(&format!("{}/tokens", of_user(user))).await
    }

    /// Makes a token, of one's own only.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn create_token(&self, user: &Handle, new: &NewToken) -> Result<WithSecret<Token>, Error> {
        self.post(&format!("{}/tokens", of_user(user)), new).await
    }

    /// Deletes a token, and ends all that came of it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_token(&self, user: &Handle, id: Id) -> Result<(), Error> {
        self.delete(&format!("{}/tokens/{id}", of_user(user))).await
    }
}

/// Calls about groups.
impl Admin {
    /// All groups.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn groups(&self) -> Result<Vec<Group>, Error> {
        self.list("/api/v1/groups").await
    }

    /// A group.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn group(&self, name: &Handle) -> Result<Group, Error> {
        self.get(&of_group(name)).await
    }

    /// Makes a group or changes it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_group(&self, name: &Handle, change: &GroupChange) -> Result<Group, Error> {
        self.put(&of_group(name), change).await
    }

    /// Deletes a group with all that is bound to it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_group(&self, name: &Handle) -> Result<(), Error> {
        self.delete(&of_group(name)).await
    }
}

/// Calls about robots. A robot of a project has the project in its name, as in `acme+ci`.
impl Admin {
    /// The robots of a project, or of the system.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn robots(&self, project: Option<&ProjectName>) -> Result<Vec<Robot>, Error> {
        self.list(&robots_of(project)).await
    }

    /// A robot.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn robot(&self, name: &Handle) -> Result<Robot, Error> {
        self.get(&of_robot(name)).await
    }

    /// Makes a robot in a project, or in the system. Its secret is shown this once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn create_robot(
        &self,
        project: Option<&ProjectName>,
        new: &NewRobot,
    ) -> Result<WithSecret<Robot>, Error> {
        self.post(&robots_of(project), new).await
    }

    /// Changes a robot.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn change_robot(&self, name: &Handle, change: &RobotChange) -> Result<Robot, Error> {
        self.put(&of_robot(name), change).await
    }

    /// Makes a new secret; the old one lives as long as is said.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rotate_robot(&self, name: &Handle, rotation: &Rotation) -> Result<WithSecret<Robot>, Error> {
        self.post(&format!("{}/rotate", of_robot(name)), rotation).await
    }

    /// Deletes a robot.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_robot(&self, name: &Handle) -> Result<(), Error> {
        self.delete(&of_robot(name)).await
    }
}

fn of_user(name: &Handle) -> String {
    format!("/api/v1/users/{}", encoded(name.as_str()))
}

fn of_group(name: &Handle) -> String {
    format!("/api/v1/groups/{}", encoded(name.as_str()))
}

fn robots_of(project: Option<&ProjectName>) -> String {
    match project {
        Some(project) => format!("/api/v1/projects/{project}/robots"),
        None => "/api/v1/robots".to_owned(),
    }
}

fn of_robot(name: &Handle) -> String {
    format!("{}/{}", robots_of(name.project().as_ref()), encoded(name.short()))
}
