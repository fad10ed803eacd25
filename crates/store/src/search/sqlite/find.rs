//! How a question is answered: each clause gives a set of artifacts, the sets are put together, and what may not be read is left out
//! before anything is counted.

mod facets;
mod inside;
mod rows;

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, ToSql, params};
use wharf_model::limits::SEARCH_HITS_MAX;
use wharf_model::name::RepositoryName;
use wharf_model::search::{Clause, Compare, Days, Glob, Tagged, Term};

use super::super::sets::{self, Ranks, Scored};
use super::super::{Asked, Found, Place, Rank, SearchError, names};
use super::{failed, field};

/// How well a word fits that is in the title.
const TITLE: u32 = 200;
/// How well a word fits that is anywhere else.
const TEXT: u32 = 50;
/// Beyond so many it is looked up what may be read, rather than for each whether it may.
const MANY: usize = 20_000;
/// How many other words are told for one that was corrected.
const CORRECTED_MAX: usize = 5;
/// The letters that a word must have for its beginning to be enough, and for being found inside of names.
const BEGINNING_LETTERS: usize = 3;
/// What is greater than whatever a text goes on with.
const BEYOND: char = '\u{10ffff}';

pub(super) fn find(connection: &Connection, asked: &Asked) -> Result<Found, SearchError> {
    // One snapshot for all statements.
    connection.execute_batch("BEGIN").map_err(failed)?;
    let finder = Finder {
        connection,
        asked,
        ranks: ranks(asked),
        places: HashMap::new(),
        corrected: Vec::new(),
        packages: HashMap::new(),
    };
    let found = finder.find();
    let ended = connection.execute_batch("ROLLBACK").map_err(failed);
    found.and_then(|found| ended.map(|()| found))
}

/// A repository that may be read.
#[derive(Clone, Debug)]
struct Home {
    name: RepositoryName,
    public: bool,
}

/// An artifact that is found and may be read.
struct Hit {
    place: Place,
    repository: i64,
    kind: i64,
    licenses: i64,
    platforms: i64,
    signed: bool,
}

struct Finder<'a> {
    connection: &'a Connection,
    asked: &'a Asked,
    ranks: Ranks,
    /// Repositories that were looked up; none where it may not be read, or is gone.
    places: HashMap<i64, Option<Home>>,
    corrected: Vec<(String, Vec<String>)>,
    /// Packages that were looked for and found, with their names and versions.
    packages: HashMap<i64, String>,
}

/// Which ranks are looked at: what a tag points to, unless the query says something else.
fn ranks(asked: &Asked) -> Ranks {
    use Rank::{Attached, Loose, Tagged as ByTag};
    let clauses = &asked.query.clauses;
    let said = clauses.iter().rev().find_map(|clause| match (clause.term.clone(), clause.is_not) {
        (Term::Tagged(Tagged::Yes), false) | (Term::Tagged(Tagged::No), true) => Some(Ranks::of(&[ByTag])),
        (Term::Tagged(Tagged::No), false) | (Term::Tagged(Tagged::Yes), true) => Some(Ranks::of(&[Attached, Loose])),
        (Term::Tagged(Tagged::Any), _) => Some(Ranks::of(&[ByTag, Attached, Loose])),
        _ => None,
    });
    let asks = |is: fn(&Term) -> bool| clauses.iter().any(|clause| !clause.is_not && is(&clause.term));
    said.unwrap_or_else(|| {
        if asks(|term| matches!(term, Term::Digest(_))) {
            Ranks::of(&[ByTag, Attached, Loose])
        } else if asks(|term| matches!(term, Term::Kind(_))) {
            Ranks::of(&[ByTag, Attached])
        } else {
            Ranks::of(&[ByTag])
        }
    })
}

impl Finder<'_> {
    fn find(mut self) -> Result<Found, SearchError> {
        let fitting = self.fitting()?;
        let (hits, more) = self.readable_hits(fitting)?;
        let mut found = rows::rows(&mut self, &hits)?;
        found.facets = facets::facets(&mut self, &hits)?;
        (found.total, found.more) = (hits.len() as u64, more);
        found.corrected = std::mem::take(&mut self.corrected);
        let whole = "SELECT 1 FROM standing WHERE scanned IS NULL";
        found.is_whole = self.one(whole, &[], |_| Ok(()))?.is_some() && (!self.asks_inside() || self.knows_inside()?);
        Ok(found)
    }

    /// All that fit, in the order of their keys, whoever may read them.
    fn fitting(&mut self) -> Result<Scored, SearchError> {
        let asked = self.asked;
        let is_not = |clause: &Clause| clause.is_not != matches!(clause.term, Term::Signed(false));
        let clauses = asked.query.clauses.iter().filter(|clause| !matches!(clause.term, Term::Tagged(_)));
        let (not, must): (Vec<_>, Vec<_>) = clauses.partition(|clause| is_not(clause));
        let mut fitting: Option<Scored> = None;
        for clause in must {
            // Each of them, also where nothing is left: what may not be read must not decide whether the next word is corrected.
            let these = self.of(&clause.term, true)?;
            fitting = Some(match fitting {
                Some(fitting) => sets::both(fitting, &these),
                None => these,
            });
        }
        let mut fitting = match fitting {
            Some(fitting) => fitting,
            None => self.keys("SELECT key FROM doc ORDER BY key", &[], 0)?,
        };
        for clause in not {
            if fitting.is_empty() {
                break;
            }
            fitting = sets::without(fitting, &self.of(&clause.term, false)?);
        }
        Ok(fitting)
    }

    /// Those that may be read, the best first, to the number to which they are counted; whether there are more.
    fn readable_hits(&mut self, mut fitting: Scored) -> Result<(Vec<Hit>, bool), SearchError> {
        if fitting.len() > MANY && self.asked.readable != crate::ledger::readable::Readable::All {
            fitting = sets::both(fitting, &self.readable_keys()?);
        }
        let mut places: Vec<Place> = fitting.into_iter().map(|(key, score)| Place { score, key }).collect();
        places.sort_unstable_by(|one, other| other.cmp(one));
        let mut hits = Vec::new();
        for place in places {
            let Some(hit) = self.hit(place)? else { continue };
            if hits.len() == SEARCH_HITS_MAX {
                return Ok((hits, true));
            }
            hits.push(hit);
        }
        Ok((hits, false))
    }

    fn hit(&mut self, place: Place) -> Result<Option<Hit>, SearchError> {
        let find = "SELECT repository, kind, licenses, platforms, signed FROM doc WHERE key = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            let (repository, kind, licenses, platforms) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Hit { place, repository, kind, licenses, platforms, signed: row.get(4)? })
        };
        let Some(hit) = self.one(find, params![place.key as i64], read)? else { return Ok(None) };
        Ok(self.home(hit.repository)?.is_some().then_some(hit))
    }

    /// The repository, if it may be read.
    fn home(&mut self, repository: i64) -> Result<Option<&Home>, SearchError> {
        if !self.places.contains_key(&repository) {
            let find =
                "SELECT r.name, p.public FROM repository r CROSS JOIN project p WHERE r.id = ?1 AND p.id = r.project";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?));
            let found = self.one(find, params![repository], read)?;
            let home = found.and_then(|(name, public)| self.readable_home(&name, public));
            self.places.insert(repository, home);
        }
        Ok(self.places.get(&repository).and_then(Option::as_ref))
    }

    fn readable_home(&self, name: &str, public: bool) -> Option<Home> {
        let may = self.asked.readable.holds(name, public);
        may.then(|| Some(Home { name: name.parse().ok()?, public })).flatten()
    }

    /// All that may be read.
    fn readable_keys(&mut self) -> Result<Scored, SearchError> {
        let find = "SELECT r.id, r.name, p.public FROM repository r CROSS JOIN project p WHERE p.id = r.project";
        let mut readable = Vec::new();
        {
            let mut statement = self.connection.prepare_cached(find).map_err(failed)?;
            let mut rows = statement.query([]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let (id, name, public) = (row.get(0), row.get::<_, String>(1), row.get(2));
                let (id, name, public) = (id.map_err(failed)?, name.map_err(failed)?, public.map_err(failed)?);
                if self.asked.readable.holds(&name, public) {
                    readable.push(id);
                }
            }
        }
        self.in_repositories(readable.into_iter().map(|id| (id, 0)))
    }

    // --- what a clause finds

    /// Those for which a clause holds. Words are corrected only where they must hold.
    fn of(&mut self, term: &Term, must: bool) -> Result<Scored, SearchError> {
        match term {
            Term::Word(word) => self.word(word, must),
            Term::Phrase(phrase) => self.text("", phrase, false, TEXT),
            Term::Kind(kind) => {
                let kinds = self.asked.kinds.get(kind).cloned().unwrap_or_default();
                self.any_value(field::KIND, &kinds)
            }
            Term::Repository(glob) => self.in_named(glob),
            Term::Project(glob) => self.in_projects(glob),
            Term::Tag(glob) => self.values(field::TAG, glob, ""),
            Term::Version(glob) => self.values(field::VERSION, glob, ""),
            Term::Platform(name) => self.any_value(field::PLATFORM, std::slice::from_ref(name)),
            Term::License(glob) => self.values(field::LICENSE, glob, ""),
            Term::Label(key, None) => self.any_value(field::LABEL_KEY, std::slice::from_ref(key)),
            Term::Label(key, Some(glob)) => self.values(field::LABEL, glob, &format!("{key}=")),
            Term::Annotation(key, None) => self.any_value(field::ANNOTATION_KEY, std::slice::from_ref(key)),
            Term::Annotation(key, Some(glob)) => self.values(field::ANNOTATION, glob, &format!("{key}=")),
            Term::Package(package) => self.package(package, must),
            Term::File(pattern) => self.files(pattern),
            Term::Maintainer(text) => self.text("maintainer : ", text, true, 0),
            Term::Digest(digest) => self.digest(digest),
            // Of `signed:no` it is asked what it is not.
            Term::Signed(_) => self.keys("SELECT key FROM doc WHERE signed = 1 ORDER BY key", &[], 0),
            Term::Pushed(compare, days) => self.pushed(*compare, *days),
            // It is said by the ranks that are looked at.
            Term::Tagged(_) => Ok(Scored::new()),
        }
    }

    fn word(&mut self, word: &str, must: bool) -> Result<Scored, SearchError> {
        let by_name = self.by_name(word)?;
        let by_name = self.in_repositories(by_name)?;
        let title = self.text("title : ", word, true, TITLE)?;
        let text = self.text("", word, true, TEXT)?;
        let all = sets::either(by_name, sets::either(title, text));
        if must && names::forgiven(word) > 0 && !self.is_any_readable(&all)? {
            return self.corrected(word);
        }
        Ok(all)
    }

    /// Whether any of them may be read: what may not must not decide what is told.
    fn is_any_readable(&mut self, these: &Scored) -> Result<bool, SearchError> {
        for (key, score) in these.iter().rev() {
            if self.hit(Place { score: *score, key: *key })?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Repositories in whose name a word is, and how well it fits.
    fn by_name(&self, word: &str) -> Result<Vec<(i64, u32)>, SearchError> {
        let named = if word.chars().count() >= BEGINNING_LETTERS {
            let find =
                "SELECT r.id, r.name FROM name n CROSS JOIN repository r WHERE n.whole MATCH ?1 AND r.id = n.rowid";
            self.pairs(find, params![quoted(word)])?
        } else {
            let find = "SELECT r.id, r.name FROM part p CROSS JOIN named n CROSS JOIN repository r
                WHERE p.text >= ?1 AND p.text < ?2 AND n.part = p.id AND r.id = n.repository";
            self.pairs(find, params![word, format!("{word}{BEYOND}")])?
        };
        let fits = named.into_iter().map(|(id, name)| (id, names::fit(&name, word)));
        Ok(fits.filter(|(_, fit)| *fit > 0).collect())
    }

    /// Artifacts in repositories whose names have a part that is nearly the word.
    fn corrected(&mut self, word: &str) -> Result<Scored, SearchError> {
        let forgiven = names::forgiven(word);
        let (from, to) = (word.len().saturating_sub(forgiven), word.len() + forgiven);
        let near =
            self.pairs("SELECT id, text FROM part WHERE length BETWEEN ?1 AND ?2", params![from as i64, to as i64])?;
        let mut nearly: Vec<(usize, String, i64)> = Vec::new();
        for (part, text) in near {
            nearly.extend(names::distance(word, &text, forgiven).map(|distance| (distance, text, part)));
        }
        nearly.sort_unstable();
        let (mut all, mut told) = (Scored::new(), Vec::new());
        for (distance, text, part) in nearly {
            let find = "SELECT repository FROM named WHERE part = ?1";
            let mut readable = Vec::new();
            for repository in self.numbers(find, params![part])? {
                if self.home(repository)?.is_some() {
                    readable.push((repository, names::nearly(distance)));
                }
            }
            let these = self.in_repositories(readable)?;
            if !these.is_empty() {
                told.push(text);
                all = sets::either(all, these);
            }
        }
        if !told.is_empty() {
            told.truncate(CORRECTED_MAX);
            self.corrected.push((word.to_owned(), told));
        }
        Ok(all)
    }

    /// Running text, in the column that is said or in any.
    fn text(&self, column: &str, text: &str, may_begin: bool, score: u32) -> Result<Scored, SearchError> {
        let star = if may_begin && text.chars().count() >= BEGINNING_LETTERS { "*" } else { "" };
        let find = "SELECT rowid FROM text WHERE text MATCH ?1 ORDER BY rowid";
        self.keys(find, params![format!("{column}{}{star}", quoted(text))], score)
    }

    fn in_named(&self, glob: &Glob) -> Result<Scored, SearchError> {
        let name = glob.prefix();
        let mut found = if glob.is_literal() && !name.contains('/') {
            let find = "SELECT r.id, r.name FROM part p CROSS JOIN named n CROSS JOIN repository r
                WHERE p.text = ?1 AND n.part = p.id AND r.id = n.repository";
            self.pairs(find, params![name])?
        } else {
            let find = "SELECT id, name FROM repository WHERE name >= ?1 AND name < ?2";
            self.pairs(find, params![name, format!("{name}{BEYOND}")])?
        };
        // Of a name alone the last part is enough, as that is what people call it.
        let is_last = |found: &str| !name.contains('/') && glob.is_literal() && found.rsplit('/').next() == Some(name);
        found.retain(|(_, found)| glob.matches(found) || is_last(found));
        self.in_repositories(found.into_iter().map(|(id, _)| (id, 0)))
    }

    fn in_projects(&self, glob: &Glob) -> Result<Scored, SearchError> {
        let name = glob.prefix();
        let find = "SELECT r.id, p.name FROM project p CROSS JOIN repository r
            WHERE p.name >= ?1 AND p.name < ?2 AND r.project = p.id";
        let mut found = self.pairs(find, params![name, format!("{name}{BEYOND}")])?;
        found.retain(|(_, found)| glob.matches(found));
        self.in_repositories(found.into_iter().map(|(id, _)| (id, 0)))
    }

    fn in_repositories(&self, repositories: impl IntoIterator<Item = (i64, u32)>) -> Result<Scored, SearchError> {
        let mut all: Scored = Vec::new();
        let mut statement =
            self.connection.prepare_cached("SELECT key FROM doc WHERE repository = ?1").map_err(failed)?;
        for (repository, score) in repositories {
            let mut rows = statement.query([repository]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let key = row.get::<_, i64>(0).map_err(failed)? as u64;
                if self.ranks.has(key) {
                    all.push((key, score));
                }
            }
        }
        // A repository may be named twice: as well as it fits at best.
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
        all.dedup_by_key(|(key, _)| *key);
        Ok(all)
    }

    fn any_value(&self, field: i64, texts: &[String]) -> Result<Scored, SearchError> {
        let find = "SELECT h.key FROM value v CROSS JOIN has h WHERE v.field = ?1 AND v.text = ?2 AND h.value = v.id
            ORDER BY h.key";
        let mut all = Scored::new();
        for text in texts {
            all = sets::either(all, self.keys(find, params![field, text], 0)?);
        }
        Ok(all)
    }

    /// Those with a value that is `before` with what matches behind it.
    fn values(&self, field: i64, glob: &Glob, before: &str) -> Result<Scored, SearchError> {
        let prefix = format!("{before}{}", glob.prefix());
        if glob.is_literal() {
            return self.any_value(field, &[prefix]);
        }
        let find = "SELECT id, text FROM value WHERE field = ?1 AND text >= ?2 AND text < ?3";
        let mut found = self.pairs(find, params![field, prefix, format!("{prefix}{BEYOND}")])?;
        found.retain(|(_, text)| text.strip_prefix(before).is_some_and(|text| glob.matches(text)));
        let mut keys = Vec::new();
        for (value, _) in found {
            keys.extend(self.numbers("SELECT key FROM has WHERE value = ?1", params![value])?);
        }
        let keys = keys.into_iter().map(|key| key as u64).filter(|key| self.ranks.has(*key));
        Ok(sets::all(keys.collect(), 0))
    }

    fn digest(&self, digest: &str) -> Result<Scored, SearchError> {
        let (algorithm, hash) = digest.split_once(':').unwrap_or(("", digest));
        let find = "SELECT key FROM shown WHERE hash >= ?1 AND hash < ?2 AND (?3 = '' OR algorithm = ?3)";
        self.keys(find, params![hash, format!("{hash}{BEYOND}"), algorithm], 0)
    }

    fn pushed(&self, compare: Compare, days: Days) -> Result<Scored, SearchError> {
        let day = days.millis();
        let (from, to) = match compare {
            Compare::Is => (day.start, day.end),
            Compare::Less => (i64::MIN, day.start),
            Compare::AtMost => (i64::MIN, day.end),
            Compare::More => (day.end, i64::MAX),
            Compare::AtLeast => (day.start, i64::MAX),
        };
        self.keys("SELECT key FROM doc WHERE pushed_at >= ?1 AND pushed_at < ?2", params![from, to], 0)
    }

    // --- statements

    /// Keys of the ranks that are looked at.
    fn keys(&self, text: &'static str, parameters: &[&dyn ToSql], score: u32) -> Result<Scored, SearchError> {
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        let mut rows = statement.query(parameters).map_err(failed)?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let key = row.get::<_, i64>(0).map_err(failed)? as u64;
            if self.ranks.has(key) {
                keys.push(key);
            }
        }
        Ok(sets::all(keys, score))
    }

    fn numbers(&self, text: &'static str, parameters: &[&dyn ToSql]) -> Result<Vec<i64>, SearchError> {
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        let rows = statement.query_map(parameters, |row| row.get(0)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    fn pairs(&self, text: &'static str, parameters: &[&dyn ToSql]) -> Result<Vec<(i64, String)>, SearchError> {
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        let rows = statement.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    fn one<T>(
        &self,
        text: &'static str,
        parameters: &[&dyn ToSql],
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, SearchError> {
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        statement.query_row(parameters, read).optional().map_err(failed)
    }
}

/// As a string of FTS5's language, which has no other sign in it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
