//! The use cases over a real SQLite ledger, a heap in memory and a clock that is turned by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod apply;
mod caches;
mod diff;
mod faults;
mod files;
mod followers;
mod gc;
mod hidden;
mod house;
mod inspect;
mod lists;
mod model;
mod odd;
mod people;
mod permissions;
mod projects;
mod referrers;
mod search;
mod trash;
mod uploads;
