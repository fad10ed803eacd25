//! Manifests as they come, and what they name.

use std::collections::HashSet;

use wharf_model::digest::Digest;

use super::projects::Home;
use super::{Context, returned};
use crate::ids;
use crate::ledger::change::{Change, Edge, Refused};
use crate::ledger::query::LedgerError;
use crate::sql::{Sql, Value, digest_list, digest_values};

impl<S: Sql> Context<'_, S> {
    pub(super) async fn put_manifest(&mut self, change: &mut Change) -> Result<bool, Refused> {
        let Change::PutManifest { repository, digest, media_type, artifact_type, subject, bytes, edges, created } =
            change
        else {
            return Ok(false);
        };
        let (name, home) = (&*repository, self.home(repository).await?);
        let Home { repository, project } = home;
        self.check_required(repository, edges).await?;
        let (algorithm, hash) = digest_values(digest);
        let (kind, artifact) = (Value::from(media_type.as_str()), Value::from(artifact_type.as_deref()));
        let find = "SELECT id, media_type FROM manifest WHERE repository = $1 AND algorithm = $2 AND digest = $3";
        if let Some(mut row) = self.sql.one(find, &[repository.into(), algorithm, hash]).await? {
            let (id, found) = (row.int(0)?, row.text(1)?);
            let update = "UPDATE manifest SET media_type = $2, artifact_type = $3 WHERE id = $1";
            if found != media_type.as_str() {
                // Some clients take it for something else then: an immutable tag is not to be changed so either.
                self.check_kept(&home, name, digest).await?;
                self.sql.execute(update, &[id.into(), kind, artifact]).await?;
            }
            *created = false;
            return Ok(found != media_type.as_str());
        }
        let document = self.put_document(digest, bytes).await?;
        let insert = "INSERT INTO manifest (uid, repository, document, algorithm, digest, media_type, artifact_type,
                subject_algorithm, subject_digest, pushed_at, pushed_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
        let uid = ids::random()?;
        let (subject_algorithm, subject_hash) = subject.as_ref().map_or((Value::Null, Value::Null), digest_values);
        let parameters = [
            (&uid).into(),
            repository.into(),
            document.into(),
            algorithm,
            hash,
            kind,
            artifact,
            subject_algorithm,
            subject_hash,
            self.now.into(),
            self.actor.into(),
        ];
        let manifest = returned(self.sql.one(insert, &parameters).await?)?;
        self.put_edges(repository, manifest, edges).await?;
        self.moved(project).bytes += bytes.len() as i64;
        *created = true;
        Ok(true)
    }

    /// A member counts even where it is no longer shown, and whatever the role, so does a live manifest.
    pub(super) async fn check_required(&mut self, repository: i64, edges: &[Edge]) -> Result<(), Refused> {
        let required: Vec<&Digest> = edges.iter().filter(|edge| edge.required).map(|edge| &edge.target).collect();
        if required.is_empty() {
            return Ok(());
        }
        let find = "SELECT d.algorithm, d.digest FROM {digests $2} AS d
            WHERE NOT EXISTS (SELECT 1 FROM blob b JOIN member m ON m.blob = b.id
                    WHERE b.algorithm = d.algorithm AND b.digest = d.digest AND m.repository = $1)
                AND NOT EXISTS (SELECT 1 FROM manifest t
                    WHERE t.repository = $1 AND t.algorithm = d.algorithm AND t.digest = d.digest)";
        let list = digest_list(required.iter().map(|target| (None, *target)));
        let rows = self.sql.query(find, &[repository.into(), Value::List(&list)]).await?;
        let mut missing = rows.into_iter().map(|mut row| row.digest(0)).collect::<Result<HashSet<_>, _>>()?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refused::Missing(required.into_iter().filter(|target| missing.remove(target)).copied().collect()))
    }

    pub(super) async fn put_document(&mut self, digest: &Digest, bytes: &[u8]) -> Result<i64, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT id FROM document WHERE algorithm = $1 AND digest = $2";
        if let Some(mut row) = self.sql.one(find, &[algorithm, hash]).await? {
            return row.int(0);
        }
        let insert = "INSERT INTO document (algorithm, digest, bytes) VALUES ($1, $2, $3) RETURNING id";
        returned(self.sql.one(insert, &[algorithm, hash, bytes.into()]).await?)
    }

    pub(super) async fn put_edges(
        &mut self,
        repository: i64,
        manifest: i64,
        edges: &[Edge],
    ) -> Result<(), LedgerError> {
        if edges.is_empty() {
            return Ok(());
        }
        let list = digest_list(edges.iter().map(|edge| (Some(edge.role), &edge.target)));
        let insert = "INSERT INTO edge (repository, manifest, role, algorithm, digest)
            SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), d.role, d.algorithm, d.digest FROM {digests $3} AS d WHERE true
            ON CONFLICT DO NOTHING";
        self.sql.execute(insert, &[repository.into(), manifest.into(), Value::List(&list)]).await?;
        let hold =
            "UPDATE member SET unreferenced_since = NULL WHERE repository = $1 AND unreferenced_since IS NOT NULL
            AND blob IN (SELECT b.id FROM {digests $2} AS d CROSS JOIN blob b
                WHERE b.algorithm = d.algorithm AND b.digest = d.digest)";
        self.sql.execute(hold, &[repository.into(), Value::List(&list)]).await?;
        Ok(())
    }

    pub(super) async fn manifest(&mut self, repository: i64, digest: &Digest) -> Result<Option<i64>, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT id FROM manifest WHERE repository = $1 AND algorithm = $2 AND digest = $3";
        self.sql.one(find, &[repository.into(), algorithm, hash]).await?.map(|mut row| row.int(0)).transpose()
    }
}
