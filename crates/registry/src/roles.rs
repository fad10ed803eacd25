//! Roles: sets of permissions with a name.
//!
//! What a role allows is in force wherever it is bound, in projects that whoever changes it may not even know. So a role may
//! only hold what its maker has in the whole system.

use wharf_model::api::access::{Role, RoleChange};
use wharf_model::api::list::List;
use wharf_model::handle::Handle;
use wharf_model::permission::{BUILT_IN, BuiltIn, Permission, Permissions, built_in};
use wharf_store::ids;
use wharf_store::ledger::people::{PeopleChange, RoleRow};

use crate::actor::Subject;
use crate::error::Error;
use crate::giving::{self, Gift};
use crate::people::{Part, check_description, check_plain, logged_in, not_there};
use crate::registry::Registry;

impl Registry {
    /// The roles, those that are built in too, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]; or the ledger fails.
    pub async fn roles(&self, subject: &Subject, part: &Part) -> Result<List<Role>, Error> {
        logged_in(subject)?;
        let own = self.0.ledger.roles().await?.into_iter().map(told);
        let mut all: Vec<Role> = BUILT_IN.iter().filter_map(told_built_in).chain(own).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let wanted = self.wanted(subject, "roles", part)?;
        let after = wanted.after().unwrap_or_default();
        let rows = all.into_iter().filter(|role| role.name.as_str() > after).take(wanted.rows()).collect();
        wanted.cut(rows, |role: &Role| role.name.clone())
    }

    /// The role.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]; [`Error::NotThere`].
    pub async fn role(&self, subject: &Subject, name: &Handle) -> Result<Role, Error> {
        logged_in(subject)?;
        self.find_role(name).await
    }

    /// Makes the role, or changes it, which is in force for all who have it.
    ///
    /// # Errors
    /// Not allowed: it takes `role:write`; [`Error::Beyond`] where whoever changes it has not all of it, as it was and will be, in the whole
    /// system;
    /// [`Error::Conflict`] where it is built in; [`Error::Field`].
    pub async fn put_role(&self, subject: &Subject, name: &Handle, change: &RoleChange) -> Result<Role, Error> {
        self.authorise_system(subject, Permission::RoleWrite)?;
        check_plain("name", name)?;
        check_own(name)?;
        check_description(&change.description)?;
        if change.permissions.is_empty() {
            return Err(Error::field("permissions", "at least one"));
        }
        let row = self.0.ledger.role(name).await?;
        // What is taken from those who have the role counts as much as what is given to them.
        let before = row.as_ref().map_or(Permissions::NONE, |row| row.permissions);
        let gift = Gift { permissions: change.permissions.and(before), project: None, pattern: None };
        giving::check(subject, &gift, || "in the whole system".to_owned())?;
        let id = row.map_or_else(ids::random, |row| Ok(row.id))?;
        let (description, permissions) = (change.description.clone(), change.permissions);
        let put = PeopleChange::PutRole { id, name: name.clone(), description, permissions };
        self.change_people(subject, vec![put]).await?;
        self.find_role(name).await
    }

    /// Deletes the role.
    ///
    /// # Errors
    /// Not allowed: it takes `role:write`; [`Error::NotThere`]; [`Error::Conflict`] where it is built in or a binding gives
    /// it.
    pub async fn delete_role(&self, subject: &Subject, name: &Handle) -> Result<(), Error> {
        self.authorise_system(subject, Permission::RoleWrite)?;
        check_own(name)?;
        let role = self.0.ledger.role(name).await?.ok_or_else(|| not_there("role", name))?.id;
        self.change_people(subject, vec![PeopleChange::DeleteRole { role }]).await
    }

    async fn find_role(&self, name: &Handle) -> Result<Role, Error> {
        let built_in = built_in(name.as_str()).and_then(told_built_in);
        if let Some(role) = built_in {
            return Ok(role);
        }
        self.0.ledger.role(name).await?.map(told).ok_or_else(|| not_there("role", name))
    }
}

fn check_own(name: &Handle) -> Result<(), Error> {
    match built_in(name.as_str()) {
        Some(_) => Err(Error::Conflict(format!("the role {name} is built in and stays as it is"))),
        None => Ok(()),
    }
}

fn told(row: RoleRow) -> Role {
    Role { name: row.name, description: row.description, permissions: row.permissions, built_in: false }
}

fn told_built_in(role: &BuiltIn) -> Option<Role> {
    let (description, permissions) = (role.about.to_owned(), role.permissions);
    role.name.parse().ok().map(|name| Role { name, description, permissions, built_in: true })
}
