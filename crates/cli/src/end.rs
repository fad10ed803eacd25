//! From what people write to what is copied from and to: repositories, folders, archives.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::sync::Mutex;
use wharf_client::http::Http;
use wharf_client::origin::Origin;
use wharf_client::registry::Registry;
use wharf_client::remote::Remote;
use wharf_content::archive::{Archive, Writer};
use wharf_content::layout::{Head, Layout};
use wharf_content::memory::Memory;
use wharf_content::source::Source;
use wharf_content::target::Target;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, RepositoryName, Tag};

use crate::args::end::{End, Place, ReachArgs};
use crate::args::remote::ServerArgs;
use crate::{known, session};

/// How many names are shown where one has to be chosen.
const SHOWN: usize = 20;

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
        let server = ServerArgs { tls: args.tls.clone(), ..ServerArgs::default() };
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
        let found = known::abilities(&origin);
        let registry = Registry::new(self.http.clone(), origin, login);
        registry.learn(|abilities| *abilities = found);
        Ok(place.insert(Arc::new(registry)).clone())
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

/// An end that is read from.
pub struct Opened {
    /// What is read.
    pub source: Arc<dyn Source>,
    /// How it was written.
    end: End,
    /// The same as the source, where it is a repository.
    remote: Option<Remote>,
    /// What is found by itself there, but for registries.
    heads: Vec<Head>,
}

impl Opened {
    /// What is meant in it: as written, else the only thing that is there.
    ///
    /// # Errors
    /// It cannot be read, or there are several things.
    pub async fn reference(&self) -> Result<Reference> {
        match &self.end {
            End::Registry(image) => Ok(image.reference()),
            End::Layout(Place { reference: Some(reference), .. })
            | End::OciArchive(Place { reference: Some(reference), .. }) => Ok(reference.clone()),
            End::Layout(_) | End::OciArchive(_) | End::DockerArchive(_, None) => self.only().await,
            End::DockerArchive(_, Some(image)) => {
                let is_it = |name: &String| name.parse::<ImageRef>().is_ok_and(|name| name == *image);
                let head = self.heads.iter().find(|head| head.name.as_ref().is_some_and(is_it));
                let names: Vec<&str> = self.heads.iter().filter_map(|head| head.name.as_deref()).take(SHOWN).collect();
                let none = || format!("there is no {image} in {}; there is: {}", self.source.name(), names.join(", "));
                Ok(Reference::Digest(head.with_context(none)?.descriptor.digest))
            }
        }
    }

    /// The bundle that is meant in it: as written, else the only thing that has a tag, as the images that a bundle locks have
    /// none where it lies in a folder or an archive; else the only thing that is there.
    ///
    /// # Errors
    /// As [`Opened::reference`].
    pub async fn bundle(&self) -> Result<Reference> {
        let tags: BTreeSet<&Tag> = self.heads.iter().filter_map(|head| head.tag.as_ref()).collect();
        match (&self.end, tags.first()) {
            (
                End::Layout(Place { reference: None, .. }) | End::OciArchive(Place { reference: None, .. }),
                Some(tag),
            ) if tags.len() == 1 => Ok(Reference::Tag((*tag).clone())),
            _ => self.reference().await,
        }
    }

    /// The only one of the heads that refers to no other.
    async fn only(&self) -> Result<Reference> {
        let mut digests: Vec<_> = self.heads.iter().map(|head| head.descriptor.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        let mut roots = Vec::new();
        for digest in digests {
            let found = self.source.manifest(&Reference::Digest(digest)).await?;
            let manifest = found.and_then(|found| Manifest::parse(&found.bytes, Some(&found.media_type)).ok());
            if manifest.is_some_and(|manifest| manifest.subject.is_none()) {
                roots.push(digest);
            }
        }
        let tags = self.heads.iter().filter_map(|head| head.tag.as_ref()).map(Tag::as_str);
        match roots[..] {
            [] => bail!("there is nothing in {}", self.end),
            [only] => Ok(Reference::Digest(only)),
            _ => bail!(
                "there are several things in {}; say which by :TAG or @DIGEST; tags are: {}",
                self.end,
                tags.take(SHOWN).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// The digest of what is there under `reference`; `None` where nothing is. Registries are not asked for its bytes, which
    /// some count as a pull.
    ///
    /// # Errors
    /// The source cannot be asked.
    pub async fn resolve(&self, reference: &Reference) -> Result<Option<Digest>> {
        Ok(match &self.remote {
            Some(remote) => remote.resolve(reference).await?.map(|found| found.digest),
            None => self.source.manifest(reference).await?.map(|found| found.digest),
        })
    }

    /// The tag under which it is there, where it is known.
    pub fn tag(&self, reference: &Reference) -> Option<Tag> {
        match reference {
            Reference::Tag(tag) => Some(tag.clone()),
            Reference::Digest(digest) => {
                let mut heads = self.heads.iter().filter(|head| head.descriptor.digest == *digest);
                heads.find_map(|head| head.tag.clone())
            }
        }
    }
}

impl End {
    /// What is read from.
    ///
    /// # Errors
    /// There is no such folder or file, or it is none; or as [`Reach::registry`].
    pub async fn open(&self, reach: &Reach) -> Result<Opened> {
        let (source, heads): (Arc<dyn Source>, _) = match self {
            End::Registry(image) => (Arc::new(reach.remote(image).await?), Vec::new()),
            End::Layout(place) => {
                let layout = Layout::open(&place.path).await?;
                let heads = layout.heads().await?;
                (Arc::new(layout), heads)
            }
            End::OciArchive(Place { path, .. }) | End::DockerArchive(path, _) => {
                let archive = Archive::open(path).await?;
                let heads = archive.heads().await?;
                (Arc::new(archive), heads)
            }
        };
        let remote = match self {
            End::Registry(image) => Some(reach.remote(image).await?),
            End::Layout(_) | End::OciArchive(_) | End::DockerArchive(..) => None,
        };
        Ok(Opened { source, end: self.clone(), remote, heads })
    }

    /// What is written to; folders are made.
    ///
    /// # Errors
    /// It cannot be written to; or as [`Reach::registry`].
    pub async fn target(&self, reach: &Reach) -> Result<Box<dyn Target>> {
        self.target_for(reach, self).await
    }

    /// The same for what comes from `from`: archives keep the name that it has, unless they were given one.
    ///
    /// # Errors
    /// As [`End::target`].
    pub async fn target_for(&self, reach: &Reach, from: &End) -> Result<Box<dyn Target>> {
        let name = |image: &ImageRef| format!("{}/{}", image.host, image.repository);
        let name = self.image().or(from.image()).map(name);
        Ok(match self {
            End::Registry(image) => Box::new(reach.remote(image).await?),
            End::Layout(place) => Box::new(Layout::create(&place.path).await?),
            End::OciArchive(Place { path, .. }) | End::DockerArchive(path, _) => {
                Box::new(Writer::create(path, name).await?)
            }
        })
    }

    /// The whole name, where there is one.
    fn image(&self) -> Option<&ImageRef> {
        match self {
            End::Registry(image) | End::DockerArchive(_, Some(image)) => Some(image),
            End::Layout(_) | End::OciArchive(_) | End::DockerArchive(_, None) => None,
        }
    }

    /// What would be written to, to be asked what it lacks: nothing is made, and archives, which are replaced, lack
    /// everything.
    ///
    /// # Errors
    /// It cannot be read; or as [`Reach::registry`].
    pub async fn target_as_is(&self, reach: &Reach) -> Result<Box<dyn Target>> {
        Ok(match self {
            End::Registry(image) => Box::new(reach.remote(image).await?),
            End::Layout(place) if place.path.exists() => Box::new(Layout::open(&place.path).await?),
            End::Layout(_) | End::OciArchive(_) | End::DockerArchive(..) => Box::new(Memory::new()),
        })
    }
}
