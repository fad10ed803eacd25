//! The files of a tar, by name, each where it lies.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use tar::{EntryType, Header, PaxExtensions};
use wharf_model::limits::{ARCHIVE_ENTRIES_MAX, ARCHIVE_HEADER_BYTES_MAX};

use crate::layout::files::{Files, Part};

/// A tar is a row of blocks of this size, in bytes.
pub(super) const BLOCK_BYTES: u64 = 512;
/// Most links that are followed from one name.
const LINKS_MAX: usize = 8;

/// The plain files of a tar; a later one of the same name replaces an earlier one.
#[derive(Debug, Default)]
pub(super) struct Tape {
    files: HashMap<String, Part>,
    /// Links to other names, from the top of the tar.
    links: HashMap<String, String>,
}

/// What extended headers say of the entry after them.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

impl Tape {
    /// Reads the headers of a tar.
    pub(super) fn read(file: File) -> io::Result<Tape> {
        let length = file.metadata()?.len();
        let file = Arc::new(file);
        let mut tape = Tape::default();
        let mut ahead = Ahead::default();
        let mut at = 0;
        let mut entries = 0;
        while at + BLOCK_BYTES <= length {
            let mut block = [0; BLOCK_BYTES as usize];
            file.read_exact_at(&mut block, at)?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(tape);
            }
            let header = checked(&block)?;
            let size = match ahead.size {
                Some(size) if !is_extended(header.entry_type()) => size,
                _ => header.entry_size()?,
            };
            let data = Part { file: file.clone(), start: at + BLOCK_BYTES, length: size };
            at = size
                .checked_next_multiple_of(BLOCK_BYTES)
                .and_then(|size| data.start.checked_add(size))
                .unwrap_or(u64::MAX);
            if data.start.saturating_add(size) > length {
                return Err(invalid("the archive is cut short"));
            }
            entries += 1;
            if entries > ARCHIVE_ENTRIES_MAX {
                return Err(invalid(format!("the archive has more than {ARCHIVE_ENTRIES_MAX} entries")));
            }
            if !ahead.take(header.entry_type(), &data)? {
                tape.enter(header, std::mem::take(&mut ahead), data);
            }
        }
        if at == 0 { Err(invalid("not a tar archive: it is empty")) } else { Ok(tape) }
    }

    fn enter(&mut self, header: &Header, ahead: Ahead, data: Part) {
        let name = ahead.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let Some(name) = normal(&[], &name) else { return };
        self.files.remove(&name);
        self.links.remove(&name);
        let link = || ahead.link.or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder).as_bytes().to_vec();
        match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => drop(self.files.insert(name, data)),
            EntryType::Symlink => {
                drop(link().and_then(|to| normal(&folder, &to)).map(|to| self.links.insert(name, to)))
            }
            EntryType::Link => drop(link().and_then(|to| normal(&[], &to)).map(|to| self.links.insert(name, to))),
            _ => {}
        }
    }

    /// Gives bytes a name.
    pub(super) fn insert(&mut self, path: String, part: Part) {
        self.files.insert(path, part);
    }

    /// The bytes of that name.
    pub(super) fn get(&self, path: &str) -> Option<Part> {
        let mut path = path;
        for _ in 0..LINKS_MAX {
            match self.files.get(path) {
                Some(part) => return Some(part.clone()),
                None => path = self.links.get(path)?,
            }
        }
        None
    }
}

impl Ahead {
    /// Takes what an extended header says; `false` where the entry is none.
    fn take(&mut self, entry: EntryType, data: &Part) -> io::Result<bool> {
        if !is_extended(entry) {
            return Ok(false);
        }
        if data.length > ARCHIVE_HEADER_BYTES_MAX {
            return Err(invalid(format!("an extended header has more than {ARCHIVE_HEADER_BYTES_MAX} bytes")));
        }
        let mut bytes = Vec::new();
        data.clone().read_to_end(&mut bytes)?;
        match entry {
            EntryType::GNULongName => self.name = Some(without_nul(bytes)),
            EntryType::GNULongLink => self.link = Some(without_nul(bytes)),
            EntryType::XHeader => self.pax(&bytes)?,
            _ => {}
        }
        Ok(true)
    }

    fn pax(&mut self, bytes: &[u8]) -> io::Result<()> {
        for record in PaxExtensions::new(bytes) {
            let record = record?;
            match record.key_bytes() {
                b"path" => self.name = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                b"size" => {
                    let size = record.value().ok().and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or_else(|| invalid("a PAX record has a wrong size"))?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_extended(entry: EntryType) -> bool {
    entry.is_gnu_longname()
        || entry.is_gnu_longlink()
        || entry.is_pax_local_extensions()
        || entry.is_pax_global_extensions()
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn checked(block: &[u8; BLOCK_BYTES as usize]) -> io::Result<&Header> {
    let header = Header::from_byte_slice(block);
    // The field of the sum itself counts as spaces (POSIX, pax interchange).
    let sum = block[..148].iter().chain(&block[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    match header.cksum() {
        Ok(expected) if expected == sum => Ok(header),
        _ => Err(invalid("not a tar archive: a header's checksum is wrong")),
    }
}

/// A name from the top of the tar, seen from `folder`; `None` where it leads out of it or is no text.
fn normal(folder: &[u8], name: &[u8]) -> Option<String> {
    let (folder, name) = (std::str::from_utf8(folder).ok()?, std::str::from_utf8(name).ok()?);
    let mut parts = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

impl Files for Tape {
    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        Ok(self.get(path).map(|part| part.length))
    }

    fn open(&self, path: &str, from: u64) -> io::Result<Option<Part>> {
        Ok(self.get(path).map(|part| part.skip(from)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn tape(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> io::Result<Tape> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        of(&builder.into_inner().expect("a tar"))
    }

    fn of(bytes: &[u8]) -> io::Result<Tape> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        Tape::read(file)
    }

    fn add(builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &str) {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_bytes()).expect("appended");
    }

    fn link(builder: &mut tar::Builder<Vec<u8>>, kind: EntryType, path: &str, to: &str) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, path, to).expect("appended");
    }

    fn text(tape: &Tape, path: &str) -> Option<String> {
        let mut text = String::new();
        tape.get(path)?.read_to_string(&mut text).expect("text");
        Some(text)
    }

    #[test]
    fn files_and_links_by_name() {
        let long = "x".repeat(300);
        let tape = tape(|builder| {
            add(builder, "a", "first");
            add(builder, "./b/c", "second");
            add(builder, &long, "long");
            add(builder, "a", "third");
            link(builder, EntryType::Symlink, "d/e", "../b/c");
            link(builder, EntryType::Link, "f", "b/c");
            link(builder, EntryType::Symlink, "out", "../../etc/passwd");
            link(builder, EntryType::Symlink, "round", "round");
        })
        .expect("a tape");
        assert_eq!(text(&tape, "a").as_deref(), Some("third"));
        assert_eq!(text(&tape, "b/c").as_deref(), Some("second"));
        assert_eq!(text(&tape, &long).as_deref(), Some("long"));
        assert_eq!(text(&tape, "d/e").as_deref(), Some("second"));
        assert_eq!(text(&tape, "f").as_deref(), Some("second"));
        assert_eq!((text(&tape, "out"), text(&tape, "round"), text(&tape, "no")), (None, None, None));
        assert_eq!(
            text(&Tape { files: [("a".to_owned(), tape.get("a").expect("it").skip(3))].into(), ..tape }, "a")
                .as_deref(),
            Some("rd")
        );
    }

    #[test]
    fn names_and_sizes_of_pax() {
        let tape = tape(|builder| {
            builder.append_pax_extensions([("path", &b"p/q"[..]), ("size", &b"3"[..])]).expect("appended");
            add(builder, "other", "abc");
        });
        assert_eq!(text(&tape.expect("a tape"), "p/q").as_deref(), Some("abc"));
    }

    #[test]
    fn what_is_no_tar_is_refused() {
        let mut whole = tar::Builder::new(Vec::new());
        add(&mut whole, "a", &"b".repeat(2000));
        let whole = whole.into_inner().expect("a tar");
        for bad in [&b""[..], &[b'x'; 600], &whole[..1500]] {
            assert_eq!(of(bad).map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
        }
        let mut huge = Header::new_gnu();
        huge.set_size(u64::MAX);
        huge.set_cksum();
        assert!(of(huge.as_bytes()).is_err());
        huge.set_entry_type(EntryType::GNULongName);
        huge.set_size(ARCHIVE_HEADER_BYTES_MAX + 1);
        huge.set_cksum();
        let mut long = huge.as_bytes().to_vec();
        long.resize(3 << 20, b'x');
        assert!(of(&long).expect_err("too long").to_string().contains("extended header"));
    }
}
