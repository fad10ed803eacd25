//! What is told of an artifact of one kind, as sections of its page: pairs, tables, words and code, of whatever was found out.
//!
//! Kinds that people look at most have their own words and order; what any other tells is shown by the names of its fields, so that
//! a new kind needs nothing here.

mod any;
mod image;
mod package;
mod supply;

use askama::Template;
use askama::filters::HtmlSafe;
use wharf_model::api::artifact::ArtifactDetail;
use wharf_model::api::facts::{Detail, Line, Link, Listed, Named};
use wharf_model::name::Reference;
use wharf_registry::registry::Access;

use super::html::{Moment, Short, Size, SizeText, grouped};

/// How many rows of a table are shown.
const ROWS_MAX: usize = 500;
/// From how many rows on a table can be looked through.
const SEARCHED: usize = 12;
/// How many annotations and layers are shown.
const LISTED_MAX: usize = 200;

/// A value, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = r#"{% match self %}{% when Cell::Nothing %}<span class="none">–</span>{% when Cell::Text(text) %}<bdi>{{ text }}</bdi>{% when Cell::Code(text) %}<code><bdi>{{ text }}</bdi></code>{% when Cell::Size(size) %}{{ size }}{% when Cell::Moment(moment) %}{{ moment }}{% when Cell::Digest(short) %}{{ short }}{% when Cell::Place with { path, short } %}<a href="{{ path }}">{{ short }}</a>{% when Cell::Way with { path, text } %}<a href="{{ path }}"><bdi>{{ text }}</bdi></a>{% when Cell::Web with { address, text } %}<a href="{{ address }}" rel="nofollow noopener noreferrer"><bdi>{{ text }}</bdi></a>{% when Cell::Words(words) %}<ul class="words">{% for word in words %}<li><bdi>{{ word }}</bdi></li>{% endfor %}</ul>{% endmatch %}"#
)]
pub enum Cell {
    /// Nothing is said.
    Nothing,
    /// Words of a publisher.
    Text(String),
    /// What a program reads.
    Code(String),
    /// A size.
    Size(Size),
    /// A moment.
    Moment(Moment),
    /// A digest that is no place here.
    Digest(Short),
    /// A digest, and where it is.
    Place {
        /// Where.
        path: String,
        /// It.
        short: Short,
    },
    /// Words that lead to a page of ours.
    Way {
        /// Where.
        path: String,
        /// They.
        text: String,
    },
    /// An address on the web.
    Web {
        /// It.
        address: String,
        /// The same, in brief.
        text: String,
    },
    /// Several words.
    Words(Vec<String>),
}

impl HtmlSafe for Cell {}

impl Cell {
    /// Words, or nothing.
    pub fn text(text: &str) -> Cell {
        if text.is_empty() { Cell::Nothing } else { Cell::Text(text.to_owned()) }
    }

    /// A line, or nothing.
    pub fn line(line: &Option<Line>) -> Cell {
        line.as_ref().map_or(Cell::Nothing, |line| Cell::text(line.as_str()))
    }

    /// What a program reads, or nothing.
    pub fn code(text: &str) -> Cell {
        if text.is_empty() { Cell::Nothing } else { Cell::Code(text.to_owned()) }
    }

    /// A number.
    pub fn number(number: u64) -> Cell {
        Cell::Text(grouped(number))
    }

    /// An address, told without how it begins.
    pub fn web(link: &Link) -> Cell {
        let address = link.as_str().to_owned();
        let text = address.split_once("://").map_or(&*address, |(_, rest)| rest).trim_end_matches('/').to_owned();
        Cell::Web { address, text }
    }

    /// Several words, or nothing.
    pub fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Cell {
        let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if words.is_empty() { Cell::Nothing } else { Cell::Words(words) }
    }

    /// Whether it says nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Cell::Nothing
    }
}

/// A name with a value.
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Cell,
}

impl Pair {
    /// A name with a value.
    pub fn new(name: impl ToString, value: Cell) -> Pair {
        Pair { name: name.to_string(), value }
    }

    /// Those that say something.
    pub fn some<const N: usize>(pairs: [(&str, Cell); N]) -> Vec<Pair> {
        let said = pairs.into_iter().filter(|(_, value)| !value.is_nothing());
        said.map(|(name, value)| Pair::new(name, value)).collect()
    }
}

/// A part of a page.
pub struct Section {
    /// What it is about.
    pub title: String,
    /// What is to be known of all of it.
    pub note: Option<String>,
    /// How large that is of which the note tells.
    pub note_size: Option<Size>,
    /// What it has.
    pub body: Body,
    /// How many entries there are that are not shown.
    pub left_out: u64,
}

/// What a part of a page has.
pub enum Body {
    /// Names with values.
    Pairs(Vec<Pair>),
    /// A table.
    Table(Table),
    /// Code, or running text.
    Code(String),
    /// Words.
    Words(Vec<String>),
}

/// A table.
pub struct Table {
    /// A bar above it, as parts of the whole.
    pub bar: Vec<Segment>,
    /// Its columns: title and how they are drawn.
    pub columns: Vec<(String, &'static str)>,
    /// Its rows, as many cells each.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    fn new<const N: usize>(columns: [(&str, &'static str); N], rows: Vec<Vec<Cell>>) -> Table {
        let columns = columns.into_iter().map(|(title, class)| (title.to_owned(), class)).collect();
        Table { bar: Vec::new(), columns, rows }
    }

    /// Whether it is so long that people look for something in it.
    pub fn is_searched(&self) -> bool {
        self.rows.len() >= SEARCHED
    }

    /// How a column is drawn.
    pub fn class(&self, at: &usize) -> &'static str {
        self.columns.get(*at).map_or("", |(_, class)| class)
    }
}

/// A part of a bar.
pub struct Segment {
    /// Where it begins, in thousandths of the whole.
    pub from: u64,
    /// How long it is.
    pub length: u64,
    /// How large that is for which it stands.
    pub size: SizeText,
    /// What made it.
    pub text: String,
}

impl Section {
    fn new(title: impl ToString, body: Body) -> Section {
        Section { title: title.to_string(), note: None, note_size: None, body, left_out: 0 }
    }

    /// Pairs, where there are any.
    fn pairs(title: &str, pairs: Vec<Pair>) -> Option<Section> {
        (!pairs.is_empty()).then(|| Section::new(title, Body::Pairs(pairs)))
    }

    /// A table, where it has rows; of more than are shown it says how many.
    fn table<const N: usize>(
        title: &str,
        columns: [(&str, &'static str); N],
        mut rows: Vec<Vec<Cell>>,
        left_out: u64,
    ) -> Option<Section> {
        let over = rows.len().saturating_sub(ROWS_MAX);
        rows.truncate(ROWS_MAX);
        let left_out = left_out + over as u64;
        (!rows.is_empty()).then(|| Section { left_out, ..Section::new(title, Body::Table(Table::new(columns, rows))) })
    }

    /// Names with values as a table.
    fn named(title: &str, named: &Listed<Named>) -> Option<Section> {
        let rows = named.iter().map(|one| vec![Cell::code(one.name.as_str()), Cell::text(one.value.as_str())]);
        Section::table(title, [("Name", "name"), ("Value", "wrap")], rows.collect(), named.left_out())
    }

    fn noted(mut self, note: impl ToString) -> Section {
        self.note = Some(note.to_string());
        self
    }
}

/// Where facts are told.
struct Place<'a> {
    access: &'a Access,
    reference: &'a Reference,
}

/// All that is told of the artifact, what only its kind has first.
pub fn sections(access: &Access, reference: &Reference, detail: &ArtifactDetail) -> Vec<Section> {
    let place = Place { access, reference };
    let mut sections = Vec::new();
    let told = detail.facts.as_ref().and_then(|facts| facts.detail.as_ref());
    match told {
        Some(Detail::Image(image)) => sections.extend(image::image(&place, image)),
        Some(Detail::Index(index)) => sections.extend(image::index(&place, index)),
        Some(Detail::Helm(chart)) => sections.extend(package::chart(chart)),
        Some(Detail::Files(files)) => sections.extend(package::files(&place, files)),
        Some(Detail::Sbom(sbom)) => sections.extend(supply::sbom(sbom)),
        Some(Detail::Signature(signatures)) => sections.extend(supply::signatures(&place, signatures)),
        Some(Detail::Attestation(statements)) => sections.extend(supply::statements(&place, statements)),
        Some(other) => {
            sections.extend(any::sections(other));
            sections.extend(declared(detail));
        }
        None => {
            sections.extend(image::listed(&place, detail));
            sections.extend(declared(detail));
        }
    }
    if !matches!(told, Some(Detail::Image(_) | Detail::Files(_))) {
        sections.extend(image::layers(detail));
    }
    let annotations = detail.annotations.iter().take(LISTED_MAX);
    let rows = annotations
        .map(|(name, value)| vec![Cell::code(Line::new(name).as_str()), Cell::text(Line::new(value).as_str())]);
    let over = detail.annotations.len().saturating_sub(LISTED_MAX) as u64;
    sections.extend(Section::table("Annotations", [("Name", "name"), ("Value", "wrap")], rows.collect(), over));
    sections
}

/// What its kind declares to be told, where nothing knows better.
fn declared(detail: &ArtifactDetail) -> Option<Section> {
    let declared = detail.facts.as_ref().map(|facts| facts.declared.iter());
    let pair = |fact: &Named| Pair::new(any::words(fact.name.as_str()), Cell::text(fact.value.as_str()));
    Section::pairs("As it says", declared.into_iter().flatten().map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_inert() {
        let hostile = "<img src=x onerror=alert(1)>\"'";
        let cells = [
            Cell::text(hostile),
            Cell::code(hostile),
            Cell::Digest(Short::of(hostile)),
            Cell::Place { path: hostile.to_owned(), short: Short::of(hostile) },
            Cell::Way { path: hostile.to_owned(), text: hostile.to_owned() },
            Cell::words([hostile]),
        ];
        for cell in cells {
            let html = cell.to_string();
            assert!(!html.contains("<img") && !html.contains("\"'"), "{html}");
        }
        assert_eq!(Cell::text("").to_string(), "<span class=\"none\">–</span>");
        let link = Link::new("https://example.com/a/?x=1&y=2").map(|link| Cell::web(&link).to_string());
        let expect = "<a href=\"https://example.com/a/?x=1&#38;y=2\" rel=\"nofollow noopener noreferrer\"><bdi>example.com/a/?x=1&#38;y=2</bdi></a>";
        assert_eq!(link.as_deref(), Some(expect));
    }
}
