//! Bytes on the move: streams between whoever has content and whoever wants it.
//!
//! No HTTP, no SQL. Later rooms of this crate are the two ends of a copy and the copy itself (docs of the project's
//! design); today there is the stream.

pub mod body;
