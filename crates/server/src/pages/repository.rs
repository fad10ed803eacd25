//! A repository: its tags as versions, and all artifacts in it.

use futures_util::future::OptionFuture;
use wharf_model::api::artifact::{Artifact, FactsState, TagDetail};
use wharf_model::api::facts::{Line as FactLine, Text};
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_model::permission::Permission;
use wharf_registry::artifacts::Filter;
use wharf_registry::registry::Access;
use wharf_registry::tags::WantedTags;

use super::artifact::Badge;
use super::catalogue;
use super::commands::Commands;
use super::home::First;
use super::html::{Icon, Moment, Prose, Short, Size, grouped};
use super::route::{Page, View};
use super::shell::{Crumb, Shell};
use super::{ENTRIES, Trouble, Visit, actor, found, further, markdown};
use crate::respond::Answer;

/// Longest text that tags are looked for by, in bytes.
const HOLDING_BYTES_MAX: usize = wharf_model::limits::TAG_BYTES_MAX;
/// How many platforms are told in a list.
const PLATFORMS_SHOWN: usize = 2;

/// What stands above everything in a repository.
pub struct Head {
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// Its name.
    pub name: String,
    /// Whether everybody may pull from it.
    pub public: bool,
    /// Where it can be deleted.
    pub delete: Option<String>,
    /// Whether those who administer the registry vouch for its project.
    pub vouched: bool,
    /// How often it was pulled, in words; empty where that is not known.
    pub pulls: String,
    /// The pages in it: title, path, whether it is this one.
    pub tabs: Vec<(&'static str, String, bool)>,
}

impl Head {
    /// Of a repository, at one of its pages.
    pub async fn new(visit: &Visit<'_>, access: &Access, view: &View) -> Result<Head, Trouble> {
        let repository = visit.registry().repository(access).await?;
        let name = access.repository();
        let tab = |title, at: View| {
            let is_here = at == *view;
            (title, Page::Repository(name.clone(), at).to_string(), is_here)
        };
        let tabs = vec![tab("Tags", View::Tags), tab("Artifacts", View::Artifacts), tab("Activity", View::Activity)];
        let pulls = catalogue::pulls(repository.pulls);
        let (public, vouched) = (repository.public, access.is_vouched());
        let delete = access.may(Permission::Delete);
        let delete = delete.then(|| Page::Repository(name.clone(), View::Delete).to_string());
        Ok(Head { crumbs: crumbs(name), delete, name: name.to_string(), public, vouched, pulls, tabs })
    }
}

/// The way to a repository: its project.
pub fn crumbs(name: &RepositoryName) -> Vec<Crumb> {
    vec![Crumb::new(name.project(), Page::Project(name.project()))]
}

#[derive(askama::Template)]
#[template(path = "tags.html")]
struct Tags {
    shell: Shell,
    head: Head,
    newest: Option<Newest>,
    tags: Vec<Line>,
    total: String,
    holding: String,
    attaching: usize,
    with_attaching: Option<String>,
    more: bool,
    /// Whether the kinds differ.
    has_kinds: bool,
    /// Whether any is for a platform.
    has_platforms: bool,
    path: String,
    next: Option<String>,
    first: First,
    has_pulls: bool,
    overview: Option<Prose>,
    /// Whose words those are, where they are not the people's of the repository.
    of_newest: bool,
    /// Where the overview is changed, by whoever may.
    edit: Option<String>,
}

/// What a repository is about: what its newest tag points to.
struct Newest {
    icon: Icon,
    kind: String,
    summary: String,
    commands: Commands,
    readme: Option<String>,
}

/// A tag or an artifact in a list.
pub struct Line {
    /// Where its page is.
    pub path: String,
    /// Its tag; empty where it has none.
    pub tag: String,
    /// Other tags of it, where it is an artifact.
    pub others: u64,
    /// Of what category it is.
    pub icon: Icon,
    /// Which kind it is; empty until that is known.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// What its bytes are named.
    pub digest: Short,
    /// How large it is, once that is known.
    pub size: Option<Size>,
    /// What it runs on.
    pub platforms: Platforms,
    /// What is attached to it, at a glance.
    pub badges: Vec<Badge>,
    /// When it came or moved.
    pub at: Option<Moment>,
    /// By whom.
    pub by: String,
    /// Whether it is attached to something else.
    pub attached: bool,
    /// How often it was pulled, where it was.
    pub pulls: Option<String>,
}

/// What something runs on: the first few, and all of it where the mouse rests.
pub struct Platforms {
    /// The first few.
    pub first: String,
    /// How many more there are.
    pub more: usize,
    /// All of them.
    pub all: String,
}

impl Platforms {
    fn new(platforms: &[FactLine]) -> Platforms {
        let texts: Vec<&str> = platforms.iter().map(FactLine::as_str).collect();
        let shown = texts.len().min(PLATFORMS_SHOWN);
        Platforms { first: texts[..shown].join(", "), more: texts.len() - shown, all: texts.join(", ") }
    }
}

/// `/<repository>`
pub async fn tags(visit: &Visit<'_>, access: &Access) -> Result<Answer, Trouble> {
    let head = Head::new(visit, access, &View::Tags).await?;
    let (name, here) = (access.repository(), Page::Repository(access.repository().clone(), View::Tags));
    let holding = visit.asked("q").unwrap_or_default();
    if holding.len() > HOLDING_BYTES_MAX {
        return Err(Trouble::Asked(format!("A tag has at most {HOLDING_BYTES_MAX} characters.")));
    }
    let after: Option<Tag> = visit.asked("last").and_then(|last| last.parse().ok());
    let attaching = visit.asked("all").is_some();
    let wanted = WantedTags { holding: &holding, attaching, after: after.as_ref(), limit: ENTRIES };
    let sorted = visit.registry().sorted_tags(access, &visit.kinds, &wanted).await?;
    let is_first = after.is_none() && holding.is_empty();
    let newest = sorted.items.first().filter(|_| is_first).map(|tag| newest(visit, access, tag));
    let newest = OptionFuture::from(newest).await.flatten();
    let tags: Vec<Line> = sorted.items.into_iter().map(|tag| tag_line(visit, name, tag)).collect();
    let has_pulls = tags.iter().any(|tag| tag.pulls.is_some());
    let own = if is_first { visit.registry().overview(access).await? } else { None };
    let of_newest = own.is_none();
    let text = own.map(|own| own.text).or_else(|| newest.as_ref().and_then(|newest| newest.readme.clone()));
    let may_edit = is_first && access.may(Permission::Push) && !visit.subject.actor.is_anonymous();
    let has_platforms = tags.iter().any(|tag| !tag.platforms.all.is_empty());
    let has_kinds = tags.iter().any(|tag| tag.kind != tags[0].kind);
    let mut shell = visit.shell(name.as_str());
    shell.about = newest.as_ref().map(|newest| newest.summary.clone()).filter(|text| !text.is_empty());
    let page = Tags {
        shell,
        head,
        newest,
        has_kinds,
        has_platforms,
        tags,
        total: grouped(sorted.total as u64),
        attaching: sorted.attaching,
        with_attaching: (sorted.attaching > 0).then(|| format!("{here}?all=1")),
        more: sorted.more,
        path: here.to_string(),
        next: further(visit, &here, &["q", "all"], sorted.next),
        holding,
        first: First::new(visit, name.as_str()),
        has_pulls,
        overview: text.map(|text| markdown::render(Text::new(&text).as_str())),
        of_newest,
        edit: may_edit.then(|| Page::Repository(name.clone(), View::Overview).to_string()),
    };
    found(visit, &page)
}

async fn newest(visit: &Visit<'_>, access: &Access, tag: &TagDetail) -> Option<Newest> {
    let reference = Reference::Tag(tag.name.clone());
    let detail = visit.registry().artifact(access, &visit.kinds, visit.origin.host(), &reference).await.ok()?;
    let kind = detail.artifact.kind?;
    let summary = detail.artifact.summary.or(detail.artifact.title);
    Some(Newest {
        icon: Icon::of(&kind.category),
        kind: kind.title,
        summary: summary.map(|text| text.as_str().to_owned()).unwrap_or_default(),
        commands: Commands::fetching(detail.commands),
        readme: detail.facts.and_then(|facts| facts.readme).map(|text| text.as_str().to_owned()),
    })
}

fn tag_line(visit: &Visit<'_>, name: &RepositoryName, tag: TagDetail) -> Line {
    let (icon, kind) = match tag.kind {
        Some(kind) => (Icon::of(&kind.category), kind.title),
        None => (Icon::of("generic"), String::new()),
    };
    Line {
        path: Page::tag(name, &tag.name).to_string(),
        tag: tag.name.to_string(),
        others: 0,
        icon,
        kind,
        title: tag.title.map(|title| title.as_str().to_owned()).unwrap_or_default(),
        digest: Short::new(&tag.digest),
        size: tag.size.map(Size::new),
        platforms: Platforms::new(&tag.platforms),
        badges: Badge::all(|category| tag.attached.iter().any(|attached| attached == category)),
        at: Some(visit.moment(tag.moved_at)),
        by: actor(&tag.moved_by),
        attached: false,
        pulls: Some(tag.pulls).filter(|pulls| *pulls > 0).map(grouped),
    }
}

/// An artifact in a list: by its first tag, else by its digest.
pub fn artifact_line(visit: &Visit<'_>, name: &RepositoryName, artifact: Artifact) -> Line {
    let waiting = artifact.state == FactsState::Waiting;
    let (icon, kind) = match artifact.kind {
        Some(kind) => (Icon::of(&kind.category), kind.title),
        None => (Icon::of("generic"), if waiting { String::new() } else { "unknown".to_owned() }),
    };
    let tag = artifact.tags.iter().find(|tag| !wharf_registry::tags::order::attaches(tag.as_str()));
    let attached = artifact.subject.is_some() || tag.is_none() && !artifact.tags.is_empty();
    Line {
        path: tag.map_or_else(|| Page::digest(name, &artifact.digest), |tag| Page::tag(name, tag)).to_string(),
        tag: tag.map(ToString::to_string).unwrap_or_default(),
        others: artifact.tags_total.saturating_sub(u64::from(tag.is_some())),
        icon,
        kind,
        title: artifact.title.map(|title| title.as_str().to_owned()).unwrap_or_default(),
        digest: Short::new(&artifact.digest),
        size: artifact.size.map(Size::new),
        platforms: Platforms::new(&artifact.platforms),
        badges: Vec::new(),
        at: artifact.pushed_at.map(|at| visit.moment(at)),
        by: artifact.pushed_by.as_deref().map(actor).unwrap_or_default(),
        attached,
        pulls: None,
    }
}

#[derive(askama::Template)]
#[template(path = "artifacts.html")]
struct Artifacts {
    shell: Shell,
    head: Head,
    artifacts: Vec<Line>,
    /// Whether any is for a platform.
    has_platforms: bool,
    next: Option<String>,
    first: First,
}

/// `/<repository>/-/artifacts`
pub async fn artifacts(visit: &Visit<'_>, access: &Access) -> Result<Answer, Trouble> {
    let name = access.repository();
    let part = visit.part(ENTRIES);
    let listed = visit.registry().artifacts(access, &visit.kinds, &Filter::default(), &part).await?;
    let artifacts: Vec<Line> = listed.items.into_iter().map(|artifact| artifact_line(visit, name, artifact)).collect();
    let page = Artifacts {
        shell: visit.shell(&format!("Artifacts in {name}")),
        head: Head::new(visit, access, &View::Artifacts).await?,
        next: further(visit, &Page::Repository(name.clone(), View::Artifacts), &[], listed.next),
        has_platforms: artifacts.iter().any(|one| !one.platforms.all.is_empty()),
        artifacts,
        first: First::new(visit, name.as_str()),
    };
    found(visit, &page)
}
