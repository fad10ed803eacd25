//! What is not the same in two artifacts: what it was, what it is, and what of it differs.

use http::StatusCode;
use wharf_model::api::diff::{ContentDiff, Diff, DiffSide, FactDiff, FileDiff, FileState, LayerInBrief, ManifestDiff};
use wharf_model::api::files::FileKind;
use wharf_model::digest::Digest;
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_registry::diff::End;
use wharf_registry::error::Error;
use wharf_registry::people::Part as ListPart;
use wharf_registry::registry::Access;
use wharf_registry::tags::WantedTags;

use super::artifact::Head;
use super::html::{Icon, Moment, Short, Size};
use super::route::{Page, Part, View};
use super::shell::Shell;
use super::{Trouble, Visit, files, found, further, plain, render};
use crate::respond::Answer;

/// Files on one page.
const FILES: usize = 200;
/// Rows of any other table.
const ROWS_MAX: usize = 300;
/// How many tags are proposed where somebody types one.
const TAGS: usize = 100;

#[derive(askama::Template)]
#[template(path = "diff.html")]
struct Compare {
    shell: Shell,
    head: Head,
    form: Form,
    wrong: Option<String>,
    told: Option<Told>,
    next: Option<String>,
}

/// With what it is to be compared.
struct Form {
    action: String,
    with: String,
    repository: String,
    own: String,
    tags: Vec<String>,
    /// What people mostly mean: in words, its name, where it is.
    near: Vec<(&'static str, String, String)>,
}

/// What is not the same.
struct Told {
    sides: [Side; 2],
    swap: String,
    same: bool,
    /// Whether it is the first page of files, which tells all else, too.
    is_first: bool,
    facts: Vec<Fact>,
    facts_left_out: usize,
    images: Vec<Image>,
    layers: Option<Layers>,
    files: Option<Vec<File>>,
    no_files: Option<(bool, String)>,
    incomplete: Vec<(Short, String)>,
    packages: Vec<Package>,
    packages_left_out: usize,
    packages_cut: bool,
    command: String,
}

impl Told {
    /// Whether there is anything to tell but that the bytes are not the same.
    fn is_silent(&self) -> bool {
        self.facts.is_empty()
            && self.images.is_empty()
            && self.packages.is_empty()
            && self.layers.as_ref().is_none_or(|layers| layers.rows.is_empty())
            && self.files.as_ref().is_none_or(Vec::is_empty)
    }
}

/// One of the two.
struct Side {
    title: &'static str,
    name: String,
    path: String,
    icon: Icon,
    kind: String,
    digest: Option<Short>,
    size: Option<Size>,
    at: Option<Moment>,
}

/// How something differs: the class that colours the word, and the word.
type Sign = (&'static str, &'static str);

const ADDED: Sign = ("added", "added");
const REMOVED: Sign = ("removed", "removed");
const CHANGED: Sign = ("changed", "changed");
const UNKNOWN: Sign = ("changed", "may differ");

fn sign<T>(from: &Option<T>, to: &Option<T>) -> Sign {
    match (from, to) {
        (None, _) => ADDED,
        (_, None) => REMOVED,
        _ => CHANGED,
    }
}

struct Fact {
    name: String,
    sign: Sign,
    from: Option<String>,
    to: Option<String>,
}

struct Image {
    platform: String,
    sign: Sign,
    from: Option<(Short, String)>,
    to: Option<(Short, String)>,
    compare: Option<String>,
}

struct Layers {
    shared: usize,
    shared_size: Size,
    /// How much more or less there is.
    balance: Option<(Size, &'static str)>,
    rows: Vec<Layer>,
    left_out: usize,
}

struct Layer {
    sign: Sign,
    digest: Short,
    path: Option<String>,
    size: Size,
}

struct File {
    icon: Icon,
    name: String,
    path: Option<String>,
    sign: Sign,
    from: Option<Size>,
    to: Option<Size>,
    notes: Vec<String>,
}

struct Package {
    name: String,
    ecosystem: String,
    sign: Sign,
    from: String,
    to: String,
}

/// One of the two, as it is asked for.
struct Asked<'a> {
    access: &'a Access,
    reference: &'a Reference,
}

impl Asked<'_> {
    fn end(&self) -> End<'_> {
        End { access: self.access, reference: self.reference }
    }

    fn page(&self) -> Page {
        Page::artifact(self.access.repository(), self.reference)
    }

    /// `acme/app:1.0`
    fn name(&self) -> String {
        match self.reference {
            Reference::Tag(tag) => format!("{}:{tag}", self.access.repository()),
            Reference::Digest(digest) => format!("{}@{}", self.access.repository(), brief(digest)),
        }
    }
}

/// A digest as its algorithm and its first digits.
fn brief(digest: &Digest) -> String {
    format!("{}:{}", digest.algorithm(), &digest.hex()[..12])
}

/// Where something is compared with `with`, of another repository if that is said.
pub fn path(
    name: &RepositoryName,
    reference: &Reference,
    with: &Reference,
    repository: Option<&RepositoryName>,
) -> String {
    let page = Page::Repository(name.clone(), View::Artifact(reference.clone(), Part::Diff));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("with", &with.to_string());
    if let Some(repository) = repository.filter(|repository| *repository != name) {
        query.append_pair("repository", repository.as_str());
    }
    format!("{page}?{}", query.finish())
}

/// `…/diff`
pub async fn show(visit: &Visit<'_>, access: &Access, reference: &Reference) -> Result<Answer, Trouble> {
    visit.registry().manifest(access, reference).await?;
    let to = Asked { access, reference };
    let head = Head::brief(visit, access, reference, Part::Diff).await?;
    let mut page = Compare {
        shell: visit.shell(&format!("Compare {}", to.name())),
        form: Form::new(visit, &to).await?,
        head,
        wrong: None,
        told: None,
        next: None,
    };
    let Some(with) = visit.asked("with") else { return found(visit, &page) };
    // What is no name is told as what is not there.
    let Some((other, with)) = other(visit, access, &with).await? else { return missing(visit, page) };
    let from = Asked { access: other.as_ref().unwrap_or(access), reference: &with };
    let part = visit.part(FILES);
    let diff = visit.registry().diff(&visit.kinds, visit.origin.host(), from.end(), to.end(), &part).await;
    let diff = match diff.map_err(Trouble::from) {
        Err(Trouble::NotHere) => return missing(visit, page),
        diff => diff?,
    };
    page.shell = visit.shell(&format!("{} and {}", from.name(), to.name()));
    let here = Page::Repository(access.repository().clone(), View::Artifact(reference.clone(), Part::Diff));
    page.next = further(visit, &here, &["with", "repository"], diff.next.as_ref());
    page.told = Some(Told::new(visit, &from, &to, diff, part.after.is_none()));
    found(visit, &page)
}

/// With what it is compared, and leave to read that where it is in another repository; `None` where there is no such thing, or it is
/// hidden.
async fn other(visit: &Visit<'_>, access: &Access, with: &str) -> Result<Option<(Option<Access>, Reference)>, Trouble> {
    let Ok(with) = with.trim().parse::<Reference>() else { return Ok(None) };
    let Some(name) = visit.asked("repository").filter(|name| name.trim() != access.repository().as_str()) else {
        return Ok(Some((None, with)));
    };
    let Ok(name) = name.trim().parse::<RepositoryName>() else { return Ok(None) };
    match visit.access(&name).await {
        Ok(other) => Ok(Some((Some(other), with))),
        Err(Trouble::NotHere) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The form again. What is hidden and what is missing look the same.
fn missing(visit: &Visit<'_>, mut page: Compare) -> Result<Answer, Trouble> {
    let Form { with, repository, own, .. } = &page.form;
    let place = if repository.is_empty() { own } else { repository };
    page.wrong = Some(format!("There is no {with} in {place}, or it is not for you to see."));
    render(visit, StatusCode::NOT_FOUND, &page)
}

impl Form {
    async fn new(visit: &Visit<'_>, to: &Asked<'_>) -> Result<Form, Trouble> {
        let Asked { access, reference } = to;
        let name = access.repository();
        let page = Page::Repository(name.clone(), View::Artifact((*reference).clone(), Part::Diff));
        let wanted = WantedTags { holding: "", attaching: false, after: None, limit: TAGS };
        let tags = visit.registry().sorted_tags(access, &visit.kinds, &wanted).await?.items;
        let mut near = Vec::new();
        if let Reference::Tag(tag) = reference {
            near.extend(before(visit, access, tag).await?.map(|one| ("the version before", one)));
            near.extend(earlier(visit, access, tag).await?.map(|one| ("what the tag pointed to before", one)));
        }
        let near = near.into_iter().map(|(what, with)| {
            let text = match &with {
                Reference::Tag(tag) => tag.to_string(),
                Reference::Digest(digest) => brief(digest),
            };
            (what, text, path(name, reference, &with, None))
        });
        Ok(Form {
            action: page.to_string(),
            with: visit.asked("with").map(|text| plain(&text)).unwrap_or_default(),
            repository: visit.asked("repository").map(|text| plain(&text)).unwrap_or_default(),
            own: name.to_string(),
            near: near.collect(),
            tags: tags.into_iter().map(|tag| tag.name.to_string()).collect(),
        })
    }
}

/// The tag that comes next in the order of versions.
async fn before(visit: &Visit<'_>, access: &Access, tag: &Tag) -> Result<Option<Reference>, Trouble> {
    let wanted = WantedTags { holding: "", attaching: false, after: Some(tag), limit: 1 };
    let mut found = visit.registry().sorted_tags(access, &visit.kinds, &wanted).await?.items;
    Ok(found.pop().map(|tag| Reference::Tag(tag.name)))
}

/// What the tag pointed to before it was moved last, while that is there.
async fn earlier(visit: &Visit<'_>, access: &Access, tag: &Tag) -> Result<Option<Reference>, Trouble> {
    let moves = visit.registry().tag_history(access, tag, &ListPart { limit: 1, after: None }).await?;
    let last = moves.items.into_iter().next();
    let Some(digest) = last.filter(|last| last.from != last.to).and_then(|last| last.from) else { return Ok(None) };
    let reference = Reference::Digest(digest);
    match visit.registry().manifest(access, &reference).await {
        Ok(_) => Ok(Some(reference)),
        Err(Error::ManifestUnknown(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Told {
    fn new(visit: &Visit<'_>, from: &Asked<'_>, to: &Asked<'_>, mut diff: Diff, is_first: bool) -> Told {
        let packages = diff.packages.take();
        let (cut, packages) = packages.map_or((false, Vec::new()), |found| (found.cut, found.items));
        let has_files = diff.no_files.is_none();
        let is_index = !diff.manifests.is_empty();
        let joined = |versions: &[String]| versions.iter().map(|one| plain(one)).collect::<Vec<_>>().join(", ");
        Told {
            sides: [side(visit, "Before", from, &diff.from), side(visit, "After", to, &diff.to)],
            swap: path(from.access.repository(), from.reference, to.reference, Some(to.access.repository())),
            same: diff.same,
            is_first,
            facts_left_out: diff.facts.len().saturating_sub(ROWS_MAX),
            facts: diff.facts.into_iter().take(ROWS_MAX).map(fact).collect(),
            images: diff.manifests.into_iter().map(|child| image(from, to, child)).collect(),
            layers: (!is_index && !diff.same)
                .then(|| layers(from, to, diff.layers.shared, diff.layers.gone, diff.layers.new, has_files)),
            files: diff.files.map(|found| found.into_iter().map(|one| file(from, to, one)).collect()),
            no_files: diff.no_files.filter(|_| !is_index).map(|why| (why.waiting, plain(&why.reason))),
            incomplete: diff.incomplete.iter().map(|one| (Short::new(&one.layer), plain(&one.reason))).collect(),
            packages_left_out: packages.len().saturating_sub(ROWS_MAX),
            packages: packages
                .into_iter()
                .take(ROWS_MAX)
                .map(|one| Package {
                    name: plain(&one.name),
                    ecosystem: plain(&one.ecosystem),
                    sign: sign(&one.from.first(), &one.to.first()),
                    from: joined(&one.from),
                    to: joined(&one.to),
                })
                .collect(),
            packages_cut: cut,
            command: format!("wharf diff {} {}", diff.from.reference, diff.to.reference),
        }
    }
}

fn side(visit: &Visit<'_>, title: &'static str, asked: &Asked<'_>, told: &DiffSide) -> Side {
    Side {
        title,
        name: asked.name(),
        path: asked.page().to_string(),
        icon: Icon::of(&told.kind.category),
        kind: told.kind.title.clone(),
        digest: told.digest.as_ref().map(Short::new),
        size: told.size.map(Size::new),
        at: told.pushed_at.map(|at| visit.moment(at)),
    }
}

fn fact(fact: FactDiff) -> Fact {
    let FactDiff { name, from, to } = fact;
    let sign = sign(&from, &to);
    Fact { name: plain(&name), sign, from: from.as_deref().map(plain), to: to.as_deref().map(plain) }
}

fn image(from: &Asked<'_>, to: &Asked<'_>, child: ManifestDiff) -> Image {
    let link = |asked: &Asked<'_>, digest: &Digest| {
        (Short::new(digest), Page::digest(asked.access.repository(), digest).to_string())
    };
    let (before, now) = (from.access.repository(), to.access.repository());
    let both = child.from.zip(child.to);
    Image {
        platform: plain(&child.platform),
        sign: sign(&child.from, &child.to),
        from: child.from.as_ref().map(|digest| link(from, digest)),
        to: child.to.as_ref().map(|digest| link(to, digest)),
        compare: both.map(|(one, other)| path(now, &Reference::Digest(other), &Reference::Digest(one), Some(before))),
    }
}

fn layers(
    from: &Asked<'_>,
    to: &Asked<'_>,
    shared: Vec<LayerInBrief>,
    gone: Vec<LayerInBrief>,
    new: Vec<LayerInBrief>,
    has_files: bool,
) -> Layers {
    let sum = |layers: &[LayerInBrief]| layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.size));
    let (less, more) = (sum(&gone), sum(&new));
    let balance = match more.abs_diff(less) {
        0 => None,
        by => Some((Size::new(by), if more > less { "more" } else { "less" })),
    };
    let count = gone.len() + new.len();
    let row = |asked: &Asked<'_>, sign: Sign, layer: LayerInBrief| Layer {
        sign,
        digest: Short::new(&layer.digest),
        path: has_files.then(|| files::layer_path(asked.access, asked.reference, &layer.digest)),
        size: Size::new(layer.size),
    };
    let gone = gone.into_iter().map(|layer| row(from, REMOVED, layer));
    let new = new.into_iter().map(|layer| row(to, ADDED, layer));
    Layers {
        shared: shared.len(),
        shared_size: Size::new(sum(&shared)),
        balance,
        rows: gone.chain(new).take(ROWS_MAX).collect(),
        left_out: count.saturating_sub(ROWS_MAX),
    }
}

fn file(from: &Asked<'_>, to: &Asked<'_>, one: FileDiff) -> File {
    let FileDiff { path, from: before, to: now, content } = one;
    let told = if now.is_some() { to } else { from };
    let kind = now.as_ref().or(before.as_ref()).map_or(FileKind::Unknown, |state| state.kind);
    let icon = match kind {
        FileKind::Folder => Icon::named("folder"),
        FileKind::Symlink | FileKind::Hardlink => Icon::named("link"),
        _ => Icon::named("generic"),
    };
    let leads = match kind {
        FileKind::Folder => Some(files::folder_path(told.access, told.reference, &path)),
        FileKind::File => Some(files::file_path(told.access, told.reference, &path)),
        _ => None,
    };
    let notes = notes(before.as_ref(), now.as_ref());
    // Where something else is told of it, that is what it is about.
    let is_only_unknown = content == Some(ContentDiff::Unknown) && notes.is_empty();
    let size = |state: &Option<FileState>| state.as_ref().and_then(|state| state.size);
    let (old, new) = (size(&before), size(&now));
    File {
        icon,
        name: plain(&path),
        path: leads,
        sign: if is_only_unknown { UNKNOWN } else { sign(&before, &now) },
        from: old.filter(|_| old != new).map(Size::new),
        to: new.map(Size::new),
        notes,
    }
}

/// What differs but for sizes and contents, or what it is.
fn notes(from: Option<&FileState>, to: Option<&FileState>) -> Vec<String> {
    let target = |state: &FileState| state.target.as_deref().map(plain).unwrap_or_default();
    let (Some(from), Some(to)) = (from, to) else {
        let state = from.or(to).filter(|state| state.target.is_some());
        return state.map(|state| format!("leads to {}", target(state))).into_iter().collect();
    };
    let mut notes = Vec::new();
    if from.kind != to.kind {
        notes.push(format!("{} → {}", from.kind.as_str(), to.kind.as_str()));
    }
    if from.target != to.target && to.target.is_some() {
        notes.push(format!("leads to {}", target(to)));
    }
    if from.mode != to.mode && to.kind != FileKind::Symlink {
        notes.push(format!("mode {} → {}", from.mode, to.mode));
    }
    if (from.uid, from.gid) != (to.uid, to.gid) && to.kind != FileKind::Symlink {
        notes.push(format!("owner {}:{} → {}:{}", from.uid, from.gid, to.uid, to.gid));
    }
    notes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn what_differs_in_words() {
        let state = |kind, mode: &str, uid: u32, target: Option<&str>| FileState {
            kind,
            size: None,
            mode: mode.to_owned(),
            uid,
            gid: 0,
            target: target.map(str::to_owned),
            digest: None,
        };
        let file = state(FileKind::File, "0644", 0, None);
        let run = state(FileKind::File, "0755", 7, None);
        let link = state(FileKind::Symlink, "0777", 0, Some("a\u{202e}b"));
        assert_eq!(notes(Some(&file), Some(&run)), ["mode 0644 → 0755", "owner 0:0 → 7:0"]);
        assert_eq!(notes(Some(&file), Some(&link)), ["file → symlink", "leads to ab"]);
        assert_eq!(notes(None, Some(&link)), ["leads to ab"]);
        assert!(notes(Some(&file), None).is_empty() && notes(Some(&file), Some(&file)).is_empty());
    }

    #[test]
    fn paths_of_comparisons() {
        let name: RepositoryName = "acme/app".parse().expect("a name");
        let other: RepositoryName = "acme/lib".parse().expect("a name");
        let tag = |text: &str| Reference::Tag(text.parse().expect("a tag"));
        assert_eq!(path(&name, &tag("2"), &tag("1"), Some(&name)), "/acme/app/-/tags/2/diff?with=1");
        let expect = "/acme/app/-/tags/2/diff?with=1&repository=acme%2Flib";
        assert_eq!(path(&name, &tag("2"), &tag("1"), Some(&other)), expect);
    }
}
