//! What was deleted, and how tags came to point where they do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::digest::Digest;
use crate::id::Id;
use crate::name::Tag;

/// What an entry of the trash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrashKind {
    /// A manifest, with the tags it had.
    Manifest,
    /// A repository with everything in it.
    Repository,
    /// A project with everything in it.
    Project,
}

/// An entry of the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrashItem {
    /// Names it.
    #[schema(value_type = String)]
    pub id: Id,
    /// What it is.
    pub kind: TrashKind,
    /// The name that it had: of the repository (a manifest's, too) or the project.
    pub name: String,
    /// Of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// The tags that a manifest had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub tags: Vec<Tag>,
    /// When it was deleted, in milliseconds since 1970.
    pub deleted_at: i64,
    /// By whom.
    pub deleted_by: String,
    /// When it is purged.
    pub until: i64,
}

/// One move of a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagMove {
    /// The tag.
    #[schema(value_type = String)]
    pub tag: Tag,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// By whom.
    pub by: String,
    /// With what client, as it called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What it pointed to before; absent where it was new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub from: Option<Digest>,
    /// What it pointed to from then on; absent where it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub to: Option<Digest>,
}
