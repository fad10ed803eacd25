//! `wharf repository`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use wharf_model::api::artifact::{Artifact, KindName, TagDetail};
use wharf_model::api::front::{Overview, OverviewChange};
use wharf_model::api::repository::Repository;
use wharf_model::limits::OVERVIEW_BYTES_MAX;
use wharf_model::name::Tag;
use wharf_model::units::size;

use super::access_of;
use crate::Outcome;
use crate::args::repository::{RepositoryArgs, RepositoryCommand};
use crate::moment::{moment, moment_or};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::{printable, sheet};

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
        RepositoryCommand::Artifacts { name, kind, tagged, untagged, limit } => {
            let tagged = (*tagged || *untagged).then_some(*tagged);
            let artifacts = session.admin.artifacts(name, kind.as_deref(), tagged, *limit).await?;
            session.list(artifacts, &["DIGEST", "KIND", "TITLE", "SIZE", "PUSHED", "TAGS"], artifact)
        }
        RepositoryCommand::Tags { name } => {
            let tags = session.admin.tags(name).await?;
            session.list(tags, &["TAG", "DIGEST", "KIND", "SIZE", "MOVED", "BY"], tag)
        }
        RepositoryCommand::Overview { name, set: None, clear: false } => {
            session.show(&session.admin.overview(name).await?, |overview: &Overview| lines(&overview.text))
        }
        RepositoryCommand::Overview { name, set, .. } => {
            let text = set.as_deref().map(read).transpose()?.unwrap_or_default();
            session.admin.set_overview(name, &OverviewChange { text }).await?;
            Ok(session.done(&format!("the overview of {name} was changed")))
        }
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

/// What is in a file, or what comes in.
fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let most = OVERVIEW_BYTES_MAX as u64 + 1;
    let read = match path.to_str() {
        Some("-") => std::io::stdin().take(most).read_to_string(&mut text),
        _ => File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(text.len() <= OVERVIEW_BYTES_MAX, "an overview has at most {OVERVIEW_BYTES_MAX} bytes");
    Ok(text)
}

/// A text of several lines that does nothing to a terminal.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn artifact(artifact: &Artifact) -> Vec<String> {
    let mut tags: Vec<&str> = artifact.tags.iter().map(Tag::as_str).collect();
    if artifact.tags_total > tags.len() as u64 {
        tags.push("…");
    }
    vec![
        artifact.digest.to_string(),
        kind(artifact.kind.as_ref()),
        artifact.title.as_ref().map(|title| title.as_str().to_owned()).unwrap_or_default(),
        artifact.size.map(size).unwrap_or_default(),
        moment_or(artifact.pushed_at, ""),
        tags.join(", "),
    ]
}

fn tag(tag: &TagDetail) -> Vec<String> {
    vec![
        tag.name.to_string(),
        tag.digest.to_string(),
        kind(tag.kind.as_ref()),
        tag.size.map(size).unwrap_or_default(),
        moment(tag.moved_at),
        tag.moved_by.clone(),
    ]
}

/// What it is called, if it is known by now.
fn kind(kind: Option<&KindName>) -> String {
    kind.map(|kind| kind.title.clone()).unwrap_or_default()
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
