//! The files of two images or artifacts that are not the same. Layers that both have are read only where what is in the others
//! hangs on them.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;
use wharf_artifact::config::FOLDER_TYPE;
use wharf_artifact::layer::diff::{DeeperAt, Difference, Side, differences as differ};
use wharf_artifact::layer::index::Node;
use wharf_artifact::layer::walk::Kind;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;

use crate::cmd::ls::kind;
use crate::found::Found;
use crate::inside::{Inside, Known, Wanted};
use crate::progress::Progress;

/// A path that is not the same.
#[derive(Serialize)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) from: Option<State>,
    pub(super) to: Option<State>,
}

/// What is at a path.
#[derive(PartialEq, Eq, Serialize)]
pub(super) struct State {
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    pub(super) mode: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Digest>,
}

/// `None` where there are no files in one of them.
pub(super) async fn differences(
    from: (Found, &Manifest),
    to: (Found, &Manifest),
    shared: HashSet<Digest>,
    progress: &Arc<Progress>,
) -> Result<Option<Vec<File>>> {
    let known = Known::default();
    // The layers of a folder have nothing in common but folders.
    let is_apart = [from.1, to.1].iter().all(|manifest| manifest.artifact_type.as_deref() == Some(FOLDER_TYPE));
    let shared = if is_apart || same_order(from.1, to.1, &shared) { shared } else { HashSet::new() };
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

/// Whether the layers that both have follow one another in the same way, so that they make the same.
fn same_order(one: &Manifest, other: &Manifest, shared: &HashSet<Digest>) -> bool {
    let is_shared = |layer: &&Descriptor| shared.contains(&layer.digest);
    let digest = |layer: &Descriptor| layer.digest;
    one.layers.iter().filter(is_shared).map(digest).eq(other.layers.iter().filter(is_shared).map(digest))
}

pub(super) fn file(difference: Difference<'_>) -> File {
    let Difference { path, from, to } = difference;
    File { path, from: from.map(state), to: to.map(state) }
}

fn state(node: &Node) -> State {
    let target = match &node.kind {
        Kind::Symlink(target) | Kind::HardLink(target) => Some(target.to_string()),
        _ => None,
    };
    State {
        kind: kind(&node.kind),
        size: Some(node.size).filter(|_| node.kind == Kind::File),
        mode: format!("{:04o}", node.mode),
        uid: node.uid,
        gid: node.gid,
        target,
        digest: node.digest.as_deref().copied(),
    }
}
