//! An artifact becomes a folder: of its layers only those are fetched whose files are not in the folder as an earlier pull left
//! them. What does not verify never comes into place.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use wharf_artifact::compression::Compression;
use wharf_artifact::config::TITLE;
use wharf_artifact::unpack::{self, Options, Unpacked, Written};
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_content::observer::{Event, Observer, Outcome};
use wharf_content::source::Source;
use wharf_content::verify::{self, Expected};
use wharf_model::descriptor::Descriptor;

use super::stream::{as_tar, reader};

/// Layers that are fetched and unpacked at the same time, where their order does not matter.
const LAYERS_AT_ONCE: usize = 6;

/// The annotation by which oras says that a layer with a name is a packed folder.
const UNPACK: &str = "io.deis.oras.content.unpack";

/// What the layer's file is called, where it is one file and no tar of many.
pub fn file_name(layer: &Descriptor) -> Option<&str> {
    let annotations = layer.annotations.as_ref()?;
    let is_folder = annotations.get(UNPACK).is_some_and(|value| value == "true");
    annotations.get(TITLE).map(String::as_str).filter(|_| !is_folder)
}

/// Seconds since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A folder that an artifact is pulled into.
pub struct Folder {
    target: Arc<unpack::Target>,
    /// Whether a layer may be put in place before those that stand above it in the manifest.
    is_ordered: bool,
}

/// A layer whose files are in place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The layer.
    pub layer: Descriptor,
    /// Its files.
    pub written: Vec<Written>,
    /// Whether it had to travel.
    pub outcome: Outcome,
}

impl Folder {
    /// The folder `path`, made where there is none. Layers of images have to be in order: one deletes what another brought.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open(path: &Path, options: Options) -> Result<Folder> {
        let is_ordered = options.whiteouts;
        Ok(Folder { target: Arc::new(unpack::Target::open(path, options)?), is_ordered })
    }

    /// Puts all layers in place. `left` tells what an earlier pull left of a layer; `placed` is told of each that is in place,
    /// so that who is interrupted need not begin anew.
    ///
    /// # Errors
    /// A layer cannot be fetched, is not what its digest says, or cannot be written.
    pub async fn fetch(
        &self,
        layers: &[Descriptor],
        left: impl Fn(&Descriptor) -> Option<Vec<Written>>,
        placed: impl Fn(&Placed),
        source: &dyn Source,
        observer: &Arc<dyn Observer>,
    ) -> Result<Vec<Placed>> {
        let (left, placed) = (&left, &placed);
        let fetching = layers.iter().map(|layer| async move {
            let Descriptor { digest, size, .. } = *layer;
            observer.on(Event::Found { digest, size });
            let one = self.layer(layer, left(layer), source, observer).await?;
            observer.on(Event::Done { digest, size, outcome: one.outcome });
            placed(&one);
            anyhow::Ok(one)
        });
        let at_once = if self.is_ordered { 1 } else { LAYERS_AT_ONCE };
        stream::iter(fetching).buffered(at_once).try_collect().await
    }

    async fn layer(
        &self,
        layer: &Descriptor,
        left: Option<Vec<Written>>,
        source: &dyn Source,
        observer: &Arc<dyn Observer>,
    ) -> Result<Placed> {
        if let Some(written) = left {
            let target = self.target.clone();
            let (holds, written) = spawn_blocking(move || (target.holds(&written), written)).await?;
            if holds {
                return Ok(Placed { layer: layer.clone(), written, outcome: Outcome::Skipped });
            }
        }
        let unpacked = self.unpack(layer, source, observer).await;
        let unpacked = unpacked.with_context(|| format!("cannot fetch {} from {}", layer.digest, source.name()))?;
        Ok(Placed { layer: layer.clone(), written: unpacked.written, outcome: Outcome::Sent })
    }

    async fn unpack(&self, layer: &Descriptor, source: &dyn Source, observer: &Arc<dyn Observer>) -> Result<Unpacked> {
        let Descriptor { digest, size, .. } = *layer;
        let missing = || Error::Missing { what: digest.to_string(), place: source.name() };
        let body = source.blob(layer, 0).await?.ok_or_else(missing)?;
        let body = verify::whole(body, Expected { digest, size, place: source.name() });
        let observer = observer.clone();
        let counted = body.into_stream().inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                observer.on(Event::Moved { digest, bytes: chunk.len() as u64 });
            }
        });
        let body = Body::new(Some(size), counted);
        let (body, media_type) = match file_name(layer) {
            Some(name) => (as_tar(name, size, seconds(), body)?, Compression::Plain.layer_type()),
            None => (body, layer.media_type.clone()),
        };
        let (stream, feed) = reader(body);
        let target = self.target.clone();
        let unpacked = spawn_blocking(move || target.unpack(stream, &media_type));
        feed.await;
        Ok(unpacked.await??)
    }

    /// Removes these, in this order; folders only where nothing is left in them. How many.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub async fn remove(&self, gone: Vec<String>) -> Result<usize> {
        let target = self.target.clone();
        spawn_blocking(move || {
            let mut removed = 0;
            for path in &gone {
                removed += usize::from(target.remove(path)?);
            }
            anyhow::Ok(removed)
        })
        .await?
    }

    /// Sets times and modes of folders, now that all is in them.
    ///
    /// # Errors
    /// They cannot be set.
    pub async fn close(self) -> Result<()> {
        let Ok(target) = Arc::try_unwrap(self.target) else { return Ok(()) };
        Ok(spawn_blocking(move || target.finish()).await??)
    }
}
