//! Deleting manifests, which go to the trash, and purging it.

use std::collections::BTreeMap;

use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::manifest::Role;
use wharf_model::name::{RepositoryName, Tag};

use super::{Context, to_json};
use crate::clock::Millis;
use crate::ids;
use crate::ledger::change::{Freed, Refused};
use crate::ledger::query::LedgerError;
use crate::ledger::sql::{Sql, Value, digest_list, digest_values};

/// A live manifest that a trashed one names.
struct Named {
    digest: Digest,
    edges: i64,
    is_child: bool,
}

impl<S: Sql> Context<'_, S> {
    pub(super) async fn delete_manifest(
        &mut self,
        repository: &RepositoryName,
        digest: &Digest,
        keep: Millis,
    ) -> Result<(Vec<Tag>, Vec<Digest>), Refused> {
        let repository = self.repository(repository).await?;
        let first = self.manifest(repository, digest).await?.ok_or(Refused::ManifestUnknown(*digest))?;
        let tags = self.delete_tags_of(repository, first, digest).await?;
        self.trash(first, &tags, keep).await?;
        let (mut children, mut candidates) = (Vec::new(), BTreeMap::new());
        let mut going = self.let_go(repository, first, &mut candidates).await?;
        while let Some((manifest, digest)) = going.pop() {
            self.trash(manifest, &[], keep).await?;
            children.push(digest);
            going.extend(self.let_go(repository, manifest, &mut candidates).await?);
        }
        Ok((tags, children))
    }

    /// After a manifest was trashed: the children that go as well, because they have no tag and nothing live names them now.
    /// Those that something still holds stay among the candidates, with how many edges do: what holds them may itself go
    /// later, and each edge is counted off once, so that all of it costs in proportion to the edges.
    pub(super) async fn let_go(
        &mut self,
        repository: i64,
        trashed: i64,
        candidates: &mut BTreeMap<i64, i64>,
    ) -> Result<Vec<(i64, Digest)>, LedgerError> {
        let mut named: BTreeMap<i64, Named> = BTreeMap::new();
        for (id, digest, is_child) in self.live_targets(repository, trashed).await? {
            let target = named.entry(id).or_insert(Named { digest, edges: 0, is_child: false });
            target.edges += 1;
            target.is_child |= is_child;
        }
        let mut going = Vec::new();
        for (id, target) in named {
            let held = match candidates.get(&id) {
                Some(held) => held - target.edges,
                None if target.is_child => self.holders(repository, id, &target.digest).await?,
                None => continue,
            };
            candidates.insert(id, held);
            if held == 0 {
                going.push((id, target.digest));
            }
        }
        Ok(going)
    }

    /// The live manifests of the repository that a manifest names, one row for each edge; whether as a child.
    pub(super) async fn live_targets(
        &mut self,
        repository: i64,
        manifest: i64,
    ) -> Result<Vec<(i64, Digest, bool)>, LedgerError> {
        let find = "SELECT c.id, c.algorithm, c.digest, e.role FROM edge e
            JOIN manifest c ON c.repository = $1 AND c.algorithm = e.algorithm AND c.digest = e.digest
            WHERE e.manifest = $2";
        let rows = self.sql.query(find, &[repository.into(), manifest.into()]).await?;
        let child = i64::from(Role::Child.id());
        rows.into_iter().map(|mut row| Ok((row.int(0)?, row.digest(1)?, row.int(3)? == child))).collect()
    }

    /// How many edges of live manifests and tags hold a manifest.
    pub(super) async fn holders(
        &mut self,
        repository: i64,
        manifest: i64,
        digest: &Digest,
    ) -> Result<i64, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let count = "SELECT (SELECT count(*) FROM edge e JOIN manifest l ON l.id = e.manifest
                WHERE e.algorithm = $1 AND e.digest = $2 AND e.repository = $3)
            + (SELECT count(*) FROM tag t WHERE t.manifest = $4)";
        let row = self.sql.one(count, &[algorithm, hash, repository.into(), manifest.into()]).await?;
        row.map_or(Ok(0), |mut row| row.int(0))
    }

    pub(super) async fn delete_tags_of(
        &mut self,
        repository: i64,
        manifest: i64,
        digest: &Digest,
    ) -> Result<Vec<Tag>, LedgerError> {
        let delete = "DELETE FROM tag WHERE manifest = $1 RETURNING name";
        let rows = self.sql.query(delete, &[manifest.into()]).await?;
        let mut tags: Vec<Tag> = rows.into_iter().map(|mut row| row.parsed(0)).collect::<Result<_, _>>()?;
        tags.sort();
        for tag in &tags {
            self.note_history(repository, tag, Some(digest), None).await?;
        }
        Ok(tags)
    }

    /// Moves a live manifest to the trash. Its number, and with it its edges, stay.
    pub(super) async fn trash(&mut self, manifest: i64, tags: &[Tag], keep: Millis) -> Result<(), LedgerError> {
        let insert = "INSERT INTO trash (uid, kind, repository, manifest, manifest_uid, document, media_type, artifact_type,
                subject_algorithm, subject_digest, pushed_at, pushed_by, tags, deleted_at, deleted_by, until)
            SELECT CAST($1 AS {bytes}), 1, repository, id, uid, document, media_type, artifact_type, subject_algorithm,
                subject_digest, pushed_at, pushed_by, CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS BIGINT)
            FROM manifest WHERE id = $6";
        let uid = ids::random()?;
        let tags = to_json(&tags)?;
        let until = self.now.saturating_add(keep);
        let parameters =
            [(&uid).into(), tags.as_str().into(), self.now.into(), self.actor.into(), until.into(), manifest.into()];
        self.sql.execute(insert, &parameters).await?;
        self.sql.execute("DELETE FROM manifest WHERE id = $1", &[manifest.into()]).await?;
        Ok(())
    }

    pub(super) async fn purge_trash(&mut self, id: &Id) -> Result<Option<Freed>, Refused> {
        let delete = "DELETE FROM trash WHERE uid = $1 RETURNING repository, manifest, document";
        let Some(mut row) = self.sql.one(delete, &[id.into()]).await? else { return Ok(None) };
        let (repository, manifest, document) = (row.int(0)?, row.int(1)?, row.int(2)?);
        let edges = "DELETE FROM edge WHERE manifest = $1 RETURNING algorithm, digest";
        let rows = self.sql.query(edges, &[manifest.into()]).await?;
        let mut targets: Vec<Digest> = rows.into_iter().map(|mut row| row.digest(0)).collect::<Result<_, _>>()?;
        targets.sort();
        targets.dedup();
        let unused = "DELETE FROM document WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.document = document.id)
            AND NOT EXISTS (SELECT 1 FROM trash t WHERE t.document = document.id)";
        self.sql.execute(unused, &[document.into()]).await?;
        let targets = digest_list(targets.iter().map(|target| (None, target)));
        self.begin_grace(repository, &targets).await?;
        Ok(Some(self.free_unheld(&targets).await?))
    }

    /// After edges have gone: where one was the repository's last to its target, the member's grace begins.
    pub(super) async fn begin_grace(&mut self, repository: i64, targets: &[String]) -> Result<(), LedgerError> {
        let begin = "UPDATE member SET unreferenced_since = $1 WHERE repository = $2 AND unreferenced_since IS NULL
            AND blob IN (SELECT b.id FROM {digests $3} AS d CROSS JOIN blob b
                WHERE b.algorithm = d.algorithm AND b.digest = d.digest AND NOT EXISTS (SELECT 1 FROM edge e
                    WHERE e.algorithm = b.algorithm AND e.digest = b.digest AND e.repository = $2))";
        self.sql.execute(begin, &[self.now.into(), repository.into(), Value::List(targets)]).await?;
        Ok(())
    }
}
