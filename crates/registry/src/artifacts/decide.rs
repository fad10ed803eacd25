//! Which kind an artifact of a repository is; its config and its first child are read where that depends on them.

use wharf_artifact::kind::Kinds;
use wharf_artifact::kind::decide;
use wharf_artifact::kind::deciding::{Deciding, Step};
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
    /// Which of `kinds` it is, found by that tag.
    pub(super) async fn decide<'k>(
        &self,
        access: &Access,
        kinds: &'k Kinds,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<Decided<'k>, Error> {
        let artifact = decide::Artifact { tag, ..decide::Artifact::new(manifest) };
        let mut deciding = Deciding::new(kinds, artifact);
        loop {
            let shown = match deciding.step() {
                Step::Is(kind) => return Ok(Decided { kind, config: deciding.into_config() }),
                Step::Config(named) => self.small_blob(access, &named).await?,
                Step::Manifest(named) => match self.manifest(access, &Reference::Digest(named.digest)).await {
                    Ok(row) => Some(row.bytes.to_vec()),
                    Err(Error::ManifestUnknown(_) | Error::NameUnknown(_)) => None,
                    Err(error) => return Err(error),
                },
            };
            deciding.show(shown);
        }
    }

    /// What is in a config; nothing where it is not in the repository, or too large.
    pub(crate) async fn small_blob(&self, access: &Access, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, Error> {
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
