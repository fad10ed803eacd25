//! Operators' bundles and catalogues (operator-framework/operator-registry docs/design/operator-bundle.md, "file-based
//! catalogs").

use serde_json::{Value, json};
use wharf_model::api::facts::{Icon, Line};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

const CSV: &str = "apiVersion: operators.coreos.com/v1alpha1\nkind: ClusterServiceVersion\nmetadata:\n  name: etcd.v0.9.4\n  annotations:\n\
    \x20   capabilities: Full Lifecycle\n    repository: https://github.com/coreos/etcd-operator\n    createdAt: \"2024-05-06T07:08:09Z\"\n\
    spec:\n  displayName: etcd\n  version: 0.9.4\n  replaces: etcd.v0.9.2\n  maturity: alpha\n  minKubeVersion: 1.20.0\n  description: |\n    # etcd\n\
    \x20 provider:\n    name: CNCF\n  keywords: [etcd, database]\n  maintainers:\n  - name: Kim\n    email: kim@example.com\n\
    \x20 icon:\n  - base64data: aGVsbG8=\n    mediatype: image/png\n  installModes:\n  - type: OwnNamespace\n    supported: true\n  - type: AllNamespaces\n    supported: false\n\
    \x20 customresourcedefinitions:\n    owned:\n    - kind: EtcdCluster\n      version: v1beta2\n      name: etcdclusters.etcd.database.coreos.com\n      description: A cluster\n\
    \x20 relatedImages:\n  - name: operator\n    image: quay.io/etcd@sha256:1\n";

fn image(store: &Store, labels: Value, layers: &[&[(&str, &[u8])]]) -> Value {
    let config = json!({ "os": "linux", "architecture": "amd64", "config": { "Labels": labels } });
    let layers: Vec<Value> = layers.iter().map(|files| store.blob(LAYER, &gzip(&tar(files)))).collect();
    json!({ "config": store.blob(CONFIG, config.to_string().as_bytes()), "layers": layers })
}

fn labels() -> Value {
    json!({
        "operators.operatorframework.io.bundle.mediatype.v1": "registry+v1", "operators.operatorframework.io.bundle.manifests.v1": "manifests/",
        "operators.operatorframework.io.bundle.metadata.v1": "metadata/", "operators.operatorframework.io.bundle.package.v1": "etcd",
        "operators.operatorframework.io.bundle.channels.v1": "alpha,stable", "operators.operatorframework.io.bundle.channel.default.v1": "alpha"
    })
}

#[test]
fn a_bundle() {
    let store = Store::default();
    let crd: &[u8] = b"kind: CustomResourceDefinition\n";
    let files: [&[(&str, &[u8])]; 2] = [
        &[("manifests/etcd.clusterserviceversion.yaml", CSV.as_bytes()), ("manifests/crd.yaml", crd)],
        &[("metadata/annotations.yaml", b"annotations: {}\n")],
    ];
    let facts = inspect("olm-bundle", &store, store.manifest(image(&store, labels(), &files)));
    check_faults(&facts, &[]);
    assert_eq!((facts.title.clone(), facts.version.clone()), (Line::some("etcd"), Line::some("0.9.4")));
    assert_eq!(facts.icon, Icon::inline("image/png", "aGVsbG8="));
    assert_eq!(facts.vendor, Line::some("CNCF"));
    let json = detail_json(&facts);
    assert_eq!(json["channels"]["items"], json!(["alpha", "stable"]));
    assert_eq!((&json["csv"], &json["replaces"]), (&json!("etcd.v0.9.4"), &json!("etcd.v0.9.2")));
    assert_eq!(json["install_modes"]["items"], json!(["OwnNamespace"]));
    assert_eq!(json["owned"]["items"][0]["kind"], "EtcdCluster");
    assert_eq!(json["related_images"]["items"][0]["value"], "quay.io/etcd@sha256:1");
    assert_eq!(json["files"]["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_catalogue() {
    let store = Store::default();
    let yaml: &[u8] = b"---\nschema: olm.package\nname: etcd\ndefaultChannel: stable\ndescription: A database\n---\nschema: olm.channel\npackage: etcd\n\
        name: stable\nentries:\n- name: etcd.v1\n- name: etcd.v2\n---\nschema: olm.bundle\nname: etcd.v1\npackage: etcd\n";
    let json: &[u8] = br#"{"schema":"olm.channel","package":"vault","name":"beta","entries":[{}]} {"schema":"olm.package","name":"vault"}"#;
    let files: [&[(&str, &[u8])]; 2] =
        [&[("bin/opm", b"\x7fELF")], &[("configs/etcd/catalog.yaml", yaml), ("configs/vault/catalog.json", json)]];
    let labels = json!({ "operators.operatorframework.io.index.configs.v1": "/configs" });
    let facts = inspect("olm-catalog", &store, store.manifest(image(&store, labels, &files)));
    check_faults(&facts, &[]);
    let json = detail_json(&facts);
    assert_eq!(json["bundles"], 1);
    assert_eq!(json["packages"]["items"][0]["channels"]["items"], json!([{ "name": "stable", "count": 2 }]));
    assert_eq!(json["packages"]["items"][1]["name"], "vault");
}

#[test]
fn hostile() {
    let store = Store::default();
    let evil = format!(
        "kind: ClusterServiceVersion\nmetadata: {{name: {:?}}}\nspec:\n  icon: [{{base64data: \"<svg onload=x>\", mediatype: text/html}}]\n",
        "<b>"
    );
    let labels = json!({ "operators.operatorframework.io.bundle.manifests.v1": "../../**", EVIL: EVIL });
    let files: [&[(&str, &[u8])]; 1] = [&[("manifests/a.yaml", evil.as_bytes()), ("manifests/b.yaml", b"a: [")]];
    let facts = inspect("olm-bundle", &store, store.manifest(image(&store, labels, &files)));
    check_faults(&facts, &["do not say which package", "there is no ClusterServiceVersion"]);
    let facts = inspect("olm-bundle", &store, store.manifest(image(&store, self::labels(), &files)));
    check_faults(&facts, &["b.yaml: it is no YAML"]);
    assert_eq!(facts.icon, None);
    let old = json!({ "operators.operatorframework.io.index.database.v1": "/database/index.db" });
    let facts = inspect("olm-catalog", &store, store.manifest(image(&store, old, &[])));
    check_faults(&facts, &["it is a database"]);
    let many: String = (0..3_000).map(|at| format!("{{\"schema\":\"olm.package\",\"name\":\"p{at}\"}}\n")).collect();
    let broken: [&[(&str, &[u8])]; 1] =
        [&[("configs/a.json", many.as_bytes()), ("configs/b.json", b"{\"schema\":"), ("configs/c.yaml", b"[")]];
    let facts = inspect("olm-catalog", &store, store.manifest(image(&store, json!({}), &broken)));
    check_faults(&facts, &["b.json: it is no JSON", "c.yaml: it is no YAML"]);
    assert_eq!(detail!(facts, OlmCatalog).packages.total(), 2_000);
}
