//! What falcoctl pushes (falcosecurity/falcoctl pkg/oci/types.go and pkg/oci/pusher/pusher.go), and hostile artifacts.

use serde_json::json;
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

const CONFIG: &str = "application/vnd.cncf.falco.rulesfile.config.v1+json";
const LAYER: &str = "application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz";

/// falcosecurity/rules rules/falco_rules.yaml has this form.
const RULES: &[u8] = b"- required_engine_version: 0.26.0\n- list: shells\n  items: [sh, bash]\n- macro: spawned\n  condition: evt.type = execve\n\
    - rule: Shell in container\n  desc: A shell\n  condition: spawned and proc.name in (shells)\n  output: x\n  priority: NOTICE\n  tags: [container, shell]\n\
    - rule: Off\n  desc: Off\n  condition: spawned\n  output: x\n  priority: INFO\n  source: k8s_audit\n  enabled: false\n";

#[test]
fn a_rules_file() {
    let store = Store::default();
    let config = json!({ "name": "falco-rules", "version": "3.1.0",
        "dependencies": [{ "name": "cloudtrail", "version": "0.6", "alternatives": [{ "name": "other", "version": "1" }] }],
        "requirements": [{ "name": "engine_version_semver", "version": "0.31.0" }] });
    let manifest = json!({
        "config": store.blob(CONFIG, config.to_string().as_bytes()),
        "layers": [store.blob(LAYER, &gzip(&tar(&[("falco_rules.yaml", RULES)])))],
        "annotations": { "org.opencontainers.image.source": "https://github.com/falcosecurity/rules" }
    });
    let facts = inspect("falco", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!((facts.title.clone(), facts.version.clone()), (Line::some("falco-rules"), Line::some("3.1.0")));
    let falco = detail!(facts, Falco);
    assert_eq!((falco.form.as_str(), falco.macros, falco.lists), ("rulesfile", 1, 1));
    let json = detail_json(&facts);
    assert_eq!(json["rules"]["items"][0]["tags"]["items"], json!(["container", "shell"]));
    assert_eq!(json["rules"]["items"][1]["source"], "k8s_audit");
    assert_eq!(json["rules"]["items"][1]["disabled"], true);
    assert_eq!(json["dependencies"]["items"][0]["alternatives"]["items"][0]["name"], "other");
}

#[test]
fn a_plugin() {
    let store = Store::default();
    let config = json!({ "name": "cloudtrail", "version": "0.12.0", "requirements": [{ "name": "plugin_api_version", "version": "3.0.0" }] });
    let child = store.manifest(json!({
        "config": store.blob("application/vnd.cncf.falco.plugin.config.v1+json", config.to_string().as_bytes()),
        "layers": [store.blob("application/vnd.cncf.falco.plugin.layer.v1+tar.gz", &gzip(&tar(&[("libcloudtrail.so", b"\x7fELF")])))]
    }));
    let mut amd64 = store.child(&child);
    let mut arm64 = amd64.clone();
    amd64["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    arm64["platform"] = json!({ "os": "linux", "architecture": "arm64" });
    let facts = inspect("falco", &store, store.index(json!({ "manifests": [amd64, arm64] })));
    check_faults(&facts, &[]);
    let falco = detail!(facts, Falco);
    assert_eq!((falco.form.as_str(), falco.name.as_str(), falco.files.len()), ("plugin", "cloudtrail", 1));
    assert_eq!(facts.platforms.len(), 2);
}

#[test]
fn hostile() {
    let store = Store::default();
    let evil = json!({ "name": EVIL, "version": [EVIL], "dependencies": { "a": EVIL }, "requirements": [EVIL, { "name": EVIL }] });
    let rules: String = (0..700).map(|at| format!("- rule: r{at}\n  desc: \"\\u202e<b>\"\n  tags: x\n")).collect();
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n\
        e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n";
    let archive =
        tar(&[("a.yaml", rules.as_bytes()), ("b.yaml", b"- [\n"), ("c.yaml", bomb.as_bytes()), ("d.yaml", b"7")]);
    let manifest = json!({
        "config": store.blob(CONFIG, evil.to_string().as_bytes()), "layers": [store.blob(LAYER, &gzip(&archive))]
    });
    let facts = inspect("falco", &store, store.manifest(manifest));
    check_faults(&facts, &["b.yaml: it is no YAML", "c.yaml: it is no YAML"]);
    assert_eq!(detail!(facts, Falco).rules.total(), 700);
    let gone = store.absent("application/vnd.oci.image.manifest.v1+json", 7);
    let facts = inspect("falco", &store, store.index(json!({ "manifests": [gone] })));
    check_faults(&facts, &["what is for the first platform is not in this repository"]);
    let facts = inspect("falco", &store, store.manifest(json!({ "config": store.blob(CONFIG, b"{}") })));
    check_faults(&facts, &["there is no layer with files in it"]);
}
