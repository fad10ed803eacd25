//! How a change is made: check and write in one place, once for both engines.

mod blobs;
mod manifests;
mod tags;
mod trash;

use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::RepositoryName;

use super::Seq;
use super::change::{Change, Commit, Entry, Expects, Refused};
use super::noted::put_cursor;
use super::notes::{NewJob, RECLAIM};
use super::query::{LedgerError, Totals};
use super::sql::{Sql, digest_list};
use crate::clock::Millis;
use crate::ids;

/// What every change is made with.
pub(crate) struct Context<'a, S> {
    pub(crate) sql: &'a mut S,
    pub(crate) now: Millis,
    grace: Millis,
    pub(crate) actor: &'a str,
}

/// Makes all changes of a commit, then its jobs and its cursor. Returns the entry, which is in the log, or `None` where no
/// change had an effect.
///
/// # Errors
/// Where it is refused, what was written before has to be rolled back.
pub(crate) async fn apply<S: Sql>(
    sql: &mut S,
    commit: Commit,
    seq: Seq,
    now: Millis,
    grace: Millis,
) -> Result<Option<Entry>, Refused> {
    let mut context = Context { sql, now, grace, actor: &commit.actor };
    let mut changes = Vec::with_capacity(commit.changes.len());
    for mut change in commit.changes {
        if context.change(&mut change).await? {
            changes.push(change);
        }
    }
    for job in &commit.jobs {
        context.queue(job).await?;
    }
    if let Some((follower, cursor)) = &commit.cursor {
        put_cursor(context.sql, follower, *cursor).await?;
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let insert = "INSERT INTO log (seq, at, actor, changes) VALUES ($1, $2, $3, $4)";
    let text = to_json(&changes)?;
    sql.execute(insert, &[(seq as i64).into(), now.into(), commit.actor.as_str().into(), text.as_str().into()]).await?;
    Ok(Some(Entry { seq, at: now, actor: commit.actor, changes }))
}

impl<S: Sql> Context<'_, S> {
    async fn change(&mut self, change: &mut Change) -> Result<bool, Refused> {
        match change {
            Change::EnsureRepository { repository, expects, made_project } => {
                let made = self.ensure_repository(repository, *expects).await?;
                *made_project = made == Some(true);
                Ok(made.is_some())
            }
            Change::PutProject { project, expects, id, public } => {
                self.put_project(project.as_str(), *expects, *id, *public).await
            }
            Change::People(change) => self.people(change).await,
            Change::PutBlob { .. } => self.put_blob(change).await,
            Change::MountBlob { repository, digest, from, readable } => {
                self.mount_blob(repository, digest, from, readable).await
            }
            Change::DeleteBlob { repository, digest, freed } => {
                *freed = self.delete_blob(repository, digest).await?;
                Ok(true)
            }
            Change::PutManifest { .. } => self.put_manifest(change).await,
            Change::PointTag { repository, tag, digest, expected, previous } => {
                let (moved, before) = self.point_tag(repository, tag, digest, expected).await?;
                *previous = before;
                Ok(moved)
            }
            Change::DeleteTag { repository, tag, previous } => {
                *previous = Some(self.delete_tag(repository, tag).await?);
                Ok(true)
            }
            Change::DeleteManifest { repository, digest, keep, tags, children } => {
                (*tags, *children) = self.delete_manifest(repository, digest, *keep).await?;
                Ok(true)
            }
            Change::PurgeTrash { id, freed } => match self.purge_trash(id).await? {
                Some(what) => {
                    *freed = what;
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

    // --- projects, repositories, people

    async fn repository(&mut self, name: &RepositoryName) -> Result<i64, Refused> {
        let row = self.sql.one("SELECT id FROM repository WHERE name = $1", &[name.as_str().into()]).await?;
        Ok(row.ok_or(Refused::RepositoryUnknown)?.int(0)?)
    }

    /// Whether it was made, and its project with it.
    async fn ensure_repository(&mut self, name: &RepositoryName, expects: Expects) -> Result<Option<bool>, Refused> {
        let found = self.expected_project(name.project_str(), expects).await?;
        if found.is_some() && self.sql.any("SELECT 1 FROM repository WHERE name = $1", &[name.as_str().into()]).await? {
            return Ok(None);
        }
        let (project, public) = match found {
            Some((project, _, public)) => (project, public),
            None => (self.insert_project(name.project_str(), None, false).await?, false),
        };
        let insert = "INSERT INTO repository (uid, project, name, public, created_at) VALUES ($1, $2, $3, $4, $5)";
        let uid = ids::random()?;
        let parameters = [(&uid).into(), project.into(), name.as_str().into(), public.into(), self.now.into()];
        self.sql.execute(insert, &parameters).await?;
        Ok(Some(found.is_none()))
    }

    /// The project's number, its id, and whether it is public; refused where it is not what was expected.
    async fn expected_project(&mut self, name: &str, expects: Expects) -> Result<Option<(i64, Id, bool)>, Refused> {
        let row = self.sql.one("SELECT id, uid, public FROM project WHERE name = $1", &[name.into()]).await?;
        let found = row.map(|mut row| Ok::<_, LedgerError>((row.int(0)?, row.id(1)?, row.flag(2)?))).transpose()?;
        match (expects, &found) {
            (Expects::Anything, _) | (Expects::Nothing, None) => Ok(found),
            (Expects::Project(expected), Some((_, id, _))) if expected == *id => Ok(found),
            _ => Err(Refused::ProjectChanged),
        }
    }

    async fn insert_project(&mut self, name: &str, id: Option<Id>, public: bool) -> Result<i64, LedgerError> {
        let insert = "INSERT INTO project (uid, name, public, created_at) VALUES ($1, $2, $3, $4) RETURNING id";
        let uid = id.map_or_else(ids::random, Ok)?;
        let row = self.sql.one(insert, &[(&uid).into(), name.into(), public.into(), self.now.into()]).await?;
        returned(row)
    }

    async fn put_project(
        &mut self,
        name: &str,
        expects: Expects,
        id: Option<Id>,
        public: bool,
    ) -> Result<bool, Refused> {
        let Some((id, _, before)) = self.expected_project(name, expects).await? else {
            self.insert_project(name, id, public).await?;
            return Ok(true);
        };
        if before != public {
            let parameters = [id.into(), public.into()];
            self.sql.execute("UPDATE project SET public = $2 WHERE id = $1", &parameters).await?;
            self.sql.execute("UPDATE repository SET public = $2 WHERE project = $1", &parameters).await?;
        }
        Ok(before != public)
    }

    // --- what follows

    async fn put_totals(&mut self, put: &'static str, totals: &Totals) -> Result<bool, Refused> {
        let mut written = 0;
        for (name, value) in totals_by_name(totals) {
            written += self.sql.execute(put, &[name.into(), value.into()]).await?;
        }
        Ok(written > 0)
    }

    async fn reclaim(&mut self, location: &str) -> Result<(), LedgerError> {
        let (kind, key, payload) = (RECLAIM.to_owned(), location.to_owned(), location.to_owned());
        self.queue(&NewJob { kind, key, payload }).await
    }

    async fn queue(&mut self, job: &NewJob) -> Result<(), LedgerError> {
        let insert = "INSERT INTO job (kind, key, payload, attempts, due_at) VALUES ($1, $2, $3, 0, $4)
            ON CONFLICT (kind, key) DO NOTHING";
        let parameters =
            [job.kind.as_str().into(), job.key.as_str().into(), job.payload.as_str().into(), self.now.into()];
        self.sql.execute(insert, &parameters).await?;
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

fn returned(row: Option<super::sql::Row>) -> Result<i64, LedgerError> {
    row.ok_or_else(|| LedgerError::Corrupt("an insert returned nothing".to_owned()))?.int(0)
}

/// The list of one digest.
fn just(digest: &Digest) -> Vec<String> {
    digest_list(std::iter::once((None, digest)))
}

fn to_json(value: &impl serde::Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Corrupt(error.to_string()))
}
