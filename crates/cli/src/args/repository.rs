//! `wharf repository`.

use clap::{Args, Subcommand};
use wharf_model::name::{ProjectName, RepositoryName};

use super::remote::RemoteArgs;

/// Arguments of `repository`.
#[derive(Debug, Args)]
pub struct RepositoryArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RepositoryCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `repository`.
#[derive(Debug, Subcommand)]
pub enum RepositoryCommand {
    /// List the repositories that one may pull from
    #[command(after_help = "Examples:\n  wharf repository list\n  wharf repository list acme --json")]
    List {
        /// Only those of this project
        project: Option<ProjectName>,
    },
    /// Show a repository
    #[command(after_help = "Examples:\n  wharf repository show acme/app")]
    Show {
        /// The repository
        name: RepositoryName,
    },
    /// Delete a repository with everything in it; it goes to the trash
    #[command(after_help = "Examples:\n  \
        wharf repository delete acme/app\n  \
        wharf repository delete acme/app --yes\n  \
        wharf restore --repository acme/app             takes it out of the trash")]
    Delete {
        /// The repository
        name: RepositoryName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
