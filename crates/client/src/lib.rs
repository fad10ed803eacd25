//! Speaking to registries over HTTP: whose credentials, which protocol, how often and how long. It prints nothing, and what
//! comes from outside never makes it panic.
//!
//! - [`origin`]: which registry, and whether its address may be spoken to in the clear
//! - [`http`]: one exchange, bounded in time and size, repeated where the other side asks for that
//! - [`credentials`]: the logins that people have, in the files and helpers of Docker and podman
//! - [`auth`]: from a registry's challenge to what answers it
//! - [`registry`], [`remote`]: a registry and one of its repositories, both ends of a copy
//! - [`probe`]: what a registry takes
//! - [`admin`]: typed calls of Wharf's own API
//! - [`error`]: what can go wrong, by what there is to do about it
//!
//! Nothing here is about our own ledger: that is the other side's.

pub mod admin;
pub mod auth;
mod back_off;
pub mod credentials;
mod download;
pub mod error;
pub mod http;
pub mod origin;
pub mod probe;
mod redirect;
pub mod registry;
pub mod remote;
mod upload;
