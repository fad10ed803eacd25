//! The rules about lists of artifacts and about what happened where. Part of the suite of [`super::ledger`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "these are tests"
)]

use wharf_model::manifest::Role;

use super::facts::put_facts;
use super::ledger::{
    Bench, GRACE, START, delete_manifest, delete_tag, digest, edge, ensure, inline, make_project, name, point,
    put_blob, put_manifest, tag,
};
use super::trash::{delete_project, delete_repository, restore_manifest, restore_repository};
use crate::ledger::artifacts::{ARTIFACT_TAGS_MAX, ArtifactRow, COUNTED_MAX, InBrief};
use crate::ledger::change::{Change, Commit};
use crate::ledger::events::{Direction, NewsMark, Whence};

const FIRST: NewsMark = (0, 0);
const LAST: NewsMark = (u64::MAX, u64::MAX);

impl Bench {
    async fn artifacts(
        &self,
        repository: &str,
        kind: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<ArtifactRow> {
        self.ledger.artifacts(&name(repository), kind, before, limit).await.unwrap()
    }

    /// All artifacts, two at a time, by the first of these texts that each has the digest of.
    async fn paged(&self, repository: &str, kind: Option<&str>, texts: &[&str]) -> String {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = self.artifacts(repository, kind, before, 2).await;
            assert!(page.len() <= 2 && page.is_sorted_by(|one, other| one.number > other.number));
            let Some(last) = page.last() else { return all.join(" ") };
            before = Some(last.number);
            let text = |row: &ArtifactRow| *texts.iter().find(|text| digest(text) == row.digest).expect("one of them");
            all.extend(page.iter().map(text));
        }
    }

    async fn artifact(&self, repository: &str, text: &str) -> Option<ArtifactRow> {
        let mut found = self.ledger.artifacts_named(&name(repository), &[digest(text)]).await.unwrap();
        assert!(found.len() <= 1);
        found.pop()
    }

    /// Puts facts about a live manifest.
    async fn found(&self, repository: &str, text: &str) {
        let inspectable = self.ledger.inspectable(&name(repository), &digest(text)).await.unwrap();
        let number = inspectable.expect("it is live").number;
        self.made(vec![put_facts(repository, text, number, 1, "{}")]).await;
    }

    async fn repository_id(&self, repository: &str) -> Whence {
        Whence::Repository(self.ledger.repository(&name(repository)).await.unwrap().expect("it is there").id)
    }

    async fn project_id(&self, project: &str) -> Whence {
        Whence::Project(self.ledger.project(&name(project).project()).await.unwrap().expect("it is there").id)
    }

    /// The numbers of the entries, and of which project that is told, back and forth, in pages of two.
    async fn news(&self, whence: Whence) -> Vec<String> {
        let (mut back, mut mark) = (Vec::new(), LAST);
        loop {
            let page = self.ledger.news(whence, Direction::Before(mark), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            mark = (last.seq, last.number);
            back.extend(page);
        }
        let (mut forth, mut mark) = (Vec::new(), FIRST);
        loop {
            let page = self.ledger.news(whence, Direction::After(mark), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            mark = (last.seq, last.number);
            forth.extend(page);
        }
        back.reverse();
        assert_eq!(back, forth);
        let told = |row: &crate::ledger::events::NewsRow| {
            let project = row.project.as_ref().map_or("-", |project| project.name.as_str());
            format!("{}:{project}", row.seq)
        };
        forth.iter().map(told).collect()
    }
}

/// The latest first, in pages; of one kind, where one is asked for; live ones of that repository only.
pub async fn artifacts_are_listed_from_the_latest(bench: &Bench) {
    const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_manifest("p/b", "other", vec![])]).await;
    for text in ALL {
        bench.advance(1);
        bench.made(vec![put_manifest("p/a", text, vec![])]).await;
    }
    assert_eq!(bench.paged("p/a", None, &ALL).await, "e d c b a");
    assert_eq!(bench.paged("p/a", Some("chart"), &ALL).await, "");
    assert!(bench.artifacts("p/none", None, None, 9).await.is_empty());
    for text in ["d", "a", "b"] {
        bench.found("p/a", text).await;
    }
    bench.found("p/b", "other").await;
    assert_eq!(bench.paged("p/a", Some("chart"), &ALL).await, "d b a");
    assert_eq!(bench.paged("p/a", Some("image"), &ALL).await, "");
    bench.made(vec![delete_manifest("p/a", "b", GRACE)]).await;
    assert_eq!(bench.paged("p/a", None, &ALL).await, "e d c a");
    assert_eq!(bench.paged("p/a", Some("chart"), &ALL).await, "d a");
    // What comes back keeps its place.
    let entry = bench.entry("p/a", "b").await.id;
    bench.made(vec![restore_manifest("p/a", entry, true), put_manifest("p/a", "a", vec![])]).await;
    assert_eq!(bench.paged("p/a", None, &ALL).await, "e d c b a");
    bench.made(vec![delete_repository("p/a", 1, GRACE), ensure("p/a")]).await;
    assert_eq!(bench.paged("p/a", None, &ALL).await, "");
}

/// A row tells what is in the tables, with the first tags, and no more than is counted.
pub async fn an_artifact_is_told_in_brief(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", inline("x")), put_manifest("p/a", "m", vec![])]).await;
    bench.advance(7);
    bench.made(vec![put_manifest("p/a", "s", vec![edge(Role::Subject, "m")])]).await;
    let row = bench.artifact("p/a", "s").await.expect("it is live");
    assert_eq!((row.subject, row.pushed_at, row.pushed_by.as_str()), (Some(digest("m")), START + 7, "tester"));
    assert_eq!((row.media_type.as_str(), row.artifact_type, row.found), ("application/vnd.test+json", None, None));
    assert_eq!((row.tags, row.tags_total, row.referrers), (Vec::new(), 0, 0));
    assert_eq!(bench.artifact("p/a", "m").await.map(|row| (row.referrers, row.subject)), Some((1, None)));
    assert_eq!(bench.artifact("p/a", "x").await, None, "a blob is none");
    for at in 0..12 {
        bench.made(vec![point("p/a", &format!("v{}", 11 - at), "m")]).await;
    }
    let row = bench.artifact("p/a", "m").await.expect("it is live");
    let first = ["v0", "v1", "v10", "v11", "v2", "v3", "v4", "v5", "v6", "v7"].map(tag);
    assert_eq!((row.tags.as_slice(), row.tags_total), (&first[..], 12));
    assert_eq!(row.tags.len(), ARTIFACT_TAGS_MAX);
    let many = (0..COUNTED_MAX + 5).map(|at| point("p/a", &format!("w{at}"), "s")).collect();
    bench.made(many).await;
    assert_eq!(bench.artifact("p/a", "s").await.map(|row| row.tags_total), Some(COUNTED_MAX));
    bench.found("p/a", "m").await;
    let (kind, title, summary) = ("chart".to_owned(), "the m".to_owned(), "a chart".to_owned());
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    let found = InBrief { kind, title, summary, size: 1 << 40, platforms };
    assert_eq!(bench.artifact("p/a", "m").await.and_then(|row| row.found), Some(found.clone()));
    assert_eq!(bench.artifacts("p/a", Some("chart"), None, 9).await.pop().and_then(|row| row.found), Some(found));
}

/// Tags with what they point to, in byte order.
pub async fn tags_are_told_with_what_they_point_to(bench: &Bench) {
    bench
        .made(vec![ensure("p/a"), ensure("p/b"), put_manifest("p/a", "m", vec![]), put_manifest("p/a", "n", vec![])])
        .await;
    bench.made(vec![point("p/a", "v2", "m"), point("p/a", "v10", "n")]).await;
    bench.advance(3);
    bench.made(vec![point("p/a", "v2", "n"), point("p/a", "latest", "m")]).await;
    bench.found("p/a", "n").await;
    let page = bench.ledger.tagged(&name("p/a"), None, 2).await.unwrap();
    let told: Vec<_> = page.iter().map(|row| (row.tag.as_str(), row.digest, row.moved_at)).collect();
    assert_eq!(told, [("latest", digest("m"), START + 3), ("v10", digest("n"), START)]);
    let next = bench.ledger.tagged(&name("p/a"), Some("v10"), 2).await.unwrap();
    assert_eq!(next.iter().map(|row| row.tag.as_str()).collect::<Vec<_>>(), ["v2"]);
    let one = bench.ledger.tag(&name("p/a"), &tag("v2")).await.unwrap();
    assert_eq!(one.as_ref(), next.first());
    let one = one.expect("it is there");
    assert_eq!((one.moved_by.as_str(), one.found.map(|found| found.title)), ("tester", Some("the n".to_owned())));
    assert_eq!(bench.ledger.tag(&name("p/b"), &tag("v2")).await.unwrap(), None);
    let of = async |text: &str, limit| {
        let tags = bench.ledger.tags_of(&name("p/a"), &digest(text), limit).await.unwrap();
        tags.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!((of("n", 9).await, of("n", 1).await), (vec!["v10".to_owned(), "v2".to_owned()], vec!["v10".to_owned()]));
    assert_eq!((of("m", 9).await, of("none", 9).await), (vec!["latest".to_owned()], Vec::new()));
    bench.made(vec![delete_tag("p/a", "v2")]).await;
    assert_eq!(bench.ledger.tag(&name("p/a"), &tag("v2")).await.unwrap(), None);
    assert!(bench.ledger.tagged(&name("p/none"), None, 9).await.unwrap().is_empty());
    let named = bench.ledger.tags_named(&name("p/a"), &["v10", "v2", "latest", "v10"].map(tag)).await.unwrap();
    let mut named: Vec<_> = named.into_iter().map(|row| (row.tag.to_string(), row.digest)).collect();
    named.sort_unstable();
    assert_eq!(named, [("latest".to_owned(), digest("m")), ("v10".to_owned(), digest("n"))]);
    assert_eq!(bench.ledger.tags_named(&name("p/b"), &[tag("v10")]).await.unwrap(), []);
    assert_eq!(bench.ledger.tags_named(&name("p/a"), &[]).await.unwrap(), []);
}

/// What is attached is told by its kinds, each once, and in its own repository alone.
pub async fn what_is_attached_is_told_by_its_kinds(bench: &Bench) {
    let of = async |repository: &str, texts: &[&str]| {
        let digests: Vec<_> = texts.iter().map(|text| digest(text)).collect();
        let mut told = bench.ledger.attached_kinds(&name(repository), &digests).await.unwrap();
        told.retain(|(_, kinds)| !kinds.is_empty());
        told
    };
    for repository in ["p/a", "p/b"] {
        bench
            .made(vec![
                ensure(repository),
                put_manifest(repository, "m", vec![]),
                put_manifest(repository, "n", vec![]),
            ])
            .await;
    }
    for text in ["s", "t", "u"] {
        bench.made(vec![put_manifest("p/a", text, vec![edge(Role::Subject, "m")])]).await;
    }
    assert_eq!(of("p/a", &["m", "n"]).await, [], "nobody has looked at them yet");
    bench.found("p/a", "s").await;
    bench.found("p/a", "t").await;
    assert_eq!(of("p/a", &["m", "n", "none"]).await, [(digest("m"), vec!["chart".to_owned()])]);
    assert_eq!(of("p/b", &["m", "n"]).await, []);
    assert_eq!(of("p/none", &["m"]).await, []);
    assert_eq!(of("p/a", &[]).await, []);
}

/// An entry is news where what it changes is, also once that is deleted; what is made again under a name has news of its own.
pub async fn news_are_found_by_place(bench: &Bench) {
    assert_eq!(bench.made(vec![make_project("p", false), ensure("q/a"), ensure("p/a")]).await, 1);
    assert_eq!(bench.made(vec![put_blob("p/a", "x", inline("x"))]).await, 2);
    assert_eq!(bench.made(vec![put_manifest("p/a", "m", vec![]), point("p/a", "v1", "m")]).await, 3);
    // Without effect nothing happened.
    assert_eq!(bench.made(vec![ensure("p/a"), put_manifest("p/a", "m", vec![])]).await, 3);
    assert_eq!(bench.made(vec![ensure("p/b")]).await, 4);
    let (a, b) = (bench.repository_id("p/a").await, bench.repository_id("p/b").await);
    let (p, q) = (bench.project_id("p").await, bench.project_id("q").await);
    assert_eq!(bench.news(a).await, ["1:p", "3:p"]);
    assert_eq!(bench.news(b).await, ["4:p"]);
    assert_eq!(bench.news(p).await, ["1:p", "3:p", "4:p"]);
    assert_eq!(bench.news(q).await, ["1:q"]);
    let all = bench.news(Whence::All).await;
    assert_eq!((all.len(), &all[2..]), (4, &["3:p".to_owned(), "4:p".to_owned()][..]));
    assert_eq!(bench.made(vec![delete_repository("p/a", 1, GRACE), ensure("p/a")]).await, 5);
    assert_eq!(bench.news(a).await, ["1:p", "3:p", "5:p"]);
    assert_eq!(bench.news(bench.repository_id("p/a").await).await, ["5:p"]);
    let entry = bench.ledger.trash(None, None, 9).await.unwrap().pop().expect("it is in the trash").id;
    bench.made(vec![delete_repository("p/a", 2, GRACE)]).await;
    bench.made(vec![restore_repository("p/a", entry)]).await;
    assert_eq!(bench.news(a).await, ["1:p", "3:p", "5:p", "7:p"]);
    bench.made(vec![delete_project("p", 3, GRACE)]).await;
    assert_eq!(bench.news(p).await.last().map(String::as_str), Some("8:-"), "it has no name in the trash");
    assert_eq!(bench.made(vec![ensure("p/a")]).await, 9);
    assert_eq!(bench.news(bench.project_id("p").await).await, ["9:p"]);
    assert_eq!(bench.news(Whence::All).await.last().map(String::as_str), Some("9:p"));
    let entries = bench.ledger.entries(&[9, 3, 77, 1]).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 3, 9]);
    assert_eq!(entries[1], bench.ledger.log(2, 1).await.unwrap()[0]);
    // What followers write is no news.
    let totals = Change::AddTotals(crate::ledger::query::Totals { tags: 1, ..Default::default() });
    bench.ledger.commit(Commit { changes: vec![totals], ..Commit::default() }).await.unwrap();
    assert_eq!(bench.news(Whence::All).await.last().map(String::as_str), Some("9:p"));
}
