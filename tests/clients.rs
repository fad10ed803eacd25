//! Real clients against the real server, over HTTP, with login: skopeo, podman, buildah, containerd's `ctr`, Docker and curl;
//! what `wharf push` makes, as they read it; and what other tools make, as `wharf inspect` tells of it.
//!
//! The server's challenge asks for Bearer, so all of them go through the token service. They run in a sandbox
//! each ([`sandbox`]), with files, mounts and processes of their own that vanish with the test. What the server was asked is
//! read from its access log ([`requests`]), because a client that falls back to something slower says nothing.
//!
//! These are not tests of every corner (tests/spec.rs is), but of what those clients really send.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "clients/buildah.rs"]
mod buildah;
#[path = "clients/containerd.rs"]
mod containerd;
#[path = "clients/curl.rs"]
mod curl;
#[path = "clients/docker.rs"]
mod docker;
#[path = "clients/folders.rs"]
mod folders;
#[path = "clients/images.rs"]
mod images;
#[path = "clients/made.rs"]
mod made;
#[path = "clients/podman.rs"]
mod podman;
#[path = "clients/proxy.rs"]
mod proxy;
#[path = "clients/reach.rs"]
mod reach;
#[path = "clients/requests.rs"]
mod requests;
#[path = "clients/sandbox.rs"]
mod sandbox;
#[path = "clients/skopeo.rs"]
mod skopeo;
#[path = "clients/tls.rs"]
mod tls;
#[path = "clients/trees.rs"]
mod trees;

use wharf_testkit::http::{Client, Response, basic};
use wharf_testkit::server::{Server, Setup};

/// A server as it comes, which logs each request.
fn server() -> Server {
    setup().start()
}

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_wharf")).env("WHARF_LOG__ACCESS", "true").env("WHARF_LOG__FORMAT", "json")
}

/// Makes the user kim with a token that leaves only pulling, and the robot acme+ci that may push to acme/app; their names
/// and secrets.
#[track_caller]
fn token_and_robot(server: &Server) -> [(&'static str, String); 2] {
    let admin = server.admin();
    let send = |client: &Client, method: &str, path: &str, body: &str| {
        client.request(method, path).header("Content-Type", "application/json").body(body).send()
    };
    let secret = |answer: Response| answer.expect(201).json()["secret"].as_str().unwrap().to_owned();
    send(&admin, "PUT", "/api/v1/projects/acme", "{}").expect(200);
    let password = secret(send(&admin, "POST", "/api/v1/users", r#"{"name": "kim"}"#));
    let bound = r#"{"subject": "user:kim", "role": "owner"}"#;
    send(&admin, "POST", "/api/v1/projects/acme/bindings", bound).expect(201);
    let kim = Client { address: server.address, authorization: Some(basic("kim", &password)) };
    let token = r#"{"name": "laptop", "limits": [{"permissions": ["pull"], "repositories": "acme/**"}], "days": 1}"#;
    let robot = r#"{"name": "ci", "bindings": [{"role": "contributor", "repositories": "acme/app"}]}"#;
    [
        ("kim", secret(send(&kim, "POST", "/api/v1/users/kim/tokens", token))),
        ("acme+ci", secret(send(&kim, "POST", "/api/v1/projects/acme/robots", robot))),
    ]
}

/// Lets anybody pull from a project.
#[track_caller]
fn publish(client: &Client, project: &str) {
    let target = format!("/api/v1/projects/{project}");
    client.put(&target, "application/json", r#"{"public": true}"#).expect(200);
}
