//! Killed in the middle, after so many bytes or requests, then repeated: the result is right, and only the rest travels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use wharf_model::digest::{Algorithm, Digest};
use wharf_testkit::faulty::{Faults, Faulty, Hold};
use wharf_testkit::fixture::{Artifact, noise};
use wharf_testkit::http::Client;
use wharf_testkit::server::wait_for;

use super::Desk;

/// Layers that a pull has on their way at the same time.
const AT_ONCE: usize = 6;
/// How many files are packed, and how long each is.
const FILES: u64 = 200;
const FILE_BYTES: usize = 150_000;

fn fill(folder: &Path) {
    fs::create_dir(folder).unwrap();
    (0..FILES).for_each(|seed| fs::write(folder.join(format!("{seed}.bin")), noise(seed, FILE_BYTES)).unwrap());
}

/// Where it is ended, of a transfer of so many bytes and at least three requests: early, late, and anywhere between.
fn ends(total: u64) -> Vec<Hold> {
    let mut state = 11_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % total
    };
    let anywhere = std::iter::repeat_with(&mut random).take(5).map(|bytes| Hold::Bytes(1 + bytes));
    [Hold::Requests(1), Hold::Requests(2), Hold::Requests(3), Hold::Bytes(1), Hold::Bytes(total)]
        .into_iter()
        .chain(anywhere)
        .collect()
}

/// Runs a command until the registry has seen so much of it, does what is to be done `before`, and kills it there.
fn kill(desk: &Desk, line: &str, registry: &Faulty, hold: Hold, before: impl FnOnce()) {
    registry.moved();
    registry.hold(hold);
    let mut command = desk.command(line);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    registry.until_held();
    before();
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    registry.forget_connections();
    registry.moved();
}

fn held(registry: &Faulty) -> u64 {
    registry.state().blobs.values().map(|bytes| bytes.len() as u64).sum()
}

#[test]
fn pushes() {
    let desk = Desk::new();
    let from = desk.home.path().join("from");
    fill(&from);
    let whole = Faulty::start(Faults::default());
    let line = |registry: &Faulty| format!("push {} {}/acme/data:1 -q", from.display(), registry.address);
    let digest = desk.ok(&line(&whole));
    let total = whole.moved().0;
    assert!(total == held(&whole) && total > FILES * FILE_BYTES as u64);
    for hold in ends(total) {
        let registry = Faulty::start(Faults::default());
        kill(&desk, &line(&registry), &registry, hold, || ());
        assert!(registry.tags().is_empty(), "{hold:?}: what is not whole has no tag");
        let left = total - held(&registry);
        assert_eq!(desk.ok(&line(&registry)), digest);
        assert_eq!(registry.moved().0, left, "{hold:?}: only the rest");
        assert!(registry.state().blobs == whole.state().blobs && registry.state().manifests == whole.state().manifests);
    }
}

#[test]
fn copies() {
    let desk = Desk::new();
    let (source, whole) = (Faulty::start(Faults::default()), Faulty::start(Faults::default()));
    let client = Client { address: source.address, authorization: None };
    let layers: Vec<Vec<u8>> = (0..12).map(|seed| noise(seed, 400_000)).collect();
    Artifact::image(b"{}", &layers).push(&client, "acme/app", "1");
    let line = |registry: &Faulty| format!("copy {}/acme/app:1 {}/acme/app:1 -q", source.address, registry.address);
    let digest = desk.ok(&line(&whole));
    let total = whole.moved().0;
    for hold in ends(total) {
        let registry = Faulty::start(Faults::default());
        kill(&desk, &line(&registry), &registry, hold, || ());
        assert!(registry.tags().is_empty(), "{hold:?}: what is not whole has no tag");
        let left = total - held(&registry);
        source.forget_connections();
        source.moved();
        assert_eq!(desk.ok(&line(&registry)), digest);
        assert_eq!((registry.moved().0, source.moved().1), (left, left), "{hold:?}: only the rest");
        assert!(registry.state().blobs == whole.state().blobs && registry.state().manifests == whole.state().manifests);
    }
}

/// What pulls into a folder have noted: the digests of the layers that are in place.
fn noted(desk: &Desk, to: &Path) -> BTreeSet<String> {
    let name = Digest::of(Algorithm::Sha256, to.as_os_str().as_encoded_bytes()).hex();
    let bytes = fs::read(desk.home.path().join(".cache/wharf/pulled").join(name)).unwrap_or_default();
    let kept: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    kept["seen"]["layers"].as_object().into_iter().flat_map(|layers| layers.keys().cloned()).collect()
}

/// The layers of what is there under a tag, with their sizes.
fn layers(registry: &Faulty, tag: &str) -> BTreeMap<String, u64> {
    let manifest: Value = serde_json::from_slice(&registry.state().manifests[tag].1).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    layers.map(|layer| (layer["digest"].as_str().unwrap().to_owned(), layer["size"].as_u64().unwrap())).collect()
}

#[test]
fn pulls() {
    let desk = Desk::new();
    let (from, source) = (desk.home.path().join("from"), Faulty::start(Faults::default()));
    fill(&from);
    let name = format!("{}/acme/data:1", source.address);
    let digest = desk.ok(&format!("push {} {name} -q", from.display()));
    let layers = layers(&source, "1");
    source.moved();
    desk.ok(&format!("pull {name} {}/whole -q", desk.home.path().display()));
    let total = source.moved().1;
    assert_eq!(total, layers.values().sum::<u64>(), "nothing but layers has been fetched");
    // So much may be on its way without a single layer being complete.
    let mut sizes: Vec<u64> = layers.values().copied().collect();
    sizes.sort_unstable();
    let on_its_way: u64 = sizes.iter().rev().take(AT_ONCE).sum();
    assert!(on_its_way < total / 4 * 3, "{sizes:?}");
    let right = |to: &Path| {
        let all: Vec<_> = fs::read_dir(to).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        let files = all.iter().filter(|path| path.is_file());
        files.filter(|path| fs::read(path).unwrap() == fs::read(from.join(path.file_name().unwrap())).unwrap()).count()
    };
    let visible = |to: &Path| {
        let names = fs::read_dir(to).into_iter().flatten();
        names.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "bin")).count()
    };
    let (mut in_the_middle, home) = (0, desk.home.path().canonicalize().unwrap());
    for (at, hold) in ends(total).into_iter().chain([Hold::Bytes(total / 4 * 3)]).enumerate() {
        let to = home.join(format!("to-{at}"));
        let line = format!("pull {name} {} -q", to.display());
        kill(&desk, &line, &source, hold, || {
            if matches!(hold, Hold::Bytes(bytes) if bytes > on_its_way) {
                wait_for("a layer is in place, and that is noted", || (!noted(&desk, &to).is_empty()).then_some(()));
            }
        });
        assert_eq!(right(&to), visible(&to), "{hold:?}: what has its name is whole");
        let there = noted(&desk, &to);
        let left: u64 = layers.iter().filter(|(layer, _)| !there.contains(*layer)).map(|(_, size)| size).sum();
        in_the_middle += usize::from(left > 0 && left < total);
        assert_eq!(desk.ok(&line), digest);
        assert_eq!(source.moved().1, left, "{hold:?}: only the rest, {} of {} layers", there.len(), layers.len());
        assert_eq!(right(&to), FILES as usize, "{hold:?}");
        assert_eq!(visible(&to), fs::read_dir(&to).unwrap().count(), "{hold:?}: nothing else is left");
        assert_eq!(desk.ok(&line), digest);
        assert_eq!(source.moved().1, 0, "{hold:?}: all is there");
    }
    assert!(in_the_middle >= 2, "killed in the middle: {in_the_middle}");
}
