//! What `devcontainer features publish` and `… templates publish` make (devcontainers/spec
//! docs/specs/devcontainer-features-distribution.md), and hostile ones.

use serde_json::{Value, json};
use wharf_model::api::facts::{Facts, Line, Link};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect, tar};

const LAYER: &str = "application/vnd.devcontainers.layer.v1+tar";
const COLLECTION: &str = "application/vnd.devcontainers.collection.layer.v1+json";

fn feature() -> Value {
    json!({
        "id": "go", "version": "1.2.3", "name": "Go", "description": "Installs Go", "documentationURL": "https://example.com/go",
        "keywords": ["golang"], "options": { "version": { "type": "string", "proposals": ["latest", "1.22"], "default": "latest",
            "description": "Which" }, "tools": { "type": "boolean", "default": true } },
        "installsAfter": ["ghcr.io/devcontainers/features/common-utils"], "dependsOn": { "ghcr.io/x/y:1": {} }
    })
}

fn of(layer: Value, annotations: Value, store: &Store) -> Facts {
    inspect("dev-container", store, store.manifest(json!({ "layers": [layer], "annotations": annotations })))
}

#[test]
fn a_feature() {
    let store = Store::default();
    let archive =
        tar(&[("./devcontainer-feature.json", b"{}"), ("./install.sh", b"#!/bin/sh"), ("./README.md", b"# Go")]);
    let annotations =
        json!({ "dev.containers.metadata": feature().to_string(), "com.github.package.type": "devcontainer_feature" });
    let facts = of(store.blob(LAYER, &archive), annotations, &store);
    check_faults(&facts, &[]);
    assert_eq!((facts.title.clone(), facts.version.clone()), (Line::some("Go"), Line::some("1.2.3")));
    assert_eq!(facts.documentation, Link::new("https://example.com/go"));
    assert_eq!(facts.readme.as_ref().map(|text| text.as_str()), Some("# Go"));
    let json = detail_json(&facts);
    assert_eq!((&json["form"], &json["id"]), (&json!("feature"), &json!("go")));
    let options = json["options"]["items"].as_array().unwrap();
    let version = json!({ "name": "version", "value_type": "string", "default": "latest", "description": "Which",
        "choices": { "items": ["latest", "1.22"] } });
    assert!(options.contains(&version), "{options:?}");
    assert_eq!(json["depends_on"]["items"], json!(["ghcr.io/x/y:1"]));
    assert_eq!(json["files"]["items"].as_array().unwrap().len(), 3);
}

/// Without the annotation, what is in the archive counts.
#[test]
fn a_template() {
    let store = Store::default();
    let metadata =
        json!({ "id": "rust", "name": "Rust", "options": { "image": { "type": "string", "enum": ["a", "b"] } } })
            .to_string();
    let archive =
        tar(&[("devcontainer-template.json", metadata.as_bytes()), (".devcontainer/devcontainer.json", b"{}")]);
    let facts = of(store.blob(LAYER, &archive), json!({}), &store);
    check_faults(&facts, &[]);
    let json = detail_json(&facts);
    assert_eq!(
        (&json["form"], &json["options"]["items"][0]["choices"]["items"]),
        (&json!("template"), &json!(["a", "b"]))
    );
}

#[test]
fn a_collection() {
    let store = Store::default();
    let collection = json!({ "sourceInformation": { "source": "devcontainer-cli" }, "features": [feature(), { "id": "node", "version": "2" }] });
    let facts = of(store.blob(COLLECTION, collection.to_string().as_bytes()), json!({}), &store);
    check_faults(&facts, &[]);
    let json = detail_json(&facts);
    assert_eq!(json["members"]["items"], json!([{ "name": "go", "value": "1.2.3" }, { "name": "node", "value": "2" }]));
}

#[test]
fn hostile() {
    let store = Store::default();
    let options: serde_json::Map<_, _> = (0..2_000).map(|at| (format!("{EVIL}{at}"), json!(EVIL))).collect();
    let evil = json!({ "id": [EVIL], "name": EVIL, "documentationURL": "javascript:x", "options": options, "dependsOn": EVIL }).to_string();
    let annotations = json!({ "dev.containers.metadata": evil });
    let facts = of(store.blob(LAYER, &tar(&[("README.md", &[0xff, 0xfe])])), annotations, &store);
    check_faults(&facts, &["README.md: it is not UTF-8"]);
    assert_eq!(detail!(facts, DevContainer).options.total(), 2_000);
    assert_eq!(facts.documentation, None);
    let facts = of(store.blob(LAYER, &tar(&[])), json!({ "dev.containers.metadata": "{" }), &store);
    check_faults(&facts, &["metadata: it is no JSON"]);
    check_faults(&of(store.blob(LAYER, &tar(&[])), json!({}), &store), &["there is neither a feature nor a template"]);
    check_faults(&of(store.blob(COLLECTION, b"["), json!({}), &store), &["it is no JSON"]);
}
