//! Deleting: a tag, a manifest, a blob. What goes can come back for a while: tags from their history, manifests from the
//! trash, bytes until the grace is over.

use wharf_model::digest::Digest;
use wharf_model::name::Reference;
use wharf_store::clock::Millis;
use wharf_store::ledger::change::{Change, Freed};

use crate::access::Action;
use crate::error::Error;
use crate::registry::{Access, Registry};

const DAY: Millis = 24 * 3_600_000;

impl Registry {
    /// Deletes a tag (the manifest stays) or a manifest (with the tags that point to it), by what `reference` is.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`]; [`Error::Immutable`] where a rule of the project keeps the tag, or one that would go, or
    /// one that needs the manifest.
    pub async fn delete_manifest(&self, access: &Access, reference: &Reference) -> Result<(), Error> {
        access.expect(&[Action::Delete])?;
        let (repository, expects) = (access.repository.clone(), access.expects());
        let change = match reference {
            Reference::Tag(tag) => Change::DeleteTag { repository, expects, tag: tag.clone(), previous: None },
            Reference::Digest(digest) => Change::DeleteManifest {
                repository,
                expects,
                digest: *digest,
                keep: self.trash_time(access.rules().trash_days),
                tags: Vec::new(),
                children: Vec::new(),
            },
        };
        self.commit(access, vec![change]).await
    }

    /// How long what is deleted stays in the trash of a project that says so many days, or nothing.
    pub(crate) fn trash_time(&self, days: Option<u32>) -> Millis {
        days.map_or(self.0.settings.trash, |days| Millis::from(days) * DAY)
    }

    /// Takes a blob out of the repository: 404 from then on. Its bytes stay while a manifest holds them.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`]; [`Error::Immutable`] where a tag that a rule of the project keeps needs it.
    pub async fn delete_blob(&self, access: &Access, digest: &Digest) -> Result<(), Error> {
        access.expect(&[Action::Delete])?;
        let (repository, expects, freed) = (access.repository.clone(), access.expects(), Freed::default());
        self.commit(access, vec![Change::DeleteBlob { repository, expects, digest: *digest, freed }]).await
    }
}
