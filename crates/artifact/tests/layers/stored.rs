//! Trees that rest: each says what the index of its layer says, several on one another make what their layers make, and what is
//! hostile ends.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read as _;
use std::sync::Arc;

use proptest::prelude::*;
use tar::EntryType;
use wharf_artifact::compression::Compression;
use wharf_artifact::layer::Limits;
use wharf_artifact::layer::compare::{Budget, Difference, Place, Side as CompareSide, compare};
use wharf_artifact::layer::diff::{Side, differences as differences_of};
use wharf_artifact::layer::index::{Index, Node, unread};
use wharf_artifact::layer::part::Part;
use wharf_artifact::layer::stack::{Child, Lookup, Page, Stack, StackError};
use wharf_artifact::layer::stored::make;
use wharf_artifact::layer::stored::read::Stored;
use wharf_artifact::layer::stored::{Most, Portion, Record, StoredError, Summary};
use wharf_artifact::layer::tree::{Change, Tree};
use wharf_artifact::layer::view::{Lost, View};
use wharf_artifact::layer::walk::{Kind, Reason};
use wharf_model::digest::{Algorithm, Digest};
use wharf_testkit::fuzz::{BRIEFLY, Feed};

use crate::{Is, Op, Tar, all_of, gzip, is, op, stacked, tar, written_tars};

fn made(layer: &[u8]) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let summary = make::tree(layer, Limits::of_tree(), &mut out).expect("memory");
    (out, summary)
}

fn open(tree: &[u8]) -> Stored<&[u8]> {
    Stored::open(tree, tree.len() as u64).expect("a tree")
}

fn plain_index(layer: &[u8]) -> Index {
    Index::read(layer, Limits::of_view(), unread).expect("a layer")
}

/// So many entries, however large.
fn most(entries: usize) -> Most {
    Most { entries, bytes: usize::MAX }
}

/// All that a layer has below `folder`, by path.
fn all_in(layer: &mut dyn Lookup, folder: &str) -> BTreeMap<String, Node> {
    let (mut all, mut ahead) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = ahead.pop() {
        for (name, record) in layer.within(&folder, None, most(1_000_000)).expect("a tree").entries {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            assert_eq!(layer.at(&path).expect("a tree"), record, "{path}");
            if let Some(node) = record.node {
                if node.is_folder() {
                    ahead.push(path.clone());
                }
                all.insert(path, node);
            }
        }
    }
    all
}

/// The tree of the layer says what its index says.
fn check(layer: &[u8]) -> Summary {
    let (tree, summary) = made(layer);
    let (mut stored, mut index) = (open(&tree), plain_index(layer));
    assert_eq!(all_in(&mut stored, ""), all_in(&mut index, ""));
    assert_eq!(*stored.summary(), summary);
    assert_eq!((summary.bytes, summary.overwritten), (index.bytes, index.overwritten));
    assert_eq!(summary.members, index.walked.entries as u64);
    assert_eq!(summary.tar_bytes, index.walked.tar_bytes);
    assert_eq!((&summary.fault, &summary.faults), (&None, &index.faults));
    summary
}

#[test]
fn a_layer_as_people_have_them() {
    let layer = tar()
        .folder("usr")
        .folder("usr/bin")
        .file("usr/bin/a", "hello")
        .hard_link("usr/bin/b", "usr/bin/a")
        .hard_link("usr/bin/c", "usr/bin/b")
        .hard_link("usr/bin/below", "usr/bin/of-a-layer-below")
        .link("bin", "usr/bin")
        .member(EntryType::Char, b"dev/null", "", 0o666, b"")
        .file("opt/.wh.old", "")
        .file("srv/.wh..wh..opq", "")
        .file("etc/caf\u{e9}", "x")
        .end();
    for layer in [layer.clone(), gzip(&layer), zstd::encode_all(&*layer, 1).unwrap()] {
        let summary = check(&layer);
        assert_eq!((summary.files, summary.bytes, summary.members), (2, 6, 11));
    }
    let (tree, summary) = made(&gzip(&layer));
    assert_eq!((summary.compression, summary.nameless), (Compression::Gzip, 0));
    let mut stored = open(&tree);
    let linked = stored.at("usr/bin/c").expect("a tree").node.expect("a file");
    assert_eq!((linked.kind, linked.size, linked.is_linked), (Kind::File, 5, true));
    assert!(stored.at("opt/old").expect("a tree").is_gone);
    assert!(stored.at("srv").expect("a tree").is_opaque);
    assert!(stored.at("no/such").expect("a tree").node.is_none());
    let names = |folder: &str, after: Option<&str>, limit| {
        let found = open(&tree).within(folder, after, most(limit)).expect("a tree");
        found.entries.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names("", None, 3), ["bin", "dev", "etc"]);
    assert_eq!(names("", Some("etc"), 3), ["opt", "srv", "usr"]);
    assert_eq!(names("usr/bin", Some("a"), 9), ["b", "below", "c"]);
    assert!(names("usr/bin/a", None, 9).is_empty() && names("no", None, 9).is_empty());
}

/// What offsets say is where the content is, in whatever the layer is packed.
#[test]
fn contents_are_where_they_are_said_to_be() {
    let long = "0123456789".repeat(20_000);
    let plain =
        tar().folder("a").file("a/b", "hello").file("a/long", &long).pax(&[("path", "a/c")]).file("x", "c").end();
    for layer in [plain.clone(), gzip(&plain), zstd::encode_all(&*plain, 1).unwrap()] {
        let (tree, _) = made(&layer);
        for (path, expect) in [("a/b", "hello"), ("a/long", &*long), ("a/c", "c")] {
            let node = open(&tree).at(path).expect("a tree").node.expect("a file");
            let mut text = String::new();
            let mut part = Part::open(&*layer, Limits::of_tree(), node.offset, node.size).expect("a layer");
            part.read_to_string(&mut text).expect("a layer");
            assert!(text == expect, "{path}");
        }
    }
    assert!(Part::open(&*gzip(&plain), Limits::of_tree(), 1 << 30, 1).is_err());
    let asked = Cell::new(0);
    let is_wanted = || asked.replace(asked.get() + 1) < 1;
    let zeros = gzip(&vec![0; 4 << 20]);
    let gone = Part::open_while(is_wanted, &*zeros, Limits::of_tree(), 4 << 20, 1).expect("a layer");
    assert!(gone.is_none() && asked.get() == 2, "asked on the way, and no further than that");
    let mut short = Part::open(&*plain, Limits::of_tree(), plain.len() as u64 - 1, 5).expect("a layer");
    assert!(short.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn members_that_replace_each_other() {
    // A file becomes a folder, a folder a file, and what was below comes again.
    check(&tar().file("a", "1").file("a/b", "22").end());
    check(&tar().file("a/b", "1").file("a", "22").end());
    check(&tar().file("a/b/c", "1").file("a", "22").file("a/b/d", "333").end());
    check(&tar().file("a/b/c", "1").link("a", "x").folder("a").file("a/b/e", "1").end());
    check(&tar().folder("a").folder("a/b").file("a/b/c", "1").file("a/b", "2").file("a/b/c/d", "4").end());
    check(&tar().file("x", "1").file("x", "22").file("x", "333").end());
    check(&tar().file("a/x", "1").file("a/.wh.x", "").file("a/.wh..wh..opq", "").file("a/y", "1").end());
    // What a link names was replaced: it is not told what it is.
    let (tree, _) = made(&tar().file("a", "1").hard_link("l", "a").file("a", "22").end());
    let node = open(&tree).at("l").expect("a tree").node.expect("something");
    assert_eq!((node.kind, node.size), (Kind::Unknown, 0));
    let (tree, _) = made(&tar().hard_link("l", "l").hard_link("m", "n").hard_link("n", "m").end());
    assert_eq!(all_in(&mut open(&tree), "").len(), 3);
}

#[test]
fn many_blocks() {
    let mut layer = tar();
    for number in 0..6_000 {
        layer = layer.file(&format!("f{:02}/some-name-{number}", number * 7919 % 60), "x");
    }
    let layer = layer.end();
    assert_eq!(check(&layer).entries, 6_060);
    let (tree, _) = made(&layer);
    assert!(tree.len() < 100_000, "{}", tree.len());
    let mut stored = open(&tree);
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = stored.within("f07", after.as_deref(), most(7)).expect("a tree").entries;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        found.extend(page.into_iter().map(|(name, _)| name));
    }
    assert_eq!(found.len(), 100);
    assert!(found.is_sorted());
}

#[test]
fn what_is_wrong_with_a_layer_is_told() {
    let layer = tar().file("a", "1").file("b", &"x".repeat(100_000)).file("c", "3").end();
    let fault = |layer: &[u8]| made(layer).1.fault.map(String::from);
    assert_eq!(fault(&layer), None);
    for bytes in [gzip(&layer), zstd::encode_all(&*layer, 1).unwrap(), layer.clone()] {
        let (tree, summary) = made(&bytes[..bytes.len() / 2]);
        assert!(summary.fault.is_some());
        let names = all_in(&mut open(&tree), "").into_keys().collect::<Vec<_>>();
        assert!(names.iter().all(|name| matches!(&**name, "a" | "b")), "{names:?}");
    }
    assert!(
        fault(b"no layer at all, but a text that is longer than a header would be".repeat(20).as_slice()).is_some()
    );
    assert_eq!(made(b"").1.entries, 0);
    let bomb = gzip(&vec![0; 30 << 20]);
    let limits = Limits { free_bytes: 1 << 20, ratio: 20, ..Limits::of_tree() };
    // The end of the tar comes first; what follows it is too much all the same.
    let summary = make::tree(&*bomb, limits, Vec::new()).expect("memory");
    assert!(summary.fault.is_some_and(|fault| fault.contains("20 times its own size")));
    // What is beyond the limit counts as read.
    let limits = Limits { bytes: 50_000, ..Limits::of_tree() };
    for tail in [layer.clone(), [tar().end(), vec![0; 100_000]].concat()] {
        let summary = make::tree(&*gzip(&tail), limits, Vec::new()).expect("memory");
        assert!(summary.fault.is_some() && summary.tar_bytes > 50_000, "{summary:?}");
    }
    let mut out = Vec::new();
    make::nothing("nobody knows", &mut out).expect("memory");
    let mut nothing = open(&out);
    assert_eq!((nothing.summary().fault.as_deref(), nothing.summary().entries), (Some("nobody knows"), 0));
    assert_eq!(nothing.at("a").expect("a tree"), Record::default());
    let (_, summary) = made(&tar().file("../x", "").file("a/../../b", "").file("ok", "").end());
    assert_eq!((summary.nameless, summary.entries), (2, 1));
    assert!(summary.faults.iter().all(|fault| fault.reason == Reason::Escapes));
}

/// Names that someone wrote to do harm are kept as they are; whoever shows them makes them harmless.
#[test]
fn hostile_names() {
    let layer = tar()
        .file("\u{1}\u{1b}[31m", "")
        .file("a/\r\n", "")
        .file("a/..\\x", "")
        .file("\u{202e}txt.exe", "")
        .member(EntryType::Regular, b"b/\xff\xfe", "", 0o644, b"")
        .link("out", "../../etc/passwd")
        .hard_link("hard", "../../etc/shadow")
        .file("<script>", "")
        .end();
    assert_eq!(check(&layer).nameless, 1);
    let deep = tar().pax(&[("path", &"d/".repeat(256))]).folder("x").end();
    assert_eq!(check(&deep).entries, 256);
}

#[test]
fn trees_that_are_broken_are_refused() {
    let (tree, _) = made(&tar().file("a", "1").end());
    let open = |bytes: &[u8]| Stored::open(bytes, bytes.len() as u64).map(drop);
    assert!(open(&tree).is_ok());
    for cut in 0..tree.len() {
        assert!(open(&tree[..cut]).is_err(), "{cut}");
        assert!(open(&tree[tree.len() - cut..]).is_err(), "{cut}");
    }
    for at in 0..tree.len() {
        let mut changed = tree.clone();
        changed[at] ^= 0x40;
        let found = Stored::open(&*changed, changed.len() as u64).and_then(|mut stored| stored.at("a"));
        assert!(matches!(found, Err(StoredError::Broken(_))), "{at}: {found:?}");
    }
}

fn boxed<'a>(trees: &'a [Vec<u8>]) -> Stack<'a> {
    // The topmost first.
    let layers = trees.iter().rev().map(|tree| -> Box<dyn Lookup + 'a> { Box::new(open(tree)) });
    Stack::new(layers.collect())
}

fn trees(layers: &[Vec<u8>]) -> Vec<Vec<u8>> {
    layers.iter().map(|layer| made(layer).0).collect()
}

/// All pages of a folder.
fn pages(mut page: impl FnMut(Option<&str>) -> Page) -> Vec<Child> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let Page { children, next } = page(after.as_deref());
        all.extend(children);
        match next {
            Some(next) => {
                assert!(after.is_none_or(|after| after < next), "pages go on");
                after = Some(next);
            }
            None => return all,
        }
    }
}

fn all_of_stack(stack: &mut Stack<'_>, limit: usize) -> BTreeMap<String, Is> {
    let (mut all, mut ahead) = (BTreeMap::new(), vec![String::new()]);
    while let Some(folder) = ahead.pop() {
        for child in pages(|after| stack.children(&folder, after, limit).expect("trees")) {
            let path = if folder.is_empty() { child.name } else { format!("{folder}/{}", child.name) };
            if child.node.is_folder() {
                ahead.push(path.clone());
            }
            all.insert(path, is(&child.node));
        }
    }
    all
}

fn all_changes(stack: &mut Stack<'_>, layer: usize, limit: usize) -> BTreeSet<(String, Option<char>)> {
    let (mut all, mut ahead) = (BTreeSet::new(), vec![String::new()]);
    while let Some(folder) = ahead.pop() {
        for child in pages(|after| stack.changes(layer, &folder, after, limit).expect("trees")) {
            let path = if folder.is_empty() { child.name } else { format!("{folder}/{}", child.name) };
            ahead.push(path.clone());
            if let Some(change) = child.change
                && !(change == Change::Added && child.node.is_implied)
            {
                all.insert((path, Some(letter(change))));
            }
        }
    }
    all
}

fn letter(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Changed => '~',
        Change::Removed => '-',
    }
}

#[test]
fn several_layers_on_one_another() {
    let layers = [
        tar().folder("bin").file("bin/sh", "first").file("etc/conf", "old").file("var/cache/x", "xx").end(),
        tar()
            .file("etc/conf", "newer")
            .file("var/.wh.cache", "")
            .hard_link("bin/ash", "bin/sh")
            .link("s", "bin/ash")
            .end(),
        tar().file("etc/.wh..wh..opq", "").file("etc/only", "1").link("up", "../../../etc/only").end(),
    ];
    let trees = trees(&layers);
    let mut stack = boxed(&trees);
    let names = |page: Page| page.children.into_iter().map(|child| child.name).collect::<Vec<_>>();
    assert_eq!(names(stack.children("", None, 100).unwrap()), ["bin", "etc", "s", "up", "var"]);
    assert_eq!(names(stack.children("etc", None, 100).unwrap()), ["only"]);
    assert!(names(stack.children("var", None, 100).unwrap()).is_empty());
    let ash = stack.children("bin", None, 1).unwrap();
    assert_eq!((&*ash.children[0].name, ash.children[0].layer, ash.next.as_deref()), ("ash", 2, Some("ash")));
    let place = |path: &str| -> Result<(String, usize), StackError> {
        let mut stack = boxed(&trees);
        let found = stack.resolve(path, true)?;
        Ok((found.path.clone(), found.place.map_or(9, |place| place.layer)))
    };
    assert_eq!(place("/s").unwrap(), ("bin/ash".to_owned(), 2));
    assert_eq!(place("up").unwrap(), ("etc/only".to_owned(), 0));
    assert_eq!(place("/").unwrap(), (String::new(), 9));
    assert!(matches!(place("etc/conf"), Err(StackError::Lost(Lost::Missing(path))) if path == "etc/conf"));
    assert!(matches!(place("bin/sh/x"), Err(StackError::Lost(Lost::NotAFolder(_)))));
    let what = |page: Page| {
        let told = |child: Child| (child.name, child.change.map_or(' ', letter), child.hidden_by);
        page.children.into_iter().map(told).collect::<Vec<_>>()
    };
    let own = |name: &str, letter, hidden_by| (name.to_owned(), letter, hidden_by);
    assert_eq!(what(stack.changes(2, "etc", None, 9).unwrap()), [own("conf", '+', Some(1))]);
    assert_eq!(what(stack.changes(1, "etc", None, 9).unwrap()), [own("conf", '~', Some(0))]);
    assert_eq!(what(stack.changes(0, "etc", None, 9).unwrap()), [own("conf", '-', None), own("only", '+', None)]);
    assert_eq!(what(stack.changes(1, "var", None, 9).unwrap()), [own("cache", '-', None)]);
    assert_eq!(what(stack.changes(1, "var/cache", None, 9).unwrap()), [own("x", '-', None)]);
    assert_eq!(what(stack.changes(1, "", None, 9).unwrap())[0], own("bin", ' ', None));
}

/// Counts what is asked of a layer.
struct Counted<'c> {
    layer: Stored<&'c [u8]>,
    asked: &'c Cell<usize>,
}

impl Lookup for Counted<'_> {
    fn at(&mut self, path: &str) -> Result<Record, StoredError> {
        self.asked.set(self.asked.get() + 1);
        self.layer.at(path)
    }

    fn within(&mut self, folder: &str, after: Option<&str>, most: Most) -> Result<Portion, StoredError> {
        let found = self.layer.within(folder, after, most)?;
        let bytes: usize = found.entries.iter().map(|(name, _)| name.len()).sum();
        assert!(found.entries.len() <= 1 || bytes <= most.bytes);
        Ok(found)
    }
}

/// However long a way is that somebody asks for, or that links make of it: no more of it is looked up than is there.
#[test]
fn long_ways_cost_little() {
    let mut layer = tar().folder("d");
    for number in 0..39 {
        let target = format!("l{}/{}", number + 1, "x/".repeat(2_000));
        layer = layer.pax(&[("linkpath", &target)]).link(&format!("l{number}"), "");
    }
    let (tree, _) = made(&layer.file("l39", "").end());
    let asked = Cell::new(0);
    let resolve = |path: &str| {
        asked.set(0);
        let counted = Counted { layer: open(&tree), asked: &asked };
        let mut stack = Stack::new(vec![Box::new(counted)]);
        stack.resolve(path, true).map(drop)
    };
    assert!(matches!(resolve("l0"), Err(StackError::Lost(Lost::TooLong(_)))));
    assert!(asked.get() < 10, "{}", asked.get());
    assert!(matches!(resolve(&"d/".repeat(300)), Err(StackError::Lost(Lost::TooLong(_)))));
    assert!(matches!(resolve(&"d/".repeat(200)), Err(StackError::Lost(Lost::Missing(path))) if path == "d/d"));
    assert!(asked.get() <= 3, "{}", asked.get());
    let mut stack = Stack::new(vec![Box::new(Counted { layer: open(&tree), asked: &asked })]);
    asked.set(0);
    let long = "d/".repeat(100_000);
    assert!(!stack.knows(0, long.trim_matches('/')).expect("a tree"));
    assert!(asked.get() <= 3, "{}", asked.get());
}

/// A page takes so much memory, however many layers there are and whatever they hold; what is left comes on the next.
#[test]
fn pages_of_many_layers_are_bounded() {
    let long = "y".repeat(4_000);
    let mut layer = tar();
    for number in 0..200 {
        layer = layer.pax(&[("linkpath", &long)]).link(&format!("f{number:03}"), "");
    }
    let (tree, _) = made(&layer.end());
    let trees = vec![tree; 40];
    let page = boxed(&trees).children("", None, 1_000).expect("trees");
    assert!((10..100).contains(&page.children.len()), "{}", page.children.len());
    assert_eq!(page.next, page.children.last().map(|last| last.name.clone()));
    let mut after = None;
    let mut found = 0;
    loop {
        // Each page is another request's.
        let page = boxed(&trees).children("", after.as_deref(), 1_000).expect("trees");
        found += page.children.len();
        let changes = boxed(&trees).changes(0, "", after.as_deref(), 1_000).expect("trees");
        assert_eq!(changes.next, page.next);
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!(found, 200);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_says_what_the_index_says(layer in prop::collection::vec(op(), 0..12)) {
        let layer = written_tars(&[layer]).remove(0).end();
        let (tree, _) = made(&layer);
        let (stored, index) = (all_in(&mut open(&tree), ""), all_in(&mut plain_index(&layer), ""));
        prop_assert!(stored.keys().eq(index.keys()));
        for (path, node) in &stored {
            // Of links whose target changes within the layer less is known.
            if !matches!(node.kind, Kind::HardLink(_) | Kind::Unknown) {
                prop_assert_eq!(node, &index[path], "{}", path);
            }
        }
    }

    #[test]
    fn trees_make_what_their_layers_make(
        layers in prop::collection::vec(prop::collection::vec(op(), 0..8), 1..5),
        limit in 1..4_usize,
    ) {
        let is_link = |op: &Op| matches!(op, Op::HardLink(..));
        let layers: Vec<Vec<Op>> = layers.into_iter().map(|ops| ops.into_iter().filter(|op| !is_link(op)).collect()).collect();
        let tars: Vec<Vec<u8>> = written_tars(&layers).into_iter().map(Tar::end).collect();
        let indexes: Vec<Arc<Index>> = tars.iter().map(|layer| Arc::new(plain_index(layer))).collect();
        let trees = trees(&tars);
        let mut stack = boxed(&trees);
        prop_assert_eq!(all_of_stack(&mut stack, limit), all_of(&stacked(&indexes).0));
        let mut merged = Tree::default();
        for (number, index) in indexes.iter().enumerate() {
            let mut expect = BTreeSet::new();
            merged.apply(index, |path, change| { expect.insert((path.to_owned(), Some(letter(change)))); });
            expect.retain(|(path, _)| !path.is_empty());
            prop_assert_eq!(all_changes(&mut stack, indexes.len() - 1 - number, limit), expect);
        }
    }
}

/// The digest by which a layer is known here.
fn named(tar: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, tar)
}

/// All pages of what is not the same.
fn compared(from: &[Vec<u8>], to: &[Vec<u8>], budget: Budget) -> Vec<Difference> {
    // The topmost first.
    let names = |tars: &[Vec<u8>]| tars.iter().rev().map(|tar| Some(named(tar))).collect::<Vec<_>>();
    let (trees_from, trees_to, names_from, names_to) = (trees(from), trees(to), names(from), names(to));
    let shared = |one: &[Option<Digest>], other: &[Option<Digest>]| -> Vec<Digest> {
        one.iter().filter(|name| other.contains(name)).copied().flatten().collect()
    };
    let (one, other) = (shared(&names_from, &names_to), shared(&names_to, &names_from));
    let same = if one == other { one.into_iter().collect() } else { HashSet::new() };
    let (mut all, mut after) = (Vec::new(), None::<Place>);
    loop {
        let (mut one, mut other) = (boxed(&trees_from), boxed(&trees_to));
        let from = CompareSide { stack: &mut one, layers: &names_from };
        let to = CompareSide { stack: &mut other, layers: &names_to };
        let found = compare(from, to, &same, after.as_ref(), budget).expect("trees");
        all.extend(found.differences);
        match found.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is told of trees is what is told of layers that were read, but for what is in a folder of one side.
    #[test]
    fn trees_differ_as_their_layers_do(
        shared in prop::collection::vec(prop::collection::vec(op(), 0..6), 0..3),
        from in prop::collection::vec(prop::collection::vec(op(), 0..4), 0..3),
        to in prop::collection::vec(prop::collection::vec(op(), 0..4), 0..3),
        differences in 1..4_usize,
    ) {
        let is_link = |op: &Op| matches!(op, Op::HardLink(..));
        let with = |own: &[Vec<Op>]| -> Vec<Vec<u8>> {
            let layers = [&shared[..], own].concat();
            let layers: Vec<Vec<Op>> =
                layers.into_iter().map(|ops| ops.into_iter().filter(|op| !is_link(op)).collect()).collect();
            written_tars(&layers).into_iter().map(Tar::end).collect()
        };
        let (tars_from, tars_to) = (with(&from), with(&to));
        let found = compared(&tars_from, &tars_to, Budget { differences, looks: 9, entries: 5 });
        prop_assert!(found.windows(2).all(|two| two[0].path.split('/').lt(two[1].path.split('/'))), "{:?}", found);
        // Sizes are numbers here that no two files have, unless they are at one place in both.
        let found: Vec<_> = found.into_iter().filter(|one| !one.is_content_unknown).collect();
        let views = [&tars_from, &tars_to].map(|tars| {
            let indexes: Vec<Arc<Index>> = tars.iter().map(|tar| Arc::new(plain_index(tar))).collect();
            stacked(&indexes).0
        });
        let own = |side| if side == Side::From { from.len() } else { to.len() };
        let expect = differences_of(&views[0], &views[1], |side, layer| layer < own(side)).expect("all is known");
        let is_folder = |view: &View, path: &str| {
            view.find(path).expect("all is known").is_some_and(|place| place.node.is_folder())
        };
        let is_told = |path: &str| {
            path.match_indices('/').all(|(at, _)| views.iter().all(|view| is_folder(view, &path[..at])))
        };
        let expect: BTreeMap<String, _> = expect
            .into_iter()
            .filter(|one| is_told(&one.path))
            .map(|one| (one.path, (one.from.map(is), one.to.map(is))))
            .collect();
        let found: BTreeMap<String, _> =
            found.iter().map(|one| (one.path.clone(), (one.from.as_ref().map(is), one.to.as_ref().map(is)))).collect();
        prop_assert_eq!(found, expect);
    }
}

/// Whatever the bytes are: what is read of them comes to an end, and is bounded.
#[test]
fn stored_tree() {
    let words = ["\0", "a\0b", "\u{1}", "\u{2}", "\u{8}", "WhTr", "\u{0}usr"];
    let feed = Feed::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/__fuzz__/stored_tree"), &words);
    bolero::check!(name = "stored_tree").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |bytes| {
            // As a whole tree, as a block, and as a foot: what is packed is seldom hit by chance.
            for tree in [bytes.to_vec(), with_block(bytes), with_foot(bytes)] {
                let Ok(stored) = Stored::open(&*tree, tree.len() as u64) else { continue };
                let mut stack = Stack::new(vec![Box::new(stored)]);
                for path in ["", "a", "usr", "a/b"] {
                    let _ = (stack.resolve(path, true).is_ok(), stack.children(path, None, 10).is_ok());
                    let _ = stack.changes(0, path, Some("a"), 10).is_ok();
                }
            }
        });
    });
}

/// A tree of one block.
fn with_block(block: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(block, 1).unwrap();
    let mut foot = vec![0; 10];
    foot.extend_from_slice(&[1, 0, 0]);
    for mut number in [packed.len(), block.len()] {
        while number >= 0x80 {
            foot.push(number as u8 | 0x80);
            number >>= 7;
        }
        foot.push(number as u8);
    }
    [packed, with_foot(&foot)].concat()
}

fn with_foot(foot: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(foot, 1).unwrap();
    let numbers = [packed.len() as u32, foot.len() as u32, 1].map(u32::to_le_bytes).concat();
    [packed, numbers, b"WhTr".to_vec()].concat()
}
