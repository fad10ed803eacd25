//! Layers that nobody packed with good intent: nothing leaves the target, and nothing of a layer that is wrong is in place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};
use tempfile::TempDir;
use wharf_artifact::compression::{LAYER_GZIP, LAYER_TAR, LAYER_ZSTD};
use wharf_artifact::layer::LayerError;
use wharf_artifact::unpack::{
    Limits, Look, Options, PathFault, Removed, Target, UnpackError, Unpacked, Written, WrittenKind,
};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::MediaType;
use wharf_testkit::fixture::FailsAtEnd;
use wharf_testkit::fuzz::{BRIEFLY, Feed};

/// A folder with the target in it, and a file beside the target that nobody may touch.
struct Place(TempDir);

const OUTSIDE: &str = "outside";

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        fs::create_dir(place.target()).expect("a folder");
        fs::write(place.0.path().join(OUTSIDE), OUTSIDE).expect("a file");
        place
    }

    fn target(&self) -> PathBuf {
        self.0.path().join("target")
    }

    fn open(&self, options: Options) -> Target {
        Target::open(&self.target(), options).expect("a target")
    }

    fn unpack(&self, tar: &[u8]) -> Result<Unpacked, UnpackError> {
        let target = self.open(Options::default());
        let unpacked = target.unpack(tar, &MediaType::known(LAYER_TAR))?;
        target.finish()?;
        Ok(unpacked)
    }

    /// The names in the target, sorted.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        list(&self.target(), "", &mut names);
        names.sort();
        names
    }

    fn check_outside(&self) {
        let outside = self.0.path().join(OUTSIDE);
        assert_eq!(fs::read_to_string(&outside).expect("the file beside"), OUTSIDE);
        assert_eq!(fs::metadata(&outside).expect("the file beside").nlink(), 1);
        assert_eq!(fs::read_dir(self.0.path()).expect("the folder").count(), 2, "something came beside the target");
    }
}

fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("a type").is_dir() {
            list(&entry.path(), &format!("{name}/"), names);
        }
        names.push(name);
    }
}

/// A tar that is written member by member.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn member(mut self, kind: EntryType, path: &str, target: &str, content: &[u8]) -> Tar {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_mode(0o6755);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, content: &str) -> Tar {
        self.member(EntryType::Regular, path, "", content.as_bytes())
    }

    fn folder(self, path: &str) -> Tar {
        self.member(EntryType::Directory, path, "", b"")
    }

    fn link(self, path: &str, target: &str) -> Tar {
        self.member(EntryType::Symlink, path, target, b"")
    }

    fn hard_link(self, path: &str, target: &str) -> Tar {
        self.member(EntryType::Link, path, target, b"")
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn tar() -> Tar {
    Tar::default()
}

#[test]
fn names_stay_below_the_target() {
    let check = |tar: Tar, expect: &[&str]| {
        let place = Place::new();
        place.unpack(&tar.end()).expect("a layer");
        assert_eq!(place.names(), expect);
        place.check_outside();
    };
    check(tar().file("/abs", "x"), &["abs"]);
    check(tar().file("./a/./b", "x"), &["a", "a/b"]);
    check(tar().link("up", "..").file("up/outside", "x"), &["up", "up/outside"]);
    check(tar().link("up", "../outside").file("up", "x"), &["up"]);
    check(tar().link("d", "..").folder("d").file("d/outside", "x"), &["d", "d/outside"]);
    check(tar().folder("d").link("d", "..").file("d/outside", "x"), &["d", "d/outside"]);
    check(tar().link("a", "b").link("b", "..").file("a/b/outside", "x"), &["a", "a/b", "a/b/outside", "b"]);
}

#[test]
fn what_leads_out_is_refused() {
    let check = |tar: Tar, fault: PathFault| {
        let place = Place::new();
        match place.unpack(&tar.end()) {
            Err(UnpackError::Path { reason, .. }) => assert_eq!(reason, fault),
            other => panic!("{other:?}"),
        }
        assert_eq!(place.names(), [""; 0], "nothing is in place");
        place.check_outside();
    };
    check(tar().file("ok", "x").file("../outside", "x"), PathFault::Escapes);
    check(tar().file("a/../../outside", "x"), PathFault::Escapes);
    check(tar().file("ok", "x").hard_link("a", "../outside"), PathFault::Escapes);
    check(tar().link("../outside", "x"), PathFault::Escapes);
    check(tar().file("", "x"), PathFault::Empty);
    check(tar().file(".", "x"), PathFault::Empty);
    check(tar().file(".wharf-part-1-0/x", "x"), PathFault::Reserved);
    check(tar().file(".wh.a", "x"), PathFault::Whiteout);
}

#[test]
fn hard_links_lead_to_files_of_the_target() {
    let refused = |tar: Tar| {
        let place = Place::new();
        let found = place.unpack(&tar.end());
        assert!(matches!(found, Err(UnpackError::Link { .. })), "{found:?}");
        place.check_outside();
    };
    refused(tar().hard_link("a", "nothing"));
    refused(tar().link("up", "..").hard_link("a", "up/outside"));
    refused(tar().link("up", "../outside").hard_link("a", "up"));
    refused(tar().folder("d").hard_link("a", "d"));
    let place = Place::new();
    place.unpack(&tar().file("a", "x").hard_link("b", "a").hard_link("b", "a").file("a", "y").end()).expect("a layer");
    assert_eq!(fs::read_to_string(place.target().join("b")).expect("a file"), "x", "not written through the link");
    assert_eq!(place.names(), ["a", "b"]);
}

#[test]
fn what_is_in_place_is_replaced_and_not_followed() {
    let place = Place::new();
    symlink("..", place.target().join("folder")).expect("a link");
    symlink("../outside", place.target().join("file")).expect("a link");
    fs::create_dir(place.target().join("empty")).expect("a folder");
    let layer = tar().file("folder/outside", "x").file("file", "x").file("empty", "x").end();
    place.unpack(&layer).expect("a layer");
    assert_eq!(place.names(), ["empty", "file", "folder", "folder/outside"]);
    place.check_outside();
    let mode = fs::metadata(place.target().join("file")).expect("a file").mode();
    assert_eq!(mode & 0o7777, 0o755, "setuid and setgid are dropped");
}

#[test]
fn a_folder_with_others_files_stays() {
    let place = Place::new();
    fs::create_dir(place.target().join("d")).expect("a folder");
    fs::write(place.target().join("d/mine"), "x").expect("a file");
    let found = place.unpack(&tar().file("d", "x").end());
    assert!(matches!(found, Err(UnpackError::Occupied(_))), "{found:?}");
    assert_eq!(place.names(), ["d", "d/mine"]);
}

#[test]
fn of_several_members_the_last_counts() {
    let place = Place::new();
    let layer = tar().file("a", "1").link("a", "x").file("a", "last").end();
    let unpacked = place.unpack(&layer).expect("a layer");
    assert_eq!(unpacked.written.len(), 1);
    assert_eq!(fs::read_to_string(place.target().join("a")).expect("a file"), "last");
}

#[test]
fn devices_are_refused_or_left_out() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::new(b'Z')] {
        let layer = tar().file("a", "x").member(kind, "dev", "", b"").end();
        let place = Place::new();
        let found = place.unpack(&layer);
        assert!(matches!(found, Err(UnpackError::Special { .. })), "{found:?}");
        assert_eq!(place.names(), [""; 0]);
        let target = place.open(Options { skip_special: true, ..Options::default() });
        let unpacked = target.unpack(&*layer, &MediaType::known(LAYER_TAR)).expect("a layer");
        assert_eq!(unpacked.skipped, [Box::from("dev")]);
        drop(target);
        assert_eq!(place.names(), ["a"]);
    }
}

#[test]
fn a_layer_that_turns_out_wrong_leaves_nothing() {
    let place = Place::new();
    let layer = tar().file("a", "x").folder("d").link("d/l", "x").end();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&layer).expect("memory");
    let forms = [
        (LAYER_TAR, layer.clone()),
        (LAYER_GZIP, gzip.finish().expect("memory")),
        (LAYER_ZSTD, zstd::encode_all(&*layer, 1).expect("memory")),
    ];
    for (media_type, bytes) in forms {
        let target = place.open(Options::default());
        let found = target.unpack(FailsAtEnd(&bytes), &MediaType::known(media_type));
        assert!(
            matches!(&found, Err(UnpackError::Layer(LayerError::Read(error))) if error.to_string().contains("digest")),
            "{found:?}"
        );
        for cut in [bytes.len() / 3, bytes.len() - 1].into_iter().filter(|_| media_type != LAYER_TAR) {
            assert!(target.unpack(&bytes[..cut], &MediaType::known(media_type)).is_err(), "{media_type} {cut}");
        }
        drop(target);
        assert_eq!(place.names(), [""; 0], "{media_type}");
    }
    for cut in [100, 512, 513, 1023] {
        assert!(matches!(place.unpack(&layer[..cut]), Err(UnpackError::Layer(LayerError::Malformed(_)))), "{cut}");
    }
    assert_eq!(place.names(), [""; 0]);
}

/// Who says what a plain layer is to be need not look at it himself.
#[test]
fn a_layer_that_is_not_what_it_is_to_be_leaves_nothing() {
    let place = Place::new();
    let layer = tar().file("a", "x").folder("d").link("d/l", "x").end();
    let target = place.open(Options::default());
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, &layer);
        let mut other = [&layer[..], b"what follows the end counts too"].concat();
        assert!(matches!(target.unpack_plain(&other[..], &digest), Err(UnpackError::Wrong { .. })), "{algorithm}");
        other.truncate(layer.len());
        other[512] ^= 1;
        assert!(matches!(target.unpack_plain(&other[..], &digest), Err(UnpackError::Wrong { .. })), "{algorithm}");
        let packed = zstd::encode_all(&*layer, 1).expect("memory");
        let found = target.unpack_plain(&packed[..], &Digest::of(algorithm, &packed));
        assert!(matches!(found, Err(UnpackError::Layer(LayerError::Compression { .. }))), "{found:?}");
        assert!(matches!(target.unpack_plain(FailsAtEnd(&layer), &digest), Err(UnpackError::Layer(_))));
    }
    let written = target.unpack_plain(&layer[..], &Digest::of(Algorithm::Sha512, &layer)).expect("unpacked").written;
    assert!(target.holds(&written, Look::Inside));
    drop(target);
    assert_eq!(place.names(), ["a", "d", "d/l"]);
}

#[test]
fn a_wrong_media_type_is_told() {
    let place = Place::new();
    let zstd = zstd::encode_all(&*tar().file("a", "x").end(), 1).expect("memory");
    let target = place.open(Options::default());
    for media_type in [LAYER_TAR, LAYER_GZIP] {
        let found = target.unpack(&*zstd, &MediaType::known(media_type));
        assert!(matches!(found, Err(UnpackError::Layer(LayerError::Compression { .. }))), "{found:?}");
    }
    target.unpack(&*zstd, &MediaType::known("application/octet-stream")).expect("the content tells");
    let found =
        target.unpack(&b"no tar at all, but long enough for a header".repeat(20)[..], &MediaType::known(LAYER_TAR));
    assert!(matches!(found, Err(UnpackError::Layer(LayerError::Malformed(_)))), "{found:?}");
}

#[test]
fn what_grows_too_much_is_refused() {
    let limits = Limits { entries: 10, bytes: 4 << 20, ratio: 20, free_bytes: 1 << 20, ..Limits::default() };
    let check = |layer: Vec<u8>, what: &str| {
        let place = Place::new();
        let target = place.open(Options { limits, ..Options::default() });
        let bomb = zstd::encode_all(&*layer, 3).expect("memory");
        match target.unpack(&*bomb, &MediaType::known(LAYER_ZSTD)) {
            Err(UnpackError::Layer(error @ LayerError::TooMuch { .. })) => {
                assert!(error.to_string().contains(what), "{error}")
            }
            other => panic!("{what}: {other:?}"),
        }
        drop(target);
        assert_eq!(place.names(), [""; 0]);
    };
    check(tar().file("zeros", &"\0".repeat(2 << 20)).end(), "times its own size");
    check((0..11).fold(tar(), |tar, number| tar.file(&number.to_string(), "")).end(), "10 entries");
    check(tar().member(EntryType::GNULongName, "x", "", &[b'a'; (1 << 20) + 1]).end(), "extended header");
    let names = (0..3).fold(tar(), |tar, _| tar.member(EntryType::GNULongName, "x", "", &[b'a'; 400 << 10]));
    check(names.file("x", "").end(), "extended header");
    let noise: Vec<u8> = (0..3_u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let large = tar().member(EntryType::Regular, "1", "", &noise).member(EntryType::Regular, "2", "", &noise);
    check(large.end(), "");
}

#[test]
fn whiteouts_remove_what_layers_before_put() {
    let place = Place::new();
    fs::create_dir_all(place.target().join("d")).expect("a folder");
    fs::write(place.target().join("d/mine"), "x").expect("a file");
    let target = place.open(Options { whiteouts: true, ..Options::default() });
    let unpack = |tar: Tar| target.unpack(&*tar.end(), &MediaType::known(LAYER_TAR)).expect("a layer");
    unpack(tar().folder("d").file("d/a", "1").file("d/b", "1").file("e/f/g", "1").file("e-h", "1"));
    let second = unpack(tar().file("d/c", "2").file("d/.wh..wh..opq", "").file(".wh.e", "").file(".wh.outside", ""));
    assert_eq!(second.removed, [Box::from("d/b"), "d/a".into(), "e/f/g".into()]);
    target.finish().expect("the folders");
    assert_eq!(place.names(), ["d", "d/c", "d/mine", "e", "e-h", "e/f"]);
}

#[test]
fn what_an_interruption_left_is_removed() {
    let place = Place::new();
    let left = place.target().join(".wharf-part-1-0/0");
    fs::create_dir_all(&left).expect("a folder");
    fs::write(left.join("7"), "x").expect("a file");
    let used = place.open(Options::default());
    let other = place.open(Options::default());
    assert_eq!(place.names().len(), 2, "those in use stay");
    used.unpack(&*tar().file("a", "x").end(), &MediaType::known(LAYER_TAR)).expect("a layer");
    drop((used, other));
    assert_eq!(place.names(), ["a"]);
}

#[test]
fn folders_that_forbid_writing_are_written_into() {
    let place = Place::new();
    let target = place.open(Options::default());
    let unpack = |tar: Tar| target.unpack(&*tar.end(), &MediaType::known(LAYER_TAR)).expect("a layer");
    unpack(tar().folder("d").file("d/a", "1"));
    unpack(tar().file("d/b", "1"));
    let folder = |path: &str| Written { kind: WrittenKind::Folder, size: 0, mtime: 0, ..file(path, 0) };
    let removed = target.remove(&[file("d/a", 1), folder("d")]).expect("a file, and a folder that is not empty");
    assert_eq!(removed, Removed { count: 1, kept: Vec::new() });
    for path in ["../outside", "d/../../outside", ""] {
        assert_eq!(target.remove(&[file(path, 7)]).expect("nothing is done"), Removed::default(), "{path}");
    }
    target.finish().expect("the folders");
    assert_eq!(fs::metadata(place.target().join("d")).expect("a folder").mtime(), 1_000_000_000);
    place.check_outside();
}

/// How a file of [`Tar`] is left.
fn file(path: &str, size: u64) -> Written {
    let (kind, mtime) = (WrittenKind::File, 1_000_000_000 * 1_000_000_000);
    Written { path: path.into(), kind, size, mtime, mode: 0o755, content: None }
}

#[test]
fn what_is_not_as_it_was_left_stays() {
    let place = Place::new();
    let target = place.open(Options::default());
    let layer = tar().file("a", "1").file("b", "1").file("c", "1").file("d", "1").link("e", "a").end();
    let mut left = target.unpack(&*layer, &MediaType::known(LAYER_TAR)).expect("a layer").written;
    fs::write(place.target().join("b"), "2").expect("a file of the same size");
    fs::remove_file(place.target().join("c")).expect("a file");
    fs::remove_file(place.target().join("d")).expect("a file");
    fs::create_dir(place.target().join("d")).expect("a folder");
    fs::remove_file(place.target().join("e")).expect("a link");
    symlink("b", place.target().join("e")).expect("another link");
    left.push(Written { size: 9, ..file("a", 1) });
    left.sort_by(|one, other| other.path.cmp(&one.path));
    let removed = target.remove(&left).expect("removed");
    assert_eq!((removed.count, removed.kept), (1, vec!["e".into(), "d".into(), "b".into()]));
    drop(target);
    assert_eq!(place.names(), ["b", "d", "e"]);
}

#[test]
fn folders_below_are_not_reached_through_links() {
    let place = Place::new();
    let target = place.target();
    fs::create_dir(target.join("a")).expect("a folder");
    symlink("../..", target.join("a/b")).expect("a link");
    let below = Target::open_below(&target, "a/b", Options::default()).expect("a folder in place of the link");
    below.unpack(&*tar().file("x", "x").end(), &MediaType::known(LAYER_TAR)).expect("a layer");
    drop(below);
    assert_eq!(place.names(), ["a", "a/b", "a/b/x"]);
    assert!(Target::open_below(&target, "../other", Options::default()).is_err());
    place.check_outside();
}

/// What a layer deletes is forgotten, but not what it puts there itself; however often it deletes the same.
#[test]
fn what_comes_back_is_known() {
    let place = Place::new();
    let target = place.open(Options { whiteouts: true, ..Options::default() });
    let unpack = |tar: Tar| target.unpack(&*tar.end(), &MediaType::known(LAYER_TAR)).expect("a layer");
    unpack(tar().file("a", "1").file("b", "1").file("d/a", "1").file("d/b/c", "1"));
    let again = tar().file(".wh.a", "").file("a", "2").file(".wh.b", "").file("d/.wh..wh..opq", "").file("d/x", "2");
    let again =
        unpack(again.file("d/.wh..wh..opq", "").file("d/b/.wh..wh..opq", "").file("d/y", "2").file(".wh.none", ""));
    let written: Vec<&str> = again.written.iter().map(|one| &*one.path).collect();
    assert_eq!(written, ["a", "d/x", "d/y"]);
    drop(target);
    assert_eq!(place.names(), ["a", "d", "d/b", "d/x", "d/y"]);
}

/// Whatever the bytes are: it comes to an end, and nothing is outside.
#[test]
fn unpack() {
    let feed = Feed::new(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/__fuzz__/unpack"),
        &[
            "../outside",
            "/",
            "\0",
            "ustar\u{0}00",
            "0000755\0",
            "12 path=../x\n",
            "20 linkpath=../out\n",
            "1",
            "2",
            "5",
            "x",
            "L",
        ],
    );
    let place = Place::new();
    bolero::check!(name = "unpack").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |bytes| {
            let limits = Limits { entries: 100, bytes: 1 << 20, ratio: 10, free_bytes: 1 << 16, ..Limits::default() };
            let target = place.open(Options { limits, whiteouts: true, skip_special: true, ..Options::default() });
            for bytes in [bytes.to_vec(), mended(bytes)] {
                if let Ok(unpacked) = target.unpack(&*bytes, &MediaType::known("a/b")) {
                    assert!(unpacked.written.iter().all(|one| !one.path.split('/').any(|name| name == "..")));
                }
            }
            let _ = target.finish();
            place.check_outside();
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
