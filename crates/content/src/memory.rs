//! Manifests and blobs in memory: for tests, and for what is small and just being made.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::Manifest;
use wharf_model::media::MediaType;
use wharf_model::name::{Reference, Tag};

use crate::body::Body;
use crate::error::Error;
use crate::source::{Fetched, Home, Source};
use crate::target::{Origin, Rank, Target};
use crate::verify::{self, Expected};

/// A repository in memory. It keeps all it is given, whatever that names.
#[derive(Debug, Default)]
pub struct Memory {
    home: Option<Home>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    blobs: HashMap<Digest, Bytes>,
    manifests: HashMap<Digest, Fetched>,
    tags: BTreeMap<Tag, Digest>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// An empty one that says it is this repository of a registry.
    pub fn at(home: Home) -> Memory {
        Memory { home: Some(home), held: Mutex::default() }
    }

    /// Adds a blob.
    pub fn add_blob(&self, media_type: MediaType, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = Descriptor::new(media_type, Digest::of(Algorithm::Sha256, &bytes), bytes.len() as u64);
        self.held.lock().blobs.insert(descriptor.digest, bytes);
        descriptor
    }

    /// Adds a manifest under `tags`.
    pub fn add_manifest(&self, manifest: Fetched, tags: &[Tag]) -> Descriptor {
        let descriptor = Descriptor::new(manifest.media_type.clone(), manifest.digest, manifest.bytes.len() as u64);
        let mut held = self.held.lock();
        held.tags.extend(tags.iter().map(|tag| (tag.clone(), manifest.digest)));
        held.manifests.insert(manifest.digest, manifest);
        descriptor
    }

    /// The digests of all blobs, sorted.
    pub fn blobs(&self) -> Vec<Digest> {
        let mut all: Vec<_> = self.held.lock().blobs.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// The digests of all manifests, sorted.
    pub fn manifests(&self) -> Vec<Digest> {
        let mut all: Vec<_> = self.held.lock().manifests.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// Forgets a blob.
    pub fn remove_blob(&self, digest: &Digest) {
        self.held.lock().blobs.remove(digest);
    }
}

#[async_trait]
impl Source for Memory {
    fn name(&self) -> String {
        self.home.as_ref().map_or_else(|| "memory".to_owned(), |home| format!("{}/{}", home.registry, home.repository))
    }

    fn home(&self) -> Option<Home> {
        self.home.clone()
    }

    async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        let held = self.held.lock();
        let digest = match reference {
            Reference::Digest(digest) => Some(digest),
            Reference::Tag(tag) => held.tags.get(tag),
        };
        Ok(digest.and_then(|digest| held.manifests.get(digest)).cloned())
    }

    async fn blob(&self, descriptor: &Descriptor, from: u64) -> Result<Option<Body>, Error> {
        let found = self.held.lock().blobs.get(&descriptor.digest).cloned();
        let start = |bytes: &Bytes| usize::try_from(from).map_or(bytes.len(), |from| from.min(bytes.len()));
        Ok(found.map(|bytes| Body::full(bytes.slice(start(&bytes)..))))
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let held = self.held.lock();
        let mut all: Vec<_> = held.manifests.values().filter_map(|fetched| referrer(fetched, subject)).collect();
        all.sort_unstable_by_key(|descriptor| descriptor.digest);
        Ok(all)
    }

    async fn tags(&self) -> Result<Vec<Tag>, Error> {
        Ok(self.held.lock().tags.keys().cloned().collect())
    }
}

fn referrer(fetched: &Fetched, subject: &Digest) -> Option<Descriptor> {
    let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.media_type)).ok()?;
    manifest.subject.as_ref().filter(|named| named.digest == *subject)?;
    Some(manifest.as_referrer(fetched.digest, fetched.bytes.len() as u64))
}

#[async_trait]
impl Target for Memory {
    fn name(&self) -> String {
        Source::name(self)
    }

    fn home(&self) -> Option<Home> {
        self.home.clone()
    }

    fn keeps_whole(&self) -> bool {
        self.home.is_some()
    }

    fn verifies(&self) -> bool {
        true
    }

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        Ok(self.held.lock().blobs.contains_key(&descriptor.digest))
    }

    async fn put_blob(&self, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), Error> {
        let expected =
            Expected { digest: descriptor.digest, size: descriptor.size, place: "what was to be kept".to_owned() };
        let limit = usize::try_from(descriptor.size).unwrap_or(usize::MAX);
        let body = verify::whole(origin.open(0).await?, expected).collect(limit).await;
        let bytes = body.map_err(|broken| Error::from_io(broken.error, || "read a blob".to_owned()))?;
        let bytes = bytes.unwrap_or_else(|start| start);
        self.held.lock().blobs.insert(descriptor.digest, bytes);
        Ok(())
    }

    async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.held.lock().manifests.contains_key(digest))
    }

    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag], _rank: Rank) -> Result<(), Error> {
        self.add_manifest(manifest.clone(), tags);
        Ok(())
    }
}
