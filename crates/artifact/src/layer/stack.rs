//! What the layers of an image make together, looked at folder by folder, and what each of them did there: of layers of which
//! little is known at a time. Only what is asked is looked up, in each of them, and what that takes is bounded
//! ([`STACK_BYTES_MAX`]), whatever the layers say.

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use wharf_model::limits::{STACK_BYTES_MAX, STACK_LINKS_MAX, STACK_LOOKUP_BYTES, STACK_PAGE_BYTES_MAX};

use crate::layer::index::{Index, Node, ancestors, below, children, steps};
use crate::layer::stored::read::Stored;
use crate::layer::stored::{Most, Portion, ReadAt, Record, StoredError};
use crate::layer::tree::Change;
use crate::layer::view::{Deeper, Lost, Place, Resolved, View};
use crate::layer::walk::Kind;

/// The entries of one layer, to be looked up.
pub trait Lookup {
    /// What the layer itself has at `path`; nothing is a record of nothing.
    ///
    /// # Errors
    /// [`StoredError`].
    fn at(&mut self, path: &str) -> Result<Record, StoredError>;

    /// What the layer itself has in a folder, by name, behind the name `after`.
    ///
    /// # Errors
    /// [`StoredError`].
    fn within(&mut self, folder: &str, after: Option<&str>, most: Most) -> Result<Portion, StoredError>;
}

impl<S: ReadAt> Lookup for Stored<S> {
    fn at(&mut self, path: &str) -> Result<Record, StoredError> {
        Stored::at(self, path)
    }

    fn within(&mut self, folder: &str, after: Option<&str>, most: Most) -> Result<Portion, StoredError> {
        Stored::within(self, folder, after, most)
    }
}

impl Lookup for Index {
    fn at(&mut self, path: &str) -> Result<Record, StoredError> {
        Ok(self.record(path))
    }

    fn within(&mut self, folder: &str, after: Option<&str>, most: Most) -> Result<Portion, StoredError> {
        let nodes = children(&self.nodes, folder).into_iter().map(|(name, _)| name);
        let gone = children(&self.gone, folder).into_iter().map(|(name, ())| name);
        let opaque = children(&self.opaque, folder).into_iter().map(|(name, ())| name);
        let ways = steps(&self.gone, folder).into_iter().chain(steps(&self.opaque, folder));
        let names: BTreeSet<&str> = nodes.chain(gone).chain(opaque).chain(ways).collect();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut found, mut bytes) = (Portion::default(), 0);
        for name in names.range::<str, _>((from, Bound::Unbounded)) {
            let path = joined(folder, name);
            let record = self.record(&path);
            bytes += record.weight(path.len());
            let count = found.entries.len();
            found.is_more = count >= most.entries || count > 0 && bytes > most.bytes;
            if found.is_more {
                break;
            }
            found.entries.push(((*name).to_owned(), record));
        }
        Ok(found)
    }
}

impl Index {
    fn record(&self, path: &str) -> Record {
        let (node, is_gone) = (self.nodes.get(path).cloned(), self.gone.contains_key(path));
        let leads = below(&self.gone, path).next().is_some() || below(&self.opaque, path).next().is_some();
        Record { node, is_gone, is_opaque: self.opaque.contains_key(path), leads }
    }

    fn learn(&mut self, path: &str, record: Record) {
        if let Some(node) = record.node {
            self.nodes.insert(path.into(), node);
        }
        if record.is_gone {
            self.gone.insert(path.into(), ());
        }
        if record.is_opaque {
            self.opaque.insert(path.into(), ());
        }
    }
}

/// Why something cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The entries of a layer cannot be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// The path leads nowhere.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// More would have to be looked up than is allowed for one answer.
    #[error("there are too many layers, folders and links on the way")]
    TooMuch,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// What it is; of what a layer removed, what it was.
    pub node: Node,
    /// The layer that has the content, counted from the top.
    pub layer: usize,
    /// What the layer that was asked about did to it; `None` where that is nothing, or no layer was asked about.
    pub change: Option<Change>,
    /// The layer above that replaces or removes it again, counted from the top.
    pub hidden_by: Option<usize>,
}

/// Some of what is in a folder, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// At most as many as were asked for, and maybe fewer, or none.
    pub children: Vec<Child>,
    /// The name behind which the next page begins, if there may be more.
    pub next: Option<String>,
}

/// See the module.
pub struct Stack<'a> {
    /// The topmost first.
    layers: Vec<Box<dyn Lookup + 'a>>,
    /// What has been looked up so far: of each path that was, what every layer has there.
    view: View,
    known: HashSet<String>,
    /// Folders in which each layer deletes something, here or further down.
    ways: Vec<BTreeSet<String>>,
    links: usize,
    /// Bytes that what is known takes, and [`STACK_LOOKUP_BYTES`] for each time that something was looked up.
    bytes: usize,
}

impl<'a> Stack<'a> {
    /// These layers on one another, the topmost first.
    pub fn new(layers: Vec<Box<dyn Lookup + 'a>>) -> Stack<'a> {
        let mut view = View::default();
        layers.iter().for_each(|_| view.add(Arc::default()));
        view.end();
        let ways = vec![BTreeSet::new(); layers.len()];
        Stack { layers, view, known: HashSet::new(), ways, links: 0, bytes: 0 }
    }

    /// What `path` leads to. Links are followed within the tree, the last one too if `follow`; nothing leads out of it.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn resolve(&mut self, path: &str, follow: bool) -> Result<Resolved<'_>, StackError> {
        self.learn("")?;
        self.view.set_whole(false);
        let learnt = self.learn_way(path, follow);
        self.view.end();
        learnt?;
        Ok(self.view.resolve(path, follow)?)
    }

    fn learn_way(&mut self, path: &str, follow: bool) -> Result<(), StackError> {
        while let Err(Lost::Deeper(deeper)) = self.view.resolve(path, follow) {
            if !self.learn(&deeper)? {
                break;
            }
        }
        Ok(())
    }

    /// What is in a folder, by name, behind the name `after`; at most `limit` of it, and less where it is large.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn children(&mut self, folder: &str, after: Option<&str>, limit: usize) -> Result<Page, StackError> {
        self.learn(folder)?;
        let end = self.learn_folder(folder, after, limit)?;
        let found = self.view.children(folder).unwrap_or_default();
        let found = found.into_iter().filter(|(name, _)| is_between(name, after, end.as_deref()));
        let child = |(name, Place { layer, node }): (&str, Place<'_>)| {
            let (change, hidden_by) = (None, None);
            Child { name: name.to_owned(), node: node.clone(), layer, change, hidden_by }
        };
        let found = found.map(child).take(limit + 1).collect();
        Ok(page(found, limit, end))
    }

    /// Whether a layer, counted from the top, has anything to say of what is at a path or below it. The path has been looked up: it
    /// was told as a child.
    pub(crate) fn concerns(&self, layer: usize, path: &str) -> bool {
        let of_layer = self.view.layers().get(layer).zip(self.ways.get(layer));
        of_layer.is_some_and(|(index, ways)| index.get(path).is_some() || index.hides_in(path) || ways.contains(path))
    }

    /// Whether so much has been looked up that who goes on begins another one: half of what is allowed.
    pub(crate) fn is_half_full(&self) -> bool {
        self.bytes > STACK_BYTES_MAX / 2 || self.links > STACK_LINKS_MAX / 2
    }

    /// Whether one layer, counted from the top, has something at a path, or those below it do.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn knows(&mut self, layer: usize, path: &str) -> Result<bool, StackError> {
        self.learn(path)?;
        let is_own = self.view.layers().get(layer).is_some_and(|layer| layer.get(path).is_some());
        let is_below = || self.view.find_from(layer + 1, path, false).is_ok_and(|found| found.is_some());
        Ok(path.is_empty() || is_own || is_below())
    }

    /// What one layer, counted from the top, has in a folder or removes there, by name, behind the name `after`; at most `limit`
    /// of it, and less where it is large. A folder that is there only for what is in it did not change.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn changes(
        &mut self,
        layer: usize,
        folder: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, StackError> {
        self.learn(folder)?;
        let end = self.learn_folder(folder, after, limit)?;
        let Some(index) = self.view.layers().get(layer) else { return Ok(Page::default()) };
        let mut names: BTreeSet<&str> = children(&index.nodes, folder).into_iter().map(|(name, _)| name).collect();
        names.extend(children(&index.gone, folder).into_iter().map(|(name, ())| name));
        let start = joined(folder, "");
        let ways = self.ways[layer].range::<str, _>((Bound::Excluded(&*start), Bound::Unbounded));
        let ways = ways.map_while(|path| path.strip_prefix(start.as_str()));
        names.extend(ways.filter(|name| !name.contains('/')));
        if index.hides_in(folder) {
            let below = self.view.children_from(layer + 1, folder).unwrap_or_default();
            names.extend(below.into_iter().map(|(name, _)| name));
        }
        let names = names.into_iter().filter(|name| is_between(name, after, end.as_deref()));
        let found: Vec<Child> = names.filter_map(|name| self.change(layer, folder, name).ok().flatten()).collect();
        Ok(page(found, limit, end))
    }

    /// What a layer did to something, if it has anything to do with it.
    fn change(&self, layer: usize, folder: &str, name: &str) -> Result<Option<Child>, Deeper> {
        let path = joined(folder, name);
        let before = self.view.find_from(layer + 1, &path, true)?;
        let name = name.to_owned();
        let Some(own) = self.view.layers()[layer].get(&path) else {
            // Where it is not hidden, the layer deletes something further down.
            let change = Some(Change::Removed).filter(|_| self.view.layers()[layer].hides(&path));
            let child =
                |Place { layer, node }: Place<'_>| Child { name, node: node.clone(), layer, change, hidden_by: None };
            return before.map(|before| Ok(child(self.view.linked(before)?))).transpose();
        };
        // What it only leads through stays as it was, unless the layer deletes it first.
        let is_way = own.is_implied && !self.view.layers()[layer].hides(&path);
        let is_same = |before: &Node| {
            let meta = |node: &Node| (node.mode, node.uid, node.gid);
            before.is_folder() && own.is_folder() && (is_way || meta(before) == meta(own))
        };
        let (mut place, mut change) = (Place { layer, node: own }, Some(Change::Added));
        if let Some(before) = before {
            change = if is_same(before.node) { None } else { Some(Change::Changed) };
            if is_way && before.node.is_folder() {
                place = Place { layer, node: before.node };
            }
        }
        let place = self.view.linked(place)?;
        let hidden_by = self.view.layers()[..layer]
            .iter()
            .rposition(|above| above.hides(&path) || !own.is_folder() && above.get(&path).is_some());
        Ok(Some(Child { name, node: place.node.clone(), layer: place.layer, change, hidden_by }))
    }

    /// Looks up what is at a path and all above it, and what hard links there lead to; whether anything of that was new.
    fn learn(&mut self, path: &str) -> Result<bool, StackError> {
        let mut targets = Vec::new();
        let is_new = self.learn_path(path, &mut targets)?;
        self.learn_targets(targets)?;
        Ok(is_new)
    }

    /// Looks up what hard links lead to, and so on. Where that is too much, what they link to stays unknown.
    fn learn_targets(&mut self, mut targets: Vec<String>) -> Result<(), StoredError> {
        while let Some(target) = targets.pop() {
            self.links += 1;
            if self.links > STACK_LINKS_MAX {
                break;
            }
            match self.learn_path(&target, &mut targets) {
                Err(StackError::Stored(error)) => return Err(error),
                Err(_) => break,
                Ok(_) => (),
            }
        }
        Ok(())
    }

    fn learn_path(&mut self, path: &str, targets: &mut Vec<String>) -> Result<bool, StackError> {
        let mut is_new = false;
        for path in ancestors(path).chain([path]) {
            if !self.known.contains(path) {
                self.learn_one(path, targets)?;
                is_new = true;
            }
            // What is not there need not be known: a path may be as long as somebody likes.
            if !self.leads_on(path) {
                break;
            }
        }
        Ok(is_new)
    }

    fn learn_one(&mut self, path: &str, targets: &mut Vec<String>) -> Result<(), StackError> {
        for number in 0..self.layers.len() {
            self.bytes += STACK_LOOKUP_BYTES;
            if self.bytes > STACK_BYTES_MAX {
                return Err(StackError::TooMuch);
            }
            let record = self.layers[number].at(path)?;
            self.take_target(&record, targets);
            self.learn_record(number, path, record);
        }
        self.known.insert(path.to_owned());
        Ok(())
    }

    /// Whether a layer has a folder there, or deletes something further down: else none knows of anything below.
    fn leads_on(&self, path: &str) -> bool {
        let is_folder = |layer: &Arc<Index>| layer.get(path).is_some_and(Node::is_folder);
        path.is_empty() || self.view.layers().iter().any(is_folder) || self.ways.iter().any(|ways| ways.contains(path))
    }

    /// Notes what a hard link leads to in layers below, unless that is one too many.
    fn take_target(&self, record: &Record, targets: &mut Vec<String>) {
        if let Some(Kind::HardLink(target)) = record.node.as_ref().map(|node| &node.kind)
            && self.links + targets.len() < STACK_LINKS_MAX
        {
            targets.push(target.to_string());
        }
    }

    fn learn_record(&mut self, layer: usize, path: &str, record: Record) {
        if record != Record::default() {
            self.bytes += record.weight(path.len());
        }
        if record.leads || record.is_opaque {
            self.ways[layer].insert(path.to_owned());
        }
        if let Some(index) = self.view.layer_mut(layer) {
            index.learn(path, record);
        }
    }

    /// Looks up what all layers have in a folder behind `after`. Where there is more of it than `limit`, or than they may take
    /// together, the last name up to which that is so.
    fn learn_folder(&mut self, folder: &str, after: Option<&str>, limit: usize) -> Result<Option<String>, StackError> {
        let most = Most { entries: limit, bytes: STACK_PAGE_BYTES_MAX / self.layers.len().max(1) };
        let (mut all, mut end) = (Vec::new(), None::<String>);
        for layer in &mut self.layers {
            let Portion { entries, is_more } = layer.within(folder, after, most)?;
            if let Some((last, _)) = entries.last().filter(|_| is_more) {
                end = Some(end.map_or_else(|| last.clone(), |end| end.min(last.clone())));
            }
            all.push(entries);
        }
        let mut targets = Vec::new();
        for (number, found) in all.into_iter().enumerate() {
            for (name, record) in found {
                if !is_between(&name, None, end.as_deref()) {
                    break;
                }
                let path = joined(folder, &name);
                self.take_target(&record, &mut targets);
                self.learn_record(number, &path, record);
                self.known.insert(path);
            }
        }
        self.learn_targets(targets)?;
        Ok(end)
    }
}

/// The path of something in a folder; without a name, what all of them begin with.
pub(crate) fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn is_between(name: &str, after: Option<&str>, end: Option<&str>) -> bool {
    after.is_none_or(|after| name > after) && end.is_none_or(|end| name <= end)
}

/// The first `limit` of them. All are there up to the name `end`.
fn page(mut children: Vec<Child>, limit: usize, end: Option<String>) -> Page {
    let is_more = children.len() > limit;
    children.truncate(limit);
    let next = if is_more { children.last().map(|last| last.name.clone()) } else { end };
    Page { children, next }
}
