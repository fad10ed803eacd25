//! Projects and their repositories: how they are made, and what is set of them.

use wharf_model::api::project::{Project, ProjectChange};
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName};

use super::{Context, returned};
use crate::ids;
use crate::ledger::change::{Expects, Refused};
use crate::ledger::project::Settings;
use crate::ledger::query::LedgerError;
use crate::ledger::read;
use crate::sql::{Sql, Value};

/// The row of a repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    /// Its number.
    pub(crate) repository: i64,
    /// The number of its project.
    pub(super) project: i64,
}

impl<S: Sql> Context<'_, S> {
    pub(super) async fn home(&mut self, name: &RepositoryName) -> Result<Home, Refused> {
        let find = "SELECT id, project FROM repository WHERE name = $1";
        let mut row = self.sql.one(find, &[name.as_str().into()]).await?.ok_or(Refused::RepositoryUnknown)?;
        Ok(Home { repository: row.int(0)?, project: row.int(1)? })
    }

    /// The same; refused where its project is not what was expected.
    pub(crate) async fn home_in(&mut self, name: &RepositoryName, expects: Expects) -> Result<Home, Refused> {
        if expects != Expects::Anything {
            self.expected_project(name.project_str(), expects).await?;
        }
        self.home(name).await
    }

    /// Whether it was made, and its project with it.
    pub(super) async fn ensure_repository(
        &mut self,
        name: &RepositoryName,
        expects: Expects,
    ) -> Result<Option<bool>, Refused> {
        let found = self.expected_project(name.project_str(), expects).await?;
        if found.is_some() && self.sql.any("SELECT 1 FROM repository WHERE name = $1", &[name.as_str().into()]).await? {
            return Ok(None);
        }
        let (project, public) = match found {
            Some((project, _, public)) => (project, public),
            None => (self.insert_project(name.project_str(), None).await?, false),
        };
        let insert = "INSERT INTO repository (uid, project, name, public, created_at) VALUES ($1, $2, $3, $4, $5)";
        let uid = ids::random()?;
        let parameters = [(&uid).into(), project.into(), name.as_str().into(), public.into(), self.now.into()];
        self.sql.execute(insert, &parameters).await?;
        self.moved(project).repositories += 1;
        Ok(Some(found.is_none()))
    }

    /// The project's number, its id, and whether it is public; refused where it is not what was expected.
    pub(super) async fn expected_project(
        &mut self,
        name: &str,
        expects: Expects,
    ) -> Result<Option<(i64, Id, bool)>, Refused> {
        let row = self.sql.one("SELECT id, uid, public FROM project WHERE name = $1", &[name.into()]).await?;
        let found = row.map(|mut row| Ok::<_, LedgerError>((row.int(0)?, row.id(1)?, row.flag(2)?))).transpose()?;
        match (expects, &found) {
            (Expects::Anything, _) | (Expects::Nothing, None) => Ok(found),
            (Expects::Project(expected), Some((_, id, _))) if expected == *id => Ok(found),
            _ => Err(Refused::ProjectChanged),
        }
    }

    async fn insert_project(&mut self, name: &str, id: Option<Id>) -> Result<i64, LedgerError> {
        let insert = "INSERT INTO project (uid, name, public, created_at) VALUES ($1, $2, 0, $3) RETURNING id";
        let uid = id.map_or_else(ids::random, Ok)?;
        returned(self.sql.one(insert, &[(&uid).into(), name.into(), self.now.into()]).await?)
    }

    /// Whether it was made, where it is not as it was.
    pub(super) async fn put_project(
        &mut self,
        name: &ProjectName,
        expects: Expects,
        id: Option<Id>,
        set: &ProjectChange,
    ) -> Result<Option<bool>, Refused> {
        let found = self.expected_project(name.as_str(), expects).await?;
        let number = match &found {
            Some((number, ..)) => *number,
            None => self.insert_project(name.as_str(), id).await?,
        };
        let before = read::project(self.sql, name).await?;
        let before = before.ok_or_else(|| LedgerError::Corrupt(format!("the project {name} is not there")))?;
        let mut after = before.clone();
        after.set(set);
        if after != before {
            self.write_project(number, &after).await?;
        }
        if after.public != before.public {
            // Those in the trash, whose names begin with a slash, stay hidden.
            let update = "UPDATE repository SET public = $2 WHERE project = $1 AND name > '/~'";
            self.sql.execute(update, &[number.into(), after.public.into()]).await?;
        }
        Ok((found.is_none() || after != before).then_some(found.is_none()))
    }

    async fn write_project(&mut self, number: i64, project: &Project) -> Result<(), LedgerError> {
        let update = "UPDATE project SET public = $2, description = $3, settings = $4, quota_bytes = $5,
                quota_warn_bytes = $6, quota_repositories = $7
            WHERE id = $1";
        let settings = Settings::of(project).written()?;
        let limit = |limit: Option<u64>| Value::from(limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX)));
        let parameters = [
            number.into(),
            project.public.into(),
            project.description.as_str().into(),
            settings.as_str().into(),
            limit(project.quota_bytes),
            limit(project.quota_warn_bytes),
            limit(project.quota_repositories),
        ];
        self.sql.execute(update, &parameters).await?;
        Ok(())
    }
}
