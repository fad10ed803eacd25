//! Plain files to read, be they in a folder or elsewhere.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Files by path, with `/` between the parts. All of it waits for the disk.
pub(crate) trait Files: Send + Sync + std::fmt::Debug + 'static {
    /// The size of a plain file, in bytes; `None` where there is none.
    fn size(&self, path: &str) -> io::Result<Option<u64>>;

    /// The plain file's bytes from `from` on, at most as many as its size says; `None` where there is none.
    fn open(&self, path: &str, from: u64) -> io::Result<Option<Part>>;
}

/// A part of a file, read from its start on. Several parts of one file do not disturb each other.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) file: Arc<File>,
    /// Where it starts, in bytes.
    pub(crate) start: u64,
    /// How many bytes are left.
    pub(crate) length: u64,
}

impl Part {
    /// What is left from byte `from` on.
    pub(crate) fn skip(mut self, from: u64) -> Part {
        let skipped = from.min(self.length);
        self.start += skipped;
        self.length -= skipped;
        self
    }
}

impl io::Read for Part {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.length).map_or(bytes.len(), |length| length.min(bytes.len()));
        let read = self.file.read_at(&mut bytes[..wanted], self.start)?;
        self.start += read as u64;
        self.length -= read as u64;
        Ok(read)
    }
}

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(root: PathBuf) -> Folder {
        Folder(root)
    }
}

impl Files for Folder {
    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        match std::fs::metadata(self.0.join(path)) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self, path: &str, from: u64) -> io::Result<Option<Part>> {
        // Asked first, as opening a pipe would wait for whoever writes to it.
        let Some(size) = self.size(path)? else { return Ok(None) };
        let file = Arc::new(File::open(self.0.join(path))?);
        Ok(Some(Part { file, start: 0, length: size }.skip(from)))
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
