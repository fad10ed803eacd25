//! How what was found out is written down, and how it ends.

use super::FactsChange;
use crate::ledger::apply::Context;
use crate::ledger::change::{Place, Refused};
use crate::ledger::query::LedgerError;
use crate::sql::{Sql, Value, digest_values};

impl<S: Sql> Context<'_, S> {
    /// Makes the change; whether it had an effect.
    pub(crate) async fn put_found(&mut self, change: &FactsChange) -> Result<bool, Refused> {
        match change {
            FactsChange::PutFacts { .. } => Ok(self.put_facts(change).await?),
            FactsChange::PutDerived { .. } => self.put_derived(change).await,
        }
    }

    async fn put_facts(&mut self, change: &FactsChange) -> Result<bool, LedgerError> {
        let FactsChange::PutFacts { repository, digest, number, kind, title, summary, size, platforms, version, facts } =
            change
        else {
            return Ok(false);
        };
        let put =
            "INSERT INTO fact (manifest, repository, kind, title, summary, size, version, made_at, facts, platforms)
            SELECT m.id, m.repository, CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS BIGINT),
                CAST($9 AS BIGINT), CAST($10 AS BIGINT), CAST($11 AS TEXT), CAST($12 AS TEXT)
            FROM repository r CROSS JOIN manifest m
            WHERE r.name = $1 AND m.id = $2 AND m.repository = r.id AND m.algorithm = $3 AND m.digest = $4
            ON CONFLICT (manifest) DO UPDATE SET kind = excluded.kind, title = excluded.title,
                summary = excluded.summary, size = excluded.size, version = excluded.version,
                made_at = excluded.made_at, facts = excluded.facts, platforms = excluded.platforms
            WHERE fact.version <> excluded.version OR fact.kind <> excluded.kind OR fact.title <> excluded.title
                OR fact.summary <> excluded.summary OR fact.size <> excluded.size OR fact.facts <> excluded.facts
                OR fact.platforms <> excluded.platforms";
        let (algorithm, hash) = digest_values(digest);
        let parameters = [
            repository.as_str().into(),
            Value::Int(*number as i64),
            algorithm,
            hash,
            kind.as_str().into(),
            title.as_str().into(),
            summary.as_str().into(),
            Value::Int(i64::try_from(*size).unwrap_or(i64::MAX)),
            i64::from(*version).into(),
            self.now.into(),
            facts.as_str().into(),
            platforms.as_str().into(),
        ];
        Ok(self.sql.execute(put, &parameters).await? > 0)
    }

    async fn put_derived(&mut self, change: &FactsChange) -> Result<bool, Refused> {
        let FactsChange::PutDerived { source, kind, version, size, place, upload } = change else { return Ok(false) };
        let (algorithm, hash) = digest_values(source);
        let find = "SELECT id FROM blob WHERE algorithm = $1 AND digest = $2";
        let (location, bytes) = match place {
            Place::Heap(location) => (Some(location.0.as_str()), Value::Null),
            Place::Ledger(bytes) => (None, bytes.as_ref().into()),
        };
        let blob = match self.sql.one(find, &[algorithm, hash]).await? {
            Some(mut row) => Some(row.int(0)?),
            None => None,
        };
        // What is written again at the same place, because it was not learned that it is, is not to go.
        let same = "UPDATE derived SET version = $3, size = $4 WHERE blob = $1 AND kind = $2 AND location = $5";
        let (version, size) = (Value::Int(i64::from(*version)), Value::Int(*size as i64));
        if let (Some(blob), true) = (blob, location.is_some())
            && self.sql.execute(same, &[blob.into(), kind.as_str().into(), version, size, location.into()]).await? > 0
        {
            return Ok(true);
        }
        if let Some((upload, version)) = upload
            && !self.end_upload(upload, *version).await?
        {
            return Ok(false);
        }
        let Some(blob) = blob else {
            if let Some(location) = location {
                self.reclaim(location).await?;
            }
            return Ok(false);
        };
        let delete = "DELETE FROM derived WHERE blob = $1 AND kind = $2 RETURNING location";
        self.drop_derived(delete, &[blob.into(), kind.as_str().into()]).await?;
        let insert = "INSERT INTO derived (blob, kind, version, size, location, bytes) VALUES ($1, $2, $3, $4, $5, $6)";
        let parameters = [blob.into(), kind.as_str().into(), version, size, location.into(), bytes];
        self.sql.execute(insert, &parameters).await?;
        Ok(true)
    }

    /// The manifest is gone for good.
    pub(crate) async fn end_facts(&mut self, manifest: i64) -> Result<(), LedgerError> {
        self.sql.execute("DELETE FROM fact WHERE manifest = $1", &[manifest.into()]).await?;
        Ok(())
    }

    /// The blob goes; what is derived from it goes before.
    pub(crate) async fn end_derived(&mut self, blob: i64) -> Result<(), LedgerError> {
        self.drop_derived("DELETE FROM derived WHERE blob = $1 RETURNING location", &[blob.into()]).await
    }

    async fn drop_derived(&mut self, delete: &'static str, parameters: &[Value<'_>]) -> Result<(), LedgerError> {
        for mut row in self.sql.query(delete, parameters).await? {
            if let Some(location) = row.maybe_text(0)? {
                self.reclaim(&location).await?;
            }
        }
        Ok(())
    }
}
