//! `wharf token`.

use clap::{Args, Subcommand};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::pattern::Pattern;
use wharf_model::permission::Permissions;
use wharf_model::units::Days;

use super::remote::RemoteArgs;

/// Arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// List one's personal tokens, or another user's
    #[command(after_help = "Examples:\n  wharf token list\n  wharf token list --user kim")]
    List {
        /// Whose; one's own unless given
        #[arg(short, long, value_name = "NAME")]
        user: Option<Handle>,
    },
    /// Make a personal token, to be used in place of the password; it is shown once
    #[command(after_help = "What it is limited to only takes away: it never allows what its user may not do.\n\n\
        Examples:\n  \
        wharf token create laptop --expires 90d\n  \
        wharf token create deploy --permissions pull --repositories 'acme/**'")]
    Create {
        /// What it is for
        name: String,
        /// What it is limited to, separated by commas [default: all that its user may do]
        #[arg(long, value_name = "LIST")]
        permissions: Option<Permissions>,
        /// In which repositories only: a pattern over whole names
        #[arg(long, value_name = "PATTERN", requires = "permissions")]
        repositories: Option<Pattern>,
        /// When it ends [default: never]
        #[arg(long, value_name = "DURATION")]
        expires: Option<Days>,
    },
    /// Delete a token, and end all that came of it
    #[command(after_help = "Examples:\n  wharf token delete 0f8e4bb1c9d24f4d8a5b6a7c8d9e0f10")]
    Delete {
        /// The token's identifier, as `wharf token list` shows it
        id: Id,
        /// Whose; one's own unless given
        #[arg(short, long, value_name = "NAME")]
        user: Option<Handle>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
