//! `wharf quota`.

use anyhow::Result;
use wharf_model::api::project::Project;
use wharf_model::units::size;

use crate::Outcome;
use crate::args::project::{QuotaArgs, QuotaCommand, QuotaSetArgs};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::sheet;

/// Runs the command. In JSON, the answer is the whole project.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &QuotaArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        QuotaCommand::Show { project } => session.show(&session.admin.project(project).await?, text),
        QuotaCommand::Set(QuotaSetArgs { project: name, limits }) => {
            // The API would make the project, which is not what is asked.
            session.admin.project(name).await?;
            let project = session.admin.put_project(name, &limits.change()).await?;
            session.made(&project, &format!("the quota of {name} was changed"))
        }
    })
}

/// What a project uses and may use.
pub(super) fn text(project: &Project) -> String {
    let usage = &project.usage;
    let of = |used: String, limit: Option<String>| match limit {
        Some(limit) => format!("{used} of {limit}"),
        None => format!("{used}, no limit"),
    };
    let repositories = project.quota_repositories.map(|limit| limit.to_string());
    sheet([
        ("used", Some(of(size(usage.bytes), project.quota_bytes.map(size)))),
        ("of it trash", usage.trash_bytes.filter(|bytes| *bytes > 0).map(size)),
        ("reserved", Some(usage.reserved_bytes).filter(|bytes| *bytes > 0).map(size)),
        ("warned from", project.quota_warn_bytes.map(size)),
        ("repositories", Some(of(usage.repositories.to_string(), repositories))),
    ])
}
