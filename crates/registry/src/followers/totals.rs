//! Counts what is stored — repositories, manifests, tags, blobs and their bytes — so that nobody has to count it.

use async_trait::async_trait;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::query::{LedgerError, Totals};
use wharf_store::ledger::{Ledger, Seq};

use super::{Follower, Reaction};

/// See the module.
pub struct TotalsFollower;

#[async_trait]
impl Follower for TotalsFollower {
    fn name(&self) -> &'static str {
        "totals"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, change: &Change) -> bool {
        effect(change) != Totals::default()
    }

    fn follow(&self, entries: &[Entry]) -> Reaction {
        let mut sum = Totals::default();
        for change in entries.iter().flat_map(|entry| &entry.changes) {
            let one = effect(change);
            sum.repositories += one.repositories;
            sum.manifests += one.manifests;
            sum.tags += one.tags;
            sum.blobs += one.blobs;
            sum.blob_bytes += one.blob_bytes;
        }
        Reaction { changes: vec![Change::AddTotals(sum)], jobs: Vec::new() }
    }

    async fn rebuild(&self, ledger: &dyn Ledger) -> Result<(Seq, Reaction), LedgerError> {
        let (seq, totals) = ledger.count_totals().await?;
        Ok((seq, Reaction { changes: vec![Change::SetTotals(totals)], jobs: Vec::new() }))
    }
}

/// What a change adds to the totals.
fn effect(change: &Change) -> Totals {
    let mut totals = Totals::default();
    match change {
        Change::EnsureRepository { .. } => totals.repositories = 1,
        Change::PutBlob { adopted: true, size, .. } => {
            totals.blobs = 1;
            totals.blob_bytes = *size as i64;
        }
        Change::PutManifest { created: true, .. } => totals.manifests = 1,
        Change::PointTag { previous: None, .. } => totals.tags = 1,
        Change::DeleteTag { .. } => totals.tags = -1,
        Change::DeleteManifest { tags, children, .. } => {
            totals.manifests = -1 - children.len() as i64;
            totals.tags = -(tags.len() as i64);
        }
        Change::RestoreManifest { restored, tags, .. } => {
            totals.manifests = restored.len() as i64;
            totals.tags = tags.len() as i64;
        }
        Change::DeleteRepository { contents, .. } | Change::DeleteProject { contents, .. } => {
            totals.repositories = -(contents.repositories as i64);
            totals.manifests = -(contents.manifests as i64);
            totals.tags = -(contents.tags as i64);
        }
        Change::RestoreRepository { contents, .. } | Change::RestoreProject { contents, .. } => {
            totals.repositories = contents.repositories as i64;
            totals.manifests = contents.manifests as i64;
            totals.tags = contents.tags as i64;
        }
        Change::DeleteBlob { freed, .. } | Change::SweepMember { freed, .. } | Change::PurgeTrash { freed, .. } => {
            totals.blobs = -(freed.blobs as i64);
            totals.blob_bytes = -(freed.bytes as i64);
        }
        _ => {}
    }
    totals
}
