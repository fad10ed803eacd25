//! The questions about artifacts, each one statement.

use wharf_model::digest::Digest;
use wharf_model::name::{RepositoryName, Tag};

use super::{ArtifactRow, InBrief, TagRow};
use crate::ledger::query::LedgerError;
use crate::sql::{Row, Sql, Value, digest_list, digest_values};

/// What [`artifact_row`] reads of a manifest `m` and its facts `f`.
macro_rules! select_artifact {
    ($($from:literal),+) => {
        concat!(
            "SELECT m.id, m.uid, m.algorithm, m.digest, m.media_type, m.artifact_type, m.subject_algorithm, m.subject_digest,
                m.pushed_at, m.pushed_by,
                (SELECT string_agg(page.name, ' ') FROM
                    (SELECT t.name FROM tag t WHERE t.manifest = m.id ORDER BY t.name LIMIT 10) AS page),
                (SELECT count(*) FROM (SELECT 1 FROM tag t WHERE t.manifest = m.id LIMIT 1000) AS held),
                (SELECT count(*) FROM (SELECT 1 FROM manifest s WHERE s.repository = m.repository
                    AND s.subject_algorithm = m.algorithm AND s.subject_digest = m.digest LIMIT 1000) AS held),
                f.kind, f.title, f.summary, f.size, f.platforms ",
            $($from),+
        )
    };
}

/// What [`tag_row`] reads.
macro_rules! select_tag {
    ($where:literal) => {
        concat!(
            "SELECT t.name, t.updated_at, t.updated_by, m.algorithm, m.digest, m.media_type, m.artifact_type,
                f.kind, f.title, f.summary, f.size, f.platforms,
                coalesce((SELECT p.pulls FROM pulled p WHERE p.repository = t.repository AND p.tag = t.name), 0)
            FROM tag t CROSS JOIN manifest m LEFT JOIN fact f ON f.manifest = m.id
            WHERE t.repository = (SELECT id FROM repository WHERE name = $1) AND m.id = t.manifest AND ",
            $where
        )
    };
}

pub(crate) async fn artifacts(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    kind: Option<&str>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<ArtifactRow>, LedgerError> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let (repository, before, limit) = (repository.as_str().into(), before.into(), (limit as i64).into());
    let rows = match kind {
        None => {
            let find = select_artifact!(
                "FROM manifest m LEFT JOIN fact f ON f.manifest = m.id
                WHERE m.repository = (SELECT id FROM repository WHERE name = $1) AND m.id < $2
                ORDER BY m.id DESC LIMIT $3"
            );
            sql.query(find, &[repository, before, limit]).await?
        }
        Some(kind) => {
            let find = select_artifact!(
                "FROM fact f CROSS JOIN manifest m
                WHERE f.repository = (SELECT id FROM repository WHERE name = $1) AND f.kind = $4 AND f.manifest < $2
                    AND m.id = f.manifest
                ORDER BY f.manifest DESC LIMIT $3"
            );
            sql.query(find, &[repository, before, limit, kind.into()]).await?
        }
    };
    rows.into_iter().map(artifact_row).collect()
}

pub(crate) async fn artifacts_named(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    digests: &[Digest],
) -> Result<Vec<ArtifactRow>, LedgerError> {
    let find = select_artifact!(
        "FROM {digests $2} AS d CROSS JOIN manifest m LEFT JOIN fact f ON f.manifest = m.id
        WHERE m.repository = (SELECT id FROM repository WHERE name = $1)
            AND m.algorithm = d.algorithm AND m.digest = d.digest"
    );
    let list = digest_list(digests.iter().map(|digest| (None, digest)));
    let rows = sql.query(find, &[repository.as_str().into(), Value::List(&list)]).await?;
    rows.into_iter().map(artifact_row).collect()
}

pub(crate) async fn tagged(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<TagRow>, LedgerError> {
    let find = select_tag!("t.name > $2 ORDER BY t.name LIMIT $3");
    let parameters = [repository.as_str().into(), after.unwrap_or_default().into(), (limit as i64).into()];
    sql.query(find, &parameters).await?.into_iter().map(tag_row).collect()
}

pub(crate) async fn tag(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<Option<TagRow>, LedgerError> {
    let row = sql.one(select_tag!("t.name = $2"), &[repository.as_str().into(), tag.as_str().into()]).await?;
    row.map(tag_row).transpose()
}

pub(crate) async fn tags_named(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    tags: &[Tag],
) -> Result<Vec<TagRow>, LedgerError> {
    let list: Vec<String> = tags.iter().map(Tag::to_string).collect();
    let find = select_tag!("t.name IN (SELECT value FROM {texts $2} AS wanted)");
    let rows = sql.query(find, &[repository.as_str().into(), Value::List(&list)]).await?;
    rows.into_iter().map(tag_row).collect()
}

pub(crate) async fn attached_kinds(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    digests: &[Digest],
) -> Result<Vec<(Digest, Vec<String>)>, LedgerError> {
    let find = "SELECT d.algorithm, d.digest, (SELECT string_agg(held.kind, ' ') FROM
            (SELECT DISTINCT f.kind FROM
                (SELECT s.id FROM manifest s WHERE s.repository = r.id
                    AND s.subject_algorithm = d.algorithm AND s.subject_digest = d.digest LIMIT 1000) AS near
                CROSS JOIN fact f WHERE f.manifest = near.id) AS held)
        FROM repository r CROSS JOIN {digests $2} AS d WHERE r.name = $1";
    let list = digest_list(digests.iter().map(|digest| (None, digest)));
    let rows = sql.query(find, &[repository.as_str().into(), Value::List(&list)]).await?;
    let kinds = |mut row: Row| {
        let kinds = row.maybe_text(2)?.unwrap_or_default();
        Ok((row.digest(0)?, kinds.split_ascii_whitespace().map(str::to_owned).collect()))
    };
    rows.into_iter().map(kinds).collect()
}

pub(crate) async fn tags_of(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    digest: &Digest,
    limit: usize,
) -> Result<Vec<Tag>, LedgerError> {
    let (algorithm, hash) = digest_values(digest);
    let find = "SELECT t.name FROM repository r CROSS JOIN manifest m CROSS JOIN tag t
        WHERE r.name = $1 AND m.repository = r.id AND m.algorithm = $2 AND m.digest = $3 AND t.manifest = m.id
        ORDER BY t.name LIMIT $4";
    let rows = sql.query(find, &[repository.as_str().into(), algorithm, hash, (limit as i64).into()]).await?;
    rows.into_iter().map(|mut row| row.parsed(0)).collect()
}

fn artifact_row(mut row: Row) -> Result<ArtifactRow, LedgerError> {
    let tags = row.maybe_text(10)?.unwrap_or_default();
    let parsed = |tag: &str| tag.parse().map_err(|_| LedgerError::Corrupt(format!("a tag called {tag}")));
    let mut tags: Vec<Tag> = tags.split_ascii_whitespace().map(parsed).collect::<Result<_, _>>()?;
    // Which come first was settled below; in which order they are put together is the engine's affair.
    tags.sort_unstable();
    Ok(ArtifactRow {
        number: row.unsigned(0)?,
        id: row.id(1)?,
        digest: row.digest(2)?,
        media_type: row.parsed(4)?,
        artifact_type: row.maybe_text(5)?,
        subject: row.maybe_digest(6)?,
        pushed_at: row.int(8)?,
        pushed_by: row.text(9)?,
        tags,
        tags_total: row.unsigned(11)?,
        referrers: row.unsigned(12)?,
        found: in_brief(&mut row, 13)?,
    })
}

fn tag_row(mut row: Row) -> Result<TagRow, LedgerError> {
    Ok(TagRow {
        tag: row.parsed(0)?,
        moved_at: row.int(1)?,
        moved_by: row.text(2)?,
        digest: row.digest(3)?,
        media_type: row.parsed(5)?,
        artifact_type: row.maybe_text(6)?,
        found: in_brief(&mut row, 7)?,
        pulls: row.unsigned(12)?,
    })
}

/// What was found out, in the fields from `at`.
fn in_brief(row: &mut Row, at: usize) -> Result<Option<InBrief>, LedgerError> {
    let Some(kind) = row.maybe_text(at)? else { return Ok(None) };
    let (title, summary, size) = (row.text(at + 1)?, row.text(at + 2)?, row.unsigned(at + 3)?);
    let platforms = row.text(at + 4)?.lines().map(str::to_owned).collect();
    Ok(Some(InBrief { kind, title, summary, size, platforms }))
}
