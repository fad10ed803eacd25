//! What happened, as our API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::digest::Digest;
use crate::id::Id;
use crate::name::{ProjectName, RepositoryName, Tag};

/// What can happen. Written as CloudEvents writes types; names never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum EventType {
    /// A project was made.
    #[serde(rename = "wharf.project.created")]
    ProjectCreated,
    /// What a project is set to was changed.
    #[serde(rename = "wharf.project.changed")]
    ProjectChanged,
    /// A project went to the trash.
    #[serde(rename = "wharf.project.deleted")]
    ProjectDeleted,
    /// A project came back from there.
    #[serde(rename = "wharf.project.restored")]
    ProjectRestored,
    /// A repository was made.
    #[serde(rename = "wharf.repository.created")]
    RepositoryCreated,
    /// A repository went to the trash.
    #[serde(rename = "wharf.repository.deleted")]
    RepositoryDeleted,
    /// A repository came back from there.
    #[serde(rename = "wharf.repository.restored")]
    RepositoryRestored,
    /// What the people of a repository say of it was changed.
    #[serde(rename = "wharf.repository.overview_changed")]
    OverviewChanged,
    /// An artifact came, or came again with another media type.
    #[serde(rename = "wharf.artifact.pushed")]
    ArtifactPushed,
    /// An artifact went to the trash, with its tags and with children that nothing else holds.
    #[serde(rename = "wharf.artifact.deleted")]
    ArtifactDeleted,
    /// Artifacts came back from there.
    #[serde(rename = "wharf.artifact.restored")]
    ArtifactRestored,
    /// A tag was made, or points elsewhere.
    #[serde(rename = "wharf.tag.moved")]
    TagMoved,
    /// A tag was deleted.
    #[serde(rename = "wharf.tag.deleted")]
    TagDeleted,
}

impl EventType {
    /// All of them.
    pub const ALL: [EventType; 13] = [
        EventType::ProjectCreated,
        EventType::ProjectChanged,
        EventType::ProjectDeleted,
        EventType::ProjectRestored,
        EventType::RepositoryCreated,
        EventType::RepositoryDeleted,
        EventType::RepositoryRestored,
        EventType::OverviewChanged,
        EventType::ArtifactPushed,
        EventType::ArtifactDeleted,
        EventType::ArtifactRestored,
        EventType::TagMoved,
        EventType::TagDeleted,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            EventType::ProjectCreated => "wharf.project.created",
            EventType::ProjectChanged => "wharf.project.changed",
            EventType::ProjectDeleted => "wharf.project.deleted",
            EventType::ProjectRestored => "wharf.project.restored",
            EventType::RepositoryCreated => "wharf.repository.created",
            EventType::RepositoryDeleted => "wharf.repository.deleted",
            EventType::RepositoryRestored => "wharf.repository.restored",
            EventType::OverviewChanged => "wharf.repository.overview_changed",
            EventType::ArtifactPushed => "wharf.artifact.pushed",
            EventType::ArtifactDeleted => "wharf.artifact.deleted",
            EventType::ArtifactRestored => "wharf.artifact.restored",
            EventType::TagMoved => "wharf.tag.moved",
            EventType::TagDeleted => "wharf.tag.deleted",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Names it for good, the same for whoever asks.
    #[schema(value_type = String)]
    pub id: Id,
    /// What.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// By whom, by name to whoever logged in.
    pub by: String,
    /// In which project.
    #[schema(value_type = String)]
    pub project: ProjectName,
    /// In which repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub repository: Option<RepositoryName>,
    /// The artifact that it is about; of a tag, what it points to from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// What an artifact that was pushed is said to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What an artifact that was pushed is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Digest>,
    /// The tag that moved or went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tag: Option<Tag>,
    /// What the tag pointed to before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub previous: Option<Digest>,
    /// The tags that went with an artifact, or came back with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub tags: Vec<Tag>,
    /// Other artifacts that went with it, or all that came back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub others: Vec<Digest>,
}

/// A page of what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Events {
    /// What happened: the latest first; after a place, the first after it first.
    pub items: Vec<Event>,
    /// Where the next page begins, for `last`. Absent on the last page, and where it was asked what came after a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// From where to ask, with `after`, for what comes from now on; where it was asked so, for what comes after this page. Absent
    /// on all pages but the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
    /// Whether there may be more after this page already, where it was asked what came after a place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn types_are_written_as_they_are_called() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).expect("JSON"), serde_json::json!(kind.as_str()));
        }
    }
}
