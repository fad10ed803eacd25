//! Bottles as Homebrew pushes them with skopeo (Homebrew/brew Library/Homebrew/github_packages.rb), and hostile ones.

use serde_json::{Value, json};
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

fn annotations() -> Value {
    json!({
        "com.github.package.type": "homebrew_bottle", "org.opencontainers.image.created": "2024-05-06",
        "org.opencontainers.image.description": "Internet file retriever", "org.opencontainers.image.license": "GPL-3.0-or-later",
        "org.opencontainers.image.ref.name": "1.24.5", "org.opencontainers.image.title": "wget", "org.opencontainers.image.version": "1.24.5",
        "org.opencontainers.image.url": "https://www.gnu.org/software/wget/", "org.opencontainers.image.vendor": "homebrew",
        "org.opencontainers.image.documentation": "https://formulae.brew.sh/formula/wget"
    })
}

fn bottle(store: &Store, tag: &str, os: &str, architecture: &str) -> Value {
    let mut child = store.absent("application/vnd.oci.image.manifest.v1+json", tag.len() as u64);
    child["platform"] = json!({ "os": os, "architecture": architecture, "os.version": "macOS 14" });
    let tab = json!({ "homebrew_version": "4.2", "arch": "arm64",
        "runtime_dependencies": [{ "full_name": "openssl@3", "version": "3.3.0" }, { "full_name": "libidn2", "version": "2.3.7" }] });
    child["annotations"] = json!({
        "org.opencontainers.image.ref.name": format!("1.24.5.{tag}"), "sh.brew.bottle.digest": "ab".repeat(32),
        "sh.brew.bottle.size": "1572864", "sh.brew.bottle.installed_size": "4718592", "sh.brew.tab": tab.to_string(),
        "sh.brew.path_exec_files": "bin/wget"
    });
    child
}

#[test]
fn a_version_of_a_formula() {
    let store = Store::default();
    let children =
        [bottle(&store, "arm64_sonoma", "darwin", "arm64"), bottle(&store, "x86_64_linux", "linux", "amd64")];
    let facts =
        inspect("homebrew", &store, store.index(json!({ "manifests": children, "annotations": annotations() })));
    check_faults(&facts, &[]);
    assert_eq!((facts.title.clone(), facts.vendor.clone()), (Line::some("wget"), Line::some("homebrew")));
    assert_eq!(facts.licenses.first(), Some(&Line::new("GPL-3.0-or-later")));
    assert_eq!(facts.platforms.iter().map(Line::as_str).collect::<Vec<_>>(), ["darwin/arm64", "linux/amd64"]);
    let json = detail_json(&facts);
    assert_eq!(json["bottles"]["items"][0]["tag"], "arm64_sonoma");
    assert_eq!(json["bottles"]["items"][1]["size"], 1_572_864);
    assert_eq!(json["bottles"]["items"][1]["digest"], format!("sha256:{}", "ab".repeat(32)));
    assert_eq!(json["dependencies"]["items"], json!(["openssl@3 3.3.0", "libidn2 2.3.7"]));
    assert_eq!(json["bottles"]["items"][0]["commands"]["items"], json!(["bin/wget"]));
}

/// One of its children: a manifest with all annotations together.
#[test]
fn a_bottle_by_itself() {
    let store = Store::default();
    let mut annotations = annotations();
    annotations["org.opencontainers.image.title"] = json!("wget 1.24.5.arm64_sonoma");
    annotations["org.opencontainers.image.ref.name"] = json!("1.24.5.arm64_sonoma");
    annotations["sh.brew.tab"] = json!("{\"runtime_dependencies\":null}");
    let layer = store.blob("application/vnd.oci.image.layer.v1.tar+gzip", b"x");
    let facts = inspect("homebrew", &store, store.manifest(json!({ "layers": [layer], "annotations": annotations })));
    check_faults(&facts, &[]);
    let homebrew = detail!(facts, Homebrew);
    assert_eq!((homebrew.formula.as_str(), homebrew.bottles[0].tag.as_str()), ("wget", "arm64_sonoma"));
}

#[test]
fn hostile() {
    let store = Store::default();
    let mut children = Vec::new();
    for at in 0..1_500_u64 {
        let mut child = store.absent("application/vnd.oci.image.manifest.v1+json", at);
        child["annotations"] = json!({ "org.opencontainers.image.ref.name": EVIL, "sh.brew.bottle.size": "-1",
            "sh.brew.bottle.digest": EVIL, "sh.brew.tab": "{" });
        children.push(child);
    }
    let annotations = json!({ "org.opencontainers.image.title": EVIL, "org.opencontainers.image.url": "javascript:x" });
    let facts = inspect("homebrew", &store, store.index(json!({ "manifests": children, "annotations": annotations })));
    assert_eq!(facts.faults.total(), 1_500);
    assert_eq!(facts.home, None);
    assert_eq!(detail!(facts, Homebrew).bottles.total(), 1_500);
}
