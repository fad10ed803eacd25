//! Indexes: of `docker buildx build --platform … --provenance=true` (moby/buildkit
//! docs/attestations/attestation-storage.md), of other things, and hostile ones.

use serde_json::{Value, json};
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

fn image(store: &Store, size: usize) -> Value {
    let layer = store.blob("application/vnd.oci.image.layer.v1.tar", &vec![7; size]);
    store.child(&store.manifest(json!({ "layers": [layer] })))
}

#[test]
fn of_buildx() {
    let store = Store::default();
    let (mut amd64, mut arm64) = (image(&store, 100), image(&store, 200));
    amd64["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    arm64["platform"] = json!({ "os": "linux", "architecture": "arm64", "variant": "v8" });
    let predicate = json!({ "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" });
    let layer = store.annotated("application/vnd.in-toto+json", b"{}", predicate);
    let mut attestation = store.child(&store.manifest(json!({ "layers": [layer] })));
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    attestation["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd64["digest"]
    });
    let annotations = json!({ "org.opencontainers.image.description": "An app" });
    let index = json!({ "manifests": [amd64, arm64, attestation], "annotations": annotations });
    let facts = inspect("index", &store, store.index(index));
    check_faults(&facts, &[]);
    assert_eq!(facts.platforms.iter().map(Line::as_str).collect::<Vec<_>>(), ["linux/amd64", "linux/arm64/v8"]);
    let children = &detail_json(&facts)["children"]["items"];
    assert_eq!((&children[0]["size"], &children[1]["size"]), (&json!(102), &json!(202)));
    assert_eq!(children[2]["about"], amd64["digest"]);
    assert_eq!(children[2]["predicates"]["items"], json!(["https://slsa.dev/provenance/v0.2"]));
    assert_eq!(children[2].get("platform"), None);
}

/// An index of Windows images with versions, one of which is not here, and of what is no image.
#[test]
fn of_many_things() {
    let store = Store::default();
    let mut windows = image(&store, 1);
    windows["platform"] =
        json!({ "os": "windows", "architecture": "amd64", "os.version": "10.0.1", "os.features": ["win32k"] });
    let mut gone = store.absent("application/vnd.oci.image.manifest.v1+json", 9);
    gone["artifactType"] = json!("application/x");
    let facts = inspect("index", &store, store.index(json!({ "manifests": [windows, gone] })));
    check_faults(&facts, &[]);
    let children = &detail_json(&facts)["children"]["items"];
    assert_eq!(children[0]["os_version"], "10.0.1");
    assert_eq!(children[0]["os_features"]["items"], json!(["win32k"]));
    assert_eq!(children[1]["artifact_type"], "application/x");
    assert_eq!(children[1].get("size"), None);
}

#[test]
fn that_is_hostile() {
    let store = Store::default();
    let mut children = Vec::new();
    for at in 0..1_000 {
        let mut child = store.absent("application/vnd.oci.image.manifest.v1+json", at);
        child["platform"] = json!({ "os": format!("{EVIL}{at}"), "architecture": EVIL, "variant": EVIL });
        child["annotations"] = json!({ EVIL: EVIL });
        children.push(child);
    }
    let facts = inspect("index", &store, store.index(json!({ "manifests": children })));
    assert_eq!(detail!(facts, Index).children.total(), 1_000);
    assert_eq!(facts.platforms.total(), 500);
    let mut child = image(&store, 1);
    child["platform"] = json!("linux");
    let facts = inspect("index", &store, store.index(json!({ "manifests": [child] })));
    check_faults(&facts, &["a platform cannot be read"]);
}

#[test]
fn whose_child_is_no_manifest() {
    let store = Store::default();
    let artifact = store.manifest(json!({}));
    let broken = wharf_artifact::inspect::Artifact { bytes: b"{\"schemaVersion\":1}".to_vec(), ..artifact };
    let child = store.child(&broken);
    let facts = inspect("index", &store, store.index(json!({ "manifests": [child] })));
    check_faults(&facts, &["schema 1 manifests are not supported"]);
}
