//! The commands, one file each.

pub mod admin;
pub mod config;
pub mod serve;

use wharf_server::config::{ConfigError, Resolved, load};

use crate::args::SettingArgs;

/// The settings from flags, environment and file.
fn resolve(args: &SettingArgs) -> Result<Resolved, ConfigError> {
    // What is not text cannot be one of ours.
    let environment =
        std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    load(args.given(), environment, args.config.as_deref())
}
