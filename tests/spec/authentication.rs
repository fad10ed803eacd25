//! Who is there: challenges, Basic, tokens, public projects.

use std::io::{BufReader, Write as _};

use serde_json::json;
use wharf_testkit::fixture::{Artifact, begin, digest, push_blob};
use wharf_testkit::http::{Client, basic, read_response};
use wharf_testkit::server::{PASSWORD, Server};

use super::{server, setup};

fn with(server: &Server, authorization: &str) -> Client {
    Client { address: server.address, authorization: Some(authorization.to_owned()) }
}

fn token(client: &Client, query: &str) -> Client {
    let answer = client.get(&format!("/token?service=x&{query}")).expect(200);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    Client { address: client.address, authorization: Some(format!("Bearer {token}")) }
}

/// spec: Authentication: every endpoint asks who is there, and the challenge names the scope
#[test]
fn challenge() {
    let server = server();
    Artifact::small(1).push(&server.admin(), "acme/app", "v1");
    let blob = format!("/v2/acme/app/blobs/{}", digest(b"x"));
    for (method, path, scope) in [
        ("GET", "/v2/acme/app/manifests/v1", "repository:acme/app:pull"),
        ("HEAD", "/v2/acme/app/manifests/v1", "repository:acme/app:pull"),
        ("GET", "/v2/acme/none/manifests/v1", "repository:acme/none:pull"),
        ("PUT", "/v2/acme/app/manifests/v1", "repository:acme/app:pull,push"),
        ("DELETE", "/v2/acme/app/manifests/v1", "repository:acme/app:delete"),
        ("GET", &blob, "repository:acme/app:pull"),
        ("DELETE", &blob, "repository:acme/app:delete"),
        ("POST", "/v2/acme/app/blobs/uploads/", "repository:acme/app:pull,push"),
        ("PATCH", "/v2/acme/app/blobs/uploads/x", "repository:acme/app:pull,push"),
        ("GET", "/v2/acme/app/tags/list", "repository:acme/app:pull"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
    ] {
        let answer = server.anonymous().request(method, path).send().expect(401);
        let host = server.address;
        let expect = format!("Bearer realm=\"http://{host}/token\",service=\"{host}\",scope=\"{scope}\"");
        assert_eq!(answer.all("www-authenticate").next(), Some(&*expect), "{method} {path}");
        if method != "HEAD" {
            assert_eq!(answer.code(), "UNAUTHORIZED");
        }
    }
}

/// spec: Authentication: Basic, with the right and the wrong password
#[test]
fn basic_login() {
    let server = server();
    server.admin().get("/v2/").expect(200);
    for wrong in [basic("admin", "wrong"), basic("nobody", PASSWORD), basic("", ""), "Basic !".into(), "Other x".into()]
    {
        with(&server, &wrong).get("/v2/").expect_error(401, "UNAUTHORIZED");
    }
}

/// spec: Authentication: the token service, GET and POST, with refresh
#[test]
fn tokens() {
    let server = server();
    let admin = server.admin();
    let pusher = token(&admin, "scope=repository:acme/app:pull,push");
    push_blob(&pusher, "acme/app", b"by token");
    pusher.get("/v2/").expect(200);
    let other = pusher.post("/v2/acme/other/blobs/uploads/").expect_error(401, "UNAUTHORIZED");
    assert!(other.required("www-authenticate").contains("scope=\"repository:acme/other:pull,push\""));
    pusher.delete(&format!("/v2/acme/app/blobs/{}", digest(b"by token"))).expect(401);
    let form = format!("grant_type=password&username=admin&password={PASSWORD}&access_type=offline&service=x");
    let post = |form: &str| {
        server
            .anonymous()
            .request("POST", "/token")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
    };
    let refresh = post(&form).expect(200).json()["refresh_token"].as_str().unwrap().to_owned();
    let scope = "scope=repository:acme/app:pull";
    let again = post(&format!("grant_type=refresh_token&refresh_token={refresh}&{scope}")).expect(200);
    let bearer = with(&server, &format!("Bearer {}", again.json()["access_token"].as_str().unwrap()));
    bearer.get("/v2/acme/app/tags/list").expect(200);
    post("grant_type=refresh_token&refresh_token=x").expect(401);
    post("grant_type=other").expect(400);
    with(&server, &basic("admin", "wrong")).get("/token").expect(401);
    with(&server, "Bearer made.up.token").get("/v2/").expect_error(401, "UNAUTHORIZED");
}

/// spec: Authentication: anybody may pull from a public project and from no other, with and without a token
#[test]
fn public_projects() {
    let server = server();
    let (admin, nobody) = (server.admin(), server.anonymous());
    let image = Artifact::small(1);
    image.push(&admin, "open/app", "v1");
    image.push(&admin, "closed/app", "v1");
    let before = nobody.get("/v2/open/app/manifests/v1").expect(401);
    let put = admin.request("PUT", "/api/v1/projects/open").header("Content-Type", "application/json");
    assert_eq!(put.body(r#"{"public": true}"#).send().expect(200).json()["public"], true);
    nobody.get("/v2/open/app/manifests/v1").expect(200);
    token(&nobody, "scope=repository:open/app:pull").get("/v2/open/app/manifests/v1").expect(200);
    nobody.get("/v2/open/app/tags/list").expect(200);
    nobody.post("/v2/open/app/blobs/uploads/").expect(401);
    // Closed and missing look the same.
    let closed = nobody.get("/v2/closed/app/manifests/v1").expect(401);
    let missing = nobody.get("/v2/missing/app/manifests/v1").expect(401);
    assert_eq!(closed.text(), missing.text().replace("missing", "closed"));
    assert_eq!(closed.text(), before.text().replace("open", "closed"));
    let detail = &closed.json()["errors"][0]["detail"];
    assert_eq!(*detail, json!({ "action": "pull", "repository": "closed/app" }));
    let admin_put = |body: &str| {
        admin.request("PUT", "/api/v1/projects/open").header("Content-Type", "application/json").body(body).send()
    };
    admin_put(r#"{"public": false}"#).expect(200);
    nobody.get("/v2/open/app/manifests/v1").expect(401);
    admin_put(r#"{"public": true, "more": 1}"#).expect(422);
    nobody
        .request("PUT", "/api/v1/projects/open")
        .header("Content-Type", "application/json")
        .body("{\"public\":true}")
        .send()
        .expect(401);
}

/// spec: Authentication: a session cannot be gone on with by somebody else
#[test]
fn sessions_are_personal() {
    let server = setup().arg("--open").start();
    let location = begin(&server.admin(), "acme/app");
    server.anonymous().get(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.admin().get(&location).expect(204);
}

/// spec: Authentication: --open lets everybody push, pull, list and delete, but not administer
#[test]
fn open_to_all() {
    let server = setup().arg("--open").start();
    let nobody = server.anonymous();
    nobody.get("/v2/").expect(200);
    Artifact::small(1).push(&nobody, "any/thing", "v1");
    assert_eq!(nobody.get("/v2/_catalog").expect(200).json(), json!({ "repositories": ["any/thing"] }));
    nobody.delete("/v2/any/thing/manifests/v1").expect(202);
    nobody.get("/api/v1/projects/any").expect(401);
    server.admin().get("/api/v1/projects/any").expect(200);
}

/// spec: Authentication: what a page from elsewhere makes a browser send is refused
#[test]
fn pages_from_elsewhere() {
    let open = setup().arg("--open").arg("--url").arg("http://r.example:5000").start();
    let asked = |client: Client, method: &str, name: &str, value: &str| {
        client.request(method, "/v2/acme/app/blobs/uploads/").header(name, value).body("").send().status
    };
    for (host, status) in [
        (open.address.to_string(), 202),
        ("localhost:5000".to_owned(), 202),
        ("r.example:5000".to_owned(), 202),
        ("rebound.example:5000".to_owned(), 403),
        ("127.0.0.1.nip.io".to_owned(), 403),
    ] {
        assert_eq!(asked(open.anonymous(), "POST", "Host", &host), status, "{host}");
    }
    let refused = open.anonymous().request("GET", "/v2/").header("Host", "rebound.example").send();
    assert!(refused.expect_error(403, "DENIED").text().contains("--url"));
    let closed = server();
    assert_eq!(asked(closed.admin(), "POST", "Host", "any.example"), 202);
    for (site, status) in [("cross-site", 403), ("same-origin", 202), ("none", 202)] {
        assert_eq!(asked(closed.admin(), "POST", "Sec-Fetch-Site", site), status, "{site}");
    }
    assert_eq!(asked(closed.admin(), "GET", "Sec-Fetch-Site", "cross-site"), 405, "a link may lead here");
}

/// spec: Authentication: reached by address, by name and through a TLS proxy, the realm is right for each
#[test]
fn realms() {
    let server = setup().env("WHARF_TRUSTED_PROXIES", "127.0.0.0/8").start();
    let nobody = server.anonymous();
    let realm = |headers: &[(&str, &str)]| {
        let mut request = nobody.request("GET", "/v2/");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().expect(401).required("www-authenticate").to_owned()
    };
    let port = server.address.port();
    let name = format!("registry.127.0.0.1.nip.io:{port}");
    assert!(realm(&[("Host", &name)]).contains(&format!("realm=\"http://{name}/token\"")));
    let proxied = realm(&[("Host", "inner"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "r.example")]);
    assert!(proxied.contains("realm=\"https://r.example/token\",service=\"r.example\""), "{proxied}");
    for hosts in ["", "Host: a\r\nHost: a\r\n"] {
        let mut stream = nobody.connect();
        stream.write_all(format!("GET /v2/ HTTP/1.1\r\n{hosts}\r\n").as_bytes()).unwrap();
        read_response(&mut BufReader::new(stream), false).unwrap().expect_error(400, "UNSUPPORTED");
    }
    let mut bare = setup().start();
    let request = || bare.anonymous().request("GET", "/v2/").header("X-Forwarded-Proto", "https").send().expect(401);
    assert!(request().required("www-authenticate").contains("realm=\"http://"), "nobody said that this is a proxy");
    request();
    let said = bare.stop_calmly();
    let told: Vec<_> = said.iter().filter(|line| line.contains("trusted_proxies") && line.contains("--url")).collect();
    assert_eq!(told.len(), 1, "{said:?}");
    let fixed = setup().env("WHARF_URL", "https://registry.example").start();
    let answer = fixed.anonymous().get("/v2/").expect(401);
    assert!(answer.required("www-authenticate").contains("realm=\"https://registry.example/token\""));
}
