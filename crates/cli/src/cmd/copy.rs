//! `wharf copy`: from any end to any other.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use wharf_content::copy::{self, CONCURRENCY, Options, Report, Selection};
use wharf_content::error::Error;
use wharf_content::observer::Observer;
use wharf_model::api::list::List;
use wharf_model::digest::Digest;
use wharf_model::name::{Reference, Tag};
use wharf_model::tag_order;
use wharf_model::units::{count, size};

use crate::Outcome;
use crate::args::copy::CopyArgs;
use crate::args::end::{End, Place};
use crate::bundle::{Imgpkg, relocate};
use crate::end::{Opened, Reach};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::session;

/// One thing that was copied.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Copied {
    source: String,
    target: String,
    tags: Vec<Tag>,
    dry_run: bool,
    /// Of a bundle, how many images came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<usize>,
    #[serde(flatten)]
    report: Report,
}

/// One thing that is to be copied: what, and under which tags it is to be found.
type Wanted = (Reference, Vec<Tag>);

/// Runs the command.
///
/// # Errors
/// An end cannot be read or written, or lacks what is asked for.
pub fn run(args: &CopyArgs, printer: &Printer) -> Result<Outcome> {
    let options = options(args)?;
    check_names(args)?;
    let progress = Progress::new(args.quiet || args.dry_run);
    let copied = session::block_on_all(all(args, &options, &progress));
    progress.end();
    let what = format!("{} to {}", args.from, args.to);
    let copied = session::about(what, &args.from.place(), copied)?;
    if !args.quiet {
        copied.iter().for_each(|one| printer.note(&note(one)));
    }
    if is_many(args) {
        let text = |list: &List<Copied>| list.items.iter().map(line).collect::<Vec<_>>().join("\n");
        printer.show(args.json, &List { items: copied, next: None }, text)?;
    } else if let [one] = &copied[..] {
        printer.show(args.json, one, |one| one.report.root.digest.to_string())?;
    }
    Ok(Outcome::Done)
}

fn is_many(args: &CopyArgs) -> bool {
    args.all_tags || !args.tags.is_empty()
}

fn options(args: &CopyArgs) -> Result<Options> {
    let platforms = match (&args.platform[..], args.single) {
        ([], _) => Selection::All,
        ([only], true) => Selection::Only(only.clone()),
        (_, true) => bail!("--single goes with one --platform"),
        (several, false) => Selection::Sparse(several.to_vec()),
    };
    Ok(Options {
        platforms,
        referrers: !args.no_referrers,
        foreign: args.foreign_layers,
        thorough: args.thorough,
        dry_run: args.dry_run,
        ..Options::default()
    })
}

/// Refuses names of one thing where many are meant.
fn check_names(args: &CopyArgs) -> Result<()> {
    for end in [&args.from, &args.to].into_iter().filter(|_| is_many(args)) {
        let is_one = match end {
            End::Registry(image) => image.digest.is_some() || image.tag.as_ref().is_some_and(|tag| !is_latest(tag)),
            End::Layout(place) | End::OciArchive(place) => place.reference.is_some(),
            End::DockerArchive(..) => false,
        };
        ensure!(!is_one, "{end}: tags come from SRC; leave tag and digest out where --all-tags or --tags is given");
    }
    Ok(())
}

/// What a name without a tag means, too.
fn is_latest(tag: &Tag) -> bool {
    tag.as_str() == "latest"
}

async fn all(args: &CopyArgs, options: &Options, progress: &Arc<Progress>) -> Result<Vec<Copied>> {
    let reach = Reach::new(&args.reach)?;
    let from = args.from.open(&reach).await?;
    let wanted = if is_many(args) { many(args, &from).await? } else { vec![one(args, &from).await?] };
    if !matches!(args.to, End::Registry(_)) {
        // A folder is not made for what turns out not to be there.
        for (reference, _) in wanted.iter().filter(|_| !is_many(args)) {
            let missing = || Error::Missing { what: reference.to_string(), place: from.source.name() };
            from.resolve(reference).await?.ok_or_else(missing)?;
        }
    }
    let target = match args.dry_run {
        true => args.to.target_as_is(&reach).await?,
        false => args.to.target_for(&reach, &args.from).await?,
    };
    let mut copied = Vec::new();
    for (reference, tags) in wanted {
        let (images, report) = if args.bundle {
            let observer: Arc<dyn Observer> = progress.clone();
            let (guide, source) = (Imgpkg::new(&reach, &args.from), from.source.clone());
            let ends = ((source, &reference), (&args.to, &*target));
            let relocated = relocate(&guide, ends.0, ends.1, &tags, options, &observer).await?;
            (Some(relocated.images.len()), relocated.total())
        } else {
            let report = copy::copy(&*from.source, &reference, &*target, &tags, options, progress.clone()).await?;
            (None, report)
        };
        copied.push(Copied {
            source: named(&from.source.name(), &reference),
            target: target_name(&args.to, &tags, &report.root.digest),
            tags,
            dry_run: args.dry_run,
            images,
            report,
        });
    }
    if !args.dry_run {
        target.close().await?;
    }
    Ok(copied)
}

/// The one thing that is asked for.
async fn one(args: &CopyArgs, from: &Opened) -> Result<Wanted> {
    let reference = if args.bundle { from.bundle().await? } else { from.reference().await? };
    let is_named = match &args.to {
        End::Registry(image) => {
            if let Some(expected) = &image.digest {
                return Ok((expect(from, &reference, expected).await?, Vec::new()));
            }
            true
        }
        End::Layout(Place { reference: Some(Reference::Digest(expected)), .. })
        | End::OciArchive(Place { reference: Some(Reference::Digest(expected)), .. }) => {
            return Ok((expect(from, &reference, expected).await?, Vec::new()));
        }
        End::Layout(place) | End::OciArchive(place) => place.reference.is_some(),
        End::DockerArchive(_, image) => image.is_some(),
    };
    let tag = if is_named { args.to.tag() } else { from.tag(&reference) };
    Ok((reference, tag.into_iter().collect()))
}

/// What is to have a certain digest at the target has it at the source.
async fn expect(from: &Opened, reference: &Reference, expected: &Digest) -> Result<Reference> {
    let place = from.source.name();
    let Some(found) = from.source.manifest(reference).await? else { bail!("{place} has no {reference}") };
    let actual = Digest::of(expected.algorithm(), &found.bytes);
    ensure!(actual == *expected, "{reference} of {place} is {actual}, not {expected} as the target is to have it");
    Ok(Reference::Digest(*expected))
}

/// All tags that are asked for, those of one digest together.
async fn many(args: &CopyArgs, from: &Opened) -> Result<Vec<Wanted>> {
    let is_wanted = |tag: &Tag| match &args.tags[..] {
        // What refers to something is copied with that.
        [] => !tag_order::attaches(tag.as_str()),
        patterns => patterns.iter().any(|pattern| pattern.matches(tag.as_str())),
    };
    let tags: Vec<Tag> = from.source.tags().await?.into_iter().filter(is_wanted).collect();
    ensure!(!tags.is_empty(), "{} has no such tags", from.source.name());
    let find = async |tag: Tag| anyhow::Ok((from.resolve(&Reference::Tag(tag.clone())).await?, tag));
    let mut found = stream::iter(tags).map(find).buffered(CONCURRENCY);
    let (mut wanted, mut places) = (Vec::<Wanted>::new(), HashMap::new());
    while let Some((found, tag)) = found.try_next().await? {
        // It was there a moment ago; where it is gone now, it is not wanted any more.
        let Some(digest) = found else { continue };
        let place = *places.entry(digest).or_insert(wanted.len());
        match wanted.get_mut(place) {
            Some((_, tags)) => tags.push(tag),
            None => wanted.push((Reference::Digest(digest), vec![tag])),
        }
    }
    Ok(wanted)
}

fn named(place: &str, reference: &Reference) -> String {
    match reference {
        Reference::Tag(tag) => format!("{place}:{tag}"),
        Reference::Digest(digest) => format!("{place}@{digest}"),
    }
}

fn target_name(to: &End, tags: &[Tag], digest: &Digest) -> String {
    match tags {
        [tag] => named(&to.place(), &Reference::Tag(tag.clone())),
        _ => named(&to.place(), &Reference::Digest(*digest)),
    }
}

/// Of many, which is which.
fn line(one: &Copied) -> String {
    let lines = one.tags.iter().map(|tag| format!("{} {tag}", one.report.root.digest));
    lines.collect::<Vec<_>>().join("\n")
}

fn note(one: &Copied) -> String {
    let Report { blobs_sent, bytes_sent, blobs_mounted, blobs_skipped, manifests_sent, .. } = one.report;
    let verb = if one.dry_run { "would copy" } else { "copied" };
    let tags = one.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ");
    let tags = if one.tags.len() > 1 { format!(" ({tags})") } else { String::new() };
    let images = one.images.map(|images| format!(" with {}", count(images as u64, "image"))).unwrap_or_default();
    let sent = match manifests_sent + blobs_sent + blobs_mounted {
        0 => "all was there".to_owned(),
        _ => format!(
            "{} and {} ({}) sent, {} mounted, {} there",
            count(manifests_sent, "manifest"),
            count(blobs_sent, "blob"),
            size(bytes_sent),
            count(blobs_mounted, "blob"),
            count(blobs_skipped, "blob"),
        ),
    };
    format!("{verb} {}{images} to {}{tags}: {sent}", one.source, one.target)
}
