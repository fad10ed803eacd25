//! A folder of an artifact as one file: what stands in it is gathered from the trees of the layers, and their contents are read as it
//! is sent.
//!
//! Folders come first, then files in the order in which they stand in their layers, so that each layer is read once and from its
//! beginning to its end, then links. What cannot be a file on somebody's machine is left out: devices, fifos, links out of the
//! folder. Where a layer is not wholly known, there is no archive, as nobody would see what is missing.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use wharf_artifact::archive::{Archive, Contents, Entry, Format, VERSION, What, inside};
use wharf_artifact::compression::Compression;
use wharf_artifact::layer::Limits;
use wharf_artifact::layer::index::Node;
use wharf_artifact::layer::part::Part as LayerPart;
use wharf_artifact::layer::stack::{Child, Stack, StackError};
use wharf_artifact::layer::stored;
use wharf_artifact::layer::walk::Kind;
use wharf_content::body::Body;
use wharf_model::api::files::IncompleteLayer;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::{SAVED_ENTRIES_MAX, SAVED_NAME_BYTES_MAX, STACK_BLOCKS_MAX};
use wharf_model::name::Reference;
use wharf_model::range::ByteRange;

use super::places::{Hand, Permit};
use super::source::Waiting;
use super::{ARCHIVES_EACH_MAX, Opened, Slab, Where, lost};
use crate::error::Error;
use crate::pull::{FoundBlob, Served};
use crate::registry::{Access, Registry};

/// How many entries of a folder are looked at at once.
const PAGE: usize = 1_000;
/// How much is handed on at once, in bytes.
const CHUNK_BYTES: usize = 128 << 10;
/// How many such pieces wait for whoever reads.
const CHUNKS_AHEAD: usize = 2;
/// How many bytes that nobody wants are read of a layer that is not compressed, before it is opened anew behind them.
const GAP_BYTES: u64 = 256 << 10;

/// An archive that was found: what is in it and how long it is. While it is there, no more are made than there is room for.
pub struct FoundArchive {
    /// What it is best called, without how names of such files end.
    pub name: String,
    /// Names its bytes, and no others; it is not the digest of them.
    pub tag: Digest,
    archive: Arc<Archive>,
    /// Where the content of each entry is, by its number.
    places: Vec<InSource>,
    sources: Vec<Source>,
    place: Permit,
}

/// Where a file is: in which source, and from which byte of what that is, unpacked.
#[derive(Clone, Copy, Debug, Default)]
struct InSource {
    source: u32,
    start: u64,
}

/// What files are read from.
struct Source {
    blob: FoundBlob,
    is_plain: bool,
}

impl FoundArchive {
    /// Its length, in bytes.
    pub fn size(&self) -> u64 {
        self.archive.length()
    }

    /// What sort it is.
    pub fn format(&self) -> Format {
        self.archive.format()
    }
}

impl Registry {
    /// A folder of an artifact, or of one of its layers, as an archive, to be opened with [`Registry::open_archive`]; of a file one
    /// with that alone. Links on the way are followed, and lead nowhere else than within it. Of those that somebody has asked for from
    /// one address, `from`, a few are made at once, and others wait for these.
    ///
    /// # Errors
    /// As [`Registry::files`]; [`Error::Unsupported`] where not all is known of a layer, or it holds too much;
    /// [`Error::TooManyRequests`].
    pub async fn archive(
        &self,
        access: &Access,
        reference: &Reference,
        asked: &Where,
        format: Format,
        from: Option<IpAddr>,
    ) -> Result<FoundArchive, Error> {
        let manifest = self.manifest_with_files(access, reference).await?;
        let artifact = manifest.0;
        let sender =
            format!("{} {}", access.subject.actor.key(), from.map(|from| from.to_string()).unwrap_or_default());
        let place = self.0.files.archives.take_for(sender, ARCHIVES_EACH_MAX).await?;
        let opened = self.open_layers(access, manifest, asked.layer, true).await?;
        whole(&opened)?;
        let path = asked.path.clone();
        let (opened, path, Arranged { entries, places, layers }) = aside(move || {
            let Gathered { path, found } = Gathering::new(&opened).gather(&path)?;
            let arranged = arranged(&opened, &path, found);
            Ok((opened, path, arranged))
        })
        .await?;
        let sources = self.sources(access, &opened, &layers).await?;
        let layer = asked.layer.map(|layer| layer.to_string()).unwrap_or_default();
        let named = format!("{format} {VERSION} {} {artifact} {layer} {path}", stored::VERSION);
        let tag = Digest::of(Algorithm::Sha256, named.as_bytes());
        let name = called(access, reference, &path);
        let registry = self.clone();
        aside(move || {
            fit(&entries, &places, &sources)?;
            let mut archive = Archive::new(format, entries);
            if format == Format::Zip {
                let sums = registry.0.files.sums(tag, archive.entries().len());
                archive = archive.with(sums);
            }
            Ok(FoundArchive { name, tag, archive: Arc::new(archive), places, sources, place })
        })
        .await
    }

    /// The blobs that are read.
    async fn sources(
        &self,
        access: &Access,
        opened: &Opened,
        layers: &[(usize, Digest)],
    ) -> Result<Vec<Source>, Error> {
        let mut sources = Vec::with_capacity(layers.len());
        for (slab, layer) in layers {
            let is_plain = match &opened.slabs[*slab] {
                Slab::Tar { tree, .. } => tree.foot.summary().compression == Compression::Plain,
                Slab::Files(_) | Slab::Nothing(_) => true,
            };
            sources.push(Source { blob: self.blob(access, layer).await?, is_plain });
        }
        Ok(sources)
    }

    /// The bytes of an archive that was found, or `part` of it. Of a tar only the layers are read that have something of that; of a
    /// zip those before it as well, unless that was done of late.
    ///
    /// What is wrong with a layer breaks the body off, and so does whoever reads so slowly that others wait for the place.
    pub fn open_archive(&self, found: FoundArchive, part: Option<ByteRange>) -> Body {
        let part = part.unwrap_or(ByteRange { start: 0, end: found.size() });
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_AHEAD);
        let (registry, runtime) = (self.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let FoundArchive { archive, places, sources, place, .. } = found;
            let hand = Hand::new(sender.clone(), place);
            let mut out = Out { runtime: runtime.clone(), hand, piece: BytesMut::new() };
            let mut contents =
                Layers { registry, runtime, sender, places, sources, archive: archive.clone(), open: None };
            let written = archive.write(part, &mut contents, &mut out).and_then(|()| out.flush());
            if let Err(error) = written
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                tracing::warn!(%error, "an archive broke off");
                let _ = out.send(Err(error));
            }
        });
        let pieces =
            stream::unfold(receiver, |mut pieces| async move { pieces.recv().await.map(|piece| (piece, pieces)) });
        Body::new(Some(part.len()), pieces)
    }
}

/// Does what takes long where nobody else waits for it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Internal(format!("an archive broke off: {error}")))?
}

/// Refuses what is not wholly known.
fn whole(opened: &Opened) -> Result<(), Error> {
    match opened.incomplete.first() {
        Some(IncompleteLayer { layer, reason }) => {
            Err(Error::Unsupported(format!("not all is known of its layer {layer}: {reason}; pull it")))
        }
        None => Ok(()),
    }
}

/// Compares what layers are to hold with how long they are.
fn fit(entries: &[Entry], places: &[InSource], sources: &[Source]) -> Result<(), Error> {
    for (entry, place) in entries.iter().zip(places) {
        let What::File(size @ 1..) = entry.what else { continue };
        let source = &sources[place.source as usize];
        if source.is_plain && place.start.checked_add(size).is_none_or(|end| end > source.blob.size) {
            let text = format!("{} is to have {size} bytes, and its layer ends before", entry.path);
            return Err(Error::Unsupported(text));
        }
    }
    Ok(())
}

/// What it is best called: the end of the repository's name, the tag or the digest in brief, the folder.
fn called(access: &Access, reference: &Reference, path: &str) -> String {
    let repository = access.repository().as_str().rsplit('/').next().unwrap_or_default();
    let version = match reference {
        Reference::Tag(tag) => tag.to_string(),
        Reference::Digest(digest) => digest.hex()[..12].to_owned(),
    };
    let folder = path.rsplit('/').next().filter(|name| !name.is_empty());
    folder.map_or_else(|| format!("{repository}-{version}"), |folder| format!("{repository}-{version}-{folder}"))
}

/// Something that was found: its path from the root, what it is, and where.
struct Found {
    path: Box<str>,
    what: What,
    mode: u32,
    mtime: i64,
    /// The layer, counted from the top; where that is one file, its digest.
    slab: usize,
    digest: Option<Box<Digest>>,
    member: u32,
    offset: u64,
}

/// All that is in a folder, and where that is.
struct Gathered {
    path: String,
    found: Vec<Found>,
}

/// Goes through a folder with all that is below it. What is known of one folder after another would take more memory than there
/// is; then it is forgotten.
struct Gathering<'a> {
    opened: &'a Opened,
    stack: Stack<'a>,
    is_fresh: bool,
    found: Vec<Found>,
    name_bytes: usize,
}

impl<'a> Gathering<'a> {
    fn new(opened: &'a Opened) -> Gathering<'a> {
        Gathering { opened, stack: stack(opened), is_fresh: true, found: Vec::new(), name_bytes: 0 }
    }

    fn gather(mut self, path: &str) -> Result<Gathered, Error> {
        let resolved = self.stack.resolve(path, true).map_err(lost)?;
        let file = resolved.place.filter(|place| !place.node.is_folder());
        let (path, file) = (resolved.path.clone(), file.map(|place| (place.layer, place.node.clone())));
        self.is_fresh = false;
        if let Some((slab, node)) = file {
            self.take(path.clone(), slab, node)?;
            if self.found.is_empty() {
                return Err(Error::Unsupported(format!("/{path} is no file")));
            }
            return Ok(Gathered { path, found: self.found });
        }
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            self.folder(&folder, &mut folders)?;
        }
        Ok(Gathered { path, found: self.found })
    }

    fn folder(&mut self, folder: &str, folders: &mut Vec<String>) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = match self.stack.children(folder, after.as_deref(), PAGE) {
                Err(StackError::TooMuch) if !self.is_fresh => {
                    (self.stack, self.is_fresh) = (stack(self.opened), true);
                    continue;
                }
                page => page.map_err(lost)?,
            };
            self.is_fresh = false;
            for Child { name, node, layer, .. } in page.children {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if node.is_folder() {
                    folders.push(path.clone());
                }
                self.take(path, layer, node)?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn take(&mut self, path: String, slab: usize, node: Node) -> Result<(), Error> {
        let Node { kind, size, mode, mtime, member, offset, is_sparse, digest, .. } = node;
        let what = match kind {
            Kind::File if is_sparse => {
                let text = format!("/{path} is a sparse file of GNU tar, which is not supported");
                return Err(Error::Unsupported(text));
            }
            Kind::File => What::File(size),
            Kind::Folder => What::Folder,
            Kind::Symlink(target) => What::Link(target),
            Kind::HardLink(_) | Kind::Character | Kind::Block | Kind::Fifo | Kind::Unknown => return Ok(()),
        };
        self.name_bytes += path.len() + if let What::Link(target) = &what { target.len() } else { 0 };
        if self.found.len() >= SAVED_ENTRIES_MAX || self.name_bytes > SAVED_NAME_BYTES_MAX {
            let text = format!("it holds more than {SAVED_ENTRIES_MAX} files, or names that are too long; pull it");
            return Err(Error::Unsupported(text));
        }
        let digest = digest.filter(|_| matches!(self.opened.slabs.get(slab), Some(Slab::Files(_))));
        let mtime = mtime.div_euclid(1_000_000_000).max(0);
        self.found.push(Found { path: path.into(), what, mode, mtime, slab, digest, member, offset });
        Ok(())
    }
}

fn stack(opened: &Opened) -> Stack<'_> {
    let blocks = STACK_BLOCKS_MAX / opened.slabs.len().max(1);
    Stack::new(opened.slabs.iter().map(|slab| slab.lookup(blocks)).collect())
}

/// What an archive has.
#[derive(Default)]
struct Arranged {
    entries: Vec<Entry>,
    /// Where the content of each is.
    places: Vec<InSource>,
    /// What is read, with its place among the layers, counted from the top.
    layers: Vec<(usize, Digest)>,
}

/// The entries in the order in which they are best read, told from `root`.
fn arranged(opened: &Opened, root: &str, mut found: Vec<Found>) -> Arranged {
    // The layers from the lowest one, in each of them file by file as they stand there; the names of one file together.
    let rank = |found: &Found| match found.what {
        What::Folder => (0, 0, 0),
        What::File(_) => (1, usize::MAX - found.slab, found.member),
        What::Link(_) | What::Again(_) => (2, 0, 0),
    };
    found.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.path.cmp(&other.path)));
    let (mut all, mut numbers) = (Arranged::default(), HashMap::new());
    let mut last: Option<(usize, u32, u32)> = None;
    for Found { path, what, mode, mtime, slab, digest, member, offset } in found {
        let mut place = InSource::default();
        let what = match (what, &opened.slabs[slab]) {
            (What::Link(target), _) => match inside(root, &path, &target) {
                Some(target) => What::Link(target.into()),
                None => continue,
            },
            (What::File(_), Slab::Tar { .. }) if last.is_some_and(|(of, one, _)| (of, one) == (slab, member)) => {
                What::Again(last.map_or(0, |(_, _, first)| first))
            }
            (What::File(size), of) => {
                let Some(layer) = digest.as_deref().copied().or_else(|| of.tar()) else { continue };
                let source = *numbers.entry((slab, layer)).or_insert_with(|| {
                    all.layers.push((slab, layer));
                    all.layers.len() as u32 - 1
                });
                place = InSource { source, start: offset };
                last = Some((slab, member, all.entries.len() as u32));
                What::File(size)
            }
            (what, _) => what,
        };
        let below = path.strip_prefix(root).map_or(&*path, |below| below.trim_start_matches('/'));
        // A file that is asked for stands alone, under its own name.
        let below = if below.is_empty() { path.rsplit('/').next().unwrap_or_default() } else { below };
        all.entries.push(Entry { path: below.into(), what, mode, mtime });
        all.places.push(place);
    }
    all
}

/// Reads the contents out of their layers, each of which is opened when the first of its files is wanted.
struct Layers {
    registry: Registry,
    runtime: Handle,
    /// Closed as soon as nobody wants any more.
    sender: mpsc::Sender<io::Result<Bytes>>,
    places: Vec<InSource>,
    sources: Vec<Source>,
    archive: Arc<Archive>,
    open: Option<(u32, Open)>,
}

/// A layer that is being read.
enum Open {
    Plain { stream: Wanted, at: u64 },
    Packed(Box<LayerPart<Wanted>>),
}

impl Contents for Layers {
    fn open(&mut self, entry: usize, from: u64) -> io::Result<&mut dyn Read> {
        let place = *self.places.get(entry).ok_or(io::ErrorKind::NotFound)?;
        let What::File(size) = self.archive.entries()[entry].what else { return Err(io::ErrorKind::NotFound.into()) };
        let (start, length) = (place.start + from, size - from);
        let is_plain = self.sources[place.source as usize].is_plain;
        let reaches = match &self.open {
            Some((source, Open::Plain { at, .. })) => {
                *source == place.source && start.checked_sub(*at).is_some_and(|gap| gap <= GAP_BYTES)
            }
            Some((source, Open::Packed(_))) => *source == place.source,
            None => false,
        };
        if !reaches {
            let blob = &self.sources[place.source as usize].blob;
            let at = if is_plain { start } else { 0 };
            let served = self.runtime.block_on(async {
                let part = ByteRange { start: at, end: blob.size };
                self.registry.open_blob(blob, Some(part)).await
            });
            let Served::Body(body) = served.map_err(|error| io::Error::other(error.to_string()))? else {
                return Err(io::Error::other("the heap names an address for its bytes"));
            };
            let stream = Waiting { runtime: self.runtime.clone(), body, chunk: Bytes::new() };
            let stream = Wanted { stream, sender: self.sender.clone() };
            let open = if is_plain { Open::Plain { stream, at } } else { self.unpacked(stream)? };
            self.open = Some((place.source, open));
        }
        let Some((_, open)) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        if let Open::Packed(part) = open {
            let sender = self.sender.clone();
            let is_there = part.go_on(|| !sender.is_closed(), start, length).map_err(io::Error::other)?;
            if !is_there {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        } else if let Open::Plain { stream, at } = open {
            io::copy(&mut stream.by_ref().take(start - *at), &mut io::sink())?;
            *at = start;
        }
        Ok(open)
    }
}

impl Layers {
    fn unpacked(&self, stream: Wanted) -> io::Result<Open> {
        let part = LayerPart::open(stream, Limits::of_tree(), 0, 0).map_err(io::Error::other)?;
        Ok(Open::Packed(Box::new(part)))
    }
}

/// The bytes of a layer, for as long as somebody waits for the archive.
struct Wanted {
    stream: Waiting,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Read for Wanted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.sender.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.stream.read(buffer)
    }
}

impl Read for Open {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Open::Packed(part) => part.read(buffer),
            Open::Plain { stream, at } => {
                let count = stream.read(buffer)?;
                *at += count as u64;
                Ok(count)
            }
        }
    }
}

/// Hands on what is written, on a thread that may wait.
struct Out {
    runtime: Handle,
    hand: Hand,
    piece: BytesMut,
}

impl Out {
    fn send(&mut self, piece: io::Result<Bytes>) -> io::Result<()> {
        let is_taken = self.runtime.block_on(self.hand.give(piece));
        if is_taken { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece).freeze();
        self.send(Ok(piece))
    }
}
