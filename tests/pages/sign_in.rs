//! Signing in and out: where forms come from, what the cookie opens, and when it ends.

use serde_json::json;
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::Server;

use crate::crawl::page;
use crate::{house, server, setup};

const PASSWORD: &str = "correct horse battery";

/// The form, as a browser sends it from our own page.
fn send(client: &Client, path: &str, fields: &str) -> Response {
    let from = format!("http://{}", client.address);
    let request = client.request("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    request.header("Origin", from).body(fields).send()
}

fn kim(server: &Server) {
    let body = json!({ "name": "kim", "password": PASSWORD }).to_string();
    let admin = server.admin();
    admin.request("POST", "/api/v1/users").header("Content-Type", "application/json").body(body).send().expect(201);
    let binding = json!({ "subject": "user:kim", "role": "reader" }).to_string();
    let path = "/api/v1/projects/acme/bindings";
    admin.request("POST", path).header("Content-Type", "application/json").body(binding).send().expect(201);
}

/// The cookie of somebody who has signed in.
fn signed_in(server: &Server, password: &str) -> String {
    let fields = format!("name=kim&password={}&next=%2Facme%2Fapp", password.replace(' ', "+"));
    let answer = send(&server.anonymous(), "/-/sign-in", &fields).expect(303);
    assert_eq!(answer.required("location"), "/acme/app");
    let cookie = answer.required("set-cookie").to_owned();
    assert!(
        cookie.starts_with("wharf=") && cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap_or_default().to_owned()
}

fn with(server: &Server, cookie: &str, path: &str) -> Response {
    server.anonymous().request("GET", path).header("Cookie", cookie).send()
}

#[test]
fn a_session_opens_the_pages_and_nothing_else() {
    let server = server();
    house::stock(&server);
    kim(&server);
    let cookie = signed_in(&server, PASSWORD);
    let found = with(&server, &cookie, "/acme/app").expect(200);
    page("/acme/app", &found);
    assert!(found.text().contains("class=\"name\" href=\"/-/account\">kim</a>"));
    assert!(with(&server, &cookie, "/").expect(200).text().contains("acme/app"));
    // Neither API looks at cookies: what a page from elsewhere has a browser send is nobody's.
    assert_eq!(with(&server, &cookie, "/api/v1/me").status, 401);
    assert_eq!(with(&server, &cookie, "/v2/").status, 401);
    let token = cookie.trim_start_matches("wharf=");
    let bearer =
        |path: &str| server.anonymous().request("GET", path).header("Authorization", format!("Bearer {token}")).send();
    assert_eq!((bearer("/v2/").status, bearer("/api/v1/me").status), (401, 401));
    // Who has signed in is not asked again.
    assert_eq!(with(&server, &cookie, "/-/sign-in?next=/acme").expect(303).required("location"), "/acme");
    let browser = server.anonymous();
    let out = browser.request("POST", "/-/sign-out").header("Cookie", &cookie);
    let out = out.header("Sec-Fetch-Site", "same-origin").body("").send().expect(303);
    assert_eq!(out.required("set-cookie"), "wharf=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    for odd in ["wharf=", "wharf=x.y.z", &format!("{cookie}x"), "other=1"] {
        assert_eq!(with(&server, odd, "/acme/app").status, 404, "{odd}");
        with(&server, odd, "/open/app").expect(200);
    }
}

/// As I20 has it for every other credential.
#[test]
fn a_session_ends_at_once() {
    let server = server();
    house::stock(&server);
    kim(&server);
    let admin = server.admin();
    let put = |path: &str, body: serde_json::Value| {
        let request = admin.request("PUT", path).header("Content-Type", "application/json");
        request.body(body.to_string()).send()
    };
    let cookie = signed_in(&server, PASSWORD);
    with(&server, &cookie, "/acme/app").expect(200);
    put("/api/v1/users/kim/password", json!({ "password": "another horse battery" })).expect(204);
    assert_eq!(with(&server, &cookie, "/acme/app").status, 404, "the password is another one");

    let cookie = signed_in(&server, "another horse battery");
    with(&server, &cookie, "/acme/app").expect(200);
    admin.delete("/api/v1/users/kim/sessions").expect(204);
    assert_eq!(with(&server, &cookie, "/acme/app").status, 404, "the sessions were ended");

    let cookie = signed_in(&server, "another horse battery");
    put("/api/v1/users/kim", json!({ "disabled": true })).expect(200);
    assert_eq!(with(&server, &cookie, "/acme/app").status, 404, "the account is shut");
    put("/api/v1/users/kim", json!({ "disabled": false })).expect(200);

    let cookie = signed_in(&server, "another horse battery");
    with(&server, &cookie, "/acme/app").expect(200);
    let bindings = admin.get("/api/v1/projects/acme/bindings").expect(200).json();
    let id =
        bindings["items"].as_array().unwrap().iter().find(|one| one["subject"] == json!("user:kim")).unwrap()["id"]
            .clone();
    admin.delete(&format!("/api/v1/projects/acme/bindings/{}", id.as_str().unwrap())).expect(204);
    assert_eq!(with(&server, &cookie, "/acme/app").status, 404, "nothing is given there any more");
    with(&server, &cookie, "/").expect(200);
}

#[test]
fn forms_come_from_our_own_pages() {
    let server = server();
    let client = server.anonymous();
    let form = client.get("/-/sign-in?next=//evil.example").expect(200);
    page("/-/sign-in", &form);
    assert!(form.text().contains("name=\"next\" value=\"/\""), "{}", form.text());
    let fields = "name=admin&password=x";
    let post = |headers: &[(&str, &str)]| {
        let request = client.request("POST", "/-/sign-in").header("Content-Type", "application/x-www-form-urlencoded");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).body(fields).send().status
    };
    assert_eq!(post(&[]), 403, "nobody says from where");
    assert_eq!(post(&[("Origin", "http://evil.example")]), 403);
    assert_eq!(post(&[("Origin", "null")]), 403);
    assert_eq!(post(&[("Sec-Fetch-Site", "cross-site")]), 403);
    assert_eq!(post(&[("Sec-Fetch-Site", "same-site")]), 403);
    let wrong = send(&client, "/-/sign-in", "name=%22%3E%3Cscript%3E&password=x&next=/acme").expect(401);
    page("/-/sign-in", &wrong);
    assert!(wrong.header("set-cookie").is_none() && wrong.header("www-authenticate").is_none());
    assert!(wrong.text().contains("do not go together") && wrong.text().contains("value=\"/acme\""));
    assert!(!wrong.text().contains("value=\"x\""), "the password is not repeated");
    let large = format!("name=admin&password={}", "x".repeat(100_000));
    assert_eq!(send(&client, "/-/sign-in", &large).status, 400);
    assert_eq!(client.get("/-/sign-out").expect(303).required("location"), "/");
}

/// Wrong passwords count as they do everywhere, whichever way they come.
#[test]
fn guessing_on_the_page_is_locked_out() {
    let server = server();
    let client = server.anonymous();
    for at in 0..10 {
        send(&client, "/-/sign-in", &format!("name=admin&password=wrong+{at}")).expect(401);
    }
    let right = server.admin().get("/v2/");
    assert_eq!(right.status, 401, "the right one is refused for a while, from there");
}

#[test]
fn over_tls_the_cookie_is_bound_to_the_host() {
    let server = setup().arg("--url").arg("https://registry.example.com").start();
    kim_alone(&server);
    let client = server.anonymous();
    let request = client.request("POST", "/-/sign-in").header("Origin", "https://registry.example.com");
    let answer = request.body(format!("name=kim&password={}", PASSWORD.replace(' ', "+"))).send().expect(303);
    let cookie = answer.required("set-cookie");
    assert!(cookie.starts_with("__Host-wharf=") && cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
}

fn kim_alone(server: &Server) {
    let body = json!({ "name": "kim", "password": PASSWORD }).to_string();
    let admin = server.admin();
    admin.request("POST", "/api/v1/users").header("Content-Type", "application/json").body(body).send().expect(201);
}
