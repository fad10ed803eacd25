//! What `kyverno oci push` makes (kyverno/kyverno cmd/cli/kubectl-kyverno/commands/oci/push), and hostile policies.

use serde_json::json;
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

const LAYER: &str = "application/vnd.cncf.kyverno.policy.layer.v1+yaml";
const CONFIG: &str = "application/vnd.cncf.kyverno.config.v1+json";

const POLICY: &[u8] = b"apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: require-labels\n  annotations:\n    policies.kyverno.io/title: Require Labels\n\
    \x20   policies.kyverno.io/category: Best Practices\n    policies.kyverno.io/severity: medium\n    policies.kyverno.io/description: >-\n      Labels\n      help.\n\
    spec:\n  validationFailureAction: Audit\n  rules:\n  - name: check\n    validate: {message: no}\n";

fn of(layers: &[&[u8]], store: &Store) -> wharf_model::api::facts::Facts {
    let layers: Vec<_> = layers.iter().map(|bytes| store.blob(LAYER, bytes)).collect();
    inspect("kyverno", store, store.manifest(json!({ "config": store.blob(CONFIG, b"{}"), "layers": layers })))
}

#[test]
fn a_policy() {
    let facts = of(&[POLICY], &Store::default());
    check_faults(&facts, &[]);
    assert_eq!(facts.title, Line::some("Require Labels"));
    let expect = json!({ "kind": "ClusterPolicy", "name": "require-labels", "title": "Require Labels", "category": "Best Practices",
        "severity": "medium", "description": "Labels help.", "action": "Audit", "rules": { "items": ["check"] } });
    assert_eq!(detail_json(&facts)["policies"]["items"][0], expect);
}

/// A layer for each, of the newer kinds, too.
#[test]
fn several_policies() {
    let newer: &[u8] = b"apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: a}\nspec: {validationActions: [Deny]}\n";
    let in_rule: &[u8] =
        b"kind: Policy\nmetadata: {name: b}\nspec: {rules: [{name: r, validate: {failureAction: Enforce}}]}\n";
    let facts = of(&[newer, in_rule], &Store::default());
    check_faults(&facts, &[]);
    let policies = &detail!(facts, Kyverno).policies;
    let actions: Vec<_> = policies.iter().map(|policy| policy.action.as_ref().map(Line::as_str)).collect();
    assert_eq!(actions, [Some("Deny"), Some("Enforce")]);
}

#[test]
fn hostile() {
    let store = Store::default();
    let evil = format!(
        "kind: \"{}\"\nmetadata: {{name: [x], annotations: [y]}}\nspec: {{rules: {{}}}}\n",
        EVIL.replace(['"', '\0', '\u{1b}', '\r', '\n'], "")
    );
    let facts = of(&[evil.as_bytes(), b"a: [", b"\xff", b"", b"7"], &store);
    check_faults(
        &facts,
        &["it is no YAML", "there is no policy", "it is not UTF-8", "there is no policy", "there is no policy"],
    );
    assert_eq!(detail!(facts, Kyverno).policies.len(), 1);
    check_faults(&of(&[], &store), &["there is no layer with a policy in it"]);
}
