//! Bytes that nobody uploads: the registry makes them, and puts them to rest.

use bytes::Bytes;
use wharf_content::body::Body;
use wharf_model::digest::Algorithm;
use wharf_model::id::Id;
use wharf_model::limits::INLINE_BLOB_BYTES_MAX;
use wharf_model::name::RepositoryName;
use wharf_store::blobs::{BlobsError, UploadState};
use wharf_store::ids;
use wharf_store::ledger::change::Place;

use super::Upload;
use crate::error::Error;
use crate::registry::Registry;

/// On whose behalf, in the note.
const ACTOR: &str = "registry";

/// Bytes that rest, of which no ledger knows yet.
#[derive(Debug)]
pub(crate) struct Rested {
    /// Where.
    pub(crate) place: Place,
    /// How many.
    pub(crate) size: u64,
    /// The note that names them on the heap, and its version: it goes in the commit that makes them known.
    pub(crate) upload: Option<(Id, u64)>,
}

impl Registry {
    /// Puts the bytes of `body` to rest, at most `max`, for something of this repository. No ledger knows them yet; whoever asks
    /// for this commits them soon, or they are garbage. Until then a note names them, so that a crash leaves nothing that the sweep
    /// does not find.
    ///
    /// # Errors
    /// The body breaks off, or has more; [`Error::Unavailable`] and [`Error::Full`] where a store fails. Nothing is left then.
    pub(crate) async fn put_to_rest(
        &self,
        repository: &RepositoryName,
        mut body: Body,
        max: u64,
    ) -> Result<Rested, Error> {
        let first = body.collect(INLINE_BLOB_BYTES_MAX).await;
        match first.map_err(|broken| Error::SenderGone(broken.error.to_string()))? {
            Ok(all) => {
                let size = all.len() as u64;
                return Ok(Rested { place: Place::Ledger(all), size, upload: None });
            }
            Err(first) => body.unread(first),
        }
        let mut upload = Upload {
            id: ids::random()?,
            repository: repository.clone(),
            actor: ACTOR.to_owned(),
            version: 0,
            tail: Bytes::new(),
            state: UploadState::new(ids::random()?, Algorithm::Sha256),
            on_heap: true,
            noted_digest: None,
            noted_offset: 0,
            noted: Bytes::new(),
            reserved: 0,
            has_quota: false,
        };
        self.note(&mut upload).await?;
        match self.rest(&mut upload, &mut body, max).await {
            Ok(rested) => Ok(rested),
            Err(error) => {
                // Where that fails too, the sweep finds it.
                let _ = self.discard(&mut upload).await;
                Err(error)
            }
        }
    }

    async fn rest(&self, upload: &mut Upload, body: &mut Body, max: u64) -> Result<Rested, Error> {
        let is_all = self.0.blobs.append(&mut upload.state, body, max).await.map_err(failed)?;
        if !is_all && body.next().await.is_some() {
            return Err(Error::Internal(format!("what was to be put to rest has more than {max} bytes")));
        }
        upload.state.digest = Some(upload.state.hasher.clone().finish());
        self.keep_upload(upload).await?;
        let stored = self.0.blobs.finish(&upload.state).await.map_err(failed)?;
        let upload = Some((upload.id, upload.version));
        Ok(Rested { place: Place::Heap(stored.location), size: stored.size, upload })
    }
}

/// What fails here is the heap, not what was brought.
fn failed(error: BlobsError) -> Error {
    match error {
        BlobsError::Failed { .. } => Error::Unavailable(error.to_string()),
        other => other.into(),
    }
}
