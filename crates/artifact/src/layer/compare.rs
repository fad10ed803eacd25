//! How what two stacks of layers make differs, page by page: walked side by side, folder by folder and by name in each, and only
//! where a layer has something to say that the other side has not. What a page takes is bounded.
//!
//! Where layers are told by trees that rest, nothing is known of contents but where they are. So two files are the same that are
//! one member of one layer, and those of one size and one time count as the same; of others of one size nobody knows, nor where
//! that time is what stands for none: it is the same before and after every change.
//! [`crate::layer::diff`] is for those who have read the layers.

use std::cmp::Ordering;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use wharf_model::digest::Digest;
use wharf_model::limits::{COMPARE_ENTRIES_MAX, COMPARE_FOLDER_ENTRIES, COMPARE_LOOKS_MAX};

use crate::layer::index::Node;
use crate::layer::stack::{Child, Page, Stack, StackError, joined};
use crate::layer::walk::Kind;
use crate::pack::NORMAL_TIME;

/// Times up to this one say nothing, in nanoseconds since 1970: archives have it, or an earlier one, where none was kept.
const NO_TIME: i64 = NORMAL_TIME * 1_000_000_000;

/// One of the two.
pub struct Side<'s, 'a> {
    /// Its layers on one another.
    pub stack: &'s mut Stack<'a>,
    /// The digest of each layer, the topmost first; none of what is no layer of its own.
    pub layers: &'s [Option<Digest>],
}

/// How much a page may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Differences, at least 1.
    pub differences: usize,
    /// How often folders are looked into.
    pub looks: usize,
    /// Entries of folders, of both together, about.
    pub entries: usize,
}

impl Budget {
    /// As much as a request may take.
    pub fn of(differences: usize) -> Budget {
        Budget { differences, looks: COMPARE_LOOKS_MAX, entries: COMPARE_ENTRIES_MAX }
    }
}

/// A path that is not the same on both sides. What is in a folder that is on one side only is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path.
    pub path: String,
    /// What was there.
    pub from: Option<Node>,
    /// What is there.
    pub to: Option<Node>,
    /// Whether nobody knows if two files have the same content.
    pub is_content_unknown: bool,
}

/// Up to where a page has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// What is in this folder comes next.
    Inside(String),
    /// What comes behind this path, and all below it, is next.
    Behind(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Inside(path) => write!(f, "in {path}"),
            Place::Behind(path) => write!(f, "behind {path}"),
        }
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Place, NoPlace> {
        match text.split_once(' ') {
            Some(("in", path)) => Ok(Place::Inside(path.to_owned())),
            Some(("behind", path)) => Ok(Place::Behind(path.to_owned())),
            _ => Err(NoPlace),
        }
    }
}

/// The text is no [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it names no place in a comparison")]
pub struct NoPlace;

/// Some of what is not the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of the walk; maybe fewer than were asked for, or none.
    pub differences: Vec<Difference>,
    /// Where the next page begins, if there may be more.
    pub next: Option<Place>,
}

/// Where `from` and `to` differ, behind `after`. The layers in `same` make the same on both sides, and are not looked through for
/// their own sake. Times do not count.
///
/// # Errors
/// [`StackError`]; [`StackError::TooMuch`], too, where a whole page is not enough to get on.
pub fn compare<'a>(
    from: Side<'_, 'a>,
    to: Side<'_, 'a>,
    same: &HashSet<Digest>,
    after: Option<&Place>,
    budget: Budget,
) -> Result<Found, StackError> {
    let own = |side: &Side<'_, '_>| {
        let is_own = |layer: &Option<Digest>| layer.is_none_or(|digest| !same.contains(&digest));
        (0..side.layers.len()).filter(|number| is_own(&side.layers[*number])).collect::<Vec<_>>()
    };
    let (own_from, own_to) = (own(&from), own(&to));
    if own_from.is_empty() && own_to.is_empty() {
        return Ok(Found::default());
    }
    Walk { own_from, own_to, from, to, frames: frames(after), left: budget }.run()
}

/// The folders that are open where the walk goes on, the innermost last.
fn frames(after: Option<&Place>) -> Vec<Frame> {
    let Some(place) = after else { return vec![Frame::new(String::new(), None)] };
    let (Place::Inside(path) | Place::Behind(path)) = place;
    let mut frames = Vec::new();
    let mut folder = String::new();
    for name in path.split('/') {
        frames.push(Frame::new(folder.clone(), Some(name.to_owned())));
        folder = joined(&folder, name);
    }
    if matches!(place, Place::Inside(_)) {
        frames.push(Frame::new(folder, None));
    }
    frames
}

/// A folder that is on both sides.
struct Frame {
    folder: String,
    from: Ahead,
    to: Ahead,
}

/// What of a folder is still ahead, on one side.
struct Ahead {
    children: VecDeque<Child>,
    /// Behind which name there may be more than that.
    more: Option<Option<String>>,
}

impl Frame {
    fn new(folder: String, after: Option<String>) -> Frame {
        let ahead = |after| Ahead { children: VecDeque::new(), more: Some(after) };
        Frame { folder, from: ahead(after.clone()), to: ahead(after) }
    }

    /// What is next by name, on one side or both.
    fn next(&mut self) -> Option<(Option<Child>, Option<Child>)> {
        let order = match (self.from.children.front(), self.to.children.front()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.name.cmp(&other.name),
        };
        let one = if order.is_le() { self.from.children.pop_front() } else { None };
        let other = if order.is_ge() { self.to.children.pop_front() } else { None };
        Some((one, other))
    }
}

impl Ahead {
    /// Looks further, until something is ahead or there is nothing more; `false` where there was no room for that. A page that has
    /// not come anywhere yet has more room.
    fn fill(
        &mut self,
        stack: &mut Stack<'_>,
        folder: &str,
        left: &mut Budget,
        is_first: bool,
    ) -> Result<bool, StackError> {
        while self.children.is_empty()
            && let Some(after) = &self.more
        {
            if left.looks == 0 || left.entries == 0 && !is_first || stack.is_half_full() {
                return Ok(false);
            }
            let Page { children, next } = stack.children(folder, after.as_deref(), COMPARE_FOLDER_ENTRIES)?;
            left.looks -= 1;
            left.entries = left.entries.saturating_sub(children.len());
            self.children = children.into();
            self.more = next.map(Some);
        }
        Ok(true)
    }
}

struct Walk<'s, 'a> {
    from: Side<'s, 'a>,
    to: Side<'s, 'a>,
    /// The layers that are not on the other side.
    own_from: Vec<usize>,
    own_to: Vec<usize>,
    frames: Vec<Frame>,
    left: Budget,
}

impl Walk<'_, '_> {
    fn run(mut self) -> Result<Found, StackError> {
        let (mut found, mut place) = (Found::default(), None);
        while let Some(frame) = self.frames.last_mut() {
            let (left, is_first) = (&mut self.left, place.is_none());
            let is_filled = frame.from.fill(self.from.stack, &frame.folder, left, is_first)?
                && frame.to.fill(self.to.stack, &frame.folder, left, is_first)?;
            if !is_filled {
                found.next = Some(place.ok_or(StackError::TooMuch)?);
                break;
            }
            let Some((one, other)) = frame.next() else {
                self.frames.pop();
                continue;
            };
            let name = one.as_ref().or(other.as_ref()).map_or("", |child| &child.name);
            let path = joined(&frame.folder, name);
            let goes_in = self.goes_in(&path, one.as_ref(), other.as_ref());
            if let Some(difference) = self.difference(&path, one, other) {
                if found.differences.len() == self.left.differences {
                    found.next = place;
                    break;
                }
                found.differences.push(difference);
            }
            if goes_in {
                self.frames.push(Frame::new(path.clone(), None));
            }
            place = Some(if goes_in { Place::Inside(path) } else { Place::Behind(path) });
        }
        Ok(found)
    }

    /// Whether what is in it may differ, and is told.
    fn goes_in(&self, path: &str, one: Option<&Child>, other: Option<&Child>) -> bool {
        let are_folders = [one, other].iter().all(|child| child.is_some_and(|child| child.node.is_folder()));
        are_folders
            && (self.own_from.iter().any(|layer| self.from.stack.concerns(*layer, path))
                || self.own_to.iter().any(|layer| self.to.stack.concerns(*layer, path)))
    }

    fn difference(&self, path: &str, one: Option<Child>, other: Option<Child>) -> Option<Difference> {
        let is_content_unknown = match (&one, &other) {
            (Some(one), Some(other)) => {
                let content = self.content(one, other);
                if content == Content::Same && is_alike(&one.node, &other.node) {
                    return None;
                }
                content == Content::Unknown
            }
            _ => false,
        };
        let node = |child: Option<Child>| child.map(|child| child.node);
        Some(Difference { path: path.to_owned(), from: node(one), to: node(other), is_content_unknown })
    }

    fn content(&self, one: &Child, other: &Child) -> Content {
        let layer = |side: &Side<'_, '_>, child: &Child| side.layers.get(child.layer).copied().flatten();
        let is_one_layer = layer(&self.from, one).is_some_and(|digest| layer(&self.to, other) == Some(digest));
        content(&one.node, &other.node, is_one_layer)
    }
}

/// What is known of two contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Same,
    Other,
    Unknown,
}

/// What is known of the contents of two things, which are of one layer or not.
fn content(one: &Node, other: &Node, is_one_layer: bool) -> Content {
    if one.kind != Kind::File || other.kind != Kind::File {
        return Content::Same;
    }
    let is_one_time = one.mtime == other.mtime && one.mtime > NO_TIME;
    match (&one.digest, &other.digest) {
        (Some(one), Some(other)) if one == other => Content::Same,
        (Some(_), Some(_)) => Content::Other,
        _ if one.size != other.size => Content::Other,
        _ if one.size == 0 || is_one_layer && one.offset == other.offset || is_one_time => Content::Same,
        _ => Content::Unknown,
    }
}

/// Whether they are the same but for their content and their times. Of folders that no layer names nothing is known, and
/// permissions of links do not count.
fn is_alike(one: &Node, other: &Node) -> bool {
    let meta = |node: &Node| (node.mode, node.uid, node.gid);
    let is_any_folder = one.is_implied || other.is_implied;
    one.kind == other.kind && (is_any_folder || matches!(one.kind, Kind::Symlink(_)) || meta(one) == meta(other))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::digest::Algorithm;

    use super::*;
    use crate::layer::index::Index;
    use crate::layer::stack::Lookup;

    fn digest(text: &str) -> Digest {
        Digest::of(Algorithm::Sha256, text.as_bytes())
    }

    /// A layer of files, each with what it holds.
    fn layer(files: &[(&str, &str)]) -> Index {
        let mut index = Index::default();
        for (path, content) in files {
            assert!(index.add_file(path, content.len() as u64, digest(content)), "{path}");
        }
        index
    }

    /// Layers by name, the topmost first.
    type Layers = [(&'static str, Index)];

    fn page(from: &Layers, to: &Layers, after: Option<&Place>, budget: Budget) -> Result<Found, StackError> {
        let names = |layers: &Layers| layers.iter().map(|(name, _)| Some(digest(name))).collect::<Vec<_>>();
        let stack = |layers: &Layers| {
            let lookup = |(_, index): &(&str, Index)| -> Box<dyn Lookup> { Box::new(index.clone()) };
            Stack::new(layers.iter().map(lookup).collect())
        };
        let (names_from, names_to) = (names(from), names(to));
        let same = names_from.iter().flatten().filter(|name| names_to.contains(&Some(**name))).copied().collect();
        let (mut stack_from, mut stack_to) = (stack(from), stack(to));
        let from = Side { stack: &mut stack_from, layers: &names_from };
        compare(from, Side { stack: &mut stack_to, layers: &names_to }, &same, after, budget)
    }

    /// All pages, a letter before each path.
    fn all(from: &Layers, to: &Layers, budget: Budget) -> Vec<String> {
        let (mut told, mut after) = (Vec::new(), None);
        loop {
            let found = page(from, to, after.as_ref(), budget).expect("indexes");
            assert!(found.differences.len() <= budget.differences);
            told.extend(found.differences.into_iter().map(|one| {
                let letter = match (one.from, one.to) {
                    (Some(_), Some(_)) if one.is_content_unknown => '?',
                    (Some(_), Some(_)) => '~',
                    (Some(_), None) => '-',
                    _ => '+',
                };
                format!("{letter}{}", one.path)
            }));
            match found.next {
                Some(next) => {
                    assert_eq!(next.to_string().parse(), Ok(next.clone()));
                    assert_ne!(after.as_ref(), Some(&next), "pages go on");
                    after = Some(next);
                }
                None => return told,
            }
        }
    }

    const LARGE: Budget = Budget { differences: 1_000, looks: 1_000, entries: 100_000 };

    #[track_caller]
    fn check(from: &Layers, to: &Layers, expect: &[&str]) {
        for differences in 1..4 {
            for budget in [Budget { differences, ..LARGE }, Budget { looks: 9, entries: 2, differences }] {
                assert_eq!(all(from, to, budget), expect, "{budget:?}");
            }
        }
        assert_eq!(all(from, to, LARGE), expect);
    }

    #[test]
    fn paths_that_differ() {
        let base = || ("base", layer(&[("etc/conf", "1"), ("etc/same", "2"), ("usr/bin/tool", "3"), ("usr-x", "4")]));
        let one = || ("one", layer(&[("etc/conf", "a"), ("opt/a/b", "5"), ("opt/c", "6"), ("etc/same", "2")]));
        let other = || ("other", layer(&[("etc/conf", "bb"), ("etc/new/x/y", "7"), ("usr/bin/tool", "9")]));
        check(&[base()], &[base()], &[]);
        check(&[one(), base()], &[base()], &["~etc/conf", "-opt"]);
        check(&[one(), base()], &[other(), base()], &["~etc/conf", "+etc/new", "-opt", "~usr/bin/tool"]);
        check(&[], &[other()], &["+etc", "+usr"]);
        // A file that becomes a folder, and a folder that becomes a file.
        check(
            &[("a", layer(&[("x", "1"), ("y/z", "2")]))],
            &[("b", layer(&[("x/w", "1"), ("y", "2")]))],
            &["~x", "~y"],
        );
    }

    #[test]
    fn what_a_layer_deletes() {
        let base = || ("base", layer(&[("a/b/c", "1"), ("a/d", "2"), ("e/f", "3")]));
        let top = || ("top", layer(&[("a/b/x", "4")]));
        let mut gone = Index::default();
        gone.gone.insert("a/d".into(), ());
        gone.opaque.insert("e".into(), ());
        check(&[base()], &[("gone", gone), base()], &["-a/d", "-e/f"]);
        // What is hidden from above, far from where anything is said of it.
        let mut opaque = Index::default();
        opaque.opaque.insert("a".into(), ());
        check(&[top(), base()], &[top(), ("opaque", opaque), base()], &["-a/b/c", "-a/d"]);
    }

    /// No more is asked than what layers of one side only have to say.
    #[test]
    fn what_both_have_is_passed_over() {
        let names: Vec<String> = (0..200).map(|number| format!("lib/{number}/x")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let base = || ("base", layer(&files));
        let found = page(&[base()], &[("top", layer(&[("lib/7/x", "2")])), base()], None, Budget { looks: 6, ..LARGE });
        let found = found.expect("three folders on each side are enough");
        assert_eq!((found.differences.len(), &*found.differences[0].path, found.next), (1, "lib/7/x", None));
        let other = [("top", layer(&files))];
        assert!(page(&other, &[base()], None, Budget { looks: 6, ..LARGE }).expect("a page").next.is_some());
        assert!(matches!(page(&other, &[base()], None, Budget { looks: 1, ..LARGE }), Err(StackError::TooMuch)));
    }

    #[test]
    fn contents_as_far_as_they_are_known() {
        let file = |size: u64, mtime: i64, offset: u64| Node {
            size,
            mtime,
            offset,
            digest: None,
            ..Node::file(size, digest("x"))
        };
        let late = NO_TIME + 1;
        let check = |one: &Node, other: &Node, is_one_layer: bool, expect: Content| {
            assert_eq!(content(one, other, is_one_layer), expect, "{one:?} {other:?}");
            assert_eq!(content(other, one, is_one_layer), expect);
        };
        check(&file(1, late, 0), &file(2, late, 0), false, Content::Other);
        check(&file(1, late, 0), &file(1, late, 512), false, Content::Same);
        check(&file(1, late, 0), &file(1, late + 1, 0), false, Content::Unknown);
        check(&file(1, late, 512), &file(1, late + 1, 512), true, Content::Same);
        check(&file(1, late, 512), &file(1, late + 1, 1024), true, Content::Unknown);
        check(&file(0, 0, 0), &file(0, 7, 0), false, Content::Same);
        // Times that archives have where none was kept say nothing.
        check(&file(1, 0, 0), &file(1, 0, 0), false, Content::Unknown);
        check(&file(1, NO_TIME, 0), &file(1, NO_TIME, 0), false, Content::Unknown);
        check(&Node::file(1, digest("x")), &Node::file(1, digest("x")), false, Content::Same);
        check(&Node::file(1, digest("x")), &Node::file(1, digest("y")), false, Content::Other);
        check(&Node::file(1, digest("x")), &file(1, late, 0), false, Content::Unknown);
    }
}
