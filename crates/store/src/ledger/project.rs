//! What projects are set to, and why a change is refused because of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use wharf_model::api::project::{Immutable, Missing, Project, Usage};
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName, Tag};

use super::query::LedgerError;
use crate::sql::Row;

/// What whoever pushes to a project or deletes in it has to know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectRules {
    /// What pushes do about things that are not there, where it says so.
    pub missing: Option<Missing>,
    /// Patterns of the artifact types that may be pushed; `None` for all.
    pub artifact_types: Option<Vec<String>>,
    /// How many days what is deleted stays in the trash, where it says so.
    pub trash_days: Option<u32>,
    /// Whether it may use only so many bytes, so that uploads reserve what they receive.
    pub has_quota: bool,
    /// From how many bytes on pushes are warned.
    pub warn_bytes: Option<u64>,
    /// Whether links may be made that open something of it.
    pub share: bool,
    /// Whether those who administer the registry vouch for it.
    pub vouched: bool,
}

/// A project would use more than it may. The figures are from before the change that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Names the project for good.
    pub id: Id,
    /// What it is called.
    pub project: String,
    /// What it uses, in bytes: distinct blobs and manifests, those in the trash included.
    pub bytes_used: u64,
    /// What its uploads under way have reserved, in bytes.
    pub reserved: u64,
    /// How many bytes it may use.
    pub quota_bytes: Option<u64>,
    /// How many bytes more the change needs.
    pub needed: u64,
    /// How many repositories it has.
    pub repositories: u64,
    /// How many it may have.
    pub quota_repositories: Option<u64>,
    /// Whether it is the number of repositories that would be too large, not that of bytes.
    pub is_of_repositories: bool,
}

impl QuotaExceeded {
    /// How many bytes more it may use.
    pub fn left(&self) -> u64 {
        let allowed = self.quota_bytes.unwrap_or(u64::MAX);
        allowed.saturating_sub(self.bytes_used).saturating_sub(self.reserved)
    }
}

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QuotaExceeded { project, bytes_used, reserved, needed, repositories, .. } = self;
        if self.is_of_repositories {
            let allowed = self.quota_repositories.unwrap_or(u64::MAX);
            return write!(f, "the project {project} may have {allowed} repositories and has {repositories}");
        }
        let (allowed, left) = (self.quota_bytes.unwrap_or(u64::MAX), self.left());
        write!(
            f,
            "the project {project} may use {allowed} bytes; it uses {bytes_used} and uploads under way have reserved \
             {reserved}, so {left} are left, and this needs {needed}"
        )
    }
}

/// A tag that a rule of its project keeps where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tag {tag} is immutable in this project (rule {} {})", .rule.repositories.as_str(), .rule.tags.as_str())]
pub struct ImmutableTag {
    /// The tag.
    pub tag: Tag,
    /// The rule.
    pub rule: Immutable,
}

impl ImmutableTag {
    /// The first of the tags that one of the rules keeps, all of which are about its repository.
    pub(crate) fn among(tags: &[Tag], rules: &[Immutable]) -> Option<ImmutableTag> {
        let rule = |tag: &Tag| rules.iter().find(|rule| rule.tags.matches(tag.as_str()));
        tags.iter().find_map(|tag| Some(ImmutableTag { tag: tag.clone(), rule: rule(tag)?.clone() }))
    }
}

/// What is set of a project, as its row keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trash_days: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) immutable: Vec<Immutable>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) share: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) vouched: bool,
}

impl Settings {
    pub(crate) fn of(project: &Project) -> Settings {
        let Project { missing, artifact_types, trash_days, immutable, share, vouched, .. } = project.clone();
        Settings { missing, artifact_types, trash_days, immutable, share, vouched }
    }

    /// Reads the text of a row.
    pub(crate) fn read(text: &str) -> Result<Settings, LedgerError> {
        if text.is_empty() {
            return Ok(Settings::default());
        }
        serde_json::from_str(text).map_err(|error| LedgerError::Corrupt(format!("a project's settings: {error}")))
    }

    /// The rules about tags of the repository.
    pub(crate) fn rules_about(self, repository: &RepositoryName) -> Vec<Immutable> {
        self.immutable.into_iter().filter(|rule| rule.repositories.matches(repository.as_str())).collect()
    }

    /// The text for a row.
    pub(crate) fn written(&self) -> Result<String, LedgerError> {
        if *self == Settings::default() {
            return Ok(String::new());
        }
        serde_json::to_string(self).map_err(|error| LedgerError::Corrupt(error.to_string()))
    }
}

/// Reads a row of `uid, public, description, settings, quota_bytes, quota_warn_bytes, quota_repositories, used_bytes,
/// reserved_bytes, repositories, created_at`.
pub(crate) fn project(mut row: Row, name: &ProjectName) -> Result<Project, LedgerError> {
    let settings = Settings::read(&row.text(3)?)?;
    Ok(Project {
        id: row.id(0)?,
        name: name.clone(),
        public: row.flag(1)?,
        description: row.text(2)?,
        missing: settings.missing,
        artifact_types: settings.artifact_types,
        trash_days: settings.trash_days,
        immutable: settings.immutable,
        share: settings.share,
        vouched: settings.vouched,
        quota_bytes: row.maybe_unsigned(4)?,
        quota_warn_bytes: row.maybe_unsigned(5)?,
        quota_repositories: row.maybe_unsigned(6)?,
        usage: Usage {
            bytes: row.unsigned(7)?,
            trash_bytes: None,
            reserved_bytes: row.unsigned(8)?,
            repositories: row.unsigned(9)?,
        },
        created_at: row.int(10)?,
    })
}

/// Reads `settings, quota_bytes, quota_warn_bytes` from the fields at `at`; `None` where there is nothing to know.
pub(crate) fn rules(row: &mut Row, at: usize) -> Result<Option<ProjectRules>, LedgerError> {
    let settings = Settings::read(&row.text(at)?)?;
    let rules = ProjectRules {
        missing: settings.missing,
        artifact_types: settings.artifact_types,
        trash_days: settings.trash_days,
        has_quota: row.maybe_unsigned(at + 1)?.is_some(),
        warn_bytes: row.maybe_unsigned(at + 2)?,
        share: settings.share,
        vouched: settings.vouched,
    };
    Ok(Some(rules).filter(|rules| *rules != ProjectRules::default()))
}
