//! What our registry does: the use cases, who may do them, and what happens afterwards.
//!
//! No HTTP server, no SQL, no printing. A front end turns a request into an [`access::Access`] by
//! [`registry::Registry::authorise`] — the only door — and calls one use case with it. Everything slow reads the ledger's
//! log ([`followers`]) or works off its jobs ([`jobs`]); no use case waits for it.

pub mod access;
pub mod actor;
pub mod apply;
pub mod artifacts;
pub mod bindings;
pub mod cache;
mod cursor;
pub mod delete;
pub mod diff;
pub mod error;
pub mod events;
pub mod explain;
pub mod files;
pub mod followers;
pub mod front;
pub mod gc;
mod giving;
pub mod groups;
pub mod history;
pub mod identity;
pub mod inspect;
pub mod jobs;
pub mod links;
pub mod overview;
pub mod people;
pub mod project;
pub mod pull;
pub mod push;
pub mod referrers;
pub mod registry;
pub mod repositories;
pub mod rights;
pub mod robots;
pub mod roles;
pub mod search;
pub mod secret;
pub mod tags;
pub mod tokens;
pub mod trash;
pub mod upload;
pub mod users;
