//! Artifacts, as our API and `wharf inspect --json` tell of them.
//!
//! What publishers wrote comes as they wrote it where it is a manifest's own (`annotations`, descriptors), and harmless to show
//! where it is a fact ([`super::facts`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::facts::{Facts, Line, Link, Text};
use super::kind::Command;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::id::Id;
use crate::media::MediaType;
use crate::name::Tag;

/// Whether there are facts about an artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FactsState {
    /// There are.
    Ready,
    /// They are still to be found out; it takes seconds after a push.
    #[default]
    Waiting,
    /// There will be none: nobody looks for any where this was read.
    None,
}

/// What kind of thing something is, in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindName {
    /// What programs call it: `helm-chart`.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it is like.
    pub category: String,
}

/// An artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    /// Names it in its repository for good; absent where it was read elsewhere than in Wharf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub id: Option<Id>,
    /// What its bytes are named.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The media type of its manifest.
    #[schema(value_type = String)]
    pub media_type: MediaType,
    /// What its publisher says that it is: `artifactType`, else the media type of its config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What kind of thing it is; absent in lists until its facts are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindName>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Line>,
    /// What it is for, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Line>,
    /// How many bytes all that it names has: config and layers; of an index, with what is in its children. Absent in lists until its
    /// facts are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What it runs on: `linux/arm64/v8`. As many as lists have room for; absent until its facts are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Line>,
    /// When it came, in milliseconds since 1970; absent where it was read elsewhere than in Wharf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<i64>,
    /// Who pushed it, by name to whoever logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_by: Option<String>,
    /// The first tags that point to it, in byte order; at most 10.
    #[schema(value_type = Vec<String>)]
    pub tags: Vec<Tag>,
    /// How many tags point to it; it is not counted beyond 1,000.
    pub tags_total: u64,
    /// What it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Digest>,
    /// How many others name it as what they are attached to; it is not counted beyond 1,000.
    pub referrers: u64,
    /// Whether there are facts about it.
    pub state: FactsState,
}

/// An artifact with all that is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactDetail {
    /// What lists tell of it.
    #[serde(flatten)]
    pub artifact: Artifact,
    /// How it is named in commands: `registry.example.com/acme/app:1.0`.
    pub reference: String,
    /// The rule by which it is of its kind, and where that stands.
    pub rule: String,
    /// The config of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Descriptor>,
    /// The layers.
    pub layers: Vec<Descriptor>,
    /// What an index lists.
    pub manifests: Vec<ListedManifest>,
    /// What its manifest says of it, as it was written.
    pub annotations: BTreeMap<String, String>,
    /// What its publisher says of it, by annotations or labels that are known.
    pub publisher: PublisherSays,
    /// How it is fetched and used; of each sort first what most people type.
    pub commands: Vec<Command>,
    /// What was found out about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
}

/// What an index lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedManifest {
    /// What it is for: `linux/arm64/v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub descriptor: Descriptor,
}

/// What a publisher says by the annotations of OCI, of Artifact Hub and of Harbor, or by labels that say the same; harmless to
/// show, and not verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PublisherSays {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Line>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Line>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authors: Option<Line>,
    /// Who gives it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Line>,
    /// Under which licences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licenses: Option<Line>,
    /// Which state of the source it was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Line>,
    /// The image that it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Line>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<Link>,
    /// Its documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<Link>,
    /// Its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Link>,
    /// Where its read-me is, as Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readme: Option<Link>,
    /// Its icon, where that is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<Link>,
    /// The layer that is its icon: a small picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_layer: Option<Descriptor>,
    /// Words by which it is to be found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<Line>,
    /// Whether it is to be used no more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
}

/// A tag, with what it points to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagDetail {
    /// The tag.
    #[schema(value_type = String)]
    pub name: Tag,
    /// What it points to.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The media type of that.
    #[schema(value_type = String)]
    pub media_type: MediaType,
    /// What its publisher says that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What kind of thing it is; absent until its facts are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindName>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Line>,
    /// Its size with all that it is made of, in bytes; absent until its facts are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What it runs on: `linux/arm64/v8`. As many as lists have room for; absent until its facts are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Line>,
    /// Of which categories that is which is attached to it: `signature`, `attestation`, `sbom`. None of it was verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<String>,
    /// When the tag was pointed there, in milliseconds since 1970.
    pub moved_at: i64,
    /// By whom, by name to whoever logged in.
    pub moved_by: String,
    /// How often it was pulled, as far as that is known: by its name, or by the digest that it points to.
    #[serde(default)]
    pub pulls: u64,
}
