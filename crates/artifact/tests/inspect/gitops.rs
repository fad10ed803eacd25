//! What `flux push artifact` (fluxcd/pkg oci/client/push.go), `timoni mod push` (stefanprodan/timoni
//! api/v1alpha1/artifact.go) and, for Argo CD, `oras push` make (argoproj/argo-cd docs/user-guide/oci.md), and hostile
//! archives.

use serde_json::json;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

const DEPLOYMENT: &[u8] = b"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\n  namespace: web\n---\napiVersion: v1\nkind: Service\nmetadata: {name: app}\n";

#[test]
fn of_flux() {
    let store = Store::default();
    let archive = gzip(&tar(&[
        ("deploy/app.yaml", DEPLOYMENT),
        ("README.md", b"x"),
        ("kustomization.yaml", b"resources: [deploy]\n"),
    ]));
    let manifest = json!({
        "config": store.blob("application/vnd.cncf.flux.config.v1+json", b"{}"),
        "layers": [store.blob("application/vnd.cncf.flux.content.v1.tar+gzip", &archive)],
        "annotations": { "org.opencontainers.image.source": "https://github.com/acme/fleet", "org.opencontainers.image.revision": "main@sha1:ab",
            "org.opencontainers.image.created": "2024-05-06T07:08:09Z" }
    });
    let facts = inspect("gitops", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(facts.revision.as_ref().map(|line| line.as_str()), Some("main@sha1:ab"));
    let json = detail_json(&facts);
    assert_eq!(json["tool"], "flux");
    let object = json!({ "api_version": "apps/v1", "kind": "Deployment", "name": "app", "namespace": "web", "file": "deploy/app.yaml" });
    assert_eq!(json["objects"]["items"][0], object);
    assert_eq!(detail!(facts, Gitops).objects.len(), 2);
    assert_eq!(detail!(facts, Gitops).files.len(), 3);
}

#[test]
fn of_timoni() {
    let store = Store::default();
    let layer = |content: &str, path: &str| {
        let archive = gzip(&tar(&[(path, b"package main\n")]));
        store.annotated(
            "application/vnd.timoni.content.v1.tar+gzip",
            &archive,
            json!({ "sh.timoni.content.type": content }),
        )
    };
    let manifest = json!({
        "config": store.blob("application/vnd.timoni.config.v1+json", b"{}"),
        "layers": [layer("module/vendor", "cue.mod/pkg/x.cue"), layer("module", "timoni.cue")],
        "annotations": { "org.opencontainers.image.version": "1.0.0" }
    });
    let facts = inspect("gitops", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    let json = detail_json(&facts);
    assert_eq!((&json["tool"], &json["contents"]["items"]), (&json!("timoni"), &json!(["module/vendor", "module"])));
    assert_eq!(json["files"]["items"].as_array().unwrap().len(), 2);
}

#[test]
fn of_argo_cd() {
    let store = Store::default();
    let archive = tar(&[("app.json", br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"c-"}}"#)]);
    let layer = store.blob("application/vnd.oci.image.layer.v1.tar", &archive);
    let facts = inspect("gitops", &store, store.manifest(json!({ "layers": [layer] })));
    check_faults(&facts, &[]);
    assert_eq!(detail_json(&facts)["objects"]["items"][0]["name"], "c-");
    assert_eq!(detail!(facts, Gitops).tool.as_str(), "argo-cd");
}

#[test]
fn hostile() {
    let store = Store::default();
    let many: String =
        (0..700).map(|at| format!("---\napiVersion: v1\nkind: \"{}\"\nmetadata: {{name: n{at}}}\n", "<b>")).collect();
    let evil = format!("apiVersion: [{{}}]\nkind: {EVIL:?}\n");
    let large =
        [b"apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\nkind: ".as_slice(), &vec![b'x'; 2 << 20]].concat();
    let template = b"{{ if .Values.x }}\nkind: x\n{{ end }}\n";
    let archive = tar(&[
        ("many.yaml", many.as_bytes()),
        ("evil.yaml", evil.as_bytes()),
        ("large.yaml", &large),
        ("t.yaml", template),
    ]);
    let layer = store.blob("application/vnd.cncf.flux.content.v1.tar+gzip", &gzip(&archive));
    let facts = inspect("gitops", &store, store.manifest(json!({ "layers": [layer] })));
    let faults = crate::store::faults(&facts);
    assert!(faults.iter().any(|fault| fault.contains("large.yaml: only the first")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("t.yaml: it is no YAML")), "{faults:?}");
    assert_eq!(detail!(facts, Gitops).objects.total(), 701);
    let cut = gzip(&archive);
    let layer = store.blob("application/vnd.cncf.flux.content.v1.tar+gzip", &cut[..cut.len() / 2]);
    let facts = inspect("gitops", &store, store.manifest(json!({ "layers": [layer] })));
    assert!(!facts.faults.is_empty());
    check_faults(&inspect("gitops", &store, store.manifest(json!({}))), &["there is no layer with content in it"]);
}
