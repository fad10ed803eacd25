//! A target that is given each blob once, though several copies to it at the same time have it: images share layers.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::name::Tag;

use crate::abilities::Abilities;
use crate::error::Error;
use crate::source::{Fetched, Home};
use crate::target::{Origin, Rank, Target};

/// Whoever is told that a blob is not there has to bring it or to end: others who ask wait for that.
pub(super) struct Once<'a> {
    target: &'a dyn Target,
    turns: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
    /// Of blobs that are on their way.
    taken: Mutex<HashMap<Digest, OwnedMutexGuard<()>>>,
}

impl<'a> Once<'a> {
    pub(super) fn new(target: &'a dyn Target) -> Once<'a> {
        Once { target, turns: Mutex::default(), taken: Mutex::default() }
    }

    fn left(&self, digest: &Digest) {
        self.taken.lock().remove(digest);
    }
}

#[async_trait]
impl Target for Once<'_> {
    fn name(&self) -> String {
        self.target.name()
    }

    fn home(&self) -> Option<Home> {
        self.target.home()
    }

    fn keeps_whole(&self) -> bool {
        self.target.keeps_whole()
    }

    fn abilities(&self) -> Abilities {
        self.target.abilities()
    }

    fn verifies(&self) -> bool {
        self.target.verifies()
    }

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        let turn = self.turns.lock().entry(descriptor.digest).or_default().clone();
        let turn = turn.lock_owned().await;
        let is_there = self.target.has_blob(descriptor).await?;
        if !is_there {
            self.taken.lock().insert(descriptor.digest, turn);
        }
        Ok(is_there)
    }

    async fn put_blob(&self, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), Error> {
        let put = self.target.put_blob(descriptor, origin).await;
        self.left(&descriptor.digest);
        put
    }

    async fn mount(&self, descriptor: &Descriptor, from: &Home) -> Result<bool, Error> {
        let is_mounted = self.target.mount(descriptor, from).await;
        if !matches!(is_mounted, Ok(false)) {
            self.left(&descriptor.digest);
        }
        is_mounted
    }

    async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        self.target.has_manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag], rank: Rank) -> Result<(), Error> {
        self.target.put_manifest(manifest, tags, rank).await
    }

    async fn close(&self) -> Result<(), Error> {
        self.target.close().await
    }
}
