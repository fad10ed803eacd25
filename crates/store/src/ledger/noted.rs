//! Notes, written once for both engines. Each function that writes is made whole or not at all: the writer sees to it.

use wharf_model::id::Id;

use super::apply::usage::{Moved, settle};
use super::change::Refused;
use super::notes::{Claim, Cursor, Job, Outcome, Settled, UploadNote};
use super::query::LedgerError;
use crate::clock::Millis;
use crate::sql::{Row, Sql, Value};

pub(crate) async fn put_upload(sql: &mut impl Sql, note: &UploadNote) -> Result<bool, Refused> {
    if note.version == 1 {
        return insert_upload(sql, note).await;
    }
    let id = Value::from(&note.id);
    let (version, before) = (note.version as i64, note.version as i64 - 1);
    // Mostly what is reserved stays as it is.
    let update = "UPDATE upload SET repository = $2, actor = $3, version = $4, state = $5, updated_at = {now $6}
        WHERE uid = $1 AND version = $7 AND reserved = $8";
    let (repository, actor, state) = (note.repository.as_str(), note.actor.as_str(), &note.state[..]);
    let (repository, actor, clock) = (repository.into(), actor.into(), sql.clock());
    let parameters =
        |reserved: i64| [id, repository, actor, version.into(), state.into(), clock, before.into(), reserved.into()];
    if sql.execute(update, &parameters(note.reserved as i64)).await? > 0 {
        return Ok(true);
    }
    let Some(reserved) = reserve(sql, note, before).await? else { return Ok(false) };
    Ok(sql.execute(update, &parameters(reserved)).await? > 0)
}

async fn insert_upload(sql: &mut impl Sql, note: &UploadNote) -> Result<bool, Refused> {
    let insert = "INSERT INTO upload (uid, repository, actor, version, state, updated_at)
        VALUES ($1, $2, $3, 1, $4, {now $5}) ON CONFLICT (uid) DO NOTHING";
    let (repository, actor, state) = (note.repository.as_str(), note.actor.as_str(), &note.state[..]);
    let parameters = [(&note.id).into(), repository.into(), actor.into(), state.into(), sql.clock()];
    if sql.execute(insert, &parameters).await? == 0 {
        return Ok(false);
    }
    if note.reserved > 0 {
        reserve(sql, note, 1).await?;
    }
    Ok(true)
}

/// Moves what the session of that version has reserved to what the note says; how much that is, or `None` where there is no
/// such session. Where the project of its repository is not there, nothing is reserved.
async fn reserve(sql: &mut impl Sql, note: &UploadNote, version: i64) -> Result<Option<i64>, Refused> {
    let find = "SELECT u.reserved, coalesce(u.project, p.id) FROM upload u LEFT JOIN project p ON p.name = $3
        WHERE u.uid = $1 AND u.version = $2";
    let parameters = [(&note.id).into(), version.into(), note.repository.project_str().into()];
    let Some(mut row) = sql.one(find, &parameters).await? else { return Ok(None) };
    let (before, project) = (row.int(0)?, row.maybe_int(1)?);
    let after = if project.is_some() { note.reserved as i64 } else { 0 };
    let update = "UPDATE upload SET project = $2, reserved = $3 WHERE uid = $1";
    sql.execute(update, &[(&note.id).into(), project.into(), after.into()]).await?;
    if let Some(project) = project {
        settle(sql, project, Moved { reserved: after - before, ..Moved::default() }).await?;
    }
    Ok(Some(after))
}

pub(crate) async fn delete_upload(sql: &mut impl Sql, id: Id) -> Result<(), Refused> {
    let delete = "DELETE FROM upload WHERE uid = $1 RETURNING project, reserved";
    let Some(mut row) = sql.one(delete, &[(&id).into()]).await? else { return Ok(()) };
    let (project, reserved) = (row.maybe_int(0)?, row.int(1)?);
    match project {
        Some(project) => settle(sql, project, Moved { reserved: -reserved, ..Moved::default() }).await,
        None => Ok(()),
    }
}

pub(crate) async fn upload(sql: &mut impl Sql, id: Id) -> Result<Option<UploadNote>, LedgerError> {
    let find = "SELECT uid, repository, actor, version, state, updated_at, reserved FROM upload WHERE uid = $1";
    sql.one(find, &[(&id).into()]).await?.map(upload_note).transpose()
}

pub(crate) async fn idle_uploads(
    sql: &mut impl Sql,
    idle: Millis,
    limit: usize,
) -> Result<Vec<UploadNote>, LedgerError> {
    let find = "SELECT uid, repository, actor, version, state, updated_at, reserved FROM upload
        WHERE updated_at <= {now $1} - CAST($2 AS BIGINT) ORDER BY updated_at, id LIMIT $3";
    let parameters = [sql.clock(), idle.into(), (limit as i64).into()];
    sql.query(find, &parameters).await?.into_iter().map(upload_note).collect()
}

fn upload_note(mut row: Row) -> Result<UploadNote, LedgerError> {
    Ok(UploadNote {
        id: row.id(0)?,
        repository: row.parsed(1)?,
        actor: row.text(2)?,
        reserved: row.unsigned(6)?,
        version: row.unsigned(3)?,
        state: row.bytes(4)?,
        updated_at: row.int(5)?,
    })
}

pub(crate) async fn cursor(sql: &mut impl Sql, follower: &str) -> Result<Option<Cursor>, LedgerError> {
    let find = "SELECT seq, version, paused FROM follower WHERE name = $1";
    let Some(mut row) = sql.one(find, &[follower.into()]).await? else { return Ok(None) };
    let version = u32::try_from(row.int(1)?).map_err(|_| LedgerError::Corrupt("a follower's version".to_owned()))?;
    Ok(Some(Cursor { seq: row.unsigned(0)?, version, paused: row.flag(2)? }))
}

pub(crate) async fn put_cursor(sql: &mut impl Sql, follower: &str, cursor: Cursor) -> Result<(), LedgerError> {
    let put = "INSERT INTO follower (name, seq, version, paused) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, version = excluded.version, paused = excluded.paused";
    let parameters =
        [follower.into(), (cursor.seq as i64).into(), i64::from(cursor.version).into(), cursor.paused.into()];
    sql.execute(put, &parameters).await?;
    Ok(())
}

/// Whoever writes is alone, so what is found is there when it is taken.
pub(crate) async fn claim_jobs(sql: &mut impl Sql, claim: &Claim) -> Result<Vec<Job>, LedgerError> {
    let find = "SELECT id, key, payload, attempts, asked FROM job WHERE kind = $1 AND due_at <= {now $2}
        ORDER BY due_at, id LIMIT $3";
    let rows = sql.query(find, &[claim.kind.as_str().into(), sql.clock(), (claim.limit as i64).into()]).await?;
    let job = |mut row: Row| {
        let (attempts, asked) = (row.unsigned(3)? + 1, row.unsigned(4)?);
        Ok(Job { id: row.int(0)?, key: row.text(1)?, payload: row.text(2)?, attempts, asked })
    };
    let mut jobs = rows.into_iter().map(job).collect::<Result<Vec<_>, LedgerError>>()?;
    let mut tried = 0;
    jobs.retain(|job| {
        tried += usize::from(job.is_again());
        !job.is_again() || tried <= claim.tried
    });
    let ids: Vec<i64> = jobs.iter().map(|job| job.id).collect();
    let take = "UPDATE job SET attempts = attempts + 1, due_at = {now $1} + CAST($2 AS BIGINT) WHERE id {any $3}";
    sql.execute(take, &[sql.clock(), claim.lease.into(), (&ids).into()]).await?;
    jobs.sort_by_key(|job| job.id);
    Ok(jobs)
}

/// Where nobody else works on jobs: those that a former process had taken, or was to try again, are due.
pub(crate) async fn end_leases(sql: &mut impl Sql) -> Result<(), LedgerError> {
    // From kind to kind, which are few: jobs may be many.
    let next = "SELECT min(kind) FROM job WHERE kind > $1";
    let end = "UPDATE job SET due_at = {now $1} WHERE kind = $2 AND due_at > {now $1}";
    let mut kind = String::new();
    while let Some(mut row) = sql.one(next, &[kind.as_str().into()]).await? {
        let Some(after) = row.maybe_text(0)? else { break };
        sql.execute(end, &[sql.clock(), after.as_str().into()]).await?;
        kind = after;
    }
    Ok(())
}

pub(crate) async fn renew_jobs(sql: &mut impl Sql, jobs: &[i64], lease: Millis) -> Result<(), LedgerError> {
    let update = "UPDATE job SET due_at = {now $1} + CAST($2 AS BIGINT) WHERE id = $3";
    for job in jobs {
        sql.execute(update, &[sql.clock(), lease.into(), (*job).into()]).await?;
    }
    Ok(())
}

/// Part of a commit, whose time is `now`.
pub(crate) async fn settle_job(sql: &mut impl Sql, settled: &Settled, now: Millis) -> Result<(), LedgerError> {
    let (id, asked) = (Value::Int(settled.id), Value::Int(settled.asked as i64));
    let is_settled = match &settled.outcome {
        Outcome::Done => sql.execute("DELETE FROM job WHERE id = $1 AND asked = $2", &[id, asked]).await? > 0,
        Outcome::Left(payload) => {
            let update =
                "UPDATE job SET payload = $3, attempts = 0, due_at = $4, error = NULL WHERE id = $1 AND asked = $2";
            sql.execute(update, &[id, asked, payload.as_str().into(), now.into()]).await? > 0
        }
        Outcome::Failed { delay, error } | Outcome::Postponed { delay, error } => {
            let counts_none = i64::from(matches!(settled.outcome, Outcome::Postponed { .. }));
            let update = "UPDATE job SET due_at = $2, error = $3, attempts = attempts - $4 WHERE id = $1";
            sql.execute(update, &[id, (now + delay).into(), error.as_str().into(), counts_none.into()]).await?;
            true
        }
    };
    if !is_settled {
        let again = "UPDATE job SET attempts = 0, due_at = $2, error = NULL WHERE id = $1";
        sql.execute(again, &[id, now.into()]).await?;
    }
    Ok(())
}

pub(crate) async fn count_jobs(sql: &mut impl Sql, kind: &str) -> Result<u64, LedgerError> {
    let row = sql.one("SELECT count(*) FROM job WHERE kind = $1", &[kind.into()]).await?;
    row.map_or(Ok(0), |mut row| row.unsigned(0))
}
