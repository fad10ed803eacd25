//! Projects, and what is in one.

use futures_util::future::join_all;
use wharf_model::api::project::ListedProject;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::permission::{Permission, Permissions};
use wharf_registry::artifacts::Filter;
use wharf_registry::people::Part as ListPart;

use super::catalogue::pulls;
use super::home::{First, ProjectLine};
use super::html::{Icon, Moment, Size, grouped};
use super::manage::Head;
use super::route::Page;
use super::shell::Shell;
use super::{ENTRIES, Trouble, Visit, found, further, plain, settings};
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "projects.html")]
struct Projects {
    shell: Shell,
    projects: Vec<ProjectLine>,
    may_make: bool,
    next: Option<String>,
    first: First,
}

/// `/-/projects`
pub async fn list(visit: &Visit<'_>) -> Result<Answer, Trouble> {
    let listed = visit.registry().browse_projects(visit.subject, &visit.part(ENTRIES)).await?;
    let page = Projects {
        shell: visit.shell("Projects"),
        may_make: visit.registry().authorise_system(visit.subject, Permission::ProjectCreate).is_ok(),
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
    head: Head,
    name: String,
    description: String,
    public: bool,
    vouched: bool,
    used: Option<Size>,
    quota: Option<Size>,
    count: Option<String>,
    repositories: Vec<Line>,
    next: Option<String>,
    first: First,
}

/// A repository in a list.
pub struct Line {
    /// Its name.
    pub name: String,
    /// Where its page is.
    pub path: String,
    /// Of what category its newest artifact is.
    pub icon: Icon,
    /// Which kind that is; empty until it is known.
    pub kind: String,
    /// What that is for.
    pub summary: String,
    /// When it came.
    pub latest: Option<Moment>,
    /// How often it was pulled, in words; empty where that is not known.
    pub pulls: String,
    /// Whether those who administer the registry vouch for it, where that is not said above the list.
    pub is_vouched: bool,
}

/// `/-/projects/<project>`
pub async fn show(visit: &Visit<'_>, name: &ProjectName) -> Result<Answer, Trouble> {
    let registry = visit.registry();
    let ListedProject { description, public, usage, quota_bytes, vouched, .. } =
        registry.browse_project(visit.subject, name).await?;
    let description = plain(&description);
    let listed = registry.browse_repositories(visit.subject, Some(name), &visit.part(ENTRIES)).await?;
    let repositories = join_all(listed.items.iter().map(|repository| line(visit, &repository.name))).await;
    let mut shell = visit.shell(name.as_str());
    shell.about = Some(description.clone()).filter(|text| !text.is_empty());
    // To who has nothing in it, it has no more pages than this.
    let may = registry.may(visit.subject, Some(name)).await.unwrap_or(Permissions::NONE);
    let page = Project {
        shell,
        head: settings::head(name, may, None, name.as_str()),
        name: name.to_string(),
        description,
        public,
        vouched,
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
pub async fn line(visit: &Visit<'_>, name: &RepositoryName) -> Line {
    let mut line = Line {
        path: Page::repository(name).to_string(),
        name: name.to_string(),
        icon: Icon::of("generic"),
        kind: String::new(),
        summary: String::new(),
        latest: None,
        pulls: String::new(),
        is_vouched: false,
    };
    let Ok(access) = visit.access(name).await else { return line };
    if let Ok(repository) = visit.registry().repository(&access).await {
        line.pulls = pulls(repository.pulls);
    }
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
