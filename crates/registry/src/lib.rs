//! What our registry does: the use cases, who may do them, and what happens afterwards.
//!
//! No HTTP server, no SQL, no printing. A front end turns a request into an [`access::Access`] by
//! [`registry::Registry::authorise`] — the only door — and calls one use case with it. Everything slow reads the ledger's
//! log ([`followers`]) or works off its jobs ([`jobs`]); no use case waits for it.

pub mod access;
pub mod actor;
pub mod cache;
pub mod delete;
pub mod error;
pub mod followers;
pub mod gc;
pub mod identity;
pub mod jobs;
pub mod project;
pub mod pull;
pub mod push;
pub mod referrers;
pub mod registry;
pub mod rights;
pub mod secret;
pub mod upload;
