//! Sessions of the pages: what a browser shows, in a cookie, once somebody has signed in there.
//!
//! A session is a token of its own sort, signed and with an end, that names the account as it was and, where one was shown in place
//! of the password, the personal token. So it ends as they do, at once: with another password, when the account is shut or its
//! sessions are ended, when the personal token is deleted. Nothing is stored for it. It opens the pages and nothing else.

use std::net::IpAddr;

use wharf_store::clock::Millis;

use super::token::{Audience, SESSION_SECS};
use super::{AuthError, Bearer, Front, Identity, Known, check_form, subject};
use crate::actor::Subject;

/// What comes before a session where it is looked up among headers: no header has a NUL, so none is ever taken for one.
const KEY: &[u8] = b"session\0";

/// A session that has just begun.
pub struct Session {
    /// What the browser is to show.
    pub text: String,
    /// For how long, in seconds.
    pub lives_secs: i64,
}

impl Identity {
    /// Begins a session for whoever shows a name with its password, or with a token in place of it. Wrong ones count as they do
    /// anywhere else; `from` is as in [`Identity::authenticate`].
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn sign_in(&self, name: &str, password: &str, from: IpAddr) -> Result<Session, AuthError> {
        check_form(name, password)?;
        let now = self.clock.now();
        let login = self.log_in_as(name, password, now, from).await?;
        let text = self.tokens.issue(Audience::Session, Some(login.owner()), Vec::new(), now)?;
        Ok(Session { text, lives_secs: SESSION_SECS })
    }

    /// Whose session it is, as of now. What only a password opens, a session does not.
    ///
    /// # Errors
    /// [`AuthError`], where it is none or over.
    pub async fn signed_in(&self, session: &str) -> Result<Subject, AuthError> {
        let key = self.key(&[KEY, session.as_bytes()].concat());
        let (version, now) = (self.users.version(), self.clock.now());
        let bearer = match self.known(&key, version, now) {
            Known::Whole(subject) => return Ok(subject),
            Known::Signature(bearer) => bearer,
        };
        let front = self.recognise_session(session, bearer, version, now).await?;
        Ok(self.remember(key, front))
    }

    /// `subject` again, as whoever it is would come who shows that password now: for what a session does not open. Wrong ones
    /// count as they do anywhere else; `from` is as in [`Identity::authenticate`].
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn confirm(&self, asks: &Subject, password: &str, from: IpAddr) -> Result<Subject, AuthError> {
        let name = asks.actor.name().ok_or(AuthError::BadCredentials)?;
        check_form(name.as_str(), password)?;
        let login = self.log_in_as(name.as_str(), password, self.clock.now(), from).await?;
        if asks.actor.id() != Some(login.account.row.id) {
            return Err(AuthError::BadCredentials);
        }
        Ok(Subject { client: asks.client.clone(), ..subject(Some(&login), None) })
    }

    async fn recognise_session(
        &self,
        session: &str,
        bearer: Option<Bearer>,
        version: u64,
        now: Millis,
    ) -> Result<Front, AuthError> {
        let bearer = match bearer {
            Some(bearer) => bearer,
            None => Bearer::of(self.tokens.verify(Audience::Session, session, now)?)?,
        };
        let login = self.login_of(&bearer, now).await?.ok_or(AuthError::BadCredentials)?;
        let mut subject = subject(Some(&login), None);
        subject.ceiling.by_token = true;
        Ok(Front { subject, version, until: login.until, bearer: Some(bearer) })
    }
}
