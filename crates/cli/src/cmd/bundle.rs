//! `wharf bundle`: a folder with the images that it needs.

mod pull;
mod push;

use anyhow::Result;
use serde::Serialize;
use wharf_artifact::bundle::{LOCK, difference};
use wharf_content::relocate::Plan;
use wharf_model::api::list::List;
use wharf_model::digest::Digest;
use wharf_model::units::count;

use crate::Outcome;
use crate::args::bundle::{BundleArgs, BundleCommand, ImagesArgs, LockArgs, ResolveArgs};
use crate::bundle::{self, Imgpkg};
use crate::end::Reach;
use crate::printer::Printer;
use crate::session;
use crate::table::{Table, printable};

/// An image that a lock names.
#[derive(Serialize)]
struct Shown {
    /// How it is written where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    image: String,
}

/// An image of a bundle.
#[derive(Serialize)]
struct Image {
    image: String,
    digest: Digest,
    bundle: bool,
    /// Where it is.
    place: String,
}

/// Runs the command.
///
/// # Errors
/// Something is not there, or cannot be read or written.
pub fn run(args: &BundleArgs, printer: &Printer) -> Result<Outcome> {
    session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        match &args.command {
            BundleCommand::Lock(args) => lock(args, &reach, printer).await,
            BundleCommand::Push(args) => push::run(args, &reach, printer).await,
            BundleCommand::Pull(args) => pull::run(args, &reach, printer).await,
            BundleCommand::Resolve(args) => resolve(args, printer).await,
            BundleCommand::Images(args) => images(args, &reach, printer).await,
        }
    })
}

async fn lock(args: &LockArgs, reach: &Reach, printer: &Printer) -> Result<Outcome> {
    let documents = bundle::documents(&args.folder, &args.scan).await?;
    let before = bundle::read(&args.folder)?;
    let is_new = before.is_none();
    let before = before.unwrap_or_default();
    let lock = bundle::lock(reach, &documents, &before, true).await?;
    let changes = difference(&before, &lock);
    let is_current = changes.is_empty() && !is_new;
    if !args.check {
        bundle::write(&args.folder, &lock)?;
    }
    if args.json {
        let items = lock.images.iter();
        let items = items.map(|one| Shown { name: one.id().map(str::to_owned), image: one.image.to_string() });
        printer.line(&serde_json::to_string_pretty(&List { items: items.collect(), next: None })?)?;
    } else if args.check {
        changes.iter().try_for_each(|change| printer.line(&printable(change)))?;
        if is_new && !args.quiet {
            printer.note(&format!("{} has no {LOCK}", args.folder.display()));
        }
    } else if !args.quiet {
        changes.iter().for_each(|change| printer.note(&printable(change)));
        printer.note(&format!("{} locks {}", args.folder.display(), count(lock.images.len() as u64, "image")));
    }
    Ok(if args.check && !is_current { Outcome::No } else { Outcome::Done })
}

async fn resolve(args: &ResolveArgs, printer: &Printer) -> Result<Outcome> {
    let documents = bundle::documents(&args.folder, &args.scan).await?;
    let lock = bundle::read(&args.folder)?.unwrap_or_default();
    printer.bytes(bundle::resolved(&documents, &lock)?.as_bytes())?;
    Ok(Outcome::Done)
}

async fn images(args: &ImagesArgs, reach: &Reach, printer: &Printer) -> Result<Outcome> {
    let opened = args.source.open(reach).await?;
    let reference = opened.bundle().await?;
    let guide = Imgpkg::new(reach, &args.source);
    let plan = session::about(
        &args.source,
        &args.source.place(),
        async { Ok(Plan::of(opened.source, &reference, &guide).await?) }.await,
    )?;
    let mut items: Vec<Image> = Vec::new();
    for image in plan.members().iter().flat_map(|member| member.locks.iter().flatten()) {
        let Some(member) = plan.members().iter().find(|member| Some(member.digest) == image.digest) else { continue };
        let place = member.source.name();
        items.push(Image { image: image.to_string(), digest: member.digest, bundle: member.locks.is_some(), place });
    }
    items.sort_by(|a, b| a.image.cmp(&b.image));
    items.dedup_by(|a, b| a.image == b.image);
    printer.show(args.json, &List { items, next: None }, |list| {
        let mut table = Table::new(&["IMAGE", "BUNDLE", "IN"]);
        for item in &list.items {
            let is_bundle = if item.bundle { "yes" } else { "" };
            table.row([item.image.clone(), is_bundle.to_owned(), item.place.clone()]);
        }
        table.text()
    })?;
    Ok(Outcome::Done)
}
