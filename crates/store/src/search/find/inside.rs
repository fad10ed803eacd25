//! What is found by what is inside: files and packages, of which it is looked up in which sources they are, and then in which artifacts
//! those.

use std::collections::{BTreeSet, HashMap};

use wharf_model::search::{FilePattern, Package, Term, version};

use super::{Finder, SearchError, after, beyond};
use crate::search::inside::{HELD_BY, NAMES, cut, number, split};
use crate::search::packed;
use crate::search::sets::Scored;
use crate::search::{Inside, PACKAGES_TOLD_MAX};
use crate::sql::Sql;

/// Of how many sources that are not known yet it is looked up whether who asks may read something of them, and how many at once.
const LACKING_MAX: i64 = 1_000;
const LACKING_STEP: usize = 64;
const BY_PATH: &str = "SELECT {number source} FROM holds WHERE path {any $1}";

impl<S: Sql> Finder<'_, S> {
    pub(super) fn asks_inside(&self) -> bool {
        let is_inside = |term: &Term| matches!(term, Term::Package(_) | Term::File(_));
        self.asked.query.clauses.iter().any(|clause| is_inside(&clause.term))
    }

    /// Whether of every source of what may be read it is known what is in it, as far as it can be; where very many are not known, whoever's
    /// they are, it is not.
    pub(super) async fn knows_inside(&mut self) -> Result<bool, SearchError> {
        let find = "SELECT {number s.id} FROM (SELECT id FROM source WHERE state = 0 ORDER BY id LIMIT $1) AS s";
        let mut lacking = self.sql.numbers(find, &[LACKING_MAX.into()]).await?;
        lacking.sort_unstable();
        if lacking.len() as i64 == LACKING_MAX {
            return Ok(false);
        }
        for some in lacking.chunks(LACKING_STEP) {
            let held = packed::keys_of_sources(self.sql, some).await?;
            let held = self.scored(held, 0);
            if self.is_any_readable(&held).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) async fn files(&mut self, pattern: &FilePattern) -> Result<Scored, SearchError> {
        let paths = match pattern {
            FilePattern::Name(name) => self.paths(NAMES, &[name]).await?,
            FilePattern::Path(path) => {
                let (folder, name) = split(path);
                match self.folder(folder).await? {
                    Some(folder) => self.paths(folder, &[name, &format!("{name}/")]).await?,
                    None => Vec::new(),
                }
            }
            FilePattern::Below(prefix) => {
                let (folder, rest) = prefix.split_at(prefix.rfind('/').map_or(0, |at| at + 1));
                match self.folder(folder).await? {
                    Some(folder) if folder != 0 && rest.is_empty() => vec![folder],
                    Some(folder) => {
                        let find = "SELECT {number id} FROM path WHERE folder = $1 AND name >= $2 AND name < $3";
                        let beyond = beyond(rest);
                        let parameters = [folder.into(), rest.into(), beyond.as_str().into()];
                        self.sql.numbers(find, &parameters).await?
                    }
                    None => Vec::new(),
                }
            }
        };
        self.in_sources(BY_PATH, &paths).await
    }

    /// What is there of these names in a folder.
    async fn paths(&mut self, folder: i64, names: &[&str]) -> Result<Vec<i64>, SearchError> {
        let names: Vec<String> = names.iter().map(|name| cut(name)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let find = "SELECT {number id} FROM path WHERE folder = $1 AND name {any_text $2}";
        Ok(self.sql.numbers(find, &[folder.into(), (&names).into()]).await?)
    }

    /// A folder by its path, which is empty or ends with a slash.
    async fn folder(&mut self, path: &str) -> Result<Option<i64>, SearchError> {
        let mut folder = 0;
        for name in path.split_inclusive('/') {
            match self.paths(folder, &[name]).await?.first() {
                Some(inner) => folder = *inner,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    pub(super) async fn package(&mut self, package: &Package, must: bool) -> Result<Scored, SearchError> {
        let prefix = package.name.prefix();
        let most = after(prefix, !package.name.is_literal());
        let mut found = Vec::new();
        for find in [
            "SELECT id, name, ecosystem, version FROM package WHERE name >= $1 AND name < $2",
            "SELECT id, name, ecosystem, version FROM package WHERE last >= $1 AND last < $2",
        ] {
            for mut row in self.sql.query(find, &[prefix.into(), most.as_str().into()]).await? {
                let (id, name, ecosystem, version) = (row.int(0)?, row.text(1)?, row.text(2)?, row.text(3)?);
                if is_meant(package, &name, &ecosystem, &version) {
                    found.push(id);
                    if must {
                        self.packages.insert(id, format!("{name} {version}"));
                    }
                }
            }
        }
        self.in_sources("SELECT {number source} FROM packed WHERE package {any $1}", &found).await
    }

    /// Packages of those that were looked for that are in these artifacts.
    pub(super) async fn packages_of(&mut self, keys: &[i64]) -> Result<HashMap<i64, Vec<String>>, SearchError> {
        if self.packages.is_empty() {
            return Ok(HashMap::new());
        }
        let held = packed::lists(self.sql, HELD_BY, &[keys.into()]).await?;
        let sources: BTreeSet<i64> = held.iter().flat_map(|(_, sources)| sources).copied().collect();
        let sources: Vec<i64> = sources.into_iter().collect();
        let find = "SELECT l.source, l.numbers FROM source s CROSS JOIN listed l
            WHERE s.id {any $1} AND s.inside = $2 AND l.source = s.id";
        let mut meant: HashMap<i64, Vec<&String>> = HashMap::new();
        for (source, here) in
            packed::lists(self.sql, find, &[(&sources).into(), number(Inside::Packages).into()]).await?
        {
            meant.entry(source).or_default().extend(here.iter().filter_map(|package| self.packages.get(package)));
        }
        let first = |sources: Vec<i64>| {
            let all: BTreeSet<&&String> = sources.iter().filter_map(|source| meant.get(source)).flatten().collect();
            all.into_iter().take(PACKAGES_TOLD_MAX).map(|one| one.trim_end().to_owned()).collect()
        };
        Ok(held.into_iter().map(|(key, sources)| (key, first(sources))).collect())
    }

    /// The artifacts in which any of the sources is that a statement finds for these paths or packages.
    async fn in_sources(&mut self, find: &'static str, numbers: &[i64]) -> Result<Scored, SearchError> {
        let mut sources = self.sql.numbers(find, &[numbers.into()]).await?;
        sources.sort_unstable();
        sources.dedup();
        let held = packed::keys_of_sources(self.sql, &sources).await?;
        Ok(self.scored(held, 0))
    }
}

/// Whether it is a package that was asked for.
fn is_meant(package: &Package, name: &str, ecosystem: &str, of: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let is_named = package.name.matches(name) || package.name.matches(last);
    let is_from = package.ecosystem.as_deref().is_none_or(|wanted| wanted == ecosystem);
    let is_of = package.version.as_ref().is_none_or(|(compare, wanted)| {
        // What tells no version is of none that can be asked for.
        !of.is_empty() && compare.holds(version::compare(ecosystem, of, wanted))
    });
    is_named && is_from && is_of
}
