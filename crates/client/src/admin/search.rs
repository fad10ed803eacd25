//! Searching, as our API does it.

use wharf_model::api::search::SearchResult;

use super::{Admin, PAGE_ENTRIES, encoded};
use crate::error::Error;

impl Admin {
    /// The first `most` of what is found, the best first: for each repository what fits best, or each artifact; with what there is to
    /// tell of all that is found.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn search(&self, query: &str, each_artifact: bool, most: usize) -> Result<SearchResult, Error> {
        let each = if each_artifact { "artifact" } else { "repository" };
        let path = format!("/api/v1/search?q={}&each={each}", encoded(query));
        let mut found: Option<SearchResult> = None;
        loop {
            let (had, last) = match &found {
                Some(found) => (found.items.len(), found.next.clone()),
                None => (0, None),
            };
            let entries = PAGE_ENTRIES.min(most.saturating_sub(had)).max(1);
            let last = last.map(|last| format!("&last={}", encoded(&last))).unwrap_or_default();
            let page: SearchResult = self.get(&format!("{path}&n={entries}{last}")).await?;
            let is_empty = page.items.is_empty();
            let next = page.next.clone();
            let found = match &mut found {
                Some(found) => {
                    found.items.extend(page.items);
                    found
                }
                None => found.insert(page),
            };
            found.next = next.filter(|_| !is_empty && found.items.len() < most);
            if found.next.is_none() {
                found.items.truncate(most);
                return Ok(found.clone());
            }
        }
    }
}
