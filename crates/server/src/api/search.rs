//! `/api/v1/search`: what there is, by what is in it.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use utoipa::IntoParams;
use wharf_artifact::kind::folder::InForce;
use wharf_model::api::search::{SearchEach, SearchResult};
use wharf_model::limits::QUERY_BYTES_MAX;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;
use wharf_registry::search::SearchFor;

use super::request::{Asked, FromQuery, Paging, misasked};
use crate::error::Failure;
use crate::extract::Query;

/// What is searched for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct What {
    /// The query: words, and fields such as `kind:helm`, `license:MIT`, `signed:no`, `pushed:>2026-01-01`, each with `-` before it
    /// where it must not hold. Nothing finds everything.
    #[param(max_length = 1000)]
    q: Option<String>,
    /// `repository`, which is the rule: each repository with what fits best in it; `artifact`: each artifact.
    #[param(inline)]
    each: Option<SearchEach>,
}

impl FromQuery for What {
    fn read(query: &Query<'_>) -> Result<What, Failure> {
        let q = query.get("q").map(|q| q.into_owned());
        if q.as_ref().is_some_and(|q| q.len() > QUERY_BYTES_MAX) {
            return Err(misasked("q", format!("q has at most {QUERY_BYTES_MAX} bytes")));
        }
        let each = match query.get("each").as_deref() {
            None => None,
            Some("repository") => Some(SearchEach::Repository),
            Some("artifact") => Some(SearchEach::Artifact),
            Some(_) => return Err(misasked("each", "each is repository or artifact")),
        };
        Ok(What { q, each })
    }
}

/// What is found of all that whoever asks may `pull`, the best first; the total and the facets count it and nothing else.
///
/// What tags point to is found; signatures and what else is attached where their kind is asked for, and whatever there is with
/// `tagged:any` or by its digest. What was pushed a moment ago may be missing for a moment.
#[utoipa::path(get, path = "/api/v1/search", tag = "search", operation_id = "search", params(What, Paging),
    responses((status = 200, body = SearchResult)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Asked(what): Asked<What>,
    paging: Paging,
) -> Result<Json<SearchResult>, Failure> {
    let each_artifact = what.each == Some(SearchEach::Artifact);
    let search = SearchFor { query: what.q.unwrap_or_default(), each_artifact };
    Ok(Json(registry.search(&subject, &in_force.kinds(), &search, &paging.part()).await?))
}
