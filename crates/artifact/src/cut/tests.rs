//! How trees are cut: bounds, and that a change moves no other cut.

use proptest::prelude::*;

use super::*;
use crate::tree::Entry;

fn entry(path: &str, size: u64, kind: Kind) -> Entry {
    let (path, xattrs) = (path.into(), Vec::new());
    Entry { path, kind, size, mtime: 0, ctime: 0, inode: 0, device: 0, mode: 0o644, uid: 0, gid: 0, xattrs }
}

fn file(path: &str, size: u64) -> Entry {
    entry(path, size, Kind::File)
}

/// The paths of the layers.
fn paths(entries: &[Entry], layers: &[Range<usize>]) -> Vec<Vec<String>> {
    let path = |one: &Entry| format!("{} {}", one.path, one.size);
    layers.iter().map(|range| entries[range.clone()].iter().map(path).collect()).collect()
}

fn check_whole(entries: &[Entry], layers: &[Range<usize>], form: Form) {
    assert!(layers.len() <= form.max, "{} layers", layers.len());
    let mut next = 0;
    for layer in layers {
        assert!(layer.start == next && layer.end > next, "{layers:?}");
        next = layer.end;
        assert!(!matches!(entries[layer.start].kind, Kind::HardLink(_)), "a link is parted from its file");
    }
    assert_eq!(next, entries.len());
}

/// How many layers are in one and not in the other.
fn changed(one: &[Vec<String>], other: &[Vec<String>]) -> usize {
    one.iter().filter(|layer| !other.contains(layer)).count()
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0_u64..5_000, 3 => 0_u64..300_000, 1 => 0_u64..8_000_000]
}

fn trees() -> impl Strategy<Value = Vec<Entry>> {
    let files = proptest::collection::btree_map("[a-d]{1,3}/[a-z0-9]{1,6}", sizes(), 1..400);
    files.prop_map(|files| files.iter().map(|(path, size)| file(path, *size)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_hold_all_and_keep_the_limits(mut entries in trees(), links in proptest::collection::vec(0_usize..400, 0..20)) {
        for link in links {
            let at = link % entries.len();
            entries.insert(at + 1, entry("link", 0, Kind::HardLink("file".into())));
        }
        for form in [Form::ARTIFACT, Form::MOUNTABLE, Form { aim: 3, max: 5 }, Form { aim: 1, max: 1 }] {
            check_whole(&entries, &cut(&entries, form), form);
        }
    }

    /// At the same average: where the whole tree grows past a power of two, half of the cuts go.
    #[test]
    fn one_entry_more_changes_two_layers_at_most(entries in trees(), path in "[a-d]{1,3}/[a-z0-9]{1,6}", size in 0_u64..300_000) {
        prop_assume!(entries.iter().all(|one| *one.path != *path));
        let mut more = entries.clone();
        let at = more.partition_point(|one| *one.path < *path);
        more.insert(at, file(&path, size));
        let average = 64 << 10;
        let before = paths(&entries, &cut_at(&units(&entries), average));
        let after = paths(&more, &cut_at(&units(&more), average));
        let split = |layers: &[Vec<String>]| layers.iter().any(|layer| layer.len() > 1 && weight(layer) > average * 12);
        // A layer near the largest size may be cut into more: its neighbours stay.
        // A large file between two others parts their layer, and is one itself.
        let most = if split(&before) || split(&after) { usize::MAX } else { 3 };
        prop_assert!(changed(&before, &after) <= 2, "{before:?} {after:?}");
        prop_assert!(changed(&after, &before) <= most, "{before:?} {after:?}");
    }

    #[test]
    fn twice_the_average_keeps_cuts_only(mut entries in trees()) {
        entries.iter_mut().for_each(|one| one.size %= 20_000);
        let units = units(&entries);
        let small = |layers: &[Range<usize>]| layers.iter().all(|one| weight_of(&entries[one.clone()]) < 1 << 20);
        let (fine, coarse) = (cut_at(&units, 64 << 10), cut_at(&units, 128 << 10));
        prop_assume!(small(&fine) && small(&coarse));
        let ends: Vec<usize> = fine.iter().map(|layer| layer.end).collect();
        prop_assert!(coarse.iter().all(|layer| ends.contains(&layer.end)));
    }
}

fn weight(layer: &[String]) -> u64 {
    layer.iter().filter_map(|one| one.rsplit_once(' ')?.1.parse::<u64>().ok()).map(|size| size + 1024).sum()
}

fn weight_of(entries: &[Entry]) -> u64 {
    entries.iter().map(|one| 512 + one.size.next_multiple_of(512)).sum()
}

#[test]
fn sizes_tell_how_many_layers() {
    let check = |count: usize, size: u64, expect: Range<usize>| {
        let entries: Vec<Entry> = (0..count).map(|number| file(&format!("d/{number:06}"), size)).collect();
        let layers = cut(&entries, Form::ARTIFACT);
        check_whole(&entries, &layers, Form::ARTIFACT);
        assert!(expect.contains(&layers.len()), "{count} of {size}: {}", layers.len());
    };
    check(0, 0, 0..1);
    check(1, 0, 1..2);
    check(3_000, 100 << 10, 250..340);
    check(100_000, 1_000, 120..180);
    check(1_000_000, 0, 400..560);
    check(20, 5 << 20, 20..21);
    check(2_000, 50 << 20, 350..560);
}

#[test]
fn a_large_file_is_alone() {
    let entries = [file("a", 10), file("b", 100 << 20), file("c", 10)];
    assert_eq!(cut(&entries, Form::ARTIFACT), [0..1, 1..2, 2..3]);
}

/// Where a layer ends is part of what makes the same tree the same digest.
#[test]
fn cuts_are_the_same_for_ever() {
    let entries: Vec<Entry> = (0..3_000_u64).map(|number| file(&format!("d/{number}"), number * 7 % 9_001)).collect();
    let ends: Vec<usize> = cut(&entries, Form::ARTIFACT).into_iter().map(|layer| layer.end).collect();
    let expect = [
        157, 241, 620, 644, 718, 734, 888, 956, 1132, 1198, 1203, 1872, 2011, 2191, 2219, 2229, 2385, 2467, 2492, 2515,
        2789, 2980, 3000,
    ];
    assert_eq!(ends, expect);
    assert_eq!(hash(b"a/b"), 0xf2a5b2f60b006aec);
}
