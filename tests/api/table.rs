//! Every route against every sort of actor. A route of `/api/v1` that is in the OpenAPI document and has no row fails the
//! test; a route of `/v2` without one does not compile.
//!
//! One letter says how an actor is answered:
//! `+` the work is begun, `-` it is not allowed (403), `?` log in (401), `0` the project is not there (404).

use std::collections::BTreeSet;

use serde_json::json;
use wharf_model::route::Route;
use wharf_testkit::fixture::{Artifact, digest};
use wharf_testkit::http::{Client, Response, basic};
use wharf_testkit::server::{PASSWORD, Server};

use crate::{send, server};

/// In the order of the letters of a row.
const ACTORS: [&str; 15] = [
    "anonymous",
    "reader",
    "contributor",
    "maintainer",
    "owner",
    "administrator",
    "owner of another project",
    "robot",
    "robot for another repository",
    "expired token",
    "disabled owner",
    "owner's token for pulling",
    "owner's bearer token for acme/app",
    "robot of an earlier acme, which was deleted",
    "owner of that acme",
];
/// Those who have nothing in the project: for them it is as if it were not there.
const STRANGERS: [usize; 2] = [6, 14];
const ADMINISTRATOR_AT: usize = 5;

/// A route, the path that is asked where it is not the usual one, a body, and the answers. Bodies are right by their form and
/// lead nowhere, so that nothing changes.
struct Row(&'static str, &'static str, &'static str, &'static str, &'static str);

/// In a row: anonymous, reader, contributor, maintainer, owner, administrator; another's owner, robot, robot for another
/// repository; expired, disabled, limited, bearer, robot and owner of an earlier project.
const ANYBODY: &str = "+++++++++??++?+";
const LOGGED_IN: &str = "?++++++++??+??+";
const ADMINISTRATOR: &str = "?----+---??--?-";
const PROJECT_READ: &str = "?+++++0+-??-??0";
const MAINTAINER: &str = "?--+++0--??-??0";
const OWNER: &str = "?---++0--??-??0";
/// Who may neither make projects nor change this one learns nothing of it.
const PROJECT_WRITE: &str = "?---++---??-??-";
/// What is in the trash of what is or was called so; of it those are shown that may be restored.
const TRASH: &str = "?--+++0--??+??+";
/// Where a bearer token is never asked what it may.
const ADMINISTRATOR_LOGGED_IN: &str = "?----+---??-??-";
/// The administrator, or the owner about themselves: whatever they came with, or not with a limited token.
const ONESELF: &str = "?---++---??+??-";
const ONESELF_UNLIMITED: &str = "?---++---??-??-";
const ONESELF_ONLY: &str = "?---+----??-??-";

const SOMETHING: &str = "00000000000000000000000000000000";
const DIFF: &str = "/api/v1/repositories/acme~app/artifacts/v1/diff?with=v1";
/// Both are there for who may read both.
const DIFF_OF_TWO: &str = "/api/v1/repositories/acme~app/artifacts/v1/diff?with=v1&repository=acme/app";
const ABOUT_ADMIN: &str = "/api/v1/access?subject=user:admin&permission=pull&repository=acme/app";

const API: &[Row] = &[
    Row("get", "/api/v1/openapi.json", "", "", ANYBODY),
    Row("get", "/api/v1/me", "", "", LOGGED_IN),
    Row("get", "/api/v1/access", "/api/v1/access?permission=pull&repository=acme/app", "", LOGGED_IN),
    Row("get", "/api/v1/access", ABOUT_ADMIN, "", MAINTAINER),
    Row("get", "/api/v1/projects", "", "", LOGGED_IN),
    Row("get", "/api/v1/projects/{project}", "", "", PROJECT_READ),
    Row("put", "/api/v1/projects/{project}", "", "{}", PROJECT_WRITE),
    Row("delete", "/api/v1/projects/{project}", "", "", OWNER),
    Row("get", "/api/v1/repositories", "", "", LIST),
    Row("get", "/api/v1/repositories", "/api/v1/repositories?project=acme", "", LIST),
    Row("get", "/api/v1/repositories/{repository}", "", "", PULL),
    Row("delete", "/api/v1/repositories/{repository}", "", "", DELETE),
    Row("get", "/api/v1/catalogue", "", "", ANYBODY),
    Row("get", "/api/v1/repositories/{repository}/overview", "", "", PULL),
    Row("put", "/api/v1/repositories/{repository}/overview", "", r#"{"text":""}"#, PUSH),
    Row("get", "/api/v1/repositories/{repository}/artifacts", "", "", PULL),
    Row("get", "/api/v1/repositories/{repository}/artifacts/{reference}", "", "", PULL),
    Row("get", "/api/v1/repositories/{repository}/artifacts/{reference}/referrers", "", "", PULL),
    Row("get", "/api/v1/repositories/{repository}/tags", "", "", PULL),
    Row("get", "/api/v1/repositories/{repository}/tags/{tag}", "", "", PULL),
    Row("get", "/api/v1/repositories/{repository}/events", "", "", PULL),
    Row("get", "/api/v1/projects/{project}/events", "", "", PROJECT_READ),
    Row("get", "/api/v1/events", "", "", LIST),
    Row("get", "/api/v1/search", "", "", LIST),
    Row("get", "/api/v1/repositories/{repository}/artifacts/{reference}/files", "", "", PULL),
    Row("get", "/api/v1/repositories/{repository}/artifacts/{reference}/file", "", "", PULL),
    Row("get", "/api/v1/repositories/{repository}/artifacts/{reference}/diff", DIFF, "", PULL),
    Row("get", "/api/v1/repositories/{repository}/artifacts/{reference}/diff", DIFF_OF_TWO, "", PULL),
    Row("get", "/api/v1/repositories/{repository}/artifacts/{reference}/archive", "", "", PULL),
    Row("post", "/api/v1/repositories/{repository}/artifacts/{reference}/links", "", r#"{"lives_secs":1}"#, LINK),
    Row("get", "/api/v1/repositories/{repository}/tags/{tag}/history", "", "", PULL),
    Row("post", "/api/v1/repositories/{repository}/tags/{tag}/restore", "", "", DELETE),
    Row("get", "/api/v1/trash", "", "", LOGGED_IN),
    Row("get", "/api/v1/trash", "/api/v1/trash?project=acme", "", TRASH),
    Row("post", "/api/v1/trash/{id}/restore", "", "", LOGGED_IN),
    Row("delete", "/api/v1/trash/{id}", "", "", LOGGED_IN),
    Row("get", "/api/v1/config", "", "", ADMINISTRATOR),
    Row("post", "/api/v1/config", "/api/v1/config?dry_run=true", "{}", ADMINISTRATOR),
    Row("get", "/api/v1/config/schema", "", "", ANYBODY),
    Row("get", "/api/v1/projects/{project}/bindings", "", "", MAINTAINER),
    Row("post", "/api/v1/projects/{project}/bindings", "", r#"{"subject":"user:nobody","role":"reader"}"#, OWNER),
    Row("delete", "/api/v1/projects/{project}/bindings/{binding}", "", "", OWNER),
    Row("get", "/api/v1/bindings", "", "", ADMINISTRATOR),
    Row("post", "/api/v1/bindings", "", r#"{"subject":"user:nobody","role":"reader"}"#, ADMINISTRATOR),
    Row("delete", "/api/v1/bindings/{binding}", "", "", ADMINISTRATOR),
    Row("get", "/api/v1/roles", "", "", LOGGED_IN),
    Row("get", "/api/v1/roles/{role}", "", "", LOGGED_IN),
    Row("put", "/api/v1/roles/{role}", "", r#"{"permissions":["pull"]}"#, ADMINISTRATOR),
    Row("delete", "/api/v1/roles/{role}", "", "", ADMINISTRATOR),
    Row("get", "/api/v1/users", "", "", ADMINISTRATOR),
    Row("post", "/api/v1/users", "", r#"{"name":"admin","password":"short"}"#, ADMINISTRATOR),
    Row("get", "/api/v1/users/{user}", "", "", ADMINISTRATOR_LOGGED_IN),
    Row("get", "/api/v1/users/{user}", "/api/v1/users/owner", "", ONESELF),
    Row("put", "/api/v1/users/{user}", "", "{}", ADMINISTRATOR),
    Row("put", "/api/v1/users/{user}", "/api/v1/users/owner", "{}", ADMINISTRATOR),
    Row("delete", "/api/v1/users/{user}", "", "", ADMINISTRATOR),
    Row("put", "/api/v1/users/{user}/password", "", r#"{"password":"short"}"#, ADMINISTRATOR_LOGGED_IN),
    Row("put", "/api/v1/users/{user}/password", "/api/v1/users/owner/password", r#"{"password":"short"}"#, ONESELF),
    Row("delete", "/api/v1/users/{user}/sessions", "", "", ADMINISTRATOR_LOGGED_IN),
    Row("get", "/api/v1/users/{user}/tokens", "", "", ADMINISTRATOR_LOGGED_IN),
    Row("get", "/api/v1/users/{user}/tokens", "/api/v1/users/owner/tokens", "", ONESELF),
    Row("post", "/api/v1/users/{user}/tokens", "", r#"{"name":"x"}"#, ADMINISTRATOR_LOGGED_IN),
    Row("post", "/api/v1/users/{user}/tokens", "/api/v1/users/owner/tokens", r#"{"name":""}"#, ONESELF_ONLY),
    Row("delete", "/api/v1/users/{user}/tokens/{token}", "", "", ADMINISTRATOR_LOGGED_IN),
    Row("delete", "/api/v1/users/{user}/tokens/{token}", "/api/v1/users/owner/tokens/{token}", "", ONESELF_UNLIMITED),
    Row("get", "/api/v1/kinds", "", "", LOGGED_IN),
    Row("get", "/api/v1/kinds/{kind}", "/api/v1/kinds/helm-chart", "", LOGGED_IN),
    Row("get", "/api/v1/groups", "", "", ADMINISTRATOR),
    Row("get", "/api/v1/groups/{group}", "", "", ADMINISTRATOR),
    Row("put", "/api/v1/groups/{group}", "", r#"{"members":["nobody"]}"#, ADMINISTRATOR),
    Row("delete", "/api/v1/groups/{group}", "", "", ADMINISTRATOR),
    Row("get", "/api/v1/robots", "", "", ADMINISTRATOR),
    Row("post", "/api/v1/robots", "", r#"{"name":"admin","bindings":[]}"#, ADMINISTRATOR),
    Row("get", "/api/v1/robots/{robot}", "", "", ADMINISTRATOR),
    Row("put", "/api/v1/robots/{robot}", "", "{}", ADMINISTRATOR),
    Row("delete", "/api/v1/robots/{robot}", "", "", ADMINISTRATOR),
    Row("post", "/api/v1/robots/{robot}/rotate", "", "{}", ADMINISTRATOR),
    Row("get", "/api/v1/projects/{project}/robots", "", "", MAINTAINER),
    Row("post", "/api/v1/projects/{project}/robots", "", r#"{"name":"ci","bindings":[]}"#, MAINTAINER),
    Row("get", "/api/v1/projects/{project}/robots/{robot}", "", "", MAINTAINER),
    Row("put", "/api/v1/projects/{project}/robots/{robot}", "", "{}", MAINTAINER),
    Row("delete", "/api/v1/projects/{project}/robots/{robot}", "", "", MAINTAINER),
    Row("post", "/api/v1/projects/{project}/robots/{robot}/rotate", "", "{}", MAINTAINER),
];

// Where nobody is told what is missing the stranger is not allowed, here as there.
const ENTER: &str = "?++++++++??++?+";
const LIST: &str = "?++++++++??+??+";
const PULL: &str = "?+++++-+-??++?-";
/// What a token was made for does not last, and a link does.
const LINK: &str = "?+++++-+-??+-?-";
const PUSH: &str = "?-++++-+-??-+?-";
/// What a token was made for does not last, so that another one could help who may delete.
const DELETE: &str = "?--+++---??-??-";

/// The methods of a route, each with its answers.
fn answers(route: &Route) -> &'static [(&'static str, &'static str)] {
    match route {
        Route::Base => &[("GET", ENTER)],
        Route::Catalog => &[("GET", LIST)],
        Route::Manifest(..) => &[("GET", PULL), ("PUT", PUSH), ("DELETE", DELETE)],
        Route::Blob(..) => &[("GET", PULL), ("DELETE", DELETE)],
        Route::Uploads(_) => &[("POST", PUSH)],
        Route::Upload(..) => &[("GET", PUSH), ("PATCH", PUSH), ("PUT", PUSH), ("DELETE", PUSH)],
        Route::Tags(_) | Route::Referrers(..) => &[("GET", PULL)],
    }
}

/// One of each route.
fn routes() -> Vec<Route> {
    let some = digest(b"nothing has these bytes");
    let paths = [
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/acme/app/manifests/none".to_owned(),
        "/v2/acme/app/manifests/v1".to_owned(),
        format!("/v2/acme/app/manifests/{some}"),
        format!("/v2/acme/app/blobs/{some}"),
        "/v2/acme/app/blobs/uploads/".to_owned(),
        "/v2/acme/app/blobs/uploads/x".to_owned(),
        "/v2/acme/app/tags/list".to_owned(),
        format!("/v2/acme/app/referrers/{some}"),
    ];
    paths.iter().map(|path| Route::parse(path).expect("a route")).collect()
}

/// Makes all of them, in the order of [`ACTORS`]. Every user's password is the same.
fn actors(server: &mut Server) -> Vec<Client> {
    let admin = server.admin();
    let secret = |answer: Response| answer.expect(201).json()["secret"].as_str().unwrap().to_owned();
    let robot = |name: &str, given: serde_json::Value| {
        let new = json!({ "name": name, "bindings": [given] });
        secret(send(&admin, "POST", "/api/v1/projects/acme/robots", new))
    };
    let person = |name: &str, role: &str, project: &str| {
        send(&admin, "POST", "/api/v1/users", json!({ "name": name, "password": PASSWORD })).expect(201);
        let given = json!({ "subject": format!("user:{name}"), "role": role });
        send(&admin, "POST", &format!("/api/v1/projects/{project}/bindings"), given).expect(201);
    };
    let bearer = |name: &str, password: &str| {
        let client = Client { address: server.address, authorization: Some(basic(name, password)) };
        let answer = client.get("/token?service=x&scope=repository:acme/app:pull,push").expect(200).json();
        Some(format!("Bearer {}", answer["token"].as_str().unwrap()))
    };
    send(&admin, "PUT", "/api/v1/projects/acme", json!({})).expect(200);
    let earlier = robot("ci", json!({ "role": "maintainer" }));
    person("former", "owner", "acme");
    admin.delete("/api/v1/projects/acme").expect(200);
    for repository in ["acme/app", "othr/app"] {
        Artifact::small(1).push(&admin, repository, "v1");
    }
    for role in ["reader", "contributor", "maintainer", "owner"] {
        person(role, role, "acme");
    }
    person("stranger", "owner", "othr");
    person("disabled", "owner", "acme");
    send(&admin, "PUT", "/api/v1/users/disabled", json!({ "disabled": true })).expect(200);
    let ci = robot("ci", json!({ "role": "contributor" }));
    let lib = robot("lib", json!({ "role": "contributor", "repositories": "acme/lib/**" }));
    let owner = Client { address: server.address, authorization: Some(basic("owner", PASSWORD)) };
    let token = |new: serde_json::Value| secret(send(&owner, "POST", "/api/v1/users/owner/tokens", new));
    let expired = token(json!({ "name": "expired", "days": 1 }));
    let limited = token(json!({ "name": "limited", "limits": [{ "permissions": ["pull"] }] }));
    let of_owner = bearer("owner", PASSWORD);
    expire(server);
    let login = |name: &str, password: &str| Some(basic(name, password));
    let all = [
        None,
        login("reader", PASSWORD),
        login("contributor", PASSWORD),
        login("maintainer", PASSWORD),
        login("owner", PASSWORD),
        login("admin", PASSWORD),
        login("stranger", PASSWORD),
        login("acme+ci", &ci),
        login("acme+lib", &lib),
        login("owner", &expired),
        login("disabled", PASSWORD),
        login("owner", &limited),
        of_owner,
        login("acme+ci", &earlier),
        login("former", PASSWORD),
    ];
    all.into_iter().map(|authorization| Client { address: server.address, authorization }).collect()
}

/// The token called so was made to end in a day: a day goes by.
fn expire(server: &mut Server) {
    server.stop();
    let ledger = rusqlite::Connection::open(server.data.join("ledger.db")).unwrap();
    assert_eq!(ledger.execute("UPDATE secret SET expires_at = 1 WHERE name = 'expired'", []).unwrap(), 1);
    drop(ledger);
    server.restart();
}

fn ask(client: &Client, method: &str, path: &str, body: &str) -> Response {
    let request = client.request(&method.to_uppercase(), path);
    match body {
        "" if method.eq_ignore_ascii_case("get") || method.eq_ignore_ascii_case("delete") => request.send(),
        body => request.header("Content-Type", "application/json").body(body).send(),
    }
}

/// Takes what was deleted out of the trash, as far as its place is free.
fn undo(admin: &Client) {
    for item in admin.get("/api/v1/trash").expect(200).json()["items"].as_array().unwrap() {
        let restored = admin.post(&format!("/api/v1/trash/{}/restore", item["id"].as_str().unwrap()));
        assert!(matches!(restored.status, 200 | 409), "{}", restored.text());
    }
    admin.get("/v2/acme/app/manifests/v1").expect(200);
}

/// The letter for an answer.
fn letter(answer: &Response) -> char {
    match answer.status {
        401 => '?',
        403 => '-',
        404 if answer.code() == "NAME_UNKNOWN" => '0',
        status => {
            assert!(status < 500, "{}", answer.text());
            '+'
        }
    }
}

/// Asks as every actor; what is refused to a stranger must be what is said of a project that is not there.
fn check(actors: &[Client], method: &str, path: &str, body: &str, expect: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut found = String::new();
    for (at, actor) in actors.iter().enumerate() {
        let answer = ask(actor, method, path, body);
        let letter = letter(&answer);
        found.push(letter);
        if letter == '+' && method == "delete" {
            undo(&actors[ADMINISTRATOR_AT]);
        }
        if STRANGERS.contains(&at) && letter != '+' && path.contains("acme") {
            let missing = ask(actor, method, &path.replace("acme", "none"), body);
            let told = (missing.status, missing.text().replace("none", "acme"));
            if (answer.status, answer.text()) != told {
                wrong.push(format!(
                    "{method} {path} tells a stranger {} but of what is missing {told:?}",
                    answer.text()
                ));
            }
        }
    }
    if found != expect {
        let differing =
            ACTORS.iter().zip(found.chars().zip(expect.chars())).filter(|(_, (found, expect))| found != expect);
        let differing: Vec<_> = differing.map(|(actor, (found, _))| format!("{actor}: {found}")).collect();
        wrong.push(format!("{method} {path}: {found}, not {expect}: {}", differing.join(", ")));
    }
    wrong
}

/// The path of a row, with something for each of its parameters.
fn path(row: &Row) -> String {
    let path = if row.2.is_empty() { row.1 } else { row.2 };
    let values = [
        ("binding", SOMETHING),
        ("token", SOMETHING),
        ("id", SOMETHING),
        ("repository", "acme~app"),
        ("tag", "v1"),
        ("reference", "v1"),
        ("role", "reader"),
        ("robot", "nobody"),
        ("user", "nobody"),
        ("group", "nobody"),
        ("project", "acme"),
    ];
    values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
}

#[test]
fn every_route_and_actor() {
    let mut server = server();
    let actors = actors(&mut server);
    let document = server.anonymous().get("/api/v1/openapi.json").expect(200).json();
    let mut missing: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        missing.extend(item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    let mut wrong = Vec::new();
    for row in API {
        missing.remove(&(row.0.to_owned(), row.1.to_owned()));
        wrong.extend(check(&actors, row.0, &path(row), row.3, row.4));
    }
    wrong.extend(missing.iter().map(|(method, path)| format!("{method} {path} has no row")));
    for route in routes() {
        for (method, expect) in answers(&route) {
            wrong.extend(check(&actors, method, &route.to_string(), "", expect));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
