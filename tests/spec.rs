//! The Distribution specification, endpoint by endpoint, against the real server.
//!
//! Each test says in its first doc line which section it holds: `spec: SECTION: what`. docs/conformance.md is generated from
//! these lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "spec/authentication.rs"]
mod authentication;
#[path = "spec/blobs.rs"]
mod blobs;
#[path = "spec/deleting.rs"]
mod deleting;
#[path = "spec/errors.rs"]
mod errors;
#[path = "spec/lists.rs"]
mod lists;
#[path = "spec/manifests.rs"]
mod manifests;
#[path = "spec/referrers.rs"]
mod referrers;
#[path = "spec/uploads.rs"]
mod uploads;

use wharf_testkit::server::{Server, Setup};

/// A server as it comes.
fn server() -> Server {
    setup().start()
}

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_wharf"))
}
