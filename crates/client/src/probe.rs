//! What a registry takes: found out by trying, in a repository for that alone, which is left as empty as the registry allows.

use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wharf_content::abilities::{Abilities, Found};
use wharf_content::error::Error as ContentError;
use wharf_content::source::{Fetched, Home};
use wharf_content::target::Target as _;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::{self, MediaType};
use wharf_model::name::{Reference, Tag};

use crate::error::Error;
use crate::remote::{Remote, SMALL_BYTES_MAX};

/// A layer's type that every registry knows.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A config's type that every registry knows.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A type that no registry knows.
const CUSTOM: &str = "application/vnd.wharf.probe.v1";

/// Finds out what the registry of `remote` does, by pushing small things to that repository, which should be one for that
/// alone, and, where there is one, to `other` for mounts; both in the same registry. Takes away what it has put there, as far
/// as that goes. What was known of the registry before does not matter.
///
/// # Errors
/// The registry cannot be reached, lets nobody push there, or does not even take a plain image.
pub async fn probe(remote: &Remote, other: Option<&Remote>) -> Result<Abilities, ContentError> {
    let mut probe = Probe { remote, put: Vec::new(), blobs: Vec::new() };
    let found = probe.all(other).await;
    let deleted = probe.clean(other).await;
    let mut found = found?;
    (found.delete, found.delete_tag) = deleted;
    Ok(found)
}

struct Probe<'a> {
    remote: &'a Remote,
    /// What is to be taken away, by digest and by tag.
    put: Vec<(Digest, Option<Tag>)>,
    /// The same of blobs.
    blobs: Vec<Digest>,
}

impl Probe<'_> {
    async fn all(&mut self, other: Option<&Remote>) -> Result<Abilities, ContentError> {
        // Not the same twice: what an earlier probe has left behind must not be taken for what this one does.
        let note = RandomState::new().hash_one(0_u8);
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","author":"{note:x}","rootfs":{{"type":"layers","diff_ids":[]}}}}"#
        );
        let config = self.blob(CONFIG, config.as_bytes()).await?;
        let layer = self.blob(LAYER, &[&[0; 1016], &note.to_be_bytes()[..]].concat()).await?;
        let plain = image(&config, std::slice::from_ref(&layer), "plain");
        self.put(&plain, Some("probe-plain")).await?;

        let other_image = image(&config, std::slice::from_ref(&layer), "other");
        let empty = image(&config, &[], "empty");
        let custom = image(&typed(&config, CUSTOM), &[typed(&layer, CUSTOM)], "custom");
        let attached = with_subject(&plain, &config, &layer);
        let one = index(&[(&plain, Some("amd64"))], "one");
        let both = index(&[(&plain, Some("amd64")), (&other_image, Some("arm64"))], "both");
        let mixed = index(&[(&plain, None), (&one, None)], "mixed");
        let mut found = Abilities {
            empty_layers: self.takes(&empty, Some("probe-empty")).await?,
            custom_types: self.takes(&custom, Some("probe-custom")).await?,
            index: self.takes(&one, Some("probe-index")).await?,
            untagged_push: self.takes(&other_image, None).await?,
            ..Abilities::default()
        };
        if found.untagged_push == Some(false) {
            self.put(&other_image, Some("probe-other")).await?;
        }
        found.multi_arch = self.takes(&both, Some("probe-both")).await?;
        found.mixed_index = self.takes(&mixed, Some("probe-mixed")).await?;
        self.takes(&attached, Some("probe-attached")).await?;
        found.referrers = Some(self.remote.has_referrers_api(&plain.digest).await?);
        found.range = self.gives_parts(&layer).await?;
        found.chunked_upload = self.takes_chunks().await?;
        if let Some(other) = other {
            found.mount = self.mounts(other, &layer).await?;
        }
        Ok(found)
    }

    async fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, ContentError> {
        let descriptor = descriptor(media_type, bytes);
        self.remote.put_blob(&descriptor, &Bytes::copy_from_slice(bytes)).await?;
        self.blobs.push(descriptor.digest);
        Ok(descriptor)
    }

    async fn put(&mut self, manifest: &Fetched, tag: Option<&str>) -> Result<(), ContentError> {
        let tag: Option<Tag> = tag.and_then(|tag| tag.parse().ok());
        self.remote.put_exactly(manifest, tag.as_ref()).await?;
        self.put.push((manifest.digest, tag));
        Ok(())
    }

    /// Whether it takes a manifest, and gives it back as it was.
    async fn takes(&mut self, manifest: &Fetched, tag: Option<&str>) -> Result<Found, ContentError> {
        match self.put(manifest, tag).await {
            Ok(()) => Ok(Some(self.remote.has_manifest(&manifest.digest).await?)),
            Err(error) if is_refusal(&error) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    async fn gives_parts(&self, layer: &Descriptor) -> Result<Found, ContentError> {
        let ask = self.remote.pull(Method::GET, &format!("blobs/{}", layer.digest)).header(RANGE, "bytes=1-7");
        let answer = self.remote.registry().fetch(&ask, SMALL_BYTES_MAX).await?;
        Ok(Some(answer.status == StatusCode::PARTIAL_CONTENT && answer.body.len() == 7))
    }

    async fn takes_chunks(&self) -> Result<Found, ContentError> {
        let registry = self.remote.registry();
        let ask = self.remote.push(Method::POST, "blobs/uploads/").body(Bytes::new());
        let answer = registry.success(registry.send(&ask, SMALL_BYTES_MAX).await?)?;
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(location) = location else { return Ok(None) };
        let url = registry.location(&ask.call, location).await?;
        let ask = self.remote.push_at(Method::PATCH, url).header(CONTENT_TYPE, media::OCTET_STREAM);
        let ask = ask.header(CONTENT_RANGE, "0-7").body(Bytes::from_static(b"in parts"));
        let answer = registry.send(&ask, SMALL_BYTES_MAX).await?;
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(location) = location.filter(|_| answer.status.is_success()) else { return Ok(Some(false)) };
        // An upload that nobody ends is forgotten by the registry; this one is taken away at once, if it can be.
        let url = registry.location(&ask.call, location).await?;
        let _ = registry.send(&self.remote.push_at(Method::DELETE, url), SMALL_BYTES_MAX).await;
        Ok(Some(true))
    }

    async fn mounts(&self, other: &Remote, layer: &Descriptor) -> Result<Found, ContentError> {
        if other.has_blob(layer).await? {
            return Ok(None);
        }
        let Home { registry, repository } = self.remote.place();
        Ok(Some(other.mount(layer, &Home { registry, repository }).await?))
    }

    /// Takes away what was put there; whether manifests and tags could be.
    async fn clean(&mut self, other: Option<&Remote>) -> (Found, Found) {
        let (mut manifests, mut tags) = (None, None);
        // What names others goes first.
        for (digest, tag) in std::mem::take(&mut self.put).into_iter().rev() {
            if let Some(tag) = tag {
                let deleted = self.remote.delete_manifest(&Reference::Tag(tag)).await;
                tags = tags.or(told(&deleted));
            }
            let deleted = self.remote.delete_manifest(&Reference::Digest(digest)).await;
            manifests = manifests.or(told(&deleted));
        }
        for digest in std::mem::take(&mut self.blobs) {
            for remote in [Some(self.remote), other].into_iter().flatten() {
                // Where nobody deletes blobs, they go when nothing names them.
                let _ = remote.delete_blob(&digest).await;
            }
        }
        (manifests, tags)
    }
}

/// What the end of an attempt to delete tells; one that is refused for another reason tells nothing.
fn told(deleted: &Result<bool, ContentError>) -> Found {
    match deleted {
        Ok(true) => Some(true),
        Err(error) if is_refusal(error) => Some(false),
        _ => None,
    }
}

/// Whether the registry has refused what was asked, rather than failed, or refused who asked.
fn is_refusal(error: &ContentError) -> bool {
    let ContentError::End(error) = error else { return false };
    match error.downcast_ref::<Error>() {
        Some(Error::Refused { .. } | Error::Manifest { .. } | Error::NotFound { .. } | Error::Unsupported { .. }) => {
            true
        }
        // There are registries that fall over what they do not know.
        Some(Error::Failed { status, .. }) => *status == 500 || *status == 501,
        _ => false,
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    let media_type = media_type.parse().unwrap_or_else(|_| MediaType::known(media::OCTET_STREAM));
    Descriptor::new(media_type, Digest::of(Algorithm::Sha256, bytes), bytes.len() as u64)
}

fn typed(descriptor: &Descriptor, media_type: &'static str) -> Descriptor {
    Descriptor { media_type: MediaType::known(media_type), ..descriptor.clone() }
}

fn named(manifest: &Fetched) -> Value {
    json!({ "mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.bytes.len() })
}

/// An image that differs from others by `note`.
fn image(config: &Descriptor, layers: &[Descriptor], note: &str) -> Fetched {
    let image = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": layers,
        "annotations": { "note": note },
    });
    Remote::made(media::OCI_MANIFEST, image.to_string().into_bytes())
}

fn with_subject(subject: &Fetched, config: &Descriptor, layer: &Descriptor) -> Fetched {
    let image = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": [layer],
        "subject": named(subject), "artifactType": CUSTOM,
    });
    Remote::made(media::OCI_MANIFEST, image.to_string().into_bytes())
}

fn index(children: &[(&Fetched, Option<&str>)], note: &str) -> Fetched {
    let child = |(child, architecture): &(&Fetched, Option<&str>)| {
        let mut entry = named(child);
        if let Some(architecture) = architecture {
            entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        }
        entry
    };
    let index = json!({
        "schemaVersion": 2, "mediaType": media::OCI_INDEX,
        "manifests": children.iter().map(child).collect::<Vec<_>>(), "annotations": { "note": note },
    });
    Remote::made(media::OCI_INDEX, index.to_string().into_bytes())
}
