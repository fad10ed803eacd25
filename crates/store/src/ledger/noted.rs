//! Notes, written once for both engines. Each function is one statement, and so atomic by itself.

use wharf_model::id::Id;

use super::notes::{Cursor, Job, UploadNote};
use super::query::LedgerError;
use super::sql::{Row, Sql};
use crate::clock::Millis;

pub(crate) async fn put_upload(sql: &mut impl Sql, note: &UploadNote) -> Result<bool, LedgerError> {
    let (id, repository, clock) = ((&note.id).into(), note.repository.as_str().into(), sql.clock());
    let (actor, version, state) = (note.actor.as_str().into(), note.version as i64, (&note.state[..]).into());
    let written = if version == 1 {
        let insert = "INSERT INTO upload (uid, repository, actor, version, state, updated_at)
            VALUES ($1, $2, $3, $4, $5, {now $6}) ON CONFLICT (uid) DO NOTHING";
        sql.execute(insert, &[id, repository, actor, version.into(), state, clock]).await?
    } else {
        let update = "UPDATE upload SET repository = $2, actor = $3, version = $4, state = $5, updated_at = {now $6}
            WHERE uid = $1 AND version = $7";
        let before = (version - 1).into();
        sql.execute(update, &[id, repository, actor, version.into(), state, clock, before]).await?
    };
    Ok(written > 0)
}

pub(crate) async fn delete_upload(sql: &mut impl Sql, id: Id) -> Result<(), LedgerError> {
    sql.execute("DELETE FROM upload WHERE uid = $1", &[(&id).into()]).await?;
    Ok(())
}

pub(crate) async fn upload(sql: &mut impl Sql, id: Id) -> Result<Option<UploadNote>, LedgerError> {
    let find = "SELECT uid, repository, actor, version, state, updated_at FROM upload WHERE uid = $1";
    sql.one(find, &[(&id).into()]).await?.map(upload_note).transpose()
}

pub(crate) async fn idle_uploads(
    sql: &mut impl Sql,
    idle: Millis,
    limit: usize,
) -> Result<Vec<UploadNote>, LedgerError> {
    let find = "SELECT uid, repository, actor, version, state, updated_at FROM upload
        WHERE updated_at <= {now $1} - CAST($2 AS BIGINT) ORDER BY updated_at, id LIMIT $3";
    let parameters = [sql.clock(), idle.into(), (limit as i64).into()];
    sql.query(find, &parameters).await?.into_iter().map(upload_note).collect()
}

fn upload_note(mut row: Row) -> Result<UploadNote, LedgerError> {
    Ok(UploadNote {
        id: row.id(0)?,
        repository: row.parsed(1)?,
        actor: row.text(2)?,
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

/// `due_at` is asked twice: on PostgreSQL two may choose the same jobs at once, and the one that comes second sees there
/// that they are no longer due.
pub(crate) async fn claim_jobs(
    sql: &mut impl Sql,
    kind: &str,
    lease: Millis,
    limit: usize,
) -> Result<Vec<Job>, LedgerError> {
    let claim = "UPDATE job SET attempts = attempts + 1, due_at = {now $1} + CAST($2 AS BIGINT)
        WHERE due_at <= {now $1} AND id IN
            (SELECT id FROM job WHERE kind = $3 AND due_at <= {now $1} ORDER BY due_at, id LIMIT $4)
        RETURNING id, key, payload, attempts";
    let parameters = [sql.clock(), lease.into(), kind.into(), (limit as i64).into()];
    let rows = sql.query(claim, &parameters).await?;
    let job = |mut row: Row| {
        Ok(Job { id: row.int(0)?, key: row.text(1)?, payload: row.text(2)?, attempts: row.unsigned(3)? })
    };
    let mut jobs = rows.into_iter().map(job).collect::<Result<Vec<_>, LedgerError>>()?;
    jobs.sort_by_key(|job| job.id);
    Ok(jobs)
}

pub(crate) async fn finish_job(sql: &mut impl Sql, id: i64) -> Result<(), LedgerError> {
    sql.execute("DELETE FROM job WHERE id = $1", &[id.into()]).await?;
    Ok(())
}

pub(crate) async fn retry_job(sql: &mut impl Sql, id: i64, delay: Millis, error: &str) -> Result<(), LedgerError> {
    let update = "UPDATE job SET due_at = {now $1} + CAST($2 AS BIGINT), error = $3 WHERE id = $4";
    let parameters = [sql.clock(), delay.into(), error.into(), id.into()];
    sql.execute(update, &parameters).await?;
    Ok(())
}

pub(crate) async fn count_jobs(sql: &mut impl Sql, kind: &str) -> Result<u64, LedgerError> {
    let row = sql.one("SELECT count(*) FROM job WHERE kind = $1", &[kind.into()]).await?;
    row.map_or(Ok(0), |mut row| row.unsigned(0))
}
