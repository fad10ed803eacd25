//! `wharf bundle pull`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::task::spawn_blocking;
use wharf_artifact::bundle::LOCK;
use wharf_artifact::unpack::{Look, Options};
use wharf_content::observer::Observer;
use wharf_content::relocate::Plan;
use wharf_content::source::Source;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::name::Reference;
use wharf_model::units::count;

use crate::Outcome;
use crate::args::bundle::PullBundleArgs;
use crate::args::end::End;
use crate::bundle::{self, Imgpkg};
use crate::end::Reach;
use crate::folder::pull::{Folder, Layers, Order};
use crate::found::{fetch, parse};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::session;

/// What a pull did, as `--json` tells it.
#[derive(Serialize)]
struct Report {
    reference: String,
    digest: Digest,
    folder: PathBuf,
    images: usize,
    /// Whether the lock names the images beside the bundle.
    relocated: bool,
    /// Bundles in it that were pulled, too.
    bundles: usize,
}

pub(super) async fn run(args: &PullBundleArgs, reach: &Reach, printer: &Printer) -> Result<Outcome> {
    let opened = args.source.open(reach).await?;
    let reference = opened.bundle().await?;
    let progress = Progress::new(args.quiet || args.json);
    let pulling = Pulling { args, reach, observer: progress.clone() };
    let pulled = pulling.all(opened.source, &reference).await;
    progress.end();
    let report = session::about(&args.source, &args.source.place(), pulled)?;
    if args.json {
        printer.line(&serde_json::to_string_pretty(&report)?)?;
        return Ok(Outcome::Done);
    }
    if !args.quiet {
        let Report { images, relocated, .. } = report;
        let place = match (&args.source, relocated) {
            (_, true) => "beside it",
            (End::Registry(_), false) => "where they were when it was locked: not all are beside it",
            _ => "where they were when it was locked: `wharf copy --bundle` brings them to a registry",
        };
        let images = count(images as u64, "image");
        printer.note(&format!("{} is in {}, its lock names {images} {place}", args.source, args.folder.display()));
    }
    printer.line(&report.digest.to_string())?;
    Ok(Outcome::Done)
}

struct Pulling<'a> {
    args: &'a PullBundleArgs,
    reach: &'a Reach,
    observer: Arc<dyn Observer>,
}

impl Pulling<'_> {
    async fn all(&self, source: Arc<dyn Source>, reference: &Reference) -> Result<Report> {
        let found = fetch(&*source, reference).await?;
        if bundle::lock_of(&*source, &found).await?.is_none() {
            bail!("{} is no bundle; `wharf pull` makes a folder of it", self.args.source);
        }
        let reference = Reference::Digest(found.digest);
        self.folder(&*source, &reference, None).await?;
        let image = match &self.args.source {
            End::Registry(image) => Some(image),
            _ => None,
        };
        let (images, relocated) = self.settle(LOCK, image).await?;
        let bundles = match self.args.recursive {
            true => self.inner(source, &reference, image.filter(|_| relocated)).await?,
            false => 0,
        };
        let (reference, folder) = (self.args.source.to_string(), self.args.folder.clone());
        Ok(Report { reference, digest: found.digest, folder, images, relocated, bundles })
    }

    /// The bundles in it. How many.
    async fn inner(&self, source: Arc<dyn Source>, reference: &Reference, image: Option<&ImageRef>) -> Result<usize> {
        let guide = Imgpkg::new(self.reach, &self.args.source);
        let plan = Plan::of(source, reference, &guide).await?;
        let inner: Vec<_> = plan.members()[1..].iter().filter(|member| member.locks.is_some()).collect();
        for member in &inner {
            let below = bundle::nested(&member.digest);
            self.folder(&*member.source, &Reference::Digest(member.digest), Some(&below)).await?;
            self.settle(&format!("{below}/{LOCK}"), image).await?;
        }
        Ok(inner.len())
    }

    /// Unpacks a bundle into the folder, or into the one `below` it: what is on the way there came with a bundle.
    async fn folder(&self, source: &dyn Source, reference: &Reference, below: Option<&str>) -> Result<()> {
        let manifest = parse(&fetch(source, reference).await?)?;
        let options = Options { whiteouts: true, skip_special: true, ..Options::default() };
        let (path, below) = (self.args.folder.clone(), below.map(str::to_owned));
        let open = move || match below {
            Some(below) => Folder::open_below(&path, &below, options),
            None => Folder::open(&path, options),
        };
        let folder = spawn_blocking(open).await??;
        let layers = Layers { all: &manifest.layers, order: Order::Kept };
        folder.fetch(layers, |_| None, |_| (), Look::Outside, source, &self.observer).await?;
        folder.close().await
    }

    /// Has the lock at `path` below the folder name the images in the repository of `image`, if all are there. How many there are, and whether
    /// they are.
    async fn settle(&self, path: &str, image: Option<&ImageRef>) -> Result<(usize, bool)> {
        let folder = &self.args.folder;
        let lock = bundle::read_at(folder, path)?;
        let lock = lock.with_context(|| format!("there is no {}", folder.join(path).display()))?;
        let count = lock.images.len();
        let Some(image) = image else { return Ok((count, false)) };
        let remote = self.reach.remote(image).await?;
        match bundle::relocated(&remote, image, &lock).await? {
            Some(relocated) => bundle::write_at(folder, path, &relocated).map(|()| (count, true)),
            None => Ok((count, false)),
        }
    }
}
