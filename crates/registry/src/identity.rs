//! Who is there: an `Authorization` header becomes a [`Subject`], and credentials become tokens. What a subject may do is
//! [`crate::access`]'s to say.
//!
//! Three memories, all bounded, none of which can outlive a change of a user: `fronts` knows whole headers, so that the next
//! request with the same one costs a hash and a look-up; `local` knows verified passwords; `users` knows rows of the ledger.
//! None holds a secret: entries are found by keyed hashes.

pub mod local;
pub mod token;
mod users;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use wharf_model::id::Id;
use wharf_model::limits::{AUTHORIZATION_BYTES_MAX, CREDENTIAL_BYTES_MAX, SCOPES_MAX};
use wharf_model::name::RepositoryName;
use wharf_model::scope::Scope;
use wharf_store::clock::{Clock, Millis, SystemClock};
use wharf_store::ledger::Ledger;
use wharf_store::ledger::query::{LedgerError, UserRow};

use crate::access::{self, Policy};
use crate::actor::{Actor, Ceiling, Subject};
use crate::cache::Caches;
use crate::secret::MasterKey;
use local::{Passwords, VERIFIED_MS};
use token::{ACCESS_SECS, Audience, Claims, Issued, Tokens};
use users::{Asked, Source, Users};

/// What the headers that are known may take in memory, in bytes: some ten thousand of the usual sort.
const FRONTS_BYTES_MAX: u64 = 8 << 20;
/// What a header that is known takes besides what it is limited to, in bytes, about.
const FRONT_BYTES: usize = 512;

/// Why nobody was recognised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The header is of no form that is understood here, or too long.
    #[error("the Authorization header is not understood; Basic and Bearer are")]
    Malformed,
    /// The user, the password or the token is not right; which, is not said.
    #[error("the user name, the password or the token is not right")]
    BadCredentials,
    /// The token was right, and is over.
    #[error("the token has expired")]
    Expired,
    /// Too many passwords are being verified; later is better.
    #[error("too many logins at once; try again in a moment")]
    Busy,
    /// The ledger fails.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The registry fails on this.
    #[error("login failed: {0}")]
    Failed(String),
}

/// What somebody shows to the token service.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// The `Authorization` header, or none. A Bearer token does not count: tokens beget no tokens, or a stolen one would live
    /// for ever.
    Header(Option<&'a [u8]>),
    /// `grant_type=password`.
    Password {
        /// The user's name.
        name: &'a str,
        /// Its password.
        password: &'a str,
    },
    /// `grant_type=refresh_token`.
    Refresh(&'a str),
}

/// Recognises who is there. See the module.
pub struct Identity {
    source: Arc<dyn Source>,
    users: Arc<Users>,
    passwords: Arc<Passwords>,
    tokens: Tokens,
    fronts: Cache<[u8; 32], Arc<Front>>,
    mac: Hmac<Sha256>,
    clock: Arc<dyn Clock>,
}

/// A header that is known.
struct Front {
    subject: Subject,
    /// The version of the users before they were asked.
    version: u64,
    until: Millis,
    /// What the token says, whose signature need not be checked again.
    bearer: Option<Bearer>,
}

impl Front {
    /// What it takes in memory, in bytes, about.
    fn bytes(&self) -> usize {
        let scopes = self.bearer.iter().flat_map(|bearer| bearer.scopes.iter());
        let text = |text: &String| size_of::<String>() + text.len();
        let one =
            |scope: &Scope| text(&scope.kind) + text(&scope.name) + 24 + scope.actions.iter().map(text).sum::<usize>();
        FRONT_BYTES + scopes.map(one).sum::<usize>()
    }
}

/// What of a token is asked for again. Cheap to clone.
#[derive(Clone)]
struct Bearer {
    /// Its id and epoch; `None` for anybody.
    user: Option<(Id, u64)>,
    scopes: Arc<[Scope]>,
    until: Millis,
}

impl Bearer {
    fn of(claims: Claims) -> Result<Bearer, AuthError> {
        Ok(Bearer { user: claims.user()?, until: claims.until(), scopes: claims.into_access().into() })
    }
}

impl Identity {
    /// Over the users of `ledger`, whose commits it observes from now on, as `caches` do already.
    pub fn new(ledger: Arc<dyn Ledger>, caches: Arc<Caches>, key: &MasterKey) -> Identity {
        let asked = Asked { ledger: ledger.clone(), caches };
        let identity = Identity::over(Arc::new(asked), key, Arc::new(SystemClock));
        ledger.observe(identity.users.observer());
        identity
    }

    fn over(source: Arc<dyn Source>, key: &MasterKey, clock: Arc<dyn Clock>) -> Identity {
        let users = Arc::new(Users::new(source.clone()));
        // Passwords and access tokens both end by then, on the clock that counts; this is for the memory.
        let ttl = Duration::from_millis(VERIFIED_MS.max(ACCESS_SECS * 1000).unsigned_abs());
        Identity {
            source,
            passwords: Passwords::new(users.clone(), key, clock.clone()),
            users,
            tokens: Tokens::new(key),
            fronts: Cache::builder()
                .max_capacity(FRONTS_BYTES_MAX)
                .weigher(|_, front: &Arc<Front>| u32::try_from(front.bytes()).unwrap_or(u32::MAX))
                .time_to_live(ttl)
                .build(),
            mac: Hmac::new(&key.derive("authorization cache").into()),
            clock,
        }
    }

    /// Whose request it is that came with this `Authorization` header, as of now. A header that was good a moment ago costs
    /// about a microsecond.
    ///
    /// # Errors
    /// [`AuthError`]; wrong credentials are an error, not an anonymous request.
    pub async fn authenticate(&self, authorization: Option<&[u8]>) -> Result<Subject, AuthError> {
        let Some(header) = authorization else { return Ok(Subject::anonymous()) };
        if header.len() > AUTHORIZATION_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let key = self.key(header);
        let (version, now) = (self.users.version(), self.clock.now());
        let known = self.fronts.get(&key).filter(|front| now < front.until);
        let bearer = match known {
            Some(front) if front.version == version => return Ok(front.subject.clone()),
            Some(front) => front.bearer.clone(),
            None => None,
        };
        let front = Arc::new(self.recognise(header, bearer, version, now).await?);
        self.fronts.insert(key, front.clone());
        Ok(front.subject.clone())
    }

    /// `version` was read before anything else: what is found here holds as long as it stays.
    async fn recognise(
        &self,
        header: &[u8],
        bearer: Option<Bearer>,
        version: u64,
        now: Millis,
    ) -> Result<Front, AuthError> {
        match Header::parse(header)? {
            Header::Basic { name, password } => {
                let (row, until) = self.passwords.verify(&name, &password).await?;
                let subject = Subject { actor: actor(Some(&row)), ceiling: Ceiling::None };
                Ok(Front { subject, version, until, bearer: None })
            }
            Header::Bearer(token) => {
                let bearer = match bearer {
                    Some(bearer) => bearer,
                    None => Bearer::of(self.tokens.verify(Audience::Access, token, now)?)?,
                };
                let row = self.user(&bearer).await?;
                let ceiling = Ceiling::Scopes(bearer.scopes.clone());
                let subject = Subject { actor: actor(row.as_deref()), ceiling };
                Ok(Front { subject, version, until: bearer.until, bearer: Some(bearer) })
            }
        }
    }

    /// The user of a token, if it still is who it was when the token was made.
    async fn user(&self, bearer: &Bearer) -> Result<Option<Arc<UserRow>>, AuthError> {
        let Some((id, epoch)) = bearer.user else { return Ok(None) };
        let row = self.users.by_id(id).await?.filter(|row| row.epoch == epoch);
        row.map(Some).ok_or(AuthError::BadCredentials)
    }

    /// The token service: a token for whoever shows `credential`, limited to what of `scopes` it may do now; at most
    /// [`SCOPES_MAX`] are looked at. With `offline`, a refresh token too, unless nobody logged in, or by such a token:
    /// else one that was stolen would live for ever. It ends with the password.
    /// The answer does not tell whether a repository is there.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn token(
        &self,
        credential: Credential<'_>,
        scopes: &[Scope],
        offline: bool,
        policy: &Policy,
    ) -> Result<Issued, AuthError> {
        let now = self.clock.now();
        let offline = offline && !matches!(credential, Credential::Refresh(_));
        let row = self.log_in(credential, now).await?;
        let user = row.as_ref().map(|row| (row.id, row.epoch));
        let subject = Subject { actor: actor(row.as_deref()), ceiling: Ceiling::None };
        let access = self.grant(&subject, scopes, policy).await?;
        let refresh = |user| self.tokens.issue(Audience::Refresh, Some(user), Vec::new(), now);
        Ok(Issued {
            token: self.tokens.issue(Audience::Access, user, access, now)?,
            expires_in: ACCESS_SECS,
            issued_at: now,
            refresh_token: user.filter(|_| offline).map(refresh).transpose()?,
        })
    }

    async fn log_in(&self, credential: Credential<'_>, now: Millis) -> Result<Option<Arc<UserRow>>, AuthError> {
        let verified = match credential {
            Credential::Header(None) => return Ok(None),
            Credential::Header(Some(header)) => match Header::parse(header)? {
                Header::Basic { name, password } => self.passwords.verify(&name, &password).await?,
                Header::Bearer(_) => return Err(AuthError::BadCredentials),
            },
            Credential::Password { name, password } => {
                check_form(name, password)?;
                self.passwords.verify(name, password).await?
            }
            Credential::Refresh(token) if token.len() > AUTHORIZATION_BYTES_MAX => return Err(AuthError::Malformed),
            Credential::Refresh(token) => {
                let bearer = Bearer::of(self.tokens.verify(Audience::Refresh, token, now)?)?;
                return match self.user(&bearer).await? {
                    Some(row) => Ok(Some(row)),
                    None => Err(AuthError::BadCredentials),
                };
            }
        };
        Ok(Some(verified.0))
    }

    /// What is granted of `scopes`, each resource once.
    async fn grant(&self, subject: &Subject, scopes: &[Scope], policy: &Policy) -> Result<Vec<Scope>, AuthError> {
        let mut granted: Vec<Scope> = Vec::new();
        let mut known = HashMap::new();
        for scope in scopes.iter().take(SCOPES_MAX) {
            let public = match scope.name.parse::<RepositoryName>() {
                Ok(name) if scope.kind == "repository" => match known.get(&name) {
                    Some(public) => *public,
                    None => {
                        let public = self.source.is_public(&name).await?;
                        known.insert(name, public);
                        public
                    }
                },
                Err(_) if scope.kind == "repository" => continue,
                _ => false,
            };
            if let Some(scope) = access::grant(subject, policy, scope, public) {
                add(&mut granted, scope);
            }
        }
        Ok(granted)
    }

    /// How many password hashes were computed since the start.
    pub fn hashes(&self) -> u64 {
        self.passwords.hashes()
    }

    fn key(&self, header: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(header);
        mac.finalize().into_bytes().into()
    }
}

/// Adds to what is granted, so that each resource and each action on it stands there once.
fn add(granted: &mut Vec<Scope>, scope: Scope) {
    let Some(same) = granted.iter_mut().find(|same| same.kind == scope.kind && same.name == scope.name) else {
        return granted.push(scope);
    };
    let more: Vec<_> = scope.actions.into_iter().filter(|action| !same.actions.contains(action)).collect();
    same.actions.extend(more);
}

fn actor(row: Option<&UserRow>) -> Actor {
    match row {
        Some(row) => Actor::User { id: row.id, name: row.name.as_str().into(), admin: row.admin },
        None => Actor::Anonymous,
    }
}

/// What an `Authorization` header says (RFC 9110 §11.6.2).
enum Header<'a> {
    /// RFC 7617. The password may have colons, the name may not.
    Basic { name: String, password: String },
    /// RFC 6750.
    Bearer(&'a str),
}

impl Header<'_> {
    fn parse(header: &[u8]) -> Result<Header<'_>, AuthError> {
        if header.len() > AUTHORIZATION_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let header = std::str::from_utf8(header).map_err(|_| AuthError::Malformed)?;
        let (scheme, credentials) = header.trim().split_once(' ').ok_or(AuthError::Malformed)?;
        let credentials = credentials.trim_start();
        if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Header::Bearer(credentials))
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic(credentials)
        } else {
            Err(AuthError::Malformed)
        }
    }
}

/// Standard base64, with or without its padding: clients do both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn basic(credentials: &str) -> Result<Header<'static>, AuthError> {
    let decoded = BASE64.decode(credentials).map_err(|_| AuthError::Malformed)?;
    let decoded = String::from_utf8(decoded).map_err(|_| AuthError::Malformed)?;
    let (name, password) = decoded.split_once(':').ok_or(AuthError::Malformed)?;
    check_form(name, password)?;
    Ok(Header::Basic { name: name.to_owned(), password: password.to_owned() })
}

/// RFC 7617 §2: neither has control characters; and not every ledger can be asked for a name with a NUL.
fn check_form(name: &str, password: &str) -> Result<(), AuthError> {
    let fits = |text: &str| text.len() <= CREDENTIAL_BYTES_MAX && !text.chars().any(char::is_control);
    if !name.is_empty() && fits(name) && fits(password) { Ok(()) } else { Err(AuthError::Malformed) }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fuzz;
