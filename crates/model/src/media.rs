//! Media types: what a manifest or blob says it is. Wharf refuses none; it only knows the names of some.

use std::{fmt, str::FromStr, sync::Arc};

use crate::limits::MEDIA_TYPE_BYTES_MAX;

/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The empty JSON object, for a config or layer that says nothing.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Docker's schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Anything.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// A media type without parameters, fit for a header: `type/subtype` of visible ASCII, at most
/// [`MEDIA_TYPE_BYTES_MAX`] bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(Arc<str>);

impl MediaType {
    /// The type as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A type that stands in this module.
    pub fn known(text: &'static str) -> MediaType {
        MediaType(text.into())
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    /// Parameters after a `;` are dropped (the spec asks clients not to send them; some do).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.split_once(';').map_or(text, |(before, _)| before).trim();
        let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b'\\');
        if text.len() > MEDIA_TYPE_BYTES_MAX || !text.bytes().all(fits) {
            return Err(MediaTypeError);
        }
        match text.split_once('/') {
            Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() => Ok(MediaType(text.into())),
            _ => Err(MediaTypeError),
        }
    }
}

/// The text is not a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a media type is written type/subtype, in at most {MEDIA_TYPE_BYTES_MAX} visible ASCII characters")]
pub struct MediaTypeError;

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for MediaType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for MediaType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(text.parse::<MediaType>().ok().as_ref().map(MediaType::as_str), expect, "{text:?}");
        };
        check(OCI_MANIFEST, Some(OCI_MANIFEST));
        check("application/json; charset=utf-8", Some("application/json"));
        check("a/b", Some("a/b"));
        check("", None);
        check("json", None);
        check("/b", None);
        check("a/", None);
        check("a/b\r\nx: y", None);
        check("a/\u{e9}", None);
        check(&format!("a/{}", "b".repeat(254)), None);
    }
}
