//! What is not taken, by what is not taken.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use wharf_model::media::{MediaType, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST};

use super::*;
use crate::source::Fetched;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn made(media_type: &'static str, manifest: &Value) -> Fetched {
    Fetched::new(MediaType::known(media_type), manifest.to_string().into_bytes().into())
}

fn image(config: &str, layers: &[&str], more: Value) -> Fetched {
    let blob = |kind: &str| json!({ "mediaType": kind, "digest": Fetched::new(kind.parse().unwrap(), Default::default()).digest, "size": 0 });
    let layers: Vec<Value> = layers.iter().map(|kind| blob(kind)).collect();
    let mut manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": blob(config), "layers": layers });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    made(OCI_MANIFEST, &manifest)
}

fn index(children: &[(&Fetched, &str)]) -> Fetched {
    let child = |(child, architecture): &(&Fetched, &str)| {
        json!({
            "mediaType": child.media_type, "digest": child.digest, "size": child.bytes.len(),
            "platform": { "os": if *architecture == "unknown" { "unknown" } else { "linux" }, "architecture": architecture },
        })
    };
    let children: Vec<Value> = children.iter().map(child).collect();
    made(OCI_INDEX, &json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children }))
}

/// The needs of all of these, the last of which is the root.
fn needs(all: &[&Fetched]) -> Vec<Need> {
    let no = Some(false);
    let none = Abilities {
        index: no,
        mixed_index: no,
        multi_arch: no,
        empty_layers: no,
        custom_types: no,
        referrers: no,
        ..Abilities::default()
    };
    let forms: Vec<Form> = all.iter().map(|one| Form::of(one).expect("a manifest")).collect();
    obstacles(&none, None, &forms).into_iter().map(|one| one.need).collect()
}

#[test]
fn needs_by_form() {
    let plain = image(CONFIG, &[LAYER], json!({ "annotations": { "n": "1" } }));
    let other = image(CONFIG, &[LAYER], json!({ "annotations": { "n": "2" } }));
    let helm = image("application/vnd.cncf.helm.config.v1+json", &[LAYER], json!({}));
    let attestation = image(CONFIG, &["application/vnd.in-toto+json"], json!({}));
    let empty = image(OCI_EMPTY, &[OCI_EMPTY], json!({ "artifactType": "a/b" }));
    let subject = json!({ "subject": { "mediaType": OCI_MANIFEST, "digest": plain.digest, "size": 1 } });
    let (one, two) = (index(&[(&plain, "amd64")]), index(&[(&plain, "amd64"), (&other, "arm64")]));

    assert_eq!(needs(&[&plain]), []);
    assert_eq!(needs(&[&image(CONFIG, &[], json!({}))]), [Need::EmptyLayers]);
    assert_eq!(needs(&[&helm]), [Need::CustomTypes]);
    assert_eq!(needs(&[&empty]), [], "that it is empty says nothing new");
    assert_eq!(needs(&[&image(CONFIG, &[LAYER], subject)]), [Need::Referrers]);
    assert_eq!(needs(&[&plain, &one]), [Need::Index]);
    assert_eq!(needs(&[&plain, &other, &two]), [Need::Index, Need::MultiArch]);
    let mixed = [Need::Index, Need::MixedIndex];
    assert_eq!(needs(&[&plain, &one, &index(&[(&one, "amd64")])]), [&[Need::Index], &mixed[..]].concat());
    assert_eq!(needs(&[&empty, &index(&[(&empty, "amd64")])]), mixed);
    assert_eq!(needs(&[&helm, &index(&[(&helm, "amd64")])]), [&[Need::CustomTypes], &mixed[..]].concat());
    let attested = index(&[(&plain, "amd64"), (&attestation, "unknown")]);
    assert_eq!(needs(&[&plain, &attestation, &attested]), [Need::CustomTypes, Need::Index]);
}

#[test]
fn what_is_not_known_is_no_obstacle() {
    let (plain, other) = (image(CONFIG, &[LAYER], json!({})), image(CONFIG, &[], json!({})));
    let root = index(&[(&plain, "amd64"), (&other, "arm64")]);
    let forms: Vec<Form> = [&plain, &other, &root].into_iter().filter_map(Form::of).collect();
    let check = |abilities: Abilities, expect: &[Need]| {
        let found: Vec<Need> =
            obstacles(&abilities, Some(&root.digest), &forms).into_iter().map(|one| one.need).collect();
        assert_eq!(found, expect);
    };
    check(Abilities::default(), &[]);
    check(Abilities { index: Some(true), multi_arch: Some(false), ..Abilities::default() }, &[Need::MultiArch]);
    check(Abilities { empty_layers: Some(false), ..Abilities::default() }, &[Need::EmptyLayers]);
    check(Abilities { untagged_push: Some(false), referrers: Some(false), ..Abilities::default() }, &[]);
}

#[test]
fn what_refers_to_it_is_told_apart() {
    let plain = image(CONFIG, &[LAYER], json!({}));
    let root = index(&[(&plain, "amd64")]);
    let subject = json!({ "subject": { "mediaType": OCI_INDEX, "digest": root.digest, "size": 1 } });
    let sbom = image(CONFIG, &["application/spdx+json"], subject);
    let forms: Vec<Form> = [&plain, &root, &sbom].into_iter().filter_map(Form::of).collect();
    let limited = Abilities { index: Some(false), custom_types: Some(false), ..Abilities::default() };
    let found = obstacles(&limited, Some(&root.digest), &forms);
    let told: Vec<(Option<Digest>, bool)> = found.iter().map(|one| (one.manifest, one.is_root)).collect();
    assert_eq!(told, [(Some(root.digest), true), (Some(sbom.digest), false)]);
    let unfit = Unfit { place: "r.io/a".to_owned(), obstacles: found };
    let text = unfit.to_string();
    assert!(text.starts_with("r.io/a does not take this, and nothing was sent: sha256:"), "{text}");
    assert!(
        text.contains("is an index; ") && text.ends_with("the type application/spdx+json, which images do not have")
    );
}

#[test]
fn of_what_is_still_to_be_made() {
    let form = Form::made(&MediaType::known(OCI_EMPTY), &["text/plain".parse().unwrap()], false);
    let limited = Abilities { custom_types: Some(false), ..Abilities::default() };
    assert_eq!(
        obstacles(&limited, None, &[form])[0].to_string(),
        "it has content of the type text/plain, which images do not have"
    );
}
