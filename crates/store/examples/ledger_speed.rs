//! How long the ledger's questions take among many rows, and what commits cost that wait together.
//!
//! `cargo run --release -p wharf-store --example ledger_speed -- LEDGER [TAGS [REPOSITORIES]]`; LEDGER is a path or a URL, and is filled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement for the console")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wharf_model::api::project::ProjectChange;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::Role;
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_store::ledger::change::{Change, Commit, Edge, Expected, Expects, Known, Place};
use wharf_store::ledger::readable::Readable;
use wharf_store::ledger::{Ledger, LedgerOptions};
use wharf_store::open::open_ledger;

fn name(text: &str) -> RepositoryName {
    text.parse().expect("a name")
}

fn commit(changes: Vec<Change>) -> Commit {
    Commit { actor: "speed".to_owned(), changes, ..Commit::default() }
}

fn push(repository: &RepositoryName, text: String, tag: &str) -> Vec<Change> {
    let layer = Digest::of(Algorithm::Sha256, format!("layer of {text}").as_bytes());
    let digest = Digest::of(Algorithm::Sha256, text.as_bytes());
    vec![
        Change::EnsureRepository { repository: repository.clone(), expects: Expects::Anything, made_project: false },
        Change::PutBlob {
            repository: repository.clone(),
            digest: layer,
            size: 9,
            place: Place::Ledger(Bytes::from_static(b"a layer .")),
            known: Known::Tell,
            upload: None,
            adopted: false,
        },
        Change::PutManifest {
            repository: repository.clone(),
            digest,
            media_type: "a/b".parse().expect("a media type"),
            artifact_type: None,
            subject: None,
            bytes: text.into(),
            edges: vec![Edge { role: Role::Layer, target: layer, required: true }],
            created: false,
        },
        Change::PointTag {
            repository: repository.clone(),
            expects: Expects::Anything,
            tag: tag.parse().expect("a tag"),
            digest,
            expected: Expected::default(),
            previous: None,
        },
    ]
}

async fn fill(ledger: &dyn Ledger, tags: usize, repositories: usize) {
    let many = name("big/tags");
    ledger.commit(commit(push(&many, "the manifest".to_owned(), "first"))).await.expect("a push");
    let digest = Digest::of(Algorithm::Sha256, b"the manifest");
    for chunk in (0..tags).collect::<Vec<_>>().chunks(10_000) {
        let point = |at: &usize| Change::PointTag {
            repository: many.clone(),
            expects: Expects::Anything,
            tag: format!("t{at:08}").parse().expect("a tag"),
            digest,
            expected: Expected::default(),
            previous: None,
        };
        ledger.commit(commit(chunk.iter().map(point).collect())).await.expect("tags");
    }
    for chunk in (0..repositories).collect::<Vec<_>>().chunks(10_000) {
        let ensure = |at: &usize| Change::EnsureRepository {
            repository: name(&format!("p{}/r{at:06}", at % 100)),
            expects: Expects::Anything,
            made_project: false,
        };
        let mut changes: Vec<Change> = chunk.iter().map(ensure).collect();
        changes.push(Change::PutProject {
            project: name("p7/x").project(),
            expects: Expects::Anything,
            id: None,
            set: ProjectChange::public(true),
            created: false,
        });
        ledger.commit(commit(changes)).await.expect("repositories");
    }
}

async fn time(what: &str, mut ask: impl AsyncFnMut(usize)) {
    const ROUNDS: usize = 1000;
    ask(0).await;
    let begun = Instant::now();
    for round in 0..ROUNDS {
        ask(round).await;
    }
    println!("{what:32} {:>9.1} µs", begun.elapsed().as_secs_f64() * 1e6 / ROUNDS as f64);
}

async fn ask_everything(ledger: &dyn Ledger, tags: usize) {
    let many = name("big/tags");
    let digest = Digest::of(Algorithm::Sha256, b"the manifest");
    let layer = Digest::of(Algorithm::Sha256, b"layer of the manifest");
    let tag = |at: usize| format!("t{:08}", at * 7919 % tags.max(1));
    time("manifest by tag", async |at| {
        let reference = Reference::Tag(tag(at).parse::<Tag>().expect("a tag"));
        assert!(ledger.manifest(&many, &reference).await.expect("an answer").is_some());
    })
    .await;
    time("manifest by digest", async |_| {
        assert!(ledger.manifest(&many, &Reference::Digest(digest)).await.expect("an answer").is_some());
    })
    .await;
    time("blob", async |_| assert!(ledger.blob(&many, &layer).await.expect("an answer").is_some())).await;
    time("page of 100 tags", async |at| {
        assert!(ledger.tags(&many, Some(&tag(at)), 100).await.expect("an answer").is_some());
    })
    .await;
    for (what, readable) in [("page of 100, all", Readable::All), ("page of 100, public", Readable::public())] {
        time(what, async |at| {
            let after = format!("p{}/r", at % 100);
            ledger.repositories(&readable, Some(&after), 100).await.expect("an answer");
        })
        .await;
    }
}

/// Pushes from `writers` at once.
async fn write(ledger: &Arc<dyn Ledger>, writers: usize) {
    let (begun, until) = (Instant::now(), Instant::now() + Duration::from_secs(3));
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let (repository, mut made) = (name(&format!("w{writers}/r{writer}")), 0);
                while Instant::now() < until {
                    let text = format!("manifest {writers} {writer} {made}");
                    ledger.commit(commit(push(&repository, text, &format!("v{made}")))).await.expect("a push");
                    made += 1;
                }
                made
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += task.await.expect("no panic");
    }
    println!("{writers:>3} writers {:>22.0} pushes/s", f64::from(made) / begun.elapsed().as_secs_f64());
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("RssAnon") || line.starts_with("RssFile"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("a path or a URL");
    let mut number = |otherwise| arguments.next().map_or(otherwise, |text| text.parse().expect("a number"));
    let (tags, repositories) = (number(1_000_000), number(100_000));
    let ledger = open_ledger(&url, LedgerOptions::default()).await.expect("the ledger opens");
    println!("opened: {}", memory());
    let begun = Instant::now();
    fill(&*ledger, tags, repositories).await;
    println!("filled in {:.1} s: {}", begun.elapsed().as_secs_f64(), memory());
    ask_everything(&*ledger, tags).await;
    for writers in [1, 16, 64] {
        write(&ledger, writers).await;
    }
    println!("at the end: {}", memory());
}
