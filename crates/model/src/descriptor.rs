//! Descriptors: how a manifest names what it is made of (image-spec, "Content Descriptors").

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::digest::Digest;
use crate::media::MediaType;

/// Media type, digest and size of some content, with what its author said of it.
///
/// A view for reading and for the lists that Wharf makes itself (referrers); stored manifests are never written from it,
/// their exact bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    #[schema(value_type = String)]
    pub media_type: MediaType,
    /// What it is named by.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Its size, in bytes; at most `i64::MAX`.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// The type of the artifact, where the content is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Places to get the content from other than the registry: a foreign layer, which need not be here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urls: Option<Vec<String>>,
    /// Free text by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// The spec's sizes are 64 bits with a sign: readers that were written to that fail on more.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = i64::deserialize(deserializer)?;
    u64::try_from(size).map_err(|_| D::Error::custom("a size is not negative"))
}

impl Descriptor {
    /// One that says what is needed and no more.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Descriptor {
        Descriptor { media_type, digest, size, artifact_type: None, urls: None, annotations: None }
    }

    /// Whether the content may be elsewhere (`urls`).
    pub fn is_foreign(&self) -> bool {
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }
}
