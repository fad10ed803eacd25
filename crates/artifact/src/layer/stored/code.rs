//! Entries as bytes, and back. Numbers are LEB128; the bytes of a key that the key before has too are not repeated.

use crate::layer::index::Node;
use crate::layer::stored::{Record, StoredError};
use crate::layer::walk::{Entry, Kind};
use crate::tree::nanoseconds;

const SPARSE: u8 = 1;
const IMPLIED: u8 = 2;
const FRESH: u8 = 4;
const GONE: u8 = 8;
const OPAQUE: u8 = 16;
const LEADS: u8 = 32;

const SECOND: i64 = 1_000_000_000;

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A key, after the key `before`.
pub(super) fn put_key(out: &mut Vec<u8>, before: &[u8], key: &[u8]) {
    let shared = shared(before, key);
    put_number(out, shared as u64);
    put_bytes(out, &key[shared..]);
}

/// How many bytes two keys have in common at their beginning.
pub(super) fn shared(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

pub(super) fn put_record(out: &mut Vec<u8>, record: &Record) {
    let flag = |is, bit| if is { bit } else { 0 };
    let flags = flag(record.is_gone, GONE) | flag(record.is_opaque, OPAQUE) | flag(record.leads, LEADS);
    let Some(node) = &record.node else {
        out.extend_from_slice(&[0, flags]);
        return;
    };
    let kind = match &node.kind {
        Kind::File => 1,
        Kind::Folder => 2,
        Kind::Symlink(_) => 3,
        Kind::HardLink(_) => 4,
        Kind::Character => 5,
        Kind::Block => 6,
        Kind::Fifo => 7,
        Kind::Unknown => 8,
    };
    let own = flag(node.is_sparse, SPARSE) | flag(node.is_implied, IMPLIED) | flag(node.is_fresh, FRESH);
    out.extend_from_slice(&[kind, flags | own]);
    let numbers = [u64::from(node.member), u64::from(node.mode), u64::from(node.uid), u64::from(node.gid)];
    numbers.into_iter().for_each(|number| put_number(out, number));
    let seconds = node.mtime.div_euclid(SECOND);
    put_number(out, ((seconds << 1) ^ (seconds >> 63)) as u64);
    put_number(out, node.mtime.rem_euclid(SECOND) as u64);
    match &node.kind {
        Kind::File => {
            put_number(out, node.size);
            put_number(out, node.offset);
        }
        Kind::Symlink(target) | Kind::HardLink(target) => put_bytes(out, target.as_bytes()),
        _ => (),
    }
}

/// Bytes of which some have been read.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

const SHORT: StoredError = StoredError::Broken("it ends too early");

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoredError> {
        let (first, rest) = self.0.split_first().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoredError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(StoredError::Broken("a number is too large"))
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, StoredError> {
        T::try_from(self.number()?).map_err(|_| StoredError::Broken("a number is too large"))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], StoredError> {
        let length: usize = self.small()?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, StoredError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| StoredError::Broken("a name is no text"))
    }

    /// The key after the one that is in `key`, in its place.
    pub(super) fn key(&mut self, key: &mut Vec<u8>) -> Result<(), StoredError> {
        let shared: usize = self.small()?;
        if shared > key.len() {
            return Err(StoredError::Broken("a key shares more than there is"));
        }
        key.truncate(shared);
        key.extend_from_slice(self.bytes()?);
        Ok(())
    }

    pub(super) fn record(&mut self) -> Result<Record, StoredError> {
        let (kind, flags) = (self.byte()?, self.byte()?);
        let has = |bit| flags & bit != 0;
        let node = if kind == 0 { None } else { Some(self.node(kind, has)?) };
        Ok(Record { node, is_gone: has(GONE), is_opaque: has(OPAQUE), leads: has(LEADS) })
    }

    fn node(&mut self, kind: u8, has: impl Fn(u8) -> bool) -> Result<Node, StoredError> {
        let member = self.small()?;
        let (mode, uid, gid) = (self.small()?, self.small()?, self.small()?);
        let (seconds, rest) = (self.number()?, self.small()?);
        let seconds = (seconds >> 1) as i64 ^ -((seconds & 1) as i64);
        let (mut size, mut offset) = (0, 0);
        let kind = match kind {
            1 => {
                (size, offset) = (self.number()?, self.number()?);
                Kind::File
            }
            2 => Kind::Folder,
            3 => Kind::Symlink(self.text()?.into()),
            4 => Kind::HardLink(self.text()?.into()),
            5 => Kind::Character,
            6 => Kind::Block,
            7 => Kind::Fifo,
            8 => Kind::Unknown,
            _ => return Err(StoredError::Broken("an entry is of no kind")),
        };
        let (path, mtime) = (Box::default(), nanoseconds(seconds, rest));
        let entry = Entry { path, kind, size, mode, uid, gid, mtime, is_sparse: has(SPARSE), offset };
        Ok(Node { is_implied: has(IMPLIED), is_fresh: has(FRESH), ..Node::new(entry, member, None) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn numbers_and_keys_come_back() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            let mut bytes = Bytes(&out);
            assert_eq!((bytes.number().expect("a number"), bytes.is_empty()), (number, true));
            assert!(Bytes(&out[..out.len() - 1]).number().is_err());
        }
        assert!(Bytes(&[0xff; 20]).number().is_err());
        let (mut out, mut before) = (Vec::new(), Vec::new());
        let keys: [&[u8]; 4] = [b"", b"\0usr", b"usr\0bin", b"usr\0lib"];
        for key in keys {
            put_key(&mut out, &before, key);
            before = key.to_vec();
        }
        let (mut bytes, mut found) = (Bytes(&out), Vec::new());
        for key in keys {
            bytes.key(&mut found).expect("a key");
            assert_eq!(found, key);
        }
        assert!(bytes.is_empty());
        assert!(Bytes(&[3, 0]).key(&mut b"ab".to_vec()).is_err());
    }

    #[test]
    fn entries_come_back() {
        let check = |record: Record| {
            let mut out = Vec::new();
            put_record(&mut out, &record);
            assert_eq!(Bytes(&out).record().expect("an entry"), record);
            for cut in 0..out.len() {
                assert!(Bytes(&out[..cut]).record().is_err(), "{cut}");
            }
        };
        check(Record { is_gone: true, ..Record::default() });
        check(Record { node: Some(Node::implied()), is_opaque: true, is_gone: true, leads: true });
        let kinds = [Kind::Folder, Kind::Character, Kind::Block, Kind::Fifo, Kind::Unknown];
        for kind in kinds.into_iter().chain([Kind::Symlink("../x".into()), Kind::HardLink("a/b".into())]) {
            let entry = Entry { uid: u32::MAX, gid: 7, mtime: -1, ..Entry::plain(kind, 0o7777) };
            check(Record { node: Some(Node { is_fresh: true, ..Node::new(entry, 9, None) }), ..Record::default() });
        }
        for mtime in [i64::MIN / SECOND * SECOND, -SECOND - 1, 0, 1_700_000_000_123_456_789, i64::MAX] {
            let entry = Entry { size: u64::MAX, offset: 1 << 40, mtime, ..Entry::plain(Kind::File, 0o644) };
            check(Record { node: Some(Node::new(entry, u32::MAX, None)), ..Record::default() });
        }
    }
}
