//! Identities over a handful of users in memory, with a clock turned by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use futures_util::future::{FutureExt, join_all};
use parking_lot::Mutex;
use wharf_model::id::Id;
use wharf_store::clock::ManualClock;
use wharf_store::ledger::Observer;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::query::PasswordHash;

use super::*;

const NOW: Millis = 1_800_000_000_000;
const PUBLIC: &str = "open/thing";

/// Hashes take time; each is computed once.
static HASHES: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

fn hash(password: &str) -> String {
    let mut hashes = HASHES.lock();
    hashes.entry(password.to_owned()).or_insert_with(|| local::hash_password(password).expect("hashed")).clone()
}

#[derive(Default)]
struct People {
    rows: Mutex<HashMap<Id, UserRow>>,
    questions: AtomicU64,
    asked_if_public: AtomicU64,
}

#[async_trait]
impl Source for People {
    async fn user(&self, name: &str) -> Result<Option<UserRow>, LedgerError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        Ok(self.rows.lock().values().find(|row| row.name == name).cloned())
    }

    async fn user_by_id(&self, id: Id) -> Result<Option<UserRow>, LedgerError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        Ok(self.rows.lock().get(&id).cloned())
    }

    async fn is_public(&self, repository: &RepositoryName) -> Result<bool, LedgerError> {
        self.asked_if_public.fetch_add(1, Ordering::Relaxed);
        Ok(repository.as_str() == PUBLIC)
    }
}

struct House {
    people: Arc<People>,
    clock: Arc<ManualClock>,
    identity: Identity,
}

const ADMIN: Id = Id([1; 16]);
const KIM: Id = Id([2; 16]);

impl House {
    fn new() -> House {
        let (people, clock) = (Arc::new(People::default()), Arc::new(ManualClock::new(NOW)));
        let identity = Identity::over(people.clone(), &MasterKey::from_bytes([7; 32]), clock.clone());
        let house = House { people, clock, identity };
        house.put(ADMIN, "admin", "secret", true);
        house.put(KIM, "kim", "pass:word", false);
        house
    }

    /// What the ledger does, its observer included.
    fn put(&self, id: Id, name: &str, password: &str, admin: bool) {
        let password_hash = PasswordHash(hash(password));
        {
            let mut rows = self.people.rows.lock();
            let before = rows.get(&id);
            let epoch = before.map_or(1, |row| row.epoch + u64::from(row.password_hash != password_hash));
            rows.insert(id, UserRow { id, name: name.to_owned(), password_hash: password_hash.clone(), epoch, admin });
        }
        let change = Change::PutUser { id, name: name.to_owned(), password_hash, admin };
        let entry = Entry { seq: 1, at: NOW, actor: "test".to_owned(), changes: vec![change] };
        self.identity.users.observer().committed(&entry);
    }

    async fn basic(&self, name: &str, password: &str) -> Result<Subject, AuthError> {
        self.identity.authenticate(Some(&basic_header(name, password))).await
    }

    async fn bearer(&self, token: &str) -> Result<Subject, AuthError> {
        self.identity.authenticate(Some(format!("Bearer {token}").as_bytes())).await
    }

    async fn token(&self, credential: Credential<'_>, scopes: &str) -> Result<Issued, AuthError> {
        self.identity.token(credential, &Scope::parse_all(scopes), true, &Policy::default()).await
    }

    fn questions(&self) -> u64 {
        self.people.questions.load(Ordering::Relaxed)
    }
}

fn basic_header(name: &str, password: &str) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))).into_bytes()
}

fn admin() -> Actor {
    Actor::User { id: ADMIN, name: "admin".into(), admin: true }
}

const SECRET: Credential<'static> = Credential::Password { name: "admin", password: "secret" };

#[tokio::test]
async fn no_header_is_anonymous() {
    assert_eq!(House::new().identity.authenticate(None).await, Ok(Subject::anonymous()));
}

#[tokio::test]
async fn passwords() {
    let house = House::new();
    assert_eq!(house.basic("admin", "secret").await, Ok(Subject { actor: admin(), ceiling: Ceiling::None }));
    assert_eq!(house.basic("kim", "pass:word").await.expect("kim").actor.key(), format!("user:{KIM}"));
    let hashes = house.identity.hashes();
    for (name, password) in
        [("admin", "Secret"), ("admin", ""), ("kim", "secret"), ("nobody", "secret"), ("Admin", "secret")]
    {
        assert_eq!(house.basic(name, password).await, Err(AuthError::BadCredentials), "{name}");
    }
    assert_eq!(house.identity.hashes(), hashes + 5, "who is not there costs as much");
}

#[tokio::test]
async fn headers_of_every_shape() {
    let house = House::new();
    let check = async |header: &[u8], expect: Result<(), AuthError>| {
        let shown = String::from_utf8_lossy(&header[..header.len().min(40)]).into_owned();
        assert_eq!(house.identity.authenticate(Some(header)).await.map(drop), expect, "{shown}");
    };
    let encoded = STANDARD_NO_PAD.encode("admin:secret");
    check(format!("basic {encoded}").as_bytes(), Ok(())).await;
    check(format!("BASIC   {encoded} ").as_bytes(), Ok(())).await;
    check(format!("Basic {}", STANDARD_NO_PAD.encode("kim:pass:word")).as_bytes(), Ok(())).await;
    check(format!("Basic {}", STANDARD.encode("kim:pass:word")).as_bytes(), Ok(())).await;
    let malformed = Err(AuthError::Malformed);
    for header in ["", "Basic", "Basic ", "Bearer", "Negotiate abc", "Basic %%%", "Basic YWRtaW4=", "admin:secret"] {
        check(header.as_bytes(), malformed.clone()).await;
    }
    check(b"Basic \xff\xfe", malformed.clone()).await;
    check(format!("Basic {}", STANDARD.encode(b"admin:\xff")).as_bytes(), malformed.clone()).await;
    check(format!("Basic {}", STANDARD.encode(":secret")).as_bytes(), malformed.clone()).await;
    let long = "x".repeat(CREDENTIAL_BYTES_MAX + 1);
    check(&basic_header(&long, "x"), malformed.clone()).await;
    check(&basic_header("admin", &long), malformed.clone()).await;
    for (name, password) in
        [("admin\0", "secret"), ("\0", "x"), ("a\nb", "x"), ("admin", "secret\0"), ("admin", "\u{9b}")]
    {
        check(&basic_header(name, password), malformed.clone()).await;
        let shown = house.token(Credential::Password { name, password }, "").await;
        assert_eq!(shown.map(drop), malformed, "{name:?} {password:?}");
    }
    check(format!("Bearer {}", "x".repeat(AUTHORIZATION_BYTES_MAX)).as_bytes(), malformed).await;
    check(b"Bearer nonsense", Err(AuthError::BadCredentials)).await;
}

#[tokio::test]
async fn a_right_password_is_known_for_a_while() {
    let house = House::new();
    house.basic("admin", "secret").await.expect("right");
    let (hashes, questions) = (house.identity.hashes(), house.questions());
    for _ in 0..10 {
        house.basic("admin", "secret").await.expect("right");
    }
    assert_eq!((house.identity.hashes(), house.questions()), (hashes, questions), "a header that is known asks nobody");
    house.token(SECRET, "").await.expect("issued");
    assert_eq!(house.identity.hashes(), hashes, "the same password in a form");
    house.clock.advance(Duration::from_millis(VERIFIED_MS.unsigned_abs()));
    house.basic("admin", "secret").await.expect("right");
    assert_eq!(house.identity.hashes(), hashes + 1, "over after five minutes");
    house.basic("admin", "wrong").await.expect_err("wrong");
    house.basic("admin", "wrong").await.expect_err("wrong");
    assert_eq!(house.identity.hashes(), hashes + 3, "wrong ones are not kept");
}

#[tokio::test]
async fn a_change_counts_at_once() {
    let house = House::new();
    house.basic("admin", "secret").await.expect("right");
    let hashes = house.identity.hashes();
    house.put(KIM, "kim", "other", false);
    house.basic("admin", "secret").await.expect("right");
    assert_eq!(house.identity.hashes(), hashes, "somebody else's change costs no hash");

    house.put(ADMIN, "admin", "secret", false);
    let subject = house.basic("admin", "secret").await.expect("right");
    assert_eq!(
        subject.actor,
        Actor::User { id: ADMIN, name: "admin".into(), admin: false },
        "no administrator any more"
    );

    house.put(ADMIN, "admin", "new", true);
    assert_eq!(house.basic("admin", "secret").await, Err(AuthError::BadCredentials), "the old password");
    assert!(house.basic("admin", "new").await.is_ok());

    house.put(ADMIN, "root", "new", true);
    assert_eq!(house.basic("admin", "new").await, Err(AuthError::BadCredentials), "the old name");
    assert!(house.basic("root", "new").await.is_ok());
}

#[tokio::test]
async fn a_slow_reader_brings_nothing_back() {
    let house = House::new();
    let users = &house.identity.users;
    // Read before the change, kept after it.
    let (version, row) = (users.version(), house.people.user("admin").await.expect("answers"));
    house.put(ADMIN, "admin", "new", true);
    users.keep(version, row);
    let current = users.by_name("admin").await.expect("answers").expect("there");
    assert_eq!(current.epoch, 2);
    assert_eq!(users.by_id(ADMIN).await.expect("answers").expect("there").epoch, 2);
}

#[tokio::test]
async fn one_credential_is_computed_once() {
    let house = House::new();
    let before = house.identity.hashes();
    let all = join_all((0..20).map(|_| house.basic("admin", "secret"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(house.identity.hashes(), before + 1);
    let all = join_all((0..20).map(|_| house.basic("admin", "wrong"))).await;
    assert!(all.iter().all(|one| *one == Err(AuthError::BadCredentials)));
    assert_eq!(house.identity.hashes(), before + 2);
}

#[tokio::test]
async fn a_password_changed_during_its_verification() {
    let house = House::new();
    let verification = house.basic("admin", "secret");
    let mut verification = std::pin::pin!(verification);
    // The flight takes off, and has read the user, before the change.
    assert!(verification.as_mut().now_or_never().is_none());
    tokio::task::yield_now().await;
    house.put(ADMIN, "admin", "new", true);
    assert_eq!(verification.await, Err(AuthError::BadCredentials));
    assert!(house.basic("admin", "new").await.is_ok());
}

#[tokio::test]
async fn more_than_can_wait_are_turned_away() {
    let house = House::new();
    let names: Vec<String> = (0..200).map(|number| format!("user{number}")).collect();
    let mut attempts: Vec<_> = names.iter().map(|name| Box::pin(house.basic(name, "x"))).collect();
    let mut busy = 0;
    for attempt in &mut attempts {
        if let Some(result) = attempt.now_or_never() {
            assert_eq!(result, Err(AuthError::Busy));
            busy += 1;
        }
    }
    assert_eq!(busy, 200 - 64);
}

#[tokio::test]
async fn tokens() {
    let house = House::new();
    let issued = house.token(SECRET, "repository:acme/app:pull,push repository:UPPER:pull").await.expect("issued");
    assert_eq!((issued.expires_in, issued.issued_at), (300, NOW));
    let ceiling = Ceiling::Scopes(Scope::parse_all("repository:acme/app:pull,push").into());
    assert_eq!(house.bearer(&issued.token).await, Ok(Subject { actor: admin(), ceiling }));

    let questions = house.questions();
    house.bearer(&issued.token).await.expect("known");
    assert_eq!(house.questions(), questions);
    house.clock.advance(Duration::from_secs(300));
    assert_eq!(house.bearer(&issued.token).await, Err(AuthError::Expired), "known or not");
}

#[tokio::test]
async fn tokens_say_only_what_is_allowed() {
    let house = House::new();
    let check = async |credential: Credential<'_>, asked: &str, expect: &str| {
        let issued = house.token(credential, asked).await.expect("issued");
        let expect = Ceiling::Scopes(Scope::parse_all(expect).into());
        assert_eq!(house.bearer(&issued.token).await.expect("good").ceiling, expect, "{asked}");
    };
    let kim = Credential::Password { name: "kim", password: "pass:word" };
    check(kim, "repository:open/thing:pull,push", "repository:open/thing:pull").await;
    check(kim, "repository:acme/app:pull", "").await;
    check(kim, "", "").await;
    check(Credential::Header(None), "repository:open/thing:* registry:catalog:*", "repository:open/thing:pull").await;
    check(SECRET, "registry:catalog:*", "registry:catalog:*").await;
}

#[tokio::test]
async fn tokens_name_each_repository_once() {
    let house = House::new();
    let asked =
        "repository:acme/app:pull repository:acme/app:push,pull repository:b:pull repository:acme/app:pull ".repeat(30);
    let issued = house.token(SECRET, &asked).await.expect("issued");
    let expect = Ceiling::Scopes(Scope::parse_all("repository:acme/app:pull,push repository:b:pull").into());
    assert_eq!(house.bearer(&issued.token).await.expect("good").ceiling, expect);
    assert_eq!(house.people.asked_if_public.load(Ordering::Relaxed), 2);
}

/// However much tokens say, the headers that are known stay within their bound.
#[tokio::test]
async fn large_tokens_leave_room_for_fewer() {
    let house = House::new();
    let name = |at: usize| format!("repository:{}/{at}:pull,push,delete", "a".repeat(200));
    let asked: Vec<_> = (0..100).map(name).collect();
    let issued = house.token(SECRET, &asked.join(" ")).await.expect("issued");
    house.bearer(&issued.token).await.expect("good");
    let weights: Vec<_> = house.identity.fronts.iter().map(|(_, front)| front.bytes()).collect();
    let [weight] = weights[..] else { panic!("{weights:?}") };
    assert!((8 << 10..32 << 10).contains(&weight), "{weight}");
    let front = house.identity.fronts.iter().next().expect("it is known").1;
    for number in 0..2_000_u32 {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        house.identity.fronts.insert(key, front.clone());
    }
    house.identity.fronts.run_pending_tasks();
    assert!(house.identity.fronts.weighted_size() <= FRONTS_BYTES_MAX);
    assert!(house.identity.fronts.entry_count() < 1_000);
}

#[tokio::test]
async fn tokens_end_with_the_credential() {
    let house = House::new();
    let issued = house.token(SECRET, "repository:acme/app:pull").await.expect("issued");
    let fresh = house.token(SECRET, "repository:acme/app:pull").await.expect("issued");
    house.bearer(&issued.token).await.expect("good");
    house.put(KIM, "kim", "other", false);
    house.bearer(&issued.token).await.expect("somebody else's change");
    house.put(ADMIN, "admin", "secret", false);
    let subject = house.bearer(&issued.token).await.expect("still the same password");
    assert_eq!(subject.actor, Actor::User { id: ADMIN, name: "admin".into(), admin: false }, "rights are as of now");
    house.put(ADMIN, "admin", "new", true);
    assert_eq!(house.bearer(&issued.token).await, Err(AuthError::BadCredentials), "known");
    assert_eq!(house.bearer(&fresh.token).await, Err(AuthError::BadCredentials), "never seen");
    house.people.rows.lock().remove(&ADMIN);
    house.put(KIM, "kim", "pass:word", false);
    assert_eq!(house.bearer(&fresh.token).await, Err(AuthError::BadCredentials), "gone");
}

#[tokio::test]
async fn refresh_tokens() {
    let house = House::new();
    let issued = house.token(SECRET, "").await.expect("issued");
    let refresh = issued.refresh_token.expect("asked for");
    assert_eq!(house.bearer(&refresh).await, Err(AuthError::BadCredentials), "not for the registry");
    house.clock.advance(Duration::from_secs(3600));
    let again = house.token(Credential::Refresh(&refresh), "repository:acme/app:push").await.expect("exchanged");
    assert_eq!(house.bearer(&again.token).await.expect("good").actor, admin());
    assert!(again.refresh_token.is_none(), "it begets none like itself");
    let refused = async |token: &str, expect| {
        assert_eq!(house.token(Credential::Refresh(token), "").await.map(drop), Err(expect));
    };
    refused(&again.token, AuthError::BadCredentials).await;
    refused("x", AuthError::BadCredentials).await;
    refused(&"x".repeat(AUTHORIZATION_BYTES_MAX + 1), AuthError::Malformed).await;
    house.put(ADMIN, "admin", "new", true);
    refused(&refresh, AuthError::BadCredentials).await;
    let anonymous = house.token(Credential::Header(None), "").await.expect("issued");
    assert!(anonymous.refresh_token.is_none(), "nobody to remember");
}

#[tokio::test]
async fn tokens_beget_no_tokens() {
    let house = House::new();
    let issued = house.token(SECRET, "").await.expect("issued");
    let header = format!("Bearer {}", issued.token);
    let result = house.token(Credential::Header(Some(header.as_bytes())), "").await;
    assert_eq!(result.map(drop), Err(AuthError::BadCredentials));
    let result = house.token(Credential::Header(Some(&basic_header("admin", "secret"))), "").await;
    assert!(result.is_ok());
}

#[tokio::test]
async fn the_first_administrator() {
    use local::{ensure_admin, reset_admin};
    use wharf_store::ledger::LedgerOptions;
    use wharf_store::ledger::sqlite::Sqlite;

    let data = tempfile::tempdir().expect("a folder");
    let ledger = Sqlite::open(data.path().join("ledger.db"), LedgerOptions::default()).await.expect("a ledger");
    let identity = Identity::new(ledger.clone(), Arc::new(Caches::new(0)), &MasterKey::from_bytes([7; 32]));
    let login = async |password: &str| {
        let subject = identity.authenticate(Some(&basic_header("admin", password))).await;
        subject.map(|subject| matches!(subject.actor, Actor::User { admin: true, .. }))
    };

    assert_eq!(login("x").await, Err(AuthError::BadCredentials), "nobody yet");
    let made_up = ensure_admin(&*ledger, None).await.expect("made").expect("a password");
    assert_eq!(login(&made_up).await, Ok(true));
    assert_eq!(ensure_admin(&*ledger, Some("other")).await, Ok(None), "there is one");
    assert_eq!(login("other").await, Err(AuthError::BadCredentials));

    let id = ledger.user("admin").await.expect("answers").expect("there").id;
    assert_eq!(reset_admin(&*ledger, Some("a:b")).await, Ok(None));
    assert_eq!(login(&made_up).await, Err(AuthError::BadCredentials), "at once");
    assert_eq!(login("a:b").await, Ok(true));
    assert_eq!(ledger.user("admin").await.expect("answers").expect("there").id, id, "the same user");
    assert!(reset_admin(&*ledger, None).await.expect("reset").is_some());
    assert_eq!(reset_admin(&*ledger, Some("")).await, Err(local::PasswordError::Length));
}
