//! Users with a password: hashing, verifying without being a way to exhaust the machine, and the first administrator.
//!
//! A hash is made to be slow (argon2id, 19 MiB and tens of milliseconds), so it is computed for one thing only once at a
//! time, at most [`PARALLEL`] at all, with a bounded queue, and a password that was right stays known for five minutes.
//! What is kept is "this password is that of user U under epoch E", by a keyed hash: that can never become wrong, because
//! another password is another epoch. Whether U still has epoch E is asked each time. Which password was wrong is not kept, only
//! how many were ([`super::lockout`]).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::{self, Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use parking_lot::Mutex;
use sha2::Sha256;
use tokio::sync::{Semaphore, watch};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::CREDENTIAL_BYTES_MAX;
use wharf_model::permission::ADMINISTRATOR;
use wharf_store::clock::{Clock, Millis};
use wharf_store::ids;
use wharf_store::ledger::Ledger;
use wharf_store::ledger::change::{Change, Commit, Refused};
use wharf_store::ledger::people::{self, AccountKind, AccountRow, Accounts, Gives, Holder, PeopleChange};
use wharf_store::ledger::query::LedgerError;

use super::AuthError;
use super::lockout::{self, Guess, Lockout};
use super::users::{Account, Users};
use crate::secret::MasterKey;

/// How many hashes are computed at once: 2 × 19 MiB.
const PARALLEL: usize = 2;
/// How many credentials may be in the works or wait, each answered within about a second on two cores; more are turned away.
const FLIGHTS_MAX: usize = 64;
/// How long a verified password stays known, in milliseconds.
pub(super) const VERIFIED_MS: Millis = 5 * 60 * 1000;
/// How many verified passwords are known at most.
const VERIFIED_MAX: u64 = 10_000;
/// How often a verification starts over because the user changed under it.
const ATTEMPTS_MAX: usize = 3;
/// Verified where there is no such user, so that it takes as long: the parameters are those of [`params`].
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What nobody is called, and nobody can log in as.
const NO_NAME: &str = "";

/// How much memory is asked for in one piece, in bytes; what is not needed of it is never touched. Pieces above 32 MiB glibc
/// always maps and gives back to the system at once; smaller ones stay with each thread's arena, and a spell of logins would
/// leave hundreds of MiB behind.
const PIECE_BYTES: usize = 36 << 20;

/// As OWASP's password storage cheat sheet asks: 19 MiB, two passes, one lane.
fn params() -> Result<Params, PasswordError> {
    Ok(Params::new(19 * 1024, 2, 1, Some(32))?)
}

/// The hash of a password with a random salt, in PHC form. Takes tens of milliseconds and 19 MiB: not on an async thread.
///
/// # Errors
/// [`PasswordError`]: it is empty or longer than [`CREDENTIAL_BYTES_MAX`], has control characters, which no client can send, or there is no randomness.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.is_empty() || password.len() > CREDENTIAL_BYTES_MAX {
        return Err(PasswordError::Length);
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordError::Control);
    }
    let mut salt = [0; 16];
    fill(&mut salt)?;
    let params = params()?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(compute(Algorithm::Argon2id, Version::V0x13, params, password, &salt)?),
    };
    Ok(hash.to_string())
}

/// Whether the password is the one that was hashed, with the parameters that are in the hash. As slow as [`hash_password`].
///
/// # Errors
/// [`PasswordError::Hash`]: the hash is none.
pub fn verify(password: &str, hash: &str) -> Result<bool, PasswordError> {
    let hash = PasswordHash::new(hash)?;
    let (Some(salt), Some(expect)) = (&hash.salt, &hash.hash) else {
        return Err(PasswordError::Hash("salt or output is missing".to_owned()));
    };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from)?;
    // Outputs are compared in constant time.
    Ok(compute(algorithm, version, Params::try_from(&hash)?, password, salt)? == *expect)
}

fn compute(
    algorithm: Algorithm,
    version: Version,
    params: Params,
    password: &str,
    salt: &[u8],
) -> Result<Output, PasswordError> {
    let blocks = params.block_count();
    let mut memory = Vec::with_capacity(blocks.max(PIECE_BYTES / Block::SIZE));
    memory.resize(blocks, Block::default());
    let mut out = [0; 64];
    let out = &mut out[..params.output_len().unwrap_or(32).min(64)];
    Argon2::new(algorithm, version, params).hash_password_into_with_memory(
        password.as_bytes(),
        salt,
        out,
        &mut memory[..],
    )?;
    Ok(Output::new(out)?)
}

fn fill(bytes: &mut [u8]) -> Result<(), PasswordError> {
    getrandom::fill(bytes).map_err(|error| PasswordError::Hash(format!("no randomness: {error}")))
}

/// Why a password cannot be set or checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is empty or too long.
    #[error("a password has 1 to {CREDENTIAL_BYTES_MAX} bytes")]
    Length,
    /// It has control characters, a line break at its end perhaps.
    #[error("a password has no control characters; is there a line break at its end?")]
    Control,
    /// It cannot be hashed, or its hash cannot be read.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
    /// The ledger refuses.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<argon2::Error> for PasswordError {
    fn from(error: argon2::Error) -> Self {
        PasswordError::Hash(error.to_string())
    }
}

impl From<password_hash::Error> for PasswordError {
    fn from(error: password_hash::Error) -> Self {
        PasswordError::Hash(error.to_string())
    }
}

impl From<phc::Error> for PasswordError {
    fn from(error: phc::Error) -> Self {
        PasswordError::Hash(error.to_string())
    }
}

impl From<LedgerError> for PasswordError {
    fn from(error: LedgerError) -> Self {
        PasswordError::Refused(Refused::Failed(error))
    }
}

// --- the administrator

/// Name of the first user.
pub const ADMIN: &str = "admin";

/// Makes the user `admin`, who may do everything, where there is no user yet: with `password`, or with a random one, which is
/// returned and kept nowhere else. `None` where nothing was made up. Of several at once, one makes it. Where others
/// administer and `admin` was deleted, it stays so.
///
/// # Errors
/// [`PasswordError`].
pub async fn ensure_admin(ledger: &dyn Ledger, password: Option<&str>) -> Result<Option<String>, PasswordError> {
    let name = admin()?;
    if !ledger.accounts(Accounts::Users, None, 1).await?.is_empty() {
        return Ok(None);
    }
    match put_admin(ledger, name, None, password).await {
        Err(PasswordError::Refused(Refused::NameTaken(_))) => Ok(None),
        result => result,
    }
}

/// Gives `admin` another password and all rights, and makes it where it is not there; whatever else it could log in with ends:
/// what was issued to it and its personal tokens. Returns the password if it was made up.
///
/// # Errors
/// [`PasswordError`].
pub async fn reset_admin(ledger: &dyn Ledger, password: Option<&str>) -> Result<Option<String>, PasswordError> {
    let name = admin()?;
    let row = ledger.account(&name).await?;
    put_admin(ledger, name, row, password).await
}

fn admin() -> Result<Handle, PasswordError> {
    ADMIN.parse().map_err(|error| PasswordError::Hash(format!("{ADMIN}: {error}")))
}

async fn put_admin(
    ledger: &dyn Ledger,
    name: Handle,
    row: Option<AccountRow>,
    password: Option<&str>,
) -> Result<Option<String>, PasswordError> {
    let made_up = if password.is_none() { Some(random_password()?) } else { None };
    let password = password.or(made_up.as_deref()).unwrap_or_default().to_owned();
    let password_hash = tokio::task::spawn_blocking(move || hash_password(&password))
        .await
        .map_err(|error| PasswordError::Hash(error.to_string()))??;
    let (id, description, tokens) = match row {
        Some(row) => (row.id, row.description, ledger.secrets(&[row.id]).await?),
        None => (ids::random()?, String::new(), Vec::new()),
    };
    let account = PeopleChange::PutAccount {
        id,
        name,
        kind: AccountKind::User,
        description,
        disabled: false,
        expires_at: None,
        password: Some(people::PasswordHash(password_hash)),
    };
    // Its binding has its own id, so that there is one of them whatever has been done to it.
    let (holder, gives) = (Holder::Account(id), Gives::BuiltIn(ADMINISTRATOR.to_owned()));
    let binding = PeopleChange::PutBinding { id, holder, gives, project: None, pattern: None };
    let ends = tokens.into_iter().map(|row| PeopleChange::EndSecret { secret: row.id, account: id, at: None });
    let changes = [account, binding].into_iter().chain(ends).map(Change::People).collect();
    ledger.commit(Commit { actor: "system".to_owned(), changes, ..Commit::default() }).await?;
    Ok(made_up)
}

/// 24 characters that nobody mistakes for one another: 139 bits.
pub(crate) fn random_password() -> Result<String, PasswordError> {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut password = String::with_capacity(24);
    while password.len() < 24 {
        let mut bytes = [0; 32];
        fill(&mut bytes)?;
        // What lies outside the alphabet is thrown away rather than folded into it: every character is as likely.
        let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        password.extend(characters.take(24 - password.len()).map(|byte| char::from(*byte)));
    }
    Ok(password)
}

// --- verifying

type Key = [u8; 32];

/// What a verification found: of which user under which epoch, and whether the password was right.
#[derive(Clone)]
struct Outcome {
    of: Option<(Id, u64)>,
    right: bool,
    until: Millis,
}

type Landed = Option<Result<Outcome, AuthError>>;

/// Verifies passwords; see the module.
pub(super) struct Passwords {
    users: Arc<Users>,
    clock: Arc<dyn Clock>,
    mac: Hmac<Sha256>,
    verified: Cache<Key, Outcome>,
    /// By credential and by where it was shown: who is locked out there must not be answered for who is not.
    flights: Mutex<HashMap<(Key, Key), watch::Receiver<Landed>>>,
    permits: Arc<Semaphore>,
    lockout: Lockout,
    hashes: AtomicU64,
    /// How many new passwords are being hashed or wait for it.
    hashing: AtomicUsize,
}

impl Passwords {
    pub(super) fn new(users: Arc<Users>, key: &MasterKey, clock: Arc<dyn Clock>) -> Arc<Passwords> {
        let ttl = Duration::from_millis(VERIFIED_MS.unsigned_abs());
        Arc::new(Passwords {
            users,
            clock,
            mac: Hmac::new(&key.derive("credential cache").into()),
            verified: Cache::builder().max_capacity(VERIFIED_MAX).time_to_live(ttl).build(),
            flights: Mutex::default(),
            permits: Arc::new(Semaphore::new(PARALLEL)),
            lockout: Lockout::new(),
            hashes: AtomicU64::new(0),
            hashing: AtomicUsize::new(0),
        })
    }

    /// The account whose name and password these are, as of now, and until when that may be believed of this credential.
    /// `from` is where it was shown; what whoever is logged in already shows for something else has none.
    ///
    /// # Errors
    /// [`AuthError::BadCredentials`], [`AuthError::Busy`] where too many are being verified, or the ledger fails.
    pub(super) async fn verify(
        self: &Arc<Self>,
        name: &str,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<(Arc<Account>, Millis), AuthError> {
        let (key, guess) = (self.key(name, password.as_bytes()), self.guess(name, from));
        for _ in 0..ATTEMPTS_MAX {
            let known = self.verified.get(&key).filter(|known| self.clock.now() < known.until);
            let outcome = match known {
                Some(outcome) => outcome,
                None if self.lockout.is_locked(&guess, self.clock.now()) => {
                    return Err(AuthError::BadCredentials);
                }
                None => self.join_flight(key, guess, name, password).await?,
            };
            // A flight may have begun before this request came in: what it found must still be so.
            let account = self.users.by_name(name).await?;
            if outcome.of == account.as_ref().map(|account| (account.row.id, account.row.epoch)) {
                return match account {
                    Some(account) if outcome.right && account.is_open(self.clock.now()) => {
                        let until = account.row.expires_at.map_or(outcome.until, |at| at.min(outcome.until));
                        Ok((account, until))
                    }
                    _ => Err(AuthError::BadCredentials),
                };
            }
            self.verified.invalidate(&key);
        }
        Err(AuthError::Busy)
    }

    /// Refuses a credential that is nobody's, in the time that it takes to find a password wrong.
    pub(super) async fn refuse(self: &Arc<Self>, text: &str) -> AuthError {
        let (key, guess) = (self.key(NO_NAME, text.as_bytes()), self.guess(NO_NAME, None));
        match self.join_flight(key, guess, NO_NAME, text).await {
            Ok(_) => AuthError::BadCredentials,
            Err(error) => error,
        }
    }

    /// The hash of a new password. As many are computed at once as verifications, with which it takes turns.
    pub(super) async fn hash(&self, password: String) -> Result<people::PasswordHash, AuthError> {
        if self.hashing.fetch_add(1, Ordering::AcqRel) >= FLIGHTS_MAX {
            self.hashing.fetch_sub(1, Ordering::AcqRel);
            return Err(AuthError::Busy);
        }
        let _waiting = Waiting(&self.hashing);
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| AuthError::Busy)?;
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            hash_password(&password)
        });
        let hash = task.await.map_err(|error| AuthError::Failed(error.to_string()))?;
        hash.map(people::PasswordHash).map_err(|error| AuthError::Failed(error.to_string()))
    }

    /// How many hashes were computed since the start.
    pub(super) fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// A keyed hash of a name and a password, or what else goes with it, so that memory holds neither, and nobody can aim at an
    /// entry.
    fn key(&self, name: &str, with: &[u8]) -> Key {
        let mut mac = self.mac.clone();
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(with);
        mac.finalize().into_bytes().into()
    }

    fn guess(&self, name: &str, from: Option<IpAddr>) -> Guess {
        let place = from.map(|address| lockout::network(address).to_be_bytes());
        Guess { name: self.key(name, &[]), here: self.key(name, place.as_ref().map_or(&[], <[u8; 8]>::as_slice)) }
    }

    /// Waits for the verification of this very credential from there; begins it where nobody has. It goes on when a waiter
    /// leaves.
    async fn join_flight(
        self: &Arc<Self>,
        key: Key,
        guess: Guess,
        name: &str,
        password: &str,
    ) -> Result<Outcome, AuthError> {
        let mut landed = {
            let mut flights = self.flights.lock();
            match flights.get(&(key, guess.here)) {
                Some(landed) => landed.clone(),
                None if flights.len() >= FLIGHTS_MAX => return Err(AuthError::Busy),
                None => {
                    let (sender, receiver) = watch::channel(None);
                    flights.insert((key, guess.here), receiver.clone());
                    let flight = Flight { passwords: self.clone(), key, guess, sender };
                    tokio::spawn(flight.run(name.to_owned(), password.to_owned()));
                    receiver
                }
            }
        };
        let outcome = landed.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        outcome.ok().flatten().unwrap_or_else(|| Err(AuthError::Failed("a verification was cut off".to_owned())))
    }

    async fn compute(&self, guess: &Guess, name: &str, password: String) -> Result<Outcome, AuthError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| AuthError::Busy)?;
        let account = self.users.by_name(name).await?;
        let of = account.as_ref().map(|account| (account.row.id, account.row.epoch));
        if self.lockout.is_locked(guess, self.clock.now()) {
            return Ok(Outcome { of, right: false, until: self.clock.now() });
        }
        let hash = account.and_then(|account| account.row.password.clone());
        let can_be_right = hash.is_some();
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let task = tokio::task::spawn_blocking(move || {
            // Given back when the memory is free again, whoever waits.
            let _permit = permit;
            verify(&password, hash.as_ref().map_or(NOBODY, |hash| &hash.0))
        });
        let right = task.await.map_err(|error| AuthError::Failed(error.to_string()))?;
        let right = right.map_err(|error| AuthError::Failed(error.to_string()))? && can_be_right;
        match name {
            _ if right => self.lockout.right(guess),
            NO_NAME => {}
            _ => self.lockout.wrong(guess, self.clock.now()),
        }
        Ok(Outcome { of, right, until: self.clock.now() + VERIFIED_MS })
    }
}

/// One that waits for its hash, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The verification of one credential.
struct Flight {
    passwords: Arc<Passwords>,
    key: Key,
    guess: Guess,
    sender: watch::Sender<Landed>,
}

impl Flight {
    async fn run(self, name: String, password: String) {
        let outcome = self.passwords.compute(&self.guess, &name, password).await;
        if let Ok(outcome) = &outcome
            && outcome.right
        {
            self.passwords.verified.insert(self.key, outcome.clone());
        }
        self.sender.send_replace(Some(outcome));
    }
}

impl Drop for Flight {
    /// However it ends, nobody waits for it any more.
    fn drop(&mut self) {
        self.passwords.flights.lock().remove(&(self.key, self.guess.here));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn hashes() {
        let hash = hash_password("correct horse").expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hash_password("correct horse").expect("hashed"), "salted");
        assert_eq!(verify("correct horse", &hash), Ok(true));
        assert_eq!(verify("correct hors", &hash), Ok(false));
        let known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(verify("password", known), Ok(true), "the vector of the reference implementation, other parameters");
        assert_eq!(hash_password(""), Err(PasswordError::Length));
        assert_eq!(hash_password(&"x".repeat(CREDENTIAL_BYTES_MAX + 1)), Err(PasswordError::Length));
        for text in ["secret\n", "\0", "a\tb", "\u{85}"] {
            assert_eq!(hash_password(text), Err(PasswordError::Control), "nobody could log in with {text:?}");
        }
        assert!(matches!(verify("x", "plain"), Err(PasswordError::Hash(_))));
    }

    #[test]
    fn nobody_costs_what_a_user_costs() {
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(NOBODY), parameters(&hash_password("x").expect("hashed")));
        assert_eq!(NOBODY.len(), hash_password("x").expect("hashed").len());
        assert_eq!(verify("", NOBODY), Ok(false));
    }

    #[test]
    fn made_up_passwords() {
        let password = random_password().expect("randomness");
        assert_eq!(password.len(), 24);
        assert!(password.chars().all(|character| character.is_ascii_alphanumeric() && !"0O1Il".contains(character)));
        assert_ne!(password, random_password().expect("randomness"));
    }
}
