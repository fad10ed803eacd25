//! What is copied, and what is not.

use std::sync::Arc;

use serde_json::{Value, json};
use wharf_content::copy::{Options, Selection, copy};
use wharf_content::error::Error;
use wharf_content::memory::Memory;
use wharf_content::observer::{Progress, Tally};
use wharf_content::source::Source;
use wharf_content::target::Target as _;
use wharf_model::descriptor::Descriptor;
use wharf_model::name::Reference;

use crate::graphs::{Registry, blob, home, image, index, run, tag, tagged};

fn child(descriptor: &Descriptor, platform: &str) -> Value {
    let [os, architecture] = platform.split('/').collect::<Vec<_>>()[..] else { panic!("{platform}") };
    let mut child = json!(descriptor);
    child["platform"] = json!({ "os": os, "architecture": architecture });
    child
}

/// Images for two processors, of which one has an attestation in the index; each with a layer of its own name.
fn multi(memory: &Memory) -> (Descriptor, [Descriptor; 3]) {
    let images = ["amd64", "arm64", "about arm64"].map(|name| image(memory, &[blob(memory, name)], json!({}), &[]));
    let mut about = child(&images[2], "unknown/unknown");
    about["annotations"] = json!({ "vnd.docker.reference.digest": images[1].digest });
    let children = [child(&images[0], "linux/amd64"), child(&images[1], "linux/arm64"), about];
    (index(memory, &children, json!({}), &["multi"]), images)
}

fn platforms(platforms: Selection) -> Options {
    Options { platforms, ..Options::default() }
}

#[tokio::test]
async fn some_platforms_under_the_same_index() {
    let memory = Memory::new();
    let (root, [amd, arm, about]) = multi(&memory);
    let sparse = |text: &str| platforms(Selection::Sparse(vec![text.parse().unwrap()]));
    let registry = Registry { sparse: true, ..Registry::new() };
    let report = run(&memory, "multi", &registry, &sparse("linux/arm64")).await.unwrap();
    assert_eq!((report.root.digest, report.manifests_sent), (root.digest, 3));
    for (descriptor, expect) in [(&amd, false), (&arm, true), (&about, true), (&root, true)] {
        assert_eq!(registry.memory.manifests().contains(&descriptor.digest), expect);
    }
    // Then the whole of it: the index is there already, and is looked into all the same.
    let report = run(&memory, "multi", &registry, &Options::default()).await.unwrap();
    assert_eq!((report.manifests_sent, report.manifests_skipped, report.blobs_sent), (1, 3, 1));
    let error = run(&memory, "multi", &registry, &sparse("linux/s390x")).await.unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
}

#[tokio::test]
async fn one_platform_as_an_image_of_its_own() {
    let memory = Memory::new();
    let (_, [amd, ..]) = multi(&memory);
    let only = |text: &str| platforms(Selection::Only(text.parse().unwrap()));
    let registry = Registry::new();
    let report = run(&memory, "multi", &registry, &only("linux/amd64")).await.unwrap();
    assert_eq!((report.root.digest, registry.memory.manifests()), (amd.digest, vec![amd.digest]));
    let error = run(&memory, "multi", &registry, &only("linux/s390x")).await.unwrap_err();
    assert_eq!(error.to_string(), "memory has no multi for linux/s390x");
}

#[tokio::test]
async fn what_refers_to_it_by_list_and_by_tag() {
    let memory = Memory::new();
    let root = image(&memory, &[blob(&memory, "a")], json!({}), &["v1"]);
    let listed = image(&memory, &[], json!({ "subject": root, "annotations": { "n": "1" } }), &[]);
    let (sig, att) = (format!("{}.sig", root.digest.referrers_tag()), format!("{}.att", listed.digest.referrers_tag()));
    image(&memory, &[blob(&memory, "sig")], json!({}), &[&sig]);
    // The same manifest under a tag of the list's entry: it is there before, so only the tag is new.
    let same = memory.manifest(&Reference::Digest(listed.digest)).await.unwrap().unwrap();
    memory.add_manifest(same, &[tag(&att)]);
    let registry = Registry::new();
    let report = run(&memory, "v1", &registry, &Options::default()).await.unwrap();
    assert_eq!((report.manifests_sent, report.referrers), (3, 2));
    let mut tags = vec![tag(&sig), tag(&att), tag("there")];
    tags.sort_unstable();
    assert_eq!(registry.memory.tags().await.unwrap(), tags);
    let alone = Registry::new();
    let without = Options { referrers: false, ..Options::default() };
    run(&memory, "v1", &alone, &without).await.unwrap();
    assert_eq!(alone.memory.manifests(), [root.digest]);
}

#[tokio::test]
async fn layers_from_elsewhere_stay_there_unless_asked_for() {
    let memory = Memory::new();
    let mut layer = blob(&memory, "windows");
    layer.urls = Some(vec!["https://example.com/windows".to_owned()]);
    image(&memory, std::slice::from_ref(&layer), json!({}), &["v1"]);
    let registry = Registry::new();
    let report = run(&memory, "v1", &registry, &Options::default()).await.unwrap();
    assert_eq!((report.blobs_foreign, report.blobs_sent), (1, 1));
    let report = run(&memory, "v1", &registry, &Options { foreign: true, ..Options::default() }).await.unwrap();
    assert_eq!((report.blobs_foreign, report.blobs_sent, report.blobs_skipped), (0, 1, 1));
}

#[tokio::test]
async fn a_dry_run_says_what_would_travel() {
    let memory = Memory::new();
    multi(&memory);
    let registry = Registry::new();
    let would = run(&memory, "multi", &registry, &Options { dry_run: true, ..Options::default() }).await.unwrap();
    assert_eq!((registry.memory.manifests().len(), registry.memory.blobs().len()), (0, 0));
    assert_eq!(run(&memory, "multi", &registry, &Options::default()).await.unwrap(), would);
}

#[tokio::test]
async fn between_repositories_of_one_registry_blobs_are_mounted() {
    for (from, expect) in [("acme/app", (0, 2)), ("other/app", (2, 0))] {
        let memory = Memory::at(home("https://here", from));
        image(&memory, &[blob(&memory, "a")], json!({}), &["v1"]);
        let registry = Registry::at("https://here", "acme/copy");
        let report = run(&memory, "v1", &registry, &Options::default()).await.unwrap();
        assert_eq!((report.blobs_sent, report.blobs_mounted), expect, "{from}");
        let elsewhere = Registry::at("https://there", "acme/copy");
        assert_eq!(run(&memory, "v1", &elsewhere, &Options::default()).await.unwrap().blobs_mounted, 0);
    }
}

#[tokio::test]
async fn a_blob_that_a_registry_lost_is_found_missing_when_asked() {
    let memory = Memory::new();
    let layer = blob(&memory, "a");
    image(&memory, std::slice::from_ref(&layer), json!({}), &["v1"]);
    let registry = Registry::at("https://there", "acme/app");
    run(&memory, "v1", &registry, &Options::default()).await.unwrap();
    registry.memory.remove_blob(&layer.digest);
    assert_eq!(run(&memory, "v1", &registry, &Options::default()).await.unwrap().blobs_sent, 0);
    let thorough = Options { thorough: true, ..Options::default() };
    assert_eq!(run(&memory, "v1", &registry, &thorough).await.unwrap().blobs_sent, 1);
    assert!(registry.memory.has_blob(&layer).await.unwrap());
}

#[tokio::test]
async fn progress_adds_up() {
    let memory = Memory::new();
    image(&memory, &[blob(&memory, "four"), blob(&memory, "eight ch")], json!({}), &["v1"]);
    let registry = Registry::new();
    registry.memory.add_blob("a/b".parse().unwrap(), "four");
    let tally = Arc::new(Tally::default());
    copy(&memory, &tagged("v1"), &registry, &[], &Options::default(), tally.clone()).await.unwrap();
    let expect = Progress {
        blobs: 3,
        bytes: 14,
        blobs_done: 3,
        bytes_done: 14,
        bytes_moved: 10,
        blobs_skipped: 1,
        blobs_mounted: 0,
        manifests_done: 1,
    };
    assert_eq!(tally.progress(), expect);
}
