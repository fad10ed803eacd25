//! Blobs, and which repositories they are members of.

use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::RepositoryName;

use super::projects::Home;
use super::{Context, just, returned};
use crate::blobs::Location;
use crate::ledger::change::{Change, Expects, Freed, Known, Place, Refused};
use crate::ledger::query::LedgerError;
use crate::sql::{Sql, Value, digest_values};

/// The row of a blob.
pub(super) struct Blob {
    pub(super) id: i64,
    pub(super) size: i64,
    /// Where its bytes are, where that was asked and they are not in the ledger.
    pub(super) location: Option<String>,
    /// Whether it has just been made, and so is in no repository yet.
    is_new: bool,
}

impl<S: Sql> Context<'_, S> {
    pub(super) async fn blob(&mut self, digest: &Digest) -> Result<Option<Blob>, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT id, size, location FROM blob WHERE algorithm = $1 AND digest = $2";
        let Some(mut row) = self.sql.one(find, &[algorithm, hash]).await? else { return Ok(None) };
        Ok(Some(Blob { id: row.int(0)?, size: row.int(1)?, location: row.maybe_text(2)?, is_new: false }))
    }

    pub(super) async fn put_blob(&mut self, change: &mut Change) -> Result<bool, Refused> {
        let Change::PutBlob { repository, digest, size, place, known, upload, adopted } = change else {
            return Ok(false);
        };
        let home = self.home(repository).await?;
        let found = self.blob(digest).await?;
        *adopted = found.is_none();
        let blob = match found {
            Some(blob) => {
                if let Place::Heap(location) = place {
                    self.settle_known(&blob, location, known).await?;
                }
                blob
            }
            None => self.insert_blob(digest, *size, place).await?,
        };
        self.put_member(home, &blob, digest).await?;
        match upload {
            Some((upload, version)) if !self.end_upload(upload, *version).await? => Err(Refused::UploadUnknown),
            _ => Ok(true),
        }
    }

    /// Ends the session of an upload; what it had reserved is given back in the same commit that counts what came of it. Whether
    /// there is one, of that version.
    pub(crate) async fn end_upload(&mut self, upload: &Id, version: u64) -> Result<bool, Refused> {
        let delete = "DELETE FROM upload WHERE uid = $1 AND version = $2 RETURNING project, reserved";
        let row = self.sql.one(delete, &[upload.into(), (version as i64).into()]).await?;
        let Some(mut row) = row else { return Ok(false) };
        if let (Some(project), reserved) = (row.maybe_int(0)?, row.int(1)?) {
            self.moved(project).reserved -= reserved;
        }
        Ok(true)
    }

    /// Bytes came to the heap whose digest is known already: one copy stays, the other is reclaimed.
    pub(super) async fn settle_known(&mut self, blob: &Blob, brought: &Location, known: &Known) -> Result<(), Refused> {
        let Some(there) = blob.location.clone() else { return Ok(self.reclaim(&brought.0).await?) };
        if there == brought.0 {
            return Ok(());
        }
        match known {
            Known::Keep => Ok(self.reclaim(&brought.0).await?),
            Known::Replace(lost) if lost.0 == there => {
                let update = "UPDATE blob SET location = $2 WHERE id = $1";
                self.sql.execute(update, &[blob.id.into(), brought.0.as_str().into()]).await?;
                Ok(self.reclaim(&there).await?)
            }
            Known::Tell | Known::Replace(_) => Err(Refused::Known(Location(there))),
        }
    }

    pub(super) async fn insert_blob(&mut self, digest: &Digest, size: u64, place: &Place) -> Result<Blob, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let (location, bytes) = match place {
            Place::Ledger(bytes) => (Value::Null, Value::Bytes(bytes)),
            Place::Heap(location) => (Value::Text(&location.0), Value::Null),
        };
        let insert =
            "INSERT INTO blob (algorithm, digest, size, location, bytes) VALUES ($1, $2, $3, $4, $5) RETURNING id";
        let size = size as i64;
        let id = returned(self.sql.one(insert, &[algorithm, hash, size.into(), location, bytes]).await?)?;
        Ok(Blob { id, size, location: None, is_new: true })
    }

    /// Makes the member, or makes it new: held by a manifest already, or from now on for the grace.
    pub(super) async fn put_member(&mut self, home: Home, blob: &Blob, digest: &Digest) -> Result<(), LedgerError> {
        let Home { repository, project } = home;
        let since = if self.is_named(repository, digest).await? { Value::Null } else { self.now.into() };
        let parameters = [repository.into(), blob.id.into(), since];
        let renew = "UPDATE member SET unreferenced_since = $3 WHERE repository = $1 AND blob = $2";
        if !blob.is_new && self.sql.execute(renew, &parameters).await? > 0 {
            return Ok(());
        }
        let insert = "INSERT INTO member (repository, blob, unreferenced_since) VALUES ($1, $2, $3)";
        self.sql.execute(insert, &parameters).await?;
        if !blob.is_new && self.is_no_longer_lost(repository, blob.id).await? {
            return Ok(());
        }
        self.blob_came(project, blob.id, blob.size).await
    }

    /// Whether a manifest of the repository, live or trashed, names it.
    pub(super) async fn is_named(&mut self, repository: i64, digest: &Digest) -> Result<bool, LedgerError> {
        let (algorithm, hash) = digest_values(digest);
        let find = "SELECT 1 FROM edge WHERE algorithm = $1 AND digest = $2 AND repository = $3 LIMIT 1";
        self.sql.any(find, &[algorithm, hash, repository.into()]).await
    }

    pub(super) async fn mount_blob(&mut self, change: &Change) -> Result<bool, Refused> {
        let Change::MountBlob { repository, digest, from, from_project, readable } = change else { return Ok(false) };
        let home = self.home(repository).await?;
        match self.expected_project(from.project_str(), *from_project).await {
            Err(Refused::ProjectChanged) => return Err(Refused::BlobUnknown(*digest)),
            found => found.map(drop)?,
        }
        let (algorithm, hash) = digest_values(digest);
        let shown_since = self.now - self.grace / 2;
        let find = "SELECT b.id, b.size, r.public FROM blob b JOIN member m ON m.blob = b.id
            JOIN repository r ON r.id = m.repository
            WHERE b.algorithm = $1 AND b.digest = $2 AND r.name = $3
                AND (m.unreferenced_since IS NULL OR m.unreferenced_since > $4)";
        let parameters = [algorithm, hash, from.as_str().into(), shown_since.into()];
        let mut found = self.sql.one(find, &parameters).await?.ok_or(Refused::BlobUnknown(*digest))?;
        let blob = Blob { id: found.int(0)?, size: found.int(1)?, location: None, is_new: false };
        let public = found.flag(2)?;
        if !readable.holds(from.as_str(), public) {
            return Err(Refused::BlobUnknown(*digest));
        }
        self.put_member(home, &blob, digest).await?;
        Ok(true)
    }

    pub(super) async fn delete_blob(
        &mut self,
        repository: &RepositoryName,
        expects: Expects,
        digest: &Digest,
    ) -> Result<Freed, Refused> {
        let home = self.home_in(repository, expects).await?;
        let blob = self.blob(digest).await?.ok_or(Refused::BlobUnknown(*digest))?;
        let delete = "DELETE FROM member WHERE repository = $1 AND blob = $2
            AND (unreferenced_since IS NULL OR unreferenced_since > $3)";
        let shown_since = self.now - self.grace / 2;
        if self.sql.execute(delete, &[home.repository.into(), blob.id.into(), shown_since.into()]).await? == 0 {
            return Err(Refused::BlobUnknown(*digest));
        }
        self.check_not_needed(&home, repository, digest).await?;
        if self.is_named(home.repository, digest).await? {
            self.note_lost(home.repository, blob.id, digest).await?;
            return Ok(Freed::default());
        }
        self.blob_went(home.project, blob.id, blob.size).await?;
        Ok(self.free_unheld(&just(digest)).await?)
    }

    pub(super) async fn sweep_member(
        &mut self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Freed>, Refused> {
        let home = match self.home(repository).await {
            Ok(home) => home,
            Err(Refused::RepositoryUnknown) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        let Some(blob) = self.blob(digest).await? else { return Ok(None) };
        if self.is_named(home.repository, digest).await? {
            return Ok(None);
        }
        let delete = "DELETE FROM member WHERE repository = $1 AND blob = $2 AND unreferenced_since <= $3";
        let over = self.now - self.grace;
        if self.sql.execute(delete, &[home.repository.into(), blob.id.into(), over.into()]).await? == 0 {
            return Ok(None);
        }
        self.blob_went(home.project, blob.id, blob.size).await?;
        Ok(Some(self.free_unheld(&just(digest)).await?))
    }

    /// Lets go of those of the blobs that are in no repository and that no manifest anywhere names.
    pub(super) async fn free_unheld(&mut self, digests: &[String]) -> Result<Freed, LedgerError> {
        let find = "SELECT b.id, b.size, b.location FROM {digests $1} AS d CROSS JOIN blob b
            WHERE b.algorithm = d.algorithm AND b.digest = d.digest
                AND NOT EXISTS (SELECT 1 FROM member m WHERE m.blob = b.id)
                AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.algorithm = b.algorithm AND e.digest = b.digest)";
        let mut freed = Freed::default();
        for mut row in self.sql.query(find, &[Value::List(digests)]).await? {
            let (id, size, location) = (row.int(0)?, row.unsigned(1)?, row.maybe_text(2)?);
            self.end_derived(id).await?;
            self.sql.execute("DELETE FROM blob WHERE id = $1", &[id.into()]).await?;
            if let Some(location) = location {
                self.reclaim(&location).await?;
            }
            freed.blobs += 1;
            freed.bytes += size;
        }
        Ok(freed)
    }
}
