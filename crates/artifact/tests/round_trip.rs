//! A folder is packed, unpacked elsewhere, and is the same; and packed from there, it is the same bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;
use wharf_artifact::compression::Compression;
use wharf_artifact::cut::{self, Form};
use wharf_artifact::layer::Limits;
use wharf_artifact::pack::{Keep, NORMAL_TIME, PackError, Packed, Packer};
use wharf_artifact::tree::{self, Entry, Kind, ScanOptions};
use wharf_artifact::unpack::{Look, Options, Target, Times, Written};
use wharf_model::digest::{Algorithm, Digest};
use wharf_testkit::fixture::noise;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn put(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, content).expect("a file");
}

fn set_mode(root: &Path, path: &str, mode: u32) {
    fs::set_permissions(root.join(path), Permissions::from_mode(mode)).expect("a mode");
}

/// One of everything.
fn sample() -> TempDir {
    let root = folder();
    put(root.path(), "a.txt", b"hello");
    put(root.path(), "a/b/c", &[7; 700_000]);
    put(root.path(), "a-b", b"");
    put(root.path(), &format!("{}/{}", "d".repeat(120), "f".repeat(140)), b"long");
    put(root.path(), &format!("{}/gr\u{fc}\u{df}e", "e".repeat(90)), b"not ASCII");
    put(root.path(), "bin/run", b"#!/bin/sh\n");
    set_mode(root.path(), "bin/run", 0o750);
    fs::create_dir(root.path().join("empty")).expect("a folder");
    symlink("../a.txt", root.path().join("a/link")).expect("a link");
    symlink("t".repeat(150), root.path().join("dangling")).expect("a link");
    fs::hard_link(root.path().join("a.txt"), root.path().join("z-linked")).expect("a link");
    root
}

fn scan(root: &Path) -> Vec<Entry> {
    tree::scan(root, &ScanOptions::default()).expect("a tree")
}

fn pack(root: &Path, entries: &[Entry], keep: Keep, compression: Compression) -> (Packed, Vec<u8>) {
    let mut bytes = Vec::new();
    let packer = Packer::open(root, keep).expect("a folder");
    let packed = packer.layer(entries, compression, &mut bytes).expect("a layer");
    assert_eq!((packed.digest, packed.size), (Digest::of(Algorithm::Sha256, &bytes), bytes.len() as u64));
    (packed, bytes)
}

/// What counts of a tree that was packed with normal times, modes and owners.
fn essence(root: &Path) -> Vec<(Box<str>, Kind, u64, bool)> {
    let essence = |one: Entry| {
        let runs = one.mode & 0o111 != 0 || matches!(one.kind, Kind::Symlink(_));
        (one.path, one.kind, one.size, runs)
    };
    scan(root).into_iter().map(essence).collect()
}

fn unpack(target: &Path, options: Options, packed: &Packed, bytes: &[u8]) -> Vec<Written> {
    let target = Target::open(target, options).expect("a target");
    let unpacked = target.unpack(bytes, &packed.media_type).expect("a layer");
    assert_eq!(unpacked.tar_bytes, packed.tar_bytes);
    target.finish().expect("the folders");
    unpacked.written
}

#[test]
fn what_is_packed_is_unpacked() {
    let from = sample();
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let (packed, bytes) = pack(from.path(), &scan(from.path()), Keep::default(), compression);
        let to = folder();
        let written = unpack(to.path(), Options::default(), &packed, &bytes);
        assert_eq!(essence(to.path()), essence(from.path()), "{compression}");
        assert_eq!(written.len(), essence(from.path()).len());
        assert_eq!(fs::read(to.path().join("a/b/c")).expect("a file"), [7; 700_000]);
        let run = fs::metadata(to.path().join("bin/run")).expect("a file");
        assert_eq!((run.mode() & 0o7777, run.mtime()), (0o755, NORMAL_TIME));
        let inner = fs::metadata(to.path().join("a/b")).expect("a folder");
        assert_eq!((inner.mode() & 0o7777, inner.mtime()), (0o755, NORMAL_TIME));
        let (again, _) = pack(to.path(), &scan(to.path()), Keep::default(), compression);
        assert_eq!(again, packed, "{compression}");
        let target = Target::open(to.path(), Options::default()).expect("a target");
        assert!(target.holds(&written, Look::Outside));
    }
}

/// The bytes of a layer are part of what other machines compute: a golden digest holds them.
#[test]
fn the_bytes_are_the_same_for_ever() {
    let from = sample();
    let (packed, _) = pack(from.path(), &scan(from.path()), Keep::default(), Compression::Plain);
    assert_eq!(packed.diff_id.to_string(), "sha256:ab8b3b21fb70a2bbd58570b3036560ceeb41fe6f414666f1eec38b83fa4a697f");
}

#[test]
fn all_is_kept_where_asked() {
    let from = folder();
    put(from.path(), "d/f", b"x");
    set_mode(from.path(), "d/f", 0o4701);
    let file = fs::File::options().append(true).open(from.path().join("d/f")).expect("a file");
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789)).expect("a time");
    set_mode(from.path(), "d", 0o700);
    let keep = Keep { times: true, owners: true, modes: true };
    let (packed, bytes) = pack(from.path(), &scan(from.path()), keep, Compression::Plain);
    for (special_bits, mode) in [(false, 0o701), (true, 0o4701)] {
        let to = folder();
        unpack(to.path(), Options { special_bits, ..Options::default() }, &packed, &bytes);
        let found = fs::metadata(to.path().join("d/f")).expect("a file");
        assert_eq!((found.mtime(), found.mtime_nsec(), found.mode() & 0o7777), (1_000_000_000, 123_456_789, mode));
        let inner = fs::metadata(to.path().join("d")).expect("a folder");
        let before = fs::metadata(from.path().join("d")).expect("a folder");
        assert_eq!((inner.mtime(), inner.mode()), (before.mtime(), before.mode()));
    }
}

#[test]
fn times_may_all_be_one() {
    let from = sample();
    let (packed, bytes) = pack(from.path(), &scan(from.path()), Keep::default(), Compression::Zstd);
    let to = folder();
    let times = Times::At(1_700_000_000_000_000_000);
    let written = unpack(to.path(), Options { times, ..Options::default() }, &packed, &bytes);
    assert_eq!(fs::metadata(to.path().join("a/b/c")).expect("a file").mtime(), 1_700_000_000);
    let target = Target::open(to.path(), Options::default()).expect("a target");
    assert!(target.holds(&written, Look::Outside));
    put(to.path(), "a.txt", b"HELLO");
    assert!(!target.holds(&written, Look::Outside), "a change of the same size is seen");
}

/// Who builds by times sees a change and, of what did not change, nothing.
#[test]
fn a_file_has_another_time_where_its_content_is_another() {
    let (from, to) = (sample(), folder());
    let again = || {
        let (packed, bytes) = pack(from.path(), &scan(from.path()), Keep::default(), Compression::Plain);
        let written = unpack(to.path(), Options::default(), &packed, &bytes);
        assert!(Target::open(to.path(), Options::default()).expect("a target").holds(&written, Look::Outside));
    };
    let time = |path: &str| {
        let found = fs::metadata(to.path().join(path)).expect("a file");
        (found.mtime(), found.mtime_nsec())
    };
    again();
    assert_eq!([time("a.txt"), time("a/b/c")], [(NORMAL_TIME, 0); 2]);
    put(to.path(), "built", b"of what was there");
    put(from.path(), "a.txt", b"HELLO");
    put(from.path(), "later.txt", b"new");
    again();
    assert!(time("a.txt") > time("built"));
    assert_eq!([time("later.txt"), time("a/b/c")], [(NORMAL_TIME, 0); 2]);
    let changed = time("a.txt");
    again();
    assert_eq!(time("a.txt"), changed, "it is what was there");
    fs::remove_file(to.path().join("a.txt")).expect("a file");
    fs::create_dir(to.path().join("a.txt")).expect("a folder");
    again();
    assert!(time("a.txt") > changed, "it was something else");
}

#[test]
fn a_change_while_packing_is_found() {
    for change in ["longer", "", "hellO"] {
        let from = folder();
        put(from.path(), "d/f", b"hello");
        let entries = scan(from.path());
        fs::write(from.path().join("d/f"), change).expect("a file");
        let packer = Packer::open(from.path(), Keep::default()).expect("a folder");
        match packer.layer(&entries, Compression::Plain, std::io::sink()) {
            Err(PackError::Changed(path)) => assert_eq!(path, from.path().join("d/f")),
            other => panic!("{change:?}: {other:?}"),
        }
    }
}

#[test]
fn compression_is_chosen_by_content() {
    let from = folder();
    let noise = |length: u64| -> Vec<u8> {
        let mut state = 1_u64;
        let mut step = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| step()).collect()
    };
    put(from.path(), "noise", &noise(300_000));
    put(from.path(), "text", "all work and no play\n".repeat(10_000).as_bytes());
    put(from.path(), "tiny/1", &noise(40));
    put(from.path(), "tiny/2", &noise(41));
    let entries = scan(from.path());
    let packer = Packer::open(from.path(), Keep::default()).expect("a folder");
    let check = |prefix: &str, expect| {
        let chosen: Vec<Entry> = entries.iter().filter(|one| one.path.starts_with(prefix)).cloned().collect();
        assert_eq!(packer.choose(&chosen).expect("a choice"), expect, "{prefix:?}");
    };
    check("noise", Compression::Plain);
    check("text", Compression::Zstd);
    check("tiny", Compression::Zstd);
    check("", Compression::Zstd);
    check("none", Compression::Plain);
}

#[test]
fn layers_of_a_tree_make_it_whole() {
    let from = folder();
    for number in 0..200 {
        put(from.path(), &format!("{}/{number}", number % 7), &vec![number as u8; number * 300]);
    }
    let entries = scan(from.path());
    let layers = cut::cut(&entries, Form::ARTIFACT);
    assert!(layers.len() > 1, "{layers:?}");
    let to = folder();
    let target = Target::open(to.path(), Options::default()).expect("a target");
    std::thread::scope(|scope| {
        for range in layers.into_iter().rev() {
            let (packed, bytes) = pack(from.path(), &entries[range], Keep::default(), Compression::Zstd);
            let target = &target;
            scope.spawn(move || target.unpack(&*bytes, &packed.media_type).expect("a layer"));
        }
    });
    target.finish().expect("the folders");
    assert_eq!(essence(to.path()), essence(from.path()));
    assert_eq!(fs::metadata(to.path().join("3")).expect("a folder").mtime(), NORMAL_TIME);
    assert!(!to.path().read_dir().expect("a folder").any(|one| is_part(&one.expect("an entry"))));
}

/// Each layer can be unpacked by itself by who makes no folder unasked.
#[test]
fn folders_are_repeated_where_asked() {
    let from = folder();
    for path in ["a/b/1", "a/b/2", "a/b-c/3", "a-d/4"] {
        put(from.path(), path, b"x");
    }
    let entries = scan(from.path());
    let packer = Packer::open(from.path(), Keep::default()).expect("a packer").with_folders(&entries);
    let check = |first: &str, count: usize, expect: &[&str]| {
        let start = entries.iter().position(|entry| &*entry.path == first).expect("an entry");
        let mut bytes = Vec::new();
        packer.layer(&entries[start..start + count], Compression::Plain, &mut bytes).expect("a layer");
        let mut archive = tar::Archive::new(&*bytes);
        let names = archive.entries().expect("a tar").map(|one| one.expect("an entry").path_bytes().into_owned());
        let names: Vec<String> = names.map(|name| String::from_utf8(name).expect("text")).collect();
        assert_eq!(names, expect, "{first}");
    };
    check("a", 2, &["a/", "a-d/"]);
    check("a-d/4", 2, &["a-d/", "a-d/4", "a/", "a/b/"]);
    check("a/b-c/3", 2, &["a/", "a/b-c/", "a/b-c/3", "a/b/", "a/b/1"]);
    check("a/b/2", 1, &["a/", "a/b/", "a/b/2"]);
}

/// What is asked for by content is read; what nobody knows the content of is not believed.
#[test]
fn contents_are_read() {
    let (root, to) = (sample(), folder());
    let entries = scan(root.path());
    let (packed, bytes) = pack(root.path(), &entries, Keep::default(), Compression::Plain);
    let target = Target::open(to.path(), Options::default()).expect("a target");
    let written = target.unpack_plain(&bytes[..], &packed.digest).expect("unpacked").written;
    assert!(target.holds(&written, Look::Inside), "hard links too");
    let kept: Vec<Written> = serde_json::from_str(&serde_json::to_string(&written).expect("text")).expect("read");
    assert!(kept == written && target.holds(&kept, Look::Inside));
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let (packed, bytes) = pack(root.path(), &entries, Keep::default(), compression);
        let written = target.unpack(&bytes[..], &packed.media_type).expect("unpacked").written;
        assert!(target.holds(&written, Look::Inside), "{compression}");
    }
    let path = to.path().join("a/b/c");
    let time = path.metadata().expect("there").modified().expect("a time");
    fs::write(&path, [8; 700_000]).expect("written");
    fs::File::options().write(true).open(&path).expect("a file").set_modified(time).expect("set");
    assert!(target.holds(&written, Look::Outside), "it looks the same");
    assert!(!target.holds(&written, Look::Inside));
    let unknown: Vec<_> = written.into_iter().map(|one| Written { content: None, ..one }).collect();
    assert!(!target.holds(&unknown, Look::Inside));
}

/// Packed once more without its digests, it is the same.
#[test]
fn again_is_the_same() {
    let root = sample();
    let entries = scan(root.path());
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let (_, bytes) = pack(root.path(), &entries, Keep::default(), compression);
        let mut again = Vec::new();
        let packer = Packer::open(root.path(), Keep::default()).expect("a folder");
        packer.again(&entries, compression, &mut again).expect("packed");
        assert!(again == bytes, "{compression}");
    }
}

/// The first bytes of a layer outlive what is unpacked into the folder, until it is done.
#[test]
fn what_came_of_a_layer_is_kept() {
    let to = folder();
    let layer = Digest::of(Algorithm::Sha256, b"layer");
    let open = || Target::open(to.path(), Options::default()).expect("a target");
    let kept = |target: &Target| target.partial(&layer, 10).map(|partial| partial.length());
    let target = open();
    let mut partial = target.partial(&layer, 10).expect("kept");
    partial.append(b"abc").expect("written");
    assert_eq!(kept(&target), None, "one at a time");
    drop((partial, target));
    let target = open();
    let mut partial = target.partial(&layer, 10).expect("kept");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut partial.reader().expect("a reader"), &mut bytes).expect("read");
    assert_eq!((partial.length(), &bytes[..]), (3, &b"abc"[..]));
    assert!(scan(to.path()).is_empty(), "it is no part of the folder");
    partial.append(b"def").expect("written");
    partial.clear().expect("emptied");
    partial.append(b"gh").expect("written");
    drop(partial);
    assert_eq!(target.partial(&layer, 1).map(|partial| partial.length()), Some(0), "more than there can be is nothing");
    assert!(target.partial(&layer, u64::MAX / 4).is_none(), "nobody has so much space");
    target.partial(&layer, 10).expect("kept").append(b"x").expect("written");
    target.finish().expect("finished");
    assert_eq!(to.path().read_dir().expect("a folder").count(), 0, "nobody waits for it any more");
}

fn is_part(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with(tree::PART_PREFIX)
}

/// Readers compare what has come with what became of it while they read: what shrinks far at the beginning is refused, whatever
/// follows. Whatever is packed, our own reader takes.
#[test]
fn what_is_packed_is_not_taken_for_a_bomb() {
    let limits = Limits { ratio: 20, free_bytes: 1 << 20, ..Limits::default() };
    let check = |parts: &[&[u8]], expect: bool| {
        let from = folder();
        put(from.path(), "file", &parts.concat());
        let entries = scan(from.path());
        for compression in [Compression::Gzip, Compression::Zstd] {
            let packer = Packer::open(from.path(), Keep::default()).expect("a folder").with_limits(limits);
            let mut bytes = Vec::new();
            let packed = match packer.layer(&entries, compression, &mut bytes) {
                Ok(packed) => packed,
                Err(PackError::Shrunk) => {
                    assert!(!expect, "{compression}: {} bytes", parts.concat().len());
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            assert!(expect, "{compression}: {} of {}", packed.size, packed.tar_bytes);
            let to = folder();
            unpack(to.path(), Options { limits, ..Options::default() }, &packed, &bytes);
        }
    };
    let (zeros, noise) = (vec![0; 4 << 20], noise(1, 4 << 20));
    check(&[&zeros[..1000 << 10]], true);
    check(&[&zeros], false);
    check(&[&zeros, &noise], false);
    check(&[&noise, &zeros], true);
    check(&[&noise[..128 << 10], &zeros, &noise], false);
    check(&[&noise[..512 << 10], &zeros], true);
}
