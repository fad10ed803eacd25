//! Files of a layout, written beside and renamed. All of it but [`blob`] waits for the disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Hasher;
use wharf_model::limits::MANIFEST_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use super::contents::path;
use super::{LIST, MARK, MARK_TEXT, list};
use crate::body::Body;
use crate::error::Error;
use crate::source::Fetched;
use crate::target::Rank;

/// What files are called that are being written.
const PART: (&str, &str) = (".wharf-", ".part");
/// The file that writers of the list lock.
const LOCK: &str = ".wharf.lock";
/// How long another writer of the list is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// From what age on a file of a writer is taken to be of one that died.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// Chunks that may wait to be written.
const WAITING_CHUNKS: usize = 8;

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let what = format!("{what} {}", path.display());
    move |error| Error::Io { what: what.clone(), error }
}

/// Makes a layout of the folder `root`, where it is none.
pub(super) fn prepare(root: &Path) -> Result<(), Error> {
    fs::create_dir_all(root.join("blobs/sha256")).map_err(failed("make the folder", root))?;
    let mut other = false;
    for entry in fs::read_dir(root).map_err(failed("read the folder", root))? {
        let entry = entry.map_err(failed("read the folder", root))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PART.0) && name.ends_with(PART.1) {
            remove_stale(&entry);
        } else if !matches!(name.as_ref(), "blobs" | LOCK | LIST | MARK) {
            other = true;
        }
    }
    if !root.join(MARK).exists() {
        if other {
            return Err(Error::form(
                root.display().to_string(),
                "the folder has other files in it, and is no OCI image layout",
            ));
        }
        replace(root, MARK, MARK_TEXT, false)?;
    }
    let _lock = lock(root)?;
    if root.join(LIST).exists() { Ok(()) } else { replace(root, LIST, &list::empty(), false) }
}

/// What cannot be removed is left to the next.
fn remove_stale(entry: &fs::DirEntry) {
    let written = entry.metadata().and_then(|metadata| metadata.modified());
    let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
    if age.is_some_and(|age| age > STALE) {
        drop(fs::remove_file(entry.path()));
    }
}

/// Holds the lock of the list until the file is dropped.
fn lock(root: &Path) -> Result<File, Error> {
    let path = root.join(LOCK);
    let file = File::options().create(true).append(true).open(&path).map_err(failed("open", &path))?;
    let until = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(failed("lock", &path)(error.into())),
        }
    }
}

/// A file that is being written, in the folder.
pub(crate) fn part(root: &Path) -> Result<NamedTempFile, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PART.0).suffix(PART.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any other file: less what the user's mask takes away.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(root).map_err(failed("make a file in", root))
}

/// Gives a file its name, with all of its bytes on the disk before if `synced`.
pub(crate) fn rename(file: NamedTempFile, to: &Path, synced: bool) -> Result<(), Error> {
    if synced {
        file.as_file().sync_data().map_err(failed("write", to))?;
    }
    file.persist(to).map(drop).map_err(|error| failed("write", to)(error.error))
}

fn replace(root: &Path, name: &str, bytes: &[u8], synced: bool) -> Result<(), Error> {
    let to = root.join(name);
    let mut file = part(root)?;
    file.write_all(bytes).map_err(failed("write", &to))?;
    rename(file, &to, synced)
}

/// Writes a blob: its bytes are hashed and written in a thread of their own while the next are read. Where this is dropped, or
/// the bytes are wrong, nothing is left of it.
pub(super) async fn blob(root: &Path, synced: bool, descriptor: &Descriptor, mut body: Body) -> Result<(), Error> {
    let (chunks, waiting) = mpsc::channel(WAITING_CHUNKS);
    let (root, expected) = (root.to_owned(), descriptor.clone());
    let written = tokio::task::spawn_blocking(move || write(&root, synced, &expected, waiting));
    feed(&mut body, descriptor, chunks).await?;
    written.await.map_err(|error| Error::Io { what: "write a blob".to_owned(), error: io::Error::other(error) })?
}

/// Hands the chunks of a body over to whoever writes them, and says when that was all: a sender that is gone without that was
/// dropped on the way.
pub(crate) async fn feed(
    body: &mut Body,
    descriptor: &Descriptor,
    chunks: mpsc::Sender<Option<Bytes>>,
) -> Result<(), Error> {
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Error::from_io(error, || format!("read {}", descriptor.digest)))?;
        if chunks.send(Some(chunk)).await.is_err() {
            return Ok(()); // Whoever writes has more to say on it.
        }
    }
    drop(chunks.send(None).await);
    Ok(())
}

fn write(
    root: &Path,
    synced: bool,
    expected: &Descriptor,
    waiting: mpsc::Receiver<Option<Bytes>>,
) -> Result<(), Error> {
    let file = checked(part(root)?, expected, waiting)?;
    let to = root.join(path(&expected.digest));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
    }
    rename(file, &to, synced)
}

/// Takes chunks until all are there that are expected, and checks them.
pub(crate) fn checked<W: io::Write>(
    mut file: W,
    expected: &Descriptor,
    mut waiting: mpsc::Receiver<Option<Bytes>>,
) -> Result<W, Error> {
    let Descriptor { digest, size, .. } = *expected;
    let place = || "what was to be written".to_owned();
    let io = |error| Error::Io { what: format!("write {digest}"), error };
    let mut hasher = Hasher::new(digest.algorithm());
    loop {
        let Some(chunk) = waiting.blocking_recv() else {
            return Err(io(io::Error::new(io::ErrorKind::Interrupted, "broken off")));
        };
        let Some(chunk) = chunk else { break };
        hasher.update(&chunk);
        if hasher.length() > size {
            break;
        }
        file.write_all(&chunk).map_err(io)?;
    }
    let length = hasher.length();
    if length != size {
        return Err(Error::Length { place: place(), digest, expected: size, actual: length });
    }
    let actual = hasher.finish();
    if actual != digest {
        return Err(Error::Wrong { place: place(), expected: digest, actual: Box::new(actual) });
    }
    Ok(file)
}

/// Writes a manifest as a blob and, as head, its entry in the list.
pub(super) fn manifest(root: &Path, synced: bool, manifest: &Fetched, tags: &[Tag], rank: Rank) -> Result<(), Error> {
    let to = root.join(path(&manifest.digest));
    let there =
        fs::metadata(&to).is_ok_and(|metadata| metadata.is_file() && metadata.len() == manifest.bytes.len() as u64);
    if !there {
        let mut file = part(root)?;
        file.write_all(&manifest.bytes).map_err(failed("write", &to))?;
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
        }
        rename(file, &to, synced)?;
    }
    if rank == Rank::Part && tags.is_empty() {
        return Ok(());
    }
    if synced && let Some(folder) = to.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", folder))?;
    }
    enter(root, synced, &described(manifest), tags)
}

/// What an entry of a list says of a manifest.
pub(crate) fn described(manifest: &Fetched) -> Descriptor {
    let read = Manifest::parse(&manifest.bytes, Some(&manifest.media_type));
    let artifact_type = read.ok().filter(|read| read.subject.is_some()).and_then(|read| read.artifact_type);
    Descriptor {
        media_type: manifest.media_type.clone(),
        digest: manifest.digest,
        size: manifest.bytes.len() as u64,
        artifact_type,
        urls: None,
        annotations: None,
    }
}

fn enter(root: &Path, synced: bool, named: &Descriptor, tags: &[Tag]) -> Result<(), Error> {
    let _lock = lock(root)?;
    let at = root.join(LIST);
    let size = fs::metadata(&at).map_err(failed("read", &at))?.len();
    let form = |error| Error::form(root.display().to_string(), error);
    if size > MANIFEST_BYTES_MAX as u64 {
        return Err(form(list::ListError::TooLarge));
    }
    let before = fs::read(&at).map_err(failed("read", &at))?;
    let after = list::add(&before, named, tags, None).map_err(form)?;
    if after == before { Ok(()) } else { replace(root, LIST, &after, synced) }
}
