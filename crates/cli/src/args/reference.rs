//! Commands about what references name: `digest`, `inspect`, `tree`, `discover`, `tag`, `rm`, `ls`.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use wharf_content::platform::Platform;
use wharf_model::digest::Digest;
use wharf_model::image_ref::{ImageRef, ImageRefError};
use wharf_model::name::{RepositoryName, Tag};

use super::end::{End, EndError, ReachArgs};
use super::inside::FileRef;

/// A reference whose tag or digest is written: what is meant by nothing is no good where something is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact(pub ImageRef);

/// A blob in a repository: `HOST/REPOSITORY@DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRef {
    /// The registry.
    pub host: String,
    /// The repository.
    pub repository: RepositoryName,
    /// The blob.
    pub digest: Digest,
}

/// A repository in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryRef {
    /// The registry.
    pub host: String,
    /// The repository.
    pub repository: RepositoryName,
}

/// The text is no such reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExactError {
    /// Neither tag nor digest.
    #[error("say which, by :TAG or @DIGEST")]
    Which,
    /// No digest.
    #[error("write HOST/REPOSITORY@DIGEST; blobs have no tags")]
    Blob,
    /// It is none at all.
    #[error(transparent)]
    Image(#[from] ImageRefError),
}

impl FromStr for Exact {
    type Err = ExactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let image: ImageRef = text.parse()?;
        if ImageRef::parse_repository(text).is_ok() { Err(ExactError::Which) } else { Ok(Exact(image)) }
    }
}

impl FromStr for BlobRef {
    type Err = ExactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ImageRef { host, repository, digest, .. } = text.parse()?;
        Ok(BlobRef { host, repository, digest: digest.ok_or(ExactError::Blob)? })
    }
}

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.host, self.repository, self.digest)
    }
}

impl FromStr for RepositoryRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, repository) = ImageRef::parse_repository(text)?;
        Ok(RepositoryRef { host, repository })
    }
}

/// What `ls` lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The repositories of a registry.
    Registry(String),
    /// The tags of a repository, a folder or an archive.
    Tags(End),
    /// What is inside of an image or an artifact.
    Files(FileRef),
}

/// The text names nothing that is listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListedError {
    /// It names one thing, and no path in it.
    #[error("to list tags, leave tag and digest out; to list files, write :/ behind it")]
    One,
    /// It is none at all.
    #[error(transparent)]
    End(#[from] EndError),
}

impl FromStr for Listed {
    type Err = ListedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((end, path)) = FileRef::split(text) {
            return Ok(Listed::Files(FileRef { end: end.parse()?, path: path.to_owned() }));
        }
        let name = text.strip_suffix('/').unwrap_or(text);
        // A name alone is a repository of Docker Hub, unless it can only be a host.
        if !name.contains('/') && (name.contains(['.', ':']) || name == "localhost") && !is_file(name) {
            return Ok(Listed::Registry(name.to_owned()));
        }
        let end: End = text.parse()?;
        if let End::Registry(_) = end {
            ImageRef::parse_repository(text.strip_prefix("docker://").unwrap_or(text)).map_err(|_| ListedError::One)?;
        }
        Ok(Listed::Tags(end))
    }
}

fn is_file(text: &str) -> bool {
    ["oci:", "oci-archive:", "docker-archive:"].iter().any(|prefix| text.starts_with(prefix))
}

/// Something to be looked at.
#[derive(Debug, Args)]
pub struct LookArgs {
    /// HOST/REPOSITORY:TAG or @DIGEST, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]
    #[arg(value_name = "REF")]
    pub end: End,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Arguments of `digest`.
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// What.
    #[command(flatten)]
    pub look: LookArgs,
    /// Of an index, the image for this platform: OS/ARCH[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// What.
    #[command(flatten)]
    pub look: LookArgs,
    /// Of an index, the image for this platform: OS/ARCH[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Print the manifest, byte for byte
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// Read no more than the manifest and, where that tells what kind of thing it is, the config
    #[arg(long, conflicts_with = "raw")]
    pub no_facts: bool,
}

/// Arguments of `discover`.
#[derive(Debug, Args)]
pub struct DiscoverArgs {
    /// What.
    #[command(flatten)]
    pub look: LookArgs,
    /// Only artifacts of this type
    #[arg(long, value_name = "TYPE")]
    pub artifact_type: Option<String>,
}

/// Arguments of `tag`.
#[derive(Debug, Args)]
pub struct TagArgs {
    /// What gets the tags: HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST
    #[arg(value_name = "REF")]
    pub image: ImageRef,
    /// The tags
    #[arg(value_name = "TAG", required = true)]
    pub tags: Vec<Tag>,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Arguments of `rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// What is deleted: HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST
    #[arg(value_name = "REF", required = true)]
    pub images: Vec<Exact>,
    /// Only the tag, not what it points to
    #[arg(long)]
    pub tag_only: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Arguments of `ls`.
#[derive(Debug, Args)]
pub struct LsArgs {
    /// A registry, whose repositories are listed; a repository, a folder (oci:DIR) or an archive (oci-archive:FILE), whose tags
    /// are; or REF:/PATH, where the files inside of an image or artifact are [default: 127.0.0.1:5000]
    #[arg(value_name = "HOST|HOST/REPOSITORY|REF:/PATH", env = "WHARF_REGISTRY", hide_env_values = true)]
    pub what: Option<Listed>,
    /// Of files, also mode, owner, size and time
    #[arg(short, long)]
    pub long: bool,
    /// Of files, also those in folders below
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Files of the image for this platform, of an index: OS/ARCH[/VARIANT] [default: that of this machine]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn what_is_deleted_is_written() {
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!("acme/app".parse::<Exact>(), Err(ExactError::Which));
        assert!("acme/app:latest".parse::<Exact>().is_ok() && format!("r.io/app@{digest}").parse::<Exact>().is_ok());
        assert_eq!("acme/app:1".parse::<BlobRef>(), Err(ExactError::Blob));
        assert!(format!("acme/app@{digest}").parse::<BlobRef>().is_ok());
    }

    #[test]
    fn what_is_listed() {
        let host = |text: &str| match text.parse::<Listed>() {
            Ok(Listed::Registry(host)) => Some(host),
            _ => None,
        };
        assert_eq!(host("localhost:5000").as_deref(), Some("localhost:5000"));
        assert_eq!(host("registry.example.com/").as_deref(), Some("registry.example.com"));
        assert_eq!(host("localhost").as_deref(), Some("localhost"));
        for text in ["nginx", "acme/app", "localhost:5000/acme/app", "oci:folder", "oci-archive:a.tar"] {
            assert!(matches!(text.parse(), Ok(Listed::Tags(_))), "{text}");
        }
        assert_eq!("localhost:5000/acme/app:1.0".parse::<Listed>(), Err(ListedError::One));
        assert!(matches!("localhost:5000/acme/app:1.0:/etc".parse(), Ok(Listed::Files(_))));
        assert!("https://registry.example.com".parse::<Listed>().is_err());
    }
}
