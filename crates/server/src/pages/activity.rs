//! What happened in a repository, the latest first.

use wharf_model::api::event::{Event, EventType};
use wharf_model::digest::Digest;
use wharf_model::name::RepositoryName;
use wharf_registry::events::EventPart;
use wharf_registry::registry::Access;

use super::html::{Moment, Short};
use super::repository::Head;
use super::route::{Page, View};
use super::shell::Shell;
use super::{ENTRIES, Trouble, Visit, actor, found, further};
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "activity.html")]
struct Activity {
    shell: Shell,
    head: Head,
    events: Vec<Line>,
    next: Option<String>,
}

/// Something that happened.
struct Line {
    at: Moment,
    by: String,
    what: &'static str,
    tag: Option<(String, String)>,
    digest: Option<(Short, String)>,
    before: Option<(Short, String)>,
}

/// `/<repository>/-/activity`
pub async fn show(visit: &Visit<'_>, access: &Access) -> Result<Answer, Trouble> {
    let name = access.repository();
    let part = EventPart { part: visit.part(ENTRIES), since: None };
    let events = visit.registry().repository_events(access, &part).await?;
    let page = Activity {
        shell: visit.shell(&format!("Activity in {name}")),
        head: Head::new(visit, access, &View::Activity).await?,
        next: further(visit, &Page::Repository(name.clone(), View::Activity), &[], events.next),
        events: events.items.into_iter().map(|event| line(visit, name, event)).collect(),
    };
    found(visit, &page)
}

fn line(visit: &Visit<'_>, name: &RepositoryName, event: Event) -> Line {
    let digest = |digest: Digest| (Short::new(&digest), Page::digest(name, &digest).to_string());
    Line {
        at: visit.moment(event.at),
        by: actor(&event.by),
        what: what(event.kind, event.previous.is_some()),
        tag: event.tag.map(|tag| (Page::tag(name, &tag).to_string(), tag.to_string())),
        digest: event.digest.map(digest),
        before: event.previous.map(digest),
    }
}

fn what(kind: EventType, is_again: bool) -> &'static str {
    match kind {
        EventType::ProjectCreated => "made the project",
        EventType::ProjectChanged => "changed the project",
        EventType::ProjectDeleted => "deleted the project",
        EventType::ProjectRestored => "restored the project",
        EventType::RepositoryCreated => "made the repository",
        EventType::RepositoryDeleted => "deleted the repository",
        EventType::RepositoryRestored => "restored the repository",
        EventType::OverviewChanged => "changed the overview",
        EventType::ArtifactPushed => "pushed",
        EventType::ArtifactDeleted => "deleted",
        EventType::ArtifactRestored => "restored",
        EventType::TagMoved if is_again => "moved the tag",
        EventType::TagMoved => "tagged",
        EventType::TagDeleted => "deleted the tag",
    }
}
