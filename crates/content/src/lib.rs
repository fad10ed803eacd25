//! Bytes on the move: streams between whoever has content and whoever wants it, the ends of a copy, and the one copy that
//! pull, push, relocation and replication share.
//!
//! No HTTP, no SQL.
//!
//! - [`body`]: a stream of bytes; [`verify`]: one that checks what it is
//! - [`source`], [`target`]: the two ends; [`memory`]: one of each in memory; [`layout`]: a folder; [`archive`]: a tar
//! - [`abilities`]: what targets are known to take, and what of an artifact needs which of it
//! - [`copy`]: from one to the other; [`platform`]: of which platforms; [`observer`]: who hears of it
//! - [`relocate`]: something with all the images that it locks, by that copy
//! - [`error`]: why something did not arrive

pub mod abilities;
pub mod archive;
pub mod body;
pub mod copy;
pub mod error;
pub mod layout;
pub mod memory;
pub mod observer;
pub mod platform;
pub mod relocate;
pub mod source;
pub mod target;
pub mod verify;
