//! Making the tree of a layer and putting it to rest: in the ledger where it is small, else on the heap, as it comes.

use std::collections::HashSet;
use std::io::{self, Write};

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use wharf_artifact::compression::Compression;
use wharf_artifact::layer::stored::VERSION;
use wharf_artifact::layer::stored::make::{self, MakeError};
use wharf_artifact::layer::{Limits, file_name};
use wharf_content::body::Body;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::TREE_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::name::RepositoryName;
use wharf_store::ledger::Ledger;
use wharf_store::ledger::change::{Change, Place};
use wharf_store::ledger::facts::{DerivedRow, FactsChange};
use wharf_store::ledger::notes::NewJob;
use wharf_store::ledger::query::LedgerError;

use super::TREE;
use super::source::Waiting;
use crate::error::Error;
use crate::inspect::Named;
use crate::registry::Registry;
use crate::upload::Rested;

/// How much of a tree is handed on at once, in bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// How many such pieces wait for the heap.
const CHUNKS_AHEAD: usize = 2;

/// The version of a tree that says no more than why there is none: it will do, and is made anew when the artifact is inspected
/// again.
const GIVEN_UP: u32 = 0;

/// The layers of an artifact that have trees, each once.
pub(crate) fn layers(manifest: &Manifest) -> HashSet<Digest> {
    let is_tar = |layer: &&Descriptor| Compression::of_type(&layer.media_type).is_some() && file_name(layer).is_none();
    manifest.layers.iter().filter(is_tar).map(|layer| layer.digest).collect()
}

/// Whether files are told by it.
pub(crate) fn is_usable(row: &DerivedRow) -> bool {
    matches!(row.version, VERSION | GIVEN_UP)
}

/// The jobs that make the trees which the layers of a manifest lack.
///
/// # Errors
/// The ledger fails.
pub(crate) async fn jobs(ledger: &dyn Ledger, named: &Named) -> Result<Vec<NewJob>, LedgerError> {
    let Some(live) = ledger.inspectable(&named.repository, &named.digest).await? else { return Ok(Vec::new()) };
    let Ok(manifest) = Manifest::parse(&live.bytes, Some(&live.media_type)) else { return Ok(Vec::new()) };
    let mut jobs = Vec::new();
    for digest in layers(&manifest) {
        let row = ledger.derived(&named.repository, &digest, TREE).await?;
        if row.is_none_or(|row| row.version != VERSION) {
            // One for each repository: this one may be gone before its job is done, and the layer is in others.
            let name = Named { repository: named.repository.clone(), digest }.to_string();
            jobs.push(NewJob { kind: TREE.to_owned(), key: name.clone(), payload: name });
        }
    }
    Ok(jobs)
}

impl Registry {
    /// Whether the layer has no tree yet, of this version, and the repository shows it.
    ///
    /// # Errors
    /// The ledger fails.
    pub(crate) async fn lacks_tree(&self, repository: &RepositoryName, layer: &Digest) -> Result<bool, Error> {
        let row = self.0.ledger.derived(repository, layer, TREE).await?;
        Ok(row.is_none_or(|row| row.version != VERSION))
    }

    /// Makes the tree of a layer, as the repository shows it, and puts it to rest: the change that makes it known, or `None` where
    /// it is known, or the layer is not there. What is wrong with a layer is in its tree.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Full`] where a store does not answer or has no room; otherwise it is for the layer, whose
    /// bytes are lost, say.
    pub async fn derive_tree(&self, repository: &RepositoryName, layer: &Digest) -> Result<Option<Change>, Error> {
        if !self.lacks_tree(repository, layer).await? {
            return Ok(None);
        }
        let Some(row) = self.0.ledger.blob(repository, layer).await? else { return Ok(None) };
        let stream = Waiting::new(self.whole(row.place, row.size).await?);
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_AHEAD);
        let making = tokio::task::spawn_blocking(move || {
            let mut out = Pieces { sender: sender.clone(), piece: Vec::new() };
            let made = make::tree(stream, Limits::of_tree(), &mut out);
            if let Err(error) = &made {
                // Whoever takes the pieces must not take them for all there is.
                let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
            }
            made
        });
        let pieces =
            stream::unfold(receiver, |mut pieces| async move { pieces.recv().await.map(|piece| (piece, pieces)) });
        let rested = self.put_to_rest(repository, Body::new(None, pieces), TREE_BYTES_MAX).await;
        let made = making.await.map_err(|error| Error::Internal(format!("looking at a layer broke off: {error}")))?;
        match made {
            Ok(_) => {}
            // Where the heap takes no more, that is what is wrong.
            Err(MakeError::Write(error)) => return Err(rested.err().unwrap_or(Error::Unavailable(error.to_string()))),
            Err(error) => return Err(Error::Internal(error.to_string())),
        }
        let Rested { place, size, upload } = rested?;
        let (source, kind) = (*layer, TREE.to_owned());
        Ok(Some(Change::Found(FactsChange::PutDerived { source, kind, version: VERSION, size, place, upload })))
    }

    /// The change that makes known that there is no tree of a layer, and why, in words for people; `None` as above.
    ///
    /// # Errors
    /// The ledger fails.
    pub(crate) async fn give_tree_up(
        &self,
        repository: &RepositoryName,
        layer: &Digest,
        why: &str,
    ) -> Result<Option<Change>, Error> {
        if !self.lacks_tree(repository, layer).await? {
            return Ok(None);
        }
        let mut tree = Vec::new();
        make::nothing(why, &mut tree).map_err(|error| Error::Internal(error.to_string()))?;
        let (size, place) = (tree.len() as u64, Place::Ledger(tree.into()));
        let (source, kind) = (*layer, TREE.to_owned());
        Ok(Some(Change::Found(FactsChange::PutDerived { source, kind, version: GIVEN_UP, size, place, upload: None })))
    }
}

/// Hands on what is written, on a thread that may wait.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece).into();
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= CHUNK_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
