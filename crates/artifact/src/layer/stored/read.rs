//! Reads the tree of a layer: a few blocks for what is asked.

use std::sync::Arc;

use wharf_model::limits::{SYMLINKS_MAX, VIEW_FAULTS_MAX};

use crate::compression::Compression;
use crate::layer::index::Node;
use crate::layer::stored::code::Bytes;
use crate::layer::stored::{
    BLOCK_BYTES_MAX, END_BYTES, FOOT_BYTES_MAX, FOOT_KEY_BYTES_MAX, MAGIC, Most, Portion, ReadAt, Record, StoredError,
    Summary, VERSION, key,
};
use crate::layer::walk::{Fault, Kind, Reason};

/// How much is read of the end at first, in bytes: the foot is seldom longer.
const FIRST_BYTES: u64 = 16 << 10;
/// How many blocks are kept unpacked, at most. What is asked together stands together.
const KEPT_MAX: usize = 8;

/// What stands at the end of a tree: enough to find the rest. May be kept, and shared.
#[derive(Debug)]
pub struct Foot {
    summary: Summary,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    /// No key of the block before is as large, and none of this is smaller.
    first: Box<[u8]>,
    start: u64,
    packed: usize,
    length: usize,
}

impl Foot {
    /// Reads it from a tree of `size` bytes.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn read<S: ReadAt>(source: &S, size: u64) -> Result<Foot, StoredError> {
        let short = StoredError::Broken("it is too short");
        let start = size.saturating_sub(FIRST_BYTES);
        let last = source.read_at(start, (size - start) as usize)?;
        let (before, end) = last.split_last_chunk::<END_BYTES>().ok_or(short)?;
        let number = |at: usize| end[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if end[12..] != MAGIC || number(8) != VERSION {
            return Err(StoredError::Broken("it is of another version, or none at all"));
        }
        let (packed, length) = (number(0) as usize, number(4) as usize);
        let room = size - END_BYTES as u64;
        if packed as u64 > room || packed > FOOT_BYTES_MAX || length > FOOT_BYTES_MAX {
            return Err(StoredError::Broken("its foot is too large"));
        }
        let blocks_end = room - packed as u64;
        let foot = match before.len().checked_sub(packed) {
            Some(at) => unpacked(&before[at..], length)?,
            None => unpacked(&source.read_at(blocks_end, packed)?, length)?,
        };
        parse(&foot, blocks_end)
    }

    /// What the layer is on the whole.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Bytes of memory that it takes, about.
    pub fn memory(&self) -> usize {
        let keys: usize = self.blocks.iter().map(|block| block.first.len() + size_of::<Block>()).sum();
        keys + self.summary.faults.iter().map(|fault| fault.name.len()).sum::<usize>() + size_of::<Foot>()
    }
}

fn parse(foot: &[u8], blocks_end: u64) -> Result<Foot, StoredError> {
    let mut bytes = Bytes(foot);
    let summary = summary(&mut bytes)?;
    let count: usize = bytes.small()?;
    let (mut blocks, mut first, mut start, mut key_bytes) = (Vec::new(), Vec::new(), 0_u64, 0);
    for _ in 0..count {
        bytes.key(&mut first)?;
        key_bytes += first.len();
        let (packed, length): (usize, usize) = (bytes.small()?, bytes.small()?);
        // What cannot be packed is a little longer then.
        if packed > 2 * BLOCK_BYTES_MAX || length > BLOCK_BYTES_MAX || key_bytes > FOOT_KEY_BYTES_MAX {
            return Err(StoredError::Broken("a block is too large"));
        }
        blocks.push(Block { first: first.as_slice().into(), start, packed, length });
        start += packed as u64;
    }
    let is_whole = start == blocks_end && bytes.is_empty();
    if is_whole { Ok(Foot { summary, blocks }) } else { Err(StoredError::Broken("its blocks do not fill it")) }
}

fn summary(bytes: &mut Bytes<'_>) -> Result<Summary, StoredError> {
    let compression = match bytes.byte()? {
        0 => Compression::Plain,
        1 => Compression::Gzip,
        2 => Compression::Zstd,
        _ => return Err(StoredError::Broken("its compression is not known")),
    };
    let mut numbers = [0; 7];
    for number in &mut numbers {
        *number = bytes.number()?;
    }
    let [members, entries, files, content, overwritten, tar_bytes, nameless] = numbers;
    let fault = Some(bytes.text()?).filter(|text| !text.is_empty()).map(Box::from);
    let count: usize = bytes.small()?;
    if count > VIEW_FAULTS_MAX {
        return Err(StoredError::Broken("it has too many faults"));
    }
    let mut faults = Vec::with_capacity(count);
    for _ in 0..count {
        let name = bytes.text()?.into();
        let reason = match bytes.byte()? {
            0 => Reason::Escapes,
            1 => Reason::TooLong,
            2 => Reason::Empty,
            3 => Reason::Nul,
            _ => return Err(StoredError::Broken("a fault has no reason")),
        };
        faults.push(Fault { name, reason });
    }
    let bytes = content;
    Ok(Summary { compression, members, entries, files, bytes, overwritten, tar_bytes, fault, nameless, faults })
}

/// A zstd frame of so many bytes.
fn unpacked(packed: &[u8], length: usize) -> Result<Vec<u8>, StoredError> {
    let broken = StoredError::Broken("it cannot be unpacked");
    let bytes = zstd::bulk::decompress(packed, length).map_err(|_| StoredError::Broken("it cannot be unpacked"))?;
    if bytes.len() == length { Ok(bytes) } else { Err(broken) }
}

/// See the module.
pub struct Stored<S> {
    source: S,
    foot: Arc<Foot>,
    /// Blocks that were unpacked, by number, the latest last.
    kept: Vec<(usize, Arc<[u8]>)>,
    kept_max: usize,
}

impl<S: ReadAt> Stored<S> {
    /// The tree of `size` bytes in `source`.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn open(source: S, size: u64) -> Result<Stored<S>, StoredError> {
        let foot = Foot::read(&source, size)?;
        Ok(Stored::with(source, Arc::new(foot)))
    }

    /// The same where its foot is known.
    pub fn with(source: S, foot: Arc<Foot>) -> Stored<S> {
        Stored { source, foot, kept: Vec::new(), kept_max: KEPT_MAX }
    }

    /// The same where no more than `blocks` are to be kept unpacked, of 64 KiB at most; one is always.
    #[must_use]
    pub fn keeping(self, blocks: usize) -> Stored<S> {
        Stored { kept_max: blocks.clamp(1, KEPT_MAX), ..self }
    }

    /// What the layer is on the whole.
    pub fn summary(&self) -> &Summary {
        &self.foot.summary
    }

    /// What the layer itself has at `path`.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn at(&mut self, path: &str) -> Result<Record, StoredError> {
        let record = self.raw(path)?;
        self.linked(record)
    }

    /// What the layer itself has in a folder, by name, behind the name `after`.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn within(&mut self, folder: &str, after: Option<&str>, most: Most) -> Result<Portion, StoredError> {
        let start = [folder.as_bytes(), b"\0"].concat();
        let from = [&start, after.unwrap_or_default().as_bytes()].concat();
        let (mut found, mut bytes) = (Portion::default(), 0);
        self.scan(&from, |key, record| {
            let Some(name) = key.strip_prefix(&*start) else { return Ok(false) };
            if key != from {
                let name = str::from_utf8(name).map_err(|_| StoredError::Broken("a name is no text"))?;
                bytes += record.weight(key.len());
                let count = found.entries.len();
                found.is_more = count >= most.entries || count > 0 && bytes > most.bytes;
                if !found.is_more {
                    found.entries.push((name.to_owned(), record));
                }
            }
            Ok(!found.is_more)
        })?;
        // What it is a further name of may take more than its name.
        let mut bytes = 0;
        for at in 0..found.entries.len() {
            let (name, record) = &mut found.entries[at];
            let record = self.linked(std::mem::take(record))?;
            bytes += record.weight(start.len() + name.len());
            if at > 0 && bytes > most.bytes {
                found.entries.truncate(at);
                found.is_more = true;
                break;
            }
            found.entries[at].1 = record;
        }
        Ok(found)
    }

    /// Hands over all that the layer itself has, by path, until `each` says that it is enough. What a hard link leads to is not
    /// looked up.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn each(&mut self, mut each: impl FnMut(&str, Record) -> bool) -> Result<(), StoredError> {
        self.scan(b"", |key, record| {
            let path = super::path(key).ok_or(StoredError::Broken("a path is no text"))?;
            Ok(each(&path, record))
        })
    }

    fn raw(&mut self, path: &str) -> Result<Record, StoredError> {
        let (wanted, mut found) = (key(path), Record::default());
        self.scan(&wanted, |key, record| {
            if key == wanted {
                found = record;
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// Where it is a further name of something in the same layer, what that is.
    fn linked(&mut self, record: Record) -> Result<Record, StoredError> {
        let Some(node) = &record.node else { return Ok(record) };
        let mut at = node.clone();
        for _ in 0..SYMLINKS_MAX {
            let Kind::HardLink(target) = &at.kind else { return Ok(Record { node: Some(at), ..record }) };
            let target = self.raw(target)?.node.filter(|target| !target.is_folder());
            let Some(target) = target else { return Ok(Record { node: Some(at), ..record }) };
            if target.member >= at.member {
                break; // It came in the place of what the link names.
            }
            at = Node { is_linked: true, is_fresh: false, ..target };
        }
        Ok(Record { node: Some(Node { kind: Kind::Unknown, ..at }), ..record })
    }

    /// Hands over what there is from a key on, until `each` says that it is enough.
    fn scan(
        &mut self,
        from: &[u8],
        mut each: impl FnMut(&[u8], Record) -> Result<bool, StoredError>,
    ) -> Result<(), StoredError> {
        let first = self.foot.blocks.partition_point(|block| *block.first <= *from).saturating_sub(1);
        for number in first..self.foot.blocks.len() {
            let block = self.block(number)?;
            let (mut bytes, mut key) = (Bytes(&block), Vec::new());
            while !bytes.is_empty() {
                bytes.key(&mut key)?;
                let record = bytes.record()?;
                if *key >= *from && !each(&key, record)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, number: usize) -> Result<Arc<[u8]>, StoredError> {
        if let Some((_, block)) = self.kept.iter().find(|(kept, _)| *kept == number) {
            return Ok(Arc::clone(block));
        }
        let Block { start, packed, length, .. } = self.foot.blocks[number];
        let block: Arc<[u8]> = unpacked(&self.source.read_at(start, packed)?, length)?.into();
        if self.kept.len() >= self.kept_max {
            self.kept.remove(0);
        }
        self.kept.push((number, Arc::clone(&block)));
        Ok(block)
    }
}
