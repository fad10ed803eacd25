//! Tags that a rule of their project keeps where they are. Whatever moves or removes a tag asks here.

use wharf_model::name::{RepositoryName, Tag};

use super::Context;
use super::projects::Home;
use crate::ledger::change::Refused;
use crate::ledger::project::Settings;
use crate::ledger::query::LedgerError;
use crate::ledger::sql::{Sql, Value};

/// How many tags are asked at once whether they may go.
const TAGS_PAGE: usize = 1_000;

impl<S: Sql> Context<'_, S> {
    /// Refused where a rule keeps one of the tags where it is.
    pub(super) async fn check_movable(
        &mut self,
        project: i64,
        repository: &RepositoryName,
        tags: &[Tag],
    ) -> Result<(), Refused> {
        if tags.is_empty() {
            return Ok(());
        }
        check(&self.settings(project).await?, repository, tags)
    }

    /// Refused where a rule keeps a tag of the repository where it is.
    pub(super) async fn check_all_movable(&mut self, home: &Home, name: &RepositoryName) -> Result<(), Refused> {
        let settings = self.settings(home.project).await?;
        self.check_repository(home.repository, name, &settings).await
    }

    /// Refused where a rule keeps a tag of the project where it is.
    pub(super) async fn check_project_movable(&mut self, project: i64) -> Result<(), Refused> {
        let settings = self.settings(project).await?;
        let mut after = 0;
        while !settings.immutable.is_empty() {
            let find = "SELECT id, name FROM repository WHERE project = $1 AND id > $2 ORDER BY id LIMIT 1";
            let Some(mut row) = self.sql.one(find, &[project.into(), Value::Int(after)]).await? else { break };
            after = row.int(0)?;
            // What is in the trash already has a name that is none.
            if let Ok(name) = row.text(1)?.parse() {
                self.check_repository(after, &name, &settings).await?;
            }
        }
        Ok(())
    }

    async fn settings(&mut self, project: i64) -> Result<Settings, LedgerError> {
        let row = self.sql.one("SELECT settings FROM project WHERE id = $1", &[project.into()]).await?;
        row.map_or(Ok(Settings::default()), |mut row| Settings::read(&row.text(0)?))
    }

    async fn check_repository(
        &mut self,
        repository: i64,
        name: &RepositoryName,
        settings: &Settings,
    ) -> Result<(), Refused> {
        if !settings.immutable.iter().any(|rule| rule.repositories.matches(name.as_str())) {
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let find = "SELECT name FROM tag WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3";
            let parameters = [repository.into(), after.as_str().into(), (TAGS_PAGE as i64).into()];
            let rows = self.sql.query(find, &parameters).await?;
            let tags = rows.into_iter().map(|mut row| row.parsed(0)).collect::<Result<Vec<Tag>, _>>()?;
            check(settings, name, &tags)?;
            match tags.last() {
                Some(last) if tags.len() == TAGS_PAGE => after = last.as_str().to_owned(),
                _ => return Ok(()),
            }
        }
    }
}

fn check(settings: &Settings, repository: &RepositoryName, tags: &[Tag]) -> Result<(), Refused> {
    match settings.kept(repository, tags) {
        Some(kept) => Err(Refused::Immutable(Box::new(kept))),
        None => Ok(()),
    }
}
