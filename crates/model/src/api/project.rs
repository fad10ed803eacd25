//! Projects: what repositories are grouped by.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::Id;
use crate::limits::{ARTIFACT_TYPES_MAX, DESCRIPTION_CHARS_MAX, MEDIA_TYPE_BYTES_MAX, RULES_MAX, TRASH_DAYS_MAX};
use crate::name::ProjectName;
use crate::pattern::{self, Pattern};

/// What a push of a manifest does about things that it names and that are not here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// All must be here.
    Refuse,
    /// The children of an index need not be; what an image is made of must.
    #[default]
    Index,
    /// Nothing needs to be.
    Accept,
}

/// Tags that, once set, neither move nor vanish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Immutable {
    /// In which repositories: a pattern over whole names.
    #[schema(value_type = String, example = "acme/**")]
    pub repositories: Pattern,
    /// Which tags.
    #[schema(value_type = String, example = "v*")]
    pub tags: Pattern,
}

impl Immutable {
    /// Whether the rule is about this tag.
    pub fn holds(&self, repository: &str, tag: &str) -> bool {
        self.tags.matches(tag) && self.repositories.matches(repository)
    }
}

/// What is set of a project: the body of `PUT /api/v1/projects/<name>`. What is left out stays as it is, or is the default
/// in a new project; `null` takes a limit away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectChange {
    /// Whether anybody may pull from it, without login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// What it is for; at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What pushes do about things that are not there; `null` for what the server is set to.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Missing>)]
    pub missing: Option<Option<Missing>>,
    /// The artifact types that may be pushed (an image's is the media type of its config), as patterns; `null` for all. At
    /// most 100.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    pub artifact_types: Option<Option<Vec<String>>>,
    /// How many days what is deleted stays in the trash, 0 to 3,650; `null` for what the server is set to.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    pub trash_days: Option<Option<u32>>,
    /// Tags that neither move nor vanish; at most 100 rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable: Option<Vec<Immutable>>,
    /// Whether whoever may pull from it may make links that open something of it without a login, until they end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<bool>,
    /// Whether those who administer the registry vouch for it. It takes `system:write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched: Option<bool>,
    /// How many bytes it may use; `null` for any.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    pub quota_bytes: Option<Option<u64>>,
    /// From how many bytes on pushes are warned; `null` for never.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    pub quota_warn_bytes: Option<Option<u64>>,
    /// How many repositories it may have; `null` for any.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    pub quota_repositories: Option<Option<u64>>,
}

/// What of a change of a project is out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectChangeError {
    /// The description.
    #[error("a description has at most {DESCRIPTION_CHARS_MAX} characters")]
    Description,
    /// The artifact types.
    #[error(
        "there are at most {ARTIFACT_TYPES_MAX} artifact types, of 1 to {MEDIA_TYPE_BYTES_MAX} bytes each and without control characters"
    )]
    ArtifactTypes,
    /// The time in the trash.
    #[error("what is deleted stays in the trash for at most {TRASH_DAYS_MAX} days")]
    TrashDays,
    /// The rules of immutability.
    #[error("there are at most {RULES_MAX} rules of immutability")]
    Immutable,
    /// A limit of what may be used.
    #[error("a quota is at most {}", i64::MAX)]
    Quota,
}

impl ProjectChangeError {
    /// The field.
    pub fn field(self) -> &'static str {
        match self {
            ProjectChangeError::Description => "description",
            ProjectChangeError::ArtifactTypes => "artifact_types",
            ProjectChangeError::TrashDays => "trash_days",
            ProjectChangeError::Immutable => "immutable",
            ProjectChangeError::Quota => "quota",
        }
    }
}

impl ProjectChange {
    /// Only this.
    pub fn public(public: bool) -> ProjectChange {
        ProjectChange { public: Some(public), ..ProjectChange::default() }
    }

    /// Whether it sets what may be used.
    pub fn sets_quota(&self) -> bool {
        self.quota_bytes.is_some() || self.quota_warn_bytes.is_some() || self.quota_repositories.is_some()
    }

    /// Whether it sets rules of what stays, and for how long.
    pub fn sets_policy(&self) -> bool {
        self.trash_days.is_some() || self.immutable.is_some()
    }

    /// Whether it sets what the project says of itself, and what may be pushed.
    pub fn sets_itself(&self) -> bool {
        let ProjectChange { public, description, missing, artifact_types, share, .. } = self;
        public.is_some() || description.is_some() || missing.is_some() || artifact_types.is_some() || share.is_some()
    }

    /// Looks whether everything is within its bounds.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), ProjectChangeError> {
        if self.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
            return Err(ProjectChangeError::Description);
        }
        let is_type =
            |text: &String| (1..=MEDIA_TYPE_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if let Some(Some(types)) = &self.artifact_types
            && (types.len() > ARTIFACT_TYPES_MAX || !types.iter().all(is_type))
        {
            return Err(ProjectChangeError::ArtifactTypes);
        }
        if self.trash_days.flatten().is_some_and(|days| days > TRASH_DAYS_MAX) {
            return Err(ProjectChangeError::TrashDays);
        }
        if self.immutable.as_ref().is_some_and(|rules| rules.len() > RULES_MAX) {
            return Err(ProjectChangeError::Immutable);
        }
        let limits = [self.quota_bytes, self.quota_warn_bytes, self.quota_repositories];
        if limits.into_iter().flatten().flatten().any(|limit| i64::try_from(limit).is_err()) {
            return Err(ProjectChangeError::Quota);
        }
        Ok(())
    }
}

/// Whether a manifest of that artifact type may be pushed where these are allowed: patterns as [`Pattern`]'s, over any
/// characters.
pub fn is_allowed_type(allowed: &[String], artifact_type: &str) -> bool {
    allowed.iter().any(|allowed| pattern::matches(allowed, artifact_type))
}

/// Tells `null` from a field that is not there.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// What a project uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Bytes of its distinct blobs and of its manifests, what only the trash holds included.
    pub bytes: u64,
    /// Of these, what only the trash holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash_bytes: Option<u64>,
    /// Bytes that open uploads have reserved.
    pub reserved_bytes: u64,
    /// Repositories.
    pub repositories: u64,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Names it for good, whatever happens to its name.
    #[schema(value_type = String)]
    pub id: Id,
    /// Its name.
    #[schema(value_type = String)]
    pub name: ProjectName,
    /// Whether anybody may pull from it, without login.
    pub public: bool,
    /// What it is for.
    pub description: String,
    /// What pushes do about things that are not there, where that is not what the server is set to.
    pub missing: Option<Missing>,
    /// The artifact types that may be pushed, where not all.
    pub artifact_types: Option<Vec<String>>,
    /// How many days what is deleted stays in the trash, where that is not what the server is set to.
    pub trash_days: Option<u32>,
    /// Tags that neither move nor vanish.
    pub immutable: Vec<Immutable>,
    /// Whether links may be made that open something of it without a login.
    #[serde(default)]
    pub share: bool,
    /// Whether those who administer the registry vouch for it.
    #[serde(default)]
    pub vouched: bool,
    /// How many bytes it may use.
    pub quota_bytes: Option<u64>,
    /// From how many bytes on pushes are warned.
    pub quota_warn_bytes: Option<u64>,
    /// How many repositories it may have.
    pub quota_repositories: Option<u64>,
    /// What it uses.
    pub usage: Usage,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
}

/// A project in a list. Whoever may not read it (`project:read`) is told what it is called, whether it is public and what it is
/// for; all else is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedProject {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ProjectName,
    /// Whether anybody may pull from it, without login.
    pub public: bool,
    /// What it is for.
    pub description: String,
    /// Whether those who administer the registry vouch for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vouched: bool,
    /// Names it for good, whatever happens to its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub id: Option<Id>,
    /// What pushes do about things that are not there, where that is not what the server is set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// The artifact types that may be pushed, where not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_types: Option<Vec<String>>,
    /// How many days what is deleted stays in the trash, where that is not what the server is set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash_days: Option<u32>,
    /// Tags that neither move nor vanish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<Vec<Immutable>>,
    /// Whether links may be made that open something of it without a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<bool>,
    /// How many bytes it may use, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
    /// From how many bytes on pushes are warned, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_warn_bytes: Option<u64>,
    /// How many repositories it may have, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_repositories: Option<u64>,
    /// What it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// When it was made, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
}

impl ListedProject {
    /// To whoever may read it.
    pub fn whole(project: Project) -> ListedProject {
        ListedProject {
            name: project.name,
            public: project.public,
            description: project.description,
            id: Some(project.id),
            missing: project.missing,
            artifact_types: project.artifact_types,
            trash_days: project.trash_days,
            immutable: Some(project.immutable),
            share: Some(project.share),
            vouched: project.vouched,
            quota_bytes: project.quota_bytes,
            quota_warn_bytes: project.quota_warn_bytes,
            quota_repositories: project.quota_repositories,
            usage: Some(project.usage),
            created_at: Some(project.created_at),
        }
    }

    /// To anybody else who is shown it.
    pub fn in_brief(project: Project) -> ListedProject {
        let Project { name, public, description, vouched, .. } = project;
        ListedProject {
            name,
            public,
            description,
            vouched,
            id: None,
            missing: None,
            artifact_types: None,
            trash_days: None,
            immutable: None,
            share: None,
            quota_bytes: None,
            quota_warn_bytes: None,
            quota_repositories: None,
            usage: None,
            created_at: None,
        }
    }
}

impl Project {
    /// Sets what `change` says.
    pub fn set(&mut self, change: &ProjectChange) {
        /// Sets one thing, where something is said of it.
        fn put<T: Clone>(to: &mut T, given: &Option<T>) {
            if let Some(given) = given {
                to.clone_from(given);
            }
        }
        put(&mut self.public, &change.public);
        put(&mut self.description, &change.description);
        put(&mut self.missing, &change.missing);
        put(&mut self.artifact_types, &change.artifact_types);
        put(&mut self.trash_days, &change.trash_days);
        put(&mut self.immutable, &change.immutable);
        put(&mut self.share, &change.share);
        put(&mut self.vouched, &change.vouched);
        put(&mut self.quota_bytes, &change.quota_bytes);
        put(&mut self.quota_warn_bytes, &change.quota_warn_bytes);
        put(&mut self.quota_repositories, &change.quota_repositories);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn null_is_not_nothing() {
        let read = |text: &str| serde_json::from_str::<ProjectChange>(text).expect("a change");
        assert_eq!(read("{}").quota_bytes, None);
        assert_eq!(read(r#"{"quota_bytes": null}"#).quota_bytes, Some(None));
        assert_eq!(read(r#"{"quota_bytes": 5}"#).quota_bytes, Some(Some(5)));
        assert!(serde_json::from_str::<ProjectChange>(r#"{"admin": true}"#).is_err());
        let change = ProjectChange { quota_bytes: Some(None), public: Some(true), ..ProjectChange::default() };
        assert_eq!(serde_json::to_string(&change).expect("JSON"), r#"{"public":true,"quota_bytes":null}"#);
    }

    #[test]
    fn what_is_out_of_bounds_is_told() {
        let check = |text: &str, expect: Result<(), ProjectChangeError>| {
            let change: ProjectChange = serde_json::from_str(text).expect("a change");
            assert_eq!(change.check(), expect, "{text}");
        };
        let described = |chars: usize| format!(r#"{{"description":"{}"}}"#, "ä".repeat(chars));
        let typed = |many: usize, text: &str| serde_json::json!({ "artifact_types": vec![text; many] }).to_string();
        check("{}", Ok(()));
        check(&described(1_000), Ok(()));
        check(&described(1_001), Err(ProjectChangeError::Description));
        check(&typed(100, "application/*+json"), Ok(()));
        check(&typed(101, "a/b"), Err(ProjectChangeError::ArtifactTypes));
        check(&typed(1, ""), Err(ProjectChangeError::ArtifactTypes));
        check(&typed(1, "a\nb"), Err(ProjectChangeError::ArtifactTypes));
        check(r#"{"artifact_types":null}"#, Ok(()));
        check(r#"{"trash_days":3650}"#, Ok(()));
        check(r#"{"trash_days":3651}"#, Err(ProjectChangeError::TrashDays));
        check(r#"{"quota_bytes":9223372036854775807}"#, Ok(()));
        check(r#"{"quota_repositories":9223372036854775808}"#, Err(ProjectChangeError::Quota));
        let rule = serde_json::json!({ "repositories": "**", "tags": "v*" });
        check(&serde_json::json!({ "immutable": vec![rule.clone(); 100] }).to_string(), Ok(()));
        check(&serde_json::json!({ "immutable": vec![rule; 101] }).to_string(), Err(ProjectChangeError::Immutable));
    }

    #[test]
    fn artifact_types_are_patterns_over_any_characters() {
        let check = |allowed: &[&str], artifact_type: &str, expect: bool| {
            let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            assert_eq!(is_allowed_type(&allowed, artifact_type), expect, "{allowed:?} {artifact_type}");
        };
        check(&["application/vnd.oci.image.config.v1+json"], "application/vnd.oci.image.config.v1+json", true);
        check(&["a/b", "application/vnd.oci.*"], "application/vnd.oci.image.config.v1+json", true);
        check(&["application/*"], "application/a/b", false);
        check(&["**"], "anything; at=all/é", true);
        check(&["application/vnd.cncf.helm.*"], "application/vnd.oci.image.config.v1+json", false);
        check(&[], "a/b", false);
        check(&["a/b"], "", false);
    }
}
