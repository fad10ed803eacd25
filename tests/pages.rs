//! The pages, against the real server: what every one of them says and never says, who sees what, signing in and out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "pages/account.rs"]
mod account;
#[path = "pages/admin.rs"]
mod admin;
#[path = "pages/crawl.rs"]
mod crawl;
#[path = "pages/diff.rs"]
mod diff;
#[path = "pages/house.rs"]
mod house;
#[path = "pages/html.rs"]
mod html;
#[path = "pages/project.rs"]
mod project;
#[path = "pages/push.rs"]
mod push;
#[path = "pages/sign_in.rs"]
mod sign_in;
#[path = "pages/visitor.rs"]
mod visitor;
#[path = "pages/who.rs"]
mod who;

use wharf_testkit::server::{Server, Setup};

/// A server as it comes.
fn server() -> Server {
    setup().start()
}

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_wharf"))
}
