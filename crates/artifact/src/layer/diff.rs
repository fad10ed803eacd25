//! How the files of two images differ, read no deeper than that takes.

use std::collections::BTreeSet;

use crate::layer::index::Node;
use crate::layer::view::{Deeper, Place, View};
use crate::layer::walk::Kind;

/// One of two things that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What it was.
    From,
    /// What it is.
    To,
}

/// It hangs on the next layer of this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeeperAt(pub Side);

/// A path that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// The path.
    pub path: String,
    /// What was there.
    pub from: Option<&'a Node>,
    /// What is there.
    pub to: Option<&'a Node>,
}

/// Where `from` and `to` differ, sorted by path. `is_own` says which of a side's layers, counted from its top, the other side has
/// not; all of those must have been read. Times do not count, nor do folders that no layer names. What is in a folder that is
/// wholly on one side is told, too.
///
/// # Errors
/// [`DeeperAt`].
pub fn differences<'a>(
    from: &'a View,
    to: &'a View,
    is_own: impl Fn(Side, usize) -> bool,
) -> Result<Vec<Difference<'a>>, DeeperAt> {
    let mut paths = BTreeSet::new();
    for (side, view, other) in [(Side::From, from, to), (Side::To, to, from)] {
        let other_side = if side == Side::From { Side::To } else { Side::From };
        let deeper = |Deeper| DeeperAt(other_side);
        for (number, layer) in view.layers().iter().enumerate() {
            if !is_own(side, number) {
                continue;
            }
            paths.extend(layer.nodes().map(|(path, _)| path.to_owned()));
            // What is hidden here may be there on the other side.
            let hiding = layer.nodes().filter(|(_, node)| !node.is_folder() || node.is_fresh).map(|(path, _)| path);
            for path in hiding.chain(layer.whiteouts()) {
                paths.insert(path.to_owned());
                all_below(other, path, &mut paths).map_err(deeper)?;
            }
        }
    }
    paths.remove("");
    let mut found = Vec::new();
    for path in paths {
        let one = from.find(&path).map_err(|Deeper| DeeperAt(Side::From))?;
        let other = to.find(&path).map_err(|Deeper| DeeperAt(Side::To))?;
        if !is_same(one, other) {
            found.push(Difference { path, from: one.map(|place| place.node), to: other.map(|place| place.node) });
        }
    }
    Ok(found)
}

/// What is below `path`, if it is a folder.
fn all_below(view: &View, path: &str, paths: &mut BTreeSet<String>) -> Result<(), Deeper> {
    let is_folder = path.is_empty() || view.find(path)?.is_some_and(|place| place.node.is_folder());
    let mut ahead = if is_folder { vec![path.to_owned()] } else { Vec::new() };
    while let Some(folder) = ahead.pop() {
        for (name, place) in view.children(&folder)? {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            paths.insert(path.clone());
            if place.node.is_folder() {
                ahead.push(path);
            }
        }
    }
    Ok(())
}

fn is_same(one: Option<Place<'_>>, other: Option<Place<'_>>) -> bool {
    let (one, other) = match (one, other) {
        (None, None) => return true,
        (Some(one), Some(other)) => (one.node, other.node),
        _ => return false,
    };
    let meta = |node: &Node| (node.mode, node.uid, node.gid);
    let is_any_folder = one.is_implied || other.is_implied;
    let is_alike = one.kind == other.kind && one.size == other.size && content(one) == content(other);
    is_alike && (is_any_folder || matches!(one.kind, Kind::Symlink(_)) || meta(one) == meta(other))
}

fn content(node: &Node) -> Option<&wharf_model::digest::Digest> {
    node.digest.as_deref()
}
