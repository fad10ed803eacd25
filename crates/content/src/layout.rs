//! A folder that holds artifacts (image-spec, "Image Layout"): `oci-layout`, `index.json`, `blobs/<algorithm>/<hex>`.
//!
//! **Reading** takes nothing for granted: paths are made of digests that were parsed, `index.json` and manifests are bounded,
//! only plain files are opened, and whoever reads a blob checks it ([`crate::verify`]).
//!
//! **Writing.** A blob is written beside (`.wharf-….part` in the folder), checked, synced to the disk and renamed, so that a
//! file of a blob's name has all of the blob. `index.json` is replaced by a rename too, after the folders of what it names
//! have been synced, and under a lock (`.wharf.lock`, `flock`), so that of several writers, in one process or more, each
//! adds to what the others wrote. Syncing can be turned off ([`Layout::unsynced`]); then a power cut, but not the end of the
//! process, may leave blobs of the right name and length with wrong bytes.
//!
//! A tag is the annotation `org.opencontainers.image.ref.name` of an entry of `index.json`. Setting one takes the entry out
//! that had it, as other tools do; its blobs stay. Entries and fields that are not understood stay as they are.

pub(crate) mod contents;
pub(crate) mod files;
pub(crate) mod list;
pub(crate) mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::name::{Reference, Tag};

use crate::body::Body;
use crate::error::Error;
use crate::source::{Fetched, Source};
use crate::target::{Origin, Rank, Target};
use contents::Contents;
pub use contents::Head;
use files::Folder;

/// The file that says that a folder is a layout, and its only content.
pub(crate) const MARK: &str = "oci-layout";
/// What is in [`MARK`].
pub(crate) const MARK_TEXT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// The list of what is in a layout.
pub(crate) const LIST: &str = "index.json";

/// A folder of artifacts, to read from and write to.
#[derive(Debug)]
pub struct Layout {
    contents: Contents<Folder>,
    root: PathBuf,
    synced: bool,
}

impl Layout {
    /// The layout in the folder `root`, to be read.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn open(root: impl Into<PathBuf>) -> Result<Layout, Error> {
        let layout = Layout::at(root.into());
        layout.contents.check(MARK).await?;
        Ok(layout)
    }

    /// The layout in the folder `root`, to be written to: made, with the folder, where there is none. What is left of writers
    /// that died more than a day ago is removed.
    ///
    /// # Errors
    /// The folder has other things in it, or cannot be written to.
    pub async fn create(root: impl Into<PathBuf>) -> Result<Layout, Error> {
        let root = root.into();
        let made = root.clone();
        blocking(move || write::prepare(&made)).await?;
        Layout::open(root).await
    }

    fn at(root: PathBuf) -> Layout {
        let name = root.display().to_string();
        Layout { contents: Contents::new(name, Arc::new(Folder::new(root.clone()))), root, synced: true }
    }

    /// Leaves it to the system when what is written reaches the disk.
    #[must_use]
    pub fn unsynced(mut self) -> Layout {
        self.synced = false;
        self
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is found by itself here, in the order of `index.json`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn heads(&self) -> Result<Vec<Head>, Error> {
        self.contents.heads().await
    }
}

#[async_trait]
impl Source for Layout {
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

#[async_trait]
impl Target for Layout {
    fn name(&self) -> String {
        self.contents.name().to_owned()
    }

    fn keeps_whole(&self) -> bool {
        false
    }

    fn verifies(&self) -> bool {
        true
    }

    /// By the length of its file.
    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        Ok(self.contents.size(&descriptor.digest).await? == Some(descriptor.size))
    }

    async fn put_blob(&self, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), Error> {
        let body = origin.open(0).await?;
        write::blob(&self.root, self.synced, descriptor, body).await
    }

    async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.contents.size(digest).await?.is_some())
    }

    async fn put_manifest(&self, manifest: &Fetched, tags: &[Tag], rank: Rank) -> Result<(), Error> {
        let (root, synced) = (self.root.clone(), self.synced);
        let (manifest, tags) = (manifest.clone(), tags.to_vec());
        blocking(move || write::manifest(&root, synced, &manifest, &tags, rank)).await
    }
}

/// Does what waits for the disk in a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Io { what: "work with files".to_owned(), error: std::io::Error::other(error) }),
    }
}
