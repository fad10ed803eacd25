//! Writes a layer: the tar of some entries, compressed or not, in one pass that computes its digests on the way.
//!
//! The bytes hang on the entries and on what [`Keep`] says, not on machine, owner or time: the same tree is the same digest.
//! (Compressed layers hang on the release of the compressor too; what is in a registry keeps its digest all the same.)

pub(crate) mod header;
mod sample;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::limits::UNPACK_RATIO_MAX;
use wharf_model::media::MediaType;

use crate::compression::Compression;
use crate::layer::Limits;
use crate::tree::{Entry, Kind, nanoseconds};

/// Level of zstd: half a gigabyte a second, and most of what more would save.
const ZSTD_LEVEL: i32 = 3;
/// Level of gzip: what everybody uses.
const GZIP_LEVEL: u32 = 6;
/// How much is read, hashed and written at once, in bytes: it stays in the core's own cache.
const BUFFER_BYTES: usize = 256 << 10;

/// The time of all entries where their own are not kept: 1980-01-02T00:00:00Z, in seconds since 1970. Zip archives know no
/// earlier day, in any time zone.
pub const NORMAL_TIME: i64 = 315_619_200;

/// What of the entries goes into the layers beyond names, kinds and contents. Extended attributes do if the scan read them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The times; else all are [`NORMAL_TIME`].
    pub times: bool,
    /// Owner and group, as numbers; else all is root's.
    pub owners: bool,
    /// The exact permission bits; else 0755 for folders and what anybody may run, 0644 for all else.
    pub modes: bool,
}

/// A layer that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// What it is.
    pub media_type: MediaType,
    /// The digest of what was written.
    pub digest: Digest,
    /// The digest of the tar before it was compressed.
    pub diff_id: Digest,
    /// How much was written, in bytes.
    pub size: u64,
    /// Size of the tar, in bytes.
    pub tar_bytes: u64,
}

/// Why a layer was not written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// An entry cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The entry.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An entry is not what it was when the folder was listed.
    #[error("{} changed while it was being packed; try again when nobody writes to it", .0.display())]
    Changed(PathBuf),
    /// It shrinks so far that those who unpack it take it for a bomb.
    #[error("the layer shrinks to less than a {UNPACK_RATIO_MAX}th, which whoever unpacks it takes for a bomb")]
    Shrunk,
    /// The layer cannot be written.
    #[error("cannot write the layer: {0}")]
    Write(#[source] io::Error),
}

impl PackError {
    /// An error from writing; what our own writers say comes out as it went in.
    fn write(error: io::Error) -> PackError {
        error.downcast::<PackError>().unwrap_or_else(PackError::Write)
    }
}

/// Packs entries of one folder. May be shared: layers can be written by several threads at once.
#[derive(Debug)]
pub struct Packer {
    root: PathBuf,
    folder: File,
    keep: Keep,
    /// By their paths, those that are repeated.
    folders: HashMap<Box<str>, Entry>,
    /// Those of whoever unpacks it.
    limits: Limits,
}

impl Packer {
    /// For entries that [`crate::tree::scan`] found below `root`.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn open(root: &Path, keep: Keep) -> Result<Packer, PackError> {
        let folder = File::open(root).map_err(|source| PackError::Read { path: root.to_owned(), source })?;
        Ok(Packer { root: root.to_owned(), folder, keep, folders: HashMap::new(), limits: Limits::default() })
    }

    /// Repeats in each layer the folders, found among `entries`, that its own entries are in. Readers of images make them where
    /// they are missing; oras does not, and so can unpack each layer by itself.
    #[must_use]
    pub fn with_folders(mut self, entries: &[Entry]) -> Packer {
        let folders = entries.iter().filter(|entry| entry.kind == Kind::Folder);
        self.folders = folders.map(|folder| (folder.path.clone(), folder.clone())).collect();
        self
    }

    /// For readers that have other limits than [`Limits::default`]: how far something shrinks is all that counts of them.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Packer {
        self.limits = limits;
        self
    }

    /// zstd where a sample of the contents says that it saves a tenth, plain otherwise. The same for the same contents.
    ///
    /// # Errors
    /// A file cannot be read, or changed.
    pub fn choose(&self, entries: &[Entry]) -> Result<Compression, PackError> {
        sample::choose(self, entries)
    }

    /// Writes the layer of `entries`, in their order, to `out`, and flushes it.
    ///
    /// Memory does not depend on what the files hold.
    ///
    /// # Errors
    /// [`PackError`], which names the file, or is [`PackError::Shrunk`]; then `out` has received a part of a layer.
    pub fn layer(&self, entries: &[Entry], compression: Compression, out: impl Write) -> Result<Packed, PackError> {
        let mut out = Hashed::new(out);
        let tar = match compression {
            Compression::Plain => {
                self.tar(entries, &mut out)?;
                None
            }
            Compression::Gzip => {
                let mut tar = Hashed::new(Watched::new(gzip(&mut out), self.limits));
                self.tar(entries, &mut tar)?;
                let (tar, watched) = tar.finish();
                watched.encoder.finish().map_err(PackError::Write)?;
                Some(tar)
            }
            Compression::Zstd => {
                let mut tar = Hashed::new(Watched::new(zstd(&mut out)?, self.limits));
                self.tar(entries, &mut tar)?;
                let (tar, watched) = tar.finish();
                watched.encoder.finish().map_err(PackError::Write)?;
                Some(tar)
            }
        };
        out.flush().map_err(PackError::Write)?;
        let ((digest, size), _) = out.finish();
        let (diff_id, tar_bytes) = tar.unwrap_or((digest, size));
        Ok(Packed { media_type: compression.layer_type(), digest, diff_id, size, tar_bytes })
    }

    /// Writes the same once more, to those who know its digests.
    ///
    /// # Errors
    /// As [`Packer::layer`].
    pub fn again(&self, entries: &[Entry], compression: Compression, mut out: impl Write) -> Result<(), PackError> {
        match compression {
            Compression::Plain => self.tar(entries, &mut out)?,
            Compression::Gzip => {
                let mut encoder = gzip(&mut out);
                self.tar(entries, &mut encoder)?;
                encoder.finish().map_err(PackError::Write)?;
            }
            Compression::Zstd => {
                let mut encoder = zstd(&mut out)?;
                self.tar(entries, &mut encoder)?;
                encoder.finish().map_err(PackError::Write)?;
            }
        }
        out.flush().map_err(PackError::Write)
    }

    /// The SHA-256 of the content of a file among the entries.
    ///
    /// # Errors
    /// It cannot be read, or changed.
    pub fn digest(&self, entry: &Entry) -> Result<Digest, PackError> {
        let mut hashed = Hashed::new(io::sink());
        let mut out = Buffered { out: &mut hashed, bytes: vec![0; BUFFER_BYTES], used: 0 };
        self.content(entry, &mut out)?;
        out.flush()?;
        Ok(hashed.finish().0.0)
    }

    fn tar(&self, entries: &[Entry], out: &mut impl Write) -> Result<(), PackError> {
        let mut out = Buffered { out, bytes: vec![0; BUFFER_BYTES], used: 0 };
        let mut headers = Vec::new();
        let mut there = HashSet::new();
        for entry in entries {
            headers.clear();
            self.folders_above(entry, &mut there, &mut headers);
            header::write(entry, self.keep, &mut headers);
            out.add(&headers)?;
            if entry.kind == Kind::File {
                self.content(entry, &mut out)?;
                let padding = entry.size.next_multiple_of(512) - entry.size;
                out.add(&[0; 512][..usize::try_from(padding).unwrap_or_default()])?;
            }
        }
        // Two empty blocks end a tar.
        out.add(&[0; 1024])?;
        out.flush()
    }

    /// Appends what is to be repeated before `entry`, from the top down, each once in a layer.
    fn folders_above<'a>(&'a self, entry: &'a Entry, there: &mut HashSet<&'a str>, headers: &mut Vec<u8>) {
        if self.folders.is_empty() {
            return;
        }
        for (end, _) in entry.path.match_indices('/') {
            if let Some(folder) = self.folders.get(&entry.path[..end])
                && there.insert(&folder.path)
            {
                header::write(folder, self.keep, headers);
            }
        }
        if entry.kind == Kind::Folder {
            there.insert(&entry.path);
        }
    }

    fn content(&self, entry: &Entry, out: &mut Buffered<impl Write>) -> Result<(), PackError> {
        let file = self.open_file(entry)?;
        let mut left = entry.size;
        while left > 0 {
            let space = out.space()?;
            let wanted = space.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = self.read(entry, &file, &mut space[..wanted])?;
            out.used += count;
            left -= count as u64;
        }
        self.check_unchanged(entry, &file)
    }

    /// The file of `entry`; never what a symlink that came into its place leads to.
    fn open_file(&self, entry: &Entry) -> Result<File, PackError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match rustix::fs::openat(&self.folder, &*entry.path, flags, Mode::empty()) {
            Ok(file) => Ok(file.into()),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                Err(PackError::Changed(self.full(entry)))
            }
            Err(error) => Err(PackError::Read { path: self.full(entry), source: error.into() }),
        }
    }

    /// Reads some bytes, which must be there.
    fn read(&self, entry: &Entry, mut file: &File, bytes: &mut [u8]) -> Result<usize, PackError> {
        loop {
            match file.read(bytes) {
                Ok(0) => return Err(PackError::Changed(self.full(entry))),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(source) => return Err(PackError::Read { path: self.full(entry), source }),
            }
        }
    }

    /// What was read is what was listed: the same file, size and time.
    fn check_unchanged(&self, entry: &Entry, file: &File) -> Result<(), PackError> {
        let now = file.metadata().map_err(|source| PackError::Read { path: self.full(entry), source })?;
        let mtime = nanoseconds(now.mtime(), now.mtime_nsec());
        let is_same = now.is_file() && now.size() == entry.size && now.ino() == entry.inode && mtime == entry.mtime;
        if is_same { Ok(()) } else { Err(PackError::Changed(self.full(entry))) }
    }

    fn full(&self, entry: &Entry) -> PathBuf {
        self.root.join(&*entry.path)
    }
}

fn gzip<W: Write>(out: W) -> GzEncoder<W> {
    // Neither time nor system: 255 is "unknown" (RFC 1952 §2.3.1).
    GzBuilder::new().mtime(0).operating_system(255).write(out, flate2::Compression::new(GZIP_LEVEL))
}

fn zstd<W: Write>(out: W) -> Result<zstd::Encoder<'static, W>, PackError> {
    zstd::Encoder::new(out, ZSTD_LEVEL).map_err(PackError::Write)
}

/// Copies a file that is a layer by itself, not in a tar, to `out`: its digest and its size in bytes.
///
/// # Errors
/// [`PackError`], as for a layer.
pub fn file(path: &Path, out: impl Write) -> Result<(Digest, u64), PackError> {
    let read = |source| PackError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read)?;
    let before = file.metadata().map_err(read)?;
    let mut out = Hashed::new(out);
    let mut bytes = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => out.write_all(&bytes[..count]).map_err(PackError::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(source) => return Err(read(source)),
        }
    }
    out.flush().map_err(PackError::Write)?;
    let ((digest, size), _) = out.finish();
    let after = file.metadata().map_err(read)?;
    let is_same = size == before.size() && after.size() == size && after.modified().ok() == before.modified().ok();
    if is_same { Ok((digest, size)) } else { Err(PackError::Changed(path.to_owned())) }
}

/// Gathers what is written, so that small files do not become small writes, and large ones are read into their place.
struct Buffered<'a, W> {
    out: &'a mut W,
    bytes: Vec<u8>,
    used: usize,
}

impl<W: Write> Buffered<'_, W> {
    /// Where more can be read into; [`Buffered::used`] is then to be moved.
    fn space(&mut self) -> Result<&mut [u8], PackError> {
        if self.used == self.bytes.len() {
            self.flush()?;
        }
        Ok(&mut self.bytes[self.used..])
    }

    fn add(&mut self, mut bytes: &[u8]) -> Result<(), PackError> {
        while !bytes.is_empty() {
            let space = self.space()?;
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            self.used += count;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), PackError> {
        self.out.write_all(&self.bytes[..self.used]).map_err(PackError::write)?;
        self.used = 0;
        Ok(())
    }
}

/// What compresses, and tells how much has come out of it.
trait Encoder: Write {
    /// In bytes. What it still holds back is not among them.
    fn came_out(&self) -> u64;
}

impl<W: Write> Encoder for GzEncoder<&mut Hashed<W>> {
    fn came_out(&self) -> u64 {
        self.get_ref().hasher.length()
    }
}

impl<W: Write> Encoder for zstd::Encoder<'static, &mut Hashed<W>> {
    fn came_out(&self) -> u64 {
        self.get_ref().hasher.length()
    }
}

/// Fails with [`PackError::Shrunk`] where a reader would take what comes out for a bomb. It looks at that while it reads, so that
/// what shrinks far at the beginning is one, whatever follows.
struct Watched<E> {
    encoder: E,
    limits: Limits,
    /// Bytes that went in.
    length: u64,
}

impl<E: Encoder> Watched<E> {
    fn new(encoder: E, limits: Limits) -> Watched<E> {
        Watched { encoder, limits, length: 0 }
    }
}

impl<E: Encoder> Write for Watched<E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Limits { ratio, free_bytes, .. } = self.limits;
        // What has come out before these bytes goes in is the least that a reader has read when it has got to their end.
        let length = self.length + bytes.len() as u64;
        if length > free_bytes && length / ratio.max(1) > self.encoder.came_out() {
            return Err(io::Error::other(PackError::Shrunk));
        }
        let count = self.encoder.write(bytes)?;
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

/// Hashes what goes through it.
struct Hashed<W> {
    hasher: Hasher,
    out: W,
}

impl<W> Hashed<W> {
    fn new(out: W) -> Hashed<W> {
        Hashed { hasher: Hasher::new(Algorithm::Sha256), out }
    }

    /// Digest and number of the bytes.
    fn finish(self) -> ((Digest, u64), W) {
        let length = self.hasher.length();
        ((self.hasher.finish(), length), self.out)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
