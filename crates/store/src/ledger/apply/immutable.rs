//! Tags that a rule of their project keeps where they are, whole. Whatever moves or removes a tag asks here, and so does what
//! takes something away that a tag may need.
//!
//! The writer makes one change after the other, so what is looked at for one is bounded: [`LOOKED_MAX`] rows where all tags of
//! a repository or project are asked, [`NAMED_MAX`] where it is asked who needs something. What takes more is refused and says
//! so; it can be done in smaller steps.

use std::collections::HashSet;

use wharf_model::api::project::Immutable;
use wharf_model::digest::Digest;
use wharf_model::manifest::Role;
use wharf_model::name::{RepositoryName, Tag};

use super::Context;
use super::projects::Home;
use crate::ledger::change::Refused;
use crate::ledger::project::{ImmutableTag, Settings};
use crate::ledger::query::LedgerError;
use crate::sql::{Row, Sql, Value, digest_list};

/// How many tags or repositories are asked for at once.
const PAGE: usize = 1_000;
/// How many tags and repositories are looked at before a repository or project goes.
const LOOKED_MAX: usize = 100_000;
/// How many edges and tags are looked at on the way up from a manifest or blob.
const NAMED_MAX: usize = 10_000;

/// How much may be looked at yet.
struct Left(usize);

impl Left {
    fn take(&mut self, rows: usize) -> Result<(), Refused> {
        self.0 = self.0.checked_sub(rows).ok_or(Refused::TooMuchToCheck)?;
        Ok(())
    }

    /// How many rows to ask for: one more than may be looked at tells that there is too much.
    fn rows(&self) -> Value<'static> {
        Value::Int(self.0 as i64 + 1)
    }
}

impl<S: Sql> Context<'_, S> {
    // --- tags

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
        check(&self.settings(project).await?.rules_about(repository), tags)
    }

    /// Refused where a rule keeps a tag of the repository where it is, or where that takes looking at more than
    /// [`LOOKED_MAX`] tags. None is looked at where no rule is about the repository, and one where a rule is about all.
    pub(super) async fn check_all_movable(&mut self, home: &Home, name: &RepositoryName) -> Result<(), Refused> {
        let rules = self.settings(home.project).await?.rules_about(name);
        self.check_repository(home.repository, &rules, &mut Left(LOOKED_MAX)).await
    }

    /// The same for all tags of a project, its repositories among the [`LOOKED_MAX`].
    pub(super) async fn check_project_movable(&mut self, project: i64) -> Result<(), Refused> {
        let settings = self.settings(project).await?;
        let (mut after, mut left) = (0, Left(LOOKED_MAX));
        while !settings.immutable.is_empty() {
            let find = "SELECT id, name FROM repository WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3";
            let rows = self.sql.query(find, &[project.into(), Value::Int(after), (PAGE as i64).into()]).await?;
            left.take(rows.len())?;
            let is_last = rows.len() < PAGE;
            for mut row in rows {
                after = row.int(0)?;
                // What is in the trash already has a name that is none.
                let Ok(name) = row.text(1)?.parse() else { continue };
                self.check_repository(after, &settings.clone().rules_about(&name), &mut left).await?;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    async fn settings(&mut self, project: i64) -> Result<Settings, LedgerError> {
        let row = self.sql.one("SELECT settings FROM project WHERE id = $1", &[project.into()]).await?;
        row.map_or(Ok(Settings::default()), |mut row| Settings::read(&row.text(0)?))
    }

    async fn check_repository(&mut self, repository: i64, rules: &[Immutable], left: &mut Left) -> Result<(), Refused> {
        let mut after = String::new();
        while !rules.is_empty() {
            let find = "SELECT name FROM tag WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3";
            let parameters = [repository.into(), after.as_str().into(), (PAGE as i64).into()];
            let tags = parsed(self.sql.query(find, &parameters).await?)?;
            check(rules, &tags)?;
            left.take(tags.len())?;
            match tags.last() {
                Some(last) if tags.len() == PAGE => after = last.as_str().to_owned(),
                _ => break,
            }
        }
        Ok(())
    }

    // --- what tags need

    /// Refused where a tag that a rule keeps points to the manifest, or needs it.
    pub(super) async fn check_kept(
        &mut self,
        home: &Home,
        name: &RepositoryName,
        manifest: &Digest,
    ) -> Result<(), Refused> {
        let rules = self.settings(home.project).await?.rules_about(name);
        if !rules.is_empty() {
            let itself = digest_list(std::iter::once((None, manifest)));
            let tags = self.tags_of_all(home.repository, &itself, &Left(NAMED_MAX)).await?;
            check(&rules, &tags)?;
            Left(NAMED_MAX).take(tags.len())?;
        }
        self.check_not_needed(home, name, manifest).await
    }

    /// Refused where a tag that a rule keeps needs the manifest or blob: it points to a live manifest that names it, or that
    /// names one that does, and so on; what something is only attached to does not count. Or where that takes looking at more
    /// than [`NAMED_MAX`] edges and tags. Goes up from the target, a level with two statements, each manifest once.
    pub(super) async fn check_not_needed(
        &mut self,
        home: &Home,
        name: &RepositoryName,
        target: &Digest,
    ) -> Result<(), Refused> {
        let rules = self.settings(home.project).await?.rules_about(name);
        if rules.is_empty() {
            return Ok(());
        }
        let (mut left, mut seen) = (Left(NAMED_MAX), HashSet::new());
        let mut level = vec![*target];
        while !level.is_empty() {
            let named = digest_list(level.iter().map(|digest| (None, digest)));
            level = self.live_parents(home.repository, &named, &mut left).await?;
            level.retain(|parent| seen.insert(*parent));
            let parents = digest_list(level.iter().map(|digest| (None, digest)));
            let tags = self.tags_of_all(home.repository, &parents, &left).await?;
            check(&rules, &tags)?;
            left.take(tags.len())?;
        }
        Ok(())
    }

    /// The live manifests that name one of `targets` as a part of them.
    async fn live_parents(
        &mut self,
        repository: i64,
        targets: &[String],
        left: &mut Left,
    ) -> Result<Vec<Digest>, Refused> {
        // Those in the trash are read as well, so that they count. What is attached comes last among the roles, and is not
        // even looked at: anybody may attach as much as they like.
        let find = "SELECT m.algorithm, m.digest FROM {digests $1} AS d CROSS JOIN edge e
                LEFT JOIN manifest m ON m.id = e.manifest
            WHERE e.algorithm = d.algorithm AND e.digest = d.digest AND e.repository = $2 AND e.role < $3 LIMIT $4";
        let subject = Value::Int(Role::Subject.id().into());
        let rows = self.sql.query(find, &[Value::List(targets), repository.into(), subject, left.rows()]).await?;
        left.take(rows.len())?;
        let mut parents = Vec::new();
        for mut row in rows {
            parents.extend(row.maybe_digest(0)?);
        }
        Ok(parents)
    }

    /// The tags that point to one of these manifests, one more than may be looked at.
    async fn tags_of_all(
        &mut self,
        repository: i64,
        manifests: &[String],
        left: &Left,
    ) -> Result<Vec<Tag>, LedgerError> {
        let find = "SELECT t.name FROM {digests $1} AS d CROSS JOIN manifest m CROSS JOIN tag t
            WHERE m.repository = $2 AND m.algorithm = d.algorithm AND m.digest = d.digest AND t.manifest = m.id LIMIT $3";
        let mut tags = parsed(self.sql.query(find, &[Value::List(manifests), repository.into(), left.rows()]).await?)?;
        tags.sort();
        Ok(tags)
    }
}

fn parsed(rows: Vec<Row>) -> Result<Vec<Tag>, LedgerError> {
    rows.into_iter().map(|mut row| row.parsed(0)).collect()
}

fn check(rules: &[Immutable], tags: &[Tag]) -> Result<(), Refused> {
    match ImmutableTag::among(tags, rules) {
        Some(kept) => Err(Refused::Immutable(Box::new(kept))),
        None => Ok(()),
    }
}
