//! Random bindings, random tokens, random work: whatever an actor was not given has no effect and no answer, and of a project
//! in which it has nothing it learns nothing. What is given is worked out a second time here, naively, from the bindings.

use std::collections::BTreeSet;

use bytes::Bytes;
use wharf_model::api::people::Limit;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::OCI_MANIFEST;
use wharf_model::name::Reference;
use wharf_model::page::Page;
use wharf_model::pattern::Pattern;
use wharf_model::permission::{Level, Permission, Permissions};
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::push::{Expected, Push};
use wharf_store::ledger::people::AccountKind;

use crate::faults::Random;
use crate::house::{House, admin, chunk, image, name, sha256, tagged};

const SEEDS: std::ops::Range<u64> = 0..12;
const STEPS: usize = 120;

/// The first three are there at the beginning; nothing else is in the project of the last.
const REPOSITORIES: [&str; 5] = ["acme/a", "acme/b", "other/a", "acme/new", "fresh/a"];
const PROJECTS: [Option<&str>; 3] = [Some("acme"), Some("other"), None];
const PATTERNS: [Option<&str>; 6] = [None, Some("acme/a"), Some("acme/**"), Some("*/a"), Some("other/?"), Some("**")];
/// What bindings and limits give.
const GIVEN: [&str; 10] = [
    "pull",
    "push",
    "push,tag",
    "attach",
    "delete",
    "pull,push,project:create",
    "reader",
    "contributor",
    "maintainer",
    "administrator",
];
const TAGS: [&str; 2] = ["latest", "next"];

/// Somebody, and what it was given.
struct Somebody {
    number: u8,
    header: Vec<u8>,
    /// A robot's only project.
    home: Option<&'static str>,
    limits: Vec<Grant>,
    bindings: Vec<(Option<&'static str>, Grant)>,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    given: &'static str,
    pattern: Option<&'static str>,
}

impl Grant {
    fn permissions(self) -> Permissions {
        let role = wharf_model::permission::built_in(self.given);
        role.map_or_else(|| self.given.parse().expect("permissions"), |role| role.permissions)
    }

    /// Whether it gives that in the repository; one with a pattern gives only what means something there.
    fn gives(self, permission: Permission, repository: &str) -> bool {
        let matches = match self.pattern {
            None => true,
            Some(pattern) => permission.level() == Level::Repository && parsed(pattern).matches(repository),
        };
        matches && self.permissions().has(permission)
    }
}

fn parsed(pattern: &str) -> Pattern {
    pattern.parse().expect("a pattern")
}

fn project_of(repository: &str) -> &str {
    repository.split('/').next().unwrap_or(repository)
}

/// All that is there, and how it came to be so.
struct Play {
    random: Random,
    house: House,
    people: Vec<Somebody>,
    public: BTreeSet<&'static str>,
    history: Vec<String>,
    allowed: usize,
    denied: usize,
}

/// What a step takes.
#[derive(Clone, Copy)]
enum Takes {
    /// All of these.
    All(&'static [Permission]),
    /// To push, or to attach to a repository that is there.
    PushOrAttach,
}

impl Play {
    async fn new(seed: u64) -> Play {
        let house = House::new().await;
        for repository in &REPOSITORIES[..3] {
            stock(&house, repository).await;
        }
        let (random, people, public) = (Random(seed), Vec::new(), BTreeSet::new());
        let mut play = Play { random, house, people, public, history: Vec::new(), allowed: 0, denied: 0 };
        for number in 2..6 {
            play.come(number).await;
        }
        play
    }

    /// Somebody comes, with a token that may be limited.
    async fn come(&mut self, number: u8) {
        let home = (number == 5).then_some("acme");
        let mut limits = Vec::new();
        while self.random.chance(30) {
            limits.push(Grant { given: self.random.one::<&str>(&GIVEN), pattern: *self.random.one(&PATTERNS) });
        }
        let (kind, name) = match home {
            Some(project) => {
                (AccountKind::Robot { project: Some(self.house.project(project).await) }, "acme+ci".to_owned())
            }
            None => (AccountKind::User, format!("user{number}")),
        };
        let as_limit =
            |grant: &Grant| Limit { permissions: grant.permissions(), repositories: grant.pattern.map(parsed) };
        let header = self.house.account(number, &name, kind, limits.iter().map(as_limit).collect()).await;
        self.people.push(Somebody { number, header, home, limits, bindings: Vec::new() });
    }

    /// One of somebody's three bindings becomes another one.
    async fn bind(&mut self) {
        let (who, slot) = (self.random.below(self.people.len() as u64) as usize, self.random.below(3) as usize);
        let project = *self.random.one(&PROJECTS);
        let pattern = project.and_then(|_| *self.random.one(&PATTERNS));
        let given = *self.random.one(if project.is_none() { &GIVEN[..8] } else { &GIVEN });
        let somebody = &mut self.people[who];
        let slot = slot.min(somebody.bindings.len());
        let number = somebody.number * 10 + slot as u8;
        // In its place stays where it is: what a binding gives changes, not where.
        if slot < somebody.bindings.len() {
            let (place, old) = somebody.bindings[slot];
            self.house.bind(number, somebody.number, given, place, place.and(old.pattern)).await;
            somebody.bindings[slot].1.given = given;
        } else {
            self.house.bind(number, somebody.number, given, project, pattern).await;
            somebody.bindings.push((project, Grant { given, pattern }));
        }
        self.history.push(format!("{number} gives {:?} {:?}", somebody.bindings[slot].0, somebody.bindings[slot].1));
    }

    async fn publish(&mut self) {
        let (project, public) = (*self.random.one(&["acme", "other"]), self.random.chance(30));
        self.house.make_public(project, public).await;
        if public {
            self.public.insert(project)
        } else {
            self.public.remove(project)
        };
        self.history.push(format!("{project} is public: {public}"));
    }

    /// What should be so.
    async fn may(&self, who: usize, permission: Permission, repository: &str) -> bool {
        let (somebody, project) = (&self.people[who], project_of(repository));
        let gives = |(place, grant): &(Option<&str>, Grant)| {
            let is_here = place.is_none_or(|place| place == project);
            let may_leave = somebody.home.is_none_or(|home| *place == Some(home));
            // What is given in a project and means something in the system only gives nothing.
            let fits = place.is_none() || permission.level() <= Level::Project;
            is_here && may_leave && fits && grant.gives(permission, repository)
        };
        let is_given =
            somebody.bindings.iter().any(gives) || (permission == Permission::Pull && self.public.contains(project));
        let leaves = |limit: &Grant| limit.gives(permission, repository);
        is_given && (somebody.limits.is_empty() || somebody.limits.iter().any(leaves))
    }

    async fn may_push_by(&self, who: usize, takes: Takes, repository: &str) -> bool {
        let is_there = self.is_there(repository).await;
        if !self.project_is_there(repository).await && !self.may(who, Permission::ProjectCreate, repository).await {
            return false;
        }
        match takes {
            Takes::All(permissions) => {
                for permission in permissions {
                    if !self.may(who, *permission, repository).await {
                        return false;
                    }
                }
                true
            }
            Takes::PushOrAttach => {
                self.may(who, Permission::Push, repository).await
                    || (is_there && self.may(who, Permission::Attach, repository).await)
            }
        }
    }

    async fn is_there(&self, repository: &str) -> bool {
        let all = self.listed(&admin()).await;
        all.iter().any(|name| name == repository)
    }

    async fn project_is_there(&self, repository: &str) -> bool {
        let project = project_of(repository).parse().expect("a project's name");
        wharf_store::ledger::Ledger::project(&*self.house.ledger, &project).await.expect("no fault").is_some()
    }

    async fn listed(&self, subject: &Subject) -> Vec<String> {
        let readable = self.house.registry.authorise_list(subject).expect("who logged in may list");
        let page = Page { limit: 100, after: None };
        let listed = self.house.registry.repositories(subject, &readable, &page).await.expect("no fault");
        listed.entries.iter().map(ToString::to_string).collect()
    }

    /// The outcome has to be what was expected, and what was not allowed must have left nothing behind.
    fn judge<T>(&mut self, what: String, expected: bool, before: u64, after: u64, outcome: Result<T, Error>) {
        let history = self.history.join("\n");
        let refused = matches!(outcome, Err(Error::Denied | Error::NameUnknown(_)));
        if expected {
            self.allowed += 1;
            assert!(
                !matches!(outcome, Err(Error::Denied | Error::Unauthorized)),
                "{what} should be allowed\n{history}"
            );
        } else {
            self.denied += 1;
            assert!(refused, "{what} should be denied\n{history}");
            assert_eq!(before, after, "{what} was denied and had an effect\n{history}");
        }
    }

    async fn step(&mut self) {
        if self.random.chance(20) {
            return self.bind().await;
        }
        if self.random.chance(5) {
            return self.publish().await;
        }
        let who = self.random.below(self.people.len() as u64) as usize;
        let subject = self.house.who(&self.people[who].header).await;
        let repository = *self.random.one(&REPOSITORIES);
        match self.random.below(9) {
            0 | 1 => self.pull(who, &subject, repository).await,
            2 => self.push_blob(who, &subject, repository).await,
            3..=5 => self.push_manifest(who, &subject, repository).await,
            6 => self.delete(who, &subject, repository).await,
            7 => self.mount(who, &subject, repository).await,
            _ => self.look(who, &subject).await,
        }
        for stocked in &REPOSITORIES[..3] {
            stock(&self.house, stocked).await;
        }
    }

    async fn pull(&mut self, who: usize, subject: &Subject, repository: &str) {
        let expected = self.may(who, Permission::Pull, repository).await;
        let (registry, page) = (self.house.registry.clone(), Page { limit: 100, after: None });
        let what = self.random.below(4);
        let outcome = async {
            let access = registry.authorise(subject, Action::Pull, &name(repository)).await?;
            match what {
                0 => registry.manifest(&access, &tagged("latest")).await.map(drop),
                1 => registry.blob(&access, &sha256(repository.as_bytes())).await.map(drop),
                2 => registry.tags(&access, &page).await.map(drop),
                _ => registry.referrers(&access, &sha256(b"subject"), None, &page).await.map(drop),
            }
        };
        let (before, outcome) = (self.house.latest().await, outcome.await);
        let after = self.house.latest().await;
        assert_eq!(before, after, "a read writes nothing");
        // Of what is not there, who may look is told so.
        let hidden = !expected && matches!(outcome, Err(Error::NameUnknown(_)));
        assert!(!hidden, "{repository} tells that it is not there\n{}", self.history.join("\n"));
        self.judge(format!("{who} pulls {repository}"), expected, before, after, outcome);
    }

    async fn push_blob(&mut self, who: usize, subject: &Subject, repository: &str) {
        let expected = self.may_push_by(who, Takes::PushOrAttach, repository).await;
        let bytes = self.random.one(&REPOSITORIES).as_bytes();
        let before = self.house.latest().await;
        let registry = &self.house.registry;
        let outcome = async {
            let access = registry.authorise(subject, Action::Push, &name(repository)).await?;
            let session = registry.begin_upload(&access, Algorithm::Sha256).await?.session;
            registry.finish_upload(&access, &session, chunk(bytes), sha256(bytes)).await
        };
        let (outcome, after) = (outcome.await, self.house.latest().await);
        self.judge(format!("{who} pushes a blob to {repository}"), expected, before, after, outcome);
    }

    async fn push_manifest(&mut self, who: usize, subject: &Subject, repository: &str) {
        const PUSH: &[Permission] = &[Permission::Push];
        const TAG: &[Permission] = &[Permission::Push, Permission::Tag];
        let plain = image(&[sha256(project_of(repository).as_bytes())]);
        let attached = attachment(repository);
        let tag = tagged(self.random.one::<&str>(&TAGS));
        let by_digest = |bytes: &Bytes| Reference::Digest(sha256(bytes));
        let (bytes, reference, takes) = match self.random.below(4) {
            0 => (plain.clone(), by_digest(&plain), Takes::All(PUSH)),
            1 => (plain, tag, Takes::All(TAG)),
            2 => (attached.clone(), by_digest(&attached), Takes::PushOrAttach),
            _ => (attached, tag, Takes::All(TAG)),
        };
        let expected = self.may_push_by(who, takes, repository).await;
        let before = self.house.latest().await;
        let what = format!("{who} pushes {reference} to {repository}");
        let push = Push { reference, tags: Vec::new(), expected: Expected::default(), content_type: None, bytes };
        let registry = &self.house.registry;
        let outcome = async {
            let access = registry.authorise(subject, Action::Push, &name(repository)).await?;
            registry.put_manifest(&access, push).await
        };
        let (outcome, after) = (outcome.await, self.house.latest().await);
        self.judge(what, expected, before, after, outcome);
    }

    async fn delete(&mut self, who: usize, subject: &Subject, repository: &str) {
        let expected = self.may(who, Permission::Delete, repository).await;
        let what = self.random.below(3);
        let before = self.house.latest().await;
        let registry = &self.house.registry;
        let outcome = async {
            let access = registry.authorise(subject, Action::Delete, &name(repository)).await?;
            match what {
                0 => registry.delete_manifest(&access, &tagged("latest")).await,
                1 => registry.delete_manifest(&access, &Reference::Digest(stocked(repository).1)).await,
                _ => registry.delete_blob(&access, &sha256(repository.as_bytes())).await,
            }
        };
        let (outcome, after) = (outcome.await, self.house.latest().await);
        // Where something may be deleted, that it is not there may be said.
        if !(expected && matches!(outcome, Err(Error::NameUnknown(_)))) {
            self.judge(format!("{who} deletes in {repository}"), expected, before, after, outcome);
        }
    }

    /// A blob comes over only from where it may be pulled, whatever the client says about where it is.
    async fn mount(&mut self, who: usize, subject: &Subject, repository: &str) {
        let home = *self.random.one(&REPOSITORIES[..3]);
        let from = self.random.chance(60).then_some(home);
        let may_have = self.may(who, Permission::Pull, home).await;
        let expected = self.may_push_by(who, Takes::PushOrAttach, repository).await;
        let digest = secret(home);
        let readable = self.readable_with(who, &digest).await;
        let before = self.house.latest().await;
        let registry = &self.house.registry;
        let outcome = async {
            let access = registry.authorise(subject, Action::Push, &name(repository)).await?;
            registry.mount_blob(&access, digest, from.map(name)).await
        };
        let (outcome, after) = (outcome.await, self.house.latest().await);
        if let Ok(mounted) = &outcome {
            let expected = if from.is_some() { may_have } else { readable };
            assert!(!mounted || expected, "{who} mounts from {from:?} to {repository}\n{}", self.history.join("\n"));
        }
        // It is not mounted, and nothing else is said, where the blob may not be had: the client would upload it.
        let silent = matches!(outcome, Ok(false)) && before == after;
        if !silent {
            self.judge(format!("{who} mounts from {from:?} to {repository}"), expected, before, after, outcome);
        }
    }

    /// Whether any repository that somebody may read shows the blob.
    async fn readable_with(&self, who: usize, digest: &Digest) -> bool {
        for repository in REPOSITORIES {
            if self.may(who, Permission::Pull, repository).await && self.house.shows(repository, digest).await {
                return true;
            }
        }
        false
    }

    /// Lists have what may be pulled, and nothing else.
    async fn look(&mut self, who: usize, subject: &Subject) {
        let mut expected = Vec::new();
        for name in self.listed(&admin()).await {
            if self.may(who, Permission::Pull, &name).await {
                expected.push(name);
            }
        }
        let found = self.listed(subject).await;
        // A limited token is shown what is public as far as anybody is: without it, all of that could be pulled.
        let is_public = |name: &String| self.public.contains(project_of(name));
        let closed = |names: &[String]| names.iter().filter(|name| !is_public(name)).cloned().collect::<Vec<_>>();
        assert_eq!(closed(&found), closed(&expected), "{who} lists\n{}", self.history.join("\n"));
    }
}

/// Bytes that are in no other repository.
fn secret(repository: &str) -> Digest {
    sha256(format!("only {repository}").as_bytes())
}

/// The image that a repository has at the beginning, and after each step.
fn stocked(repository: &str) -> (Bytes, Digest) {
    let bytes = image(&[sha256(repository.as_bytes()), secret(repository)]);
    let digest = sha256(&bytes);
    (bytes, digest)
}

async fn stock(house: &House, repository: &str) {
    for bytes in [repository.to_owned(), format!("only {repository}"), project_of(repository).to_owned()] {
        if !house.shows(repository, &sha256(bytes.as_bytes())).await {
            house.push_blob(repository, bytes.as_bytes()).await;
        }
    }
    let (bytes, digest) = stocked(repository);
    if house.pull(repository, &tagged("latest")).await.is_none_or(|found| sha256(&found) != digest) {
        house.put(repository, tagged("latest"), bytes).await.expect("pushed");
    }
}

fn attachment(repository: &str) -> Bytes {
    let descriptor = |digest| serde_json::json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1 });
    let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "a/b",
        "config": descriptor(sha256(project_of(repository).as_bytes())), "layers": [],
        "subject": descriptor(sha256(b"subject")) });
    manifest.to_string().into()
}

#[tokio::test]
async fn nothing_is_done_or_told_without_leave() {
    let (mut allowed, mut denied) = (0, 0);
    for seed in SEEDS {
        let mut play = Play::new(seed).await;
        play.history.push(format!("seed {seed}"));
        for _ in 0..STEPS {
            play.step().await;
        }
        (allowed, denied) = (allowed + play.allowed, denied + play.denied);
    }
    // Histories in which all is denied would prove little, and so would those in which nothing is.
    let steps = SEEDS.count();
    assert!(allowed > 15 * steps && denied > 15 * steps, "{allowed} allowed, {denied} denied");
}
