//! Lists that come in pages: tags, repositories.

use reqwest::header::LINK;
use reqwest::{Method, Url};
use serde::Deserialize;
use wharf_model::name::{RepositoryName, Tag};

use super::Remote;
use crate::error::Error;
use crate::http::{ANSWER_BYTES_MAX, Answer, Call, EMPTY_PAGES_MAX};
use crate::registry::{Ask, Registry};

/// Most entries of a list that are read.
pub(super) const ENTRIES_MAX: usize = 100_000;
/// How many are asked for at a time.
const PAGE_ENTRIES: usize = 1_000;

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
struct Repositories {
    repositories: Option<Vec<RepositoryName>>,
}

impl Registry {
    /// The names of all repositories that may be seen, sorted; at most 100,000.
    ///
    /// # Errors
    /// The registry cannot be asked, has no such list, or a longer one.
    pub async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        let scopes = vec!["registry:catalog:*".to_owned()];
        let ask = self.ask(Method::GET, &format!("/v2/_catalog?n={PAGE_ENTRIES}"), scopes);
        let read = |answer: &Answer| Some(serde_json::from_slice::<Repositories>(&answer.body).ok()?.repositories);
        let mut all = pages(self, ask, |answer| read(answer).map(Option::unwrap_or_default)).await?;
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}

impl Remote {
    /// All tags, sorted; at most 100,000.
    ///
    /// # Errors
    /// The registry cannot be asked, or has more.
    pub(super) async fn all_tags(&self) -> Result<Vec<Tag>, Error> {
        let ask = self.pull(Method::GET, &format!("tags/list?n={PAGE_ENTRIES}"));
        let read = |answer: &Answer| Some(serde_json::from_slice::<Tags>(&answer.body).ok()?.tags);
        let mut all = pages(&self.registry, ask, |answer| read(answer).map(Option::unwrap_or_default)).await?;
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}

/// All entries of a list, page by page. Of pages that have none there are not too many, or it would go on for ever.
async fn pages<T>(
    registry: &Registry,
    mut ask: Ask,
    read: impl Fn(&Answer) -> Option<Vec<T>>,
) -> Result<Vec<T>, Error> {
    let (mut all, mut empty) = (Vec::new(), 0);
    loop {
        let answer = registry.send(&ask, ANSWER_BYTES_MAX).await?;
        let answer = registry.success(answer)?;
        let strange = |why: &str| Error::Strange { asked: ask.call.asked(), why: why.to_owned() };
        let page = read(&answer).ok_or_else(|| strange("the answer is not understood"))?;
        let next = next(registry, &ask.call, &answer).await?;
        empty += usize::from(page.is_empty());
        if empty > EMPTY_PAGES_MAX && next.is_some() {
            return Err(strange("the list goes on without an entry"));
        }
        all.extend(page);
        if all.len() > ENTRIES_MAX {
            return Err(Error::TooMany { asked: ask.call.asked(), max: ENTRIES_MAX });
        }
        match next {
            Some(next) => ask.call.url = next,
            None => return Ok(all),
        }
    }
}

/// Where the next page is, by `Link` (RFC 8288).
pub(super) async fn next(registry: &Registry, asked: &Call, answer: &Answer) -> Result<Option<Url>, Error> {
    let values = answer.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let Some(target) = values.filter_map(next_link).next() else { return Ok(None) };
    registry.location(asked, target).await.map(Some)
}

fn next_link(value: &str) -> Option<&str> {
    value.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = |parameter: &str| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel") && value.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
        };
        parameters.split(';').any(is_next).then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let check = |value: &str, expect: Option<&str>| assert_eq!(next_link(value), expect, "{value}");
        check(r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, Some("/v2/a/tags/list?n=2&last=b"));
        check("</x>;REL=next", Some("/x"));
        check(r#"</p>; rel="prev", </n>; title=x; rel="foo next""#, Some("/n"));
        check(r#"</p>; rel="prev""#, None);
        check("/x; rel=next", None);
        check("<", None);
        check("", None);
    }
}
