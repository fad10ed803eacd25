//! Lists that come in pages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list. The next one is asked for with `?last=` and what `next` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The entries, in the order of their names or from the newest.
    pub items: Vec<T>,
    /// Where the next page begins: sealed, for whoever asked and for this list. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
