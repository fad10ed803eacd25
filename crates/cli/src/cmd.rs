//! The commands, one file each.

pub mod access;
pub mod admin;
pub mod apply;
pub mod attach;
pub mod blob;
pub mod bundle;
pub mod cat;
pub mod cnab;
pub mod completions;
pub mod config;
pub mod copy;
pub mod diff;
pub mod digest;
pub mod discover;
pub mod event;
pub mod group;
pub mod inspect;
pub mod kinds;
pub mod login;
pub mod ls;
pub mod man;
pub mod manifest;
pub mod member;
pub mod probe;
pub mod project;
pub mod pull;
pub mod push;
pub mod quota;
pub mod repository;
pub mod rm;
pub mod robot;
pub mod role;
pub mod search;
pub mod serve;
pub mod share;
pub mod tag;
pub mod token;
pub mod trash;
pub mod tree;
pub mod user;

use wharf_model::api::access::Binding;
use wharf_model::handle::Handle;
use wharf_server::config::{ConfigError, Resolved, load};

use crate::args::SettingArgs;

/// The settings from flags, environment and file.
fn resolve(args: &SettingArgs) -> Result<Resolved, ConfigError> {
    load(args.given(), std::env::vars_os(), args.config.as_deref())
}

/// Names, one after the other.
fn joined(names: &[Handle]) -> String {
    names.iter().map(Handle::as_str).collect::<Vec<_>>().join(", ")
}

/// Who may pull.
fn access_of(public: bool) -> String {
    if public { "public" } else { "private" }.to_owned()
}

/// What a binding gives: its role, else its permissions.
fn gives(binding: &Binding) -> String {
    binding.role.as_ref().map_or_else(|| binding.permissions.to_string(), ToString::to_string)
}
