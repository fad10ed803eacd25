//! Packages of Crossplane (crossplane/crossplane contributing/specifications/xpkg.md), with their base marked in either
//! way, and hostile ones.

use serde_json::{Value, json};
use wharf_model::api::facts::{Facts, Line, Link};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

const PACKAGE: &[u8] = b"apiVersion: meta.pkg.crossplane.io/v1\nkind: Configuration\nmetadata:\n  name: platform\n  annotations:\n    meta.crossplane.io/source: https://github.com/acme/platform\n\
    \x20   meta.crossplane.io/license: Apache-2.0\n    meta.crossplane.io/maintainer: Acme <a@example.com>\n    meta.crossplane.io/readme: |\n      # Platform\n\
    spec:\n  crossplane: {version: \">=v1.14\"}\n  dependsOn:\n  - provider: xpkg.upbound.io/provider-aws\n    version: \">=v0.40\"\n  - apiVersion: pkg.crossplane.io/v1\n    kind: Function\n    package: xpkg.upbound.io/function-x\n    version: v1\n\
    ---\napiVersion: apiextensions.crossplane.io/v1\nkind: CompositeResourceDefinition\nmetadata: {name: xdbs.example.com}\n---\napiVersion: apiextensions.crossplane.io/v1\nkind: Composition\nmetadata: {name: xdb}\n";

fn base(store: &Store, package: &[u8]) -> Value {
    store.blob(LAYER, &gzip(&tar(&[("package.yaml", package)])))
}

fn of(manifest: Value, store: &Store) -> Facts {
    inspect("crossplane", store, store.manifest(manifest))
}

#[test]
fn a_configuration() {
    let store = Store::default();
    let mut layer = base(&store, PACKAGE);
    layer["annotations"] = json!({ "io.crossplane.xpkg": "base" });
    let other = store.absent(LAYER, 1 << 30);
    let facts = of(json!({ "layers": [other, layer] }), &store);
    check_faults(&facts, &[]);
    assert_eq!(
        (facts.title.clone(), facts.source.clone()),
        (Line::some("platform"), Link::new("https://github.com/acme/platform"))
    );
    assert_eq!(facts.readme.as_ref().map(|text| text.as_str()), Some("# Platform"));
    let json = detail_json(&facts);
    assert_eq!((&json["package_kind"], &json["crossplane"]), (&json!("Configuration"), &json!(">=v1.14")));
    assert_eq!(json["depends_on"]["items"][0], json!({ "name": "xpkg.upbound.io/provider-aws", "value": ">=v0.40" }));
    assert_eq!(json["depends_on"]["items"][1]["name"], "xpkg.upbound.io/function-x");
    assert_eq!(detail!(facts, Crossplane).objects.len(), 2);
}

/// Marked by a label of the config, as older ones are, and not marked at all.
#[test]
fn older_ones() {
    let store = Store::default();
    let (layer, other) = (base(&store, PACKAGE), store.blob(LAYER, &gzip(&tar(&[("crossplane", b"\x7fELF")]))));
    let labels = json!({ format!("io.crossplane.xpkg:{}", layer["digest"].as_str().unwrap()): "base" });
    for labels in [labels, json!({})] {
        let config = store.blob(CONFIG, json!({ "config": { "Labels": labels } }).to_string().as_bytes());
        let facts = of(json!({ "config": config, "layers": [other, layer] }), &store);
        check_faults(&facts, &[]);
        assert_eq!(detail!(facts, Crossplane).name.as_str(), "platform");
    }
}

#[test]
fn hostile() {
    let store = Store::default();
    let large = [PACKAGE, b"---\nkind: x\ndata: ", &vec![b'x'; 2 << 20]].concat();
    let facts = of(json!({ "layers": [base(&store, &large)] }), &store);
    check_faults(&facts, &["package.yaml: only the first"]);
    assert_eq!(detail!(facts, Crossplane).objects.len(), 2);
    let evil = b"apiVersion: meta.pkg.crossplane.io/v1\nkind: [x]\nmetadata: {annotations: {meta.crossplane.io/iconURI: \"javascript:x\"}}\nspec: 7\n";
    let facts = of(json!({ "layers": [base(&store, evil)] }), &store);
    check_faults(&facts, &["it does not say what package it is"]);
    assert_eq!(facts.icon, None);
    let facts = of(
        json!({ "layers": [base(&store, b"a: [")], "annotations": { "org.opencontainers.image.title": EVIL } }),
        &store,
    );
    check_faults(&facts, &["it is no YAML", "it does not say what package it is"]);
    check_faults(&of(json!({}), &store), &["there is no package.yaml in them"]);
}
