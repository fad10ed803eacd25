//! `wharf project`.

use anyhow::{Result, bail};
use wharf_client::error::Error;
use wharf_model::api::project::{ListedProject, Missing, Project, ProjectChange};
use wharf_model::name::ProjectName;
use wharf_model::units::size;

use super::access_of;
use crate::Outcome;
use crate::args::project::{ProjectArgs, ProjectCommand};
use crate::moment::moment;
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::sheet;

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &ProjectArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        ProjectCommand::List => {
            let projects = session.admin.projects().await?;
            session.list(projects, &["NAME", "ACCESS", "REPOSITORIES", "USED", "QUOTA", "DESCRIPTION"], row)
        }
        ProjectCommand::Show { name } => session.show(&session.admin.project(name).await?, text),
        ProjectCommand::Create { name, settings } => create(session, name, &settings.change()).await,
        ProjectCommand::Set { name, settings } => {
            // The API would make it, which is not what is asked.
            session.admin.project(name).await?;
            let project = session.admin.put_project(name, &settings.change()).await?;
            session.made(&project, &format!("the project {name} was changed"))
        }
        ProjectCommand::Delete { name, yes } => {
            if !session.confirm(&format!("delete the project {name} with everything in it"), *yes)? {
                return Ok(Outcome::No);
            }
            session.admin.delete_project(name).await?;
            Ok(session
                .done(&format!("the project {name} is in the trash; wharf restore --project {name} brings it back")))
        }
    })
}

async fn create(session: &Session<'_>, name: &ProjectName, change: &ProjectChange) -> Result<Outcome> {
    match session.admin.project(name).await {
        Ok(_) => bail!("the project {name} is there already; wharf project set {name} changes it"),
        Err(Error::NotFound { is_endpoint: false, .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let project = session.admin.put_project(name, change).await?;
    session.made(&project, &format!("the project {name} was made"))
}

/// What one may not read is a dash.
fn row(project: &ListedProject) -> Vec<String> {
    let [repositories, used, quota] = match &project.usage {
        Some(usage) => [
            usage.repositories.to_string(),
            size(usage.bytes),
            project.quota_bytes.map_or_else(|| "none".to_owned(), size),
        ],
        None => ["-"; 3].map(str::to_owned),
    };
    vec![project.name.to_string(), access_of(project.public), repositories, used, quota, project.description.clone()]
}

fn text(project: &Project) -> String {
    let missing = |missing: &Missing| match missing {
        Missing::Refuse => "refuse",
        Missing::Index => "index",
        Missing::Accept => "accept",
    };
    let rules = project.immutable.iter().map(|rule| format!("{}={}", rule.repositories, rule.tags));
    let facts = sheet([
        ("name", Some(project.name.to_string())),
        ("access", Some(access_of(project.public))),
        ("description", Some(project.description.clone())),
        ("missing", project.missing.as_ref().map(|what| missing(what).to_owned())),
        ("artifact types", project.artifact_types.as_ref().map(|types| types.join(", "))),
        ("trash", project.trash_days.map(|days| format!("{days} days"))),
        ("immutable", Some(rules.collect::<Vec<_>>().join(", "))),
        ("links", Some(if project.share { "whoever may pull makes them" } else { "none" }.to_owned())),
        ("vouched for", project.vouched.then(|| "yes".to_owned())),
        ("created", Some(moment(project.created_at))),
        ("id", Some(project.id.to_string())),
    ]);
    format!("{facts}\n\n{}", super::quota::text(project))
}
