//! What is below a folder that others filled, in its first folders at least: opened, read and written without following a link
//! on the way. The path of the folder itself may lead through links: it is the caller's.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::unpack::place::{Missing, open_folder, unless};

/// How many names are tried for what is written beside.
const TRIES: u32 = 100;

/// The bytes of the file at `path` below the folder `root`; `None` where there is none.
///
/// # Errors
/// It has more than `bytes_max` bytes, is no file, or something on the way is no folder.
pub fn read(root: &Path, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let Some((folder, name)) = parent(root, path, Missing::Leave)? else { return Ok(None) };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = match rustix::fs::openat(&folder, name, flags, Mode::empty()) {
        Ok(file) => file.into(),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(other("it is a symbolic link")),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(other(&format!("it has more than {bytes_max} bytes")));
    }
    Ok(Some(bytes))
}

/// Writes the file at `path` below the folder `root`: beside, then it gets its name. Folders on the way are made.
///
/// # Errors
/// It cannot be written, or something on the way is no folder.
pub fn write(root: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    let found = parent(root, path, Missing::Make)?;
    let (folder, name) = found.ok_or_else(|| other("its folder was removed"))?;
    let (beside, mut file) = create_beside(&folder)?;
    let written = file.write_all(bytes).and_then(|()| Ok(rustix::fs::renameat(&folder, &beside, &folder, name)?));
    if written.is_err() {
        let _ = rustix::fs::unlinkat(&folder, &beside, AtFlags::empty());
    }
    written
}

/// A new file in `folder`, and its name.
fn create_beside(folder: &File) -> io::Result<(String, File)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for number in 0..TRIES {
        let name = format!(".wharf-{}-{number}", std::process::id());
        match rustix::fs::openat(folder, &name, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => return Ok((name, file.into())),
            Err(Errno::EXIST) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Err(other("no name is left for what is written beside"))
}

/// The folder above `path`, and the name in it.
fn parent<'p>(root: &Path, path: &'p str, missing: Missing) -> io::Result<Option<(File, &'p str)>> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder = match File::open(root) {
        Err(error) if missing == Missing::Leave && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for name in names(above)? {
        if missing == Missing::Make {
            unless(Errno::EXIST, rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o777)))?;
        }
        folder = match rustix::fs::openat(&folder, name, flags, Mode::empty()) {
            Ok(folder) => folder.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(other(&format!("{name} on the way to it is no folder, or a symbolic link to one")));
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(Some((folder, name)))
}

/// The folder at `path` below the folder `root`. What is in the place of one on the way is replaced.
pub(super) fn make(root: &Path, path: &str) -> io::Result<File> {
    let mut folder = File::open(root)?;
    for name in names(path)? {
        folder = open_folder(&folder, name, Missing::Make)?.ok_or_else(|| other("its folder was removed"))?;
    }
    Ok(folder)
}

fn names(path: &str) -> io::Result<impl Iterator<Item = &str>> {
    let names = || path.split('/').filter(|name| !matches!(*name, "" | "."));
    if names().any(|name| name == "..") { Err(other("it leads upwards")) } else { Ok(names()) }
}

fn other(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_read_and_written_below() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(read(&root.join("none"), "a/b", 9).unwrap(), None);
        assert_eq!(read(root, "a/b", 9).unwrap(), None);
        write(root, "a/b", b"one").unwrap();
        write(root, "a/b", b"two").unwrap();
        assert_eq!(read(root, "a/b", 3).unwrap().as_deref(), Some(&b"two"[..]));
        assert!(read(root, "a/b", 2).is_err() && read(root, "a", 9).is_err() && read(root, "a/../a/b", 9).is_err());
        assert_eq!(fs::read_dir(root.join("a")).unwrap().count(), 1, "nothing stays beside");
    }

    #[test]
    fn links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (root, outside) = (home.path().join("root"), home.path().join("outside"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("b"), "theirs").unwrap();
        symlink("../outside", root.join("a")).unwrap();
        assert!(read(&root, "a/b", 9).is_err() && write(&root, "a/b", b"x").is_err());
        fs::create_dir(root.join("c")).unwrap();
        symlink("../../outside/b", root.join("c/b")).unwrap();
        assert!(read(&root, "c/b", 9).is_err());
        write(&root, "c/b", b"ours").unwrap();
        assert_eq!(read(&root, "c/b", 9).unwrap().as_deref(), Some(&b"ours"[..]));
        assert!(make(&root, "a/d").is_ok() && root.join("a/d").is_dir(), "a link is replaced");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(outside.join("b")).unwrap(), "theirs");
    }
}
