//! `wharf tag`: more tags for what is there. No bytes of it move.

use anyhow::Result;
use wharf_content::target::{Rank, Target as _};
use wharf_model::name::Tag;

use crate::Outcome;
use crate::args::reference::TagArgs;
use crate::end::Reach;
use crate::found;
use crate::printer::Printer;
use crate::session;

/// Runs the command.
///
/// # Errors
/// It is not there, or the registry refuses.
pub fn run(args: &TagArgs, printer: &Printer) -> Result<Outcome> {
    let done = session::block_on_all(async {
        let remote = Reach::new(&args.reach)?.remote(&args.image).await?;
        let found = found::fetch(&remote, &args.image.reference()).await?;
        remote.put_manifest(&found, &args.tags, Rank::Head).await?;
        Ok(found.digest)
    });
    let digest = session::about(&args.image, args.image.repository.as_str(), done)?;
    let tags = args.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ");
    printer.note(&format!("{} is tagged {tags}", args.image));
    printer.line(&digest.to_string())?;
    Ok(Outcome::Done)
}
