//! `wharf ls`: the repositories of a registry, or the tags of one.

use anyhow::Result;
use wharf_model::api::list::List;

use crate::Outcome;
use crate::args::reference::{Listed, LsArgs};
use crate::end::Reach;
use crate::printer::Printer;
use crate::session::{self, DEFAULT_REGISTRY};

/// Runs the command.
///
/// # Errors
/// The registry or folder cannot be asked, or does not know the repository.
pub fn run(args: &LsArgs, printer: &Printer) -> Result<Outcome> {
    let items = session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        match &args.what {
            None => repositories(&reach, DEFAULT_REGISTRY).await,
            Some(Listed::Registry(host)) => repositories(&reach, host).await,
            Some(Listed::Tags(end)) => {
                let tags = async { anyhow::Ok(end.open(&reach).await?.source.tags().await?) };
                let tags = session::about(end.place(), &end.place(), tags.await)?;
                Ok(tags.iter().map(ToString::to_string).collect())
            }
        }
    })?;
    printer.show(args.json, &List { items, next: None }, |list| list.items.join("\n"))?;
    Ok(Outcome::Done)
}

async fn repositories(reach: &Reach, host: &str) -> Result<Vec<String>> {
    let names = reach.registry(host).await?.repositories().await?;
    Ok(names.iter().map(ToString::to_string).collect())
}
