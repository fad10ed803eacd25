//! The nouns of the OCI specifications and of Wharf's own API: digests, names, descriptors, manifests, routes, error
//! codes, limits.
//!
//! Everything here is pure: it parses, prints and checks, and is the same for server, client and tests. No files, no
//! sockets, no clock, no runtime. *Parse, don't validate*: what leaves this crate as a [`name::RepositoryName`] or a
//! [`digest::Digest`] is well-formed, so no room below the edge handles a raw `&str` name.

pub mod api;
pub mod code;
pub mod descriptor;
pub mod digest;
pub mod handle;
pub mod id;
pub mod image_ref;
pub mod limits;
pub mod manifest;
pub mod media;
pub mod name;
pub mod page;
pub mod pattern;
pub mod permission;
pub mod range;
pub mod route;
pub mod scope;
pub mod search;
pub mod tag_order;
pub mod units;
