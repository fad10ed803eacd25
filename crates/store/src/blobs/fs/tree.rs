//! Which file is where: the names of [`super`]'s drawing, made and read. Not what is in the files.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Access, access, statvfs};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::id::Id;

use super::failed;
use crate::blobs::{BlobsError, Location};

/// The folder of what is being written.
pub(super) const UPLOADS: &str = "uploads";
/// Folders per algorithm: one for each first byte of a hash.
const SHARDS: usize = 256;

/// The folder of all.
pub(super) struct Tree {
    root: PathBuf,
    /// Which shards are known to be there for good, by [`Algorithm::id`] − 1 and the hash's first byte.
    shards: [[AtomicBool; SHARDS]; Algorithm::ALL.len()],
}

impl Tree {
    /// The tree in `dir`, made where it is not there, durably.
    pub(super) fn open(dir: &Path) -> Result<Tree, BlobsError> {
        let root = std::path::absolute(dir).map_err(|error| failed("finding", dir, error))?;
        fs::create_dir_all(&root).map_err(|error| failed("making", &root, error))?;
        for name in Algorithm::ALL.map(Algorithm::name).into_iter().chain([UPLOADS]) {
            make_folder(&root.join(name))?;
        }
        sync_folder(&root)?;
        if let Some(parent) = root.parent() {
            // Where it was made just now it is to stay; a parent that may not be read is none of our making.
            sync_folder(parent).ok();
        }
        let shards = std::array::from_fn(|_| std::array::from_fn(|_| AtomicBool::new(false)));
        Ok(Tree { root, shards })
    }

    /// Where an upload is written.
    pub(super) fn upload(&self, id: Id) -> PathBuf {
        self.uploads().join(id.to_string())
    }

    pub(super) fn uploads(&self) -> PathBuf {
        self.root.join(UPLOADS)
    }

    /// The file at `location`, or `None` where that is not one of our names: nothing rests there then.
    pub(super) fn resting(&self, location: &Location) -> Option<PathBuf> {
        let (algorithm, rest) = location.0.split_once('/')?;
        let (_, name) = rest.split_once('/')?;
        let (hash, id) = name.split_once('.')?;
        let digest: Digest = format!("{algorithm}:{hash}").parse().ok()?;
        let same = place(digest, id.parse().ok()?) == *location;
        same.then(|| self.root.join(&location.0))
    }

    /// The folder that is to hold the digest, made durably where it is not there.
    pub(super) fn shard(&self, digest: Digest) -> Result<PathBuf, BlobsError> {
        let algorithm = digest.algorithm();
        let first = digest.as_bytes()[0];
        let parent = self.root.join(algorithm.name());
        let folder = parent.join(hex::encode([first]));
        let known = &self.shards[usize::from(algorithm.id()) - 1][usize::from(first)];
        if !known.load(Ordering::Acquire) {
            make_folder(&folder)?;
            sync_folder(&parent)?;
            known.store(true, Ordering::Release);
        }
        Ok(folder)
    }

    /// Gives all that rests to `take`, until that returns false.
    pub(super) fn list(&self, take: &mut dyn FnMut(Result<(Location, u64), BlobsError>) -> bool) {
        for algorithm in Algorithm::ALL {
            let more = each(&self.root.join(algorithm.name()), take, &mut |shard, take| {
                each(&shard.path(), take, &mut |file, take| match self.found(file) {
                    Ok(None) => true,
                    Ok(Some(found)) => take(Ok(found)),
                    Err(error) => take(Err(error)),
                })
            });
            if !more {
                return;
            }
        }
    }

    /// What rests in this file; `None` where it has just gone, or is none of ours.
    fn found(&self, file: &DirEntry) -> Result<Option<(Location, u64)>, BlobsError> {
        let path = file.path();
        let Some(name) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) else { return Ok(None) };
        let location = Location(name.to_owned());
        if self.resting(&location).is_none() {
            return Ok(None);
        }
        match file.metadata() {
            Ok(metadata) => Ok(Some((location, metadata.len()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("looking at", &path, error)),
        }
    }

    /// Whether there is room, and the folder can be written to. Writes nothing.
    pub(super) fn check(&self) -> Result<(), BlobsError> {
        let uploads = self.uploads();
        access(&uploads, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| failed("writing to", &uploads, error.into()))?;
        let room = statvfs(&uploads).map_err(|error| failed("looking at", &uploads, error.into()))?;
        // File systems without a fixed number of inodes say that they have none.
        let full = room.f_bavail == 0 || (room.f_files > 0 && room.f_favail == 0);
        if full { Err(BlobsError::Full) } else { Ok(()) }
    }
}

/// Where the content of an upload rests.
pub(super) fn place(digest: Digest, id: Id) -> Location {
    let hash = digest.hex();
    Location(format!("{}/{}/{hash}.{id}", digest.algorithm().name(), &hash[..2]))
}

/// Makes what was added to or removed from the folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BlobsError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("syncing", folder, error))
}

fn make_folder(folder: &Path) -> Result<(), BlobsError> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed("making", folder, error)),
        _ => Ok(()),
    }
}

/// Who takes what was found, and says whether there is to be more.
type Take<'a> = dyn FnMut(Result<(Location, u64), BlobsError>) -> bool + 'a;

/// Calls `visit` with each entry of the folder until it returns false; whether it never did.
fn each(folder: &Path, take: &mut Take<'_>, visit: &mut dyn FnMut(&DirEntry, &mut Take<'_>) -> bool) -> bool {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return true,
        Err(error) => return take(Err(failed("listing", folder, error))),
    };
    for entry in entries {
        let more = match entry {
            Ok(entry) => visit(&entry, take),
            Err(error) => take(Err(failed("listing", folder, error))),
        };
        if !more {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn only_our_own_names_are_places() {
        let dir = tempfile::tempdir().expect("a folder");
        let tree = Tree::open(dir.path()).expect("a tree");
        let digest = Digest::of(Algorithm::Sha256, b"x");
        let good = place(digest, Id([3; 16]));
        assert_eq!(tree.resting(&good), Some(tree.root.join(&good.0)));
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "sha256",
            "uploads/03030303030303030303030303030303",
            &good.0[1..],
            &good.0.to_uppercase(),
            &good.0.replace("sha256/2d", "sha256/2e"),
            &good.0.replace("sha256/2d", "sha256/.."),
            &good.0.replace("sha256", "sha512"),
            &format!("{}/x", good.0),
            &format!("/{}", good.0),
        ] {
            assert_eq!(tree.resting(&Location(bad.to_owned())), None, "{bad}");
        }
    }
}
