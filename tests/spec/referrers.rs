//! end-12: what is attached to a manifest.

use serde_json::{Value, json};
use wharf_model::media::{OCI_INDEX, OCI_MANIFEST};
use wharf_testkit::fixture::{Artifact, descriptor, digest};
use wharf_testkit::http::Client;

use super::server;

fn notes(index: &Value) -> Vec<String> {
    let note = |entry: &Value| entry["annotations"]["note"].as_str().unwrap_or("-").to_owned();
    let mut notes: Vec<_> = index["manifests"].as_array().unwrap().iter().map(note).collect();
    notes.sort();
    notes
}

fn list(client: &Client, subject: &Artifact, query: &str) -> Value {
    let answer = client.get(&format!("/v2/acme/app/referrers/{}{query}", subject.digest())).expect(200);
    assert_eq!(answer.required("content-type"), OCI_INDEX);
    answer.json()
}

/// spec: Listing referrers: an index of what is attached, with type, size, artifact type and annotations
#[test]
fn listed() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    assert_eq!(list(&client, &image, "")["manifests"], json!([]));
    let sbom = Artifact::attached(&image, "application/spdx+json", "one");
    sbom.push(&client, "acme/app", &sbom.digest().to_string());
    let index = list(&client, &image, "");
    assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&json!(2), &json!(OCI_INDEX)));
    let entry = &index["manifests"][0];
    assert_eq!(entry["digest"], sbom.digest().to_string());
    assert_eq!(entry["size"], sbom.manifest.len());
    assert_eq!(entry["artifactType"], "application/spdx+json");
    assert_eq!(entry["annotations"]["note"], "one");
}

/// spec: Listing referrers: an image without artifactType has its config's media type for one, an index has none
#[test]
fn artifact_types() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    let subject = descriptor(&image.media_type, &image.manifest);
    let config = b"{\"a\":1}".to_vec();
    let attached = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.example.config+json", &config),
        "layers": [],
        "subject": subject,
        "annotations": { "note": "image" },
    });
    Artifact::of(OCI_MANIFEST, &attached, vec![config]).push(&client, "acme/app", "image");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [],
        "subject": subject,
        "annotations": { "note": "index" },
    });
    Artifact::of(OCI_INDEX, &index, Vec::new()).push(&client, "acme/app", "index");
    let listed = list(&client, &image, "");
    let entry = |note: &str| {
        let entries = listed["manifests"].as_array().unwrap();
        entries.iter().find(|entry| entry["annotations"]["note"] == note).unwrap()
    };
    assert_eq!(entry("image")["artifactType"], "application/vnd.example.config+json");
    assert!(entry("index").get("artifactType").is_none(), "{listed}");
    assert_eq!(notes(&list(&client, &image, "?artifactType=application/vnd.example.config%2Bjson")), ["image"]);
}

/// spec: Pushing manifests with subject: OCI-Subject is answered, and the subject may come later or never
#[test]
fn subject_later() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    let sbom = Artifact::attached(&image, "a/b", "early");
    wharf_testkit::fixture::push_blob(&client, "acme/app", b"{}");
    let put = client.put("/v2/acme/app/manifests/sbom", &sbom.media_type, sbom.manifest.clone()).expect(201);
    assert_eq!(put.required("oci-subject"), image.digest().to_string());
    assert_eq!(notes(&list(&client, &image, "")), ["early"]);
    image.push(&client, "acme/app", "v1");
    assert_eq!(notes(&list(&client, &image, "")), ["early"]);
}

/// spec: Listing referrers: artifactType filters, and OCI-Filters-Applied says so
#[test]
fn filtered() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    for (kind, note) in [("a/one", "1"), ("a/two", "2"), ("a/two", "3")] {
        let artifact = Artifact::attached(&image, kind, note);
        artifact.push(&client, "acme/app", &artifact.digest().to_string());
    }
    let target = format!("/v2/acme/app/referrers/{}?artifactType=a%2Ftwo", image.digest());
    let answer = client.get(&target).expect(200);
    assert_eq!(answer.required("oci-filters-applied"), "artifactType");
    assert_eq!(notes(&answer.json()), ["2", "3"]);
    assert_eq!(notes(&list(&client, &image, "?artifactType=a/none")), Vec::<String>::new());
}

/// spec: Listing referrers: pages are linked
#[test]
fn paged() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    for note in 0..25 {
        let artifact = Artifact::attached(&image, "a/b", &format!("{note:02}"));
        artifact.push(&client, "acme/app", &artifact.digest().to_string());
    }
    let mut target = format!("/v2/acme/app/referrers/{}?n=10", image.digest());
    let mut found = Vec::new();
    let mut pages = 0;
    loop {
        let answer = client.get(&target).expect(200);
        found.extend(notes(&answer.json()));
        pages += 1;
        let Some(link) = answer.header("link") else { break };
        target = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    found.sort();
    assert_eq!((pages, found.len()), (3, 25));
    assert_eq!(found, (0..25).map(|note| format!("{note:02}")).collect::<Vec<_>>());
}

/// spec: Listing referrers: a list that is larger than a page is linked unasked, and stays filtered
#[test]
fn large_lists() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    let long = "x".repeat(1 << 20);
    for at in 0..8 {
        let kind = ["a/one", "a/two"][at % 2];
        let artifact = Artifact::attached(&image, kind, &format!("{at}{long}"));
        artifact.push(&client, "acme/app", &artifact.digest().to_string());
    }
    let mut target = format!("/v2/acme/app/referrers/{}?artifactType=a%2Ftwo", image.digest());
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let answer = client.get(&target).expect(200);
        assert_eq!(answer.required("oci-filters-applied"), "artifactType");
        assert!(answer.body.len() < 4 << 20, "{}", answer.body.len());
        found.extend(notes(&answer.json()).iter().map(|note| note[..1].to_owned()));
        pages += 1;
        let Some(link) = answer.header("link") else { break };
        target = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    found.sort();
    assert_eq!(found, ["1", "3", "5", "7"]);
    assert!(pages > 1);
}

/// spec: Unavailable Referrers API: fallback tags that old clients push are merged into the list
#[test]
fn fallback_tags() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    let native = Artifact::attached(&image, "a/native", "native");
    native.push(&client, "acme/app", &native.digest().to_string());
    // What an old client attaches: a manifest without a subject that counts, named in an index under the fallback tag.
    let old = Artifact::small(7);
    old.push(&client, "acme/app", &old.digest().to_string());
    let mut entry = descriptor(&old.media_type, &old.manifest);
    entry["annotations"] = json!({ "note": "old" });
    let gone = descriptor(&old.media_type, b"not here");
    let twice = descriptor(&native.media_type, &native.manifest);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry, gone, twice] });
    let tag = image.digest().to_string().replace(':', "-");
    Artifact::of(OCI_INDEX, &index, Vec::new()).push(&client, "acme/app", &tag);
    assert_eq!(notes(&list(&client, &image, "")), ["native", "old"]);
    assert_eq!(notes(&list(&client, &image, "?artifactType=a/native")), ["native"]);
    let first = client.get(&format!("/v2/acme/app/referrers/{}?n=1", image.digest())).expect(200);
    let next = first.required("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    assert_eq!(notes(&client.get(&next).expect(200).json()), ["old"]);
}

/// spec: Listing referrers: a subject that is not there has none, a digest that is not one is 400
#[test]
fn unknown_subject() {
    let server = server();
    let client = server.admin();
    let answer = client.get(&format!("/v2/acme/app/referrers/{}", digest(b"none"))).expect(200);
    assert_eq!(answer.json()["manifests"], json!([]));
    client.get("/v2/acme/app/referrers/sha256:12").expect_error(400, "DIGEST_INVALID");
    client.get("/v2/acme/app/referrers/latest").expect_error(400, "DIGEST_INVALID");
}
