//! The trash and history over HTTP: what is deleted is gone at once and comes back, also after a kill.

use serde_json::{Value, json};
use wharf_testkit::fixture::{Artifact, digest};
use wharf_testkit::http::{Client, Response, basic};

use crate::server;

fn restore(client: &Client, item: &Value) -> Response {
    client.post(&format!("/api/v1/trash/{}/restore", text(item, "id")))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}"))
}

fn trash(client: &Client, query: &str) -> Vec<Value> {
    let list = client.get(&format!("/api/v1/trash{query}")).expect(200).json();
    list["items"].as_array().expect("a list").clone()
}

fn pulls(client: &Client, repository: &str, reference: &str) -> u16 {
    client.head(&format!("/v2/{repository}/manifests/{reference}")).status
}

/// Somebody with a role in the project, or with nothing.
fn somebody(admin: &Client, name: &str, role: Option<&str>) -> Client {
    let user = json!({ "name": name, "password": "a password of theirs" }).to_string();
    admin.request("POST", "/api/v1/users").header("Content-Type", "application/json").body(user).send().expect(201);
    if let Some(role) = role {
        let binding = json!({ "subject": format!("user:{name}"), "role": role }).to_string();
        let target = "/api/v1/projects/acme/bindings";
        admin.request("POST", target).header("Content-Type", "application/json").body(binding).send().expect(201);
    }
    Client { address: admin.address, authorization: Some(basic(name, "a password of theirs")) }
}

#[test]
fn an_artifact_comes_back_with_its_tags() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    client.delete(&format!("/v2/acme/app/manifests/{}", image.digest())).expect(202);
    let items = trash(&client, "");
    assert_eq!(items.len(), 1);
    let item = &items[0];
    assert_eq!((text(item, "kind"), text(item, "name"), &item["tags"]), ("manifest", "acme/app", &json!(["v1"])));
    assert_eq!((text(item, "digest"), text(item, "deleted_by")), (&*image.digest().to_string(), "user:admin"));
    client.delete(&format!("/v2/acme/app/blobs/{}", digest(&image.blobs[1]))).expect(202);
    restore(&client, item).expect(200);
    assert_eq!(pulls(&client, "acme/app", "v1"), 200);
    client.get(&format!("/v2/acme/app/blobs/{}", digest(&image.blobs[1]))).expect(200);
    restore(&client, item).expect_error(404, "NOT_FOUND");
    assert!(trash(&client, "?project=acme").is_empty());
}

#[test]
fn a_repository_goes_and_comes_back_over_a_kill() {
    let mut server = server();
    let client = server.admin();
    Artifact::small(1).push(&client, "acme/deep/app", "v1");
    let found = client.get("/api/v1/repositories/acme~deep~app").expect(200).json();
    assert_eq!((text(&found, "name"), text(&found, "project")), ("acme/deep/app", "acme"));
    let item = client.delete("/api/v1/repositories/acme~deep~app").expect(200).json();
    assert_eq!((text(&item, "kind"), text(&item, "name")), ("repository", "acme/deep/app"));
    server.kill();
    server.restart();
    let client = server.admin();
    assert_eq!(pulls(&client, "acme/deep/app", "v1"), 404);
    assert_eq!(client.get("/v2/_catalog").json()["repositories"], json!([]));
    client.get("/api/v1/repositories/acme~deep~app").expect_error(404, "NAME_UNKNOWN");
    client.delete("/api/v1/repositories/acme~deep~app").expect_error(404, "NAME_UNKNOWN");
    restore(&client, &item).expect(200);
    assert_eq!(pulls(&client, "acme/deep/app", "v1"), 200);
    assert_eq!(client.get("/v2/_catalog").json()["repositories"], json!(["acme/deep/app"]));
    client.get("/api/v1/repositories/No~Name").expect_error(400, "NAME_INVALID");
}

#[test]
fn a_project_is_deleted_restored_and_purged() {
    let server = server();
    let admin = server.admin();
    Artifact::small(1).push(&admin, "acme/app", "v1");
    let [owner, maintainer] = ["owner", "maintainer"].map(|role| somebody(&admin, role, Some(role)));
    let stranger = somebody(&admin, "stranger", None);
    maintainer.delete("/api/v1/projects/acme").expect_error(403, "DENIED");
    stranger.delete("/api/v1/projects/acme").expect_error(404, "NAME_UNKNOWN");
    server.anonymous().delete("/api/v1/projects/acme").expect_error(401, "UNAUTHORIZED");
    let item = owner.delete("/api/v1/projects/acme").expect(200).json();
    owner.get("/api/v1/projects/acme").expect_error(404, "NAME_UNKNOWN");
    assert_eq!(pulls(&owner, "acme/app", "v1"), 403);
    assert_eq!(trash(&owner, "?project=acme"), std::slice::from_ref(&item));
    assert!(trash(&stranger, "").is_empty());
    restore(&stranger, &item).expect_error(404, "NOT_FOUND");
    // Another one takes its name.
    Artifact::small(2).push(&admin, "acme/new", "v1");
    restore(&owner, &item).expect_error(409, "CONFLICT");
    let other = admin.delete("/api/v1/projects/acme").expect(200).json();
    restore(&maintainer, &item).expect(200);
    assert_eq!((pulls(&maintainer, "acme/app", "v1"), pulls(&owner, "acme/new", "v1")), (200, 404));
    let purge = format!("/api/v1/trash/{}", text(&other, "id"));
    owner.delete(&purge).expect_error(404, "NOT_FOUND");
    admin.delete(&purge).expect(204);
    admin.delete(&purge).expect_error(404, "NOT_FOUND");
    let item = owner.delete("/api/v1/projects/acme").expect(200).json();
    let purge = format!("/api/v1/trash/{}", text(&item, "id"));
    maintainer.delete(&purge).expect_error(403, "DENIED");
    owner.delete(&purge).expect(204);
    restore(&admin, &item).expect_error(404, "NOT_FOUND");
    assert!(trash(&admin, "").is_empty());
}

#[test]
fn tags_have_a_history_and_go_back() {
    let server = server();
    let client = server.admin();
    let (one, two) = (Artifact::small(1), Artifact::small(2));
    one.push(&client, "acme/app", "v1");
    for blob in &two.blobs {
        wharf_testkit::fixture::push_blob(&client, "acme/app", blob);
    }
    let target = "/v2/acme/app/manifests/v1";
    let put = client.request("PUT", target).header("Content-Type", &two.media_type).header("User-Agent", "skopeo/1.9");
    put.body(two.manifest.clone()).send().expect(201);
    let history = "/api/v1/repositories/acme~app/tags/v1/history";
    let told = client.get(history).expect(200).json();
    let (first, second) = (one.digest().to_string(), two.digest().to_string());
    let latest = &told["items"][0];
    assert_eq!((text(latest, "from"), text(latest, "to")), (&*first, &*second));
    assert_eq!((text(latest, "by"), text(latest, "client")), ("user:admin", "skopeo/1.9"));
    let page = client.get(&format!("{history}?n=1")).expect(200).json();
    assert_eq!(page["items"], json!([latest]));
    let rest = client.get(&format!("{history}?n=1&last={}", text(&page, "next"))).expect(200).json();
    assert_eq!((text(&rest["items"][0], "to"), rest["items"][0].get("from"), rest.get("next")), (&*first, None, None));
    let back = client.post("/api/v1/repositories/acme~app/tags/v1/restore").expect(200).json();
    assert_eq!(text(&back, "to"), first);
    assert_eq!(client.head(target).required("docker-content-digest"), first);
    client.delete(&format!("/v2/acme/app/manifests/{first}")).expect(202);
    assert_eq!(pulls(&client, "acme/app", "v1"), 404);
    client.post("/api/v1/repositories/acme~app/tags/v1/restore").expect(200);
    assert_eq!(client.head(target).required("docker-content-digest"), first);
    client.post("/api/v1/repositories/acme~app/tags/never/restore").expect_error(404, "MANIFEST_UNKNOWN");
    client.get(&format!("{history}?last=x")).expect_error(400, "UNSUPPORTED");
    server.anonymous().get(history).expect_error(401, "UNAUTHORIZED");
    let stranger = somebody(&client, "stranger", None);
    stranger.get(history).expect_error(403, "DENIED");
    stranger.get(&history.replace("acme~app", "acme~none")).expect_error(403, "DENIED");
    stranger.post("/api/v1/repositories/acme~app/tags/v1/restore").expect_error(403, "DENIED");
}
