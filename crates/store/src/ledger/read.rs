//! The questions, each one statement, written once for both engines.
//!
//! One statement is one moment on both engines, so no question needs a transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use wharf_model::api::project::Project;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, Reference, RepositoryName, Tag};

use super::change::{Entry, Place};
use super::query::{BlobRow, LedgerError, ManifestRow, PlaceRow, RepositoryPage, Totals};
use super::readable::{NameRange, Readable};
use super::trash::{BEYOND_TRASH, kind};
use super::{Seq, project};
use crate::blobs::Location;
use crate::clock::Millis;
use crate::sql::{Row, Sql, Value, digest_values};

/// How many repositories that have a blob are looked through for one that may be read, at most.
const HOMES_MAX: i64 = 1_000;
/// How many of them are read at a time.
const HOMES_PAGE: i64 = 100;
/// How many names of a range are read at a time, at least.
const RANGE_PAGE: usize = 500;
/// How many names that are in a range and not to be read are passed over for one page, about.
const PASSED_MAX: usize = 10_000;
/// How many times a name is held against a range for one page, about.
const TRIED_MAX: usize = 500_000;

pub(crate) async fn log(sql: &mut impl Sql, after: Seq, limit: usize) -> Result<Vec<Entry>, LedgerError> {
    let find = "SELECT seq, at, actor, changes FROM log WHERE seq > $1 ORDER BY seq LIMIT $2";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = sql.query(find, &[after.into(), (limit as i64).into()]).await?;
    rows.into_iter().map(entry).collect()
}

/// An entry of the log: its number, when, on whose behalf, and the changes.
pub(crate) fn entry(mut row: Row) -> Result<Entry, LedgerError> {
    let changes = serde_json::from_str(&row.text(3)?);
    let changes = changes.map_err(|error| LedgerError::Corrupt(format!("an entry of the log: {error}")))?;
    Ok(Entry { seq: row.unsigned(0)?, at: row.int(1)?, actor: row.text(2)?, changes })
}

pub(crate) async fn latest(sql: &mut impl Sql) -> Result<Seq, LedgerError> {
    let row = sql.one("SELECT max(seq) FROM log", &[]).await?;
    Ok(row.map_or(Ok(None), |mut row| row.maybe_int(0))?.unwrap_or(0) as Seq)
}

pub(crate) async fn now(sql: &mut impl Sql) -> Result<Millis, LedgerError> {
    let clock = sql.clock();
    if let Value::Int(now) = clock {
        return Ok(now);
    }
    let row = sql.one("SELECT {now $1}", &[clock]).await?;
    row.map_or(Err(LedgerError::Corrupt("no time".to_owned())), |mut row| row.int(0))
}

pub(crate) async fn project(sql: &mut impl Sql, name: &ProjectName) -> Result<Option<Project>, LedgerError> {
    let find =
        "SELECT uid, public, description, settings, quota_bytes, quota_warn_bytes, quota_repositories, used_bytes,
            reserved_bytes, repositories, created_at
        FROM project WHERE name = $1";
    let row = sql.one(find, &[name.as_str().into()]).await?;
    row.map(|row| project::project(row, name)).transpose()
}

/// Manifests of the trash, and blobs that one of them names and no live one of the project does. Costs in proportion to what
/// the trash holds times the project's repositories, which is counted first, up to `most`; what other projects hold makes no
/// difference.
pub(crate) async fn trash_bytes(sql: &mut impl Sql, project: Id, most: usize) -> Result<Option<u64>, LedgerError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count = concat!(
        "SELECT count(*), (SELECT coalesce(max(repositories), 0) FROM project WHERE uid = $1) FROM (
        SELECT 1 FROM project p CROSS JOIN trash t LEFT JOIN edge e ON e.manifest = t.manifest
        WHERE p.uid = $1 AND t.project = p.id
        UNION ALL SELECT 1 FROM project p CROSS JOIN trash t CROSS JOIN manifest m
        WHERE p.uid = $1 AND t.project = p.id AND m.repository = t.repository AND t.kind = ",
        kind!(repository),
        " UNION ALL SELECT 1 FROM project p CROSS JOIN trash t CROSS JOIN member m
        WHERE p.uid = $1 AND t.project = p.id AND m.repository = t.repository AND t.kind = ",
        kind!(repository),
        " LIMIT $2) AS held"
    );
    let row = sql.one(count, &[(&project).into(), most.saturating_add(1).into()]).await?;
    if let Some(mut row) = row
        && row.int(0)?.saturating_mul(row.int(1)?.max(1)) > most
    {
        return Ok(None);
    }
    let sum = concat!(
        "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM (
        SELECT length(d.bytes) AS bytes FROM project p CROSS JOIN trash t CROSS JOIN document d
        WHERE p.uid = $1 AND t.project = p.id AND d.id = t.document
        UNION ALL SELECT length(d.bytes) AS bytes
        FROM project p CROSS JOIN trash t CROSS JOIN manifest m CROSS JOIN document d
        WHERE p.uid = $1 AND t.project = p.id AND m.repository = t.repository AND d.id = m.document AND t.kind = ",
        kind!(repository),
        " UNION ALL SELECT b.size FROM blob b WHERE b.id IN (
            SELECT m.blob FROM project p CROSS JOIN trash t CROSS JOIN member m
            WHERE p.uid = $1 AND t.project = p.id AND m.repository = t.repository
                AND NOT EXISTS (SELECT 1 FROM repository s CROSS JOIN member o
                    WHERE s.project = p.id AND s.name > '/~' AND o.repository = s.id AND o.blob = m.blob)
                AND t.kind = ",
        kind!(repository),
        " UNION ALL
            SELECT n.id FROM project p CROSS JOIN trash t CROSS JOIN edge e CROSS JOIN blob n CROSS JOIN holding h
            WHERE p.uid = $1 AND t.project = p.id AND e.manifest = t.manifest
                AND n.algorithm = e.algorithm AND n.digest = e.digest AND h.project = p.id AND h.blob = n.id
                AND NOT EXISTS (SELECT 1 FROM repository s CROSS JOIN edge o CROSS JOIN manifest l
                    WHERE s.project = p.id AND s.name > '/~' AND o.algorithm = e.algorithm AND o.digest = e.digest
                        AND o.repository = s.id AND l.id = o.manifest))
        ) AS held"
    );
    let row = sql.one(sum, &[(&project).into()]).await?;
    row.map_or(Ok(0), |mut row| row.unsigned(0)).map(Some)
}

pub(crate) async fn project_names(
    sql: &mut impl Sql,
    public_only: bool,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<ProjectName>, LedgerError> {
    let find = "SELECT name FROM project WHERE name > $1 AND public >= $2 ORDER BY name LIMIT $3";
    let after = after.unwrap_or_default().max(BEYOND_TRASH);
    let rows = sql.query(find, &[after.into(), public_only.into(), (limit as i64).into()]).await?;
    rows.into_iter().map(|mut row| row.parsed(0)).collect()
}

pub(crate) async fn place(sql: &mut impl Sql, name: &RepositoryName) -> Result<PlaceRow, LedgerError> {
    let find = "SELECT r.uid, p.uid, p.public, p.settings, p.quota_bytes, p.quota_warn_bytes
        FROM project p LEFT JOIN repository r ON r.name = $1 WHERE p.name = $2";
    let Some(mut row) = sql.one(find, &[name.as_str().into(), name.project_str().into()]).await? else {
        return Ok(PlaceRow::default());
    };
    Ok(PlaceRow {
        repository: row.maybe_id(0)?,
        project: Some(row.id(1)?),
        public: row.flag(2)?,
        rules: project::rules(&mut row, 3)?.map(Arc::new),
    })
}

pub(crate) async fn manifest(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Option<ManifestRow>, LedgerError> {
    let repository = repository.as_str().into();
    let row = match reference {
        Reference::Tag(tag) => {
            let find = "SELECT m.algorithm, m.digest, m.media_type, m.artifact_type, d.bytes FROM repository r
                JOIN tag t ON t.repository = r.id JOIN manifest m ON m.id = t.manifest JOIN document d ON d.id = m.document
                WHERE r.name = $1 AND t.name = $2";
            sql.one(find, &[repository, tag.as_str().into()]).await?
        }
        Reference::Digest(digest) => {
            let (algorithm, hash) = digest_values(digest);
            let find = "SELECT m.algorithm, m.digest, m.media_type, m.artifact_type, d.bytes FROM repository r
                JOIN manifest m ON m.repository = r.id JOIN document d ON d.id = m.document
                WHERE r.name = $1 AND m.algorithm = $2 AND m.digest = $3";
            sql.one(find, &[repository, algorithm, hash]).await?
        }
    };
    row.map(manifest_row).transpose()
}

fn manifest_row(mut row: Row) -> Result<ManifestRow, LedgerError> {
    Ok(ManifestRow {
        digest: row.digest(0)?,
        media_type: row.parsed(2)?,
        artifact_type: row.maybe_text(3)?,
        bytes: row.bytes(4)?,
    })
}

pub(crate) async fn blob(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    digest: &Digest,
    grace: Millis,
) -> Result<Option<BlobRow>, LedgerError> {
    let (algorithm, hash) = digest_values(digest);
    let find = "SELECT b.size, b.location, b.bytes FROM repository r CROSS JOIN blob b CROSS JOIN member m
        WHERE r.name = $1 AND b.algorithm = $2 AND b.digest = $3 AND m.repository = r.id AND m.blob = b.id
            AND (m.unreferenced_since IS NULL OR m.unreferenced_since > {now $4} - CAST($5 AS BIGINT))";
    let parameters = [repository.as_str().into(), algorithm, hash, sql.clock(), (grace / 2).into()];
    let Some(mut row) = sql.one(find, &parameters).await? else { return Ok(None) };
    let place = match row.maybe_text(1)? {
        Some(location) => Place::Heap(Location(location)),
        None => Place::Ledger(row.bytes(2)?),
    };
    Ok(Some(BlobRow { size: row.unsigned(0)?, place }))
}

pub(crate) async fn home_of_blob(
    sql: &mut impl Sql,
    digest: &Digest,
    readable: &Readable,
    grace: Millis,
) -> Result<Option<RepositoryName>, LedgerError> {
    let (algorithm, hash) = digest_values(digest);
    let reads_all = *readable == Readable::All;
    let find = "SELECT r.name FROM blob b CROSS JOIN member m CROSS JOIN repository r
        WHERE b.algorithm = $1 AND b.digest = $2 AND m.blob = b.id AND r.id = m.repository
            AND (r.public = 1 OR CAST($3 AS BIGINT) = 1) AND r.name > '/~'
            AND (m.unreferenced_since IS NULL OR m.unreferenced_since > {now $4} - CAST($5 AS BIGINT)) LIMIT 1";
    let parameters = [algorithm, hash, reads_all.into(), sql.clock(), (grace / 2).into()];
    if let Some(mut row) = sql.one(find, &parameters).await? {
        return row.parsed(0).map(Some);
    }
    match readable {
        Readable::Some(ranges) if !ranges.is_empty() => home_in_ranges(sql, digest, readable, grace).await,
        _ => Ok(None),
    }
}

/// Looks through the repositories that have the blob, at most [`HOMES_MAX`] of them: whoever may read one beyond those uploads.
async fn home_in_ranges(
    sql: &mut impl Sql,
    digest: &Digest,
    readable: &Readable,
    grace: Millis,
) -> Result<Option<RepositoryName>, LedgerError> {
    let (algorithm, hash) = digest_values(digest);
    let find = "SELECT m.repository, r.name FROM blob b CROSS JOIN member m CROSS JOIN repository r
        WHERE b.algorithm = $1 AND b.digest = $2 AND m.blob = b.id AND m.repository > $3 AND r.id = m.repository
            AND r.name > '/~' AND (m.unreferenced_since IS NULL OR m.unreferenced_since > {now $4} - CAST($5 AS BIGINT))
        ORDER BY m.repository LIMIT $6";
    let (mut after, mut left) = (0, HOMES_MAX);
    while left > 0 {
        let page = left.min(HOMES_PAGE);
        let parameters = [algorithm, hash, Value::Int(after), sql.clock(), (grace / 2).into(), page.into()];
        let rows = sql.query(find, &parameters).await?;
        let is_last = (rows.len() as i64) < page;
        for mut row in rows {
            after = row.int(0)?;
            let name = row.text(1)?;
            if readable.holds(&name, false) {
                return name.parse().map(Some).map_err(|_| LedgerError::Corrupt(format!("a repository named {name}")));
            }
        }
        if is_last {
            break;
        }
        left -= page;
    }
    Ok(None)
}

/// The first row only tells that the repository is there.
pub(crate) async fn tags(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    after: Option<&str>,
    limit: usize,
) -> Result<Option<Vec<Tag>>, LedgerError> {
    // No tag has a space. A row for each of ten thousand would take longer than to find them. Both engines put together in the order in which
    // the subquery finds.
    let find = "SELECT (SELECT string_agg(page.name, ' ') FROM
            (SELECT t.name FROM tag t WHERE t.repository = r.id AND t.name > $2 ORDER BY t.name LIMIT $3) AS page)
        FROM repository r WHERE r.name = $1";
    let parameters = [repository.as_str().into(), after.unwrap_or_default().into(), (limit as i64).into()];
    let Some(mut row) = sql.one(find, &parameters).await? else { return Ok(None) };
    let names = row.maybe_text(0)?.unwrap_or_default();
    let tag = |name: &str| name.parse().map_err(|error| LedgerError::Corrupt(format!("the tag {name:?}: {error}")));
    names.split_ascii_whitespace().map(tag).collect::<Result<_, _>>().map(Some)
}

pub(crate) async fn repositories(
    sql: &mut impl Sql,
    readable: &Readable,
    after: Option<&str>,
    limit: usize,
) -> Result<RepositoryPage, LedgerError> {
    if limit == 0 {
        return Ok(RepositoryPage::default());
    }
    let after = after.unwrap_or_default().max(BEYOND_TRASH);
    let find = match readable {
        Readable::All => "SELECT name FROM repository WHERE name > $1 ORDER BY name LIMIT $2",
        Readable::Some(_) => "SELECT name FROM repository WHERE public = 1 AND name > $1 ORDER BY name LIMIT $2",
    };
    // One more tells whether there is more.
    let rows = sql.query(find, &[after.into(), (limit as i64 + 1).into()]).await?;
    let mut names = rows.into_iter().map(|mut row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;
    let mut broke_off = None;
    if let Readable::Some(ranges) = readable {
        broke_off = add_ranges(sql, ranges, after, limit + 1, &mut names).await?;
    }
    if let Some(last) = &broke_off {
        names.retain(|name| name <= last);
    }
    let is_full = names.len() > limit;
    let names: Vec<String> = names.into_iter().take(limit).collect();
    let next = if is_full { names.last().cloned() } else { broke_off };
    let parsed = |name: String| name.parse().map_err(|_| LedgerError::Corrupt(format!("a repository named {name}")));
    Ok(RepositoryPage { names: names.into_iter().map(parsed).collect::<Result<_, _>>()?, next })
}

/// Adds the first `limit` names of the ranges that follow `after`. Where too many had to be passed over, the last that was
/// looked at. Goes through the ranges once, in order, with those at a time that overlap.
async fn add_ranges(
    sql: &mut impl Sql,
    ranges: &[NameRange],
    after: &str,
    limit: usize,
    names: &mut BTreeSet<String>,
) -> Result<Option<String>, LedgerError> {
    // One bound at each end: of two, an engine begins at whichever it likes, and reads all that lies between them.
    const FROM: &str = "SELECT name FROM repository WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3";
    const NAMED: &str = "SELECT r.name FROM {texts $1} AS wanted CROSS JOIN repository r WHERE r.name = wanted.value";
    const AFTER: &str = "SELECT name FROM repository WHERE name > $1 AND name < $2 ORDER BY name LIMIT $3";
    let (mut after, mut found, mut passed, mut tried) = (after.to_owned(), 0, 0, 0);
    let mut left = ranges;
    while let [range, others @ ..] = left {
        let (from, to) = (range.from(), range.to());
        let is_beyond = names.iter().nth(limit - 1).is_some_and(|last| from > last.as_str());
        if found >= limit || is_beyond {
            break;
        }
        let singles: Vec<String> =
            left.iter().map_while(NameRange::single).take(RANGE_PAGE).map(str::to_owned).collect();
        if let Some(last) = singles.last() {
            let is_new = |name: &String| *name > after;
            let named = sql.query(NAMED, &[Value::List(&singles)]).await?;
            let named = named.into_iter().map(|mut row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
            let new: Vec<String> = named.into_iter().filter(is_new).collect();
            found += new.len();
            names.extend(new);
            left = &left[singles.len()..];
            after = after.max(last.clone());
            continue;
        }
        let overlapping = &left[..1 + others.partition_point(|other| other.from() < to.as_str())];
        while to > after && found < limit {
            let page = RANGE_PAGE.max(limit - found);
            let (find, begin) = if after.as_str() < from { (FROM, from) } else { (AFTER, after.as_str()) };
            let rows = sql.query(find, &[begin.into(), to.as_str().into(), (page as i64).into()]).await?;
            let (is_last, is_further) = (rows.len() < page, !rows.is_empty());
            for mut row in rows {
                after = row.text(0)?;
                let holder = overlapping.iter().position(|range| range.holds(&after));
                tried += holder.map_or(overlapping.len(), |at| at + 1);
                let is_held = holder.is_some();
                (found, passed) = if is_held { (found + 1, passed) } else { (found, passed + 1) };
                names.extend(is_held.then(|| after.clone()));
            }
            if is_further && (passed >= PASSED_MAX || tried >= TRIED_MAX) && found < limit {
                return Ok(Some(after));
            }
            if is_last {
                break;
            }
        }
        let is_done = |other: &NameRange| other.to() <= to;
        left = &left[1 + others.iter().take_while(|other| is_done(other)).count()..];
    }
    Ok(None)
}

pub(crate) async fn referrers(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    subject: &Digest,
    artifact_type: Option<&str>,
    after: Option<&Digest>,
    limit: usize,
) -> Result<Vec<ManifestRow>, LedgerError> {
    let find = "SELECT m.algorithm, m.digest, m.media_type, m.artifact_type, d.bytes
        FROM manifest m JOIN document d ON d.id = m.document
        WHERE m.repository = (SELECT id FROM repository WHERE name = $1)
            AND m.subject_algorithm = $2 AND m.subject_digest = $3 AND (m.algorithm, m.digest) > ($4, $5)
            AND (CAST($6 AS TEXT) IS NULL OR m.artifact_type = $6)
        ORDER BY m.algorithm, m.digest LIMIT $7";
    let (algorithm, hash) = digest_values(subject);
    let (after_algorithm, after_hash) = after.map_or((Value::Int(0), Value::Bytes(&[])), digest_values);
    let parameters = [
        repository.as_str().into(),
        algorithm,
        hash,
        after_algorithm,
        after_hash,
        artifact_type.into(),
        (limit as i64).into(),
    ];
    sql.query(find, &parameters).await?.into_iter().map(manifest_row).collect()
}

pub(crate) async fn unreferenced(
    sql: &mut impl Sql,
    grace: Millis,
    limit: usize,
) -> Result<Vec<(RepositoryName, Digest)>, LedgerError> {
    let find = "SELECT r.name, b.algorithm, b.digest FROM member m
        JOIN repository r ON r.id = m.repository JOIN blob b ON b.id = m.blob
        WHERE m.unreferenced_since <= {now $1} - CAST($2 AS BIGINT) AND r.name > '/~'
        ORDER BY m.unreferenced_since LIMIT $3";
    let parameters = [sql.clock(), grace.into(), (limit as i64).into()];
    let rows = sql.query(find, &parameters).await?;
    rows.into_iter().map(|mut row| Ok((row.parsed(0)?, row.digest(1)?))).collect()
}

pub(crate) async fn totals(sql: &mut impl Sql) -> Result<Totals, LedgerError> {
    let mut totals = Totals::default();
    for mut row in sql.query("SELECT name, value FROM total", &[]).await? {
        let (name, value) = (row.text(0)?, row.int(1)?);
        match name.as_str() {
            "repositories" => totals.repositories = value,
            "manifests" => totals.manifests = value,
            "tags" => totals.tags = value,
            "blobs" => totals.blobs = value,
            "blob_bytes" => totals.blob_bytes = value,
            _ => {}
        }
    }
    Ok(totals)
}

pub(crate) async fn count_totals(sql: &mut impl Sql) -> Result<(Seq, Totals), LedgerError> {
    let count = "SELECT (SELECT coalesce(max(seq), 0) FROM log), (SELECT count(*) FROM repository WHERE name > '/~'),
        (SELECT count(*) FROM manifest)
            - (SELECT count(*) FROM repository r CROSS JOIN manifest m WHERE r.name < '/~' AND m.repository = r.id),
        (SELECT count(*) FROM tag)
            - (SELECT count(*) FROM repository r CROSS JOIN tag t WHERE r.name < '/~' AND t.repository = r.id),
        (SELECT count(*) FROM blob),
        (SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM blob)";
    let row = sql.one(count, &[]).await?;
    let mut row = row.ok_or_else(|| LedgerError::Corrupt("nothing was counted".to_owned()))?;
    let totals = Totals {
        repositories: row.int(1)?,
        manifests: row.int(2)?,
        tags: row.int(3)?,
        blobs: row.int(4)?,
        blob_bytes: row.int(5)?,
    };
    Ok((row.unsigned(0)?, totals))
}

pub(crate) async fn knows_location(sql: &mut impl Sql, location: &Location) -> Result<bool, LedgerError> {
    let find = "SELECT 1 FROM blob WHERE location = $1 UNION ALL SELECT 1 FROM derived WHERE location = $1";
    sql.any(find, &[location.0.as_str().into()]).await
}

pub(crate) async fn check(sql: &mut impl Sql) -> Result<(), LedgerError> {
    sql.any("SELECT 1 FROM schema_version", &[]).await.map(|_| ())
}
