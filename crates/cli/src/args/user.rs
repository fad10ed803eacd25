//! `wharf user`.

use clap::{Args, Subcommand};
use wharf_model::handle::Handle;

use super::remote::RemoteArgs;

/// Arguments of `user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `user`.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List all users
    #[command(after_help = "Examples:\n  wharf user list\n  wharf user list --json")]
    List,
    /// Show a user
    #[command(after_help = "Examples:\n  wharf user show kim")]
    Show {
        /// The user
        name: Handle,
    },
    /// Make a user; a random password is made, and shown once, unless one is given
    #[command(after_help = "Examples:\n  \
        wharf user create kim --description 'Kim, team web'\n  \
        wharf user create kim --password-stdin < file")]
    Create {
        /// What the user logs in as
        name: Handle,
        /// For people to read
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        description: String,
        /// Read the password from standard input, up to the end of the line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change what is said about a user
    #[command(after_help = "Examples:\n  wharf user set kim --description 'Kim, team core'")]
    Set {
        /// The user
        name: Handle,
        /// For people to read
        #[arg(long, value_name = "TEXT")]
        description: String,
    },
    /// Refuse the user's logins from now on; all that was issued to the user ends at once
    #[command(after_help = "Examples:\n  wharf user disable kim")]
    Disable {
        /// The user
        name: Handle,
    },
    /// Let a disabled user log in again
    #[command(after_help = "Examples:\n  wharf user enable kim")]
    Enable {
        /// The user
        name: Handle,
    },
    /// Set a password; all that was issued for the old one ends
    #[command(
        after_help = "One's own needs the one that is in force, which is asked for, or taken from the login.\n\n\
        Examples:\n  \
        wharf user password                             one's own\n  \
        wharf user password kim --password-stdin < file"
    )]
    Password {
        /// The user; oneself unless given
        name: Option<Handle>,
        /// Read the new password from standard input, up to the end of the line
        #[arg(long)]
        password_stdin: bool,
    },
    /// End what was issued to a user: bearer and refresh tokens of clients that are logged in
    #[command(after_help = "Personal tokens stay; `wharf token delete` takes those away.\n\n\
        Examples:\n  wharf user sign-out kim")]
    SignOut {
        /// The user
        name: Handle,
    },
    /// Delete a user, with its tokens and all that is bound to it
    #[command(after_help = "Examples:\n  wharf user delete kim\n  wharf user delete kim --yes")]
    Delete {
        /// The user
        name: Handle,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
