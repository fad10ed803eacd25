//! The files inside of an image or an artifact, read layer by layer from the top, and no more layers than that takes.
//!
//! A layer is read to its end, and verified there. Nothing of it counts before.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tempfile::SpooledTempFile;
use tokio::task::spawn_blocking;
use wharf_artifact::layer::index::{Index, hashed};
use wharf_artifact::layer::view::{Deeper, Lost, Place, Resolved, View};
use wharf_artifact::layer::walk::{Content, Entry};
use wharf_artifact::layer::{LayerError, Limits, file_name, of_files};
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_content::observer::{Event, Observer, Outcome};
use wharf_content::verify::{self, Expected};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;

use crate::args::inside::Part;
use crate::folder::stream::{Reader, reader};
use crate::found::Found;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::table::printable;

/// How much of a file that is printed waits in memory for the end of its layer, in bytes; the rest does in a temporary file.
const WAITING_BYTES: usize = 4 << 20;
/// Of how many members that are not shown it is told.
const FAULTS_TOLD: usize = 5;

/// Layers that were read, for others that have them too.
pub type Known = Arc<Mutex<HashMap<Digest, Arc<Index>>>>;

/// Which member of which layer, counted from the top.
pub type Member = (usize, u32);

/// Contents that were kept.
pub type Kept = HashMap<Member, SpooledTempFile>;

/// What of a layer is kept.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Files at these paths.
    pub paths: HashSet<String>,
    /// Files that are these members.
    pub members: HashSet<u32>,
    /// Only this part of each.
    pub part: Option<Part>,
}

/// See the module.
pub struct Inside {
    found: Found,
    /// The topmost first.
    layers: Vec<Descriptor>,
    view: View,
    limits: Limits,
    hashes: bool,
    known: Option<Known>,
    progress: Arc<Progress>,
}

impl Inside {
    /// The files of what was found. Nothing is read yet.
    ///
    /// # Errors
    /// It is an index, or holds no files.
    pub fn open(found: Found, progress: Arc<Progress>) -> Result<Inside> {
        let manifest = found.manifest()?;
        let layers = layers(&manifest).with_context(|| found.source().name())?;
        let (view, limits) = (View::default(), Limits::of_view());
        let mut inside = Inside { found, layers, view, limits, hashes: false, known: None, progress };
        inside.end();
        Ok(inside)
    }

    /// With a digest for every file, and with layers that `known` has.
    pub fn hashing(mut self, known: Known) -> Inside {
        (self.hashes, self.known) = (true, Some(known));
        self
    }

    /// Without these layers, none of which holds anything that others hold too.
    pub fn without(mut self, digests: &HashSet<Digest>) -> Inside {
        self.layers.retain(|layer| !digests.contains(&layer.digest));
        self.end();
        self
    }

    /// The layers, the topmost first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.layers
    }

    /// What is known so far.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// How many of the layers have been read.
    pub fn depth(&self) -> usize {
        self.view.layers().len()
    }

    /// What `path` leads to.
    ///
    /// # Errors
    /// It leads nowhere, or a layer cannot be read.
    pub async fn resolve(&mut self, path: &str, follow: bool) -> Result<Resolved<'_>> {
        while matches!(self.view.resolve(path, follow), Err(Lost::Deeper(_))) {
            self.deeper(&Wanted::default()).await?;
        }
        Ok(self.view.resolve(path, follow)?)
    }

    /// What is in a folder.
    ///
    /// # Errors
    /// A layer cannot be read.
    pub async fn children(&mut self, folder: &str) -> Result<Vec<(&str, Place<'_>)>> {
        while self.view.children(folder).is_err() {
            self.deeper(&Wanted::default()).await?;
        }
        self.view.children(folder).map_err(|Deeper| anyhow::anyhow!("there are no more layers"))
    }

    /// Reads the next layer, and keeps what is wanted of it.
    ///
    /// # Errors
    /// There is none, it cannot be had, is not what its digest says, or is no layer.
    pub async fn deeper(&mut self, wanted: &Wanted) -> Result<Kept> {
        let number = self.depth();
        let Some(layer) = self.layers.get(number) else { bail!("there are no more layers") };
        let digest = layer.digest;
        let (index, kept) = match self.recall(&digest) {
            Some(index) => (index, Kept::new()),
            None => {
                let (index, kept) = self.read(number, wanted).await?;
                let index = Arc::new(index);
                if let Some(known) = &self.known {
                    known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, index.clone());
                }
                (index, kept)
            }
        };
        self.limits = self.limits.after(&index.walked);
        self.view.add(index);
        self.end();
        Ok(kept)
    }

    fn recall(&self, digest: &Digest) -> Option<Arc<Index>> {
        self.known.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn end(&mut self) {
        if self.depth() == self.layers.len() {
            self.view.end();
        }
    }

    /// Reads a layer, which may have been read before, and keeps what is wanted of it.
    ///
    /// # Errors
    /// As [`Inside::deeper`].
    pub async fn read(&self, number: usize, wanted: &Wanted) -> Result<(Index, Kept)> {
        let layer = &self.layers[number];
        let about = || format!("cannot read {} of {}", layer.digest, self.found.source().name());
        match file_name(layer) {
            Some(name) => self.file(name, number, wanted).await.with_context(about),
            None => self.tar(number, wanted).await.with_context(about),
        }
    }

    async fn tar(&self, number: usize, wanted: &Wanted) -> Result<(Index, Kept)> {
        let (stream, feed) = reader(self.body(&self.layers[number]).await?);
        let (limits, hashes, wanted) = (self.limits, self.hashes, wanted.clone());
        let work = spawn_blocking(move || index(stream, number, limits, hashes, &wanted));
        feed.await;
        let done = work.await??;
        self.done(&self.layers[number]);
        Ok(done)
    }

    /// A layer that is one file: it is fetched only where that is wanted.
    async fn file(&self, name: &str, number: usize, wanted: &Wanted) -> Result<(Index, Kept)> {
        let layer = &self.layers[number];
        let index = Index::of_file(name, layer.size, layer.digest);
        let index = index.with_context(|| format!("its name {name:?} is no path"))?;
        let is_wanted = wanted.members.contains(&0) || index.nodes().any(|(path, _)| wanted.paths.contains(path));
        let mut kept = Kept::new();
        if is_wanted {
            let mut spool = Spool::new(wanted.part.as_ref(), layer.size);
            let mut body = self.body(layer).await?;
            while let Some(chunk) = body.next().await {
                spool.write(&chunk.map_err(|error| Error::from_io(error, || "read a file".to_owned()))?)?;
            }
            self.done(layer);
            kept.insert((number, 0), spool.file);
        }
        Ok((index, kept))
    }

    /// What is verified at its end.
    async fn body(&self, layer: &Descriptor) -> Result<Body> {
        let Descriptor { digest, size, .. } = *layer;
        let source = self.found.source();
        let missing = || Error::Missing { what: digest.to_string(), place: source.name() };
        self.progress.on(Event::Found { digest, size });
        let body = source.blob(layer, 0).await?.ok_or_else(missing)?;
        let body = verify::whole(body, Expected { digest, size, place: source.name() });
        let progress = self.progress.clone();
        let moved = move |chunk: &io::Result<Bytes>| {
            if let Ok(chunk) = chunk {
                progress.on(Event::Moved { digest, bytes: chunk.len() as u64 });
            }
        };
        Ok(Body::new(Some(size), body.into_stream().inspect(moved)))
    }

    fn done(&self, layer: &Descriptor) {
        let Descriptor { digest, size, .. } = *layer;
        self.progress.on(Event::Done { digest, size, outcome: Outcome::Sent });
    }

    /// Tells of members whose names mean nothing.
    pub fn tell_faults(&self, printer: &Printer) {
        for (layer, index) in self.layers.iter().zip(self.view.layers()) {
            let told = index.faults.iter().take(FAULTS_TOLD).map(|fault| format!("{:?} {}", fault.name, fault.reason));
            let told = told.collect::<Vec<_>>().join(", ");
            if !told.is_empty() {
                let count = index.faults.len();
                let note = format!("{} holds {count} or more members that are not shown: {told}", layer.digest);
                printer.note(&printable(&note));
            }
        }
    }
}

/// The layers that hold files, the topmost first.
fn layers(manifest: &Manifest) -> Result<Vec<Descriptor>> {
    if manifest.is_index() {
        bail!("it is an index; --platform chooses an image of it");
    }
    of_files(manifest).map(|layers| layers.into_iter().cloned().collect()).map_err(anyhow::Error::msg)
}

fn index(
    stream: Reader,
    number: usize,
    limits: Limits,
    hashes: bool,
    wanted: &Wanted,
) -> Result<(Index, Kept), anyhow::Error> {
    let mut kept = Kept::new();
    let index = Index::read(stream, limits, |entry: &Entry, member, content: &mut Content<'_, Reader>| {
        if wanted.members.contains(&member) || wanted.paths.contains(&*entry.path) {
            let mut spool = Spool::new(wanted.part.as_ref(), entry.size);
            spool.take(content)?;
            kept.insert((number, member), spool.file);
        }
        if hashes { Ok(hashed(entry, member, content)?) } else { anyhow::Ok(None) }
    })?;
    Ok((index, kept))
}

/// A part of a file, kept.
struct Spool {
    file: SpooledTempFile,
    skip: u64,
    left: u64,
}

impl Spool {
    fn new(part: Option<&Part>, size: u64) -> Spool {
        let range = match part {
            Some(part) => part.of(size).map_or((0, 0), |range| (range.start, range.end)),
            None => (0, size),
        };
        Spool { file: SpooledTempFile::new(WAITING_BYTES), skip: range.0, left: range.1 - range.0 }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        let bytes = &bytes[skipped as usize..];
        let bytes = &bytes[..self.left.min(bytes.len() as u64) as usize];
        self.left -= bytes.len() as u64;
        self.file.write_all(bytes).context("a temporary file cannot be written")
    }

    fn take(&mut self, content: &mut Content<'_, Reader>) -> Result<()> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.write(&buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(LayerError::from(error).into()),
            }
        }
    }
}
