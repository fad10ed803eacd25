//! `wharf access`.

use anyhow::Result;
use wharf_client::admin::Place;
use wharf_model::api::access::Explanation;

use super::member;
use crate::Outcome;
use crate::args::access::{AccessArgs, AccessCommand};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::Table;

/// Runs the command. The answer is no where it is not allowed.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &AccessArgs, printer: &Printer) -> Result<Outcome> {
    let AccessCommand::Explain { subject, permission, repository, project } = &args.command;
    let place = match (repository, project) {
        (Some(repository), _) => Place::Repository(repository.clone()),
        (None, Some(project)) => Place::Project(project.clone()),
        (None, None) => Place::System,
    };
    session::run(&args.remote, printer, async |session: &Session<'_>| {
        let explanation = session.admin.explain(subject, *permission, &place).await?;
        session.show(&explanation, text)?;
        Ok(if explanation.allowed { Outcome::Done } else { Outcome::No })
    })
}

fn text(explanation: &Explanation) -> String {
    let answer = if explanation.allowed { "yes" } else { "no" };
    let mut text = format!("{answer}: {}", crate::table::printable(&explanation.because));
    if !explanation.permissions.is_empty() {
        text.push_str(&format!("\nallowed there: {}", explanation.permissions));
    }
    if !explanation.bindings.is_empty() {
        let mut table = Table::new(&member::HEADINGS);
        explanation.bindings.iter().for_each(|binding| table.row(member::row(binding)));
        text.push_str(&format!("\n\n{}", table.text()));
    }
    text
}
