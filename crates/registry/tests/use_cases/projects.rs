//! What projects are set to and may use, as those meet it who push and delete.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use wharf_content::body::Body;
use wharf_model::api::project::{Immutable, Missing, Project, ProjectChange};
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::limits::{QUOTA_FIRST_STEP_BYTES, QUOTA_STEP_BYTES};
use wharf_model::media::OCI_INDEX;
use wharf_model::name::{ProjectName, Reference};
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::upload::Chunk;
use wharf_store::ledger::Ledger as _;

use crate::house::{House, IDLE, admin, broken, chunk, image, noise, sha256, tagged};

const A: &str = "acme/app";
const MIB: u64 = 1 << 20;

fn acme() -> ProjectName {
    "acme".parse().expect("a name")
}

async fn put(house: &House, who: &Subject, change: &ProjectChange) -> Result<Project, Error> {
    house.registry.put_project(who, &acme(), change).await
}

async fn set(house: &House, change: ProjectChange) -> Project {
    put(house, &admin(), &change).await.expect("an administrator may")
}

fn quota(bytes: u64) -> ProjectChange {
    ProjectChange { quota_bytes: Some(Some(bytes)), ..ProjectChange::default() }
}

async fn with_quota(bytes: u64) -> House {
    let house = House::new().await;
    set(&house, quota(bytes)).await;
    house
}

/// What the project uses, and what is reserved of it.
async fn uses(house: &House) -> (u64, u64) {
    let usage = house.ledger.project(&acme()).await.expect("no fault").expect("it is there").usage;
    (usage.bytes, usage.reserved_bytes)
}

/// So many zeros, in pieces that come one by one.
fn zeros(length: u64, is_announced: bool) -> Chunk {
    let piece = move |at: u64| Ok(Bytes::from(vec![0; MIB.min(length - at * MIB) as usize]));
    let pieces = (0..length.div_ceil(MIB)).map(piece);
    Chunk { range: None, body: Body::new(is_announced.then_some(length), stream::iter(pieces)) }
}

fn digest_of_zeros(length: u64) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&vec![0; length as usize]);
    hasher.finish()
}

/// How much is left, by the error of a quota that is used up.
fn left<T: std::fmt::Debug>(outcome: Result<T, Error>) -> u64 {
    match outcome {
        Err(Error::Quota { exceeded, .. }) => exceeded.left(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_setting_takes_its_permission() {
    let house = House::new().await;
    house.push_blob(A, b"x").await;
    let header = house.user(2, "kim").await;
    let itself = ProjectChange { description: Some("ours".to_owned()), ..ProjectChange::public(true) };
    let policy = ProjectChange { trash_days: Some(Some(3)), ..ProjectChange::default() };
    let both = ProjectChange { immutable: Some(Vec::new()), ..itself.clone() };
    let nothing = ProjectChange::default();
    let shared = ProjectChange { share: Some(true), ..ProjectChange::default() };
    // Nobody vouches for what is their own.
    let vouched = ProjectChange { vouched: Some(true), ..ProjectChange::default() };
    for (given, expect) in [
        ("reader", [false; 7]),
        ("maintainer", [false, true, false, false, false, false, false]),
        ("owner", [true, true, true, false, true, true, false]),
        // What may be used is not for those to say who use it.
        ("administrator", [true, true, true, false, true, true, false]),
        ("project:write", [true, false, false, false, true, true, false]),
    ] {
        house.bind(10, 2, given, Some("acme"), None).await;
        let kim = house.who(&header).await;
        let changes = [&itself, &policy, &both, &quota(5), &nothing, &shared, &vouched];
        for (change, expect) in changes.into_iter().zip(expect) {
            let outcome = put(&house, &kim, change).await;
            assert_eq!(outcome.is_ok(), expect, "{given} {change:?} {outcome:?}");
            assert!(expect || matches!(outcome, Err(Error::Denied)), "{outcome:?}");
        }
    }
    house.bind(11, 2, "quota:write", None, None).await;
    house.unbind(10, "acme").await;
    let kim = house.who(&header).await;
    put(&house, &kim, &quota(5)).await.expect("in the system it may");
    assert!(matches!(put(&house, &kim, &vouched).await, Err(Error::Denied)));
    assert!(matches!(put(&house, &kim, &itself).await, Err(Error::Denied)));
    let found = house.registry.project(&admin(), &acme()).await.expect("it is there");
    assert_eq!((found.quota_bytes, found.trash_days, &*found.description), (Some(5), Some(3), "ours"));
}

#[tokio::test]
async fn whoever_makes_a_project_sets_all_but_its_quota() {
    let house = House::new().await;
    let header = house.user(2, "kim").await;
    house.bind(10, 2, "project:create", None, None).await;
    let kim = house.who(&header).await;
    assert!(matches!(put(&house, &kim, &quota(5)).await, Err(Error::Denied)));
    let change = ProjectChange { trash_days: Some(Some(9)), ..ProjectChange::default() };
    let made = put(&house, &kim, &change).await.expect("it may");
    assert_eq!((made.public, made.trash_days, made.usage.repositories), (false, Some(9), 0));
    let wrong = ProjectChange { trash_days: Some(Some(99_999)), ..ProjectChange::default() };
    assert!(matches!(put(&house, &kim, &wrong).await, Err(Error::Field { field: "trash_days", .. })));
}

#[tokio::test]
async fn a_project_says_what_may_be_missing() {
    let house = House::new().await;
    house.push_blob(A, b"x").await;
    let bytes = image(&[sha256(b"never pushed")]);
    let pushed = async || house.put(A, tagged("v1"), bytes.clone()).await;
    assert!(matches!(pushed().await, Err(Error::ManifestBlobUnknown(_))));
    let missing = |missing| ProjectChange { missing: Some(missing), ..ProjectChange::default() };
    set(&house, missing(Some(Missing::Accept))).await;
    pushed().await.expect("nothing needs to be there");
    assert!(matches!(house.put("other/app", tagged("v1"), bytes.clone()).await, Err(Error::ManifestBlobUnknown(_))));
    set(&house, missing(None)).await;
    house.push_blob(A, b"config").await;
    let other = image(&[sha256(b"config"), sha256(b"never pushed either")]);
    assert!(matches!(house.put(A, tagged("v2"), other).await, Err(Error::ManifestBlobUnknown(_))));
}

#[tokio::test]
async fn a_project_takes_the_artifact_types_that_it_says() {
    let house = House::new().await;
    let blob = house.push_blob(A, b"config").await;
    let types = |types: &[&str]| ProjectChange {
        artifact_types: Some(Some(types.iter().map(ToString::to_string).collect())),
        ..ProjectChange::default()
    };
    set(&house, types(&["application/vnd.cncf.helm.*", "a/b"])).await;
    let descriptor = serde_json::json!({ "mediaType": "application/x.test", "digest": blob, "size": 6 });
    let of_type = |artifact_type: &str| {
        let image = serde_json::json!({ "schemaVersion": 2, "artifactType": artifact_type, "config": descriptor, "layers": [] });
        Bytes::from(image.to_string())
    };
    let index = |artifact_type: Option<&str>| {
        let mut index = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
        if let Some(artifact_type) = artifact_type {
            index["artifactType"] = artifact_type.into();
        }
        Bytes::from(index.to_string())
    };
    for (bytes, is_taken) in [
        (image(&[blob]), false),
        (of_type("a/b"), true),
        (of_type("a/bc"), false),
        (of_type("application/vnd.cncf.helm.config.v1+json"), true),
        (index(None), true),
        (index(Some("a/b")), true),
        (index(Some("x/y")), false),
        (Bytes::from_static(br#"{"schemaVersion":2}"#), false),
    ] {
        let outcome = house.put(A, tagged("v1"), bytes.clone()).await;
        assert_eq!(outcome.is_ok(), is_taken, "{bytes:?} {outcome:?}");
        assert!(is_taken || matches!(outcome, Err(Error::ArtifactType { .. })), "{outcome:?}");
    }
    set(&house, types(&["application/x.*"])).await;
    house.put(A, tagged("v2"), image(&[blob])).await.expect("an image is what its config is");
}

#[tokio::test]
async fn a_project_says_how_long_its_trash_stays() {
    let house = House::new().await;
    let blob = house.push_blob(A, b"config").await;
    let digest = house.push_image(A, "v1", &[blob]).await;
    let length = image(&[blob]).len() as u64;
    set(&house, ProjectChange { trash_days: Some(Some(0)), ..ProjectChange::default() }).await;
    assert_eq!(uses(&house).await.0, 6 + length);
    house.delete(A, &Reference::Digest(digest)).await.expect("deleted");
    let seen = async || house.registry.project(&admin(), &acme()).await.expect("it is there").usage;
    assert_eq!((seen().await.bytes, seen().await.trash_bytes), (6 + length, Some(6 + length)));
    house.sweep().await;
    assert_eq!((seen().await.bytes, seen().await.trash_bytes), (6, Some(0)));
}

#[tokio::test]
async fn pushes_beyond_the_soft_limit_are_warned() {
    let house = House::new().await;
    let blob = house.push_blob(A, b"config").await;
    let bytes = image(&[blob]);
    let warn = |bytes: u64| ProjectChange { quota_warn_bytes: Some(Some(bytes)), ..ProjectChange::default() };
    set(&house, warn(7 + bytes.len() as u64)).await;
    assert_eq!(house.put(A, tagged("v1"), bytes.clone()).await.expect("pushed").warning, None);
    set(&house, warn(6 + bytes.len() as u64)).await;
    let warning = house.put(A, tagged("v2"), bytes.clone()).await.expect("pushed").warning.expect("a warning");
    assert_eq!((warning.bytes_used, warning.quota_bytes), (6 + bytes.len() as u64, None));
    set(&house, quota(1_000_000)).await;
    let warning = house.put(A, tagged("v3"), bytes).await.expect("pushed").warning.expect("a warning");
    assert_eq!(warning.quota_bytes, Some(1_000_000));
}

#[tokio::test]
async fn immutable_tags_stay_over_push_and_delete() {
    let house = House::new().await;
    let (one, two) = (house.push_blob(A, b"one").await, house.push_blob(A, b"two").await);
    let pattern = |text: &str| text.parse().expect("a pattern");
    let rule = Immutable { repositories: pattern("acme/**"), tags: pattern("v*") };
    set(&house, ProjectChange { immutable: Some(vec![rule]), ..ProjectChange::default() }).await;
    let digest = house.push_image(A, "v1", &[one]).await;
    house.push_image(A, "latest", &[one]).await;
    house.push_image(A, "latest", &[two]).await;
    let refused = house.put(A, tagged("v1"), image(&[two])).await;
    let text = refused.expect_err("it is immutable").to_string();
    assert_eq!(text, "the tag v1 is immutable in this project (rule acme/** v*)");
    for reference in [tagged("v1"), Reference::Digest(digest)] {
        assert!(matches!(house.delete(A, &reference).await, Err(Error::Immutable(_))), "{reference}");
    }
    let access = house.access(Action::Delete, A).await;
    assert!(matches!(house.registry.delete_blob(&access, &one).await, Err(Error::Immutable(_))), "it needs that");
    assert_eq!(house.push_image(A, "v1", &[one]).await, digest, "the same again");
    house.delete(A, &tagged("latest")).await.expect("no rule keeps it");
    assert_eq!(house.pull(A, &tagged("v1")).await, Some(image(&[one])));
}

/// Another project of that name has come into the place of the one that was looked at: nothing of that goes.
#[tokio::test]
async fn what_is_deleted_is_in_the_project_that_was_looked_at() {
    let house = House::new().await;
    let push = async || {
        let blob = house.push_blob(A, b"one").await;
        (blob, house.push_image(A, "v1", &[blob]).await)
    };
    push().await;
    let access = house.access(Action::Delete, A).await;
    house.registry.delete_project(&admin(), &acme()).await.expect("deleted");
    let (blob, manifest) = push().await;
    for reference in [tagged("v1"), Reference::Digest(manifest)] {
        let refused = house.registry.delete_manifest(&access, &reference).await;
        assert!(matches!(refused, Err(Error::NameUnknown(_))), "{refused:?}");
    }
    let refused = house.registry.delete_blob(&access, &blob).await;
    assert!(matches!(refused, Err(Error::NameUnknown(_))), "{refused:?}");
    assert!(house.pull(A, &tagged("v1")).await.is_some());
}

/// What is reserved while the second piece of a body is waited for; the body ends there.
async fn reserved_while_receiving(quota_bytes: u64, is_announced: bool) -> u64 {
    let house = with_quota(quota_bytes).await;
    let content = noise(1, 100_000);
    let seen = Arc::new(AtomicU64::new(0));
    let first = stream::iter([Ok(content.slice(..50_000))]);
    let (ledger, watch, rest) = (house.ledger.clone(), seen.clone(), content.slice(50_000..));
    let second = stream::once(async move {
        let project = ledger.project(&acme()).await.expect("no fault").expect("it is there");
        watch.store(project.usage.reserved_bytes, Ordering::Relaxed);
        Ok(rest)
    });
    let body = Body::new(is_announced.then_some(100_000), first.chain(second));
    let session = house.begin(A).await;
    house.finish(A, &session, Chunk { range: None, body }, sha256(&content)).await.expect("there is room");
    assert_eq!(uses(&house).await, (100_000, 0));
    assert!(house.shows(A, &sha256(&content)).await);
    seen.load(Ordering::Relaxed)
}

#[tokio::test]
async fn what_is_received_is_reserved_before() {
    assert_eq!(reserved_while_receiving(1_000_000, true).await, 100_000);
    assert_eq!(reserved_while_receiving(100_000, true).await, 100_000);
    assert_eq!(reserved_while_receiving(1 << 40, false).await, QUOTA_FIRST_STEP_BYTES);
    assert_eq!(reserved_while_receiving(1_000_000, false).await, 1_000_000, "all that is left");
    assert_eq!(reserved_while_receiving(100_000, false).await, 100_000);
}

#[tokio::test]
async fn a_quota_is_reserved_step_by_step() {
    let (quota_bytes, house) = (QUOTA_STEP_BYTES + MIB, with_quota(QUOTA_STEP_BYTES + MIB).await);
    for (length, is_announced) in [(quota_bytes + 1, true), (quota_bytes + 1, false), (3 * QUOTA_STEP_BYTES, true)] {
        let session = house.begin(A).await;
        left(house.append(A, &session, zeros(length, is_announced)).await);
        assert_eq!((uses(&house).await, house.heap.uploads()), ((0, 0), 0), "{length} {is_announced}");
        assert!(matches!(house.status(A, &session).await, Err(Error::UploadUnknown)), "it has ended");
    }
    for is_announced in [true, false] {
        let session = house.begin(A).await;
        let offset = house.append(A, &session, zeros(quota_bytes, is_announced)).await.expect("it fits");
        assert_eq!((offset, uses(&house).await), (quota_bytes, (0, quota_bytes)), "{is_announced}");
        house.cancel(A, &session).await.expect("cancelled");
    }
    let session = house.begin(A).await;
    house.append(A, &session, zeros(MIB, false)).await.expect("it fits");
    assert_eq!(uses(&house).await, (0, MIB), "what did not come is given back");
    house.append(A, &session, zeros(QUOTA_STEP_BYTES, true)).await.expect("it fits");
    house.finish(A, &session, chunk(b""), digest_of_zeros(quota_bytes)).await.expect("it fits");
    assert_eq!(uses(&house).await, (quota_bytes, 0));
    assert_eq!(left(house.append(A, &house.begin(A).await, chunk(b"x")).await), 0);
}

#[tokio::test]
async fn what_a_session_holds_ends_with_it() {
    let mut house = with_quota(1_000_000).await;
    let content = noise(2, 100_000);
    let [cut, cancelled, wrong, idle] =
        [house.begin(A).await, house.begin(A).await, house.begin(A).await, house.begin(A).await];
    for session in [&cut, &cancelled, &wrong, &idle] {
        let gone = house.append(A, session, broken(&content[..60_000])).await;
        assert!(matches!(gone, Err(Error::SenderGone(_))));
    }
    assert_eq!(uses(&house).await, (0, 240_000));
    house.crash().await;
    assert_eq!(uses(&house).await, (0, 240_000), "in the notes as in the count");
    house.cancel(A, &cancelled).await.expect("cancelled");
    assert_eq!(uses(&house).await, (0, 180_000));
    let mismatch = house.finish(A, &wrong, chunk(&content), sha256(&content)).await;
    assert!(matches!(mismatch, Err(Error::DigestMismatch { .. })), "{mismatch:?}");
    assert_eq!(uses(&house).await, (0, 120_000));
    house.finish(A, &cut, chunk(&content[60_000..]), sha256(&content)).await.expect("there is room");
    assert_eq!(uses(&house).await, (100_000, 60_000));
    house.advance(IDLE);
    house.sweep().await;
    assert_eq!((uses(&house).await, house.heap.uploads()), ((0, 0), 0), "and the blob, which nothing names");
}

/// What the ledger keeps itself, and what is only named, is no way round.
#[tokio::test]
async fn small_things_meet_the_quota_too() {
    let house = with_quota(20_000).await;
    let (one, two) = (house.begin(A).await, house.begin(A).await);
    house.append(A, &one, chunk(&noise(1, 10_000))).await.expect("it fits");
    assert_eq!(uses(&house).await, (0, 10_000));
    house.append(A, &two, chunk(&noise(2, 10_000))).await.expect("it fits");
    assert_eq!(left(house.append(A, &house.begin(A).await, chunk(b"x")).await), 0);
    assert_eq!(left(house.append(A, &one, chunk(b"x")).await), 0);
    assert_eq!(uses(&house).await, (0, 10_000), "that session has ended");
    house.finish(A, &two, chunk(b""), sha256(&noise(2, 10_000))).await.expect("it is reserved");
    let elsewhere = house.push_blob("other/app", &noise(3, 10_001)).await;
    assert_eq!(left(house.try_mount(A, elsewhere, Some("other/app")).await), 10_000);
    let digest = house.push_image(A, "v1", &[sha256(&noise(2, 10_000))]).await;
    let manifest = image(&[sha256(&noise(2, 10_000))]).len() as u64;
    house.delete(A, &Reference::Digest(digest)).await.expect("deleted");
    set(&house, quota(10_000 + manifest)).await;
    let refused = house.put(A, tagged("v2"), image(&[sha256(&noise(2, 10_000))])).await.expect_err("no room");
    let Error::Quota { exceeded, trash_bytes } = &refused else { panic!("{refused}") };
    assert_eq!((exceeded.left(), exceeded.needed, *trash_bytes), (0, manifest, Some(10_000 + manifest)));
    assert!(refused.to_string().contains("bytes of it are trash"), "{refused}");
    assert_eq!(uses(&house).await, (10_000 + manifest, 0));
}

#[tokio::test]
async fn a_quota_that_comes_later_counts_what_was_received() {
    let house = House::new().await;
    let content = noise(4, 200_000);
    for (more, fits) in [(50_001, false), (50_000, true)] {
        set(&house, ProjectChange { quota_bytes: Some(None), ..ProjectChange::default() }).await;
        let session = house.begin(A).await;
        house.append(A, &session, chunk(&content[..100_000])).await.expect("anything goes");
        assert_eq!(uses(&house).await, (0, 0));
        set(&house, quota(150_000)).await;
        let outcome = house.append(A, &session, chunk(&content[100_000..100_000 + more])).await;
        assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
        assert_eq!(uses(&house).await, (0, if fits { 150_000 } else { 0 }));
    }
}

#[tokio::test]
async fn so_many_repositories() {
    let house = House::new().await;
    house.push_blob(A, b"x").await;
    set(&house, ProjectChange { quota_repositories: Some(Some(1)), ..ProjectChange::default() }).await;
    house.push_blob(A, b"y").await;
    let session = house.begin("acme/other").await;
    let refused = house.finish("acme/other", &session, chunk(b"x"), sha256(b"x")).await;
    assert!(matches!(&refused, Err(Error::Quota { exceeded, .. }) if exceeded.is_of_repositories), "{refused:?}");
}
