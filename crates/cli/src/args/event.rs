//! `wharf events`.

use clap::Args;
use wharf_model::name::{ProjectName, RepositoryName};

use super::remote::RemoteArgs;

/// Arguments of `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only in this project
    #[arg(short, long)]
    pub project: Option<ProjectName>,
    /// Only in this repository
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "project")]
    pub repository: Option<RepositoryName>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}
