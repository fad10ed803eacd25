//! One repository of a registry, over the Distribution API: both ends of a copy, and what else there is to ask.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use wharf_client::{credentials::Credentials, http::{Http, HttpSettings}, origin::Origin};
//! use wharf_client::{registry::Registry, remote::Remote};
//! use wharf_content::source::Source as _;
//! use wharf_model::image_ref::ImageRef;
//!
//! let image: ImageRef = "registry.example.com/acme/app:v1".parse()?;
//! let origin = Origin::parse(&image.host, false)?;
//! let login = Credentials::from_env(|name| std::env::var_os(name)).get(&origin).await?;
//! let http = Arc::new(Http::new(HttpSettings::default())?);
//! let remote = Remote::new(Arc::new(Registry::new(http, origin, login)), image.repository.clone());
//! let manifest = remote.manifest(&image.reference()).await?;
//! # let _ = manifest;
//! # Ok(())
//! # }
//! ```

mod lists;
mod manifests;
mod referrers;
mod source;
mod target;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::HeaderName;
use reqwest::{Method, StatusCode, Url};
use wharf_content::body::Body;
use wharf_content::error::Error as ContentError;
use wharf_content::source::{Home, Source as _};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Digest, Hasher};
use wharf_model::name::RepositoryName;

pub use manifests::Resolved;

use crate::error::Error;
use crate::registry::{Ask, Registry};

/// What a registry calls some content by.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Largest answer that has nothing but an error in it, in bytes.
pub(crate) const SMALL_BYTES_MAX: usize = 1 << 20;
/// Most uploads that were begun in vain by a mount and are kept for the blob itself.
const UPLOADS_KEPT_MAX: usize = 1_000;

/// See the module.
pub struct Remote {
    registry: Arc<Registry>,
    repository: RepositoryName,
    /// Uploads that a registry has begun in place of a mount, by what is to be uploaded.
    begun: Mutex<HashMap<Digest, Url>>,
    /// One change of a fallback tag at a time.
    fallback: tokio::sync::Mutex<()>,
}

impl Remote {
    /// The repository of that name there. Nothing is sent yet.
    pub fn new(registry: Arc<Registry>, repository: RepositoryName) -> Remote {
        Remote { registry, repository, begun: Mutex::default(), fallback: tokio::sync::Mutex::default() }
    }

    /// The registry that it is in.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// What it is called there.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Where it is, for mounts.
    pub(crate) fn place(&self) -> Home {
        Home { registry: self.registry.origin().to_string(), repository: self.repository.clone() }
    }

    /// All of a small blob, such as a config, verified; `None` where it is not there.
    ///
    /// # Errors
    /// It is larger than `max` bytes, or cannot be had, or is not what its digest says.
    pub async fn small_blob(&self, descriptor: &Descriptor, max: usize) -> Result<Option<Bytes>, ContentError> {
        if descriptor.size > max as u64 {
            let why = format!("{} is larger than {max} bytes", descriptor.digest);
            return Err(ContentError::Form { place: self.to_string(), why });
        }
        let Some(mut body) = self.blob(descriptor, 0).await? else { return Ok(None) };
        let bytes = collect(self, &mut body, descriptor, max).await?;
        let mut hasher = Hasher::new(descriptor.digest.algorithm());
        hasher.update(&bytes);
        let actual = hasher.finish();
        if actual != descriptor.digest {
            return Err(ContentError::Wrong {
                place: self.to_string(),
                expected: descriptor.digest,
                actual: Box::new(actual),
            });
        }
        Ok(Some(bytes))
    }

    /// What the registry says of a blob's size; `None` where it is not there, or it does not say.
    ///
    /// # Errors
    /// The registry cannot be asked.
    pub async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let answer = self.registry.fetch(&self.pull(Method::HEAD, &format!("blobs/{digest}")), SMALL_BYTES_MAX).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.registry.success(answer)?;
        let length = answer.headers.get(reqwest::header::CONTENT_LENGTH);
        Ok(length.and_then(|length| length.to_str().ok()?.parse().ok()))
    }

    /// Whether the registry has a blob.
    pub(crate) async fn has(&self, digest: &Digest) -> Result<bool, Error> {
        let answer = self.registry.fetch(&self.pull(Method::HEAD, &format!("blobs/{digest}")), SMALL_BYTES_MAX).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(false),
            _ => self.registry.success(answer).map(|_| true),
        }
    }

    /// Takes a blob away; `false` where it was not there.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the registry never does that; else it refuses, or cannot be asked.
    pub async fn delete_blob(&self, digest: &Digest) -> Result<bool, Error> {
        self.delete(&format!("blobs/{digest}"), "does not delete blobs").await
    }

    async fn delete(&self, rest: &str, what: &str) -> Result<bool, Error> {
        let scopes = vec![format!("repository:{}:delete", self.repository), self.scope("pull")];
        let ask = self.registry.ask(Method::DELETE, &self.path(rest), scopes);
        let answer = self.registry.send(&ask, SMALL_BYTES_MAX).await?;
        match answer.status.as_u16() {
            404 => Ok(false),
            405 | 501 => {
                let server = self.registry.origin().name().to_owned();
                Err(Error::Unsupported { server, what: what.to_owned() })
            }
            _ => self.registry.success(answer).map(|_| true),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.repository)
    }

    fn scope(&self, actions: &str) -> String {
        format!("repository:{}:{actions}", self.repository)
    }

    /// A request that reads.
    pub(crate) fn pull(&self, method: Method, rest: &str) -> Ask {
        self.registry.ask(method, &self.path(rest), vec![self.scope("pull")])
    }

    /// A request that writes.
    pub(crate) fn push(&self, method: Method, rest: &str) -> Ask {
        self.registry.ask(method, &self.path(rest), vec![self.scope("pull,push")])
    }

    /// The same at a URL that the registry has given.
    pub(crate) fn push_at(&self, method: Method, url: Url) -> Ask {
        let mut ask = self.push(method, "");
        ask.call.url = url;
        ask
    }

    pub(crate) fn keep_upload(&self, digest: Digest, url: Url) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() < UPLOADS_KEPT_MAX {
            begun.insert(digest, url);
        }
    }

    pub(crate) fn take_upload(&self, digest: &Digest) -> Option<Url> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(digest)
    }
}

async fn collect(remote: &Remote, body: &mut Body, descriptor: &Descriptor, max: usize) -> Result<Bytes, ContentError> {
    match body.collect(max).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(read)) => Err(ContentError::Length {
            place: remote.to_string(),
            digest: descriptor.digest,
            expected: descriptor.size,
            actual: read.len() as u64,
        }),
        Err(broken) => {
            let what = format!("reading {} from {remote}", descriptor.digest);
            Err(ContentError::Io { what, error: broken.error })
        }
    }
}

/// As people write it.
impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry.origin().name(), self.repository)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({self})")
    }
}
