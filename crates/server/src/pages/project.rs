//! Projects, and what is in one.

use futures_util::future::join_all;
use wharf_model::api::project::ListedProject;
use wharf_model::api::repository::Repository;
use wharf_model::name::ProjectName;
use wharf_registry::artifacts::Filter;
use wharf_registry::people::Part as ListPart;

use super::home::{First, ProjectLine};
use super::html::{Icon, Moment, Size, grouped};
use super::route::Page;
use super::shell::Shell;
use super::{ENTRIES, Trouble, Visit, found, further, plain};
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "projects.html")]
struct Projects {
    shell: Shell,
    projects: Vec<ProjectLine>,
    next: Option<String>,
    first: First,
}

/// `/-/projects`
pub async fn list(visit: &Visit<'_>) -> Result<Answer, Trouble> {
    let listed = visit.registry().browse_projects(visit.subject, &visit.part(ENTRIES)).await?;
    let page = Projects {
        shell: visit.shell("Projects"),
        next: further(visit, &Page::Projects, &[], listed.next),
        projects: listed.items.into_iter().map(ProjectLine::new).collect(),
        first: First::new(visit, "demo/hello"),
    };
    found(visit, &page)
}

#[derive(askama::Template)]
#[template(path = "project.html")]
struct Project {
    shell: Shell,
    name: String,
    description: String,
    public: bool,
    used: Option<Size>,
    quota: Option<Size>,
    count: Option<String>,
    repositories: Vec<Line>,
    next: Option<String>,
    first: First,
}

/// A repository in a list.
struct Line {
    name: String,
    path: String,
    icon: Icon,
    kind: String,
    summary: String,
    latest: Option<Moment>,
}

/// `/-/projects/<project>`
pub async fn show(visit: &Visit<'_>, name: &ProjectName) -> Result<Answer, Trouble> {
    let registry = visit.registry();
    let ListedProject { description, public, usage, quota_bytes, .. } =
        registry.browse_project(visit.subject, name).await?;
    let description = plain(&description);
    let listed = registry.browse_repositories(visit.subject, Some(name), &visit.part(ENTRIES)).await?;
    let repositories = join_all(listed.items.into_iter().map(|repository| line(visit, repository))).await;
    let mut shell = visit.shell(name.as_str());
    shell.about = Some(description.clone()).filter(|text| !text.is_empty());
    let page = Project {
        shell,
        name: name.to_string(),
        description,
        public,
        used: usage.map(|usage| Size::new(usage.bytes)),
        quota: quota_bytes.map(Size::new),
        count: usage.map(|usage| grouped(usage.repositories)),
        repositories,
        next: further(visit, &Page::Project(name.clone()), &[], listed.next),
        first: First::new(visit, &format!("{name}/hello")),
    };
    found(visit, &page)
}

/// The repository with what came to it last.
async fn line(visit: &Visit<'_>, repository: Repository) -> Line {
    let mut line = Line {
        path: Page::repository(&repository.name).to_string(),
        name: repository.name.to_string(),
        icon: Icon::of("generic"),
        kind: String::new(),
        summary: String::new(),
        latest: None,
    };
    let Ok(access) = visit.access(&repository.name).await else { return line };
    let (filter, part) = (Filter { kind: None, tagged: Some(true) }, ListPart { limit: 1, after: None });
    let Ok(found) = visit.registry().artifacts(&access, &visit.kinds, &filter, &part).await else { return line };
    let Some(latest) = found.items.into_iter().next() else { return line };
    if let Some(kind) = latest.kind {
        (line.icon, line.kind) = (Icon::of(&kind.category), kind.title);
    }
    line.summary = latest.summary.or(latest.title).map(|text| text.as_str().to_owned()).unwrap_or_default();
    line.latest = latest.pushed_at.map(|at| visit.moment(at));
    line
}
