//! What is inside of artifacts: files of layers and packages of bills of materials, kept once for each layer and bill, whatever names it.
//!
//! Which artifacts a source is in follows from which name it, list such or have such attached to them, in the same repository; it is
//! worked out anew for all that are concerned when one of them comes or goes.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, params};
use wharf_model::digest::Digest;

use super::super::{CHILDREN_MAX, Contents, Document, Inside, Package, SOURCES_MAX, SearchError};
use super::failed;
use super::put::{Put, halves};

/// What is in a source: not known; known; cannot be told yet.
const LACKING: i64 = 0;
const KNOWN: i64 = 1;
const UNKNOWN: i64 = 2;
/// The folder of all names of files.
pub(super) const NAMES: i64 = -1;
/// How far indexes in indexes, and what is attached to what is attached, are followed.
const DEPTH_MAX: usize = 4;
/// How many artifacts are concerned by one, at most: an index of so many, or so many attached to one.
const CONCERNED_MAX: usize = 2_000;

/// How it is written.
pub(super) fn number(inside: Inside) -> i64 {
    match inside {
        Inside::Files => 1,
        Inside::Packages => 2,
    }
}

pub(super) fn lacking(connection: &Connection, limit: usize) -> Result<Vec<(Digest, Inside)>, SearchError> {
    let find = "SELECT digest, inside FROM source WHERE state = 0 ORDER BY id LIMIT ?1";
    let mut statement = connection.prepare_cached(find).map_err(failed)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    let rows = statement.query_map(params![limit as i64], read).map_err(failed)?;
    let mut lacking = Vec::new();
    for row in rows {
        let (digest, inside) = row.map_err(failed)?;
        let digest = digest.parse().map_err(|_| SearchError::Corrupt(format!("{digest} is no digest")))?;
        lacking.push((digest, if inside == number(Inside::Files) { Inside::Files } else { Inside::Packages }));
    }
    Ok(lacking)
}

impl Put<'_> {
    /// Notes what an artifact names and lists.
    pub(super) fn inside(&self, document: &Document, key: i64, repository: i64) -> Result<(), SearchError> {
        for source in document.sources.iter().take(SOURCES_MAX) {
            let id = self.ensure_source(&source.digest, source.inside)?;
            self.run("INSERT OR IGNORE INTO own (key, source) VALUES (?1, ?2)", params![key, id])?;
            if let Some(names) = &source.names
                && self.state(id)? != Some(KNOWN)
            {
                self.put_files(id, names)?;
                self.set_state(id, KNOWN)?;
            }
        }
        for child in document.children.iter().take(CHILDREN_MAX) {
            let put = "INSERT OR IGNORE INTO child (digest, key) VALUES (?1, ?2)";
            self.run(put, params![child.to_string(), key])?;
        }
        if document.sources.is_empty() {
            return self.work_out(key, repository);
        }
        for concerned in self.concerned(key, repository)? {
            self.work_out(concerned, repository)?;
        }
        Ok(())
    }

    /// Forgets what an artifact names and lists; those in which something of it was, which are worked out anew when it is gone.
    pub(super) fn end_inside(&self, key: i64) -> Result<Option<(i64, Vec<i64>)>, SearchError> {
        let find = "SELECT repository FROM shown WHERE key = ?1";
        let Some(repository) = self.one(find, params![key], |row| row.get::<_, i64>(0))? else { return Ok(None) };
        let own = self.numbers("SELECT source FROM own WHERE key = ?1", params![key])?;
        let concerned = if own.is_empty() { BTreeSet::new() } else { self.concerned(key, repository)? };
        self.run("DELETE FROM own WHERE key = ?1", params![key])?;
        self.run("DELETE FROM child WHERE key = ?1", params![key])?;
        self.run("DELETE FROM held WHERE key = ?1", params![key])?;
        for source in own {
            let put = "INSERT OR IGNORE INTO unused (source) SELECT ?1
                WHERE NOT EXISTS (SELECT 1 FROM own WHERE source = ?1)";
            self.run(put, params![source])?;
        }
        Ok(Some((repository, concerned.into_iter().filter(|one| *one != key).collect())))
    }

    /// The artifacts in which something is that this one has: itself, what lists it, and what it is attached to.
    fn concerned(&self, key: i64, repository: i64) -> Result<BTreeSet<i64>, SearchError> {
        let mut all = BTreeSet::from([key]);
        let mut edge = vec![key];
        for _ in 0..DEPTH_MAX {
            for key in std::mem::take(&mut edge) {
                let find = "SELECT algorithm || ':' || hash, subject FROM shown WHERE key = ?1";
                let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?));
                let Some((digest, subject)) = self.one(find, params![key], read)? else { continue };
                let find = "SELECT c.key FROM child c CROSS JOIN shown s WHERE c.digest = ?1 AND s.key = c.key AND s.repository = ?2";
                let mut above = self.numbers(find, params![digest, repository])?;
                if let Some(Ok(subject)) = subject.map(|subject| subject.parse::<Digest>()) {
                    above.extend(self.keys_of_digest(&subject, repository)?);
                }
                for one in above {
                    if all.len() < CONCERNED_MAX && all.insert(one) {
                        edge.push(one);
                    }
                }
            }
        }
        Ok(all)
    }

    /// Notes which sources are in an artifact.
    fn work_out(&self, key: i64, repository: i64) -> Result<(), SearchError> {
        let mut wanted = BTreeSet::new();
        let mut seen = BTreeSet::from([key]);
        let mut edge = vec![(key, false)];
        for _ in 0..DEPTH_MAX {
            for (key, is_attached) in std::mem::take(&mut edge) {
                let find = "SELECT o.source FROM own o CROSS JOIN source s WHERE o.key = ?1 AND s.id = o.source AND s.inside >= ?2";
                // Of what is attached its packages count: a bill tells of its subject, files do not.
                let least = number(if is_attached { Inside::Packages } else { Inside::Files });
                wanted.extend(self.numbers(find, params![key, least])?);
                let mut below = Vec::new();
                for child in self.texts("SELECT digest FROM child WHERE key = ?1", params![key])? {
                    let Ok(child) = child.parse::<Digest>() else { continue };
                    let keys = self.keys_of_digest(&child, repository)?;
                    below.extend(keys.into_iter().map(|key| (key, is_attached)));
                }
                let find = "SELECT a.key FROM shown s CROSS JOIN shown a WHERE s.key = ?1 AND a.repository = ?2
                    AND a.subject = s.algorithm || ':' || s.hash AND EXISTS (SELECT 1 FROM own o WHERE o.key = a.key)";
                below.extend(self.numbers(find, params![key, repository])?.into_iter().map(|key| (key, true)));
                for one in below {
                    if seen.len() < CONCERNED_MAX && seen.insert(one.0) {
                        edge.push(one);
                    }
                }
            }
        }
        let there: BTreeSet<i64> =
            self.numbers("SELECT source FROM held WHERE key = ?1", params![key])?.into_iter().collect();
        for source in wanted.difference(&there) {
            self.run("INSERT INTO held (source, key) VALUES (?1, ?2)", params![source, key])?;
        }
        for source in there.difference(&wanted) {
            self.run("DELETE FROM held WHERE source = ?1 AND key = ?2", params![source, key])?;
        }
        Ok(())
    }

    pub(super) fn work_out_all(&self, repository: i64, keys: &[i64]) -> Result<(), SearchError> {
        keys.iter().try_for_each(|key| self.work_out(*key, repository))
    }

    fn keys_of_digest(&self, digest: &Digest, repository: i64) -> Result<Vec<i64>, SearchError> {
        let (algorithm, hash) = halves(digest);
        let find = "SELECT key FROM shown WHERE hash = ?1 AND repository = ?2 AND algorithm = ?3";
        self.numbers(find, params![hash, repository, algorithm])
    }

    // --- sources

    fn source(&self, digest: &Digest, inside: Inside) -> Result<Option<i64>, SearchError> {
        let find = "SELECT id FROM source WHERE digest = ?1 AND inside = ?2";
        self.one(find, params![digest.to_string(), number(inside)], |row| row.get(0))
    }

    fn ensure_source(&self, digest: &Digest, inside: Inside) -> Result<i64, SearchError> {
        if let Some(source) = self.source(digest, inside)? {
            self.run("DELETE FROM unused WHERE source = ?1", params![source])?;
            return Ok(source);
        }
        let put = "INSERT INTO source (digest, inside, state) VALUES (?1, ?2, ?3)";
        self.run(put, params![digest.to_string(), number(inside), LACKING])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn state(&self, source: i64) -> Result<Option<i64>, SearchError> {
        self.one("SELECT state FROM source WHERE id = ?1", params![source], |row| row.get(0))
    }

    fn set_state(&self, source: i64, state: i64) -> Result<(), SearchError> {
        self.run("UPDATE source SET state = ?2 WHERE id = ?1", params![source, state]).map(drop)
    }

    pub(super) fn contents(
        &self,
        digest: &Digest,
        inside: Inside,
        contents: &Contents,
        is_last: bool,
    ) -> Result<(), SearchError> {
        let Some(source) = self.source(digest, inside)? else { return Ok(()) };
        match contents {
            Contents::Unknown => return self.set_state(source, UNKNOWN),
            Contents::Files(paths) => self.put_files(source, paths)?,
            Contents::Packages(packages) => self.put_packages(source, packages)?,
        }
        if is_last { self.set_state(source, KNOWN) } else { Ok(()) }
    }

    /// Forgets what is in a source, and asks for it.
    pub(super) fn stale(&self, digest: &Digest, inside: Inside) -> Result<(), SearchError> {
        let Some(source) = self.source(digest, inside)? else { return Ok(()) };
        while self.unlist(source)? {}
        self.set_state(source, LACKING)
    }

    fn put_files(&self, source: i64, paths: &[String]) -> Result<(), SearchError> {
        let mut folders: HashMap<String, i64> = HashMap::new();
        let mut put = Vec::new();
        for path in paths {
            let (folder, name) = split(path);
            let folder = self.folder(folder, &mut folders)?;
            put.push(self.path(folder, name)?);
            if !name.ends_with('/') {
                put.push(self.path(NAMES, name)?);
            }
        }
        // The folders that lead to them, too.
        put.extend(folders.into_values());
        self.list(source, put, "INSERT OR IGNORE INTO holds (path, source) VALUES (?1, ?2)")
    }

    /// The number of a folder, which is empty or ends with a slash.
    fn folder(&self, folder: &str, known: &mut HashMap<String, i64>) -> Result<i64, SearchError> {
        if folder.is_empty() {
            return Ok(0);
        }
        if let Some(number) = known.get(folder) {
            return Ok(*number);
        }
        let mut number = 0;
        for (at, _) in folder.match_indices('/') {
            let (inner, name) = split(&folder[..=at]);
            number = match known.get(&folder[..=at]) {
                Some(number) => *number,
                None => {
                    let number = self.path(if inner.is_empty() { 0 } else { number }, name)?;
                    known.insert(folder[..=at].to_owned(), number);
                    number
                }
            };
        }
        Ok(number)
    }

    fn path(&self, folder: i64, name: &str) -> Result<i64, SearchError> {
        let find = "SELECT id FROM path WHERE folder = ?1 AND name = ?2";
        if let Some(path) = self.one(find, params![folder, name], |row| row.get(0))? {
            return Ok(path);
        }
        self.run("INSERT INTO path (folder, name) VALUES (?1, ?2)", params![folder, name])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn put_packages(&self, source: i64, packages: &[Package]) -> Result<(), SearchError> {
        let mut put = Vec::with_capacity(packages.len());
        for Package { ecosystem, name, version } in packages {
            let find = "SELECT id FROM package WHERE name = ?1 AND ecosystem = ?2 AND version = ?3";
            let found = self.one(find, params![name, ecosystem, version], |row| row.get(0))?;
            put.push(match found {
                Some(package) => package,
                None => {
                    let last = name.rsplit('/').next().unwrap_or(name);
                    let put = "INSERT INTO package (name, ecosystem, version, last) VALUES (?1, ?2, ?3, ?4)";
                    self.run(put, params![name, ecosystem, version, last])?;
                    self.connection.last_insert_rowid()
                }
            });
        }
        self.list(source, put, "INSERT OR IGNORE INTO packed (package, source) VALUES (?1, ?2)")
    }

    /// Puts a source to these paths or packages, and notes that.
    fn list(&self, source: i64, mut numbers: Vec<i64>, put: &'static str) -> Result<(), SearchError> {
        numbers.sort_unstable();
        numbers.dedup();
        for number in &numbers {
            self.run(put, params![number, source])?;
        }
        if numbers.is_empty() {
            return Ok(());
        }
        self.run("INSERT INTO listed (source, numbers) VALUES (?1, ?2)", params![source, packed(&numbers)]).map(drop)
    }

    /// Takes away some of what was put for a source; whether there may be more.
    fn unlist(&self, source: i64) -> Result<bool, SearchError> {
        let find = "SELECT l.id, l.numbers, s.inside FROM listed l CROSS JOIN source s WHERE l.source = ?1 AND s.id = ?1 LIMIT 1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?));
        let Some((id, numbers, inside)) = self.one::<(i64, Vec<u8>, i64)>(find, params![source], read)? else {
            return Ok(false);
        };
        let delete = if inside == number(Inside::Files) {
            "DELETE FROM holds WHERE path = ?1 AND source = ?2"
        } else {
            "DELETE FROM packed WHERE package = ?1 AND source = ?2"
        };
        for number in unpacked(&numbers) {
            self.run(delete, params![number, source])?;
        }
        self.run("DELETE FROM listed WHERE id = ?1", params![id])?;
        Ok(true)
    }

    /// Clears away some of what was in sources that nothing names any more.
    pub(super) fn clear_sources(&self) -> Result<(), SearchError> {
        let find = "SELECT source FROM unused LIMIT 1";
        let Some(source) = self.one(find, &[], |row| row.get::<_, i64>(0))? else { return Ok(()) };
        // Whoever names it meanwhile has it filled again.
        self.set_state(source, LACKING)?;
        if !self.unlist(source)? {
            self.run("DELETE FROM source WHERE id = ?1", params![source])?;
            self.run("DELETE FROM unused WHERE source = ?1", params![source])?;
        }
        Ok(())
    }
}

/// The folder of a path, with the slash, and its name; a folder's own name ends with its slash.
pub(super) fn split(path: &str) -> (&str, &str) {
    let end = path.strip_suffix('/').unwrap_or(path);
    path.split_at(end.rfind('/').map_or(0, |at| at + 1))
}

/// Ascending numbers as what each is more than the one before, seven bits a byte.
fn packed(numbers: &[i64]) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::with_capacity(numbers.len() * 2), 0);
    for number in numbers {
        let mut more = (number - before) as u64;
        before = *number;
        while more >= 0x80 {
            bytes.push(more as u8 | 0x80);
            more >>= 7;
        }
        bytes.push(more as u8);
    }
    bytes
}

pub(super) fn unpacked(bytes: &[u8]) -> Vec<i64> {
    let (mut numbers, mut before, mut more, mut shift) = (Vec::new(), 0i64, 0u64, 0);
    for byte in bytes {
        more |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            before = before.wrapping_add(more as i64);
            numbers.push(before);
            (more, shift) = (0, 0);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split() {
        let check = |path: &str, expect: (&str, &str)| assert_eq!(split(path), expect, "{path}");
        check("usr/bin/curl", ("usr/bin/", "curl"));
        check("usr/bin/", ("usr/", "bin/"));
        check("usr/", ("", "usr/"));
        check("a", ("", "a"));
        check("", ("", ""));
    }

    #[test]
    fn numbers_are_kept_small() {
        for numbers in [vec![], vec![1], vec![1, 2, 300, 70_000, 1 << 40, (1 << 40) + 1]] {
            assert_eq!(unpacked(&packed(&numbers)), numbers);
        }
        assert_eq!(packed(&(1..=1_000).collect::<Vec<_>>()).len(), 1_000);
    }
}
