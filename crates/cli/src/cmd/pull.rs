//! `wharf pull`: an artifact as a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::task::spawn_blocking;
use wharf_artifact::compression::Compression;
use wharf_artifact::config::FOLDER_TYPE;
use wharf_artifact::layer::file_name;
use wharf_artifact::seen::Pulled;
use wharf_artifact::unpack::{Look, Options, Written};
use wharf_content::observer::{Observer, Outcome as Fate};
use wharf_content::platform::Platform;
use wharf_content::source::Source;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::Manifest;

use crate::args::end::End;
use crate::args::push::PullArgs;
use crate::end::Reach;
use crate::folder::memory::Pulling;
use crate::folder::pull::{Folder, Placed};
use crate::found::Found;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::units;
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
}

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
        let (placed, files, removed) = place(&layers, is_image(&manifest), found.source(), &observer, args).await?;
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
            removed,
        };
        tell(&report, args, printer)
    })
}

fn tell(report: &Report, args: &PullArgs, printer: &Printer) -> Result<Outcome> {
    if args.json {
        printer.line(&serde_json::to_string_pretty(report)?)?;
        return Ok(Outcome::Done);
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

/// Whether its layers may delete what others brought.
fn is_image(manifest: &Manifest) -> bool {
    let is_config = |config: &Descriptor| {
        config.media_type.as_str().contains("image.config") || config.media_type.as_str().contains("container.image")
    };
    manifest.artifact_type.as_deref() != Some(FOLDER_TYPE) && manifest.config.as_ref().is_some_and(is_config)
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
    is_image: bool,
    source: &dyn Source,
    observer: &Arc<dyn Observer>,
    args: &PullArgs,
) -> Result<(Vec<Placed>, usize, usize)> {
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
    let (placed, now) = if is_image { pull.image(layers).await? } else { pull.artifact(layers).await? };
    let (gone, files) = (pulling.gone(&now), now.paths().count());
    let removed = if args.sync { folder.remove(gone.clone()).await? } else { 0 };
    pulling.end(now, if args.sync { Vec::new() } else { gone });
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

    /// Layer by layer: they hold different paths.
    async fn artifact(&self, layers: &[Descriptor]) -> Result<(Vec<Placed>, Pulled)> {
        self.pulling.expect(&layers.iter().map(|layer| layer.digest).collect::<Vec<_>>());
        let left = |layer: &Descriptor| self.left(&layer.digest);
        let keep = |one: &Placed| self.pulling.record(one.layer.digest, one.written.clone());
        let placed = self.folder.fetch(layers, left, keep, self.look(), self.source, self.observer).await?;
        let mut now = Pulled::default();
        placed.iter().for_each(|one| now.record(one.layer.digest, one.written.clone()));
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
        let placed = self.folder.fetch(layers, |_| None, keep, self.look(), self.source, self.observer).await?;
        now.record(all, remaining(&placed));
        Ok((placed, now))
    }
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
