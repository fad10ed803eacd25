//! All entries of one layer, by path.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Bound;

use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::limits::VIEW_FAULTS_MAX;

use crate::layer::walk::{Content, Entry, Fault, Kind, Met, Walk, Walked};
use crate::layer::{LayerError, Limits, path};
use crate::tree;

/// How much of a file is hashed at once, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// What a layer has at a path. Of several members with one path the last counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is. A hard link is what it links to, where that is in the same layer.
    pub kind: Kind,
    /// Size of a file, in bytes; else 0.
    pub size: u64,
    /// The permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When it changed last, in nanoseconds since 1970.
    pub mtime: i64,
    /// The member that holds the content, counted from 0.
    pub member: u32,
    /// Of a file: where the content begins, in bytes from the beginning of the uncompressed tar.
    pub offset: u64,
    /// Whether the content is without its holes, and not read.
    pub is_sparse: bool,
    /// Whether it is a further name of something, and holds no bytes of its own.
    pub is_linked: bool,
    /// Whether it is a folder that no member names; others are in it.
    pub is_implied: bool,
    /// Whether it is a folder in the place of something else of this layer, so that it hides what is below.
    pub(crate) is_fresh: bool,
    /// The digest of a file's content, where it was computed.
    pub digest: Option<Box<Digest>>,
}

impl Node {
    pub(crate) fn new(entry: Entry, member: u32, digest: Option<Digest>) -> Node {
        let Entry { kind, size, mode, uid, gid, mtime, is_sparse, offset, .. } = entry;
        let digest = digest.map(Box::new);
        let [is_linked, is_implied, is_fresh] = [false; 3];
        Node { kind, size, mode, uid, gid, mtime, member, offset, is_sparse, is_linked, is_implied, is_fresh, digest }
    }

    /// A file of `size` bytes that is a layer of its own.
    pub fn file(size: u64, digest: Digest) -> Node {
        Node::new(Entry { size, ..Entry::plain(Kind::File, 0o644) }, 0, Some(digest))
    }

    pub(crate) fn implied() -> Node {
        Node { is_implied: true, ..Node::new(Entry::plain(Kind::Folder, 0o755), u32::MAX, None) }
    }

    /// Whether others may be in it.
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub(crate) nodes: BTreeMap<Box<str>, Node>,
    /// What layers below have at these paths is gone.
    pub(crate) gone: BTreeMap<Box<str>, ()>,
    /// What layers below have in these folders is gone.
    pub(crate) opaque: BTreeMap<Box<str>, ()>,
    /// The first members that mean nothing; at most [`VIEW_FAULTS_MAX`].
    pub faults: Vec<Fault>,
    /// Bytes of its files.
    pub bytes: u64,
    /// Bytes of files that stand in it and are replaced by later members.
    pub overwritten: u64,
    /// What was read.
    pub walked: Walked,
}

impl Index {
    /// Reads the layer in `stream` to its end. `each` is given every file with its number and its content, of which it may read
    /// as much as it likes; what it returns is taken for the digest of the content. [`unread`] and [`hashed`] are such.
    ///
    /// # Errors
    /// As [`Walk::step`] and [`Walk::finish`], or what `each` says.
    pub fn read<R, E>(
        stream: R,
        limits: Limits,
        mut each: impl FnMut(&Entry, u32, &mut Content<'_, R>) -> Result<Option<Digest>, E>,
    ) -> Result<Index, E>
    where
        R: Read,
        E: From<LayerError>,
    {
        let (mut walk, mut index, mut number) = (Walk::open(stream, limits)?, Index::default(), 0);
        while let Some(met) = walk.step()? {
            match met {
                Met::Entry(entry) => {
                    let is_content = entry.kind == Kind::File && !entry.is_sparse;
                    let digest = if is_content { each(&entry, number, &mut walk.content())? } else { None };
                    index.add(entry, number, digest);
                }
                Met::Whiteout(path) => {
                    index.gone.insert(path, ());
                }
                Met::Opaque(path) => {
                    index.opaque.insert(path, ());
                }
                Met::Fault(fault) if index.faults.len() < VIEW_FAULTS_MAX => index.faults.push(fault),
                Met::Fault(_) => (),
            }
            number += 1;
        }
        index.walked = walk.finish()?;
        Ok(index)
    }

    /// What a folder holds, of which these are the `entries`, as if it were a layer; all is root's. `digest` tells the content of a
    /// file.
    ///
    /// # Errors
    /// What `digest` says.
    pub fn of_folder<E>(
        entries: Vec<tree::Entry>,
        mut digest: impl FnMut(&tree::Entry) -> Result<Digest, E>,
    ) -> Result<Index, E> {
        let mut index = Index::default();
        for (number, entry) in (0..).zip(entries) {
            let digest = if entry.kind == tree::Kind::File { Some(digest(&entry)?) } else { None };
            let kind = match entry.kind {
                tree::Kind::File => Kind::File,
                tree::Kind::Folder => Kind::Folder,
                tree::Kind::Symlink(target) => Kind::Symlink(target),
                tree::Kind::HardLink(target) => Kind::HardLink(target),
            };
            let tree::Entry { path, size, mode, mtime, .. } = entry;
            let entry = Entry { path, kind, size, mode, uid: 0, gid: 0, mtime, is_sparse: false, offset: 0 };
            index.add(entry, number, digest);
        }
        Ok(index)
    }

    /// A layer that is one file and no tar. `None` where its name is no path.
    pub fn of_file(name: &str, size: u64, digest: Digest) -> Option<Index> {
        let mut index = Index::default();
        index.add_file(name, size, digest).then_some(index)
    }

    /// Adds a file that is a layer of its own, in the place of what has its name; whether that is a path, of no more than
    /// [`TREE_PATH_BYTES_MAX`](wharf_model::limits::TREE_PATH_BYTES_MAX) bytes and as deep as paths in layers may be.
    pub fn add_file(&mut self, name: &str, size: u64, digest: Digest) -> bool {
        let Some(path) = path::path_of_file(name) else { return false };
        self.bytes = self.bytes.saturating_add(size);
        self.put(path.into(), Node::file(size, digest));
        true
    }

    /// What this layer itself has at `path`.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// All that it has, sorted by path.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (&**path, node))
    }

    /// The paths at which it deletes what layers below have.
    pub fn whiteouts(&self) -> impl Iterator<Item = &str> {
        self.gone.keys().chain(self.opaque.keys()).map(|path| &**path)
    }

    fn add(&mut self, entry: Entry, number: u32, digest: Option<Digest>) {
        let path = entry.path.clone();
        let mut node = Node::new(entry, number, digest);
        if let Kind::HardLink(target) = &node.kind {
            let target = self.nodes.get(target).filter(|target| !target.is_folder());
            if let Some(target) = target {
                node = Node { is_linked: true, is_fresh: false, ..target.clone() };
            }
        }
        if !node.is_linked {
            self.bytes = self.bytes.saturating_add(node.size);
        }
        self.put(path, node);
    }

    /// Puts it there, with folders above it, in the place of what cannot stay.
    fn put(&mut self, path: Box<str>, mut node: Node) {
        for above in ancestors(&path) {
            match self.nodes.get(above) {
                Some(found) if found.is_folder() => (),
                found => {
                    let is_fresh = found.is_some();
                    self.replace(above.into(), Node { is_fresh, ..Node::implied() });
                }
            }
        }
        if node.is_folder() {
            node.is_fresh = self.nodes.get(&path).is_some_and(|found| !found.is_folder() || found.is_fresh);
        } else {
            let below: Vec<Box<str>> = below(&self.nodes, &path).map(|(path, _)| path.clone()).collect();
            for path in below {
                let gone = self.nodes.remove(&path);
                self.overwrite(gone.as_ref());
            }
        }
        self.replace(path, node);
    }

    fn replace(&mut self, path: Box<str>, node: Node) {
        let before = self.nodes.insert(path, node);
        self.overwrite(before.as_ref());
    }

    fn overwrite(&mut self, gone: Option<&Node>) {
        let bytes = gone.filter(|node| !node.is_linked).map_or(0, |node| node.size);
        self.overwritten = self.overwritten.saturating_add(bytes);
    }

    /// Whether what layers below have at `path` is hidden by this one.
    pub(crate) fn hides(&self, path: &str) -> bool {
        self.covers(path) || ancestors(path).any(|above| self.covers(above) || self.opaque.contains_key(above))
    }

    /// Whether what layers below have in the folder `path` is hidden.
    pub(crate) fn hides_in(&self, path: &str) -> bool {
        self.opaque.contains_key(path) || self.hides(path)
    }

    fn covers(&self, path: &str) -> bool {
        let is_other = |node: &Node| !node.is_folder() || node.is_fresh;
        self.gone.contains_key(path) || self.nodes.get(path).is_some_and(is_other)
    }
}

/// For [`Index::read`]: passes over the content.
///
/// # Errors
/// None.
pub fn unread<R: Read>(_: &Entry, _: u32, _: &mut Content<'_, R>) -> Result<Option<Digest>, LayerError> {
    Ok(None)
}

/// For [`Index::read`]: the SHA-256 of the content.
///
/// # Errors
/// The stream fails.
pub fn hashed<R: Read>(entry: &Entry, _: u32, content: &mut Content<'_, R>) -> Result<Option<Digest>, LayerError> {
    let length = usize::try_from(entry.size).unwrap_or(BUFFER_BYTES).clamp(1, BUFFER_BYTES);
    let (mut hasher, mut buffer) = (Hasher::new(Algorithm::Sha256), vec![0; length]);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(Some(hasher.finish())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The folders above a path, from the root down.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let root = (!path.is_empty()).then_some("").into_iter();
    root.chain(path.match_indices('/').map(|(at, _)| &path[..at]))
}

/// All that is below a path.
pub(crate) fn below<'a, V>(
    map: &'a BTreeMap<Box<str>, V>,
    path: &str,
) -> impl Iterator<Item = (&'a Box<str>, &'a V)> + use<'a, V> {
    let start = prefix(path);
    let first = map.range::<str, _>((Bound::Excluded(start.as_str()), Bound::Unbounded));
    first.take_while(move |(path, _)| path.starts_with(&*start))
}

/// What is in a folder, by name.
pub(crate) fn children<'a, V>(map: &'a BTreeMap<Box<str>, V>, folder: &str) -> Vec<(&'a str, &'a V)> {
    let start = prefix(folder);
    let (mut from, mut found) = (Bound::Excluded(start.clone()), Vec::new());
    loop {
        let next = map.range::<str, _>((from.as_ref().map(String::as_str), Bound::Unbounded)).next();
        let Some((path, value)) = next else { return found };
        let Some(rest) = path.strip_prefix(&*start) else { return found };
        from = match rest.split_once('/') {
            None => {
                found.push((rest, value));
                Bound::Excluded(path.to_string())
            }
            // All below it is passed over: `0` follows `/`.
            Some((name, _)) => Bound::Included(format!("{start}{name}0")),
        };
    }
}

/// The names in a folder by which something in `map` is reached.
pub(crate) fn steps<'a, V>(map: &'a BTreeMap<Box<str>, V>, folder: &str) -> Vec<&'a str> {
    let start = prefix(folder);
    let (mut from, mut found) = (Bound::Excluded(start.clone()), Vec::new());
    loop {
        let next = map.range::<str, _>((from.as_ref().map(String::as_str), Bound::Unbounded)).next();
        let Some(rest) = next.and_then(|(path, _)| path.strip_prefix(&*start)) else { return found };
        let name = rest.split_once('/').map_or(rest, |(name, _)| name);
        found.push(name);
        // What is called so, and begins so, may come on both sides of what is below it.
        from = match rest.split_once('/') {
            None => Bound::Excluded(format!("{start}{name}")),
            Some(_) => Bound::Included(format!("{start}{name}0")),
        };
    }
}

fn prefix(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}
