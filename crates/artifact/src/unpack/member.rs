//! The members of a tar, one by one: ustar, GNU's long names and the extended headers of POSIX ("pax"). Every name is checked
//! here: what leaves this module stays below the target.

use std::io::Read;

use tar::{EntryType, Header};
use wharf_model::limits::{TAR_EXTENSION_BYTES_MAX, TREE_DEPTH_MAX, TREE_NAME_BYTES_MAX, TREE_PATH_BYTES_MAX};

use crate::tree::{PART_PREFIX, Xattr, nanoseconds};
use crate::unpack::{PathFault, UnpackError, too_much};

/// Size of a block, in bytes.
const BLOCK: usize = 512;

/// What stands before a content.
pub(super) struct Member {
    /// Below the target; empty for the target itself.
    pub(super) path: String,
    pub(super) kind: MemberKind,
    /// Bytes of content that follow.
    pub(super) size: u64,
    pub(super) mode: u32,
    /// In nanoseconds since 1970.
    pub(super) mtime: i64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) xattrs: Vec<Xattr>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum MemberKind {
    File,
    Folder,
    /// With its target as written, which may lead anywhere.
    Symlink(String),
    /// With its target below the folder.
    HardLink(String),
    Special(&'static str),
}

/// Reads the members of `tar`. The content of each is to be read, or skipped, before the next.
pub(super) struct Members<R> {
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
}

impl<R: Read> Members<R> {
    pub(super) fn new(tar: R) -> Members<R> {
        Members { tar, left: 0, padding: 0 }
    }

    /// The next member, or `None` at the end: an empty block, or that of the stream between two members.
    pub(super) fn next(&mut self) -> Result<Option<Member>, UnpackError> {
        let mut extension = Extension::default();
        loop {
            self.skip()?;
            let Some(block) = self.block()? else { return Ok(None) };
            let header = Header::from_byte_slice(&block);
            check_sum(header)?;
            let size = header.entry_size().map_err(|_| UnpackError::Malformed("the size of a member is no number"))?;
            match header.entry_type() {
                EntryType::GNULongName => extension.path = Some(self.text(size)?),
                EntryType::GNULongLink => extension.target = Some(self.text(size)?),
                EntryType::XHeader => extension.read(&self.bytes(size)?)?,
                EntryType::XGlobalHeader => drop(self.bytes(size)?),
                _ => {
                    let member = member(header, size, extension)?;
                    self.expect(member.size)?;
                    return Ok(Some(member));
                }
            }
        }
    }

    /// Reads of the content of the member; nothing at its end.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, UnpackError> {
        let wanted = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            match self.tar.read(&mut bytes[..wanted]) {
                Ok(0) => return Err(UnpackError::Malformed("it ends in the middle of a file")),
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
    pub(super) fn drain(&mut self) -> Result<(), UnpackError> {
        std::io::copy(&mut self.tar, &mut std::io::sink())?;
        Ok(())
    }

    pub(super) fn into_inner(self) -> R {
        self.tar
    }

    fn expect(&mut self, size: u64) -> Result<(), UnpackError> {
        let rounded = size.checked_next_multiple_of(BLOCK as u64);
        let rounded = rounded.ok_or(UnpackError::Malformed("a member is too large to be true"))?;
        (self.left, self.padding) = (size, rounded - size);
        Ok(())
    }

    fn skip(&mut self) -> Result<(), UnpackError> {
        let rest = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        if rest > 0 && std::io::copy(&mut self.tar.by_ref().take(rest), &mut std::io::sink())? < rest {
            return Err(UnpackError::Malformed("it ends in the middle of a file"));
        }
        Ok(())
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, UnpackError> {
        let mut block = Vec::with_capacity(BLOCK);
        self.tar.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(None);
        }
        let block: [u8; BLOCK] =
            block.try_into().map_err(|_| UnpackError::Malformed("it ends in the middle of a header"))?;
        Ok((block != [0; BLOCK]).then_some(block))
    }

    /// The content of a header that goes with the next one.
    fn bytes(&mut self, size: u64) -> Result<Vec<u8>, UnpackError> {
        if size > TAR_EXTENSION_BYTES_MAX {
            return Err(too_much("bytes in an extended header", TAR_EXTENSION_BYTES_MAX));
        }
        self.expect(size)?;
        let mut bytes = Vec::new();
        self.tar.by_ref().take(size).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size {
            return Err(UnpackError::Malformed("it ends in the middle of a header"));
        }
        self.left = 0;
        Ok(bytes)
    }

    /// The same without the NUL that ends it.
    fn text(&mut self, size: u64) -> Result<Vec<u8>, UnpackError> {
        let mut text = self.bytes(size)?;
        text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
        Ok(text)
    }
}

impl Extension {
    /// Reads the records of an extended header (POSIX.1-2001): `length key=value`, a newline.
    fn read(&mut self, mut records: &[u8]) -> Result<(), UnpackError> {
        let malformed = || UnpackError::Malformed("an extended header is broken");
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
                _ if key.starts_with("GNU.sparse.") => self.is_sparse = true,
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

fn check_sum(header: &Header) -> Result<(), UnpackError> {
    let bytes = header.as_bytes();
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    let field: u32 = bytes[148..156].iter().map(|byte| u32::from(*byte)).sum();
    let expect = sum - field + 8 * u32::from(b' ');
    match header.cksum() {
        Ok(found) if found == expect => Ok(()),
        _ => Err(UnpackError::Malformed("the checksum of a header is wrong")),
    }
}

fn member(header: &Header, size: u64, extension: Extension) -> Result<Member, UnpackError> {
    let path = match &extension.path {
        Some(path) => path.clone(),
        None => header.path_bytes().into_owned(),
    };
    let clean = clean(&path)?;
    let kind = kind(header, &path, &extension)?;
    let has_content = matches!(kind, MemberKind::File | MemberKind::Special(_));
    let number = |found: std::io::Result<u64>| found.unwrap_or(0);
    let seconds = i64::try_from(number(header.mtime())).unwrap_or(i64::MAX);
    let owner = |stated: Option<u64>, field| u32::try_from(stated.unwrap_or_else(|| number(field))).unwrap_or(0);
    Ok(Member {
        path: clean,
        size: if has_content { extension.size.unwrap_or(size) } else { 0 },
        mode: header.mode().unwrap_or(0o644) & 0o7777,
        mtime: extension.mtime.unwrap_or_else(|| nanoseconds(seconds, 0)),
        uid: owner(extension.uid, header.uid()),
        gid: owner(extension.gid, header.gid()),
        xattrs: extension.xattrs,
        kind,
    })
}

fn kind(header: &Header, path: &[u8], extension: &Extension) -> Result<MemberKind, UnpackError> {
    if extension.is_sparse {
        return Ok(MemberKind::Special(SPARSE));
    }
    let target = || match &extension.target {
        Some(target) => target.clone(),
        None => header.link_name_bytes().unwrap_or_default().into_owned(),
    };
    Ok(match header.entry_type() {
        EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => MemberKind::Folder,
        EntryType::Regular | EntryType::Continuous => MemberKind::File,
        EntryType::Directory => MemberKind::Folder,
        EntryType::Symlink => MemberKind::Symlink(text(&target())?),
        EntryType::Link => MemberKind::HardLink(clean(&target())?),
        EntryType::Char | EntryType::Block => MemberKind::Special("a device"),
        EntryType::Fifo => MemberKind::Special("a fifo"),
        EntryType::GNUSparse => MemberKind::Special(SPARSE),
        _ => MemberKind::Special("a member of an unknown type"),
    })
}

/// Its content is not the file's: it can be neither written nor left out.
pub(super) const SPARSE: &str = "a sparse file of GNU tar, which is not supported";

fn text(bytes: &[u8]) -> Result<String, UnpackError> {
    let fault = |reason| Err(UnpackError::Path { path: String::from_utf8_lossy(bytes).into_owned(), reason });
    match std::str::from_utf8(bytes) {
        Err(_) => fault(PathFault::NotUtf8),
        Ok("") => fault(PathFault::Empty),
        Ok(text) if text.contains('\0') => fault(PathFault::Nul),
        Ok(text) if text.len() > TREE_PATH_BYTES_MAX => fault(PathFault::TooLong),
        Ok(text) => Ok(text.to_owned()),
    }
}

/// The path below the target that `bytes` mean: without `.`, doubled slashes and the slash of an absolute path, as every tar
/// reads them; `..` is refused.
fn clean(bytes: &[u8]) -> Result<String, UnpackError> {
    let path = text(bytes)?;
    let mut clean = String::with_capacity(path.len());
    let fault = |reason| Err(UnpackError::Path { path: path.clone(), reason });
    for (depth, name) in path.split('/').filter(|name| !matches!(*name, "" | ".")).enumerate() {
        if name == ".." {
            return fault(PathFault::Escapes);
        }
        if name.len() > TREE_NAME_BYTES_MAX || depth > TREE_DEPTH_MAX {
            return fault(PathFault::TooLong);
        }
        if depth == 0 && name.starts_with(PART_PREFIX) {
            return fault(PathFault::Reserved);
        }
        if depth > 0 {
            clean.push('/');
        }
        clean.push_str(name);
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below() {
        let check = |path: &str, expect: Result<&str, PathFault>| {
            let found = clean(path.as_bytes()).map_err(|error| match error {
                UnpackError::Path { reason, .. } => reason,
                other => panic!("{other}"),
            });
            assert_eq!(found, expect.map(str::to_owned), "{path:?}");
        };
        check("a/b", Ok("a/b"));
        check("./a//./b/", Ok("a/b"));
        check("/etc/passwd", Ok("etc/passwd"));
        check("./", Ok(""));
        check("a/..b/...", Ok("a/..b/..."));
        check("..", Err(PathFault::Escapes));
        check("a/../b", Err(PathFault::Escapes));
        check("/../b", Err(PathFault::Escapes));
        check("", Err(PathFault::Empty));
        check("a\0b", Err(PathFault::Nul));
        check(".wharf-part-1/a", Err(PathFault::Reserved));
        check("a/.wharf-part-1", Ok("a/.wharf-part-1"));
        check(&"n".repeat(256), Err(PathFault::TooLong));
        check(&"n/".repeat(256), Ok(&"n/".repeat(256)[..511]));
        check(&"n/".repeat(258), Err(PathFault::TooLong));
    }

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
