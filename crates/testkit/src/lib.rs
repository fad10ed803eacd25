//! What tests share: the real server as a child process, a registry and a client that can misbehave, Debian's registry,
//! fixtures, a private PostgreSQL.
//!
//! For tests only: what goes wrong here panics with a message that says what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this crate is part of tests")]

pub mod distribution;
pub mod faulty;
pub mod fixture;
pub mod fuzz;
pub mod http;
pub mod postgres;
pub mod server;
