//! The members of a tar, one by one: ustar, GNU's long names and the extended headers of POSIX ("pax"). Names come as the
//! bytes that they are: whoever uses one checks it.

use std::io::{ErrorKind, Read};

use tar::{EntryType, Header};
use wharf_model::limits::TAR_EXTENSION_BYTES_MAX;

use crate::layer::{LayerError, too_much};
use crate::tree::{Xattr, nanoseconds};

/// Size of a block, in bytes.
const BLOCK: usize = 512;
/// Where a block with more of the map of a sparse file says that there is another (GNU tar, "sparse_header").
const SPARSE_GOES_ON: usize = 504;

/// What stands before a content.
pub(crate) struct Member {
    /// As it is written.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: MemberKind,
    /// Bytes of content that follow.
    pub(crate) size: u64,
    pub(crate) mode: u32,
    /// In nanoseconds since 1970.
    pub(crate) mtime: i64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) xattrs: Vec<Xattr>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MemberKind {
    File,
    Folder,
    /// With its target as written, which may lead anywhere.
    Symlink(Vec<u8>),
    /// With the path of its target as written.
    HardLink(Vec<u8>),
    /// A file whose holes are left out: what follows is not its content. With its real size, in bytes.
    Sparse(u64),
    Character,
    Block,
    Fifo,
    Unknown,
}

/// Reads the members of `tar`. The content of each is to be read, or skipped, before the next.
pub(crate) struct Members<R> {
    tar: R,
    /// What is left of the content, in bytes.
    left: u64,
    padding: u64,
}

/// What came in headers of their own before a member.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<i64>,
    uid: Option<u64>,
    gid: Option<u64>,
    xattrs: Vec<Xattr>,
    is_sparse: bool,
    /// What a sparse file is called, and how large it is.
    sparse_name: Option<Vec<u8>>,
    sparse_size: Option<u64>,
}

impl<R: Read> Members<R> {
    pub(crate) fn new(tar: R) -> Members<R> {
        Members { tar, left: 0, padding: 0 }
    }

    /// The next member, or `None` at the end: an empty block, or that of the stream between two members.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, LayerError> {
        let (mut extension, mut room) = (Extension::default(), TAR_EXTENSION_BYTES_MAX);
        loop {
            self.skip()?;
            let Some(block) = self.block()? else { return Ok(None) };
            let header = Header::from_byte_slice(&block);
            check_sum(header)?;
            let size = header.entry_size().map_err(|_| LayerError::Malformed("the size of a member is no number"))?;
            match header.entry_type() {
                EntryType::GNULongName => extension.path = Some(self.text(size, &mut room)?),
                EntryType::GNULongLink => extension.target = Some(self.text(size, &mut room)?),
                EntryType::XHeader => extension.read(&self.bytes(size, &mut room)?)?,
                EntryType::XGlobalHeader => drop(self.bytes(size, &mut room)?),
                other => {
                    if other == EntryType::GNUSparse {
                        self.sparse_map(header)?;
                    }
                    let member = member(header, size, extension)?;
                    self.expect(member.size)?;
                    return Ok(Some(member));
                }
            }
        }
    }

    /// Reads of the content of the member; nothing at its end.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, LayerError> {
        let wanted = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            match self.tar.read(&mut bytes[..wanted]) {
                Ok(0) => return Err(LayerError::Malformed("it ends in the middle of a file")),
                Ok(count) => {
                    self.left -= count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads the stream to its end, past that of the tar.
    pub(crate) fn drain(&mut self) -> Result<(), LayerError> {
        self.pass(u64::MAX).map(drop)
    }

    /// What it reads from.
    pub(crate) fn get_ref(&self) -> &R {
        &self.tar
    }

    pub(crate) fn into_inner(self) -> R {
        self.tar
    }

    /// Passes over so many bytes, or all that there are; how many.
    fn pass(&mut self, count: u64) -> Result<u64, LayerError> {
        Ok(std::io::copy(&mut self.tar.by_ref().take(count), &mut std::io::sink())?)
    }

    fn expect(&mut self, size: u64) -> Result<(), LayerError> {
        let rounded = size.checked_next_multiple_of(BLOCK as u64);
        let rounded = rounded.ok_or(LayerError::Malformed("a member is too large to be true"))?;
        (self.left, self.padding) = (size, rounded - size);
        Ok(())
    }

    fn skip(&mut self) -> Result<(), LayerError> {
        let rest = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        if self.pass(rest)? < rest {
            return Err(LayerError::Malformed("it ends in the middle of a file"));
        }
        Ok(())
    }

    /// The next block, unless it says that the tar ends.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        Ok(self.any_block()?.filter(|block| *block != [0; BLOCK]))
    }

    /// The next block, or `None` at the end of the stream.
    fn any_block(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let (mut block, mut filled) = ([0; BLOCK], 0);
        while filled < BLOCK {
            match self.tar.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(LayerError::Malformed("it ends in the middle of a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(block))
    }

    /// Skips what more there is of the map of a sparse file; it stands between header and content.
    fn sparse_map(&mut self, header: &Header) -> Result<(), LayerError> {
        let mut goes_on = header.as_gnu().is_some_and(|header| header.is_extended());
        while goes_on {
            let block = self.any_block()?.ok_or(LayerError::Malformed("it ends in the middle of a header"))?;
            goes_on = block[SPARSE_GOES_ON] == 1;
        }
        Ok(())
    }

    /// The content of a header that goes with the next one. It takes of the `room` that all those before one member have
    /// together, an empty one too.
    fn bytes(&mut self, size: u64, room: &mut u64) -> Result<Vec<u8>, LayerError> {
        let taken = size.saturating_add(BLOCK as u64);
        let left = room.checked_sub(taken);
        *room = left.ok_or_else(|| too_much("bytes in the extended headers of a member", TAR_EXTENSION_BYTES_MAX))?;
        self.expect(size)?;
        let mut bytes = Vec::new();
        self.tar.by_ref().take(size).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size {
            return Err(LayerError::Malformed("it ends in the middle of a header"));
        }
        self.left = 0;
        Ok(bytes)
    }

    /// The same without the NUL that ends it.
    fn text(&mut self, size: u64, room: &mut u64) -> Result<Vec<u8>, LayerError> {
        let mut text = self.bytes(size, room)?;
        text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
        Ok(text)
    }
}

impl Extension {
    /// Reads the records of an extended header (POSIX.1-2001): `length key=value`, a newline.
    fn read(&mut self, mut records: &[u8]) -> Result<(), LayerError> {
        let malformed = || LayerError::Malformed("an extended header is broken");
        while !records.is_empty() {
            let Some((key, value, rest)) = split_record(records) else { return Err(malformed()) };
            let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            match key {
                "path" => self.path = Some(value.to_vec()),
                "linkpath" => self.target = Some(value.to_vec()),
                "size" => self.size = Some(number().ok_or_else(malformed)?),
                "uid" => self.uid = number(),
                "gid" => self.gid = number(),
                "mtime" => self.mtime = std::str::from_utf8(value).ok().and_then(pax_time),
                _ if key.starts_with("GNU.sparse.") => {
                    self.is_sparse = true;
                    match key {
                        "GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
                        "GNU.sparse.size" | "GNU.sparse.realsize" => self.sparse_size = number(),
                        _ => (),
                    }
                }
                _ => {
                    if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                        self.xattrs.push((name.into(), value.into()));
                    }
                }
            }
            records = rest;
        }
        Ok(())
    }
}

fn split_record(records: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let key = std::str::from_utf8(&record[..equals]).ok()?;
    Some((key, &record[equals + 1..], &records[length..]))
}

/// Decimal seconds with a fraction, in nanoseconds.
fn pax_time(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let rest: i64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some(nanoseconds(seconds, if whole.starts_with('-') { -rest } else { rest }))
}

fn check_sum(header: &Header) -> Result<(), LayerError> {
    let bytes = header.as_bytes();
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    let field: u32 = bytes[148..156].iter().map(|byte| u32::from(*byte)).sum();
    let expect = sum - field + 8 * u32::from(b' ');
    match header.cksum() {
        Ok(found) if found == expect => Ok(()),
        _ => Err(LayerError::Malformed("the checksum of a header is wrong")),
    }
}

fn member(header: &Header, size: u64, extension: Extension) -> Result<Member, LayerError> {
    let path = match extension.sparse_name.as_ref().or(extension.path.as_ref()) {
        Some(path) => path.clone(),
        None => header.path_bytes().into_owned(),
    };
    let kind = kind(header, &path, &extension);
    let is_alone = matches!(kind, MemberKind::Folder | MemberKind::Symlink(_) | MemberKind::HardLink(_));
    let number = |found: std::io::Result<u64>| found.unwrap_or(0);
    let seconds = i64::try_from(number(header.mtime())).unwrap_or(i64::MAX);
    let owner = |stated: Option<u64>, field| u32::try_from(stated.unwrap_or_else(|| number(field))).unwrap_or(0);
    Ok(Member {
        path,
        size: if is_alone { 0 } else { extension.size.unwrap_or(size) },
        mode: header.mode().unwrap_or(0o644) & 0o7777,
        mtime: extension.mtime.unwrap_or_else(|| nanoseconds(seconds, 0)),
        uid: owner(extension.uid, header.uid()),
        gid: owner(extension.gid, header.gid()),
        xattrs: extension.xattrs,
        kind,
    })
}

fn kind(header: &Header, path: &[u8], extension: &Extension) -> MemberKind {
    let target = || match &extension.target {
        Some(target) => target.clone(),
        None => header.link_name_bytes().unwrap_or_default().into_owned(),
    };
    match header.entry_type() {
        _ if extension.is_sparse => MemberKind::Sparse(extension.sparse_size.unwrap_or(0)),
        EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => MemberKind::Folder,
        EntryType::Regular | EntryType::Continuous => MemberKind::File,
        EntryType::Directory => MemberKind::Folder,
        EntryType::Symlink => MemberKind::Symlink(target()),
        EntryType::Link => MemberKind::HardLink(target()),
        EntryType::Char => MemberKind::Character,
        EntryType::Block => MemberKind::Block,
        EntryType::Fifo => MemberKind::Fifo,
        EntryType::GNUSparse => {
            let size = header.as_gnu().and_then(|header| header.real_size().ok());
            MemberKind::Sparse(size.unwrap_or(0))
        }
        _ => MemberKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let check = |text: &str, expect| assert_eq!(pax_time(text), expect, "{text}");
        check("1", Some(1_000_000_000));
        check("1.5", Some(1_500_000_000));
        check("1.0000000019", Some(1_000_000_001));
        check("-1.5", Some(-1_500_000_000));
        check("-0.5", Some(-500_000_000));
        check("99999999999999", Some(i64::MAX));
        check("x", None);
        check("1.x", None);
        check("1.+5", None);
    }
}
