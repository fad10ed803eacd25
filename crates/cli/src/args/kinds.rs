//! `wharf kinds`: what kinds of artifacts there are, and which one something is.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::reference::LookArgs;

/// Arguments of `kinds`.
#[derive(Debug, Args)]
pub struct KindsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KindsCommand,
    /// A folder with kinds of your own (*.toml), asked before those that come with Wharf
    #[arg(long, value_name = "DIR", global = true)]
    pub kinds: Option<PathBuf>,
}

/// The commands under `kinds`.
#[derive(Debug, Subcommand)]
pub enum KindsCommand {
    /// List the kinds, in the order in which they are asked.
    #[command(after_help = "Examples:\n  wharf kinds list\n  wharf kinds list --category policy --json")]
    List(ListArgs),
    /// Tell all about a kind: its rules, commands and facts, and how it was verified.
    #[command(after_help = "Examples:\n  wharf kinds show helm-chart\n  wharf kinds show acme --kinds ./kinds")]
    Show(ShowArgs),
    /// Tell which kind something is, and which rule decided. Exits with 1 where it is none that is known.
    #[command(after_help = "Examples:\n  \
        wharf kinds test registry.example.com/acme/chart:1.0\n  \
        wharf kinds test oci:folder:1.0 --kinds ./kinds --json")]
    Test(Box<LookArgs>),
    /// Print the page that documents every kind.
    #[command(hide = true)]
    Page,
}

/// Arguments of `kinds list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this category: signature, attestation, sbom, package, policy, …
    #[arg(long, value_name = "CATEGORY")]
    pub category: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `kinds show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// What the kind is called, as in `wharf kinds list`
    #[arg(value_name = "KIND")]
    pub id: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
