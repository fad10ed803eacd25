//! `wharf diff`: what is not the same in two images or artifacts, or in one and a folder.

mod facts;
mod files;
mod folder;
mod show;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use serde::Serialize;
use wharf_artifact::kind::Kinds;
use wharf_artifact::layer::diff::Side;
use wharf_content::platform::{Platform, Platforms};
use wharf_model::api::artifact::KindName;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;

use crate::Outcome;
use crate::args::end::End;
use crate::args::inside::{DiffArgs, DiffEnd};
use crate::end::Reach;
use crate::found::{self, By, Found};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::session;

/// What is not the same.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    from: Named,
    to: Named,
    same: bool,
    /// What is said of it: annotations, and the config of an image.
    facts: Vec<facts::Fact>,
    /// The children of an index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    manifests: Vec<Child>,
    layers: Layers,
    /// `null` where there are none, or they were not asked for.
    files: Option<Vec<files::File>>,
}

/// One of the two.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    reference: String,
    /// A folder has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    /// What kind of thing it is.
    kind: KindName,
}

/// A child of an index.
#[derive(Serialize)]
struct Child {
    platform: String,
    from: Option<Digest>,
    to: Option<Digest>,
}

/// Which layers they have.
#[derive(Default, Serialize)]
struct Layers {
    shared: Vec<Part>,
    gone: Vec<Part>,
    new: Vec<Part>,
}

/// A layer.
#[derive(Clone, Serialize)]
struct Part {
    digest: Digest,
    size: u64,
}

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
async fn named(end: &End, found: &Found, manifest: &Manifest) -> Result<(Named, Option<Vec<u8>>)> {
    let tag = end.tag();
    let by = By { tag: tag.as_ref(), named_by: None };
    let found::Told { decided, config } = found::decide(Kinds::built_in(), found.source(), manifest, by).await?;
    let (reference, digest, kind) = (end.to_string(), Some(found.fetched.digest), decided.kind.name());
    Ok((Named { reference, digest, kind }, config))
}

async fn compare(
    args: &DiffArgs,
    (from_end, from): (&End, Found),
    (to_end, to): (&End, Found),
    progress: &Arc<Progress>,
) -> Result<Told> {
    let (one, other) = (from.manifest()?, to.manifest()?);
    let same = from.fetched.digest == to.fetched.digest;
    let (named_from, config_from) = named(from_end, &from, &one).await?;
    let (named_to, config_to) = named(to_end, &to, &other).await?;
    let mut told = Told {
        from: named_from,
        to: named_to,
        same,
        facts: Vec::new(),
        manifests: Vec::new(),
        layers: layers(&one, &other),
        files: None,
    };
    if same {
        return Ok(told);
    }
    if one.is_index() != other.is_index() {
        let index = if one.is_index() { from_end } else { to_end };
        bail!("{index} is an index of several images, and the other is not; --platform chooses one");
    }
    told.facts = facts::differences((&from, &one, config_from), (&to, &other, config_to)).await?;
    if one.is_index() {
        told.manifests = children(&from, &one, &to, &other);
    } else if !args.no_files && has_own(&told.layers) {
        let shared = told.layers.shared.iter().map(|part| part.digest).collect();
        told.files = files::differences((from, &one), (to, &other), shared, progress).await?;
    }
    Ok(told)
}

/// Whether there are layers that only one of them has.
fn has_own(layers: &Layers) -> bool {
    !layers.gone.is_empty() || !layers.new.is_empty()
}

fn layers(one: &Manifest, other: &Manifest) -> Layers {
    let digests = |manifest: &Manifest| manifest.layers.iter().map(|layer| layer.digest).collect::<HashSet<_>>();
    let (in_one, in_other) = (digests(one), digests(other));
    let part = |layer: &Descriptor| Part { digest: layer.digest, size: layer.size };
    let of = |manifest: &Manifest, takes: &dyn Fn(&Digest) -> bool| -> Vec<Part> {
        manifest.layers.iter().filter(|layer| takes(&layer.digest)).map(part).collect()
    };
    Layers {
        shared: of(other, &|digest| in_one.contains(digest)),
        gone: of(one, &|digest| !in_other.contains(digest)),
        new: of(other, &|digest| !in_one.contains(digest)),
    }
}

/// Children that are not the same for a platform; by digest, where nothing is said of platforms.
fn children(from: &Found, one: &Manifest, to: &Found, other: &Manifest) -> Vec<Child> {
    let named = |found: &Found, index: &Manifest| {
        let platforms = Platforms::of(&found.fetched.bytes);
        let name = move |child: &Descriptor| match platforms.get(&child.digest).first() {
            Some(platform) if platform.os != "unknown" => platform.to_string(),
            _ => String::new(),
        };
        index.manifests.iter().map(|child| (name(child), child.digest)).collect::<Vec<_>>()
    };
    let (one, other) = (named(from, one), named(to, other));
    let mut all = Vec::new();
    for (platform, digest) in one.iter().filter(|child| !other.contains(child)) {
        let twin = other.iter().find(|(name, _)| !name.is_empty() && name == platform);
        let to = twin.map(|(_, digest)| *digest).filter(|digest| !one.iter().any(|(_, other)| other == digest));
        all.push(Child { platform: platform.clone(), from: Some(*digest), to });
    }
    for (platform, digest) in other.iter().filter(|child| !one.contains(child)) {
        if !all.iter().any(|child| child.to == Some(*digest)) {
            all.push(Child { platform: platform.clone(), from: None, to: Some(*digest) });
        }
    }
    all
}
