//! end-1 and what every endpoint shares: codes, names, methods.

use std::io::{BufReader, Write as _};

use wharf_testkit::fixture::digest;
use wharf_testkit::http::read_response;

use super::server;

/// spec: Determining support: GET /v2/ is 200 with login, and 401 with a challenge without
#[test]
fn base() {
    let server = server();
    for path in ["/v2/", "/v2"] {
        server.admin().get(path).expect(200);
        let answer = server.anonymous().get(path).expect_error(401, "UNAUTHORIZED");
        assert!(answer.required("www-authenticate").starts_with("Bearer "));
        assert_eq!(answer.required("docker-distribution-api-version"), "registry/2.0");
    }
}

/// spec: Error codes: names outside the grammar are NAME_INVALID, upper case with a hint
#[test]
fn names() {
    let server = server();
    let client = server.admin();
    for bad in ["-a", "a//b", "a/../b", "%2e%2e/x", "a%2fb", "a__b___c", "a%00b", "a%20b", &"a".repeat(256)] {
        client.get(&format!("/v2/{bad}/tags/list")).expect_error(400, "NAME_INVALID");
    }
    let upper = client.get("/v2/Acme/tags/list").expect_error(400, "NAME_INVALID");
    assert!(upper.text().contains("lower case"), "{}", upper.text());
    client.post("/v2/Acme/app/blobs/uploads/").expect_error(400, "NAME_INVALID");
}

/// spec: Error codes: digests and tags of a wrong shape
#[test]
fn references() {
    let server = server();
    let client = server.admin();
    for bad in ["sha256:", "sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e", &format!("sha256:{}", "G".repeat(64))] {
        client.get(&format!("/v2/acme/app/blobs/{bad}")).expect_error(400, "DIGEST_INVALID");
        client.get(&format!("/v2/acme/app/manifests/{bad}")).expect_error(400, "DIGEST_INVALID");
    }
    for bad in [".a", "-a", "a%20b", &"a".repeat(129)] {
        let target = format!("/v2/acme/app/manifests/{bad}");
        client.get(&target).expect_error(404, "MANIFEST_UNKNOWN");
        client.put(&target, "application/json", "{}").expect_error(400, "MANIFEST_INVALID");
    }
}

/// spec: Error codes: other methods are 405 UNSUPPORTED, other paths 404
#[test]
fn methods() {
    let server = server();
    let client = server.admin();
    let blob = format!("/v2/acme/app/blobs/{}", digest(b""));
    for (method, path) in [
        ("POST", "/v2/"),
        ("PUT", "/v2/_catalog"),
        ("POST", "/v2/acme/app/manifests/x"),
        ("PATCH", "/v2/acme/app/manifests/x"),
        ("PUT", &blob),
        ("GET", "/v2/acme/app/blobs/uploads/"),
        ("POST", "/v2/acme/app/tags/list"),
        ("DELETE", "/v2/acme/app/tags/list"),
    ] {
        let answer = client.request(method, path).body("").send();
        answer.expect_error(405, "UNSUPPORTED").required("allow");
    }
    let allowed = |path: &str| client.request("TRACE", path).send().expect(405).required("allow").to_owned();
    assert_eq!(allowed("/v2/acme/app/manifests/x"), "GET, HEAD, PUT, DELETE");
    assert_eq!(allowed("/v2/acme/app/blobs/uploads/"), "POST");
    assert_eq!(allowed("/v2/acme/app/blobs/uploads/x"), "GET, PUT, PATCH, DELETE");
    assert_eq!(allowed("/token"), "GET, HEAD, POST");
    for path in ["/livez", "/readyz", "/metrics", "/"] {
        assert_eq!(allowed(path), "GET, HEAD", "{path}");
        client.head(path).expect(200);
    }
    assert_eq!(allowed("/api/v1/projects/acme"), "GET,HEAD,PUT,DELETE");
    client.get("/v2/acme/app").expect(404);
    client.get("/v2/acme/app/unknown/x").expect(404);
    client.get("/v3/").expect(404);
}

/// spec: Endpoints: names may be of one component or many, and look like endpoints
#[test]
fn names_like_endpoints() {
    let server = server();
    let client = server.admin();
    for name in ["busybox", "a/b/c/d/e/f", "blobs/uploads", "manifests", "v2/tags/list", "blobs/uploads/tags"] {
        wharf_testkit::fixture::Artifact::small(1).push(&client, name, "latest");
        client.get(&format!("/v2/{name}/manifests/latest")).expect(200);
        assert_eq!(client.get(&format!("/v2/{name}/tags/list")).expect(200).json()["name"], name);
    }
}

/// spec: Endpoints: requests that are too long or are no HTTP end without harm
#[test]
fn no_http() {
    let server = server();
    let client = server.admin();
    client.get(&format!("/v2/acme/app/tags/list?last={}", "x".repeat(20_000))).expect(414);
    for bytes in [
        "nonsense\r\n\r\n",
        "GET /v2/ HTTP/9.9\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        let mut stream = client.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        let _ = read_response(&mut BufReader::new(stream), false);
    }
    server.admin().get("/v2/").expect(200);
}

/// spec: Endpoints: what people push never runs as a page of ours
#[test]
fn content_is_inert() {
    let server = server();
    let client = server.admin();
    let body = r#"{"schemaVersion":2,"annotations":{"x":"<script>alert(1)</script>"}}"#;
    client.put("/v2/acme/app/manifests/x", "text/html", body).expect(201);
    let got = client.get("/v2/acme/app/manifests/x").expect(200);
    assert_eq!(got.required("x-content-type-options"), "nosniff");
    assert_eq!(got.required("content-security-policy"), "default-src 'none'; sandbox");
}
