//! What is in layers, told without unpacking them: one layer, whatever it is packed in and whoever packed it, and several on one
//! another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stored;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use proptest::prelude::*;
use tar::{EntryType, Header};
use wharf_artifact::layer::diff::{DeeperAt, Side, differences};
use wharf_artifact::layer::index::{Index, Node, hashed, unread};
use wharf_artifact::layer::tree::{Change, Tree};
use wharf_artifact::layer::view::{Lost, View};
use wharf_artifact::layer::walk::{Kind, Met, Reason, Walk};
use wharf_artifact::layer::{LayerError, Limits};
use wharf_model::digest::{Algorithm, Digest};
use wharf_testkit::fixture::FailsAtEnd;
use wharf_testkit::fuzz::{BRIEFLY, Feed};

/// A tar that is written member by member.
#[derive(Clone, Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn member(mut self, kind: EntryType, path: &[u8], target: &str, mode: u32, content: &[u8]) -> Tar {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_mode(mode);
        header.set_uid(7);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, content: &str) -> Tar {
        self.member(EntryType::Regular, path.as_bytes(), "", 0o644, content.as_bytes())
    }

    fn folder(self, path: &str) -> Tar {
        self.member(EntryType::Directory, path.as_bytes(), "", 0o755, b"")
    }

    fn link(self, path: &str, target: &str) -> Tar {
        self.member(EntryType::Symlink, path.as_bytes(), target, 0o777, b"")
    }

    fn hard_link(self, path: &str, target: &str) -> Tar {
        self.member(EntryType::Link, path.as_bytes(), target, 0o644, b"")
    }

    /// An extended header with these records, for the next member.
    fn pax(self, records: &[(&str, &str)]) -> Tar {
        let record = |(key, value): &(&str, &str)| {
            let rest = format!(" {key}={value}\n");
            let length = |digits: usize| rest.len() + digits;
            let digits = (1..).find(|digits| length(*digits).to_string().len() == *digits).unwrap();
            format!("{}{rest}", length(digits))
        };
        let text: String = records.iter().map(record).collect();
        self.member(EntryType::XHeader, b"pax", "", 0o644, text.as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }

    fn index(self) -> Arc<Index> {
        Arc::new(index(&self.end()).expect("a layer"))
    }
}

fn tar() -> Tar {
    Tar::default()
}

fn index(bytes: &[u8]) -> Result<Index, LayerError> {
    Index::read(bytes, Limits::of_view(), hashed)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// The layers, the lowest first, as a view and as a tree.
fn stacked(layers: &[Arc<Index>]) -> (View, Tree) {
    let (mut view, mut tree) = (View::default(), Tree::default());
    layers.iter().rev().for_each(|layer| view.add(layer.clone()));
    view.end();
    layers.iter().for_each(|layer| tree.apply(layer, |_, _| ()));
    (view, tree)
}

#[test]
fn a_layer_is_the_same_in_whatever_it_is_packed() {
    let plain = tar().folder("a").file("a/b", "hello").link("l", "a/b").end();
    let expect = index(&plain).expect("a layer");
    assert_eq!(expect.get("a/b").unwrap().digest.as_deref(), Some(&Digest::of(Algorithm::Sha256, b"hello")));
    let (first, second) = plain.split_at(700);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    // Frames that are to be skipped, as estargz and zstd:chunked have them.
    let skipped = |magic: u8| [&[magic, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
    for (name, bytes) in [
        ("gzip", gzip(&plain)),
        ("gzip of two members", [gzip(first), gzip(second)].concat()),
        ("zstd", zstd(&plain)),
        ("zstd of two frames", [zstd(first), zstd(second)].concat()),
        ("zstd with frames to skip", [skipped(0x50), zstd(first), skipped(0x5f), zstd(second), skipped(0x51)].concat()),
        ("with a long tail", [&plain[..], &[0; 9_000]].concat()),
    ] {
        let found = index(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.nodes().eq(expect.nodes()), "{name}");
    }
}

#[test]
fn what_is_no_layer_is_told() {
    let plain = tar().file("a", &"x".repeat(5_000)).end();
    for bytes in [gzip(&plain), zstd::encode_all(&*plain, 1).unwrap()] {
        for cut in [bytes.len() / 2, bytes.len() - 1] {
            assert!(matches!(index(&bytes[..cut]), Err(LayerError::Read(_))), "{cut}");
        }
    }
    for cut in [100, 513, 2_000] {
        assert!(matches!(index(&plain[..cut]), Err(LayerError::Malformed(_))), "{cut}");
    }
    assert!(matches!(index(&b"{\"no\": \"tar\"}".repeat(100)), Err(LayerError::Malformed(_))));
    assert!(index(b"").expect("nothing").nodes().next().is_none());
    assert!(matches!(index(&[gzip(&plain), b"rest".to_vec()].concat()), Err(LayerError::Read(_))));
}

#[test]
fn the_end_of_the_stream_is_reached() {
    let plain = tar().file("a", "x").end();
    for bytes in [plain.clone(), gzip(&plain), zstd::encode_all(&*plain, 1).unwrap()] {
        let found: Result<Index, LayerError> = Index::read(FailsAtEnd(&bytes), Limits::of_view(), unread);
        assert!(matches!(&found, Err(LayerError::Read(error)) if error.to_string().contains("digest")), "{found:?}");
    }
}

#[test]
fn what_grows_too_much_is_refused() {
    let limits =
        Limits { entries: 10, name_bytes: 2_000, bytes: 4 << 20, ratio: 20, free_bytes: 1 << 20, ..Limits::default() };
    let check = |layer: Vec<u8>, what: &str| {
        let bomb = zstd::encode_all(&*layer, 3).unwrap();
        let found: Result<Index, LayerError> = Index::read(&*bomb, limits, unread);
        match found {
            Err(error @ LayerError::TooMuch { .. }) => assert!(error.to_string().contains(what), "{error}"),
            other => panic!("{what}: {other:?}"),
        }
    };
    check(tar().file("zeros", &"\0".repeat(2 << 20)).end(), "times its own size");
    check((0..11).fold(tar(), |tar, number| tar.file(&number.to_string(), "")).end(), "10 entries");
    check(tar().pax(&[("path", &"p/".repeat(1_500))]).file("x", "").end(), "bytes of names");
    check(tar().pax(&[("comment", &"c".repeat(1 << 20))]).file("x", "").end(), "extended header");
    let all = Limits::of_view().after(&index(&tar().file("abc", "").file("d", "").end()).unwrap().walked);
    assert_eq!((Limits::of_view().entries - all.entries, Limits::of_view().name_bytes - all.name_bytes), (2, 4));
}

/// What stands before one member is held in memory until it comes: many headers count like a large one.
#[test]
fn many_headers_before_one_member_are_refused() {
    let xattr = ("SCHILY.xattr.user.a", &*"v".repeat(300 << 10));
    for layer in [(0..4).fold(tar(), |tar, _| tar.pax(&[xattr])), (0..2_100).fold(tar(), |tar, _| tar.pax(&[]))] {
        let found = index(&layer.file("x", "").end());
        assert!(
            matches!(&found, Err(error @ LayerError::TooMuch { .. }) if error.to_string().contains("extended headers")),
            "{found:?}"
        );
    }
    let each = (0..4).fold(tar(), |tar, number| tar.pax(&[xattr]).file(&number.to_string(), "")).end();
    assert!(index(&each).is_ok(), "before each member");
}

#[test]
fn names_that_mean_nothing_are_passed_over() {
    let layer = tar()
        .file("../../etc/passwd", "x")
        .file("a/../../b", "x")
        .hard_link("l", "../../x")
        .file(".wh..wh.plnk", "")
        .file(".wh..", "")
        .member(EntryType::Regular, b"", "", 0o644, b"x")
        .pax(&[("path", &"n/".repeat(400))])
        .file("x", "")
        .file("/fine//./here", "ok")
        .member(EntryType::Regular, b"caf\xe9", "", 0o644, b"latin")
        .index();
    let reasons: Vec<Reason> = layer.faults.iter().map(|fault| fault.reason).collect();
    let [escapes, empty] = [Reason::Escapes, Reason::Empty];
    assert_eq!(reasons, [escapes, escapes, escapes, empty, empty, empty, Reason::TooLong]);
    assert!(layer.faults.iter().all(|fault| fault.name.len() <= 100));
    let paths: Vec<&str> = layer.nodes().map(|(path, _)| path).collect();
    assert_eq!(paths, ["", "caf\\xe9", "fine", "fine/here"]);
    // Wherever a link leads, nothing above the root is found.
    let layer = tar().link("out", "../../../../etc").folder("etc").file("etc/passwd", "ours").index();
    let (view, _) = stacked(&[layer]);
    assert_eq!(view.resolve("out/passwd", true).expect("a file").path, "etc/passwd");
}

#[test]
fn sparse_files_have_their_size_and_no_content() {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..4].copy_from_slice(b"hole");
    header.set_entry_type(EntryType::GNUSparse);
    header.set_mode(0o600);
    header.set_size(512);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.realsize[..11].copy_from_slice(b"00004000000");
    gnu.isextended[0] = 1;
    header.set_cksum();
    // The rest of the map stands in blocks of its own, before the content.
    let map = [[0; 512], [0; 512]].concat();
    let mut bytes = [&header.as_bytes()[..], &map, &[7; 512]].concat();
    bytes[512 + 504] = 1;
    let pax = tar().pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "other"), ("GNU.sparse.realsize", "99")]);
    let layer = Tar([bytes, pax.file("GNUSparseFile.0/other", "map and data").0].concat()).file("after", "x").index();
    let found: Vec<_> = layer.nodes().skip(1).map(|(path, node)| (path, node.size, node.is_sparse)).collect();
    assert_eq!(found, [("after", 1, false), ("hole", 1 << 20, true), ("other", 99, true)]);
}

#[test]
fn one_file_is_read_on_the_way() {
    let bytes = tar().file("a", "first").file("b", "second").file("a", "third").end();
    let mut walk = Walk::open(&*bytes, Limits::of_view()).expect("a layer");
    let mut found = Vec::new();
    while let Some(met) = walk.step().expect("a layer") {
        if matches!(&met, Met::Entry(entry) if &*entry.path == "a") {
            let mut text = String::new();
            walk.content().take(4).read_to_string(&mut text).expect("text");
            found.push(text);
        }
    }
    assert_eq!(found, ["firs", "thir"]);
    assert_eq!(walk.finish().expect("the end").entries, 3);
    // The index says which of them counts.
    assert_eq!(index(&bytes).expect("a layer").get("a").map(|node| node.member), Some(2));
}

#[test]
fn links_lead_where_they_lead() {
    let base =
        tar().link("bin", "usr/bin").file("usr/bin/sh", "#!").link("usr/bin/bash", "sh").link("a", "b").link("b", "a");
    let base = base.link("up", "../../usr/./bin/").link("abs", "/usr/bin/bash").link("gone", "nowhere").index();
    let (view, _) = stacked(&[base.clone(), tar().file("etc/hosts", "x").index()]);
    let path = |path: &str| view.resolve(path, true).map(|found| found.path);
    assert_eq!(path("/bin/sh"), Ok("usr/bin/sh".to_owned()));
    assert_eq!(path("bin/bash"), Ok("usr/bin/sh".to_owned()));
    assert_eq!(path("up/../bin/sh"), Ok("usr/bin/sh".to_owned()));
    assert_eq!(path("abs"), Ok("usr/bin/sh".to_owned()));
    assert_eq!(path("//etc/../etc/hosts/"), Ok("etc/hosts".to_owned()));
    assert_eq!(path("/"), Ok(String::new()));
    assert_eq!(path("../.."), Ok(String::new()));
    assert_eq!(path("a"), Err(Lost::Loop("a".to_owned())));
    assert_eq!(path("gone"), Err(Lost::Missing("nowhere".to_owned())));
    assert_eq!(path("etc/hosts/x"), Err(Lost::NotAFolder("etc/hosts".to_owned())));
    let link = view.resolve("bin", false).expect("a link");
    assert_eq!(link.place.unwrap().node.kind, Kind::Symlink("usr/bin".into()));
}

#[test]
fn no_layer_is_asked_for_that_does_not_matter() {
    let top =
        tar().file("etc/hosts", "new").file("opt/.wh..wh..opq", "").file("opt/x", "1").file(".wh.tmp", "").index();
    let mut view = View::default();
    assert_eq!(view.resolve("etc/hosts", true), Err(Lost::Deeper("etc/hosts".to_owned())));
    view.add(top);
    assert_eq!(view.find("etc/hosts").unwrap().unwrap().node.size, 3);
    assert_eq!(view.resolve("opt/y", true), Err(Lost::Missing("opt/y".to_owned())));
    assert_eq!(view.resolve("tmp/y", true), Err(Lost::Missing("tmp".to_owned())));
    assert_eq!(view.children("opt").expect("known").len(), 1);
    assert!(view.children("etc").is_err() && view.find("bin/sh").is_err());
    assert_eq!(view.resolve("bin/sh", true), Err(Lost::Deeper("bin/sh".to_owned())));
    view.add(tar().link("bin", "usr/bin").index());
    assert_eq!(view.resolve("bin/sh", true), Err(Lost::Deeper("usr/bin/sh".to_owned())), "what it may be");
}

#[test]
fn what_each_layer_did() {
    let base = tar().folder("d").file("d/a", "12345").file("d/b", "123").file("e/f", "1").hard_link("h", "d/a");
    let layers = [
        base.index(),
        tar().file("d/a", "1").file("d/c", "22").file("e/.wh.f", "").folder("d").index(),
        tar().file(".wh.h", "").file("d", "in the way").file("x", "1").file("x", "22").index(),
    ];
    let mut tree = Tree::default();
    let mut said = Vec::new();
    for layer in &layers {
        let mut all: Vec<String> = Vec::new();
        tree.apply(layer, |path, change| {
            let sign = match change {
                Change::Added => '+',
                Change::Changed => '~',
                Change::Removed => '-',
            };
            all.push(format!("{sign}{path}"));
        });
        said.push(all);
    }
    assert_eq!(said[0], ["+d", "+d/a", "+d/b", "+e/f", "+h"]);
    assert_eq!(said[1], ["~d/a", "+d/c", "-e/f"]);
    assert_eq!(said[2], ["~d", "+x", "-d/a", "-d/b", "-d/c", "-h"]);
    let sums: Vec<_> = tree.layers().iter().map(|sum| (sum.bytes, sum.wasted)).collect();
    // The first layer's d/a is wasted only with its last name.
    assert_eq!(sums, [(9, 9), (3, 3), (13, 1)]);
}

#[test]
fn differences_are_read_no_deeper_than_needed() {
    let base = tar().folder("d").file("d/a", "1").file("d/b", "1").file("same", "1").index();
    let one = tar().file("d/a", "2").file("new", "1").file(".wh.d2", "").index();
    let other = tar().file("d/.wh.b", "").file("new", "2").index();
    let is_own = |_: Side, layer: usize| layer == 0;
    let told = |from: &View, to: &View| {
        let found = differences(from, to, is_own)?;
        let sign = |from: bool, to: bool| if from && to { '~' } else { ['+', '-'][usize::from(from)] };
        let line = |one: &wharf_artifact::layer::diff::Difference<'_>| {
            format!("{}{}", sign(one.from.is_some(), one.to.is_some()), one.path)
        };
        Ok::<_, DeeperAt>(found.iter().map(line).collect::<Vec<_>>())
    };
    let (mut from, mut to) = (View::default(), View::default());
    from.add(one.clone());
    to.add(other.clone());
    assert!(told(&from, &to).is_err());
    for view in [&mut from, &mut to] {
        view.add(base.clone());
        view.end();
    }
    assert_eq!(told(&from, &to).expect("all is known"), ["~d/a", "-d/b", "~new"]);
    // Where both replace the same, what is below is never asked for.
    let (mut from, mut to) = (View::default(), View::default());
    from.add(tar().file("a", "1").index());
    to.add(tar().file("a", "2").index());
    assert_eq!(told(&from, &to).expect("it is known"), ["~a"]);
}

// --- against a model

#[derive(Clone, Debug)]
enum Op {
    File(String),
    Folder(String),
    Link(String),
    HardLink(String, String),
    Gone(String),
    Opaque(String),
}

/// What a path is: a letter for the kind, and a number by which it can be told from others.
type Is = (char, u64);

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "a-"]), 1..4).prop_map(|names| names.join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => path().prop_map(Op::File),
        3 => path().prop_map(Op::Folder),
        1 => path().prop_map(Op::Link),
        2 => (path(), path()).prop_map(|(path, target)| Op::HardLink(path, target)),
        2 => path().prop_map(Op::Gone),
        1 => path().prop_map(Op::Opaque),
    ]
}

/// Removes what is below `path`.
fn clear(state: &mut BTreeMap<String, Is>, path: &str) {
    state.retain(|other, _| !other.starts_with(&format!("{path}/")));
}

fn put(state: &mut BTreeMap<String, Is>, path: &str, is: Is) {
    for (at, _) in path.match_indices('/') {
        let above = state.entry(path[..at].to_owned()).or_insert(('d', 0o755));
        if above.0 != 'd' {
            *above = ('d', 0o755);
        }
    }
    if is.0 != 'd' {
        clear(state, path);
    }
    state.insert(path.to_owned(), is);
}

/// What the layers make, in the simplest way: each as if it was unpacked on those before.
fn model(layers: &[Vec<Op>]) -> BTreeMap<String, Is> {
    let (mut state, mut number) = (BTreeMap::new(), 0);
    for layer in layers {
        let before = state.clone();
        for op in layer {
            match op {
                Op::Gone(path) => {
                    clear(&mut state, path);
                    state.remove(path);
                }
                Op::Opaque(path) => clear(&mut state, path),
                _ => (),
            }
        }
        let mut own = BTreeMap::new();
        for op in layer {
            number += u64::from(!matches!(op, Op::Gone(_) | Op::Opaque(_)));
            let (path, is) = match op {
                Op::File(path) => (path, ('f', number)),
                Op::Folder(path) => (path, ('d', number % 0o700)),
                Op::Link(path) => (path, ('l', 0)),
                Op::HardLink(path, target) => {
                    let is_file = |is: &&Is| is.0 != 'd';
                    let found = own.get(target).filter(is_file).or_else(|| before.get(target).filter(is_file));
                    (path, found.copied().unwrap_or(('h', 0)))
                }
                Op::Gone(_) | Op::Opaque(_) => continue,
            };
            put(&mut own, path, is);
            put(&mut state, path, is);
        }
    }
    state
}

fn written(layers: &[Vec<Op>]) -> Vec<Arc<Index>> {
    written_tars(layers).into_iter().map(Tar::index).collect()
}

fn written_tars(layers: &[Vec<Op>]) -> Vec<Tar> {
    let mut number = 0;
    let mut add = |tar: Tar, op: &Op| {
        number += u64::from(!matches!(op, Op::Gone(_) | Op::Opaque(_)));
        match op {
            Op::File(path) => tar.file(path, &"x".repeat(number as usize)),
            Op::Folder(path) => tar.member(EntryType::Directory, path.as_bytes(), "", (number % 0o700) as u32, b""),
            Op::Link(path) => tar.link(path, "x"),
            Op::HardLink(path, target) => tar.hard_link(path, target),
            Op::Gone(path) => {
                let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
                tar.file(&format!("{above}/.wh.{name}"), "")
            }
            Op::Opaque(path) => tar.file(&format!("{path}/.wh..wh..opq"), ""),
        }
    };
    layers.iter().map(|layer| layer.iter().fold(tar(), &mut add)).collect()
}

fn is(node: &Node) -> Is {
    match node.kind {
        Kind::File => ('f', node.size),
        Kind::Folder => ('d', node.mode.into()),
        Kind::HardLink(_) => ('h', 0),
        _ => ('l', 0),
    }
}

fn all_of(view: &View) -> BTreeMap<String, Is> {
    let (mut all, mut ahead) = (BTreeMap::new(), vec![String::new()]);
    while let Some(folder) = ahead.pop() {
        for (name, place) in view.children(&folder).expect("all is known") {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            assert_eq!(view.find(&path), Ok(Some(place)), "{path}");
            all.insert(path.clone(), is(place.node));
            if place.node.is_folder() {
                ahead.push(path);
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_make_what_unpacking_them_would(layers in prop::collection::vec(prop::collection::vec(op(), 0..8), 1..5)) {
        let expect = model(&layers);
        let (view, tree) = stacked(&written(&layers));
        prop_assert_eq!(all_of(&view), expect.clone());
        let merged = tree.nodes().filter(|(path, _)| !path.is_empty());
        let merged: BTreeMap<String, Is> = merged.map(|(path, merged)| (path.to_owned(), is(&merged.node))).collect();
        prop_assert_eq!(merged, expect);
    }

    #[test]
    fn differences_are_those_of_the_models(
        shared in prop::collection::vec(prop::collection::vec(op(), 0..6), 0..3),
        from in prop::collection::vec(prop::collection::vec(op(), 0..4), 0..3),
        to in prop::collection::vec(prop::collection::vec(op(), 0..4), 0..3),
    ) {
        let with = |own: &[Vec<Op>]| [&shared[..], own].concat();
        let [one, other] = [with(&from), with(&to)].map(|layers| stacked(&written(&layers)).0);
        let own = |side| if side == Side::From { from.len() } else { to.len() };
        let found = differences(&one, &other, |side, layer| layer < own(side)).expect("all is known");
        let found: Vec<String> = found.into_iter().map(|one| one.path).collect();
        let (one, other) = (all_of(&one), all_of(&other));
        let what = |is: Option<&Is>| is.map(|(kind, number)| (*kind, if *kind == 'd' { 0 } else { *number }));
        let paths = one.keys().chain(other.keys()).filter(|path| what(one.get(*path)) != what(other.get(*path)));
        // Folders may differ in what no model looks at.
        prop_assert!(paths.clone().all(|path| found.contains(path)), "{:?} {:?}", found, paths.collect::<Vec<_>>());
        // Two links that lead nowhere may lead to different places.
        let is_broken = |path: &String| one.get(path).is_some_and(|is| is.0 == 'h');
        prop_assert!(found.iter().all(|path| one.get(path) != other.get(path) || is_broken(path)), "{:?}", found);
    }
}

/// Whatever the bytes are: it comes to an end, and every name that is told is below the root.
#[test]
fn layers() {
    let words = [
        "../x",
        "/",
        "\0",
        ".wh.",
        ".wh..wh..opq",
        "ustar  \0",
        "0000755\0",
        "12 path=../x\n",
        "1",
        "2",
        "5",
        "x",
        "L",
        "S",
    ];
    let feed = Feed::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/__fuzz__/layers"), &words);
    bolero::check!(name = "layers").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |bytes| {
            let limits = Limits {
                entries: 100,
                name_bytes: 10_000,
                bytes: 1 << 20,
                ratio: 10,
                free_bytes: 1 << 16,
                ..Limits::default()
            };
            for bytes in [bytes.to_vec(), mended(bytes)] {
                let Ok(layer) = Index::read::<_, LayerError>(&*bytes, limits, hashed) else { continue };
                let is_path = |path: &str| !path.starts_with('/') && !path.split('/').any(|name| name == "..");
                assert!(layer.nodes().all(|(path, _)| is_path(path)));
                let layer = Arc::new(layer);
                let (view, tree) = stacked(&[layer.clone(), layer]);
                let merged = tree.nodes().filter(|(path, _)| !path.is_empty());
                assert!(all_of(&view).keys().map(String::as_str).eq(merged.map(|(path, _)| path)));
                for path in ["a/b", "l", "x"] {
                    let _ = view.resolve(path, true);
                }
            }
        });
    });
}

/// With the checksums right, so that what was changed is looked at.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        if &block[257..262] == b"ustar" {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
    }
    bytes
}
