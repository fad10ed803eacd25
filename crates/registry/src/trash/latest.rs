//! The trash of several projects as one list, the latest first.
//!
//! The latest entry of each project is asked for, many projects at once; more of one only where its latest is taken: what is
//! asked follows from what is read, however few entries a page has. Which project comes next costs the logarithm of how many
//! there are.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use wharf_model::id::Id;
use wharf_store::ledger::Ledger;
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::trash::{TrashMark, TrashRow};

/// Of how many projects the latest entries are asked for at once.
const PROJECTS: usize = 500;
/// How many entries of one project are asked for at once, at least and at most.
const CHUNK: (usize, usize) = (10, 100);
/// How many entries of all projects together are in memory, about.
const HELD_MAX: usize = 10_000;

/// See the module.
pub(super) struct Latest<'a> {
    ledger: &'a dyn Ledger,
    chunk: usize,
    /// Of each project what comes next, on top the latest of all.
    heads: BinaryHeap<Head>,
    /// Where one was taken from, which comes back with what follows.
    taken: Option<Stretch>,
}

/// What is left of one project's, or of all where none is named.
struct Stretch {
    project: Option<Id>,
    rows: VecDeque<TrashRow>,
    /// Where it goes on in the ledger.
    after: Option<TrashMark>,
    /// Whether the ledger has no more of it.
    is_over: bool,
}

/// A stretch, with what comes next of it.
struct Head {
    next: TrashRow,
    rest: Stretch,
}

impl<'a> Latest<'a> {
    /// What comes after `after` in these projects, or in all where none are named.
    ///
    /// # Errors
    /// The ledger fails.
    pub(super) async fn new(
        ledger: &'a dyn Ledger,
        projects: Option<Vec<Id>>,
        after: Option<TrashMark>,
    ) -> Result<Latest<'a>, LedgerError> {
        let count = projects.as_ref().map_or(1, Vec::len).max(1);
        let chunk = (HELD_MAX / count).clamp(CHUNK.0, CHUNK.1);
        let mut latest = Latest { ledger, chunk, heads: BinaryHeap::new(), taken: None };
        let Some(projects) = projects else {
            latest.taken = Some(Stretch { project: None, rows: VecDeque::new(), after, is_over: false });
            return Ok(latest);
        };
        for some in projects.chunks(PROJECTS) {
            let rows = ledger.latest_trash(some, after).await?;
            latest.heads.extend(rows.into_iter().map(Head::first_of));
            tokio::task::yield_now().await;
        }
        Ok(latest)
    }

    /// The next entry.
    ///
    /// # Errors
    /// The ledger fails.
    pub(super) async fn next(&mut self) -> Result<Option<TrashRow>, LedgerError> {
        if let Some(mut stretch) = self.taken.take() {
            stretch.fill(self.ledger, self.chunk).await?;
            let next = stretch.rows.pop_front();
            self.heads.extend(next.map(|next| Head { next, rest: stretch }));
        }
        let Some(Head { next, rest }) = self.heads.pop() else { return Ok(None) };
        self.taken = Some(rest);
        Ok(Some(next))
    }
}

impl Stretch {
    async fn fill(&mut self, ledger: &dyn Ledger, chunk: usize) -> Result<(), LedgerError> {
        if self.is_over || !self.rows.is_empty() {
            return Ok(());
        }
        self.rows = ledger.trash(self.project, self.after, chunk).await?.into();
        self.is_over = self.rows.len() < chunk;
        self.after = self.rows.back().map(mark);
        // A page may look through thousands of entries, and others wait.
        tokio::task::yield_now().await;
        Ok(())
    }
}

impl Head {
    fn first_of(next: TrashRow) -> Head {
        let (project, after) = (Some(next.project), Some(mark(&next)));
        Head { next, rest: Stretch { project, rows: VecDeque::new(), after, is_over: false } }
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        mark(&self.next).cmp(&mark(&other.next))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Where a list goes on after it.
pub(super) fn mark(row: &TrashRow) -> TrashMark {
    (row.deleted_at, row.id)
}
