//! What is looked for: one box, what is found in it, and what that is like.

use wharf_model::api::search::{Facet, Hit, Matched, SearchClause, SearchResult};
use wharf_model::limits::QUERY_BYTES_MAX;
use wharf_model::name::Reference;
use wharf_model::search::QueryError;
use wharf_registry::error::Error;
use wharf_registry::search::SearchFor;

use super::html::{Icon, Marked, Moment, Size, grouped};
use super::route::Page;
use super::shell::Shell;
use super::{ENTRIES, Trouble, Visit, found, further};
use crate::respond::Answer;

/// Values of a facet that are told at once; the others a click away.
const FACET_VALUES: usize = 6;

#[derive(askama::Template)]
#[template(path = "search.html")]
struct Search {
    shell: Shell,
    query: String,
    /// Why it is no query: where, and what would be right.
    wrong: Option<(Marked, String)>,
    /// Whether the index is being made.
    indexing: bool,
    chips: Vec<Chip>,
    corrected: Vec<(String, String)>,
    count: String,
    lines: Vec<Line>,
    facets: Vec<Group>,
    next: Option<String>,
    /// Whether each artifact is told, and where the other way is.
    each: bool,
    other: String,
}

/// A part of the query, and where it is without it.
struct Chip {
    text: String,
    without: String,
}

/// Something that is found.
struct Line {
    icon: Icon,
    path: String,
    repository: Marked,
    reference: Option<Marked>,
    is_tag: bool,
    kind: String,
    title: Option<Marked>,
    summary: Option<Marked>,
    /// Where else it matched: in what, and the text.
    why: Vec<(&'static str, Marked)>,
    size: Option<Size>,
    signed: bool,
    at: Moment,
    /// How many more of its repository are found, and where those are.
    more: Option<(u64, String)>,
}

/// A facet.
struct Group {
    title: &'static str,
    values: Vec<Value>,
    others: Vec<Value>,
}

/// What some of those that are found have in common.
struct Value {
    title: String,
    count: String,
    path: String,
}

/// Where a search is.
fn path(query: &str, each: bool) -> String {
    let mut asked = form_urlencoded::Serializer::new(String::new());
    asked.append_pair("q", query);
    if each {
        asked.append_pair("each", "artifact");
    }
    format!("{}?{}", Page::Search, asked.finish())
}

/// `/-/search`
pub async fn show(visit: &Visit<'_>) -> Result<Answer, Trouble> {
    let query = visit.asked("q").unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return Err(Trouble::Asked(format!("What is searched for has at most {QUERY_BYTES_MAX} bytes.")));
    }
    let each = visit.asked("each").as_deref() == Some("artifact");
    let search = SearchFor { query: query.clone(), each_artifact: each };
    let result = visit.registry().browse_search(visit.subject, &visit.kinds, &search, &visit.part(ENTRIES)).await;
    let mut page = Search::empty(visit, query, each);
    match result {
        Ok(result) => page.fill(visit, result),
        Err(Error::Indexing) => page.indexing = true,
        Err(Error::Query(error)) => page.wrong = Some(wrong(&page.query, &error)),
        Err(error) => return Err(error.into()),
    }
    found(visit, &page)
}

/// The query with what is wrong of it marked, and why it is.
fn wrong(query: &str, error: &QueryError) -> (Marked, String) {
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    (Marked::new(query, &[(number(error.at.start), number(error.at.end))]), error.to_string())
}

impl Search {
    fn empty(visit: &Visit<'_>, query: String, each: bool) -> Search {
        let title = if query.is_empty() { "Search".to_owned() } else { format!("Search: {}", super::plain(&query)) };
        Search {
            shell: Shell { has_box: false, ..visit.shell(&title) },
            other: path(&query, !each),
            query,
            wrong: None,
            indexing: false,
            chips: Vec::new(),
            corrected: Vec::new(),
            count: String::new(),
            lines: Vec::new(),
            facets: Vec::new(),
            next: None,
            each,
        }
    }

    fn fill(&mut self, visit: &Visit<'_>, result: SearchResult) {
        let (query, each) = (result.query.as_str(), self.each);
        self.count = count(&result);
        self.next = further(visit, &Page::Search, &["q", "each"], result.next.clone());
        self.lines = result.items.iter().map(|hit| line(visit, query, each, hit)).collect();
        self.facets = result.facets.iter().filter_map(|facet| group(facet, each)).collect();
        let chip = |clause: SearchClause| Chip { text: clause.text, without: path(&clause.without, each) };
        // A word alone is in the box, and nothing is gained by taking it away.
        let is_plain = result.clauses.iter().all(|clause| clause.field.is_none() && !clause.not);
        self.chips = if is_plain { Vec::new() } else { result.clauses.into_iter().map(chip).collect() };
        self.corrected = result.corrected.into_iter().map(|one| (one.word, one.to.join(", "))).collect();
        self.indexing = result.indexing;
    }
}

/// How much is found, in words.
fn count(result: &SearchResult) -> String {
    let of =
        |number: u64, one: &str, many: &str| format!("{} {}", grouped(number), if number == 1 { one } else { many });
    if result.more {
        return format!("More than {} artifacts", grouped(result.total));
    }
    let artifacts = of(result.total, "artifact", "artifacts");
    format!("{artifacts} in {}", of(result.repositories, "repository", "repositories"))
}

/// What a field is called where it is told why something matched.
fn field(name: &str) -> &'static str {
    match name {
        "description" => "Description",
        "version" => "Version",
        "keyword" => "Keyword",
        "maintainer" => "Maintainer",
        "file" => "File inside",
        "package" => "Package inside",
        _ => "A label, annotation or the like",
    }
}

fn line(visit: &Visit<'_>, query: &str, each: bool, hit: &Hit) -> Line {
    let matched = |name: &str, whole: &str| {
        let found = hit.matched.iter().find(|one| one.field == name && one.text.as_str() == whole);
        Marked::new(whole, found.map_or(&[][..], |one| &one.ranges))
    };
    let name = hit.repository.to_string();
    let reference = hit.tag.clone().map_or(Reference::Digest(hit.digest), Reference::Tag);
    let shown = match &reference {
        Reference::Tag(tag) => matched("tag", &tag.to_string()),
        Reference::Digest(digest) => Marked::new(&format!("{}:{}", digest.algorithm(), &digest.hex()[..12]), &[]),
    };
    let is_elsewhere = |one: &&Matched| !matches!(&*one.field, "repository" | "tag" | "title" | "summary");
    let in_title = |text: &str| text.eq_ignore_ascii_case(name.rsplit('/').next().unwrap_or_default());
    let others = (!each && hit.matches > 1).then(|| (hit.matches - 1, path(&format!("{query} repo:{name}"), true)));
    Line {
        icon: hit.kind.as_ref().map_or(Icon::of("generic"), |kind| Icon::of(&kind.category)),
        path: Page::artifact(&hit.repository, &reference).to_string(),
        is_tag: hit.tag.is_some(),
        reference: Some(shown),
        repository: matched("repository", &name),
        kind: hit.kind.as_ref().map(|kind| kind.title.clone()).unwrap_or_default(),
        title: hit
            .title
            .as_ref()
            .filter(|title| !in_title(title.as_str()))
            .map(|title| matched("title", title.as_str())),
        summary: hit.summary.as_ref().map(|summary| matched("summary", summary.as_str())),
        why: hit
            .matched
            .iter()
            .filter(is_elsewhere)
            .map(|one| (field(&one.field), Marked::new(one.text.as_str(), &one.ranges)))
            .collect(),
        size: hit.size.map(Size::new),
        signed: hit.signed,
        at: visit.moment(hit.pushed_at),
        more: others,
    }
}

/// A facet that tells something apart.
fn group(facet: &Facet, each: bool) -> Option<Group> {
    let title = match &*facet.field {
        "kind" => "Kind",
        "project" => "Project",
        "license" => "Licence",
        "platform" => "Platform",
        "signed" => "Signature",
        _ => return None,
    };
    let value = |one: &wharf_model::api::search::FacetValue| Value {
        title: one.title.as_str().to_owned(),
        count: grouped(one.count),
        path: path(&one.query, each),
    };
    let mut values: Vec<_> = facet.values.iter().map(value).collect();
    let others = values.split_off(values.len().min(FACET_VALUES));
    (values.len() > 1).then_some(Group { title, values, others })
}
