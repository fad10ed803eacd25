//! Making an upload's file durable, and putting it to its final name. All of it blocks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use wharf_model::digest::{Algorithm, Digest, Hasher};

use super::tree::{self, Tree, sync_folder};
use super::{failed, lost};
use crate::blobs::state::confirm;
use crate::blobs::{BlobsError, Stored, UploadState};

/// Read at once where content is hashed again, in bytes.
const REHASH_BYTES: usize = 256 << 10;

/// The upload's file as the state knows it: made where nothing was appended yet, and without what lies beyond the offset.
pub(super) fn rewound(tree: &Tree, state: &UploadState) -> Result<File, BlobsError> {
    let path = tree.upload(state.id);
    let opened = OpenOptions::new().read(true).write(true).create(state.offset() == 0).truncate(false).open(&path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(lost(state)),
        other => other.map_err(|error| failed("opening", &path, error))?,
    };
    let length = file.metadata().map_err(|error| failed("looking at", &path, error))?.len();
    if length < state.offset() {
        return Err(lost(state));
    }
    if length > state.offset() {
        file.set_len(state.offset()).map_err(|error| failed("cutting", &path, error))?;
    }
    Ok(file)
}

/// Makes the upload durable, its name included.
pub(super) fn sync(tree: &Tree, state: &UploadState) -> Result<(), BlobsError> {
    let path = tree.upload(state.id);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && state.offset() == 0 => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(lost(state)),
        other => other.map_err(|error| failed("opening", &path, error))?,
    };
    if file.metadata().map_err(|error| failed("looking at", &path, error))?.len() < state.offset() {
        return Err(lost(state));
    }
    file.sync_data().map_err(|error| failed("syncing", &path, error))?;
    sync_folder(&tree.uploads())
}

/// Confirms that the upload has a digest of another algorithm than its running hash's: reads all of it, unless it rests
/// under that digest already.
pub(super) fn rehash(tree: &Tree, state: &UploadState, digest: Digest) -> Result<(), BlobsError> {
    let target = tree.resting(&tree::place(digest, state.id));
    if target.is_some_and(|target| is_at_rest(&target, state)) {
        return Ok(());
    }
    let file = rewound(tree, state)?;
    let path = tree.upload(state.id);
    let actual = hashed(&file, digest.algorithm()).map_err(|error| failed("reading", &path, error))?;
    confirm(digest, actual)
}

fn is_at_rest(target: &Path, state: &UploadState) -> bool {
    target.metadata().is_ok_and(|metadata| metadata.len() == state.offset())
}

/// Puts the upload to rest under the digest that was confirmed. Where that was done before, it is done.
pub(super) fn finish(tree: &Tree, state: &UploadState, digest: Digest) -> Result<Stored, BlobsError> {
    let location = tree::place(digest, state.id);
    let stored = Stored { location, size: state.offset() };
    let folder = tree.shard(digest)?;
    let target = folder.join(stored.location.0.rsplit('/').next().unwrap_or_default());
    if is_at_rest(&target, state) {
        // What was sent once more after that.
        remove(&tree.upload(state.id))?;
        sync_folder(&folder)?;
        return Ok(stored);
    }
    let file = rewound(tree, state)?;
    let path = tree.upload(state.id);
    file.sync_data().map_err(|error| failed("syncing", &path, error))?;
    fs::rename(&path, &target).map_err(|error| failed("renaming", &path, error))?;
    sync_folder(&folder)?;
    Ok(stored)
}

/// Removes the upload, wherever it has got to.
pub(super) fn cancel(tree: &Tree, state: &UploadState) -> Result<(), BlobsError> {
    remove(&tree.upload(state.id))?;
    match state.digest.and_then(|digest| tree.resting(&tree::place(digest, state.id))) {
        Some(path) => remove(&path),
        None => Ok(()),
    }
}

/// Removes a file that may be there.
pub(super) fn remove(path: &Path) -> Result<(), BlobsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("removing", path, error)),
        _ => Ok(()),
    }
}

fn hashed(file: &File, algorithm: Algorithm) -> io::Result<Digest> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; REHASH_BYTES];
    loop {
        match file.read_at(&mut buffer, hasher.length())? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
