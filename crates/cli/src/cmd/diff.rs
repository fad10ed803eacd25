//! `wharf diff`: what is not the same in two images or artifacts, or in one and a folder.

mod files;
mod folder;
mod show;

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use wharf_artifact::difference;
use wharf_artifact::kind::Kinds;
use wharf_artifact::layer::diff::Side;
use wharf_content::platform::{Platform, Platforms};
use wharf_model::api::artifact::KindName;
use wharf_model::api::diff::{Diff, DiffSide, LayersDiff, ManifestDiff};
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;

use crate::Outcome;
use crate::args::end::End;
use crate::args::inside::{DiffArgs, DiffEnd};
use crate::end::Reach;
use crate::found::{self, By, Found, small_blob};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::session;

/// Runs the command; says no where they are not the same.
///
/// # Errors
/// One of them is not there or cannot be read, or only one is an index.
pub fn run(args: &DiffArgs, printer: &Printer) -> Result<Outcome> {
    let progress = Progress::new(args.quiet || args.json);
    let told = session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        let (from, to) = match (&args.from, &args.to) {
            (DiffEnd::Stored(from), DiffEnd::Stored(to)) => (from, to),
            (DiffEnd::Folder(path), DiffEnd::Stored(end)) => {
                return folder::compare(args, (Side::From, path), end, &reach, &progress).await;
            }
            (DiffEnd::Stored(end), DiffEnd::Folder(path)) => {
                return folder::compare(args, (Side::To, path), end, &reach, &progress).await;
            }
            (DiffEnd::Folder(_), DiffEnd::Folder(_)) => {
                bail!("one of the two is a reference; `diff -r` compares folders")
            }
        };
        ensure!(args.exclude.is_empty(), "--exclude is about a folder, whose path begins with . or /");
        let one = (from, found(&reach, from, args.platform.as_ref()).await?);
        let other = (to, found(&reach, to, args.platform.as_ref()).await?);
        compare(args, one, other, &progress).await
    })?;
    progress.end();
    let same = told.same;
    printer.show(args.json, &told, |told| show::text(told, show::Paint::of_terminal()))?;
    Ok(if same { Outcome::Done } else { Outcome::No })
}

async fn found(reach: &Reach, end: &End, platform: Option<&Platform>) -> Result<Found> {
    session::about(end, &end.place(), Found::get(reach, end, platform).await)
}

/// What it is called, and its config where that had to be read.
async fn named(end: &End, found: &Found, manifest: &Manifest) -> Result<(DiffSide, Option<Vec<u8>>)> {
    let tag = end.tag();
    let by = By { tag: tag.as_ref(), named_by: None };
    let found::Told { decided, config } = found::decide(Kinds::built_in(), found.source(), manifest, by).await?;
    Ok((side(end.to_string(), Some(found.fetched.digest), decided.kind.name()), config))
}

fn side(reference: String, digest: Option<Digest>, kind: KindName) -> DiffSide {
    DiffSide { reference, digest, kind, size: None, pushed_at: None }
}

/// Where nothing has been compared yet.
fn begun(from: DiffSide, to: DiffSide, same: bool) -> Diff {
    Diff {
        from,
        to,
        same,
        facts: Vec::new(),
        manifests: Vec::new(),
        layers: LayersDiff::default(),
        files: None,
        no_files: None,
        incomplete: Vec::new(),
        packages: None,
        next: None,
    }
}

async fn compare(
    args: &DiffArgs,
    (from_end, from): (&End, Found),
    (to_end, to): (&End, Found),
    progress: &Arc<Progress>,
) -> Result<Diff> {
    let (one, other) = (from.manifest()?, to.manifest()?);
    let same = from.fetched.digest == to.fetched.digest;
    let (named_from, config_from) = named(from_end, &from, &one).await?;
    let (named_to, config_to) = named(to_end, &to, &other).await?;
    let mut told = begun(named_from, named_to, same);
    told.layers = difference::layers(&one, &other);
    if same {
        return Ok(told);
    }
    if one.is_index() != other.is_index() {
        let index = if one.is_index() { from_end } else { to_end };
        bail!("{index} is an index of several images, and the other is not; --platform chooses one");
    }
    let config_from = config(&from, &one, config_from).await?;
    let config_to = config(&to, &other, config_to).await?;
    told.facts = difference::facts((&one, config_from.as_deref()), (&other, config_to.as_deref()));
    if one.is_index() {
        told.manifests = children(&from, &one, &to, &other);
    } else if !args.no_files && has_own(&told.layers) {
        told.files = files::differences((from, &one), (to, &other), progress).await?;
    }
    Ok(told)
}

/// The config, where it is one that can be told apart. `read`: its bytes, where they have been needed before.
async fn config(found: &Found, manifest: &Manifest, read: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
    match (difference::config_to_read(manifest), read) {
        (Some(config), None) => small_blob(found.source(), config).await,
        (_, read) => Ok(read),
    }
}

/// Whether there are layers that only one of them has.
fn has_own(layers: &LayersDiff) -> bool {
    !layers.gone.is_empty() || !layers.new.is_empty()
}

fn children(from: &Found, one: &Manifest, to: &Found, other: &Manifest) -> Vec<ManifestDiff> {
    let [from, to] = [from, to].map(|found| Platforms::of(&found.fetched.bytes));
    let name = |platforms: &Platforms, child: &Digest| platforms.get(child).first().map(ToString::to_string);
    difference::children((one, &|child| name(&from, child)), (other, &|child| name(&to, child)))
}
