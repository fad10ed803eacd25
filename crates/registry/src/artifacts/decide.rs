//! Which kind an artifact of a repository is; its config and its first child are read where that depends on them.

use wharf_artifact::kind::Kinds;
use wharf_artifact::kind::decide::{self, Child, Config, Verdict, first_child};
use wharf_model::descriptor::Descriptor;
use wharf_model::limits::IMAGE_CONFIG_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, Tag};

use crate::error::Error;
use crate::pull::Served;
use crate::registry::{Access, Registry};

/// What kind of thing something is, and the content of its config where that was needed.
pub(super) struct Decided<'k> {
    /// Which kind, and why.
    pub(super) kind: decide::Decided<'k>,
    /// The config.
    pub(super) config: Option<Vec<u8>>,
}

impl Registry {
    /// Which of `kinds` it is, found by that tag, or in the index that names it so.
    pub(super) async fn decide<'k>(
        &self,
        access: &Access,
        kinds: &'k Kinds,
        manifest: &Manifest,
        tag: Option<&Tag>,
        named_by: Option<&Descriptor>,
    ) -> Result<Decided<'k>, Error> {
        let mut artifact = decide::Artifact { tag, named_by, ..decide::Artifact::new(manifest) };
        let mut config = None;
        loop {
            match kinds.decide(&artifact) {
                Verdict::Is(kind) => return Ok(Decided { kind, config }),
                Verdict::NeedsConfig => {
                    config = match &manifest.config {
                        Some(descriptor) => self.small_blob(access, descriptor).await?,
                        None => None,
                    };
                    artifact.config = config.as_deref().map_or(Config::none(), Config::read);
                }
                Verdict::NeedsChild => {
                    let child = match first_child(manifest) {
                        Some(descriptor) => Box::pin(self.kind_of_child(access, kinds, descriptor)).await?,
                        None => None,
                    };
                    artifact.child = child.map_or(Child::None, Child::Is);
                }
            }
        }
    }

    /// What an index's child is; nothing where it is not there, or no manifest.
    async fn kind_of_child<'k>(
        &self,
        access: &Access,
        kinds: &'k Kinds,
        child: &Descriptor,
    ) -> Result<Option<&'k str>, Error> {
        let row = match self.manifest(access, &Reference::Digest(child.digest)).await {
            Ok(row) => row,
            Err(Error::ManifestUnknown(_) | Error::NameUnknown(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Ok(manifest) = Manifest::parse(&row.bytes, Some(&row.media_type)) else { return Ok(None) };
        let decided = self.decide(access, kinds, &manifest, None, Some(child)).await?;
        Ok(Some(decided.kind.kind.id.as_str()))
    }

    /// What is in a config; nothing where it is not in the repository, or too large.
    async fn small_blob(&self, access: &Access, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, Error> {
        let blob = match self.blob(access, &descriptor.digest).await {
            Ok(blob) => blob,
            Err(Error::BlobUnknown(_) | Error::NameUnknown(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if blob.size > IMAGE_CONFIG_BYTES_MAX as u64 {
            return Ok(None);
        }
        let failed = |why: String| Error::Internal(format!("the bytes of {} cannot be read: {why}", descriptor.digest));
        match self.open_blob(&blob, None).await? {
            Served::Body(mut body) => match body.collect(IMAGE_CONFIG_BYTES_MAX).await {
                Ok(read) => Ok(read.ok().map(|bytes| bytes.to_vec())),
                Err(error) => Err(failed(error.error.to_string())),
            },
            Served::Redirect(_) => Err(failed("they are elsewhere".to_owned())),
        }
    }
}
