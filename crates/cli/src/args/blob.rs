//! `wharf blob`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::end::ReachArgs;
use super::reference::{BlobRef, RepositoryRef};

/// Arguments of `blob`.
#[derive(Debug, Args)]
pub struct BlobArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BlobCommand,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// The commands under `blob`.
#[derive(Debug, Subcommand)]
pub enum BlobCommand {
    /// Fetch a blob and check that it is what its digest says
    #[command(
        after_help = "On standard output, the check comes after the last byte; a file gets its name after it.\n\n\
        Examples:\n  \
        wharf blob get registry.example.com/acme/app@sha256:… -o layer.tar\n  \
        wharf blob get registry.example.com/acme/app@sha256:… | tar -tz"
    )]
    Get {
        /// HOST/REPOSITORY@DIGEST
        #[arg(value_name = "REF")]
        blob: BlobRef,
        /// The file; standard output, unless given
        #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
        output: PathBuf,
        /// Show no progress
        #[arg(short, long)]
        quiet: bool,
    },
    /// Put a blob there, unless it is. Prints its digest
    #[command(after_help = "Examples:\n  \
        wharf blob put registry.example.com/acme/app layer.tar\n  \
        tar -c . | wharf blob put registry.example.com/acme/app")]
    Put {
        /// HOST/REPOSITORY
        #[arg(value_name = "REPOSITORY")]
        repository: RepositoryRef,
        /// The file; standard input, unless given
        #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
        file: PathBuf,
        /// Show no progress
        #[arg(short, long)]
        quiet: bool,
    },
    /// Delete a blob, where the registry does that
    #[command(after_help = "Examples:\n  wharf blob delete registry.example.com/acme/app@sha256:…")]
    Delete {
        /// HOST/REPOSITORY@DIGEST
        #[arg(value_name = "REF")]
        blob: BlobRef,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Tell whether a blob is there, and its size in bytes
    #[command(after_help = "Where it is not there, nothing is printed, and the exit code is 1.\n\n\
        Examples:\n  wharf blob head registry.example.com/acme/app@sha256:…")]
    Head {
        /// HOST/REPOSITORY@DIGEST
        #[arg(value_name = "REF")]
        blob: BlobRef,
    },
}
