//! `wharf access`.

use clap::{Args, Subcommand};
use wharf_model::api::access::Bound;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::permission::Permission;

use super::remote::{RemoteArgs, permissions, subject};

/// Arguments of `access`.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AccessCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `access`.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Say whether somebody may do something, and why; exits with 1 where not
    #[command(after_help = format!(
        "Examples:\n  \
        wharf access explain kim push acme/app\n  \
        wharf access explain acme+ci pull acme/app/web\n  \
        wharf access explain kim member:write -p acme\n  \
        wharf access explain group:ops user:write       in the system\n\n{}",
        permissions()
    ))]
    Explain {
        /// Who: user:NAME, group:NAME or robot:NAME; a name alone is a user's
        #[arg(value_name = "USER", value_parser = subject)]
        subject: Bound,
        /// What: a permission
        #[arg(value_name = "ACTION")]
        permission: Permission,
        /// In which repository
        #[arg(value_name = "REPO")]
        repository: Option<RepositoryName>,
        /// In which project, where it is about no repository
        #[arg(short, long, conflicts_with = "repository")]
        project: Option<ProjectName>,
    },
}
