//! People over HTTP: how they log in, what ends when, what errors say, and that secrets stay so.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::{Client, Response, basic};
use wharf_testkit::server::{PASSWORD, Server};

use crate::{send, server, setup};

fn by(server: &Server, name: &str, password: &str) -> Client {
    Client { address: server.address, authorization: Some(basic(name, password)) }
}

fn bearer(client: &Client, scope: &str) -> Client {
    let token = client.get(&format!("/token?service=x&scope={scope}")).expect(200).json()["token"].clone();
    Client { address: client.address, authorization: Some(format!("Bearer {}", token.as_str().unwrap())) }
}

fn secret(answer: &Response) -> String {
    answer.json()["secret"].as_str().expect("a secret").to_owned()
}

/// A server with the project acme, an image in it, and its owner kim.
fn house() -> (Server, Client, Client) {
    let server = server();
    let admin = server.admin();
    Artifact::small(1).push(&admin, "acme/app", "v1");
    send(&admin, "POST", "/api/v1/users", json!({ "name": "kim", "password": PASSWORD })).expect(201);
    send(&admin, "POST", "/api/v1/projects/acme/bindings", json!({ "subject": "user:kim", "role": "owner" }))
        .expect(201);
    let kim = by(&server, "kim", PASSWORD);
    (server, admin, kim)
}

const PULL: &str = "/v2/acme/app/manifests/v1";

#[test]
fn users_log_in_until_they_may_not() {
    let (server, admin, kim) = house();
    kim.get(PULL).expect(200);
    let token = bearer(&kim, "repository:acme/app:pull");
    token.get(PULL).expect(200);
    by(&server, "kim", "wrong password").get(PULL).expect_error(401, "UNAUTHORIZED");
    by(&server, "nobody", PASSWORD).get(PULL).expect_error(401, "UNAUTHORIZED");
    assert_eq!(kim.get("/api/v1/me").expect(200).json()["subject"], "user:kim");
    // What a bearer token was made for is nothing of this.
    token.get("/api/v1/me").expect_error(401, "UNAUTHORIZED");
    kim.delete("/api/v1/users/kim/sessions").expect(204);
    token.get(PULL).expect_error(401, "UNAUTHORIZED");
    kim.get(PULL).expect(200);
    let token = bearer(&kim, "repository:acme/app:pull");
    send(&admin, "PUT", "/api/v1/users/kim", json!({ "disabled": true })).expect(200);
    for client in [&kim, &token] {
        client.get(PULL).expect_error(401, "UNAUTHORIZED");
    }
    send(&admin, "PUT", "/api/v1/users/kim", json!({ "disabled": false })).expect(200);
    kim.get(PULL).expect(200);
    token.get(PULL).expect_error(401, "UNAUTHORIZED");
    // Another password ends what the old one was good for.
    let token = bearer(&kim, "repository:acme/app:pull");
    let change = json!({ "current": PASSWORD, "password": "battery staple" });
    send(&kim, "PUT", "/api/v1/users/kim/password", change.clone()).expect(204);
    send(&kim, "PUT", "/api/v1/users/kim/password", change.clone()).expect_error(401, "UNAUTHORIZED");
    token.get(PULL).expect_error(401, "UNAUTHORIZED");
    let kim = by(&server, "kim", "battery staple");
    kim.get(PULL).expect(200);
    send(&kim, "PUT", "/api/v1/users/kim/password", change).expect_error(403, "DENIED");
    admin.delete("/api/v1/users/kim").expect(204);
    kim.get(PULL).expect_error(401, "UNAUTHORIZED");
}

#[test]
fn tokens_stand_in_for_the_password() {
    let (server, _, kim) = house();
    let limits = json!([{ "permissions": ["pull"], "repositories": "acme/**" }]);
    let made = send(&kim, "POST", "/api/v1/users/kim/tokens", json!({ "name": "ci", "limits": limits, "days": 1 }));
    let made = made.expect(201);
    assert_eq!(made.required("cache-control"), "no-store");
    let ci = by(&server, "kim", &secret(&made));
    ci.get(PULL).expect(200);
    let token = bearer(&ci, "repository:acme/app:pull,push");
    token.get(PULL).expect(200);
    for client in [&ci, &token] {
        client.post("/v2/acme/app/blobs/uploads/").expect_error(403, "DENIED");
    }
    send(&ci, "POST", "/api/v1/users/kim/tokens", json!({ "name": "more" })).expect_error(403, "DENIED");
    by(&server, "admin", &secret(&made)).get(PULL).expect_error(401, "UNAUTHORIZED");
    let listed = kim.get("/api/v1/users/kim/tokens").expect(200).json()["items"].clone();
    assert_eq!((listed[0]["name"].clone(), listed[0]["limits"].clone()), (json!("ci"), limits));
    assert!(listed[0].get("secret").is_none() && !listed.to_string().contains("hash"), "{listed}");
    kim.delete(&format!("/api/v1/users/kim/tokens/{}", made.json()["id"].as_str().unwrap())).expect(204);
    for client in [&ci, &token] {
        client.get(PULL).expect_error(401, "UNAUTHORIZED");
    }
}

#[test]
fn robots_are_rotated_without_a_gap() {
    let (server, _, kim) = house();
    let robot = json!({ "name": "ci", "bindings": [{ "role": "contributor", "repositories": "acme/app" }] });
    let made = send(&kim, "POST", "/api/v1/projects/acme/robots", robot).expect(201);
    let first = by(&server, "acme+ci", &secret(&made));
    Artifact::small(2).push(&bearer(&first, "repository:acme/app:pull,push"), "acme/app", "v2");
    first.post("/v2/acme/lib/blobs/uploads/").expect_error(403, "DENIED");
    let rotate = |overlap: u32| {
        let path = "/api/v1/projects/acme/robots/ci/rotate";
        let rotated = send(&kim, "POST", path, json!({ "overlap_secs": overlap })).expect(200);
        by(&server, "acme+ci", &secret(&rotated))
    };
    let second = rotate(3_600);
    first.get(PULL).expect(200);
    second.get(PULL).expect(200);
    let third = rotate(0);
    for old in [&first, &second] {
        old.get(PULL).expect_error(401, "UNAUTHORIZED");
    }
    third.get(PULL).expect(200);
    assert_eq!(third.get("/api/v1/me").expect(200).json()["subject"], "robot:acme+ci");
    let told = kim.get("/api/v1/projects/acme/robots").expect(200).json()["items"].clone();
    assert_eq!((told[0]["name"].clone(), told[0]["tokens"].as_array().unwrap().len()), (json!("acme+ci"), 1));
    send(&kim, "PUT", "/api/v1/projects/acme/robots/ci", json!({ "disabled": true })).expect(200);
    third.get(PULL).expect_error(401, "UNAUTHORIZED");
    kim.delete("/api/v1/projects/acme/robots/ci").expect(204);
    kim.get("/api/v1/projects/acme/robots/ci").expect_error(404, "NOT_FOUND");
}

/// After ten wrong passwords the right one is not looked at for a while, which is a second at first.
/// Where they come from is the proxy's to say, if it is trusted.
#[test]
fn guessing_elsewhere_keeps_nobody_out() {
    for (trusted, told) in [("127.0.0.1", 200), ("192.0.2.0/24", 401)] {
        let server = setup().env("WHARF_TRUSTED_PROXIES", trusted).start();
        let from = |address: &str, password: &str| {
            let client = by(&server, "admin", password);
            client.request("GET", "/api/v1/me").header("X-Forwarded-For", address).send().status
        };
        let mut began = Instant::now();
        for guess in 0..10 {
            began = Instant::now();
            assert_eq!(from("198.51.100.1", &format!("guess number {guess}")), 401);
        }
        let (here, elsewhere) = (from("198.51.100.1", PASSWORD), from("198.51.100.2", PASSWORD));
        if began.elapsed() < Duration::from_secs(1) {
            assert_eq!((here, elsewhere), (401, told), "{trusted}");
        }
    }
}

#[test]
fn guessing_is_slow() {
    let (server, admin, kim) = house();
    let mut began = Instant::now();
    for guess in 0..10 {
        began = Instant::now();
        by(&server, "kim", &format!("guess number {guess}")).get(PULL).expect_error(401, "UNAUTHORIZED");
    }
    let answer = kim.get(PULL);
    if began.elapsed() < Duration::from_secs(1) {
        answer.expect_error(401, "UNAUTHORIZED");
    }
    admin.get(PULL).expect(200);
}

/// Whoever may change who may do what changes it for the next request.
#[test]
fn what_is_given_counts_at_once() {
    let (server, admin, kim) = house();
    send(&admin, "POST", "/api/v1/users", json!({ "name": "lee", "password": PASSWORD })).expect(201);
    send(&admin, "PUT", "/api/v1/groups/devs", json!({ "members": ["lee"] })).expect(200);
    send(&admin, "PUT", "/api/v1/roles/puller", json!({ "permissions": ["pull"] })).expect(200);
    let lee = by(&server, "lee", PASSWORD);
    lee.get(PULL).expect(403);
    let bound = json!({ "subject": "group:devs", "role": "puller" });
    let bound = send(&kim, "POST", "/api/v1/projects/acme/bindings", bound).expect(201).json();
    lee.get(PULL).expect(200);
    lee.post("/v2/acme/app/blobs/uploads/").expect(403);
    send(&admin, "PUT", "/api/v1/roles/puller", json!({ "permissions": ["pull", "push"] })).expect(200);
    lee.post("/v2/acme/app/blobs/uploads/").expect(202);
    admin.delete("/api/v1/roles/puller").expect_error(409, "CONFLICT");
    let why = "/api/v1/access?permission=push&repository=acme/app";
    let told = lee.get(why).expect(200).json();
    assert_eq!(told["because"], "user:lee is in the group devs, which has the role puller in the project acme");
    send(&admin, "PUT", "/api/v1/groups/devs", json!({ "members": [] })).expect(200);
    lee.get(PULL).expect(403);
    assert_eq!(lee.get(why).expect(200).json()["allowed"], false);
    kim.delete(&format!("/api/v1/projects/acme/bindings/{}", bound["id"].as_str().unwrap())).expect(204);
    admin.delete("/api/v1/roles/puller").expect(204);
    admin.delete("/api/v1/groups/devs").expect(204);
    admin.delete("/api/v1/users/admin").expect_error(409, "CONFLICT");
}

#[test]
fn errors_say_what_and_where() {
    let (_server, admin, kim) = house();
    let field = |answer: Response, field: &str| {
        assert_eq!(answer.expect_error(422, "BODY_INVALID").json()["errors"][0]["detail"]["field"], field);
    };
    let users = "/api/v1/users";
    field(send(&admin, "POST", users, json!({ "name": "No Name" })), "name");
    field(send(&admin, "POST", users, json!({ "name": "lee", "password": "short" })), "password");
    field(send(&admin, "POST", users, json!({ "name": "lee", "admin": true })), "admin");
    field(send(&admin, "PUT", "/api/v1/groups/devs", json!({ "members": ["kim", "K"] })), "members[1]");
    field(send(&kim, "POST", "/api/v1/projects/acme/bindings", json!({ "role": "reader" })), "subject");
    send(&admin, "POST", users, json!({ "name": "kim" })).expect_error(409, "CONFLICT");
    send(&admin, "PUT", "/api/v1/roles/owner", json!({ "permissions": ["pull"] })).expect_error(409, "CONFLICT");
    for missing in ["users/lee", "groups/devs", "roles/none", "robots/none", "projects/acme/robots/none"] {
        let told = admin.get(&format!("/api/v1/{missing}")).expect_error(404, "NOT_FOUND");
        assert!(told.text().contains("is not there"), "{}", told.text());
    }
    let given = json!({ "subject": "user:kim", "permissions": ["quota:write"] });
    send(&kim, "POST", "/api/v1/bindings", given).expect_error(403, "DENIED");
    admin.get("/api/v1/users/No%20Name").expect_error(400, "NAME_INVALID");
    admin.get("/api/v1/users?n=0").expect_error(400, "UNSUPPORTED");
    admin.get("/api/v1/none").expect_error(404, "NOT_FOUND");
    admin.request("PATCH", users).body("{}").send().expect_error(405, "METHOD_NOT_ALLOWED");
    admin.request("POST", users).body("{}").send().expect_error(415, "BODY_INVALID");
    let json = |body: Vec<u8>| admin.request("POST", users).header("Content-Type", "application/json").body(body);
    json(b"{".to_vec()).send().expect_error(400, "BODY_INVALID");
    json(vec![b' '; (1 << 20) + 1]).send().expect_error(413, "BODY_INVALID");
    json(vec![b' '; (1 << 20) + 1]).chunked().send().expect_error(413, "BODY_INVALID");
}

#[test]
fn lists_come_in_pages() {
    let (_server, admin, _) = house();
    for name in ["ann", "bob", "eve"] {
        send(&admin, "PUT", &format!("/api/v1/groups/{name}"), json!({})).expect(200);
        send(&admin, "POST", "/api/v1/robots", json!({ "name": format!("r-{name}"), "bindings": [] })).expect(201);
        send(&admin, "POST", "/api/v1/bindings", json!({ "subject": format!("group:{name}"), "role": "reader" }))
            .expect(201);
    }
    for (list, key, all) in [
        ("users", "name", vec!["admin", "kim"]),
        ("groups", "name", vec!["ann", "bob", "eve"]),
        ("robots", "name", vec!["r-ann", "r-bob", "r-eve"]),
        ("bindings", "subject", vec!["user:admin", "group:ann", "group:bob", "group:eve"]),
        ("roles", "name", vec!["administrator", "contributor", "maintainer", "owner", "reader"]),
        ("projects", "name", vec!["acme"]),
    ] {
        let (mut found, mut last) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("/api/v1/{list}?n=1&last={last}")).expect(200).json();
            assert_eq!(page["items"].as_array().unwrap().len(), 1, "{list}");
            found.push(page["items"][0][key].as_str().unwrap().to_owned());
            match page["next"].as_str() {
                Some(next) => last = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(found, all, "{list}");
    }
}

/// Whatever is logged, passwords and tokens are not.
#[test]
fn secrets_stay_out_of_the_log() {
    let mut server = setup().env("WHARF_LOG__LEVEL", "trace").env("WHARF_LOG__ACCESS", "true").start();
    let admin = server.admin();
    let mut secrets = vec!["a secret password".to_owned(), "another secret".to_owned()];
    let user = json!({ "name": "kim", "password": secrets[0] });
    send(&admin, "POST", "/api/v1/users", user).expect(201);
    let kim = by(&server, "kim", &secrets[0]);
    secrets.push(secret(&send(&kim, "POST", "/api/v1/users/kim/tokens", json!({ "name": "x" })).expect(201)));
    secrets.push(secret(&send(&admin, "POST", "/api/v1/users", json!({ "name": "lee" })).expect(201)));
    secrets.push(secret(&send(&admin, "POST", "/api/v1/robots", json!({ "name": "ci", "bindings": [] })).expect(201)));
    by(&server, "kim", &secrets[2]).get("/api/v1/me").expect(200);
    let change = json!({ "current": secrets[0], "password": secrets[1] });
    send(&kim, "PUT", "/api/v1/users/kim/password", change).expect(204);
    let refused = send(&admin, "POST", "/api/v1/users", json!({ "name": "max", "password": "secret\n" })).expect(422);
    assert!(!refused.text().contains("secret"), "{}", refused.text());
    let said = server.stop_calmly().join("\n");
    assert!(said.contains("/api/v1/users/kim/password"), "there is a log");
    for secret in &secrets {
        assert!(!said.contains(secret.as_str()), "{secret}");
    }
}

#[test]
fn the_document_tells_all_of_each_operation() {
    let server = server();
    let document = server.anonymous().get("/api/v1/openapi.json").expect(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let told = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{told}");
            assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{told}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("default") && responses.len() >= 2, "{told}");
            assert!(
                responses.values().all(|one| one["description"].as_str().is_some_and(|text| !text.is_empty())),
                "{told}"
            );
            let declared: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|one| one["in"] == "path")
                .filter_map(|one| one["name"].as_str())
                .collect();
            let named: Vec<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(declared, named, "{told}");
        }
    }
    assert_eq!(document["paths"]["/api/v1/openapi.json"]["get"]["security"], json!([{}]));
    assert_ne!(document["paths"]["/api/v1/me"]["get"]["security"], Value::Null);
}
