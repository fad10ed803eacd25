//! Artifacts in a tar: an OCI archive (the tar of an image layout) or what `docker save` writes.
//!
//! **Reading** ([`Archive`]) makes one pass over the headers; blobs are read from where they lie then, so a plain tar has to be a
//! file. One that is compressed (gzip, zstd) is unpacked into a temporary file first. An archive that is a layout is read as
//! one. Of one that has only Docker's `manifest.json`, OCI manifests are made: the layers as they lie, packed or not, the
//! config as it is; its layers are read once for their digests, and where they are plain those have to be the config's.
//!
//! **Writing** ([`Writer`]) makes a tar that is both: a layout, and with `manifest.json` what `docker load` (of any age), podman
//! and skopeo read. Of an index, `manifest.json` names the image for this machine's processor, else its first. Blobs are
//! written side by side, each where its place is, into a file beside, which gets its name in [`Target::close`].
//!
//! [`Target::close`]: crate::target::Target::close

mod docker;
mod tape;
mod writer;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::ARCHIVE_UNPACKED_BYTES_MAX;
use wharf_model::name::{Reference, Tag};

use crate::body::Body;
use crate::error::Error;
use crate::layout::contents::Contents;
use crate::layout::files::{Files, Part};
use crate::layout::{Head, LIST, MARK, blocking};
use crate::source::{Fetched, Source};
use tape::Tape;
pub use writer::Writer;

/// An archive to read from.
#[derive(Debug)]
pub struct Archive {
    contents: Contents<Tape>,
}

impl Archive {
    /// The archive in the file `path`. The temporary file of a compressed one is in the system's folder for those (`TMPDIR`).
    ///
    /// # Errors
    /// It cannot be read, is neither form of archive, or exceeds its bounds
    /// ([`ARCHIVE_ENTRIES_MAX`](wharf_model::limits::ARCHIVE_ENTRIES_MAX), [`ARCHIVE_UNPACKED_BYTES_MAX`]).
    pub async fn open(path: impl Into<PathBuf>) -> Result<Archive, Error> {
        let path = path.into();
        let name = path.display().to_string();
        let place = name.clone();
        let tape = blocking(move || {
            let what = || format!("read {place}");
            let plain = File::open(&path).and_then(plain).map_err(|error| Error::from_io(error, what))?;
            let mut tape = Tape::read(plain).map_err(|error| Error::from_io(error, what))?;
            settle(&mut tape, &place)?;
            Ok(tape)
        })
        .await?;
        Ok(Archive { contents: Contents::new(name, Arc::new(tape)) })
    }

    /// What is found by itself in it, with whole names where they are known.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn heads(&self) -> Result<Vec<Head>, Error> {
        self.contents.heads().await
    }
}

/// Makes a layout of what is none.
fn settle(tape: &mut Tape, place: &str) -> Result<(), Error> {
    let has = |path: &str| tape.size(path).map(|size| size.is_some());
    let what = || format!("read {place}");
    let is_layout = has(MARK).and_then(|mark| Ok(mark && has(LIST)?)).map_err(|error| Error::from_io(error, what))?;
    if is_layout {
        return Ok(());
    }
    if !has(docker::MANIFEST).map_err(|error| Error::from_io(error, what))? {
        return Err(Error::form(place, "neither an OCI archive (index.json) nor one of Docker (manifest.json)"));
    }
    docker::convert(tape, place)
}

/// The file as a plain tar: itself, or a temporary one.
fn plain(file: File) -> io::Result<File> {
    let mut magic = [0; 4];
    let mut start = Part { file: Arc::new(file.try_clone()?), start: 0, length: 4 };
    let length = read_up_to(&mut start, &mut magic)?;
    match &magic[..length] {
        [0x1f, 0x8b, ..] => unpacked(flate2::read::MultiGzDecoder::new(io::BufReader::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd] => unpacked(zstd::Decoder::new(file)?),
        _ => Ok(file),
    }
}

fn unpacked(from: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let length = io::copy(&mut from.take(ARCHIVE_UNPACKED_BYTES_MAX + 1), &mut file)?;
    if length > ARCHIVE_UNPACKED_BYTES_MAX {
        let text = format!("it unpacks to more than {ARCHIVE_UNPACKED_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(file)
}

fn read_up_to(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match from.read(&mut bytes[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

#[async_trait]
impl Source for Archive {
    fn name(&self) -> String {
        self.contents.name().to_owned()
    }

    async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        self.contents.manifest(reference).await
    }

    async fn blob(&self, descriptor: &Descriptor, from: u64) -> Result<Option<Body>, Error> {
        self.contents.blob(&descriptor.digest, from).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        self.contents.referrers(subject).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, Error> {
        self.contents.tags().await
    }
}
