//! `wharf role`.

use clap::{Args, Subcommand};
use wharf_model::handle::Handle;
use wharf_model::permission::Permissions;

use super::remote::{RemoteArgs, permissions};

/// Arguments of `role`.
#[derive(Debug, Args)]
pub struct RoleArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RoleCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `role`.
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// List all roles
    #[command(after_help = "Examples:\n  wharf role list\n  wharf role list --json")]
    List,
    /// Show a role and what it allows
    #[command(after_help = "Examples:\n  wharf role show contributor")]
    Show {
        /// The role
        name: Handle,
    },
    /// Make a role, or change it; that counts at once for all who have it
    #[command(after_help = format!(
        "Examples:\n  wharf role set cleaner --permissions pull,delete,purge --description 'Tidies up'\n\n{}",
        permissions()
    ))]
    Set {
        /// The role
        name: Handle,
        /// All that it allows, separated by commas
        #[arg(long, value_name = "LIST")]
        permissions: Permissions,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Delete a role
    #[command(after_help = "Examples:\n  wharf role delete cleaner --yes")]
    Delete {
        /// The role
        name: Handle,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
