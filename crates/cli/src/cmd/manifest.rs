//! `wharf manifest`: manifests as they are.

use std::fs::File;
use std::io::{Read as _, stdin};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use wharf_content::error::Error;
use wharf_content::source::Fetched;
use wharf_content::target::{Rank, Target as _};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::MANIFEST_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::media::MediaType;

use crate::args::manifest::{ManifestArgs, ManifestCommand};
use crate::args::reference::Exact;
use crate::end::Reach;
use crate::found::Found;
use crate::printer::Printer;
use crate::{Outcome, ask, session};

/// Runs the command.
///
/// # Errors
/// It is not there, cannot be read, or the registry refuses.
pub fn run(args: &ManifestArgs, printer: &Printer) -> Result<Outcome> {
    match &args.command {
        ManifestCommand::Get { end, platform } => {
            let found =
                session::block_on_all(async { Found::get(&Reach::new(&args.reach)?, end, platform.as_ref()).await });
            let found = session::about(end, &end.place(), found)?;
            printer.bytes(&found.fetched.bytes)?;
        }
        ManifestCommand::Put { image, file, media_type } => {
            let manifest = made(read(file)?, image, media_type.as_ref())?;
            let done = session::block_on_all(async {
                let remote = Reach::new(&args.reach)?.remote(image).await?;
                let tags: Vec<_> = image.tag.iter().cloned().collect();
                Ok(remote.put_manifest(&manifest, &tags, Rank::Head).await?)
            });
            session::about(image, image.repository.as_str(), done)?;
            printer.line(&manifest.digest.to_string())?;
        }
        ManifestCommand::Delete { image: Exact(image), yes } => {
            if !ask::confirm(printer, &format!("delete {image}?"), *yes)? {
                return Ok(Outcome::No);
            }
            let done = session::block_on_all(async {
                let (remote, reference) = (Reach::new(&args.reach)?.remote(image).await?, image.reference());
                let missing = || Error::Missing { what: reference.to_string(), place: remote.to_string() };
                let was_there = remote.delete_manifest(&reference).await?;
                Ok(was_there.then_some(()).ok_or_else(missing)?)
            });
            session::about(image, image.repository.as_str(), done)?;
            printer.note(&format!("deleted {image}"));
        }
    }
    Ok(Outcome::Done)
}

/// All of a file, or of standard input (`-`).
fn read(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MANIFEST_BYTES_MAX as u64 + 1;
    if file == Path::new("-") {
        stdin().lock().take(limit).read_to_end(&mut bytes).context("standard input cannot be read")?;
    } else {
        let opened = File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        opened.with_context(|| format!("{} cannot be read", file.display()))?;
    }
    ensure!(bytes.len() <= MANIFEST_BYTES_MAX, "{}: a manifest has at most {MANIFEST_BYTES_MAX} bytes", file.display());
    Ok(bytes)
}

/// The manifest of these bytes; by the digest that is expected, where one is.
fn made(bytes: Vec<u8>, image: &ImageRef, media_type: Option<&MediaType>) -> Result<Fetched> {
    let media_type = match (media_type, Manifest::parse(&bytes, media_type)) {
        (_, Ok(manifest)) => manifest.media_type,
        // There may be others than we know.
        (Some(given), Err(_)) => given.clone(),
        (None, Err(error)) => {
            return Err(error).context("this is no manifest that is known; --media-type says what it is");
        }
    };
    let algorithm = image.digest.map_or(Algorithm::Sha256, |digest| digest.algorithm());
    let digest = Digest::of(algorithm, &bytes);
    if let Some(expected) = image.digest {
        ensure!(digest == expected, "the digest of these bytes is {digest}, not {expected}");
    }
    Ok(Fetched { media_type, digest, bytes: bytes.into() })
}
