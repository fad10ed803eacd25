//! Where artifacts go: one repository of a registry, one folder, one archive.

use async_trait::async_trait;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::name::Tag;

use crate::body::Body;
use crate::error::Error;
use crate::source::{Fetched, Home};

/// The bytes of a blob that can be had again, from where it broke off: so that sending them can be repeated.
#[async_trait]
pub trait Origin: Send + Sync {
    /// The bytes from `from` on.
    ///
    /// # Errors
    /// They cannot be had.
    async fn open(&self, from: u64) -> Result<Body, Error>;
}

/// One end of a copy: what is written to. Everything may be asked at the same time from many tasks; everything may be
/// repeated.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it is called in messages.
    fn name(&self) -> String;

    /// The repository, where it is one of a registry.
    fn home(&self) -> Option<Home> {
        None
    }

    /// Whether the blob is there.
    ///
    /// # Errors
    /// The target cannot be asked.
    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error>;

    /// Puts a blob there, verified and durable as far as the target promises that. Repeats what can be repeated.
    ///
    /// # Errors
    /// The target refuses, or `origin` cannot be read, or has other bytes than the digest says.
    async fn put_blob(&self, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), Error>;

    /// Takes the blob over from a repository of the same registry. `false` where that cannot be.
    ///
    /// # Errors
    /// The target cannot be asked.
    async fn mount(&self, _descriptor: &Descriptor, _from: &Home) -> Result<bool, Error> {
        Ok(false)
    }

    /// Whether the manifest is there.
    ///
    /// # Errors
    /// The target cannot be asked.
    async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error>;

    /// Puts a manifest there, whose parts are there already, under all of `tags` or only its digest. Where it has a subject,
    /// it is found as a referrer of that afterwards, by a fallback tag if need be.
    ///
    /// # Errors
    /// The target refuses.
    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag]) -> Result<(), Error>;

    /// All has been put there: what is kept together (an index, an archive's end) is written.
    ///
    /// # Errors
    /// It cannot be written.
    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}
