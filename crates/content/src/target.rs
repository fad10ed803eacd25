//! Where artifacts go: one repository of a registry, one folder, one archive.

use async_trait::async_trait;
use bytes::Bytes;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::name::Tag;

use crate::abilities::Abilities;
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

/// How a manifest is found that is put somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Through an index that is put after it: a part of something larger. A folder's list does not name it.
    Part,
    /// By itself: a root, or a referrer. A folder's list names it, with a tag or without.
    Head,
}

#[async_trait]
impl Origin for Bytes {
    async fn open(&self, from: u64) -> Result<Body, Error> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.len());
        Ok(Body::full(self.slice(from..)))
    }
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

    /// Whether an image manifest that is there means that the blobs it names are there too, foreign ones apart: so with
    /// registries, which check that when they take it; not so with folders, where looking for each costs next to nothing.
    /// Nobody promises that for the children of an index, as that may be sparse.
    fn keeps_whole(&self) -> bool {
        true
    }

    /// What it takes, as far as that is known: of registries some of which take less than others.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// Whether [`Target::put_blob`] hashes here what it is given, so that nobody need do it before.
    fn verifies(&self) -> bool {
        false
    }

    /// Whether the blob is there.
    ///
    /// # Errors
    /// The target cannot be asked.
    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error>;

    /// Puts a blob there, verified and durable as far as the target promises that. Repeats what can be repeated. What is
    /// there already stays as it is, and that is no error.
    ///
    /// # Errors
    /// The target refuses, or `origin` cannot be read, or has other bytes than the digest says: [`Error::Wrong`] or
    /// [`Error::Length`], where it is found out here.
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
    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag], rank: Rank) -> Result<(), Error>;

    /// All has been put there: what is kept together (an index, an archive's end) is written.
    ///
    /// # Errors
    /// It cannot be written.
    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}
