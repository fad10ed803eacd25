//! `wharf bundle push`.

use std::iter;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::task::spawn_blocking;
use wharf_artifact::bundle::{LOCK, NESTED, difference, image, lock};
use wharf_artifact::pack::Keep;
use wharf_artifact::{secrets, tree};
use wharf_content::observer::{Observer, Outcome as Fate};
use wharf_content::target::Rank;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::units;

use crate::Outcome;
use crate::args::bundle::PushBundleArgs;
use crate::args::end::End;
use crate::bundle;
use crate::cmd::push::allow;
use crate::end::Reach;
use crate::folder::push::Folder;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::table::printable;

/// What a push did, as `--json` tells it.
#[derive(Serialize)]
struct Report {
    reference: String,
    digest: Digest,
    images: usize,
    bytes: u64,
    bytes_sent: u64,
}

pub(super) async fn run(args: &PushBundleArgs, reach: &Reach, printer: &Printer) -> Result<Outcome> {
    if matches!(&args.target, End::Registry(image) if image.digest.is_some()) {
        bail!("{}: what is pushed gets its digest from its content; write a tag", args.target);
    }
    let target = args.target.target(reach).await?;
    let images = settle_lock(args, reach, printer).await?;
    let entries = entries(args, printer).await?;
    let progress = Progress::new(args.quiet || args.json);
    let observer: Arc<dyn Observer> = progress.clone();
    let count = entries.len();
    let folder = Folder::new(&args.folder, entries, Keep::default(), true)?;
    // One layer, in gzip: imgpkg reads nothing else.
    let sent = folder.send(iter::once(0..count).collect(), |_| None, &*target, &observer).await?;
    let [layer] = &sent[..] else { bail!("{} is empty", args.folder.display()) };
    let made = image::bundle(&layer.packed)?;
    let tag = args.target.tag();
    let tags: Vec<_> = tag.iter().cloned().collect();
    bundle::put(&made, &*target, &tags, Rank::Head, &observer).await?;
    progress.end();
    target.close().await?;
    let digest = made.manifest.digest;
    if let (Some(file), End::Registry(image)) = (&args.lock_output, &args.target) {
        let text = lock::bundle_lock(&ImageRef { digest: Some(digest), ..image.clone() }, tag.as_ref())?;
        bundle::write_file(file, text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let bytes = layer.packed.size;
    let bytes_sent = if layer.outcome == Fate::Sent { bytes } else { 0 };
    tell(&Report { reference: args.target.to_string(), digest, images, bytes, bytes_sent }, args, printer)
}

fn tell(report: &Report, args: &PushBundleArgs, printer: &Printer) -> Result<Outcome> {
    if args.json {
        printer.line(&serde_json::to_string_pretty(report)?)?;
        return Ok(Outcome::Done);
    }
    if !args.quiet {
        let Report { reference, images, bytes, .. } = report;
        let images = units::count(*images as u64, "image");
        printer.note(&format!("{reference} is a bundle ({}) that locks {images}", units::size(*bytes)));
    }
    printer.line(&report.digest.to_string())?;
    Ok(Outcome::Done)
}

/// Locks what the lock lacks, unless that is to stay as it is. How many images it locks.
async fn settle_lock(args: &PushBundleArgs, reach: &Reach, printer: &Printer) -> Result<usize> {
    let before = bundle::read(&args.folder)?;
    if args.as_is {
        let lock = before.with_context(|| format!("{} has no {LOCK}", args.folder.display()))?;
        return Ok(lock.images.len());
    }
    let documents = bundle::documents(&args.folder, &args.scan).await?;
    let before = before.unwrap_or_default();
    let lock = bundle::lock(reach, &documents, &before, false).await?;
    bundle::write(&args.folder, &lock)?;
    if !args.quiet {
        difference(&before, &lock).iter().for_each(|change| printer.note(&printable(change)));
    }
    Ok(lock.images.len())
}

/// What the bundle holds. Bundles that were pulled with it are not part of it.
async fn entries(args: &PushBundleArgs, printer: &Printer) -> Result<Vec<tree::Entry>> {
    let mut exclude = args.scan.exclude.clone();
    exclude.push(format!("/{NESTED}/"));
    let scan = tree::ScanOptions { exclude, xattrs: false };
    let root = args.folder.clone();
    let list = move || {
        let entries = tree::scan(&root, &scan)?;
        let findings = secrets::find(&root, &entries);
        anyhow::Ok((entries, findings))
    };
    let (entries, findings) = spawn_blocking(list).await??;
    allow(&findings, args.allow_secrets, printer)?;
    check(&entries, &args.folder)?;
    Ok(entries)
}

fn check(entries: &[tree::Entry], folder: &Path) -> Result<()> {
    let is_lock = |entry: &tree::Entry| &*entry.path == LOCK && entry.kind == tree::Kind::File;
    if entries.iter().any(is_lock) {
        return Ok(());
    }
    bail!("{LOCK} of {} is left out by --exclude or a .wharfignore, and without it this is no bundle", folder.display())
}
