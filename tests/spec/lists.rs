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

/// spec: Listing tags: more than 10,000 are never listed at once, and the rest is linked
#[test]
fn at_most_ten_thousand() {
    let server = server();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "a");
    for hundred in 0..101 {
        let tags: String = (0..100).map(|one| format!("&tag=t{:05}", hundred * 100 + one)).collect();
        let target = format!("/v2/acme/app/manifests/{}?{}", image.digest(), &tags[1..]);
        client.put(&target, &image.media_type, image.manifest.clone()).expect(201);
    }
    for query in ["", "?n=20000", "?n=99999999999999999999"] {
        let page = client.get(&format!("/v2/acme/app/tags/list{query}")).expect(200);
        assert_eq!(page.json()["tags"].as_array().unwrap().len(), 10_000, "{query}");
        let rest = client.get(&next(&page).expect("a link")).expect(200);
        assert_eq!(rest.json()["tags"].as_array().unwrap().len(), 101);
        assert_eq!(next(&rest), None);
    }
}

/// spec: Listing tags: HEAD has the head of GET, for the catalog and for referrers, too
#[test]
fn heads() {
    let server = server();
    let client = server.admin();
    tagged(&client, &["a", "b", "c"]);
    let referrers = format!("/v2/acme/app/referrers/{}", Artifact::small(1).digest());
    for list in ["/v2/acme/app/tags/list?n=2", "/v2/_catalog", &referrers] {
        let (head, got) = (client.head(list).expect(200), client.get(list).expect(200));
        assert_eq!(head.required("content-length"), got.body.len().to_string());
        assert_eq!(
            (head.header("link"), head.header("content-type")),
            (got.header("link"), got.header("content-type"))
        );
    }
    client.head("/v2/acme/none/tags/list").expect(404);
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
