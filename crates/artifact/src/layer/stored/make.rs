//! Makes the tree of a layer, of one pass over it, in bounded memory.
//!
//! What members do is sorted by what they do it to, then put together path by path: of several members with one path the last
//! counts; what is no folder takes away what was below it before, and gives way to what comes below it later. As what is above
//! something comes before it, only the few paths that were both need to be remembered.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use wharf_model::limits::{TREE_BYTES_MAX, TREE_CLASH_BYTES_MAX, VIEW_FAULTS_MAX};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use crate::compression::Compression;
use crate::layer::index::{Node, ancestors};
use crate::layer::stored::code::{Bytes, put_bytes, put_key, put_number, put_record, shared};
use crate::layer::stored::sort::{RUN_BYTES, Sorter, numbered};
use crate::layer::stored::{
    BLOCK_BYTES, END_BYTES, FOOT_BYTES_MAX, FOOT_KEY_BYTES_MAX, MAGIC, Record, StoredError, Summary, VERSION, key, path,
};
use crate::layer::walk::{Kind, Met, Reason, Walk};
use crate::layer::watched::{Watched, failure};
use crate::layer::{LayerError, Limits, too_much};

/// How hard blocks are packed: what is made once is read often.
const LEVEL: i32 = 3;
/// What a clash takes of memory beside its path, in bytes.
const CLASH_BYTES: usize = 64;

/// What a member does to a path: an entry follows.
const PUTS: u8 = 0;
/// It needs a folder there; the number of the member follows.
const NEEDS: u8 = 1;
/// It deletes what layers below have there.
const DELETES: u8 = 2;
/// It deletes what layers below have in this folder.
const EMPTIES: u8 = 3;
/// It deletes something further down.
const LEADS: u8 = 4;

/// Why no tree was made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The layer cannot be read; it says nothing of what it is.
    #[error("cannot read the layer: {0}")]
    Read(#[source] io::Error),
    /// The tree cannot be written.
    #[error("cannot write the tree of a layer: {0}")]
    Write(#[source] io::Error),
    /// What was kept in memory is not what it was.
    #[error(transparent)]
    Kept(StoredError),
}

/// Reads the layer in `stream` to its end, and writes its tree to `out`. Takes some 40 MiB of memory at most, and what the
/// window of a zstd frame takes.
///
/// What is wrong with the layer is no error: the tree then has what comes before, and [`Summary::fault`] says why not all.
///
/// # Errors
/// [`MakeError`]. What was written until then is no tree.
pub fn tree(stream: impl Read, limits: Limits, out: impl Write) -> Result<Summary, MakeError> {
    tree_in_runs(RUN_BYTES, stream, limits, out)
}

fn tree_in_runs(run_bytes: usize, stream: impl Read, limits: Limits, out: impl Write) -> Result<Summary, MakeError> {
    let (stream, failed) = Watched::new(stream);
    let mut gathered = Gathered::new(run_bytes);
    let read = gathered.walk(stream, limits);
    if let Some(error) = failure(&failed) {
        return Err(MakeError::Read(error));
    }
    let Gathered { sorter, mut summary, .. } = gathered;
    summary.fault = read.err().map(|error| error.to_string().into());
    let mut sorted = sorter.sorted().map_err(MakeError::Write)?;
    let mut blocks = Blocks::new(out).map_err(MakeError::Write)?;
    let (mut clashes, mut path) = (Clashes::default(), Path::default());
    while let Some((key, deed)) = sorted.next().map_err(MakeError::Write)? {
        if key != path.key || !path.is_begun {
            path.end(&mut clashes, &mut blocks, &mut summary)?;
            if blocks.is_full || clashes.bytes > TREE_CLASH_BYTES_MAX {
                summary.fault.get_or_insert_with(|| "its tree is too large to be kept whole".into());
                path = Path::default();
                break;
            }
            path = Path::begin(key, &clashes).map_err(MakeError::Kept)?;
        }
        path.take(&deed, &mut summary).map_err(MakeError::Kept)?;
    }
    path.end(&mut clashes, &mut blocks, &mut summary)?;
    blocks.finish(&summary).map_err(MakeError::Write)?;
    Ok(summary)
}

/// Writes to `out` the tree of a layer that cannot be read, and why, in words for people: there is nothing in it.
///
/// # Errors
/// [`MakeError::Write`].
pub fn nothing(fault: &str, out: impl Write) -> Result<(), MakeError> {
    let Gathered { mut summary, .. } = Gathered::new(0);
    summary.fault = Some(fault.into());
    Blocks::new(out).and_then(|blocks| blocks.finish(&summary)).map_err(MakeError::Write)
}

/// What is known of a layer while it is read.
struct Gathered {
    sorter: Sorter,
    summary: Summary,
    /// Something that is known to be a folder, as all above it are.
    folder: String,
    /// A folder that is known to lead to something that is deleted, as all above it are.
    way: String,
    body: Vec<u8>,
}

impl Gathered {
    fn new(run_bytes: usize) -> Gathered {
        let summary = Summary {
            compression: Compression::Plain,
            members: 0,
            entries: 0,
            files: 0,
            bytes: 0,
            overwritten: 0,
            tar_bytes: 0,
            fault: None,
            nameless: 0,
            faults: Vec::new(),
        };
        Gathered {
            sorter: Sorter::new(run_bytes),
            summary,
            folder: String::new(),
            way: String::new(),
            body: Vec::new(),
        }
    }

    fn walk(&mut self, stream: impl Read, limits: Limits) -> Result<(), LayerError> {
        let mut walk = Walk::open(stream, limits)?;
        self.summary.compression = walk.compression();
        let read = self.walk_members(&mut walk).and_then(|()| walk.drain());
        // How far it was read is known where it breaks off, too.
        self.summary.tar_bytes = walk.position();
        read
    }

    fn walk_members(&mut self, walk: &mut Walk<impl Read>) -> Result<(), LayerError> {
        while let Some(met) = walk.step()? {
            let number = self.summary.members;
            self.summary.members += 1;
            self.take(met, number)?;
        }
        Ok(())
    }

    fn take(&mut self, met: Met, number: u64) -> Result<(), LayerError> {
        let entry = match met {
            Met::Entry(entry) => entry,
            Met::Whiteout(path) => return self.delete(&path, DELETES),
            Met::Opaque(path) => return self.delete(&path, EMPTIES),
            Met::Fault(fault) => {
                if self.summary.faults.len() < VIEW_FAULTS_MAX {
                    self.summary.faults.push(fault);
                }
                self.summary.nameless += 1;
                return Ok(());
            }
        };
        let path = entry.path.clone();
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        self.need(above, number)?;
        let member = u32::try_from(number).map_err(|_| too_much("members", u64::from(u32::MAX)))?;
        let node = Node::new(entry, member, None);
        self.folder.clear();
        self.folder.push_str(if node.is_folder() { &path } else { above });
        self.summary.files += u64::from(node.kind == Kind::File);
        self.summary.bytes = self.summary.bytes.saturating_add(node.size);
        self.body.clear();
        self.body.push(PUTS);
        put_record(&mut self.body, &Record { node: Some(node), ..Record::default() });
        self.sorter.push(&key(&path), &self.body)
    }

    /// Something that layers below have at `path`, or in it, is gone.
    fn delete(&mut self, path: &str, deed: u8) -> Result<(), LayerError> {
        let unknown: Vec<&str> = ancestors(path).filter(|folder| !is_above(folder, &self.way)).collect();
        unknown.into_iter().try_for_each(|folder| self.sorter.push(&key(folder), &[LEADS]))?;
        self.way.clear();
        self.way.push_str(path.rsplit_once('/').map_or("", |(above, _)| above));
        self.sorter.push(&key(path), &[deed])
    }

    /// There is to be a folder at `path`, and at all above it.
    fn need(&mut self, path: &str, number: u64) -> Result<(), LayerError> {
        let unknown: Vec<&str> =
            ancestors(path).chain([path]).filter(|folder| !is_above(folder, &self.folder)).collect();
        let deed = if unknown.is_empty() { Vec::new() } else { numbered(NEEDS, number) };
        unknown.into_iter().try_for_each(|folder| self.sorter.push(&key(folder), &deed))
    }
}

/// Whether `folder` is `path`, or above it.
fn is_above(folder: &str, path: &str) -> bool {
    let rest = path.strip_prefix(folder);
    folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Paths that are no folder at one time and one at another: up to which member what is below them is gone.
#[derive(Default)]
struct Clashes {
    until: BTreeMap<String, u64>,
    bytes: usize,
}

/// What is at a path in the end, as far as is known what was done to it.
#[derive(Default)]
struct Path {
    is_begun: bool,
    key: Vec<u8>,
    /// What comes before this member is gone, as something above was no folder then.
    gone_until: Option<u64>,
    record: Record,
    /// The last member that puts something there that is no folder.
    last_other: Option<u64>,
    is_folder_once: bool,
}

impl Path {
    fn begin(key: Vec<u8>, clashes: &Clashes) -> Result<Path, StoredError> {
        let mut gone_until = None;
        if !clashes.until.is_empty() {
            let path = path(&key).ok_or(StoredError::Broken("a key is no path"))?;
            gone_until = ancestors(&path).filter_map(|above| clashes.until.get(above)).max().copied();
        }
        Ok(Path { is_begun: true, key, gone_until, ..Path::default() })
    }

    fn take(&mut self, deed: &[u8], summary: &mut Summary) -> Result<(), StoredError> {
        let mut bytes = Bytes(deed);
        let (number, node) = match bytes.byte()? {
            DELETES => {
                self.record.is_gone = true;
                return Ok(());
            }
            EMPTIES => {
                self.record.is_opaque = true;
                return Ok(());
            }
            LEADS => {
                self.record.leads = true;
                return Ok(());
            }
            NEEDS => (bytes.number()?, Node::implied()),
            _ => match bytes.record()?.node {
                Some(node) => (u64::from(node.member), node),
                None => return Ok(()),
            },
        };
        if node.is_folder() {
            self.is_folder_once = true;
        } else {
            self.last_other = Some(number);
        }
        if self.gone_until.is_some_and(|gone| number < gone) {
            summary.overwritten = summary.overwritten.saturating_add(node.size);
        } else {
            put(node, &mut self.record.node, summary);
        }
        Ok(())
    }

    /// There is no more to it.
    fn end<W: Write>(
        &mut self,
        clashes: &mut Clashes,
        blocks: &mut Blocks<W>,
        summary: &mut Summary,
    ) -> Result<(), MakeError> {
        if let Some(number) = self.last_other.filter(|_| self.is_folder_once) {
            let path = path(&self.key).ok_or(MakeError::Kept(StoredError::Broken("a key is no path")))?;
            clashes.bytes += path.len() + CLASH_BYTES;
            clashes.until.insert(path, number);
        }
        summary.entries += u64::from(self.record.node.is_some());
        let is_something = self.record != Record::default();
        if is_something { blocks.put(&self.key, &self.record).map_err(MakeError::Write) } else { Ok(()) }
    }
}

/// Puts it in the place of what is there.
fn put(mut node: Node, place: &mut Option<Node>, summary: &mut Summary) {
    if let Some(found) = place {
        if node.is_folder() {
            if node.is_implied && found.is_folder() {
                return;
            }
            node.is_fresh = !found.is_folder() || found.is_fresh;
        }
        summary.overwritten = summary.overwritten.saturating_add(found.size);
    }
    *place = Some(node);
}

/// Writes the entries, in their order, in blocks.
struct Blocks<W> {
    out: W,
    packer: Compressor<'static>,
    written: u64,
    block: Vec<u8>,
    /// What is told of the blocks so far.
    foot: Vec<u8>,
    count: u64,
    key_bytes: usize,
    /// The first key of this block, shortened, and of the one before.
    first: Vec<u8>,
    first_before: Vec<u8>,
    last: Vec<u8>,
    /// Whether no more may come.
    is_full: bool,
}

impl<W: Write> Blocks<W> {
    fn new(out: W) -> io::Result<Blocks<W>> {
        let mut packer = Compressor::new(LEVEL)?;
        packer.set_parameter(CParameter::ChecksumFlag(true))?;
        let [block, foot, first, first_before, last] = std::array::from_fn(|_| Vec::new());
        let (written, count, key_bytes, is_full) = (0, 0, 0, false);
        Ok(Blocks { out, packer, written, block, foot, count, key_bytes, first, first_before, last, is_full })
    }

    fn put(&mut self, key: &[u8], record: &Record) -> io::Result<()> {
        if self.block.is_empty() {
            // As little of it as tells it from the last.
            let length = if self.count == 0 { 0 } else { (shared(&self.last, key) + 1).min(key.len()) };
            self.first = key[..length].to_vec();
            self.last.clear();
        }
        put_key(&mut self.block, &self.last, key);
        put_record(&mut self.block, record);
        self.last.clear();
        self.last.extend_from_slice(key);
        if self.block.len() >= BLOCK_BYTES { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let packed = self.packer.compress(&self.block)?;
        self.out.write_all(&packed)?;
        put_key(&mut self.foot, &self.first_before, &self.first);
        put_number(&mut self.foot, packed.len() as u64);
        put_number(&mut self.foot, self.block.len() as u64);
        self.written += packed.len() as u64;
        self.key_bytes += self.first.len();
        self.count += 1;
        std::mem::swap(&mut self.first_before, &mut self.first);
        self.block.clear();
        // The next block, and what is told of the layer, must have room still.
        let room = super::BLOCK_BYTES_MAX;
        self.is_full = self.written + 2 * room as u64 > TREE_BYTES_MAX
            || self.foot.len() + 2 * room > FOOT_BYTES_MAX
            || self.key_bytes + room > FOOT_KEY_BYTES_MAX;
        Ok(())
    }

    fn finish(mut self, summary: &Summary) -> io::Result<()> {
        self.close()?;
        let mut foot = Vec::with_capacity(self.foot.len() + 1_000);
        put_summary(&mut foot, summary);
        put_number(&mut foot, self.count);
        foot.extend_from_slice(&self.foot);
        let packed = self.packer.compress(&foot)?;
        self.out.write_all(&packed)?;
        let mut end = Vec::with_capacity(END_BYTES);
        for number in [packed.len() as u32, foot.len() as u32, VERSION] {
            end.extend_from_slice(&number.to_le_bytes());
        }
        end.extend_from_slice(&MAGIC);
        self.out.write_all(&end)?;
        self.out.flush()
    }
}

fn put_summary(out: &mut Vec<u8>, summary: &Summary) {
    let Summary { compression, members, entries, files, bytes, overwritten, tar_bytes, fault, nameless, faults } =
        summary;
    out.push(match compression {
        Compression::Plain => 0,
        Compression::Gzip => 1,
        Compression::Zstd => 2,
    });
    for number in [members, entries, files, bytes, overwritten, tar_bytes, nameless] {
        put_number(out, *number);
    }
    put_bytes(out, fault.as_deref().unwrap_or_default().as_bytes());
    put_number(out, faults.len() as u64);
    for fault in faults {
        put_bytes(out, fault.name.as_bytes());
        out.push(match fault.reason {
            Reason::Escapes => 0,
            Reason::TooLong => 1,
            Reason::Empty => 2,
            Reason::Nul => 3,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::io::Cursor;

    use super::*;
    use crate::layer::stored::read::Stored;

    fn member(tar: &mut tar::Builder<Vec<u8>>, path: &str, kind: tar::EntryType, size: u64) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, io::repeat(7).take(size)).unwrap();
    }

    /// Members in no order, paths that come several times, files that become folders and folders that become files.
    fn layer() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for number in 0..2_000_u64 {
            let [one, two, three] = [number * 7919 % 13, number * 104_729 % 17, number * 1_299_709 % 97];
            let kind = if number % 31 == 0 { tar::EntryType::Directory } else { tar::EntryType::Regular };
            let path = match number % 11 {
                0 => format!("d{one}/f{two}"),
                1 => format!("d{one}/f{two}/x{three}"),
                2 if number % 3 == 0 => format!("d{one}/.wh.f{two}"),
                _ => format!("d{one}/e{two}/f{three}"),
            };
            member(&mut tar, &path, kind, if kind.is_dir() { 0 } else { number % 700 });
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn runs_make_no_difference() {
        let layer = layer();
        let made = |run_bytes| {
            let mut out = Vec::new();
            let summary = tree_in_runs(run_bytes, &*layer, Limits::of_tree(), &mut out).expect("a tree");
            (summary, out)
        };
        let (whole, runs) = (made(RUN_BYTES), made(5_000));
        assert!(whole == runs, "{:?} {:?}", whole.0, runs.0);
        assert_eq!((whole.0.members, whole.0.fault), (2_000, None));
        assert!(whole.0.overwritten > 0 && whole.0.entries > 1_000);
    }

    #[test]
    fn a_failure_of_the_stream_is_none_of_the_layer() {
        let failing = Cursor::new(layer()).chain(Failing);
        let made = tree(failing, Limits::of_tree(), Vec::new());
        assert!(matches!(made, Err(MakeError::Read(error)) if error.kind() == io::ErrorKind::TimedOut));
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(matches!(tree(&*layer(), Limits::of_tree(), Full), Err(MakeError::Write(_))));
    }

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::TimedOut.into())
        }
    }

    #[test]
    fn what_is_too_much_is_told_and_what_comes_before_is_there() {
        let mut out = Vec::new();
        let limits = Limits { entries: 1_000, ..Limits::of_tree() };
        let summary = tree(&*layer(), limits, &mut out).expect("a tree");
        assert_eq!(summary.fault.as_deref(), Some("the layer holds too much: more than 1000 entries"));
        let stored = Stored::open(&*out, out.len() as u64).expect("a tree");
        assert_eq!((stored.summary().members, stored.summary().fault.is_some()), (1_000, true));
        assert!(stored.summary().entries > 500);
    }
}
