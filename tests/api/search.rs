//! Searching: what was pushed is found by what is in it, with facts, facets and reasons.

use serde_json::{Value, json};
use wharf_model::media::OCI_MANIFEST;
use wharf_testkit::fixture::{Artifact, descriptor};
use wharf_testkit::http::Client;
use wharf_testkit::server::wait_for;

use crate::server;

/// A chart, as far as its manifest and its config go.
fn chart(name: &str, version: &str) -> Artifact {
    let config = json!({
        "apiVersion": "v2", "name": name, "version": version, "description": format!("A Helm chart of {name} <b>for all</b>"),
        "keywords": ["cache", "database"], "maintainers": [{ "name": "Kim Doe", "email": "kim@example.com" }],
    });
    let config = config.to_string().into_bytes();
    let layer = b"no archive".to_vec();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.cncf.helm.config.v1+json", &config),
        "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &layer)],
        "annotations": { "org.opencontainers.image.licenses": "Apache-2.0", "org.example.tier": "gold" },
    });
    Artifact::of(OCI_MANIFEST, &manifest, vec![config, layer])
}

fn find(client: &Client, query: &str) -> Value {
    let query = query.replace(' ', "%20").replace('"', "%22").replace('>', "%3E");
    client.get(&format!("/api/v1/search?q={query}")).expect(200).json()
}

/// Until what is found is as expected.
fn found(client: &Client, query: &str, repositories: &[&str]) -> Value {
    wait_for(query, || {
        let found = find(client, query);
        let names: Vec<&str> = found["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|hit| hit["repository"].as_str().expect("a name"))
            .collect();
        (names == repositories).then_some(found)
    })
}

#[test]
fn what_was_pushed_is_found_by_what_is_in_it() {
    let server = server();
    let client = server.admin();
    chart("redis", "1.2.0").push(&client, "acme/charts/redis", "1.2.0");
    chart("redis", "1.10.0").push(&client, "acme/charts/redis", "1.10.0");
    Artifact::small(1).push(&client, "acme/shop", "latest");
    for version in ["1.2.0", "1.10.0"] {
        found(&client, &format!("version:{version}"), &["acme/charts/redis"]);
    }
    let redis = find(&client, "kind:helm redis");
    assert_eq!(redis["total"], json!(2));
    let hit = &redis["items"][0];
    assert_eq!((&hit["tag"], &hit["version"], &hit["matches"]), (&json!("1.10.0"), &json!("1.10.0"), &json!(2)));
    assert_eq!(hit["kind"], json!({ "id": "helm-chart", "title": "Helm chart", "category": "package" }));
    assert_eq!(hit["matched"][0], json!({ "field": "repository", "text": "acme/charts/redis", "ranges": [[12, 17]] }));
    assert_eq!((&hit["signed"], &hit["public"]), (&json!(false), &json!(false)));
    assert_eq!(redis["query"], json!("kind:helm redis"));
    assert_eq!(redis["clauses"][0]["without"], json!("redis"));
    let facet = |field: &str| {
        let facets = redis["facets"].as_array().expect("facets");
        facets.iter().find(|facet| facet["field"] == json!(field)).cloned().unwrap_or_default()
    };
    assert_eq!(facet("kind")["values"][0]["title"], json!("Helm chart"));
    assert_eq!(facet("project")["values"][0]["query"], json!("kind:helm redis project:acme"));
    assert_eq!(facet("license")["values"][0]["title"], json!("Apache-2.0"));
    for query in [
        "database",
        "maintainer:kim",
        "license:Apache-2.0",
        "annotation:org.example.tier=gold",
        "version:1.10.0",
        "\"chart of redis\"",
        "rediz",
        "project:acme -shop",
        "tag:1.1*",
    ] {
        found(&client, query, &["acme/charts/redis"]);
    }
    assert_eq!(find(&client, "rediz")["corrected"], json!([{ "word": "rediz", "to": ["redis"] }]));
    let each = client.get("/api/v1/search?q=redis&each=artifact&n=1").expect(200).json();
    assert_eq!((&each["items"][0]["tag"], &each["repositories"]), (&json!("1.10.0"), &json!(1)));
    let next = each["next"].as_str().expect("there is more");
    let rest = client.get(&format!("/api/v1/search?q=redis&each=artifact&n=1&last={next}")).expect(200).json();
    assert_eq!((&rest["items"][0]["tag"], &rest["next"]), (&json!("1.2.0"), &Value::Null));
    client.get(&format!("/api/v1/search?q=redis&n=1&last={next}")).expect_error(400, "UNSUPPORTED");
}

#[test]
fn mistakes_say_where_they_are() {
    let server = server();
    let client = server.admin();
    let refused = client.get("/api/v1/search?q=nginx%20knd:image").expect(400).json();
    assert_eq!(refused["errors"][0]["detail"], json!({ "parameter": "q", "from": 6, "to": 15 }));
    assert!(refused["errors"][0]["message"].as_str().is_some_and(|text| text.contains("kind:image")), "{refused}");
    client.get("/api/v1/search?each=tag").expect_error(400, "UNSUPPORTED");
    client.get(&format!("/api/v1/search?q={}", "x".repeat(1_001))).expect_error(400, "UNSUPPORTED");
    client.get("/api/v1/search?q=%00").expect_error(400, "UNSUPPORTED");
}
