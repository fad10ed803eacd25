//! What of a graph is known so far, and what waits for what. No ends, no tasks: only the bookkeeping.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::{COPY_BLOBS_MAX, COPY_DEPTH_MAX, COPY_KEPT_BYTES_MAX, COPY_MANIFESTS_MAX};
use wharf_model::name::Tag;

use crate::source::Fetched;
use crate::target::Rank;

/// A manifest of the graph, by its place in the list of them.
pub(super) type Id = usize;

/// A manifest of the graph.
pub(super) struct Node {
    /// What it was named as: its media type, digest and size, no more.
    pub(super) named: Descriptor,
    pub(super) rank: Rank,
    pub(super) depth: usize,
    /// What it was found by.
    pub(super) found: Found,
    /// Where it is to be found at the target.
    pub(super) tags: Vec<Tag>,
    /// Whether the target is known not to have it.
    pub(super) lacking: bool,
    /// Its bytes, while they are kept.
    bytes: Option<Bytes>,
    /// How many of its parts are not at the target yet.
    waiting: usize,
    /// The indexes that wait for it.
    parents: Vec<Id>,
    pub(super) done: bool,
}

/// How a manifest, or what passes for one, came to be in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// As root, or as a child of an index.
    Below,
    /// As a child of an index that turned out to be no manifest.
    Blob,
    /// On a list of the referrers of this, which it has to name.
    Listed(Digest),
    /// Under a tag that says what it is about.
    Tagged,
    /// As that too, but it is in the graph before: only the tag is new.
    Again,
}

/// A graph that exceeds its bounds.
#[derive(Debug, thiserror::Error)]
pub(super) enum TooLarge {
    #[error("manifests are nested more than {COPY_DEPTH_MAX} deep")]
    Depth,
    #[error("more than {COPY_MANIFESTS_MAX} manifests belong to it")]
    Manifests,
    #[error("more than {COPY_BLOBS_MAX} blobs belong to it")]
    Blobs,
}

#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    ids: HashMap<Digest, Id>,
    /// Who waits for a blob; `None` where it is at the target.
    blobs: HashMap<Digest, Option<Vec<Id>>>,
    kept: usize,
    /// Manifests that are not at the target.
    open: usize,
}

impl Graph {
    pub(super) fn node(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id]
    }

    /// Whether all that is known is at the target.
    pub(super) fn is_done(&self) -> bool {
        self.open == 0
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Id> {
        self.ids.get(digest).copied()
    }

    /// Adds a manifest that is not known yet, or is to be put once more.
    pub(super) fn add(&mut self, named: Descriptor, rank: Rank, found: Found, depth: usize) -> Result<Id, TooLarge> {
        if depth > COPY_DEPTH_MAX {
            return Err(TooLarge::Depth);
        }
        if self.nodes.len() >= COPY_MANIFESTS_MAX {
            return Err(TooLarge::Manifests);
        }
        let (id, digest) = (self.nodes.len(), named.digest);
        self.nodes.push(Node {
            named,
            rank,
            depth,
            found,
            tags: Vec::new(),
            lacking: false,
            bytes: None,
            waiting: 0,
            parents: Vec::new(),
            done: false,
        });
        self.ids.entry(digest).or_insert(id);
        self.open += 1;
        Ok(id)
    }

    /// Lets `parent` wait for a child. The child's id where it is new: somebody has to look at it.
    pub(super) fn need_child(&mut self, parent: Id, child: &Descriptor) -> Result<Option<Id>, TooLarge> {
        let depth = self.nodes[parent].depth + 1;
        let known = self.find(&child.digest);
        let id = match known {
            Some(id) if self.nodes[id].done => return Ok(None),
            Some(id) => id,
            None => self.add(super::slim(child), Rank::Part, Found::Below, depth)?,
        };
        self.nodes[id].parents.push(parent);
        self.nodes[parent].waiting += 1;
        Ok(known.is_none().then_some(id))
    }

    /// Lets `parent` wait for a blob. `true` where it is new: somebody has to carry it.
    pub(super) fn need_blob(&mut self, parent: Id, blob: &Descriptor) -> Result<bool, TooLarge> {
        let count = self.blobs.len();
        let (waiting, is_new) = match self.blobs.entry(blob.digest) {
            Entry::Vacant(_) if count >= COPY_BLOBS_MAX => return Err(TooLarge::Blobs),
            Entry::Vacant(entry) => (entry.insert(Some(Vec::new())), true),
            Entry::Occupied(entry) => (entry.into_mut(), false),
        };
        if let Some(waiting) = waiting {
            waiting.push(parent);
            self.nodes[parent].waiting += 1;
        }
        Ok(is_new)
    }

    /// Whether all parts of it are at the target.
    pub(super) fn is_ready(&self, id: Id) -> bool {
        self.nodes[id].waiting == 0
    }

    /// A blob is at the target: who is ready by that.
    pub(super) fn blob_done(&mut self, digest: &Digest) -> Vec<Id> {
        let waiting = self.blobs.get_mut(digest).and_then(Option::take).unwrap_or_default();
        self.release(waiting)
    }

    /// A manifest is at the target: who is ready by that.
    pub(super) fn manifest_done(&mut self, id: Id) -> Vec<Id> {
        let node = &mut self.nodes[id];
        if std::mem::replace(&mut node.done, true) {
            return Vec::new();
        }
        let parents = std::mem::take(&mut node.parents);
        self.open -= 1;
        self.release(parents)
    }

    /// A manifest turned out not to belong here: `false` where an index waits for it, so that it does.
    pub(super) fn forget(&mut self, id: Id) -> bool {
        if !self.nodes[id].parents.is_empty() {
            return false;
        }
        self.ids.remove(&self.nodes[id].named.digest);
        self.manifest_done(id);
        true
    }

    fn release(&mut self, mut waiting: Vec<Id>) -> Vec<Id> {
        waiting.retain(|id| {
            let node = &mut self.nodes[*id];
            node.waiting -= 1;
            node.waiting == 0
        });
        waiting
    }

    /// Keeps the bytes of a manifest until it is put, if there is room.
    pub(super) fn keep(&mut self, id: Id, fetched: Fetched) {
        self.nodes[id].named.media_type = fetched.media_type;
        if self.kept + fetched.bytes.len() <= COPY_KEPT_BYTES_MAX {
            self.kept += fetched.bytes.len();
            self.nodes[id].bytes = Some(fetched.bytes);
        }
    }

    /// The bytes that were kept.
    pub(super) fn take(&mut self, id: Id) -> Option<Fetched> {
        let node = &mut self.nodes[id];
        let bytes = node.bytes.take()?;
        self.kept -= bytes.len();
        Some(Fetched { media_type: node.named.media_type.clone(), digest: node.named.digest, bytes })
    }
}
