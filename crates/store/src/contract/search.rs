//! The rules of a search index. Each backend runs them: [`search_contract!`](crate::search_contract).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    missing_docs,
    reason = "these are tests"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_model::digest::{Algorithm, Digest};
use wharf_model::search::Query;

use super::ledger::name;
use crate::ledger::readable::{NameRange, Readable};
use crate::search::{Asked, Contents, Document, Each, Found, Inside, Package, Rank, Search, Source, Standing, Update};

/// Runs all rules on the index that `$bench`, an async function, makes: with whatever has to live as long.
#[macro_export]
macro_rules! search_contract {
    ($bench:path) => {
        $crate::search_contract!(@each $bench,
            it_stands_where_it_was_told,
            words_are_found_wherever_they_are,
            the_obvious_comes_first,
            fields_find_what_they_say,
            what_is_rarely_meant_is_asked_for,
            signatures_come_and_go,
            typing_mistakes_are_forgiven_in_names,
            what_is_dropped_is_gone,
            what_is_gone_is_not_found_before_it_is_cleared_away,
            a_row_is_for_a_repository_or_an_artifact,
            pages_go_on_where_they_ended,
            nothing_is_told_of_what_may_not_be_read,
            much_is_counted_to_a_bound,
            very_much_text_is_taken_together,
            whatever_is_written_harms_nothing,
            files_are_found_by_path_name_and_beginning,
            packages_are_found_by_name_and_version,
            what_is_inside_counts_for_what_holds_it,
            what_is_not_known_yet_is_asked_for,
            what_nothing_names_is_forgotten,
        );
    };
    (@each $bench:path, $($rule:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $rule() {
            let (index, _kept) = $bench().await;
            $crate::contract::search::$rule(index).await;
        }
    )*};
}

const HERE: Standing = Standing { version: 1, seq: 1, at: 0, scanned: None };

pub type Index = Arc<dyn Search>;

/// An artifact in a public repository, with a tag, of which nothing is known.
pub fn document(number: u64, repository: &str, tag: &str) -> Document {
    let digest = Digest::of(Algorithm::Sha256, number.to_string().as_bytes());
    Document {
        number,
        repository: name(repository),
        public: true,
        digest,
        subject: None,
        rank: Rank::Tagged,
        is_signature: false,
        kind: String::new(),
        title: String::new(),
        summary: String::new(),
        description: String::new(),
        version: String::new(),
        size: None,
        pushed_at: number as i64 * 86_400_000,
        tags: vec![tag.parse().expect("a tag")],
        tags_total: 1,
        platforms: Vec::new(),
        licenses: Vec::new(),
        maintainers: Vec::new(),
        keywords: Vec::new(),
        labels: Vec::new(),
        annotations: Vec::new(),
        sources: Vec::new(),
        children: Vec::new(),
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn put(index: &Index, documents: impl IntoIterator<Item = Document>) {
    index.begin(HERE).await.unwrap();
    add(index, documents).await;
}

async fn add(index: &Index, documents: impl IntoIterator<Item = Document>) {
    let updates = documents.into_iter().map(|document| Update::Put(Box::new(document))).collect();
    index.apply(updates, HERE).await.unwrap();
}

fn asked(query: &str) -> Asked {
    let kinds = BTreeMap::from([("helm".to_owned(), vec!["helm-chart".to_owned()])]);
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    Asked { query, kinds, readable: Readable::All, since: 0, each: Each::Artifact, limit: 100, after: None }
}

async fn find(index: &Index, query: &str) -> Found {
    index.find(asked(query)).await.unwrap()
}

/// The numbers of what is found, by their digests, the best first.
fn numbers(found: &Found) -> Vec<u64> {
    let number = |digest: &Digest| {
        (0..20_000).find(|at: &u64| Digest::of(Algorithm::Sha256, at.to_string().as_bytes()) == *digest)
    };
    found.rows.iter().map(|row| number(&row.digest).expect("one of ours")).collect()
}

async fn check(index: &Index, query: &str, expect: &[u64]) {
    let found = find(index, query).await;
    assert_eq!(numbers(&found), expect, "{query}");
    assert_eq!((found.total, found.more), (expect.len() as u64, false), "{query}");
}

pub async fn it_stands_where_it_was_told(index: Index) {
    assert_eq!(index.standing().await, Ok(None));
    let here = Standing { version: 7, seq: 1 << 40, at: -5, scanned: Some(0) };
    index.begin(here).await.unwrap();
    assert_eq!(index.standing().await, Ok(Some(here)));
    assert!(!find(&index, "").await.is_whole);
    let there = Standing { scanned: None, seq: 3, ..here };
    index.apply(vec![Update::Put(Box::new(document(1, "a/b", "1")))], there).await.unwrap();
    assert_eq!(index.standing().await, Ok(Some(there)));
    assert!(find(&index, "").await.is_whole);
    check(&index, "", &[1]).await;
    index.begin(here).await.unwrap();
    assert_eq!(index.standing().await, Ok(Some(here)));
    check(&index, "", &[]).await;
    index.begin(HERE).await.unwrap();
    assert!(index.find(Asked { since: HERE.seq, ..asked("") }).await.is_ok());
    let later = index.find(Asked { since: HERE.seq + 1, ..asked("") }).await;
    assert!(matches!(later, Err(crate::search::SearchError::Unavailable(_))), "{later:?}");
}

pub async fn words_are_found_wherever_they_are(index: Index) {
    let one = Document {
        title: "Café Crème".to_owned(),
        summary: "A web server".to_owned(),
        description: "It serves\nmany things".to_owned(),
        version: "2.4.1".to_owned(),
        maintainers: texts(&["Kim Doe kim@example.com"]),
        keywords: texts(&["proxy"]),
        labels: pairs(&[("team", "payments")]),
        annotations: pairs(&[("note", "beware of dogs")]),
        ..document(1, "acme/shop-front", "stable")
    };
    put(&index, [one, document(2, "other/thing", "1")]).await;
    for word in [
        "cafe",
        "crème",
        "server",
        "serves",
        "kim",
        "example.com",
        "proxy",
        "payments",
        "dogs",
        "stable",
        "front",
        "hop",
        "acme",
    ] {
        check(&index, word, &[1]).await;
    }
    check(&index, "acme/shop", &[1]).await;
    check(&index, "web server", &[1]).await;
    check(&index, "\"web server\"", &[1]).await;
    check(&index, "\"server web\"", &[]).await;
    check(&index, "serv", &[1]).await;
    check(&index, "\"serv\"", &[]).await;
    check(&index, "web other", &[]).await;
    check(&index, "-web", &[2]).await;
    check(&index, "th", &[2]).await;
    check(&index, "maintainer:kim", &[1]).await;
    check(&index, "maintainer:payments", &[]).await;
}

pub async fn the_obvious_comes_first(index: Index) {
    let said = |number, repository: &str, text: &str| Document {
        description: text.to_owned(),
        ..document(number, repository, "1")
    };
    put(
        &index,
        [
            document(1, "acme/redis", "1"),
            document(2, "acme/redis-exporter", "1"),
            document(3, "redis/tools", "1"),
            document(4, "acme/old-redis", "1"),
            Document { title: "Redis for all".to_owned(), ..document(5, "acme/cache", "1") },
            said(6, "acme/shop", "uses redis"),
            document(7, "acme/redisraft", "1"),
            said(8, "acme/blog", "uses redis"),
            document(9, "acme/predis", "1"),
        ],
    )
    .await;
    check(&index, "redis", &[1, 3, 4, 2, 7, 5, 9, 8, 6]).await;
}

pub async fn fields_find_what_they_say(index: Index) {
    let chart = Document {
        kind: "helm-chart".to_owned(),
        version: "1.2.3".to_owned(),
        licenses: texts(&["MIT OR Apache-2.0"]),
        ..document(1, "acme/chart", "1.2.3")
    };
    let image = Document {
        kind: "image".to_owned(),
        platforms: texts(&["linux/arm64/v8", "linux/amd64"]),
        licenses: texts(&["GPL-2.0-only"]),
        labels: pairs(&[("team", "a b"), ("tier", "1")]),
        annotations: pairs(&[("org.example.x", "y")]),
        ..document(2, "acme/app/web", "v1.2.3-alpine")
    };
    put(&index, [chart, image, document(3, "other/app", "latest")]).await;
    check(&index, "kind:helm", &[1]).await;
    check(&index, "kind:nothing", &[]).await;
    check(&index, "-kind:helm", &[3, 2]).await;
    check(&index, "repo:acme/chart", &[1]).await;
    check(&index, "repo:acme/*", &[2, 1]).await;
    check(&index, "repo:*/app*", &[3, 2]).await;
    check(&index, "repo:app", &[3]).await;
    check(&index, "repo:acme", &[]).await;
    check(&index, "project:acme", &[2, 1]).await;
    check(&index, "project:a*", &[2, 1]).await;
    check(&index, "tag:1.2.3", &[1]).await;
    check(&index, "tag:*1.2*", &[2, 1]).await;
    check(&index, "version:1.*", &[1]).await;
    for platform in ["linux/arm64/v8", "linux/arm64", "arm64", "linux", "amd64", "Linux/AMD64"] {
        check(&index, &format!("platform:{platform}"), &[2]).await;
    }
    check(&index, "platform:windows", &[]).await;
    check(&index, "license:mit", &[1]).await;
    check(&index, "license:GPL*", &[2]).await;
    check(&index, "-license:GPL*", &[3, 1]).await;
    check(&index, "label:team", &[2]).await;
    check(&index, "label:\"team=a b\"", &[2]).await;
    check(&index, "label:team=a*", &[2]).await;
    check(&index, "label:team=b", &[]).await;
    check(&index, "label:team=a", &[]).await;
    check(&index, "annotation:org.example.x=y", &[2]).await;
    check(&index, "annotation:team", &[]).await;
    let digest = document(2, "a/b", "1").digest.to_string();
    check(&index, &format!("digest:{digest}"), &[2]).await;
    check(&index, &format!("digest:{}", &digest[7..15]), &[2]).await;
    check(&index, &format!("digest:sha512:{}", &digest[7..15]), &[]).await;
    check(&index, "pushed:1970-01-02", &[1]).await;
    check(&index, "pushed:>1970-01-02", &[3, 2]).await;
    check(&index, "pushed:>=1970-01-02 pushed:<1970-01-04", &[2, 1]).await;
    check(&index, "pushed:1970", &[3, 2, 1]).await;
    let found = find(&index, "acme").await;
    let facet = |field: &str| {
        let values = found.facets.iter().find(|(name, _)| *name == field).map(|(_, values)| values.clone());
        values.unwrap_or_default().into_iter().map(|(value, count)| format!("{value} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(facet("kind"), ["helm-chart 1", "image 1"]);
    assert_eq!(facet("project"), ["acme 2"]);
    assert_eq!(facet("license"), ["apache-2.0 1", "gpl-2.0-only 1", "mit 1"]);
    assert_eq!(facet("platform"), ["linux/amd64 1", "linux/arm64 1"]);
    assert_eq!(facet("signed"), ["no 2"]);
}

fn signature(number: u64, of: u64) -> Document {
    Document {
        rank: Rank::Attached,
        is_signature: true,
        subject: Some(document(of, "a/b", "1").digest),
        kind: "signature".to_owned(),
        tags: Vec::new(),
        tags_total: 0,
        ..document(number, "acme/app", "x")
    }
}

pub async fn what_is_rarely_meant_is_asked_for(index: Index) {
    let loose = Document { rank: Rank::Loose, tags: Vec::new(), tags_total: 0, ..document(3, "acme/app", "x") };
    put(&index, [document(1, "acme/app", "1"), signature(2, 1), loose]).await;
    check(&index, "app", &[1]).await;
    check(&index, "", &[1]).await;
    check(&index, "app tagged:any", &[3, 2, 1]).await;
    check(&index, "app tagged:no", &[3, 2]).await;
    check(&index, "app -tagged:no", &[1]).await;
    let kinds = BTreeMap::from([("signature".to_owned(), vec!["signature".to_owned()])]);
    let found = index.find(Asked { kinds, ..asked("kind:signature") }).await.unwrap();
    assert_eq!(numbers(&found), [2]);
    assert_eq!(found.rows[0].subject, Some(document(1, "a/b", "1").digest));
    check(&index, &format!("digest:{}", document(3, "a/b", "1").digest), &[3]).await;
    // With another rank it is the same artifact.
    add(&index, [document(3, "acme/app", "2")]).await;
    check(&index, "app tagged:any", &[3, 2, 1]).await;
    check(&index, "app", &[3, 1]).await;
}

pub async fn signatures_come_and_go(index: Index) {
    put(&index, [document(1, "acme/app", "1"), signature(5, 1), document(2, "acme/app", "2")]).await;
    check(&index, "signed:yes", &[1]).await;
    check(&index, "signed:no", &[2]).await;
    check(&index, "-signed:no", &[1]).await;
    assert!(find(&index, "signed:yes").await.rows[0].signed);
    // Whichever came first; put again, it stays signed.
    add(&index, [signature(6, 2), document(2, "acme/app", "2"), document(1, "acme/app", "1")]).await;
    check(&index, "signed:yes", &[2, 1]).await;
    let gone = signature(5, 1);
    index.apply(vec![Update::Drop { repository: gone.repository, digest: gone.digest }], HERE).await.unwrap();
    check(&index, "signed:yes", &[2]).await;
    // In another repository it signs nothing here.
    add(&index, [Document { repository: name("other/app"), ..signature(7, 1) }]).await;
    check(&index, "signed:yes", &[2]).await;
}

pub async fn typing_mistakes_are_forgiven_in_names(index: Index) {
    let title = Document { title: "Elasticsearch".to_owned(), ..document(3, "acme/search", "1") };
    put(&index, [document(1, "acme/prometheus", "1"), document(2, "acme/nginx", "1"), title]).await;
    let corrected = |found: &Found| found.corrected.clone();
    check(&index, "promteheus", &[1]).await;
    check(&index, "ngnix", &[2]).await;
    assert_eq!(corrected(&find(&index, "ngnix").await), [("ngnix".to_owned(), vec!["nginx".to_owned()])]);
    assert!(corrected(&find(&index, "nginx").await).is_empty());
    // Only in names, only where nothing else is meant, and never in short words.
    check(&index, "elasticsaerch", &[]).await;
    check(&index, "-ngnix", &[3, 2, 1]).await;
    check(&index, "\"ngnix\"", &[]).await;
    check(&index, "acm ngnix", &[2]).await;
    check(&index, "amce/nginx", &[]).await;
}

pub async fn what_is_dropped_is_gone(index: Index) {
    let all = || {
        (1..=3)
            .map(|number| document(number, "acme/app", &number.to_string()))
            .chain([document(4, "acme/b", "1"), document(5, "other/c", "1")])
    };
    put(&index, all()).await;
    let drop = |number: u64| Update::Drop { repository: name("acme/app"), digest: document(number, "a/b", "1").digest };
    index.apply(vec![drop(2), drop(5), drop(77)], HERE).await.unwrap();
    check(&index, "", &[5, 4, 3, 1]).await;
    index
        .apply(vec![Update::DropRepository(name("acme/app")), Update::DropRepository(name("no/such"))], HERE)
        .await
        .unwrap();
    check(&index, "tagged:any", &[5, 4]).await;
    check(&index, "app", &[]).await;
    check(&index, &format!("digest:{}", document(1, "a/b", "1").digest), &[]).await;
    // What comes back has its number still, whether or not it was cleared away.
    add(&index, [document(1, "acme/app", "1")]).await;
    check(&index, "app", &[1]).await;
    index.apply(vec![Update::DropProject(name("acme/app").project())], HERE).await.unwrap();
    check(&index, "", &[5]).await;
    // What was deleted and pushed again has another number.
    let again = Document { digest: document(5, "a/b", "1").digest, ..document(9, "other/c", "2") };
    add(&index, [again]).await;
    let found = find(&index, "").await;
    assert_eq!((numbers(&found), found.rows[0].tags[0].as_str()), (vec![5], "2"));
    for _ in 0..5 {
        index.apply(Vec::new(), HERE).await.unwrap();
    }
    check(&index, "tagged:any", &[5]).await;
}

pub async fn what_is_gone_is_not_found_before_it_is_cleared_away(index: Index) {
    let many = |from: u64, repository: &'static str| (from..from + 600).map(move |one| document(one, repository, "1"));
    put(&index, many(1, "acme/app").chain(many(1_001, "acme/b")).chain(many(2_001, "other/c"))).await;
    let some = || async {
        let found = find(&index, "").await;
        let projects = &found.facets.iter().find(|(field, _)| *field == "project").unwrap().1;
        (found.total, projects.iter().map(|(project, count)| (project.clone(), *count)).collect::<Vec<_>>())
    };
    let expect = |projects: &[(&str, u64)]| {
        let projects: Vec<_> = projects.iter().map(|(project, count)| ((*project).to_owned(), *count)).collect();
        (projects.iter().map(|(_, count)| count).sum::<u64>(), projects)
    };
    assert_eq!(some().await, expect(&[("acme", 1_200), ("other", 600)]));
    index.apply(vec![Update::DropRepository(name("acme/app"))], HERE).await.unwrap();
    assert_eq!(some().await, expect(&[("acme", 600), ("other", 600)]));
    // The project's name is somebody else's from now on.
    let again = Document { public: false, ..document(9_001, "other/c", "1") };
    index
        .apply(vec![Update::DropProject(name("other/c").project()), Update::Put(Box::new(again))], HERE)
        .await
        .unwrap();
    assert_eq!(some().await, expect(&[("acme", 600), ("other", 1)]));
    let mine = Asked { readable: Readable::some(vec![NameRange::one("other/c".to_owned())]), ..asked("c") };
    assert_eq!(index.find(mine).await.unwrap().total, 1);
    let public = Asked { readable: Readable::public(), ..asked("c") };
    assert_eq!(index.find(public).await.unwrap().total, 0);
}

pub async fn a_row_is_for_a_repository_or_an_artifact(index: Index) {
    let tags = ["1.9", "2.0", "1.10", "2.1-rc1"];
    let app = tags.iter().enumerate().map(|(at, tag)| document(at as u64 + 1, "acme/app", tag));
    put(&index, app.chain([document(9, "acme/b", "1")])).await;
    let found = index.find(Asked { each: Each::Repository, ..asked("acme") }).await.unwrap();
    let rows: Vec<_> =
        found.rows.iter().map(|row| (row.repository.to_string(), row.tags[0].to_string(), row.matches)).collect();
    let expect = |repository: &str, tag: &str, matches| (repository.to_owned(), tag.to_owned(), matches);
    assert_eq!(rows, [expect("acme/b", "1", 1), expect("acme/app", "2.0", 4)]);
    assert_eq!((found.total, found.repositories, found.next), (5, 2, None));
    let found = find(&index, "acme").await;
    assert_eq!((numbers(&found), found.repositories), (vec![9, 4, 3, 2, 1], 2));
    assert!(found.rows.iter().all(|row| row.matches == 1));
}

pub async fn pages_go_on_where_they_ended(index: Index) {
    put(&index, (1..=50).map(|number| document(number, &format!("acme/r{}", number % 7), "1"))).await;
    for (each, expect) in [(Each::Artifact, 50), (Each::Repository, 7)] {
        for limit in [1, 3, 7, 50, 51] {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let found = index.find(Asked { each, limit, after, ..asked("acme") }).await.unwrap();
                assert_eq!((found.total, found.repositories), (50, 7));
                assert!(found.rows.len() <= limit);
                all.extend(numbers(&found));
                let Some(next) = found.next else { break };
                // A place is kept as text in between.
                after = Some(next.to_string().parse().expect("a place"));
            }
            assert_eq!(all, (51 - expect..=50).rev().collect::<Vec<_>>(), "{each:?} {limit}");
        }
    }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }
}

/// A layer or a bill by its number.
fn source(number: u64, inside: Inside) -> Source {
    Source { digest: Digest::of(Algorithm::Sha256, format!("source {number}").as_bytes()), inside, names: None }
}

/// An artifact with these layers.
fn layered(number: u64, repository: &str, layers: &[u64]) -> Document {
    let sources = layers.iter().map(|layer| source(*layer, Inside::Files)).collect();
    Document { sources, ..document(number, repository, "1") }
}

fn files(number: u64, paths: &[&str]) -> Update {
    let Source { digest, inside, .. } = source(number, Inside::Files);
    Update::Contents { source: digest, inside, contents: Contents::Files(texts(paths)), is_last: true }
}

fn packages(number: u64, packages: &[(&str, &str, &str)]) -> Update {
    let Source { digest, inside, .. } = source(number, Inside::Packages);
    let package = |(ecosystem, name, version): &(&str, &str, &str)| Package {
        ecosystem: (*ecosystem).to_owned(),
        name: (*name).to_owned(),
        version: (*version).to_owned(),
    };
    let contents = Contents::Packages(packages.iter().map(package).collect());
    Update::Contents { source: digest, inside, contents, is_last: true }
}

/// A bill of materials that is attached to another artifact of its repository.
fn bill(number: u64, repository: &str, of: u64) -> Document {
    Document {
        rank: Rank::Attached,
        subject: Some(document(of, "a/b", "1").digest),
        kind: "spdx-sbom".to_owned(),
        tags: Vec::new(),
        tags_total: 0,
        sources: vec![source(number, Inside::Packages)],
        ..document(number, repository, "x")
    }
}

async fn tell(index: &Index, updates: Vec<Update>) {
    index.apply(updates, HERE).await.unwrap();
}

pub async fn files_are_found_by_path_name_and_beginning(index: Index) {
    put(&index, [layered(1, "acme/a", &[1, 2]), layered(2, "acme/b", &[2]), layered(3, "acme/c", &[3])]).await;
    tell(
        &index,
        vec![
            files(1, &["usr/", "usr/bin/", "usr/bin/curl", "etc/ssl/Certs.pem"]),
            files(2, &["usr/bin/wget", "curl", "a b/c"]),
            files(3, &["usr/local/bin/curl", "usr/bin.d/x", "\u{e9}t\u{e9}/\u{10ffff}"]),
        ],
    )
    .await;
    let cases: &[(&str, &[u64])] = &[
        ("file:/usr/bin/curl", &[1]),
        ("file:usr/bin/curl", &[1]),
        ("file:/curl", &[2, 1]),
        ("file:curl", &[3, 2, 1]),
        ("file:CURL", &[]),
        ("file:bin", &[]),
        ("file:/usr/bin", &[2, 1]),
        ("file:/usr/bin/", &[2, 1]),
        ("file:/usr/bin/*", &[2, 1]),
        ("file:/usr/bin*", &[3, 2, 1]),
        ("file:/usr/bin/w*", &[2, 1]),
        ("file:/usr/lo*", &[3]),
        ("file:/usr/local/bin/*", &[3]),
        ("file:/etc/ssl/Certs.pem", &[1]),
        ("file:/etc", &[1]),
        ("file:/*", &[3, 2, 1]),
        ("file:/no/*", &[]),
        ("file:\"/a b/c\"", &[2, 1]),
        ("file:\u{10ffff}", &[3]),
        ("file:/\u{e9}t*", &[3]),
        ("-file:curl", &[]),
        ("-file:/usr/bin/*", &[3]),
        ("file:curl -file:wget acme", &[3]),
        ("file:/usr/bin/curl file:/usr/bin/wget", &[1]),
    ];
    for (query, expect) in cases {
        check(&index, query, expect).await;
    }
    // Names of files that are blobs by themselves are known at once.
    let named =
        Document { sources: vec![Source::names(texts(&["bin/tool", "README.md"]))], ..document(4, "acme/d", "1") };
    add(&index, [named]).await;
    check(&index, "file:README.md", &[4]).await;
    check(&index, "file:/bin/tool", &[4]).await;
}

pub async fn packages_are_found_by_name_and_version(index: Index) {
    put(&index, [bill(1, "acme/a", 7), bill(2, "acme/b", 7), bill(3, "acme/c", 7)]).await;
    tell(
        &index,
        vec![
            packages(
                1,
                &[("maven", "org.apache.logging.log4j/log4j-core", "2.14.1"), ("npm", "@angular/core", "17.0.0")],
            ),
            packages(
                2,
                &[
                    ("maven", "org.apache.logging.log4j/log4j-core", "2.17.1"),
                    ("deb", "debian/curl", "7.88.1-10+deb12u5"),
                ],
            ),
            packages(3, &[("", "log4j-core", ""), ("npm", "log4j", "1.0")]),
        ],
    )
    .await;
    let cases: &[(&str, &[u64])] = &[
        ("pkg:log4j-core", &[3, 2, 1]),
        ("pkg:Log4j-Core", &[3, 2, 1]),
        ("pkg:log4j-core<2.17", &[1]),
        ("pkg:log4j-core>=2.14.1", &[2, 1]),
        ("pkg:log4j-core=2.17.1", &[2]),
        ("pkg:log4j-core>2.17.1", &[]),
        ("pkg:maven/log4j-core", &[2, 1]),
        ("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", &[1]),
        ("pkg:org.apache.logging.log4j/log4j-core", &[2, 1]),
        ("pkg:log4j*", &[3, 2, 1]),
        ("pkg:npm/log4j*", &[3]),
        ("pkg:*core", &[3, 2, 1]),
        ("pkg:@angular/core", &[1]),
        ("pkg:angular", &[]),
        ("pkg:curl<7.88.1", &[]),
        ("pkg:curl<=7.88.1", &[2]),
        ("pkg:core", &[1]),
        ("-pkg:log4j-core<2.17", &[3, 2]),
    ];
    for (query, expect) in cases {
        check(&index, &format!("{query} tagged:no"), expect).await;
    }
    let found = find(&index, "pkg:log4j-core<2.17 tagged:no").await;
    assert_eq!(found.rows[0].packages, ["org.apache.logging.log4j/log4j-core 2.14.1"]);
}

pub async fn what_is_inside_counts_for_what_holds_it(index: Index) {
    let part = |number, layers: &[u64]| Document {
        rank: Rank::Loose,
        tags: Vec::new(),
        ..layered(number, "acme/app", layers)
    };
    let list = |children: &[u64]| Document {
        children: children.iter().map(|child| document(*child, "a/b", "1").digest).collect(),
        ..document(9, "acme/app", "1")
    };
    let told = [
        files(1, &["bin/one"]),
        files(2, &["bin/two"]),
        files(20, &["bin/of-bill"]),
        packages(20, &[("npm", "lodash", "4.17.20")]),
    ];
    let with_file =
        Document { sources: vec![source(20, Inside::Packages), source(20, Inside::Files)], ..bill(20, "acme/app", 2) };
    let all = [part(1, &[1]), part(2, &[2]), with_file.clone(), list(&[1, 2])];
    // Whichever comes first.
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1]] {
        put(&index, order.map(|at| all[at].clone())).await;
        tell(&index, told.to_vec()).await;
        check(&index, "file:one", &[9]).await;
        check(&index, "file:one tagged:any", &[9, 1]).await;
        check(&index, "pkg:lodash", &[9]).await;
        check(&index, "pkg:lodash tagged:any", &[20, 9, 2]).await;
        // Files of what is attached are in that alone.
        check(&index, "file:of-bill tagged:any", &[20]).await;
        // In another repository it is in nothing here.
        add(&index, [Document { repository: name("other/app"), ..bill(21, "other/app", 1) }]).await;
        tell(&index, vec![packages(21, &[("npm", "lodash", "1")])]).await;
        check(&index, "pkg:lodash=1 tagged:any", &[21]).await;
        // Put again, it is as it was.
        add(&index, [list(&[1, 2]), part(2, &[2])]).await;
        check(&index, "file:two", &[9]).await;
        check(&index, "pkg:lodash=4.17.20 tagged:any", &[20, 9, 2]).await;
        add(&index, [list(&[2])]).await;
        check(&index, "file:one tagged:any", &[1]).await;
        let drop =
            |number: u64| Update::Drop { repository: name("acme/app"), digest: document(number, "a/b", "1").digest };
        tell(&index, vec![drop(20)]).await;
        check(&index, "pkg:lodash=4.17.20 tagged:any", &[]).await;
        add(&index, [with_file.clone()]).await;
        // What nothing named was forgotten, and is told again.
        tell(&index, told.to_vec()).await;
        check(&index, "pkg:lodash=4.17.20 tagged:any", &[20, 9, 2]).await;
        tell(&index, vec![drop(2)]).await;
        check(&index, "file:two tagged:any", &[]).await;
        check(&index, "pkg:lodash=4.17.20 tagged:any", &[20]).await;
    }
}

pub async fn what_is_not_known_yet_is_asked_for(index: Index) {
    put(&index, [layered(1, "acme/a", &[1, 2]), layered(2, "acme/b", &[2])]).await;
    let layer = |number| (source(number, Inside::Files).digest, Inside::Files);
    assert_eq!(index.lacking(9).await, Ok(vec![layer(1), layer(2)]));
    assert_eq!(index.lacking(1).await, Ok(vec![layer(1)]));
    // Who asks for nothing inside is told all that there is.
    assert!(find(&index, "acme").await.is_whole && !find(&index, "file:x").await.is_whole);
    // Nor is who may read nothing of what is lacking.
    let hidden = [1, 2].map(|number| Document {
        public: false,
        ..layered(number, ["acme/a", "acme/b"][number as usize - 1], &[number])
    });
    add(&index, hidden).await;
    let stranger = Asked { readable: Readable::default(), ..asked("file:x") };
    assert!(index.find(stranger).await.unwrap().is_whole && !find(&index, "file:x").await.is_whole);
    add(&index, [layered(1, "acme/a", &[1, 2]), layered(2, "acme/b", &[2])]).await;
    let piece = |number, paths: &[&str], is_last| match files(number, paths) {
        Update::Contents { source, inside, contents, .. } => Update::Contents { source, inside, contents, is_last },
        other => other,
    };
    tell(&index, vec![piece(1, &["a"], false)]).await;
    assert_eq!(index.lacking(9).await.unwrap().len(), 2);
    tell(&index, vec![piece(1, &["b"], true)]).await;
    let unknown = |number| {
        let (source, inside) = layer(number);
        Update::Contents { source, inside, contents: Contents::Unknown, is_last: true }
    };
    tell(&index, vec![unknown(2), unknown(77)]).await;
    assert_eq!(index.lacking(9).await, Ok(Vec::new()));
    assert!(find(&index, "file:x").await.is_whole);
    check(&index, "file:a file:b", &[1]).await;
    let stale = |number| {
        let (source, inside) = layer(number);
        Update::Stale { source, inside }
    };
    tell(&index, vec![stale(2), stale(77)]).await;
    assert_eq!(index.lacking(9).await, Ok(vec![layer(2)]));
    tell(&index, vec![files(2, &["c"])]).await;
    check(&index, "file:c", &[2, 1]).await;
    // What is told anew takes the place of what was told.
    tell(&index, vec![stale(2), files(2, &["d"])]).await;
    check(&index, "file:c", &[]).await;
    check(&index, "file:d", &[2, 1]).await;
    // Put again, it need not be told again.
    add(&index, [layered(2, "acme/b", &[2])]).await;
    assert_eq!(index.lacking(9).await, Ok(Vec::new()));
    check(&index, "file:d", &[2, 1]).await;
    // Twice the same does no harm.
    tell(&index, vec![files(2, &["d", "d"]), files(2, &["d"])]).await;
    check(&index, "file:d", &[2, 1]).await;
}

pub async fn what_nothing_names_is_forgotten(index: Index) {
    put(&index, [layered(1, "acme/a", &[1, 2]), layered(2, "acme/b", &[2])]).await;
    tell(&index, vec![files(1, &["a"]), files(2, &["b"])]).await;
    tell(&index, vec![Update::DropRepository(name("acme/a"))]).await;
    check(&index, "file:a", &[]).await;
    check(&index, "file:b", &[2]).await;
    for _ in 0..8 {
        tell(&index, Vec::new()).await;
        assert_eq!(index.lacking(9).await, Ok(Vec::new()), "what goes is not asked for");
    }
    // The layer is another one by now, of which nothing is known.
    add(&index, [layered(3, "acme/c", &[1, 2])]).await;
    assert_eq!(index.lacking(9).await, Ok(vec![(source(1, Inside::Files).digest, Inside::Files)]));
    check(&index, "file:b", &[3, 2]).await;
    // In the middle of it, it is asked for again.
    tell(&index, vec![files(1, &["a"])]).await;
    check(&index, "file:a", &[3]).await;
    tell(&index, vec![Update::Drop { repository: name("acme/c"), digest: document(3, "a/b", "1").digest }]).await;
    add(&index, [layered(4, "acme/d", &[1])]).await;
    if !index.lacking(9).await.unwrap().is_empty() {
        tell(&index, vec![files(1, &["a"])]).await;
    }
    check(&index, "file:a", &[4]).await;
    for _ in 0..8 {
        tell(&index, Vec::new()).await;
    }
    check(&index, "file:a", &[4]).await;
}

const WORDS: [&str; 8] = ["redis", "nginx", "proxy", "shop", "front", "cache", "web", "tools"];
const QUERIES: [&str; 32] = [
    "",
    "redis",
    "nginx proxy",
    "-redis",
    "ngnix",
    "shpo",
    "kind:helm",
    "-kind:helm tagged:any",
    "license:MIT",
    "platform:linux",
    "signed:yes",
    "signed:no",
    "label:team=redis",
    "repo:*/redis*",
    "project:p1",
    "tag:v*",
    "tagged:no",
    "pushed:>1970-02-01",
    "\"redis nginx\"",
    "maintainer:web",
    "proxi",
    "cahce",
    "fr",
    "web -platform:amd64",
    "file:redis",
    "file:/bin/*",
    "-file:nginx",
    "file:/bin/web tagged:any",
    "pkg:redis",
    "pkg:redis<2 tagged:any",
    "-pkg:cache",
    "pkg:web file:web",
];

/// One of few, so that many have it.
fn any_source(dice: &mut Dice) -> Source {
    let inside = dice.one(&[Inside::Files, Inside::Packages]);
    source(dice.roll(8), inside)
}

/// What is in all of them.
fn any_contents(dice: &mut Dice) -> Vec<Update> {
    let mut updates = Vec::new();
    for number in 0..8 {
        let words = [dice.one(&WORDS), dice.one(&WORDS)];
        updates.push(files(number, &words.map(|word| format!("bin/{word}")).each_ref().map(String::as_str)));
        updates.push(packages(number, &words.map(|word| ("npm", word, dice.one(&["1.0", "2.0"])))));
    }
    updates
}

/// Anything that may be: each text is made of few words, so that much is found.
fn any_document(dice: &mut Dice, number: u64, public: [bool; 3]) -> Document {
    let project = dice.roll(3) as usize;
    let word = |dice: &mut Dice| dice.one(&WORDS).to_owned();
    let some = |dice: &mut Dice| (0..dice.roll(3)).map(|_| dice.one(&WORDS).to_owned()).collect::<Vec<_>>();
    let repository = format!("p{project}/{}{}", dice.one(&["", "old-", "x/"]), dice.one(&WORDS));
    let is_signature = dice.roll(5) == 0;
    let of = dice.roll(number.max(1));
    let subject = (is_signature || dice.roll(4) == 0).then(|| document(of, "a/b", "1").digest);
    let rank = if subject.is_some() { Rank::Attached } else { dice.one(&[Rank::Tagged, Rank::Tagged, Rank::Loose]) };
    Document {
        public: public[project],
        subject,
        rank,
        is_signature,
        kind: dice.one(&["", "helm-chart", "image"]).to_owned(),
        title: word(dice),
        summary: word(dice),
        version: dice.one(&["", "1.0", "2"]).to_owned(),
        platforms: texts(&[dice.one(&["linux/amd64", "linux/arm64", "windows/amd64"])]),
        licenses: texts(&[dice.one(&["MIT", "Apache-2.0", "MIT OR GPL-2.0-only"])]),
        maintainers: some(dice),
        keywords: some(dice),
        labels: vec![("team".to_owned(), word(dice))],
        annotations: vec![("note".to_owned(), word(dice))],
        sources: (0..dice.roll(3)).map(|_| any_source(dice)).collect(),
        children: (0..dice.roll(2)).map(|_| document(dice.roll(60), "a/b", "1").digest).collect(),
        ..document(number, &repository, dice.one(&["v1", "v2", "latest"]))
    }
}

/// What is found, counted and told of facets is what an index would say that has only what may be read.
pub async fn nothing_is_told_of_what_may_not_be_read(index: Index) {
    for seed in 0..12 {
        let mut dice = Dice(seed * 7_919 + 1);
        let public = [(); 3].map(|()| dice.roll(3) == 0);
        let documents: Vec<Document> = (1..60).map(|number| any_document(&mut dice, number, public)).collect();
        let contents = any_contents(&mut dice);
        let mut ranges = Vec::new();
        for _ in 0..dice.roll(4) {
            let project = format!("p{}", dice.roll(3));
            let word = dice.one(&WORDS);
            ranges.push(match dice.roll(4) {
                0 => NameRange::below(format!("{project}/")),
                1 => NameRange::one(format!("{project}/{word}")),
                2 => NameRange::below(format!("{project}/{}", &word[..2])),
                _ => NameRange::matching(format!("{project}/"), format!("{project}/*{}", &word[1..]).parse().unwrap()),
            });
        }
        let readable = if dice.roll(6) == 0 { Readable::All } else { Readable::some(ranges) };
        let may = |document: &&Document| readable.holds(document.repository.as_str(), document.public);
        let mut expected = Vec::new();
        put(&index, documents.iter().filter(may).cloned()).await;
        tell(&index, contents.clone()).await;
        for query in QUERIES {
            for each in [Each::Repository, Each::Artifact] {
                let limit = 1 + dice.roll(60) as usize;
                let asked = Asked { each, limit, ..asked(query) };
                expected.push((asked.clone(), index.find(asked).await.unwrap()));
            }
        }
        put(&index, documents).await;
        tell(&index, contents).await;
        for (asked, expect) in expected {
            let found = index.find(Asked { readable: readable.clone(), ..asked.clone() }).await.unwrap();
            assert_eq!(found, expect, "{seed}: {} of {readable:?}", asked.query);
        }
    }
}

pub async fn much_is_counted_to_a_bound(index: Index) {
    index.begin(HERE).await.unwrap();
    for part in 0..6u64 {
        let some = (part * 2_000..(part + 1) * 2_000).map(|number| {
            let project = if number % 12 == 0 { "mine" } else { "other" };
            Document { public: false, ..document(number, &format!("{project}/r{}", number % 300), "1") }
        });
        add(&index, some).await;
    }
    let found = index.find(Asked { limit: 3, ..asked("") }).await.unwrap();
    assert_eq!((found.total, found.more, numbers(&found)), (10_000, true, vec![11_999, 11_998, 11_997]));
    let mine = Readable::some(vec![NameRange::below("mine/".to_owned())]);
    let found = index.find(Asked { limit: 3, readable: mine.clone(), ..asked("") }).await.unwrap();
    assert_eq!((found.total, found.more, numbers(&found)), (1_000, false, vec![11_988, 11_976, 11_964]));
    let found = index.find(Asked { limit: 3, readable: mine, ..asked("project:other") }).await.unwrap();
    assert_eq!((found.total, found.more), (0, false));
}

pub async fn very_much_text_is_taken_together(index: Index) {
    let words = |number: u64, sort: char| (0..1_500).map(|word| format!("{sort}{number}x{word}")).collect::<Vec<_>>();
    let all = |from: u64| {
        (from..from + 40).map(move |number| Document {
            keywords: words(number, 'k'),
            description: words(number, 'd').join(" "),
            ..document(number, "acme/app", &number.to_string())
        })
    };
    put(&index, all(1)).await;
    // Again, by other words and under other numbers.
    let moved = all(1).zip(all(101)).map(|(old, new)| Document { digest: old.digest, ..new });
    add(&index, moved).await;
    let ask = |query: &str| Asked { each: Each::Artifact, ..asked(query) };
    assert_eq!(index.find(ask("")).await.unwrap().total, 40);
    for number in [101, 117, 140] {
        for query in [format!("k{number}x0"), format!("d{number}x1499"), format!("\"d{number}x7 d{number}x8\"")] {
            assert_eq!(index.find(ask(&query)).await.unwrap().total, 1, "{query}");
        }
    }
    check(&index, "k1x0", &[]).await;
    check(&index, "d40x7", &[]).await;
}

pub async fn whatever_is_written_harms_nothing(index: Index) {
    let strange = [
        "'; DROP TABLE doc; --",
        "\"quoted\" \"",
        "a OR b NOT c",
        "NEAR(a b)",
        "* ^ { } : - +",
        "\u{0}\u{1}",
        "%_[a-z]?",
        "日本語",
        "x".repeat(9_000).leak(),
    ];
    let one = Document {
        title: strange.join(" "),
        keywords: texts(&strange),
        labels: strange.iter().map(|text| ((*text).to_owned(), (*text).to_owned())).collect(),
        ..document(1, "acme/app", "1")
    };
    put(&index, [one]).await;
    for text in strange {
        for query in [
            text.to_owned(),
            format!("\"{text}\""),
            format!("title* {text}"),
            format!("label:{text}"),
            format!("maintainer:\"{text}\""),
            format!("file:\"/x/{text}\""),
            format!("pkg:\"{text}\""),
        ] {
            // Whatever is a query at all is answered.
            if let Ok(query) = Query::parse(&query) {
                index.find(Asked { query, ..asked("") }).await.unwrap();
            }
        }
    }
    check(&index, "日本語", &[1]).await;
    check(&index, "app", &[1]).await;
}
