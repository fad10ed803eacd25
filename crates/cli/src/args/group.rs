//! `wharf group`.

use clap::{Args, Subcommand};
use wharf_model::handle::Handle;

use super::remote::RemoteArgs;

/// Arguments of `group`.
#[derive(Debug, Args)]
pub struct GroupArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GroupCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `group`.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List all groups
    #[command(after_help = "Examples:\n  wharf group list\n  wharf group list --json")]
    List,
    /// Show a group and who is in it
    #[command(after_help = "Examples:\n  wharf group show devs")]
    Show {
        /// The group
        name: Handle,
    },
    /// Make a group, or change it
    #[command(after_help = "Examples:\n  \
        wharf group set devs --description 'All developers' --add kim,lee\n  \
        wharf group set devs --remove kim\n  \
        wharf group set devs --members lee,pat          exactly these")]
    Set {
        /// The group
        name: Handle,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Users to take in
        #[arg(long, value_name = "USERS", value_delimiter = ',')]
        add: Vec<Handle>,
        /// Users to take out
        #[arg(long, value_name = "USERS", value_delimiter = ',')]
        remove: Vec<Handle>,
        /// All who are in it from now on
        #[arg(long, value_name = "USERS", value_delimiter = ',', conflicts_with_all = ["add", "remove"])]
        members: Option<Vec<Handle>>,
    },
    /// Delete a group, with all that is bound to it
    #[command(after_help = "Examples:\n  wharf group delete devs --yes")]
    Delete {
        /// The group
        name: Handle,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
