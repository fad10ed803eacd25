//! Reading: manifests, blobs, lists. No read writes anything.

use std::fmt::Display;
use std::sync::Arc;

use wharf_content::body::Body;
use wharf_model::digest::Digest;
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_model::page::Page;
use wharf_model::range::{self, ByteRange, Requested};
pub use wharf_store::blobs::Served;
use wharf_store::ledger::change::Place;
use wharf_store::ledger::query::{ManifestRow, RepositoryPage};
use wharf_store::ledger::readable::Readable;

use crate::access::Action;
use crate::actor::Subject;
use crate::error::Error;
use crate::registry::{Access, Registry};

/// One page of a list, and what the next one comes after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// What the next page comes after; `None` where there is no more. A page may be short, or empty, and not the last.
    pub next: Option<String>,
}

/// A blob that was found.
#[derive(Clone, Debug)]
pub struct FoundBlob {
    /// What it is named.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size: u64,
    place: Place,
}

impl Registry {
    /// The manifest, by tag or digest.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`], or [`Error::NameUnknown`] where the repository is not there either.
    pub async fn manifest(&self, access: &Access, reference: &Reference) -> Result<Arc<ManifestRow>, Error> {
        access.expect(&[Action::Pull])?;
        let (inner, repository) = (&self.0, &access.repository);
        let ask = || inner.ledger.manifest(repository, reference);
        match inner.caches.manifest(repository, reference, ask).await? {
            Some(row) => Ok(row),
            None => Err(self.missing_in(repository, Error::ManifestUnknown(reference.clone())).await),
        }
    }

    /// The blob, to be opened with [`Registry::open_blob`].
    ///
    /// # Errors
    /// [`Error::BlobUnknown`], or [`Error::NameUnknown`] where the repository is not there either.
    pub async fn blob(&self, access: &Access, digest: &Digest) -> Result<FoundBlob, Error> {
        access.expect(&[Action::Pull])?;
        match self.0.ledger.blob(&access.repository, digest).await? {
            Some(row) => Ok(FoundBlob { digest: *digest, size: row.size, place: row.place }),
            None => Err(self.missing_in(&access.repository, Error::BlobUnknown(*digest)).await),
        }
    }

    /// The bytes of a blob that was found: all of them, or those of `part`.
    ///
    /// # Errors
    /// The heap fails.
    pub async fn open_blob(&self, blob: &FoundBlob, part: Option<ByteRange>) -> Result<Served, Error> {
        let part = part.unwrap_or(ByteRange { start: 0, end: blob.size });
        match &blob.place {
            Place::Ledger(bytes) => {
                let end = (part.end as usize).min(bytes.len());
                Ok(Served::Body(Body::full(bytes.slice((part.start as usize).min(end)..end))))
            }
            Place::Heap(location) => self.0.blobs.open(location, part).await.map_err(|error| {
                tracing::error!(digest = %blob.digest, %error, "a blob of the ledger cannot be read");
                Error::Internal(format!("the bytes of {} cannot be read", blob.digest))
            }),
        }
    }

    /// What a `Range` header asks of a blob.
    pub fn requested(blob: &FoundBlob, header: Option<&str>) -> Requested {
        range::requested(header, blob.size)
    }

    /// The tags of a repository, in byte order.
    ///
    /// # Errors
    /// [`Error::NameUnknown`].
    pub async fn tags(&self, access: &Access, page: &Page) -> Result<Listed<Tag>, Error> {
        access.expect(&[Action::Pull])?;
        let tags = self.0.ledger.tags(&access.repository, page.after.as_deref(), page.limit + 1).await?;
        let tags = tags.ok_or_else(|| Error::NameUnknown(access.repository.clone()))?;
        Ok(listed(tags, page.limit))
    }

    /// The repositories that are in `readable`, in byte order, for `subject`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the page is to come after what was said to somebody else; or the ledger fails.
    pub async fn repositories(
        &self,
        subject: &Subject,
        readable: &Readable,
        page: &Page,
    ) -> Result<Listed<RepositoryName>, Error> {
        const LIST: &str = "catalog";
        let after = self.after_name(subject, LIST, page)?;
        let RepositoryPage { names, next } = self.0.ledger.repositories(readable, after.as_deref(), page.limit).await?;
        let next = self.next_name(subject, LIST, next, names.last().map(RepositoryName::as_str))?;
        Ok(Listed { entries: names, next })
    }

    /// `otherwise`, unless the whole repository is missing.
    async fn missing_in(&self, repository: &RepositoryName, otherwise: Error) -> Error {
        match self.place(repository).await {
            Ok((row, _)) if row.repository.is_some() => otherwise,
            Ok(_) => Error::NameUnknown(repository.clone()),
            Err(error) => error.into(),
        }
    }
}

/// The first `limit` of `entries`, which was asked for one more.
fn listed<T: Display>(mut entries: Vec<T>, limit: usize) -> Listed<T> {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(ToString::to_string);
    Listed { entries, next }
}
