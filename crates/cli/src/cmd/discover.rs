//! `wharf discover`: what refers to something.

use anyhow::Result;
use wharf_model::api::list::List;

use crate::Outcome;
use crate::args::reference::DiscoverArgs;
use crate::end::Reach;
use crate::found::{self, Found, Referrer};
use crate::printer::Printer;
use crate::session;
use crate::table::Table;

/// The annotation that says when something was made.
const CREATED: &str = "org.opencontainers.image.created";

/// Runs the command.
///
/// # Errors
/// It is not there, or cannot be asked for.
pub fn run(args: &DiscoverArgs, printer: &Printer) -> Result<Outcome> {
    let end = &args.look.end;
    let found = session::block_on_all(async {
        let reach = Reach::new(&args.look.reach)?;
        let found = Found::get(&reach, end, None).await?;
        found::referrers(found.source(), &found.fetched.digest).await
    });
    let mut all = session::about(end, &end.place(), found)?;
    let is_wanted = |kind: Option<&str>| args.artifact_type.as_deref().is_none_or(|wanted| kind == Some(wanted));
    all.retain(|one| is_wanted(one.descriptor.artifact_type.as_deref()));
    printer.show(args.look.json, &List { items: all, next: None }, text)?;
    Ok(Outcome::Done)
}

fn text(list: &List<Referrer>) -> String {
    let mut table = Table::new(&["DIGEST", "KIND", "ARTIFACT TYPE", "CREATED"]);
    for Referrer { descriptor, kind, .. } in &list.items {
        let created = descriptor.annotations.as_ref().and_then(|texts| texts.get(CREATED)).cloned();
        let artifact_type = descriptor.artifact_type.clone().unwrap_or_default();
        table.row([descriptor.digest.to_string(), kind.title.clone(), artifact_type, created.unwrap_or_default()]);
    }
    table.text()
}
