//! `wharf cnab`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wharf_model::image_ref::ImageRef;

use super::copy::CopyArgs;
use super::end::{End, ReachArgs};

/// Arguments of `cnab`.
#[derive(Debug, Args)]
pub struct CnabArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CnabCommand,
}

/// The commands under `cnab`.
#[derive(Debug, Subcommand)]
pub enum CnabCommand {
    /// Push a bundle.json with all images that it names, into one repository. Prints the digest
    #[command(
        after_help = "Digests, sizes and media types of images are filled in where bundle.json lacks them; where it states \
        others than there\nare, nothing is pushed without --update.\n\n\
        Examples:\n  \
        wharf cnab push bundle.json registry.example.com/acme/shop:1.0\n  \
        wharf cnab push bundle.json registry.example.com/acme/shop:1.0 --relocation-map relocation-mapping.json"
    )]
    Push(PushCnabArgs),
    /// Pull a bundle: bundle.json, and relocation-mapping.json, which says where its images are
    #[command(after_help = "Examples:\n  \
        wharf cnab pull registry.example.com/acme/shop:1.0\n  \
        wharf cnab pull registry.example.com/acme/shop:1.0 shop")]
    Pull(PullCnabArgs),
    /// Copy a bundle with its images: between registries, folders and archives
    #[command(after_help = "It is `wharf copy` for what is a bundle, and nothing else.\n\n\
        Examples:\n  \
        wharf cnab copy registry.example.com/acme/shop:1.0 registry.internal/acme/shop:1.0\n  \
        wharf cnab copy registry.example.com/acme/shop:1.0 oci-archive:shop.tar")]
    Copy(CopyArgs),
}

/// Arguments of `cnab push`.
#[derive(Debug, Args)]
pub struct PushCnabArgs {
    /// The bundle.json
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to: HOST/REPOSITORY[:TAG]
    #[arg(value_name = "REF")]
    pub target: ImageRef,
    /// Where images are that are not where bundle.json says: a JSON object of references
    #[arg(long, value_name = "FILE")]
    pub relocation_map: Option<PathBuf>,
    /// Write what images are also where bundle.json states otherwise
    #[arg(long)]
    pub update: bool,
    /// Do not try older forms of the manifests where the registry refuses them
    #[arg(long)]
    pub no_fallback: bool,
    /// Leave out what refers to the images: signatures, SBOMs, attestations
    #[arg(long)]
    pub no_referrers: bool,
    /// Print a report as JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Arguments of `cnab pull`.
#[derive(Debug, Args)]
pub struct PullCnabArgs {
    /// What: HOST/REPOSITORY[:TAG|@DIGEST], oci:FOLDER[:TAG], oci-archive:FILE[:TAG]
    #[arg(value_name = "REF")]
    pub source: End,
    /// The folder for both files; made where there is none
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}
