//! An artifact becomes a folder: of its layers only those are fetched whose files are not in the folder as an earlier pull left
//! them. What does not verify never comes into place. Of large layers what came is kept, until they are in place.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use wharf_artifact::compression::Compression;
use wharf_artifact::layer::file_name;
use wharf_artifact::unpack::{self, Look, Options, Partial, Removed, UnpackError, Unpacked, Written};
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_content::observer::{Event, Observer, Outcome};
use wharf_content::source::Source;
use wharf_content::verify::{self, Expected};
use wharf_model::descriptor::Descriptor;

use super::stream::{Keeping, as_tar, keeping, reader, written};

/// Layers that are fetched and unpacked at the same time, where their order does not matter.
const LAYERS_AT_ONCE: usize = 6;

/// Layers from this size on, in bytes, are kept as they come, so that they go on where they broke off. Smaller ones are fetched
/// again sooner than they would be written twice.
const KEPT_FROM_BYTES: u64 = 64 << 20;

/// Seconds since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A folder that an artifact is pulled into.
pub struct Folder {
    target: Arc<unpack::Target>,
}

/// What comes into a folder.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// As the manifest names them.
    pub all: &'a [Descriptor],
    /// In which order.
    pub order: Order,
}

/// In which order layers come into place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One after the other, as the manifest names them: of what is in several of them, the last counts.
    Kept,
    /// Several at once: for layers of which none holds what another one does.
    Any,
}

/// A layer whose files are in place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The layer.
    pub layer: Descriptor,
    /// Its files.
    pub written: Arc<[Written]>,
    /// What it removed of the layers before.
    pub removed: Vec<Box<str>>,
    /// Whether it had to travel.
    pub outcome: Outcome,
    /// Bytes that travelled.
    pub fetched: u64,
}

impl Placed {
    /// A layer that need not travel.
    pub fn skipped(layer: &Descriptor, written: Arc<[Written]>) -> Placed {
        Placed { layer: layer.clone(), written, removed: Vec::new(), outcome: Outcome::Skipped, fetched: 0 }
    }
}

impl Folder {
    /// The folder `path`, made where there is none.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open(path: &Path, options: Options) -> Result<Folder> {
        Ok(Folder { target: Arc::new(unpack::Target::open(path, options)?) })
    }

    /// The same with the folder `below` in the folder `path`, which is there, and which others may have filled.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open_below(path: &Path, below: &str, options: Options) -> Result<Folder> {
        Ok(Folder { target: Arc::new(unpack::Target::open_below(path, below, options)?) })
    }

    /// Whether all of `written` is as it was left.
    ///
    /// # Errors
    /// The thread that looked ended.
    pub async fn holds(&self, written: Arc<[Written]>, look: Look) -> Result<bool> {
        let target = self.target.clone();
        Ok(spawn_blocking(move || target.holds(&written, look)).await?)
    }

    /// Puts all layers in place. `left` tells what an earlier pull left of a layer; `placed` is told of each that is in place,
    /// so that who is interrupted need not begin anew. `look` says how closely it is looked at what was left.
    ///
    /// # Errors
    /// A layer cannot be fetched, is not what its digest says, or cannot be written.
    pub async fn fetch(
        &self,
        layers: Layers<'_>,
        left: impl Fn(&Descriptor) -> Option<Arc<[Written]>>,
        placed: impl Fn(&Placed),
        look: Look,
        source: &dyn Source,
        observer: &Arc<dyn Observer>,
    ) -> Result<Vec<Placed>> {
        let (left, placed) = (&left, &placed);
        let mut order: Vec<(usize, &Descriptor)> = layers.all.iter().enumerate().collect();
        if layers.order == Order::Any {
            // The largest first, lest one of them is waited for in the end.
            order.sort_by_key(|(_, layer)| std::cmp::Reverse(layer.size));
        }
        let fetching = order.into_iter().map(|(at, layer)| async move {
            let Descriptor { digest, size, .. } = *layer;
            observer.on(Event::Found { digest, size });
            let one = self.layer(layer, left(layer), look, source, observer).await?;
            observer.on(Event::Done { digest, size, outcome: one.outcome });
            placed(&one);
            anyhow::Ok((at, one))
        });
        let at_once = if layers.order == Order::Kept { 1 } else { LAYERS_AT_ONCE };
        let all: BTreeMap<usize, Placed> = stream::iter(fetching).buffer_unordered(at_once).try_collect().await?;
        Ok(all.into_values().collect())
    }

    async fn layer(
        &self,
        layer: &Descriptor,
        left: Option<Arc<[Written]>>,
        look: Look,
        source: &dyn Source,
        observer: &Arc<dyn Observer>,
    ) -> Result<Placed> {
        if let Some(written) = left
            && self.holds(written.clone(), look).await?
        {
            return Ok(Placed::skipped(layer, written));
        }
        let unpacked = self.unpack(layer, source, observer).await;
        let (unpacked, fetched) =
            unpacked.with_context(|| format!("cannot fetch {} from {}", layer.digest, source.name()))?;
        let Unpacked { written, removed, .. } = unpacked;
        Ok(Placed { layer: layer.clone(), written: written.into(), removed, outcome: Outcome::Sent, fetched })
    }

    /// Fetches a layer, or the rest of it, and puts it in place; also how much travelled.
    async fn unpack(
        &self,
        layer: &Descriptor,
        source: &dyn Source,
        observer: &Arc<dyn Observer>,
    ) -> Result<(Unpacked, u64)> {
        let mut partial = self.partial(layer).await?;
        loop {
            let from = partial.as_ref().map_or(0, Partial::length);
            let (broke, came) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
            let fetching =
                Fetching { layer, source, observer: observer.clone(), broke: broke.clone(), came: came.clone() };
            let (rest, keeping) = fetching.rest(partial.take(), from).await?;
            let result = self.stream(layer, rest, source).await;
            partial = keeping.end().await;
            match result {
                Ok(unpacked) => {
                    partial.into_iter().for_each(Partial::remove);
                    return Ok((unpacked, layer.size - from));
                }
                Err(error) if broke.load(Ordering::Relaxed) => return Err(error),
                // Nothing broke off: what came is wrong, or cannot be written here.
                Err(error) if from == 0 || is_of_target(&error) => {
                    partial.into_iter().for_each(Partial::remove);
                    return Err(error);
                }
                // What was kept is wrong.
                Err(_) => {
                    observer.on(Event::Again { digest: layer.digest, bytes: from + came.load(Ordering::Relaxed) });
                    partial = partial.and_then(|mut partial| partial.clear().is_ok().then_some(partial));
                }
            }
        }
    }

    /// What came before of a large layer.
    async fn partial(&self, layer: &Descriptor) -> Result<Option<Partial>> {
        let Descriptor { digest, size, .. } = *layer;
        if size < KEPT_FROM_BYTES {
            return Ok(None);
        }
        let target = self.target.clone();
        Ok(spawn_blocking(move || target.partial(&digest, size)).await?)
    }

    /// Unpacks what comes, if in the end it is the layer.
    async fn stream(&self, layer: &Descriptor, body: Body, source: &dyn Source) -> Result<Unpacked> {
        let Descriptor { digest, size, .. } = *layer;
        let (target, place) = (self.target.clone(), source.name());
        let expected = Expected { digest, size, place: place.clone() };
        // Whoever unpacks it has to hash what is in it, which is all of it where it is not compressed.
        let is_plain = Compression::of_type(&layer.media_type) == Some(Compression::Plain);
        let (body, media_type, hashes) = match file_name(layer) {
            Some(name) => {
                let tar = as_tar(name, size, seconds(), verify::whole(body, expected))?;
                (tar, Compression::Plain.layer_type(), false)
            }
            None if is_plain => (verify::rest(body, 0, expected), layer.media_type.clone(), true),
            None => (verify::whole(body, expected), layer.media_type.clone(), false),
        };
        let (stream, feed) = reader(body);
        let unpacking = spawn_blocking(move || match hashes {
            true => target.unpack_plain(stream, &digest),
            false => target.unpack(stream, &media_type),
        });
        feed.await;
        unpacking.await?.map_err(|error| match error {
            UnpackError::Wrong { expected, actual } => Error::Wrong { place, expected, actual }.into(),
            other => other.into(),
        })
    }

    /// Removes what is still as it was left ([`unpack::Target::remove`]).
    ///
    /// # Errors
    /// Something cannot be removed.
    pub async fn remove(&self, left: Vec<Written>) -> Result<Removed> {
        let target = self.target.clone();
        Ok(spawn_blocking(move || target.remove(&left)).await??)
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

/// Whether it is the folder that is in the way, and not the layer.
fn is_of_target(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(UnpackError::Write { .. } | UnpackError::Occupied(_)))
}

/// A layer that is being fetched.
struct Fetching<'a> {
    layer: &'a Descriptor,
    source: &'a dyn Source,
    observer: Arc<dyn Observer>,
    /// Whether the source ended too early.
    broke: Arc<AtomicBool>,
    /// Bytes that came from it.
    came: Arc<AtomicU64>,
}

impl Fetching<'_> {
    /// All of the layer: what is kept of it, `from` bytes, and then the rest from the source, which is kept too.
    async fn rest(self, partial: Option<Partial>, from: u64) -> Result<(Body, Keeping)> {
        let Fetching { layer, source, observer, broke, came } = self;
        let Descriptor { digest, size, .. } = *layer;
        let missing = || Error::Missing { what: digest.to_string(), place: source.name() };
        let rest = source.blob(layer, from).await?.ok_or_else(missing)?;
        let before = match &partial {
            Some(partial) if from > 0 => {
                let mut file = partial.reader()?;
                written(0, from, move |writer| std::io::copy(&mut file, writer).map(drop))
            }
            _ => Body::empty(),
        };
        observer.on(Event::Moved { digest, bytes: from });
        let counted = rest.into_stream().inspect(move |chunk| match chunk {
            Ok(chunk) => {
                came.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                observer.on(Event::Moved { digest, bytes: chunk.len() as u64 });
            }
            Err(_) => broke.store(true, Ordering::Relaxed),
        });
        let (rest, keeping) = keeping(Body::new(Some(size - from), counted), partial);
        Ok((Body::new(Some(size), before.into_stream().chain(rest.into_stream())), keeping))
    }
}
