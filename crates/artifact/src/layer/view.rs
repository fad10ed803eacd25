//! What is in an image, asked from its top layer down, so that layers that do not matter are not read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use wharf_model::limits::{SYMLINKS_MAX, TREE_DEPTH_MAX, TREE_PATH_BYTES_MAX};

use crate::layer::index::{Index, Node, children};
use crate::layer::walk::Kind;

/// The layers that have been read so far, the topmost first. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct View {
    layers: Vec<Arc<Index>>,
    is_whole: bool,
}

/// It hangs on the next layer, which has not been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deeper;

/// Where something is: in which layer, counted from the top, and what it is there. A hard link is what it links to; where that is
/// nowhere, it stays one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The layer that has the content.
    pub layer: usize,
    /// What it is.
    pub node: &'a Node,
}

/// What a path leads to, by way of symbolic links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// Where it really is.
    pub path: String,
    /// What is there; `None` for the root, where no layer says anything of it.
    pub place: Option<Place<'a>>,
}

impl Resolved<'_> {
    /// Whether others may be in it.
    pub fn is_folder(&self) -> bool {
        self.place.is_none_or(|place| place.node.is_folder())
    }
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It hangs on the next layer whether it does. If no more links are in the way, it is this.
    #[error("it is not known yet what is at /{0}")]
    Deeper(String),
    /// There is nothing.
    #[error("there is no /{0}")]
    Missing(String),
    /// What is there is no folder.
    #[error("/{0} is no folder")]
    NotAFolder(String),
    /// It goes round and round.
    #[error("more than {SYMLINKS_MAX} symbolic links are on the way to /{0}")]
    Loop(String),
    /// With what the links on the way lead to, it is longer than any path that there is.
    #[error("the way to /{0} is too long")]
    TooLong(String),
}

/// Longest way that is gone, in bytes: a path all of whose bytes stand as `\xNN`.
const WAY_BYTES_MAX: usize = 4 * TREE_PATH_BYTES_MAX;

impl View {
    /// Adds the layer below all that are known.
    pub fn add(&mut self, layer: Arc<Index>) {
        self.layers.push(layer);
    }

    /// There are no more layers.
    pub fn end(&mut self) {
        self.is_whole = true;
    }

    /// Whether what no layer says anything of is not there, or not known.
    pub(crate) fn set_whole(&mut self, is_whole: bool) {
        self.is_whole = is_whole;
    }

    /// A layer, counted from the top, to add to what is known of it.
    pub(crate) fn layer_mut(&mut self, number: usize) -> Option<&mut Index> {
        self.layers.get_mut(number).map(Arc::make_mut)
    }

    /// The layers that are known, the topmost first.
    pub fn layers(&self) -> &[Arc<Index>] {
        &self.layers
    }

    /// What is at `path`, links not followed.
    ///
    /// # Errors
    /// [`Deeper`].
    pub fn find(&self, path: &str) -> Result<Option<Place<'_>>, Deeper> {
        let found = self.find_from(0, path, true)?;
        found.map(|place| self.linked(place)).transpose()
    }

    /// What is in the folder `path`, by name.
    ///
    /// # Errors
    /// [`Deeper`].
    pub fn children(&self, folder: &str) -> Result<Vec<(&str, Place<'_>)>, Deeper> {
        self.children_from(0, folder)
    }

    /// The same in the layers from `first` down.
    pub(crate) fn children_from(&self, first: usize, folder: &str) -> Result<Vec<(&str, Place<'_>)>, Deeper> {
        let mut found: BTreeMap<&str, Option<Place<'_>>> = BTreeMap::new();
        let mut is_closed = self.is_whole;
        for (layer, index) in self.layers.iter().enumerate().skip(first) {
            for (name, node) in children(&index.nodes, folder) {
                if let Entry::Vacant(free) = found.entry(name) {
                    free.insert(Some(Place { layer, node }));
                }
            }
            for (name, ()) in children(&index.gone, folder) {
                found.entry(name).or_insert(None);
            }
            if index.hides_in(folder) {
                is_closed = true;
                break;
            }
        }
        if !is_closed {
            return Err(Deeper);
        }
        let found = found.into_iter().filter_map(|(name, place)| Some((name, place?)));
        found.map(|(name, place)| Ok((name, self.settled(folder, name, place)?))).collect()
    }

    /// With what other layers say of it.
    fn settled<'a>(&'a self, folder: &str, name: &str, place: Place<'a>) -> Result<Place<'a>, Deeper> {
        if !place.node.is_implied {
            return self.linked(place);
        }
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        Ok(self.find_from(place.layer, &path, true)?.unwrap_or(place))
    }

    /// What `path` leads to. Links are followed within the tree, the last one too if `follow`; `..` leads no further up than to
    /// the root.
    ///
    /// # Errors
    /// [`Lost`].
    pub fn resolve(&self, path: &str, follow: bool) -> Result<Resolved<'_>, Lost> {
        // Names still to go, the next one last.
        let mut ahead: Vec<String> = names(path);
        let asked = || path.trim_matches('/').to_owned();
        let (mut at, mut links) = (Vec::<String>::new(), 0);
        let mut place = None;
        if is_too_long(&at, &ahead) {
            return Err(Lost::TooLong(asked()));
        }
        while let Some(name) = ahead.pop() {
            if name == ".." {
                at.pop();
                place = None;
                continue;
            }
            let here = at.iter().chain([&name]).map(String::as_str).collect::<Vec<_>>().join("/");
            let deeper = || {
                let rest = ahead.iter().rev().map(String::as_str);
                Lost::Deeper(std::iter::once(&*here).chain(rest).collect::<Vec<_>>().join("/"))
            };
            let found = self.find_from(0, &here, ahead.is_empty()).map_err(|Deeper| deeper())?;
            let found = found.ok_or_else(|| Lost::Missing(here.clone()))?;
            let found = self.linked(found).map_err(|Deeper| deeper())?;
            match &found.node.kind {
                Kind::Symlink(target) if follow || !ahead.is_empty() => {
                    links += 1;
                    if links > SYMLINKS_MAX {
                        return Err(Lost::Loop(asked()));
                    }
                    if target.starts_with('/') {
                        at.clear();
                        place = None;
                    }
                    ahead.extend(names(target));
                    if is_too_long(&at, &ahead) {
                        return Err(Lost::TooLong(asked()));
                    }
                }
                Kind::Folder => {
                    at.push(name);
                    place = Some(found);
                }
                _ if ahead.is_empty() => return Ok(Resolved { path: here, place: Some(found) }),
                _ => return Err(Lost::NotAFolder(here)),
            }
        }
        let path = at.join("/");
        if place.is_none() {
            place = self.find_from(0, &path, true).map_err(|Deeper| Lost::Deeper(path.clone()))?;
        }
        Ok(Resolved { path, place })
    }

    /// What is at `path` in the layers from `first` down. If `exact`, a folder that a layer only implies is looked for further
    /// down.
    pub(crate) fn find_from(&self, first: usize, path: &str, exact: bool) -> Result<Option<Place<'_>>, Deeper> {
        let mut implied = None;
        for (layer, index) in self.layers.iter().enumerate().skip(first) {
            if let Some(node) = index.nodes.get(path) {
                let place = Place { layer, node };
                match implied {
                    Some(_) if !node.is_folder() => return Ok(implied),
                    _ if !node.is_implied || !exact => return Ok(Some(place)),
                    _ => implied = implied.or(Some(place)),
                }
            }
            if index.hides(path) {
                return Ok(implied);
            }
        }
        if self.is_whole { Ok(implied) } else { Err(Deeper) }
    }

    /// What a hard link into a layer further down links to.
    pub(crate) fn linked<'a>(&'a self, place: Place<'a>) -> Result<Place<'a>, Deeper> {
        let mut at = place;
        while let Kind::HardLink(target) = &at.node.kind {
            match self.find_from(at.layer + 1, target, false)? {
                Some(found) if !found.node.is_folder() => at = found,
                _ => return Ok(place),
            }
        }
        Ok(at)
    }
}

/// Whether what was gone and what is to go are more than any path has.
fn is_too_long(at: &[String], ahead: &[String]) -> bool {
    let bytes: usize = at.iter().chain(ahead).map(|name| name.len() + 1).sum();
    at.len() + ahead.len() > TREE_DEPTH_MAX + 1 || bytes > WAY_BYTES_MAX + 1
}

/// The names in a path, the last one first.
fn names(path: &str) -> Vec<String> {
    path.split('/').rev().filter(|name| !matches!(*name, "" | ".")).map(str::to_owned).collect()
}
