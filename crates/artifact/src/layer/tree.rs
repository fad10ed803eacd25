//! What the layers of an image make together, put on one another from the bottom up: what each added, changed and removed, and
//! how much of it was wasted.
//!
//! As a union filesystem has it: what is in a higher layer counts, folders are merged, anything else takes the place of what
//! was there, with all that was in it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::layer::index::{Index, Node, below};
use crate::layer::walk::Kind;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<Box<str>, Merged>,
    layers: Vec<Sum>,
    /// How many names there are of what has several.
    names: HashMap<(u32, u32), u32>,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// What it is; of a hard link, what it links to.
    pub node: Node,
    /// The layer that has the content, counted from the bottom.
    pub layer: u32,
}

/// What became of a path by a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not there before.
    Added,
    /// It was something else before, or is stored anew.
    Changed,
    /// It is not there any more.
    Removed,
}

/// What a layer did. Folders that no member names do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sum {
    /// Paths that were not there before.
    pub added: u64,
    /// Paths that were something else before, or are stored anew.
    pub changed: u64,
    /// Paths that are not there any more.
    pub removed: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// How many of those are in no file any more, as later layers, or later members of its own, replaced or removed them.
    pub wasted: u64,
}

impl Tree {
    /// Puts a layer on top. `each` hears of each path that it adds, changes or removes.
    pub fn apply(&mut self, layer: &Index, mut each: impl FnMut(&str, Change)) {
        let number = self.layers.len() as u32;
        self.layers.push(Sum { bytes: layer.bytes, wasted: layer.overwritten, ..Sum::default() });
        let linked = self.linked(layer);
        let mut gone = BTreeMap::new();
        for path in layer.gone.keys() {
            self.take(path, &mut gone);
            self.take_below(path, &mut gone);
        }
        layer.opaque.keys().for_each(|path| self.take_below(path, &mut gone));
        let mut sum = Sum::default();
        let mut count = |path: &str, change| {
            match change {
                Change::Added => sum.added += 1,
                Change::Changed => sum.changed += 1,
                Change::Removed => sum.removed += 1,
            }
            each(path, change);
        };
        for (path, node) in &layer.nodes {
            let merged = linked.get(&**path).cloned().unwrap_or(Merged { node: node.clone(), layer: number });
            if let Some(change) = self.put(path, node, merged, &mut gone) {
                count(path, change);
            }
        }
        gone.keys().for_each(|path| count(path, Change::Removed));
        let last = &mut self.layers[number as usize];
        *last = Sum { bytes: last.bytes, wasted: last.wasted, ..sum };
    }

    /// What its hard links into layers below link to, as these are before it.
    fn linked<'a>(&self, layer: &'a Index) -> HashMap<&'a str, Merged> {
        let links = layer.nodes.iter().filter_map(|(path, node)| match &node.kind {
            Kind::HardLink(target) => Some((path, self.nodes.get(target)?)),
            _ => None,
        });
        let links = links.filter(|(_, target)| !target.node.is_folder());
        let linked = |target: &Merged| Merged { node: Node { is_linked: true, ..target.node.clone() }, ..*target };
        links.map(|(path, target)| (&**path, linked(target))).collect()
    }

    /// Puts one thing there; what that means, unless nothing.
    fn put(&mut self, path: &str, own: &Node, merged: Merged, gone: &mut BTreeMap<Box<str>, Merged>) -> Option<Change> {
        let is_folder = own.is_folder();
        if !is_folder || own.is_fresh {
            self.take_below(path, gone);
        }
        if merged.node.is_linked {
            *self.names.entry((merged.layer, merged.node.member)).or_insert(1) += 1;
        }
        let is_over_folder = self.nodes.get(path).is_some_and(|found| found.node.is_folder());
        if own.is_implied && is_over_folder && !own.is_fresh {
            return None;
        }
        self.take(path, gone);
        let before = gone.remove(path);
        let change = match &before {
            None if own.is_implied => None,
            None => Some(Change::Added),
            Some(before) if is_folder && is_same_folder(&before.node, own) => None,
            Some(_) => Some(Change::Changed),
        };
        self.nodes.insert(path.into(), merged);
        change
    }

    fn take(&mut self, path: &str, gone: &mut BTreeMap<Box<str>, Merged>) {
        let Some(merged) = self.nodes.remove(path) else { return };
        self.waste(&merged);
        gone.insert(path.into(), merged);
    }

    fn take_below(&mut self, path: &str, gone: &mut BTreeMap<Box<str>, Merged>) {
        let paths: Vec<Box<str>> = below(&self.nodes, path).map(|(path, _)| path.clone()).collect();
        paths.iter().for_each(|path| self.take(path, gone));
    }

    /// A name is gone; with the last one, what it names.
    fn waste(&mut self, merged: &Merged) {
        if let Some(names) = self.names.get_mut(&(merged.layer, merged.node.member)) {
            *names = names.saturating_sub(1);
            if *names > 0 {
                return;
            }
        }
        if let Some(sum) = self.layers.get_mut(merged.layer as usize) {
            sum.wasted = sum.wasted.saturating_add(merged.node.size);
        }
    }

    /// What is at `path`.
    pub fn get(&self, path: &str) -> Option<&Merged> {
        self.nodes.get(path)
    }

    /// All that there is, sorted by path.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Merged)> {
        self.nodes.iter().map(|(path, merged)| (&**path, merged))
    }

    /// What each layer did, from the bottom up.
    pub fn layers(&self) -> &[Sum] {
        &self.layers
    }
}

fn is_same_folder(one: &Node, other: &Node) -> bool {
    let what = |node: &Node| (node.is_folder(), node.mode, node.uid, node.gid);
    what(one) == what(other)
}
