//! What `spoc push` makes (kubernetes-sigs/security-profiles-operator internal/pkg/artifact), and hostile profiles.

use serde_json::{Value, json};
use wharf_model::api::facts::{Facts, Line};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

const SECCOMP: &[u8] = b"apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata: {name: nginx}\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n\
    \x20 architectures: [SCMP_ARCH_X86_64]\n  syscalls:\n  - action: SCMP_ACT_ALLOW\n    names: [read, write]\n  - action: SCMP_ACT_ALLOW\n    names: [open]\n  - action: SCMP_ACT_LOG\n    names: [ptrace]\n";

fn layer(store: &Store, name: &str, bytes: &[u8]) -> Value {
    store.annotated("application/vnd.oci.image.layer.v1.tar", bytes, json!({ "org.opencontainers.image.title": name }))
}

fn of(layers: Value, store: &Store) -> Facts {
    inspect("security-profile", store, store.manifest(json!({ "layers": layers })))
}

#[test]
fn for_two_platforms() {
    let store = Store::default();
    let arm: &[u8] =
        b"kind: SeccompProfile\nmetadata: {name: nginx-arm}\n---\nkind: SeccompProfile\nmetadata: {name: log}\n";
    let layers =
        json!([layer(&store, "profile-linux-amd64.yaml", SECCOMP), layer(&store, "profile-linux-arm64-v8.yaml", arm)]);
    let facts = of(layers, &store);
    check_faults(&facts, &[]);
    assert_eq!(facts.title, Line::some("nginx"));
    assert_eq!(facts.platforms.iter().map(Line::as_str).collect::<Vec<_>>(), ["linux/amd64", "linux/arm64/v8"]);
    let profile = &detail_json(&facts)["profiles"]["items"][0];
    assert_eq!(
        profile["syscalls"]["items"],
        json!([{ "name": "SCMP_ACT_ALLOW", "count": 3 }, { "name": "SCMP_ACT_LOG", "count": 1 }])
    );
    assert_eq!(profile["default_action"], "SCMP_ACT_ERRNO");
}

#[test]
fn for_any_platform() {
    let store = Store::default();
    let selinux: &[u8] = b"apiVersion: security-profiles-operator.x-k8s.io/v1alpha2\nkind: SelinuxProfile\nmetadata: {name: log}\nspec: {allow: {}}\n";
    let facts = of(json!([layer(&store, "profile.yaml", selinux)]), &store);
    check_faults(&facts, &[]);
    assert_eq!(detail!(facts, SecurityProfile).profiles[0].kind.as_str(), "SelinuxProfile");
    assert!(facts.platforms.is_empty());
}

#[test]
fn hostile() {
    let store = Store::default();
    let evil: &[u8] = b"kind: \"<b>\"\nspec: {syscalls: [{action: [x], names: y}, 7], architectures: {}}\n";
    let layers =
        json!([layer(&store, EVIL, evil), layer(&store, "profile-", b"a: ["), layer(&store, "profile--.yaml", b"7")]);
    let facts = of(layers, &store);
    check_faults(&facts, &["it is no YAML", "there is no profile in it", "there is no profile in it"]);
    assert_eq!(detail!(facts, SecurityProfile).profiles.len(), 1);
    check_faults(&of(json!([]), &store), &["there is no layer with a profile in it"]);
}
