//! `wharf role`.

use anyhow::Result;
use wharf_client::error::Error;
use wharf_model::api::access::{Role, RoleChange};
use wharf_model::handle::Handle;

use crate::Outcome;
use crate::args::role::{RoleArgs, RoleCommand};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::sheet;

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &RoleArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        RoleCommand::List => {
            let roles = session.admin.roles().await?;
            session.list(roles, &["NAME", "SORT", "DESCRIPTION"], |role| {
                vec![role.name.to_string(), sort(role), role.description.clone()]
            })
        }
        RoleCommand::Show { name } => session.show(&session.admin.role(name).await?, text),
        RoleCommand::Set { name, permissions, description } => {
            let description = match description {
                Some(description) => description.clone(),
                None => known_description(session, name).await?,
            };
            let role = session.admin.put_role(name, &RoleChange { description, permissions: *permissions }).await?;
            session.made(&role, &format!("the role {name} allows {}", role.permissions))
        }
        RoleCommand::Delete { name, yes } => {
            if !session.confirm(&format!("delete the role {name}"), *yes)? {
                return Ok(Outcome::No);
            }
            session.admin.delete_role(name).await?;
            Ok(session.done(&format!("the role {name} was deleted")))
        }
    })
}

/// What it is for as of now: the API takes all of a role at once.
async fn known_description(session: &Session<'_>, name: &Handle) -> Result<String> {
    match session.admin.role(name).await {
        Ok(role) => Ok(role.description),
        Err(Error::NotFound { is_endpoint: false, .. }) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

fn sort(role: &Role) -> String {
    if role.built_in { "built in" } else { "own" }.to_owned()
}

fn text(role: &Role) -> String {
    sheet([
        ("name", Some(role.name.to_string())),
        ("sort", Some(sort(role))),
        ("description", Some(role.description.clone())),
        ("allows", Some(role.permissions.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", "))),
    ])
}
