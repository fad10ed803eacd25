//! The use cases over a real SQLite ledger, a heap in memory and a clock that is turned by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod caches;
mod faults;
mod followers;
mod gc;
mod house;
mod model;
mod permissions;
mod referrers;
mod uploads;
