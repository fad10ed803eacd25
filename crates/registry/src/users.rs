//! Users: who logs in with a password, and what becomes of them.
//!
//! `user:write` makes, changes and deletes users. Disabling, enabling or deleting an account, getting into it by setting its
//! password, and ending what was issued to it take, besides, all that the account is given (`giving.rs`): who helps people
//! does not shut out those who administer.

use wharf_model::api::list::List;
use wharf_model::api::people::{NewUser, PasswordChange, User, UserChange, WithSecret};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{CREDENTIAL_BYTES_MAX, PASSWORD_BYTES_MIN};
use wharf_model::permission::Permission;
use wharf_store::ids;
use wharf_store::ledger::people::{AccountKind, AccountRow, Accounts, PeopleChange};
use wharf_store::ledger::query::LedgerError;

use crate::actor::Subject;
use crate::error::Error;
use crate::identity::local;
use crate::people::{Belongings, Part, check_description, check_plain, logged_in, not_there};
use crate::registry::Registry;

/// How many groups of somebody are told at most: the first by name, or, of whoever is in more than a page of people may have
/// ([`Belongings`]), any.
const GROUPS_TOLD_MAX: usize = 1_000;

impl Registry {
    /// The users, in the order of their names. A page of users who are in many groups is shorter than was asked for.
    ///
    /// # Errors
    /// Not allowed: it takes `user:read`; or the ledger fails.
    pub async fn users(&self, subject: &Subject, part: &Part) -> Result<List<User>, Error> {
        self.authorise_system(subject, Permission::UserRead)?;
        let wanted = self.wanted(subject, "users", part)?;
        let rows = self.0.ledger.accounts(Accounts::Users, wanted.after(), wanted.rows()).await?;
        let mut page = wanted.cut(rows, |row| row.name.clone())?;
        let ids: Vec<Id> = page.items.iter().map(|row| row.id).collect();
        let mut groups = self.groups_of_all(&ids).await?;
        wanted.shorten(&mut page, groups.entries, |row| row.name.clone())?;
        let items = page.items.into_iter().map(|row| told(&mut groups, row)).collect();
        Ok(List { items, next: page.next })
    }

    /// The user; anybody may ask for themselves.
    ///
    /// # Errors
    /// Not allowed: it takes `user:read`; [`Error::NotThere`].
    pub async fn user(&self, subject: &Subject, name: &Handle) -> Result<User, Error> {
        let (row, _) = self.user_or_oneself(subject, name, Permission::UserRead).await?;
        self.told_user(row).await
    }

    /// Makes a user, with a random password where none is said.
    ///
    /// # Errors
    /// Not allowed: it takes `user:write`; [`Error::Field`]; [`Error::Conflict`] where the name is taken.
    pub async fn new_user(&self, subject: &Subject, new: &NewUser) -> Result<WithSecret<User>, Error> {
        self.authorise_system(subject, Permission::UserWrite)?;
        check_plain("name", &new.name)?;
        check_description(&new.description)?;
        let secret = match &new.password {
            Some(password) => check_password(&new.name, password).map(|()| None)?,
            None => Some(made_up()?),
        };
        let password = new.password.as_deref().or(secret.as_deref()).unwrap_or_default();
        let hash = self.identity().hash(password).await?;
        let (id, name, description) = (ids::random()?, new.name.clone(), new.description.clone());
        let (kind, disabled, expires_at, password) = (AccountKind::User, false, None, Some(hash));
        let put = PeopleChange::PutAccount { id, name, kind, description, disabled, expires_at, password };
        self.change_people(subject, vec![put]).await?;
        let made = self.told_user(self.find_user(&new.name).await?).await?;
        Ok(WithSecret { made, secret })
    }

    /// Changes what is said of the user, and whether they may log in.
    ///
    /// # Errors
    /// Not allowed: it takes `user:write`; [`Error::NotThere`]; [`Error::Above`] where they are to be let in or not, and have
    /// more than whoever asks; [`Error::Conflict`] where nobody would be left who administers.
    pub async fn change_user(&self, subject: &Subject, name: &Handle, change: &UserChange) -> Result<User, Error> {
        self.authorise_system(subject, Permission::UserWrite)?;
        check_description(change.description.as_deref().unwrap_or_default())?;
        let row = self.find_user(name).await?;
        if change.disabled.is_some() {
            self.check_reach(subject, &row).await?;
        }
        let (account, description) = (row.id, change.description.clone());
        let change = PeopleChange::ChangeAccount { account, description, disabled: change.disabled, password: None };
        self.change_people(subject, vec![change]).await?;
        self.told_user(self.find_user(name).await?).await
    }

    /// Deletes the user with all that they are given. Whoever gets the name next is somebody else.
    ///
    /// # Errors
    /// As [`Registry::change_user`] where it lets them in or not.
    pub async fn delete_user(&self, subject: &Subject, name: &Handle) -> Result<(), Error> {
        self.authorise_system(subject, Permission::UserWrite)?;
        let row = self.find_user(name).await?;
        self.check_reach(subject, &row).await?;
        self.change_people(subject, vec![PeopleChange::DeleteAccount { account: row.id }]).await
    }

    /// Sets the password: one's own by showing the one that is in force, whatever was logged in with; another's by
    /// `user:write`, where one has all that the other is given. Everything that was issued for the old one ends.
    ///
    /// # Errors
    /// Not allowed; [`Error::NotThere`]; [`Error::PasswordWrong`]; [`Error::Above`]; [`Error::Field`].
    pub async fn set_password(&self, subject: &Subject, name: &Handle, change: &PasswordChange) -> Result<(), Error> {
        let (row, is_oneself) = self.user_or_oneself(subject, name, Permission::UserWrite).await?;
        check_password(name, &change.password)?;
        if is_oneself {
            let current = change.current.as_deref();
            let current = current.ok_or_else(|| Error::field("current", "it takes the password that is in force"))?;
            if !self.identity().is_password(name, current).await? {
                return Err(Error::PasswordWrong);
            }
        } else {
            self.check_reach(subject, &row).await?;
        }
        let password = Some(self.identity().hash(&change.password).await?);
        let change = PeopleChange::ChangeAccount { account: row.id, description: None, disabled: None, password };
        self.change_people(subject, vec![change]).await
    }

    /// Ends what was issued to the user: bearer and refresh tokens, not the tokens that they made themselves.
    ///
    /// # Errors
    /// Not allowed: it takes `user:write` or to be oneself; [`Error::NotThere`]; [`Error::Above`].
    pub async fn end_sessions(&self, subject: &Subject, name: &Handle) -> Result<(), Error> {
        let (row, is_oneself) = self.user_or_oneself(subject, name, Permission::UserWrite).await?;
        if is_oneself {
            unlimited(subject)?;
        } else {
            self.check_reach(subject, &row).await?;
        }
        self.change_people(subject, vec![PeopleChange::EndSessions { account: row.id }]).await
    }

    /// The user of that name, for themselves or for who has `permission`; and which of the two.
    pub(crate) async fn user_or_oneself(
        &self,
        subject: &Subject,
        name: &Handle,
        permission: Permission,
    ) -> Result<(AccountRow, bool), Error> {
        let actor = logged_in(subject)?;
        let row = self.0.ledger.account(name).await?.filter(|row| row.kind == AccountKind::User);
        let is_oneself = row.as_ref().is_some_and(|row| row.id == actor);
        if !is_oneself {
            self.authorise_system(subject, permission)?;
        }
        Ok((row.ok_or_else(|| not_there("user", name))?, is_oneself))
    }

    async fn told_user(&self, row: AccountRow) -> Result<User, Error> {
        Ok(told(&mut self.groups_of_all(&[row.id]).await?, row))
    }

    /// The groups that the account is in, in the order of their names.
    pub(crate) async fn groups_of(&self, account: Id) -> Result<Vec<Handle>, Error> {
        Ok(in_order(self.groups_of_all(&[account]).await?.take(account)))
    }

    async fn groups_of_all(&self, accounts: &[Id]) -> Result<Belongings<Handle>, LedgerError> {
        let ledger = &self.0.ledger;
        Belongings::of(accounts, |ids, limit| async move { ledger.groups_of(&ids, limit).await }).await
    }
}

fn told(groups: &mut Belongings<Handle>, row: AccountRow) -> User {
    let AccountRow { id, name, description, disabled, created_at, .. } = row;
    User { id, name, description, disabled, created_at, groups: in_order(groups.take(id)) }
}

fn in_order(mut groups: Vec<Handle>) -> Vec<Handle> {
    groups.sort_unstable();
    groups.truncate(GROUPS_TOLD_MAX);
    groups
}

/// What somebody does to their own account takes a credential that is limited to nothing.
pub(crate) fn unlimited(subject: &Subject) -> Result<(), Error> {
    if subject.ceiling.limits.is_empty() { Ok(()) } else { Err(Error::Denied) }
}

fn made_up() -> Result<String, Error> {
    local::random_password().map_err(|error| Error::Unavailable(error.to_string()))
}

/// NIST SP 800-63B: long enough, and no rules about characters; but some that no client could send.
fn check_password(name: &Handle, password: &str) -> Result<(), Error> {
    if !(PASSWORD_BYTES_MIN..=CREDENTIAL_BYTES_MAX).contains(&password.len()) {
        return Err(Error::field(
            "password",
            format_args!("a password has {PASSWORD_BYTES_MIN} to {CREDENTIAL_BYTES_MAX} bytes"),
        ));
    }
    if password.chars().any(char::is_control) {
        return Err(Error::field("password", "it has control characters; is there a line break at its end?"));
    }
    if password.eq_ignore_ascii_case(name.as_str()) {
        return Err(Error::field("password", "it is the user's name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn passwords() {
        let name = "kim@example.com".parse().expect("a name");
        let check = |password: &str, good: bool| {
            let result = check_password(&name, password);
            assert_eq!(result.is_ok(), good, "{password}");
            let told = result.err().map(|error| format!("{error} {error:?}")).unwrap_or_default();
            assert!(password.len() < 3 || !told.contains(password), "it is not repeated: {told}");
        };
        check("correct horse", true);
        check(&"x".repeat(PASSWORD_BYTES_MIN), true);
        check(&"x".repeat(PASSWORD_BYTES_MIN - 1), false);
        check(&"x".repeat(CREDENTIAL_BYTES_MAX), true);
        check(&"x".repeat(CREDENTIAL_BYTES_MAX + 1), false);
        check("a line break at its end\n", false);
        check("Kim@Example.com", false);
        check("\u{85}\u{85}\u{85}\u{85}\u{85}", false);
    }
}
