//! The rules about what inspecting has found out. Part of the suite of [`super::ledger`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "these are tests"
)]

use wharf_model::manifest::Role;

use super::ledger::{
    Bench, GRACE, START, delete_blob, delete_manifest, digest, edge, ensure, heap, index, inline, layers, name, purge,
    put_blob, put_manifest, sweep,
};
use super::trash::{delete_project, delete_repository, restore_manifest, restore_repository};
use crate::blobs::Location;
use crate::ledger::change::{Change, Edge, Place};
use crate::ledger::facts::{DerivedRow, FactsChange, FactsRow, Inspectable};

pub(super) fn put_facts(repository: &str, text: &str, number: u64, version: u32, facts: &str) -> Change {
    let (kind, title, summary) = ("chart".to_owned(), format!("the {text}"), "a chart".to_owned());
    let (repository, digest, facts) = (name(repository), digest(text), facts.to_owned());
    let (size, platforms) = (1 << 40, "linux/amd64\nlinux/arm64".to_owned());
    let fields =
        FactsChange::PutFacts { repository, digest, number, kind, title, summary, size, platforms, version, facts };
    Change::Found(fields)
}

fn put_derived(text: &str, kind: &str, version: u32, place: Place) -> Change {
    let (source, kind) = (digest(text), kind.to_owned());
    Change::Found(FactsChange::PutDerived { source, kind, version, size: 4, place, upload: None })
}

impl Bench {
    async fn facts(&self, repository: &str, text: &str) -> Option<FactsRow> {
        self.ledger.facts(&name(repository), &digest(text)).await.unwrap()
    }

    async fn derived(&self, repository: &str, text: &str, kind: &str) -> Option<DerivedRow> {
        self.ledger.derived(&name(repository), &digest(text), kind).await.unwrap()
    }

    async fn inspectable(&self, repository: &str, text: &str) -> Option<Inspectable> {
        self.ledger.inspectable(&name(repository), &digest(text)).await.unwrap()
    }

    async fn number(&self, repository: &str, text: &str) -> u64 {
        self.inspectable(repository, text).await.expect("it is live").number
    }

    /// What lives, a page of so many at a time.
    async fn live(&self, within: Option<&str>, limit: usize) -> Vec<String> {
        let within = within.map(name);
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = self.ledger.live_manifests(within.as_ref(), after, limit).await.unwrap();
            assert!(page.len() <= limit && page.is_sorted_by_key(|live| live.number));
            let Some(last) = page.last() else { return found };
            after = last.number;
            found.extend(page.into_iter().map(|live| format!("{} {}", live.repository, live.digest)));
        }
    }
}

/// Facts are of one repository's manifest, are replaced, go into the trash and back with it, and end with it.
pub async fn facts_live_with_their_manifest(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_manifest("p/a", "m", vec![])]).await;
    bench.made(vec![put_manifest("p/b", "m", vec![])]).await;
    assert_eq!(bench.facts("p/a", "m").await, None);
    let number = bench.number("p/a", "m").await;
    let row = |version, facts: &str, made_at| {
        let (kind, title, summary) = ("chart".to_owned(), "the m".to_owned(), "a chart".to_owned());
        Some(FactsRow { kind, title, summary, size: 1 << 40, version, facts: facts.to_owned(), made_at })
    };
    assert!(bench.filled(put_facts("p/a", "m", number, 1, "{}")).await.is_some());
    assert_eq!(bench.facts("p/a", "m").await, row(1, "{}", START));
    assert_eq!(bench.facts("p/b", "m").await, None, "another repository may show other blobs");
    bench.advance(5);
    assert_eq!(bench.filled(put_facts("p/a", "m", number, 1, "{}")).await, None, "it is known");
    bench.made(vec![put_facts("p/a", "m", number, 2, "[1]")]).await;
    let latest = row(2, "[1]", START + 5);
    assert_eq!(bench.facts("p/a", "m").await, latest);
    bench.made(vec![delete_manifest("p/a", "m", 10 * GRACE)]).await;
    assert_eq!(bench.facts("p/a", "m").await, None);
    assert_eq!(bench.filled(put_facts("p/a", "m", number, 3, "{}")).await, None);
    let entry = bench.entry("p/a", "m").await;
    bench.made(vec![restore_manifest("p/a", entry.id, true)]).await;
    assert_eq!(bench.facts("p/a", "m").await, latest);
    bench.made(vec![delete_repository("p/a", 1, 10 * GRACE)]).await;
    assert_eq!(bench.facts("p/a", "m").await, None);
    bench.made(vec![restore_repository("p/a", super::people::id(1))]).await;
    assert_eq!(bench.facts("p/a", "m").await, latest);
}

/// Nothing is written of what is not there, nor of what is another one by now.
pub async fn facts_are_of_the_manifest_that_was_read(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_manifest("p/a", "m", vec![])]).await;
    bench.made(vec![put_manifest("p/b", "m", vec![]), put_manifest("p/a", "n", vec![])]).await;
    let first = bench.inspectable("p/a", "m").await.expect("it is live");
    assert_eq!(
        (&first.bytes[..], first.media_type.as_str(), first.version),
        (&b"m"[..], "application/vnd.test+json", None)
    );
    assert_eq!((bench.inspectable("p/a", "o").await, bench.inspectable("p/none", "m").await), (None, None));
    for (repository, text) in [("p/a", "n"), ("p/b", "m"), ("p/none", "m"), ("p/a", "o")] {
        let put = put_facts(repository, text, first.number, 1, "{}");
        assert_eq!(bench.filled(put).await, None, "{repository} {text}");
    }
    bench.made(vec![put_facts("p/a", "m", first.number, 7, "{}")]).await;
    assert_eq!(bench.inspectable("p/a", "m").await.and_then(|live| live.version), Some(7));
    bench.made(vec![delete_manifest("p/a", "m", 10 * GRACE), put_manifest("p/a", "m", vec![])]).await;
    assert_eq!(bench.facts("p/a", "m").await, None, "it is another one");
    assert_eq!(bench.filled(put_facts("p/a", "m", first.number, 8, "{}")).await, None);
    // The one that stays is the one that was pushed since.
    let entry = bench.entry("p/a", "m").await;
    bench.made(vec![restore_manifest("p/a", entry.id, true)]).await;
    assert_eq!(bench.facts("p/a", "m").await, None);
    assert_ne!(bench.number("p/a", "m").await, first.number);
}

/// All that lives is found, page by page, in the order in which it came.
pub async fn what_lives_is_found(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("q/b")]).await;
    for (repository, text) in [("p/a", "1"), ("q/b", "2"), ("p/a", "3"), ("q/b", "1"), ("p/a", "4")] {
        bench.made(vec![put_manifest(repository, text, vec![])]).await;
    }
    let all = |list: &[(&str, &str)]| -> Vec<String> {
        list.iter().map(|(repository, text)| format!("{repository} {}", digest(text))).collect()
    };
    let first = [("p/a", "1"), ("q/b", "2"), ("p/a", "3"), ("q/b", "1"), ("p/a", "4")];
    for limit in [1, 2, 100] {
        assert_eq!(bench.live(None, limit).await, all(&first), "{limit}");
        assert_eq!(bench.live(Some("q/b"), limit).await, all(&[("q/b", "2"), ("q/b", "1")]), "{limit}");
    }
    bench.made(vec![delete_manifest("p/a", "1", GRACE), delete_repository("q/b", 1, GRACE)]).await;
    assert_eq!(bench.live(None, 2).await, all(&[("p/a", "3"), ("p/a", "4")]));
    bench.made(vec![delete_project("p", 2, GRACE)]).await;
    assert!(bench.live(None, 2).await.is_empty() && bench.live(Some("p/a"), 2).await.is_empty());
}

/// The indexes that name a manifest and came before it: those of its repository that live, so many.
pub async fn indexes_before_their_children_are_found(bench: &Bench) {
    let named = |role, targets: &[&str]| -> Vec<Edge> {
        targets.iter().map(|target| Edge { required: false, ..edge(role, target) }).collect()
    };
    bench.made(vec![ensure("p/a"), ensure("p/b")]).await;
    for (repository, text) in [("p/a", "i"), ("p/b", "j"), ("p/a", "k"), ("p/a", "l")] {
        bench.made(vec![put_manifest(repository, text, named(Role::Child, &["c", "d"]))]).await;
    }
    bench.made(vec![put_manifest("p/a", "image", named(Role::Layer, &["c"])), put_manifest("p/a", "c", vec![])]).await;
    bench.made(vec![index("p/a", "late", &["c"]), delete_manifest("p/a", "k", 10 * GRACE)]).await;
    let found = async |repository: &str, child: &str, limit| {
        bench.ledger.indexes_before(&name(repository), &digest(child), limit).await.unwrap()
    };
    assert_eq!(found("p/a", "c", 9).await, [digest("i"), digest("l")]);
    assert_eq!(found("p/a", "c", 1).await, [digest("i")]);
    for (repository, child) in [("p/a", "d"), ("p/b", "c"), ("p/none", "c"), ("p/a", "late")] {
        assert!(found(repository, child, 9).await.is_empty(), "{repository} {child}");
    }
}

/// What is derived from a blob is there for every repository that shows the blob and for no other, is replaced, and ends with
/// the blob; its bytes on the heap are reclaimed then, and known before.
pub async fn what_is_derived_lives_with_its_blob(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), ensure("p/c"), put_blob("p/a", "x", heap("x1"))]).await;
    bench.made(vec![put_blob("p/b", "x", heap("x1"))]).await;
    bench.made(vec![put_derived("x", "tree", 1, heap("t1")), put_derived("x", "seek", 7, inline("seek"))]).await;
    let tree = |version, place| Some(DerivedRow { version, size: 4, place });
    for repository in ["p/a", "p/b"] {
        assert_eq!(bench.derived(repository, "x", "tree").await, tree(1, heap("t1")), "{repository}");
        assert_eq!(bench.derived(repository, "x", "seek").await, tree(7, inline("seek")), "{repository}");
        assert_eq!(bench.derived(repository, "x", "none").await, None);
    }
    assert_eq!(bench.derived("p/c", "x", "tree").await, None);
    let knows = async |location: &str| bench.ledger.knows_location(&Location(location.to_owned())).await.unwrap();
    assert!(knows("t1").await && !knows("t2").await);
    bench.made(vec![put_derived("x", "tree", 2, heap("t2"))]).await;
    assert_eq!(bench.derived("p/a", "x", "tree").await, tree(2, heap("t2")));
    assert_eq!(bench.reclaimed().await, ["t1"]);
    assert!(!knows("t1").await && knows("t2").await);
    // It was not learned that it is written, so it is written again.
    bench.made(vec![put_derived("x", "tree", 2, heap("t2"))]).await;
    assert_eq!(bench.derived("p/a", "x", "tree").await, tree(2, heap("t2")));
    assert!(bench.reclaimed().await.is_empty());
    // Nothing is kept of what is not there.
    assert_eq!(bench.filled(put_derived("y", "tree", 1, heap("y1"))).await, None);
    assert_eq!(bench.reclaimed().await, ["y1"]);
    // Who does not show the blob any more does not show what is derived from it either.
    bench.advance(GRACE / 2);
    assert_eq!(bench.derived("p/a", "x", "tree").await, None);
    bench.made(vec![delete_blob_now(bench, "p/b").await]).await;
    bench.advance(GRACE);
    bench.made(vec![sweep("p/a", "x")]).await;
    let mut reclaimed = bench.reclaimed().await;
    reclaimed.sort();
    assert_eq!(reclaimed, ["t2", "x1"]);
}

/// Puts the blob into the repository again, so that it is shown, and takes it out.
async fn delete_blob_now(bench: &Bench, repository: &str) -> Change {
    bench.made(vec![put_blob(repository, "x", heap("x1"))]).await;
    delete_blob(repository, "x")
}

/// Facts and what is derived do not hold anything: the blob goes when nothing else holds it.
pub async fn what_was_found_holds_nothing(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1"))]).await;
    bench.made(vec![put_manifest("p/a", "m", layers(&["x"])), put_derived("x", "tree", 1, inline("tree"))]).await;
    let number = bench.number("p/a", "m").await;
    bench.made(vec![put_facts("p/a", "m", number, 1, "{}"), delete_manifest("p/a", "m", GRACE)]).await;
    bench.made(vec![purge(bench.entry("p/a", "m").await.id)]).await;
    bench.advance(GRACE);
    bench.made(vec![sweep("p/a", "x")]).await;
    assert_eq!(bench.reclaimed().await, ["x1"]);
}
