//! Where trees are read from, and small ones that are made anew.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use tokio::runtime::Handle;
use wharf_artifact::layer::Limits;
use wharf_artifact::layer::stored::make::{self, MakeError};
use wharf_artifact::layer::stored::read::{Foot, Stored};
use wharf_artifact::layer::stored::{ReadAt, StoredError};
use wharf_content::body::Body;
use wharf_model::digest::Digest;
use wharf_model::limits::{TREE_AT_ONCE_BYTES_MAX, TREE_AT_ONCE_TAR_BYTES_MAX};
use wharf_model::range::ByteRange;
use wharf_store::blobs::{Blobs, BlobsError, Location, Served};
use wharf_store::ledger::change::Place;

use super::TREE;
use super::derive::is_usable;
use super::places::Permit;
use crate::error::Error;
use crate::registry::{Access, Registry};

/// The tree of a layer. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tree {
    pub(super) source: Arc<Source>,
    pub(super) foot: Arc<Foot>,
}

impl Tree {
    /// Bytes of memory that it takes, about.
    pub(super) fn memory(&self) -> usize {
        let here = match &*self.source {
            Source::Here(bytes) => bytes.len(),
            Source::Heap { .. } => 0,
        };
        here + self.foot.memory()
    }

    /// Why not all is known of the layer, in words for people.
    pub(super) fn gap(&self) -> Option<String> {
        let summary = self.foot.summary();
        let nameless =
            || format!("{} of its members have names that mean nothing, or lead out of it", summary.nameless);
        summary.fault.as_ref().map(ToString::to_string).or_else(|| (summary.nameless > 0).then(nameless))
    }
}

/// The bytes of a tree.
pub(super) enum Source {
    Here(Bytes),
    /// On a thread that may wait.
    Heap {
        blobs: Arc<dyn Blobs>,
        location: Location,
        runtime: Handle,
    },
}

impl ReadAt for &Source {
    fn read_at(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        match self {
            Source::Here(bytes) => (&**bytes).read_at(start, length),
            Source::Heap { blobs, location, runtime } => {
                let range = ByteRange { start, end: start + length as u64 };
                runtime.block_on(async {
                    let served = blobs.open(location, range).await.map_err(io::Error::other)?;
                    let Served::Body(mut body) = served else { return Err(elsewhere()) };
                    let bytes = body.collect(length).await.map_err(|broken| broken.error)?;
                    let bytes = bytes.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                    if bytes.len() == length { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
                })
            }
        }
    }
}

/// All paths in the tree of a layer, at most so many: those of folders end with a slash. What it only deletes is left out.
///
/// # Errors
/// The bytes cannot be had, or are those of no tree.
pub(crate) async fn paths(
    blobs: &Arc<dyn Blobs>,
    place: Place,
    size: u64,
    most: usize,
) -> Result<Vec<String>, StoredError> {
    let (source, size) = match place {
        Place::Ledger(bytes) => (Source::Here(bytes.clone()), bytes.len() as u64),
        Place::Heap(location) => (Source::Heap { blobs: blobs.clone(), location, runtime: Handle::current() }, size),
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut paths = Vec::new();
        Stored::open(&source, size)?.each(|path, record| {
            if let Some(node) = record.node.filter(|_| !path.is_empty()) {
                paths.push(if node.is_folder() { format!("{path}/") } else { path.to_owned() });
            }
            paths.len() < most
        })?;
        Ok::<_, StoredError>(paths)
    });
    read.await.map_err(|error| StoredError::Read(io::Error::other(error)))?
}

fn elsewhere() -> io::Error {
    io::Error::other("the heap names an address for its bytes")
}

/// A body, read on a thread that may wait.
pub(super) struct Waiting {
    pub(super) runtime: Handle,
    pub(super) body: Body,
    pub(super) chunk: Bytes,
}

impl Waiting {
    pub(super) fn new(body: Body) -> Waiting {
        Waiting { runtime: Handle::current(), body, chunk: Bytes::new() }
    }
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            match self.runtime.block_on(self.body.next()) {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk?,
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Registry {
    /// The tree of a layer, as the repository shows it; `None` where it does not.
    pub(super) async fn tree(&self, access: &Access, layer: &Digest, permit: &Permit) -> Result<Option<Tree>, Error> {
        let row = self.0.ledger.derived(&access.repository, layer, TREE).await?;
        let Some(row) = row.filter(is_usable) else { return self.tree_at_once(access, layer).await };
        let (size, location) = match row.place {
            Place::Ledger(bytes) => return here(bytes).map(Some),
            Place::Heap(location) => (row.size, location),
        };
        let (blobs, runtime) = (self.0.blobs.clone(), Handle::current());
        let key = location.0.clone();
        let source = Arc::new(Source::Heap { blobs, location, runtime });
        if let Some(foot) = self.0.files.feet.get(&key) {
            return Ok(Some(Tree { source, foot }));
        }
        let permit = permit.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let foot = Foot::read(&&*source, size)?;
            Ok(Tree { source, foot: Arc::new(foot) })
        });
        let read = read.await.map_err(|error| Error::Internal(format!("reading a tree broke off: {error}")))?;
        let tree = read.map_err(|error: StoredError| broken(layer, &error))?;
        self.0.files.feet.insert(key, tree.foot.clone());
        Ok(Some(tree))
    }

    /// Looks at a layer that is so small that nobody waits for it.
    async fn tree_at_once(&self, access: &Access, layer: &Digest) -> Result<Option<Tree>, Error> {
        let Some(row) = self.0.ledger.blob(&access.repository, layer).await? else { return Ok(None) };
        if let Some(tree) = self.0.files.made.get(layer) {
            return here(tree).map(Some);
        }
        if row.size > TREE_AT_ONCE_BYTES_MAX {
            return Err(Error::NotReady(*layer));
        }
        let place = self.0.files.makes.take().await?;
        let stream = Waiting::new(self.whole(row.place, row.size).await?);
        let made = tokio::task::spawn_blocking(move || {
            let _place = place;
            let limits = Limits { bytes: TREE_AT_ONCE_TAR_BYTES_MAX, ..Limits::of_tree() };
            let mut tree = Vec::new();
            make::tree(stream, limits, &mut tree).map(|summary| (tree, summary))
        });
        let made = made.await.map_err(|error| Error::Internal(format!("looking at a layer broke off: {error}")))?;
        let (tree, summary) = made.map_err(|error| match error {
            MakeError::Read(error) | MakeError::Write(error) => Error::Unavailable(error.to_string()),
            MakeError::Kept(error) => Error::Internal(error.to_string()),
        })?;
        // Where that is why it was read no further, what is behind is known once its job is done.
        if summary.tar_bytes > TREE_AT_ONCE_TAR_BYTES_MAX {
            return Err(Error::NotReady(*layer));
        }
        let tree = Bytes::from(tree);
        self.0.files.made.insert(*layer, tree.clone());
        here(tree).map(Some)
    }

    /// All bytes of a blob.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the heap does not answer; [`Error::Internal`] where it has lost them.
    pub(super) async fn whole(&self, place: Place, size: u64) -> Result<Body, Error> {
        match place {
            Place::Ledger(bytes) => Ok(Body::full(bytes)),
            Place::Heap(location) => match self.0.blobs.open(&location, ByteRange { start: 0, end: size }).await {
                Ok(Served::Body(body)) => Ok(body),
                Ok(Served::Redirect(_)) => Err(Error::Internal(elsewhere().to_string())),
                Err(error @ BlobsError::Lost(_)) => Err(Error::Internal(error.to_string())),
                Err(error) => Err(Error::Unavailable(error.to_string())),
            },
        }
    }
}

fn here(tree: Bytes) -> Result<Tree, Error> {
    let foot = Foot::read(&&*tree, tree.len() as u64).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Tree { source: Arc::new(Source::Here(tree)), foot: Arc::new(foot) })
}

fn broken(layer: &Digest, error: &StoredError) -> Error {
    tracing::error!(%layer, %error, "the tree of a layer cannot be read");
    Error::Unavailable(error.to_string())
}
