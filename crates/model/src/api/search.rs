//! What is found, as our API and `wharf search --json` tell it.
//!
//! What publishers wrote comes as a [`Line`]: short, without control characters. None of it is markup; what matched is told by where it
//! stands, so that whoever shows it escapes it and marks it as they like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::artifact::KindName;
use super::facts::Line;
use crate::digest::Digest;
use crate::name::{ProjectName, RepositoryName, Tag};

/// What each item of an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchEach {
    /// A repository, with what fits best in it.
    #[default]
    Repository,
    /// An artifact.
    Artifact,
}

/// A page of what is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchResult {
    /// The query, as it was understood.
    pub query: String,
    /// Its parts, in their order.
    pub clauses: Vec<SearchClause>,
    /// What is found, the best first: for each repository the artifact that fits best, or each artifact, as was asked for.
    pub items: Vec<Hit>,
    /// What `last` is for the next page; absent where this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many artifacts are found, of those that whoever asks may pull; it is not counted beyond 10,000.
    pub total: u64,
    /// Whether there are more than were counted.
    pub more: bool,
    /// In how many repositories those are that were counted.
    pub repositories: u64,
    /// What those that were counted are like.
    pub facets: Vec<Facet>,
    /// Words that are in no name and were taken for others, which are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrected: Vec<Corrected>,
    /// Whether the index is being made: what was pushed earlier may be missing still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub indexing: bool,
}

/// A part of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchClause {
    /// As it was understood; the parts with spaces between them are the query.
    pub text: String,
    /// The field; absent of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is said of it.
    pub value: String,
    /// Whether it must not hold.
    pub not: bool,
    /// The query without it.
    pub without: String,
}

/// Something that is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    /// Its repository.
    #[schema(value_type = String)]
    pub repository: RepositoryName,
    /// The project of that.
    #[schema(value_type = String)]
    pub project: ProjectName,
    /// Whether anybody may pull it.
    pub public: bool,
    /// What it is named by.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The tag to name it by: of several the one with the latest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tag: Option<Tag>,
    /// How many tags point to it; it is not counted beyond 1,000.
    pub tags_total: u64,
    /// What kind of thing it is; absent until its facts are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindName>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Line>,
    /// What it is for, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Line>,
    /// Its version, as its author counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Line>,
    /// Its size with all that it is made of, in bytes; absent until its facts are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it was pushed, in milliseconds since 1970.
    pub pushed_at: i64,
    /// What it runs on.
    pub platforms: Vec<Line>,
    /// Its licences.
    pub licenses: Vec<Line>,
    /// Whether a signature is attached to it. It was not verified.
    pub signed: bool,
    /// What it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Digest>,
    /// Why it is found: a text for the words of the query that stand in it.
    pub matched: Vec<Matched>,
    /// How many artifacts of its repository are found, of those that were counted; 1 where each artifact is told.
    pub matches: u64,
}

/// Where something stands that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Matched {
    /// In what: `repository`, `tag`, `title`, `summary`, `description`, `version`, `keyword`, `maintainer`, or `text`,
    /// which is anything else, such as a label; or `package` and `file`, which were asked for.
    pub field: String,
    /// The text, or the part of it around what matched; empty of `text`.
    pub text: Line,
    /// Which characters of it matched: from the first on, up to and without the last.
    pub ranges: Vec<(u32, u32)>,
}

/// What those that are found are like in one respect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Facet {
    /// The field: `kind`, `project`, `license`, `platform`, `signed`.
    pub field: String,
    /// What they have, the most frequent first; at most 30.
    pub values: Vec<FacetValue>,
}

/// What some of those that are found have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// What people call it.
    pub title: Line,
    /// How many of those that were counted have it.
    pub count: u64,
    /// The query for those alone.
    pub query: String,
}

/// A word that was taken for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Corrected {
    /// The word.
    pub word: String,
    /// What it was taken for, the nearest first; at most 5.
    pub to: Vec<String>,
}
