//! What is known of how a registry wants to be asked, and the tokens that it has let us have: one for each set of scopes,
//! until it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::{Challenge, Question, basic, realm_of, sensitive, token};
use crate::credentials::Login;
use crate::error::Error;
use crate::http::Http;
use crate::origin::Origin;

/// How long before its end a token is not used any more, so that it does not end on the way.
const MARGIN: Duration = Duration::from_secs(5);
/// Most sets of scopes whose tokens are kept.
const SLOTS_MAX: usize = 10_000;

/// A token and when it ends; one task at a time fetches it, the others wait for that.
type Slot = Arc<tokio::sync::Mutex<Option<(HeaderValue, Instant)>>>;

/// See the module. It is one registry's, and one login's.
#[derive(Debug)]
pub(crate) struct Session {
    origin: Origin,
    login: Option<Login>,
    /// What the registry asked for by its first refusal; until then nothing is sent.
    challenge: Mutex<Option<Challenge>>,
    /// By scopes, with spaces between them.
    tokens: Mutex<HashMap<String, Slot>>,
}

impl Session {
    /// Of nobody, where there is no login: tokens are asked for all the same.
    pub(crate) fn new(origin: Origin, login: Option<Login>) -> Session {
        Session { origin, login, challenge: Mutex::default(), tokens: Mutex::default() }
    }

    /// Whether there is somebody to be refused.
    pub(crate) fn is_logged_in(&self) -> bool {
        self.login.is_some()
    }

    /// What to send to the registry with a request that needs these scopes.
    ///
    /// # Errors
    /// There is no token to be had.
    pub(crate) async fn authorization(&self, http: &Http, scopes: &[String]) -> Result<Option<HeaderValue>, Error> {
        let challenge = self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (challenge, &self.login) {
            (None, _) => Ok(None),
            (Some(_), Some(Login::Registry(token))) => Ok(Some(sensitive(&format!("Bearer {}", token.reveal())))),
            (Some(Challenge::Basic), Some(Login::Password { user, password })) => Ok(Some(basic(user, password))),
            (Some(Challenge::Basic), _) => Ok(None),
            (Some(Challenge::Bearer { realm, service, .. }), login) => {
                let question = Question { service: service.as_deref(), scopes };
                self.token(http, &realm, &question, login.as_ref()).await.map(Some)
            }
        }
    }

    async fn token(
        &self,
        http: &Http,
        realm: &str,
        question: &Question<'_>,
        login: Option<&Login>,
    ) -> Result<HeaderValue, Error> {
        let realm = realm_of(&self.origin, realm)?;
        let slot = self.slot(question.scopes);
        let mut slot = slot.lock().await;
        if let Some((header, end)) = &*slot
            && Instant::now() < *end
        {
            return Ok(header.clone());
        }
        let asked = Instant::now();
        let found = token(http, &self.origin, realm, question, login).await?;
        *slot = Some((found.header.clone(), asked + found.life.saturating_sub(MARGIN)));
        Ok(found.header)
    }

    fn slot(&self, scopes: &[String]) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= SLOTS_MAX {
            tokens.clear();
        }
        tokens.entry(scopes.join(" ")).or_default().clone()
    }

    /// The registry has answered a request with 401 that was sent with `sent`: learns from the challenge, and forgets the
    /// token. Whether there is another answer to give; what scopes the registry wants is added to `scopes`.
    pub(crate) async fn refused(
        &self,
        headers: &HeaderMap,
        sent: Option<&HeaderValue>,
        scopes: &mut Vec<String>,
    ) -> bool {
        let Some(challenge) = Challenge::of(headers) else { return false };
        let slot = self.slot(scopes);
        {
            let mut slot = slot.lock().await;
            // Somebody else may have a new one by now.
            if slot.as_ref().is_some_and(|(header, _)| Some(header) == sent) {
                *slot = None;
            }
        }
        let may = match (&challenge, &self.login) {
            (_, Some(Login::Registry(_))) => sent.is_none(),
            (Challenge::Basic, Some(Login::Password { .. })) => !sent.is_some_and(is_basic),
            (Challenge::Basic, _) => false,
            (Challenge::Bearer { scope, .. }, _) => {
                let asked = scope.iter().flat_map(|scope| scope.split(' '));
                for one in asked.filter(|one| !one.is_empty()) {
                    if !scopes.iter().any(|scope| covers(scope, one)) {
                        scopes.push(one.to_owned());
                    }
                }
                true
            }
        };
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge);
        may
    }
}

fn is_basic(sent: &HeaderValue) -> bool {
    sent.as_bytes().starts_with(b"Basic ")
}

/// Whether a token for `scope` may do all that one for `other` may.
fn covers(scope: &str, other: &str) -> bool {
    let split = |scope: &str| scope.rsplit_once(':').map(|(name, actions)| (name.to_owned(), actions.to_owned()));
    match (split(scope), split(other)) {
        (Some((name, actions)), Some((other, others))) => {
            name == other && others.split(',').all(|one| actions.split(',').any(|action| action == one))
        }
        _ => scope == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_cover_others() {
        let check = |scope: &str, other: &str, expect| assert_eq!(covers(scope, other), expect, "{scope} {other}");
        check("repository:a/b:pull,push", "repository:a/b:pull", true);
        check("repository:a/b:pull,push", "repository:a/b:push,pull", true);
        check("repository:a/b:pull", "repository:a/b:pull,push", false);
        check("repository:a/b:pull", "repository:a:pull", false);
        check("registry:catalog:*", "registry:catalog:*", true);
        check("x", "x", true);
    }
}
