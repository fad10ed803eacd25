//! What is pushed is inspected: once, in its own repository, whatever comes between.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::Notify;
use wharf_artifact::inspect::{Artifact, Turn};
use wharf_artifact::kind::folder::InForce;
use wharf_model::api::facts::{Detail, Facts as Told};
use wharf_model::api::project::{Missing, ProjectChange};
use wharf_model::digest::Digest;
use wharf_model::media::{OCI_INDEX, OCI_MANIFEST};
use wharf_model::name::Reference;
use wharf_registry::access::Action;
use wharf_registry::followers::inspect::InspectFollower;
use wharf_registry::followers::{Follower as _, Following};
use wharf_registry::inspect::{INSPECT, INSPECT_ALL, InspectSettings, Inspector};
use wharf_registry::jobs::{Work, Worked, Worker};
use wharf_registry::registry::{Registry, Settings};
use wharf_registry::secret::MasterKey;
use wharf_store::blobs::faulty::{Failure, Fault};
use wharf_store::blobs::{Blobs as _, Location};
use wharf_store::clock::Millis;
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::change::{Change, Commit, Place};
use wharf_store::ledger::facts::{Facts as _, FactsRow};
use wharf_store::ledger::faulty::When;
use wharf_store::ledger::notes::{Claim, Job, NewJob};

use crate::house::{House, admin, name, noise, sha256, tagged};
use crate::odd::Odd;

const A: &str = "acme/app";
const B: &str = "other/app";
const HELM: &str = "application/vnd.cncf.helm.config.v1+json";
const MINUTE: Millis = 60_000;

/// A registry with what inspects it.
struct Bench {
    house: House,
    kinds: Arc<InForce>,
    folder: TempDir,
    settings: InspectSettings,
}

impl Bench {
    async fn new() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let kinds = Arc::new(InForce::new(Some(folder.path().to_owned())));
        let bench = Bench { house: House::new().await, kinds, folder, settings: InspectSettings::default() };
        bench.inspect().await;
        bench
    }

    /// The same registry over another heap.
    fn over(&self, blobs: Arc<Odd>) -> Registry {
        Registry::new(self.house.ledger.clone(), blobs, &MasterKey::from_bytes([7; 32]), Settings::default())
    }

    fn following(&self) -> Following {
        Following::new(&InspectFollower, self.house.ledger.clone())
    }

    fn inspector(&self) -> Arc<Inspector> {
        Inspector::new(&self.house.registry, self.kinds.clone(), self.settings)
    }

    /// Works off what is due; how many jobs that were, and whether all went well.
    async fn work_off(&self) -> (usize, bool) {
        let (mut count, mut is_well) = (0, true);
        for worker in Worker::inspectors(&self.house.registry, &self.inspector()) {
            let done = worker.work_off().await;
            is_well &= done.is_ok();
            count += done.unwrap_or_default();
        }
        (count, is_well)
    }

    /// Follows, and works off what comes of it.
    async fn inspect(&self) -> usize {
        self.following().catch_up().await.expect("no fault");
        let (count, is_well) = self.work_off().await;
        assert!(is_well);
        count
    }

    async fn jobs(&self) -> u64 {
        let ledger = &self.house.ledger;
        ledger.count_jobs(INSPECT).await.expect("no fault") + ledger.count_jobs(INSPECT_ALL).await.expect("no fault")
    }

    async fn row(&self, repository: &str, digest: &Digest) -> Option<FactsRow> {
        self.house.ledger.facts(&name(repository), digest).await.expect("no fault")
    }

    async fn kind(&self, repository: &str, digest: &Digest) -> Option<String> {
        self.row(repository, digest).await.map(|row| row.kind)
    }

    async fn told(&self, repository: &str, digest: &Digest) -> Told {
        let row = self.row(repository, digest).await.expect("there are facts");
        serde_json::from_str(&row.facts).expect("facts")
    }

    async fn faults(&self, repository: &str, digest: &Digest) -> String {
        let faults = self.told(repository, digest).await.faults;
        faults.iter().map(|fault| format!("{}: {}\n", fault.at.as_str(), fault.what.as_str())).collect()
    }

    /// Pushes a chart without its archive; its config is the digest that comes second.
    async fn chart(&self, repository: &str, text: &str) -> (Digest, Digest) {
        let config = self.house.push_blob(repository, chart_config(text).as_bytes()).await;
        let pushed = self.house.put(repository, tagged("1.0"), chart_of(text)).await.expect("pushed");
        (pushed.digest, config)
    }

    async fn location(&self, repository: &str, digest: &Digest) -> Location {
        let row = self.house.ledger.blob(&name(repository), digest).await.expect("no fault").expect("it is there");
        match row.place {
            Place::Heap(location) => location,
            Place::Ledger(_) => panic!("it is small"),
        }
    }

    async fn delete(&self, repository: &str, digest: Digest) {
        self.house.delete(repository, &Reference::Digest(digest)).await.expect("deleted");
    }

    async fn restore_latest(&self) {
        let part = wharf_registry::people::Part { limit: 1, after: None };
        let list = self.house.registry.trash(&admin(), None, &part).await.expect("an administrator may");
        self.house.registry.restore(&admin(), list.items[0].id).await.expect("restored");
    }
}

/// Large enough to rest on the heap.
fn chart_config(text: &str) -> String {
    let padding = "x".repeat(20_000);
    format!(r#"{{"name":"{text}","version":"1.2.3","description":"Of {text}.\nMore.","padding":"{padding}"}}"#)
}

fn chart_of(text: &str) -> Bytes {
    let (digest, size) = (sha256(chart_config(text).as_bytes()), chart_config(text).len());
    let config = serde_json::json!({ "mediaType": HELM, "digest": digest, "size": size });
    let chart = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [] });
    chart.to_string().into()
}

fn index_of(children: &[&Bytes]) -> Bytes {
    let child =
        |bytes: &&Bytes| serde_json::json!({ "mediaType": OCI_MANIFEST, "digest": sha256(bytes), "size": bytes.len() });
    let children: Vec<_> = children.iter().map(child).collect();
    serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children }).to_string().into()
}

#[tokio::test]
async fn what_is_pushed_is_inspected_afterwards() {
    let bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "nginx").await;
    assert_eq!(bench.row(A, &digest).await, None, "a push waits for nothing");
    bench.inspect().await;
    let row = bench.row(A, &digest).await.expect("there are facts");
    assert_eq!((row.kind.as_str(), row.title.as_str(), row.summary.as_str()), ("helm-chart", "nginx", "Of nginx."));
    assert_eq!(row.size, chart_config("nginx").len() as u64);
    let told = bench.told(A, &digest).await;
    assert_eq!(told.version.as_ref().map(|version| version.as_str()), Some("1.2.3"));
    assert_eq!(bench.jobs().await, 0);
    let latest = bench.house.latest().await;
    assert_eq!(bench.inspect().await, 0, "what it writes itself is nothing new");
    assert_eq!(bench.house.latest().await, latest);
}

#[tokio::test]
async fn an_index_is_told_with_what_is_in_it() {
    let bench = Bench::new().await;
    let (child, _) = bench.chart(A, "nginx").await;
    let index = index_of(&[&chart_of("nginx")]);
    let digest = bench.house.put(A, tagged("all"), index).await.expect("pushed").digest;
    bench.inspect().await;
    let (row, child) = (bench.row(A, &digest).await, bench.row(A, &child).await);
    let (row, child) = (row.expect("there are facts"), child.expect("there are facts"));
    assert_eq!(row.kind, "helm-chart", "it is what is in it");
    let told = bench.told(A, &digest).await;
    assert!(matches!(told.detail, Some(Detail::Index(_))), "it has nothing of a chart but its list: {told:?}");
    assert!(told.faults.is_empty(), "{told:?}");
    assert_eq!(row.size, child.size + chart_of("nginx").len() as u64);
}

/// What an index names may come after it; then it is told again, and what came before it, or is there already, is not.
#[tokio::test]
async fn an_index_is_told_again_when_its_child_comes() {
    let mut bench = Bench::new().await;
    let index = index_of(&[&chart_of("nginx")]);
    let early = bench.house.put(A, tagged("early"), index.clone()).await.expect("children may come later").digest;
    bench.house.put(B, tagged("early"), index).await.expect("children may come later");
    assert_eq!(bench.inspect().await, 2);
    assert_eq!(bench.kind(A, &early).await.as_deref(), Some("image-index"));
    let (child, _) = bench.chart(A, "nginx").await;
    bench.house.crash().await;
    assert_eq!(bench.inspect().await, 1, "the child");
    assert_eq!(bench.inspect().await, 1, "the index of its repository");
    assert_eq!(bench.kind(A, &early).await.as_deref(), Some("helm-chart"));
    let (row, child) = (bench.row(A, &early).await, bench.row(A, &child).await);
    assert_eq!(row.expect("facts").size, child.expect("facts").size + chart_of("nginx").len() as u64);
    assert_eq!(bench.kind(B, &early).await.as_deref(), Some("image-index"), "there, nothing came");
    bench.house.put(A, tagged("late"), index_of(&[&chart_of("nginx"), &chart_of("x")])).await.expect("pushed");
    assert_eq!((bench.inspect().await, bench.jobs().await), (1, 0));
}

/// Nobody learns by naming a blob what is in it.
#[tokio::test]
async fn only_what_the_repository_shows_is_read() {
    let bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "secret").await;
    let set = ProjectChange { missing: Some(Some(Missing::Accept)), ..ProjectChange::default() };
    bench.house.registry.put_project(&admin(), &name(B).project(), &set).await.expect("an administrator may");
    bench.house.put(B, tagged("1.0"), chart_of("secret")).await.expect("what is missing is accepted");
    let index = index_of(&[&chart_of("secret"), &chart_of("another")]);
    let index = bench.house.put(B, tagged("all"), index).await.expect("pushed").digest;
    bench.inspect().await;
    assert_eq!(bench.row(A, &digest).await.expect("there are facts").title, "secret");
    let row = bench.row(B, &digest).await.expect("there are facts");
    assert_eq!((row.kind.as_str(), row.title.as_str()), ("helm-chart", ""));
    assert!(!row.facts.contains("secret"), "{}", row.facts);
    assert!(bench.faults(B, &digest).await.contains("not in this repository"));
    assert!(bench.row(B, &index).await.is_some());
    // Hidden is as good as elsewhere: half of the grace after nothing names it any more.
    let (other, config) = bench.chart(A, "hidden").await;
    bench.house.delete_blob(A, &config).await.expect("deleted");
    bench.inspect().await;
    assert_eq!(bench.row(A, &other).await.expect("there are facts").title, "");
}

#[tokio::test]
async fn what_is_deleted_before_is_not_inspected() {
    let bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "nginx").await;
    bench.following().catch_up().await.expect("no fault");
    bench.delete(A, digest).await;
    assert_eq!(bench.work_off().await, (1, true));
    assert_eq!((bench.row(A, &digest).await, bench.jobs().await), (None, 0));
    bench.restore_latest().await;
    bench.inspect().await;
    assert_eq!(bench.kind(A, &digest).await.as_deref(), Some("helm-chart"), "it is back, and was never inspected");
}

/// A deletion and a push of the same between the reading and the writing: another one, which has its own job.
#[tokio::test]
async fn what_is_deleted_and_pushed_again_meanwhile_is_inspected_again() {
    let bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "nginx").await;
    bench.following().catch_up().await.expect("no fault");
    // The facts are written later than somebody deletes it and pushes it again.
    let calls = {
        let other = Bench::new().await;
        other.chart(A, "nginx").await;
        other.following().catch_up().await.expect("no fault");
        let before = other.house.ledger.calls();
        Worker::inspectors(&other.house.registry, &other.inspector())[0].work_off().await.expect("no fault");
        other.house.ledger.calls() - before
    };
    // Its last call is the commit of the facts.
    bench.house.ledger.fail(calls, When::Late(1_000));
    let _ = bench.work_off().await;
    bench.house.heal();
    bench.delete(A, digest).await;
    bench.house.put(A, tagged("1.0"), chart_of("nginx")).await.expect("pushed");
    bench.following().catch_up().await.expect("no fault");
    bench.house.ledger.land().await;
    bench.house.advance(MINUTE);
    assert!(bench.work_off().await.1);
    assert_eq!((bench.kind(A, &digest).await.as_deref(), bench.jobs().await), (Some("helm-chart"), 0));
}

#[tokio::test]
async fn a_repository_that_comes_back_is_inspected_where_it_was_not() {
    let bench = Bench::new().await;
    let (first, _) = bench.chart(A, "first").await;
    bench.inspect().await;
    let (second, _) = bench.chart(A, "second").await;
    let (elsewhere, _) = bench.chart(B, "third").await;
    let before = bench.row(A, &first).await;
    let access = bench.house.access(Action::Delete, A).await;
    bench.house.registry.delete_repository(&access).await.expect("deleted");
    bench.inspect().await;
    assert_eq!((bench.row(A, &first).await, bench.row(A, &second).await), (None, None));
    assert!(bench.row(B, &elsewhere).await.is_some());
    bench.house.advance(MINUTE);
    bench.restore_latest().await;
    bench.inspect().await;
    assert_eq!(bench.row(A, &first).await, before, "what is known is not made again");
    assert_eq!(bench.row(A, &second).await.map(|row| row.title).as_deref(), Some("second"));
}

/// What was there before this follower was, or is to be looked at anew, is gone through in pages, by one job.
#[tokio::test]
async fn a_rebuild_is_one_job() {
    let bench = Bench::new().await;
    let mut digests = Vec::new();
    for at in 0..70 {
        let repository = format!("acme/app{}", at % 3);
        let config = bench.house.push_blob(&repository, b"{}").await;
        digests.push((
            repository.clone(),
            bench.house.push_image(&repository, &format!("v{at}"), &[config, config]).await,
        ));
        let text = format!("chart {at}");
        digests.push((repository.clone(), bench.chart(&repository, &text).await.0));
    }
    let (_, reaction) = InspectFollower.rebuild(&*bench.house.ledger).await.expect("no fault");
    assert_eq!((reaction.changes.len(), reaction.jobs.len()), (0, 1));
    bench.following().rebuild().await.expect("no fault");
    assert_eq!(bench.jobs().await, 1);
    let latest = bench.house.latest().await;
    assert!(bench.work_off().await.1);
    for (repository, digest) in &digests {
        assert!(bench.row(repository, digest).await.is_some());
    }
    let commits = bench.house.latest().await - latest;
    assert!(commits <= 140 / 32 + 1, "{commits} commits");
    bench.house.advance(MINUTE);
    bench.following().rebuild().await.expect("no fault");
    assert!(bench.work_off().await.1);
    assert_eq!(bench.house.latest().await, latest + commits, "nothing is made again that is as it was");
}

#[tokio::test]
async fn many_share_a_commit() {
    let bench = Bench::new().await;
    let config = bench.house.push_blob(A, b"{}").await;
    bench.inspect().await;
    for at in 0..100 {
        let layer = bench.house.push_blob(A, &noise(at, 100)).await;
        bench.house.push_image(A, &format!("v{at}"), &[config, layer]).await;
    }
    let latest = bench.house.latest().await;
    assert_eq!(bench.inspect().await, 100);
    let commits = bench.house.latest().await - latest;
    assert!(commits < 20, "{commits} commits");
}

const OWN: &str = r#"id = "acme-thing"
title = "Acme thing"
category = "data"

[[any]]
all = [
    { field = "config", eq = "application/vnd.cncf.helm.config.v1+json" },
    { field = "annotation", key = "acme", eq = "yes" },
]
"#;

/// Other kinds in force: what is of another kind now is inspected again, and nothing else is written.
#[tokio::test]
async fn other_kinds_have_everything_looked_at_again() {
    let bench = Bench::new().await;
    bench.kinds.open().expect("it is empty");
    assert!(bench.inspector().look_again().await.expect("no fault"), "the first time");
    let (chart, _) = bench.chart(A, "nginx").await;
    let manifest = String::from_utf8(chart_of("nginx").to_vec()).expect("text");
    let manifest = manifest.replacen('{', r#"{"annotations":{"acme":"yes"},"#, 1);
    let own = bench.house.put(A, tagged("own"), manifest.into()).await.expect("pushed").digest;
    bench.inspect().await;
    assert_eq!(bench.kind(A, &own).await.as_deref(), Some("helm-chart"));
    let before = bench.row(A, &chart).await;
    assert!(!bench.inspector().look_again().await.expect("no fault"), "nothing has changed");
    fs::write(bench.folder.path().join("thing.toml"), OWN).expect("written");
    bench.kinds.open().expect("a kind");
    bench.house.advance(MINUTE);
    assert!(bench.inspector().look_again().await.expect("no fault"));
    bench.inspect().await;
    assert_eq!(bench.kind(A, &own).await.as_deref(), Some("acme-thing"));
    assert_eq!(bench.row(A, &chart).await, before);
}

/// Whatever call of the ledger fails, in the end there are facts and no job.
#[tokio::test]
async fn a_ledger_that_fails_delays_and_loses_nothing() {
    for when in [When::Before, When::After, When::Late(2)] {
        for n in 1..200 {
            let bench = Bench::new().await;
            let (digest, _) = bench.chart(A, "nginx").await;
            let index =
                bench.house.put(A, tagged("all"), index_of(&[&chart_of("nginx")])).await.expect("pushed").digest;
            let before = bench.house.ledger.calls();
            bench.house.ledger.fail(n, when);
            let _ = bench.following().catch_up().await;
            let _ = bench.work_off().await;
            let is_over = bench.house.ledger.calls() - before < n;
            bench.house.ledger.land().await;
            bench.house.heal();
            bench.house.advance(MINUTE);
            bench.inspect().await;
            assert_eq!(bench.kind(A, &digest).await.as_deref(), Some("helm-chart"), "{when:?} {n}");
            assert_eq!(bench.kind(A, &index).await.as_deref(), Some("helm-chart"), "{when:?} {n}");
            assert_eq!(bench.jobs().await, 0, "{when:?} {n}");
            if is_over {
                break;
            }
            assert!(n < 199, "it does not end");
        }
    }
}

/// A heap that does not answer says nothing of the artifact, however often that is.
#[tokio::test]
async fn a_heap_that_fails_is_waited_for() {
    let bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "nginx").await;
    bench.following().catch_up().await.expect("no fault");
    for _ in 0..8 {
        bench.house.blobs.fail_next(Fault::Before(Failure::Failed));
        assert_eq!(bench.work_off().await, (1, true));
        assert_eq!((bench.row(A, &digest).await, bench.jobs().await), (None, 1));
        assert_eq!(bench.work_off().await, (0, true), "not at once");
        bench.house.advance(MINUTE);
    }
    assert_eq!(bench.work_off().await, (1, true));
    assert_eq!(bench.row(A, &digest).await.map(|row| row.title).as_deref(), Some("nginx"));
}

/// Bytes that are lost: so many attempts, and then the facts say so.
#[tokio::test]
async fn what_cannot_be_read_is_told_in_the_end() {
    let bench = Bench::new().await;
    let (digest, config) = bench.chart(A, "nginx").await;
    let location = bench.location(A, &config).await;
    bench.house.heap.delete(&location).await.expect("memory does not fail");
    bench.following().catch_up().await.expect("no fault");
    for _ in 0..5 {
        assert_eq!((bench.row(A, &digest).await, bench.jobs().await), (None, 1));
        assert_eq!(bench.work_off().await, (1, true));
        bench.house.advance(MINUTE);
    }
    assert_eq!((bench.kind(A, &digest).await.as_deref(), bench.jobs().await), (Some("helm-chart"), 0));
    assert!(bench.faults(A, &digest).await.starts_with("inspection: "), "{}", bench.faults(A, &digest).await);
}

/// A mistake in an inspector: so many attempts, and then the facts say so. What others look into is told.
#[tokio::test]
async fn an_inspector_that_panics_is_no_more_than_told() {
    fn broken(artifact: Artifact) -> Turn {
        panic!("a mistake about {}", artifact.digest)
    }
    let mut bench = Bench::new().await;
    bench.settings.inspectors = &[("helm", broken)];
    let (chart, config) = bench.chart(A, "nginx").await;
    let other = bench.house.push_image(A, "other", &[config, config]).await;
    bench.following().catch_up().await.expect("no fault");
    assert_eq!(bench.work_off().await, (2, true));
    assert!(bench.row(A, &other).await.is_some() && bench.row(A, &chart).await.is_none());
    for _ in 1..5 {
        bench.house.advance(MINUTE);
        assert_eq!((bench.row(A, &chart).await, bench.work_off().await), (None, (1, true)));
    }
    assert_eq!((bench.kind(A, &chart).await.as_deref(), bench.jobs().await), (Some("helm-chart"), 0));
    assert_eq!(bench.faults(A, &chart).await, "inspection: inspecting it broke off\n");
}

/// A heap that never answers, and one that answers at once, for ever: nothing more is read when the time is over.
#[tokio::test]
async fn an_inspection_that_takes_too_long_is_ended() {
    for (answers, time_max) in [(false, Duration::from_millis(20)), (true, Duration::ZERO)] {
        let mut bench = Bench::new().await;
        bench.settings.time_max = time_max;
        let (chart, _) = bench.chart(A, "nginx").await;
        bench.following().catch_up().await.expect("no fault");
        for _ in 0..5 {
            assert_eq!(bench.row(A, &chart).await, None);
            if !answers {
                bench.house.blobs.fail_next(Fault::Never);
            }
            assert_eq!(bench.work_off().await, (1, true));
            bench.house.advance(MINUTE);
        }
        assert_eq!((bench.kind(A, &chart).await.as_deref(), bench.jobs().await), (Some("helm-chart"), 0));
        let faults = bench.faults(A, &chart).await;
        assert_eq!(faults, format!("inspection: inspecting it takes longer than {time_max:?}\n"));
    }
}

/// Bytes that break off where they are read are no heap that does not answer: so many attempts, and then the facts say so.
#[tokio::test]
async fn what_breaks_off_is_told_in_the_end() {
    let bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "nginx").await;
    let registry = bench.over(Odd::new(bench.house.heap.clone(), || Err(io::Error::other("input/output error"))));
    bench.following().catch_up().await.expect("no fault");
    for _ in 0..5 {
        assert_eq!((bench.row(A, &digest).await, bench.jobs().await), (None, 1));
        let [worker, _] =
            Worker::inspectors(&registry, &Inspector::new(&registry, bench.kinds.clone(), bench.settings));
        assert_eq!(worker.work_off().await, Ok(1));
        bench.house.advance(MINUTE);
    }
    assert_eq!(bench.jobs().await, 0);
    assert!(bench.faults(A, &digest).await.contains("input/output error"), "{}", bench.faults(A, &digest).await);
}

/// Kinds that were in force when an inspection began, and are not when it ends, do not come after those that are.
#[tokio::test]
async fn kinds_that_change_in_the_middle_count_from_then_on() {
    let bench = Bench::new().await;
    bench.kinds.open().expect("it is empty");
    let config = chart_config("nginx");
    bench.house.push_blob(A, config.as_bytes()).await;
    let manifest = String::from_utf8(chart_of("nginx").to_vec()).expect("text");
    let manifest = manifest.replacen('{', r#"{"annotations":{"acme":"yes"},"#, 1);
    let own = bench.house.put(A, tagged("own"), manifest.into()).await.expect("pushed").digest;
    bench.following().catch_up().await.expect("no fault");
    let (kinds, path) = (bench.kinds.clone(), bench.folder.path().join("thing.toml"));
    let registry = bench.over(Odd::new(bench.house.heap.clone(), move || {
        if !path.exists() {
            fs::write(&path, OWN)?;
            kinds.open().expect("a kind");
        }
        Ok(())
    }));
    let [worker, _] = Worker::inspectors(&registry, &Inspector::new(&registry, bench.kinds.clone(), bench.settings));
    assert_eq!(worker.work_off().await, Ok(1));
    assert_eq!((bench.kind(A, &own).await, bench.jobs().await), (None, 1), "the kind of before is not written down");
    bench.house.advance(MINUTE);
    assert_eq!(worker.work_off().await, Ok(1));
    assert_eq!((bench.kind(A, &own).await.as_deref(), bench.jobs().await), (Some("acme-thing"), 0));
}

/// What a process had in hand when it ended is done by the next one; what ends a process each time is given up.
#[tokio::test]
async fn a_crash_in_the_middle_delays() {
    let mut bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "nginx").await;
    bench.following().catch_up().await.expect("no fault");
    for _ in 0..5 {
        let claimed = bench.house.ledger.claim_jobs(Claim::new(INSPECT, MINUTE, 10)).await.expect("no fault");
        assert_eq!(claimed.len(), 1);
        assert_eq!(bench.work_off().await, (0, true), "it is leased");
        bench.house.crash().await;
    }
    assert_eq!(bench.work_off().await, (1, true));
    assert!(bench.faults(A, &digest).await.contains("broke off each time"));
    let (other, _) = bench.chart(A, "other").await;
    bench.following().catch_up().await.expect("no fault");
    bench.house.ledger.claim_jobs(Claim::new(INSPECT, MINUTE, 10)).await.expect("no fault");
    bench.house.crash().await;
    assert_eq!(bench.work_off().await, (1, true));
    assert_eq!(bench.row(A, &other).await.map(|row| row.title).as_deref(), Some("other"));
}

/// What ends the process while everything is looked at is left to a job of its own, as all that is looked at with it.
#[tokio::test]
async fn a_crash_while_everything_is_looked_at() {
    let mut bench = Bench::new().await;
    let mut digests = Vec::new();
    for text in ["one", "two", "three"] {
        digests.push(bench.chart(A, text).await.0);
    }
    bench.following().rebuild().await.expect("no fault");
    for _ in 0..2 {
        assert_eq!(
            bench.house.ledger.claim_jobs(Claim::new(INSPECT_ALL, MINUTE, 10)).await.expect("no fault").len(),
            1
        );
        bench.house.crash().await;
    }
    let all = &Worker::inspectors(&bench.house.registry, &bench.inspector())[1];
    assert_eq!(all.work_off().await, Ok(1));
    assert_eq!(bench.row(A, &digests[0]).await, None, "nothing is inspected by the job that ended so");
    assert_eq!(bench.house.ledger.count_jobs(INSPECT).await.expect("no fault"), 3);
    assert_eq!(bench.work_off().await, (3, true));
    for digest in &digests {
        assert_eq!(bench.kind(A, digest).await.as_deref(), Some("helm-chart"));
    }
}

/// Work that ends the process with one of its jobs, each time.
#[derive(Default)]
struct Deadly {
    attempts: Mutex<HashMap<String, u64>>,
    death: Notify,
}

struct Shared(Arc<Deadly>);

#[async_trait]
impl Work for Shared {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn at_once(&self) -> usize {
        2
    }

    fn taken(&self) -> usize {
        16
    }

    fn rest(&self) -> Duration {
        Duration::ZERO
    }

    async fn work(&self, job: &Job) -> Worked {
        self.0.attempts.lock().insert(job.key.clone(), job.attempts);
        if job.key == "deadly" && job.attempts <= 5 {
            self.0.death.notify_one();
            return std::future::pending().await;
        }
        Worked::done(Vec::new())
    }
}

/// A crash counts against the jobs that may have been its cause, and no more than once against those that were taken with it.
#[tokio::test]
async fn a_crash_counts_against_few() {
    let mut house = House::new().await;
    let names = ["deadly".to_owned()].into_iter().chain((0..40).map(|number| format!("job {number}")));
    let job = |key: String| NewJob { kind: "test".to_owned(), payload: key.clone(), key };
    let commit = Commit { actor: "test".to_owned(), jobs: names.map(job).collect(), ..Commit::default() };
    house.ledger.commit(commit).await.expect("no fault");
    let deadly = Arc::new(Deadly::default());
    for deaths in 0.. {
        let worker = Worker::new(&house.registry, Box::new(Shared(deadly.clone())));
        let is_done = tokio::select! {
            done = worker.work_off() => done.is_ok(),
            () = deadly.death.notified() => false,
        };
        if is_done {
            assert_eq!(deaths, 5);
            break;
        }
        drop(worker);
        house.crash().await;
    }
    assert_eq!(house.ledger.count_jobs("test").await.expect("no fault"), 0);
    let attempts = deadly.attempts.lock().clone();
    assert_eq!((attempts.len(), attempts["deadly"]), (41, 6));
    let most = attempts.iter().filter(|(key, _)| *key != "deadly").map(|(_, attempts)| *attempts).max();
    assert!(most <= Some(2), "{attempts:?}");
}

/// A server that stops has its inspections done by the next one.
#[tokio::test]
async fn what_is_stopped_is_done_later() {
    let bench = Bench::new().await;
    let (digest, _) = bench.chart(A, "nginx").await;
    bench.following().catch_up().await.expect("no fault");
    let inspector = bench.inspector();
    inspector.stop().await;
    let [worker, _] = Worker::inspectors(&bench.house.registry, &inspector);
    assert_eq!(worker.work_off().await, Ok(1));
    assert_eq!((bench.row(A, &digest).await, bench.jobs().await), (None, 1));
    bench.house.advance(MINUTE);
    assert_eq!(bench.work_off().await, (1, true));
    assert_eq!(bench.kind(A, &digest).await.as_deref(), Some("helm-chart"));
}

#[tokio::test]
async fn what_is_no_manifest_any_more_is_told() {
    let bench = Bench::new().await;
    let (_, config) = bench.chart(A, "nginx").await;
    let change = Change::PutManifest {
        repository: name(A),
        digest: sha256(b"[]"),
        media_type: OCI_MANIFEST.parse().expect("a media type"),
        artifact_type: None,
        subject: None,
        bytes: Bytes::from_static(b"[]"),
        edges: Vec::new(),
        created: false,
    };
    let commit = Commit { changes: vec![change], ..Default::default() };
    bench.house.ledger.commit(commit).await.expect("made");
    bench.inspect().await;
    assert_eq!(bench.kind(A, &sha256(b"[]")).await.as_deref(), Some("unknown"));
    assert!(bench.faults(A, &sha256(b"[]")).await.starts_with("manifest: "));
    assert_ne!(config, sha256(b"[]"));
}
