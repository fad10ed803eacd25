//! The repository as what is written to.

use async_trait::async_trait;
use wharf_content::abilities::Abilities;
use wharf_content::error::Error;
use wharf_content::source::{Fetched, Home};
use wharf_content::target::{Origin, Rank, Target};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use super::Remote;
use crate::upload;

#[async_trait]
impl Target for Remote {
    fn name(&self) -> String {
        self.to_string()
    }

    fn home(&self) -> Option<Home> {
        Some(self.place())
    }

    fn abilities(&self) -> Abilities {
        self.registry.abilities()
    }

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        Ok(self.has(&descriptor.digest).await?)
    }

    async fn put_blob(&self, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), Error> {
        upload::blob(self, descriptor, origin).await
    }

    async fn mount(&self, descriptor: &Descriptor, from: &Home) -> Result<bool, Error> {
        Ok(upload::mount(self, &descriptor.digest, from).await?)
    }

    async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.has_manifest_of(digest).await?)
    }

    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag], _rank: Rank) -> Result<(), Error> {
        let has_subject = self.put_under(manifest, tags).await?;
        // What cannot be read has no subject that anybody would find.
        let parsed = Manifest::parse(&manifest.bytes, Some(&manifest.media_type)).ok();
        match parsed.as_ref().and_then(|parsed| Some((parsed, parsed.subject.as_ref()?))) {
            Some((parsed, subject)) if !has_subject => {
                self.add_to_fallback_tag(&subject.digest, manifest, parsed).await
            }
            _ => Ok(()),
        }
    }
}
