//! `wharf manifest`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wharf_content::platform::Platform;
use wharf_model::image_ref::ImageRef;
use wharf_model::media::MediaType;

use super::end::{End, ReachArgs};
use super::reference::Exact;

/// Arguments of `manifest`.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ManifestCommand,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// The commands under `manifest`.
#[derive(Debug, Subcommand)]
pub enum ManifestCommand {
    /// Print a manifest, byte for byte
    #[command(after_help = "Examples:\n  \
        wharf manifest get registry.example.com/acme/app:1.0\n  \
        wharf manifest get registry.example.com/acme/app:1.0 --platform linux/arm64 | jq .layers")]
    Get {
        /// HOST/REPOSITORY:TAG or @DIGEST, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]
        #[arg(value_name = "REF")]
        end: End,
        /// Of an index, the image for this platform: OS/ARCH[/VARIANT]
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<Platform>,
    },
    /// Put a manifest as it is; what it names must be there. Prints its digest
    #[command(after_help = "Examples:\n  \
        wharf manifest put registry.example.com/acme/app:1.0 manifest.json\n  \
        wharf manifest get a.example.com/app:1 | wharf manifest put b.example.com/app:1")]
    Put {
        /// HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST
        #[arg(value_name = "REF")]
        image: ImageRef,
        /// The file; standard input, unless given
        #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
        file: PathBuf,
        /// What it is, where it does not say so itself
        #[arg(long, value_name = "TYPE")]
        media_type: Option<MediaType>,
    },
    /// Delete a manifest by its digest with all its tags, or one tag
    #[command(after_help = "Examples:\n  \
        wharf manifest delete registry.example.com/acme/app@sha256:…\n  \
        wharf manifest delete registry.example.com/acme/app:1.0 --yes")]
    Delete {
        /// HOST/REPOSITORY@DIGEST or HOST/REPOSITORY:TAG
        #[arg(value_name = "REF")]
        image: Exact,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
