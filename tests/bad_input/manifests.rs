//! Manifests that are none, or more than one thing.

use serde_json::json;
use wharf_model::limits::{MANIFEST_BYTES_MAX, MANIFEST_DESCRIPTORS_MAX};
use wharf_model::media::{OCI_INDEX, OCI_MANIFEST};
use wharf_testkit::fixture::{Artifact, descriptor, digest};

use super::setup;

/// `{"a":{"a":…}}`, or `[[…]]`, as deep as it gets within a manifest's size.
fn deep(open: &str, close: &str) -> String {
    let levels = (MANIFEST_BYTES_MAX - 200) / (open.len() + close.len());
    [open.repeat(levels), "1".to_owned(), close.repeat(levels)].concat()
}

#[test]
fn what_is_no_manifest() {
    let mut server = setup().start();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "good");
    let config = descriptor("application/json", &image.blobs[0]);
    let layer = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut layer = descriptor("application/x", &image.blobs[1]);
        change(&mut layer);
        json!({ "schemaVersion": 2, "config": config, "layers": [layer] }).to_string()
    };
    let many = vec![config.clone(); MANIFEST_DESCRIPTORS_MAX + 1];
    let with =
        |field: &str, text: &str| format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],{field}:{text}}}"#);
    let texts = [
        String::new(),
        " ".repeat(1000),
        "null".to_owned(),
        "true".to_owned(),
        "1".to_owned(),
        "\"text\"".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        "{}}".to_owned(),
        "{} {}".to_owned(),
        "{'schemaVersion':2}".to_owned(),
        "\u{feff}{\"schemaVersion\":2}".to_owned(),
        "{\"schemaVersion\":2,}".to_owned(),
        json!({ "schemaVersion": 1, "fsLayers": [] }).to_string(),
        json!({ "schemaVersion": 2, "layers": [], "manifests": [], "config": config }).to_string(),
        json!({ "schemaVersion": 2, "manifests": many }).to_string(),
        json!({ "schemaVersion": 2, "manifests": {} }).to_string(),
        json!({ "schemaVersion": 2, "manifests": [1, "x", null] }).to_string(),
        json!({ "schemaVersion": 2, "config": "x", "layers": [] }).to_string(),
        json!({ "schemaVersion": 2, "config": config, "layers": "none" }).to_string(),
        json!({ "schemaVersion": 2, "config": config, "layers": [{}] }).to_string(),
        json!({ "schemaVersion": 2, "mediaType": 5, "config": config, "layers": [] }).to_string(),
        json!({ "schemaVersion": 2, "mediaType": "no type", "config": config, "layers": [] }).to_string(),
        json!({ "schemaVersion": 2, "Layers": [], "config": config }).to_string(),
        layer(&|layer| layer["Digest"] = json!(digest(b"another"))),
        layer(&|layer| layer["size"] = json!(-1)),
        layer(&|layer| layer["size"] = json!(1.5)),
        layer(&|layer| layer["size"] = json!("700")),
        layer(&|layer| layer["size"] = json!(u64::MAX)),
        layer(&|layer| layer["size"] = serde_json::Value::Null),
        layer(&|layer| layer["digest"] = json!("sha256:12")),
        layer(&|layer| layer["digest"] = json!("../../etc/passwd")),
        layer(&|layer| layer["digest"] = json!(7)),
        layer(&|layer| layer["mediaType"] = json!("x".repeat(10_000))),
        with("\"artifactType\"", &format!("\"{}\"", "x".repeat(256))),
        with("\"artifactType\"", "\"a/b\\u0000\""),
        with("\"subject\"", "\"x\""),
        with("\"subject\"", r#"{"digest":"sha256:1","size":1,"mediaType":"a/b"}"#),
        with("\"annotations\"", &deep("[", "]")),
        with("\"annotations\"", &deep("{\"a\":", "}")),
        deep("[", "]"),
        deep("{\"layers\":", "}"),
        "[".repeat(MANIFEST_BYTES_MAX),
        "{\"a\":".repeat(MANIFEST_BYTES_MAX / 5),
    ];
    for text in &texts {
        let shown = text.get(..text.len().min(600)).unwrap_or_default();
        for content_type in [OCI_MANIFEST, OCI_INDEX] {
            let refused = client.put("/v2/acme/app/manifests/bad", content_type, text.as_bytes());
            assert_eq!(refused.status, 400, "{shown}: {}", refused.text());
            assert_eq!(refused.code(), "MANIFEST_INVALID", "{shown}: {}", refused.text());
            let by_digest = format!("/v2/acme/app/manifests/{}", digest(text.as_bytes()));
            client.put(&by_digest, content_type, text.as_bytes()).expect(400);
            client.get(&by_digest).expect(404);
        }
        server.expect_alive();
    }
    client.get("/v2/acme/app/manifests/bad").expect_error(404, "MANIFEST_UNKNOWN");
    server.stop_calmly();
}

/// What a manifest may or may not say: whatever the answer, it is one.
#[test]
fn odd_manifests_are_answered() {
    let mut server = setup().start();
    let client = server.admin();
    let huge = "9".repeat(1_000_000);
    for body in [
        &b"{\"schemaVersion\":2,\"annotations\":{\"a\":\"\xff\xfe\"}}"[..],
        b"{\"schemaVersion\":2,\"schemaVersion\":2,\"layers\":[],\"layers\":[]}",
        b"{\"schemaVersion\":2,\"annotations\":{\"a\":\"\\ud800\"}}",
        b"{\"schemaVersion\":2,\"annotations\":{\"\\u0000\":\"\\u0000\"}}",
        b"{\"schemaVersion\":2e0}",
        b"{\"schemaVersion\":1e999}",
        format!("{{\"schemaVersion\":{huge}}}").as_bytes(),
        format!("{{\"schemaVersion\":2,\"{}\":1}}", "k".repeat(1_000_000)).as_bytes(),
    ] {
        let status = client.put("/v2/acme/app/manifests/odd", "application/json", body).status;
        assert!(status == 201 || status == 400, "{status}: {:?}", body.get(..body.len().min(80)));
        server.expect_alive();
    }
    for content_type in ["", "x", "a/b/c", "text/plain; charset=x", "a/b, c/d", "\u{e9}/x", &"x/".repeat(5_000), "*/*"]
    {
        let status = client.put("/v2/acme/app/manifests/typed", content_type, r#"{"schemaVersion":2}"#).status;
        assert!(status == 201 || (400..500).contains(&status), "{status}: {content_type}");
        server.expect_alive();
    }
    server.stop_calmly();
}

#[test]
fn bodies_of_our_own_api() {
    let mut server = setup().start();
    let client = server.admin();
    let levels = 400_000;
    let deep_list = ["[".repeat(levels), "]".repeat(levels)].concat();
    let deep_object = format!("{{\"public\":{}true{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for body in
        ["", "null", "[]", "{", r#"{"public":1}"#, r#"{"public":"yes"}"#, r#"{"pubic":true}"#, &deep_list, &deep_object]
    {
        let status = client.put("/api/v1/projects/acme", "application/json", body).status;
        assert!((400..500).contains(&status), "{status}: {:?}", body.get(..body.len().min(80)));
        server.expect_alive();
    }
    for name in ["..", "%2e%2e", "a%2fb", "A", "%00", "%ff", "-", "a b", &"a".repeat(5_000)] {
        let status = client.put(&format!("/api/v1/projects/{name}"), "application/json", r#"{"public":true}"#).status;
        assert!((400..500).contains(&status), "{status}: {name:?}");
    }
    for form in
        ["", "x", "grant_type=x", "grant_type=password", "grant_type=refresh_token&refresh_token=%ff", "&&&===%%%"]
    {
        let status = client.put("/token", "application/x-www-form-urlencoded", form).status;
        assert_eq!(status, 405, "PUT of a token");
        let post = client.request("POST", "/token").header("Content-Type", "application/x-www-form-urlencoded");
        let status = post.body(form).send().status;
        assert!((400..500).contains(&status), "{status}: {form:?}");
    }
    let scopes = "scope=repository:acme/app:pull&".repeat(400);
    for query in ["scope=x", "scope=repository:A:pull", "scope=%00", "scope=repository:a:pull,push,*,x", &scopes] {
        let status = client.get(&format!("/token?service=x&{query}")).status;
        assert!(status == 200 || (400..500).contains(&status), "{status}: {query:.60}");
        server.expect_alive();
    }
    server.stop_calmly();
}
