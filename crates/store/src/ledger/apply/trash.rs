//! Deleting manifests, repositories and projects, which go to the trash; taking them out of it again.

use std::collections::BTreeMap;

use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::manifest::Role;
use wharf_model::name::{ProjectName, RepositoryName, Tag};

use super::projects::Home;
use super::{Context, to_json};
use crate::clock::Millis;
use crate::ids;
use crate::ledger::change::{Contents, Expects, Refused};
use crate::ledger::people::Thing;
use crate::ledger::query::LedgerError;
use crate::ledger::trash::{kind, tags_of, trashed_project, trashed_repository};
use crate::sql::{Row, Sql, Value, digest_values};

/// A live manifest that a trashed one names.
struct Named {
    digest: Digest,
    edges: i64,
    is_child: bool,
}

/// A manifest in the trash.
struct Trashed {
    entry: Id,
    manifest: i64,
    digest: Digest,
    tags: Vec<Tag>,
}

impl<S: Sql> Context<'_, S> {
    // --- deleting

    pub(super) async fn delete_manifest(
        &mut self,
        repository: &RepositoryName,
        expects: Expects,
        digest: &Digest,
        keep: Millis,
    ) -> Result<(Vec<Tag>, Vec<Digest>), Refused> {
        let home = self.home_in(repository, expects).await?;
        let Home { repository: number, project } = home;
        let first = self.manifest(number, digest).await?.ok_or(Refused::ManifestUnknown(*digest))?;
        let tags = self.delete_tags_of(number, first, digest).await?;
        self.check_movable(project, repository, &tags).await?;
        self.check_not_needed(&home, repository, digest).await?;
        self.trash(first, &tags, keep).await?;
        let (mut children, mut candidates) = (Vec::new(), BTreeMap::new());
        let mut going = self.let_go(number, first, &mut candidates).await?;
        while let Some((manifest, digest)) = going.pop() {
            self.trash(manifest, &[], keep).await?;
            children.push(digest);
            going.extend(self.let_go(number, manifest, &mut candidates).await?);
        }
        Ok((tags, children))
    }

    /// After a manifest was trashed: the children that go as well, because they have no tag and nothing live names them now.
    /// Those that something still holds stay among the candidates, with how many edges do: what holds them may itself go
    /// later, and each edge is counted off once, so that all of it costs in proportion to the edges.
    async fn let_go(
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
    async fn live_targets(&mut self, repository: i64, manifest: i64) -> Result<Vec<(i64, Digest, bool)>, LedgerError> {
        let find = "SELECT c.id, c.algorithm, c.digest, e.role FROM edge e
            JOIN manifest c ON c.repository = $1 AND c.algorithm = e.algorithm AND c.digest = e.digest
            WHERE e.manifest = $2";
        let rows = self.sql.query(find, &[repository.into(), manifest.into()]).await?;
        let child = i64::from(Role::Child.id());
        rows.into_iter().map(|mut row| Ok((row.int(0)?, row.digest(1)?, row.int(3)? == child))).collect()
    }

    /// How many edges of live manifests and tags hold a manifest.
    async fn holders(&mut self, repository: i64, manifest: i64, digest: &Digest) -> Result<i64, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let count = "SELECT (SELECT count(*) FROM edge e JOIN manifest l ON l.id = e.manifest
                WHERE e.algorithm = $1 AND e.digest = $2 AND e.repository = $3)
            + (SELECT count(*) FROM tag t WHERE t.manifest = $4)";
        let row = self.sql.one(count, &[algorithm, hash, repository.into(), manifest.into()]).await?;
        row.map_or(Ok(0), |mut row| row.int(0))
    }

    async fn delete_tags_of(
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
    async fn trash(&mut self, manifest: i64, tags: &[Tag], keep: Millis) -> Result<(), LedgerError> {
        let insert = concat!(
            "INSERT INTO trash (uid, kind, project, repository, name, manifest, manifest_uid, document, media_type,
                artifact_type, subject_algorithm, subject_digest, pushed_at, pushed_by, tags, deleted_at, deleted_by, until)
            SELECT CAST($1 AS {bytes}), ",
            kind!(manifest),
            ", r.project, r.id, r.name, m.id, m.uid, m.document, m.media_type, m.artifact_type, m.subject_algorithm,
                m.subject_digest, m.pushed_at, m.pushed_by, CAST($2 AS TEXT), CAST($3 AS BIGINT),
                CAST($4 AS TEXT), CAST($5 AS BIGINT)
            FROM manifest m JOIN repository r ON r.id = m.repository WHERE m.id = $6"
        );
        let uid = ids::random()?;
        let tags = to_json(&tags)?;
        let until = self.now.saturating_add(keep);
        let parameters =
            [(&uid).into(), tags.as_str().into(), self.now.into(), self.actor.into(), until.into(), manifest.into()];
        self.sql.execute(insert, &parameters).await?;
        self.sql.execute("DELETE FROM manifest WHERE id = $1", &[manifest.into()]).await?;
        Ok(())
    }

    /// A blob was taken out of the repository while a manifest of it, live or in the trash, names it. Its bytes stay for that
    /// manifest's sake, so the project goes on using them. Where one in the trash names it, it is to come back with that.
    pub(super) async fn note_lost(&mut self, repository: i64, blob: i64, digest: &Digest) -> Result<(), LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let trashed = "SELECT 1 FROM edge e JOIN trash t ON t.manifest = e.manifest
            WHERE e.algorithm = $1 AND e.digest = $2 AND e.repository = $3 LIMIT 1";
        let returns = self.sql.any(trashed, &[algorithm, hash, repository.into()]).await?;
        let note = "INSERT INTO lost_member (repository, blob, returns) VALUES ($1, $2, $3)";
        self.sql.execute(note, &[repository.into(), blob.into(), returns.into()]).await?;
        Ok(())
    }

    /// Whether a blob that is a member again had been taken out and is used by the project still.
    pub(super) async fn is_no_longer_lost(&mut self, repository: i64, blob: i64) -> Result<bool, LedgerError> {
        let forget = "DELETE FROM lost_member WHERE repository = $1 AND blob = $2";
        Ok(self.sql.execute(forget, &[repository.into(), blob.into()]).await? > 0)
    }

    /// Renames the repository to what no repository is called. Nothing in it is touched.
    pub(super) async fn delete_repository(
        &mut self,
        repository: &RepositoryName,
        expects: Expects,
        entry: &Id,
        keep: Millis,
    ) -> Result<Contents, Refused> {
        self.expected_project(repository.project_str(), expects).await?;
        let home = self.home(repository).await?;
        self.check_all_movable(&home, repository).await?;
        let contents = self.contents_of_repository(home.repository).await?;
        self.put_entry(entry, kind!(repository), &home, repository.as_str(), keep).await?;
        let rename = "UPDATE repository SET name = $2, public = 0 WHERE id = $1";
        let trashed = trashed_repository(home.repository);
        self.sql.execute(rename, &[home.repository.into(), trashed.as_str().into()]).await?;
        self.moved(home.project).repositories -= 1;
        Ok(contents)
    }

    /// Renames the project, its repositories and its robots.
    pub(super) async fn delete_project(
        &mut self,
        project: &ProjectName,
        expects: Expects,
        entry: &Id,
        keep: Millis,
    ) -> Result<Contents, Refused> {
        let found = self.expected_project(project.as_str(), expects).await?;
        let (number, ..) = found.ok_or(Refused::Unknown(Thing::Project))?;
        self.check_project_movable(number).await?;
        let contents = self.contents_of_project(number).await?;
        let nowhere = Home { repository: 0, project: number };
        self.put_entry(entry, kind!(project), &nowhere, project.as_str(), keep).await?;
        self.rename_project(number, project.as_str(), &trashed_project(number)).await?;
        self.sql.execute("UPDATE repository SET public = 0 WHERE project = $1", &[number.into()]).await?;
        Ok(contents)
    }

    /// Gives the project another name, and with it its robots and its repositories; those that are in the trash by themselves
    /// apart.
    async fn rename_project(&mut self, project: i64, from: &str, to: &str) -> Result<(), LedgerError> {
        let parameters = [project.into(), from.into(), to.into()];
        self.sql.execute("UPDATE project SET name = $2 WHERE id = $1", &[project.into(), to.into()]).await?;
        let repositories = "UPDATE repository
            SET name = CAST($3 AS TEXT) || substr(name, length(CAST($2 AS TEXT)) + 1),
                public = (SELECT public FROM project WHERE id = $1)
            WHERE project = $1 AND name >= '/0'";
        self.sql.execute(repositories, &parameters).await?;
        let robots = "UPDATE account SET name = CAST($3 AS TEXT) || substr(name, length(CAST($2 AS TEXT)) + 1)
            WHERE project = $1";
        self.sql.execute(robots, &parameters).await?;
        Ok(())
    }

    async fn put_entry(
        &mut self,
        entry: &Id,
        kind: i64,
        home: &Home,
        name: &str,
        keep: Millis,
    ) -> Result<(), LedgerError> {
        let insert = "INSERT INTO trash (uid, kind, project, repository, name, tags, deleted_at, deleted_by, until)
            VALUES ($1, $2, $3, $4, $5, '[]', $6, $7, $8)";
        let repository = Some(home.repository).filter(|_| kind == kind!(repository));
        let parameters = [
            entry.into(),
            kind.into(),
            home.project.into(),
            repository.into(),
            name.into(),
            self.now.into(),
            self.actor.into(),
            self.now.saturating_add(keep).into(),
        ];
        self.sql.execute(insert, &parameters).await?;
        Ok(())
    }

    /// What is live in the repository.
    async fn contents_of_repository(&mut self, repository: i64) -> Result<Contents, LedgerError> {
        let count = "SELECT 1, (SELECT count(*) FROM manifest WHERE repository = $1),
            (SELECT count(*) FROM tag WHERE repository = $1)";
        contents(self.sql.one(count, &[repository.into()]).await?)
    }

    /// What is live in the project, while it is called as it is.
    async fn contents_of_project(&mut self, project: i64) -> Result<Contents, LedgerError> {
        let count = "SELECT (SELECT count(*) FROM repository r WHERE r.project = $1 AND r.name > '/~'),
            (SELECT count(*) FROM repository r CROSS JOIN manifest m
                WHERE r.project = $1 AND r.name > '/~' AND m.repository = r.id),
            (SELECT count(*) FROM repository r CROSS JOIN tag t
                WHERE r.project = $1 AND r.name > '/~' AND t.repository = r.id)";
        contents(self.sql.one(count, &[project.into()]).await?)
    }

    // --- restoring

    /// Brings a manifest back, with the children that went with it. With `retag`, the tags that they had point to them again
    /// where nobody took the name since. The manifests that are live now and were not, and these tags.
    pub(super) async fn restore_manifest(
        &mut self,
        entry: &Id,
        repository: &RepositoryName,
        retag: bool,
    ) -> Result<(Vec<Digest>, Vec<Tag>), Refused> {
        let home = self.home(repository).await?;
        let find = "SELECT t.uid, t.manifest, d.algorithm, d.digest, t.tags, t.deleted_at, t.deleted_by
            FROM trash t JOIN document d ON d.id = t.document WHERE t.uid = $1 AND t.repository = $2";
        let row = self.sql.one(find, &[entry.into(), home.repository.into()]).await?;
        let mut row = row.ok_or(Refused::Unknown(Thing::TrashEntry))?;
        let (deleted_at, deleted_by) = (row.int(5)?, row.text(6)?);
        let mut coming = vec![trashed(row)?];
        let (mut restored, mut tags) = (Vec::new(), Vec::new());
        while let Some(trashed) = coming.pop() {
            let (live, came) = self.bring_back(&home, &trashed).await?;
            if came {
                restored.push(trashed.digest);
            }
            if retag {
                tags.extend(self.retag(home.repository, live, &trashed).await?);
            }
            coming.extend(self.went_along(home.repository, live, deleted_at, &deleted_by).await?);
        }
        Ok((restored, tags))
    }

    /// The manifests in the trash that `manifest` names as children and that were deleted when it was.
    async fn went_along(
        &mut self,
        repository: i64,
        manifest: i64,
        deleted_at: Millis,
        deleted_by: &str,
    ) -> Result<Vec<Trashed>, LedgerError> {
        let find = "SELECT t.uid, t.manifest, d.algorithm, d.digest, t.tags FROM edge e
            CROSS JOIN document d CROSS JOIN trash t
            WHERE e.manifest = $1 AND e.role = $2 AND d.algorithm = e.algorithm AND d.digest = e.digest
                AND t.document = d.id AND t.repository = $3 AND t.deleted_at = $4 AND t.deleted_by = $5";
        let child = Value::Int(Role::Child.id().into());
        let parameters = [manifest.into(), child, repository.into(), deleted_at.into(), deleted_by.into()];
        self.sql.query(find, &parameters).await?.into_iter().map(trashed).collect()
    }

    /// The number of the live manifest, and whether it came out of the trash: the same may have been pushed since, and then
    /// the entry has nothing more to give.
    async fn bring_back(&mut self, home: &Home, trashed: &Trashed) -> Result<(i64, bool), LedgerError> {
        if let Some(live) = self.manifest(home.repository, &trashed.digest).await? {
            self.purge_manifest(&trashed.entry).await?;
            return Ok((live, false));
        }
        let insert =
            "INSERT INTO manifest (id, uid, repository, document, algorithm, digest, media_type, artifact_type,
                subject_algorithm, subject_digest, pushed_at, pushed_by)
            SELECT t.manifest, t.manifest_uid, t.repository, t.document, d.algorithm, d.digest, t.media_type,
                t.artifact_type, t.subject_algorithm, t.subject_digest, t.pushed_at, t.pushed_by
            FROM trash t JOIN document d ON d.id = t.document WHERE t.uid = $1";
        self.sql.execute(insert, &[(&trashed.entry).into()]).await?;
        self.sql.execute("DELETE FROM trash WHERE uid = $1", &[(&trashed.entry).into()]).await?;
        self.find_lost(home, trashed.manifest).await?;
        Ok((trashed.manifest, true))
    }

    /// Blobs that the manifest names and that were taken out of the repository while it was in the trash are back.
    async fn find_lost(&mut self, home: &Home, manifest: i64) -> Result<(), LedgerError> {
        let find = "SELECT b.algorithm, b.digest FROM edge e CROSS JOIN blob b CROSS JOIN lost_member l
            WHERE e.manifest = $1 AND b.algorithm = e.algorithm AND b.digest = e.digest
                AND l.repository = $2 AND l.blob = b.id AND l.returns = 1";
        for mut row in self.sql.query(find, &[manifest.into(), home.repository.into()]).await? {
            let digest = row.digest(0)?;
            if let Some(blob) = self.blob(&digest).await? {
                self.put_member(*home, &blob, &digest).await?;
            }
        }
        Ok(())
    }

    /// Points the tags that the manifest had to it again, where they are nowhere now.
    async fn retag(&mut self, repository: i64, manifest: i64, trashed: &Trashed) -> Result<Vec<Tag>, LedgerError> {
        let mut pointed = Vec::new();
        for tag in &trashed.tags {
            let put = "INSERT INTO tag (repository, name, manifest, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (repository, name) DO NOTHING";
            let name = tag.as_str().into();
            let parameters = [repository.into(), name, manifest.into(), self.now.into(), self.actor.into()];
            if self.sql.execute(put, &parameters).await? > 0 {
                self.note_history(repository, tag, None, Some(&trashed.digest)).await?;
                pointed.push(tag.clone());
            }
        }
        Ok(pointed)
    }

    /// Gives a repository its name back, unless its time is up: then its purging may have begun.
    pub(super) async fn restore_repository(
        &mut self,
        entry: &Id,
        repository: &RepositoryName,
    ) -> Result<Contents, Refused> {
        let find = concat!(
            "SELECT t.repository, t.project FROM trash t WHERE t.uid = $1 AND t.kind = ",
            kind!(repository),
            " AND t.name = $2 AND t.until > $3"
        );
        let row = self.sql.one(find, &[entry.into(), repository.as_str().into(), self.now.into()]).await?;
        let mut row = row.ok_or(Refused::Unknown(Thing::TrashEntry))?;
        let (number, project) = (row.int(0)?, row.int(1)?);
        let find = "SELECT public FROM project WHERE id = $1 AND name > '/~'";
        let row = self.sql.one(find, &[project.into()]).await?;
        let public = row.ok_or(Refused::Unknown(Thing::Project))?.flag(0)?;
        if self.sql.any("SELECT 1 FROM repository WHERE name = $1", &[repository.as_str().into()]).await? {
            return Err(Refused::NameTaken(repository.to_string()));
        }
        let rename = "UPDATE repository SET name = $2, public = $3 WHERE id = $1";
        self.sql.execute(rename, &[number.into(), repository.as_str().into(), public.into()]).await?;
        self.sql.execute("DELETE FROM trash WHERE uid = $1", &[entry.into()]).await?;
        self.moved(project).repositories += 1;
        Ok(self.contents_of_repository(number).await?)
    }

    /// Gives a project its name back, and all that went with it, unless its time is up.
    pub(super) async fn restore_project(&mut self, entry: &Id, project: &ProjectName) -> Result<Contents, Refused> {
        let find = concat!(
            "SELECT t.project FROM trash t WHERE t.uid = $1 AND t.kind = ",
            kind!(project),
            " AND t.name = $2 AND t.until > $3"
        );
        let row = self.sql.one(find, &[entry.into(), project.as_str().into(), self.now.into()]).await?;
        let number = row.ok_or(Refused::Unknown(Thing::TrashEntry))?.int(0)?;
        if self.sql.any("SELECT 1 FROM project WHERE name = $1", &[project.as_str().into()]).await? {
            return Err(Refused::NameTaken(project.to_string()));
        }
        self.rename_project(number, &trashed_project(number), project.as_str()).await?;
        self.sql.execute("DELETE FROM trash WHERE uid = $1", &[entry.into()]).await?;
        Ok(self.contents_of_project(number).await?)
    }
}

/// Reads a row of `repositories, manifests, tags`.
fn contents(row: Option<Row>) -> Result<Contents, LedgerError> {
    let mut row = row.ok_or_else(|| LedgerError::Corrupt("nothing was counted".to_owned()))?;
    Ok(Contents { repositories: row.unsigned(0)?, manifests: row.unsigned(1)?, tags: row.unsigned(2)? })
}

/// Reads a row of `uid, manifest, algorithm, digest, tags`.
fn trashed(mut row: Row) -> Result<Trashed, LedgerError> {
    let tags = tags_of(&row.text(4)?)?;
    Ok(Trashed { entry: row.id(0)?, manifest: row.int(1)?, digest: row.digest(2)?, tags })
}
