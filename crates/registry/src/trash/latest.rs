//! The trash of several projects as one list, the latest first.
//!
//! Each project is asked for a few entries, and for more only where these are used up: what is asked follows from what is
//! read, however many projects there are and however few entries a page has.

use std::collections::VecDeque;

use wharf_model::id::Id;
use wharf_store::ledger::Ledger;
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::trash::{TrashMark, TrashRow};

/// How many entries are asked for at once, at least and at most.
const CHUNK: (usize, usize) = (10, 100);
/// How many entries of all projects together are in memory, about.
const HELD_MAX: usize = 10_000;

/// See the module.
pub(super) struct Latest<'a> {
    ledger: &'a dyn Ledger,
    chunk: usize,
    stretches: Vec<Stretch>,
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

impl<'a> Latest<'a> {
    /// What comes after `after` in these projects; `None` among them stands for all.
    pub(super) fn new(ledger: &'a dyn Ledger, projects: Vec<Option<Id>>, after: Option<TrashMark>) -> Latest<'a> {
        let chunk = (HELD_MAX / projects.len().max(1)).clamp(CHUNK.0, CHUNK.1);
        let stretch = |project| Stretch { project, rows: VecDeque::new(), after, is_over: false };
        Latest { ledger, chunk, stretches: projects.into_iter().map(stretch).collect() }
    }

    /// The next entry.
    ///
    /// # Errors
    /// The ledger fails.
    pub(super) async fn next(&mut self) -> Result<Option<TrashRow>, LedgerError> {
        for stretch in &mut self.stretches {
            stretch.fill(self.ledger, self.chunk).await?;
        }
        let latest = self.stretches.iter_mut().max_by_key(|stretch| stretch.rows.front().map(mark));
        Ok(latest.and_then(|stretch| stretch.rows.pop_front()))
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
        Ok(())
    }
}

/// Where a list goes on after it.
pub(super) fn mark(row: &TrashRow) -> TrashMark {
    (row.deleted_at, row.id)
}
