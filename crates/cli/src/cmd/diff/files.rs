//! The files of two images or artifacts that are not the same. Layers that both have are read only where what is in the others
//! hangs on them.

use std::sync::Arc;

use anyhow::Result;
use wharf_artifact::difference::{is_apart, making_the_same};
use wharf_artifact::layer::diff::{DeeperAt, Difference, Side, differences as differ};
use wharf_model::api::diff::{FileDiff, FileState};
use wharf_model::manifest::Manifest;

use crate::found::Found;
use crate::inside::{Inside, Known, Wanted};
use crate::progress::Progress;

/// `None` where there are no files in one of them.
pub(super) async fn differences(
    from: (Found, &Manifest),
    to: (Found, &Manifest),
    progress: &Arc<Progress>,
) -> Result<Option<Vec<FileDiff>>> {
    let known = Known::default();
    let (is_apart, shared) = (is_apart(from.1, to.1), making_the_same(from.1, to.1));
    let open = |found: Found| {
        let inside = Inside::open(found, progress.clone()).ok()?.hashing(known.clone());
        Some(if is_apart { inside.without(&shared) } else { inside })
    };
    let (Some(mut from), Some(mut to)) = (open(from.0), open(to.0)) else { return Ok(None) };
    for side in [&mut from, &mut to] {
        let own = side.layers().iter().rposition(|layer| !shared.contains(&layer.digest));
        while own.is_some_and(|own| side.depth() <= own) {
            side.deeper(&Wanted::default()).await?;
        }
    }
    loop {
        let found = {
            let is_own = |side, layer: usize| {
                let layers = if side == Side::From { from.layers() } else { to.layers() };
                !shared.contains(&layers[layer].digest)
            };
            differ(from.view(), to.view(), is_own).map(|found| found.into_iter().map(file).collect())
        };
        match found {
            Ok(files) => return Ok(Some(files)),
            Err(DeeperAt(Side::From)) => from.deeper(&Wanted::default()).await?,
            Err(DeeperAt(Side::To)) => to.deeper(&Wanted::default()).await?,
        };
    }
}

pub(super) fn file(difference: Difference<'_>) -> FileDiff {
    let Difference { path, from, to } = difference;
    FileDiff { path, from: from.map(FileState::from), to: to.map(FileState::from), content: None }
}
