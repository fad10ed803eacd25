//! The rows that are told: grouped, cut to a page, and read only then.

use std::collections::HashMap;

use rusqlite::params;
use wharf_model::digest::Digest;
use wharf_model::tag_order;

use super::{Finder, Hit};
use crate::search::{Each, Found, Place, Row, SearchError};

/// Among how many artifacts of a repository that fit equally well the one with the latest version is looked for.
const ALIKE_MAX: usize = 16;

/// A row that is not read yet.
struct Group<'h> {
    /// The place of the best in it.
    place: Place,
    count: u64,
    /// The latest of those that fit best.
    alike: Vec<&'h Hit>,
}

/// The page that was asked for, and how many repositories there are.
pub(super) fn rows(finder: &mut Finder<'_>, hits: &[Hit]) -> Result<Found, SearchError> {
    let asked = finder.asked;
    let groups = by_repository(hits);
    let mut found = Found { repositories: groups.len() as u64, ..Found::default() };
    let groups = match asked.each {
        Each::Repository => groups,
        Each::Artifact => hits.iter().map(|hit| Group { place: hit.place, count: 1, alike: vec![hit] }).collect(),
    };
    let mut groups = groups.into_iter().filter(|group| asked.after.is_none_or(|after| group.place < after));
    for group in groups.by_ref().take(asked.limit) {
        found.next = Some(group.place);
        let best = finder.latest(&group.alike)?;
        found.rows.extend(finder.row(best, group.count)?);
    }
    if groups.next().is_none() {
        found.next = None;
    }
    Ok(found)
}

/// In the order of their best.
fn by_repository(hits: &[Hit]) -> Vec<Group<'_>> {
    let mut at: HashMap<i64, usize> = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for hit in hits {
        let at = *at.entry(hit.repository).or_insert(groups.len());
        match groups.get_mut(at) {
            None => groups.push(Group { place: hit.place, count: 1, alike: vec![hit] }),
            Some(group) => {
                group.count += 1;
                if hit.place.score == group.place.score && group.alike.len() < ALIKE_MAX {
                    group.alike.push(hit);
                }
            }
        }
    }
    groups
}

impl Finder<'_> {
    /// The one with the latest version, by its tags; else that which came last.
    fn latest<'h>(&self, alike: &[&'h Hit]) -> Result<&'h Hit, SearchError> {
        let mut latest = (alike[0], String::new());
        if alike.len() == 1 {
            return Ok(latest.0);
        }
        for (at, hit) in alike.iter().enumerate() {
            let find = "SELECT tags FROM shown WHERE key = ?1";
            let tags =
                self.one(find, params![hit.place.key as i64], |row| row.get::<_, String>(0))?.unwrap_or_default();
            let tag = tags.split(' ').next().unwrap_or_default().to_owned();
            if at == 0 || tag_order::naming(&tag) < tag_order::naming(&latest.1) {
                latest = (hit, tag);
            }
        }
        Ok(latest.0)
    }

    fn row(&mut self, hit: &Hit, matches: u64) -> Result<Option<Row>, SearchError> {
        let Some(home) = self.home(hit.repository)?.cloned() else { return Ok(None) };
        let kind = self.value(hit.kind)?;
        let packages = self.packages_of(hit.place.key as i64)?;
        let find = "SELECT algorithm, hash, subject, title, summary, description, version, size, tags, tags_total, maintainers,
            keywords, (SELECT pushed_at FROM doc d WHERE d.key = shown.key), licenses, platforms FROM shown WHERE key = ?1";
        self.one(find, params![hit.place.key as i64], |row| {
            let digest = format!("{}:{}", row.get::<_, String>(0)?, row.get::<_, String>(1)?);
            let digest: Option<Digest> = digest.parse().ok();
            let subject: Option<String> = row.get(2)?;
            let size: Option<i64> = row.get(7)?;
            let tags: String = row.get(8)?;
            let tags_total: i64 = row.get(9)?;
            Ok(digest.map(|digest| {
                Ok::<_, rusqlite::Error>(Row {
                    repository: home.name,
                    public: home.public,
                    matches,
                    signed: hit.signed,
                    digest,
                    subject: subject.and_then(|subject| subject.parse().ok()),
                    kind,
                    title: row.get(3)?,
                    summary: row.get(4)?,
                    description: row.get(5)?,
                    version: row.get(6)?,
                    size: size.map(|size| size as u64),
                    pushed_at: row.get(12)?,
                    tags: tags.split(' ').filter_map(|tag| tag.parse().ok()).collect(),
                    tags_total: tags_total as u64,
                    platforms: lines(&row.get::<_, String>(14)?),
                    licenses: lines(&row.get::<_, String>(13)?),
                    maintainers: lines(&row.get::<_, String>(10)?),
                    keywords: lines(&row.get::<_, String>(11)?),
                    packages,
                })
            }))
        })?
        .flatten()
        .transpose()
        .map_err(super::failed)
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
