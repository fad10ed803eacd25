//! Groups of users, which are given something as one.
//!
//! Whoever comes into a group gets what it is given, and whoever goes loses it. So changing members and deleting the group
//! take, besides `group:write`, all that the group's bindings give (`giving.rs`): whoever could add themselves to the
//! administrators else would be one, and whoever could empty the group would shut them out.

use std::collections::{HashMap, HashSet};

use wharf_model::api::list::List;
use wharf_model::api::people::{Group, GroupChange};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::GROUP_MEMBERS_MAX;
use wharf_model::permission::Permission;
use wharf_store::ids;
use wharf_store::ledger::people::{Accounts, GroupRow, PeopleChange};
use wharf_store::ledger::query::LedgerError;

use crate::actor::Subject;
use crate::error::Error;
use crate::giving;
use crate::people::{Belongings, Part, check_description, check_plain};
use crate::registry::Registry;

impl Registry {
    /// The groups with their members, in the order of their names. A page of large groups is shorter than was asked for.
    ///
    /// # Errors
    /// Not allowed: it takes `user:read`; or the ledger fails.
    pub async fn groups(&self, subject: &Subject, part: &Part) -> Result<List<Group>, Error> {
        self.authorise_system(subject, Permission::UserRead)?;
        let wanted = self.wanted(subject, "groups", part)?;
        let rows = self.0.ledger.groups(wanted.after(), wanted.rows()).await?;
        let mut page = wanted.cut(rows, |row| row.name.clone())?;
        let ids: Vec<Id> = page.items.iter().map(|row| row.id).collect();
        let mut members = self.members_of_all(&ids).await?;
        wanted.shorten(&mut page, members.entries, |row| row.name.clone())?;
        let items = page.items.into_iter().map(|row| told(&mut members, row)).collect();
        Ok(List { items, next: page.next })
    }

    /// The group.
    ///
    /// # Errors
    /// Not allowed: it takes `user:read`; [`Error::NotThere`].
    pub async fn group(&self, subject: &Subject, name: &Handle) -> Result<Group, Error> {
        self.authorise_system(subject, Permission::UserRead)?;
        self.told_group(self.find_group(name).await?).await
    }

    /// Makes the group, or changes it.
    ///
    /// # Errors
    /// Not allowed: it takes `group:write`; [`Error::Above`] where members come into a group that is given more than whoever
    /// asks has, or go out of it; [`Error::NotThere`] where one of them is nobody; [`Error::Field`].
    pub async fn put_group(&self, subject: &Subject, name: &Handle, change: &GroupChange) -> Result<Group, Error> {
        self.authorise_system(subject, Permission::GroupWrite)?;
        check_plain("name", name)?;
        let row = self.0.ledger.group(name).await?;
        let (id, old) = match &row {
            Some(row) => (row.id, row.description.clone()),
            None => (ids::random()?, String::new()),
        };
        let description = change.description.clone().unwrap_or(old);
        check_description(&description)?;
        let mut changes = vec![PeopleChange::PutGroup { id, name: name.clone(), description }];
        if let Some(members) = &change.members {
            changes.push(self.change_members(subject, id, name, members).await?);
        }
        self.change_people(subject, changes).await?;
        self.told_group(self.find_group(name).await?).await
    }

    /// Deletes the group and what it is given.
    ///
    /// # Errors
    /// Not allowed: it takes `group:write`; [`Error::NotThere`]; [`Error::Above`]; [`Error::Conflict`] where nobody would be
    /// left who administers.
    pub async fn delete_group(&self, subject: &Subject, name: &Handle) -> Result<(), Error> {
        self.authorise_system(subject, Permission::GroupWrite)?;
        let group = self.find_group(name).await?.id;
        self.check_group_reach(subject, group, name).await?;
        self.change_people(subject, vec![PeopleChange::DeleteGroup { group }]).await
    }

    async fn change_members(
        &self,
        subject: &Subject,
        group: Id,
        name: &Handle,
        members: &[Handle],
    ) -> Result<PeopleChange, Error> {
        if members.len() > GROUP_MEMBERS_MAX {
            return Err(Error::field("members", format_args!("at most {GROUP_MEMBERS_MAX}")));
        }
        let there = self.0.ledger.accounts(Accounts::In(group), None, GROUP_MEMBERS_MAX).await?;
        let mut remove: HashMap<Handle, Id> = there.into_iter().map(|row| (row.name, row.id)).collect();
        let (mut add, mut stay) = (Vec::new(), HashSet::new());
        for member in members {
            if remove.remove(member).is_some() {
                stay.insert(member);
            } else if stay.insert(member) {
                add.push(self.find_user(member).await?.id);
            }
        }
        if !add.is_empty() || !remove.is_empty() {
            self.check_group_reach(subject, group, name).await?;
        }
        // Not all who are in it from now on: whoever is taken out meanwhile does not come back by that.
        Ok(PeopleChange::ChangeMembers { group, remove: remove.into_values().collect(), add })
    }

    async fn check_group_reach(&self, subject: &Subject, group: Id, name: &Handle) -> Result<(), Error> {
        let bindings = self.0.ledger.bindings_of_group(group).await?;
        giving::check_reach(subject, &bindings, || format!("the group {name}"))
    }

    async fn told_group(&self, row: GroupRow) -> Result<Group, Error> {
        Ok(told(&mut self.members_of_all(&[row.id]).await?, row))
    }

    async fn members_of_all(&self, groups: &[Id]) -> Result<Belongings<Handle>, LedgerError> {
        let ledger = &self.0.ledger;
        Belongings::of(groups, |ids, limit| async move { ledger.members_of(&ids, limit).await }).await
    }
}

fn told(members: &mut Belongings<Handle>, row: GroupRow) -> Group {
    let mut members = members.take(row.id);
    members.sort_unstable();
    Group { name: row.name, description: row.description, members }
}
