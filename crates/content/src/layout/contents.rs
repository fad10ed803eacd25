//! What is in a layout, read from wherever its files are: a folder, an archive.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::{COPY_DEPTH_MAX, COPY_MANIFESTS_MAX, MANIFEST_BYTES_MAX};
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, Tag};

use super::files::{Files, Part};
use super::{LIST, blocking, list};
use crate::body::Body;
use crate::error::Error;
use crate::source::Fetched;

/// Size of the chunks in which files are read, in bytes.
const CHUNK_BYTES: u64 = 256 << 10;

/// What is found by itself in a layout or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub descriptor: Descriptor,
    /// Its tag.
    pub tag: Option<Tag>,
    /// Its whole name where that is known: `registry.example.com/acme/app:1`.
    pub name: Option<String>,
}

/// Who refers to what, as of one state of the list.
#[derive(Debug)]
struct Referrers {
    list: Digest,
    by_subject: HashMap<Digest, Vec<Descriptor>>,
}

/// The contents of a layout.
#[derive(Debug)]
pub(crate) struct Contents<F> {
    name: String,
    files: Arc<F>,
    referrers: Arc<Mutex<Option<Arc<Referrers>>>>,
}

impl<F: Files> Contents<F> {
    pub(crate) fn new(name: String, files: Arc<F>) -> Contents<F> {
        Contents { name, files, referrers: Arc::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Refuses what has no `mark`.
    pub(crate) async fn check(&self, mark: &'static str) -> Result<(), Error> {
        let has = self.read(move |reader| Ok(reader.size(mark)?.is_some())).await?;
        let why = "not an OCI image layout: there is no oci-layout in it";
        if has { Ok(()) } else { Err(Error::form(&self.name, why)) }
    }

    pub(crate) async fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let path = path(digest);
        self.read(move |reader| reader.size(&path)).await
    }

    pub(crate) async fn heads(&self) -> Result<Vec<Head>, Error> {
        self.read(|reader| Ok(reader.entries()?.1.into_iter().map(head).collect())).await
    }

    pub(crate) async fn tags(&self) -> Result<Vec<Tag>, Error> {
        let entries = self.read(|reader| reader.entries()).await?.1;
        let mut tags: Vec<Tag> = entries.iter().filter_map(list::tag).collect();
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    pub(crate) async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        let reference = reference.clone();
        self.read(move |reader| reader.manifest(&reference)).await
    }

    pub(crate) async fn blob(&self, digest: &Digest, from: u64) -> Result<Option<Body>, Error> {
        let path = path(digest);
        let part = self.read(move |reader| reader.open(&path, from)).await?;
        Ok(part.map(body))
    }

    pub(crate) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let (subject, known) = (*subject, self.referrers.clone());
        self.read(move |reader| {
            let (list, entries) = reader.entries()?;
            let mut known = known.lock();
            let referrers = match &*known {
                Some(referrers) if referrers.list == list => referrers.clone(),
                _ => Arc::new(Referrers { list, by_subject: reader.by_subject(&entries)? }),
            };
            *known = Some(referrers.clone());
            Ok(referrers.by_subject.get(&subject).cloned().unwrap_or_default())
        })
        .await
    }

    /// Reads in a thread that may wait.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader<F>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let reader = Reader { name: self.name.clone(), files: self.files.clone() };
        blocking(move || work(&reader)).await
    }
}

fn head(descriptor: Descriptor) -> Head {
    let name = list::whole_name(&descriptor).map(str::to_owned);
    Head { tag: list::tag(&descriptor), name, descriptor }
}

/// The path of a blob.
pub(crate) fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// The bytes of an open file as a stream, each chunk read in a thread that may wait.
pub(crate) fn body(part: Part) -> Body {
    let length = part.length;
    let chunks = stream::unfold(Some(part), |part| async move {
        let part = part.filter(|part| part.length > 0)?;
        let (chunk, part) = match tokio::task::spawn_blocking(move || chunk(part)).await {
            Ok(Ok((chunk, part))) => (Ok(chunk), Some(part)),
            Ok(Err(error)) => (Err(error), None),
            Err(error) => (Err(io::Error::other(error)), None),
        };
        Some((chunk, part))
    });
    Body::new(Some(length), chunks)
}

fn chunk(mut part: Part) -> io::Result<(Bytes, Part)> {
    let wanted = part.length.min(CHUNK_BYTES);
    let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
    (&mut part).take(wanted).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
    }
    Ok((bytes.into(), part))
}

/// The same, for who may wait.
struct Reader<F> {
    name: String,
    files: Arc<F>,
}

impl<F: Files> Reader<F> {
    fn size(&self, path: &str) -> Result<Option<u64>, Error> {
        self.files.size(path).map_err(|error| self.failed(path, error))
    }

    fn open(&self, path: &str, from: u64) -> Result<Option<Part>, Error> {
        self.files.open(path, from).map_err(|error| self.failed(path, error))
    }

    fn failed(&self, path: &str, error: io::Error) -> Error {
        Error::Io { what: format!("read {path} in {}", self.name), error }
    }

    /// A file as a whole, if it is not larger than a manifest may be.
    fn small(&self, path: &str) -> Result<Option<Bytes>, Error> {
        let Some(mut part) = self.open(path, 0)? else { return Ok(None) };
        let limit = MANIFEST_BYTES_MAX as u64;
        if part.length > limit {
            return Err(Error::form(&self.name, format!("{path} is larger than {limit} bytes")));
        }
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).map_err(|error| self.failed(path, error))?;
        Ok(Some(bytes.into()))
    }

    /// The entries of the list, and what names its state.
    fn entries(&self) -> Result<(Digest, Vec<Descriptor>), Error> {
        let bytes = self.small(LIST)?.ok_or_else(|| self.missing(LIST))?;
        let entries = list::read(&bytes).map_err(|error| Error::form(&self.name, error))?;
        Ok((Digest::of(Algorithm::Sha256, &bytes), entries))
    }

    fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        match reference {
            Reference::Digest(digest) => self.by_digest(digest),
            Reference::Tag(tag) => match self.tagged(tag)? {
                Some(digest) => self.by_digest(&digest)?.ok_or_else(|| self.missing(digest)).map(Some),
                None => Ok(None),
            },
        }
    }

    fn missing(&self, what: impl ToString) -> Error {
        Error::Missing { what: what.to_string(), place: self.name.clone() }
    }

    /// What has the tag. Where images of several repositories do, nobody can know which is meant.
    fn tagged(&self, tag: &Tag) -> Result<Option<Digest>, Error> {
        let mut entries = self.entries()?.1.into_iter().filter(|entry| list::tag(entry).as_ref() == Some(tag));
        let Some(first) = entries.next() else { return Ok(None) };
        match entries.find(|other| other.digest != first.digest) {
            Some(other) => Err(Error::form(
                &self.name,
                format!("both {} and {} have the tag {tag}; name one by its digest", first.digest, other.digest),
            )),
            None => Ok(Some(first.digest)),
        }
    }

    fn by_digest(&self, digest: &Digest) -> Result<Option<Fetched>, Error> {
        let Some(bytes) = self.small(&path(digest))? else { return Ok(None) };
        let actual = Digest::of(digest.algorithm(), &bytes);
        if actual != *digest {
            return Err(Error::Wrong { place: self.name.clone(), expected: *digest, actual: Box::new(actual) });
        }
        let manifest = Manifest::parse(&bytes, None)
            .map_err(|error| Error::form(&self.name, format!("{digest} is no manifest: {error}")))?;
        Ok(Some(Fetched { media_type: manifest.media_type, digest: *digest, bytes }))
    }

    /// All that refers to something, of what the list names and the indexes in it do. What is not there or no manifest refers
    /// to nothing: an index may be sparse.
    fn by_subject(&self, entries: &[Descriptor]) -> Result<HashMap<Digest, Vec<Descriptor>>, Error> {
        let mut by_subject: HashMap<Digest, Vec<Descriptor>> = HashMap::new();
        let mut seen = HashSet::new();
        let mut next: Vec<(Digest, usize)> = entries.iter().rev().map(|entry| (entry.digest, 0)).collect();
        while let Some((digest, depth)) = next.pop() {
            if !seen.insert(digest) {
                continue;
            }
            if seen.len() > COPY_MANIFESTS_MAX {
                return Err(Error::form(
                    &self.name,
                    format!("there are more than {COPY_MANIFESTS_MAX} manifests in it"),
                ));
            }
            let size = self.size(&path(&digest))?;
            if size.is_none_or(|size| size > MANIFEST_BYTES_MAX as u64) {
                continue;
            }
            let fetched = match self.by_digest(&digest) {
                Ok(Some(fetched)) => fetched,
                Ok(None) | Err(Error::Form { .. } | Error::Wrong { .. }) => continue,
                Err(error) => return Err(error),
            };
            let Ok(manifest) = Manifest::parse(&fetched.bytes, Some(&fetched.media_type)) else { continue };
            if let Some(subject) = &manifest.subject {
                let referrer = manifest.as_referrer(digest, fetched.bytes.len() as u64);
                by_subject.entry(subject.digest).or_default().push(referrer);
            }
            if depth < COPY_DEPTH_MAX {
                next.extend(manifest.manifests.iter().map(|child| (child.digest, depth + 1)));
            }
        }
        Ok(by_subject)
    }
}
