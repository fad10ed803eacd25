//! The first page: what came last, and which projects there are; the lines that push something, where there is nothing.

use std::collections::HashSet;

use futures_util::future::join_all;
use wharf_model::api::event::{Event, EventType};
use wharf_model::api::project::ListedProject;
use wharf_model::name::{RepositoryName, Tag};
use wharf_registry::events::EventPart;
use wharf_registry::people::Part as ListPart;

use super::html::{Copy, Icon, Moment, Size};
use super::route::Page;
use super::shell::Shell;
use super::{Trouble, Visit, actor, client, found, plain};
use crate::origin::is_local;
use crate::respond::Answer;

/// Of how many repositories in which a tag moved last it is told.
const LATEST: usize = 15;
/// How far back is looked for them.
const EVENTS: usize = 300;
/// How many projects and repositories are told.
const LISTED: usize = 12;

#[derive(askama::Template)]
#[template(path = "home.html")]
struct Home {
    shell: Shell,
    query: String,
    is_open: bool,
    latest: Vec<Latest>,
    projects: Vec<ProjectLine>,
    more_projects: bool,
    repositories: Vec<RepositoryLine>,
    first: First,
}

/// A tag that moved.
pub struct Latest {
    /// Of what category it is.
    pub icon: Icon,
    /// Where its page is.
    pub path: String,
    /// Its repository.
    pub repository: String,
    /// It.
    pub tag: String,
    /// Which kind it is, or that this is being found out.
    pub kind: String,
    /// How large, once that is known.
    pub size: Option<Size>,
    /// When it moved.
    pub at: Moment,
    /// Who moved it.
    pub by: String,
}

/// A project in a list.
pub struct ProjectLine {
    /// Its name.
    pub name: String,
    /// Where its page is.
    pub path: String,
    /// What it is for.
    pub description: String,
    /// Whether everybody may pull from it.
    pub public: bool,
    /// Whether those who administer the registry vouch for it.
    pub vouched: bool,
}

impl ProjectLine {
    /// The line of a project.
    pub fn new(project: ListedProject) -> ProjectLine {
        let path = Page::Project(project.name.clone()).to_string();
        ProjectLine {
            path,
            name: project.name.to_string(),
            description: plain(&project.description),
            public: project.public,
            vouched: project.vouched,
        }
    }
}

struct RepositoryLine {
    name: String,
    path: String,
}

/// The lines that push something to this server.
pub struct First {
    /// Each with what it does.
    pub lines: Vec<FirstLine>,
}

/// One of them.
pub struct FirstLine {
    /// What it does.
    pub about: &'static str,
    /// It.
    pub line: String,
    /// Copies it.
    pub copy: Copy,
}

impl First {
    /// The lines for whoever looks, into a repository called so.
    pub fn new(visit: &Visit<'_>, repository: &str) -> First {
        let mut lines = vec![("Get the client, which this registry is", client::fetch_line(visit))];
        lines.extend(First::pushing(visit, repository));
        First::of(lines)
    }

    /// The same for whoever has the client.
    pub fn with_client(visit: &Visit<'_>, repository: &str) -> First {
        First::of(First::pushing(visit, repository))
    }

    fn pushing(visit: &Visit<'_>, repository: &str) -> Vec<(&'static str, String)> {
        let host = visit.origin.host();
        // Whoever is not told so does not send a password in the clear.
        let plain = if visit.origin.is_secure() || is_local(host) { "" } else { " --plain-http" };
        let who = visit.subject.actor.name().map(|name| format!(" -u {name}")).unwrap_or_default();
        let login = format!("wharf login{plain}{who} {host}");
        let push = format!(
            "mkdir -p hello && echo Hello > hello/hello.txt && wharf push{plain} ./hello {host}/{repository}:1.0"
        );
        let mut lines = vec![("Log in", login), ("Push a folder", push)];
        if plain.is_empty() {
            let copy = format!("wharf copy docker.io/library/busybox:latest {host}/{repository}:latest");
            lines.push(("Or copy an image from elsewhere", copy));
        }
        if visit.registry().settings().policy.open {
            lines.remove(0);
        }
        lines
    }

    fn of(lines: Vec<(&'static str, String)>) -> First {
        let line =
            |(about, line): (&'static str, String)| FirstLine { about, copy: Copy::new("the command", &*line), line };
        First { lines: lines.into_iter().map(line).collect() }
    }
}

/// `/`
pub async fn show(visit: &Visit<'_>) -> Result<Answer, Trouble> {
    let registry = visit.registry();
    let part = |limit| ListPart { limit, after: None };
    let events = registry.browse_events(visit.subject, &EventPart { part: part(EVENTS), since: None }).await?;
    let projects = registry.browse_projects(visit.subject, &part(LISTED)).await?;
    let repositories = registry.browse_repositories(visit.subject, None, &part(LISTED)).await?;
    let latest = latest(visit, &events.items).await;
    let mut shell = visit.shell("Wharf");
    shell.title = shell.host.clone();
    shell.about = Some("One registry for everything a team ships.".to_owned());
    let line =
        |name: RepositoryName| RepositoryLine { path: Page::repository(&name).to_string(), name: name.to_string() };
    let page = Home {
        shell: Shell { has_box: false, ..shell },
        query: String::new(),
        is_open: registry.settings().policy.open,
        latest,
        more_projects: projects.next.is_some(),
        projects: projects.items.into_iter().map(ProjectLine::new).collect(),
        repositories: repositories.items.into_iter().map(|repository| line(repository.name)).collect(),
        first: First::new(visit, "demo/hello"),
    };
    found(visit, &page)
}

/// The tags that moved last, one of each repository, as they are now. What has gone meanwhile is left out.
async fn latest(visit: &Visit<'_>, events: &[Event]) -> Vec<Latest> {
    let mut seen = HashSet::new();
    let moved = events.iter().filter(|event| event.kind == EventType::TagMoved);
    let named = moved.filter_map(|event| event.repository.as_ref().zip(event.tag.as_ref()));
    let wanted: Vec<_> = named
        .filter(|(_, tag)| !wharf_registry::tags::order::attaches(tag.as_str()))
        .filter(|(repository, _)| seen.insert(*repository))
        .take(LATEST)
        .collect();
    join_all(wanted.into_iter().map(|(repository, tag)| line(visit, repository, tag)))
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn line(visit: &Visit<'_>, repository: &RepositoryName, tag: &Tag) -> Option<Latest> {
    let access = visit.access(repository).await.ok()?;
    let now = visit.registry().tag(&access, &visit.kinds, tag).await.ok()?;
    let category = now.kind.as_ref().map_or("generic", |kind| &kind.category);
    Some(Latest {
        icon: Icon::of(category),
        path: Page::tag(repository, tag).to_string(),
        repository: repository.to_string(),
        tag: tag.to_string(),
        kind: now.kind.map_or_else(|| "being inspected".to_owned(), |kind| kind.title),
        size: now.size.map(Size::new),
        at: visit.moment(now.moved_at),
        by: actor(&now.moved_by),
    })
}
