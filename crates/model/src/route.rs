//! The URL grammar of the Distribution spec ("Endpoints"): one place that parses it for the server and prints it for the
//! client.
//!
//! Repository names have slashes, and their components may be `blobs`, `tags` or `manifests`. So a path is read from its
//! end: what stands before the last segment decides, and all before that is the name.

use std::{borrow::Cow, fmt};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::digest::{Digest, DigestError};
use crate::name::{NameError, Reference, ReferenceError, RepositoryName};

/// What a segment is printed with as it is: the unreserved characters (RFC 3986 §2.3). Names, tags and digests have no other;
/// a session may be anything.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a path under `/v2/` is about. The method and the query are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`: is this a registry, and who am I? (end-1)
    Base,
    /// `/v2/_catalog`: the repositories.
    Catalog,
    /// `/v2/<name>/manifests/<tag-or-digest>` (end-3, end-7, end-9).
    Manifest(RepositoryName, Reference),
    /// `/v2/<name>/blobs/<digest>` (end-2, end-10).
    Blob(RepositoryName, Digest),
    /// `/v2/<name>/blobs/uploads/`: where an upload begins (end-4, end-11).
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<session>` (end-5, end-6, end-13, end-14). The session is opaque here.
    Upload(RepositoryName, String),
    /// `/v2/<name>/tags/list` (end-8).
    Tags(RepositoryName),
    /// `/v2/<name>/referrers/<digest>` (end-12).
    Referrers(RepositoryName, Digest),
}

/// Why a path is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No endpoint has this shape.
    #[error("no such endpoint")]
    Unknown,
    /// The repository's name is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The last segment should be a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The last segment should be a tag or a digest.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

impl Route {
    /// Reads a path. Percent-encoding is undone segment by segment, so an encoded slash never makes a new segment.
    ///
    /// # Errors
    /// [`RouteError`]; [`RouteError::Unknown`] for everything outside `/v2`.
    pub fn parse(path: &str) -> Result<Route, RouteError> {
        let rest = match path.strip_prefix("/v2") {
            Some("" | "/") => return Ok(Route::Base),
            Some("/_catalog") => return Ok(Route::Catalog),
            Some(rest) => rest.strip_prefix('/').ok_or(RouteError::Unknown)?,
            None => return Err(RouteError::Unknown),
        };
        let (before, last) = rest.rsplit_once('/').ok_or(RouteError::Unknown)?;
        let (before, noun) = before.rsplit_once('/').unwrap_or(("", before));
        match noun {
            "manifests" => Ok(Route::Manifest(name(before)?, decode(last).parse()?)),
            "blobs" if last == "uploads" => Ok(Route::Uploads(name(before)?)),
            "blobs" => Ok(Route::Blob(name(before)?, decode(last).parse()?)),
            "uploads" => {
                let before = before.strip_suffix("/blobs").ok_or(RouteError::Unknown)?;
                let before = name(before)?;
                Ok(if last.is_empty() {
                    Route::Uploads(before)
                } else {
                    Route::Upload(before, decode(last).into_owned())
                })
            }
            "tags" if last == "list" => Ok(Route::Tags(name(before)?)),
            "referrers" => Ok(Route::Referrers(name(before)?, decode(last).parse()?)),
            _ => Err(RouteError::Unknown),
        }
    }

    /// The repository that the path is in.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Route::Base | Route::Catalog => None,
            Route::Manifest(name, _)
            | Route::Blob(name, _)
            | Route::Uploads(name)
            | Route::Upload(name, _)
            | Route::Tags(name)
            | Route::Referrers(name, _) => Some(name),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Base => f.write_str("/v2/"),
            Route::Catalog => f.write_str("/v2/_catalog"),
            Route::Manifest(name, reference) => write!(f, "/v2/{name}/manifests/{reference}"),
            Route::Blob(name, digest) => write!(f, "/v2/{name}/blobs/{digest}"),
            Route::Uploads(name) => write!(f, "/v2/{name}/blobs/uploads/"),
            Route::Upload(name, session) => {
                write!(f, "/v2/{name}/blobs/uploads/{}", utf8_percent_encode(session, RESERVED))
            }
            Route::Tags(name) => write!(f, "/v2/{name}/tags/list"),
            Route::Referrers(name, digest) => write!(f, "/v2/{name}/referrers/{digest}"),
        }
    }
}

fn decode(segment: &str) -> Cow<'_, str> {
    if segment.contains('%') { percent_decode_str(segment).decode_utf8_lossy() } else { Cow::Borrowed(segment) }
}

fn name(path: &str) -> Result<RepositoryName, NameError> {
    if !path.contains('%') {
        return path.parse();
    }
    let segments: Vec<_> = path.split('/').map(decode).collect();
    if segments.iter().any(|segment| segment.contains('/')) {
        return Err(NameError::Character);
    }
    segments.join("/").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn paths_that_are_printed_as_they_came() {
        for path in [
            "/v2/",
            "/v2/_catalog",
            "/v2/a/manifests/latest",
            "/v2/a/b/c/manifests/v1.0",
            &format!("/v2/a/manifests/{DIGEST}"),
            &format!("/v2/a/blobs/{DIGEST}"),
            "/v2/a/blobs/uploads/",
            "/v2/a/blobs/uploads/session_1-x",
            "/v2/a/tags/list",
            &format!("/v2/a/referrers/{DIGEST}"),
            // names that look like endpoints
            "/v2/manifests/manifests/manifests",
            "/v2/a/blobs/uploads/tags/list",
            "/v2/blobs/uploads/blobs/uploads/",
            "/v2/tags/list/tags/list",
            "/v2/uploads/manifests/uploads",
        ] {
            let route = Route::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(route.to_string(), path);
        }
    }

    #[test]
    fn paths_with_another_spelling() {
        let check = |path: &str, expect: &str| {
            assert_eq!(Route::parse(path).map(|route| route.to_string()), Ok(expect.into()), "{path}");
        };
        check("/v2", "/v2/");
        check("/v2/a/blobs/uploads", "/v2/a/blobs/uploads/");
        check(&format!("/v2/a/blobs/{}", DIGEST.replace(':', "%3A")), &format!("/v2/a/blobs/{DIGEST}"));
        check("/v2/%61/b/manifests/x", "/v2/a/b/manifests/x");
        check("/v2/a/blobs/uploads/x%2fy", "/v2/a/blobs/uploads/x%2Fy");
    }

    #[test]
    fn paths_that_are_no_route() {
        let check = |path: &str, expect| assert_eq!(Route::parse(path), Err(expect), "{path}");
        check("", RouteError::Unknown);
        check("/", RouteError::Unknown);
        check("/v1/", RouteError::Unknown);
        check("/v2x/a/tags/list", RouteError::Unknown);
        check("/v2/a", RouteError::Unknown);
        check("/v2/a/b", RouteError::Unknown);
        check("/v2/a/tags/lists", RouteError::Unknown);
        check("/v2/a/uploads/x", RouteError::Unknown);
        check("/v2//manifests/x", RouteError::Name(NameError::Empty));
        check("/v2/manifests/x", RouteError::Name(NameError::Empty));
        check("/v2/A/manifests/x", RouteError::Name(NameError::UpperCase));
        check("/v2/../etc/manifests/x", RouteError::Name(NameError::Separator));
        check("/v2/%2e%2e/manifests/x", RouteError::Name(NameError::Separator));
        check("/v2/a%2fb/manifests/x", RouteError::Name(NameError::Character));
        check("/v2/a/blobs/sha256:x", RouteError::Digest(DigestError::Encoded(crate::digest::Algorithm::Sha256)));
        check("/v2/a/blobs/x", RouteError::Digest(DigestError::Format));
        check("/v2/a/manifests/", RouteError::Reference(ReferenceError::Tag(crate::name::TagError)));
        check("/v2/a/manifests/%00", RouteError::Reference(ReferenceError::Tag(crate::name::TagError)));
    }
}
