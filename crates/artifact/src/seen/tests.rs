//! What is remembered is believed only as long as it may be.

use wharf_model::media::MediaType;

use super::*;
use crate::unpack::WrittenKind;

const SECOND: i64 = 1_000_000_000;

fn entry() -> Entry {
    Entry {
        path: "a/b".into(),
        kind: Kind::File,
        size: 7,
        mtime: 100 * SECOND,
        ctime: 101 * SECOND,
        inode: 5,
        device: 6,
        mode: 0o644,
        uid: 1,
        gid: 2,
        xattrs: Vec::new(),
    }
}

fn folder() -> Entry {
    Entry { kind: Kind::Folder, size: 0, ..entry() }
}

fn print(entries: &[Entry]) -> Fingerprint {
    Fingerprint::of(entries, Keep::default(), "auto")
}

fn packed() -> Packed {
    let digest = Digest::of(Algorithm::Sha256, b"layer");
    let media_type: MediaType = "a/b".parse().expect("a media type");
    Packed { media_type, digest, diff_id: digest, size: 5, tar_bytes: 5 }
}

#[test]
fn what_changes_a_fingerprint() {
    let check = |what: &str, from: Entry, change: fn(&mut Entry), differs: bool| {
        let mut to = from.clone();
        change(&mut to);
        assert_eq!(print(&[from]) != print(&[to]), differs, "{what}");
    };
    check("path", entry(), |one| one.path = "a/c".into(), true);
    check("kind", entry(), |one| one.kind = Kind::HardLink("x".into()), true);
    check("size", entry(), |one| one.size = 8, true);
    check("mtime", entry(), |one| one.mtime += 1, true);
    check("ctime", entry(), |one| one.ctime += 1, true);
    check("inode", entry(), |one| one.inode += 1, true);
    check("device", entry(), |one| one.device += 1, true);
    check("mode", entry(), |one| one.mode = 0o755, true);
    check("xattrs", entry(), |one| one.xattrs.push(("user.a".into(), [1].into())), true);
    check("owner, which is not kept", entry(), |one| one.uid = 9, false);
    check("times of a folder", folder(), |one| (one.mtime, one.ctime) = (1, 1), false);
    check("inode of a folder", folder(), |one| one.inode += 1, false);
    check("mode of a folder", folder(), |one| one.mode = 0o700, true);
}

#[test]
fn what_is_kept_is_looked_at() {
    let keep = Keep { times: true, owners: true, modes: false };
    let print = |one: Entry, keep, method| Fingerprint::of(&[one], keep, method);
    assert_ne!(print(entry(), keep, "auto"), print(Entry { uid: 9, ..entry() }, keep, "auto"));
    assert_ne!(print(folder(), keep, "auto"), print(Entry { mtime: 9, ..folder() }, keep, "auto"));
    assert_ne!(print(entry(), keep, "auto"), print(entry(), Keep::default(), "auto"));
    assert_ne!(print(entry(), keep, "auto"), print(entry(), keep, "gzip"));
    assert_ne!(Fingerprint::of(&[], keep, "auto"), print(entry(), keep, "auto"));
}

#[test]
fn what_was_changed_a_moment_ago_is_not_believed() {
    let check = |mtime: i64, ctime: i64, listed: i64, expect: bool| {
        let one = Entry { mtime: mtime * SECOND, ctime: ctime * SECOND, ..entry() };
        let print = print(std::slice::from_ref(&one));
        let mut pushed = Pushed::default();
        pushed.record(print, &[one], listed * SECOND, packed());
        assert_eq!(pushed.lookup(print).is_some(), expect, "{mtime} {ctime} {listed}");
    };
    check(100, 100, 103, true);
    check(100, 100, 102, false);
    check(100, 102, 103, false);
    check(102, 100, 103, false);
    check(200, 100, 103, false);
    assert!(is_settled(&[Entry { ctime: 103 * SECOND, ..folder() }], 103 * SECOND), "folders have no content");
}

/// What is written.
fn bytes(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory takes all");
    bytes
}

#[test]
fn what_is_not_understood_is_nothing() {
    let mut pushed = Pushed::default();
    pushed.record(print(&[entry()]), &[entry()], 200 * SECOND, packed());
    let bytes = bytes(|out| pushed.write(out));
    assert_eq!(Pushed::read(&bytes), pushed);
    let text = String::from_utf8(bytes.clone()).expect("JSON");
    let other_version = text.replacen("\"version\":1", "\"version\":2", 1);
    let cases: [&[u8]; 6] = [b"", b"{}", b"null", b"[1", &bytes[..bytes.len() / 2], other_version.as_bytes()];
    for case in cases {
        assert_eq!(Pushed::read(case), Pushed::default(), "{}", String::from_utf8_lossy(case));
        assert_eq!(Pulled::read(case), Pulled::default());
    }
}

fn written(path: &str) -> Written {
    Written { path: path.into(), kind: WrittenKind::File, size: 1, mtime: 2, mode: 0o644, content: None }
}

fn paths(written: &[Written]) -> Vec<&str> {
    written.iter().map(|one| &*one.path).collect()
}

#[test]
fn what_was_pulled_is_remembered() {
    let (one, other) = (Digest::of(Algorithm::Sha256, b"1"), Digest::of(Algorithm::Sha256, b"2"));
    let mut before = Pulled::default();
    before.record(one, vec![written("a"), written("a/b"), written("c")]);
    let before = Pulled::read(&bytes(|out| before.write(out)));
    assert_eq!(before.lookup(&one).map(|written| written.len()), Some(3));
    assert_eq!(before.lookup(&other), None);
    let mut after = Pulled::default();
    after.record(other, vec![written("c"), written("d")]);
    assert_eq!(paths(&before.gone(&after)), ["a/b", "a"]);
    // A layer that is one file, under another name too.
    after.record(other, vec![written("e")]);
    after.record(other, vec![Written { size: 7, ..written("d") }]);
    let all = after.lookup(&other).map(|written| written.iter().map(|one| (&*one.path, one.size)).collect::<Vec<_>>());
    assert_eq!(all, Some(vec![("c", 1), ("d", 7), ("e", 1)]));
}

#[test]
fn what_may_be_replaced_is_not_believed() {
    let [old, stays, new] = [b"1", b"2", b"3"].map(|bytes| Digest::of(Algorithm::Sha256, bytes));
    let mut before = Pulled::default();
    before.record(old, vec![written("a"), written("gone")]);
    before.record(stays, vec![written("b")]);
    let mut during = before.narrowed(&[stays, new]);
    assert_eq!(during.lookup(&old), None, "its files are about to be others, of the same size and time");
    assert!(during.lookup(&stays).is_some());
    assert_eq!(paths(&during.gone(&Pulled::default())), ["gone", "b", "a"], "but they are remembered");
    during.record(new, vec![written("a")]);
    let mut after = Pulled::default();
    after.record(stays, vec![written("b")]);
    after.record(new, vec![written("a")]);
    assert_eq!(Pulled::read(&bytes(|out| during.write(out))).gone(&after), [written("gone")], "as it was left");
}
