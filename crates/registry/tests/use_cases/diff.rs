//! What is not the same in two artifacts: of trees at rest and of small layers at once, in pages, and by who may read both.

use serde_json::json;
use wharf_artifact::kind::Kinds;
use wharf_model::api::diff::{ContentDiff, Diff, FileDiff};
use wharf_model::digest::Digest;
use wharf_model::media::{OCI_INDEX, OCI_MANIFEST};
use wharf_registry::access::Action;
use wharf_registry::diff::End;
use wharf_registry::error::Error;
use wharf_registry::people::Part;

use crate::files::TAR;
use crate::house::{House, tagged};

const A: &str = "acme/app";
const B: &str = "othr/app";
const ALL: Part = Part { limit: 1_000, after: None };
/// A time that says something, in seconds since 1970.
const THEN: u64 = 1_700_000_000;

/// A layer of files, each with what it holds and its time.
fn layer(files: &[(&str, &str, u64)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content, mtime) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(*mtime);
        tar.append_data(&mut header, path, content.as_bytes()).expect("memory");
    }
    tar.into_inner().expect("memory")
}

impl House {
    async fn push_tars(&self, repository: &str, tag: &str, layers: &[&[u8]]) -> Vec<Digest> {
        let layers: Vec<_> = layers.iter().map(|layer| (TAR, None, *layer)).collect();
        self.push_layers(repository, tag, &layers).await
    }

    async fn diff(&self, from: (&str, &str), to: (&str, &str), part: &Part) -> Result<Diff, Error> {
        let before = self.access(Action::Pull, from.0).await;
        let now = self.access(Action::Pull, to.0).await;
        let (old, new) = (tagged(from.1), tagged(to.1));
        let from = End { access: &before, reference: &old };
        let to = End { access: &now, reference: &new };
        self.registry.diff(Kinds::built_in(), "example.com", from, to, part).await
    }

    async fn files_of(&self, from: &str, to: &str) -> Vec<String> {
        let diff = self.diff((A, from), (A, to), &ALL).await.expect("a comparison");
        assert_eq!((diff.next, &diff.no_files), (None, &None));
        diff.files.expect("files").iter().map(line).collect()
    }
}

/// A letter, and the path.
fn line(file: &FileDiff) -> String {
    let letter = match (&file.from, &file.to) {
        (Some(_), Some(_)) if file.content == Some(ContentDiff::Unknown) => '?',
        (Some(_), Some(_)) => '~',
        (Some(_), None) => '-',
        _ => '+',
    };
    format!("{letter}{}", file.path)
}

fn base() -> Vec<u8> {
    layer(&[("bin/sh", "shell", THEN), ("etc/conf", "base", THEN), ("etc/left", "x", THEN), ("noise", "n", THEN)])
}

#[tokio::test]
async fn files_that_differ() {
    let house = House::new().await;
    let one = layer(&[
        ("etc/conf", "1", THEN),
        ("etc/touched", "aa", THEN),
        ("etc/kept", "aa", THEN),
        ("etc/untimed", "aa", 0),
        ("old/a/b", "", THEN),
    ]);
    let other = layer(&[
        ("etc/conf", "22", THEN),
        ("etc/touched", "bb", THEN + 1),
        ("etc/kept", "bb", THEN),
        ("etc/untimed", "bb", 0),
        (".wh.noise", "", THEN),
        ("new/x", "", THEN),
    ]);
    let layers = house.push_tars(A, "v1", &[&base(), &one]).await;
    let others = house.push_tars(A, "v2", &[&base(), &other]).await;
    let expect = ["~etc/conf", "?etc/touched", "?etc/untimed", "+new", "-noise", "-old"];
    for round in ["looked at anew", "of trees at rest"] {
        assert_eq!(house.files_of("v1", "v2").await, expect, "{round}");
        for digest in layers.iter().chain(&others[1..]) {
            assert_eq!(house.derive(A, digest).await, round == "looked at anew");
        }
    }
    let diff = house.diff((A, "v1"), (A, "v2"), &ALL).await.expect("a comparison");
    let digests = |all: &[wharf_model::api::diff::LayerInBrief]| all.iter().map(|one| one.digest).collect::<Vec<_>>();
    assert_eq!(digests(&diff.layers.shared), [layers[0]]);
    assert_eq!((digests(&diff.layers.gone), digests(&diff.layers.new)), (vec![layers[1]], vec![others[1]]));
    assert!(!diff.same && diff.facts.is_empty(), "{:?}", diff.facts);
    assert_eq!((&*diff.from.reference, &*diff.to.reference), ("example.com/acme/app:v1", "example.com/acme/app:v2"));
    let back = house.files_of("v2", "v1").await;
    assert_eq!(back, ["~etc/conf", "?etc/touched", "?etc/untimed", "-new", "+noise", "+old"]);
    let same = house.diff((A, "v1"), (A, "v1"), &ALL).await.expect("a comparison");
    assert!(same.same && same.files.is_none() && same.layers.gone.is_empty(), "{same:?}");
}

/// Layers that both have make the same only in the same order.
#[tokio::test]
async fn the_order_of_layers_counts() {
    let house = House::new().await;
    let (one, other) = (layer(&[("x", "1", THEN), ("y", "1", THEN)]), layer(&[("x", "22", THEN)]));
    house.push_tars(A, "v1", &[&one, &other]).await;
    house.push_tars(A, "v2", &[&other, &one]).await;
    assert_eq!(house.files_of("v1", "v2").await, ["~x"]);
    house.push_tars(A, "v3", &[&one, &base(), &other]).await;
    assert_eq!(house.files_of("v1", "v3").await, ["+bin", "+etc", "+noise"]);
}

#[tokio::test]
async fn pages_of_files() {
    let house = House::new().await;
    let names: Vec<String> = (0..9).flat_map(|folder| (0..3).map(move |file| format!("d{folder}/f{file}"))).collect();
    let old: Vec<(&str, &str, u64)> = names.iter().map(|name| (name.as_str(), "1", THEN)).collect();
    let new: Vec<(&str, &str, u64)> = names.iter().step_by(2).map(|name| (name.as_str(), "22", THEN)).collect();
    house.push_tars(A, "v1", &[&layer(&old)]).await;
    house.push_tars(A, "v2", &[&layer(&old), &layer(&new)]).await;
    let expect: Vec<String> = names.iter().step_by(2).map(|name| format!("~{name}")).collect();
    assert_eq!(house.files_of("v1", "v2").await, expect);
    let (mut found, mut part) = (Vec::new(), Part { limit: 2, after: None });
    loop {
        let page = house.diff((A, "v1"), (A, "v2"), &part).await.expect("a comparison");
        assert_eq!(page.layers.new.len(), 1, "all else comes with every page");
        found.extend(page.files.expect("files").iter().map(line));
        let Some(next) = page.next else { break };
        let elsewhere = Part { limit: 2, after: Some(next) };
        let answer = house.diff((A, "v2"), (A, "v1"), &elsewhere).await;
        assert!(matches!(answer, Err(Error::Unsupported(_))), "{answer:?}");
        part = elsewhere;
    }
    assert_eq!(found, expect);
}

/// Who may read a layer in one repository need not read it in the other.
#[tokio::test]
async fn each_side_is_read_where_it_is() {
    let house = House::new().await;
    let bytes = base();
    let layers = house.push_tars(A, "v1", &[&bytes]).await;
    house.derive(A, &layers[0]).await;
    let config = house.push_blob(B, b"{}").await;
    let config = json!({ "mediaType": "application/x", "digest": config, "size": 2 });
    let child = json!({ "mediaType": TAR, "digest": layers[0], "size": bytes.len(), "urls": ["https://x.example/"] });
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [child] });
    house.put(B, tagged("v1"), manifest.to_string().into()).await.expect("foreign layers may be missing");
    // The layer is named by both, so nothing of it is looked at; what is not known of it is told.
    let diff = house.diff((A, "v1"), (B, "v1"), &ALL).await.expect("a comparison");
    assert_eq!((diff.incomplete.len(), diff.incomplete[0].layer), (1, layers[0]));
    house.push_tars(A, "v2", &[&layer(&[("x", "1", THEN)])]).await;
    let diff = house.diff((A, "v2"), (B, "v1"), &ALL).await.expect("a comparison");
    assert_eq!(diff.files.expect("files").iter().map(line).collect::<Vec<_>>(), ["-x"], "nothing is told of the other");
    assert_eq!(diff.incomplete[0].reason, "it is not in this repository");
    house.push_tars(B, "v2", &[&base(), &layer(&[("x", "1", THEN)])]).await;
    let diff = house.diff((A, "v1"), (B, "v2"), &ALL).await.expect("a comparison");
    assert_eq!(diff.files.expect("files").iter().map(line).collect::<Vec<_>>(), ["+x"]);
    let missing = house.diff((A, "v1"), (B, "v3"), &ALL).await;
    assert!(matches!(missing, Err(Error::ManifestUnknown(_))), "{missing:?}");
}

/// Only files wait for the trees of layers.
#[tokio::test]
async fn files_are_told_later_and_all_else_at_once() {
    let house = House::new().await;
    let large = house.push_large(A).await;
    house.push_tars(A, "v2", &[&base()]).await;
    let diff = house.diff((A, "v1"), (A, "v2"), &ALL).await.expect("a comparison");
    assert!(diff.files.is_none() && diff.no_files.is_some_and(|why| why.waiting));
    assert_eq!((diff.layers.gone[0].digest, diff.layers.new.len()), (large, 1));
    house.derive(A, &large).await;
    assert_eq!(house.files_of("v1", "v2").await, ["+bin", "+etc", "-long", "+noise"]);
}

#[tokio::test]
async fn what_indexes_list_and_what_is_said() {
    let house = House::new().await;
    house.push_tars(A, "v1", &[&base()]).await;
    house.push_tars(A, "v2", &[&base(), &layer(&[("x", "1", THEN)])]).await;
    let digest = async |tag: &str| {
        let access = house.access(Action::Pull, A).await;
        house.registry.manifest(&access, &tagged(tag)).await.expect("it is there").digest
    };
    let (one, other) = (digest("v1").await, digest("v2").await);
    for (tag, child, title) in [("i1", one, "First"), ("i2", other, "Second")] {
        let platform = json!({ "os": "linux", "architecture": "arm64" });
        let child = json!({ "mediaType": OCI_MANIFEST, "digest": child, "size": 1, "platform": platform });
        let index = json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child], "annotations": { "title": title },
        });
        house.put(A, tagged(tag), index.to_string().into()).await.expect("pushed");
    }
    let diff = house.diff((A, "i1"), (A, "i2"), &ALL).await.expect("a comparison");
    let child = &diff.manifests[0];
    assert_eq!((&*child.platform, child.from, child.to), ("linux/arm64", Some(one), Some(other)));
    let told: Vec<_> = diff.facts.iter().map(|fact| (&*fact.name, fact.from.as_deref(), fact.to.as_deref())).collect();
    assert_eq!(told, [("annotation title", Some("First"), Some("Second"))]);
    assert!(diff.files.is_none() && diff.no_files.is_some_and(|why| !why.waiting));
    let diff = house.diff((A, "v1"), (A, "i2"), &ALL).await.expect("a comparison");
    assert!(diff.facts.iter().any(|fact| fact.name == "media type") && diff.no_files.is_some());
}
