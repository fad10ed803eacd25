//! Bundles, as the commands about them have them: the lock of a folder, what a bundle in a registry locks, and where it all goes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use wharf_artifact::bundle::lock::{ImagesLock, Locked, locations};
use wharf_artifact::bundle::scan::{self, Document, Mention};
use wharf_artifact::bundle::{self, LOCK, image, image_tag, locations_tag};
use wharf_artifact::config::{self, Made};
use wharf_artifact::unpack::below;
use wharf_content::copy::{Options, send};
use wharf_content::error::Error;
use wharf_content::observer::Observer;
use wharf_content::relocate::{Guide, Member, Plan, Relocated};
use wharf_content::source::{Fetched, Source};
use wharf_content::target::{Rank, Target};
use wharf_content::verify::{self, Expected};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::{BUNDLE_LOCK_BYTES_MAX, IMAGE_CONFIG_BYTES_MAX};
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, Tag};

use crate::args::bundle::ScanArgs;
use crate::args::end::End;
use crate::end::Reach;
use crate::folder::stream::reader;

/// References that are asked for at the same time.
const ASKED_AT_ONCE: usize = 8;

/// Knows bundles of imgpkg.
pub struct Imgpkg<'a> {
    reach: &'a Reach,
    /// Whether an image that is not beside its bundle is looked for where it was: not if the bundle is in a folder or an archive,
    /// which is for where there is no network.
    asks_others: bool,
}

impl<'a> Imgpkg<'a> {
    /// For bundles that are read from `from`.
    pub fn new(reach: &'a Reach, from: &End) -> Imgpkg<'a> {
        Imgpkg { reach, asks_others: matches!(from, End::Registry(_)) }
    }
}

#[async_trait]
impl Guide for Imgpkg<'_> {
    async fn locked(&self, source: &dyn Source, image: &Fetched) -> Result<Option<Vec<ImageRef>>, Error> {
        let lock = lock_of(source, image).await?;
        Ok(lock.map(|lock| lock.images.into_iter().map(|one| one.image).collect()))
    }

    async fn origin(&self, image: &ImageRef) -> Result<Option<Arc<dyn Source>>, Error> {
        if !self.asks_others {
            return Ok(None);
        }
        let remote = self.reach.remote(image).await;
        let remote = remote.map_err(|error| Error::form(image.to_string(), format!("{error:#}")))?;
        Ok(Some(Arc::new(remote)))
    }
}

/// The lock of an image that is a bundle; `None` where it is none.
///
/// # Errors
/// It is one, and its lock cannot be read.
pub async fn lock_of(source: &dyn Source, image: &Fetched) -> Result<Option<ImagesLock>, Error> {
    let Ok(manifest) = Manifest::parse(&image.bytes, Some(&image.media_type)) else { return Ok(None) };
    let is_config =
        |config: &&Descriptor| [config::IMAGE_CONFIG, image::DOCKER_CONFIG].contains(&config.media_type.as_str());
    let Some(config) = manifest.config.as_ref().filter(is_config) else { return Ok(None) };
    if !image::is_bundle(&small(source, config, IMAGE_CONFIG_BYTES_MAX).await?) {
        return Ok(None);
    }
    for layer in manifest.layers.iter().rev() {
        if let Some(bytes) = read_lock(source, layer).await? {
            let wrong = |error| Error::form(source.name(), format!("{LOCK} of {}: {error}", image.digest));
            return ImagesLock::parse(&bytes).map(Some).map_err(wrong);
        }
    }
    Err(Error::form(source.name(), format!("{} is marked as a bundle, and has no {LOCK}", image.digest)))
}

/// A blob of at most `max` bytes, verified.
///
/// # Errors
/// It is larger, is not there, or is not what its digest says.
pub async fn small(source: &dyn Source, blob: &Descriptor, max: usize) -> Result<Bytes, Error> {
    let Descriptor { digest, size, .. } = *blob;
    if size > max as u64 {
        return Err(Error::form(source.name(), format!("{digest} is larger than {max} bytes")));
    }
    let missing = || Error::Missing { what: digest.to_string(), place: source.name() };
    let body = source.blob(blob, 0).await?.ok_or_else(missing)?;
    let read = verify::whole(body, Expected { digest, size, place: source.name() }).collect(max).await;
    let read =
        read.map_err(|broken| Error::from_io(broken.error, || format!("read {digest} from {}", source.name())))?;
    Ok(read.unwrap_or_else(|start| start))
}

async fn read_lock(source: &dyn Source, layer: &Descriptor) -> Result<Option<Vec<u8>>, Error> {
    let Descriptor { digest, size, .. } = *layer;
    let missing = || Error::Missing { what: digest.to_string(), place: source.name() };
    let body = source.blob(layer, 0).await?.ok_or_else(missing)?;
    let (stream, feed) = reader(verify::whole(body, Expected { digest, size, place: source.name() }));
    let media_type = layer.media_type.clone();
    let read = spawn_blocking(move || image::read_lock(stream, &media_type));
    feed.await;
    let wrong = |error: String| Error::form(source.name(), format!("{digest}: {error}"));
    read.await.map_err(|error| wrong(error.to_string()))?.map_err(|error| wrong(error.to_string()))
}

/// All that belongs to the bundle `reference`, from where it is to `to`, there under `tags`. Where that is a registry, every image
/// has a tag that keeps it, and imgpkg finds where they went.
///
/// # Errors
/// An image is nowhere, or cannot be copied.
pub async fn relocate(
    guide: &Imgpkg<'_>,
    (source, reference): (Arc<dyn Source>, &Reference),
    (to, target): (&End, &dyn Target),
    tags: &[Tag],
    options: &Options,
    observer: &Arc<dyn Observer>,
) -> Result<Relocated> {
    let is_registry = match to {
        End::Registry(_) => true,
        End::Layout(_) | End::OciArchive(_) => false,
        End::DockerArchive(..) => bail!("{to}: an archive of Docker has no place for bundles; write oci-archive:FILE"),
    };
    let plan = Plan::of(source, reference, guide).await?;
    let kept = |digest: &Digest| image_tag(digest).filter(|_| is_registry);
    let relocated = plan.carry(target, tags, &kept, options, observer).await?;
    if is_registry && !options.dry_run {
        for bundle in plan.members() {
            tell_locations(&plan, bundle, target, observer).await?;
        }
    }
    Ok(relocated)
}

async fn tell_locations(plan: &Plan, bundle: &Member, target: &dyn Target, observer: &Arc<dyn Observer>) -> Result<()> {
    let (Some(locks), Some(tag)) = (&bundle.locks, locations_tag(&bundle.digest)) else { return Ok(()) };
    let is_bundle = |image: &ImageRef| image.digest.is_some_and(|digest| plan.is_bundle(&digest));
    let images: Vec<_> = locks.iter().map(|image| (image.clone(), is_bundle(image))).collect();
    let image = image::locations(&locations(&images)?)?;
    if target.has_manifest(&image.made.manifest.digest).await? {
        return Ok(());
    }
    send(&image.layer.descriptor(), &Bytes::from(image.layer.bytes.clone()), target, observer).await?;
    put(&image.made, target, &[tag], Rank::Head, observer).await
}

/// Puts config and manifest of something whose layers are there.
///
/// # Errors
/// The target does not take them.
pub async fn put(
    made: &Made,
    target: &dyn Target,
    tags: &[Tag],
    rank: Rank,
    observer: &Arc<dyn Observer>,
) -> Result<()> {
    send(&made.config.descriptor(), &Bytes::from(made.config.bytes.clone()), target, observer).await?;
    Ok(target.put_manifest(&fetched(&made.manifest), tags, rank).await?)
}

/// A manifest that was made here.
pub fn fetched(manifest: &config::Bytes) -> Fetched {
    let Descriptor { media_type, digest, .. } = manifest.descriptor();
    Fetched { media_type, digest, bytes: manifest.bytes.clone().into() }
}

/// The YAML of a folder.
///
/// # Errors
/// It cannot be read.
pub async fn documents(folder: &Path, args: &ScanArgs) -> Result<Vec<Document>> {
    let ScanArgs { keys, skip, exclude } = args.clone();
    let (folder, options) = (folder.to_owned(), scan::Options { keys, skip, exclude });
    Ok(spawn_blocking(move || scan::folder(&folder, &options)).await??)
}

/// The lock of a folder; `None` where it has none.
///
/// # Errors
/// It is none, or a link, or behind one.
pub fn read(folder: &Path) -> Result<Option<ImagesLock>> {
    read_at(folder, LOCK)
}

/// The same at `path` below `folder`, which others may have filled: no link is followed on the way.
///
/// # Errors
/// As [`read`].
pub fn read_at(folder: &Path, path: &str) -> Result<Option<ImagesLock>> {
    let place = || folder.join(path).display().to_string();
    let bytes = below::read(folder, path, BUNDLE_LOCK_BYTES_MAX).with_context(|| format!("cannot read {}", place()))?;
    bytes.map(|bytes| ImagesLock::parse(&bytes).with_context(place)).transpose()
}

/// Writes the lock of a folder, unless that is what it is.
///
/// # Errors
/// It cannot be written, or would be behind a link.
pub fn write(folder: &Path, lock: &ImagesLock) -> Result<()> {
    write_at(folder, LOCK, lock)
}

/// The same at `path` below `folder`, which others may have filled: no link is followed on the way.
///
/// # Errors
/// As [`write`].
pub fn write_at(folder: &Path, path: &str, lock: &ImagesLock) -> Result<()> {
    if read_at(folder, path).ok().flatten().as_ref() == Some(lock) {
        return Ok(());
    }
    let written = below::write(folder, path, lock.to_yaml()?.as_bytes());
    written.with_context(|| format!("cannot write {}", folder.join(path).display()))
}

/// Writes a file beside, then gives it its name; its folder is made.
///
/// # Errors
/// It cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mode = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().prefix(".wharf-").permissions(mode).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// What all that the documents name is locked to, after what `before` locks. What that locks already is asked for again only if
/// `anew`.
///
/// # Errors
/// Something is no reference, or not there.
pub async fn lock(reach: &Reach, documents: &[Document], before: &ImagesLock, anew: bool) -> Result<ImagesLock> {
    let mut places: BTreeMap<&str, (&str, &Mention)> = BTreeMap::new();
    for document in documents {
        for mention in &document.mentions {
            places.entry(&mention.text).or_insert((&document.path, mention));
        }
    }
    let locking = places.into_iter().map(async |(text, (path, mention))| {
        let known = before.images.iter().find(|one| one.id() == Some(text)).filter(|_| !anew);
        match known {
            Some(known) => Ok(known.clone()),
            None => resolve(reach, text).await.with_context(|| format!("{path}, line {}", mention.line)),
        }
    });
    let found: Vec<Locked> = stream::iter(locking).buffered(ASKED_AT_ONCE).try_collect().await?;
    Ok(before.renewed(found))
}

async fn resolve(reach: &Reach, text: &str) -> Result<Locked> {
    let image: ImageRef = text.parse().with_context(|| format!("{text} is no reference; --skip passes over it"))?;
    let remote = reach.remote(&image).await?;
    let found = remote.resolve(&image.reference()).await?;
    let missing = || Error::Missing { what: image.reference().to_string(), place: Source::name(&remote) };
    Ok(Locked::new(text, &image, found.ok_or_else(missing)?.digest))
}

/// The same folder with other names, as one text of several documents.
///
/// # Errors
/// Something in it is not locked.
pub fn resolved(documents: &[Document], lock: &ImagesLock) -> Result<String> {
    let mut out = String::new();
    for document in documents {
        let text = document.renamed(|mention| {
            let locked = lock.find(&mention.text).with_context(|| {
                let (path, line, text) = (&document.path, mention.line, &mention.text);
                format!("{path}, line {line}: {text} is not locked; `wharf bundle lock` locks it")
            });
            locked.map(|locked| locked.image.to_string())
        })?;
        if !out.is_empty() && !text.starts_with("---") {
            // Directives of a document need the end of the one before.
            out.push_str(if text.starts_with('%') { "...\n" } else { "---\n" });
        }
        out.push_str(&text);
        if !text.is_empty() && !text.ends_with('\n') {
            out.push('\n');
        }
    }
    Ok(out)
}

/// Where `lock` names images that are all in one repository, the lock that names them there; `None` where one is not.
///
/// # Errors
/// The repository cannot be asked.
pub async fn relocated(target: &dyn Target, to: &ImageRef, lock: &ImagesLock) -> Result<Option<ImagesLock>> {
    let digests: BTreeSet<Digest> = lock.images.iter().filter_map(|one| one.image.digest).collect();
    let asking = digests.iter().map(|digest| target.has_manifest(digest));
    let mut there = stream::iter(asking).buffer_unordered(ASKED_AT_ONCE);
    while let Some(is_there) = there.try_next().await? {
        if !is_there {
            return Ok(None);
        }
    }
    Ok(Some(lock.relocated(&to.host, &to.repository)))
}

/// The folder below a bundle's that a bundle in it is put into.
pub fn nested(digest: &Digest) -> String {
    format!("{}/{}", bundle::NESTED, digest.referrers_tag())
}
