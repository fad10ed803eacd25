//! The questions about what was found out, each one statement.

use wharf_model::digest::Digest;
use wharf_model::manifest::Role;
use wharf_model::name::RepositoryName;

use super::{DerivedRow, FactsRow, Inspectable, LiveManifest};
use crate::blobs::Location;
use crate::clock::Millis;
use crate::ledger::change::Place;
use crate::ledger::query::LedgerError;
use crate::sql::{Row, Sql, Value, digest_values};

pub(crate) async fn facts(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<FactsRow>, LedgerError> {
    let (algorithm, hash) = digest_values(digest);
    let find = "SELECT f.kind, f.version, f.facts, f.made_at, f.title, f.summary, f.size
        FROM repository r CROSS JOIN manifest m CROSS JOIN fact f
        WHERE r.name = $1 AND m.repository = r.id AND m.algorithm = $2 AND m.digest = $3 AND f.manifest = m.id";
    let row = sql.one(find, &[repository.as_str().into(), algorithm, hash]).await?;
    let read = |mut row: Row| {
        let (kind, title, summary) = (row.text(0)?, row.text(4)?, row.text(5)?);
        let (version, made_at) = (version(row.int(1)?)?, row.int(3)?);
        Ok(FactsRow { kind, title, summary, size: row.unsigned(6)?, version, facts: row.text(2)?, made_at })
    };
    row.map(read).transpose()
}

pub(crate) async fn derived(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    source: &Digest,
    kind: &str,
    grace: Millis,
) -> Result<Option<DerivedRow>, LedgerError> {
    let (algorithm, hash) = digest_values(source);
    let find = "SELECT d.version, d.size, d.location, d.bytes
        FROM repository r CROSS JOIN blob b CROSS JOIN member m CROSS JOIN derived d
        WHERE r.name = $1 AND b.algorithm = $2 AND b.digest = $3 AND m.repository = r.id AND m.blob = b.id
            AND (m.unreferenced_since IS NULL OR m.unreferenced_since > {now $5} - CAST($6 AS BIGINT))
            AND d.blob = b.id AND d.kind = $4";
    let parameters = [repository.as_str().into(), algorithm, hash, kind.into(), sql.clock(), (grace / 2).into()];
    let Some(mut row) = sql.one(find, &parameters).await? else { return Ok(None) };
    let place = match row.maybe_text(2)? {
        Some(location) => Place::Heap(Location(location)),
        None => Place::Ledger(row.bytes(3)?),
    };
    Ok(Some(DerivedRow { version: version(row.int(0)?)?, size: row.unsigned(1)?, place }))
}

pub(crate) async fn inspectable(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Inspectable>, LedgerError> {
    let (algorithm, hash) = digest_values(digest);
    let find = "SELECT m.id, m.media_type, d.bytes, f.version
        FROM repository r CROSS JOIN manifest m CROSS JOIN document d LEFT JOIN fact f ON f.manifest = m.id
        WHERE r.name = $1 AND m.repository = r.id AND m.algorithm = $2 AND m.digest = $3 AND d.id = m.document";
    let row = sql.one(find, &[repository.as_str().into(), algorithm, hash]).await?;
    let read = |mut row: Row| {
        let (number, media_type, bytes) = (row.unsigned(0)?, row.parsed(1)?, row.bytes(2)?);
        Ok(Inspectable { number, media_type, bytes, version: row.maybe_int(3)?.map(version).transpose()? })
    };
    row.map(read).transpose()
}

pub(crate) async fn indexes_before(
    sql: &mut impl Sql,
    repository: &RepositoryName,
    child: &Digest,
    limit: usize,
) -> Result<Vec<Digest>, LedgerError> {
    let (algorithm, hash) = digest_values(child);
    let find = "SELECT i.algorithm, i.digest
        FROM repository r CROSS JOIN manifest c CROSS JOIN edge e CROSS JOIN manifest i
        WHERE r.name = $1 AND c.repository = r.id AND c.algorithm = $2 AND c.digest = $3
            AND e.algorithm = $2 AND e.digest = $3 AND e.repository = r.id AND e.role = $4 AND e.manifest < c.id
            AND i.id = e.manifest AND i.repository = r.id
        ORDER BY e.manifest LIMIT $5";
    let (role, limit) = (Value::Int(i64::from(Role::Child.id())), Value::Int(limit as i64));
    let rows = sql.query(find, &[repository.as_str().into(), algorithm, hash, role, limit]).await?;
    rows.into_iter().map(|mut row| row.digest(0)).collect()
}

/// Whatever is called `/…` is in the trash.
pub(crate) async fn live_manifests(
    sql: &mut impl Sql,
    within: Option<&RepositoryName>,
    after: u64,
    limit: usize,
) -> Result<Vec<LiveManifest>, LedgerError> {
    let all = "SELECT m.id, r.name, m.algorithm, m.digest FROM manifest m JOIN repository r ON r.id = m.repository
        WHERE m.id > $1 AND r.name > '/~' ORDER BY m.id LIMIT $2";
    let one = "SELECT m.id, r.name, m.algorithm, m.digest FROM repository r CROSS JOIN manifest m
        WHERE r.name = $3 AND m.repository = r.id AND m.id > $1 ORDER BY m.id LIMIT $2";
    let (after, limit) = (Value::Int(i64::try_from(after).unwrap_or(i64::MAX)), Value::Int(limit as i64));
    let rows = match within {
        None => sql.query(all, &[after, limit]).await?,
        Some(repository) => sql.query(one, &[after, limit, repository.as_str().into()]).await?,
    };
    let live = |mut row: Row| {
        Ok(LiveManifest { number: row.unsigned(0)?, repository: row.parsed(1)?, digest: row.digest(2)? })
    };
    rows.into_iter().map(live).collect()
}

fn version(number: i64) -> Result<u32, LedgerError> {
    u32::try_from(number).map_err(|_| LedgerError::Corrupt(format!("facts of version {number}")))
}
