//! Searching: what is found is what somebody may read, and nothing else; and the index holds what the ledger does, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use wharf_artifact::kind::Kinds;
use wharf_artifact::kind::folder::InForce;
use wharf_model::api::search::{Hit, SearchResult};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::id::Id;
use wharf_model::media::OCI_MANIFEST;
use wharf_model::name::Reference;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::followers::Following;
use wharf_registry::followers::inspect::InspectFollower;
use wharf_registry::inspect::{InspectSettings, Inspector};
use wharf_registry::jobs::Worker;
use wharf_registry::people::Part;
use wharf_registry::search::SearchFor;
use wharf_registry::search::index::Indexer;
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::change::{Change, Commit, Contents, Expects};
use wharf_store::ledger::faulty::When;
use wharf_store::search::sqlite::Sqlite;
use wharf_store::search::{Search as _, Standing};

use crate::files::layer;
use crate::house::{House, TRASH, admin, name, tagged};

/// With an index, which nothing fills by itself.
async fn indexed() -> (House, Arc<Indexer>) {
    let house = House::new().await;
    let index = Sqlite::new(house.folder.path().join("search.db"));
    let indexer = Indexer::new(&house.registry, index);
    (house, indexer)
}

impl House {
    async fn stock(&self, repository: &str, tag: &str, content: &str) -> Digest {
        let blob = self.push_blob(repository, content.as_bytes()).await;
        self.push_image(repository, tag, &[blob]).await
    }

    async fn page(&self, subject: &Subject, query: &str, part: Part) -> Result<SearchResult, Error> {
        let search = SearchFor { query: query.to_owned(), each_artifact: true };
        self.registry.search(subject, Kinds::built_in(), &search, &part).await
    }

    async fn search(&self, subject: &Subject, query: &str) -> SearchResult {
        self.page(subject, query, Part { limit: 1_000, after: None }).await.expect("it is answered")
    }

    /// What the administrator finds, as `repository:tag`.
    async fn finds(&self, query: &str) -> BTreeSet<String> {
        self.search(&admin(), query).await.items.iter().map(named).collect()
    }

    async fn change_project(&self, change: Change) {
        self.ledger.commit(Commit { changes: vec![change], ..Commit::default() }).await.expect("it is made");
    }
}

fn named(hit: &Hit) -> String {
    format!("{}:{}", hit.repository, hit.tag.as_ref().map(ToString::to_string).unwrap_or_default())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }
}

const REPOSITORIES: [&str; 9] =
    ["p0", "p0/redis", "p0/team/redis", "p1/redis", "p1/nginx", "p1/team/nginx", "p2", "p2/team/web", "p0-x/redis"];
const PATTERNS: [&str; 6] = ["**", "*/redis", "p0/**", "p1/*", "p2", "*/team/**"];

/// Some content, and people with some rights. How each comes in.
async fn any_content(house: &House, dice: &mut Dice) -> Vec<Vec<u8>> {
    for repository in REPOSITORIES {
        for at in 0..1 + dice.roll(3) {
            let digest = house.stock(repository, &format!("v{at}"), &format!("{repository} {}", dice.roll(5))).await;
            if dice.roll(6) == 0 {
                house.delete(repository, &Reference::Digest(digest)).await.expect("deleted");
            }
        }
    }
    for project in ["p0", "p1", "p2", "p0-x"] {
        house.make_public(project, dice.roll(4) == 0).await;
    }
    let mut people = Vec::new();
    for person in 2..6u8 {
        people.push(house.user(person, &format!("user{person}")).await);
        for at in 0..dice.roll(4) as u8 {
            let project = dice.one(&["p0", "p1", "p2", "p0-x"]);
            let pattern = (dice.roll(2) == 0).then(|| dice.one(&PATTERNS));
            let given = dice.one(&["reader", "owner", "project:read", "push"]);
            house.bind(100 + person * 4 + at, person, given, Some(project), pattern).await;
        }
        if dice.roll(6) == 0 {
            house.bind(200 + person, person, "reader", None, None).await;
        }
    }
    people
}

/// All that a tag points to in repositories that somebody may pull from, one after the other.
async fn allowed(house: &House, subject: &Subject) -> Vec<(String, Digest)> {
    let mut all = Vec::new();
    for repository in REPOSITORIES {
        if let Ok(access) = house.registry.authorise(subject, Action::Pull, &name(repository)).await {
            let part = Part { limit: 1_000, after: None };
            let tags = house.registry.tagged(&access, Kinds::built_in(), &part).await.expect("listed");
            let digests: BTreeSet<Digest> = tags.items.into_iter().map(|tag| tag.digest).collect();
            all.extend(digests.into_iter().map(|digest| (repository.to_owned(), digest)));
        }
    }
    all
}

/// A query, and whether what is in that repository fits.
type Asked = (&'static str, fn(&str) -> bool);

const QUERIES: [Asked; 8] = [
    ("", |_| true),
    ("redis", |name| name.contains("redis")),
    ("-redis", |name| !name.contains("redis")),
    ("project:p1", |name| name.starts_with("p1/")),
    ("repo:p0/*", |name| name.starts_with("p0/")),
    ("team nginx", |name| name.contains("team") && name.contains("nginx")),
    ("ngnix", |name| name.contains("nginx")),
    ("tag:none", |_| false),
];

#[tokio::test]
async fn what_is_found_is_what_listing_and_filtering_finds() {
    for seed in 0..8 {
        let mut dice = Dice(seed * 7_919 + 3);
        let (house, indexer) = indexed().await;
        let people = any_content(&house, &mut dice).await;
        indexer.catch_up().await.expect("no fault");
        let mut subjects = vec![admin()];
        for header in &people {
            subjects.push(house.who(header).await);
        }
        for subject in &subjects {
            let allowed = allowed(&house, subject).await;
            for (query, fits) in QUERIES {
                let expect: BTreeSet<_> = allowed.iter().filter(|(name, _)| fits(name)).cloned().collect();
                let what = format!("{seed}: {query:?} of {:?}", subject.actor);
                let found = house.search(subject, query).await;
                assert_eq!((found.total, found.more, found.indexing), (expect.len() as u64, false, false), "{what}");
                let names: BTreeSet<&String> = expect.iter().map(|(name, _)| name).collect();
                assert_eq!(found.repositories, names.len() as u64, "{what}");
                assert_eq!(facet(&found, "project"), by_project(&expect), "{what}");
                assert_eq!(paged(&house, subject, query, 1 + dice.roll(4) as usize).await, expect, "{what}");
                // A word is told to be another only where that is somewhere to be read.
                assert_eq!(!found.corrected.is_empty(), query == "ngnix" && !expect.is_empty(), "{what}");
            }
        }
    }
}

fn facet(found: &SearchResult, field: &str) -> BTreeMap<String, u64> {
    let facet = found.facets.iter().find(|facet| facet.field == field);
    facet.map(|facet| facet.values.iter().map(|one| (one.value.clone(), one.count)).collect()).unwrap_or_default()
}

fn by_project(all: &BTreeSet<(String, Digest)>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (name, _) in all {
        *counts.entry(name.split('/').next().expect("a project").to_owned()).or_default() += 1;
    }
    counts
}

async fn paged(house: &House, subject: &Subject, query: &str, limit: usize) -> BTreeSet<(String, Digest)> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = house.page(subject, query, Part { limit, after }).await.expect("a page");
        assert!(page.items.len() <= limit);
        for hit in page.items {
            assert!(all.insert((hit.repository.to_string(), hit.digest)), "told twice: {}", named(&hit));
        }
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// From the answer on that it is gone; nobody waits for the index by themselves.
#[tokio::test]
async fn what_is_taken_away_is_not_found_from_then_on() {
    let (house, indexer) = indexed().await;
    for repository in ["p0/app", "p1/app", "p2/app", "p3/app"] {
        house.stock(repository, "v1", repository).await;
    }
    house.make_public("p3", true).await;
    let kim = house.user(2, "kim").await;
    let kim = house.who(&kim).await;
    indexer.catch_up().await.expect("no fault");
    let running = {
        let indexer = indexer.clone();
        tokio::spawn(async move { indexer.run().await })
    };
    assert_eq!(house.finds("app").await, set(&["p0/app:v1", "p1/app:v1", "p2/app:v1", "p3/app:v1"]));
    assert_eq!(house.search(&kim, "app").await.total, 1);
    house.delete("p0/app", &tagged("v1")).await.expect("deleted");
    assert_eq!(house.finds("app").await, set(&["p1/app:v1", "p2/app:v1", "p3/app:v1"]));
    house.make_public("p3", false).await;
    assert_eq!(house.search(&kim, "app").await.total, 0);
    let (entry, keep, contents) = (Id([77; 16]), TRASH, Contents::default());
    let repository = name("p1/app");
    house
        .change_project(Change::DeleteRepository { repository, expects: Expects::Anything, entry, keep, contents })
        .await;
    assert_eq!(house.finds("app").await, set(&["p2/app:v1", "p3/app:v1"]));
    let project = name("p2/app").project();
    let entry = Id([78; 16]);
    house
        .change_project(Change::DeleteProject {
            project: project.clone(),
            expects: Expects::Anything,
            entry,
            keep,
            contents,
        })
        .await;
    assert_eq!(house.finds("app").await, set(&["p3/app:v1"]));
    // What comes back is found again, once the index has followed.
    running.abort();
    let _ = running.await;
    house.change_project(Change::RestoreProject { entry, project, contents }).await;
    let repository = name("p1/app");
    house.change_project(Change::RestoreRepository { entry: Id([77; 16]), repository, contents }).await;
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.finds("app").await, set(&["p1/app:v1", "p2/app:v1", "p3/app:v1"]));
}

#[tokio::test]
async fn an_index_that_is_not_there_says_so() {
    let house = House::new().await;
    let asked = house.page(&admin(), "", Part { limit: 1, after: None }).await;
    assert!(matches!(asked, Err(Error::Indexing)), "{asked:?}");
    house.stock("p/app", "v1", "x").await;
    let indexer = Indexer::new(&house.registry, Sqlite::new(house.folder.path().join("search.db")));
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.finds("").await, set(&["p/app:v1"]));
}

#[tokio::test]
async fn tags_that_move_are_found_where_they_are() {
    let (house, indexer) = indexed().await;
    house.stock("p/app", "v1", "one").await;
    house.stock("p/app", "latest", "one").await;
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.finds("tag:latest").await, set(&["p/app:v1"]));
    let two = house.stock("p/app", "latest", "two").await;
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.finds("tag:latest").await, set(&["p/app:latest"]));
    assert_eq!(house.finds("").await, set(&["p/app:v1", "p/app:latest"]));
    house.stock("p/app", "latest", "three").await;
    indexer.catch_up().await.expect("no fault");
    // No tag points to it any more.
    assert_eq!(house.search(&admin(), "").await.total, 2);
    assert_eq!(house.search(&admin(), &format!("digest:{two}")).await.total, 1);
    // It has more tags than lists tell of one.
    for at in 0..15 {
        house.stock("p/app", &format!("t{at}"), "three").await;
    }
    indexer.catch_up().await.expect("no fault");
    let found = house.search(&admin(), "tag:t14").await;
    assert_eq!((found.total, found.items[0].tags_total), (1, 16));
}

#[tokio::test]
async fn an_index_that_cannot_be_used_is_made_anew() {
    let (mut house, indexer) = indexed().await;
    for at in 0..600 {
        house.stock("p/app", &format!("v{at}"), &at.to_string()).await;
    }
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.search(&admin(), "").await.total, 600);
    let path = house.folder.path().join("search.db");
    let latest = house.latest().await;
    let standings = [
        Standing { version: 999, seq: latest, at: 0, scanned: None },
        Standing { version: 2, seq: latest + 1, at: 0, scanned: None },
        // Of another ledger: its entry of that number was made at another time.
        Standing { version: 2, seq: latest, at: 1, scanned: None },
    ];
    for standing in standings {
        house.crash().await;
        Sqlite::new(&path).begin(standing).await.expect("an index");
        let indexer = Indexer::new(&house.registry, Sqlite::new(&path));
        indexer.catch_up().await.expect("no fault");
        let found = house.search(&admin(), "").await;
        assert_eq!((found.total, found.indexing), (600, false), "{standing:?}");
    }
    for torn in [&b"torn"[..], &[0; 8192]] {
        house.crash().await;
        std::fs::write(&path, torn).expect("written");
        let indexer = Indexer::new(&house.registry, Sqlite::new(&path));
        indexer.catch_up().await.expect("no fault");
        assert_eq!(house.search(&admin(), "").await.total, 600);
    }
    // One that is good is gone on with, also in the middle of being made.
    house.crash().await;
    let indexer = Indexer::new(&house.registry, Sqlite::new(&path));
    indexer.rebuild().await.expect("no fault");
    assert!(house.search(&admin(), "").await.indexing);
    house.stock("p/app", "new", "new").await;
    house.crash().await;
    let indexer = Indexer::new(&house.registry, Sqlite::new(&path));
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.search(&admin(), "").await.total, 601);
}

#[tokio::test]
async fn faults_of_the_ledger_delay_and_lose_nothing() {
    let (house, indexer) = indexed().await;
    house.stock("p/gone", "v1", "x").await;
    indexer.catch_up().await.expect("no fault");
    let mut expect = set(&["p/gone:v1"]);
    for at in 0..24u64 {
        house.stock("p/app", &format!("v{at}"), &at.to_string()).await;
        expect.insert(format!("p/app:v{at}"));
        if at == 7 {
            let (entry, repository) = (Id([77; 16]), name("p/gone"));
            let (expects, keep, contents) = (Expects::Anything, TRASH, Contents::default());
            house.change_project(Change::DeleteRepository { repository, expects, entry, keep, contents }).await;
            expect.remove("p/gone:v1");
        }
        house.ledger.fail(at + 1, When::Before);
        let _ = indexer.catch_up().await;
        house.heal();
        indexer.catch_up().await.expect("no fault");
        assert_eq!(house.finds("").await, expect, "{at}");
    }
}

#[tokio::test]
async fn pages_are_of_one_search_and_one_person() {
    let (house, indexer) = indexed().await;
    for at in 0..5 {
        house.stock(&format!("p/r{at}"), "v1", "x").await;
    }
    indexer.catch_up().await.expect("no fault");
    let page = house.page(&admin(), "p", Part { limit: 2, after: None }).await.expect("a page");
    assert_eq!((page.items.len(), page.total), (2, 5));
    let next = Part { limit: 2, after: page.next };
    assert!(house.page(&admin(), "p", next.clone()).await.is_ok());
    // However it is written.
    assert!(house.page(&admin(), " P ", next.clone()).await.is_ok());
    for query in ["", "p -r1"] {
        let other = house.page(&admin(), query, next.clone()).await;
        assert!(matches!(other, Err(Error::Unsupported(_))), "{query}: {other:?}");
    }
    let header = house.user(2, "kim").await;
    let kim = house.who(&header).await;
    assert!(matches!(house.page(&kim, "p", next).await, Err(Error::Unsupported(_))));
    let anonymous = house.page(&Subject::anonymous(), "p", Part { limit: 2, after: None }).await;
    assert!(matches!(anonymous, Err(Error::Unauthorized)), "{anonymous:?}");
    let wrong = house.page(&admin(), "p knd:x", Part { limit: 2, after: None }).await;
    let Err(Error::Query(wrong)) = wrong else { panic!("{wrong:?}") };
    assert_eq!(wrong.at, 2..7);
    let wrong = house.page(&admin(), "kind:teapot", Part { limit: 2, after: None }).await;
    assert!(matches!(wrong, Err(Error::Query(_))), "{wrong:?}");
}

/// Layers are looked into once that is done elsewhere, bills of materials once it is known that they are such.
#[tokio::test]
async fn what_is_inside_is_found() {
    const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
    let (house, indexer) = indexed().await;
    let tar = layer(&[("usr/bin/curl", b"x"), ("etc/.wh.passwd", b"")]);
    let digests = house.push_layers("p/app", "v1", &[(TAR, None, &tar)]).await;
    house.push_layers("p/tool", "v1", &[("application/octet-stream", Some("bin/tool"), b"tool")]).await;
    indexer.catch_up().await.expect("no fault");
    // Nobody has looked into the layer yet, and nobody waits for that.
    let found = house.search(&admin(), "file:curl").await;
    assert_eq!((found.total, found.indexing), (0, false));
    assert_eq!(house.finds("file:tool").await, set(&["p/tool:v1"]));
    assert!(house.derive("p/app", &digests[0]).await);
    indexer.catch_up().await.expect("no fault");
    for query in ["file:curl", "file:/usr/bin/curl", "file:/usr/*"] {
        assert_eq!(house.finds(query).await, set(&["p/app:v1"]), "{query}");
    }
    // What a layer deletes is not in it.
    assert_eq!(house.finds("file:passwd").await, set(&[]));
    house.attach_bill("p/app", "v1").await;
    Following::new(&InspectFollower, house.ledger.clone()).catch_up().await.expect("no fault");
    let inspector = Inspector::new(&house.registry, Arc::new(InForce::default()), InspectSettings::default());
    for worker in Worker::inspectors(&house.registry, &inspector) {
        worker.work_off().await.expect("no fault");
    }
    indexer.catch_up().await.expect("no fault");
    let found = house.search(&admin(), "pkg:log4j-core<2.17").await;
    assert_eq!((found.total, named(&found.items[0])), (1, "p/app:v1".to_owned()));
    let told: Vec<&str> = found.items[0].matched.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(told, ["log4j-core 2.14.1"]);
    // Far more than facts hold are found.
    assert_eq!(house.search(&admin(), "pkg:p1499 kind:sbom").await.total, 1);
    assert_eq!(house.search(&admin(), "pkg:log4j-core>=2.17").await.total, 0);
    // Made anew, it finds the same; and where the heap did not answer, in the end.
    indexer.rebuild().await.expect("no fault");
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.finds("file:curl").await, set(&["p/app:v1"]));
    assert_eq!(house.finds("pkg:log4j-core").await, set(&["p/app:v1"]));
}

/// Who knows the digest of a layer learns nothing of what is in it by naming it as one that is elsewhere; and titles that are no paths, or are
/// the same to an engine and not to us, are found by nothing and hinder nobody.
#[tokio::test]
async fn what_a_manifest_names_and_its_repository_has_not_is_not_looked_into() {
    const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
    let (house, indexer) = indexed().await;
    let tar = layer(&[("etc/shadow", b"x")]);
    let digests = house.push_layers("p/app", "v1", &[(TAR, None, &tar)]).await;
    assert!(house.derive("p/app", &digests[0]).await);
    let config = house.push_blob("q/x", b"{}").await;
    let elsewhere =
        json!({ "mediaType": TAR, "digest": digests[0], "size": tar.len(), "urls": ["https://example.com/layer"] });
    let titled = |title: &str| {
        json!({ "mediaType": "application/octet-stream", "digest": config, "size": 2,
            "annotations": { "org.opencontainers.image.title": title } })
    };
    let titles = ["a\u{0}", "a\u{fffd}", "../b", "/bin//tool/"].map(titled);
    let layers: Vec<Value> = [elsewhere, titled(&"d/".repeat(100_000))].into_iter().chain(titles).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
        "layers": layers,
    });
    house.put("q/x", tagged("v1"), manifest.to_string().into()).await.expect("pushed");
    indexer.catch_up().await.expect("no fault");
    assert_eq!(house.finds("file:shadow").await, set(&["p/app:v1"]));
    assert_eq!(house.finds("file:/bin/tool").await, set(&["q/x:v1"]));
    assert_eq!(house.finds("file:d").await, set(&[]));
    // What is deleted is not asked for again and again.
    let access = house.access(Action::Pull, "p/app").await;
    let image = house.registry.manifest(&access, &tagged("v1")).await.expect("it is there").digest;
    house.delete("p/app", &Reference::Digest(image)).await.expect("deleted");
    tokio::time::timeout(std::time::Duration::from_secs(30), indexer.catch_up())
        .await
        .expect("it ends")
        .expect("no fault");
    assert_eq!(house.finds("file:tool").await, set(&["q/x:v1"]));
}

impl House {
    /// Attaches a bill of materials with very many packages.
    async fn attach_bill(&self, repository: &str, subject: &str) {
        let many = (0..1_500).map(|at| json!({ "type": "library", "name": format!("p{at:04}"), "version": "1" }));
        let log4j = json!({ "type": "library", "name": "log4j-core", "version": "2.14.1" });
        let components: Vec<Value> = many.chain([log4j]).collect();
        let bill = json!({ "bomFormat": "CycloneDX", "specVersion": "1.5", "components": components }).to_string();
        let digest = self.push_blob(repository, bill.as_bytes()).await;
        let empty = self.push_blob(repository, b"{}").await;
        let access = self.access(Action::Pull, repository).await;
        let subject = self.registry.manifest(&access, &tagged(subject)).await.expect("it is there");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.cyclonedx+json",
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2 },
            "layers": [{ "mediaType": "application/vnd.cyclonedx+json", "digest": digest, "size": bill.len() }],
            "subject": { "mediaType": OCI_MANIFEST, "digest": subject.digest, "size": subject.bytes.len() },
        })
        .to_string();
        let digest = Digest::of(Algorithm::Sha256, manifest.as_bytes());
        self.put(repository, Reference::Digest(digest), manifest.into()).await.expect("pushed");
    }
}
