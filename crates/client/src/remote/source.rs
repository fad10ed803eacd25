//! The repository as what is read from.

use async_trait::async_trait;
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_content::source::{Fetched, Home, Source};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::name::{Reference, Tag};

use super::Remote;
use crate::download;

#[async_trait]
impl Source for Remote {
    fn name(&self) -> String {
        self.to_string()
    }

    fn home(&self) -> Option<Home> {
        Some(self.place())
    }

    async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        Ok(self.manifest_and_tag(reference).await?.map(|(found, _)| found))
    }

    async fn blob(&self, descriptor: &Descriptor, from: u64) -> Result<Option<Body>, Error> {
        download::blob(self, descriptor, from).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        self.referrers_of(subject, None).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, Error> {
        Ok(self.all_tags().await?)
    }
}
