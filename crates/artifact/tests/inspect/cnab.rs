//! Bundles as cnab-to-oci and Porter push them (cnabio/cnab-to-oci converter/convert.go; cnabio/cnab-spec
//! 101-bundle-json.md).

use serde_json::{Value, json};
use wharf_model::api::facts::{Line, Person};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

const CONFIG: &str = "application/vnd.cnab.config.v1+json";

fn bundle() -> Value {
    json!({
        "schemaVersion": "v1.2.0", "name": "wordpress", "version": "0.1.2", "description": "A blog", "license": "MIT",
        "keywords": ["blog"], "maintainers": [{ "name": "Kim", "email": "kim@example.com", "url": "https://example.com" }],
        "invocationImages": [{ "image": "example/wordpress-installer:0.1", "imageType": "docker", "contentDigest": "sha256:aa", "size": 7 }],
        "images": { "db": { "image": "example/mysql:8", "contentDigest": "sha256:bb" } },
        "actions": { "backup": { "title": "Backup", "modifies": false } },
        "definitions": { "port": { "type": "integer", "default": 8080 }, "secret": { "type": "string", "writeOnly": true, "default": "hunter2" } },
        "parameters": { "port": { "definition": "port", "destination": { "env": "PORT" } },
            "password": { "definition": "secret", "required": true, "destination": { "env": "P" } } },
        "credentials": { "kubeconfig": { "path": "/root/.kube/config", "required": true, "description": "The cluster" }, "token": { "env": "TOKEN" } },
        "outputs": { "url": { "definition": "port", "path": "/out" } }, "requiredExtensions": ["io.cnab.dependencies"]
    })
}

#[test]
fn of_porter() {
    let store = Store::default();
    let child = store.manifest(json!({ "config": store.blob(CONFIG, bundle().to_string().as_bytes()) }));
    let mut image = store.absent("application/vnd.oci.image.manifest.v1+json", 7);
    image["annotations"] = json!({ "io.cnab.manifest.type": "invocation" });
    let mut config = store.child(&child);
    config["annotations"] = json!({ "io.cnab.manifest.type": "config" });
    let annotations = json!({ "io.cnab.runtime_version": "v1.2.0", "org.opencontainers.artifactType": "application/vnd.cnab.manifest.v1",
        "org.opencontainers.image.title": "wordpress", "io.cnab.keywords": "[\"blog\"]",
        "org.opencontainers.image.authors": "[{\"name\":\"Kim\",\"email\":\"kim@example.com\",\"url\":\"https://example.com\"}]" });
    let facts =
        inspect("cnab", &store, store.index(json!({ "manifests": [image, config], "annotations": annotations })));
    check_faults(&facts, &[]);
    assert_eq!((facts.title.clone(), facts.version.clone()), (Line::some("wordpress"), Line::some("0.1.2")));
    let authors: Vec<&Person> = facts.authors.iter().collect();
    assert_eq!(authors.len(), 1, "{authors:?}");
    assert_eq!((authors[0].name.as_str(), authors[0].email.clone()), ("Kim", Line::some("kim@example.com")));
    let json = detail_json(&facts);
    let parameters = json["parameters"]["items"].as_array().unwrap();
    assert!(
        parameters.contains(&json!({ "name": "port", "value_type": "integer", "default": "8080" })),
        "{parameters:?}"
    );
    assert!(
        parameters.contains(&json!({ "name": "password", "value_type": "string", "required": true, "secret": true })),
        "{parameters:?}"
    );
    assert!(!json.to_string().contains("hunter2"), "a secret is told");
    assert_eq!(json["invocation_images"]["items"][0]["digest"], "sha256:aa");
    assert_eq!(json["images"]["items"], json!([{ "name": "db", "image": "example/mysql:8", "digest": "sha256:bb" }]));
    let credentials = json["credentials"]["items"].as_array().unwrap();
    assert!(credentials.contains(&json!({ "name": "token", "place": "$TOKEN" })), "{credentials:?}");
    assert_eq!(json["actions"]["items"], json!([{ "name": "backup", "description": "Backup" }]));
}

/// The child by itself, and an index whose first child is the bundle, as older ones are.
#[test]
fn without_marks() {
    let store = Store::default();
    let child = store.manifest(json!({ "config": store.blob(CONFIG, bundle().to_string().as_bytes()) }));
    let descriptor = store.child(&child);
    for artifact in [child, store.index(json!({ "manifests": [descriptor] }))] {
        let facts = inspect("cnab", &store, artifact);
        check_faults(&facts, &[]);
        assert_eq!(detail!(facts, Cnab).credentials.len(), 2);
        assert_eq!(facts.authors.len(), 1);
    }
}

#[test]
fn hostile() {
    let store = Store::default();
    let parameters: serde_json::Map<_, _> =
        (0..2_000).map(|at| (format!("{EVIL}{at}"), json!({ "definition": EVIL }))).collect();
    let evil = json!({ "name": EVIL, "parameters": parameters, "credentials": [EVIL], "images": EVIL, "definitions": { EVIL: EVIL },
        "invocationImages": [EVIL], "actions": { EVIL: EVIL }, "maintainers": EVIL });
    let manifest = json!({ "config": store.blob(CONFIG, evil.to_string().as_bytes()) });
    let facts = inspect("cnab", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(detail!(facts, Cnab).parameters.total(), 2_000);
    let facts = inspect("cnab", &store, store.manifest(json!({ "config": store.blob(CONFIG, b"{}") })));
    check_faults(&facts, &["it has no name"]);
    let facts = inspect("cnab", &store, store.manifest(json!({ "config": store.blob(CONFIG, b"{\"name\":") })));
    check_faults(&facts, &["it is no JSON", "it has no name"]);
    let gone = store.absent("application/vnd.oci.image.manifest.v1+json", 7);
    let facts = inspect("cnab", &store, store.index(json!({ "manifests": [gone] })));
    check_faults(&facts, &["the child with the bundle is not in this repository"]);
}
