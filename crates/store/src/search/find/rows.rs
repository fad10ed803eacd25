//! The rows that are told: grouped, cut to a page, and read only then.

use std::collections::HashMap;

use wharf_model::tag_order;

use super::{Finder, Hit};
use crate::search::{Each, Found, Place, Row, SearchError, pairs};
use crate::sql::Sql;

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
pub(super) async fn rows<S: Sql>(finder: &mut Finder<'_, S>, hits: &[Hit]) -> Result<Found, SearchError> {
    let asked = finder.asked;
    let groups = by_repository(hits);
    let mut found = Found { repositories: groups.len() as u64, ..Found::default() };
    let groups = match asked.each {
        Each::Repository => groups,
        Each::Artifact => hits.iter().map(|hit| Group { place: hit.place, count: 1, alike: vec![hit] }).collect(),
    };
    let mut groups = groups.into_iter().filter(|group| asked.after.is_none_or(|after| group.place < after));
    let page: Vec<Group<'_>> = groups.by_ref().take(asked.limit).collect();
    found.next = page.last().map(|group| group.place).filter(|_| groups.next().is_some());
    let best = finder.latest(&page).await?;
    found.rows = finder.rows(&best).await?;
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

impl<S: Sql> Finder<'_, S> {
    /// Of each the one with the latest version, by its tags; else that which came last. With how many there are.
    async fn latest<'h>(&mut self, groups: &[Group<'h>]) -> Result<Vec<(&'h Hit, u64)>, SearchError> {
        let several = groups.iter().filter(|group| group.alike.len() > 1);
        let keys: Vec<i64> = several.flat_map(|group| &group.alike).map(|hit| hit.place.key as i64).collect();
        let tags = pairs(self.sql, "SELECT key, tags FROM shown WHERE key {any $1}", &[(&keys).into()]).await?;
        let tags: HashMap<i64, String> = tags.into_iter().collect();
        let tag = |hit: &Hit| {
            let tags = tags.get(&(hit.place.key as i64));
            tags.and_then(|tags| tags.split(' ').next()).unwrap_or_default()
        };
        let latest = |group: &Group<'h>| {
            let naming = |hit: &&&Hit| tag_order::naming(tag(hit));
            let best = group.alike.iter().reduce(|best, hit| if naming(&hit) < naming(&best) { hit } else { best });
            best.map(|best| (*best, group.count))
        };
        Ok(groups.iter().filter_map(latest).collect())
    }

    async fn rows(&mut self, hits: &[(&Hit, u64)]) -> Result<Vec<Row>, SearchError> {
        let keys: Vec<i64> = hits.iter().map(|(hit, _)| hit.place.key as i64).collect();
        self.look_up_values(hits.iter().map(|(hit, _)| hit.kind)).await?;
        self.look_up_homes(hits.iter().map(|(hit, _)| hit.repository).collect()).await?;
        let mut packages = self.packages_of(&keys).await?;
        let find = "SELECT s.key, s.algorithm, s.hash, s.subject_algorithm, s.subject_hash, s.title, s.summary, s.description, s.version,
            s.size, s.tags, s.tags_total, s.maintainers, s.keywords, s.licenses, s.platforms, d.pushed_at
            FROM doc d CROSS JOIN shown s WHERE d.key {any $1} AND s.key = d.key";
        let mut found = HashMap::new();
        for mut row in self.sql.query(find, &[(&keys).into()]).await? {
            found.insert(row.int(0)?, row);
        }
        let mut rows = Vec::with_capacity(hits.len());
        for (hit, matches) in hits {
            let key = hit.place.key as i64;
            let (Some(mut row), Some(home)) = (found.remove(&key), self.home(hit.repository)) else { continue };
            let Ok(digest) = format!("{}:{}", row.text(1)?, row.text(2)?).parse() else { continue };
            let subject = row.maybe_text(3)?.zip(row.maybe_text(4)?);
            rows.push(Row {
                repository: home.name.clone(),
                public: home.public,
                matches: *matches,
                signed: hit.signed,
                digest,
                subject: subject.and_then(|(algorithm, hash)| format!("{algorithm}:{hash}").parse().ok()),
                kind: self.value(hit.kind).to_owned(),
                title: row.text(5)?,
                summary: row.text(6)?,
                description: row.text(7)?,
                version: row.text(8)?,
                size: row.maybe_unsigned(9)?,
                tags: row.text(10)?.split(' ').filter_map(|tag| tag.parse().ok()).collect(),
                tags_total: row.unsigned(11)?,
                maintainers: lines(&row.text(12)?),
                keywords: lines(&row.text(13)?),
                licenses: lines(&row.text(14)?),
                platforms: lines(&row.text(15)?),
                pushed_at: row.int(16)?,
                packages: packages.remove(&key).unwrap_or_default(),
            });
        }
        Ok(rows)
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
