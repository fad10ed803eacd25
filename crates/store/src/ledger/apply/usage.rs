//! What projects use: the one place that moves it.
//!
//! While a commit is made, what comes and goes is added up; at its end the row of each project is moved once, and the whole
//! refused where one would use more than it may. Once and at the end, as the change that ends an upload puts the real size
//! in the place of what was reserved. There is one writer, so that nothing comes between looking and moving.

use super::Context;
use crate::ledger::change::Refused;
use crate::ledger::project::QuotaExceeded;
use crate::ledger::query::LedgerError;
use crate::sql::{Row, Sql};

/// By how much a project's use moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) bytes: i64,
    pub(crate) reserved: i64,
    pub(crate) repositories: i64,
}

/// Moves what a project uses. No effect where there is none of that number any more.
///
/// # Errors
/// [`Refused::Quota`] where it would use more than it may, and more than before.
pub(crate) async fn settle(sql: &mut impl Sql, project: i64, moved: Moved) -> Result<(), Refused> {
    if moved == Moved::default() {
        return Ok(());
    }
    let update = "UPDATE project SET used_bytes = used_bytes + $2, reserved_bytes = reserved_bytes + $3,
            repositories = repositories + $4
        WHERE id = $1 RETURNING used_bytes, reserved_bytes, repositories, quota_bytes, quota_repositories, uid, name";
    let parameters = [project.into(), moved.bytes.into(), moved.reserved.into(), moved.repositories.into()];
    match sql.one(update, &parameters).await? {
        Some(row) => check(row, moved),
        None => Ok(()),
    }
}

fn check(mut row: Row, moved: Moved) -> Result<(), Refused> {
    let (bytes, reserved, repositories) = (row.int(0)?, row.int(1)?, row.int(2)?);
    let (quota_bytes, quota_repositories) = (row.maybe_int(3)?, row.maybe_int(4)?);
    let needed = moved.bytes + moved.reserved;
    let has_too_many_bytes = needed > 0 && quota_bytes.is_some_and(|quota| bytes.saturating_add(reserved) > quota);
    let is_of_repositories = moved.repositories > 0 && quota_repositories.is_some_and(|quota| repositories > quota);
    if !has_too_many_bytes && !is_of_repositories {
        return Ok(());
    }
    let unsigned = |value: i64| u64::try_from(value).unwrap_or_default();
    Err(Refused::Quota(Box::new(QuotaExceeded {
        id: row.id(5)?,
        project: row.text(6)?,
        bytes_used: unsigned(bytes - moved.bytes),
        reserved: unsigned(reserved - moved.reserved),
        quota_bytes: quota_bytes.map(unsigned),
        needed: unsigned(needed),
        repositories: unsigned(repositories - moved.repositories),
        quota_repositories: quota_repositories.map(unsigned),
        is_of_repositories,
    })))
}

impl<S: Sql> Context<'_, S> {
    /// What the project's use has moved by so far.
    pub(super) fn moved(&mut self, project: i64) -> &mut Moved {
        self.moved.entry(project).or_default()
    }

    /// Moves the rows of all projects whose use this commit has moved.
    pub(super) async fn settle_usage(&mut self) -> Result<(), Refused> {
        for (project, moved) in std::mem::take(&mut self.moved) {
            settle(self.sql, project, moved).await?;
        }
        Ok(())
    }

    /// A blob has become a member of a repository of the project.
    pub(super) async fn blob_came(&mut self, project: i64, blob: i64, size: i64) -> Result<(), LedgerError> {
        let hold = "INSERT INTO holding (project, blob, members) VALUES ($1, $2, 1)
            ON CONFLICT (project, blob) DO UPDATE SET members = holding.members + 1 RETURNING members";
        if super::returned(self.sql.one(hold, &[project.into(), blob.into()]).await?)? == 1 {
            self.moved(project).bytes += size;
        }
        Ok(())
    }

    /// A blob is no longer a member of one of the project's repositories.
    pub(super) async fn blob_went(&mut self, project: i64, blob: i64, size: i64) -> Result<(), LedgerError> {
        let release = "UPDATE holding SET members = members - 1 WHERE project = $1 AND blob = $2 RETURNING members";
        if super::returned(self.sql.one(release, &[project.into(), blob.into()]).await?)? == 0 {
            let delete = "DELETE FROM holding WHERE project = $1 AND blob = $2";
            self.sql.execute(delete, &[project.into(), blob.into()]).await?;
            self.moved(project).bytes -= size;
        }
        Ok(())
    }

    /// A manifest of the repository goes for good; its document must still be there.
    pub(super) async fn manifest_went(&mut self, repository: i64, document: i64) -> Result<(), LedgerError> {
        let find = "SELECT r.project, CAST(length(d.bytes) AS BIGINT) FROM repository r CROSS JOIN document d
            WHERE r.id = $1 AND d.id = $2";
        if let Some(mut row) = self.sql.one(find, &[repository.into(), document.into()]).await? {
            let (project, length) = (row.int(0)?, row.int(1)?);
            self.moved(project).bytes -= length;
        }
        Ok(())
    }
}
