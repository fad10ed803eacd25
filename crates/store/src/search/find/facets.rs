//! What those that are found are like: counted over all of them that are counted at all.

use std::cmp::Reverse;
use std::collections::HashMap;

use wharf_model::limits::SEARCH_FACET_VALUES_MAX;

use super::{Finder, Hit};
use crate::search::{SearchError, pairs};
use crate::sql::Sql;

pub(super) type Facets = Vec<(&'static str, Vec<(String, u64)>)>;

pub(super) async fn facets<S: Sql>(finder: &mut Finder<'_, S>, hits: &[Hit]) -> Result<Facets, SearchError> {
    let mut projects: HashMap<String, u64> = HashMap::new();
    for (project, count) in counted(hits, |hit| hit.project) {
        if let Some(Some(project)) = finder.projects.get(&project) {
            projects.insert(project.name.clone(), count);
        }
    }
    let signed = counted(hits, |hit| i64::from(hit.signed));
    let signed = signed.into_iter().map(|(signed, count)| (if signed == 1 { "yes" } else { "no" }.to_owned(), count));
    let fields = [|hit: &Hit| hit.kind, |hit: &Hit| hit.licenses, |hit: &Hit| hit.platforms];
    let [kinds, licenses, platforms] = fields.map(|of| counted(hits, of));
    finder.look_up_values([&kinds, &licenses, &platforms].into_iter().flat_map(HashMap::keys).copied()).await?;
    Ok(vec![
        ("kind", first(texts(finder, kinds))),
        ("project", first(projects)),
        ("license", first(texts(finder, licenses))),
        ("platform", first(texts(finder, platforms))),
        ("signed", first(signed.collect())),
    ])
}

fn counted(hits: &[Hit], of: impl Fn(&Hit) -> i64) -> HashMap<i64, u64> {
    let mut counts = HashMap::new();
    hits.iter().for_each(|hit| *counts.entry(of(hit)).or_default() += 1);
    counts
}

/// The lines of these texts, with how many have each.
fn texts<S: Sql>(finder: &Finder<'_, S>, counts: HashMap<i64, u64>) -> HashMap<String, u64> {
    let mut lines: HashMap<String, u64> = HashMap::new();
    for (value, count) in counts {
        for line in finder.value(value).lines().filter(|line| !line.is_empty()) {
            *lines.entry(line.to_owned()).or_default() += count;
        }
    }
    lines
}

fn first(counts: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|one, other| (Reverse(one.1), &one.0).cmp(&(Reverse(other.1), &other.0)));
    counts.truncate(SEARCH_FACET_VALUES_MAX);
    counts
}

impl<S: Sql> Finder<'_, S> {
    /// Looks up texts by their numbers.
    pub(super) async fn look_up_values(&mut self, values: impl Iterator<Item = i64>) -> Result<(), SearchError> {
        let mut new: Vec<i64> = values.filter(|value| !self.values.contains_key(value)).collect();
        new.sort_unstable();
        new.dedup();
        let found = pairs(self.sql, "SELECT id, text FROM value WHERE id {any $1}", &[(&new).into()]).await?;
        self.values.extend(found);
        Ok(())
    }

    /// A text that was looked up.
    pub(super) fn value(&self, value: i64) -> &str {
        self.values.get(&value).map_or("", String::as_str)
    }
}
