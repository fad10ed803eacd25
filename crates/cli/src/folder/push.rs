//! A folder becomes an artifact and goes to a target: listed, cut into layers, and of these only packed what is not known to be
//! packed as it is, and only sent what the target does not have.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use wharf_artifact::compression::Compression;
use wharf_artifact::cut::{self, Form};
use wharf_artifact::pack::{Keep, PackError, Packed, Packer};
use wharf_artifact::tree::Entry;
use wharf_content::body::Body;
use wharf_content::copy::send;
use wharf_content::error::Error;
use wharf_content::observer::{Observer, Outcome};
use wharf_content::target::{Origin, Target};
use wharf_model::descriptor::Descriptor;

use super::stream::written;

/// Layers that are packed and sent at the same time.
const LAYERS_AT_ONCE: usize = 6;
/// Layers whose files have no more bytes than this are packed in memory, once; larger ones are packed a second time while
/// they are sent.
const KEPT_BYTES_MAX: u64 = 8 << 20;

/// A folder that was listed, and how it is to be packed.
pub struct Folder {
    root: PathBuf,
    packer: Packer,
    entries: Vec<Entry>,
    /// Everything in gzip, for those who read nothing else.
    gzip: bool,
}

/// A layer that is at the target.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Which entries it holds.
    pub entries: Range<usize>,
    /// What it is.
    pub packed: Packed,
    /// Whether it travelled.
    pub outcome: Outcome,
}

impl Folder {
    /// The folder `root`, in which `entries` were found.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn new(root: &Path, entries: Vec<Entry>, keep: Keep, gzip: bool) -> Result<Arc<Folder>> {
        let packer = Packer::open(root, keep)?;
        let packer = if gzip { packer.with_folders(&entries) } else { packer };
        Ok(Arc::new(Folder { root: root.to_owned(), packer, entries, gzip }))
    }

    /// What it holds.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Its layers, by what they hold.
    pub fn cut(&self, form: Form) -> Vec<Range<usize>> {
        cut::cut(&self.entries, form)
    }

    /// What all layers are, if all of them are known; none has travelled then.
    pub fn known(&self, layers: &[Range<usize>], known: impl Fn(&[Entry]) -> Option<Packed>) -> Option<Vec<Sent>> {
        let sent = layers.iter().map(|entries| {
            let packed = known(&self.entries[entries.clone()])?;
            Some(Sent { entries: entries.clone(), packed, outcome: Outcome::Skipped })
        });
        sent.collect()
    }

    /// Brings the layers to the target, several at once; in their order. `known` tells what a layer was when it was packed
    /// before, if nothing in it has changed since.
    ///
    /// # Errors
    /// A file cannot be read or changes meanwhile, or the target takes a layer not.
    pub async fn send(
        self: &Arc<Self>,
        layers: Vec<Range<usize>>,
        known: impl Fn(&[Entry]) -> Option<Packed>,
        target: &dyn Target,
        observer: &Arc<dyn Observer>,
    ) -> Result<Vec<Sent>> {
        let known = &known;
        let size = |layer: &Range<usize>| self.entries[layer.clone()].iter().map(|entry| entry.size).sum::<u64>();
        let mut order: Vec<(usize, Range<usize>)> = layers.into_iter().enumerate().collect();
        // The largest first, lest one of them is waited for in the end.
        order.sort_by_cached_key(|(_, layer)| std::cmp::Reverse(size(layer)));
        let sending = order.into_iter().map(|(at, entries)| async move {
            let remembered = known(&self.entries[entries.clone()]);
            if let Some(packed) = remembered {
                let layer = Layer { folder: self.clone(), entries: entries.clone(), kept: None, packed };
                // What was remembered may be wrong after all: a file that kept its size and time. Then it is packed anew.
                if let Ok(sent) = layer.send(target, observer).await {
                    return Ok((at, sent));
                }
            }
            let folder = self.clone();
            let layer = spawn_blocking(move || Layer::pack(folder, entries)).await??;
            let sent = layer.send(target, observer).await;
            let sent = sent.with_context(|| format!("cannot send {} to {}", self.root.display(), target.name()))?;
            anyhow::Ok((at, sent))
        });
        let all: BTreeMap<usize, Sent> = stream::iter(sending).buffer_unordered(LAYERS_AT_ONCE).try_collect().await?;
        Ok(all.into_values().collect())
    }

    fn choose(&self, entries: &[Entry]) -> Result<Compression, PackError> {
        if self.gzip { Ok(Compression::Gzip) } else { self.packer.choose(entries) }
    }
}

/// A layer on its way.
struct Layer {
    folder: Arc<Folder>,
    entries: Range<usize>,
    packed: Packed,
    /// Its bytes, where they are kept.
    kept: Option<Bytes>,
}

impl Layer {
    fn pack(folder: Arc<Folder>, range: Range<usize>) -> Result<Layer, PackError> {
        let compression = folder.choose(&folder.entries[range.clone()])?;
        match Layer::pack_by(folder.clone(), range.clone(), compression) {
            // Nobody would unpack it, we neither.
            Err(PackError::Shrunk) => Layer::pack_by(folder, range, Compression::Plain),
            packed => packed,
        }
    }

    fn pack_by(folder: Arc<Folder>, range: Range<usize>, compression: Compression) -> Result<Layer, PackError> {
        let entries = &folder.entries[range.clone()];
        let size: u64 = entries.iter().map(|entry| entry.size).sum();
        let (packed, kept) = if size <= KEPT_BYTES_MAX {
            // Untouched memory costs nothing, growing does.
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            let packed = folder.packer.layer(entries, compression, &mut bytes)?;
            (packed, Some(bytes.into()))
        } else {
            (folder.packer.layer(entries, compression, std::io::sink())?, None)
        };
        Ok(Layer { entries: range, packed, kept, folder })
    }

    async fn send(self, target: &dyn Target, observer: &Arc<dyn Observer>) -> Result<Sent, Error> {
        let descriptor = descriptor(&self.packed);
        let outcome = send(&descriptor, &self, target, observer).await?;
        Ok(Sent { entries: self.entries, packed: self.packed, outcome })
    }
}

/// What a manifest says of a layer.
fn descriptor(packed: &Packed) -> Descriptor {
    Descriptor::new(packed.media_type.clone(), packed.digest, packed.size)
}

#[async_trait]
impl Origin for Layer {
    async fn open(&self, from: u64) -> Result<Body, Error> {
        if let Some(kept) = &self.kept {
            return kept.open(from).await;
        }
        let (folder, range) = (self.folder.clone(), self.entries.clone());
        let compression = Compression::of_type(&self.packed.media_type).unwrap_or(Compression::Plain);
        Ok(written(from, self.packed.size, move |writer| {
            let entries = &folder.entries[range];
            folder.packer.again(entries, compression, writer).map_err(std::io::Error::other)
        }))
    }
}
