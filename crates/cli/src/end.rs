//! From what people write to what is copied from and to: repositories, folders, archives.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::sync::Mutex;
use wharf_client::http::Http;
use wharf_client::origin::Origin;
use wharf_client::registry::Registry;
use wharf_client::remote::Remote;
use wharf_content::layout::{Head, Layout};
use wharf_content::source::Source;
use wharf_content::target::Target;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::COPY_MANIFESTS_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, RepositoryName, Tag};

use crate::args::end::{End, Place, ReachArgs};
use crate::args::remote::ServerArgs;
use crate::session;

/// How registries are reached: one talk with each for all that a command does there, so that logins, tokens and connections
/// are shared.
pub struct Reach {
    http: Arc<Http>,
    plain_http: Option<bool>,
    known: Mutex<HashMap<String, Arc<Registry>>>,
}

impl Reach {
    /// As the arguments say. Nothing is sent yet.
    ///
    /// # Errors
    /// The file of certificates cannot be read.
    pub fn new(args: &ReachArgs) -> Result<Reach> {
        let server = ServerArgs { ca_file: args.ca_file.clone(), ..ServerArgs::default() };
        let http = Arc::new(session::http(&server)?);
        Ok(Reach { http, plain_http: args.plain_http, known: Mutex::default() })
    }

    /// The registry at `host`, as whoever is logged in there.
    ///
    /// # Errors
    /// It is none that may be spoken to, or the logins cannot be read.
    pub async fn registry(&self, host: &str) -> Result<Arc<Registry>> {
        let mut known = self.known.lock().await;
        let place = match known.entry(host.to_owned()) {
            Entry::Occupied(found) => return Ok(found.get().clone()),
            Entry::Vacant(place) => place,
        };
        let origin = match self.plain_http {
            Some(false) => Origin::parse(&format!("https://{host}"), false),
            plain => Origin::parse(host, plain == Some(true)),
        };
        let origin = origin.map_err(wharf_client::error::Error::from)?;
        let login = session::credentials().get(&origin).await?;
        Ok(place.insert(Arc::new(Registry::new(self.http.clone(), origin, login))).clone())
    }

    /// A repository there.
    ///
    /// # Errors
    /// As [`Reach::registry`].
    pub async fn repository(&self, host: &str, repository: &RepositoryName) -> Result<Remote> {
        Ok(Remote::new(self.registry(host).await?, repository.clone()))
    }

    /// The repository that a reference is about.
    ///
    /// # Errors
    /// As [`Reach::registry`].
    pub async fn remote(&self, image: &ImageRef) -> Result<Remote> {
        self.repository(&image.host, &image.repository).await
    }
}

impl End {
    /// What is read from.
    ///
    /// # Errors
    /// There is no such folder or file, or it is none; or as [`Reach::registry`].
    pub async fn source(&self, reach: &Reach) -> Result<Box<dyn Source>> {
        Ok(match self {
            End::Registry(image) => Box::new(reach.remote(image).await?),
            End::Layout(place) => Box::new(Layout::open(&place.path).await?),
            End::OciArchive(..) | End::DockerArchive(..) => bail!("{self}: archives are not read yet"),
        })
    }

    /// What is meant in it: as written, else the only thing that is there.
    ///
    /// # Errors
    /// It cannot be read, or there are several things.
    pub async fn reference(&self, source: &dyn Source) -> Result<Reference> {
        match self {
            End::Registry(image) => Ok(image.reference()),
            End::Layout(Place { reference: Some(reference), .. })
            | End::OciArchive(Place { reference: Some(reference), .. }) => Ok(reference.clone()),
            End::Layout(place) => self.only(source, Layout::open(&place.path).await?.heads().await?).await,
            End::OciArchive(..) | End::DockerArchive(..) => bail!("{self}: archives are not read yet"),
        }
    }

    /// The only one of these that refers to no other.
    async fn only(&self, source: &dyn Source, heads: Vec<Head>) -> Result<Reference> {
        let mut digests: Vec<_> = heads.iter().map(|head| head.descriptor.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        digests.truncate(COPY_MANIFESTS_MAX);
        let mut roots = Vec::new();
        for digest in digests {
            let found = source.manifest(&Reference::Digest(digest)).await?;
            let manifest = found.and_then(|found| Manifest::parse(&found.bytes, Some(&found.media_type)).ok());
            if manifest.is_some_and(|manifest| manifest.subject.is_none()) {
                roots.push(digest);
            }
        }
        let tags: Vec<&str> = heads.iter().filter_map(|head| head.tag.as_ref()).map(Tag::as_str).take(20).collect();
        match roots[..] {
            [] => bail!("there is nothing in {self}"),
            [only] => Ok(Reference::Digest(only)),
            _ => bail!(
                "there are several things in {self}; say which, by :TAG or @DIGEST; there are {}",
                tags.join(", ")
            ),
        }
    }

    /// What is written to; folders are made.
    ///
    /// # Errors
    /// It cannot be written to; or as [`Reach::registry`].
    pub async fn target(&self, reach: &Reach) -> Result<Box<dyn Target>> {
        Ok(match self {
            End::Registry(image) => Box::new(reach.remote(image).await?),
            End::Layout(place) => Box::new(Layout::create(&place.path).await?),
            End::OciArchive(..) | End::DockerArchive(..) => bail!("{self}: archives are not written yet"),
        })
    }
}
