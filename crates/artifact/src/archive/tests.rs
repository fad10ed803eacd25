//! Archives against other readers of them, and any part of them against the whole.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Cursor;

use super::*;

fn entry(path: &str, what: What) -> Entry {
    let mode = if what == What::Folder { 0o755 } else { 0o644 };
    Entry { path: path.into(), what, mode, mtime: 1_800_000_003 }
}

/// Contents that say which file they are of, and what was opened.
struct Made {
    sizes: Vec<u64>,
    opened: Vec<(usize, u64)>,
    content: Cursor<Vec<u8>>,
}

fn content(entry: usize, size: u64) -> Vec<u8> {
    (0..size).map(|at| (at as usize * 7 + entry) as u8).collect()
}

impl Contents for Made {
    fn open(&mut self, entry: usize, from: u64) -> io::Result<&mut dyn Read> {
        self.opened.push((entry, from));
        self.content = Cursor::new(content(entry, self.sizes[entry]));
        self.content.set_position(from);
        Ok(&mut self.content)
    }
}

fn made(archive: &Archive) -> Made {
    let sizes = (0..archive.entries.len()).map(|number| archive.size(number)).collect();
    Made { sizes, opened: Vec::new(), content: Cursor::default() }
}

fn part(archive: &Archive, start: u64, end: u64) -> (Vec<u8>, Vec<(usize, u64)>) {
    let (mut contents, mut out) = (made(archive), Vec::new());
    archive.write(ByteRange { start, end }, &mut contents, &mut out).expect("memory");
    (out, contents.opened)
}

fn whole(archive: &Archive) -> Vec<u8> {
    let (bytes, _) = part(archive, 0, archive.length());
    assert_eq!(bytes.len() as u64, archive.length());
    bytes
}

fn entries() -> Vec<Entry> {
    vec![
        entry("bin", What::Folder),
        entry(&format!("{}/{}", "p".repeat(160), "caf\u{e9}"), What::Folder),
        entry("a\\b:c", What::File(3)),
        entry("empty", What::File(0)),
        entry("bin/tool", What::File(1_537)),
        entry("bin/more/again", What::Again(4)),
        entry("even", What::File(1_024)),
        entry("bin/link", What::Link("../even".into())),
    ]
}

#[test]
fn a_tar_is_read_by_others() {
    let bytes = whole(&Archive::new(Format::Tar, entries()));
    let mut tar = ::tar::Archive::new(&*bytes);
    let mut told = Vec::new();
    for entry in tar.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        let header = entry.header();
        assert_eq!((header.mtime().expect("a time"), header.uid().expect("an owner")), (1_800_000_003, 0));
        let link = entry.link_name().expect("a name").map(|link| link.display().to_string()).unwrap_or_default();
        told.push((entry.path().expect("a path").display().to_string(), content, link));
    }
    assert_eq!(told[1].0, format!("{}/caf\u{e9}/", "p".repeat(160)));
    assert_eq!((&*told[2].0, &told[2].1), ("a\\b:c", &content(2, 3)));
    assert_eq!((&*told[4].0, &told[4].1), ("bin/tool", &content(4, 1_537)));
    assert_eq!((&*told[5].0, &*told[5].2), ("bin/more/again", "bin/tool"));
    assert_eq!((&*told[7].0, &*told[7].2), ("bin/link", "../even"));
    assert_eq!(told.len(), 8);
}

fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Name, where its header is, size, sum and attributes of what the directory of a zip without Zip64 names.
fn directory(zip: &[u8]) -> Vec<(String, usize, u64, u64, u64)> {
    let end = zip.len() - 22;
    assert_eq!(number(zip, end, 4), 0x0605_4b50);
    let (count, mut at) = (number(zip, end + 10, 2), number(zip, end + 16, 4) as usize);
    assert_eq!(at as u64 + number(zip, end + 12, 4), end as u64);
    let mut told = Vec::new();
    for _ in 0..count {
        assert_eq!(number(zip, at, 4), 0x0201_4b50);
        let (name, extra) = (number(zip, at + 28, 2) as usize, number(zip, at + 30, 2) as usize);
        let text = String::from_utf8(zip[at + 46..at + 46 + name].to_vec()).expect("UTF-8");
        let start = number(zip, at + 42, 4) as usize;
        told.push((text, start, number(zip, at + 24, 4), number(zip, at + 16, 4), number(zip, at + 38, 4)));
        at += 46 + name + extra;
    }
    assert_eq!(at, end);
    told
}

#[test]
fn a_zip_is_as_it_should_be() {
    let bytes = whole(&Archive::new(Format::Zip, entries()));
    let told = directory(&bytes);
    let names: Vec<_> = told.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!((names[0], names[2], names[5]), ("bin/", "a%5Cb%3Ac", "bin/more/again"));
    for (number_of, (name, start, size, sum, attributes)) in told.into_iter().enumerate() {
        assert_eq!(number(&bytes, start, 4), 0x0403_4b50, "{name}");
        let (length, extra) = (number(&bytes, start + 26, 2) as usize, number(&bytes, start + 28, 2) as usize);
        assert_eq!(&bytes[start + 30..start + 30 + length], name.as_bytes());
        let body = start + 30 + length + extra;
        let found = &bytes[body..body + size as usize];
        let mut crc = Crc::new();
        crc.update(found);
        assert_eq!(u64::from(crc.sum()), sum, "{name}");
        match attributes >> 28 {
            0o12 => assert!(found == b"../tool" || found == b"../even", "{name}"),
            0o10 => assert_eq!(found, content(number_of, size), "{name}"),
            0o04 => assert_eq!(attributes & 0x10, 0x10, "{name}"),
            other => panic!("{name}: {other:o}"),
        }
        if attributes >> 28 == 0o10 && size > 0 {
            let behind = body + size as usize;
            assert_eq!((number(&bytes, behind, 4), number(&bytes, behind + 4, 4)), (0x0807_4b50, sum));
        }
    }
}

/// Whatever part is asked for is that part of the whole; of a tar nothing else is read.
#[test]
fn parts() {
    for format in [Format::Tar, Format::Zip] {
        let archive = Archive::new(format, entries());
        let bytes = whole(&archive);
        let length = archive.length();
        for start in (0..length).step_by(97).chain([length - 1]) {
            for end in [start + 1, start + 600, length].map(|end| end.min(length)) {
                let fresh = Archive::new(format, entries());
                for archive in [&archive, &fresh] {
                    let (found, _) = part(archive, start, end);
                    assert_eq!(found, bytes[start as usize..end as usize], "{format} {start}..{end}");
                }
            }
        }
        let (_, opened) = part(&archive, length - 1, length);
        assert_eq!(opened, [], "{format}: all is known");
    }
    let tar = Archive::new(Format::Tar, entries());
    let (_, opened) = part(&tar, tar.starts[6] + 512 + 7, tar.length());
    assert_eq!(opened, [(6, 7)]);
    let zip = Archive::new(Format::Zip, entries());
    let (_, opened) = part(&zip, zip.length() - 1, zip.length());
    assert_eq!(opened, [(2, 0), (4, 0), (6, 0)], "sums of what was not read");
    let (_, opened) = part(&zip, zip.starts[7], zip.length());
    assert_eq!(opened, [], "what was read is known");
    let again = Archive::new(Format::Zip, entries()).with(zip.sums.clone());
    let (found, opened) = part(&again, zip.starts[7], zip.length());
    assert_eq!((found, opened), (part(&zip, zip.starts[7], zip.length()).0, vec![]), "to another as well");
    let other = Archive::new(Format::Zip, entries()).with(Arc::new(Sums::new(3)));
    assert_eq!(other.sums.0.len(), 8, "they are of something else");
}

#[test]
fn what_is_large_is_told_elsewhere() {
    let size = 5 << 30;
    let archive = Archive::new(Format::Zip, vec![entry("large", What::File(size)), entry("behind", What::File(1))]);
    archive.sums.0.iter().for_each(|sum| sum.set(7).expect("not known"));
    let start = archive.starts[1];
    let (bytes, opened) = part(&archive, start - 24, archive.length());
    assert_eq!((opened.len(), bytes.len() as u64), (1, archive.length() - start + 24));
    // Behind the content, with sizes of 8 bytes.
    assert_eq!((number(&bytes, 0, 4), number(&bytes, 4, 4), number(&bytes, 8, 8)), (0x0807_4b50, 7, size));
    let locator = bytes.len() - 22 - 20;
    assert_eq!(number(&bytes, locator, 4), 0x0706_4b50);
    let end = (number(&bytes, locator + 8, 8) - (start - 24)) as usize;
    assert_eq!((number(&bytes, end, 4), number(&bytes, end + 24, 8)), (0x0606_4b50, 2));
    let directory = (number(&bytes, end + 48, 8) - (start - 24)) as usize;
    assert_eq!(number(&bytes, directory, 4), 0x0201_4b50);
    assert_eq!(end - directory, number(&bytes, end + 40, 8) as usize);
    // Its line says where the size is, and the other's where that begins.
    let extra = directory + 46 + "large".len();
    assert_eq!((number(&bytes, extra, 2), number(&bytes, extra + 4, 8)), (1, size));
    let tar = Archive::new(Format::Tar, vec![entry("large", What::File(9 << 30))]);
    assert_eq!(tar.length(), 1024 + 512 + (9 << 30) + 1024, "with a pax header");
    let many: Vec<_> = (0..70_000).map(|number| entry(&number.to_string(), What::File(0))).collect();
    let zip = Archive::new(Format::Zip, many);
    assert_eq!(whole(&zip).len() as u64, zip.length());
}

#[test]
fn a_file_that_ends_early_is_an_error() {
    let archive = Archive::new(Format::Tar, vec![entry("x", What::File(10))]);
    let mut contents = Made { sizes: vec![9], ..made(&archive) };
    let range = ByteRange { start: 0, end: archive.length() };
    assert!(archive.write(range, &mut contents, &mut Vec::new()).is_err());
}

#[test]
fn links_stay_inside() {
    let check = |root: &str, at: &str, target: &str, expect: Option<&str>| {
        assert_eq!(inside(root, at, target).as_deref(), expect, "{root:?} {at} {target}");
    };
    check("", "bin/sh", "dash", Some("dash"));
    check("", "bin/sh", "/bin/dash", Some("dash"));
    check("", "usr/bin/sh", "/bin/dash", Some("../../bin/dash"));
    check("", "bin/sh", "../../../etc/passwd", Some("../etc/passwd"));
    check("", "x", "/", Some("."));
    check("", "x", "y/../z", Some("z"));
    check("", "a/x", "y/../../..", Some(".."));
    check("usr", "usr/bin/x", "../lib/y", Some("../lib/y"));
    check("usr", "usr/bin/x", "/usr", Some(".."));
    check("usr", "usr/bin/x", "/etc/passwd", None);
    check("usr", "usr/x", "..", None);
    check("usr", "usr/x", "../usr2/y", None);
    check("", "a/b/x", "c", Some("c"));
}
