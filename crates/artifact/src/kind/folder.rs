//! An operator's own kinds: the files `*.toml` of one folder, read again when they change.
//!
//! A file with a mistake in it changes nothing: what was in force stays so, and the mistake is told once.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use wharf_model::limits::{KIND_FILE_BYTES_MAX, KINDS_MAX};

use super::{Kind, KindError, Kinds};

/// Reads all kinds of a folder, in the order of the files' names. Other files than `*.toml` are passed over.
///
/// # Errors
/// The folder or a file cannot be read, a file is no kind, or there are too many.
pub fn read(folder: &Path) -> Result<Vec<Kind>, KindError> {
    let mut own = Vec::new();
    for path in files(folder)? {
        let shown = path.display().to_string();
        let wrong = |problem: String| KindError { file: shown.clone(), line: None, problem };
        let mut text = String::new();
        let file = fs::File::open(&path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        // One byte more than is allowed is enough to be refused.
        let read = file.take(KIND_FILE_BYTES_MAX + 1).read_to_string(&mut text);
        read.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        own.push(Kind::parse(&shown, &text)?);
    }
    Ok(own)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, KindError> {
    let wrong = |problem: String| KindError { file: folder.display().to_string(), line: None, problem };
    let entries = fs::read_dir(folder).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_kind = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml") && path.is_file();
    let mut paths: Vec<PathBuf> = paths.filter(is_kind).take(KINDS_MAX + 1).collect();
    if paths.len() > KINDS_MAX {
        return Err(wrong(format!("has more than {KINDS_MAX} files; put some of the kinds together")));
    }
    paths.sort();
    Ok(paths)
}

/// What tells that a folder has changed: when each file was written, and how long it is.
type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

fn stamp(folder: &Path) -> Stamp {
    let stamps = files(folder).unwrap_or_default().into_iter().map(|path| {
        let data = fs::metadata(&path).ok();
        let (modified, length) =
            (data.as_ref().and_then(|data| data.modified().ok()), data.map_or(0, |data| data.len()));
        (path, modified, length)
    });
    stamps.collect()
}

#[derive(Debug, Default)]
struct Current {
    /// With an operator's own, once there are any: who starts need not read those that come with Wharf.
    kinds: Option<Arc<Kinds>>,
    stamp: Stamp,
}

/// The kinds that are in force: those that come with Wharf, and an operator's own from a folder.
#[derive(Debug)]
pub struct InForce {
    folder: Option<PathBuf>,
    current: Mutex<Current>,
}

/// What came of looking at the folder again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It is as it was.
    Same,
    /// It was read again; so many kinds of the operator's own are in force.
    Read(usize),
    /// It cannot be used; what was in force stays so. Told once for each change.
    Wrong(KindError),
}

impl Default for InForce {
    fn default() -> Self {
        InForce::new(None)
    }
}

impl InForce {
    /// Those that come with Wharf, and those of `folder` once it is read ([`InForce::refresh`]).
    pub fn new(folder: Option<PathBuf>) -> InForce {
        InForce { folder, current: Mutex::default() }
    }

    /// What is in force now.
    pub fn kinds(&self) -> Arc<Kinds> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).kinds.clone();
        current.unwrap_or_else(|| Kinds::built_in().clone())
    }

    /// Reads the folder for the first time, whether or not there is anything in it.
    ///
    /// # Errors
    /// It cannot be used; those that come with Wharf are in force.
    pub fn open(&self) -> Result<usize, KindError> {
        let Some(folder) = &self.folder else { return Ok(0) };
        self.load(folder, stamp(folder))
    }

    /// Looks whether files came, went or changed, and reads them again if so. Blocks for as long as the disk does.
    pub fn refresh(&self) -> Refreshed {
        let Some(folder) = &self.folder else { return Refreshed::Same };
        let stamp = stamp(folder);
        if self.current.lock().unwrap_or_else(PoisonError::into_inner).stamp == stamp {
            return Refreshed::Same;
        }
        self.load(folder, stamp).map_or_else(Refreshed::Wrong, Refreshed::Read)
    }

    /// The stamp was taken before the files are read: what changes in between is read again the next time.
    fn load(&self, folder: &Path, stamp: Stamp) -> Result<usize, KindError> {
        let loaded = read(folder).and_then(|own| {
            let count = own.len();
            Kinds::with_own(own).map(|kinds| (count, kinds))
        });
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.stamp = stamp;
        let (count, kinds) = loaded?;
        current.kinds = Some(Arc::new(kinds));
        Ok(count)
    }
}
