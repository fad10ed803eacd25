//! Manifests and indexes: a typed view over their exact bytes (image-spec, "Image Manifest", "Image Index").
//!
//! The bytes are what is stored and served; this view only tells what they name. Any media type is taken. What is refused
//! is what two readers could understand differently: a body that is image and index at once, a field given twice or in
//! another case, a `mediaType` that contradicts the request's `Content-Type` (CVE-2021-41190).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::limits::{MANIFEST_BYTES_MAX, MANIFEST_DESCRIPTORS_MAX, MEDIA_TYPE_BYTES_MAX};
use crate::media::{self, MediaType};

/// What a manifest holds, as far as a registry cares.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The media type under which it is served: the `Content-Type` of its push, else its own `mediaType`, else what its
    /// shape tells.
    pub media_type: MediaType,
    /// Its artifact type as the referrers API tells it: `artifactType`, else the config's media type. At most
    /// [`MEDIA_TYPE_BYTES_MAX`] bytes without control characters, of any other form.
    pub artifact_type: Option<String>,
    /// The config of an image.
    pub config: Option<Descriptor>,
    /// The layers of an image.
    pub layers: Vec<Descriptor>,
    /// The children of an index.
    pub manifests: Vec<Descriptor>,
    /// What it is attached to.
    pub subject: Option<Descriptor>,
    /// Free text by key.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// How a manifest names something. Written in the ledger as [`Role::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// As an image's config.
    Config,
    /// As an image's layer.
    Layer,
    /// As an index's child, be it a manifest or a blob.
    Child,
    /// As what it is attached to.
    Subject,
}

impl Role {
    /// The number that stands for the role in the ledger. Never changes.
    pub const fn id(self) -> u8 {
        match self {
            Role::Config => 1,
            Role::Layer => 2,
            Role::Child => 3,
            Role::Subject => 4,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: Option<u64>,
    media_type: Option<MediaType>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Whether it is a list of other manifests, by its media type.
    pub fn is_index(&self) -> bool {
        is_index_type(&self.media_type)
    }

    /// Reads `bytes`, which were pushed as `content_type` where that is known.
    ///
    /// Bounded by [`MANIFEST_BYTES_MAX`] and [`MANIFEST_DESCRIPTORS_MAX`]; nesting is bounded by the JSON parser.
    ///
    /// # Errors
    /// [`ManifestError`], whose text may be shown to the client.
    pub fn parse(bytes: &[u8], content_type: Option<&MediaType>) -> Result<Manifest, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge);
        }
        refuse_other_spellings(bytes)?;
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| ManifestError::Json(error.to_string()))?;
        if wire.schema_version == Some(1) {
            return Err(ManifestError::SchemaOne);
        }
        let is_image = wire.config.is_some() || wire.layers.is_some() || wire.blobs.is_some();
        if is_image && wire.manifests.is_some() {
            return Err(ManifestError::Ambiguous);
        }
        let media_type = settle_media_type(content_type, wire.media_type, wire.manifests.is_some())?;
        check_shape(&media_type, is_image, wire.manifests.is_some())?;
        check_artifact_type(wire.artifact_type.as_deref())?;
        let config_type = wire.config.as_ref().map(|config| config.media_type.to_string());
        let mut layers = wire.layers.unwrap_or_default();
        layers.extend(wire.blobs.unwrap_or_default());
        let manifest = Manifest {
            media_type,
            artifact_type: wire.artifact_type.filter(|text| !text.is_empty()).or(config_type),
            config: wire.config,
            layers,
            manifests: wire.manifests.unwrap_or_default(),
            subject: wire.subject,
            annotations: wire.annotations,
        };
        if manifest.descriptors().count() > MANIFEST_DESCRIPTORS_MAX {
            return Err(ManifestError::TooManyDescriptors);
        }
        Ok(manifest)
    }

    /// All that it names, with the role in which it does.
    pub fn descriptors(&self) -> impl Iterator<Item = (Role, &Descriptor)> {
        let config = self.config.iter().map(|one| (Role::Config, one));
        let layers = self.layers.iter().map(|one| (Role::Layer, one));
        let children = self.manifests.iter().map(|one| (Role::Child, one));
        let subject = self.subject.iter().map(|one| (Role::Subject, one));
        config.chain(layers).chain(children).chain(subject)
    }

    /// The descriptor that a list of referrers holds for it (Distribution spec, "Listing Referrers").
    pub fn as_referrer(&self, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest,
            size,
            artifact_type: self.artifact_type.clone(),
            urls: None,
            annotations: self.annotations.clone(),
        }
    }
}

fn is_index_type(media_type: &MediaType) -> bool {
    matches!(media_type.as_str(), media::OCI_INDEX | media::DOCKER_MANIFEST_LIST)
}

fn is_image_type(media_type: &MediaType) -> bool {
    matches!(media_type.as_str(), media::OCI_MANIFEST | media::DOCKER_MANIFEST)
}

fn settle_media_type(
    content_type: Option<&MediaType>,
    own: Option<MediaType>,
    has_children: bool,
) -> Result<MediaType, ManifestError> {
    let stated = content_type.filter(|stated| {
        !matches!(stated.as_str(), "application/json" | media::OCTET_STREAM | "application/x-www-form-urlencoded")
    });
    match (stated, own) {
        (Some(stated), Some(own)) if *stated != own => Err(ManifestError::MediaType { stated: stated.clone(), own }),
        (Some(stated), _) => Ok(stated.clone()),
        (None, Some(own)) => Ok(own),
        (None, None) => Ok(MediaType::known(if has_children { media::OCI_INDEX } else { media::OCI_MANIFEST })),
    }
}

/// No form is asked of it, as no media type is refused; but lists repeat it, and not every ledger keeps a NUL in a text.
fn check_artifact_type(text: Option<&str>) -> Result<(), ManifestError> {
    let fits = text.is_none_or(|text| text.len() <= MEDIA_TYPE_BYTES_MAX && !text.chars().any(char::is_control));
    if fits { Ok(()) } else { Err(ManifestError::ArtifactType) }
}

fn check_shape(media_type: &MediaType, is_image: bool, has_children: bool) -> Result<(), ManifestError> {
    let contradicts = is_index_type(media_type) && is_image || is_image_type(media_type) && has_children;
    if contradicts { Err(ManifestError::Shape(media_type.clone())) } else { Ok(()) }
}

/// Some readers match keys without regard to case (Go's encoding/json, for which `ſ` is an `s` too); a body that says
/// `layers` to us and `Layers` to them is refused, and so is one whose descriptors have a `Digest` beside the `digest`.
fn refuse_other_spellings(bytes: &[u8]) -> Result<(), ManifestError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let found = Spelling::Manifest.deserialize(&mut json).map_err(|error| ManifestError::Json(error.to_string()))?;
    match found {
        Some(key) => Err(ManifestError::Spelling(key)),
        None => Ok(()),
    }
}

/// Looks for a known key in another spelling, in one pass that keeps nothing. What is not of its form is left to be found by
/// whoever reads it.
#[derive(Clone, Copy)]
enum Spelling {
    /// In a manifest.
    Manifest,
    /// In a descriptor, or in each of a list of them.
    Descriptors,
}

impl Spelling {
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Spelling::Manifest => {
                &["schemaVersion", "mediaType", "artifactType", "config", "layers", "blobs", "manifests", "subject"]
            }
            Spelling::Descriptors => {
                &["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"]
            }
        }
    }

    /// The key that is meant, where `key` is not how it is spelt.
    fn misspelt(self, key: &str) -> Option<&'static str> {
        if self.keys().contains(&key) {
            return None;
        }
        let folded = key.replace('\u{17f}', "s");
        self.keys().iter().copied().find(|known| known.eq_ignore_ascii_case(&folded))
    }

    fn has_descriptors(self, key: &str) -> bool {
        matches!((self, key), (Spelling::Manifest, "config" | "layers" | "blobs" | "manifests" | "subject"))
    }
}

impl<'de> DeserializeSeed<'de> for Spelling {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self {
            Spelling::Manifest => deserializer.deserialize_map(self),
            Spelling::Descriptors => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Spelling {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let inside = if self.has_descriptors(&key) {
                map.next_value_seed(Spelling::Descriptors)?
            } else {
                map.next_value::<IgnoredAny>()?;
                None
            };
            found = found.or(self.misspelt(&key)).or(inside);
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(inside) = list.next_element_seed(self)? {
            found = found.or(inside);
        }
        Ok(found)
    }
}

/// Why some bytes are not a manifest that Wharf takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Over [`MANIFEST_BYTES_MAX`].
    #[error("the manifest is larger than {MANIFEST_BYTES_MAX} bytes; put large content into a blob")]
    TooLarge,
    /// Over [`MANIFEST_DESCRIPTORS_MAX`].
    #[error("the manifest names more than {MANIFEST_DESCRIPTORS_MAX} things; split it with an index")]
    TooManyDescriptors,
    /// Not the JSON that a manifest is; the text says where.
    #[error("the manifest is not valid: {0}")]
    Json(String),
    /// Docker's signed schema 1, gone since 2019.
    #[error("schema 1 manifests are not supported; push with a client of this decade")]
    SchemaOne,
    /// Both image and index.
    #[error("a manifest has either layers or manifests, not both")]
    Ambiguous,
    /// A known field in another case.
    #[error("the field {0:?} is spelt in another case; readers would disagree on it")]
    Spelling(&'static str),
    /// Too long for a media type, or with characters that none has.
    #[error("artifactType has at most {MEDIA_TYPE_BYTES_MAX} bytes, and no control characters")]
    ArtifactType,
    /// The header and the body disagree.
    #[error("Content-Type is {stated}, but the manifest's mediaType is {own}")]
    MediaType {
        /// What the request said.
        stated: MediaType,
        /// What the body says.
        own: MediaType,
    },
    /// The media type and the fields disagree.
    #[error("the manifest's fields do not fit its media type {0}")]
    Shape(MediaType),
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn each_field_has_one_spelling_in_descriptors_too() {
        let check = |fields: &str, expect: Option<&'static str>| {
            let one = format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":0{fields}}}"#);
            for place in [
                format!(r#""config":{one}"#),
                format!(r#""layers":[{one}]"#),
                format!(r#""blobs":[{one}]"#),
                format!(r#""manifests":[{one},{one}]"#),
                format!(r#""subject":{one},"config":null"#),
            ] {
                let bytes = format!(r#"{{"schemaVersion":2,{place}}}"#);
                let parsed = Manifest::parse(bytes.as_bytes(), None).map(drop);
                assert_eq!(parsed, expect.map_or(Ok(()), |key| Err(ManifestError::Spelling(key))), "{bytes}");
            }
        };
        check("", None);
        check(r#","annotations":{"Digest":"x"},"other":{"Digest":"x"},"Other":1"#, None);
        check(r#","Digest":"sha256:00""#, Some("digest"));
        check(r#","SIZE":1"#, Some("size"));
        check(r#","\u017fize":1"#, Some("size"));
        check(r#","mediatype":"c/d""#, Some("mediaType"));
        check(r#","URLs":["https://x"]"#, Some("urls"));
    }

    #[test]
    fn artifact_types_of_any_form_and_bounded_length() {
        let check = |text: &str, expect: Result<Option<&str>, ManifestError>| {
            let manifest = serde_json::json!({ "schemaVersion": 2, "artifactType": text }).to_string();
            let parsed = Manifest::parse(manifest.as_bytes(), None).map(|manifest| manifest.artifact_type);
            assert_eq!(parsed, expect.map(|text| text.map(str::to_owned)), "{text:?}");
        };
        let (most, more) = ("a".repeat(255), "a".repeat(256));
        check("application/spdx+json", Ok(Some("application/spdx+json")));
        check("no type; at all \u{e9}", Ok(Some("no type; at all \u{e9}")));
        check("", Ok(None));
        check(&most, Ok(Some(&most)));
        check(&more, Err(ManifestError::ArtifactType));
        check("a/b\0", Err(ManifestError::ArtifactType));
        check("a/b\r\nx: y", Err(ManifestError::ArtifactType));
        check("a/\u{85}", Err(ManifestError::ArtifactType));
    }
}
