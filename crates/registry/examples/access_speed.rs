//! What it costs to know who asks and whether they may, among very many people and bindings: the three steps of a cached
//! manifest's pull, for one user of ten thousand with bindings in four of five thousand projects, and for the only user of a
//! registry with one project.
//!
//! `cargo run --release -p wharf-registry --example access_speed`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement for the console")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use wharf_model::api::people::PasswordChange;
use wharf_model::name::{Reference, RepositoryName};
use wharf_registry::access::Action;
use wharf_registry::push::{Expected, Push};
use wharf_registry::registry::{Registry, Settings};
use wharf_registry::secret::MasterKey;
use wharf_store::blobs::memory::Memory;
use wharf_store::ledger::{LedgerOptions, sqlite::Sqlite};

const PASSWORD: &str = "correct horse battery staple";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Bindings of each project.
const BINDINGS: usize = 4;
/// How often each step is done in a round.
const TIMES: u32 = 200_000;
const ROUNDS: usize = 9;

fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{PASSWORD}")))
}

/// A registry of so many users and projects, with a manifest to pull in one of them.
async fn registry(folder: &Path, users: usize, projects: usize) -> (Registry, RepositoryName) {
    let ledger = Sqlite::open(folder.join("ledger.db"), LedgerOptions::default()).await.expect("a ledger");
    wharf_registry::identity::local::ensure_admin(&*ledger, Some(PASSWORD)).await.expect("an administrator");
    let key = MasterKey::from_bytes([7; 32]);
    let registry = Registry::new(ledger, Arc::new(Memory::new()), &key, Settings::default());
    let all_users: Map<String, Value> = (0..users).map(|number| (format!("u{number:05}"), json!({}))).collect();
    let bound = |project: usize| -> Vec<Value> {
        let user = |at: usize| format!("user:u{:05}", (project * BINDINGS + at) % users);
        (0..BINDINGS.min(users)).map(|at| json!({ "subject": user(at), "role": "reader" })).collect()
    };
    let all_projects: Map<String, Value> =
        (0..projects).map(|number| (format!("p{number:05}"), json!({ "bindings": bound(number) }))).collect();
    let config = json!({ "users": all_users, "projects": all_projects });
    let config = serde_json::from_value(config).expect("a configuration");
    let admin = registry.identity().authenticate(Some(basic("admin").as_bytes()), HERE).await.expect("logged in");
    registry.apply_config(&admin, &config, false).await.expect("applied");
    let user = "u00000".parse().expect("a name");
    registry
        .set_password(&admin, &user, &PasswordChange { password: PASSWORD.to_owned(), current: None })
        .await
        .expect("set");
    let repository: RepositoryName = "p00000/app".parse().expect("a name");
    let access = registry.authorise(&admin, Action::Push, &repository).await.expect("allowed");
    let bytes = Bytes::from_static(
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
    );
    let push = Push { reference: tag(), tags: Vec::new(), content_type: None, bytes, expected: Expected::default() };
    registry.put_manifest(&access, push).await.expect("pushed");
    (registry, repository)
}

fn tag() -> Reference {
    Reference::Tag("latest".parse().expect("a tag"))
}

/// Time of one step, of each of the three.
async fn round(registry: &Registry, repository: &RepositoryName) -> [Duration; 3] {
    let (authorization, reference) = (basic("u00000"), tag());
    let identity = registry.identity();
    let subject = identity.authenticate(Some(authorization.as_bytes()), HERE).await.expect("logged in");
    let access = registry.authorise(&subject, Action::Pull, repository).await.expect("allowed");
    let begin = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(identity.authenticate(Some(authorization.as_bytes()), HERE).await.expect("logged in"));
    }
    let who = begin.elapsed() / TIMES;
    let begin = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(registry.authorise(&subject, Action::Pull, repository).await.expect("allowed"));
    }
    let may = begin.elapsed() / TIMES;
    let begin = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(registry.manifest(&access, &reference).await.expect("there"));
    }
    [who, may, begin.elapsed() / TIMES]
}

#[tokio::main]
async fn main() {
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let small = registry(folders[0].path(), 1, 1).await;
    let large = registry(folders[1].path(), 10_000, 5_000).await;
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (house, rounds) in [&small, &large].into_iter().zip(&mut all) {
            rounds.push(round(&house.0, &house.1).await);
        }
    }
    println!("ns for each, median of {ROUNDS} rounds   one user   10,000 users, 20,000 bindings");
    for (step, name) in ["who asks", "may they", "the manifest"].iter().enumerate() {
        let [small, large] = [&all[0], &all[1]].map(|rounds| {
            let mut times: Vec<_> = rounds.iter().map(|round| round[step].as_nanos()).collect();
            times.sort_unstable();
            times[ROUNDS / 2]
        });
        println!("{name:36} {small:8}   {large:8}");
    }
}
