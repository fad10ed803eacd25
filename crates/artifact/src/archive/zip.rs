//! The parts of a zip (APPNOTE 6.3.10), of which only the checksums hang on what is in the files. They stand behind each content
//! (§4.3.9), and all of them in the directory at the end (§4.3.12).
//!
//! Names are UTF-8. A backslash, a colon and control characters, which mean something else on some system, stand as `%5C` and so
//! on, so that no name is a way out or another's: a `%` before two such digits stands as `%25`.

use std::borrow::Cow;
use std::io;

use flate2::Crc;

use crate::archive::{Archive, Entry, What, Window};

/// Bits of flags: sums and sizes stand behind the content (3); names are UTF-8 (11).
const SIZES_BEHIND: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;
/// What must be understood: folders and stored files (2.0), or Zip64 (4.5).
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// Made on Unix, so that there are modes and links.
const UNIX: u16 = 3 << 8;
/// What stands in a field of 4 bytes that is elsewhere, and of 2.
const ELSEWHERE: u32 = u32::MAX;
const ELSEWHERE_16: u16 = u16::MAX;
/// Types of fields beside: sizes and places of 8 bytes (§4.5.3), and the time (Info-ZIP, "Extended Timestamp").
const EXTRA_64: u16 = 0x0001;
const EXTRA_TIME: u16 = 0x5455;
/// Lengths in bytes of what stands at the end.
const END_64_BYTES: u64 = 56 + 20;
const END_BYTES: u64 = 22;
/// The beginning of 1980, before which nothing is, and the last moment, of 2107.
const FIRST: i64 = 315_532_800;
const LAST: i64 = 4_354_819_198;

/// Puts numbers one behind the other, the least significant byte first.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn two(&mut self, all: impl IntoIterator<Item = u16>) -> &mut Fields {
        all.into_iter().for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
        self
    }

    fn four(&mut self, all: impl IntoIterator<Item = u32>) -> &mut Fields {
        all.into_iter().for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
        self
    }

    fn eight(&mut self, all: impl IntoIterator<Item = u64>) -> &mut Fields {
        all.into_iter().for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
        self
    }
}

/// What the two headers of an entry say alike.
struct Said<'a> {
    name: Cow<'a, str>,
    /// The content, where it is a link.
    target: Option<String>,
    size: u64,
    flags: u16,
    time: [u16; 2],
    stamp: Option<i32>,
}

impl<'a> Said<'a> {
    fn new(all: &[Entry], entry: &'a Entry) -> Said<'a> {
        let mut name = name(&entry.path);
        let target = match &entry.what {
            What::Folder => {
                name.to_mut().push('/');
                None
            }
            What::File(_) => None,
            What::Link(target) => Some(self::name(target).into_owned()),
            What::Again(of) => {
                let to = super::inside("", &entry.path, &format!("/{}", all[*of as usize].path));
                to.map(|to| self::name(&to).into_owned())
            }
        };
        let size = match &entry.what {
            What::File(size) => *size,
            _ => target.as_ref().map_or(0, |target| target.len() as u64),
        };
        let is_behind = target.is_none() && size > 0;
        let flags = if is_behind { UTF8 | SIZES_BEHIND } else { UTF8 };
        let stamp = i32::try_from(entry.mtime).ok().filter(|at| *at >= 0);
        Said { name, target, size, flags, time: dos_time(entry.mtime), stamp }
    }

    fn is_large(&self) -> bool {
        is_large(self.size)
    }

    fn sum_of_target(&self) -> u32 {
        let mut sum = Crc::new();
        sum.update(self.target.as_deref().unwrap_or_default().as_bytes());
        sum.sum()
    }

    fn put_stamp(&self, extra: &mut Fields) {
        if let Some(at) = self.stamp {
            extra.two([EXTRA_TIME, 5]).0.push(1);
            extra.0.extend_from_slice(&at.to_le_bytes());
        }
    }
}

fn is_large(size: u64) -> bool {
    size >= u64::from(ELSEWHERE)
}

/// What stands before the content of an entry; all of it where that is no file.
pub(super) fn head(all: &[Entry], entry: &Entry) -> Vec<u8> {
    let said = Said::new(all, entry);
    let mut extra = Fields::default();
    if said.is_large() {
        extra.two([EXTRA_64, 16]).eight([0, 0]);
    }
    said.put_stamp(&mut extra);
    let is_behind = said.flags & SIZES_BEHIND != 0;
    let sizes = match said.size as u32 {
        _ if said.is_large() => ELSEWHERE,
        _ if is_behind => 0,
        size => size,
    };
    let version = if said.is_large() { VERSION_64 } else { VERSION };
    let mut head = Fields::default();
    head.four([0x0403_4b50]).two([version, said.flags, 0]).two(said.time);
    head.four([if is_behind { 0 } else { said.sum_of_target() }, sizes, sizes]);
    head.two([said.name.len() as u16, extra.0.len() as u16]);
    [&*head.0, said.name.as_bytes(), &extra.0, said.target.as_deref().unwrap_or_default().as_bytes()].concat()
}

/// What stands behind the content of a file.
pub(super) fn descriptor(size: u64, sum: u32) -> Vec<u8> {
    let mut fields = Fields::default();
    fields.four([0x0807_4b50, sum]);
    if is_large(size) {
        fields.eight([size, size]);
    } else {
        fields.four([size as u32; 2]);
    }
    fields.0
}

/// The line of the directory for an entry that begins at `start`.
fn line(all: &[Entry], entry: &Entry, start: u64, sum: u32) -> Vec<u8> {
    let said = Said::new(all, entry);
    let (large, far) = (said.is_large(), is_large(start));
    let mut extra = Fields::default();
    if large || far {
        extra.two([EXTRA_64, if large { 16 } else { 0 } + if far { 8 } else { 0 }]);
        extra.eight([said.size; 2].into_iter().filter(|_| large)).eight(far.then_some(start));
    }
    said.put_stamp(&mut extra);
    let version = if large || far { VERSION_64 } else { VERSION };
    let sum = if said.flags & SIZES_BEHIND != 0 { sum } else { said.sum_of_target() };
    let size = if large { ELSEWHERE } else { said.size as u32 };
    // The type and the permissions as Unix has them; for other systems whether it is a folder.
    let (kind, owner, dos) = match &entry.what {
        What::Folder => (0o040_000, 0o700, 0x10),
        What::File(_) => (0o100_000, 0o600, 0),
        What::Link(_) | What::Again(_) => (0o120_000, 0o777, 0),
    };
    let attributes = (kind | entry.mode & 0o777 | owner) << 16 | dos;
    let mut line = Fields::default();
    line.four([0x0201_4b50]).two([UNIX | VERSION_64, version, said.flags, 0]).two(said.time);
    line.four([sum, size, size]).two([said.name.len() as u16, extra.0.len() as u16, 0, 0, 0]);
    line.four([attributes, if far { ELSEWHERE } else { start as u32 }]);
    [&*line.0, said.name.as_bytes(), &extra.0].concat()
}

/// How long all is that stands behind the last entry.
pub(super) fn end_length(archive: &Archive) -> u64 {
    let length = directory_length(archive);
    length + if needs_64(archive, length) { END_64_BYTES } else { 0 } + END_BYTES
}

fn directory_length(archive: &Archive) -> u64 {
    let lines = archive.entries.iter().zip(&archive.starts);
    lines.map(|(entry, start)| line(&archive.entries, entry, *start, 0).len() as u64).sum()
}

fn needs_64(archive: &Archive, length: u64) -> bool {
    archive.entries.len() >= usize::from(ELSEWHERE_16) || is_large(archive.end()) || is_large(length)
}

/// Writes it.
pub(super) fn write_end(archive: &Archive, out: &mut Window<'_>) -> io::Result<()> {
    for (number, entry) in archive.entries.iter().enumerate() {
        if out.is_full() {
            return Ok(());
        }
        out.put(&line(&archive.entries, entry, archive.starts[number], archive.sum(number)))?;
    }
    let (start, count) = (archive.end(), archive.entries.len() as u64);
    let length = out.at - start;
    let mut end = Fields::default();
    if needs_64(archive, length) {
        let at = out.at;
        end.four([0x0606_4b50]).eight([44]).two([UNIX | VERSION_64, VERSION_64]).four([0, 0]);
        end.eight([count, count, length, start]);
        end.four([0x0706_4b50, 0]).eight([at]).four([1]);
    }
    let count = u16::try_from(count).unwrap_or(ELSEWHERE_16);
    let small = |number: u64| u32::try_from(number).unwrap_or(ELSEWHERE);
    end.four([0x0605_4b50]).two([0, 0, count, count]).four([small(length), small(start)]).two([0]);
    out.put(&end.0)
}

impl Archive {
    /// Where the last entry ends.
    fn end(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }
}

/// A name that means the same everywhere.
fn name(path: &str) -> Cow<'_, str> {
    let means_else = |byte: u8| matches!(byte, b'\\' | b':' | b'%') || byte.is_ascii_control();
    if !path.bytes().any(means_else) {
        return path.into();
    }
    let is_digit = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    let bytes = path.as_bytes();
    let mut name = String::with_capacity(path.len() + 8);
    for (at, character) in path.char_indices() {
        match character {
            '%' if !is_digit(bytes.get(at + 1)) || !is_digit(bytes.get(at + 2)) => name.push('%'),
            '\\' | ':' | '%' => name.push_str(&format!("%{:02X}", character as u32)),
            character if character.is_ascii_control() => name.push_str(&format!("%{:02X}", character as u32)),
            character => name.push(character),
        }
    }
    name.into()
}

/// A moment in UTC as MS-DOS writes it: time and day, to two seconds.
fn dos_time(at: i64) -> [u16; 2] {
    let at = at.clamp(FIRST, LAST);
    let moment = jiff::Timestamp::from_second(at).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let part = |number: i8, bits: u32| (number as u16) << bits;
    let time = part(moment.hour(), 11) + part(moment.minute(), 5) + part(moment.second() / 2, 0);
    let day = ((moment.year() - 1980) as u16) * 512 + part(moment.month(), 5) + part(moment.day(), 0);
    [time, day]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_the_same_everywhere() {
        let check = |path: &str, expect: &str| assert_eq!(name(path), expect);
        check("a/b c", "a/b c");
        check("caf\u{e9}", "caf\u{e9}");
        check("..\\..\\x", "..%5C..%5Cx");
        check("C:/x", "C%3A/x");
        check("a\u{1}\u{7f}", "a%01%7F");
        // What looks like it stands for itself still.
        check("a%5Cb", "a%255Cb");
        check("100%", "100%");
        check("%5\\", "%5%5C");
        check("%zz", "%zz");
    }

    #[test]
    fn times() {
        let check = |at: i64, expect: [u16; 2]| assert_eq!(dos_time(at), expect, "{at}");
        check(0, [0, 0b0000_0000_0010_0001]);
        check(FIRST, [0, 0b0000_0000_0010_0001]);
        // 2027-01-15 08:00:03
        check(1_800_000_003, [8 << 11 | 1, 47 << 9 | 1 << 5 | 15]);
        check(i64::MAX, [23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31]);
    }
}
