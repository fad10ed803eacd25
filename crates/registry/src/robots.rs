//! Robots: accounts for machines, of a project or of the system. They log in with a token, which is rotated with an overlap.
//!
//! `robot:write` in the project, `user:write` for those of the system, makes, changes and deletes them. Making one takes
//! what it is given; rotating its token, which is getting at it, disabling, enabling and deleting it take all that it has
//! (`giving.rs`).

use std::collections::HashMap;

use wharf_model::api::list::List;
use wharf_model::api::people::{NewRobot, Robot, RobotChange, Rotation, WithSecret};
use wharf_model::api::project::Project;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{GRANTS_MAX, OVERLAP_SECS_MAX};
use wharf_model::name::ProjectName;
use wharf_model::permission::Permission;
use wharf_store::clock::Millis;
use wharf_store::ids;
use wharf_store::ledger::people::{AccountKind, AccountRow, Accounts, BindingRow, Holder, PeopleChange, SecretRow};
use wharf_store::ledger::query::LedgerError;

use crate::actor::Subject;
use crate::bindings;
use crate::error::Error;
use crate::identity::personal;
use crate::people::{Belongings, Part, check_description, end_of, not_there};
use crate::registry::Registry;
use crate::tokens;

/// What the token of a robot is called.
const TOKEN: &str = "robot";

impl Registry {
    /// The robots of the project, or of the system, in the order of their names. A page of robots that are given much is shorter
    /// than was asked for.
    ///
    /// # Errors
    /// Not allowed: it takes `robot:read` in the project, `user:read` in the system; or the ledger fails.
    pub async fn robots(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        part: &Part,
    ) -> Result<List<Robot>, Error> {
        let home = self.authorise_in(subject, project, Permission::RobotRead, Permission::UserRead).await?;
        let place = home.as_ref().map(|home| home.id);
        let about = place.map_or_else(String::new, |place| place.to_string());
        let wanted = self.wanted(subject, format_args!("robots {about}"), part)?;
        let rows = self.0.ledger.accounts(Accounts::Robots(place), wanted.after(), wanted.rows()).await?;
        let mut page = wanted.cut(rows, |row| row.name.clone())?;
        let mut own = self.own(&page.items).await?;
        wanted.shorten(&mut page, own.bindings.entries, |row| row.name.clone())?;
        let items = page.items.into_iter().map(|row| own.told(row, home.as_ref())).collect();
        Ok(List { items, next: page.next })
    }

    /// The robot.
    ///
    /// # Errors
    /// As [`Registry::robots`]; [`Error::NotThere`].
    pub async fn robot(&self, subject: &Subject, project: Option<&ProjectName>, name: &Handle) -> Result<Robot, Error> {
        let home = self.authorise_in(subject, project, Permission::RobotRead, Permission::UserRead).await?;
        let row = self.find_robot(home.as_ref(), name).await?;
        self.told_robot(row, home.as_ref()).await
    }

    /// Makes a robot with what it is given and its first token, all or nothing.
    ///
    /// # Errors
    /// Not allowed: it takes `robot:write` in the project, `user:write` in the system; [`Error::Beyond`] where whoever makes
    /// it has not all that it is given; [`Error::Field`]; [`Error::Conflict`] where the name is taken.
    pub async fn new_robot(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        new: &NewRobot,
    ) -> Result<WithSecret<Robot>, Error> {
        let home = self.authorise_in(subject, project, Permission::RobotWrite, Permission::UserWrite).await?;
        let name = full_name(home.as_ref(), &new.name).filter(|_| new.name.project().is_none());
        let name = name.ok_or_else(|| Error::field("name", "leave the project out of it"))?;
        check_description(&new.description)?;
        let (id, now) = (ids::random()?, self.0.ledger.now().await?);
        let place = home.as_ref().map(|home| home.id);
        let mut changes = vec![PeopleChange::PutAccount {
            id,
            name: name.clone(),
            kind: AccountKind::Robot { project: place },
            description: new.description.clone(),
            disabled: false,
            expires_at: end_of(now, new.days)?,
            password: None,
        }];
        if new.bindings.len() > GRANTS_MAX {
            return Err(Error::field("bindings", format_args!("at most {GRANTS_MAX}")));
        }
        for binding in &new.bindings {
            if binding.subject.is_some() {
                return Err(Error::field("bindings", "leave the subject out: it is the robot"));
            }
            let given = self.given(subject, home.as_ref(), binding).await?;
            changes.push(given.change(ids::random()?, Holder::Account(id), place));
        }
        let (secret, change) = new_secret(id, None)?;
        changes.push(change);
        self.change_people(subject, changes).await?;
        let made = self.find_robot(home.as_ref(), &name).await?;
        Ok(WithSecret { made: self.told_robot(made, home.as_ref()).await?, secret: Some(secret) })
    }

    /// Changes what is said of the robot, and whether it may log in.
    ///
    /// # Errors
    /// Not allowed, as [`Registry::new_robot`]; [`Error::Above`] where it is to be let in or not, and has more than whoever
    /// asks; [`Error::NotThere`]; [`Error::Field`].
    pub async fn change_robot(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        name: &Handle,
        change: &RobotChange,
    ) -> Result<Robot, Error> {
        let home = self.authorise_in(subject, project, Permission::RobotWrite, Permission::UserWrite).await?;
        check_description(change.description.as_deref().unwrap_or_default())?;
        let row = self.find_robot(home.as_ref(), name).await?;
        if change.disabled.is_some() {
            self.check_reach(subject, &row).await?;
        }
        let (account, description, disabled) = (row.id, change.description.clone(), change.disabled);
        let change = PeopleChange::ChangeAccount { account, description, disabled, password: None };
        self.change_people(subject, vec![change]).await?;
        let row = self.find_robot(home.as_ref(), name).await?;
        self.told_robot(row, home.as_ref()).await
    }

    /// Deletes the robot with all that it is given.
    ///
    /// # Errors
    /// Not allowed, as [`Registry::new_robot`]; [`Error::Above`]; [`Error::NotThere`].
    pub async fn delete_robot(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        name: &Handle,
    ) -> Result<(), Error> {
        let home = self.authorise_in(subject, project, Permission::RobotWrite, Permission::UserWrite).await?;
        let row = self.find_robot(home.as_ref(), name).await?;
        self.check_reach(subject, &row).await?;
        self.change_people(subject, vec![PeopleChange::DeleteAccount { account: row.id }]).await
    }

    /// Gives the robot a new token. The newest of the old ones counts for the overlap still; the others end at once.
    ///
    /// # Errors
    /// Not allowed, as [`Registry::new_robot`]; [`Error::Above`] where it has more than whoever asks; [`Error::NotThere`];
    /// [`Error::Field`].
    pub async fn rotate_robot(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        name: &Handle,
        rotation: &Rotation,
    ) -> Result<WithSecret<Robot>, Error> {
        let home = self.authorise_in(subject, project, Permission::RobotWrite, Permission::UserWrite).await?;
        let row = self.find_robot(home.as_ref(), name).await?;
        if rotation.overlap_secs > OVERLAP_SECS_MAX {
            return Err(Error::field("overlap_secs", format_args!("at most {OVERLAP_SECS_MAX}: 30 days")));
        }
        self.check_reach(subject, &row).await?;
        let now = self.0.ledger.now().await?;
        let secrets = self.0.ledger.secrets(&[row.id]).await?;
        let mut changes = retire(&secrets, now, Millis::from(rotation.overlap_secs) * 1000);
        let (secret, change) = new_secret(row.id, end_of(now, rotation.days)?)?;
        changes.push(change);
        self.change_people(subject, changes).await?;
        Ok(WithSecret { made: self.told_robot(row, home.as_ref()).await?, secret: Some(secret) })
    }

    /// A robot is found through its project: one of another project, or of one of that name which is gone, is not there.
    async fn find_robot(&self, home: Option<&Project>, name: &Handle) -> Result<AccountRow, Error> {
        let full = full_name(home, name).ok_or_else(|| not_there("robot", name))?;
        let kind = AccountKind::Robot { project: home.map(|home| home.id) };
        let row = self.0.ledger.account(&full).await?.filter(|row| row.kind == kind);
        row.ok_or_else(|| not_there("robot", full))
    }

    async fn told_robot(&self, row: AccountRow, home: Option<&Project>) -> Result<Robot, Error> {
        Ok(self.own(std::slice::from_ref(&row)).await?.told(row, home))
    }

    /// What these robots have. None of it is a group's: only users are in groups.
    async fn own(&self, rows: &[AccountRow]) -> Result<Own, LedgerError> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let ledger = &self.0.ledger;
        let bindings = Belongings::of(&ids, |ids, limit| async move {
            let rows = ledger.own_bindings(&ids, limit).await?;
            let owned = |(number, row): (u64, BindingRow)| match row.holder {
                Holder::Account(id) => Some((id, (number, row))),
                Holder::Group(_) => None,
            };
            Ok(rows.into_iter().filter_map(owned).collect())
        });
        let bindings = bindings.await?;
        let mut tokens: HashMap<Id, Vec<SecretRow>> = HashMap::new();
        for row in ledger.secrets(&ids[..bindings.entries]).await? {
            tokens.entry(row.account).or_default().push(row);
        }
        Ok(Own { bindings, tokens, now: ledger.now().await? })
    }
}

/// What robots have.
struct Own {
    bindings: Belongings<(u64, BindingRow)>,
    tokens: HashMap<Id, Vec<SecretRow>>,
    now: Millis,
}

impl Own {
    fn told(&mut self, row: AccountRow, home: Option<&Project>) -> Robot {
        let AccountRow { id, name, description, disabled, expires_at, created_at, .. } = row;
        let mut bindings = self.bindings.take(id);
        bindings.sort_unstable_by_key(|(number, _)| *number);
        let bindings = bindings.into_iter().filter_map(|(_, row)| bindings::told(row)).collect();
        let tokens = self.tokens.remove(&id).unwrap_or_default();
        let tokens = tokens.into_iter().filter(|row| tokens::is_open(row, self.now)).map(tokens::told).collect();
        let project = home.map(|home| home.name.clone());
        Robot { id, name, project, description, disabled, expires_at, created_at, bindings, tokens }
    }
}

/// What a robot logs in as; `None` where the name is of another project.
fn full_name(home: Option<&Project>, name: &Handle) -> Option<Handle> {
    match (home, name.project()) {
        (Some(home), None) => Handle::robot(&home.name, name).ok(),
        (home, owner) => (owner.as_ref() == home.map(|home| &home.name)).then(|| name.clone()),
    }
}

/// What becomes of the old tokens, which come from the oldest.
fn retire(secrets: &[SecretRow], now: Millis, overlap: Millis) -> Vec<PeopleChange> {
    let newest = secrets.iter().rev().find(|row| tokens::is_open(row, now)).filter(|_| overlap > 0).map(|row| row.id);
    let end = |row: &SecretRow| {
        let at = (newest == Some(row.id)).then(|| now.saturating_add(overlap));
        PeopleChange::EndSecret { secret: row.id, account: row.account, at }
    };
    secrets.iter().map(end).collect()
}

fn new_secret(account: Id, expires_at: Option<Millis>) -> Result<(String, PeopleChange), Error> {
    let id = ids::random()?;
    let (secret, hash) = personal::new(id)?;
    let name = TOKEN.to_owned();
    Ok((secret, PeopleChange::PutSecret { id, account, name, hash, limits: Vec::new(), expires_at }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_store::ledger::people::SecretHash;

    use super::*;

    #[test]
    fn at_most_one_old_token_is_kept() {
        let secret = |number, expires_at| SecretRow {
            number: 1,
            id: Id([number; 16]),
            account: Id([9; 16]),
            name: TOKEN.to_owned(),
            hash: SecretHash::default(),
            limits: Vec::new(),
            created_at: 0,
            expires_at,
            used_at: None,
        };
        let check = |secrets: &[SecretRow], overlap, expect: &[(u8, Option<Millis>)]| {
            let ends = retire(secrets, 100, overlap).into_iter().map(|change| match change {
                PeopleChange::EndSecret { secret, at, .. } => (secret.0[0], at),
                other => panic!("{other:?}"),
            });
            assert_eq!(ends.collect::<Vec<_>>(), expect);
        };
        check(&[], 10, &[]);
        check(&[secret(1, None)], 0, &[(1, None)]);
        check(&[secret(1, None)], 10, &[(1, Some(110))]);
        check(&[secret(1, Some(105)), secret(2, None)], 10, &[(1, None), (2, Some(110))]);
        check(&[secret(1, None), secret(2, Some(100))], 10, &[(1, Some(110)), (2, None)]);
    }
}
