//! Bundles of CNAB, written and read: the canonical form, the index, what older tools write.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use wharf_model::digest::Algorithm;

use super::*;

const TEXT: &str = r#"{
  "schemaVersion": "v1.0.0", "name": "shop", "version": "1.0", "description": "A shop", "keywords": ["a", "b"],
  "maintainers": [{"name": "Kim"}],
  "invocationImages": [{"imageType": "docker", "image": "r.example.com/shop-cnab:1.0"}],
  "images": {
    "web": {"imageType": "docker", "image": "nginx:1", "description": "web"},
    "db": {"imageType": "docker", "image": "r.example.com/db:1", "size": 7}
  },
  "custom": {"io.example": {"z": 1.0, "a": null}}
}"#;

fn found(content: &[u8]) -> Descriptor {
    Descriptor::new(MediaType::known(OCI_MANIFEST), Digest::of(Algorithm::Sha256, content), 7)
}

fn component(name: &str) -> Role {
    Role::Component(name.to_owned())
}

#[test]
fn images_are_named() {
    let bundle = Bundle::parse(TEXT.as_bytes()).expect("a bundle");
    let images = bundle.images().expect("images");
    let named: Vec<_> = images.iter().map(|image| (image.role.clone(), &*image.reference)).collect();
    assert_eq!(
        named,
        [
            (Role::Invocation, "r.example.com/shop-cnab:1.0"),
            (component("db"), "r.example.com/db:1"),
            (component("web"), "nginx:1"),
        ]
    );
    assert_eq!(bundle.name(), ("shop", "1.0"));
    let text = String::from_utf8(bundle.canonical()).expect("text");
    assert!(
        text.starts_with(r#"{"custom":{"io.example":{"a":null,"z":1}},"description":"A shop","images":{"db":{"#),
        "{text}"
    );
}

#[test]
fn what_is_not_stated_is_written() {
    let mut bundle = Bundle::parse(TEXT.as_bytes()).expect("a bundle");
    let db = found(b"db");
    assert!(bundle.settle(&component("db"), &db, false).expect("settled"));
    assert!(!bundle.settle(&component("db"), &db, false).expect("settled"), "once");
    assert_eq!(bundle.images().expect("images")[1].digest, Some(db.digest));
    let other = found(b"other");
    let error = bundle.settle(&component("db"), &other, false).expect_err("it differs").to_string();
    assert!(error.contains("r.example.com/db:1") && error.contains(&other.digest.to_string()), "{error}");
    assert!(bundle.settle(&component("db"), &other, true).expect("settled"));
    assert!(bundle.settle(&component("none"), &db, true).is_err());
}

#[test]
fn an_index_there_and_back() {
    let bundle = Bundle::parse(TEXT.as_bytes()).expect("a bundle");
    let images =
        [(component("web"), found(b"web")), (Role::Invocation, found(b"run")), (component("db"), found(b"db"))];
    for form in FORMS {
        let made = form.config(&bundle).expect("a manifest");
        assert_eq!(made.config.bytes, bundle.canonical());
        let index = form.index(&bundle, &made.manifest, &images).expect("an index");
        let config = Manifest::parse(&made.manifest.bytes, Some(&made.manifest.media_type)).expect("a manifest");
        assert_eq!(config.config, Some(made.config.descriptor()));
        let manifest = Manifest::parse(&index.bytes, Some(&index.media_type)).expect("an index");
        let read = Index::of(&manifest).expect("of the form").expect("a bundle");
        assert_eq!(read.config.digest, made.manifest.digest);
        assert_eq!(read.images[&component("db")], found(b"db").digest);
        let map = read.relocation(&bundle, "r.internal", &"acme/shop".parse().expect("a name")).expect("a map");
        assert_eq!(map["nginx:1"], format!("r.internal/acme/shop@{}", found(b"web").digest));
        assert_eq!(map.len(), 3);
    }
    let made = Form::Cnab.config(&bundle).expect("a manifest");
    let index = Form::Cnab.index(&bundle, &made.manifest, &images).expect("an index");
    let value: Value = serde_json::from_slice(&index.bytes).expect("JSON");
    assert_eq!(value["manifests"][0]["annotations"][KIND], "config");
    assert_eq!(value["manifests"][1]["annotations"][KIND], "invocation");
    assert_eq!(value["manifests"][2]["annotations"][COMPONENT], "db");
    assert_eq!(value["annotations"]["io.cnab.keywords"], r#"["a","b"]"#);
    assert_eq!(value["annotations"]["org.opencontainers.image.authors"], r#"[{"name":"Kim"}]"#);
    assert_eq!(value["annotations"]["io.cnab.runtime_version"], "v1.0.0");
    // One that lacks an image.
    let index = Form::Cnab.index(&bundle, &made.manifest, &images[1..]).expect("an index");
    let manifest = Manifest::parse(&index.bytes, None).expect("an index");
    let read = Index::of(&manifest).expect("of the form").expect("a bundle");
    let error = read.relocation(&bundle, "r", &"a".parse().expect("a name")).expect_err("one is missing").to_string();
    assert!(error.contains("nginx:1"), "{error}");
}

#[test]
fn what_is_no_bundle() {
    let wrong = |text: &str, expect: &str| {
        let error = Bundle::parse(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(expect), "{error}");
    };
    wrong("", "JSON");
    wrong("[]", "JSON");
    wrong("{}", "0 invocation images");
    wrong(r#"{"invocationImages":{}}"#, "no list");
    wrong(r#"{"invocationImages":[1]}"#, "no object");
    wrong(r#"{"invocationImages":[{}]}"#, "no reference");
    wrong(r#"{"invocationImages":[{"image":"a"},{"image":"b"}]}"#, "2 invocation images");
    wrong(r#"{"invocationImages":[{"image":"a"}],"images":[]}"#, "no object");
    wrong(r#"{"invocationImages":[{"image":"a","contentDigest":"x"}]}"#, "contentDigest");
    wrong(&format!("{}{}", "[".repeat(1000), "]".repeat(1000)), "JSON");
    wrong(&" ".repeat(CNAB_BYTES_MAX + 1), "bytes");
    let index = |annotations: &str, children: &str| {
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{children}],"annotations":{annotations}}}"#);
        Index::of(&Manifest::parse(text.as_bytes(), None).expect("an index"))
    };
    assert_eq!(index("{}", "").expect("no bundle"), None);
    let said = format!(r#"{{"{ARTIFACT_TYPE}":"{MANIFEST}"}}"#);
    assert!(index(&said, "").is_err(), "no config");
    let child = format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{}","size":1}}"#, found(b"a").digest);
    assert!(index(&said, &child).is_err(), "a child that says nothing");
}
