//! How a query is read: words between spaces, quotes around what has spaces, a field before a colon, `-` before what must not hold.

use std::ops::Range;

use super::{Clause, Compare, Days, FilePattern, Glob, Package, Query, Tagged, Term};
use crate::limits::{QUERY_BYTES_MAX, QUERY_CLAUSES_MAX, QUERY_TEXT_BYTES_MAX};

/// A field that can be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As it is written before the colon.
    pub name: &'static str,
    /// What else people write for it.
    pub also: &'static [&'static str],
    /// What it finds.
    pub about: &'static str,
    /// How it is used.
    pub example: &'static str,
    read: fn(&str) -> Result<Term, String>,
}

/// All fields, in the order in which they are told.
pub const FIELDS: &[Field] = &[
    field("kind", &["type"], "what kind of thing it is: its name, its title or its category", "kind:helm", kind),
    field("repo", &["repository", "name"], "the repository", "repo:acme/*", repository),
    field("project", &[], "the project", "project:acme", project),
    field("tag", &[], "a tag that points to it", "tag:1.*", |text| Ok(Term::Tag(glob(text)?))),
    field("version", &[], "its version, as its author counts", "version:2.4.*", |text| Ok(Term::Version(glob(text)?))),
    field("platform", &["os", "arch"], "what it runs on", "platform:linux/arm64", platform),
    field("license", &["licence", "licenses"], "a licence that it is under", "license:MIT", license),
    field("maintainer", &["author", "vendor"], "who made it", "maintainer:kim@example.com", maintainer),
    field("label", &[], "a label, with or without its value", "label:team=payments", label),
    field("annotation", &[], "an annotation, with or without its value", "annotation:org.example.tier", annotation),
    field("signed", &[], "whether a signature is attached", "signed:no", signed),
    field("pushed", &["created", "updated"], "when it was pushed", "pushed:>2026-01-01", pushed),
    field("pkg", &["package"], "a package in it, as SBOMs tell", "pkg:log4j-core<2.17", package),
    field(
        "file",
        &["path"],
        "a file in it: its path, its name, or what its path begins with",
        "file:/usr/bin/curl",
        file,
    ),
    field("digest", &["sha256", "sha512"], "what its digest begins with", "digest:sha256:0f8e4bb1", digest),
    field("tagged", &[], "yes: what a tag points to, which is the rule; no: the rest; any: all", "tagged:any", tagged),
];

const fn field(
    name: &'static str,
    also: &'static [&'static str],
    about: &'static str,
    example: &'static str,
    read: fn(&str) -> Result<Term, String>,
) -> Field {
    Field { name, also, about, example, read }
}

/// Why some text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {message}", .at.start + 1)]
pub struct QueryError {
    /// Where, in characters from the beginning.
    pub at: Range<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What stands between spaces.
struct Piece {
    is_not: bool,
    /// The field, where there is a colon outside of quotes.
    field: Option<String>,
    text: String,
    /// Whether the text was in quotes as a whole.
    is_quoted: bool,
    at: Range<usize>,
}

pub(super) fn parse(text: &str) -> Result<Query, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        let at = 0..text.chars().count();
        return Err(QueryError { at, message: format!("a query has at most {QUERY_BYTES_MAX} bytes") });
    }
    let mut clauses = Vec::new();
    for piece in pieces(text)? {
        let at = piece.at.clone();
        if clauses.len() == QUERY_CLAUSES_MAX {
            return Err(QueryError {
                at,
                message: format!("a query has at most {QUERY_CLAUSES_MAX} words and fields"),
            });
        }
        let is_not = piece.is_not;
        let read = term(piece).map_err(|message| QueryError { at: at.clone(), message })?;
        clauses.extend(read.into_iter().map(|term| Clause { is_not, term, at: at.clone() }));
    }
    Ok(Query { clauses })
}

fn pieces(text: &str) -> Result<Vec<Piece>, QueryError> {
    let mut pieces = Vec::new();
    let mut characters = text.chars().enumerate().peekable();
    while let Some((start, first)) = characters.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut piece = Piece { is_not: false, field: None, text: String::new(), is_quoted: false, at: start..start };
        let mut next = Some((start, first));
        let mut end = start;
        if first == '-' && characters.peek().is_some_and(|(_, one)| !one.is_whitespace()) {
            piece.is_not = true;
            next = characters.next();
        }
        let mut begun = false;
        while let Some((at, one)) = next {
            end = at + 1;
            match one {
                '"' => {
                    piece.is_quoted = !begun;
                    end = quoted(&mut characters, &mut piece.text, at)?;
                }
                ':' if piece.field.is_none() && !piece.is_quoted && !piece.text.is_empty() => {
                    piece.field = Some(std::mem::take(&mut piece.text));
                    begun = false;
                    next = characters.next_if(|(_, one)| !one.is_whitespace());
                    continue;
                }
                one => {
                    piece.is_quoted = false;
                    piece.text.push(one);
                }
            }
            begun = true;
            next = characters.next_if(|(_, one)| !one.is_whitespace());
        }
        piece.at = start..end;
        pieces.push(piece);
    }
    Ok(pieces)
}

/// Reads up to the closing quote; where that ends.
fn quoted(
    characters: &mut impl Iterator<Item = (usize, char)>,
    text: &mut String,
    start: usize,
) -> Result<usize, QueryError> {
    let mut last = start;
    while let Some((at, one)) = characters.next() {
        last = at;
        match one {
            '"' => return Ok(at + 1),
            '\\' => text.extend(characters.next().map(|(_, one)| one)),
            one => text.push(one),
        }
    }
    Err(QueryError {
        at: start..last + 1,
        message: "the quote is never closed: put another \" behind the text".to_owned(),
    })
}

fn term(piece: Piece) -> Result<Vec<Term>, String> {
    let Piece { field, text, is_quoted, .. } = piece;
    if text.len() > QUERY_TEXT_BYTES_MAX {
        return Err(format!("a word has at most {QUERY_TEXT_BYTES_MAX} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("there is a control character in it".to_owned());
    }
    let Some(name) = field else { return words(&text, is_quoted) };
    let lower = name.to_ascii_lowercase();
    match FIELDS.iter().find(|field| field.name == lower || field.also.contains(&&*lower)) {
        Some(field) if text.trim().is_empty() => {
            Err(format!("{}: says nothing; for example {}", field.name, field.example))
        }
        Some(field) => (field.read)(&text).map(|term| vec![term]),
        None => reference(&name, &text).ok_or_else(|| unknown(&name, &text)),
    }
}

/// What has no field. What has no letter and no digit finds nothing, and is no mistake.
fn words(text: &str, is_quoted: bool) -> Result<Vec<Term>, String> {
    let lower = text.to_lowercase();
    let lower = if is_quoted {
        lower.trim()
    } else {
        lower.trim_start_matches(|one: char| one == '-' || one.is_whitespace()).trim_end()
    };
    if !lower.chars().any(char::is_alphanumeric) {
        return Ok(Vec::new());
    }
    // Of those that are not in quotes, too: what was put together of quotes in the middle.
    if is_quoted || lower.contains(|one: char| one.is_whitespace() || matches!(one, '"' | ':')) {
        return Ok(vec![Term::Phrase(lower.to_owned())]);
    }
    Ok(vec![Term::Word(lower.to_owned())])
}

/// A reference as people paste it: `acme/app:1.0`, `registry.example.com:5000/acme/app@sha256:…`; `None` where it is none.
fn reference(name: &str, rest: &str) -> Option<Vec<Term>> {
    let whole = format!("{name}:{rest}");
    let (named, hash) = whole.split_once('@').map_or((&*whole, None), |(named, digest)| (named, Some(digest)));
    let after_slash = named.rfind('/')?;
    let (path, tag) = match named[after_slash..].split_once(':') {
        Some((last, tag)) => (&named[..after_slash + last.len()], Some(tag)),
        None => (named, None),
    };
    // What has a dot or a port before the first slash is a registry, as clients have it.
    let path = match path.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => path,
    };
    let is_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '/' | '.' | '_' | '-');
    let is_tag = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-' | '*');
    let is_path = path.chars().all(is_name) && path.starts_with(|one: char| one.is_ascii_alphanumeric());
    if !is_path || !tag.is_none_or(|tag| !tag.is_empty() && tag.chars().all(is_tag)) {
        return None;
    }
    let mut terms = vec![Term::Word(path.to_lowercase())];
    if let Some(tag) = tag {
        terms.push(Term::Tag(glob(tag).ok()?));
    }
    if let Some(hash) = hash {
        terms.push(digest(hash).ok()?);
    }
    Some(terms)
}

fn unknown(name: &str, text: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let near = FIELDS.iter().find(|field| distance(field.name, &lower) <= 1 + usize::from(lower.len() > 5));
    if let Some(field) = near {
        return format!("there is no field {name}; is it {}:{text}?", field.name);
    }
    let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    format!(
        "there is no field {name}; fields are {}. \"{name}:{text}\", in quotes, looks for the text",
        names.join(", ")
    )
}

/// How many letters are to be changed, put in or taken out.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(32).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, one) in left.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in right.iter().enumerate() {
            let change = before + usize::from(one != *other);
            before = row[column + 1];
            row[column + 1] = change.min(before + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

// --- fields

fn glob(text: &str) -> Result<Glob, String> {
    if text.matches('*').count() > 4 { Err("at most 4 stars".to_owned()) } else { Ok(Glob::new(text)) }
}

fn kind(text: &str) -> Result<Term, String> {
    Ok(Term::Kind(text.trim().to_lowercase()))
}

fn repository(text: &str) -> Result<Term, String> {
    Ok(Term::Repository(glob(&text.trim().to_lowercase())?))
}

fn project(text: &str) -> Result<Term, String> {
    Ok(Term::Project(glob(&text.trim().to_lowercase())?))
}

fn platform(text: &str) -> Result<Term, String> {
    Ok(Term::Platform(text.trim().to_lowercase()))
}

fn license(text: &str) -> Result<Term, String> {
    Ok(Term::License(glob(&text.trim().to_lowercase())?))
}

fn maintainer(text: &str) -> Result<Term, String> {
    Ok(Term::Maintainer(text.trim().to_lowercase()))
}

/// A key, with a value behind `=`.
fn pair(text: &str) -> Result<(String, Option<Glob>), String> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    if key.is_empty() {
        return Err("write the name before the =: label:team=payments".to_owned());
    }
    Ok((key.to_owned(), value.map(glob).transpose()?))
}

fn label(text: &str) -> Result<Term, String> {
    pair(text).map(|(key, value)| Term::Label(key, value))
}

fn annotation(text: &str) -> Result<Term, String> {
    pair(text).map(|(key, value)| Term::Annotation(key, value))
}

fn signed(text: &str) -> Result<Term, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(Term::Signed(true)),
        "no" | "false" => Ok(Term::Signed(false)),
        _ => Err("signed: is yes or no".to_owned()),
    }
}

fn tagged(text: &str) -> Result<Term, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(Term::Tagged(Tagged::Yes)),
        "no" | "false" => Ok(Term::Tagged(Tagged::No)),
        "any" | "all" => Ok(Term::Tagged(Tagged::Any)),
        _ => Err("tagged: is yes, no or any".to_owned()),
    }
}

fn digest(text: &str) -> Result<Term, String> {
    let lower = text.trim().to_ascii_lowercase();
    let hash = lower.split_once(':').map_or(&*lower, |(_, hash)| hash);
    let is_algorithm = lower.split_once(':').is_none_or(|(algorithm, _)| matches!(algorithm, "sha256" | "sha512"));
    if !is_algorithm || !(4..=128).contains(&hash.len()) || !hash.bytes().all(|one| one.is_ascii_hexdigit()) {
        return Err(
            "a digest is at least four of its hexadecimal digits: digest:sha256:0f8e4bb1, digest:0f8e4bb1".to_owned()
        );
    }
    Ok(Term::Digest(lower))
}

/// What comes before a value: how it compares.
fn compare(text: &str) -> (Compare, &str) {
    const WRITTEN: [(&str, Compare); 6] = [
        ("<=", Compare::AtMost),
        (">=", Compare::AtLeast),
        ("==", Compare::Is),
        ("<", Compare::Less),
        (">", Compare::More),
        ("=", Compare::Is),
    ];
    let found = WRITTEN.iter().find_map(|(sign, compare)| Some((*compare, text.strip_prefix(sign)?)));
    found.unwrap_or((Compare::Is, text))
}

fn pushed(text: &str) -> Result<Term, String> {
    let (compare, date) = compare(text.trim());
    let days = days(date.trim());
    let wrong = "a date is 2026, 2026-03 or 2026-03-31, with >, >=, < or <= before it: pushed:>2026-01-01".to_owned();
    days.map(|days| Term::Pushed(compare, days)).ok_or(wrong)
}

fn days(text: &str) -> Option<Days> {
    let number = |text: &str, digits: usize| {
        let is_number = text.len() == digits && text.bytes().all(|one| one.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok()).flatten()
    };
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4).filter(|year| (1970..=9000).contains(year))?;
    let month = match parts.next() {
        Some(month) => Some(number(month, 2).filter(|month| (1..=12).contains(month))? as u8),
        None => None,
    };
    let longest = |month: u8| match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29u16,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let day = match (parts.next(), month) {
        (Some(day), Some(month)) => Some(number(day, 2).filter(|day| (1..=longest(month)).contains(day))? as u8),
        (Some(_), None) => return None,
        (None, _) => None,
    };
    parts.next().is_none().then_some(Days { year, month, day })
}

/// Types of package URLs that are in use, by which the first part of a name is known to be one.
const ECOSYSTEMS: [&str; 26] = [
    "alpm",
    "apk",
    "bitnami",
    "cargo",
    "cocoapods",
    "composer",
    "conan",
    "conda",
    "cran",
    "deb",
    "docker",
    "gem",
    "generic",
    "github",
    "golang",
    "hackage",
    "hex",
    "julia",
    "maven",
    "npm",
    "nuget",
    "oci",
    "pub",
    "pypi",
    "rpm",
    "swift",
];

fn package(text: &str) -> Result<Term, String> {
    let text = text.trim();
    // In a package URL an @ stands before the version; what begins with one is a scope of npm.
    let is_sign = |(at, one): (usize, char)| {
        matches!(one, '<' | '>' | '=') || (one == '@' && at > 0 && !text[..at].ends_with('/'))
    };
    let end = text.char_indices().find(|sign| is_sign(*sign)).map_or(text.len(), |(at, _)| at);
    let (name, rest) = text.split_at(end);
    let version = match rest.strip_prefix('@') {
        Some(version) => Some((Compare::Is, version.split(['?', '#']).next().unwrap_or_default())),
        None => (!rest.is_empty()).then(|| compare(rest)),
    };
    let version = version.map(|(compare, version)| (compare, version.trim()));
    if version.is_some_and(|(_, version)| version.is_empty() || version.starts_with(['<', '>', '=']))
        || name.trim().is_empty()
    {
        return Err("write a package with its version: pkg:log4j-core<2.17, pkg:npm/lodash=4.17.20".to_owned());
    }
    let name = name.trim().to_lowercase().replace("/%40", "/@");
    let name = name.strip_prefix("%40").map(|rest| format!("@{rest}")).unwrap_or(name);
    let (ecosystem, name) = match name.split_once('/') {
        Some((first, rest)) if ECOSYSTEMS.contains(&first) && !rest.is_empty() => {
            (Some(first.to_owned()), rest.to_owned())
        }
        _ => (None, name),
    };
    let version = version.map(|(compare, version)| (compare, version.to_owned()));
    Ok(Term::Package(Package { ecosystem, name: glob(&name)?, version }))
}

fn file(text: &str) -> Result<Term, String> {
    let text = text.trim();
    let (head, star) = text.split_once('*').map_or((text, None), |(head, rest)| (head, Some(rest)));
    if star.is_some_and(|rest| !rest.is_empty()) || (star.is_some() && !head.contains('/')) {
        let right = "file:/usr/bin/curl is a path, file:curl a name, file:/usr/bin/* whatever begins so";
        return Err(format!("a star stands only at the end of a path: {right}"));
    }
    let path = head.strip_prefix("./").unwrap_or(head).trim_start_matches('/');
    let pattern = match (star, head.contains('/')) {
        (Some(_), _) => FilePattern::Below(path.to_owned()),
        (None, true) => FilePattern::Path(path.trim_matches(|one: char| one == '/' || one.is_whitespace()).to_owned()),
        (None, false) => FilePattern::Name(path.to_owned()),
    };
    if matches!(&pattern, FilePattern::Path(path) | FilePattern::Name(path) if path.is_empty()) {
        return Err("write the path of a file: file:/usr/bin/curl".to_owned());
    }
    Ok(Term::File(pattern))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn queries_are_understood_and_print_as_that() {
        let check = |text: &str, expect: &str| {
            let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(query.to_string(), expect, "{text}");
            let again = Query::parse(expect).expect("what is printed is a query");
            let terms = |query: &Query| -> Vec<(bool, Term)> {
                query.clauses.iter().map(|clause| (clause.is_not, clause.term.clone())).collect()
            };
            assert_eq!(terms(&again), terms(&query), "{text}");
        };
        check("", "");
        check("  \t ", "");
        check("Nginx", "nginx");
        check("nginx  -alpine", "nginx -alpine");
        check("\"Hello World\"", "\"hello world\"");
        check(r#""say \"hi\" \\ ""#, r#""say \"hi\" \\""#);
        check("- x", "x");
        check("kind:Helm type:image", "kind:helm kind:image");
        check("-license:GPL*", "-license:gpl*");
        check("repo:acme/* repository:acme/app name:x", "repo:acme/* repo:acme/app repo:x");
        check("label:team=a label:\"note=a b\" label:team", "label:team=a label:\"note=a b\" label:team");
        check("annotation:\"a b\"=c", "annotation:\"a b=c\"");
        check("signed:No signed:true", "signed:no signed:yes");
        check("pushed:>2026-01-01 pushed:2026 pushed:<=2026-02", "pushed:>2026-01-01 pushed:2026 pushed:<=2026-02");
        check("pkg:log4j-core<2.17", "pkg:log4j-core<2.17");
        check("pkg:npm/%40angular/core@1.0?x=y", "pkg:npm/@angular/core=1.0");
        check("pkg:@angular/core>=17", "pkg:@angular/core>=17");
        check("pkg:maven/org.apache/log4j==1", "pkg:maven/org.apache/log4j=1");
        check("pkg:openssl", "pkg:openssl");
        check(
            "file:/usr/bin/curl file:curl file:/usr/bin/* file:usr/lib",
            "file:/usr/bin/curl file:curl file:/usr/bin/* file:/usr/lib",
        );
        check("digest:SHA256:0F8E sha256:0f8e4bb1", "digest:sha256:0f8e digest:0f8e4bb1");
        check("acme/app:1.0", "acme/app tag:1.0");
        check("acme/app@sha256:0f8e4bb1", "acme/app digest:sha256:0f8e4bb1");
        check("localhost:5000/Acme/app:1.0@sha256:0f8e4bb1", "acme/app tag:1.0 digest:sha256:0f8e4bb1");
        check("registry.example.com/acme/app:v1", "acme/app tag:v1");
        check("\"kind:helm\"", "\"kind:helm\"");
        check("tagged:all", "tagged:any");
        check("!!! nginx", "nginx");
    }

    #[test]
    fn mistakes_are_told_with_where_and_what_would_be_right() {
        let check = |text: &str, at: Range<usize>, right: &str| {
            let error = Query::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{text}: {error}");
            assert!(error.message.contains(right), "{text}: {error}");
        };
        check("nginx knd:image", 6..15, "kind:image");
        check("licence:", 0..8, "license:MIT");
        check("foo:bar", 0..7, "\"foo:bar\", in quotes");
        check("x \"open", 2..7, "closed");
        check("signed:maybe", 0..12, "yes or no");
        check("pushed:>soon", 0..12, "2026-03-31");
        for date in ["2026-13", "2026-02-29", "1969", "20260101", "2026-1-1", "2026-01-01-01", ">", ""] {
            assert!(Query::parse(&format!("pushed:{date}")).is_err(), "{date}");
        }
        check("digest:xyz", 0..10, "hexadecimal");
        check("pkg:<2", 0..6, "log4j");
        check("pkg:a<", 0..6, "log4j");
        check("file:*.jar", 0..10, "at the end");
        check("file:/usr/*/x", 0..13, "at the end");
        check("ü kind:\u{7}", 2..8, "control");
        assert!(Query::parse(&"x".repeat(QUERY_BYTES_MAX + 1)).is_err());
        assert!(Query::parse(&"x ".repeat(QUERY_CLAUSES_MAX + 1)).is_err());
        assert!(Query::parse(&"x ".repeat(QUERY_CLAUSES_MAX)).is_ok());
    }

    #[test]
    fn days_are_from_midnight_to_midnight() {
        let check = |text: &str, expect: Range<i64>| assert_eq!(days(text).expect(text).millis(), expect, "{text}");
        check("1970-01-01", 0..86_400_000);
        check("2026-11-21", 1_795_219_200_000..1_795_305_600_000);
        check("2024-02", 1_706_745_600_000..1_709_251_200_000);
        check("2025-12", 1_764_547_200_000..1_767_225_600_000);
        check("2026", 1_767_225_600_000..1_798_761_600_000);
    }
}
