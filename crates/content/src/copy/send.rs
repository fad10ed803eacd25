//! One blob that is just being made: into the target if it is not there, without a source that could be asked for it by name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;

use crate::body::Body;
use crate::error::Error;
use crate::observer::{Event, Observer, Outcome};
use crate::target::{Origin, Target};

/// Brings `blob` to the target, if it is not there; the observer is told.
///
/// # Errors
/// As [`Target::put_blob`].
pub async fn send(
    blob: &Descriptor,
    origin: &dyn Origin,
    target: &dyn Target,
    observer: &Arc<dyn Observer>,
) -> Result<Outcome, Error> {
    let Descriptor { digest, size, .. } = *blob;
    observer.on(Event::Found { digest, size });
    let outcome = if target.has_blob(blob).await? {
        Outcome::Skipped
    } else {
        let counted = Counted { origin, digest, observer: observer.clone(), told: Arc::default() };
        target.put_blob(blob, &counted).await?;
        counted.settle(size);
        Outcome::Sent
    };
    observer.on(Event::Done { digest, size, outcome });
    Ok(outcome)
}

/// Bytes that are counted on their way, also where they are had again.
pub(super) struct Counted<'a> {
    pub(super) origin: &'a dyn Origin,
    pub(super) digest: Digest,
    pub(super) observer: Arc<dyn Observer>,
    /// Bytes that the observer was told of.
    pub(super) told: Arc<AtomicU64>,
}

impl Counted<'_> {
    /// Tells the observer what is missing to `bytes`, or too much.
    pub(super) fn settle(&self, bytes: u64) {
        let digest = self.digest;
        let told = self.told.swap(bytes, Relaxed);
        if told > bytes {
            self.observer.on(Event::Again { digest, bytes: told - bytes });
        } else if told < bytes {
            self.observer.on(Event::Moved { digest, bytes: bytes - told });
        }
    }
}

#[async_trait]
impl Origin for Counted<'_> {
    async fn open(&self, from: u64) -> Result<Body, Error> {
        let body = self.origin.open(from).await?;
        self.settle(from);
        let (digest, observer, told, length) = (self.digest, self.observer.clone(), self.told.clone(), body.length());
        let counted = body.into_stream().inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                told.fetch_add(chunk.len() as u64, Relaxed);
                observer.on(Event::Moved { digest, bytes: chunk.len() as u64 });
            }
        });
        Ok(Body::new(length, counted))
    }
}
