//! `wharf history`, `wharf restore`, `wharf trash` and `wharf purge`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::{NameError, ProjectName, Reference, ReferenceError, RepositoryName, Tag};

use super::remote::RemoteArgs;

/// A name in a registry: `[HOST/]REPOSITORY:TAG` or `[HOST/]REPOSITORY@DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The registry, where one stands before it.
    pub host: Option<String>,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag or digest.
    pub reference: Reference,
}

/// The text is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamedError {
    /// Neither tag nor digest.
    #[error("write [HOST/]REPOSITORY:TAG or [HOST/]REPOSITORY@DIGEST")]
    Form,
    /// A digest where it must be a tag.
    #[error("write [HOST/]REPOSITORY:TAG; only tags have a history")]
    Tag,
    /// The repository.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The tag or digest.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

impl FromStr for Named {
    type Err = NamedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, rest) = split_host(text);
        let (name, reference) = rest.split_once('@').or_else(|| rest.rsplit_once(':')).ok_or(NamedError::Form)?;
        // A tag beside a digest says nothing that the digest does not.
        let is_digest = rest.contains('@');
        let name = if is_digest { name.rsplit_once(':').map_or(name, |(name, _)| name) } else { name };
        let reference: Reference = reference.parse()?;
        if is_digest != matches!(reference, Reference::Digest(_)) {
            return Err(NamedError::Form);
        }
        Ok(Named { host: host.map(str::to_owned), repository: name.parse()?, reference })
    }
}

/// What stands before the first `/` is a registry where it has a `.` or a `:` or is `localhost` (Docker's grammar).
fn split_host(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), rest),
        _ => (None, text),
    }
}

/// A tag in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTag {
    /// The registry, where one stands before it.
    pub host: Option<String>,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
}

impl FromStr for NamedTag {
    type Err = NamedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Named { host, repository, reference } = text.parse()?;
        match reference {
            Reference::Tag(tag) => Ok(NamedTag { host, repository, tag }),
            Reference::Digest(_) => Err(NamedError::Tag),
        }
    }
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The tag: [HOST/]REPOSITORY:TAG
    #[arg(value_name = "REF")]
    pub tag: NamedTag,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Something that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// By its identifier in the trash.
    Id(Id),
    /// A tag.
    Tag(NamedTag),
    /// A manifest.
    Manifest {
        /// The registry, where one stands before it.
        host: Option<String>,
        /// Its repository.
        repository: RepositoryName,
        /// Its digest.
        digest: Digest,
    },
}

impl FromStr for Deleted {
    type Err = NamedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse() {
            return Ok(Deleted::Id(id));
        }
        let Named { host, repository, reference } = text.parse()?;
        Ok(match reference {
            Reference::Tag(tag) => Deleted::Tag(NamedTag { host, repository, tag }),
            Reference::Digest(digest) => Deleted::Manifest { host, repository, digest },
        })
    }
}

impl Deleted {
    /// The registry that stands before it.
    pub fn host(&self) -> Option<&str> {
        match self {
            Deleted::Id(_) => None,
            Deleted::Tag(tag) => tag.host.as_deref(),
            Deleted::Manifest { host, .. } => host.as_deref(),
        }
    }
}

/// What to restore, or to purge.
#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false)]
pub struct WhichArgs {
    /// [HOST/]REPOSITORY:TAG, [HOST/]REPOSITORY@DIGEST, or an identifier of `wharf trash list`
    #[arg(value_name = "WHAT")]
    pub what: Option<Deleted>,
    /// A repository with everything in it
    #[arg(long, value_name = "NAME")]
    pub repository: Option<RepositoryName>,
    /// A project with everything in it
    #[arg(long, value_name = "NAME")]
    pub project: Option<ProjectName>,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// What.
    #[command(flatten)]
    pub which: WhichArgs,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Arguments of `purge`.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// What.
    #[command(flatten)]
    pub which: WhichArgs,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Arguments of `trash`.
#[derive(Debug, Args)]
pub struct TrashArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TrashCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `trash`.
#[derive(Debug, Subcommand)]
pub enum TrashCommand {
    /// List what was deleted and can be restored
    #[command(after_help = "Examples:\n  wharf trash list\n  wharf trash list -p acme --json")]
    List {
        /// Only of this project
        #[arg(short, long)]
        project: Option<ProjectName>,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn names() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let check = |text: &str, expect: Option<(Option<&str>, &str, &str)>| {
            let found = text.parse::<Named>().ok();
            let found = found.map(|named| (named.host, named.repository.to_string(), named.reference.to_string()));
            let owned = |(host, name, reference): (Option<&str>, &str, &str)| {
                (host.map(str::to_owned), name.to_owned(), reference.to_owned())
            };
            assert_eq!(found, expect.map(owned), "{text}");
        };
        check("acme/app:1.0", Some((None, "acme/app", "1.0")));
        check("app:1.0", Some((None, "app", "1.0")));
        check("127.0.0.1:5000/acme/app:1.0", Some((Some("127.0.0.1:5000"), "acme/app", "1.0")));
        check("localhost/app:1.0", Some((Some("localhost"), "app", "1.0")));
        check("registry.example.com/a/b/c:x", Some((Some("registry.example.com"), "a/b/c", "x")));
        check(&format!("acme/app@{digest}"), Some((None, "acme/app", &digest)));
        check(&format!("acme/app:1.0@{digest}"), Some((None, "acme/app", &digest)));
        for wrong in ["", "acme/app", "host:5000/acme/app", "acme/app:", "Acme/app:1", "acme/app@1.0", "acme/app:a b"] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_was_deleted() {
        let id = "0f8e4bb1c9d24f4d8a5b6a7c8d9e0f10";
        assert!(matches!(id.parse(), Ok(Deleted::Id(_))));
        let tag: Deleted = format!("host:5000/{id}:1").parse().expect("a tag");
        assert!(matches!(&tag, Deleted::Tag(tag) if tag.repository.as_str() == id));
        assert_eq!(tag.host(), Some("host:5000"));
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(format!("acme/app@{digest}").parse::<NamedTag>(), Err(NamedError::Tag));
    }
}
