//! `wharf bundle`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::end::{End, ReachArgs};

/// Arguments of `bundle`.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BundleCommand,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// The commands under `bundle`.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Find the images that a folder's YAML names, and write in .imgpkg/images.yml which digest each has now
    #[command(
        after_help = "What somebody wrote into the lock by hand, without the annotation kbld.carvel.dev/id, stays.\n\n\
        Examples:\n  \
        wharf bundle lock deploy\n  \
        wharf bundle lock deploy --check                exits with 1 where a tag has moved, or the YAML names others\n  \
        wharf bundle lock deploy --key proxyImage --skip logo.png"
    )]
    Lock(LockArgs),
    /// Push a folder with its lock as a bundle, which imgpkg reads too. Prints its digest
    #[command(
        after_help = "What the lock lacks is locked first; what it has stays as it is. The images stay where they are: \
        `wharf copy --bundle`\nmoves them.\n\n\
        Examples:\n  \
        wharf bundle push deploy registry.example.com/acme/deploy:1.0\n  \
        wharf bundle push deploy registry.example.com/acme/deploy:1.0 --lock-output bundle.lock.yml"
    )]
    Push(PushBundleArgs),
    /// Pull a bundle into a folder. Its lock names the images beside it, where they came with it. Prints its digest
    #[command(after_help = "Examples:\n  \
        wharf bundle pull registry.internal/acme/deploy:1.0 deploy\n  \
        wharf bundle pull registry.internal/acme/deploy:1.0 deploy --recursive\n  \
        wharf bundle resolve deploy | kubectl apply -f -")]
    Pull(PullBundleArgs),
    /// Print a folder's YAML with the locked images in place of what it names
    #[command(after_help = "Examples:\n  \
        wharf bundle resolve deploy | kubectl apply -f -\n  \
        wharf bundle resolve deploy > deploy.yaml")]
    Resolve(ResolveArgs),
    /// List the images of a bundle, and of the bundles in it, with where they are
    #[command(after_help = "Examples:\n  \
        wharf bundle images registry.example.com/acme/deploy:1.0\n  \
        wharf bundle images oci-archive:deploy.tar --json")]
    Images(ImagesArgs),
}

/// What of a folder's YAML is read.
#[derive(Clone, Debug, Default, Args)]
pub struct ScanArgs {
    /// A key that stands before references to images, beside `image`; can be repeated
    #[arg(long = "key", value_name = "KEY", help_heading = "YAML")]
    pub keys: Vec<String>,
    /// A value there that is no reference, as it is written; can be repeated
    #[arg(long = "skip", value_name = "VALUE", help_heading = "YAML")]
    pub skip: Vec<String>,
    /// Leave out what matches, in the syntax of .gitignore; also read from .wharfignore files
    #[arg(short = 'x', long, value_name = "PATTERN", help_heading = "YAML")]
    pub exclude: Vec<String>,
}

/// Arguments of `bundle lock`.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Write nothing; tell what has changed, and exit with 1 where anything has
    #[arg(long)]
    pub check: bool,
    /// Print the lock as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
    /// What is read.
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// Arguments of `bundle push`.
#[derive(Debug, Args)]
pub struct PushBundleArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Where to: HOST/REPOSITORY[:TAG], oci:FOLDER[:TAG]
    #[arg(value_name = "REF")]
    pub target: End,
    /// Push the lock as it is, without a look at the YAML
    #[arg(long)]
    pub as_is: bool,
    /// Write which bundle it became to this file, as `imgpkg pull --lock` reads it
    #[arg(long, value_name = "FILE")]
    pub lock_output: Option<PathBuf>,
    /// Send it although some of it looks like a credential
    #[arg(long)]
    pub allow_secrets: bool,
    /// Print a report as JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// What is read.
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// Arguments of `bundle pull`.
#[derive(Debug, Args)]
pub struct PullBundleArgs {
    /// What: HOST/REPOSITORY[:TAG|@DIGEST], oci:FOLDER[:TAG], oci-archive:FILE[:TAG]
    #[arg(value_name = "REF")]
    pub source: End,
    /// Where to; made where there is none
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Also the bundles in it, into .imgpkg/bundles
    #[arg(long)]
    pub recursive: bool,
    /// Print a report as JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
}

/// Arguments of `bundle resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// What is read.
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// Arguments of `bundle images`.
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// What: HOST/REPOSITORY[:TAG|@DIGEST], oci:FOLDER[:TAG], oci-archive:FILE[:TAG]
    #[arg(value_name = "REF")]
    pub source: End,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
