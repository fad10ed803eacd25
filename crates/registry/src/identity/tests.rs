//! Identities over a handful of users in memory, with a clock turned by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use futures_util::future::{FutureExt, join_all};
use parking_lot::Mutex;
use wharf_model::api::people::Limit;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::permission::{Permission, Permissions};
use wharf_store::clock::ManualClock;
use wharf_store::ledger::Observer;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::people::{
    AccountKind, AccountRow, BindingRow, Gives, Holder, PasswordHash, PeopleChange, SecretHash, SecretRow,
};

use super::*;
use crate::actor::Actor;

const NOW: Millis = 1_800_000_000_000;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PUBLIC: &str = "open/thing";

/// Hashes take time; each is computed once.
static HASHES: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

fn hash(password: &str) -> String {
    let mut hashes = HASHES.lock();
    hashes.entry(password.to_owned()).or_insert_with(|| local::hash_password(password).expect("hashed")).clone()
}

#[derive(Default)]
struct People {
    rows: Mutex<HashMap<Id, AccountRow>>,
    bindings: Mutex<Vec<BindingRow>>,
    secrets: Mutex<HashMap<Id, SecretRow>>,
    uses: Mutex<Vec<(Id, Millis)>>,
    questions: AtomicU64,
    places: AtomicU64,
}

#[async_trait]
impl Source for People {
    async fn account(&self, name: &Handle) -> Result<Option<AccountRow>, LedgerError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        Ok(self.rows.lock().values().find(|row| row.name == *name).cloned())
    }

    async fn account_by_id(&self, id: Id) -> Result<Option<AccountRow>, LedgerError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        Ok(self.rows.lock().get(&id).cloned())
    }

    async fn bindings_of(&self, account: Id) -> Result<Vec<BindingRow>, LedgerError> {
        let bindings = self.bindings.lock();
        Ok(bindings.iter().filter(|binding| binding.holder == Holder::Account(account)).cloned().collect())
    }

    async fn secret(&self, id: Id) -> Result<Option<SecretRow>, LedgerError> {
        Ok(self.secrets.lock().get(&id).cloned())
    }

    async fn note_uses(&self, uses: &[(Id, Millis)]) -> Result<(), LedgerError> {
        self.uses.lock().extend_from_slice(uses);
        Ok(())
    }

    async fn place(&self, repository: &RepositoryName) -> Result<PlaceRow, LedgerError> {
        self.places.fetch_add(1, Ordering::Relaxed);
        let id = Some(Id([9; 16]));
        Ok(match repository.as_str() {
            PUBLIC => PlaceRow { repository: id, project: id, public: true, rules: None },
            name if name.starts_with("acme/") => {
                PlaceRow { repository: id, project: Some(ACME), public: false, rules: None }
            }
            _ => PlaceRow::default(),
        })
    }
}

struct House {
    people: Arc<People>,
    clock: Arc<ManualClock>,
    identity: Identity,
}

const ADMIN: Id = Id([1; 16]);
const KIM: Id = Id([2; 16]);
const ROBOT: Id = Id([3; 16]);
const ACME: Id = Id([4; 16]);

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
        self.people.bindings.lock().retain(|binding| binding.holder != Holder::Account(id));
        if admin {
            self.bind(id, Permissions::ALL, None);
        }
        self.put_row(id, name, AccountKind::User, Some(PasswordHash(hash(password))), |_| {});
    }

    fn put_row(
        &self,
        id: Id,
        name: &str,
        kind: AccountKind,
        password: Option<PasswordHash>,
        change: impl FnOnce(&mut AccountRow),
    ) {
        {
            let mut rows = self.people.rows.lock();
            let before = rows.get(&id);
            let mut row = AccountRow {
                id,
                name: name.parse().expect("a name"),
                kind,
                description: String::new(),
                epoch: before.map_or(1, |row| row.epoch + u64::from(row.password != password)),
                password,
                disabled: false,
                expires_at: None,
                created_at: NOW,
            };
            change(&mut row);
            rows.insert(id, row);
        }
        self.changed();
    }

    fn change(&self, id: Id, change: impl FnOnce(&mut AccountRow)) {
        change(self.people.rows.lock().get_mut(&id).expect("it is there"));
        self.changed();
    }

    fn bind(&self, account: Id, permissions: Permissions, project: Option<Id>) {
        self.people.bindings.lock().push(BindingRow {
            id: Id([8; 16]),
            holder: Holder::Account(account),
            holder_name: "kim".parse().expect("a name"),
            is_robot: false,
            role: None,
            permissions,
            project: project.map(|id| (id, Some("acme".parse().expect("a name")))),
            pattern: None,
        });
        self.changed();
    }

    /// A token's text.
    fn put_secret(&self, id: Id, account: Id, change: impl FnOnce(&mut SecretRow)) -> String {
        let (text, hash) = personal::new(id).expect("randomness");
        let mut row = SecretRow {
            number: 1,
            id,
            account,
            name: "laptop".to_owned(),
            hash,
            limits: Vec::new(),
            created_at: NOW,
            expires_at: None,
            used_at: None,
        };
        change(&mut row);
        self.people.secrets.lock().insert(id, row);
        self.changed();
        text
    }

    fn changed(&self) {
        self.committed(PeopleChange::EndSessions { account: KIM });
    }

    fn committed(&self, change: PeopleChange) {
        let change = Change::People(change);
        let entry = Entry { seq: 1, at: NOW, actor: "test".to_owned(), changes: vec![change] };
        self.identity.users.observer().committed(&entry);
    }

    async fn basic(&self, name: &str, password: &str) -> Result<Subject, AuthError> {
        self.identity.authenticate(Some(&basic_header(name, password)), HERE).await
    }

    async fn bearer(&self, token: &str) -> Result<Subject, AuthError> {
        self.identity.authenticate(Some(format!("Bearer {token}").as_bytes()), HERE).await
    }

    async fn token(&self, credential: Credential<'_>, scopes: &str) -> Result<Issued, AuthError> {
        self.identity.token(credential, &Scope::parse_all(scopes), true, &Policy::default(), HERE).await
    }

    fn questions(&self) -> u64 {
        self.people.questions.load(Ordering::Relaxed)
    }
}

fn basic_header(name: &str, password: &str) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))).into_bytes()
}

fn admin() -> Actor {
    Actor::User { id: ADMIN, name: "admin".parse().expect("a name") }
}

/// Whether it may do everything.
fn rules(subject: &Subject) -> bool {
    subject.rights.system() == Permissions::ALL
}

fn scoped(scopes: &str) -> Ceiling {
    Ceiling { scopes: Some(Scope::parse_all(scopes).into()), ..Ceiling::default() }
}

const SECRET: Credential<'static> = Credential::Password { name: "admin", password: "secret" };

#[tokio::test]
async fn no_header_is_anonymous() {
    assert_eq!(House::new().identity.authenticate(None, HERE).await, Ok(Subject::anonymous()));
}

#[tokio::test]
async fn passwords() {
    let house = House::new();
    let subject = house.basic("admin", "secret").await.expect("right");
    assert_eq!((&subject.actor, &subject.ceiling), (&admin(), &Ceiling::default()));
    assert!(rules(&subject) && !rules(&house.basic("kim", "pass:word").await.expect("kim")));
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
        assert_eq!(house.identity.authenticate(Some(header), HERE).await.map(drop), expect, "{shown}");
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
    assert!(subject.actor == admin() && !rules(&subject), "no administrator any more");

    house.put(ADMIN, "admin", "new", true);
    assert_eq!(house.basic("admin", "secret").await, Err(AuthError::BadCredentials), "the old password");
    assert!(house.basic("admin", "new").await.is_ok());

    house.put(ADMIN, "root", "new", true);
    assert_eq!(house.basic("admin", "new").await, Err(AuthError::BadCredentials), "the old name");
    assert!(house.basic("root", "new").await.is_ok());
}

/// A token is told of by its own change; accounts are not asked about again for that.
#[tokio::test]
async fn ends_of_tokens_concern_tokens() {
    let house = House::new();
    let (id, others) = (Id([7; 16]), Id([6; 16]));
    let text = house.put_secret(id, KIM, |_| {});
    let name = "ci".to_owned();
    house.basic("kim", &text).await.expect("right");
    house.basic("admin", "secret").await.expect("right");
    let questions = house.questions();
    let (hash, limits, expires_at) = (SecretHash::default(), Vec::new(), None);
    house.committed(PeopleChange::PutSecret { id: others, account: ADMIN, name, hash, limits, expires_at });
    house.committed(PeopleChange::EndSecret { secret: others, account: ADMIN, at: None });
    house.basic("kim", &text).await.expect("right");
    house.basic("admin", "secret").await.expect("right");
    assert_eq!(house.questions(), questions, "nobody's account was changed");
    house.people.secrets.lock().remove(&id);
    house.committed(PeopleChange::EndSecret { secret: id, account: KIM, at: None });
    assert_eq!(house.basic("kim", &text).await, Err(AuthError::BadCredentials), "at once");
    assert!(house.basic("admin", "secret").await.is_ok());
}

#[tokio::test]
async fn a_slow_reader_brings_nothing_back() {
    let house = House::new();
    let users = &house.identity.users;
    // Read before the change, kept after it.
    let name = "admin".parse().expect("a name");
    let (version, row) = (users.accounts_version(), house.people.account(&name).await.expect("answers"));
    house.put(ADMIN, "admin", "new", true);
    users.load(version, row).await.expect("answers");
    let current = users.by_name("admin").await.expect("answers").expect("there");
    assert_eq!(current.row.epoch, 2);
    assert_eq!(users.by_id(ADMIN).await.expect("answers").expect("there").row.epoch, 2);
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
    let subject = house.bearer(&issued.token).await.expect("good");
    assert_eq!((&subject.actor, &subject.ceiling), (&admin(), &scoped("repository:acme/app:pull,push")));
    assert!(rules(&subject));

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
        let expect = scoped(expect);
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
    let expect = scoped("repository:acme/app:pull,push repository:b:pull");
    assert_eq!(house.bearer(&issued.token).await.expect("good").ceiling, expect);
    assert_eq!(house.people.places.load(Ordering::Relaxed), 2);
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
    assert!(subject.actor == admin() && !rules(&subject), "rights are as of now");
    house.put(ADMIN, "admin", "new", true);
    assert_eq!(house.bearer(&issued.token).await, Err(AuthError::BadCredentials), "known");
    assert_eq!(house.bearer(&fresh.token).await, Err(AuthError::BadCredentials), "never seen");
    house.people.rows.lock().remove(&ADMIN);
    house.changed();
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

const TOKEN: Id = Id([5; 16]);

#[tokio::test]
async fn a_token_in_place_of_a_password() {
    let house = House::new();
    let limits = vec![Limit { permissions: Permissions::of(&[Permission::Pull]), repositories: None }];
    let limited = house.put_secret(TOKEN, KIM, |row| row.limits = limits.clone());
    let hashes = house.identity.hashes();
    let subject = house.basic("kim", &limited).await.expect("right");
    assert_eq!(subject.actor.key(), format!("user:{KIM}"));
    assert_eq!(subject.ceiling, Ceiling { limits: limits.into(), scopes: None, by_token: true });
    assert_eq!(house.identity.hashes(), hashes, "256 random bits need none");

    let (other, _) = personal::new(TOKEN).expect("randomness");
    assert_eq!(house.basic("kim", &other).await, Err(AuthError::BadCredentials), "another secret");
    let (unknown, _) = personal::new(Id([6; 16])).expect("randomness");
    for (name, text) in
        [("admin", &limited), ("nobody", &limited), ("Kim", &limited), ("kim", &unknown), ("nobody", &unknown)]
    {
        let before = house.identity.hashes();
        assert_eq!(house.basic(name, text).await, Err(AuthError::BadCredentials), "{name}");
        assert_eq!(house.identity.hashes(), before + 1, "{name}: as slow as a wrong password");
    }
    house.people.secrets.lock().remove(&TOKEN);
    house.changed();
    assert_eq!(house.basic("kim", &limited).await, Err(AuthError::BadCredentials), "gone");
}

#[tokio::test]
async fn tokens_of_people_expire() {
    let house = House::new();
    let text = house.put_secret(TOKEN, KIM, |row| row.expires_at = Some(NOW + 10_000));
    let kim = Credential::Password { name: "kim", password: &text };
    let issued = house.token(kim, "repository:open/thing:pull").await.expect("issued");
    let refresh = issued.refresh_token.expect("asked for");
    house.basic("kim", &text).await.expect("right");
    house.bearer(&issued.token).await.expect("good");
    house.clock.advance(Duration::from_millis(10_000));
    assert_eq!(house.basic("kim", &text).await, Err(AuthError::Expired));
    assert_eq!(house.bearer(&issued.token).await, Err(AuthError::BadCredentials), "what came of it ends with it");
    let again = house.token(Credential::Refresh(&refresh), "").await;
    assert_eq!(again.map(drop), Err(AuthError::BadCredentials));
}

#[tokio::test]
async fn what_came_of_a_token_ends_with_it_and_has_its_limits() {
    let house = House::new();
    house.bind(KIM, Permissions::of(&[Permission::Pull, Permission::Push]), Some(ACME));
    let limit = |permission| vec![Limit { permissions: Permissions::of(&[permission]), repositories: None }];
    let text = house.put_secret(TOKEN, KIM, |row| row.limits = limit(Permission::Pull));
    let kim = Credential::Password { name: "kim", password: &text };
    let issued = house.token(kim, "repository:acme/app:pull,push").await.expect("issued");
    let subject = house.bearer(&issued.token).await.expect("good");
    assert_eq!(subject.ceiling.scopes, scoped("repository:acme/app:pull").scopes);
    assert_eq!(subject.ceiling.limits[..], limit(Permission::Pull));
    let refresh = issued.refresh_token.expect("asked for");
    let again = house.token(Credential::Refresh(&refresh), "repository:acme/app:pull,push").await.expect("exchanged");
    assert_eq!(house.bearer(&again.token).await.expect("good").ceiling, subject.ceiling);
    // Limits are as of now.
    house.people.secrets.lock().get_mut(&TOKEN).expect("there").limits = limit(Permission::Delete);
    house.changed();
    assert_eq!(house.bearer(&issued.token).await.expect("good").ceiling.limits[..], limit(Permission::Delete));
    house.people.secrets.lock().remove(&TOKEN);
    house.changed();
    for token in [&issued.token, &again.token] {
        assert_eq!(house.bearer(token).await, Err(AuthError::BadCredentials));
    }
    let refused = house.token(Credential::Refresh(&refresh), "").await;
    assert_eq!(refused.map(drop), Err(AuthError::BadCredentials));
}

/// What a browser shows ends with the password, the account and the token that it came of, and is nothing but that.
#[tokio::test]
async fn a_session_ends_with_what_it_came_of() {
    let house = House::new();
    let here = std::net::IpAddr::from([127, 0, 0, 1]);
    let session = house.identity.sign_in("admin", "secret", here).await.expect("right");
    let subject = house.identity.signed_in(&session.text).await.expect("good");
    assert!(subject.actor == admin() && rules(&subject) && subject.ceiling.by_token, "no more than a token is");
    assert_eq!(house.bearer(&session.text).await, Err(AuthError::BadCredentials), "it opens the pages only");
    let refresh = house.token(Credential::Refresh(&session.text), "").await;
    assert_eq!(refresh.map(drop), Err(AuthError::BadCredentials));
    let access = house.token(Credential::Password { name: "admin", password: "secret" }, "").await.expect("issued");
    assert_eq!(house.identity.signed_in(&access.token).await, Err(AuthError::BadCredentials));
    for text in ["", "x", "a.b.c", &session.text[1..]] {
        assert_eq!(house.identity.signed_in(text).await, Err(AuthError::BadCredentials), "{text}");
    }
    house.put(ADMIN, "admin", "secret", false);
    assert!(!rules(&house.identity.signed_in(&session.text).await.expect("good")), "rights are as of now");
    house.put(ADMIN, "admin", "new", true);
    assert_eq!(house.identity.signed_in(&session.text).await, Err(AuthError::BadCredentials), "another password");

    let text = house.put_secret(TOKEN, KIM, |_| {});
    let session = house.identity.sign_in("kim", &text, here).await.expect("right");
    house.identity.signed_in(&session.text).await.expect("good");
    house.people.secrets.lock().remove(&TOKEN);
    house.changed();
    assert_eq!(house.identity.signed_in(&session.text).await, Err(AuthError::BadCredentials), "the token ended");

    let session = house.identity.sign_in("admin", "new", here).await.expect("right");
    house.clock.advance(Duration::from_secs(12 * 3600));
    assert_eq!(house.identity.signed_in(&session.text).await, Err(AuthError::Expired));
    let wrong = house.identity.sign_in("admin", "secret", here).await;
    assert_eq!(wrong.map(drop), Err(AuthError::BadCredentials));
}

#[tokio::test]
async fn uses_of_tokens_are_noted_now_and_then() {
    let house = House::new();
    let text = house.put_secret(TOKEN, KIM, |_| {});
    let noted = async || {
        tokio::task::yield_now().await;
        house.people.uses.lock().clone()
    };
    for _ in 0..10 {
        house.basic("kim", &text).await.expect("right");
        house.changed();
    }
    assert_eq!(noted().await, [(TOKEN, NOW)]);
    house.clock.advance(Duration::from_secs(300));
    house.basic("kim", &text).await.expect("right");
    assert_eq!(noted().await, [(TOKEN, NOW), (TOKEN, NOW + 300_000)]);
}

#[tokio::test]
async fn disabled_and_expired_accounts_are_shut_out() {
    let house = House::new();
    let text = house.put_secret(TOKEN, KIM, |_| {});
    let kim = Credential::Password { name: "kim", password: "pass:word" };
    let issued = house.token(kim, "").await.expect("issued");
    let refused = async |why: &str| {
        assert_eq!(house.basic("kim", "pass:word").await, Err(AuthError::BadCredentials), "{why}: password");
        assert_eq!(house.basic("kim", &text).await, Err(AuthError::BadCredentials), "{why}: token");
        assert_eq!(house.bearer(&issued.token).await, Err(AuthError::BadCredentials), "{why}: bearer token");
    };
    let passes = async || {
        house.basic("kim", "pass:word").await.expect("right");
        house.basic("kim", &text).await.expect("right");
        house.bearer(&issued.token).await.expect("good");
    };
    passes().await;
    house.change(KIM, |row| row.disabled = true);
    refused("disabled").await;
    house.change(KIM, |row| row.disabled = false);
    passes().await;
    house.change(KIM, |row| row.expires_at = Some(NOW + 5_000));
    passes().await;
    house.clock.advance(Duration::from_millis(5_000));
    refused("expired, and nothing else has changed").await;
}

#[tokio::test]
async fn robots_have_tokens_only_and_stay_in_their_project() {
    let house = House::new();
    house.put_row(ROBOT, "acme+ci", AccountKind::Robot { project: Some(ACME) }, None, |_| {});
    house.bind(ROBOT, Permissions::of(&[Permission::Pull]), Some(ACME));
    house.bind(ROBOT, Permissions::of(&[Permission::Push]), Some(Id([7; 16])));
    house.bind(ROBOT, Permissions::ALL, None);
    let text = house.put_secret(TOKEN, ROBOT, |_| {});
    let subject = house.basic("acme+ci", &text).await.expect("right");
    assert!(matches!(&subject.actor, Actor::Robot { name, .. } if name.as_str() == "acme+ci"));
    assert_eq!(subject.rights.system(), Permissions::NONE);
    let at = |project| subject.rights.at(&Place { project: Some(project), ..Place::default() }).to_string();
    assert_eq!((at(ACME), at(Id([7; 16]))), ("pull".to_owned(), String::new()));
    for password in ["", "x", "wharf_"] {
        assert_eq!(house.basic("acme+ci", password).await, Err(AuthError::BadCredentials));
    }
}

#[tokio::test]
async fn guessing_is_locked_out() {
    let house = House::new();
    let text = house.put_secret(TOKEN, KIM, |_| {});
    house.basic("kim", "pass:word").await.expect("right");
    for name in ["kim", "nobody"] {
        for guess in 0..10 {
            assert_eq!(house.basic(name, &format!("guess {guess}")).await, Err(AuthError::BadCredentials));
        }
        let hashes = house.identity.hashes();
        for guess in 0..10 {
            assert_eq!(house.basic(name, &format!("guess {guess}")).await, Err(AuthError::BadCredentials));
        }
        assert_eq!(house.identity.hashes(), hashes, "{name}: none is looked at");
    }
    house.basic("kim", "pass:word").await.expect("it is known to be right");
    house.basic("kim", &text).await.expect("nobody guesses tokens");
    house.basic("admin", "secret").await.expect("somebody else");
    house.put(KIM, "kim", "other", false);
    assert_eq!(house.basic("kim", "other").await, Err(AuthError::BadCredentials), "not even the right one");
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.basic("kim", "guess").await, Err(AuthError::BadCredentials));
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.basic("kim", "other").await, Err(AuthError::BadCredentials), "for twice as long now");
    house.clock.advance(Duration::from_secs(1));
    house.basic("kim", "other").await.expect("over");
}

/// Whoever fails elsewhere keeps nobody out here, unless it is done from very many places.
#[tokio::test]
async fn guessing_elsewhere_locks_nobody_out() {
    let house = House::new();
    let place = |number: u8| IpAddr::from([192, 0, 2, number]);
    let guess = async |number: u8, password: &str| {
        house.identity.authenticate(Some(&basic_header("kim", password)), place(number)).await.map(drop)
    };
    let wrong = Err(AuthError::BadCredentials);
    for count in 0..20 {
        assert_eq!(guess(1, &format!("guess {count}")).await, wrong);
    }
    assert_eq!(house.identity.hashes(), 10);
    assert_eq!(guess(1, "pass:word").await, wrong, "not even the right one");
    assert_eq!(guess(2, "pass:word").await, Ok(()), "but elsewhere");
    house.put(KIM, "kim", "other", false);
    for number in 3..22 {
        for count in 0..10 {
            assert_eq!(guess(number, &format!("guess {count}")).await, wrong);
        }
    }
    assert_eq!(house.identity.hashes(), 10 + 1 + 190);
    assert_eq!(guess(30, "other").await, wrong, "of the name alone some are looked at, and no more");
    assert_eq!(house.identity.hashes(), 10 + 1 + 190);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(guess(30, "other").await, Ok(()));
}

#[tokio::test]
async fn the_first_administrator() {
    use local::{ensure_admin, reset_admin};
    use wharf_store::ledger::LedgerOptions;
    use wharf_store::ledger::change::Commit;
    use wharf_store::ledger::sqlite::Sqlite;

    let data = tempfile::tempdir().expect("a folder");
    let ledger = Sqlite::open(data.path().join("ledger.db"), LedgerOptions::default()).await.expect("a ledger");
    let identity = Identity::new(ledger.clone(), Arc::new(Caches::new(0)), &MasterKey::from_bytes([7; 32]));
    let login = async |password: &str| {
        let subject = identity.authenticate(Some(&basic_header("admin", password)), HERE).await;
        subject.map(|subject| rules(&subject))
    };

    assert_eq!(login("x").await, Err(AuthError::BadCredentials), "nobody yet");
    let made_up = ensure_admin(&*ledger, None).await.expect("made").expect("a password");
    assert_eq!(login(&made_up).await, Ok(true));
    assert_eq!(ensure_admin(&*ledger, Some("other")).await, Ok(None), "there is one");
    assert_eq!(login("other").await, Err(AuthError::BadCredentials));

    let name = "admin".parse().expect("a name");
    let id = ledger.account(&name).await.expect("answers").expect("there").id;
    let disable = PeopleChange::PutAccount {
        id,
        name: "admin".parse().expect("a name"),
        kind: AccountKind::User,
        description: "the first".to_owned(),
        disabled: true,
        expires_at: Some(1),
        password: None,
    };
    let unbind = PeopleChange::DeleteBinding { binding: id, project: None };
    // There is always one who administers.
    let another = PeopleChange::PutAccount {
        id: KIM,
        name: "kim".parse().expect("a name"),
        kind: AccountKind::User,
        description: String::new(),
        disabled: false,
        expires_at: None,
        password: Some(PasswordHash("of something".to_owned())),
    };
    let (holder, gives) = (Holder::Account(KIM), Gives::BuiltIn("administrator".to_owned()));
    let bind = PeopleChange::PutBinding { id: KIM, holder, gives, project: None, pattern: None };
    let changes = [another, bind, disable, unbind].map(Change::People).into();
    ledger.commit(Commit { actor: "test".to_owned(), changes, ..Commit::default() }).await.expect("made");
    assert_eq!(login(&made_up).await, Err(AuthError::BadCredentials), "disabled");
    // Whatever else it could log in with ends too.
    let (token, hash) = personal::new(TOKEN).expect("randomness");
    let (name_of_it, limits) = ("laptop".to_owned(), Vec::new());
    let secret = PeopleChange::PutSecret { id: TOKEN, account: id, name: name_of_it, hash, limits, expires_at: None };
    let changes = vec![Change::People(secret)];
    ledger.commit(Commit { actor: "test".to_owned(), changes, ..Commit::default() }).await.expect("made");
    assert!(ledger.secret(TOKEN).await.expect("answers").is_some());
    assert_eq!(reset_admin(&*ledger, Some("a:b")).await, Ok(None));
    assert_eq!(login(&token).await, Err(AuthError::BadCredentials));
    assert!(ledger.secrets(&[id]).await.expect("answers").is_empty());
    assert_eq!(login(&made_up).await, Err(AuthError::BadCredentials), "at once");
    assert_eq!(login("a:b").await, Ok(true));
    let row = ledger.account(&name).await.expect("answers").expect("there");
    assert_eq!((row.id, row.description.as_str()), (id, "the first"), "the same user");
    assert_eq!(ledger.bindings(None, 0, 9).await.expect("answers").len(), 2);
    let policy = Policy::default();
    let exchange = async |credential: Credential<'_>| identity.token(credential, &[], true, &policy, HERE).await;
    let issued = exchange(Credential::Password { name: "admin", password: "a:b" }).await.expect("right");
    let refresh = issued.refresh_token.expect("asked for");
    exchange(Credential::Refresh(&refresh)).await.expect("it counts");
    assert!(reset_admin(&*ledger, None).await.expect("reset").is_some());
    assert_eq!(exchange(Credential::Refresh(&refresh)).await.map(drop), Err(AuthError::BadCredentials));
    assert_eq!(reset_admin(&*ledger, Some("")).await, Err(local::PasswordError::Length));
}
