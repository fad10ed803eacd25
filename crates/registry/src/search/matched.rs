//! Where in what is told of something the words stand that were looked for.

use wharf_model::api::facts::Line;
use wharf_model::api::search::Matched;
use wharf_model::search::{Query, Term};
use wharf_store::search::Row;

/// How much of a long text is told around what matched, in characters to either side.
const AROUND: usize = 60;
/// Most places of one text that are told.
const RANGES_MAX: usize = 32;

/// Why a row is found: one for each text in which a word of the query stands.
pub(super) fn matched(query: &Query, corrected: &[(String, Vec<String>)], row: &Row) -> Vec<Matched> {
    let mut all: Vec<Matched> = Vec::new();
    for word in query.words() {
        let instead = corrected.iter().find(|(from, _)| from == word).map(|(_, to)| to);
        let found = match instead {
            Some(words) => words.iter().find_map(|word| found(word, row)),
            None => found(word, row),
        };
        let one =
            found.unwrap_or_else(|| Matched { field: "text".to_owned(), text: Line::new(""), ranges: Vec::new() });
        match all.iter_mut().find(|other| other.field == one.field && other.text == one.text) {
            Some(other) => merge(&mut other.ranges, one.ranges),
            None => all.push(one),
        }
    }
    all.extend(row.packages.iter().map(|package| whole("package", package)));
    let files = query.clauses.iter().filter(|clause| !clause.is_not && matches!(clause.term, Term::File(_)));
    all.extend(files.map(|clause| whole("file", &clause.term.value())));
    all
}

/// A text that matched as it is.
fn whole(field: &str, text: &str) -> Matched {
    let text = Line::new(text);
    let ranges = vec![(0, text.as_str().chars().count() as u32)];
    Matched { field: field.to_owned(), text, ranges }
}

/// The first text of the row in which it stands.
fn found(word: &str, row: &Row) -> Option<Matched> {
    // In names it may stand in the middle.
    let repository = places(row.repository.as_str(), word, false);
    if !repository.is_empty() {
        return Some(Matched {
            field: "repository".to_owned(),
            text: Line::new(row.repository.as_str()),
            ranges: repository,
        });
    }
    let single = [("title", &row.title), ("version", &row.version), ("summary", &row.summary)];
    let texts = single.into_iter().map(|(field, text)| (field, text.as_str()));
    let texts = texts.chain(row.tags.iter().map(|tag| ("tag", tag.as_str())));
    let texts = texts.chain(row.keywords.iter().map(|text| ("keyword", text.as_str())));
    let texts = texts.chain(row.maintainers.iter().map(|text| ("maintainer", text.as_str())));
    let mut texts = texts.chain([("description", row.description.as_str())]);
    texts.find_map(|(field, text)| {
        let ranges = places(text, word, true);
        (!ranges.is_empty()).then(|| told(field, text, ranges))
    })
}

/// Where it stands, in characters; at the beginning of words, where that is asked for.
fn places(text: &str, word: &str, at_beginning: bool) -> Vec<(u32, u32)> {
    let text: Vec<char> = text.chars().map(lower).collect();
    let word: Vec<char> = word.chars().map(lower).collect();
    let mut ranges = Vec::new();
    if word.is_empty() || word.len() > text.len() {
        return ranges;
    }
    let mut at = 0;
    while at + word.len() <= text.len() && ranges.len() < RANGES_MAX {
        let begins = !at_beginning || at == 0 || !text[at - 1].is_alphanumeric() || !word[0].is_alphanumeric();
        if begins && text[at..at + word.len()] == word[..] {
            ranges.push((at as u32, (at + word.len()) as u32));
            at += word.len();
        } else {
            at += 1;
        }
    }
    ranges
}

/// One letter for one, so that places stay what they are.
fn lower(one: char) -> char {
    let mut lower = one.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => one,
    }
}

/// The text, or what is around the first place in a long one.
fn told(field: &str, text: &str, ranges: Vec<(u32, u32)>) -> Matched {
    let characters: Vec<char> = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    let (first, last) = ranges.first().map_or((0, 0), |(from, to)| (*from as usize, *to as usize));
    let from = if last + AROUND <= 2 * AROUND { 0 } else { first.saturating_sub(AROUND) };
    let to = (last + AROUND).min(characters.len());
    let before = if from > 0 { "…" } else { "" };
    let after = if to < characters.len() { "…" } else { "" };
    let part: String = characters[from..to].iter().collect();
    let line = format!("{before}{part}{after}");
    // A line is without spaces around it, and without what turns text: where that moves a letter, no place is told.
    let text = Line::new(&line);
    let is_same = text.as_str() == line;
    let shift = |at: u32| at - from as u32 + u32::from(from > 0);
    let inside = ranges.into_iter().filter(|(one, other)| is_same && *one as usize >= from && *other as usize <= to);
    Matched { field: field.to_owned(), text, ranges: inside.map(|(one, other)| (shift(one), shift(other))).collect() }
}

/// Both, in their order, those that touch as one.
fn merge(ranges: &mut Vec<(u32, u32)>, more: Vec<(u32, u32)>) {
    ranges.extend(more);
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (from, to) in ranges.drain(..) {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = (*end).max(to),
            _ => merged.push((from, to)),
        }
    }
    *ranges = merged;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn row(repository: &str, title: &str, description: &str) -> Row {
        Row {
            repository: repository.parse().expect("a name"),
            public: true,
            matches: 1,
            signed: false,
            digest: wharf_model::digest::Digest::of(wharf_model::digest::Algorithm::Sha256, b""),
            subject: None,
            kind: String::new(),
            title: title.to_owned(),
            summary: String::new(),
            description: description.to_owned(),
            version: String::new(),
            size: None,
            pushed_at: 0,
            tags: Vec::new(),
            tags_total: 0,
            platforms: Vec::new(),
            licenses: Vec::new(),
            maintainers: Vec::new(),
            keywords: Vec::new(),
            packages: Vec::new(),
        }
    }

    #[test]
    fn places_are_told_in_characters() {
        let check = |query: &str, row: &Row, expect: &[&str]| {
            let matched =
                matched(&Query::parse(query).expect("a query"), &[("ngnix".to_owned(), vec!["nginx".to_owned()])], row);
            let marked = |one: &Matched| {
                let mut text: Vec<String> = one.text.as_str().chars().map(String::from).collect();
                for (from, to) in &one.ranges {
                    text[*from as usize].insert(0, '[');
                    text[*to as usize - 1].push(']');
                }
                format!("{} {}", one.field, text.concat())
            };
            assert_eq!(matched.iter().map(marked).collect::<Vec<_>>(), expect, "{query}");
        };
        let one = row("acme/nginx-web", "Über Web Webbing cobweb", "");
        check("nginx web", &one, &["repository acme/[nginx]-[web]"]);
        check("ngnix", &one, &["repository acme/[nginx]-web"]);
        check("über", &one, &["title [Über] Web Webbing cobweb"]);
        check("webb", &one, &["title Über Web [Webb]ing cobweb"]);
        check("other", &one, &["text "]);
        check("acme -nginx", &one, &["repository [acme]/nginx-web"]);
        let with = Row { packages: vec!["log4j-core 2.14".to_owned()], ..row("a/b", "", "") };
        check("pkg:log4j* file:/etc/*", &with, &["package [log4j-core 2.14]", "file [/etc/*]"]);
        let long = row("a/b", "", &format!("{} it\nstands here {}", "far ".repeat(50), "away ".repeat(50)));
        let found = matched(&Query::parse("stands").expect("a query"), &[], &long);
        let text: Vec<char> = found[0].text.as_str().chars().collect();
        let (from, to) = found[0].ranges[0];
        assert_eq!(text[from as usize..to as usize].iter().collect::<String>(), "stands");
        assert!(text.len() < 140 && text[0] == '…' && text[text.len() - 1] == '…', "{:?}", found[0].text);
        // Whatever is in it, nothing breaks.
        let hostile = row("a/b", "\u{202e}x stands \u{0}y", " stands ");
        assert_eq!(matched(&Query::parse("stands").expect("a query"), &[], &hostile).len(), 1);
    }
}
