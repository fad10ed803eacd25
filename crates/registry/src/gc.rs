//! The sweep: removes what nobody can reach any more, while the registry works, at a cost in proportion to the garbage.
//!
//! Three indexed questions find it: blobs that no manifest names and whose grace is over, trash whose time is up, uploads
//! that were left. What each removal frees is settled in its own commit; bytes go by jobs ([`crate::jobs`]).

use std::time::Duration;

use wharf_store::ledger::change::{Change, Commit, Freed};

use crate::error::Error;
use crate::registry::Registry;

/// Most things that are removed in one step.
const BATCH: usize = 200;

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs that left a repository.
    pub members: usize,
    /// Entries of the trash.
    pub trash: usize,
    /// Uploads.
    pub uploads: usize,
}

impl Registry {
    /// Sweeps every `interval`, for ever.
    pub async fn sweep_for_ever(&self, interval: Duration) {
        loop {
            match self.sweep().await {
                Ok(swept) if swept != Swept::default() => tracing::info!(?swept, "swept"),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the sweep failed; it will go on later"),
            }
            tokio::time::sleep(interval).await;
        }
    }

    /// Removes all that can be removed now.
    ///
    /// # Errors
    /// A store fails; what was removed stays removed, the rest is removed next time.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        loop {
            let trash = self.purge_expired().await?;
            let members = self.sweep_members().await?;
            let uploads = self.expire_uploads(BATCH).await?;
            swept.trash += trash;
            swept.members += members;
            swept.uploads += uploads;
            if trash.max(members).max(uploads) < BATCH {
                return Ok(swept);
            }
        }
    }

    async fn purge_expired(&self) -> Result<usize, Error> {
        let expired = self.0.ledger.expired_trash(BATCH).await?;
        let changes: Vec<Change> =
            expired.iter().map(|row| Change::PurgeTrash { id: row.id, freed: Freed::default() }).collect();
        self.commit_sweep(changes).await
    }

    async fn sweep_members(&self) -> Result<usize, Error> {
        let members = self.0.ledger.unreferenced(BATCH).await?;
        let sweep = |(repository, digest)| Change::SweepMember { repository, digest, freed: Freed::default() };
        self.commit_sweep(members.into_iter().map(sweep).collect()).await
    }

    async fn commit_sweep(&self, changes: Vec<Change>) -> Result<usize, Error> {
        let count = changes.len();
        if count > 0 {
            let commit = Commit { actor: "sweep".to_owned(), changes, ..Commit::default() };
            self.0.ledger.commit(commit).await.map_err(|refused| Error::Internal(refused.to_string()))?;
        }
        Ok(count)
    }
}
