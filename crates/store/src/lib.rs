//! Where bytes and facts rest: [`blobs::Blobs`], a heap of immutable bytes without meaning, and [`ledger::Ledger`], the
//! only truth about what they mean.
//!
//! The room knows nothing of HTTP, permissions or policy. Every backend runs the same suite, [`contract`].

pub mod blobs;
pub mod clock;
pub mod contract;
pub mod ids;
pub mod ledger;
pub mod open;
pub mod search;
mod sql;
