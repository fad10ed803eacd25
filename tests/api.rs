//! Wharf's own API, `/api/v1`, against the real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "api/artifacts.rs"]
mod artifacts;
#[path = "api/diff.rs"]
mod diff;
#[path = "api/events.rs"]
mod events;
#[path = "api/files.rs"]
mod files;
#[path = "api/front.rs"]
mod front;
#[path = "api/kinds.rs"]
mod kinds;
#[path = "api/people.rs"]
mod people;
#[path = "api/projects.rs"]
mod projects;
#[path = "api/search.rs"]
mod search;
#[path = "api/table.rs"]
mod table;
#[path = "api/trash.rs"]
mod trash;

use serde_json::Value;
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::{Server, Setup};

/// A server as it comes.
fn server() -> Server {
    setup().start()
}

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_wharf"))
}

/// A request with a JSON body.
fn send(client: &Client, method: &str, path: &str, body: Value) -> Response {
    client.request(method, path).header("Content-Type", "application/json").body(body.to_string()).send()
}
