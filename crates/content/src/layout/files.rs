//! Plain files to read, be they in a folder or elsewhere.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::PathBuf;

/// Files by path, with `/` between the parts. All of it waits for the disk.
pub(crate) trait Files: Send + Sync + std::fmt::Debug + 'static {
    /// The size of a plain file, in bytes; `None` where there is none.
    fn size(&self, path: &str) -> io::Result<Option<u64>>;

    /// The plain file's bytes from `from` on, at most as many as its size says; `None` where there is none.
    fn open(&self, path: &str, from: u64) -> io::Result<Option<Part>>;
}

/// Bytes of a file from where it stands on.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file: File,
    /// How many are left.
    pub(crate) length: u64,
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
        let mut file = File::open(self.0.join(path))?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Some(Part { file, length: size.saturating_sub(from) }))
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
