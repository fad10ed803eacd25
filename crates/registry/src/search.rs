//! Searching all that somebody may read.
//!
//! An index beside the ledger answers ([`wharf_store::search`]); an [`index::Indexer`] fills it from the ledger's log. What was pushed a
//! moment ago may be missing for a moment. What somebody may not see any more is not found from the moment that it was answered so: a
//! search waits until the index has followed whatever took something away.

mod document;
pub mod index;
mod kinds;
mod matched;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use wharf_artifact::kind::Kinds;
use wharf_model::api::facts::Line;
use wharf_model::api::search::{Corrected, Facet, FacetValue, Hit, SearchClause, SearchResult};
use wharf_model::search::{Clause, Query, Term};
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::{Observer, Seq};
use wharf_store::search::{Asked, Each, Found, Row, Search, SearchError};

use crate::access;
use crate::actor::Subject;
use crate::artifacts::kind_name;
use crate::error::Error;
use crate::people::Part;
use crate::registry::Registry;

/// How long a search waits for the index to follow what took something away.
const WAIT: Duration = Duration::from_secs(2);

/// What searches share with what fills the index.
pub(crate) struct Searching {
    index: OnceLock<Arc<dyn Search>>,
    /// The last entry of the log that took something away from anybody.
    taken_away: AtomicU64,
    /// Up to where the index has followed.
    followed: watch::Sender<Seq>,
    /// Whether a search found that the index cannot be read.
    is_torn: AtomicBool,
    /// Wakes what fills the index.
    hurry: Notify,
}

impl Default for Searching {
    fn default() -> Searching {
        Searching {
            index: OnceLock::new(),
            taken_away: AtomicU64::new(0),
            followed: watch::Sender::new(0),
            is_torn: AtomicBool::new(false),
            hurry: Notify::new(),
        }
    }
}

impl Observer for Searching {
    fn committed(&self, entry: &Entry) {
        if entry.changes.iter().any(takes_away) {
            self.taken_away.fetch_max(entry.seq, Ordering::AcqRel);
        }
    }
}

/// Whether somebody may see less afterwards than before. Rights of people are asked for at each search.
fn takes_away(change: &Change) -> bool {
    match change {
        Change::DeleteTag { .. }
        | Change::DeleteManifest { .. }
        | Change::DeleteRepository { .. }
        | Change::DeleteProject { .. } => true,
        Change::PutProject { set, created, .. } => !created && set.public == Some(false),
        Change::EnsureRepository { .. }
        | Change::People(_)
        | Change::PutBlob { .. }
        | Change::MountBlob { .. }
        | Change::DeleteBlob { .. }
        | Change::PutManifest { .. }
        | Change::PointTag { .. }
        | Change::RestoreManifest { .. }
        | Change::RestoreRepository { .. }
        | Change::RestoreProject { .. }
        | Change::PurgeTrash { .. }
        | Change::SweepMember { .. }
        | Change::Found(_)
        | Change::AddTotals(_)
        | Change::SetTotals(_)
        | Change::SetOverview { .. } => false,
    }
}

impl Searching {
    /// The index, once it has followed what took something away until now, which is up to this entry.
    async fn fresh(&self) -> Result<(&Arc<dyn Search>, Seq), Error> {
        let index = self.index.get().ok_or(Error::Indexing)?;
        let taken_away = self.taken_away.load(Ordering::Acquire);
        let mut followed = self.followed.subscribe();
        if *followed.borrow() < taken_away {
            self.hurry.notify_one();
            let waited = timeout(WAIT, followed.wait_for(|seq| *seq >= taken_away)).await;
            waited.ok().and_then(Result::ok).ok_or(Error::Indexing)?;
        }
        Ok((index, taken_away))
    }
}

impl Searching {
    /// Whether what was taken away may still be in the index.
    fn is_behind(&self) -> bool {
        *self.followed.borrow() < self.taken_away.load(Ordering::Acquire)
    }

    /// Where the index cannot be read, it is made anew.
    fn failed(&self, error: &SearchError) {
        if matches!(error, SearchError::Corrupt(_)) {
            self.is_torn.store(true, Ordering::Release);
            self.hurry.notify_one();
        }
    }
}

/// How something is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchFor {
    /// The query, as it was typed.
    pub query: String,
    /// Whether each artifact is told, and not only the best one of each repository.
    pub each_artifact: bool,
}

impl Registry {
    /// How many entries of the log the index has not followed yet; `None` where there is no index.
    pub fn search_lag(&self) -> Option<u64> {
        let searching = &self.0.searching;
        searching.index.get()?;
        Some(self.0.ledger.watch().borrow().saturating_sub(*searching.followed.borrow()))
    }

    /// What is found of all that `subject` may read.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] as by [`Registry::authorise_list`]; [`Error::Query`]; [`Error::Indexing`] where there is no index yet;
    /// [`Error::Unsupported`] for a page of another search; or the index fails.
    pub async fn search(
        &self,
        subject: &Subject,
        kinds: &Kinds,
        search: &SearchFor,
        part: &Part,
    ) -> Result<SearchResult, Error> {
        self.authorise_list(subject)?;
        self.browse_search(subject, kinds, search, part).await
    }

    /// The same for whoever comes by: to who may not list what they may read, what is public.
    ///
    /// # Errors
    /// As [`Registry::search`], but for [`Error::Unauthorized`].
    pub async fn browse_search(
        &self,
        subject: &Subject,
        kinds: &Kinds,
        search: &SearchFor,
        part: &Part,
    ) -> Result<SearchResult, Error> {
        let readable = access::readable(subject, &self.0.settings.policy);
        let query = Query::parse(&search.query)?;
        let each = if search.each_artifact { Each::Artifact } else { Each::Repository };
        let wanted = self.wanted(subject, format_args!("search {each:?} {query}"), part)?;
        let (limit, after) = (wanted.limit, wanted.after_as()?);
        let meant = meant(kinds, &query)?;
        let (index, since) = self.0.searching.fresh().await?;
        let asked = Asked { query: query.clone(), kinds: meant, readable, since, each, limit, after };
        let found = index.find(asked).await.inspect_err(|error| self.0.searching.failed(error))?;
        let next = wanted.next_told(found.next)?;
        Ok(told(kinds, &query, found, next))
    }
}

/// Which kinds are meant by each word that the query says of them.
fn meant(kinds: &Kinds, query: &Query) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut meant = BTreeMap::new();
    for clause in &query.clauses {
        if let Term::Kind(text) = &clause.term {
            let ids = kinds::meant(kinds, text, clause.at.clone())?;
            meant.insert(text.clone(), ids);
        }
    }
    Ok(meant)
}

fn told(kinds: &Kinds, query: &Query, found: Found, next: Option<String>) -> SearchResult {
    let facets = found.facets.into_iter().filter_map(|(field, values)| facet(kinds, query, field, values));
    let corrected = found.corrected;
    let hit = |row| hit(kinds, query, &corrected, row);
    SearchResult {
        query: query.to_string(),
        clauses: (0..query.clauses.len()).map(|at| clause(query, at)).collect(),
        items: found.rows.into_iter().map(hit).collect(),
        next,
        total: found.total,
        more: found.more,
        repositories: found.repositories,
        facets: facets.collect(),
        indexing: !found.is_whole,
        corrected: corrected.into_iter().map(|(word, to)| Corrected { word, to }).collect(),
    }
}

fn clause(query: &Query, at: usize) -> SearchClause {
    let mut without = query.clone();
    let Clause { is_not, term, .. } = without.clauses.remove(at);
    SearchClause {
        text: query.clauses[at].to_string(),
        field: term.field().map(str::to_owned),
        value: term.value(),
        not: is_not,
        without: without.to_string(),
    }
}

/// What the found ones are like in one respect; nothing where there is nothing to choose.
fn facet(kinds: &Kinds, query: &Query, field: &'static str, values: Vec<(String, u64)>) -> Option<Facet> {
    let value = |(value, count): (String, u64)| {
        let title = match field {
            "kind" => Line::new(&kind_name(kinds, &value).title),
            "license" => Line::new(license(&value)),
            "signed" => Line::new(if value == "yes" { "signed" } else { "not signed" }),
            _ => Line::new(&value),
        };
        Some(FacetValue { query: narrowed(kinds, query, field, &value)?, title, count, value })
    };
    let values: Vec<FacetValue> = values.into_iter().filter_map(value).collect();
    (!values.is_empty()).then(|| Facet { field: field.to_owned(), values })
}

/// The query for those alone that have that value.
fn narrowed(kinds: &Kinds, query: &Query, field: &str, value: &str) -> Option<String> {
    let value = if field == "kind" { kinds::word_for(kinds, value) } else { value.to_owned() };
    let quoted = format!("{field}:\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let mut narrow = query.clone();
    for clause in Query::parse(&quoted).ok()?.clauses {
        if !narrow.clauses.iter().any(|one| !one.is_not && one.term == clause.term) {
            narrow.clauses.push(clause);
        }
    }
    let narrow = narrow.to_string();
    // Nobody is led to a query that is too long to be one.
    Query::parse(&narrow).ok().map(|_| narrow)
}

/// Licences as they are written, of those that are met most; all others are told in lower case, as they are looked for.
const LICENSES: [&str; 24] = [
    "0BSD",
    "AFL-3.0",
    "AGPL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "EPL-2.0",
    "EUPL-1.2",
    "GPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1",
    "LGPL-3.0",
    "MIT",
    "MPL-2.0",
];

fn license(value: &str) -> &str {
    LICENSES.iter().copied().find(|license| license.eq_ignore_ascii_case(value)).unwrap_or(value)
}

fn hit(kinds: &Kinds, query: &Query, corrected: &[(String, Vec<String>)], row: Row) -> Hit {
    let lines = |texts: &[String]| texts.iter().filter_map(|text| Line::some(text)).collect();
    Hit {
        matched: matched::matched(query, corrected, &row),
        project: row.repository.project(),
        public: row.public,
        digest: row.digest,
        tag: row.tags.first().cloned(),
        tags_total: row.tags_total,
        kind: (!row.kind.is_empty()).then(|| kind_name(kinds, &row.kind)),
        title: Line::some(&row.title),
        summary: Line::some(&row.summary),
        version: Line::some(&row.version),
        size: row.size,
        pushed_at: row.pushed_at,
        platforms: lines(&row.platforms),
        licenses: lines(&row.licenses),
        signed: row.signed,
        subject: row.subject,
        matches: row.matches,
        repository: row.repository,
    }
}
