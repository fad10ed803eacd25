//! end-8 and the catalog: lists in pages.

use serde_json::json;
use wharf_testkit::fixture::{Artifact, push_blob};
use wharf_testkit::http::{Client, Response};

use super::server;

fn next(answer: &Response) -> Option<String> {
    let link = answer.header("link")?;
    assert!(link.ends_with("; rel=\"next\""), "{link}");
    Some(link.trim_start_matches('<').split('>').next().unwrap().to_owned())
}

fn tagged(client: &Client, tags: &[&str]) {
    let image = Artifact::small(1);
    image.push(client, "acme/app", tags[0]);
    for tag in &tags[1..] {
        image.push_manifest(client, "acme/app", tag);
    }
}

/// spec: Listing tags: all, in byte order
#[test]
fn tags() {
    let server = server();
    let client = server.admin();
    tagged(&client, &["b", "a", "Z", "1.10", "1.9"]);
    let answer = client.get("/v2/acme/app/tags/list").expect(200);
    assert_eq!(answer.json(), json!({ "name": "acme/app", "tags": ["1.10", "1.9", "Z", "a", "b"] }));
    assert_eq!(next(&answer), None);
    client.get("/v2/acme/none/tags/list").expect_error(404, "NAME_UNKNOWN");
    push_blob(&client, "acme/untagged", b"x");
    assert_eq!(client.get("/v2/acme/untagged/tags/list").expect(200).json()["tags"], json!([]));
}

/// spec: Listing tags: n and last page through them with Link
#[test]
fn tag_pages() {
    let server = server();
    let client = server.admin();
    tagged(&client, &["a", "b", "c", "d", "e"]);
    let page = |target: &str| {
        let answer = client.get(target).expect(200);
        (answer.json()["tags"].clone(), next(&answer))
    };
    let (tags, after) = page("/v2/acme/app/tags/list?n=2");
    assert_eq!(tags, json!(["a", "b"]));
    let (tags, after) = page(&after.unwrap());
    assert_eq!(tags, json!(["c", "d"]));
    let (tags, after) = page(&after.unwrap());
    assert_eq!((tags, after), (json!(["e"]), None));
    assert_eq!(page("/v2/acme/app/tags/list?n=5"), (json!(["a", "b", "c", "d", "e"]), None));
    assert_eq!(page("/v2/acme/app/tags/list?n=0"), (json!([]), None));
    assert_eq!(page("/v2/acme/app/tags/list?last=bb&n=1").0, json!(["c"]));
    assert_eq!(page("/v2/acme/app/tags/list?last=z").0, json!([]));
}

/// spec: Listing tags: an n that is no number is 400, one that is too large is capped
#[test]
fn page_sizes() {
    let server = server();
    let client = server.admin();
    tagged(&client, &["a", "b"]);
    for list in ["/v2/acme/app/tags/list", "/v2/_catalog"] {
        for bad in ["-1", "x", "1.5", "%00", ""] {
            client.get(&format!("{list}?n={bad}")).expect_error(400, "UNSUPPORTED");
        }
        for large in ["10000", "1000000000", "99999999999999999999"] {
            client.get(&format!("{list}?n={large}")).expect(200);
        }
    }
}

/// spec: Endpoints: the catalog, paged; its links are followed to the end
#[test]
fn catalog() {
    let server = server();
    let client = server.admin();
    assert_eq!(client.get("/v2/_catalog").expect(200).json(), json!({ "repositories": [] }));
    for name in ["b/one", "a", "b/two", "c/d/e/f"] {
        push_blob(&client, name, b"x");
    }
    let mut target = "/v2/_catalog?n=3".to_owned();
    let mut found = Vec::new();
    loop {
        let answer = client.get(&target).expect(200);
        found.extend(answer.json()["repositories"].as_array().unwrap().clone());
        match next(&answer) {
            Some(after) => target = after,
            None => break,
        }
    }
    assert_eq!(json!(found), json!(["a", "b/one", "b/two", "c/d/e/f"]));
}
