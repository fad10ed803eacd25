//! The content of files: out of a plain tar as it stands there, out of a compressed one by unpacking it up to there.

use std::io::{self, Read as _};

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use wharf_artifact::compression::Compression;
use wharf_artifact::layer::Limits;
use wharf_artifact::layer::index::Node;
use wharf_artifact::layer::part::Part as LayerPart;
use wharf_artifact::layer::stack::StackError;
use wharf_artifact::layer::view::Lost;
use wharf_artifact::layer::walk::Kind;
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::FILE_REACH_BYTES_MAX;
use wharf_model::name::Reference;
use wharf_model::range::ByteRange;

use super::places::Hand;
use super::source::Waiting;
use super::{Opened, Slab, Where};
use crate::error::Error;
use crate::pull::{FoundBlob, Served};
use crate::registry::{Access, Registry};

/// How much is unpacked at once, in bytes.
const CHUNK_BYTES: usize = 128 << 10;
/// How many such pieces wait for whoever reads.
const CHUNKS_AHEAD: usize = 2;

/// A file that was found.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Its name.
    pub name: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Names its content, and no other; it is not the digest of it.
    pub tag: Digest,
    /// The layer that it is in.
    blob: FoundBlob,
    place: InLayer,
}

/// Where a file is in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InLayer {
    /// From this byte on.
    At(u64),
    /// From this byte of what is unpacked on.
    Packed(u64),
}

impl Registry {
    /// A file of an artifact, or of one of its layers, to be opened with [`Registry::open_file`]. Links are followed, and lead
    /// nowhere else than within it.
    ///
    /// # Errors
    /// As [`Registry::files`]; [`Error::Unsupported`] where it is no file.
    pub async fn file(&self, access: &Access, reference: &Reference, asked: &Where) -> Result<FoundFile, Error> {
        let manifest = self.manifest_with_files(access, reference).await?;
        let opened = self.open_layers(access, manifest, asked.layer, true).await?;
        let path = asked.path.clone();
        let (opened, (path, node, layer)) = self
            .look(opened, move |_, stack| {
                let found = stack.resolve(&path, true)?;
                let Some(place) = found.place else { return Err(StackError::Lost(Lost::Missing(found.path))) };
                Ok((found.path.clone(), place.node.clone(), place.layer))
            })
            .await?;
        check(&path, &node)?;
        let (digest, place) = in_layer(&opened, layer, &node)?;
        let blob = self.blob(access, &digest).await?;
        if let InLayer::At(start) = place
            && start.checked_add(node.size).is_none_or(|end| end > blob.size)
        {
            let text = format!("/{path} is to have {} bytes, and its layer ends before", node.size);
            return Err(Error::Unsupported(text));
        }
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let tag = Digest::of(Algorithm::Sha256, format!("{digest} {place:?} {}", node.size).as_bytes());
        Ok(FoundFile { name, size: node.size, tag, blob, place })
    }

    /// The content of a file that was found, or `part` of it.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]; the heap fails. What is wrong with the layer breaks the body off, and so does whoever reads so
    /// slowly that others wait for the place.
    pub async fn open_file(&self, file: &FoundFile, part: Option<ByteRange>) -> Result<Served, Error> {
        let part = part.unwrap_or(ByteRange { start: 0, end: file.size });
        let start = match file.place {
            InLayer::At(start) => {
                let part = ByteRange { start: start + part.start, end: start + part.end };
                return self.open_blob(&file.blob, Some(part)).await;
            }
            InLayer::Packed(_) if part.is_empty() => return Ok(Served::Body(Body::empty())),
            InLayer::Packed(start) => start + part.start,
        };
        let place = self.0.files.reads.take().await?;
        let Served::Body(body) = self.open_blob(&file.blob, None).await? else {
            return Err(Error::Internal("the heap names an address for its bytes".to_owned()));
        };
        let (stream, runtime) = (Waiting::new(body), tokio::runtime::Handle::current());
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut hand = Hand::new(sender.clone(), place);
            let give = |piece| runtime.block_on(hand.give(piece));
            unpack(stream, start, part.len(), || !sender.is_closed(), give);
        });
        let pieces =
            stream::unfold(receiver, |mut pieces| async move { pieces.recv().await.map(|piece| (piece, pieces)) });
        Ok(Served::Body(Body::new(Some(part.len()), pieces)))
    }
}

/// Hands over the bytes piece by piece, until `hand` says that nobody wants more, or `is_wanted` before it comes to them.
fn unpack(
    stream: Waiting,
    start: u64,
    length: u64,
    is_wanted: impl Fn() -> bool,
    mut hand: impl FnMut(io::Result<Bytes>) -> bool,
) {
    let mut part = match LayerPart::open_while(is_wanted, stream, Limits::of_tree(), start, length) {
        Ok(Some(part)) => part,
        Ok(None) => return,
        Err(error) => {
            hand(Err(io::Error::other(error)));
            return;
        }
    };
    loop {
        let mut piece = Vec::with_capacity(CHUNK_BYTES);
        match part.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut piece) {
            Ok(0) => return,
            Ok(_) if hand(Ok(piece.into())) => (),
            Ok(_) => return,
            Err(error) => {
                hand(Err(error));
                return;
            }
        }
    }
}

/// Whether it is something that can be read.
fn check(path: &str, node: &Node) -> Result<(), Error> {
    let no = |what: &str| Err(Error::Unsupported(format!("/{path} is {what}")));
    match &node.kind {
        Kind::File if node.is_sparse => no("a sparse file of GNU tar, which is not supported"),
        Kind::File => Ok(()),
        Kind::Folder => no("a folder: list it"),
        Kind::HardLink(target) => no(&format!("a hard link to /{target}, which is no file here")),
        _ => no("no file"),
    }
}

/// In which layer it is, and where there.
fn in_layer(opened: &Opened, layer: usize, node: &Node) -> Result<(Digest, InLayer), Error> {
    let gone = || Error::Internal("a file is in no layer".to_owned());
    let slab = opened.slabs.get(layer).ok_or_else(gone)?;
    let digest = slab.layer(node).ok_or_else(gone)?;
    let Slab::Tar { tree, .. } = slab else { return Ok((digest, InLayer::At(0))) };
    let end = node.offset.checked_add(node.size).filter(|end| *end <= FILE_REACH_BYTES_MAX);
    match tree.foot.summary().compression {
        Compression::Plain => Ok((digest, InLayer::At(node.offset))),
        _ if end.is_none() => {
            let text = format!("it stands behind more than {FILE_REACH_BYTES_MAX} bytes of its layer; pull that");
            Err(Error::Unsupported(text))
        }
        _ => Ok((digest, InLayer::Packed(node.offset))),
    }
}
