//! end-3, end-7: manifests are pulled and pushed.

use serde_json::json;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::{DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST};
use wharf_testkit::fixture::{Artifact, descriptor, digest, noise, push_blob};

use super::{server, setup};

/// spec: Pulling manifests: by tag and by digest, GET and HEAD, the exact bytes with type, digest and length
#[test]
fn get_and_head() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    for reference in ["v1".to_owned(), image.digest().to_string()] {
        let target = format!("/v2/acme/app/manifests/{reference}");
        let got = client.get(&target).expect(200);
        assert_eq!(got.body, image.manifest);
        for answer in [got, client.head(&target).expect(200)] {
            assert_eq!(answer.required("content-type"), OCI_MANIFEST);
            assert_eq!(answer.required("docker-content-digest"), image.digest().to_string());
            assert_eq!(answer.required("content-length"), image.manifest.len().to_string());
        }
        let known = client.request("GET", &target).header("If-None-Match", format!("\"{}\"", image.digest())).send();
        assert!(known.expect(304).body.is_empty());
        client.request("HEAD", &target).header("If-Match", "\"other\"").send().expect(412);
    }
}

/// spec: Pulling manifests: what is not there is 404 MANIFEST_UNKNOWN
#[test]
fn not_there() {
    let server = server();
    let client = server.admin();
    Artifact::small(1).push(&client, "acme/app", "v1");
    client.get("/v2/acme/app/manifests/v2").expect_error(404, "MANIFEST_UNKNOWN");
    client.get(&format!("/v2/acme/app/manifests/{}", digest(b"x"))).expect_error(404, "MANIFEST_UNKNOWN");
    client.get("/v2/acme/none/manifests/v1").expect_error(404, "NAME_UNKNOWN");
}

/// spec: Pushing manifests: by tag, by digest without a tag, again, and a tag that moves
#[test]
fn put() {
    let server = server();
    let client = server.admin();
    let (one, two) = (Artifact::small(1), Artifact::small(2));
    one.push(&client, "acme/app", "latest");
    two.push(&client, "acme/app", &two.digest().to_string());
    let latest = || client.head("/v2/acme/app/manifests/latest").required("docker-content-digest").to_owned();
    assert_eq!(latest(), one.digest().to_string());
    two.push_manifest(&client, "acme/app", "latest");
    assert_eq!(latest(), two.digest().to_string());
    two.push_manifest(&client, "acme/app", "latest");
    let put = client.put("/v2/acme/app/manifests/latest", OCI_MANIFEST, one.manifest.clone()).expect(201);
    assert_eq!(put.required("location"), format!("/v2/acme/app/manifests/{}", one.digest()));
    assert_eq!(put.required("docker-content-digest"), one.digest().to_string());
    assert_eq!(latest(), one.digest().to_string());
}

/// spec: Pushing manifests: If-Match and If-None-Match say what the tag must point to, or it is 412 and nothing is pushed
#[test]
fn conditional() {
    let server = server();
    let client = server.admin();
    let [one, two, three] = [1, 2, 3].map(Artifact::small);
    for blob in [&one, &two, &three].into_iter().flat_map(|image| &image.blobs) {
        push_blob(&client, "acme/app", blob);
    }
    let put = |image: &Artifact, name: &str, value: &str| {
        let request = client.request("PUT", "/v2/acme/app/manifests/v1").header("Content-Type", &image.media_type);
        request.header(name, value).body(image.manifest.clone()).send()
    };
    let tag = |image: &Artifact| format!("\"{}\"", image.digest());
    put(&one, "If-Match", "*").expect(412);
    put(&one, "If-None-Match", "*").expect(201);
    let refused = put(&two, "If-None-Match", "*").expect(412);
    assert_eq!(refused.json()["errors"][0]["detail"], json!({ "tag": "v1", "digest": one.digest() }));
    client.head(&format!("/v2/acme/app/manifests/{}", two.digest())).expect(404);
    put(&two, "If-Match", &tag(&three)).expect(412);
    put(&two, "If-Match", &format!("W/{}", tag(&one))).expect(412);
    put(&two, "If-Match", &format!("{}, {}", tag(&three), tag(&one))).expect(201);
    put(&three, "If-None-Match", &tag(&two)).expect(412);
    put(&two, "If-Match", &tag(&one)).expect(412);
    put(&three, "If-None-Match", &tag(&one)).expect(201);
    let pointed = client.head("/v2/acme/app/manifests/v1").expect(200);
    assert_eq!(pointed.required("etag"), tag(&three));
}

/// spec: Pushing manifests: by sha512
#[test]
fn sha512() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    let digest = Digest::of(Algorithm::Sha512, &image.manifest);
    image.push(&client, "acme/app", &digest.to_string());
    let got = client.get(&format!("/v2/acme/app/manifests/{digest}")).expect(200);
    assert_eq!(got.required("docker-content-digest"), digest.to_string());
}

/// spec: Pushing manifests: several tag parameters with a push by digest, all or none
#[test]
fn several_tags() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    for blob in &image.blobs {
        push_blob(&client, "acme/app", blob);
    }
    let target = format!("/v2/acme/app/manifests/{}", image.digest());
    let put = client.put(&format!("{target}?tag=1&tag=1.2&tag=1.2.3&tag=latest"), OCI_MANIFEST, image.manifest.clone());
    let put = put.expect(201);
    let made: Vec<_> = put.all("oci-tag").flat_map(|tags| tags.split(", ")).collect();
    assert_eq!(made, ["1", "1.2", "1.2.3", "latest"]);
    for tag in made {
        client.head(&format!("/v2/acme/app/manifests/{tag}")).expect(200);
    }
    let bad = client.put(&format!("{target}?tag=good&tag=-bad"), OCI_MANIFEST, image.manifest.clone());
    bad.expect_error(400, "MANIFEST_INVALID");
    client.head("/v2/acme/app/manifests/good").expect(404);
    let many: String = (0..101).map(|at| format!("&tag=t{at}")).collect();
    client.put(&format!("{target}?{many}"), OCI_MANIFEST, image.manifest.clone()).expect(414);
    let by_tag = client.put("/v2/acme/app/manifests/x?tag=y", OCI_MANIFEST, image.manifest);
    by_tag.expect_error(400, "UNSUPPORTED");
}

/// spec: Pushing manifests: any media type, Docker's as they come, and none at all
#[test]
fn media_types() {
    let server = server();
    let client = server.admin();
    let (config, layer) = (b"{}".to_vec(), noise(1, 10));
    push_blob(&client, "acme/app", &config);
    push_blob(&client, "acme/app", &layer);
    let body = |media_type: Option<&str>| {
        let mut body = json!({
            "schemaVersion": 2,
            "config": descriptor("application/vnd.docker.container.image.v1+json", &config),
            "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
        });
        if let Some(media_type) = media_type {
            body["mediaType"] = media_type.into();
        }
        body.to_string()
    };
    let check = |sent: &str, own: Option<&str>, served: &str| {
        client.put("/v2/acme/app/manifests/x", sent, body(own)).expect(201);
        let got = client.get("/v2/acme/app/manifests/x").expect(200);
        assert_eq!((got.required("content-type"), got.text()), (served, body(own)));
    };
    check(DOCKER_MANIFEST, Some(DOCKER_MANIFEST), DOCKER_MANIFEST);
    check(OCI_MANIFEST, None, OCI_MANIFEST);
    check("", Some(DOCKER_MANIFEST), DOCKER_MANIFEST);
    check("application/vnd.example.thing+json; v=1", None, "application/vnd.example.thing+json");
    check("", None, OCI_MANIFEST);
    let list = json!({ "schemaVersion": 2, "mediaType": DOCKER_MANIFEST_LIST, "manifests": [] }).to_string();
    client.put("/v2/acme/app/manifests/list", DOCKER_MANIFEST_LIST, list).expect(201);
}

/// spec: Pushing manifests: empty layers, indexes mixed, nested, of blobs, and sparse ones
#[test]
fn shapes() {
    let server = server();
    let client = server.admin();
    let (one, two) = (Artifact::small(1), Artifact::small(2));
    one.push(&client, "acme/app", "one");
    two.push(&client, "acme/app", "two");
    Artifact::image(b"{}", &[]).push(&client, "acme/app", "no-layers");
    let index = Artifact::index(&[&one, &two]);
    index.push(&client, "acme/app", "index");
    Artifact::index(&[&index, &one]).push(&client, "acme/app", "nested");
    let blob = noise(3, 100);
    push_blob(&client, "acme/app", &blob);
    let cache = json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &blob),
            descriptor("application/vnd.buildkit.cacheconfig.v0", &blob),
        ],
    });
    Artifact::of(OCI_INDEX, &cache, Vec::new()).push(&client, "acme/app", "cache");
    Artifact::index(&[&one, &Artifact::small(99)]).push(&client, "acme/app", "sparse");
    Artifact::index(&[]).push(&client, "acme/app", "empty");
}

/// spec: Pushing manifests: an image whose blobs are missing is MANIFEST_BLOB_UNKNOWN and names them; foreign layers may be
#[test]
fn missing_blobs() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    push_blob(&client, "acme/app", &image.blobs[0]);
    let put = client.put("/v2/acme/app/manifests/x", OCI_MANIFEST, image.manifest.clone());
    let put = put.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(put.json()["errors"][0]["detail"]["missing"], json!([digest(&image.blobs[1])]));
    client.head("/v2/acme/app/manifests/x").expect(404);
    let mut foreign = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", b"elsewhere");
    foreign["urls"] = json!(["https://example.com/layer"]);
    let body = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &image.blobs[0]),
        "layers": [foreign],
    });
    client.put("/v2/acme/app/manifests/foreign", OCI_MANIFEST, body.to_string()).expect(201);
}

/// spec: Pushing manifests: what may be missing is a setting
#[test]
fn missing_is_a_setting() {
    let accept = setup().env("WHARF_DEFAULTS__MISSING", "accept").start();
    Artifact::small(1).push_manifest(&accept.admin(), "acme/app", "x");
    let refuse = setup().env("WHARF_DEFAULTS__MISSING", "refuse").start();
    let index = Artifact::index(&[&Artifact::small(1)]);
    let put = refuse.admin().put("/v2/acme/app/manifests/x", OCI_INDEX, index.manifest);
    put.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
}

/// spec: Pushing manifests: what two readers could understand differently is MANIFEST_INVALID
#[test]
fn ambiguous() {
    let server = server();
    let client = server.admin();
    let image: serde_json::Value = serde_json::from_slice(&Artifact::small(1).manifest).unwrap();
    let check = |content_type: &str, body: String| {
        client.put("/v2/acme/app/manifests/x", content_type, body).expect_error(400, "MANIFEST_INVALID");
    };
    let mut both = image.clone();
    both["manifests"] = json!([]);
    check(OCI_MANIFEST, both.to_string());
    check(OCI_INDEX, image.to_string());
    check(DOCKER_MANIFEST, image.to_string());
    let mut typed = image.clone();
    typed["mediaType"] = OCI_INDEX.into();
    check(OCI_INDEX, typed.to_string());
    check(OCI_MANIFEST, image.to_string().replacen("\"layers\"", "\"Layers\"", 1));
    check(OCI_MANIFEST, image.to_string().replacen("\"config\"", "\"layers\":[],\"config\"", 1));
}

/// spec: Pushing manifests: what is no manifest is MANIFEST_INVALID, deep nesting included; over 4 MiB is 413
#[test]
fn invalid() {
    let server = server();
    let client = server.admin();
    let check = |body: Vec<u8>| {
        client.put("/v2/acme/app/manifests/x", OCI_MANIFEST, body).expect_error(400, "MANIFEST_INVALID");
    };
    check(Vec::new());
    check(b"{".to_vec());
    check(b"[]".to_vec());
    check(b"null".to_vec());
    check(b"\xff\xfe".to_vec());
    check("[".repeat(100_000).into_bytes());
    check(format!("{{\"annotations\":{}1{}}}", "{\"a\":".repeat(5000), "}".repeat(5000)).into_bytes());
    check(json!({ "schemaVersion": 1, "fsLayers": [] }).to_string().into_bytes());
    check(json!({ "layers": [{ "mediaType": "a/b", "digest": "sha256:1", "size": 1 }] }).to_string().into_bytes());
    check(json!({ "layers": [{ "mediaType": "a/b", "digest": digest(b""), "size": -1 }] }).to_string().into_bytes());
    let large = json!({ "schemaVersion": 2, "annotations": { "a": "x".repeat(4 << 20) } }).to_string();
    client.put("/v2/acme/app/manifests/x", OCI_MANIFEST, large.clone()).expect_error(413, "MANIFEST_INVALID");
    let chunked = client.request("PUT", "/v2/acme/app/manifests/x").body(large).chunked().send();
    chunked.expect_error(413, "MANIFEST_INVALID");
    let largest = json!({ "schemaVersion": 2, "annotations": { "a": "x".repeat((4 << 20) - 100) } }).to_string();
    client.put("/v2/acme/app/manifests/x", OCI_MANIFEST, largest).expect(201);
}

/// spec: Pushing manifests: by a digest that is not the content's is DIGEST_INVALID
#[test]
fn wrong_digest() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    let target = format!("/v2/acme/app/manifests/{}", digest(b"other"));
    client.put(&target, OCI_MANIFEST, image.manifest).expect_error(400, "DIGEST_INVALID");
}
