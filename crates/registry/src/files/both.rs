//! The files of two artifacts side by side.

use std::collections::HashSet;

use wharf_artifact::layer::compare::{self, Budget, Found, Side};
use wharf_artifact::layer::stack::{Stack, StackError};
use wharf_model::api::files::IncompleteLayer;
use wharf_model::digest::Digest;
use wharf_model::limits::STACK_BLOCKS_MAX;
use wharf_model::manifest::Manifest;

use super::places::Permit;
use super::{Opened, Slab, Trees, lost};
use crate::error::Error;
use crate::registry::{Access, Registry};

/// One of the two: an artifact, as a repository shows it.
#[derive(Clone, Copy)]
pub(crate) struct One<'a> {
    /// Leave to read in its repository.
    pub(crate) access: &'a Access,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its manifest.
    pub(crate) manifest: &'a Manifest,
}

impl Registry {
    /// The files that are not the same, behind `after`, and the layers of which not all is known. `same` are layers that make the
    /// same on both sides.
    ///
    /// # Errors
    /// [`Error::NotReady`] where a layer has not been looked at yet; [`Error::Unsupported`] where there are no files.
    pub(crate) async fn files_apart(
        &self,
        from: One<'_>,
        to: One<'_>,
        same: HashSet<Digest>,
        after: Option<compare::Place>,
        limit: usize,
    ) -> Result<(Found, Vec<IncompleteLayer>), Error> {
        // One place for both: who holds one and waits for another would keep others waiting who do the same.
        let permit = self.0.files.looks.take().await?;
        let mut trees = Trees::default();
        let before = self.open_into(from, &permit, &mut trees).await?;
        if from.access.repository() != to.access.repository() {
            // Who may read a layer there need not read it here.
            trees.opened.clear();
        }
        let now = self.open_into(to, &permit, &mut trees).await?;
        drop(trees);
        let looked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let found = apart(&before, &now, &same, after.as_ref(), Budget::of(limit));
            found.map(|found| (found, incomplete(before, now)))
        });
        let looked = looked.await.map_err(|error| Error::Internal(format!("comparing files broke off: {error}")))?;
        looked.map_err(lost)
    }

    async fn open_into(&self, one: One<'_>, permit: &Permit, trees: &mut Trees) -> Result<Opened, Error> {
        let layers = super::layers_of(one.manifest, None, false)?;
        self.open_all(one.access, one.digest, layers, None, permit, trees).await
    }
}

fn apart(
    from: &Opened,
    to: &Opened,
    same: &HashSet<Digest>,
    after: Option<&compare::Place>,
    budget: Budget,
) -> Result<Found, StackError> {
    let blocks = STACK_BLOCKS_MAX / (from.slabs.len() + to.slabs.len()).max(1);
    let names = |opened: &Opened| opened.slabs.iter().map(Slab::name).collect::<Vec<_>>();
    let (names_from, names_to) = (names(from), names(to));
    let mut stack_from = Stack::new(from.slabs.iter().map(|slab| slab.lookup(blocks)).collect());
    let mut stack_to = Stack::new(to.slabs.iter().map(|slab| slab.lookup(blocks)).collect());
    let from = Side { stack: &mut stack_from, layers: &names_from };
    compare::compare(from, Side { stack: &mut stack_to, layers: &names_to }, same, after, budget)
}

/// What both lack, each layer once.
fn incomplete(from: Opened, to: Opened) -> Vec<IncompleteLayer> {
    let mut all = from.incomplete;
    for one in to.incomplete {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}
