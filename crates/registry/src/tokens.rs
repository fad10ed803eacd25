//! Personal tokens: what a user's scripts log in with in place of the password.
//!
//! Only who logged in with the password makes them. Tokens beget no tokens, or a stolen one would live for ever.

use wharf_model::api::list::List;
use wharf_model::api::people::{NewToken, Token, WithSecret};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{GRANTS_MAX, TOKEN_NAME_CHARS_MAX, TOKENS_MAX};
use wharf_model::permission::Permission;
use wharf_store::clock::Millis;
use wharf_store::ids;
use wharf_store::ledger::change::Refused;
use wharf_store::ledger::people::{PeopleChange, SecretRow, Thing};

use crate::actor::Subject;
use crate::error::Error;
use crate::identity::personal;
use crate::people::{Part, end_of, not_there};
use crate::registry::Registry;
use crate::users::unlimited;

impl Registry {
    /// The tokens of the user, from the oldest.
    ///
    /// # Errors
    /// Not allowed: it takes `user:write` or to be oneself; [`Error::NotThere`].
    pub async fn tokens(&self, subject: &Subject, user: &Handle, part: &Part) -> Result<List<Token>, Error> {
        let (row, _) = self.user_or_oneself(subject, user, Permission::UserWrite).await?;
        let wanted = self.wanted(subject, format_args!("tokens {}", row.id), part)?;
        let after = wanted.after_as::<u64>()?.unwrap_or(0);
        let all = self.0.ledger.secrets(&[row.id]).await?;
        let page = wanted.cut(all.into_iter().filter(|row| row.number > after).collect(), |row| row.number)?;
        Ok(List { items: page.items.into_iter().map(told).collect(), next: page.next })
    }

    /// Makes a token of the user, who asks for it themselves and has shown the password.
    ///
    /// # Errors
    /// [`Error::Denied`] for anybody else; [`Error::PasswordNeeded`]; [`Error::Field`]; [`Error::Conflict`] where there are
    /// too many.
    pub async fn new_token(
        &self,
        subject: &Subject,
        user: &Handle,
        new: &NewToken,
    ) -> Result<WithSecret<Token>, Error> {
        let (row, is_oneself) = self.user_or_oneself(subject, user, Permission::UserWrite).await?;
        if !is_oneself {
            return Err(Error::Denied);
        }
        if subject.ceiling.by_token {
            return Err(Error::PasswordNeeded("a token makes no tokens"));
        }
        check(new)?;
        if self.0.ledger.secrets(&[row.id]).await?.len() >= TOKENS_MAX {
            return Err(Error::Conflict(format!(
                "there are {TOKENS_MAX} tokens already; delete those that nobody uses"
            )));
        }
        let expires_at = end_of(self.0.ledger.now().await?, new.days)?;
        let id = ids::random()?;
        let (secret, hash) = personal::new(id)?;
        let (name, limits) = (new.name.clone(), new.limits.clone());
        let change = PeopleChange::PutSecret { id, account: row.id, name, hash, limits, expires_at };
        self.change_people(subject, vec![change]).await?;
        let made = self.0.ledger.secret(id).await?.ok_or_else(|| not_there("token", id))?;
        Ok(WithSecret { made: told(made), secret: Some(secret) })
    }

    /// Ends a token of the user, and with it what came of it.
    ///
    /// # Errors
    /// Not allowed: it takes `user:write` or to be oneself; [`Error::NotThere`]; [`Error::Above`].
    pub async fn delete_token(&self, subject: &Subject, user: &Handle, id: Id) -> Result<(), Error> {
        let (row, is_oneself) = self.user_or_oneself(subject, user, Permission::UserWrite).await?;
        if is_oneself {
            unlimited(subject)?;
        } else {
            self.check_reach(subject, &row).await?;
        }
        let change = PeopleChange::EndSecret { secret: id, account: row.id, at: None };
        self.commit_people(subject, vec![change]).await.map_err(|refused| match refused {
            Refused::Unknown(Thing::Token) => not_there("token", id),
            other => Error::refused_people(other),
        })
    }
}

fn check(new: &NewToken) -> Result<(), Error> {
    let chars = new.name.chars().count();
    if chars == 0 || chars > TOKEN_NAME_CHARS_MAX || new.name.chars().any(char::is_control) {
        let reason = format_args!("say what it is for, in at most {TOKEN_NAME_CHARS_MAX} characters on one line");
        return Err(Error::field("name", reason));
    }
    if new.limits.len() > GRANTS_MAX {
        return Err(Error::field("limits", format_args!("at most {GRANTS_MAX}")));
    }
    if new.limits.iter().any(|limit| limit.permissions.is_empty()) {
        return Err(Error::field("limits", "one leaves nothing: it has no permissions"));
    }
    Ok(())
}

/// As the API tells it: never the hash.
pub(crate) fn told(row: SecretRow) -> Token {
    let SecretRow { id, name, limits, created_at, expires_at, used_at, .. } = row;
    Token { id, name, limits, created_at, expires_at, used_at }
}

/// Whether it counts at that time.
pub(crate) fn is_open(row: &SecretRow, now: Millis) -> bool {
    row.expires_at.is_none_or(|at| now < at)
}
