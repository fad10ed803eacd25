//! `wharf rm`: takes manifests and tags away.

use anyhow::{Result, ensure};
use wharf_client::remote::Remote;
use wharf_content::error::Error;
use wharf_model::image_ref::ImageRef;
use wharf_model::name::Reference;

use crate::args::reference::{Exact, RmArgs};
use crate::end::Reach;
use crate::printer::Printer;
use crate::{Outcome, ask, session};

/// Runs the command. What is misspelt is found out before anything is deleted.
///
/// # Errors
/// Something is not there, or the registry refuses.
pub fn run(args: &RmArgs, printer: &Printer) -> Result<Outcome> {
    for Exact(image) in &args.images {
        ensure!(!args.tag_only || image.digest.is_none(), "{image}: --tag-only takes references by tag");
    }
    if !ask::confirm(printer, &format!("delete {}?", what(args)), args.yes)? {
        return Ok(Outcome::No);
    }
    let work = async {
        let reach = Reach::new(&args.reach)?;
        let mut found = Vec::new();
        for Exact(image) in &args.images {
            let there = find(&reach, image, args.tag_only).await;
            found.push(session::about(image, image.repository.as_str(), there)?);
        }
        for ((remote, reference), Exact(image)) in found.iter().zip(&args.images) {
            // Two may be the same manifest, and somebody else may have been faster.
            let done = remote.delete_manifest(reference).await.map_err(anyhow::Error::from);
            session::about(image, image.repository.as_str(), done)?;
            printer.note(&format!("deleted {}{image}", if args.tag_only { "the tag " } else { "" }));
        }
        Ok(Outcome::Done)
    };
    session::block_on_all(work)
}

fn what(args: &RmArgs) -> String {
    let names: Vec<String> = args.images.iter().map(|Exact(image)| image.to_string()).collect();
    let more = if args.tag_only { ", the tags alone" } else { " with all tags of the same manifests" };
    format!("{}{more}", names.join(", "))
}

/// What is to be deleted there.
async fn find(reach: &Reach, image: &ImageRef, tag_only: bool) -> Result<(Remote, Reference)> {
    let (remote, reference) = (reach.remote(image).await?, image.reference());
    let Some(found) = remote.resolve(&reference).await? else { return Err(missing(&remote, &reference).into()) };
    Ok((remote, if tag_only { reference } else { Reference::Digest(found.digest) }))
}

fn missing(remote: &Remote, reference: &Reference) -> Error {
    Error::Missing { what: reference.to_string(), place: remote.to_string() }
}
