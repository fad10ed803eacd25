//! Random work over stores that fail: nothing acknowledged is lost, nothing is seen that should not be, and when all is quiet
//! the heap holds exactly what lives.
//!
//! After a fault nobody knows whether a change was made. So there is not one model but as many as there are possibilities;
//! each answer of the registry rules out those that it does not fit, and one must always be left.

use std::collections::BTreeMap;

use bytes::Bytes;
use wharf_model::digest::Digest;
use wharf_model::media::{OCI_INDEX, OCI_MANIFEST};
use wharf_model::name::Reference;
use wharf_model::page::Page;
use wharf_registry::access::{Action, Readable};
use wharf_registry::error::Error;
use wharf_registry::followers::Following;
use wharf_registry::jobs::Worker;
use wharf_store::blobs::faulty::{Failure, Fault};
use wharf_store::clock::Millis;
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::faulty::When;
use wharf_store::ledger::notes::RECLAIM;

use crate::house::{GRACE, HOUR, House, IDLE, TRASH, broken, chunk, image, noise, sha256, tagged};
use crate::model::{Document, Model, No, Seen, SeenRepository};

const REPOSITORIES: [&str; 3] = ["acme/app", "acme/web", "other/app"];
const TAGS: [&str; 2] = ["latest", "v1"];
/// How many histories are played, and how long each is. `WHARF_MODEL_SEEDS=FROM..TO` plays others.
const SEEDS: std::ops::Range<u64> = 0..24;
const STEPS: usize = 70;
/// Most sessions that are open at once.
const SESSIONS_MAX: usize = 3;
/// Most possibilities that are followed.
const MODELS_MAX: usize = 64;

pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64: any seed will do.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// An upload under way.
#[derive(Clone, Debug)]
struct Session {
    name: String,
    repository: &'static str,
    content: usize,
    /// What the registry told last.
    offset: u64,
    /// When it told so.
    told_at: Millis,
    begun_at: Millis,
}

struct Play {
    house: House,
    following: Following,
    random: Random,
    contents: Vec<Bytes>,
    documents: Vec<Document>,
    /// What may be so.
    models: Vec<Model>,
    sessions: Vec<Session>,
    over: Vec<Session>,
    history: Vec<String>,
    /// How often something was done that had been asked for, and how often nobody knew.
    done: u64,
    unknown: u64,
}

fn contents() -> Vec<Bytes> {
    [10, 900, 16 << 10, (16 << 10) + 1, 20_000, 50_000]
        .iter()
        .zip(1..)
        .map(|(length, seed)| noise(seed, *length))
        .collect()
}

fn documents(contents: &[Bytes]) -> Vec<Document> {
    let blobs: Vec<Digest> = contents.iter().map(|content| sha256(content)).collect();
    let image = |named: &[usize]| {
        let blobs: Vec<Digest> = named.iter().map(|at| blobs[*at]).collect();
        let bytes = image(&blobs);
        Document { digest: sha256(&bytes), bytes, blobs, children: Vec::new() }
    };
    let index = |children: &[&Document]| {
        let child = |one: &&Document| serde_json::json!({ "mediaType": OCI_MANIFEST, "digest": one.digest, "size": one.bytes.len() });
        let children_json: Vec<_> = children.iter().map(child).collect();
        let index = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children_json });
        let bytes = Bytes::from(index.to_string());
        let children = children.iter().map(|one| one.digest).collect();
        Document { digest: sha256(&bytes), bytes, blobs: Vec::new(), children }
    };
    let mut all = vec![image(&[0, 3]), image(&[0, 1, 4]), image(&[2, 3, 5]), image(&[5])];
    all.push(index(&[&all[0], &all[1]]));
    all.push(index(&[&all[1], &all[2]]));
    all.push(index(&[&all[3], &all[4]]));
    all
}

/// What a refusal says; `None` for a failure, after which nobody knows.
fn refusal(error: &Error) -> Option<No> {
    match error {
        Error::NameUnknown(_) => Some(No::Repository),
        Error::ManifestUnknown(_) => Some(No::Manifest),
        Error::BlobUnknown(_) => Some(No::Blob),
        Error::ManifestBlobUnknown(_) => Some(No::Missing),
        _ => None,
    }
}

impl Play {
    async fn new(seed: u64) -> Play {
        let house = House::new().await;
        let now = house.ledger.now().await.expect("no fault");
        let contents = contents();
        Play {
            following: house.totals(),
            house,
            random: Random(seed),
            documents: documents(&contents),
            contents,
            models: vec![Model::new(now)],
            sessions: Vec::new(),
            over: Vec::new(),
            history: Vec::new(),
            done: 0,
            unknown: 0,
        }
    }

    fn now(&self) -> Millis {
        self.models[0].now
    }

    fn note(&mut self, what: String) {
        self.history.push(what);
    }

    /// Plans a fault now and then.
    fn perhaps_a_fault(&mut self) -> bool {
        let random = &mut self.random;
        if !random.chance(40) {
            return false;
        }
        if random.chance(50) {
            let when = if random.chance(50) { When::Before } else { When::After };
            let call = random.below(6) + 1;
            self.house.ledger.fail(call, when);
            self.note(format!("  ledger call {call} fails {when:?}"));
        } else {
            let failure = if random.chance(50) { Failure::Full } else { Failure::Failed };
            let fault = match random.below(3) {
                0 => Fault::Before(failure),
                1 => Fault::After(failure),
                _ => Fault::Cut(random.below(20_000), failure),
            };
            let call = random.below(4);
            self.house.blobs.fail(self.house.blobs.operations() + call, fault);
            self.note(format!("  heap call {call} fails {fault:?}"));
        }
        true
    }

    /// Rules out what does not fit the answer to a change that `make` makes to a model.
    fn learn<T: PartialEq>(
        &mut self,
        is_faulty: bool,
        answer: Result<T, Error>,
        make: impl Fn(&mut Model) -> Result<T, No>,
    ) {
        self.house.heal();
        let said = answer.as_ref().err().map(ToString::to_string).unwrap_or_else(|| "done".to_owned());
        self.note(format!("  {said}"));
        match &answer {
            Ok(_) => self.done += 1,
            Err(error) => self.unknown += u64::from(refusal(error).is_none()),
        }
        let mut possible = Vec::new();
        for model in std::mem::take(&mut self.models) {
            let mut after = model.clone();
            let expect = make(&mut after);
            match &answer {
                Ok(answer) => possible.extend(expect.is_ok_and(|expect| expect == *answer).then_some(after)),
                Err(error) => match refusal(error) {
                    Some(no) => possible.extend((expect.err() == Some(no)).then_some(model)),
                    None => {
                        assert!(is_faulty, "nothing should fail: {error}\n{}", self.history.join("\n"));
                        possible.push(model);
                        possible.extend(expect.is_ok().then_some(after));
                    }
                },
            }
        }
        self.keep(possible);
    }

    fn keep(&mut self, possible: Vec<Model>) {
        for model in possible {
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
        assert!(!self.models.is_empty(), "no model fits\n{}", self.history.join("\n"));
        assert!(self.models.len() <= MODELS_MAX, "too many possibilities");
    }

    async fn step(&mut self) {
        let unknown = self.unknown;
        match self.random.below(100) {
            0..12 => self.begin().await,
            12..30 => self.append().await,
            30..46 => self.finish().await,
            46..49 => self.cancel().await,
            49..53 => self.come_back().await,
            53..67 => self.put_manifest().await,
            67..72 => self.mount().await,
            72..76 => self.delete_blob().await,
            76..80 => self.delete_tag().await,
            80..85 => self.delete_manifest().await,
            85..90 => self.advance(),
            90..94 => self.sweep().await,
            94..96 => self.reclaim().await,
            96..98 => self.follow().await,
            _ => self.crash().await,
        }
        if self.unknown > unknown && self.random.chance(30) {
            self.crash().await;
        }
        self.look().await;
    }

    // --- uploads

    async fn begin(&mut self) {
        if self.sessions.len() >= SESSIONS_MAX {
            return;
        }
        let repository = *self.random.one(&REPOSITORIES);
        let content = self.random.below(self.contents.len() as u64) as usize;
        let name = self.house.begin(repository).await;
        self.note(format!("begin content {content} in {repository}"));
        self.sessions.push(Session { name, repository, content, offset: 0, told_at: self.now(), begun_at: self.now() });
        if self.random.chance(50) {
            self.finish().await;
        }
    }

    fn pick_session(&mut self) -> Option<Session> {
        let at = self.random.below(self.sessions.len().max(1) as u64) as usize;
        (at < self.sessions.len()).then(|| self.sessions.swap_remove(at))
    }

    async fn append(&mut self) {
        let Some(mut session) = self.pick_session() else { return };
        let content = self.contents[session.content].clone();
        let rest = &content[session.offset as usize..];
        let piece = &rest[..self.random.below(rest.len() as u64 + 1) as usize];
        let most = session.offset + piece.len() as u64;
        let breaks = self.random.chance(20);
        self.note(format!(
            "append {} of content {} at {} breaks: {breaks}",
            piece.len(),
            session.content,
            session.offset
        ));
        let is_faulty = self.perhaps_a_fault();
        let body = if breaks { broken(piece) } else { chunk(piece) };
        let answer = self.house.append(session.repository, &session.name, body).await;
        self.house.heal();
        self.note(format!("  {answer:?}"));
        match answer {
            Ok(offset) => {
                assert_eq!(offset, session.offset + piece.len() as u64, "{}", self.history.join("\n"));
                (session.offset, session.told_at) = (offset, self.now());
            }
            Err(Error::SenderGone(_)) => assert!(breaks || is_faulty),
            // A finish that failed has put all of it to rest: it can be finished once more, nothing else.
            Err(Error::UploadInvalid(_)) if session.offset == content.len() as u64 => {}
            Err(Error::UploadUnknown) => assert!(self.may_be_over(&session), "{}", self.history.join("\n")),
            Err(error) => assert!(is_faulty, "{error}\n{}", self.history.join("\n")),
        }
        if self.ask(&mut session, most).await {
            self.sessions.push(session);
        } else {
            self.over.push(session);
        }
    }

    /// Nobody promises a session for ever.
    fn may_be_over(&self, session: &Session) -> bool {
        self.now() - session.told_at >= IDLE
    }

    /// Asks where a session stands, which is between what it told last and `most`; whether it is there.
    async fn ask(&mut self, session: &mut Session, most: u64) -> bool {
        match self.house.status(session.repository, &session.name).await {
            Ok(progress) => {
                let offset = progress.offset;
                let is_over = self.may_be_over(session) && offset == 0;
                let fits = (session.offset..=most).contains(&offset);
                assert!(fits || is_over, "{offset} is not in {}..={most}\n{}", session.offset, self.history.join("\n"));
                (session.offset, session.told_at) = (offset, if fits { session.told_at } else { session.begun_at });
                true
            }
            Err(Error::UploadUnknown) => {
                assert!(self.may_be_over(session), "the session has gone\n{}", self.history.join("\n"));
                false
            }
            Err(error) => panic!("{error}\n{}", self.history.join("\n")),
        }
    }

    async fn finish(&mut self) {
        let Some(mut session) = self.pick_session() else { return };
        let content = self.contents[session.content].clone();
        let is_wrong = self.random.chance(10);
        let digest = if is_wrong { sha256(b"something else") } else { sha256(&content) };
        self.note(format!(
            "finish content {} in {} at {} wrong: {is_wrong}",
            session.content, session.repository, session.offset
        ));
        let is_faulty = self.perhaps_a_fault();
        let body = chunk(&content[session.offset as usize..]);
        let answer = self.house.finish(session.repository, &session.name, body, digest).await;
        match answer {
            Err(Error::UploadUnknown) if self.may_be_over(&session) => return self.house.heal(),
            Err(Error::DigestMismatch { .. }) if is_wrong => {
                self.house.heal();
                return self.over.push(session);
            }
            Err(Error::UploadInvalid(_)) if is_wrong => {
                self.house.heal();
                return self.over.push(session);
            }
            _ => {}
        }
        assert!(!is_wrong || answer.is_err(), "{}", self.history.join("\n"));
        let (repository, is_done) = (session.repository, answer.is_ok());
        self.learn(is_faulty, answer, |model| {
            if !is_wrong {
                model.put_blob(repository, digest);
            }
            Ok(())
        });
        if is_done || is_wrong {
            return self.over.push(session);
        }
        if self.ask_after_failure(&mut session, content.len() as u64).await {
            self.sessions.push(session);
        } else {
            self.over.push(session);
        }
    }

    /// After a finish that failed, the session is where it was or further, or has become the blob. Whether it is there.
    async fn ask_after_failure(&mut self, session: &mut Session, length: u64) -> bool {
        let status = self.house.status(session.repository, &session.name).await.map(|progress| progress.offset);
        self.note(format!("  it stands at {status:?}"));
        if status.as_ref().map_or(true, |offset| *offset < session.offset) {
            let access = self.house.access(Action::Pull, session.repository).await;
            let found = self.house.registry.blob(&access, &sha256(&self.contents[session.content])).await;
            assert!(found.is_ok() || self.may_be_over(session), "{}", self.history.join("\n"));
        }
        match status {
            Ok(offset) => {
                assert!(offset <= length);
                // One that has become a blob begins anew, and is then as old as its name.
                let told_at = if offset == 0 { session.begun_at } else { session.told_at };
                (session.offset, session.told_at) = (offset, told_at);
                true
            }
            Err(error) => {
                assert!(matches!(error, Error::UploadUnknown), "{error}\n{}", self.history.join("\n"));
                false
            }
        }
    }

    async fn cancel(&mut self) {
        let Some(session) = self.pick_session() else { return };
        self.note(format!("cancel content {}", session.content));
        let is_faulty = self.perhaps_a_fault();
        let answer = self.house.cancel(session.repository, &session.name).await;
        self.house.heal();
        match answer {
            Ok(()) => {}
            Err(Error::UploadUnknown) => assert!(self.may_be_over(&session)),
            Err(error) => assert!(is_faulty, "{error}"),
        }
        self.over.push(session);
    }

    /// Somebody comes back by the name of a session that is over, with the right bytes or the wrong ones.
    async fn come_back(&mut self) {
        if self.over.is_empty() {
            return;
        }
        let session = self.random.one(&self.over).clone();
        let (content, wrong) = (self.contents[session.content].clone(), noise(99, 30_000));
        let (digest, is_wrong) = (sha256(&content), self.random.chance(60));
        self.note(format!("come back for content {} in {} wrong: {is_wrong}", session.content, session.repository));
        let is_faulty = self.perhaps_a_fault();
        let first = if is_wrong { &wrong[..20_000] } else { &content[..0] };
        if self.house.append(session.repository, &session.name, chunk(first)).await.is_err() {
            return self.house.heal();
        }
        let rest = if is_wrong { chunk(&wrong[20_000..]) } else { chunk(&content) };
        let answer = self.house.finish(session.repository, &session.name, rest, digest).await;
        match answer {
            Ok(()) => assert!(!is_wrong, "{}", self.history.join("\n")),
            // It may have been begun once more, and stand elsewhere.
            Err(Error::DigestMismatch { .. } | Error::UploadInvalid(_)) => return self.house.heal(),
            Err(_) if is_wrong => return self.house.heal(),
            Err(_) => {}
        }
        self.learn(is_faulty, answer, |model| {
            model.put_blob(session.repository, digest);
            Ok(())
        });
    }

    // --- the rest

    async fn put_manifest(&mut self) {
        let (repository, document) = (*self.random.one(&REPOSITORIES), self.random.one(&self.documents).clone());
        let tag = if self.random.chance(60) { Some(*self.random.one(&TAGS)) } else { None };
        self.note(format!("push {} as {tag:?} to {repository}", document.digest));
        let is_faulty = self.perhaps_a_fault();
        let reference = tag.map_or(Reference::Digest(document.digest), tagged);
        let answer = self.house.put(repository, reference, document.bytes.clone()).await.map(drop);
        self.learn(is_faulty, answer, |model| model.put_manifest(repository, &document, tag));
    }

    async fn mount(&mut self) {
        let (repository, content) = (*self.random.one(&REPOSITORIES), self.random.one(&self.contents).clone());
        let from = if self.random.chance(70) { Some(*self.random.one(&REPOSITORIES)) } else { None };
        let digest = sha256(&content);
        self.note(format!("mount {digest} of {from:?} in {repository}"));
        let is_faulty = self.perhaps_a_fault();
        let answer = self.house.try_mount(repository, digest, from).await;
        self.learn(is_faulty, answer, |model| Ok(model.mount(repository, digest, from)));
    }

    async fn delete_blob(&mut self) {
        let (repository, content) = (*self.random.one(&REPOSITORIES), self.random.one(&self.contents).clone());
        let digest = sha256(&content);
        self.note(format!("delete blob {digest} in {repository}"));
        let is_faulty = self.perhaps_a_fault();
        let answer = self.house.delete_blob(repository, &digest).await;
        self.learn(is_faulty, answer, |model| model.delete_blob(repository, digest));
    }

    async fn delete_tag(&mut self) {
        let (repository, tag) = (*self.random.one(&REPOSITORIES), *self.random.one(&TAGS));
        self.note(format!("delete tag {tag} in {repository}"));
        let is_faulty = self.perhaps_a_fault();
        let answer = self.house.delete(repository, &tagged(tag)).await;
        self.learn(is_faulty, answer, |model| model.delete_tag(repository, tag));
    }

    async fn delete_manifest(&mut self) {
        let (repository, digest) = (*self.random.one(&REPOSITORIES), self.random.one(&self.documents).digest);
        self.note(format!("delete manifest {digest} in {repository}"));
        let is_faulty = self.perhaps_a_fault();
        let answer = self.house.delete(repository, &Reference::Digest(digest)).await;
        self.learn(is_faulty, answer, |model| model.delete_manifest(repository, digest));
    }

    fn advance(&mut self) {
        let by = *self.random.one(&[1, HOUR / 2, HOUR, GRACE / 2, GRACE, TRASH]);
        self.note(format!("advance {by}"));
        self.house.advance(by);
        self.models.iter_mut().for_each(|model| model.now += by);
    }

    /// A sweep that failed half way is made to its end by the next.
    async fn sweep(&mut self) {
        self.note("sweep".to_owned());
        let is_faulty = self.perhaps_a_fault();
        let swept = self.house.registry.sweep().await;
        self.house.heal();
        assert!(swept.is_ok() || is_faulty, "{swept:?}");
        self.house.sweep().await;
        let swept = std::mem::take(&mut self.models);
        let swept = swept.into_iter().map(|mut model| {
            model.sweep();
            model
        });
        self.keep(swept.collect());
    }

    async fn reclaim(&mut self) {
        self.note("reclaim".to_owned());
        let is_faulty = self.perhaps_a_fault();
        let reclaimed = Worker::reclaimer(&self.house.registry).work_off().await;
        self.house.heal();
        assert!(reclaimed.is_ok() || is_faulty, "{reclaimed:?}");
    }

    async fn follow(&mut self) {
        self.note("follow".to_owned());
        let is_faulty = self.perhaps_a_fault();
        let followed = self.following.catch_up().await;
        self.house.heal();
        assert!(followed.is_ok() || is_faulty, "{followed:?}");
    }

    async fn crash(&mut self) {
        self.note("crash".to_owned());
        self.house.crash().await;
        self.following = self.house.totals();
    }

    // --- looking

    /// Everything that can be seen, each byte of it verified.
    async fn seen(&self) -> Seen {
        let house = &self.house;
        let page = Page { limit: 100, after: None };
        let names =
            house.registry.repositories(&crate::house::admin(), &Readable::All, &page).await.expect("no fault").entries;
        let mut repositories = BTreeMap::new();
        for found in names {
            let mut seen = SeenRepository::default();
            let access = house.access(Action::Pull, found.as_str()).await;
            for tag in house.registry.tags(&access, &page).await.expect("it is there").entries {
                let bytes =
                    house.pull(found.as_str(), &Reference::Tag(tag.clone())).await.expect("a tag that is listed");
                seen.tags.insert(tag.to_string(), sha256(&bytes));
            }
            for document in &self.documents {
                if let Some(bytes) = house.pull(found.as_str(), &Reference::Digest(document.digest)).await {
                    assert_eq!(bytes, document.bytes);
                    seen.manifests.insert(document.digest);
                }
            }
            for content in &self.contents {
                if house.shows(found.as_str(), &sha256(content)).await {
                    seen.blobs.insert(sha256(content));
                }
            }
            repositories.insert(found.to_string(), seen);
        }
        let (_, totals) = house.ledger.count_totals().await.expect("no fault");
        Seen { repositories, blobs: totals.blobs as usize }
    }

    async fn look(&mut self) {
        let seen = self.seen().await;
        let expected = format!("{:#?}", self.models.iter().map(Model::seen).collect::<Vec<_>>());
        self.models.retain(|model| model.seen() == seen);
        assert!(!self.models.is_empty(), "{}\nseen: {seen:#?}\nexpected one of: {expected}", self.history.join("\n"));
        for mut session in std::mem::take(&mut self.sessions) {
            let offset = session.offset;
            if self.ask(&mut session, offset).await {
                self.sessions.push(session);
            } else {
                self.over.push(session);
            }
        }
    }

    /// When nobody does anything any more, what is not held goes, and what is held stays.
    async fn come_to_rest(&mut self) {
        self.house.crash().await;
        for by in [TRASH.max(IDLE), GRACE, HOUR, HOUR] {
            self.house.advance(by);
            self.models.iter_mut().for_each(|model| model.now += by);
            self.house.clean().await;
            self.models.iter_mut().for_each(Model::sweep);
        }
        self.sessions.clear();
        self.look().await;
        self.note("rest".to_owned());
        let history = self.history.join("\n");
        let on_heap = |content: &&Bytes| content.len() > 16 << 10;
        let large: Vec<Digest> = self.contents.iter().filter(on_heap).map(|content| sha256(content)).collect();
        let mut expected: Vec<String> =
            self.models[0].stored.iter().filter(|digest| large.contains(digest)).map(ToString::to_string).collect();
        let mut found: Vec<String> = self
            .house
            .resting()
            .await
            .iter()
            .map(|place| place.0.split('.').next().unwrap_or_default().to_owned())
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{history}");
        assert_eq!(self.house.heap.uploads(), 0, "bytes of uploads are left\n{history}");
        assert_eq!(self.house.ledger.count_jobs(RECLAIM).await.expect("counted"), 0);
        self.house.totals().catch_up().await.expect("no fault");
        let (_, recount) = self.house.ledger.count_totals().await.expect("counted");
        assert_eq!(self.house.ledger.totals().await.expect("read"), recount, "{history}");
    }
}

fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("WHARF_MODEL_SEEDS").ok();
    let given = given.as_deref().and_then(|text| text.split_once(".."));
    given.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?)).unwrap_or(SEEDS)
}

#[tokio::test]
async fn random_work_over_faulty_stores() {
    let (mut done, mut unknown) = (0, 0);
    for seed in seeds() {
        let mut play = Play::new(seed).await;
        play.note(format!("seed {seed}"));
        for _ in 0..STEPS {
            play.step().await;
        }
        play.come_to_rest().await;
        (done, unknown) = (done + play.done, unknown + play.unknown);
    }
    // Histories in which little happens would prove little.
    assert!(done > 10 * seeds().count() as u64 && unknown > seeds().count() as u64, "{done} done, {unknown} unknown");
}
