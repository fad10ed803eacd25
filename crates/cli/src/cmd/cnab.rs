//! `wharf cnab`: bundles of CNAB, as cnab-to-oci puts them into registries.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use wharf_artifact::cnab::{self, Bundle, CnabError, FORMS, Form, Index, Role};
use wharf_client::error::Error as ClientError;
use wharf_client::remote::Remote;
use wharf_content::abilities::{Form as Shape, Unfit, obstacles};
use wharf_content::copy::{Options, copy};
use wharf_content::error::Error;
use wharf_content::observer::Observer;
use wharf_content::source::Fetched;
use wharf_content::target::{Rank, Target as _};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::CNAB_BYTES_MAX;
use wharf_model::name::Reference;
use wharf_model::units::count;

use crate::Outcome;
use crate::args::cnab::{CnabArgs, CnabCommand, PullCnabArgs, PushCnabArgs};
use crate::args::copy::CopyArgs;
use crate::args::end::End;
use crate::bundle::{fetched, put, small, write_file};
use crate::end::Reach;
use crate::found::{Found, parse};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::session;
use crate::table::printable;

/// The file that says what a bundle is.
const BUNDLE: &str = "bundle.json";
/// The file that says where its images are (CNAB 103, "Image Relocation").
const RELOCATION: &str = "relocation-mapping.json";

/// What a push did, as `--json` tells it.
#[derive(Serialize)]
struct Report {
    reference: String,
    digest: Digest,
    relocation: BTreeMap<String, String>,
}

/// Runs the command.
///
/// # Errors
/// Something is no bundle, is not there, or is refused.
pub fn run(args: &CnabArgs, printer: &Printer) -> Result<Outcome> {
    match &args.command {
        CnabCommand::Push(args) => push(args, printer),
        CnabCommand::Pull(args) => pull(args, printer),
        CnabCommand::Copy(args) => relocate(args, printer),
    }
}

fn push(args: &PushCnabArgs, printer: &Printer) -> Result<Outcome> {
    if args.target.digest.is_some() {
        bail!("{}: what is pushed gets its digest from its content; write a tag", args.target);
    }
    let bundle = read(&args.file, CNAB_BYTES_MAX)?;
    let bundle = Bundle::parse(&bundle).with_context(|| args.file.display().to_string())?;
    let known = match &args.relocation_map {
        Some(file) => {
            serde_json::from_slice(&read(file, CNAB_BYTES_MAX)?).with_context(|| file.display().to_string())?
        }
        None => BTreeMap::new(),
    };
    let report = session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        let progress = Progress::new(args.quiet || args.json);
        let observer: Arc<dyn Observer> = progress.clone();
        let pushing =
            Pushing { args, reach: &reach, target: reach.remote(&args.target).await?, known, observer, printer };
        let pushed = pushing.all(bundle).await;
        progress.end();
        pushed
    })?;
    if args.json {
        printer.line(&serde_json::to_string_pretty(&report)?)?;
    } else {
        printer.line(&report.digest.to_string())?;
    }
    Ok(Outcome::Done)
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>> {
    let length = path.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
    if length > max as u64 {
        bail!("{} has more than {max} bytes", path.display());
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// One push under way.
struct Pushing<'a> {
    args: &'a PushCnabArgs,
    reach: &'a Reach,
    target: Remote,
    /// Where images are that are not where the bundle says.
    known: BTreeMap<String, String>,
    observer: Arc<dyn Observer>,
    printer: &'a Printer,
}

impl Pushing<'_> {
    async fn all(&self, mut bundle: Bundle) -> Result<Report> {
        let mut images = Vec::new();
        for image in bundle.images()? {
            let found =
                self.find(&image).await.with_context(|| format!("the image {} of the bundle", image.reference))?;
            if bundle.settle(&image.role, &found.1, self.args.update)? && !self.args.quiet {
                self.printer.note(&format!("{} is {}", image.reference, found.1.digest));
            }
            images.push((image.role, found));
        }
        // All of it is known before anything is sent.
        let settled: Vec<_> = images.iter().map(|(role, (_, found))| (role.clone(), found.clone())).collect();
        let forms = self.forms(&bundle, &settled)?;
        let options = Options { referrers: !self.args.no_referrers, ..Options::default() };
        for (_, (source, found)) in &images {
            let reference = Reference::Digest(found.digest);
            copy(source, &reference, &self.target, &[], &options, self.observer.clone()).await?;
        }
        let pushed = self.manifests(&forms, &bundle, &settled).await?;
        let (host, repository) = (&self.args.target.host, &self.args.target.repository);
        let index = Index::of(&parse(&pushed)?)?.context("what was pushed is no bundle")?;
        let relocation = index.relocation(&bundle, host, repository)?;
        if !self.args.quiet {
            let (name, version) = bundle.name();
            let images = count(images.len() as u64, "image");
            self.printer.note(&printable(&format!("{} is {name} {version} with {images}", self.args.target)));
        }
        Ok(Report { reference: self.args.target.to_string(), digest: pushed.digest, relocation })
    }

    /// Where an image is, and what it is.
    async fn find(&self, image: &cnab::Image) -> Result<(Remote, Descriptor)> {
        let place = self.known.get(&image.reference).unwrap_or(&image.reference);
        let named: ImageRef = place.parse()?;
        let remote = self.reach.remote(&named).await?;
        let reference = match (named.digest, image.digest) {
            // A tag may have moved since; what is stated is what is meant.
            (None, Some(stated)) if !self.args.update => Reference::Digest(stated),
            _ => named.reference(),
        };
        let found = remote.resolve(&reference).await?;
        let missing = || Error::Missing { what: reference.to_string(), place: remote.to_string() };
        let found = found.ok_or_else(missing)?;
        if !cnab::is_image(&found.media_type) {
            bail!("it is a {}, which is no image", found.media_type);
        }
        Ok((remote, Descriptor::new(found.media_type, found.digest, found.size)))
    }

    /// The forms that the registry is not known to refuse.
    fn forms(&self, bundle: &Bundle, images: &[(Role, Descriptor)]) -> Result<Vec<Form>> {
        let (mut forms, mut unfit) = (Vec::new(), None);
        for form in if self.args.no_fallback { &FORMS[..1] } else { &FORMS[..] } {
            let made = form.config(bundle)?;
            let index = form.index(bundle, &made.manifest, images)?;
            let shapes: Vec<_> = [&made.manifest, &index].iter().filter_map(|one| Shape::of(&fetched(one))).collect();
            let obstacles = obstacles(&self.target.abilities(), Some(&index.digest), &shapes);
            match obstacles.is_empty() {
                true => forms.push(*form),
                false => unfit = unfit.or(Some(Unfit { place: self.target.to_string(), obstacles })),
            }
        }
        match unfit {
            Some(unfit) if forms.is_empty() => Err(Error::Unfit(unfit).into()),
            _ => Ok(forms),
        }
    }

    /// The manifests of the bundle itself, in the first form that is taken.
    async fn manifests(&self, forms: &[Form], bundle: &Bundle, images: &[(Role, Descriptor)]) -> Result<Fetched> {
        let mut refused: Option<anyhow::Error> = None;
        for form in forms.iter().copied() {
            match self.put(form, bundle, images).await {
                Ok(index) => return Ok(index),
                Err(error) if is_refusal(&error) && !self.args.no_fallback => {
                    if !self.args.quiet {
                        self.printer.note(&format!("{} is refused: {error:#}", told(form)));
                    }
                    refused = Some(error);
                }
                Err(error) => return Err(error.context(format!("{} is refused", told(form)))),
            }
        }
        let last = refused.with_context(|| "there is no form of a bundle")?;
        Err(last.context(format!("{} takes bundles of CNAB in none of their forms", self.args.target)))
    }

    async fn put(&self, form: Form, bundle: &Bundle, images: &[(Role, Descriptor)]) -> Result<Fetched> {
        let made = form.config(bundle)?;
        put(&made, &self.target, &[], Rank::Part, &self.observer).await?;
        let index = fetched(&form.index(bundle, &made.manifest, images)?);
        let tags: Vec<_> = self.args.target.tag.iter().cloned().collect();
        self.target.put_manifest(&index, &tags, Rank::Head).await?;
        Ok(index)
    }
}

/// What of a form a registry may not like.
fn told(form: Form) -> &'static str {
    match form {
        Form::Cnab => "an OCI index with a manifest whose config is of CNAB's own type",
        Form::ImageConfig => "an OCI index with a manifest without layers",
        Form::Docker => "a manifest list of Docker",
    }
}

/// Whether the registry says that it does not take such things, rather than that nobody may.
fn is_refusal(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Error>() {
        Some(Error::End(inner)) => {
            matches!(inner.downcast_ref(), Some(ClientError::Refused { .. } | ClientError::Manifest { .. }))
        }
        _ => false,
    }
}

fn pull(args: &PullCnabArgs, printer: &Printer) -> Result<Outcome> {
    let pulled = session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        let found = Found::get(&reach, &args.source, None).await?;
        let index = index(&found, &args.source)?;
        let source = found.source();
        let missing = || Error::Missing { what: index.config.digest.to_string(), place: source.name() };
        let config = source.manifest(&Reference::Digest(index.config.digest)).await?.ok_or_else(missing)?;
        let config = parse(&config)?.config.context("what holds bundle.json has no config")?;
        let bytes = small(source, &config, CNAB_BYTES_MAX).await?;
        anyhow::Ok((found.fetched.digest, index, bytes))
    });
    let (digest, index, bytes) = session::about(&args.source, &args.source.place(), pulled)?;
    let bundle = Bundle::parse(&bytes).with_context(|| format!("{BUNDLE} of {}", args.source))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = args.folder.join(name);
        write_file(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write(BUNDLE, &bytes)?;
    match &args.source {
        End::Registry(image) => {
            let map = index.relocation(&bundle, &image.host, &image.repository)?;
            write(RELOCATION, &cnab::relocation_text(&map))?;
        }
        // Nothing can be run from there; where its images were, bundle.json says.
        End::Layout(_) | End::OciArchive(_) | End::DockerArchive(..) => {}
    }
    let (name, version) = bundle.name();
    printer.note(&printable(&format!("{name} {version} is in {}", args.folder.display())));
    printer.line(&digest.to_string())?;
    Ok(Outcome::Done)
}

/// What is in it, which has to be a bundle.
fn index(found: &Found, source: &End) -> Result<Index> {
    let index = Index::of(&found.manifest()?).map_err(|error: CnabError| anyhow::anyhow!("{source}: {error}"))?;
    index.with_context(|| format!("{source} is no bundle of CNAB"))
}

fn relocate(args: &CopyArgs, printer: &Printer) -> Result<Outcome> {
    if args.bundle || args.all_tags || !args.tags.is_empty() || args.single {
        bail!("one bundle is copied whole: leave out --bundle, --all-tags, --tags and --single");
    }
    let checked = session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        index(&Found::get(&reach, &args.from, None).await?, &args.from)
    });
    session::about(format!("{} to {}", args.from, args.to), &args.from.place(), checked)?;
    super::copy::run(args, printer)
}
