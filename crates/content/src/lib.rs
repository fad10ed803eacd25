//! Bytes on the move: streams between whoever has content and whoever wants it, the ends of a copy, and the one copy that
//! pull, push, relocation and replication share.
//!
//! No HTTP, no SQL.
//!
//! - [`body`]: a stream of bytes
//! - [`source`], [`target`]: the two ends
//! - [`error`]: why something did not arrive

pub mod body;
pub mod error;
pub mod source;
pub mod target;
