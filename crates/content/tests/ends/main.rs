//! Copies between the ends that are in this room: memory, folders and archives; and by skopeo, where it meets them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod archives;
mod choice;
mod faults;
mod folders;
mod graphs;
mod random;
mod relocations;
mod skopeo;
