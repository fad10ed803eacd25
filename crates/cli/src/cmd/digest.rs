//! `wharf digest`.

use anyhow::Result;
use serde::Serialize;
use wharf_client::remote::Resolved;
use wharf_content::error::Error;
use wharf_model::digest::Digest;
use wharf_model::media::MediaType;

use crate::Outcome;
use crate::args::end::End;
use crate::args::reference::DigestArgs;
use crate::end::Reach;
use crate::found::Found;
use crate::printer::Printer;
use crate::session;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    digest: Digest,
    media_type: MediaType,
    size: u64,
}

/// Runs the command.
///
/// # Errors
/// It is not there, or cannot be asked for.
pub fn run(args: &DigestArgs, printer: &Printer) -> Result<Outcome> {
    let told = session::about(&args.look.end, &args.look.end.place(), session::block_on_all(told(args)))?;
    printer.show(args.look.json, &told, |told| told.digest.to_string())?;
    Ok(Outcome::Done)
}

async fn told(args: &DigestArgs) -> Result<Told> {
    let reach = Reach::new(&args.look.reach)?;
    // Of a registry, the bytes need not be fetched for that.
    if let (End::Registry(image), None) = (&args.look.end, &args.platform) {
        let (remote, reference) = (reach.remote(image).await?, image.reference());
        let missing = || Error::Missing { what: reference.to_string(), place: remote.to_string() };
        let Resolved { media_type, digest, size } = remote.resolve(&reference).await?.ok_or_else(missing)?;
        return Ok(Told { digest, media_type, size });
    }
    let found = Found::get(&reach, &args.look.end, args.platform.as_ref()).await?.fetched;
    Ok(Told { digest: found.digest, media_type: found.media_type, size: found.bytes.len() as u64 })
}
