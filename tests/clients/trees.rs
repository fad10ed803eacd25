//! Folders of files, to be compared by all that every client keeps: names, kinds, contents, targets of links, and whether a
//! file may be run.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use wharf_testkit::fixture::noise;

/// Fills a folder with all that one may hold, and enough for several layers.
pub(crate) fn fill(folder: &Path) {
    for number in 0..24 {
        let below = folder.join(format!("lib/{}", number % 5));
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join(format!("part-{number}.bin")), noise(number, 200_000)).unwrap();
        fs::write(below.join(format!("part-{number}.txt")), format!("{number}\n").repeat(2_000)).unwrap();
    }
    fs::create_dir(folder.join("öä")).unwrap();
    fs::write(folder.join("öä/ü.txt"), "ü").unwrap();
    fs::write(folder.join("nothing"), "").unwrap();
    fs::write(folder.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let long = "n".repeat(120);
    fs::create_dir_all(folder.join("empty")).unwrap();
    fs::create_dir_all(folder.join(&long).join(&long)).unwrap();
    fs::write(folder.join(&long).join(&long).join(&long), "deep").unwrap();
    symlink("../lib", folder.join("öä/lib")).unwrap();
    symlink(format!("/nowhere/{long}"), folder.join("dangling")).unwrap();
    fs::hard_link(folder.join("run.sh"), folder.join("again.sh")).unwrap();
}

/// What is at each path below a folder.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let what = if metadata.is_symlink() {
                [b"to ", fs::read_link(&path).unwrap().to_str().unwrap().as_bytes()].concat()
            } else if metadata.is_dir() {
                folders.push(path);
                b"folder".to_vec()
            } else {
                let mode = if metadata.permissions().mode() & 0o111 == 0 { "- " } else { "x " };
                [mode.as_bytes(), &fs::read(&path).unwrap()].concat()
            };
            found.insert(name, what);
        }
    }
    found
}

/// Fails the test unless both folders hold the same, and says what differs.
#[track_caller]
pub(crate) fn expect_same(one: &Path, other: &Path) {
    let (one, other) = (contents(one), contents(other));
    let differ = |name: &&String| one.get(*name) != other.get(*name);
    let differing: Vec<_> = one.keys().chain(other.keys()).filter(differ).collect();
    assert!(differing.is_empty(), "these differ: {differing:?}");
}
