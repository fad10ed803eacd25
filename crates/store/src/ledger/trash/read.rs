//! The questions about the trash and about history. Each is one statement, but for the moves of a tag, which are only ever added
//! to.

use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName, Tag};

use super::{MoveRow, RepositoryRow, TrashMark, TrashRow, kind, kind_of};
use crate::clock::Millis;
use crate::ledger::query::LedgerError;
use crate::sql::{Row, Sql, Value, digest_values, id_list};

/// Where a list of the trash begins.
const BEFORE_ALL: TrashMark = (Millis::MAX, Id([0xff; 16]));

/// What [`trash_row`] reads.
macro_rules! select_entry {
    ($from:literal) => {
        concat!(
            "SELECT t.uid, t.kind, p.uid, t.name, d.algorithm, d.digest, t.tags, t.deleted_at, t.deleted_by, t.until ",
            $from
        )
    };
}

pub(crate) async fn repository(
    sql: &mut impl Sql,
    name: &RepositoryName,
) -> Result<Option<RepositoryRow>, LedgerError> {
    let find = "SELECT uid, public, created_at, pulls FROM repository WHERE name = $1";
    let row = sql.one(find, &[name.as_str().into()]).await?;
    let row = row.map(|mut row| {
        Ok(RepositoryRow { id: row.id(0)?, public: row.flag(1)?, created_at: row.int(2)?, pulls: row.unsigned(3)? })
    });
    row.transpose()
}

pub(crate) async fn tag_moves(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    tag: &Tag,
    before: Option<u64>,
    limit: usize,
) -> Result<Option<Vec<MoveRow>>, LedgerError> {
    let count = "SELECT r.id, (SELECT count(*) FROM tag_history h WHERE h.repository = r.id AND h.name = $2)
        FROM repository r WHERE r.name = $1";
    let Some(mut row) = sql.one(count, &[repository.as_str().into(), tag.as_str().into()]).await? else {
        return Ok(None);
    };
    let (repository, known) = (row.int(0)?, row.unsigned(1)?);
    // They are numbered from the oldest, so that what comes meanwhile moves no page.
    let end = before.map_or(known, |before| known.min(before.saturating_sub(1)));
    let skipped = end.saturating_sub(limit as u64);
    let find =
        "SELECT at, actor, client, before_algorithm, before_digest, after_algorithm, after_digest FROM tag_history
        WHERE repository = $1 AND name = $2 ORDER BY id LIMIT $3 OFFSET $4";
    let page = ((end - skipped) as i64, skipped as i64);
    let rows = sql.query(find, &[repository.into(), tag.as_str().into(), page.0.into(), page.1.into()]).await?;
    let numbered = rows.into_iter().zip(skipped + 1..).map(|(row, number)| move_row(row, number));
    let mut moves = numbered.collect::<Result<Vec<_>, _>>()?;
    moves.reverse();
    Ok(Some(moves))
}

fn move_row(mut row: Row, number: u64) -> Result<MoveRow, LedgerError> {
    Ok(MoveRow {
        number,
        at: row.int(0)?,
        actor: row.text(1)?,
        client: row.maybe_text(2)?,
        before: row.maybe_digest(3)?,
        after: row.maybe_digest(5)?,
    })
}

pub(crate) async fn trash(
    sql: &mut impl Sql,
    project: Option<Id>,
    after: Option<TrashMark>,
    limit: usize,
) -> Result<Vec<TrashRow>, LedgerError> {
    let (at, id) = after.unwrap_or(BEFORE_ALL);
    let (at, id, limit) = (at.into(), (&id).into(), (limit as i64).into());
    let rows = match &project {
        None => {
            let find = select_entry!(
                "FROM trash t CROSS JOIN project p LEFT JOIN document d ON d.id = t.document
                WHERE p.id = t.project AND (t.deleted_at, t.uid) < ($1, $2)
                ORDER BY t.deleted_at DESC, t.uid DESC LIMIT $3"
            );
            sql.query(find, &[at, id, limit]).await?
        }
        Some(project) => {
            let find = select_entry!(
                "FROM trash t CROSS JOIN project p LEFT JOIN document d ON d.id = t.document
                WHERE t.project = (SELECT id FROM project WHERE uid = $4) AND p.id = t.project
                    AND (t.deleted_at, t.uid) < ($1, $2)
                ORDER BY t.deleted_at DESC, t.uid DESC LIMIT $3"
            );
            sql.query(find, &[at, id, limit, project.into()]).await?
        }
    };
    rows.into_iter().map(trash_row).collect()
}

pub(crate) async fn latest_trash(
    sql: &mut impl Sql,
    projects: &[Id],
    after: Option<TrashMark>,
) -> Result<Vec<TrashRow>, LedgerError> {
    let (at, id) = after.unwrap_or(BEFORE_ALL);
    let projects = id_list(projects);
    let find = select_entry!(
        "FROM {ids $3} AS wanted CROSS JOIN project p CROSS JOIN trash t LEFT JOIN document d ON d.id = t.document
        WHERE p.uid = wanted.value AND t.id = (
            SELECT n.id FROM trash n WHERE n.project = p.id AND (n.deleted_at, n.uid) < ($1, $2)
            ORDER BY n.deleted_at DESC, n.uid DESC LIMIT 1)"
    );
    let rows = sql.query(find, &[at.into(), (&id).into(), Value::List(&projects)]).await?;
    rows.into_iter().map(trash_row).collect()
}

pub(crate) async fn trash_entry(sql: &mut impl Sql, id: Id) -> Result<Option<TrashRow>, LedgerError> {
    let find = select_entry!(
        "FROM trash t JOIN project p ON p.id = t.project LEFT JOIN document d ON d.id = t.document WHERE t.uid = $1"
    );
    sql.one(find, &[(&id).into()]).await?.map(trash_row).transpose()
}

pub(crate) async fn trashed_manifest(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<TrashRow>, LedgerError> {
    let (algorithm, hash) = digest_values(digest);
    let find = select_entry!(
        "FROM document d CROSS JOIN trash t CROSS JOIN project p
        WHERE d.algorithm = $1 AND d.digest = $2 AND t.document = d.id AND p.id = t.project
            AND t.repository = (SELECT id FROM repository WHERE name = $3)"
    );
    let rows = sql.query(find, &[algorithm, hash, repository.as_str().into()]).await?;
    let found = rows.into_iter().map(trash_row).collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().max_by_key(|entry| (entry.deleted_at, entry.id)))
}

pub(crate) async fn projects_called(
    sql: &mut impl Sql,
    name: &ProjectName,
    limit: usize,
) -> Result<Vec<Id>, LedgerError> {
    let find = concat!(
        "SELECT uid FROM project WHERE name = $1
        UNION ALL SELECT p.uid FROM trash t JOIN project p ON p.id = t.project WHERE t.kind = ",
        kind!(project),
        " AND t.name = $1 LIMIT $2"
    );
    let rows = sql.query(find, &[name.as_str().into(), (limit as i64).into()]).await?;
    rows.into_iter().map(|mut row| row.id(0)).collect()
}

pub(crate) async fn expired_trash(sql: &mut impl Sql, limit: usize) -> Result<Vec<TrashRow>, LedgerError> {
    let find = select_entry!(
        "FROM trash t CROSS JOIN project p LEFT JOIN document d ON d.id = t.document
        WHERE p.id = t.project AND t.until <= {now $1} ORDER BY t.until, t.id LIMIT $2"
    );
    let parameters = [sql.clock(), (limit as i64).into()];
    sql.query(find, &parameters).await?.into_iter().map(trash_row).collect()
}

fn trash_row(mut row: Row) -> Result<TrashRow, LedgerError> {
    let tags = serde_json::from_str(&row.text(6)?);
    Ok(TrashRow {
        id: row.id(0)?,
        kind: kind_of(row.int(1)?)?,
        project: row.id(2)?,
        name: row.text(3)?,
        digest: row.maybe_digest(4)?,
        tags: tags.map_err(|error| LedgerError::Corrupt(format!("tags in the trash: {error}")))?,
        deleted_at: row.int(7)?,
        deleted_by: row.text(8)?,
        until: row.int(9)?,
    })
}
