//! What people write for one end of a copy, and how the registries in it are reached.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use wharf_model::image_ref::{ImageRef, ImageRefError};
use wharf_model::name::{Reference, ReferenceError, Tag};

use super::remote::TlsArgs;

/// How registries are reached that references name.
#[derive(Clone, Debug, Default, Args)]
pub struct ReachArgs {
    /// Speak to registries in the clear, also where they are not this machine; =false: with TLS, also where they are
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        global = true,
        help_heading = "Registry"
    )]
    pub plain_http: Option<bool>,
    /// Whom to trust, and who we are.
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// `HOST/REPOSITORY:TAG`, as Docker writes it.
    Registry(ImageRef),
    /// `oci:DIR[:TAG]`: a folder.
    Layout(Place),
    /// `oci-archive:FILE[:TAG]`: the same in a tar.
    OciArchive(Place),
    /// `docker-archive:FILE[:REF]`: what `docker save` writes.
    DockerArchive(PathBuf, Option<ImageRef>),
}

/// Something in a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder or file.
    pub path: PathBuf,
    /// What is meant of it; nothing where there is only one thing.
    pub reference: Option<Reference>,
}

/// The text is no end of a copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// There is a prefix, and nothing after it.
    #[error("{0}: is followed by the path of a file or a folder")]
    Path(&'static str),
    /// What comes after the path.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// It has no prefix.
    #[error(transparent)]
    Image(#[from] ImageRefError),
}

impl FromStr for End {
    type Err = EndError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("oci:") {
            return Ok(End::Layout(place("oci", rest)?));
        }
        if let Some(rest) = text.strip_prefix("oci-archive:") {
            return Ok(End::OciArchive(place("oci-archive", rest)?));
        }
        let Some(rest) = text.strip_prefix("docker-archive:") else {
            return Ok(End::Registry(text.strip_prefix("docker://").unwrap_or(text).parse()?));
        };
        let (path, image) = rest.split_once(':').map_or((rest, None), |(path, image)| (path, Some(image)));
        if path.is_empty() {
            return Err(EndError::Path("docker-archive"));
        }
        Ok(End::DockerArchive(path.into(), image.map(str::parse).transpose()?))
    }
}

/// A path, and a tag or a digest behind it. A colon before a slash belongs to the path.
fn place(prefix: &'static str, rest: &str) -> Result<Place, EndError> {
    let (path, reference) = match (rest.split_once('@'), rest.rsplit_once(':')) {
        (Some((path, digest)), _) if !digest.contains('/') => (path, Some(digest)),
        (_, Some((path, tag))) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    if path.is_empty() {
        return Err(EndError::Path(prefix));
    }
    Ok(Place { path: path.into(), reference: reference.map(str::parse).transpose()? })
}

impl End {
    /// The repository, folder or file, without what is meant of it.
    pub fn place(&self) -> String {
        match self {
            End::Registry(image) => format!("{}/{}", image.host, image.repository),
            End::Layout(place) | End::OciArchive(place) => place.path.display().to_string(),
            End::DockerArchive(path, _) => path.display().to_string(),
        }
    }

    /// The tag that it names; none where there is a digest.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            End::Registry(image) => image.tag.clone().filter(|_| image.digest.is_none()),
            End::Layout(place) | End::OciArchive(place) => match &place.reference {
                Some(Reference::Tag(tag)) => Some(tag.clone()),
                _ => None,
            },
            End::DockerArchive(_, image) => image.as_ref().and_then(|image| image.tag.clone()),
        }
    }
}

/// As it is written, with all that was left out.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, place) = match self {
            End::Registry(image) => return image.fmt(f),
            End::DockerArchive(path, image) => {
                write!(f, "docker-archive:{}", path.display())?;
                return image.iter().try_for_each(|image| write!(f, ":{image}"));
            }
            End::Layout(place) => ("oci", place),
            End::OciArchive(place) => ("oci-archive", place),
        };
        write!(f, "{prefix}:{}", place.path.display())?;
        match &place.reference {
            Some(Reference::Tag(tag)) => write!(f, ":{tag}"),
            Some(Reference::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn ends() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let check = |text: &str, expect: &str| {
            let found: End = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(found.to_string(), expect);
            assert_eq!(expect.parse(), Ok(found), "what is printed means the same");
        };
        check("nginx", "docker.io/library/nginx:latest");
        check("docker://localhost:5000/acme/app", "localhost:5000/acme/app:latest");
        check("oci:folder", "oci:folder");
        check("oci:./a/b:1.0", "oci:./a/b:1.0");
        check("oci:/a:b/c", "oci:/a:b/c");
        check(&format!("oci:/a@{digest}"), &format!("oci:/a@{digest}"));
        check("oci-archive:app.tar:1.0", "oci-archive:app.tar:1.0");
        check("docker-archive:app.tar", "docker-archive:app.tar");
        check("docker-archive:app.tar:acme/app:1", "docker-archive:app.tar:docker.io/acme/app:1");
        for wrong in ["", "oci:", "oci::1.0", "oci-archive:", "docker-archive:", "oci:a:b c", "docker-archive:a:B"] {
            assert!(wrong.parse::<End>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn tags() {
        let tag = |text: &str| text.parse::<End>().expect("an end").tag().map(|tag| tag.to_string());
        assert_eq!(tag("acme/app").as_deref(), Some("latest"));
        assert_eq!(tag(&format!("acme/app:1@sha256:{}", "a".repeat(64))), None);
        assert_eq!(tag("oci:a:1").as_deref(), Some("1"));
        assert_eq!(tag("oci:a"), None);
    }
}
