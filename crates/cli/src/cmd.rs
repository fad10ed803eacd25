//! The commands, one file each.

pub mod admin;
pub mod config;
pub mod serve;

use wharf_server::config::{ConfigError, Resolved, load};

use crate::args::SettingArgs;

/// The settings from flags, environment and file.
fn resolve(args: &SettingArgs) -> Result<Resolved, ConfigError> {
    load(args.given(), std::env::vars_os(), args.config.as_deref())
}
