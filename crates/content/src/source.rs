//! Where artifacts come from: one repository of a registry, one folder, one archive, or what is just being packed.

use async_trait::async_trait;
use bytes::Bytes;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::MediaType;
use wharf_model::name::{Reference, RepositoryName, Tag};

use crate::body::Body;
use crate::error::Error;

/// A manifest as it came: its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// What it is, as the source says; the bytes may say otherwise.
    pub media_type: MediaType,
    /// Of the bytes; computed here, never taken from the other side.
    pub digest: Digest,
    /// The bytes; at most [`wharf_model::limits::MANIFEST_BYTES_MAX`].
    pub bytes: Bytes,
}

impl Fetched {
    /// The manifest of these bytes, named by their `SHA-256`.
    pub fn new(media_type: MediaType, bytes: Bytes) -> Fetched {
        Fetched { media_type, digest: Digest::of(Algorithm::Sha256, &bytes), bytes }
    }
}

/// One repository of a registry: within one registry, blobs are mounted and need not travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The registry: scheme, host and port.
    pub registry: String,
    /// The repository.
    pub repository: RepositoryName,
}

/// One end of a copy: what is read from. Everything may be asked at the same time from many tasks.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it is called in messages: `registry.example.com/acme/app`, `./folder`.
    fn name(&self) -> String;

    /// The repository, where it is one of a registry.
    fn home(&self) -> Option<Home> {
        None
    }

    /// A manifest; `None` where there is none of that name. By digest, the bytes have been verified.
    ///
    /// # Errors
    /// The source cannot be asked, or what it has is wrong.
    async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error>;

    /// A blob from byte `from` on; `None` where it is not there. Not verified: whoever takes all of it does that.
    ///
    /// # Errors
    /// The source cannot be asked.
    async fn blob(&self, descriptor: &Descriptor, from: u64) -> Result<Option<Body>, Error>;

    /// What names the manifest as its subject, also by the fallback tags of registries that have no list of them.
    ///
    /// # Errors
    /// The source cannot be asked.
    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error>;

    /// All tags, sorted; at most 100,000.
    ///
    /// # Errors
    /// The source cannot be asked, or has more.
    async fn tags(&self) -> Result<Vec<Tag>, Error>;
}
