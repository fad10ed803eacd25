//! Caches: never older than the ledger, whoever reads when.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use wharf_model::api::project::ProjectChange;
use wharf_model::name::Reference;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::cache::Caches;
use wharf_registry::error::Error;
use wharf_registry::people::Part;
use wharf_store::ledger::change::{Change, Commit, Entry, Expected, Expects};
use wharf_store::ledger::query::ManifestRow;
use wharf_store::ledger::{Ledger as _, Observer as _};

use crate::house::{GRACE, House, image, name, noise, sha256, tagged};

const A: &str = "acme/app";

fn row(text: &'static str) -> ManifestRow {
    ManifestRow {
        digest: sha256(text.as_bytes()),
        media_type: "a/b".parse().expect("a media type"),
        artifact_type: None,
        bytes: Bytes::from_static(text.as_bytes()),
    }
}

fn entry(changes: Vec<Change>) -> Entry {
    Entry { seq: 1, at: 0, actor: String::new(), changes }
}

fn moved(repository: &str) -> Entry {
    let (tag, digest) = ("latest".parse().expect("a tag"), sha256(b"new"));
    entry(vec![Change::PointTag {
        repository: name(repository),
        expects: Expects::Anything,
        tag,
        digest,
        expected: Expected::default(),
        previous: None,
    }])
}

/// A reader asked before a commit, and its answer comes after: nobody else is served with it.
#[tokio::test]
async fn a_slow_reader_cannot_put_back_the_old() {
    let caches = Arc::new(Caches::new(1 << 20));
    let (go, wait) = oneshot::channel();
    let slow = tokio::spawn({
        let caches = caches.clone();
        async move {
            let ask = || async {
                wait.await.expect("told to go on");
                Ok::<_, Error>(Some(row("old")))
            };
            caches.manifest(&name(A), &tagged("latest"), ask).await
        }
    });
    tokio::task::yield_now().await;
    caches.observer().committed(&moved(A));
    go.send(()).expect("it waits");
    assert_eq!(slow.await.unwrap().unwrap().unwrap().bytes, "old", "it asked before");
    let ask = || async { Ok::<_, Error>(Some(row("new"))) };
    assert_eq!(caches.manifest(&name(A), &tagged("latest"), ask).await.unwrap().unwrap().bytes, "new");
    let never = || async { panic!("it is known") };
    let known = caches.manifest::<Error, _>(&name(A), &tagged("latest"), never).await;
    assert_eq!(known.unwrap().unwrap().bytes, "new");
}

#[tokio::test]
async fn only_what_was_touched_is_asked_again() {
    let caches = Caches::new(1 << 20);
    let ask = |text: &'static str| move || async move { Ok::<_, Error>(Some(row(text))) };
    caches.manifest(&name(A), &tagged("latest"), ask("one")).await.unwrap();
    let project = Change::PutProject {
        project: "other".parse().expect("a name"),
        expects: Expects::Anything,
        id: None,
        set: ProjectChange::public(true),
        created: false,
    };
    caches.observer().committed(&entry(vec![project]));
    assert_eq!(caches.manifest(&name(A), &tagged("latest"), ask("two")).await.unwrap().unwrap().bytes, "one");
    let project = Change::PutProject {
        project: "acme".parse().expect("a name"),
        expects: Expects::Anything,
        id: None,
        set: ProjectChange::public(true),
        created: false,
    };
    caches.observer().committed(&entry(vec![project]));
    assert_eq!(caches.manifest(&name(A), &tagged("latest"), ask("two")).await.unwrap().unwrap().bytes, "two");
    assert_eq!(caches.counts(), (1, 2));
}

#[tokio::test]
async fn a_moved_tag_is_seen_at_once() {
    let house = House::new().await;
    for seed in 0..50 {
        let blob = house.push_blob(A, &noise(seed, 10)).await;
        house.push_image(A, "latest", &[blob]).await;
        assert_eq!(house.pull(A, &tagged("latest")).await, Some(image(&[blob])));
        assert_eq!(house.pull(A, &tagged("latest")).await, Some(image(&[blob])), "from the cache");
    }
    house.delete(A, &tagged("latest")).await.expect("deleted");
    assert!(house.pull(A, &tagged("latest")).await.is_none());
    let (hits, _) = house.registry.cache_counts();
    assert!(hits >= 50, "{hits}");
}

#[tokio::test]
async fn a_deleted_manifest_is_gone_at_once_under_all_its_names() {
    let house = House::new().await;
    let blob = house.push_blob(A, b"x").await;
    for _ in 0..20 {
        let digest = house.push_image(A, "latest", &[blob]).await;
        house.push_image(A, "stable", &[blob]).await;
        let names = [tagged("latest"), tagged("stable"), Reference::Digest(digest)];
        for reference in &names {
            assert!(house.pull(A, reference).await.is_some());
        }
        house.delete(A, &Reference::Digest(digest)).await.expect("deleted");
        for reference in &names {
            assert!(house.pull(A, reference).await.is_none(), "{reference}");
        }
    }
}

/// A page of the catalogue asks once for all of it, and is not older for that.
#[tokio::test]
async fn the_catalogue_asks_the_cache() {
    let house = House::new().await;
    let blob = house.push_blob(A, b"x").await;
    house.push_image(A, "latest", &[blob]).await;
    house.make_public("acme", true).await;
    let vouched = async || {
        let part = Part { limit: 10, after: None };
        let page = house.registry.catalogue(&Subject::anonymous(), &part).await.expect("no fault");
        page.items.iter().map(|entry| entry.vouched).collect::<Vec<_>>()
    };
    assert_eq!(vouched().await, [false]);
    let (hits, misses) = house.registry.cache_counts();
    assert_eq!(vouched().await, [false]);
    assert_eq!(house.registry.cache_counts(), (hits + 1, misses));
    let set = ProjectChange { vouched: Some(true), ..ProjectChange::default() };
    let project = "acme".parse().expect("a name");
    let put = Change::PutProject { project, expects: Expects::Anything, id: None, set, created: false };
    let commit = Commit { actor: "test".to_owned(), changes: vec![put], ..Commit::default() };
    house.ledger.commit(commit).await.expect("no fault");
    assert_eq!(vouched().await, [true]);
}

#[tokio::test]
async fn who_may_read_changes_at_once() {
    let house = House::new().await;
    let blob = house.push_blob(A, b"x").await;
    house.push_image(A, "latest", &[blob]).await;
    let may = async |action| house.registry.authorise(&Subject::anonymous(), action, &name(A)).await.is_ok();
    for _ in 0..20 {
        assert!(!may(Action::Pull).await);
        house.make_public("acme", true).await;
        assert!(may(Action::Pull).await && !may(Action::Push).await);
        house.make_public("acme", false).await;
    }
    let missing = house.registry.authorise(&Subject::anonymous(), Action::Pull, &name("acme/new")).await;
    assert!(matches!(missing, Err(Error::Unauthorized)));
    house.make_public("acme", true).await;
    house.push_blob("acme/new", b"x").await;
    let there = house.registry.authorise(&Subject::anonymous(), Action::Pull, &name("acme/new")).await;
    assert!(there.is_ok(), "that it was not there is forgotten too");
}

/// Layers come and go all the time; what is known of manifests and repositories stays.
#[tokio::test]
async fn what_happens_to_blobs_forgets_nothing() {
    let house = House::new().await;
    let blob = house.push_blob(A, b"config").await;
    house.push_image(A, "latest", &[blob]).await;
    house.push_blob("other/app", b"layer").await;
    assert!(house.shows("other/app", &sha256(b"layer")).await);
    house.pull(A, &tagged("latest")).await.expect("there");
    let (hits, misses) = house.registry.cache_counts();
    let layer = house.push_blob(A, b"another").await;
    house.pull(A, &tagged("latest")).await.expect("there");
    assert!(house.mount(A, sha256(b"layer"), Some("other/app")).await);
    house.pull(A, &tagged("latest")).await.expect("there");
    house.delete_blob(A, &layer).await.expect("deleted");
    house.pull(A, &tagged("latest")).await.expect("there");
    house.advance(2 * GRACE);
    house.clean().await;
    assert!(!house.shows(A, &sha256(b"layer")).await, "it was swept");
    house.pull(A, &tagged("latest")).await.expect("there");
    let now = house.registry.cache_counts();
    assert_eq!(now.1, misses, "{now:?}, {hits} and {misses} before");
}

/// Readers beside a writer: each sees what was acknowledged before it asked, or something newer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_fall_behind_what_was_acknowledged() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let house = Arc::new(House::new().await);
    let mut images = Vec::new();
    for seed in 0..60 {
        images.push(house.push_blob(A, &noise(seed, 10)).await);
    }
    house.push_image(A, "latest", &images[..1]).await;
    let numbers: std::collections::HashMap<Bytes, u64> =
        images.iter().enumerate().map(|(number, blob)| (image(&[*blob]), number as u64)).collect();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let last = images.len() as u64 - 1;
    let read = |house: Arc<House>, acknowledged: Arc<AtomicU64>, numbers: Arc<std::collections::HashMap<_, _>>| async move {
        loop {
            let before = acknowledged.load(Ordering::SeqCst);
            let seen: u64 = numbers[&house.pull(A, &tagged("latest")).await.expect("there")];
            assert!(seen >= before, "{seen} after {before} was acknowledged");
            if before == last {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let numbers = Arc::new(numbers);
    let readers: Vec<_> =
        (0..3).map(|_| tokio::spawn(read(house.clone(), acknowledged.clone(), numbers.clone()))).collect();
    for (number, blob) in images.iter().enumerate().skip(1) {
        house.push_image(A, "latest", &[*blob]).await;
        acknowledged.store(number as u64, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.expect("saw nothing old");
    }
}
