//! The data folder: made, checked, and held by one process at a time.
//!
//! ```text
//! DATA/
//!   format       the version of this layout
//!   lock         held by the process that uses the folder; its number is in it
//!   secret.key   what every other key is derived from; whoever has it can make tokens
//!   ledger.db    the ledger, unless it is elsewhere
//!   search.db    the search index, where the ledger is not PostgreSQL; deletable, as it is made of the ledger
//!   blobs/       the blobs, unless they are elsewhere
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The layout of this release.
const FORMAT: u32 = 1;
/// What may be in a folder before it is one of ours.
const FOREIGN: [&str; 4] = ["lock", "lost+found", "secret.key", "format.new"];

/// A data folder that this process holds until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It is not there.
    #[error("the data folder {} is not there; --data says where it is", .0.display())]
    Missing(PathBuf),
    /// Another process holds it.
    #[error("the data folder {} is in use by {by}; stop that one first, or choose another folder by --data", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The other process.
        by: String,
    },
    /// There is something else in it.
    #[error("{} is not empty and no data folder of wharf: choose another by --data", .0.display())]
    Foreign(PathBuf),
    /// Another release wrote it.
    #[error("the data folder {} has format {found:?}; this release of wharf knows {FORMAT}: start the one that wrote it", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// What its `format` says.
        found: String,
    },
    /// The system says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

impl DataFolder {
    /// Takes the folder at `path`; makes it, readable by its owner only, where it is missing and `make` is set. Reads a few
    /// bytes, whatever is stored.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn open(path: &Path, make: bool) -> Result<DataFolder, DataError> {
        let failed = |error| DataError::Io { path: path.to_owned(), error };
        if make {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        } else if !path.join("format").exists() {
            return Err(DataError::Missing(path.to_owned()));
        }
        let lock = take_lock(path)?;
        check_format(path)?;
        Ok(DataFolder { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn take_lock(folder: &Path) -> Result<File, DataError> {
    let path = folder.join("lock");
    let failed = |error| DataError::Io { path: path.clone(), error };
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = options.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut number = String::new();
            let _ = file.take(20).read_to_string(&mut number);
            let by = match number.trim() {
                "" => "another process".to_owned(),
                number => format!("process {number}"),
            };
            return Err(DataError::Locked { path: folder.to_owned(), by });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

fn check_format(folder: &Path) -> Result<(), DataError> {
    let path = folder.join("format");
    let failed = |error| DataError::Io { path: path.clone(), error };
    match fs::read_to_string(&path) {
        Ok(text) if text.trim() == FORMAT.to_string() => Ok(()),
        Ok(text) => {
            let found = text.trim().chars().take(20).collect();
            Err(DataError::Format { path: folder.to_owned(), found })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse_foreign(folder)?;
            write_format(folder, &path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// A folder without `format` must be empty: else somebody's home would fill with our files.
fn refuse_foreign(folder: &Path) -> Result<(), DataError> {
    let failed = |error| DataError::Io { path: folder.to_owned(), error };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !FOREIGN.iter().any(|known| name == *known) {
            return Err(DataError::Foreign(folder.to_owned()));
        }
    }
    Ok(())
}

fn write_format(folder: &Path, path: &Path) -> io::Result<()> {
    let new = folder.join("format.new");
    let mut file = File::create(&new)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn refused(path: &Path, make: bool) -> String {
        DataFolder::open(path, make).expect_err("refused").to_string()
    }

    #[test]
    fn is_made_for_its_owner_only_and_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        assert!(refused(&path, false).contains("not there"));
        let held = DataFolder::open(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let error = refused(&path, true);
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(held);
        assert!(DataFolder::open(&path, false).is_ok(), "it was given back");
    }

    #[test]
    fn other_folders_and_other_formats_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        assert!(refused(folder.path(), true).contains("not empty"));
        fs::write(folder.path().join("format"), "2\n").unwrap();
        let error = refused(folder.path(), true);
        assert!(error.contains("format \"2\""), "{error}");
    }
}
