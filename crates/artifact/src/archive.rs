//! The files of an artifact as one file that anybody can open: a tar, or a zip. Nothing is compressed, so that how long it is, and
//! where in it each byte comes from, is known before any file is read: a part of it can be asked for, and what broke off goes on.
//!
//! The same entries in the same order are the same bytes, on any machine. In what order that is best is for whoever knows where the
//! files come from; folders have to come before what is in them. In it the owner may read and write everything, nothing is setuid,
//! and times are whole seconds. [`inside`] keeps links within.

mod tar;
mod zip;

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use flate2::Crc;
use wharf_model::range::ByteRange;

/// Of what is written here: other bytes for the same entries have another one.
pub const VERSION: u32 = 1;
/// How much of a file is copied at once, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// What sort of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// POSIX.1-2001 (pax), not compressed.
    Tar,
    /// PKWARE's APPNOTE 6.3, its entries stored as they are, with Zip64 where something is too large.
    Zip,
}

impl Format {
    /// How names of such files end, and what it is called in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Tar => "tar",
            Format::Zip => "zip",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Tar => "application/x-tar",
            Format::Zip => "application/zip",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Format, FormatError> {
        [Format::Tar, Format::Zip].into_iter().find(|format| format.as_str() == text).ok_or(FormatError)
    }
}

/// The text is no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an archive is a tar or a zip")]
pub struct FormatError;

/// Something in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Below what the archive holds, with `/` between the names, without one at either end, and without `.` and `..`.
    pub path: Box<str>,
    /// What it is.
    pub what: What,
    /// The permission bits.
    pub mode: u32,
    /// When it changed last, in seconds since 1970.
    pub mtime: i64,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A folder.
    Folder,
    /// A file of so many bytes.
    File(u64),
    /// A symbolic link, as [`inside`] tells it.
    Link(Box<str>),
    /// A further name of the file that stands before it as the entry of this number. In a zip it is a link to it.
    Again(u32),
}

/// Where the content of files comes from.
pub trait Contents {
    /// The content of the file that is the entry of this number, from this byte on. Whoever asks does so in the order of the
    /// entries, and reads no more than the file is to have.
    ///
    /// # Errors
    /// It cannot be had.
    fn open(&mut self, entry: usize, from: u64) -> io::Result<&mut dyn Read>;
}

/// An archive that can be written, whole or in part.
#[derive(Debug)]
pub struct Archive {
    format: Format,
    entries: Vec<Entry>,
    /// Where each entry begins, and last where what comes behind all of them does.
    starts: Vec<u64>,
    length: u64,
    /// None of a tar.
    sums: Arc<Sums>,
}

/// The checksums of files that are known: a zip has them behind each, and all of them at its end. What they are of is for whoever
/// keeps them to know.
#[derive(Debug, Default)]
pub struct Sums(Box<[OnceLock<u32>]>);

impl Sums {
    /// Of so many entries, of which nothing is known.
    pub fn new(entries: usize) -> Sums {
        Sums((0..entries).map(|_| OnceLock::new()).collect())
    }

    /// Bytes of memory that they take.
    pub fn memory(&self) -> usize {
        size_of_val(&*self.0)
    }

    fn get(&self, number: usize) -> Option<&OnceLock<u32>> {
        self.0.get(number)
    }
}

impl Archive {
    /// An archive of these, which are not more than 2^32.
    pub fn new(format: Format, entries: Vec<Entry>) -> Archive {
        let (mut starts, mut at) = (Vec::with_capacity(entries.len() + 1), 0_u64);
        let mut archive = Archive { format, entries, starts: Vec::new(), length: 0, sums: Arc::default() };
        for number in 0..archive.entries.len() {
            starts.push(at);
            at = at
                .saturating_add(archive.head(number).len() as u64 + archive.size(number) + archive.tail_length(number));
        }
        starts.push(at);
        archive.starts = starts;
        archive.length = at.saturating_add(match format {
            Format::Tar => tar::END_BYTES as u64,
            Format::Zip => zip::end_length(&archive),
        });
        if format == Format::Zip {
            archive.sums = Arc::new(Sums::new(archive.entries.len()));
        }
        archive
    }

    /// The same, a zip, with what was read for it before, and is from now on: `sums` are of these very entries.
    #[must_use]
    pub fn with(mut self, sums: Arc<Sums>) -> Archive {
        if self.format == Format::Zip && sums.0.len() == self.entries.len() {
            self.sums = sums;
        }
        self
    }

    /// How long it is, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What sort it is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What is in it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Writes the bytes of `part`. Of a tar only what is in them is read; of a zip, whose end has the checksums of all files, what
    /// comes before, too, unless it was read before ([`Archive::with`]).
    ///
    /// # Errors
    /// What `contents` or `out` say; a file that ends too early.
    pub fn write(&self, part: ByteRange, contents: &mut dyn Contents, out: &mut dyn Write) -> io::Result<()> {
        let mut out = Window { out, at: 0, part };
        let first = match self.format {
            Format::Tar => self.starts.partition_point(|start| *start <= part.start).saturating_sub(1),
            Format::Zip => 0,
        };
        for number in first..self.entries.len() {
            if out.is_full() {
                return Ok(());
            }
            let end = self.starts[number + 1];
            let is_known = self.sums.get(number).is_none_or(|sum| sum.get().is_some());
            if end <= part.start && (is_known || !self.has_content(number)) {
                continue;
            }
            out.at = self.starts[number];
            self.write_entry(number, contents, &mut out)?;
        }
        out.at = self.starts[self.entries.len()];
        match self.format {
            Format::Tar => out.put(&[0; tar::END_BYTES]),
            Format::Zip => zip::write_end(self, &mut out),
        }
    }

    fn write_entry(&self, number: usize, contents: &mut dyn Contents, out: &mut Window<'_>) -> io::Result<()> {
        out.put(&self.head(number))?;
        if !self.has_content(number) || out.is_full() {
            return Ok(());
        }
        let size = self.size(number);
        let needs_sum = self.sums.get(number).is_some_and(|sum| sum.get().is_none());
        let from = if needs_sum { 0 } else { out.part.start.saturating_sub(out.at).min(size) };
        out.at += from;
        if from < size {
            self.copy(number, from, contents, out)?;
        }
        if out.is_full() {
            return Ok(());
        }
        match self.format {
            Format::Tar => out.put(&[0; tar::BLOCK_BYTES][..self.tail_length(number) as usize]),
            Format::Zip => out.put(&zip::descriptor(size, self.sum(number))),
        }
    }

    fn copy(&self, number: usize, from: u64, contents: &mut dyn Contents, out: &mut Window<'_>) -> io::Result<()> {
        let (mut left, mut sum) = (self.size(number) - from, Crc::new());
        let content = contents.open(number, from)?;
        let mut buffer = vec![0; BUFFER_BYTES.min(usize::try_from(left).unwrap_or(BUFFER_BYTES))];
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = match content.read(&mut buffer[..most]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            left -= count as u64;
            if self.format == Format::Zip {
                sum.update(&buffer[..count]);
            }
            out.put(&buffer[..count])?;
            if out.is_full() && left > 0 {
                return Ok(());
            }
        }
        if let Some(known) = self.sums.get(number).filter(|_| from == 0) {
            let _ = known.set(sum.sum());
        }
        Ok(())
    }

    fn head(&self, number: usize) -> Vec<u8> {
        match self.format {
            Format::Tar => tar::head(&self.entries, &self.entries[number]),
            Format::Zip => zip::head(&self.entries, &self.entries[number]),
        }
    }

    /// Bytes of the content of a file.
    fn size(&self, number: usize) -> u64 {
        if let What::File(size) = self.entries[number].what { size } else { 0 }
    }

    fn has_content(&self, number: usize) -> bool {
        self.size(number) > 0
    }

    /// Bytes behind the content of a file.
    fn tail_length(&self, number: usize) -> u64 {
        let size = self.size(number);
        match self.format {
            Format::Tar => size.next_multiple_of(tar::BLOCK_BYTES as u64) - size,
            Format::Zip if size == 0 => 0,
            Format::Zip => zip::descriptor(size, 0).len() as u64,
        }
    }

    /// The checksum of the content of a file, where it was read.
    fn sum(&self, number: usize) -> u32 {
        self.sums.get(number).and_then(|sum| sum.get().copied()).unwrap_or(0)
    }
}

/// Lets through what is in a part of all that is written.
struct Window<'a> {
    out: &'a mut dyn Write,
    at: u64,
    part: ByteRange,
}

impl Window<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let place = |of: u64| usize::try_from(of.saturating_sub(self.at)).unwrap_or(usize::MAX).min(bytes.len());
        let (start, end) = (place(self.part.start), place(self.part.end));
        self.at += bytes.len() as u64;
        if start < end { self.out.write_all(&bytes[start..end]) } else { Ok(()) }
    }

    /// Whether nothing more is in the part.
    fn is_full(&self) -> bool {
        self.at >= self.part.end
    }
}

/// Where a symbolic link leads that is at `at`, told from where it is, without leading further up than to `root`, which is a folder
/// above it; all three from the root of the artifact, which `target` cannot leave. `None` where it leads out of `root`.
pub fn inside(root: &str, at: &str, target: &str) -> Option<String> {
    let names = |path: &'_ str| path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let mut here = names(at);
    here.pop()?;
    let mut way = if target.starts_with('/') { Vec::new() } else { here.clone() };
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(way.pop()),
            name => way.push(name.to_owned()),
        }
    }
    let root = names(root);
    if !way.starts_with(&root) || !here.starts_with(&root) {
        return None;
    }
    let shared = here.iter().zip(&way).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..", here.len() - shared);
    let told = up.chain(way[shared..].iter().map(String::as_str)).collect::<Vec<_>>().join("/");
    Some(if told.is_empty() { ".".to_owned() } else { told })
}

#[cfg(test)]
mod tests;
