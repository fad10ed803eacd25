//! Tags and their history.

use wharf_model::digest::Digest;
use wharf_model::name::{RepositoryName, Tag};

use super::Context;
use super::projects::Home;
use crate::ledger::change::{Expected, Expects, Refused};
use crate::ledger::query::LedgerError;
use crate::sql::Sql;

impl<S: Sql> Context<'_, S> {
    pub(super) async fn tag(&mut self, repository: i64, tag: &Tag) -> Result<Option<(i64, Digest)>, LedgerError> {
        let find = "SELECT m.id, m.algorithm, m.digest FROM tag t JOIN manifest m ON m.id = t.manifest
            WHERE t.repository = $1 AND t.name = $2";
        let row = self.sql.one(find, &[repository.into(), tag.as_str().into()]).await?;
        row.map(|mut row| Ok((row.int(0)?, row.digest(1)?))).transpose()
    }

    pub(super) async fn point_tag(
        &mut self,
        name: &RepositoryName,
        expects: Expects,
        tag: &Tag,
        digest: &Digest,
        expected: &Expected,
    ) -> Result<(bool, Option<Digest>), Refused> {
        let Home { repository, project } = self.home_in(name, expects).await?;
        let manifest = self.manifest(repository, digest).await?.ok_or(Refused::ManifestUnknown(*digest))?;
        let before = self.tag(repository, tag).await?;
        let points_to = before.as_ref().map(|(_, digest)| *digest);
        if !expected.is_met_by(points_to.as_ref()) {
            return Err(Refused::TagMoved(tag.clone(), points_to));
        }
        if before.as_ref().is_some_and(|(id, _)| *id == manifest) {
            return Ok((false, None));
        }
        if before.is_some() {
            self.check_movable(project, name, std::slice::from_ref(tag)).await?;
        } else {
            // What was counted is of an earlier one, which may be in the trash.
            self.forget_pulls(repository, tag).await?;
        }
        let put = "INSERT INTO tag (repository, name, manifest, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest,
                updated_at = excluded.updated_at, updated_by = excluded.updated_by";
        let parameters = [repository.into(), tag.as_str().into(), manifest.into(), self.now.into(), self.actor.into()];
        self.sql.execute(put, &parameters).await?;
        self.note_history(repository, tag, points_to.as_ref(), Some(digest)).await?;
        Ok((true, points_to))
    }

    pub(super) async fn delete_tag(
        &mut self,
        name: &RepositoryName,
        expects: Expects,
        tag: &Tag,
    ) -> Result<Digest, Refused> {
        let Home { repository, project } = self.home_in(name, expects).await?;
        let (_, before) = self.tag(repository, tag).await?.ok_or_else(|| Refused::TagUnknown(tag.clone()))?;
        self.check_movable(project, name, std::slice::from_ref(tag)).await?;
        let delete = "DELETE FROM tag WHERE repository = $1 AND name = $2";
        self.sql.execute(delete, &[repository.into(), tag.as_str().into()]).await?;
        self.forget_pulls(repository, tag).await?;
        self.note_history(repository, tag, Some(&before), None).await?;
        Ok(before)
    }
}
