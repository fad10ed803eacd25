//! Emptying the trash. A repository or project goes in steps, so that others do not wait for the ledger meanwhile.

use wharf_model::api::trash::TrashKind;
use wharf_model::digest::Digest;
use wharf_model::id::Id;

use super::Context;
use crate::ledger::change::{Freed, Refused};
use crate::ledger::query::LedgerError;
use crate::ledger::trash::{kind, kind_of, tags_of};
use crate::sql::{Sql, Value, digest_list};

/// How many rows one step removes, about: what a manifest names goes with it, and that is up to
/// [`wharf_model::limits::MANIFEST_DESCRIPTORS_MAX`].
const STEP_ROWS: i64 = 1_000;

/// A step, how much of it is left, and what it has freed.
struct Step {
    left: i64,
    freed: Freed,
}

impl Step {
    fn free(&mut self, freed: Freed) {
        self.freed.blobs += freed.blobs;
        self.freed.bytes += freed.bytes;
    }
}

impl<S: Sql> Context<'_, S> {
    /// Purges the entry, or a step of it; what that freed, and whether the entry is gone. `None` where it is not there.
    pub(super) async fn purge_trash(&mut self, id: &Id) -> Result<Option<(Freed, bool)>, Refused> {
        let find = "SELECT kind, repository, project, tags FROM trash WHERE uid = $1";
        let Some(mut row) = self.sql.one(find, &[id.into()]).await? else { return Ok(None) };
        let what = kind_of(row.int(0)?)?;
        if what == TrashKind::Manifest {
            let repository = row.int(1)?;
            for tag in tags_of(&row.text(3)?)? {
                self.forget_pulls(repository, &tag).await?;
            }
            return Ok(self.purge_manifest(id).await?.map(|freed| (freed, true)));
        }
        // From now on it cannot be restored, whatever the clock says.
        self.sql.execute("UPDATE trash SET until = 0 WHERE uid = $1", &[id.into()]).await?;
        let mut step = Step { left: STEP_ROWS, freed: Freed::default() };
        let (repository, project) = (row.maybe_int(1)?, row.int(2)?);
        let done = match repository {
            Some(repository) => self.empty_repository(project, repository, &mut step).await?,
            None => self.empty_project(project, &mut step).await?,
        };
        Ok(Some((step.freed, done)))
    }

    /// Ends a manifest in the trash for good.
    pub(super) async fn purge_manifest(&mut self, id: &Id) -> Result<Option<Freed>, LedgerError> {
        let delete = "DELETE FROM trash WHERE uid = $1 RETURNING repository, manifest, document, project";
        let Some(mut row) = self.sql.one(delete, &[id.into()]).await? else { return Ok(None) };
        let (repository, manifest, document, project) = (row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?);
        let targets = self.end_manifest(repository, manifest, document).await?;
        let targets = list(targets);
        self.begin_grace(repository, &targets).await?;
        self.forget_lost(project, repository, &targets).await?;
        Ok(Some(self.free_unheld(&targets).await?))
    }

    /// Removes the edges of a manifest whose row has gone, and its document, where no other manifest is the same. What it named.
    async fn end_manifest(
        &mut self,
        repository: i64,
        manifest: i64,
        document: i64,
    ) -> Result<Vec<Digest>, LedgerError> {
        self.manifest_went(repository, document).await?;
        self.end_facts(manifest).await?;
        let edges = "DELETE FROM edge WHERE manifest = $1 RETURNING algorithm, digest";
        let rows = self.sql.query(edges, &[manifest.into()]).await?;
        let unused = "DELETE FROM document WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.document = document.id)
            AND NOT EXISTS (SELECT 1 FROM trash t WHERE t.document = document.id)";
        self.sql.execute(unused, &[document.into()]).await?;
        rows.into_iter().map(|mut row| row.digest(0)).collect()
    }

    /// After edges have gone: where one was the repository's last to its target, the member's grace begins.
    async fn begin_grace(&mut self, repository: i64, targets: &[String]) -> Result<(), LedgerError> {
        let begin = "UPDATE member SET unreferenced_since = $1 WHERE repository = $2 AND unreferenced_since IS NULL
            AND blob IN (SELECT b.id FROM {digests $3} AS d CROSS JOIN blob b
                WHERE b.algorithm = d.algorithm AND b.digest = d.digest AND NOT EXISTS (SELECT 1 FROM edge e
                    WHERE e.algorithm = b.algorithm AND e.digest = b.digest AND e.repository = $2))";
        self.sql.execute(begin, &[self.now.into(), repository.into(), Value::List(targets)]).await?;
        Ok(())
    }

    /// After edges have gone: what was taken out and what nothing in the repository names any more cannot come back to it, and
    /// the project no longer uses it.
    async fn forget_lost(&mut self, project: i64, repository: i64, targets: &[String]) -> Result<(), LedgerError> {
        let forget = "DELETE FROM lost_member WHERE repository = $1
            AND blob IN (SELECT b.id FROM {digests $2} AS d CROSS JOIN blob b
                WHERE b.algorithm = d.algorithm AND b.digest = d.digest AND NOT EXISTS (SELECT 1 FROM edge e
                    WHERE e.algorithm = b.algorithm AND e.digest = b.digest AND e.repository = $1)) RETURNING blob";
        for mut row in self.sql.query(forget, &[repository.into(), Value::List(targets)]).await? {
            let blob = row.int(0)?;
            let (size, _) = self.blob_of(blob).await?;
            self.blob_went(project, blob, size).await?;
        }
        Ok(())
    }

    /// Whether nothing of the project is left, its row and its entry included.
    async fn empty_project(&mut self, project: i64, step: &mut Step) -> Result<bool, Refused> {
        let first = "SELECT id FROM repository WHERE project = $1 LIMIT 1";
        while let Some(mut row) = self.sql.one(first, &[project.into()]).await? {
            if !self.empty_repository(project, row.int(0)?, step).await? {
                return Ok(false);
            }
        }
        while step.left > 0 {
            let robot = "SELECT uid FROM account WHERE project = $1 LIMIT 1";
            let Some(mut row) = self.sql.one(robot, &[project.into()]).await? else { break };
            self.delete_account(&row.id(0)?).await?;
            step.left -= 10;
        }
        let bindings = "DELETE FROM binding WHERE id IN (SELECT id FROM binding WHERE project = $1 LIMIT $2)";
        self.remove(bindings, project, step).await?;
        if step.left <= 0 {
            return Ok(false);
        }
        for rest in ["DELETE FROM trash WHERE project = $1", "DELETE FROM project WHERE id = $1"] {
            self.sql.execute(rest, &[project.into()]).await?;
        }
        Ok(true)
    }

    /// Whether nothing of the repository is left, its row and its entry included.
    async fn empty_repository(&mut self, project: i64, repository: i64, step: &mut Step) -> Result<bool, LedgerError> {
        let tags = "DELETE FROM tag WHERE repository = $1
            AND name IN (SELECT name FROM tag WHERE repository = $1 LIMIT $2)";
        self.remove(tags, repository, step).await?;
        self.remove_manifests(project, repository, step).await?;
        self.remove_members(project, repository, step).await?;
        let history = "DELETE FROM tag_history WHERE id IN (SELECT id FROM tag_history WHERE repository = $1 LIMIT $2)";
        self.remove(history, repository, step).await?;
        let pulled = "DELETE FROM pulled WHERE repository = $1
            AND tag IN (SELECT tag FROM pulled WHERE repository = $1 LIMIT $2)";
        self.remove(pulled, repository, step).await?;
        if step.left <= 0 {
            return Ok(false);
        }
        step.left -= 4;
        let rest = [
            "DELETE FROM trash WHERE repository = $1",
            "DELETE FROM overview WHERE repository = $1",
            "DELETE FROM repository WHERE id = $1",
        ];
        for rest in rest {
            self.sql.execute(rest, &[repository.into()]).await?;
        }
        Ok(true)
    }

    /// Removes rows of `$1`, `$2` at most: as many as the step has left.
    async fn remove(&mut self, delete: &'static str, of: i64, step: &mut Step) -> Result<(), LedgerError> {
        if step.left > 0 {
            step.left -= self.sql.execute(delete, &[of.into(), step.left.into()]).await? as i64;
        }
        Ok(())
    }

    /// Removes manifests, live ones first.
    async fn remove_manifests(&mut self, project: i64, repository: i64, step: &mut Step) -> Result<(), LedgerError> {
        let mut targets = Vec::new();
        while step.left > 0 {
            let live = "DELETE FROM manifest WHERE id = (SELECT id FROM manifest WHERE repository = $1 LIMIT 1)
                RETURNING id, document";
            let trashed = concat!(
                "DELETE FROM trash
                WHERE id = (SELECT id FROM trash WHERE repository = $1 AND kind = ",
                kind!(manifest),
                " LIMIT 1)
                RETURNING manifest, document"
            );
            let mut row = self.sql.one(live, &[repository.into()]).await?;
            if row.is_none() {
                row = self.sql.one(trashed, &[repository.into()]).await?;
            }
            let Some(mut row) = row else { break };
            let named = self.end_manifest(repository, row.int(0)?, row.int(1)?).await?;
            step.left -= 1 + named.len() as i64;
            targets.extend(named);
        }
        let targets = list(targets);
        self.forget_lost(project, repository, &targets).await?;
        let freed = self.free_unheld(&targets).await?;
        step.free(freed);
        Ok(())
    }

    async fn remove_members(&mut self, project: i64, repository: i64, step: &mut Step) -> Result<(), LedgerError> {
        if step.left <= 0 {
            return Ok(());
        }
        let delete = "DELETE FROM member WHERE repository = $1
            AND blob IN (SELECT blob FROM member WHERE repository = $1 LIMIT $2) RETURNING blob";
        let rows = self.sql.query(delete, &[repository.into(), step.left.into()]).await?;
        let mut digests = Vec::with_capacity(rows.len());
        for mut row in rows {
            let blob = row.int(0)?;
            let (size, digest) = self.blob_of(blob).await?;
            self.blob_went(project, blob, size).await?;
            digests.push(digest);
        }
        step.left -= digests.len() as i64;
        let freed = self.free_unheld(&list(digests)).await?;
        step.free(freed);
        Ok(())
    }

    /// The size of a blob that was a member, and what it is named.
    async fn blob_of(&mut self, blob: i64) -> Result<(i64, Digest), LedgerError> {
        let find = "SELECT size, algorithm, digest FROM blob WHERE id = $1";
        let row = self.sql.one(find, &[blob.into()]).await?;
        let mut row = row.ok_or_else(|| LedgerError::Corrupt("a member without its blob".to_owned()))?;
        Ok((row.int(0)?, row.digest(1)?))
    }
}

/// The list of these digests, each once.
fn list(mut digests: Vec<Digest>) -> Vec<String> {
    digests.sort();
    digests.dedup();
    digest_list(digests.iter().map(|digest| (None, digest)))
}
