//! How a question is answered: each clause gives a set of artifacts, the sets are put together, and what may not be read is left out
//! before anything is counted.

mod facets;
mod inside;
mod rows;

use std::collections::{HashMap, HashSet};

use wharf_model::limits::SEARCH_HITS_MAX;
use wharf_model::name::RepositoryName;
use wharf_model::search::{Clause, Compare, Days, Glob, Tagged, Term};

use super::packed;
use super::sets::{self, Ranks, Scored};
use super::text::{self, Column};
use super::{Asked, Found, Place, Rank, SearchError, field, names, pairs, put};
use crate::ledger::readable::Share;
use crate::sql::{Sql, Value};

/// How well a word fits that is in the title.
const TITLE: u32 = 200;
/// How well a word fits that is anywhere else.
const TEXT: u32 = 50;
/// How many other words are told for one that was corrected.
const CORRECTED_MAX: usize = 5;
/// The letters that a word must have for its beginning to be enough, and for being found inside of names.
const BEGINNING_LETTERS: usize = 3;
/// What is greater than whatever a text goes on with.
const BEYOND: char = '\u{10ffff}';

/// Of how many it is looked up at first whether one may be read; then of twice as many, and so on.
const FEW: usize = 16;

/// What is found. All statements have to see one moment: it is the caller's transaction.
pub(super) async fn find(sql: &mut impl Sql, asked: &Asked) -> Result<Found, SearchError> {
    let finder = Finder {
        sql,
        asked,
        ranks: ranks(asked),
        projects: HashMap::new(),
        homes: HashMap::new(),
        gone: HashSet::new(),
        values: HashMap::new(),
        corrected: Vec::new(),
        packages: HashMap::new(),
    };
    finder.find().await
}

/// A repository that may be read.
#[derive(Clone, Debug)]
struct Home {
    name: RepositoryName,
    public: bool,
}

/// A project that is there.
struct Project {
    name: String,
    public: bool,
    /// How much of it may be read.
    share: Share,
}

/// An artifact that is found and may be read.
struct Hit {
    place: Place,
    project: i64,
    repository: i64,
    kind: i64,
    licenses: i64,
    platforms: i64,
    signed: bool,
}

struct Finder<'a, S> {
    sql: &'a mut S,
    asked: &'a Asked,
    ranks: Ranks,
    /// Projects that were looked up; none where it is gone.
    projects: HashMap<i64, Option<Project>>,
    /// Repositories that were looked up; none where it may not be read, or is gone.
    homes: HashMap<i64, Option<Home>>,
    /// Repositories that are gone, while there is something of theirs.
    gone: HashSet<i64>,
    /// Texts by their numbers, of those that were looked up.
    values: HashMap<i64, String>,
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

impl<S: Sql> Finder<'_, S> {
    async fn find(mut self) -> Result<Found, SearchError> {
        let Some(standing) = put::standing(self.sql).await? else {
            // Where it was made anew between two looks, there is nothing to be seen in it, and nothing wrong with it.
            return Err(SearchError::Unavailable("it is being made".to_owned()));
        };
        if standing.seq < self.asked.since {
            return Err(SearchError::Unavailable("it has to follow the ledger yet".to_owned()));
        }
        self.gone.extend(self.sql.numbers("SELECT {number repository} FROM gone", &[]).await?);
        let fitting = self.fitting().await?;
        let (hits, more) = self.readable_hits(fitting).await?;
        let mut found = rows::rows(&mut self, &hits).await?;
        found.facets = facets::facets(&mut self, &hits).await?;
        (found.total, found.more) = (hits.len() as u64, more);
        found.corrected = std::mem::take(&mut self.corrected);
        found.is_whole = standing.scanned.is_none() && (!self.asks_inside() || self.knows_inside().await?);
        Ok(found)
    }

    /// All that fit, in the order of their keys, whoever may read them.
    async fn fitting(&mut self) -> Result<Scored, SearchError> {
        let asked = self.asked;
        let is_not = |clause: &Clause| clause.is_not != matches!(clause.term, Term::Signed(false));
        let clauses = asked.query.clauses.iter().filter(|clause| !matches!(clause.term, Term::Tagged(_)));
        let (not, must): (Vec<_>, Vec<_>) = clauses.partition(|clause| is_not(clause));
        let mut fitting: Option<Scored> = None;
        for clause in must {
            // Each of them, also where nothing is left: what may not be read must not decide whether the next word is corrected.
            let these = self.of(&clause.term, true).await?;
            fitting = Some(match fitting {
                Some(fitting) => sets::both(fitting, &these),
                None => these,
            });
        }
        let mut fitting = match fitting {
            Some(fitting) => fitting,
            None => self.everything().await?,
        };
        for clause in not {
            if fitting.is_empty() {
                break;
            }
            fitting = sets::without(fitting, &self.of(&clause.term, false).await?);
        }
        Ok(fitting)
    }

    /// Those that may be read, the best first, to the number to which they are counted; whether there are more.
    async fn readable_hits(&mut self, fitting: Scored) -> Result<(Vec<Hit>, bool), SearchError> {
        let mut places: Vec<Place> = fitting.into_iter().map(|(key, score)| Place { score, key }).collect();
        places.sort_unstable_by(|one, other| other.cmp(one));
        let mut hits = Vec::new();
        for some in places.chunks(SEARCH_HITS_MAX + 1) {
            hits.extend(self.hits(some).await?);
            if hits.len() > SEARCH_HITS_MAX {
                hits.truncate(SEARCH_HITS_MAX);
                return Ok((hits, true));
            }
        }
        Ok((hits, false))
    }

    /// Those of these that may be read, in their order.
    async fn hits(&mut self, places: &[Place]) -> Result<Vec<Hit>, SearchError> {
        let keys: Vec<i64> = places.iter().map(|place| place.key as i64).collect();
        let mut found = packed::briefs(self.sql, &keys).await?;
        found.sort_unstable();
        let hit = |place: &Place| {
            let at = found.binary_search_by_key(&(place.key as i64), |[key, ..]| *key).ok()?;
            let [_, project, repository, kind, licenses, platforms, signed] = found[at];
            Some(Hit { place: *place, project, repository, kind, licenses, platforms, signed: signed != 0 })
        };
        let mut hits: Vec<Hit> = places.iter().filter_map(hit).collect();
        self.look_up_projects(hits.iter().map(|hit| hit.project)).await?;
        let in_part = hits.iter().filter(|hit| self.share(hit.project) == Share::Some).map(|hit| hit.repository);
        self.look_up_homes(in_part.collect()).await?;
        hits.retain(|hit| match self.share(hit.project) {
            Share::All => !self.gone.contains(&hit.repository),
            Share::Some => self.home(hit.repository).is_some(),
            Share::None => false,
        });
        Ok(hits)
    }

    /// How much may be read of a project that was looked up.
    fn share(&self, project: i64) -> Share {
        self.projects.get(&project).and_then(Option::as_ref).map_or(Share::None, |project| project.share)
    }

    async fn look_up_projects(&mut self, projects: impl Iterator<Item = i64>) -> Result<(), SearchError> {
        let new: HashSet<i64> = projects.filter(|project| !self.projects.contains_key(project)).collect();
        self.projects.extend(new.iter().map(|project| (*project, None)));
        let new: Vec<i64> = new.into_iter().collect();
        for mut row in
            self.sql.query("SELECT id, name, public FROM project WHERE id {any $1}", &[(&new).into()]).await?
        {
            let (id, name, public) = (row.int(0)?, row.text(1)?, row.flag(2)?);
            let share = self.asked.readable.of_project(&name, public);
            self.projects.insert(id, Some(Project { name, public, share }));
        }
        Ok(())
    }

    /// The repository, if it was looked up and may be read.
    fn home(&self, repository: i64) -> Option<&Home> {
        self.homes.get(&repository)?.as_ref()
    }

    async fn look_up_homes(&mut self, repositories: Vec<i64>) -> Result<(), SearchError> {
        let mut new = repositories;
        new.retain(|repository| !self.homes.contains_key(repository));
        new.sort_unstable();
        new.dedup();
        self.homes.extend(new.iter().map(|repository| (*repository, None)));
        let find = "SELECT id, name, project FROM repository WHERE id {any $1}";
        let mut found = Vec::new();
        for mut row in self.sql.query(find, &[(&new).into()]).await? {
            found.push((row.int(0)?, row.text(1)?, row.int(2)?));
        }
        self.look_up_projects(found.iter().map(|(.., project)| *project)).await?;
        for (repository, name, project) in found {
            let Some(Some(Project { public, .. })) = self.projects.get(&project) else { continue };
            let public = *public;
            if self.asked.readable.holds(&name, public)
                && let Ok(name) = name.parse()
            {
                self.homes.insert(repository, Some(Home { name, public }));
            }
        }
        Ok(())
    }

    // --- what a clause finds

    /// Those for which a clause holds. Words are corrected only where they must hold.
    async fn of(&mut self, term: &Term, must: bool) -> Result<Scored, SearchError> {
        match term {
            Term::Word(word) => self.word(word, must).await,
            Term::Phrase(phrase) => self.text(Column::Any, phrase, false, TEXT).await,
            Term::Kind(kind) => {
                let kinds = self.asked.kinds.get(kind).cloned().unwrap_or_default();
                self.any_value(field::KIND, &kinds).await
            }
            Term::Repository(glob) => self.in_named(glob).await,
            Term::Project(glob) => self.in_projects(glob).await,
            Term::Tag(glob) => self.values(field::TAG, glob, "").await,
            Term::Version(glob) => self.values(field::VERSION, glob, "").await,
            Term::Platform(name) => self.any_value(field::PLATFORM, std::slice::from_ref(name)).await,
            Term::License(glob) => self.values(field::LICENSE, glob, "").await,
            Term::Label(key, None) => self.any_value(field::LABEL_KEY, std::slice::from_ref(key)).await,
            Term::Label(key, Some(glob)) => self.values(field::LABEL, glob, &format!("{key}=")).await,
            Term::Annotation(key, None) => self.any_value(field::ANNOTATION_KEY, std::slice::from_ref(key)).await,
            Term::Annotation(key, Some(glob)) => self.values(field::ANNOTATION, glob, &format!("{key}=")).await,
            Term::Package(package) => self.package(package, must).await,
            Term::File(pattern) => self.files(pattern).await,
            Term::Maintainer(text) => self.text(Column::Maintainer, text, true, 0).await,
            Term::Digest(digest) => self.digest(digest).await,
            // Of `signed:no` it is asked what it is not.
            Term::Signed(_) => self.any_value(field::SIGNED, &[field::YES.to_owned()]).await,
            Term::Pushed(compare, days) => self.pushed(*compare, *days).await,
            // It is said by the ranks that are looked at.
            Term::Tagged(_) => Ok(Scored::new()),
        }
    }

    async fn word(&mut self, word: &str, must: bool) -> Result<Scored, SearchError> {
        let by_name = self.by_name(word).await?;
        let by_name = self.in_repositories(by_name).await?;
        let title = self.text(Column::Title, word, true, TITLE).await?;
        let text = self.text(Column::Any, word, true, TEXT).await?;
        let all = sets::either(by_name, sets::either(title, text));
        if must && names::forgiven(word) > 0 && !self.is_any_readable(&all).await? {
            return self.corrected(word).await;
        }
        Ok(all)
    }

    /// Whether any of them may be read: what may not must not decide what is told.
    async fn is_any_readable(&mut self, these: &Scored) -> Result<bool, SearchError> {
        let (mut rest, mut few) = (&these[..], FEW);
        while !rest.is_empty() {
            let (before, last) = rest.split_at(rest.len().saturating_sub(few));
            let last: Vec<Place> = last.iter().map(|(key, score)| Place { score: *score, key: *key }).collect();
            if !self.hits(&last).await?.is_empty() {
                return Ok(true);
            }
            (rest, few) = (before, few * 2);
        }
        Ok(false)
    }

    /// Repositories in whose name a word is, and how well it fits.
    async fn by_name(&mut self, word: &str) -> Result<Vec<(i64, u32)>, SearchError> {
        let named = if word.chars().count() >= BEGINNING_LETTERS {
            text::find_names(self.sql, word).await?
        } else {
            let find = "SELECT r.id, r.name FROM part p CROSS JOIN named n CROSS JOIN repository r
                WHERE p.text >= $1 AND p.text < $2 AND n.part = p.id AND r.id = n.repository";
            pairs(self.sql, find, &[word.into(), beyond(word).as_str().into()]).await?
        };
        let fits = named.into_iter().map(|(id, name)| (id, names::fit(&name, word)));
        Ok(fits.filter(|(_, fit)| *fit > 0).collect())
    }

    /// Artifacts in repositories whose names have a part that is nearly the word.
    async fn corrected(&mut self, word: &str) -> Result<Scored, SearchError> {
        let forgiven = names::forgiven(word);
        let (from, to) = (word.len().saturating_sub(forgiven) as i64, (word.len() + forgiven) as i64);
        let find = "SELECT id, text FROM part WHERE length BETWEEN $1 AND $2";
        let near = pairs(self.sql, find, &[from.into(), to.into()]).await?;
        let mut nearly: Vec<(usize, String, i64)> = Vec::new();
        for (part, text) in near {
            nearly.extend(names::distance(word, &text, forgiven).map(|distance| (distance, text, part)));
        }
        nearly.sort_unstable();
        let parts: Vec<i64> = nearly.iter().map(|(_, _, part)| *part).collect();
        let find = "SELECT {numbers part, repository} FROM named WHERE part {any $1}";
        let named = self.sql.numbers(find, &[(&parts).into()]).await?;
        let (named, _) = named.as_chunks::<2>();
        self.look_up_homes(named.iter().map(|[_, repository]| *repository).collect()).await?;
        let (mut all, mut told) = (Scored::new(), Vec::new());
        for (distance, text, part) in nearly {
            let here = named.iter().filter(|[other, _]| *other == part).map(|[_, repository]| *repository);
            let readable = here.filter(|repository| self.home(*repository).is_some());
            let readable: Vec<(i64, u32)> = readable.map(|repository| (repository, names::nearly(distance))).collect();
            let these = self.in_repositories(readable).await?;
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
    async fn text(&mut self, column: Column, text: &str, may_begin: bool, score: u32) -> Result<Scored, SearchError> {
        let is_beginning = may_begin && text.chars().count() >= BEGINNING_LETTERS;
        let keys = text::find(self.sql, column, text, is_beginning).await?;
        Ok(self.scored(keys, score))
    }

    async fn in_named(&mut self, glob: &Glob) -> Result<Scored, SearchError> {
        let name = glob.prefix();
        let mut found = if glob.is_literal() && !name.contains('/') {
            let find = "SELECT r.id, r.name FROM part p CROSS JOIN named n CROSS JOIN repository r
                WHERE p.text = $1 AND n.part = p.id AND r.id = n.repository";
            pairs(self.sql, find, &[name.into()]).await?
        } else {
            let find = "SELECT id, name FROM repository WHERE name >= $1 AND name < $2";
            pairs(self.sql, find, &[name.into(), beyond(name).as_str().into()]).await?
        };
        // Of a name alone the last part is enough, as that is what people call it.
        let is_last = |found: &str| !name.contains('/') && glob.is_literal() && found.rsplit('/').next() == Some(name);
        found.retain(|(_, found)| glob.matches(found) || is_last(found));
        self.in_repositories(found.into_iter().map(|(id, _)| (id, 0)).collect()).await
    }

    async fn in_projects(&mut self, glob: &Glob) -> Result<Scored, SearchError> {
        let name = glob.prefix();
        let find = "SELECT r.id, p.name FROM project p CROSS JOIN repository r
            WHERE p.name >= $1 AND p.name < $2 AND r.project = p.id";
        let mut found = pairs(self.sql, find, &[name.into(), beyond(name).as_str().into()]).await?;
        found.retain(|(_, found)| glob.matches(found));
        self.in_repositories(found.into_iter().map(|(id, _)| (id, 0)).collect()).await
    }

    /// What is in these. One may be named twice: as well as it fits at best.
    async fn in_repositories(&mut self, mut repositories: Vec<(i64, u32)>) -> Result<Scored, SearchError> {
        repositories.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
        repositories.dedup_by_key(|(repository, _)| *repository);
        let numbers: Vec<i64> = repositories.iter().map(|(repository, _)| *repository).collect();
        let find = "SELECT {numbers repository, key} FROM doc WHERE repository {any $1}";
        let found = self.sql.numbers(find, &[(&numbers).into()]).await?;
        let scores: HashMap<i64, u32> = repositories.into_iter().collect();
        let (found, _) = found.as_chunks::<2>();
        let mut all: Scored = found
            .iter()
            .filter(|[_, key]| self.ranks.has(*key as u64))
            .filter_map(|[repository, key]| Some((*key as u64, *scores.get(repository)?)))
            .collect();
        all.sort_unstable();
        Ok(all)
    }

    async fn any_value(&mut self, field: i64, texts: &[String]) -> Result<Scored, SearchError> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let find = "SELECT h.rows FROM value v CROSS JOIN has h
            WHERE v.field = $1 AND v.text {any_text $2} AND h.above = v.id";
        self.having(find, &[field.into(), (&texts).into()]).await
    }

    /// Those with a value that is `before` with what matches behind it.
    async fn values(&mut self, field: i64, glob: &Glob, before: &str) -> Result<Scored, SearchError> {
        let prefix = format!("{before}{}", glob.prefix());
        if glob.is_literal() {
            return self.any_value(field, &[prefix]).await;
        }
        let find = "SELECT id, text FROM value WHERE field = $1 AND text >= $2 AND text < $3";
        let parameters = [field.into(), prefix.as_str().into(), Value::Text(&beyond(&prefix))];
        let mut found = pairs(self.sql, find, &parameters).await?;
        found.retain(|(_, text)| text.strip_prefix(before).is_some_and(|text| glob.matches(text)));
        let found: Vec<i64> = found.into_iter().map(|(value, _)| value).collect();
        self.having("SELECT rows FROM has WHERE above {any $1}", &[(&found).into()]).await
    }

    async fn having(&mut self, find: &'static str, parameters: &[Value<'_>]) -> Result<Scored, SearchError> {
        let keys = packed::keys_having(self.sql, find, parameters).await?;
        Ok(self.scored(keys, 0))
    }

    /// All that there are.
    async fn everything(&mut self) -> Result<Scored, SearchError> {
        let key = |[key, ..]: [i64; 7]| key;
        let keys = packed::picked(self.sql, "SELECT rows FROM brief", &[], key).await?;
        Ok(self.scored(keys, 0))
    }

    async fn digest(&mut self, digest: &str) -> Result<Scored, SearchError> {
        let (algorithm, hash) = digest.split_once(':').unwrap_or(("", digest));
        let find = "SELECT {number key} FROM shown WHERE hash >= $1 AND hash < $2 AND ($3 = '' OR algorithm = $3)";
        let keys = self.sql.numbers(find, &[hash.into(), beyond(hash).as_str().into(), algorithm.into()]).await?;
        Ok(self.scored(keys, 0))
    }

    async fn pushed(&mut self, compare: Compare, days: Days) -> Result<Scored, SearchError> {
        let millis = days.millis();
        let (first, next) = (field::day(millis.start), field::day(millis.end));
        let (from, to) = match compare {
            Compare::Is => (first, next),
            Compare::Less => (String::new(), first),
            Compare::AtMost => (String::new(), next),
            Compare::More => (next, beyond("")),
            Compare::AtLeast => (first, beyond("")),
        };
        let keys = packed::keys_of_values(self.sql, field::PUSHED, &from, &to).await?;
        Ok(self.scored(keys, 0))
    }

    /// Those of the ranks that are looked at.
    fn scored(&self, keys: Vec<i64>, score: u32) -> Scored {
        let keys = keys.into_iter().map(|key| key as u64).filter(|key| self.ranks.has(*key));
        sets::all(keys.collect(), score)
    }
}

/// What is greater than all texts that begin so.
pub(super) fn beyond(prefix: &str) -> String {
    format!("{prefix}{BEYOND}")
}

/// What is greater than this text, or than all that begin so, and than nothing else of what is written down.
pub(super) fn after(text: &str, is_beginning: bool) -> String {
    // Nothing that is written down has that sign.
    if is_beginning { beyond(text) } else { format!("{text}\u{1}") }
}
