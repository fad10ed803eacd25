//! Links that open something of an artifact without a login, until they end.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::digest::Digest;
use crate::limits::LINK_SECS_MAX;

/// In what form it is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkForm {
    /// A file as it is.
    File,
    /// A folder with all that is below it, as a tar.
    #[default]
    Tar,
    /// The same as a zip.
    Zip,
}

/// A link to be made: the body of `POST /api/v1/repositories/<repository>/artifacts/<reference>/links`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// A path from the root of the artifact; all of it where nothing is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The digest of a layer: only what that has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub layer: Option<Digest>,
    /// In what form it is saved.
    #[serde(default)]
    pub form: LinkForm,
    /// For how many seconds it opens: from 60 to 2,592,000, which are 30 days; a day where nothing is said.
    #[serde(default = "a_day")]
    #[schema(minimum = 60, maximum = 2_592_000, default = 86_400)]
    pub lives_secs: u64,
}

/// The seconds of a day: how long a link opens where nothing is said.
pub fn a_day() -> u64 {
    24 * 3600
}

/// Fewest seconds for which a link opens.
pub const LINK_SECS_MIN: u64 = 60;

impl NewLink {
    /// Whether it opens for as long as a link may.
    pub fn is_timely(&self) -> bool {
        (LINK_SECS_MIN..=LINK_SECS_MAX).contains(&self.lives_secs)
    }
}

/// A link that was made. Whoever has it may save what it names; it ends earlier where the project forbids links, where the artifact is
/// deleted, or where whoever made it may not pull it any more, has another password or sessions that were ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// The address.
    pub url: String,
    /// The artifact: the tag may move meanwhile, the link does not.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
}
