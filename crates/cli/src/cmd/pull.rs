//! `wharf pull`: an artifact as a folder.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::task::spawn_blocking;
use wharf_artifact::compression::Compression;
use wharf_artifact::config::FOLDER_TYPE;
use wharf_artifact::layer::file_name;
use wharf_artifact::seen::Pulled;
use wharf_artifact::unpack::{Look, Options, Removed, Written};
use wharf_content::observer::{Observer, Outcome as Fate};
use wharf_content::platform::Platform;
use wharf_content::source::Source;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::Manifest;
use wharf_model::units;

use crate::args::end::End;
use crate::args::push::PullArgs;
use crate::end::Reach;
use crate::folder::memory::Pulling;
use crate::folder::overlap;
use crate::folder::pull::{Folder, Layers, Order, Placed};
use crate::found::Found;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::table::printable;
use crate::{Outcome, session};

/// What a pull did, as `--json` tells it.
#[derive(Serialize)]
struct Report {
    reference: String,
    digest: Digest,
    folder: PathBuf,
    layers: usize,
    layers_fetched: usize,
    bytes: u64,
    bytes_fetched: u64,
    files: usize,
    removed: usize,
    /// What an earlier pull brought and is not in the artifact any more, but is not as it was left.
    kept: Vec<Box<str>>,
}

/// How many of what is kept are named on the terminal.
const KEPT_SHOWN: usize = 5;

/// `wharf pull`.
///
/// # Errors
/// It is not there, is nothing that makes a folder, or cannot be written.
pub fn run(args: &PullArgs, printer: &Printer) -> Result<Outcome> {
    session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        let wanted = args.platform.clone().unwrap_or_else(Platform::host);
        let found = Found::get(&reach, &args.source, Some(&wanted)).await?;
        let manifest = found.manifest()?;
        let layers = layers(&manifest, &args.source)?;
        let progress = Progress::new(args.quiet || args.json);
        let observer: Arc<dyn Observer> = progress.clone();
        let kind = Kind::of(&manifest);
        let (placed, files, removed) = place(&layers, kind, found.source(), &observer, args).await?;
        progress.end();
        let fetched = || placed.iter().filter(|one| one.outcome == Fate::Sent);
        let report = Report {
            reference: args.source.to_string(),
            digest: found.fetched.digest,
            folder: args.folder.clone(),
            layers: placed.len(),
            layers_fetched: fetched().count(),
            bytes: placed.iter().map(|one| one.layer.size).sum(),
            bytes_fetched: fetched().map(|one| one.fetched).sum(),
            files,
            removed: removed.count,
            kept: removed.kept,
        };
        tell(&report, args, printer)
    })
}

fn tell(report: &Report, args: &PullArgs, printer: &Printer) -> Result<Outcome> {
    if args.json {
        printer.line(&serde_json::to_string_pretty(report)?)?;
        return Ok(Outcome::Done);
    }
    if !report.kept.is_empty() {
        printer.note(&kept(&report.kept));
    }
    if !args.quiet {
        let Report { layers, layers_fetched, bytes_fetched, removed, .. } = report;
        let fetched = units::size(*bytes_fetched);
        let removed = if *removed == 0 { String::new() } else { format!("; removed {removed}") };
        printer.note(&format!(
            "{} is in {}: fetched {layers_fetched} of {layers} layers ({fetched}){removed}",
            report.reference,
            report.folder.display()
        ));
    }
    printer.line(&report.digest.to_string())?;
    Ok(Outcome::Done)
}

/// Says what `--sync` did not remove.
fn kept(paths: &[Box<str>]) -> String {
    let count = units::count(paths.len() as u64, "path");
    let shown = paths.iter().take(KEPT_SHOWN).map(|path| &**path).collect::<Vec<_>>().join(", ");
    let more = if paths.len() > KEPT_SHOWN { ", …" } else { "" };
    printable(&format!(
        "warning: kept {count} that an earlier pull brought and the artifact has no more, as changed since: {shown}{more}"
    ))
}

/// What its layers are to one another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One may delete what another one brought.
    Image,
    /// In this order.
    Artifact(Order),
}

impl Kind {
    fn of(manifest: &Manifest) -> Kind {
        let is_config = |config: &Descriptor| {
            let media_type = config.media_type.as_str();
            media_type.contains("image.config") || media_type.contains("container.image")
        };
        // Ours are cut so that no two of them hold the same; whoever else says so is found out afterwards.
        if manifest.artifact_type.as_deref() == Some(FOLDER_TYPE) {
            return Kind::Artifact(Order::Any);
        }
        if manifest.config.as_ref().is_some_and(is_config) {
            return Kind::Image;
        }
        let mut names = HashSet::new();
        let is_another = |layer| file_name(layer).is_some_and(|name| names.insert(path_of(name)));
        let are_apart = manifest.layers.iter().all(is_another);
        Kind::Artifact(if are_apart { Order::Any } else { Order::Kept })
    }
}

/// Where a file of that title is put.
fn path_of(title: &str) -> String {
    title.split('/').filter(|name| !matches!(*name, "" | ".")).collect::<Vec<_>>().join("/")
}

/// What it is made of: each one file with a name, or a tar of many.
fn layers(manifest: &Manifest, source: &End) -> Result<Vec<Descriptor>> {
    for layer in &manifest.layers {
        if file_name(layer).is_none() && Compression::of_type(&layer.media_type).is_none() {
            bail!(
                "{source} is no folder: its layer {} is a {} without a name; `wharf blob get` fetches it",
                layer.digest,
                layer.media_type
            );
        }
    }
    Ok(manifest.layers.clone())
}

/// Puts all in place; what that was, how many names it has, and how many were removed.
async fn place(
    layers: &[Descriptor],
    kind: Kind,
    source: &dyn Source,
    observer: &Arc<dyn Observer>,
    args: &PullArgs,
) -> Result<(Vec<Placed>, usize, Removed)> {
    let is_image = kind == Kind::Image;
    let options = Options {
        whiteouts: is_image,
        skip_special: is_image,
        owners: args.owners,
        xattrs: args.xattrs,
        ..Options::default()
    };
    let (folder, pulling) = {
        let path = args.folder.clone();
        spawn_blocking(move || open(&path, options)).await??
    };
    let pull = Pull { folder: &folder, pulling: &pulling, source, observer, args };
    let (placed, now) = match kind {
        Kind::Image => pull.image(layers).await?,
        Kind::Artifact(order) => pull.artifact(Layers { all: layers, order }).await?,
    };
    let (gone, files) = (pulling.gone(&now), now.written().count());
    let (removed, gone) = match args.sync {
        // What is not as it was left is somebody else's from now on.
        true => (folder.remove(gone).await?, Vec::new()),
        false => (Removed::default(), gone),
    };
    pulling.end(now, gone);
    folder.close().await?;
    spawn_blocking(move || drop(pulling)).await?;
    Ok((placed, files, removed))
}

fn open(path: &Path, options: Options) -> Result<(Folder, Pulling)> {
    let folder = Folder::open(path, options)?;
    Ok((folder, Pulling::begin(path)))
}

/// A pull under way.
struct Pull<'a> {
    folder: &'a Folder,
    pulling: &'a Pulling,
    source: &'a dyn Source,
    observer: &'a Arc<dyn Observer>,
    args: &'a PullArgs,
}

impl Pull<'_> {
    fn look(&self) -> Look {
        if self.args.verify { Look::Inside } else { Look::Outside }
    }

    /// What earlier pulls left of it, where that may be believed.
    fn left(&self, layer: &Digest) -> Option<Arc<[Written]>> {
        self.pulling.before().lookup(layer).filter(|_| !self.args.force).cloned()
    }

    /// Layer by layer. What is in several of them is there as in the last one.
    async fn artifact(&self, layers: Layers<'_>) -> Result<(Vec<Placed>, Pulled)> {
        self.pulling.expect(&layers.all.iter().map(|layer| layer.digest).collect::<Vec<_>>());
        let left = |layer: &Descriptor| self.left(&layer.digest).and_then(|left| of_layer(layer, left));
        let keep = |one: &Placed| self.pulling.record(one.layer.digest, one.written.clone());
        let mut placed = self.folder.fetch(layers, left, keep, self.look(), self.source, self.observer).await?;
        let mut remaining = overlap::remaining(&placed);
        let is_lost = remaining.iter().zip(&placed).any(|(remaining, one)| remaining.len() < one.written.len());
        let is_skipped = |one: &Placed| one.outcome == Fate::Skipped;
        if is_lost && (layers.order == Order::Any || placed.iter().any(is_skipped)) {
            // What is there hangs on which of them came last.
            let layers = Layers { order: Order::Kept, ..layers };
            placed = self.folder.fetch(layers, |_| None, keep, self.look(), self.source, self.observer).await?;
            remaining = overlap::remaining(&placed);
        }
        let mut now = Pulled::default();
        placed.iter().zip(remaining).for_each(|(one, remaining)| now.record(one.layer.digest, remaining));
        Ok((placed, now))
    }

    /// All or nothing: a later layer may have changed what an earlier one brought, so that it is only known of all of them
    /// together what they leave.
    async fn image(&self, layers: &[Descriptor]) -> Result<(Vec<Placed>, Pulled)> {
        let names: Vec<String> = layers.iter().map(|layer| layer.digest.to_string()).collect();
        let all = Digest::of(Algorithm::Sha256, names.join("\n").as_bytes());
        let mut now = Pulled::default();
        if let Some(left) = self.left(&all)
            && self.folder.holds(left.clone(), self.look()).await?
        {
            now.record(all, left);
            return Ok((layers.iter().map(|layer| Placed::skipped(layer, Arc::default())).collect(), now));
        }
        self.pulling.expect(&[]);
        let keep = |one: &Placed| self.pulling.note(&one.written);
        let layers = Layers { all: layers, order: Order::Kept };
        let placed = self.folder.fetch(layers, |_| None, keep, self.look(), self.source, self.observer).await?;
        now.record(all, remaining(&placed));
        Ok((placed, now))
    }
}

/// What is `left` of this layer. One that is a file may be known by another name only.
fn of_layer(layer: &Descriptor, left: Arc<[Written]>) -> Option<Arc<[Written]>> {
    let Some(path) = file_name(layer).map(path_of) else { return Some(left) };
    let own = left.iter().find(|one| *one.path == *path)?;
    Some([own.clone()].into())
}

/// What is left of an image's layers when all are in place.
fn remaining(placed: &[Placed]) -> Vec<Written> {
    let mut all = BTreeMap::new();
    for one in placed {
        one.removed.iter().for_each(|path| drop(all.remove(path)));
        all.extend(one.written.iter().map(|written| (written.path.clone(), written.clone())));
    }
    all.into_values().collect()
}
