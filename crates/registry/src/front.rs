//! What a repository shows in front: what its people say of it, or what its newest artifact brings; how often it is pulled; and the
//! catalogue of what everybody may pull.
//!
//! That something was pulled is counted in memory and written down later, many at once: no read writes anything, and what was counted
//! last is lost where the process ends before.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use wharf_model::api::front::{CatalogueEntry, Overview, OverviewChange};
use wharf_model::api::list::List;
use wharf_model::limits::{OVERVIEW_BYTES_MAX, PULLED_WAITING_MAX};
use wharf_model::name::{Reference, RepositoryName};
use wharf_model::permission::Permission;
use wharf_store::ledger::change::Change;
use wharf_store::ledger::front::Pulled;

use crate::access::Action;
use crate::actor::Subject;
use crate::cursor::wrong;
use crate::error::Error;
use crate::history::Names;
use crate::people::Part;
use crate::registry::{Access, Registry};

/// How long pulls wait to be written down.
pub const PULLS_WAIT: Duration = Duration::from_secs(10);

/// How many counts are written at once: what is committed meanwhile waits for them.
const PULLED_AT_ONCE: usize = 100;

/// Pulls that were not written down yet. At most [`PULLED_WAITING_MAX`] things are known at once; of what comes beyond, nothing is
/// counted.
#[derive(Default)]
pub(crate) struct Pulls(Mutex<HashMap<(RepositoryName, Reference), u64>>);

impl Pulls {
    fn count(&self, repository: &RepositoryName, reference: &Reference) {
        let mut waiting = self.0.lock();
        let key = (repository.clone(), reference.clone());
        if waiting.len() < PULLED_WAITING_MAX || waiting.contains_key(&key) {
            *waiting.entry(key).or_default() += 1;
        }
    }

    fn take(&self) -> Vec<Pulled> {
        let waiting = std::mem::take(&mut *self.0.lock());
        let pulled = |((repository, reference), count): ((RepositoryName, Reference), u64)| Pulled {
            repository,
            reference,
            count,
        };
        waiting.into_iter().map(pulled).collect()
    }
}

impl Registry {
    /// What the people of the repository say of it; `None` where they say nothing.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn overview(&self, access: &Access) -> Result<Option<Overview>, Error> {
        access.expect(&[Action::Pull])?;
        let row = self.0.ledger.overview(&access.repository).await?;
        let Some(row) = row else { return Ok(None) };
        let changed_by = Names::for_whom(&access.subject).told(&*self.0.ledger, &row.changed_by).await?;
        Ok(Some(Overview { text: row.text, changed_at: row.changed_at, changed_by }))
    }

    /// Sets it; nothing in it takes it away. Whoever may push may.
    ///
    /// # Errors
    /// [`Error::Field`] where it is too long or has a NUL; [`Error::Denied`]; [`Error::NameUnknown`].
    pub async fn set_overview(&self, access: &Access, change: OverviewChange) -> Result<(), Error> {
        access.expect(&[Action::Push])?;
        if !access.may(Permission::Push) {
            return Err(Error::Denied);
        }
        let text = change.text;
        if text.len() > OVERVIEW_BYTES_MAX || text.contains('\0') {
            let reason = format!("an overview has at most {OVERVIEW_BYTES_MAX} bytes, and no NUL");
            return Err(Error::field("text", reason));
        }
        let text = if text.trim().is_empty() { String::new() } else { text };
        let bytes = text.len() as u64;
        let (repository, expects) = (access.repository.clone(), access.expects());
        self.commit(access, vec![Change::SetOverview { repository, expects, text, bytes }]).await
    }

    /// Counts that something was pulled.
    pub fn count_pull(&self, access: &Access, reference: &Reference) {
        self.0.pulls.count(&access.repository, reference);
    }

    /// Writes down what was counted since. Where that fails, it is lost.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn write_pulls(&self) -> Result<(), Error> {
        let pulled = self.0.pulls.take();
        for some in pulled.chunks(PULLED_AT_ONCE) {
            self.0.ledger.note_pulls(some).await?;
        }
        Ok(())
    }

    /// Writes down what is counted, from time to time, for as long as the process runs.
    pub async fn write_pulls_for_ever(&self) {
        loop {
            tokio::time::sleep(PULLS_WAIT).await;
            if let Err(error) = self.write_pulls().await {
                tracing::warn!(%error, "how often things were pulled is not written down");
            }
        }
    }

    /// What everybody may pull, that which is pulled most first: for whoever comes by.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the page is to come after what was said to somebody else; or the ledger fails.
    pub async fn catalogue(&self, subject: &Subject, part: &Part) -> Result<List<CatalogueEntry>, Error> {
        let wanted = self.wanted(subject, "catalogue", part)?;
        let after = wanted.after().map(|after| place(after).ok_or_else(wrong)).transpose()?;
        let public_only = !self.0.settings.policy.open;
        let mut rows = self.0.ledger.catalogue(public_only, after, wanted.rows()).await?;
        let is_more = rows.len() > wanted.limit;
        rows.truncate(wanted.limit);
        let next = rows.last().filter(|_| is_more).map(|last| format!("{}.{}", last.pulls, last.number));
        let next = wanted.next_told(next)?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let (found, _) = self.place(&row.name).await?;
            let vouched = found.rules.is_some_and(|rules| rules.vouched);
            items.push(CatalogueEntry { repository: row.name, pulls: row.pulls, vouched });
        }
        Ok(List { items, next })
    }
}

/// Behind what a page comes: so many pulls, and a number.
fn place(text: &str) -> Option<(u64, u64)> {
    let (pulls, number) = text.split_once('.')?;
    Some((pulls.parse().ok()?, number.parse().ok()?))
}
