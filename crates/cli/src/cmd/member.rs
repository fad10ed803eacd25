//! `wharf member`.

use anyhow::{Result, ensure};
use wharf_client::admin::Within;
use wharf_model::api::access::{Binding, NewBinding};
use wharf_model::handle::Handle;
use wharf_model::id::Id;

use crate::Outcome;
use crate::args::member::{MemberArgs, MemberCommand};
use crate::args::remote::subject;
use crate::printer::Printer;
use crate::session::{self, Session};

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &MemberArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        MemberCommand::List { within } => {
            let bindings = session.admin.bindings(&within.within()).await?;
            session.list(bindings, &HEADINGS, row)
        }
        MemberCommand::Add { within, subject, role, permissions, repositories } => {
            let new = NewBinding {
                subject: Some(subject.clone()),
                role: role.clone(),
                permissions: *permissions,
                repositories: repositories.clone(),
            };
            let within = within.within();
            let made = session.admin.bind(&within, &new).await?;
            session.made(&made, &format!("{subject} has {} in {}", super::gives(&made), shown(&within)))
        }
        MemberCommand::Remove { within, what, role, yes } => {
            remove(session, &within.within(), what, role.as_ref(), *yes).await
        }
    })
}

/// The columns of a list of bindings.
pub(super) const HEADINGS: [&str; 4] = ["ID", "SUBJECT", "GIVES", "REPOSITORIES"];

/// The line of a binding.
pub(super) fn row(binding: &Binding) -> Vec<String> {
    let repositories = binding.repositories.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
    vec![binding.id.to_string(), binding.subject.to_string(), super::gives(binding), repositories]
}

fn shown(within: &Within) -> String {
    match within {
        Within::System => "the system".to_owned(),
        Within::Project(project) => format!("the project {project}"),
    }
}

async fn remove(
    session: &Session<'_>,
    within: &Within,
    what: &str,
    role: Option<&Handle>,
    yes: bool,
) -> Result<Outcome> {
    let ids: Vec<Id> = match what.parse() {
        Ok(id) => vec![id],
        Err(_) => {
            let subject = subject(what)?;
            let fits = |binding: &Binding| {
                binding.subject == subject && role.is_none_or(|role| binding.role.as_ref() == Some(role))
            };
            let bindings = session.admin.bindings(within).await?;
            bindings.iter().filter(|binding| fits(binding)).map(|binding| binding.id).collect()
        }
    };
    ensure!(!ids.is_empty(), "{what} is given nothing of that sort in {}", shown(within));
    if !session.confirm(&format!("take from {what} what it is given in {}", shown(within)), yes)? {
        return Ok(Outcome::No);
    }
    for id in &ids {
        session.admin.unbind(within, *id).await?;
    }
    Ok(session.done(&format!("{what} has lost {} of what it was given in {}", ids.len(), shown(within))))
}
