//! One blob on its way: from the source, checked, counted, and had again where sending it is repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use wharf_model::descriptor::Descriptor;

use crate::body::Body;
use crate::error::Error;
use crate::observer::{Event, Observer};
use crate::source::Source;
use crate::target::Origin;
use crate::verify::{self, Expected};

/// A blob of a source.
pub(super) struct Carried<'a> {
    source: &'a dyn Source,
    descriptor: &'a Descriptor,
    /// Whether its digest is to be checked here.
    verifies: bool,
    observer: Arc<dyn Observer>,
    /// Bytes that the observer was told of.
    told: Arc<AtomicU64>,
}

impl<'a> Carried<'a> {
    pub(super) fn new(
        source: &'a dyn Source,
        descriptor: &'a Descriptor,
        verifies: bool,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Carried { source, descriptor, verifies, observer, told: Arc::default() }
    }

    /// Tells the observer what is missing to `bytes`, or too much.
    pub(super) fn settle(&self, bytes: u64) {
        let digest = self.descriptor.digest;
        let told = self.told.swap(bytes, Relaxed);
        if told > bytes {
            self.observer.on(Event::Again { digest, bytes: told - bytes });
        } else if told < bytes {
            self.observer.on(Event::Moved { digest, bytes: bytes - told });
        }
    }
}

#[async_trait]
impl Origin for Carried<'_> {
    async fn open(&self, from: u64) -> Result<Body, Error> {
        let Descriptor { digest, size, .. } = *self.descriptor;
        let missing = || Error::Missing { what: digest.to_string(), place: self.source.name() };
        let body = self.source.blob(self.descriptor, from).await?.ok_or_else(missing)?;
        self.settle(from);
        let expected = Expected { digest, size, place: self.source.name() };
        let body =
            if self.verifies && from == 0 { verify::whole(body, expected) } else { verify::rest(body, from, expected) };
        let (observer, told, length) = (self.observer.clone(), self.told.clone(), body.length());
        let counted = body.into_stream().inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                told.fetch_add(chunk.len() as u64, Relaxed);
                observer.on(Event::Moved { digest, bytes: chunk.len() as u64 });
            }
        });
        Ok(Body::new(length, counted))
    }
}
