//! How the index is changed: each update by itself, all of them in one transaction with where the index stands then.

use rusqlite::{Connection, OptionalExtension as _, ToSql, params};
use wharf_model::digest::Digest;
use wharf_model::name::RepositoryName;

use super::super::sets::{key, keys_of};
use super::super::{Document, SearchError, Standing, TAGS_TOLD_MAX, Update, names};
use super::{failed, field};

/// How many artifacts of repositories that are gone are cleared away beside each change.
const CLEARED: usize = 256;
/// How much running text of one artifact is looked through, in bytes.
const TEXT_BYTES_MAX: usize = 16 << 10;

pub(super) fn apply(connection: &mut Connection, updates: &[Update], standing: Standing) -> Result<(), SearchError> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let put = Put { connection };
    let made = put.all(updates).and_then(|()| stand(connection, standing));
    let made = made.and_then(|()| connection.execute_batch("COMMIT").map_err(failed));
    if made.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    made
}

/// Notes where the index stands.
pub(super) fn stand(connection: &Connection, standing: Standing) -> Result<(), SearchError> {
    let put =
        "INSERT INTO standing (id, version, seq, at, scanned) VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET
        version = excluded.version, seq = excluded.seq, at = excluded.at, scanned = excluded.scanned";
    let Standing { version, seq, at, scanned } = standing;
    run(connection, put, params![version, seq as i64, at, scanned.map(|at| at as i64)]).map(drop)
}

pub(super) struct Put<'c> {
    pub(super) connection: &'c Connection,
}

impl Put<'_> {
    fn all(&self, updates: &[Update]) -> Result<(), SearchError> {
        for update in updates {
            match update {
                Update::Put(document) => self.document(document)?,
                Update::Drop { repository, digest } => self.drop(repository, digest)?,
                Update::DropRepository(name) => {
                    if let Some(repository) = self.repository(name)? {
                        self.end_repository(repository)?;
                    }
                }
                Update::DropProject(name) => {
                    let inside =
                        "SELECT r.id FROM project p CROSS JOIN repository r WHERE p.name = ?1 AND r.project = p.id";
                    for repository in self.numbers(inside, params![name.as_str()])? {
                        self.end_repository(repository)?;
                    }
                    self.run("DELETE FROM project WHERE name = ?1", params![name.as_str()])?;
                }
                Update::Project { name, public } => {
                    self.run("UPDATE project SET public = ?2 WHERE name = ?1", params![name.as_str(), public])?;
                }
                Update::Contents { source, inside, contents, is_last } => {
                    self.contents(source, *inside, contents, *is_last)?;
                }
                Update::Stale { source, inside } => self.stale(source, *inside)?,
            }
        }
        self.clear()?;
        self.clear_sources()
    }

    fn document(&self, document: &Document) -> Result<(), SearchError> {
        let repository = self.ensure_repository(document)?;
        let (from, to) = keys_of(document.number);
        for old in self.numbers("SELECT key FROM doc WHERE key BETWEEN ?1 AND ?2", params![from as i64, to as i64])? {
            self.end(old)?;
        }
        // One of the same digest was deleted and has another number.
        self.drop(&document.repository, &document.digest)?;
        let key = key(document.number, document.rank) as i64;
        let (licenses, platforms) = (field::counted_licenses(document), field::counted_platforms(document));
        let values = [(field::KIND, &document.kind), (field::LICENSES, &licenses), (field::PLATFORMS, &platforms)];
        let [kind, licenses, platforms] = values.map(|(field, text)| self.value(field, text));
        let signed = self.is_signed(repository, &document.digest)?;
        self.run(
            "INSERT INTO doc (key, repository, kind, licenses, platforms, signed, pushed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![key, repository, kind?, licenses?, platforms?, signed, document.pushed_at],
        )?;
        self.shown(document, key, repository)?;
        self.run(
            "INSERT INTO text (rowid, title, words, about, maintainer) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![key, document.title, words(document), about(document), lines(&document.maintainers)],
        )?;
        for (field, text) in field::values(document) {
            let value = self.value(field, &text)?;
            self.run("INSERT OR IGNORE INTO has (value, key) VALUES (?1, ?2)", params![value, key])?;
        }
        self.inside(document, key, repository)?;
        match &document.subject {
            Some(subject) if document.is_signature => self.sign(repository, subject),
            _ => Ok(()),
        }
    }

    fn shown(&self, document: &Document, key: i64, repository: i64) -> Result<(), SearchError> {
        let tags: Vec<&str> = document.tags.iter().take(TAGS_TOLD_MAX).map(wharf_model::name::Tag::as_str).collect();
        let (algorithm, hash) = halves(&document.digest);
        let put = "INSERT INTO shown (key, repository, algorithm, hash, subject, signature, title, summary, description, version,
            size, tags, tags_total, maintainers, keywords, licenses, platforms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        let parameters = params![
            key,
            repository,
            algorithm,
            hash,
            document.subject.map(|subject| subject.to_string()),
            document.is_signature,
            document.title,
            document.summary,
            document.description,
            document.version,
            document.size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
            tags.join(" "),
            document.tags_total as i64,
            lines(&document.maintainers),
            lines(&document.keywords),
            lines(&document.licenses),
            lines(&document.platforms),
        ];
        self.run(put, parameters).map(drop)
    }

    fn drop(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), SearchError> {
        let Some(repository) = self.repository(repository)? else { return Ok(()) };
        let (algorithm, hash) = halves(digest);
        let find = "SELECT key FROM shown WHERE hash = ?1 AND repository = ?2 AND algorithm = ?3";
        for key in self.numbers(find, params![hash, repository, algorithm])? {
            self.end(key)?;
        }
        Ok(())
    }

    /// Takes an artifact out.
    fn end(&self, key: i64) -> Result<(), SearchError> {
        let find = "SELECT repository, subject FROM shown WHERE key = ?1 AND signature = 1 AND subject IS NOT NULL";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let signed = self.one(find, params![key], read)?;
        let concerned = self.end_inside(key)?;
        self.run("DELETE FROM has WHERE key = ?1", params![key])?;
        self.run("DELETE FROM text WHERE rowid = ?1", params![key])?;
        self.run("DELETE FROM shown WHERE key = ?1", params![key])?;
        self.run("DELETE FROM doc WHERE key = ?1", params![key])?;
        if let Some((repository, concerned)) = concerned {
            self.work_out_all(repository, &concerned)?;
        }
        match signed.and_then(|(repository, subject)| Some((repository, subject.parse::<Digest>().ok()?))) {
            Some((repository, subject)) => self.sign(repository, &subject),
            None => Ok(()),
        }
    }

    fn is_signed(&self, repository: i64, digest: &Digest) -> Result<bool, SearchError> {
        let find = "SELECT 1 FROM shown WHERE repository = ?1 AND subject = ?2 AND signature = 1 LIMIT 1";
        Ok(self.one(find, params![repository, digest.to_string()], |_| Ok(()))?.is_some())
    }

    /// Notes whether something is signed, if it is there.
    fn sign(&self, repository: i64, subject: &Digest) -> Result<(), SearchError> {
        let signed = self.is_signed(repository, subject)?;
        let (algorithm, hash) = halves(subject);
        let put = "UPDATE doc SET signed = ?4 WHERE key IN
            (SELECT key FROM shown WHERE hash = ?1 AND repository = ?2 AND algorithm = ?3)";
        self.run(put, params![hash, repository, algorithm, signed]).map(drop)
    }

    fn repository(&self, name: &RepositoryName) -> Result<Option<i64>, SearchError> {
        self.one("SELECT id FROM repository WHERE name = ?1", params![name.as_str()], |row| row.get(0))
    }

    fn ensure_repository(&self, document: &Document) -> Result<i64, SearchError> {
        let put = "INSERT INTO project (name, public) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET public = excluded.public RETURNING id";
        let name = &document.repository;
        let project: Option<i64> = self.one(put, params![name.project_str(), document.public], |row| row.get(0))?;
        if let Some(repository) = self.repository(name)? {
            return Ok(repository);
        }
        self.run("INSERT INTO repository (name, project) VALUES (?1, ?2)", params![name.as_str(), project])?;
        let repository = self.connection.last_insert_rowid();
        self.run("INSERT INTO name (rowid, whole) VALUES (?1, ?2)", params![repository, name.as_str()])?;
        for part in names::parts(name.as_str()) {
            let put = "INSERT OR IGNORE INTO part (text, length) VALUES (?1, ?2)";
            self.run(put, params![part, part.len() as i64])?;
            let put = "INSERT OR IGNORE INTO named (part, repository) SELECT id, ?2 FROM part WHERE text = ?1";
            self.run(put, params![part, repository])?;
        }
        Ok(repository)
    }

    /// Takes a repository out; what was in it is cleared away later, and is not found from now on.
    fn end_repository(&self, repository: i64) -> Result<(), SearchError> {
        for text in [
            "DELETE FROM named WHERE repository = ?1",
            "DELETE FROM name WHERE rowid = ?1",
            "DELETE FROM repository WHERE id = ?1",
            "INSERT INTO gone (repository) VALUES (?1)",
        ] {
            self.run(text, params![repository])?;
        }
        Ok(())
    }

    /// Clears away some of what was in repositories that are gone.
    fn clear(&self) -> Result<(), SearchError> {
        let find = "SELECT repository FROM gone LIMIT 1";
        let Some(gone) = self.one(find, &[], |row| row.get::<_, i64>(0))? else { return Ok(()) };
        let find = "SELECT key FROM doc WHERE repository = ?1 LIMIT ?2";
        let keys = self.numbers(find, params![gone, CLEARED as i64])?;
        let is_all = keys.len() < CLEARED;
        for key in keys {
            self.end(key)?;
        }
        if is_all {
            self.run("DELETE FROM gone WHERE repository = ?1", params![gone])?;
        }
        Ok(())
    }

    /// The number of a text in a field.
    fn value(&self, field: i64, text: &str) -> Result<i64, SearchError> {
        let find = "SELECT id FROM value WHERE field = ?1 AND text = ?2";
        if let Some(value) = self.one(find, params![field, text], |row| row.get(0))? {
            return Ok(value);
        }
        self.run("INSERT INTO value (field, text) VALUES (?1, ?2)", params![field, text])?;
        Ok(self.connection.last_insert_rowid())
    }

    pub(super) fn run(&self, text: &'static str, parameters: &[&dyn ToSql]) -> Result<usize, SearchError> {
        run(self.connection, text, parameters)
    }

    pub(super) fn one<T>(
        &self,
        text: &'static str,
        parameters: &[&dyn ToSql],
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, SearchError> {
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        statement.query_row(parameters, read).optional().map_err(failed)
    }

    pub(super) fn numbers(&self, text: &'static str, parameters: &[&dyn ToSql]) -> Result<Vec<i64>, SearchError> {
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        let rows = statement.query_map(parameters, |row| row.get(0)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}

impl Put<'_> {
    pub(super) fn texts(&self, text: &'static str, parameters: &[&dyn ToSql]) -> Result<Vec<String>, SearchError> {
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        let rows = statement.query_map(parameters, |row| row.get(0)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}

fn run(connection: &Connection, text: &'static str, parameters: &[&dyn ToSql]) -> Result<usize, SearchError> {
    connection.prepare_cached(text).map_err(failed)?.execute(parameters).map_err(failed)
}

/// The algorithm and the hexadecimal digits.
pub(super) fn halves(digest: &Digest) -> (String, String) {
    let text = digest.to_string();
    text.split_once(':').map(|(algorithm, hash)| (algorithm.to_owned(), hash.to_owned())).unwrap_or_default()
}

/// Texts without line breaks, one on each line.
fn lines(texts: &[String]) -> String {
    texts.join("\n")
}

/// Words that people choose for something.
fn words(document: &Document) -> String {
    let tags = document.tags.iter().take(TAGS_TOLD_MAX).map(wharf_model::name::Tag::as_str);
    let words = document.keywords.iter().map(String::as_str).chain([document.version.as_str(), document.kind.as_str()]);
    bounded(words.chain(tags))
}

/// All that is said of it.
fn about(document: &Document) -> String {
    let said = [document.summary.as_str(), document.description.as_str()].into_iter();
    let pairs = document.annotations.iter().chain(&document.labels).map(|(_, value)| value.as_str());
    bounded(said.chain(document.licenses.iter().map(String::as_str)).chain(pairs))
}

fn bounded<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for text in texts {
        if all.len() + text.len() >= TEXT_BYTES_MAX {
            all.push_str(&text[..text.floor_char_boundary(TEXT_BYTES_MAX.saturating_sub(all.len()))]);
            return all;
        }
        all.push_str(text);
        all.push('\n');
    }
    all
}
