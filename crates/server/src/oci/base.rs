//! `/v2/` and `/v2/_catalog`.

use http::request::Parts;
use serde::Serialize;
use wharf_model::name::RepositoryName;
use wharf_model::route::Route;
use wharf_registry::access::Readable;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::Outcome;
use crate::extract::Query;
use crate::respond;

/// end-1: this is a registry, and you may use it.
pub fn get() -> Outcome {
    Ok(respond::json("application/json", &serde_json::json!({})))
}

#[derive(Serialize)]
struct Catalog {
    repositories: Vec<RepositoryName>,
}

/// The repositories that the caller may read.
pub async fn catalog(registry: &Registry, subject: &Subject, readable: &Readable, parts: &Parts) -> Outcome {
    let page = Query::of(parts).page()?;
    let listed = registry.repositories(subject, readable, &page).await?;
    let mut answer = respond::json("application/json", &Catalog { repositories: listed.entries });
    if let Some(last) = listed.next {
        respond::set_next(&mut answer, Route::Catalog, &[("n", &page.limit.to_string()), ("last", &last)]);
    }
    Ok(answer)
}
