//! Graphs to copy, and a registry that takes nothing whose parts it lacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use wharf_content::abilities::Abilities;
use wharf_content::copy::{Options, Report, copy};
use wharf_content::error::Error;
use wharf_content::memory::Memory;
use wharf_content::source::{Fetched, Home, Source};
use wharf_content::target::{Origin, Rank, Target};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::media::{MediaType, OCI_INDEX, OCI_MANIFEST};
use wharf_model::name::{Reference, Tag};

pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub(crate) fn tagged(text: &str) -> Reference {
    Reference::Tag(tag(text))
}

pub(crate) fn blob(memory: &Memory, content: &str) -> Descriptor {
    memory.add_blob(MediaType::known(LAYER), content.to_owned())
}

/// Adds an image of these layers; `more` is added to its manifest.
pub(crate) fn image(memory: &Memory, layers: &[Descriptor], more: Value, tags: &[&str]) -> Descriptor {
    let config = memory.add_blob(MediaType::known(CONFIG), "{}");
    let mut manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    manifest_of(memory, OCI_MANIFEST, &manifest, tags)
}

/// Adds an index of these children.
pub(crate) fn index(memory: &Memory, children: &[Value], more: Value, tags: &[&str]) -> Descriptor {
    let mut manifest = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    manifest_of(memory, OCI_INDEX, &manifest, tags)
}

pub(crate) fn manifest_of(memory: &Memory, media_type: &'static str, manifest: &Value, tags: &[&str]) -> Descriptor {
    let fetched = Fetched::new(MediaType::known(media_type), manifest.to_string().into_bytes().into());
    let tags: Vec<Tag> = tags.iter().map(|text| tag(text)).collect();
    memory.add_manifest(fetched, &tags)
}

pub(crate) async fn run(
    source: &dyn Source,
    from: &str,
    target: &dyn Target,
    options: &Options,
) -> Result<Report, Error> {
    copy(source, &tagged(from), target, &[tag("there")], options, Arc::new(())).await
}

/// What a registry is to a copy: it refuses what is not whole. It counts, and fails when told to.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) memory: Memory,
    pub(crate) home: Option<Home>,
    /// Calls so far.
    pub(crate) calls: AtomicUsize,
    /// The call that fails, counted from 0.
    pub(crate) fails: Option<usize>,
    /// Blobs that were sent.
    pub(crate) sent: AtomicUsize,
    /// Whether an index may name what is not there.
    pub(crate) sparse: bool,
    pub(crate) abilities: Abilities,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry::default()
    }

    pub(crate) fn at(registry: &str, repository: &str) -> Registry {
        Registry { home: Some(home(registry, repository)), ..Registry::default() }
    }

    async fn call(&self) -> Result<(), Error> {
        // So that a copy can be dropped between any two calls.
        tokio::task::yield_now().await;
        let call = self.calls.fetch_add(1, SeqCst);
        if self.fails == Some(call) { Err(Error::form("registry", format!("call {call} fails"))) } else { Ok(()) }
    }

    /// Panics where a manifest or a tag names what is not there.
    pub(crate) async fn assert_whole(&self) {
        for digest in self.memory.manifests() {
            let fetched = self.memory.manifest(&Reference::Digest(digest)).await.unwrap().unwrap();
            assert_eq!(self.lacks(&fetched).await, None, "{digest} is there without its parts");
        }
        for tag in self.memory.tags().await.unwrap() {
            let reference = Reference::Tag(tag);
            assert!(self.memory.manifest(&reference).await.unwrap().is_some(), "{reference} names nothing");
        }
    }

    async fn lacks(&self, fetched: &Fetched) -> Option<Digest> {
        let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.media_type)).unwrap();
        let blobs = manifest.config.iter().chain(&manifest.layers).filter(|blob| !blob.is_foreign());
        let mut lacking: Vec<_> =
            blobs.map(|blob| blob.digest).filter(|digest| !self.memory.blobs().contains(digest)).collect();
        let there = |digest: &Digest| self.memory.manifests().contains(digest) || self.memory.blobs().contains(digest);
        if !self.sparse {
            lacking.extend(manifest.manifests.iter().map(|child| child.digest).filter(|digest| !there(digest)));
        }
        lacking.first().copied()
    }
}

pub(crate) fn home(registry: &str, repository: &str) -> Home {
    Home { registry: registry.to_owned(), repository: repository.parse().unwrap() }
}

#[async_trait]
impl Target for Registry {
    fn name(&self) -> String {
        "registry".to_owned()
    }

    fn home(&self) -> Option<Home> {
        self.home.clone()
    }

    fn abilities(&self) -> Abilities {
        self.abilities.clone()
    }

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        self.call().await?;
        self.memory.has_blob(descriptor).await
    }

    async fn put_blob(&self, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), Error> {
        self.call().await?;
        self.sent.fetch_add(1, SeqCst);
        self.memory.put_blob(descriptor, origin).await
    }

    async fn mount(&self, descriptor: &Descriptor, from: &Home) -> Result<bool, Error> {
        self.call().await?;
        let mounts = from.repository.as_str() == "acme/app";
        if mounts {
            self.memory.add_blob(descriptor.media_type.clone(), Bytes::from_static(b"mounted"));
        }
        Ok(mounts)
    }

    async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        self.call().await?;
        self.memory.has_manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag], rank: Rank) -> Result<(), Error> {
        self.call().await?;
        assert!(rank == Rank::Head || tags.is_empty(), "a part has no tags");
        if self.home.is_none() {
            assert_eq!(self.lacks(manifest).await, None, "a part is missing of what is put");
        }
        self.memory.put_manifest(manifest, tags, rank).await
    }
}
