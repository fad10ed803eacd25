//! What those that are found are like: counted over all of them that are counted at all.

use std::cmp::Reverse;
use std::collections::HashMap;

use rusqlite::params;
use wharf_model::limits::SEARCH_FACET_VALUES_MAX;

use super::{Finder, Hit};
use crate::search::SearchError;

pub(super) type Facets = Vec<(&'static str, Vec<(String, u64)>)>;

pub(super) fn facets(finder: &mut Finder<'_>, hits: &[Hit]) -> Result<Facets, SearchError> {
    let mut projects: HashMap<String, u64> = HashMap::new();
    for (repository, count) in counted(hits, |hit| hit.repository) {
        if let Some(home) = finder.home(repository)? {
            *projects.entry(home.name.project_str().to_owned()).or_default() += count;
        }
    }
    let signed = counted(hits, |hit| i64::from(hit.signed));
    let signed = signed.into_iter().map(|(signed, count)| (if signed == 1 { "yes" } else { "no" }.to_owned(), count));
    Ok(vec![
        ("kind", first(texts(finder, counted(hits, |hit| hit.kind))?)),
        ("project", first(projects)),
        ("license", first(texts(finder, counted(hits, |hit| hit.licenses))?)),
        ("platform", first(texts(finder, counted(hits, |hit| hit.platforms))?)),
        ("signed", first(signed.collect())),
    ])
}

fn counted(hits: &[Hit], of: impl Fn(&Hit) -> i64) -> HashMap<i64, u64> {
    let mut counts = HashMap::new();
    hits.iter().for_each(|hit| *counts.entry(of(hit)).or_default() += 1);
    counts
}

/// The lines of these texts, with how many have each.
fn texts(finder: &Finder<'_>, counts: HashMap<i64, u64>) -> Result<HashMap<String, u64>, SearchError> {
    let mut lines: HashMap<String, u64> = HashMap::new();
    for (value, count) in counts {
        for line in finder.value(value)?.lines().filter(|line| !line.is_empty()) {
            *lines.entry(line.to_owned()).or_default() += count;
        }
    }
    Ok(lines)
}

fn first(counts: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|one, other| (Reverse(one.1), &one.0).cmp(&(Reverse(other.1), &other.0)));
    counts.truncate(SEARCH_FACET_VALUES_MAX);
    counts
}

impl Finder<'_> {
    /// A text by its number.
    pub(super) fn value(&self, value: i64) -> Result<String, SearchError> {
        let found = self.one("SELECT text FROM value WHERE id = ?1", params![value], |row| row.get(0))?;
        Ok(found.unwrap_or_default())
    }
}
