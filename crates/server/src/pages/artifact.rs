//! An artifact: what it is, how to get it, then everything else.

use wharf_artifact::layer::has_files;
use wharf_model::api::artifact::{Artifact, ArtifactDetail, FactsState, PublisherSays};
use wharf_model::api::facts::{Facts, Line as Words, Link};
use wharf_model::digest::Digest;
use wharf_model::media::{self, MediaType};
use wharf_model::name::{Reference, RepositoryName};
use wharf_model::permission::Permission;
use wharf_registry::error::Error;
use wharf_registry::people::Part as ListPart;
use wharf_registry::registry::Access;

use super::commands::Commands;
use super::facts::{self, Cell, Pair, Section};
use super::files::Save;
use super::html::{Copy, Icon, Moment, Prose, Short, Size};
use super::repository::{self, Line};
use super::route::{Page, Part, View};
use super::shell::{Crumb, Shell};
use super::{Trouble, Visit, actor, found, markdown, plain};
use crate::respond::Answer;

/// How much of what is attached is told on the page of the artifact.
const ATTACHED: usize = 50;

/// What stands above everything in an artifact.
pub struct Head {
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The repository.
    pub repository: String,
    /// The tag, or the digest in brief.
    pub name: String,
    /// Whether it is looked at by a tag.
    pub is_tag: bool,
    /// Of what category it is.
    pub icon: Icon,
    /// Which kind it is, once that is known.
    pub kind: Option<String>,
    /// The pages of it: title, path, whether it is this one.
    pub tabs: Vec<(&'static str, String, bool)>,
}

impl Head {
    fn new(name: &RepositoryName, reference: &Reference, media_type: &MediaType, part: Part) -> Head {
        let tab = |title, at: Part| {
            let page = Page::Repository(name.clone(), View::Artifact(reference.clone(), at));
            (title, page.to_string(), at == part)
        };
        let mut tabs = vec![tab("Overview", Part::Overview)];
        // An index names what has files, and has none itself.
        if !matches!(media_type.as_str(), media::OCI_INDEX | media::DOCKER_MANIFEST_LIST) {
            tabs.push(tab("Files", Part::Files));
        }
        tabs.push(tab("Manifest", Part::Manifest));
        let (text, is_tag) = match reference {
            Reference::Tag(tag) => (tag.to_string(), true),
            Reference::Digest(digest) => (format!("{}:{}", digest.algorithm(), &digest.hex()[..12]), false),
        };
        if is_tag {
            tabs.push(tab("History", Part::History));
        }
        tabs.push(tab("Compare", Part::Diff));
        let mut crumbs = repository::crumbs(name);
        crumbs.push(Crumb::new(below_project(name), Page::repository(name)));
        Head { crumbs, repository: name.to_string(), name: text, is_tag, icon: Icon::of("generic"), kind: None, tabs }
    }

    /// Above a page of it that tells something else.
    pub async fn brief(visit: &Visit<'_>, access: &Access, reference: &Reference, part: Part) -> Result<Head, Trouble> {
        // The history of a tag outlives it.
        let media_type = match visit.registry().manifest(access, reference).await {
            Ok(row) => row.media_type.clone(),
            Err(Error::ManifestUnknown(_)) => MediaType::known(media::OCI_MANIFEST),
            Err(error) => return Err(error.into()),
        };
        let mut head = Head::new(access.repository(), reference, &media_type, part);
        if let Reference::Tag(tag) = reference
            && let Ok(found) = visit.registry().tag(access, &visit.kinds, tag).await
            && let Some(kind) = found.kind
        {
            (head.icon, head.kind) = (Icon::of(&kind.category), Some(kind.title));
        }
        Ok(head)
    }
}

/// The name without its project, where there is more to it.
fn below_project(name: &RepositoryName) -> &str {
    name.as_str().split_once('/').map_or(name.as_str(), |(_, rest)| rest)
}

#[derive(askama::Template)]
#[template(path = "artifact.html")]
struct Overview {
    shell: Shell,
    head: Head,
    title: Option<String>,
    summary: String,
    deprecated: bool,
    badges: Vec<Badge>,
    size: Option<Size>,
    at: Option<Moment>,
    by: String,
    is_waiting: bool,
    faults: Vec<(String, String)>,
    commands: Commands,
    save: Option<Save>,
    about: Vec<Pair>,
    tags: Vec<(String, String)>,
    tags_left_out: u64,
    subject: Option<(Short, String)>,
    digest: Short,
    copies: (Copy, Copy),
    reference: String,
    media_type: String,
    artifact_type: Option<String>,
    rule: String,
    readme: Option<Prose>,
    sections: Vec<Section>,
    attached: Vec<Line>,
    attached_more: bool,
    /// Where it can be deleted: what that is called, and the path.
    deletes: Vec<(&'static str, String)>,
}

/// What is to be known at a glance.
pub struct Badge {
    /// Its icon.
    pub icon: Icon,
    /// It.
    pub text: &'static str,
}

impl Badge {
    /// Those for what is attached, by whether something of a category is.
    pub fn all(has: impl Fn(&str) -> bool) -> Vec<Badge> {
        let all = [
            ("signature", "Signature attached, not verified"),
            ("sbom", "SBOM attached"),
            ("attestation", "Attestation attached, not verified"),
        ];
        let there = all.into_iter().filter(|(category, _)| has(category));
        there.map(|(category, text)| Badge { icon: Icon::of(category), text }).collect()
    }
}

/// `…/-/tags/<tag>` and `…/-/digests/<digest>`
pub async fn show(visit: &Visit<'_>, access: &Access, reference: &Reference) -> Result<Answer, Trouble> {
    let (registry, name) = (visit.registry(), access.repository());
    let detail = registry.artifact(access, &visit.kinds, visit.origin.host(), reference).await?;
    let by_digest = Reference::Digest(detail.artifact.digest);
    let part = ListPart { limit: ATTACHED, after: None };
    let attached = registry.attached(access, &visit.kinds, &by_digest, &part).await?;
    let mut head = Head::new(name, reference, &detail.artifact.media_type, Part::Overview);
    if let Some(kind) = &detail.artifact.kind {
        (head.icon, head.kind) = (Icon::of(&kind.category), Some(kind.title.clone()));
    }
    let sections = facts::sections(access, reference, &detail);
    let save = || Save::new(visit, access, reference, "", None, access.is_public());
    let save = has_files(&detail.layers).then(save);
    let ArtifactDetail { artifact, reference: full, rule, publisher, commands, facts, .. } = detail;
    let (badges, digest) = (badges(&attached.items), artifact.digest);
    let facts = facts.unwrap_or_default();
    let summary = artifact.summary.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default();
    let mut shell = visit.shell(&format!("{name}{}{}", if head.is_tag { ":" } else { "@" }, head.name));
    shell.about = Some(format!("{}. {summary}", head.kind.as_deref().unwrap_or("Artifact")));
    let tags: Vec<_> = artifact.tags.iter().map(|tag| (tag.to_string(), Page::tag(name, tag).to_string())).collect();
    let page = Overview {
        head,
        shell,
        title: title(&artifact, name),
        deprecated: publisher.deprecated,
        badges,
        size: artifact.size.map(Size::new),
        at: artifact.pushed_at.map(|at| visit.moment(at)),
        by: artifact.pushed_by.as_deref().map(actor).unwrap_or_default(),
        is_waiting: artifact.state == FactsState::Waiting,
        faults: facts.faults.iter().map(|fault| (fault.at.as_str().into(), fault.what.as_str().into())).collect(),
        commands: Commands::new(commands),
        save,
        about: about(&publisher, &facts),
        tags_left_out: artifact.tags_total.saturating_sub(tags.len() as u64),
        tags,
        subject: artifact.subject.map(|digest| (Short::new(&digest), Page::digest(name, &digest).to_string())),
        digest: Short::new(&digest),
        copies: (Copy::new("the digest", artifact.digest.to_string()), Copy::new("the reference", &*full)),
        reference: full,
        media_type: artifact.media_type.to_string(),
        artifact_type: artifact.artifact_type.as_deref().map(plain),
        rule,
        readme: facts.readme.as_ref().map(|text| markdown::render(text.as_str())),
        sections,
        attached: attached.items.into_iter().map(|one| repository::artifact_line(visit, name, one)).collect(),
        attached_more: attached.next.is_some(),
        deletes: deletes(access, reference, &digest),
        summary,
    };
    found(visit, &page)
}

/// Where it can be deleted, by whoever may.
fn deletes(access: &Access, reference: &Reference, digest: &Digest) -> Vec<(&'static str, String)> {
    if !access.may(Permission::Delete) {
        return Vec::new();
    }
    let page =
        |of: Reference| Page::Repository(access.repository().clone(), View::Artifact(of, Part::Delete)).to_string();
    let tag = matches!(reference, Reference::Tag(_)).then(|| ("Delete the tag", page(reference.clone())));
    tag.into_iter().chain([("Delete the artifact", page(Reference::Digest(*digest)))]).collect()
}

/// What it is called, where that is not how its repository is.
fn title(artifact: &Artifact, name: &RepositoryName) -> Option<String> {
    let last = name.as_str().rsplit('/').next().unwrap_or_default();
    let title = artifact.title.as_ref().map(Words::as_str)?;
    (!title.eq_ignore_ascii_case(last)).then(|| title.to_owned())
}

/// Nothing of what is attached is verified, and the badges say so.
fn badges(attached: &[Artifact]) -> Vec<Badge> {
    let has =
        |category: &str| attached.iter().any(|one| one.kind.as_ref().is_some_and(|kind| kind.category == category));
    Badge::all(has)
}

/// What is told of anything, whatever its kind: its publisher's words, and what was found.
fn about(publisher: &PublisherSays, facts: &Facts) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut put = |name: &str, cell: Option<Cell>| pairs.extend(cell.map(|cell| Pair::new(name, cell)));
    let text = |text: &Option<Words>| text.as_ref().map(|text| Cell::text(text.as_str()));
    let web = |link: &Option<Link>| link.as_ref().map(Cell::web);
    let words = |list: &[Words]| (!list.is_empty()).then(|| Cell::words(list.iter().map(Words::as_str)));
    put("Version", text(&facts.version.clone().or(publisher.version.clone())));
    put("Licence", words(&facts.licenses).or_else(|| text(&publisher.licenses)));
    put("Platforms", words(&facts.platforms));
    put("Home", web(&facts.home.clone().or(publisher.home.clone())));
    put("Source", web(&facts.source.clone().or(publisher.source.clone())));
    put("Documentation", web(&facts.documentation.clone().or(publisher.documentation.clone())));
    put("Vendor", text(&facts.vendor.clone().or(publisher.vendor.clone())));
    let authors = facts.authors.iter().map(|person| person.name.as_str());
    put("Authors", (!facts.authors.is_empty()).then(|| Cell::words(authors)).or_else(|| text(&publisher.authors)));
    put("Made", facts.created.map(|at| Cell::Moment(Moment::day(at))));
    put("Revision", text(&facts.revision.clone().or(publisher.revision.clone())));
    put("Built upon", text(&publisher.base));
    put("Keywords", words(&facts.keywords).or_else(|| words(&publisher.keywords)));
    pairs
}

/// The digest that a fact names, as a place in the repository.
pub fn digest_cell(name: &RepositoryName, text: &str) -> Cell {
    match text.parse::<Digest>() {
        Ok(digest) => Cell::Place { path: Page::digest(name, &digest).to_string(), short: Short::new(&digest) },
        Err(_) => Cell::Digest(Short::of(text)),
    }
}
