//! References to images as people write them: Docker's grammar, with all that it leaves out filled in.

use std::net::Ipv6Addr;
use std::{fmt, str::FromStr};

use crate::digest::{Digest, DigestError};
use crate::name::{NameError, Reference, RepositoryName, Tag, TagError};

/// Where Docker looks if nothing is said.
const HUB: &str = "docker.io";
/// What Docker Hub was called once.
const HUB_OLD: &str = "index.docker.io";
/// Where Docker Hub has what belongs to nobody.
const HUB_PROJECT: &str = "library";
/// What is meant if nothing is said.
const LATEST: &str = "latest";
/// Longest host with its port, in bytes: a name of DNS (RFC 1035 §2.3.4) and five digits.
const HOST_BYTES_MAX: usize = 255 + 6;

/// A repository of a registry, and a tag or a digest or both there.
///
/// | written | means |
/// |---|---|
/// | `nginx` | `docker.io/library/nginx:latest` |
/// | `acme/app` | `docker.io/acme/app:latest` |
/// | `registry.example.com/acme/app:v1` | a host has a dot, |
/// | `registry:5000/app` | or a port, |
/// | `localhost/app` | or is this machine |
/// | `app:v1@sha256:…` | the digest; the tag is for people |
///
/// It prints as it parses, with all that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef {
    /// The registry: `host`, `host:port` or `[address]:port`, in lower case; `docker.io` where none is written.
    pub host: String,
    /// The repository there.
    pub repository: RepositoryName,
    /// The tag, as written; `latest` where there is neither tag nor digest.
    pub tag: Option<Tag>,
    /// The digest, which counts where there is a tag too.
    pub digest: Option<Digest>,
}

impl ImageRef {
    /// What is asked for: the digest, else the tag.
    pub fn reference(&self) -> Reference {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Reference::Digest(*digest),
            (None, Some(tag)) => Reference::Tag(tag.clone()),
            (None, None) => Reference::Tag(latest()),
        }
    }

    /// A host and a repository without tag and digest, as `ls` takes them.
    ///
    /// # Errors
    /// [`ImageRefError`], also where there is a tag or digest.
    pub fn parse_repository(text: &str) -> Result<(String, RepositoryName), ImageRefError> {
        let (name, tag, digest) = split(text)?;
        if tag.is_some() || digest.is_some() {
            return Err(ImageRefError::NotOnlyRepository);
        }
        place(name)
    }
}

/// A tag that is one by its grammar.
fn latest() -> Tag {
    Tag::known(LATEST)
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, tag, digest) = split(text)?;
        let digest: Option<Digest> = digest.map(str::parse).transpose()?;
        let tag: Option<Tag> = tag.map(str::parse).transpose()?;
        let (host, repository) = place(name)?;
        let tag = tag.or_else(|| digest.is_none().then(latest));
        Ok(ImageRef { host, repository, tag, digest })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Name with host, tag, digest.
fn split(text: &str) -> Result<(&str, Option<&str>, Option<&str>), ImageRefError> {
    if text.is_empty() {
        return Err(ImageRefError::Empty);
    }
    if text.contains("://") {
        return Err(ImageRefError::Scheme);
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash is that of a port.
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].rfind(':') {
        Some(colon) if !rest.ends_with(']') => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
        _ => (rest, None),
    };
    Ok((name, tag, digest))
}

/// Host and repository.
fn place(name: &str) -> Result<(String, RepositoryName), ImageRefError> {
    let (host, rest) = match name.split_once('/') {
        Some((first, rest)) if is_host(first) => (host(first)?, rest),
        _ => (HUB.to_owned(), name),
    };
    // What `docker images` shows, and nobody else knows.
    if host == HUB && rest.len() == 64 && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(ImageRefError::Id);
    }
    let repository: RepositoryName = match host == HUB && !rest.is_empty() && !rest.contains('/') {
        true => format!("{HUB_PROJECT}/{rest}").parse()?,
        false => rest.parse()?,
    };
    Ok((host, repository))
}

/// Whether what comes before the first slash is a host; else it is the first part of a repository on Docker Hub. To Docker, a
/// word in upper case is a host too; whoever writes `Acme/app` is better told that names are lower-case.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':', '[']) || first.eq_ignore_ascii_case("localhost")
}

/// A name or an address, and a port perhaps; in lower case.
fn host(text: &str) -> Result<String, ImageRefError> {
    let wrong = || ImageRefError::Host(text.chars().take(300).collect());
    if text.len() > HOST_BYTES_MAX {
        return Err(wrong());
    }
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
            address.parse::<Ipv6Addr>().map_err(|_| wrong())?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or_else(wrong)?),
            };
            (None, port)
        }
        None => text.split_once(':').map_or((Some(text), None), |(name, port)| (Some(name), Some(port))),
    };
    let is_label = |label: &str| {
        let fits = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        fits && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_port =
        |port: &str| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if name.is_some_and(|name| !name.split('.').all(is_label)) || port.is_some_and(|port| !is_port(port)) {
        return Err(wrong());
    }
    let host = text.to_ascii_lowercase();
    Ok(if host == HUB_OLD { HUB.to_owned() } else { host })
}

/// Why some text is no reference to an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefError {
    /// Nothing there.
    #[error("a reference is missing; it is written HOST/REPOSITORY:TAG, or with @DIGEST")]
    Empty,
    /// It is a URL.
    #[error("a reference has no https:// before it; it is written HOST/REPOSITORY:TAG")]
    Scheme,
    /// What comes before the first slash.
    #[error("{0:?} is not the host of a registry; it is written HOST, HOST:PORT or [ADDRESS]:PORT")]
    Host(String),
    /// What comes after it.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What comes after the colon.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// What comes after the `@`.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The name is one of an image on somebody's machine.
    #[error("64 hexadecimal digits are the ID of an image on one machine, which registries do not know")]
    Id,
    /// A repository was asked for, and there is more.
    #[error("this is about a whole repository; leave tag and digest out")]
    NotOnlyRepository,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn six_forms_and_their_kin() {
        let check = |text: &str, expect: &str| {
            let found = text.parse::<ImageRef>();
            assert_eq!(found.as_ref().map(ToString::to_string), Ok(expect.to_owned()), "{text}");
            assert_eq!(expect.parse(), found, "what is printed means the same");
        };
        check("nginx", "docker.io/library/nginx:latest");
        check("nginx:1.27", "docker.io/library/nginx:1.27");
        check("acme/app", "docker.io/acme/app:latest");
        check("docker.io/nginx", "docker.io/library/nginx:latest");
        check("index.docker.io/acme/app", "docker.io/acme/app:latest");
        check("registry.example.com/app", "registry.example.com/app:latest");
        check("Registry.Example.com/acme/app:V1", "registry.example.com/acme/app:V1");
        check("registry:5000/acme/app", "registry:5000/acme/app:latest");
        check("127.0.0.1:5000/a/b/c:d", "127.0.0.1:5000/a/b/c:d");
        check("localhost/app", "localhost/app:latest");
        check("localhost:5000/app:v1", "localhost:5000/app:v1");
        check("Localhost/app", "localhost/app:latest");
        check("[::1]:5000/app:v1", "[::1]:5000/app:v1");
        check("[FD00::1]/app", "[fd00::1]/app:latest");
        check("host:5000", "docker.io/library/host:5000");
        check(&format!("app@{DIGEST}"), &format!("docker.io/library/app@{DIGEST}"));
        check(&format!("r.io/a/b:v1@{DIGEST}"), &format!("r.io/a/b:v1@{DIGEST}"));
        check(&format!("r.io/{}", "a".repeat(64)), &format!("r.io/{}:latest", "a".repeat(64)));
    }

    #[test]
    fn what_is_none() {
        let check = |text: &str, expect: ImageRefError| assert_eq!(text.parse::<ImageRef>(), Err(expect), "{text}");
        let host = |text: &str| ImageRefError::Host(text.to_owned());
        check("", ImageRefError::Empty);
        check("https://r.io/app", ImageRefError::Scheme);
        check("Nginx", NameError::UpperCase.into());
        check("Acme/app", NameError::UpperCase.into());
        check("acme/App", NameError::UpperCase.into());
        check("r.io/Acme/app", NameError::UpperCase.into());
        check("r.io/", NameError::Empty.into());
        check("/app", NameError::EmptyComponent.into());
        check("r.io//app", NameError::EmptyComponent.into());
        check("app:", TagError.into());
        check("app:v 1", TagError.into());
        check("app@", DigestError::Format.into());
        check("app@sha256:1", DigestError::Encoded(crate::digest::Algorithm::Sha256).into());
        check(&format!("app@{DIGEST}@{DIGEST}"), DigestError::Encoded(crate::digest::Algorithm::Sha256).into());
        check("-r.io/app", host("-r.io"));
        check("r..io/app", host("r..io"));
        check("r.io:port/app", host("r.io:port"));
        check("r.io:65536/app", host("r.io:65536"));
        check("r.io:/app", host("r.io:"));
        check("[::1/app", host("[::1"));
        check("[fe80::1%eth0]:5000/app", host("[fe80::1%eth0]:5000"));
        check("::1:5000/app", host("::1:5000"));
        check("kim@r.io/app", DigestError::Format.into());
        check(&"a".repeat(64), ImageRefError::Id);
        check("[::1]:5000", NameError::Character.into());
    }

    #[test]
    fn the_digest_counts() {
        let reference = |text: &str| text.parse::<ImageRef>().map(|one| one.reference().to_string());
        assert_eq!(reference("app:v1"), Ok("v1".to_owned()));
        assert_eq!(reference("app"), Ok("latest".to_owned()));
        assert_eq!(reference(&format!("app:v1@{DIGEST}")), Ok(DIGEST.to_owned()));
    }

    #[test]
    fn repositories_alone() {
        let parse = |text| ImageRef::parse_repository(text).map(|(host, name)| format!("{host} {name}"));
        assert_eq!(parse("localhost:5000/acme/app"), Ok("localhost:5000 acme/app".to_owned()));
        assert_eq!(parse("nginx"), Ok("docker.io library/nginx".to_owned()));
        assert_eq!(parse("nginx:latest"), Err(ImageRefError::NotOnlyRepository));
        assert_eq!(parse(&format!("r.io/app@{DIGEST}")), Err(ImageRefError::NotOnlyRepository));
    }
}
