//! Has inspected what is pushed, and what comes out of the trash, which may have gone there before it was.

use async_trait::async_trait;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::notes::NewJob;
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::{Ledger, Seq};

use super::{Follower, Reaction};
use crate::inspect::{All, Named};

/// See the module.
pub struct InspectFollower;

#[async_trait]
impl Follower for InspectFollower {
    fn name(&self) -> &'static str {
        "inspect"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, change: &Change) -> bool {
        !jobs(change).is_empty()
    }

    fn follow(&self, entries: &[Entry]) -> Reaction {
        let jobs = entries.iter().flat_map(|entry| &entry.changes).flat_map(jobs).collect();
        Reaction { changes: Vec::new(), jobs }
    }

    /// All that there is may be much: one job goes through it, a page at a time.
    async fn rebuild(&self, ledger: &dyn Ledger) -> Result<(Seq, Reaction), LedgerError> {
        let seq = ledger.latest().await?;
        Ok((seq, Reaction { changes: Vec::new(), jobs: vec![All::default().job()] }))
    }
}

/// What is to be done because of a change.
fn jobs(change: &Change) -> Vec<NewJob> {
    match change {
        Change::PutManifest { repository, digest, .. } => {
            vec![Named { repository: repository.clone(), digest: *digest }.job()]
        }
        Change::RestoreManifest { repository, restored, .. } => {
            restored.iter().map(|digest| Named { repository: repository.clone(), digest: *digest }.job()).collect()
        }
        Change::RestoreRepository { repository, .. } => {
            vec![All { within: Some(repository.clone()), after: 0 }.job()]
        }
        Change::RestoreProject { .. } => vec![All::default().job()],
        _ => Vec::new(),
    }
}
