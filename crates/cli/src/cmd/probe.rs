//! `wharf probe`: what a registry takes and does.

use anyhow::{Error, Result};
use serde::Serialize;
use wharf_client::error::Error as ClientError;
use wharf_client::probe::probe;
use wharf_content::abilities::{Abilities, Found};
use wharf_content::error::Error as ContentError;
use wharf_model::name::RepositoryName;

use crate::args::probe::ProbeArgs;
use crate::end::Reach;
use crate::printer::Printer;
use crate::table::Table;
use crate::{Outcome, known, session};

/// Where it is tried, if nothing is said.
const REPOSITORY: &str = "wharf/probe";

/// What was found, as `--json` tells it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Probed {
    registry: String,
    repository: RepositoryName,
    abilities: Abilities,
}

/// Runs the command.
///
/// # Errors
/// The registry cannot be reached, or lets nobody push there.
pub fn run(args: &ProbeArgs, printer: &Printer) -> Result<Outcome> {
    let host = &args.place.host;
    let repository = args.place.repository.clone().map_or_else(|| REPOSITORY.parse(), Ok)?;
    // Mounts need another one.
    let second: RepositoryName = format!("{repository}-mount").parse()?;
    printer.note(&format!(
        "what {host} takes is found out by pushing small things to its repositories {repository} and {second}; \
         they are taken away again, as far as it deletes"
    ));
    let found = session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        let (one, other) = (reach.repository(host, &repository).await?, reach.repository(host, &second).await?);
        let abilities = probe(&one, Some(&other)).await.map_err(|error| explained(error, host, &repository))?;
        let origin = one.registry().origin();
        known::keep(origin, &abilities);
        Ok(Probed { registry: origin.to_string(), repository, abilities })
    })?;
    printer.show(args.json, &found, |found| text(&found.abilities))?;
    Ok(Outcome::Done)
}

/// Who may not push there may push elsewhere.
fn explained(error: ContentError, host: &str, repository: &RepositoryName) -> Error {
    let ContentError::End(inner) = &error else { return error.into() };
    let is_no = matches!(
        inner.downcast_ref(),
        Some(ClientError::Unauthorized { .. } | ClientError::Denied { .. } | ClientError::NotFound { .. })
    );
    if is_no {
        let what = format!(
            "nothing can be pushed to {host}/{repository}; name a repository that you may push to: wharf probe {host}/REPOSITORY"
        );
        return Error::from(error).context(what);
    }
    error.into()
}

fn text(abilities: &Abilities) -> String {
    let a = abilities;
    let no_way = "no way there: stopped before anything is sent";
    let rows: [(&str, Found, &str); 12] = [
        ("index", a.index, no_way),
        ("multi-arch", a.multi_arch, no_way),
        ("mixed index", a.mixed_index, no_way),
        ("empty layers", a.empty_layers, no_way),
        ("custom types", a.custom_types, no_way),
        ("untagged push", a.untagged_push, "tags of its own: sha256-….wharf"),
        ("referrers", a.referrers, "an index under a tag: sha256-…"),
        ("mount", a.mount, "uploaded"),
        ("chunked upload", a.chunked_upload, "in one request"),
        ("range", a.range, "from the beginning after an interruption"),
        ("delete", a.delete, ""),
        ("delete tag", a.delete_tag, ""),
    ];
    let mut table = Table::new(&["ABILITY", "FOUND", "INSTEAD"]);
    for (name, found, instead) in rows {
        let is_missing = found == Some(false);
        let told = found.map_or("unknown", |yes| if yes { "yes" } else { "no" });
        table.row([name, told, if is_missing { instead } else { "" }].map(str::to_owned));
    }
    table.text()
}
