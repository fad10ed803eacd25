//! `wharf repository`.

use anyhow::Result;
use wharf_model::api::repository::Repository;

use super::access_of;
use crate::Outcome;
use crate::args::repository::{RepositoryArgs, RepositoryCommand};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::sheet;
use crate::units::moment;

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &RepositoryArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        RepositoryCommand::List { project } => {
            let repositories = session.admin.repositories(project.as_ref()).await?;
            session.list(repositories, &["NAME", "ACCESS", "CREATED"], |one: &Repository| {
                vec![one.name.to_string(), access_of(one.public), moment(one.created_at)]
            })
        }
        RepositoryCommand::Show { name } => session.show(&session.admin.repository(name).await?, text),
        RepositoryCommand::Delete { name, yes } => {
            if !session.confirm(&format!("delete the repository {name} with everything in it"), *yes)? {
                return Ok(Outcome::No);
            }
            session.admin.delete_repository(name).await?;
            let back = format!("wharf restore --repository {name} brings it back");
            Ok(session.done(&format!("the repository {name} is in the trash; {back}")))
        }
    })
}

fn text(repository: &Repository) -> String {
    sheet([
        ("name", Some(repository.name.to_string())),
        ("project", Some(repository.project.to_string())),
        ("access", Some(access_of(repository.public))),
        ("created", Some(moment(repository.created_at))),
        ("id", Some(repository.id.to_string())),
    ])
}
