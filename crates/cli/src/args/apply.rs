//! `wharf apply` and `wharf export`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::remote::RemoteArgs;

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A file of YAML or JSON, a folder of such files, or - for standard input; several are one document
    #[arg(short, long = "file", value_name = "FILE|FOLDER", required = true)]
    pub files: Vec<PathBuf>,
    /// Only tell what would change; the exit code is 1 where something would
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// What to export.
    #[command(subcommand)]
    pub command: ExportCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `export`.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Print all that is configured, as `wharf apply` reads it; secrets are not in it
    #[command(
        after_help = "Examples:\n  wharf export config > registry.yaml\n  wharf export config --json | jq .projects"
    )]
    Config,
}
