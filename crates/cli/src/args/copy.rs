//! `wharf copy`.

use clap::Args;
use wharf_content::platform::Platform;
use wharf_model::pattern::Pattern;

use super::end::{End, ReachArgs};

/// Arguments of `copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// What is copied: HOST/REPOSITORY:TAG, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]
    #[arg(value_name = "SRC")]
    pub from: End,
    /// Where to, in the same forms; folders and archives without a tag take over that of SRC
    #[arg(value_name = "DST")]
    pub to: End,
    /// Of an index, only what is for this platform, as OS/ARCH[/VARIANT]; can be repeated. The index keeps its digest, and
    /// names more than is there
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// With one --platform: the image alone, without the index
    #[arg(long, requires = "platform")]
    pub single: bool,
    /// All tags of the repository SRC, under the same names in the repository DST
    #[arg(long)]
    pub all_tags: bool,
    /// The same with tags that match: * stands for any characters; can be repeated
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', conflicts_with = "all_tags")]
    pub tags: Vec<Pattern>,
    /// SRC is a bundle, of `wharf bundle` or imgpkg: with all images that it and the bundles in it lock, into one place
    #[arg(long, conflicts_with_all = ["all_tags", "tags", "single"])]
    pub bundle: bool,
    /// Leave out what refers to it: signatures, SBOMs, attestations
    #[arg(long)]
    pub no_referrers: bool,
    /// Also layers that may be had elsewhere; SRC must have them
    #[arg(long)]
    pub foreign_layers: bool,
    /// Ask for every blob, also where the registry has the manifest
    #[arg(long)]
    pub thorough: bool,
    /// Tell what would be copied, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}
