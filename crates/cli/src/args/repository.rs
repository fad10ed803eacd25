//! `wharf repository`.

use std::path::PathBuf;

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
    /// List what is in a repository, the latest first
    #[command(after_help = "Examples:\n  \
        wharf repository artifacts acme/app\n  \
        wharf repository artifacts acme/app --kind helm-chart -n 1000\n  \
        wharf repository artifacts acme/app --untagged --json")]
    Artifacts {
        /// The repository
        name: RepositoryName,
        /// Only those of this kind, by its name in `wharf kinds list`
        #[arg(long)]
        kind: Option<String>,
        /// Only those that a tag points to
        #[arg(long)]
        tagged: bool,
        /// Only those that no tag points to
        #[arg(long, conflicts_with = "tagged")]
        untagged: bool,
        /// At most so many
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
        limit: usize,
    },
    /// List the tags of a repository with what they point to
    #[command(after_help = "Examples:\n  wharf repository tags acme/app\n  wharf repository tags acme/app --json")]
    Tags {
        /// The repository
        name: RepositoryName,
    },
    /// Show what its people say of a repository, or say it: Markdown, which stands on its page
    #[command(after_help = "Examples:\n  \
        wharf repository overview acme/app\n  \
        wharf repository overview acme/app --set README.md\n  \
        wharf repository overview acme/app --clear")]
    Overview {
        /// The repository
        name: RepositoryName,
        /// Say what is in this file; - for standard input
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
        /// Say nothing any more
        #[arg(long, conflicts_with = "set")]
        clear: bool,
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
