//! What is found by what is inside: files and packages, of which it is looked up in which sources they are, and then in which artifacts
//! those.

use std::collections::{BTreeSet, HashSet};

use rusqlite::params;
use wharf_model::search::{FilePattern, Package, Term, version};

use super::super::inside::{NAMES, number, split, unpacked};
use super::{BEYOND, Finder, SearchError, failed};
use crate::search::sets::{self, Scored};
use crate::search::{Inside, PACKAGES_TOLD_MAX};

impl Finder<'_> {
    pub(super) fn asks_inside(&self) -> bool {
        let is_inside = |term: &Term| matches!(term, Term::Package(_) | Term::File(_));
        self.asked.query.clauses.iter().any(|clause| is_inside(&clause.term))
    }

    /// Whether of every source it is known what is in it, as far as it can be.
    pub(super) fn knows_inside(&self) -> Result<bool, SearchError> {
        Ok(self.one("SELECT 1 FROM source WHERE state = 0 LIMIT 1", &[], |_| Ok(()))?.is_none())
    }

    pub(super) fn files(&self, pattern: &FilePattern) -> Result<Scored, SearchError> {
        let by_path = "SELECT source FROM holds WHERE path = ?1";
        let mut sources = HashSet::new();
        match pattern {
            FilePattern::Name(name) => {
                if let Some(path) = self.path(NAMES, name)? {
                    self.sources(&mut sources, by_path, path)?;
                }
            }
            FilePattern::Path(path) => {
                let (folder, name) = split(path);
                if let Some(folder) = self.folder(folder)? {
                    for name in [name.to_owned(), format!("{name}/")] {
                        if let Some(path) = self.path(folder, &name)? {
                            self.sources(&mut sources, by_path, path)?;
                        }
                    }
                }
            }
            FilePattern::Below(prefix) if prefix.is_empty() => {
                let find =
                    "SELECT DISTINCT h.source FROM path p CROSS JOIN holds h WHERE p.folder = ?1 AND h.path = p.id";
                self.sources(&mut sources, find, 0)?;
            }
            FilePattern::Below(prefix) => {
                let end = prefix.rfind('/').map_or(0, |at| at + 1);
                let (folder, rest) = prefix.split_at(end);
                let Some(folder) = self.folder(folder)? else { return Ok(Scored::new()) };
                if rest.is_empty() {
                    self.sources(&mut sources, by_path, folder)?;
                } else {
                    let find = "SELECT id FROM path WHERE folder = ?1 AND name >= ?2 AND name < ?3";
                    for path in self.numbers(find, params![folder, rest, format!("{rest}{BEYOND}")])? {
                        self.sources(&mut sources, by_path, path)?;
                    }
                }
            }
        }
        self.in_sources(sources)
    }

    fn path(&self, folder: i64, name: &str) -> Result<Option<i64>, SearchError> {
        self.one("SELECT id FROM path WHERE folder = ?1 AND name = ?2", params![folder, name], |row| row.get(0))
    }

    /// A folder by its path, which is empty or ends with a slash.
    fn folder(&self, path: &str) -> Result<Option<i64>, SearchError> {
        let mut folder = 0;
        for name in path.split_inclusive('/') {
            match self.path(folder, name)? {
                Some(inner) => folder = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    pub(super) fn package(&mut self, package: &Package, must: bool) -> Result<Scored, SearchError> {
        let prefix = package.name.prefix();
        let most = if package.name.is_literal() { format!("{prefix}\0") } else { format!("{prefix}{BEYOND}") };
        let mut found = Vec::new();
        for find in [
            "SELECT id, name, ecosystem, version FROM package WHERE name >= ?1 AND name < ?2",
            "SELECT id, name, ecosystem, version FROM package WHERE last >= ?1 AND last < ?2",
        ] {
            let mut statement = self.connection.prepare_cached(find).map_err(failed)?;
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            let rows = statement.query_map(params![prefix, most], read).map_err(failed)?;
            for row in rows {
                let (id, name, ecosystem, version): (i64, String, String, String) = row.map_err(failed)?;
                if is_meant(package, &name, &ecosystem, &version) {
                    found.push((id, format!("{name} {version}")));
                }
            }
        }
        let mut sources = HashSet::new();
        for (id, text) in found {
            self.sources(&mut sources, "SELECT source FROM packed WHERE package = ?1", id)?;
            if must {
                self.packages.insert(id, text);
            }
        }
        self.in_sources(sources)
    }

    /// Packages of those that were looked for that are in an artifact.
    pub(super) fn packages_of(&self, key: i64) -> Result<Vec<String>, SearchError> {
        let mut told = BTreeSet::new();
        if self.packages.is_empty() {
            return Ok(Vec::new());
        }
        let find = "SELECT l.numbers FROM held p CROSS JOIN source s CROSS JOIN listed l
            WHERE p.key = ?1 AND s.id = p.source AND s.inside = ?2 AND l.source = s.id";
        let mut statement = self.connection.prepare_cached(find).map_err(failed)?;
        let mut rows = statement.query(params![key, number(Inside::Packages)]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let numbers: Vec<u8> = row.get(0).map_err(failed)?;
            told.extend(unpacked(&numbers).iter().filter_map(|package| self.packages.get(package)));
        }
        Ok(told.into_iter().take(PACKAGES_TOLD_MAX).map(|text| text.trim_end().to_owned()).collect())
    }

    fn sources(&self, sources: &mut HashSet<i64>, find: &'static str, number: i64) -> Result<(), SearchError> {
        let mut statement = self.connection.prepare_cached(find).map_err(failed)?;
        let mut rows = statement.query(params![number]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            sources.insert(row.get(0).map_err(failed)?);
        }
        Ok(())
    }

    /// The artifacts in which these are.
    fn in_sources(&self, sources: HashSet<i64>) -> Result<Scored, SearchError> {
        let mut sources: Vec<i64> = sources.into_iter().collect();
        sources.sort_unstable();
        let mut statement = self.connection.prepare_cached("SELECT key FROM held WHERE source = ?1").map_err(failed)?;
        let mut keys = Vec::new();
        for source in sources {
            let mut rows = statement.query(params![source]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let key = row.get::<_, i64>(0).map_err(failed)? as u64;
                if self.ranks.has(key) {
                    keys.push(key);
                }
            }
        }
        Ok(sets::all(keys, 0))
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
