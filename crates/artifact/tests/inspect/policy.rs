//! Policies of conftest (open-policy-agent/conftest internal/commands/push.go) and OPA's bundles (open-policy-agent/opa
//! docs/management- bundles), and hostile ones.

use serde_json::json;
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

const REGO: &str = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego";
const DATA: &str = "application/vnd.cncf.openpolicyagent.data.layer.v1+json";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

const DENY: &str = "# METADATA\n# title: Limits\n# description: Every container has limits.\n# custom:\n#   severity: HIGH\n\
    package kubernetes.limits\n\nimport rego.v1\n\n# helpers\ndefault allow := false\n\nallow if {\n\tcount(deny) == 0\n}\n\n\
    deny contains msg if {\n\tinput.kind == \"Pod\"\n\tmsg := \"no\"\n}\n";

#[test]
fn of_conftest() {
    let store = Store::default();
    let titled = |name: &str| json!({ "org.opencontainers.image.title": name });
    let layers = json!([
        store.annotated(REGO, DENY.as_bytes(), titled("policy/limits.rego")),
        store.annotated(REGO, b"package a_test\ntest_it if { true }\n", titled("policy/limits_test.rego")),
        store.annotated(DATA, b"{}", titled("data/x.json")),
    ]);
    let facts = inspect("policy-bundle", &store, store.manifest(json!({ "layers": layers })));
    check_faults(&facts, &[]);
    assert_eq!(facts.title, Line::some("Limits"));
    assert_eq!(facts.description.as_ref().map(|text| text.as_str()), Some("Every container has limits."));
    let json = detail_json(&facts);
    assert_eq!(json["modules"]["items"][0]["package"], "kubernetes.limits");
    assert_eq!(json["modules"]["items"][0]["rules"]["items"], json!(["allow", "deny"]));
    assert_eq!(json["modules"]["items"][1]["test"], true);
    assert_eq!(json["data"]["items"], json!([{ "path": "data/x.json", "size": 2 }]));
}

#[test]
fn of_opa() {
    let store = Store::default();
    let bundle = gzip(&tar(&[
        ("/.manifest", br#"{"revision":"7ed1","roots":["a","b/c"],"rego_version":1}"#),
        ("/a/policy.rego", DENY.as_bytes()),
        ("/b/c/data.json", b"{}"),
        ("/policy.wasm", b"\0asm"),
        ("/.signatures.json", b"{}"),
    ]));
    let facts = inspect("policy-bundle", &store, store.manifest(json!({ "layers": [store.blob(TAR, &bundle)] })));
    check_faults(&facts, &[]);
    let bundle = detail!(facts, PolicyBundle);
    assert_eq!((bundle.revision.clone(), bundle.rego_version), (Line::some("7ed1"), Some(1)));
    assert!(bundle.signed);
    assert_eq!((bundle.roots.len(), bundle.modules.len(), bundle.data.len(), bundle.wasm.len()), (2, 1, 1, 1));
    assert_eq!(bundle.modules[0].path.as_str(), "a/policy.rego");
}

#[test]
fn hostile() {
    let store = Store::default();
    let rules: String = (0..2_000).map(|at| format!("rule{at} if {{ true }}\n")).collect();
    let evil = format!("# METADATA\n# title: &a [{EVIL}\n# - *a\npackage {EVIL}\n{rules}");
    let layers = json!([store.blob(REGO, evil.as_bytes()), store.blob(REGO, b"\xff\xfe"), store.blob(REGO, b"")]);
    let facts = inspect("policy-bundle", &store, store.manifest(json!({ "layers": layers })));
    check_faults(&facts, &[]);
    let bundle = detail!(facts, PolicyBundle);
    assert_eq!((bundle.modules.len(), bundle.modules[0].rules.len()), (3, 500));
    let bundle = gzip(&tar(&[("../x.rego", b"package x"), (".manifest", b"{"), ("README", b"")]));
    let facts = inspect("policy-bundle", &store, store.manifest(json!({ "layers": [store.blob(TAR, &bundle)] })));
    check_faults(
        &facts,
        &["1 of its files have names that lead out", "it is no JSON", "there is neither a policy nor data"],
    );
    let facts = inspect("policy-bundle", &store, store.manifest(json!({})));
    check_faults(&facts, &["there is neither a policy nor data"]);
}
