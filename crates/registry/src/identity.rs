//! Who is there: an `Authorization` header becomes a [`Subject`], and credentials become tokens. What a subject may do is
//! [`crate::access`]'s to say.
//!
//! Three memories, all bounded, none of which can outlive a change of people: `fronts` knows whole headers, so that the next
//! request with the same one costs a hash and a look-up; `local` knows verified passwords; `users` knows rows of the ledger
//! and the rights that follow. None holds a secret: entries are found by keyed hashes.

pub mod local;
mod lockout;
pub mod personal;
mod session;
pub mod token;
mod users;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{AUTHORIZATION_BYTES_MAX, CREDENTIAL_BYTES_MAX, SCOPES_MAX};
use wharf_model::name::RepositoryName;
use wharf_model::scope::Scope;
use wharf_store::clock::{Clock, Millis, SystemClock};
use wharf_store::ledger::Ledger;
use wharf_store::ledger::people::PasswordHash;
use wharf_store::ledger::query::{LedgerError, PlaceRow};

use crate::access::{self, Policy};
use crate::actor::{Ceiling, Subject};
use crate::cache::Caches;
use crate::rights::Place;
use crate::secret::MasterKey;
use local::{Passwords, VERIFIED_MS};
pub use session::Session;
use token::{ACCESS_SECS, Audience, Claims, Issued, Owner, Tokens};
use users::{Account, Asked, Secret, Source, Users};

/// What the headers that are known may take in memory, in bytes: some ten thousand of the usual sort.
const FRONTS_BYTES_MAX: u64 = 8 << 20;
/// What a header that is known takes besides what it is limited to, in bytes, about.
const FRONT_BYTES: usize = 512;

/// How often the use of a token is noted at most, in milliseconds.
const USE_NOTED_MS: Millis = 5 * 60 * 1000;
/// Of how many tokens it is known when their use was noted.
const NOTED_MAX: u64 = 10_000;

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
        /// The account's name.
        name: &'a str,
        /// Its password, or a token in its place.
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
    /// When the use of a token was noted.
    noted: Cache<Id, Millis>,
    mac: Hmac<Sha256>,
    clock: Arc<dyn Clock>,
}

/// A header that is known.
struct Front {
    subject: Subject,
    /// The version of people before they were asked for.
    version: u64,
    until: Millis,
    /// What the token says, whose signature need not be checked again.
    bearer: Option<Bearer>,
}

/// What is known of a header.
enum Known {
    /// All of it.
    Whole(Subject),
    /// No more than what its token says, where its signature was checked: people changed meanwhile.
    Signature(Option<Bearer>),
}

impl Front {
    /// What it takes in memory, in bytes, about.
    fn bytes(&self) -> usize {
        let scopes = self.bearer.iter().flat_map(|bearer| bearer.scopes.iter());
        let text = |text: &String| size_of::<String>() + text.len();
        let one =
            |scope: &Scope| text(&scope.kind) + text(&scope.name) + 24 + scope.actions.iter().map(text).sum::<usize>();
        FRONT_BYTES + self.subject.rights.bytes() + scopes.map(one).sum::<usize>()
    }
}

/// What of a token is asked for again. Cheap to clone.
#[derive(Clone)]
struct Bearer {
    /// Whose it is; `None` for anybody.
    owner: Option<Owner>,
    scopes: Arc<[Scope]>,
    until: Millis,
}

impl Bearer {
    fn of(claims: Claims) -> Result<Bearer, AuthError> {
        Ok(Bearer { owner: claims.owner()?, until: claims.until(), scopes: claims.into_access().into() })
    }
}

/// Who logged in.
struct Login {
    account: Arc<Account>,
    /// The token that was shown.
    secret: Option<Arc<Secret>>,
    /// Until when that may be believed.
    until: Millis,
}

impl Login {
    fn new(account: Arc<Account>, secret: Option<Arc<Secret>>, until: Millis) -> Login {
        let ends = [account.row.expires_at, secret.as_ref().and_then(|secret| secret.row.expires_at)];
        let until = ends.into_iter().flatten().fold(until, Millis::min);
        Login { account, secret, until }
    }

    fn owner(&self) -> Owner {
        let row = &self.account.row;
        Owner { account: row.id, epoch: row.epoch, secret: self.secret.as_ref().map(|secret| secret.row.id) }
    }
}

/// Who asks, where somebody logged in, under the scopes of a token where it is one.
fn subject(login: Option<&Login>, scopes: Option<Arc<[Scope]>>) -> Subject {
    let owner = login.map(Login::owner);
    let Some(Login { account, secret, .. }) = login else {
        return Subject { ceiling: Ceiling { scopes, ..Ceiling::default() }, ..Subject::anonymous() };
    };
    let limits = secret.as_ref().map(|secret| secret.limits.clone()).unwrap_or_default();
    let ceiling = Ceiling { scopes, limits, by_token: secret.is_some() };
    Subject { actor: account.actor(), rights: account.rights.clone(), ceiling, login: owner, client: None }
}

impl Identity {
    /// Over the people of `ledger`, whose commits it observes from now on, as `caches` do already.
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
            noted: Cache::new(NOTED_MAX),
            mac: Hmac::new(&key.derive("authorization cache").into()),
            clock,
        }
    }

    /// Whose request it is that came with this `Authorization` header, as of now. A header that was good a moment ago costs
    /// about a microsecond. `from` is the address that it came from: wrong passwords from there count together.
    ///
    /// # Errors
    /// [`AuthError`]; wrong credentials are an error, not an anonymous request.
    pub async fn authenticate(&self, authorization: Option<&[u8]>, from: IpAddr) -> Result<Subject, AuthError> {
        let Some(header) = authorization else { return Ok(Subject::anonymous()) };
        if header.len() > AUTHORIZATION_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let (key, version, now) = (self.key(header), self.users.version(), self.clock.now());
        let bearer = match self.known(&key, version, now) {
            Known::Whole(subject) => return Ok(subject),
            Known::Signature(bearer) => bearer,
        };
        let front = self.recognise(header, bearer, version, now, from).await?;
        Ok(self.remember(key, front))
    }

    /// What is known of a header that hashes to this, of people at this version.
    fn known(&self, key: &[u8; 32], version: u64, now: Millis) -> Known {
        let known = self.fronts.get(key).filter(|front| now < front.until);
        match known {
            Some(front) if front.version == version => Known::Whole(front.subject.clone()),
            Some(front) => Known::Signature(front.bearer.clone()),
            None => Known::Signature(None),
        }
    }

    /// Who it is whose header hashes to this.
    fn remember(&self, key: [u8; 32], front: Front) -> Subject {
        let subject = front.subject.clone();
        self.fronts.insert(key, Arc::new(front));
        subject
    }

    /// `version` was read before anything else: what is found here holds as long as it stays.
    async fn recognise(
        &self,
        header: &[u8],
        bearer: Option<Bearer>,
        version: u64,
        now: Millis,
        from: IpAddr,
    ) -> Result<Front, AuthError> {
        match Header::parse(header)? {
            Header::Basic { name, password } => {
                let login = self.log_in_as(&name, &password, now, from).await?;
                Ok(Front { subject: subject(Some(&login), None), version, until: login.until, bearer: None })
            }
            Header::Bearer(token) => {
                let bearer = match bearer {
                    Some(bearer) => bearer,
                    None => Bearer::of(self.tokens.verify(Audience::Access, token, now)?)?,
                };
                let login = self.login_of(&bearer, now).await?;
                let until = login.as_ref().map_or(bearer.until, |login| login.until);
                let subject = subject(login.as_ref(), Some(bearer.scopes.clone()));
                Ok(Front { subject, version, until, bearer: Some(bearer) })
            }
        }
    }

    /// Whoever shows this name with its password, or with a token in place of it.
    async fn log_in_as(&self, name: &str, password: &str, now: Millis, from: IpAddr) -> Result<Login, AuthError> {
        let Some(id) = personal::id_of(password) else {
            let (account, until) = self.passwords.verify(name, password, Some(from)).await?;
            return Ok(Login::new(account, None, until));
        };
        let (account, secret) = (self.users.by_name(name).await?, self.users.secret(id).await?);
        let (account, secret) = match (account, secret) {
            (Some(account), Some(secret)) if secret.row.account == account.row.id => (account, secret),
            // Nor does the time tell whether there is such an account, or such a token.
            _ => return Err(self.passwords.refuse(password).await),
        };
        if !personal::is_right(password, &secret.row.hash) || !account.is_open(now) {
            return Err(AuthError::BadCredentials);
        }
        if !secret.is_open(now) {
            return Err(AuthError::Expired);
        }
        self.note_use(id, now);
        Ok(Login::new(account, Some(secret), now + VERIFIED_MS))
    }

    /// Whose bearer token it is, if that one, and what was shown for the token, still are what they were then.
    async fn login_of(&self, bearer: &Bearer, now: Millis) -> Result<Option<Login>, AuthError> {
        let Some(owner) = bearer.owner else { return Ok(None) };
        let account = self.users.by_id(owner.account).await?;
        let account = account.filter(|account| account.row.epoch == owner.epoch && account.is_open(now));
        let account = account.ok_or(AuthError::BadCredentials)?;
        let Some(id) = owner.secret else { return Ok(Some(Login::new(account, None, bearer.until))) };
        let secret = self.users.secret(id).await?;
        let secret = secret.filter(|secret| secret.row.account == owner.account && secret.is_open(now));
        let secret = secret.ok_or(AuthError::BadCredentials)?;
        self.note_use(id, now);
        Ok(Some(Login::new(account, Some(secret), bearer.until)))
    }

    /// What time it is for whatever ends.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Whoever logged in that way, as of now; `None` where that is over.
    ///
    /// # Errors
    /// [`AuthError`]: nobody can be asked now.
    pub(crate) async fn still(&self, owner: Owner) -> Result<Option<Subject>, AuthError> {
        let bearer = Bearer { owner: Some(owner), scopes: Arc::default(), until: Millis::MAX };
        match self.login_of(&bearer, self.clock.now()).await {
            Ok(login) => Ok(login.as_ref().map(|login| subject(Some(login), None))),
            Err(AuthError::BadCredentials | AuthError::Expired) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has the use of a token noted, beside the request and not at every one.
    fn note_use(&self, secret: Id, now: Millis) {
        if self.noted.get(&secret).is_some_and(|noted| now < noted + USE_NOTED_MS) {
            return;
        }
        self.noted.insert(secret, now);
        let source = self.source.clone();
        tokio::spawn(async move {
            if let Err(error) = source.note_uses(&[(secret, now)]).await {
                tracing::debug!(%error, "that a token was used is not noted");
            }
        });
    }

    /// The token service: a token for whoever shows `credential`, limited to what of `scopes` it may do now; at most
    /// [`SCOPES_MAX`] are looked at. With `offline`, a refresh token too, unless nobody logged in, or by such a token:
    /// else one that was stolen would live for ever. It ends with the password.
    /// The answer does not tell whether a repository is there. `from` is as in [`Identity::authenticate`].
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn token(
        &self,
        credential: Credential<'_>,
        scopes: &[Scope],
        offline: bool,
        policy: &Policy,
        from: IpAddr,
    ) -> Result<Issued, AuthError> {
        let now = self.clock.now();
        let offline = offline && !matches!(credential, Credential::Refresh(_));
        let login = self.log_in(credential, now, from).await?;
        let owner = login.as_ref().map(Login::owner);
        let access = self.grant(&subject(login.as_ref(), None), scopes, policy).await?;
        let refresh = |owner| self.tokens.issue(Audience::Refresh, Some(owner), Vec::new(), now);
        Ok(Issued {
            token: self.tokens.issue(Audience::Access, owner, access, now)?,
            expires_in: ACCESS_SECS,
            issued_at: now,
            refresh_token: owner.filter(|_| offline).map(refresh).transpose()?,
        })
    }

    async fn log_in(&self, credential: Credential<'_>, now: Millis, from: IpAddr) -> Result<Option<Login>, AuthError> {
        let login = match credential {
            Credential::Header(None) => return Ok(None),
            Credential::Header(Some(header)) => match Header::parse(header)? {
                Header::Basic { name, password } => self.log_in_as(&name, &password, now, from).await?,
                Header::Bearer(_) => return Err(AuthError::BadCredentials),
            },
            Credential::Password { name, password } => {
                check_form(name, password)?;
                self.log_in_as(name, password, now, from).await?
            }
            Credential::Refresh(token) if token.len() > AUTHORIZATION_BYTES_MAX => return Err(AuthError::Malformed),
            Credential::Refresh(token) => {
                let bearer = Bearer::of(self.tokens.verify(Audience::Refresh, token, now)?)?;
                self.login_of(&bearer, now).await?.ok_or(AuthError::BadCredentials)?
            }
        };
        Ok(Some(login))
    }

    /// What is granted of `scopes`, each resource once.
    async fn grant(&self, subject: &Subject, scopes: &[Scope], policy: &Policy) -> Result<Vec<Scope>, AuthError> {
        let mut granted: Vec<Scope> = Vec::new();
        let mut known = HashMap::new();
        for scope in scopes.iter().take(SCOPES_MAX) {
            let row = match scope.name.parse::<RepositoryName>() {
                Ok(name) if scope.kind == "repository" => match known.get(&name) {
                    Some(row) => PlaceRow::clone(row),
                    None => {
                        let row = self.source.place(&name).await?;
                        known.insert(name, row.clone());
                        row
                    }
                },
                Err(_) if scope.kind == "repository" => continue,
                _ => PlaceRow::default(),
            };
            let place = Place { repository: Some(&scope.name), project: row.project, public: row.public };
            if let Some(scope) = access::grant(subject, policy, scope, &place) {
                add(&mut granted, scope);
            }
        }
        Ok(granted)
    }

    /// The hash of a new password, computed where hashes are, as many at once.
    ///
    /// # Errors
    /// [`AuthError::Busy`] where too many wait, or it cannot be hashed.
    pub(crate) async fn hash(&self, password: &str) -> Result<PasswordHash, AuthError> {
        self.passwords.hash(password.to_owned()).await
    }

    /// Whether `password` is that of the account which is called `name`, which is logged in by something else. Wrong ones are
    /// locked out by themselves: nobody is kept from logging in by them.
    ///
    /// # Errors
    /// [`AuthError::Busy`], or the ledger fails.
    pub(crate) async fn is_password(&self, name: &Handle, password: &str) -> Result<bool, AuthError> {
        if check_form(name.as_str(), password).is_err() {
            return Ok(false);
        }
        match self.passwords.verify(name.as_str(), password, None).await {
            Ok(_) => Ok(true),
            Err(AuthError::BadCredentials) => Ok(false),
            Err(error) => Err(error),
        }
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
