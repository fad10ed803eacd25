//! What is shown in front, written.

use wharf_model::name::{Reference, RepositoryName, Tag};

use super::Pulled;
use crate::ledger::apply::Context;
use crate::ledger::change::{Expects, Refused};
use crate::ledger::query::LedgerError;
use crate::sql::{Sql, digest_values};

impl<S: Sql> Context<'_, S> {
    /// Whether the overview is another one than before.
    pub(crate) async fn set_overview(
        &mut self,
        name: &RepositoryName,
        expects: Expects,
        text: &str,
    ) -> Result<bool, Refused> {
        let repository = self.home_in(name, expects).await?.repository;
        if text.is_empty() {
            let delete = "DELETE FROM overview WHERE repository = $1";
            return Ok(self.sql.execute(delete, &[repository.into()]).await? > 0);
        }
        let put = "INSERT INTO overview (repository, changed_at, changed_by, text) VALUES ($1, $2, $3, $4)
            ON CONFLICT (repository) DO UPDATE SET changed_at = excluded.changed_at, changed_by = excluded.changed_by,
                text = excluded.text WHERE overview.text <> excluded.text";
        let parameters = [repository.into(), self.now.into(), self.actor.into(), text.into()];
        Ok(self.sql.execute(put, &parameters).await? > 0)
    }

    /// Forgets how often a tag was pulled that is not there.
    pub(crate) async fn forget_pulls(&mut self, repository: i64, tag: &Tag) -> Result<(), LedgerError> {
        let forget = "DELETE FROM pulled WHERE repository = $1 AND tag = $2
            AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository = $1 AND t.name = $2)";
        self.sql.execute(forget, &[repository.into(), tag.as_str().into()]).await?;
        Ok(())
    }
}

pub(crate) async fn note_pulls(sql: &mut impl Sql, pulled: &[Pulled]) -> Result<(), LedgerError> {
    for Pulled { repository, reference, count } in pulled {
        let find = "SELECT id FROM repository WHERE name = $1";
        let Some(mut row) = sql.one(find, &[repository.as_str().into()]).await? else { continue };
        let (repository, count) = (row.int(0)?, i64::try_from(*count).unwrap_or(i64::MAX));
        let counted = match reference {
            Reference::Tag(tag) => {
                let put =
                    "INSERT INTO pulled (repository, tag, pulls) SELECT repository, name, CAST($3 AS BIGINT) FROM tag
                    WHERE repository = $1 AND name = $2
                    ON CONFLICT (repository, tag) DO UPDATE SET pulls = pulled.pulls + excluded.pulls";
                sql.execute(put, &[repository.into(), tag.as_str().into(), count.into()]).await?
            }
            Reference::Digest(digest) => {
                let put = "INSERT INTO pulled (repository, tag, pulls) SELECT t.repository, t.name, CAST($4 AS BIGINT)
                    FROM manifest m JOIN tag t ON t.manifest = m.id
                    WHERE m.repository = $1 AND m.algorithm = $2 AND m.digest = $3
                    ON CONFLICT (repository, tag) DO UPDATE SET pulls = pulled.pulls + excluded.pulls";
                let (algorithm, hash) = digest_values(digest);
                sql.execute(put, &[repository.into(), algorithm, hash, count.into()]).await?
            }
        };
        if counted > 0 {
            let add = "UPDATE repository SET pulls = pulls + $2 WHERE id = $1";
            sql.execute(add, &[repository.into(), count.into()]).await?;
        }
    }
    Ok(())
}
