//! The tags of a repository as people look for them: as versions, the newest first, without those that only attach something to
//! something else. Names are cheap, so they are sorted all at once; what they point to is asked for a page.

use wharf_artifact::kind::Kinds;
use wharf_model::api::artifact::TagDetail;
use wharf_model::name::Tag;
use wharf_model::page::Page;
pub use wharf_model::tag_order as order;

use crate::access::Action;
use crate::error::Error;
use crate::registry::{Access, Registry};

/// Most tags of a repository that are sorted.
const SORTED_MAX: usize = 10_000;

/// Which tags are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTags<'a> {
    /// Those in whose name this is, in upper or lower case; empty for all.
    pub holding: &'a str,
    /// Whether those as well that attach something to something else.
    pub attaching: bool,
    /// Those that come after this one.
    pub after: Option<&'a Tag>,
    /// At most so many.
    pub limit: usize,
}

/// A page of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedTags {
    /// They, with what they point to. One that was deleted just now is left out.
    pub items: Vec<TagDetail>,
    /// The tag after which the next page begins; `None` on the last one.
    pub next: Option<Tag>,
    /// How many there are of those that are wanted, on all pages.
    pub total: usize,
    /// How many more there are that attach something to something else, where they are not wanted.
    pub attaching: usize,
    /// Whether there are more than are sorted: then these are the first by name.
    pub more: bool,
}

impl Registry {
    /// The tags of a repository, [in this order](order).
    ///
    /// # Errors
    /// [`Error::NameUnknown`]; or the ledger fails.
    pub async fn sorted_tags(
        &self,
        access: &Access,
        kinds: &Kinds,
        wanted: &WantedTags<'_>,
    ) -> Result<SortedTags, Error> {
        access.expect(&[Action::Pull])?;
        let all = self.tags(access, &Page { limit: SORTED_MAX, after: None }).await?;
        let (mut names, more) = (all.entries, all.next.is_some());
        let count = names.len();
        if !wanted.attaching {
            names.retain(|tag| !order::attaches(tag.as_str()));
        }
        let attaching = count - names.len();
        let holding = wanted.holding.to_lowercase();
        names.retain(|tag| holding.is_empty() || tag.as_str().to_lowercase().contains(&holding));
        names.sort_by_cached_key(|tag| order::key(tag.as_str()));
        let total = names.len();
        let begin = wanted.after.map_or(0, |after| {
            let after = order::key(after.as_str());
            names.partition_point(|tag| order::key(tag.as_str()) <= after)
        });
        let page: Vec<Tag> = names.into_iter().skip(begin).take(wanted.limit).collect();
        let next = page.last().filter(|_| begin + page.len() < total).cloned();
        let mut rows = self.0.ledger.tags_named(&access.repository, &page).await?;
        rows.sort_by_cached_key(|row| order::key(row.tag.as_str()));
        let items = self.told_tags(access, kinds, rows).await?;
        Ok(SortedTags { items, next, total, attaching, more })
    }
}
