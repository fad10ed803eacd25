//! How a change is made: check and write in one place, once for both engines.

mod blobs;
mod history;
mod immutable;
mod manifests;
mod projects;
mod purge;
mod tags;
mod trash;
pub(crate) mod usage;

use std::collections::{BTreeMap, BTreeSet};

use wharf_model::digest::Digest;

use super::Seq;
use super::change::{Change, Commit, Entry, Refused};
use super::events::apply::{Places, takes_its_name};
use super::noted::{put_cursor, settle_job};
use super::notes::{NewJob, RECLAIM};
use super::query::{LedgerError, Totals};
use crate::clock::Millis;
use crate::sql::{Sql, digest_list};
use usage::Moved;

/// What every change is made with.
pub(crate) struct Context<'a, S> {
    pub(crate) sql: &'a mut S,
    pub(crate) now: Millis,
    grace: Millis,
    pub(crate) actor: &'a str,
    client: Option<&'a str>,
    /// Of which kinds jobs were queued.
    queued: BTreeSet<String>,
    /// By how much what projects use has moved so far, by the project's number.
    moved: BTreeMap<i64, Moved>,
    /// What the changes so far are about.
    pub(crate) places: Places,
    /// Whether somebody administered before this commit; `None` until a change comes that could leave nobody.
    pub(crate) had_administrator: Option<bool>,
}

/// What came of a commit.
pub(crate) struct Applied {
    /// The entry, which is in the log; none where no change had an effect.
    pub(crate) entry: Option<Entry>,
    /// Of which kinds jobs were queued.
    pub(crate) queued: BTreeSet<String>,
}

/// Makes all changes of a commit, then its jobs and its cursor.
///
/// # Errors
/// Where it is refused, what was written before has to be rolled back.
pub(crate) async fn apply<S: Sql>(
    sql: &mut S,
    commit: Commit,
    seq: Seq,
    now: Millis,
    grace: Millis,
) -> Result<Applied, Refused> {
    let (actor, client) = (commit.actor.as_str(), commit.client.as_deref());
    let (queued, moved, places, had_administrator) = (BTreeSet::new(), BTreeMap::new(), Places::default(), None);
    let mut context = Context { sql, now, grace, actor, client, queued, moved, places, had_administrator };
    let mut changes = Vec::with_capacity(commit.changes.len());
    for mut change in commit.changes {
        let takes_its_name = takes_its_name(&change);
        if takes_its_name {
            context.note_place(&change).await?;
        }
        if context.change(&mut change).await? {
            if !takes_its_name {
                context.note_place(&change).await?;
            }
            changes.push(change);
        }
    }
    context.settle_usage().await?;
    context.settle_people().await?;
    for job in &commit.jobs {
        context.queue(job).await?;
    }
    for settled in &commit.settled {
        settle_job(context.sql, settled, now).await?;
    }
    let queued = std::mem::take(&mut context.queued);
    if let Some((follower, cursor)) = &commit.cursor {
        put_cursor(context.sql, follower, *cursor).await?;
    }
    if changes.is_empty() {
        return Ok(Applied { entry: None, queued });
    }
    let insert = "INSERT INTO log (seq, at, actor, changes) VALUES ($1, $2, $3, $4)";
    let text = to_json(&changes)?;
    let parameters = [(seq as i64).into(), now.into(), commit.actor.as_str().into(), text.as_str().into()];
    context.sql.execute(insert, &parameters).await?;
    context.settle_places(seq).await?;
    let entry = Some(Entry { seq, at: now, actor: commit.actor, changes });
    Ok(Applied { entry, queued })
}

impl<S: Sql> Context<'_, S> {
    async fn change(&mut self, change: &mut Change) -> Result<bool, Refused> {
        match change {
            Change::EnsureRepository { repository, expects, made_project } => {
                let made = self.ensure_repository(repository, *expects).await?;
                *made_project = made == Some(true);
                Ok(made.is_some())
            }
            Change::PutProject { project, expects, id, set, created } => {
                let made = self.put_project(project, *expects, *id, set).await?;
                *created = made == Some(true);
                Ok(made.is_some())
            }
            Change::People(change) => self.people(change).await,
            Change::PutBlob { .. } => self.put_blob(change).await,
            Change::MountBlob { .. } => self.mount_blob(change).await,
            Change::DeleteBlob { repository, expects, digest, freed } => {
                *freed = self.delete_blob(repository, *expects, digest).await?;
                Ok(true)
            }
            Change::PutManifest { .. } => self.put_manifest(change).await,
            Change::PointTag { repository, expects, tag, digest, expected, previous } => {
                let (moved, before) = self.point_tag(repository, *expects, tag, digest, expected).await?;
                *previous = before;
                Ok(moved)
            }
            Change::DeleteTag { repository, expects, tag, previous } => {
                *previous = Some(self.delete_tag(repository, *expects, tag).await?);
                Ok(true)
            }
            Change::SetOverview { repository, expects, text, .. } => {
                self.set_overview(repository, *expects, text).await
            }
            Change::DeleteManifest { repository, expects, digest, keep, tags, children } => {
                (*tags, *children) = self.delete_manifest(repository, *expects, digest, *keep).await?;
                Ok(true)
            }
            Change::DeleteRepository { repository, expects, entry, keep, contents } => {
                *contents = self.delete_repository(repository, *expects, entry, *keep).await?;
                Ok(true)
            }
            Change::DeleteProject { project, expects, entry, keep, contents } => {
                *contents = self.delete_project(project, *expects, entry, *keep).await?;
                Ok(true)
            }
            Change::RestoreManifest { entry, repository, retag, restored, tags } => {
                (*restored, *tags) = self.restore_manifest(entry, repository, *retag).await?;
                Ok(true)
            }
            Change::RestoreRepository { entry, repository, contents } => {
                *contents = self.restore_repository(entry, repository).await?;
                Ok(true)
            }
            Change::RestoreProject { entry, project, contents } => {
                *contents = self.restore_project(entry, project).await?;
                Ok(true)
            }
            Change::PurgeTrash { id, freed, done } => match self.purge_trash(id).await? {
                Some(what) => {
                    (*freed, *done) = what;
                    Ok(true)
                }
                None => Ok(false),
            },
            Change::SweepMember { repository, digest, freed } => match self.sweep_member(repository, digest).await? {
                Some(what) => {
                    *freed = what;
                    Ok(true)
                }
                None => Ok(false),
            },
            Change::Found(change) => self.put_found(change).await,
            Change::AddTotals(totals) if *totals == Totals::default() => Ok(false),
            Change::AddTotals(totals) => {
                let add = "INSERT INTO total (name, value) VALUES ($1, $2)
                    ON CONFLICT (name) DO UPDATE SET value = total.value + excluded.value";
                self.put_totals(add, totals).await
            }
            Change::SetTotals(totals) => {
                let set = "INSERT INTO total (name, value) VALUES ($1, $2)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE total.value <> excluded.value";
                self.put_totals(set, totals).await
            }
        }
    }

    // --- what follows

    async fn put_totals(&mut self, put: &'static str, totals: &Totals) -> Result<bool, Refused> {
        let mut written = 0;
        for (name, value) in totals_by_name(totals) {
            written += self.sql.execute(put, &[name.into(), value.into()]).await?;
        }
        Ok(written > 0)
    }

    pub(crate) async fn reclaim(&mut self, location: &str) -> Result<(), LedgerError> {
        let (kind, key, payload) = (RECLAIM.to_owned(), location.to_owned(), location.to_owned());
        self.queue(&NewJob { kind, key, payload }).await
    }

    async fn queue(&mut self, job: &NewJob) -> Result<(), LedgerError> {
        let insert = "INSERT INTO job (kind, key, payload, attempts, due_at) VALUES ($1, $2, $3, 0, $4)
            ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, asked = job.asked + 1";
        let parameters =
            [job.kind.as_str().into(), job.key.as_str().into(), job.payload.as_str().into(), self.now.into()];
        self.sql.execute(insert, &parameters).await?;
        if !self.queued.contains(&job.kind) {
            self.queued.insert(job.kind.clone());
        }
        Ok(())
    }
}

/// The totals, as they are kept.
pub(crate) fn totals_by_name(totals: &Totals) -> [(&'static str, i64); 5] {
    [
        ("repositories", totals.repositories),
        ("manifests", totals.manifests),
        ("tags", totals.tags),
        ("blobs", totals.blobs),
        ("blob_bytes", totals.blob_bytes),
    ]
}

fn returned(row: Option<crate::sql::Row>) -> Result<i64, LedgerError> {
    row.ok_or_else(|| LedgerError::Corrupt("an insert returned nothing".to_owned()))?.int(0)
}

/// The list of one digest.
fn just(digest: &Digest) -> Vec<String> {
    digest_list(std::iter::once((None, digest)))
}

fn to_json(value: &impl serde::Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Corrupt(error.to_string()))
}
