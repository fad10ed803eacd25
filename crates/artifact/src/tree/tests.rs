//! Folders of all sorts, as they are listed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

fn tree(paths: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (path, content) in paths {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    root
}

fn paths(root: &Path, exclude: &[&str]) -> Vec<String> {
    let exclude = exclude.iter().map(|one| (*one).to_owned()).collect();
    let entries = scan(root, &ScanOptions { exclude, xattrs: true }).expect("a tree");
    entries.iter().map(|one| one.path.to_string()).collect()
}

#[test]
fn the_order_is_that_of_bytes() {
    let root = tree(&[("a/b", ""), ("a-b", ""), ("a.b", ""), ("B", ""), ("\u{e4}", ""), (".git/x", ""), ("a/.x", "")]);
    assert_eq!(paths(root.path(), &[]), [".git", ".git/x", "B", "a", "a-b", "a.b", "a/.x", "a/b", "\u{e4}"]);
}

#[test]
fn links_follow_their_file() {
    let root = tree(&[("b/x", "1"), ("c", "2")]);
    fs::hard_link(root.path().join("b/x"), root.path().join("z")).expect("a link");
    fs::hard_link(root.path().join("b/x"), root.path().join("a")).expect("a link");
    symlink("nowhere", root.path().join("s")).expect("a link");
    let entries = scan(root.path(), &ScanOptions::default()).expect("a tree");
    let found: Vec<_> = entries.iter().map(|one| (&*one.path, one.kind.clone(), one.size)).collect();
    let link = || Kind::HardLink("a".into());
    assert_eq!(
        found,
        [
            ("a", Kind::File, 1),
            ("b/x", link(), 0),
            ("z", link(), 0),
            ("b", Kind::Folder, 0),
            ("c", Kind::File, 1),
            ("s", Kind::Symlink("nowhere".into()), 0),
        ]
    );
}

#[test]
fn what_is_left_out() {
    let files = [("a/x.log", ""), ("a/y", ""), ("b/x.log", ""), ("b/keep.log", ""), ("target/z", ""), ("b/target", "")];
    let check = |ignore: &[(&str, &str)], exclude: &[&str], expect: &[&str]| {
        let root = tree(&[&files, ignore].concat());
        let found = paths(root.path(), exclude);
        let files = found.iter().filter(|one| !one.ends_with(".wharfignore") && !root.path().join(one).is_dir());
        assert_eq!(files.collect::<Vec<_>>(), expect, "{ignore:?} {exclude:?}");
    };
    check(&[], &["*.log"], &["a/y", "b/target", "target/z"]);
    check(&[], &["target/"], &["a/x.log", "a/y", "b/keep.log", "b/target", "b/x.log"]);
    check(&[], &["/a", "target"], &["b/keep.log", "b/x.log"]);
    check(&[(".wharfignore", "# logs\n*.log\n!keep.log\n")], &[], &["a/y", "b/keep.log", "b/target", "target/z"]);
    check(&[("b/.wharfignore", "/*.log")], &[], &["a/x.log", "a/y", "b/target", "target/z"]);
    check(&[(".wharfignore", "*.log"), ("b/.wharfignore", "!x.log")], &["y", "target"], &["b/x.log"]);
    check(&[(".wharfignore", "a\ntarget")], &["!a"], &["a/x.log", "a/y", "b/keep.log", "b/x.log"]);
}

#[test]
fn what_cannot_be_packed_is_refused_or_excluded() {
    let check = |name: &OsStr, make: &dyn Fn(&Path), expect: &str| {
        let root = tree(&[("a", "")]);
        make(&root.path().join(name));
        let error = scan(root.path(), &ScanOptions::default()).expect_err("a refusal").to_string();
        assert!(error.contains(expect), "{error}");
        assert_eq!(paths(root.path(), &["*odd*"]), ["a"]);
    };
    let file = |path: &Path| fs::write(path, "").expect("a file");
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).expect("a socket"));
    let fifo = |path: &Path| {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("a fifo");
    };
    check(OsStr::from_bytes(b"odd\xff"), &file, "not UTF-8");
    check(OsStr::new(".wh.odd"), &file, "deleted");
    check(OsStr::new("odd"), &socket, "socket");
    check(OsStr::new("odd"), &fifo, "fifo");
}

#[test]
fn what_is_unpacked_meanwhile_is_no_part() {
    let root = tree(&[(".wharf-part-1-0/0/0", ""), ("a/.wharf-part-x", "")]);
    assert_eq!(paths(root.path(), &[]), ["a", "a/.wharf-part-x"]);
}
