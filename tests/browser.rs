//! The pages in a real browser: nothing is said on its console, nothing is asked of anybody else, axe-core finds nothing that
//! keeps anybody out, nothing scrolls sideways, and who has no mouse comes everywhere. What every page looks like is kept as
//! pictures in `target/screenshots`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "pages/house.rs"]
mod house;
#[path = "browser/journeys.rs"]
mod journeys;
#[path = "browser/walk.rs"]
mod walk;

use wharf_testkit::server::{Server, Setup};

/// A server as it comes.
fn server() -> Server {
    Setup::new(env!("CARGO_BIN_EXE_wharf")).start()
}
