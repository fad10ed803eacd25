//! What is not the same in two artifacts, as our API and `wharf diff --json` tell of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::artifact::KindName;
use super::files::{FileKind, IncompleteLayer};
use crate::digest::Digest;

/// What is not the same in two artifacts. Of files it is a page; every page tells all else again. The next one is asked for with
/// `?last=` and what `next` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    /// What it was.
    pub from: DiffSide,
    /// What it is.
    pub to: DiffSide,
    /// Whether nothing differs: they have one digest, or a folder has what was pushed.
    pub same: bool,
    /// What is said of them: media type, annotations, and what is in a config that is JSON; by name.
    pub facts: Vec<FactDiff>,
    /// The children of indexes, those first that `from` has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<ManifestDiff>,
    /// Which layers they have.
    pub layers: LayersDiff,
    /// Files that are not the same; `null` where there are none to compare, `no_files` says why, or they were not asked for.
    /// Folder by folder, and by name in each.
    pub files: Option<Vec<FileDiff>>,
    /// Why no files are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_files: Option<NoFiles>,
    /// Layers of which not all is known, so that files may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<IncompleteLayer>,
    /// The packages that two bills of materials list, by name; absent where these are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<PackagesDiff>,
    /// Where the next page of files begins: sealed, for whoever asked and for these two. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiffSide {
    /// How it is named: `registry.example.com/acme/app:1.0`.
    pub reference: String,
    /// What its bytes are named; a folder has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// What kind of thing it is.
    pub kind: KindName,
    /// How many bytes all that it is made of has, where the registry knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it came, in milliseconds since 1970, where the registry knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<i64>,
}

/// Something that is said of one of them, or otherwise of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactDiff {
    /// What it is: `annotation org.opencontainers.image.version`, `env PATH`.
    pub name: String,
    /// What was said, as it was written.
    pub from: Option<String>,
    /// What is said, as it was written.
    pub to: Option<String>,
}

/// A child of an index that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ManifestDiff {
    /// What it is for: `linux/arm64/v8`; empty where nothing is said of that.
    pub platform: String,
    /// What was there.
    #[schema(value_type = Option<String>)]
    pub from: Option<Digest>,
    /// What is there.
    #[schema(value_type = Option<String>)]
    pub to: Option<Digest>,
}

/// Which layers they have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LayersDiff {
    /// Those that both have.
    pub shared: Vec<LayerInBrief>,
    /// Those that only `from` has.
    pub gone: Vec<LayerInBrief>,
    /// Those that only `to` has.
    pub new: Vec<LayerInBrief>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LayerInBrief {
    /// What its bytes are named.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
}

/// A path at which there is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileDiff {
    /// From the root. Bytes that are not UTF-8 stand as `\xNN`.
    pub path: String,
    /// What was there. A registry tells of a folder that is only on one side alone, and not what is in it.
    pub from: Option<FileState>,
    /// What is there.
    pub to: Option<FileState>,
    /// What is known of the content of two files, where that is not said by their sizes and digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentDiff>,
}

/// What is known of the content of two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContentDiff {
    /// Nothing: they have one size, and other times, or times that say nothing. It may be the same.
    Unknown,
}

/// What is at a path. All of it is as it was pushed, and may be anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileState {
    /// What it is.
    pub kind: FileKind,
    /// Of a file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The permission bits, as `chmod` takes them: `0755`.
    pub mode: String,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The digest of a file's content, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
}

/// Why no files are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoFiles {
    /// Whether they are still to be looked at: ask again in some seconds.
    pub waiting: bool,
    /// In words for people.
    pub reason: String,
}

/// The packages that two bills of materials list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackagesDiff {
    /// Those that are not the same, by name.
    pub items: Vec<PackageDiff>,
    /// Whether one of the two lists more than is kept of it, so that what is told here may be wrong beyond that.
    pub cut: bool,
}

/// A package that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageDiff {
    /// Its name.
    pub name: String,
    /// Of which ecosystem it is, as its package URL says: `deb`. Empty where it has none.
    pub ecosystem: String,
    /// The versions that were there; none where the package was not.
    pub from: Vec<String>,
    /// The versions that are there.
    pub to: Vec<String>,
}
