//! `/v2/<name>/tags/list` (end-8).

use serde::Serialize;
use wharf_model::name::{RepositoryName, Tag};
use wharf_model::route::Route;

use super::{Call, Outcome};
use crate::extract::Query;
use crate::respond;

#[derive(Serialize)]
struct TagList {
    name: RepositoryName,
    tags: Vec<Tag>,
}

/// The tags, in byte order.
pub async fn list(call: Call<'_>) -> Outcome {
    let page = Query::of(call.parts).page()?;
    let name = call.access.repository().clone();
    let listed = call.registry.tags(&call.access, &page).await?;
    let mut answer = respond::json("application/json", &TagList { name: name.clone(), tags: listed.entries });
    if let Some(last) = listed.next {
        respond::set_next(&mut answer, Route::Tags(name), &[("n", &page.limit.to_string()), ("last", &last)]);
    }
    Ok(answer)
}
