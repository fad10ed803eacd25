//! The sweep: removes what nobody can reach any more, while the registry works, at a cost in proportion to the garbage.
//!
//! Three indexed questions find it: blobs that no manifest names and whose grace is over, trash whose time is up, uploads
//! that were left. What each removal frees is settled in its own commit, and a repository or project in the trash is removed by
//! several; bytes go by jobs ([`crate::jobs`]).

use std::time::Duration;

use wharf_model::api::trash::TrashKind;
use wharf_model::id::Id;
use wharf_store::ledger::change::{Change, Commit, Freed, Refused};
use wharf_store::ledger::trash::TrashRow;

use crate::error::Error;
use crate::registry::Registry;

/// Most things that are looked for at once.
const BATCH: usize = 200;
/// Most that are removed in one commit: each may free as much as a manifest names, while others wait for the ledger.
const COMMIT_MAX: usize = 20;
/// How many failures one after the other are taken to be the ledger's, not of what is to be removed.
const FAILURES_MAX: usize = 3;
/// On whose behalf.
const ACTOR: &str = "sweep";

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

    /// Removes all that can be removed now. What cannot be removed keeps nothing else from it.
    ///
    /// # Errors
    /// A store fails, the first time it did; what was removed stays removed, the rest is removed next time.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let trash = self.purge_expired(&mut swept.trash).await;
        let members = self.sweep_members(&mut swept.members).await;
        let uploads = self.end_uploads(&mut swept.uploads).await;
        let all = trash.and(members).and(uploads);
        if all.is_err() && swept != Swept::default() {
            tracing::info!(?swept, "swept, though not all");
        }
        all.map(|()| swept)
    }

    async fn purge_expired(&self, purged: &mut usize) -> Result<(), Error> {
        let mut outcome = Ok(());
        loop {
            let expired = self.0.ledger.expired_trash(BATCH).await?;
            let is_manifest = |row: &TrashRow| row.kind == TrashKind::Manifest;
            let (manifests, large): (Vec<_>, Vec<_>) = expired.into_iter().partition(is_manifest);
            let purge = |id| Change::PurgeTrash { id, freed: Freed::default(), done: false };
            let changes: Vec<Change> = manifests.into_iter().map(|row| purge(row.id)).collect();
            let (mut made, result) = self.commit_sweep(&changes).await;
            outcome = outcome.and(result);
            for row in large {
                match self.purge_whole(row.id).await {
                    Ok(()) => made += 1,
                    Err(error) => {
                        tracing::warn!(entry = %row.id, %error, "something in the trash could not be purged");
                        outcome = outcome.and(Err(error));
                    }
                }
            }
            *purged += made;
            if made == 0 {
                return outcome;
            }
        }
    }

    /// Purges a repository or a project, step by step, a commit for each.
    async fn purge_whole(&self, id: Id) -> Result<(), Error> {
        let commit = |changes| Commit { actor: ACTOR.to_owned(), changes, ..Commit::default() };
        while !self.purge_step(commit, id).await? {}
        Ok(())
    }

    async fn sweep_members(&self, swept: &mut usize) -> Result<(), Error> {
        let mut outcome = Ok(());
        loop {
            let members = self.0.ledger.unreferenced(BATCH).await?;
            let sweep = |(repository, digest)| Change::SweepMember { repository, digest, freed: Freed::default() };
            let changes: Vec<Change> = members.into_iter().map(sweep).collect();
            let (made, result) = self.commit_sweep(&changes).await;
            (*swept, outcome) = (*swept + made, outcome.and(result));
            if made == 0 {
                return outcome;
            }
        }
    }

    async fn end_uploads(&self, ended: &mut usize) -> Result<(), Error> {
        loop {
            let made = self.expire_uploads(BATCH).await?;
            if made == 0 {
                return Ok(());
            }
            *ended += made;
        }
    }

    /// Makes the changes, a few at a time; where that fails, one at a time, so that one which cannot be made keeps no other
    /// from it. How many had an effect, and the first failure.
    async fn commit_sweep(&self, changes: &[Change]) -> (usize, Result<(), Error>) {
        let (mut made, mut outcome, mut failures) = (0, Ok(()), 0);
        for batch in changes.chunks(COMMIT_MAX) {
            if let Ok(effects) = self.commit_few(batch).await {
                made += effects;
                continue;
            }
            for one in batch.chunks(1) {
                match self.commit_few(one).await {
                    Ok(effects) => (made, failures) = (made + effects, 0),
                    Err(error) => {
                        tracing::warn!(change = ?one, %error, "something could not be swept");
                        (outcome, failures) = (outcome.and(Err(error)), failures + 1);
                    }
                }
                if failures == FAILURES_MAX {
                    return (made, outcome);
                }
            }
        }
        (made, outcome)
    }

    /// How many of the changes had an effect: those that the log has.
    async fn commit_few(&self, changes: &[Change]) -> Result<usize, Error> {
        let commit = Commit { actor: ACTOR.to_owned(), changes: changes.to_vec(), ..Commit::default() };
        let seq = self.0.ledger.commit(commit).await.map_err(|refused| match refused {
            Refused::Failed(error) => error.into(),
            other => Error::Internal(other.to_string()),
        })?;
        // Where none had, it is an older entry; one of ours where its answer was lost.
        let entries = self.0.ledger.log(seq.saturating_sub(1), 1).await?;
        let logged = entries.iter().filter(|entry| entry.seq == seq).flat_map(|entry| &entry.changes);
        Ok(logged.filter(|logged| changes.iter().any(|asked| is_same(asked, logged))).count())
    }
}

/// Whether two changes remove the same.
fn is_same(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (Change::PurgeTrash { id, .. }, Change::PurgeTrash { id: other, .. }) => id == other,
        (
            Change::SweepMember { repository, digest, .. },
            Change::SweepMember { repository: other, digest: other_digest, .. },
        ) => (repository, digest) == (other, other_digest),
        _ => false,
    }
}
