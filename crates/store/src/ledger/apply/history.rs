//! The history of tags: one line for each move.

use wharf_model::digest::Digest;
use wharf_model::name::Tag;

use super::Context;
use crate::ledger::query::LedgerError;
use crate::sql::{Sql, Value, digest_values};

impl<S: Sql> Context<'_, S> {
    /// Notes that a tag pointed to `before` and points to `after` from now on.
    pub(super) async fn note_history(
        &mut self,
        repository: i64,
        tag: &Tag,
        before: Option<&Digest>,
        after: Option<&Digest>,
    ) -> Result<(), LedgerError> {
        let insert = "INSERT INTO tag_history
                (repository, name, at, actor, client, before_algorithm, before_digest, after_algorithm, after_digest)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let (before_algorithm, before_hash) = before.map_or((Value::Null, Value::Null), digest_values);
        let (after_algorithm, after_hash) = after.map_or((Value::Null, Value::Null), digest_values);
        let parameters = [
            repository.into(),
            tag.as_str().into(),
            self.now.into(),
            self.actor.into(),
            self.client.into(),
            before_algorithm,
            before_hash,
            after_algorithm,
            after_hash,
        ];
        self.sql.execute(insert, &parameters).await?;
        Ok(())
    }
}
