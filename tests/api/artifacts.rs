//! What is in a repository, as our API tells it: in pages, by kind and by tags, one by one, with what is attached.

use serde_json::{Value, json};
use wharf_model::media::{OCI_EMPTY, OCI_MANIFEST};
use wharf_testkit::fixture::{Artifact, descriptor};
use wharf_testkit::http::Client;
use wharf_testkit::server::{Server, wait_for};

use crate::{send, server, setup};

const BASE: &str = "/api/v1/repositories/acme~app";
const CHART: &str = "application/vnd.cncf.helm.config.v1+json";

/// A chart, as far as its manifest and its config go.
fn chart() -> Artifact {
    let config = br#"{"apiVersion":"v2","name":"app","version":"1.0.0","description":"An app\nand more"}"#.to_vec();
    let layer = b"no archive".to_vec();
    let mut described = descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &layer);
    described["annotations"] = json!({ "note": "<script>alert(1)</script>" });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(CHART, &config), "layers": [described],
        "annotations": {
            "org.opencontainers.image.title": "App \u{202e}\u{1b}[31m",
            "org.opencontainers.image.url": "https://example.com/app",
            "org.opencontainers.image.source": "javascript:alert(1)",
            "io.artifacthub.package.logo-url": "https://example.com/logo.png",
        },
    });
    Artifact::of(OCI_MANIFEST, &manifest, vec![config, layer])
}

fn pull(client: &Client, path: &str) -> Value {
    client.get(path).expect(200).json()
}

/// All items of a list, so many at a time.
fn paged(client: &Client, path: &str, n: usize) -> Vec<Value> {
    let (mut all, mut last) = (Vec::new(), String::new());
    loop {
        let between = if path.contains('?') { '&' } else { '?' };
        let page = pull(client, &format!("{path}{between}n={n}{last}"));
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= n);
        all.extend(items.iter().cloned());
        let Some(next) = page["next"].as_str() else { return all };
        last = format!("&last={next}");
    }
}

/// Until facts about it are there.
fn with_facts(client: &Client, reference: &str) -> Value {
    wait_for("facts", || {
        let found = pull(client, &format!("{BASE}/artifacts/{reference}"));
        (found["state"] == json!("ready")).then_some(found)
    })
}

fn digests(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["digest"].as_str().expect("a digest")).collect()
}

fn stocked() -> (Server, Client) {
    let server = server();
    let client = server.admin();
    (server, client)
}

#[test]
fn the_latest_come_first() {
    let (_server, client) = stocked();
    let all: Vec<Artifact> = (1..=5).map(Artifact::small).collect();
    for (at, one) in all.iter().enumerate() {
        let reference = if at % 2 == 0 { format!("v{at}") } else { one.digest().to_string() };
        one.push(&client, "acme/app", &reference);
    }
    let latest: Vec<String> = all.iter().rev().map(|one| one.digest().to_string()).collect();
    for n in [1, 2, 5, 1000] {
        assert_eq!(digests(&paged(&client, &format!("{BASE}/artifacts"), n)), latest, "{n} at a time");
    }
    let tagged = paged(&client, &format!("{BASE}/artifacts?tagged=true"), 2);
    assert_eq!(digests(&tagged), [&*latest[0], &latest[2], &latest[4]]);
    assert_eq!((&tagged[0]["tags"], &tagged[0]["tags_total"]), (&json!(["v4"]), &json!(1)));
    assert_eq!(digests(&paged(&client, &format!("{BASE}/artifacts?tagged=false"), 1)), [&*latest[1], &latest[3]]);
    assert_eq!(tagged[0]["pushed_by"], json!("user:admin"));
    assert_eq!(tagged[0]["id"].as_str().map(str::len), Some(32));
    client.get(&format!("{BASE}/artifacts?tagged=maybe")).expect_error(400, "UNSUPPORTED");
    client.get(&format!("{BASE}/artifacts?kind=%00")).expect_error(400, "UNSUPPORTED");
    client.get(&format!("{BASE}/artifacts?last=x")).expect_error(400, "UNSUPPORTED");
    client.get("/api/v1/repositories/acme~none/artifacts").expect_error(404, "NAME_UNKNOWN");
    client.get("/api/v1/repositories/acme~none/tags").expect_error(404, "NAME_UNKNOWN");
    // A page is of its own list.
    let page = pull(&client, &format!("{BASE}/artifacts?n=1"));
    let next = page["next"].as_str().expect("there is more");
    client.get(&format!("{BASE}/artifacts?tagged=true&last={next}")).expect_error(400, "UNSUPPORTED");
}

#[test]
fn one_artifact_with_all_that_is_known() {
    let server = setup().arg("--url").arg("https://registry.example.com").start();
    let client = server.admin();
    let chart = chart();
    chart.push(&client, "acme/app", "1.0.0");
    let found = pull(&client, &format!("{BASE}/artifacts/1.0.0"));
    // From the first moment on, whether or not there are facts yet.
    assert_eq!(found["kind"], json!({ "id": "helm-chart", "title": "Helm chart", "category": "package" }));
    assert!(found["rule"].as_str().unwrap().contains("helm-chart.toml:"), "{found}");
    assert_eq!(found["reference"], json!("registry.example.com/acme/app:1.0.0"));
    assert_eq!(found["commands"][0]["text"], json!("helm pull oci://registry.example.com/acme/app --version 1.0.0"));
    assert_eq!(found["config"]["mediaType"], json!(CHART));
    let size: usize = chart.blobs.iter().map(Vec::len).sum();
    assert_eq!((&found["size"], &found["tags"]), (&json!(size), &json!(["1.0.0"])));
    // What the publisher says is harmless, beside the words that they wrote.
    assert_eq!(found["publisher"]["home"], json!("https://example.com/app"));
    assert_eq!(found["publisher"]["icon"], json!("https://example.com/logo.png"));
    assert!(found["publisher"].get("source").is_none(), "{found}");
    assert!(!found["publisher"]["title"].as_str().unwrap().contains(['\u{202e}', '\u{1b}']));
    assert_eq!(found["annotations"]["org.opencontainers.image.source"], json!("javascript:alert(1)"));
    let ready = with_facts(&client, "1.0.0");
    assert_eq!(ready["facts"]["detail"]["type"], json!("helm"));
    assert_eq!(ready["id"], found["id"]);
    // By digest there is no tag to name it by.
    let digest = chart.digest();
    let pinned = pull(&client, &format!("{BASE}/artifacts/{digest}"));
    assert_eq!(pinned["reference"], json!(format!("registry.example.com/acme/app@{digest}")));
    let listed = paged(&client, &format!("{BASE}/artifacts?kind=helm-chart"), 9);
    assert_eq!((digests(&listed), &listed[0]["kind"]), (vec![&*digest.to_string()], &found["kind"]));
    assert_eq!(listed[0]["size"], json!(size), "lists and pages agree");
    assert!(paged(&client, &format!("{BASE}/artifacts?kind=image"), 9).is_empty());
    client.get(&format!("{BASE}/artifacts/2.0")).expect_error(404, "MANIFEST_UNKNOWN");
    client.get(&format!("{BASE}/artifacts/no tag").replace(' ', "%20")).expect_error(400, "NAME_INVALID");
    client.get("/api/v1/repositories/acme~none/artifacts/2.0").expect_error(404, "NAME_UNKNOWN");
}

/// Facts come after the push, and are those of what was pushed.
#[test]
fn facts_of_an_attached_bill_of_materials() {
    let (_server, client) = stocked();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    let document = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "app", "dataLicense": "CC0-1.0",
        "packages": [{ "SPDXID": "SPDXRef-openssl", "name": "openssl", "versionInfo": "3.0.1" }],
    });
    let (empty, document) = (b"{}".to_vec(), document.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/spdx+json",
        "config": descriptor(OCI_EMPTY, &empty), "layers": [descriptor("application/spdx+json", &document)],
        "subject": descriptor(&image.media_type, &image.manifest),
    });
    let sbom = Artifact::of(OCI_MANIFEST, &manifest, vec![empty, document]);
    sbom.push(&client, "acme/app", &sbom.digest().to_string());
    let found = with_facts(&client, &sbom.digest().to_string());
    assert_eq!((&found["kind"]["id"], &found["subject"]), (&json!("spdx-sbom"), &json!(image.digest())));
    assert_eq!((&found["title"], found["facts"].get("faults")), (&json!("app"), None));
    let packages = &found["facts"]["detail"]["packages"]["items"];
    assert_eq!(packages, &json!([{ "name": "openssl", "version": "3.0.1" }]), "{found}");
}

#[test]
fn tags_with_what_they_point_to() {
    let (_server, client) = stocked();
    chart().push(&client, "acme/app", "1.0.0");
    Artifact::small(1).push(&client, "acme/app", "latest");
    Artifact::small(1).push(&client, "acme/app", "10");
    with_facts(&client, "1.0.0");
    let tags = paged(&client, &format!("{BASE}/tags"), 2);
    assert_eq!(tags.iter().map(|tag| tag["name"].as_str().unwrap()).collect::<Vec<_>>(), ["1.0.0", "10", "latest"]);
    assert_eq!(tags[0]["kind"]["id"], json!("helm-chart"));
    assert_eq!((&tags[2]["digest"], &tags[2]["moved_by"]), (&json!(Artifact::small(1).digest()), &json!("user:admin")));
    assert_eq!(pull(&client, &format!("{BASE}/tags/10"))["digest"], tags[1]["digest"]);
    client.get(&format!("{BASE}/tags/none")).expect_error(404, "MANIFEST_UNKNOWN");
    client.get("/api/v1/repositories/acme~none/tags/none").expect_error(404, "NAME_UNKNOWN");
}

#[test]
fn what_is_attached() {
    let (_server, client) = stocked();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "v1");
    assert!(paged(&client, &format!("{BASE}/artifacts/v1/referrers"), 9).is_empty());
    let sboms: Vec<Artifact> =
        (0..3).map(|at| Artifact::attached(&image, "application/spdx+json", &at.to_string())).collect();
    sboms.iter().for_each(|sbom| sbom.push(&client, "acme/app", &sbom.digest().to_string()));
    let signature = Artifact::small(7);
    signature.push(&client, "acme/app", &format!("{}.sig", image.digest().referrers_tag()));
    // What names its subject itself is told once, whatever tags it has.
    sboms[0].push(&client, "acme/app", &format!("{}.sbom", image.digest().referrers_tag()));
    let mut expected: Vec<String> = sboms.iter().map(|sbom| sbom.digest().to_string()).collect();
    expected.sort();
    expected.push(signature.digest().to_string());
    for reference in ["v1".to_owned(), image.digest().to_string()] {
        for n in [1, 3, 9] {
            let found = paged(&client, &format!("{BASE}/artifacts/{reference}/referrers"), n);
            assert_eq!(digests(&found), expected, "{n} at a time");
        }
    }
    let found = paged(&client, &format!("{BASE}/artifacts/v1/referrers"), 9);
    assert_eq!(found[0]["subject"], json!(image.digest()));
    assert_eq!(found[0]["artifact_type"], json!("application/spdx+json"));
    assert_eq!(pull(&client, &format!("{BASE}/artifacts/v1"))["referrers"], json!(3));
    let tag = wait_for("what is attached to be known", || {
        let tag = pull(&client, &format!("{BASE}/tags/v1"));
        (tag["attached"].as_array().is_some_and(|attached| attached.len() == 2)).then_some(tag)
    });
    assert_eq!(
        tag["attached"],
        json!(["image", "sbom"]),
        "as the manifest of an image is what its tag calls a signature"
    );
    assert_eq!(paged(&client, &format!("{BASE}/tags"), 9).last(), Some(&tag), "lists tell the same");
    // Of what is not here, there may be some all the same.
    let missing = Artifact::small(9);
    let lone = Artifact::attached(&missing, "text/note", "x");
    lone.push(&client, "acme/app", &lone.digest().to_string());
    let found = paged(&client, &format!("{BASE}/artifacts/{}/referrers", missing.digest()), 9);
    assert_eq!(digests(&found), [lone.digest().to_string()]);
    client.get(&format!("{BASE}/artifacts/none/referrers")).expect_error(404, "MANIFEST_UNKNOWN");
    let unknown = format!("/api/v1/repositories/acme~none/artifacts/{}/referrers", missing.digest());
    client.get(&unknown).expect_error(404, "NAME_UNKNOWN");
}

#[test]
fn who_has_an_answer_is_told_so() {
    let (server, client) = stocked();
    Artifact::small(1).push(&client, "acme/app", "v1");
    send(&client, "PUT", "/api/v1/projects/acme", json!({ "public": true })).expect(200);
    let path = format!("{BASE}/tags/v1");
    let first = client.get(&path).expect(200);
    let tag = first.required("etag").to_owned();
    assert_eq!(first.required("cache-control"), "private, no-cache");
    assert_eq!(client.head(&path).expect(200).required("etag"), tag);
    let ask = |client: &Client, header: &str, value: &str| client.request("GET", &path).header(header, value).send();
    let same = ask(&client, "If-None-Match", &tag).expect(304);
    assert_eq!((same.required("etag"), same.body.len()), (&*tag, 0));
    assert_eq!(ask(&client, "If-None-Match", &format!("\"x\", W/{tag}")).status, 304);
    ask(&client, "If-None-Match", "\"x\"").expect(200);
    ask(&client, "If-Match", &tag).expect(200);
    ask(&client, "If-Match", "\"x\"").expect_error(412, "PRECONDITION_FAILED");
    // Another is told something else: no names.
    ask(&server.anonymous(), "If-None-Match", &tag).expect(200);
    Artifact::small(2).push(&client, "acme/app", "v1");
    assert_ne!(ask(&client, "If-None-Match", &tag).expect(200).required("etag"), tag);
    for list in ["/api/v1/repositories", "/api/v1/kinds", "/api/v1/openapi.json", &format!("{BASE}/artifacts")] {
        let tag = client.get(list).expect(200).required("etag").to_owned();
        assert_eq!(client.request("GET", list).header("If-None-Match", tag).send().status, 304, "{list}");
    }
    assert!(client.get(&format!("{BASE}/tags/none")).expect(404).header("etag").is_none());
}
