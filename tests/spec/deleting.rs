//! end-9, end-10: tags, manifests and blobs are deleted.

use serde_json::json;
use wharf_testkit::fixture::{Artifact, digest, push_blob};

use super::server;

/// spec: Deleting tags: 202, the tag is gone at once and the manifest stays
#[test]
fn tag() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    image.push_manifest(&client, "acme/app", "v2");
    client.delete("/v2/acme/app/manifests/v1").expect(202);
    client.get("/v2/acme/app/manifests/v1").expect_error(404, "MANIFEST_UNKNOWN");
    client.head("/v2/acme/app/manifests/v2").expect(200);
    client.head(&format!("/v2/acme/app/manifests/{}", image.digest())).expect(200);
    client.delete("/v2/acme/app/manifests/v1").expect_error(404, "MANIFEST_UNKNOWN");
}

/// spec: Deleting manifests: 202, gone at once with its tags; its blobs stay; it can be pushed again
#[test]
fn manifest() {
    let server = server();
    let client = server.admin();
    let (image, other) = (Artifact::small(1), Artifact::small(2));
    image.push(&client, "acme/app", "v1");
    other.push(&client, "acme/app", "v2");
    let target = format!("/v2/acme/app/manifests/{}", image.digest());
    client.delete(&target).expect(202);
    client.get(&target).expect_error(404, "MANIFEST_UNKNOWN");
    client.get("/v2/acme/app/manifests/v1").expect_error(404, "MANIFEST_UNKNOWN");
    assert_eq!(client.get("/v2/acme/app/tags/list").json()["tags"], json!(["v2"]));
    client.delete(&target).expect_error(404, "MANIFEST_UNKNOWN");
    client.head(&format!("/v2/acme/app/blobs/{}", digest(&image.blobs[1]))).expect(200);
    image.push_manifest(&client, "acme/app", "v1");
    client.get("/v2/acme/app/manifests/v1").expect(200);
}

/// spec: Deleting manifests: an index takes untagged children along that nothing else holds
#[test]
fn children() {
    let server = server();
    let client = server.admin();
    let [only, shared, tagged] = [1, 2, 3].map(Artifact::small);
    for image in [&only, &shared, &tagged] {
        image.push(&client, "acme/app", &image.digest().to_string());
    }
    tagged.push_manifest(&client, "acme/app", "kept");
    let index = Artifact::index(&[&only, &shared, &tagged]);
    index.push(&client, "acme/app", "index");
    Artifact::index(&[&shared]).push(&client, "acme/app", "other");
    client.delete(&format!("/v2/acme/app/manifests/{}", index.digest())).expect(202);
    let status = |image: &Artifact| client.head(&format!("/v2/acme/app/manifests/{}", image.digest())).status;
    assert_eq!([status(&only), status(&shared), status(&tagged)], [404, 200, 200]);
}

/// spec: Deleting manifests: a referrer that is deleted leaves the list
#[test]
fn referrer() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    let sbom = Artifact::attached(&image, "a/b", "x");
    sbom.push(&client, "acme/app", "sbom");
    client.delete(&format!("/v2/acme/app/manifests/{}", sbom.digest())).expect(202);
    let list = client.get(&format!("/v2/acme/app/referrers/{}", image.digest())).expect(200);
    assert_eq!(list.json()["manifests"], json!([]));
}

/// spec: Deleting manifests: in a repository that is not there nothing can be deleted, which is 404 NAME_UNKNOWN
#[test]
fn nowhere() {
    let server = server();
    let client = server.admin();
    let digest = digest(b"none");
    for target in ["manifests/v1".to_owned(), format!("manifests/{digest}"), format!("blobs/{digest}")] {
        client.delete(&format!("/v2/acme/none/{target}")).expect_error(404, "NAME_UNKNOWN");
    }
    client.delete("/v2/acme/none/blobs/uploads/x").expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(client.get("/v2/_catalog").json(), json!({ "repositories": [] }), "nothing came into being");
}

/// spec: Deleting blobs: 202, gone at once; in other repositories it stays; it can be pushed again
#[test]
fn blob() {
    let server = server();
    let client = server.admin();
    for bytes in [b"small".to_vec(), vec![7; 50_000]] {
        let digest = push_blob(&client, "acme/app", &bytes);
        push_blob(&client, "acme/other", &bytes);
        let target = format!("/v2/acme/app/blobs/{digest}");
        client.delete(&target).expect(202);
        client.get(&target).expect_error(404, "BLOB_UNKNOWN");
        client.delete(&target).expect_error(404, "BLOB_UNKNOWN");
        client.get(&format!("/v2/acme/other/blobs/{digest}")).expect(200);
        push_blob(&client, "acme/app", &bytes);
        assert!(client.get(&target).expect(200).body == bytes);
    }
}
