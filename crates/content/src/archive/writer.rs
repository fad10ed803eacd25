//! An archive that is being written.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::BLOB_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use super::docker::{self, Image};
use super::tape::BLOCK_BYTES;
use crate::error::Error;
use crate::layout::contents::path;
use crate::layout::files::Part;
use crate::layout::{LIST, MARK, MARK_TEXT, blocking, list, write};
use crate::platform::{Platform, Platforms};
use crate::source::Fetched;
use crate::target::{Origin, Rank, Target};

/// What a place is called where nothing came to lie after all.
const VOID: &str = ".wharf-void";
/// Chunks that may wait to be written.
const WAITING_CHUNKS: usize = 8;

/// An archive to write to, both OCI's and Docker's. Nothing of it is to be seen until it is closed; dropped before, nothing is
/// left of it.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    repository: Option<String>,
    synced: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// The file beside, until it has its name.
    beside: Option<NamedTempFile>,
    file: Arc<File>,
    /// Where the next entry comes.
    end: u64,
    /// Where the bytes of blobs and manifests lie.
    done: HashMap<Digest, Place>,
    /// Places whose bytes did not come, to be used again.
    free: HashMap<Digest, Place>,
    /// `index.json`.
    list: Vec<u8>,
}

/// Where an entry lies: its header, then its bytes.
#[derive(Clone, Copy, Debug)]
struct Place {
    header: u64,
    bytes: u64,
    size: u64,
}

impl Writer {
    /// An archive that will be the file `path`, which is replaced. `repository` (`registry.example.com/acme/app`) stands before
    /// the tags where a whole name belongs: without it, `docker load` loads images without names.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub async fn create(path: impl Into<PathBuf>, repository: Option<String>) -> Result<Writer, Error> {
        let path = path.into();
        let folder = folder(&path).to_owned();
        let (beside, file) = blocking(move || {
            let beside = write::part(&folder)?;
            let file = beside.as_file().try_clone();
            Ok((beside, file.map_err(|error| Error::Io { what: "open a file again".to_owned(), error })?))
        })
        .await?;
        let state = State {
            beside: Some(beside),
            file: Arc::new(file),
            end: 0,
            done: HashMap::new(),
            free: HashMap::new(),
            list: list::empty(),
        };
        Ok(Writer { path, repository, synced: true, state: Arc::new(Mutex::new(state)) })
    }

    /// Leaves it to the system when what is written reaches the disk.
    #[must_use]
    pub fn unsynced(mut self) -> Writer {
        self.synced = false;
        self
    }

    fn failed(&self) -> impl Fn(io::Error) -> Error + 'static {
        let what = format!("write {}", self.path.display());
        move |error| Error::from_io(error, || what.clone())
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The header of a file, with what has to come before it for a long name.
fn header(path: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, path, io::empty())?;
    Ok(std::mem::take(builder.get_mut()))
}

impl State {
    /// A place at the end for a file of this size, with its header.
    fn place(&mut self, path: &str, size: u64) -> io::Result<Place> {
        if self.beside.is_none() {
            return Err(io::Error::other("the archive is closed already"));
        }
        if size > BLOB_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {BLOB_BYTES_MAX} bytes")));
        }
        let header = header(path, size)?;
        let start = self.end;
        self.file.write_all_at(&header, start)?;
        let bytes = start + header.len() as u64;
        self.end = bytes + size.next_multiple_of(BLOCK_BYTES);
        Ok(Place { header: start, bytes, size })
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<Place> {
        let place = self.place(path, bytes.len() as u64)?;
        self.file.write_all_at(bytes, place.bytes)?;
        Ok(place)
    }

    fn read(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = self.done.get(digest) else { return Ok(None) };
        let mut bytes = Vec::new();
        Part { file: self.file.clone(), start: place.bytes, length: place.size }.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// What Docker is to see of one head: its manifest, or the one of its children that this machine would run.
    fn image(&self, head: &Descriptor) -> io::Result<Option<Image>> {
        let Some(bytes) = self.read(&head.digest)? else { return Ok(None) };
        let Ok(manifest) = Manifest::parse(&bytes, Some(&head.media_type)) else { return Ok(None) };
        if !manifest.is_index() {
            return Ok(Image::of(&manifest, |digest| self.done.contains_key(digest)));
        }
        let here = Platforms::of(&bytes).only(&manifest, &Platform::host()).cloned();
        for child in here.iter().chain(&manifest.manifests) {
            let Some(bytes) = self.read(&child.digest)? else { continue };
            let Ok(manifest) = Manifest::parse(&bytes, Some(&child.media_type)) else { continue };
            if let Some(image) = Image::of(&manifest, |digest| self.done.contains_key(digest)) {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    /// Docker's list of images: each head once, with all its names.
    fn images(&self) -> io::Result<Vec<Image>> {
        let heads = list::read(&self.list).map_err(io::Error::other)?;
        let mut images: Vec<(Digest, Image)> = Vec::new();
        for head in heads {
            let name = head.annotations.as_ref().and_then(|texts| texts.get(list::IMAGE_NAME)).cloned();
            let known = images.iter().position(|(digest, _)| *digest == head.digest);
            let place = match known {
                Some(place) => place,
                None => {
                    let Some(image) = self.image(&head)? else { continue };
                    images.push((head.digest, image));
                    images.len() - 1
                }
            };
            images[place].1.repo_tags.extend(name);
        }
        Ok(images.into_iter().map(|(_, image)| image).collect())
    }

    /// Writes the end.
    fn finish(&mut self) -> io::Result<Option<NamedTempFile>> {
        if self.beside.is_none() {
            return Ok(None);
        }
        for (number, place) in std::mem::take(&mut self.free).into_values().enumerate() {
            // Its old header may have taken more than one block; each of them has to be one that means nothing.
            let blocks = (place.bytes - place.header) / BLOCK_BYTES;
            for block in 0..blocks {
                let size = if block + 1 == blocks { place.size } else { 0 };
                let void = header(&format!("{VOID}-{number}"), size)?;
                self.file.write_all_at(&void, place.header + block * BLOCK_BYTES)?;
            }
        }
        self.append(MARK, MARK_TEXT)?;
        let list = self.list.clone();
        self.append(LIST, &list)?;
        let images = serde_json::to_vec(&self.images()?)?;
        self.append(docker::MANIFEST, &images)?;
        self.file.set_len(self.end + 2 * BLOCK_BYTES)?;
        Ok(self.beside.take())
    }
}

/// A place that waits for its bytes.
struct Reserved {
    state: Arc<Mutex<State>>,
    digest: Digest,
    place: Place,
    finished: bool,
}

impl Reserved {
    fn new(state: &Arc<Mutex<State>>, digest: Digest, size: u64) -> io::Result<Reserved> {
        let mut held = state.lock();
        let free = match held.free.remove(&digest) {
            Some(place) if place.size == size => Some(place),
            Some(other) => {
                held.free.insert(digest, other);
                None
            }
            None => None,
        };
        let place = match free {
            Some(place) => place,
            None => held.place(&path(&digest), size)?,
        };
        drop(held);
        Ok(Reserved { state: state.clone(), digest, place, finished: false })
    }

    fn fill(mut self, expected: &Descriptor, waiting: mpsc::Receiver<Option<Bytes>>) -> Result<(), Error> {
        let file = self.state.lock().file.clone();
        write::checked(At { file, at: self.place.bytes }, expected, waiting)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        let places = if self.finished { &mut state.done } else { &mut state.free };
        places.insert(self.digest, self.place);
    }
}

/// Writes at a place of its own.
struct At {
    file: Arc<File>,
    at: u64,
}

impl io::Write for At {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Target for Writer {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn keeps_whole(&self) -> bool {
        false
    }

    fn verifies(&self) -> bool {
        true
    }

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        Ok(self.state.lock().done.contains_key(&descriptor.digest))
    }

    async fn put_blob(&self, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), Error> {
        let mut body = origin.open(0).await?;
        let (chunks, waiting) = mpsc::channel(WAITING_CHUNKS);
        let (state, expected, failed) = (self.state.clone(), descriptor.clone(), self.failed());
        let written = tokio::task::spawn_blocking(move || {
            Reserved::new(&state, expected.digest, expected.size).map_err(failed)?.fill(&expected, waiting)
        });
        write::feed(&mut body, descriptor, chunks).await?;
        written.await.map_err(|error| self.failed()(io::Error::other(error)))?
    }

    async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.state.lock().done.contains_key(digest))
    }

    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag], rank: Rank) -> Result<(), Error> {
        let (state, manifest, tags) = (self.state.clone(), manifest.clone(), tags.to_vec());
        let (repository, failed) = (self.repository.clone(), self.failed());
        blocking(move || {
            let mut state = state.lock();
            if !state.done.contains_key(&manifest.digest) {
                let place = state.append(&path(&manifest.digest), &manifest.bytes).map_err(&failed)?;
                state.done.insert(manifest.digest, place);
            }
            if rank == Rank::Part && tags.is_empty() {
                return Ok(());
            }
            let list = list::add(&state.list, &write::described(&manifest), &tags, repository.as_deref());
            state.list = list.map_err(|error| failed(io::Error::other(error)))?;
            Ok(())
        })
        .await
    }

    /// Ends the archive and gives it its name. Closed again, it stays as it is.
    async fn close(&self) -> Result<(), Error> {
        let (state, failed) = (self.state.clone(), self.failed());
        let (path, synced) = (self.path.clone(), self.synced);
        blocking(move || match state.lock().finish().map_err(failed)? {
            Some(file) => write::rename(file, &path, synced),
            None => Ok(()),
        })
        .await
    }
}
