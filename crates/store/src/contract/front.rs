//! The rules about what a repository shows in front. Part of the suite of [`super::ledger`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "these are tests"
)]

use wharf_model::id::Id;
use wharf_model::name::{Reference, RepositoryName};

use super::ledger::{
    Bench, GRACE, START, delete_manifest, delete_tag, digest, ensure, inline, make_project, name, point, purge,
    put_blob, put_manifest, tag,
};
use super::trash::{delete_repository, restore_manifest, restore_repository};
use crate::ledger::change::{Change, Expects, Refused};
use crate::ledger::front::{CatalogueRow, Pulled};

pub(super) fn set_overview(repository: &str, text: &str) -> Change {
    let (repository, expects) = (name(repository), Expects::Anything);
    Change::SetOverview { repository, expects, text: text.to_owned(), bytes: text.len() as u64 }
}

fn pulled(repository: &str, reference: Reference, count: u64) -> Pulled {
    Pulled { repository: name(repository), reference, count }
}

/// It is told as it was written, and the log does not repeat it; it goes to the trash and back with its repository.
pub async fn an_overview_is_its_repositorys(bench: &Bench) {
    let text = async |repository: &str| bench.ledger.overview(&name(repository)).await.unwrap().map(|row| row.text);
    let refused = bench.refused(vec![set_overview("p/a", "x")]).await;
    assert_eq!(refused, Refused::RepositoryUnknown);
    bench.made(vec![ensure("p/a"), ensure("p/b")]).await;
    assert_eq!(text("p/a").await, None);
    let logged = bench.filled(set_overview("p/a", "# A \u{1f6a2}")).await.expect("an effect");
    assert!(matches!(&logged, Change::SetOverview { bytes: 8, .. }), "{logged:?}");
    let entry = bench.ledger.log(0, 1_000).await.unwrap().pop().unwrap();
    assert!(matches!(&entry.changes[0], Change::SetOverview { text, bytes: 8, .. } if text.is_empty()), "{entry:?}");
    let row = bench.ledger.overview(&name("p/a")).await.unwrap().unwrap();
    assert_eq!((&*row.text, row.changed_at), ("# A \u{1f6a2}", START));
    assert_eq!(bench.filled(set_overview("p/a", "# A \u{1f6a2}")).await, None, "it is so already");
    assert_eq!(text("p/b").await, None);
    bench.made(vec![delete_repository("p/a", 1, GRACE)]).await;
    assert_eq!(text("p/a").await, None);
    bench.made(vec![restore_repository("p/a", Id([1; 16]))]).await;
    assert_eq!(text("p/a").await.as_deref(), Some("# A \u{1f6a2}"));
    assert!(bench.filled(set_overview("p/a", "")).await.is_some());
    assert_eq!(text("p/a").await, None);
    assert_eq!(bench.filled(set_overview("p/a", "")).await, None);
}

/// By tag, or by a digest that tags point to; what no tag points to is not counted.
pub async fn pulls_are_counted_where_tags_point(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", inline("x"))]).await;
    for text in ["one", "two"] {
        bench.made(vec![put_manifest("p/a", text, vec![])]).await;
    }
    bench.made(vec![point("p/a", "1", "one"), point("p/a", "latest", "one")]).await;
    let of = async |repository: &str| {
        let tags = bench.ledger.tagged(&name(repository), None, 10).await.unwrap();
        let tags: Vec<_> = tags.into_iter().map(|row| (row.tag.to_string(), row.pulls)).collect();
        (bench.ledger.repository(&name(repository)).await.unwrap().map_or(0, |row| row.pulls), tags)
    };
    let text = |tag: &str, pulls| (tag.to_owned(), pulls);
    assert_eq!(of("p/a").await, (0, vec![text("1", 0), text("latest", 0)]));
    let all = [
        pulled("p/a", Reference::Tag(tag("1")), 3),
        pulled("p/a", Reference::Tag(tag("gone")), 5),
        pulled("p/a", Reference::Digest(digest("one")), 2),
        pulled("p/a", Reference::Digest(digest("two")), 7),
        pulled("p/none", Reference::Tag(tag("1")), 1),
    ];
    bench.ledger.note_pulls(&all).await.unwrap();
    assert_eq!(of("p/a").await, (5, vec![text("1", 5), text("latest", 2)]));
    bench.ledger.note_pulls(&all[..1]).await.unwrap();
    bench.ledger.note_pulls(&[]).await.unwrap();
    assert_eq!(of("p/a").await, (8, vec![text("1", 8), text("latest", 2)]));
    bench.made(vec![delete_manifest("p/a", "one", 0)]).await;
    assert_eq!(of("p/a").await.0, 8, "what was counted stays");
}

/// It comes back with the tag out of the trash; another that takes the name begins anew.
pub async fn what_was_pulled_goes_with_its_tag(bench: &Bench) {
    bench.made(vec![ensure("p/a")]).await;
    for text in ["one", "two"] {
        bench.made(vec![put_manifest("p/a", text, vec![])]).await;
    }
    let pulls = async || {
        let tags = bench.ledger.tagged(&name("p/a"), None, 10).await.unwrap();
        tags.into_iter().map(|row| (row.tag.to_string(), row.pulls)).collect::<Vec<_>>()
    };
    let text = |tag: &str, pulls| (tag.to_owned(), pulls);
    let pull = async |to: &str, count| {
        bench.ledger.note_pulls(&[pulled("p/a", Reference::Tag(tag(to)), count)]).await.unwrap();
    };
    bench.made(vec![point("p/a", "1", "one"), point("p/a", "2", "one")]).await;
    pull("1", 5).await;
    pull("2", 2).await;
    bench.made(vec![point("p/a", "1", "two")]).await;
    assert_eq!(pulls().await, [text("1", 5), text("2", 2)], "it has moved");
    bench.made(vec![delete_tag("p/a", "1")]).await;
    bench.made(vec![point("p/a", "1", "one")]).await;
    assert_eq!(pulls().await, [text("1", 0), text("2", 2)]);
    pull("1", 3).await;
    bench.made(vec![delete_manifest("p/a", "one", GRACE)]).await;
    assert_eq!(pulls().await, []);
    let entry = bench.entry("p/a", "one").await.id;
    bench.made(vec![restore_manifest("p/a", entry, true)]).await;
    assert_eq!(pulls().await, [text("1", 3), text("2", 2)], "they are back");
    bench.made(vec![delete_manifest("p/a", "one", GRACE)]).await;
    bench.made(vec![point("p/a", "1", "two")]).await;
    assert_eq!(pulls().await, [text("1", 0)], "it is another one");
    pull("1", 4).await;
    let entry = bench.entry("p/a", "one").await.id;
    bench.made(vec![purge(entry)]).await;
    assert_eq!(pulls().await, [text("1", 4)], "what was purged was not this one's");
}

/// What is public, that which is pulled most first, in pages; what is in the trash is in none.
pub async fn the_catalogue_is_of_what_is_public(bench: &Bench) {
    bench.made(vec![make_project("open", true)]).await;
    let names = ["open/a", "open/b", "open/c", "open/d", "shut/e"];
    bench.made(names.into_iter().map(ensure).collect()).await;
    for repository in names {
        bench.made(vec![put_manifest(repository, "one", vec![]), point(repository, "1", "one")]).await;
    }
    let counts = [("open/b", 5), ("shut/e", 9), ("open/c", 5)];
    let all: Vec<_> = counts.iter().map(|(name, count)| pulled(name, Reference::Tag(tag("1")), *count)).collect();
    bench.ledger.note_pulls(&all).await.unwrap();
    bench.made(vec![delete_repository("open/a", 1, GRACE)]).await;
    let paged = async |public_only| {
        let (mut found, mut after) = (Vec::<CatalogueRow>::new(), None);
        loop {
            let page = bench.ledger.catalogue(public_only, after, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.pulls, last.number));
            found.extend(page);
        }
        found.into_iter().map(|row| (row.name, row.pulls)).collect::<Vec<(RepositoryName, u64)>>()
    };
    let expect = |all: &[(&str, u64)]| all.iter().map(|(text, pulls)| (name(text), *pulls)).collect::<Vec<_>>();
    assert_eq!(paged(true).await, expect(&[("open/c", 5), ("open/b", 5), ("open/d", 0)]));
    assert_eq!(paged(false).await, expect(&[("shut/e", 9), ("open/c", 5), ("open/b", 5), ("open/d", 0)]));
}
