//! `wharf group`.

use std::collections::BTreeSet;

use anyhow::Result;
use wharf_client::error::Error;
use wharf_model::api::people::{Group, GroupChange};
use wharf_model::handle::Handle;

use crate::Outcome;
use crate::args::group::{GroupArgs, GroupCommand};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::sheet;

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &GroupArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        GroupCommand::List => {
            let groups = session.admin.groups().await?;
            session.list(groups, &["NAME", "MEMBERS", "DESCRIPTION"], |group| {
                vec![group.name.to_string(), group.members.len().to_string(), group.description.clone()]
            })
        }
        GroupCommand::Show { name } => session.show(&session.admin.group(name).await?, text),
        GroupCommand::Set { name, description, add, remove, members } => {
            let members = match members {
                Some(members) => Some(members.clone()),
                None => changed(session, name, add, remove).await?,
            };
            let change = GroupChange { description: description.clone(), members };
            let group = session.admin.put_group(name, &change).await?;
            session.made(&group, &format!("the group {name} was set; in it: {}", members_or_nobody(&group)))
        }
        GroupCommand::Delete { name, yes } => {
            if !session.confirm(&format!("delete the group {name}"), *yes)? {
                return Ok(Outcome::No);
            }
            session.admin.delete_group(name).await?;
            Ok(session.done(&format!("the group {name} was deleted")))
        }
    })
}

/// Who is in it after these went in and out; `None` where that is as it was. A group that is not there is empty.
async fn changed(
    session: &Session<'_>,
    name: &Handle,
    add: &[Handle],
    remove: &[Handle],
) -> Result<Option<Vec<Handle>>> {
    if add.is_empty() && remove.is_empty() {
        return Ok(None);
    }
    let known = match session.admin.group(name).await {
        Ok(group) => group.members,
        Err(Error::NotFound { is_endpoint: false, .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut members: BTreeSet<Handle> = known.into_iter().chain(add.iter().cloned()).collect();
    members.retain(|member| !remove.contains(member));
    Ok(Some(members.into_iter().collect()))
}

fn members_or_nobody(group: &Group) -> String {
    if group.members.is_empty() { "nobody".to_owned() } else { super::joined(&group.members) }
}

fn text(group: &Group) -> String {
    sheet([
        ("name", Some(group.name.to_string())),
        ("description", Some(group.description.clone())),
        ("members", Some(super::joined(&group.members))),
    ])
}
