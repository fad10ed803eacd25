//! What is in several layers of one artifact, which come into a folder as one.

use std::collections::HashSet;
use std::sync::Arc;

use wharf_artifact::unpack::{Written, WrittenKind};

use super::pull::Placed;

/// What of each layer is in place when all of them are, put on one another in their order: what a later one has in its place is
/// not. Layers that hold different paths are as they were.
pub fn remaining(placed: &[Placed]) -> Vec<Arc<[Written]>> {
    let mut above = Above::default();
    let mut remaining: Vec<Arc<[Written]>> = Vec::with_capacity(placed.len());
    for (at, one) in placed.iter().enumerate().rev() {
        let is_there = above.sieve(&one.written);
        remaining.push(match is_there.iter().all(|is_there| *is_there) {
            true => one.written.clone(),
            false => {
                one.written.iter().zip(is_there).filter(|(_, is_there)| *is_there).map(|(one, _)| one.clone()).collect()
            }
        });
        if at > 0 {
            above.add(&one.written);
        }
    }
    remaining.reverse();
    remaining
}

/// What layers hold that are put above others.
#[derive(Default)]
struct Above<'a> {
    /// Files and links.
    others: HashSet<&'a str>,
    /// Folders, such among them as no layer names.
    folders: HashSet<&'a str>,
}

impl<'a> Above<'a> {
    /// Of each of these whether nothing above is in its place.
    fn sieve(&self, written: &[Written]) -> Vec<bool> {
        // Neighbours are mostly in the same folder.
        let (mut last, mut is_hidden) = ("", false);
        let mut is_there = Vec::with_capacity(written.len());
        for Written { path, kind, .. } in written {
            let folder = folder(path);
            if folder != last {
                (last, is_hidden) = (folder, self.hides(folder));
            }
            let is_replaced = *kind != WrittenKind::Folder && self.folders.contains(&**path);
            is_there.push(!(is_hidden || is_replaced || self.others.contains(&**path)));
        }
        is_there
    }

    /// Whether `folder`, or something that it is in, is none.
    fn hides(&self, folder: &str) -> bool {
        ways(folder).any(|way| self.others.contains(way))
    }

    fn add(&mut self, written: &'a [Written]) {
        for one in written {
            let folder = if one.kind == WrittenKind::Folder { &one.path } else { folder(&one.path) };
            if one.kind != WrittenKind::Folder {
                self.others.insert(&one.path);
            }
            for way in ways(folder) {
                if !self.folders.insert(way) {
                    break;
                }
            }
        }
    }
}

/// The folder that a path is in; nothing for the topmost.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A folder, and those above it but for the topmost, upwards.
fn ways<'p>(folder: &'p str) -> impl Iterator<Item = &'p str> {
    let named = |path: &'p str| Some(path).filter(|path| !path.is_empty());
    std::iter::successors(named(folder), move |path| named(self::folder(path)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_content::observer::Outcome;
    use wharf_model::descriptor::Descriptor;
    use wharf_model::digest::{Algorithm, Digest};

    use super::*;

    /// Paths in layers, the lowest first; folders end in a slash.
    fn check(layers: &[&[&str]], expect: &[&[&str]]) {
        let written = |path: &&str| Written {
            path: path.trim_end_matches('/').into(),
            kind: if path.ends_with('/') { WrittenKind::Folder } else { WrittenKind::File },
            size: 0,
            mtime: 0,
            mode: 0,
            content: None,
        };
        let placed = |paths: &&[&str]| Placed {
            layer: Descriptor::new("a/b".parse().unwrap(), Digest::of(Algorithm::Sha256, b""), 0),
            written: paths.iter().map(written).collect(),
            removed: Vec::new(),
            outcome: Outcome::Sent,
            fetched: 0,
        };
        let remaining = remaining(&layers.iter().map(placed).collect::<Vec<_>>());
        let expect: Vec<Arc<[Written]>> = expect.iter().map(|paths| paths.iter().map(written).collect()).collect();
        assert_eq!(remaining, expect, "{layers:?}");
    }

    #[test]
    fn what_remains() {
        let apart: &[&[&str]] = &[&["a/", "a/b", "a/c"], &["a/", "a/d", "e"], &["a-", "f/g/h"]];
        check(apart, apart);
        check(&[&["a", "b"], &["a"], &["b", "c"]], &[&[], &["a"], &["b", "c"]]);
        check(&[&["a", "b/c"], &["a/x", "b"]], &[&[], &["a/x", "b"]]);
        check(&[&["a/", "a/b/c", "d"], &["a", "d/"]], &[&[], &["a", "d/"]]);
        check(&[&["a/b", "a/c/d"], &["a/c/e/f"]], &[&["a/b", "a/c/d"], &["a/c/e/f"]]);
        check(&[], &[]);
    }
}
