//! What `tkn bundle push` makes (tektoncd/pipeline docs/tekton-bundle-contracts.md), and hostile bundles.

use serde_json::{Value, json};
use wharf_model::api::facts::{Facts, Line};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

fn layer(store: &Store, name: &str, kind: &str, object: &[u8]) -> Value {
    let said =
        json!({ "dev.tekton.image.name": name, "dev.tekton.image.kind": kind, "dev.tekton.image.apiVersion": "v1" });
    let archive = gzip(&tar(&[(name, object)]));
    store.annotated("application/vnd.oci.image.layer.v1.tar+gzip", &archive, said)
}

fn of(layers: Value, store: &Store) -> Facts {
    inspect("tekton", store, store.manifest(json!({ "layers": layers })))
}

const TASK: &[u8] = b"apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: lint\nspec:\n  description: Looks at it.\n  steps: []\n";

#[test]
fn a_bundle() {
    let store = Store::default();
    let pipeline: &[u8] = br#"{"apiVersion":"tekton.dev/v1","kind":"Pipeline","metadata":{"name":"ci"}}"#;
    let facts = of(json!([layer(&store, "lint", "task", TASK), layer(&store, "ci", "pipeline", pipeline)]), &store);
    check_faults(&facts, &[]);
    let expect = json!({ "api_version": "tekton.dev/v1", "kind": "Task", "name": "lint", "file": "lint", "description": "Looks at it." });
    assert_eq!(detail_json(&facts)["objects"]["items"][0], expect);
    assert_eq!(detail!(facts, Tekton).objects[1].kind.as_str(), "Pipeline");
    assert_eq!(facts.title, Line::some("lint"));
}

/// What is in the layer is not what it says, or is not there at all; then what it says is told.
#[test]
fn that_lies() {
    let store = Store::default();
    let facts = of(json!([layer(&store, "deploy", "task", TASK)]), &store);
    check_faults(&facts, &["the layer says \"deploy\", but \"lint\" is in it"]);
    let facts = of(json!([layer(&store, "deploy", "task", b"- x\n")]), &store);
    check_faults(&facts, &[]);
    assert_eq!(detail!(facts, Tekton).objects[0].name.as_str(), "deploy");
}

#[test]
fn hostile() {
    let store = Store::default();
    let bare = store.blob("application/vnd.oci.image.layer.v1.tar+gzip", &gzip(&tar(&[("x", b"[")])));
    let facts = of(json!([bare]), &store);
    check_faults(&facts, &["the layer does not say what is in it", "x: it is no YAML"]);
    let said = json!({ "dev.tekton.image.name": EVIL, "dev.tekton.image.kind": EVIL });
    let layers = vec![store.annotated("application/vnd.oci.image.layer.v1.tar", b"", said); 600];
    let facts = of(json!(layers), &store);
    assert_eq!(detail!(facts, Tekton).objects.total(), 600);
}
