//! `wharf push`: a folder, or files, as an artifact.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde::Serialize;
use tokio::task::spawn_blocking;
use wharf_artifact::compression::Compression;
use wharf_artifact::config::{self, IMAGE_CONFIG, Made, Options};
use wharf_artifact::cut::Form;
use wharf_artifact::pack::Keep;
use wharf_artifact::seen::{Fingerprint, Pushed};
use wharf_artifact::{secrets, tree};
use wharf_content::abilities::{Form as Shape, Unfit, obstacles};
use wharf_content::copy::send;
use wharf_content::error::Error;
use wharf_content::observer::{Observer, Outcome as Fate};
use wharf_content::source::{Fetched, Source as _};
use wharf_content::target::{Rank, Target};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::media::{MediaType, OCI_EMPTY};
use wharf_model::name::Tag;
use wharf_model::units;

use crate::args::end::End;
use crate::args::push::{PushArgs, subject};
use crate::end::Reach;
use crate::folder::files::{self, Named};
use crate::folder::memory;
use crate::folder::push::{Folder, Sent};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::table::printable;
use crate::{Outcome, ask, session};

/// The annotation of when an artifact is of no use any more, as RFC 3339 writes it.
const EXPIRES: &str = "vnd.wharf.expires";
/// Credentials that are named, of all that were found.
const FINDINGS_SHOWN: usize = 10;

/// What a push did, as `--json` tells it.
#[derive(Serialize)]
struct Report {
    reference: String,
    digest: Digest,
    layers: usize,
    layers_sent: usize,
    bytes: u64,
    bytes_sent: u64,
}

/// `wharf push`.
///
/// # Errors
/// Something cannot be read, looks like a credential, or is not taken by the registry.
pub fn run(args: &PushArgs, printer: &Printer) -> Result<Outcome> {
    session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        let (target, tags) = (args.target.target(&reach).await?, tags(args)?);
        let options = options(args, &reach).await?;
        let progress = Progress::new(args.quiet || args.json);
        let observer: Arc<dyn Observer> = progress.clone();
        let pushing = Pushing { args, printer, target: &*target, observer };
        let (made, layers) = match &args.paths[..] {
            [folder] if folder.is_dir() => pushing.folder(folder, &options).await?,
            paths => pushing.files(paths, &options).await?,
        };
        pushing.finish(&made, &tags).await?;
        progress.end();
        target.close().await?;
        let sent = || layers.iter().filter(|(_, fate)| *fate == Fate::Sent);
        let report = Report {
            reference: args.target.to_string(),
            digest: made.manifest.digest,
            layers: layers.len(),
            layers_sent: sent().count(),
            bytes: layers.iter().map(|(size, _)| size).sum(),
            bytes_sent: sent().map(|(size, _)| size).sum(),
        };
        tell(&report, args, printer)
    })
}

fn tell(report: &Report, args: &PushArgs, printer: &Printer) -> Result<Outcome> {
    if args.json {
        printer.line(&serde_json::to_string_pretty(report)?)?;
        return Ok(Outcome::Done);
    }
    if !args.quiet {
        let Report { layers, layers_sent, bytes, bytes_sent, .. } = report;
        let (all, sent) = (units::size(*bytes), units::size(*bytes_sent));
        printer.note(&format!("{} has {layers} layers ({all}); sent {layers_sent} ({sent})", report.reference));
    }
    printer.line(&report.digest.to_string())?;
    Ok(Outcome::Done)
}

/// The tags that it is to have: the reference's, and further ones. What is attached is found by its subject, and moves no tag
/// that nobody wrote.
fn tags(args: &PushArgs) -> Result<Vec<Tag>> {
    let own = args.target.tag().filter(|_| args.subject.is_none());
    if own.is_none() && matches!(&args.target, End::Registry(image) if image.digest.is_some()) {
        bail!("{}: what is pushed gets its digest from its content; write a tag", args.target);
    }
    let all: BTreeSet<Tag> = own.into_iter().chain(args.tags.iter().cloned()).collect();
    Ok(all.into_iter().collect())
}

/// What is said of the artifact.
async fn options(args: &PushArgs, reach: &Reach) -> Result<Options> {
    let mut annotations: BTreeMap<String, String> = args.annotations.iter().cloned().collect();
    if let Some(lifetime) = args.expires {
        let until = jiff::Timestamp::now() + lifetime;
        annotations.insert(EXPIRES.to_owned(), until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    let subject = match &args.subject {
        Some(text) => Some(resolve(text, args, reach).await?),
        None => None,
    };
    Ok(Options { annotations, artifact_type: args.artifact_type.clone(), subject, created: None })
}

/// What the artifact is attached to.
async fn resolve(text: &str, args: &PushArgs, reach: &Reach) -> Result<Descriptor> {
    let End::Registry(target) = &args.target else { bail!("--subject needs a registry to push to") };
    let image = subject(text, target).map_err(anyhow::Error::msg)?;
    let found = reach.remote(&image).await?.manifest(&image.reference()).await?;
    let Fetched { media_type, digest, bytes } = found.with_context(|| format!("{image}, the subject, is not there"))?;
    Ok(Descriptor::new(media_type, digest, bytes.len() as u64))
}

/// One push under way.
struct Pushing<'a> {
    args: &'a PushArgs,
    printer: &'a Printer,
    target: &'a dyn Target,
    observer: Arc<dyn Observer>,
}

/// What is to be put after the layers, and for each of them its size and what became of it.
type Layers = (Made, Vec<(u64, Fate)>);

impl Pushing<'_> {
    async fn folder(&self, root: &Path, options: &Options) -> Result<Layers> {
        let args = self.args;
        let scan = tree::ScanOptions { exclude: args.exclude.clone(), xattrs: args.xattrs };
        let listed = now();
        let path = root.to_owned();
        let (entries, findings, before) = spawn_blocking(move || {
            let entries = tree::scan(&path, &scan)?;
            let findings = secrets::find(&path, &entries);
            anyhow::Ok((entries, findings, memory::pushed(&path)))
        })
        .await??;
        allow(&findings, self.args.allow_secrets, self.printer)?;
        let keep = Keep { times: args.keep_times, owners: args.keep_owners, modes: args.keep_modes };
        let method = method(args, &entries, keep);
        let folder = Folder::new(root, entries, keep, args.compat)?;
        let form = if args.mountable { Form::MOUNTABLE } else { Form::ARTIFACT };
        let layers = folder.cut(form);
        let kind = layers.first().map(|_| Compression::Zstd.layer_type());
        self.check(IMAGE_CONFIG, kind.as_slice(), options)?;
        let known = |entries: &[tree::Entry]| {
            let remembered = before.lookup(Fingerprint::of(entries, keep, &method));
            remembered.filter(|_| !args.verify).cloned()
        };
        let sent = match folder.known(&layers, known) {
            Some(all) if self.has(&all, options).await? => all,
            _ => folder.send(layers, known, self.target, &self.observer).await?,
        };
        let mut after = Pushed::default();
        for layer in &sent {
            let entries = &folder.entries()[layer.entries.clone()];
            after.record(Fingerprint::of(entries, keep, &method), entries, listed, layer.packed.clone());
        }
        if after != before {
            let root = root.to_owned();
            spawn_blocking(move || memory::keep_pushed(&root, &after)).await?;
        }
        let packed: Vec<_> = sent.iter().map(|layer| layer.packed.clone()).collect();
        let layers = sent.iter().map(|layer| (layer.packed.size, layer.outcome)).collect();
        Ok((config::directory(&packed, options)?, layers))
    }

    /// Whether the target has the artifact of these layers already; then it has the layers.
    async fn has(&self, layers: &[Sent], options: &Options) -> Result<bool> {
        let packed: Vec<_> = layers.iter().map(|layer| layer.packed.clone()).collect();
        let digest = config::directory(&packed, options)?.manifest.digest;
        Ok(self.target.keeps_whole() && self.target.has_manifest(&digest).await?)
    }

    async fn files(&self, paths: &[PathBuf], options: &Options) -> Result<Layers> {
        let named = paths.iter().map(|path| Named::parse(path)).collect::<Result<Vec<_>>>()?;
        let findings: Vec<_> = named.iter().filter_map(Named::finding).collect();
        allow(&findings, self.args.allow_secrets, self.printer)?;
        let kinds = named.iter().map(Named::media_type).collect::<Result<Vec<_>>>()?;
        self.check(OCI_EMPTY, &kinds, options)?;
        let sent = files::send_all(named, self.target, &self.observer).await?;
        let layers = sent.iter().map(|(file, fate)| (file.size, *fate)).collect();
        let files: Vec<_> = sent.into_iter().map(|(file, _)| file).collect();
        Ok((config::files(&files, options)?, layers))
    }

    /// Stops where the target is known not to take what is going to be made.
    fn check(&self, config: &'static str, layers: &[MediaType], options: &Options) -> Result<()> {
        let shape = Shape::made(&MediaType::known(config), layers, options.subject.is_some());
        let obstacles = obstacles(&self.target.abilities(), None, &[shape]);
        match obstacles.is_empty() {
            true => Ok(()),
            false => Err(Error::Unfit(Unfit { place: self.target.name(), obstacles }).into()),
        }
    }

    /// The config and the manifest.
    async fn finish(&self, made: &Made, tags: &[Tag]) -> Result<()> {
        let origin = Bytes::from(made.config.bytes.clone());
        send(&made.config.descriptor(), &origin, self.target, &self.observer).await?;
        let Descriptor { media_type, digest, .. } = made.manifest.descriptor();
        let manifest = Fetched { media_type, digest, bytes: made.manifest.bytes.clone().into() };
        Ok(self.target.put_manifest(&manifest, tags, Rank::Head).await?)
    }
}

/// What else than its entries a layer's bytes hang on: with gzip it repeats the folders above them.
fn method(args: &PushArgs, entries: &[tree::Entry], keep: Keep) -> String {
    if !args.compat {
        return "chosen".to_owned();
    }
    let folders: Vec<_> = entries.iter().filter(|entry| entry.kind == tree::Kind::Folder).cloned().collect();
    format!("gzip with {:?}", Fingerprint::of(&folders, keep, ""))
}

/// Stops where something looks like a credential, unless it is meant to be sent.
///
/// # Errors
/// It is not meant.
pub(super) fn allow(findings: &[secrets::Finding], is_meant: bool, printer: &Printer) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let shown = findings.iter().take(FINDINGS_SHOWN).map(|finding| format!("{} ({})", finding.path, finding.reason));
    let mut list = shown.collect::<Vec<_>>().join(", ");
    if findings.len() > FINDINGS_SHOWN {
        list.push_str(&format!(" and {} more", findings.len() - FINDINGS_SHOWN));
    }
    let warning = printable(&format!("this looks like credentials: {list}"));
    if is_meant || ask::is_terminal() {
        printer.note(&format!("warning: {warning}"));
    }
    if is_meant || ask::is_terminal() && ask::confirm(printer, "send it all the same?", false)? {
        return Ok(());
    }
    bail!("{warning}; nothing was sent: leave it out by --exclude, or send it by --allow-secrets")
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
