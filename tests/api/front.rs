//! What a repository shows in front: its overview, its pulls, the catalogue.

use serde_json::json;
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::{PASSWORD, wait_for};

use crate::{send, server};

const OVERVIEW: &str = "/api/v1/repositories/acme~app/overview";

#[test]
fn an_overview_is_written_by_whoever_pushes() {
    let server = server();
    let admin = server.admin();
    Artifact::small(1).push(&admin, "acme/app", "v1");
    let person = |name: &str, role: &str| {
        send(&admin, "POST", "/api/v1/users", json!({ "name": name, "password": PASSWORD })).expect(201);
        let given = json!({ "subject": format!("user:{name}"), "role": role });
        send(&admin, "POST", "/api/v1/projects/acme/bindings", given).expect(201);
        Client { address: server.address, authorization: Some(basic(name, PASSWORD)) }
    };
    let (kim, lee) = (person("kim", "contributor"), person("lee", "reader"));
    lee.get(OVERVIEW).expect_error(404, "NOT_FOUND");
    send(&lee, "PUT", OVERVIEW, json!({ "text": "x" })).expect_error(403, "DENIED");
    send(&kim, "PUT", OVERVIEW, json!({ "text": "# App\n" })).expect(204);
    let told = lee.get(OVERVIEW).expect(200).json();
    assert_eq!((&told["text"], &told["changed_by"]), (&json!("# App\n"), &json!("user:kim")));
    send(&kim, "PUT", OVERVIEW, json!({ "text": "x".repeat(65_537) })).expect_error(422, "BODY_INVALID");
    send(&kim, "PUT", OVERVIEW, json!({ "text": "a\u{0}" })).expect_error(422, "BODY_INVALID");
    send(&kim, "PUT", &OVERVIEW.replace("app", "none"), json!({ "text": "x" })).expect_error(404, "NAME_UNKNOWN");
    let events = admin.get("/api/v1/repositories/acme~app/events?n=1").expect(200).json();
    assert_eq!(events["items"][0]["type"], json!("wharf.repository.overview_changed"));
    assert_eq!(events["items"][0]["by"], json!("user:kim"));
    send(&kim, "PUT", OVERVIEW, json!({ "text": " \n" })).expect(204);
    lee.get(OVERVIEW).expect(404);
}

/// A pull is counted without a write, and written down when the process ends.
#[test]
fn pulls_are_counted_and_survive_a_restart() {
    let mut server = server();
    let admin = server.admin();
    let artifact = Artifact::small(1);
    artifact.push(&admin, "open/app", "v1");
    Artifact::small(2).push(&admin, "acme/app", "v1");
    send(&admin, "PUT", "/api/v1/projects/open", json!({ "public": true, "vouched": true })).expect(200);
    let nobody = server.anonymous();
    for _ in 0..3 {
        nobody.get("/v2/open/app/manifests/v1").expect(200);
    }
    nobody.get(&format!("/v2/open/app/manifests/{}", artifact.digest())).expect(200);
    nobody.head("/v2/open/app/manifests/v1").expect(200);
    nobody.get("/open/app/-/tags/v1").expect(200);
    server.stop();
    server.restart();
    let admin = server.admin();
    let repository = admin.get("/api/v1/repositories/open~app").expect(200).json();
    assert_eq!(repository["pulls"], json!(4));
    assert_eq!(admin.get("/api/v1/repositories/open~app/tags/v1").expect(200).json()["pulls"], json!(4));
    let catalogue = server.anonymous().get("/api/v1/catalogue").expect(200).json();
    let expect = json!({ "items": [{ "repository": "open/app", "pulls": 4, "vouched": true }] });
    assert_eq!(catalogue, expect, "what is not public is not in it");
    let page = wait_for("facts", || {
        let page = server.anonymous().get("/-/catalogue").expect(200).text();
        (!page.contains("being inspected")).then_some(page)
    });
    assert!(page.contains("4 pulls") && page.contains("vouched for") && !page.contains("acme/app"), "{page}");
}
