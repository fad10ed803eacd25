//! Descriptors: how a manifest names what it is made of (image-spec, "Content Descriptors").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::media::MediaType;

/// Media type, digest and size of some content, with what its author said of it.
///
/// A view for reading and for the lists that Wharf makes itself (referrers); stored manifests are never written from it,
/// their exact bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// What it is named by.
    pub digest: Digest,
    /// Its size, in bytes.
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

impl Descriptor {
    /// Whether the content may be elsewhere (`urls`).
    pub fn is_foreign(&self) -> bool {
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }
}
