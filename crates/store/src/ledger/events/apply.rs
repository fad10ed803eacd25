//! How the log by place is written.

use std::collections::{BTreeSet, HashMap};

use super::About;
use crate::ledger::Seq;
use crate::ledger::apply::Context;
use crate::ledger::change::Change;
use crate::ledger::query::LedgerError;
use crate::sql::Sql;

/// What the changes of a commit are about, as far as they were made.
#[derive(Default)]
pub(crate) struct Places {
    /// The numbers of the project and, where it is about one, the repository that a name stood for last.
    known: HashMap<String, (i64, Option<i64>)>,
    projects: BTreeSet<i64>,
    repositories: BTreeSet<i64>,
}

impl<S: Sql> Context<'_, S> {
    /// Notes what a change is about that has been made, or that takes its name from it and is about to be made: that is refused
    /// or made.
    pub(crate) async fn note_place(&mut self, change: &Change) -> Result<(), LedgerError> {
        let Some(about) = change.about() else { return Ok(()) };
        let (name, find) = match about {
            About::Repository(name) => (name.as_str(), "SELECT project, id FROM repository WHERE name = $1"),
            // No repository's name ends so.
            About::Project(name) => (name.as_str(), "SELECT id FROM project WHERE name = $1"),
        };
        let key = if matches!(about, About::Project(_)) { format!("{name}/") } else { name.to_owned() };
        if !self.places.known.contains_key(&key) {
            let Some(mut row) = self.sql.one(find, &[name.into()]).await? else { return Ok(()) };
            let place = (row.int(0)?, row.maybe_int(1)?);
            self.places.projects.insert(place.0);
            self.places.repositories.extend(place.1);
            self.places.known.insert(key, place);
        }
        if takes_its_name(change) {
            self.places.known.clear();
        }
        Ok(())
    }

    /// Writes what the entry is about.
    pub(crate) async fn settle_places(&mut self, seq: Seq) -> Result<(), LedgerError> {
        let (seq, places) = (seq as i64, std::mem::take(&mut self.places));
        for project in places.projects {
            let insert = "INSERT INTO log_project (project, seq) VALUES ($1, $2)";
            self.sql.execute(insert, &[project.into(), seq.into()]).await?;
        }
        for repository in places.repositories {
            let insert = "INSERT INTO log_repository (repository, seq) VALUES ($1, $2)";
            self.sql.execute(insert, &[repository.into(), seq.into()]).await?;
        }
        Ok(())
    }
}

/// Whether nothing is called so any more once the change is made.
pub(crate) fn takes_its_name(change: &Change) -> bool {
    matches!(change, Change::DeleteRepository { .. } | Change::DeleteProject { .. })
}
