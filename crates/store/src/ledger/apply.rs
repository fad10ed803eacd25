//! How a change is made: check and write in one place, once for both engines.

use std::collections::{BTreeMap, HashSet};

use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::manifest::Role;
use wharf_model::name::{RepositoryName, Tag};

use super::Seq;
use super::change::{Change, Commit, Edge, Entry, Expected, Expects, Freed, Known, Place, Refused};
use super::noted::put_cursor;
use super::notes::{NewJob, RECLAIM};
use super::query::{LedgerError, Totals};
use super::readable::Readable;
use super::sql::{Sql, Value, digest_list, digest_values};
use crate::blobs::Location;
use crate::clock::Millis;
use crate::ids;

/// What every change is made with.
pub(crate) struct Context<'a, S> {
    pub(crate) sql: &'a mut S,
    pub(crate) now: Millis,
    grace: Millis,
    pub(crate) actor: &'a str,
}

/// A live manifest that a trashed one names.
struct Named {
    digest: Digest,
    edges: i64,
    is_child: bool,
}

/// Makes all changes of a commit, then its jobs and its cursor. Returns the entry, which is in the log, or `None` where no
/// change had an effect.
///
/// # Errors
/// Where it is refused, what was written before has to be rolled back.
pub(crate) async fn apply<S: Sql>(
    sql: &mut S,
    commit: Commit,
    seq: Seq,
    now: Millis,
    grace: Millis,
) -> Result<Option<Entry>, Refused> {
    let mut context = Context { sql, now, grace, actor: &commit.actor };
    let mut changes = Vec::with_capacity(commit.changes.len());
    for mut change in commit.changes {
        if context.change(&mut change).await? {
            changes.push(change);
        }
    }
    for job in &commit.jobs {
        context.queue(job).await?;
    }
    if let Some((follower, cursor)) = &commit.cursor {
        put_cursor(context.sql, follower, *cursor).await?;
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let insert = "INSERT INTO log (seq, at, actor, changes) VALUES ($1, $2, $3, $4)";
    let text = to_json(&changes)?;
    sql.execute(insert, &[(seq as i64).into(), now.into(), commit.actor.as_str().into(), text.as_str().into()]).await?;
    Ok(Some(Entry { seq, at: now, actor: commit.actor, changes }))
}

impl<S: Sql> Context<'_, S> {
    async fn change(&mut self, change: &mut Change) -> Result<bool, Refused> {
        match change {
            Change::EnsureRepository { repository, expects, made_project } => {
                let made = self.ensure_repository(repository, *expects).await?;
                *made_project = made == Some(true);
                Ok(made.is_some())
            }
            Change::PutProject { project, expects, id, public } => {
                self.put_project(project.as_str(), *expects, *id, *public).await
            }
            Change::People(change) => self.people(change).await,
            Change::PutBlob { .. } => self.put_blob(change).await,
            Change::MountBlob { repository, digest, from, readable } => {
                self.mount_blob(repository, digest, from, readable).await
            }
            Change::DeleteBlob { repository, digest, freed } => {
                *freed = self.delete_blob(repository, digest).await?;
                Ok(true)
            }
            Change::PutManifest { .. } => self.put_manifest(change).await,
            Change::PointTag { repository, tag, digest, expected, previous } => {
                let (moved, before) = self.point_tag(repository, tag, digest, expected).await?;
                *previous = before;
                Ok(moved)
            }
            Change::DeleteTag { repository, tag, previous } => {
                *previous = Some(self.delete_tag(repository, tag).await?);
                Ok(true)
            }
            Change::DeleteManifest { repository, digest, keep, tags, children } => {
                (*tags, *children) = self.delete_manifest(repository, digest, *keep).await?;
                Ok(true)
            }
            Change::PurgeTrash { id, freed } => match self.purge_trash(id).await? {
                Some(what) => {
                    *freed = what;
                    Ok(true)
                }
                None => Ok(false),
            },
            Change::SweepMember { repository, digest, freed } => match self.sweep_member(repository, digest).await? {
                Some(what) => {
                    *freed = what;
                    Ok(true)
                }
                None => Ok(false),
            },
            Change::AddTotals(totals) if *totals == Totals::default() => Ok(false),
            Change::AddTotals(totals) => {
                let add = "INSERT INTO total (name, value) VALUES ($1, $2)
                    ON CONFLICT (name) DO UPDATE SET value = total.value + excluded.value";
                self.put_totals(add, totals).await
            }
            Change::SetTotals(totals) => {
                let set = "INSERT INTO total (name, value) VALUES ($1, $2)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE total.value <> excluded.value";
                self.put_totals(set, totals).await
            }
        }
    }

    // --- projects, repositories, people

    async fn repository(&mut self, name: &RepositoryName) -> Result<i64, Refused> {
        let row = self.sql.one("SELECT id FROM repository WHERE name = $1", &[name.as_str().into()]).await?;
        Ok(row.ok_or(Refused::RepositoryUnknown)?.int(0)?)
    }

    /// Whether it was made, and its project with it.
    async fn ensure_repository(&mut self, name: &RepositoryName, expects: Expects) -> Result<Option<bool>, Refused> {
        let found = self.expected_project(name.project_str(), expects).await?;
        if found.is_some() && self.sql.any("SELECT 1 FROM repository WHERE name = $1", &[name.as_str().into()]).await? {
            return Ok(None);
        }
        let (project, public) = match found {
            Some((project, _, public)) => (project, public),
            None => (self.insert_project(name.project_str(), None, false).await?, false),
        };
        let insert = "INSERT INTO repository (uid, project, name, public, created_at) VALUES ($1, $2, $3, $4, $5)";
        let uid = ids::random()?;
        let parameters = [(&uid).into(), project.into(), name.as_str().into(), public.into(), self.now.into()];
        self.sql.execute(insert, &parameters).await?;
        Ok(Some(found.is_none()))
    }

    /// The project's number, its id, and whether it is public; refused where it is not what was expected.
    async fn expected_project(&mut self, name: &str, expects: Expects) -> Result<Option<(i64, Id, bool)>, Refused> {
        let row = self.sql.one("SELECT id, uid, public FROM project WHERE name = $1", &[name.into()]).await?;
        let found = row.map(|mut row| Ok::<_, LedgerError>((row.int(0)?, row.id(1)?, row.flag(2)?))).transpose()?;
        match (expects, &found) {
            (Expects::Anything, _) | (Expects::Nothing, None) => Ok(found),
            (Expects::Project(expected), Some((_, id, _))) if expected == *id => Ok(found),
            _ => Err(Refused::ProjectChanged),
        }
    }

    async fn insert_project(&mut self, name: &str, id: Option<Id>, public: bool) -> Result<i64, LedgerError> {
        let insert = "INSERT INTO project (uid, name, public, created_at) VALUES ($1, $2, $3, $4) RETURNING id";
        let uid = id.map_or_else(ids::random, Ok)?;
        let row = self.sql.one(insert, &[(&uid).into(), name.into(), public.into(), self.now.into()]).await?;
        returned(row)
    }

    async fn put_project(
        &mut self,
        name: &str,
        expects: Expects,
        id: Option<Id>,
        public: bool,
    ) -> Result<bool, Refused> {
        let Some((id, _, before)) = self.expected_project(name, expects).await? else {
            self.insert_project(name, id, public).await?;
            return Ok(true);
        };
        if before != public {
            let parameters = [id.into(), public.into()];
            self.sql.execute("UPDATE project SET public = $2 WHERE id = $1", &parameters).await?;
            self.sql.execute("UPDATE repository SET public = $2 WHERE project = $1", &parameters).await?;
        }
        Ok(before != public)
    }

    // --- blobs

    async fn blob(&mut self, digest: &Digest) -> Result<Option<(i64, Option<String>)>, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT id, location FROM blob WHERE algorithm = $1 AND digest = $2";
        let Some(mut row) = self.sql.one(find, &[algorithm, hash]).await? else { return Ok(None) };
        Ok(Some((row.int(0)?, row.maybe_text(1)?)))
    }

    async fn put_blob(&mut self, change: &mut Change) -> Result<bool, Refused> {
        let Change::PutBlob { repository, digest, size, place, known, upload, adopted } = change else {
            return Ok(false);
        };
        let repository = self.repository(repository).await?;
        let found = self.blob(digest).await?;
        *adopted = found.is_none();
        let blob = match found {
            Some((blob, there)) => {
                if let Place::Heap(location) = place {
                    self.settle_known(blob, there, location, known).await?;
                }
                blob
            }
            None => self.insert_blob(digest, *size, place).await?,
        };
        self.put_member(repository, blob, digest).await?;
        if let Some((upload, version)) = upload {
            let version = *version as i64;
            let delete = "DELETE FROM upload WHERE uid = $1 AND version = $2";
            if self.sql.execute(delete, &[(&*upload).into(), version.into()]).await? == 0 {
                return Err(Refused::UploadUnknown);
            }
        }
        Ok(true)
    }

    /// Bytes came to the heap whose digest is known already: one copy stays, the other is reclaimed.
    async fn settle_known(
        &mut self,
        blob: i64,
        there: Option<String>,
        brought: &Location,
        known: &Known,
    ) -> Result<(), Refused> {
        let Some(there) = there else { return Ok(self.reclaim(&brought.0).await?) };
        if there == brought.0 {
            return Ok(());
        }
        match known {
            Known::Keep => Ok(self.reclaim(&brought.0).await?),
            Known::Replace(lost) if lost.0 == there => {
                let update = "UPDATE blob SET location = $2 WHERE id = $1";
                self.sql.execute(update, &[blob.into(), brought.0.as_str().into()]).await?;
                Ok(self.reclaim(&there).await?)
            }
            Known::Tell | Known::Replace(_) => Err(Refused::Known(Location(there))),
        }
    }

    async fn insert_blob(&mut self, digest: &Digest, size: u64, place: &Place) -> Result<i64, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let (location, bytes) = match place {
            Place::Ledger(bytes) => (Value::Null, Value::Bytes(bytes)),
            Place::Heap(location) => (Value::Text(&location.0), Value::Null),
        };
        let insert =
            "INSERT INTO blob (algorithm, digest, size, location, bytes) VALUES ($1, $2, $3, $4, $5) RETURNING id";
        returned(self.sql.one(insert, &[algorithm, hash, (size as i64).into(), location, bytes]).await?)
    }

    /// Makes the member, or makes it new: held by a manifest already, or from now on for the grace.
    async fn put_member(&mut self, repository: i64, blob: i64, digest: &Digest) -> Result<(), LedgerError> {
        let since = if self.is_named(repository, digest).await? { Value::Null } else { self.now.into() };
        let put = "INSERT INTO member (repository, blob, unreferenced_since) VALUES ($1, $2, $3)
            ON CONFLICT (repository, blob) DO UPDATE SET unreferenced_since = excluded.unreferenced_since";
        self.sql.execute(put, &[repository.into(), blob.into(), since]).await?;
        Ok(())
    }

    /// Whether a manifest of the repository, live or trashed, names it.
    async fn is_named(&mut self, repository: i64, digest: &Digest) -> Result<bool, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT 1 FROM edge WHERE algorithm = $1 AND digest = $2 AND repository = $3 LIMIT 1";
        self.sql.any(find, &[algorithm, hash, repository.into()]).await
    }

    async fn mount_blob(
        &mut self,
        to: &RepositoryName,
        digest: &Digest,
        from: &RepositoryName,
        readable: &Readable,
    ) -> Result<bool, Refused> {
        let repository = self.repository(to).await?;
        let (algorithm, hash) = digest_values(digest);
        let shown_since = self.now - self.grace / 2;
        let find = "SELECT b.id, r.public FROM blob b JOIN member m ON m.blob = b.id
            JOIN repository r ON r.id = m.repository
            WHERE b.algorithm = $1 AND b.digest = $2 AND r.name = $3
                AND (m.unreferenced_since IS NULL OR m.unreferenced_since > $4)";
        let parameters = [algorithm, hash, from.as_str().into(), shown_since.into()];
        let mut found = self.sql.one(find, &parameters).await?.ok_or(Refused::BlobUnknown(*digest))?;
        let (blob, public) = (found.int(0)?, found.flag(1)?);
        if !readable.holds(from.as_str(), public) {
            return Err(Refused::BlobUnknown(*digest));
        }
        self.put_member(repository, blob, digest).await?;
        Ok(true)
    }

    async fn delete_blob(&mut self, repository: &RepositoryName, digest: &Digest) -> Result<Freed, Refused> {
        let repository = self.repository(repository).await?;
        let (blob, _) = self.blob(digest).await?.ok_or(Refused::BlobUnknown(*digest))?;
        let delete = "DELETE FROM member WHERE repository = $1 AND blob = $2
            AND (unreferenced_since IS NULL OR unreferenced_since > $3)";
        let shown_since = self.now - self.grace / 2;
        if self.sql.execute(delete, &[repository.into(), blob.into(), shown_since.into()]).await? == 0 {
            return Err(Refused::BlobUnknown(*digest));
        }
        Ok(self.free_unheld(&just(digest)).await?)
    }

    async fn sweep_member(&mut self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Freed>, Refused> {
        let repository = match self.repository(repository).await {
            Ok(repository) => repository,
            Err(Refused::RepositoryUnknown) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        let Some((blob, _)) = self.blob(digest).await? else { return Ok(None) };
        if self.is_named(repository, digest).await? {
            return Ok(None);
        }
        let delete = "DELETE FROM member WHERE repository = $1 AND blob = $2 AND unreferenced_since <= $3";
        let over = self.now - self.grace;
        if self.sql.execute(delete, &[repository.into(), blob.into(), over.into()]).await? == 0 {
            return Ok(None);
        }
        Ok(Some(self.free_unheld(&just(digest)).await?))
    }

    /// Lets go of those of the blobs that are in no repository and that no manifest anywhere names.
    async fn free_unheld(&mut self, digests: &[String]) -> Result<Freed, LedgerError> {
        let find = "SELECT b.id, b.size, b.location FROM {digests $1} AS d CROSS JOIN blob b
            WHERE b.algorithm = d.algorithm AND b.digest = d.digest
                AND NOT EXISTS (SELECT 1 FROM member m WHERE m.blob = b.id)
                AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.algorithm = b.algorithm AND e.digest = b.digest)";
        let mut freed = Freed::default();
        for mut row in self.sql.query(find, &[Value::List(digests)]).await? {
            let (id, size, location) = (row.int(0)?, row.unsigned(1)?, row.maybe_text(2)?);
            self.sql.execute("DELETE FROM blob WHERE id = $1", &[id.into()]).await?;
            if let Some(location) = location {
                self.reclaim(&location).await?;
            }
            freed.blobs += 1;
            freed.bytes += size;
        }
        Ok(freed)
    }

    // --- manifests

    async fn put_manifest(&mut self, change: &mut Change) -> Result<bool, Refused> {
        let Change::PutManifest { repository, digest, media_type, artifact_type, subject, bytes, edges, created } =
            change
        else {
            return Ok(false);
        };
        let repository = self.repository(repository).await?;
        self.check_required(repository, edges).await?;
        let (algorithm, hash) = digest_values(digest);
        let (kind, artifact) = (Value::from(media_type.as_str()), Value::from(artifact_type.as_deref()));
        let find = "SELECT id, media_type FROM manifest WHERE repository = $1 AND algorithm = $2 AND digest = $3";
        if let Some(mut row) = self.sql.one(find, &[repository.into(), algorithm, hash]).await? {
            let (id, found) = (row.int(0)?, row.text(1)?);
            let update = "UPDATE manifest SET media_type = $2, artifact_type = $3 WHERE id = $1";
            if found != media_type.as_str() {
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
        *created = true;
        Ok(true)
    }

    /// A member counts even where it is no longer shown, and whatever the role, so does a live manifest.
    async fn check_required(&mut self, repository: i64, edges: &[Edge]) -> Result<(), Refused> {
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

    async fn put_document(&mut self, digest: &Digest, bytes: &[u8]) -> Result<i64, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT id FROM document WHERE algorithm = $1 AND digest = $2";
        if let Some(mut row) = self.sql.one(find, &[algorithm, hash]).await? {
            return row.int(0);
        }
        let insert = "INSERT INTO document (algorithm, digest, bytes) VALUES ($1, $2, $3) RETURNING id";
        returned(self.sql.one(insert, &[algorithm, hash, bytes.into()]).await?)
    }

    async fn put_edges(&mut self, repository: i64, manifest: i64, edges: &[Edge]) -> Result<(), LedgerError> {
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

    async fn manifest(&mut self, repository: i64, digest: &Digest) -> Result<Option<i64>, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT id FROM manifest WHERE repository = $1 AND algorithm = $2 AND digest = $3";
        self.sql.one(find, &[repository.into(), algorithm, hash]).await?.map(|mut row| row.int(0)).transpose()
    }

    async fn delete_manifest(
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

    async fn purge_trash(&mut self, id: &Id) -> Result<Option<Freed>, Refused> {
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
    async fn begin_grace(&mut self, repository: i64, targets: &[String]) -> Result<(), LedgerError> {
        let begin = "UPDATE member SET unreferenced_since = $1 WHERE repository = $2 AND unreferenced_since IS NULL
            AND blob IN (SELECT b.id FROM {digests $3} AS d CROSS JOIN blob b
                WHERE b.algorithm = d.algorithm AND b.digest = d.digest AND NOT EXISTS (SELECT 1 FROM edge e
                    WHERE e.algorithm = b.algorithm AND e.digest = b.digest AND e.repository = $2))";
        self.sql.execute(begin, &[self.now.into(), repository.into(), Value::List(targets)]).await?;
        Ok(())
    }

    // --- tags

    async fn tag(&mut self, repository: i64, tag: &Tag) -> Result<Option<(i64, Digest)>, LedgerError> {
        let find = "SELECT m.id, m.algorithm, m.digest FROM tag t JOIN manifest m ON m.id = t.manifest
            WHERE t.repository = $1 AND t.name = $2";
        let row = self.sql.one(find, &[repository.into(), tag.as_str().into()]).await?;
        row.map(|mut row| Ok((row.int(0)?, row.digest(1)?))).transpose()
    }

    async fn point_tag(
        &mut self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
        expected: &Expected,
    ) -> Result<(bool, Option<Digest>), Refused> {
        let repository = self.repository(repository).await?;
        let manifest = self.manifest(repository, digest).await?.ok_or(Refused::ManifestUnknown(*digest))?;
        let before = self.tag(repository, tag).await?;
        let points_to = before.as_ref().map(|(_, digest)| *digest);
        if !expected.is_met_by(points_to.as_ref()) {
            return Err(Refused::TagMoved(tag.clone(), points_to));
        }
        if before.as_ref().is_some_and(|(id, _)| *id == manifest) {
            return Ok((false, None));
        }
        let put = "INSERT INTO tag (repository, name, manifest, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest,
                updated_at = excluded.updated_at, updated_by = excluded.updated_by";
        let parameters = [repository.into(), tag.as_str().into(), manifest.into(), self.now.into(), self.actor.into()];
        self.sql.execute(put, &parameters).await?;
        self.note_history(repository, tag, points_to.as_ref(), Some(digest)).await?;
        Ok((true, points_to))
    }

    async fn delete_tag(&mut self, repository: &RepositoryName, tag: &Tag) -> Result<Digest, Refused> {
        let repository = self.repository(repository).await?;
        let (_, before) = self.tag(repository, tag).await?.ok_or_else(|| Refused::TagUnknown(tag.clone()))?;
        let delete = "DELETE FROM tag WHERE repository = $1 AND name = $2";
        self.sql.execute(delete, &[repository.into(), tag.as_str().into()]).await?;
        self.note_history(repository, tag, Some(&before), None).await?;
        Ok(before)
    }

    async fn note_history(
        &mut self,
        repository: i64,
        tag: &Tag,
        before: Option<&Digest>,
        after: Option<&Digest>,
    ) -> Result<(), LedgerError> {
        let insert = "INSERT INTO tag_history
                (repository, name, at, actor, before_algorithm, before_digest, after_algorithm, after_digest)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let (before_algorithm, before_hash) = before.map_or((Value::Null, Value::Null), digest_values);
        let (after_algorithm, after_hash) = after.map_or((Value::Null, Value::Null), digest_values);
        let parameters = [
            repository.into(),
            tag.as_str().into(),
            self.now.into(),
            self.actor.into(),
            before_algorithm,
            before_hash,
            after_algorithm,
            after_hash,
        ];
        self.sql.execute(insert, &parameters).await?;
        Ok(())
    }

    // --- what follows

    async fn put_totals(&mut self, put: &'static str, totals: &Totals) -> Result<bool, Refused> {
        let mut written = 0;
        for (name, value) in totals_by_name(totals) {
            written += self.sql.execute(put, &[name.into(), value.into()]).await?;
        }
        Ok(written > 0)
    }

    async fn reclaim(&mut self, location: &str) -> Result<(), LedgerError> {
        let (kind, key, payload) = (RECLAIM.to_owned(), location.to_owned(), location.to_owned());
        self.queue(&NewJob { kind, key, payload }).await
    }

    async fn queue(&mut self, job: &NewJob) -> Result<(), LedgerError> {
        let insert = "INSERT INTO job (kind, key, payload, attempts, due_at) VALUES ($1, $2, $3, 0, $4)
            ON CONFLICT (kind, key) DO NOTHING";
        let parameters =
            [job.kind.as_str().into(), job.key.as_str().into(), job.payload.as_str().into(), self.now.into()];
        self.sql.execute(insert, &parameters).await?;
        Ok(())
    }
}

/// The totals, as they are kept.
pub(crate) fn totals_by_name(totals: &Totals) -> [(&'static str, i64); 5] {
    [
        ("repositories", totals.repositories),
        ("manifests", totals.manifests),
        ("tags", totals.tags),
        ("blobs", totals.blobs),
        ("blob_bytes", totals.blob_bytes),
    ]
}

fn returned(row: Option<super::sql::Row>) -> Result<i64, LedgerError> {
    row.ok_or_else(|| LedgerError::Corrupt("an insert returned nothing".to_owned()))?.int(0)
}

/// The list of one digest.
fn just(digest: &Digest) -> Vec<String> {
    digest_list(std::iter::once((None, digest)))
}

fn to_json(value: &impl serde::Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Corrupt(error.to_string()))
}
