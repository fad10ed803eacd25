//! `/api/v1/kinds`: the kinds of artifacts that are in force.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_artifact::kind::Kind;
use wharf_artifact::kind::folder::InForce;
use wharf_model::api::kind as api;
use wharf_model::api::list::List;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Paging, Segments};
use crate::error::Failure;

/// The kinds of artifacts, in the order in which they are asked: an operator's own, then those that come with Wharf.
#[utoipa::path(get, path = "/api/v1/kinds", tag = "kinds", operation_id = "list_kinds", params(Paging),
    responses((status = 200, body = List<api::Kind>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    paging: Paging,
) -> Result<Json<List<api::Kind>>, Failure> {
    registry.me(&subject).await?;
    let (kinds, part) = (in_force.kinds(), paging.part());
    let begin = part.after.as_ref().map_or(0, |last| 1 + kinds.iter().take_while(|kind| kind.id != *last).count());
    let items: Vec<api::Kind> = kinds.iter().skip(begin).take(part.limit).map(Kind::told).collect();
    let is_last = begin + items.len() >= kinds.iter().count();
    let next = items.last().filter(|_| !is_last).map(|kind| kind.id.clone());
    Ok(Json(List { items, next }))
}

/// A kind of artifact.
#[utoipa::path(get, path = "/api/v1/kinds/{kind}", tag = "kinds", operation_id = "get_kind",
    params(("kind" = String, Path)), responses((status = 200, body = api::Kind)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Segments(kind): Segments<String>,
) -> Result<Json<api::Kind>, Failure> {
    registry.me(&subject).await?;
    let told = in_force.kinds().get(&kind).map(Kind::told);
    told.map(Json).ok_or_else(|| Failure::other(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such kind"))
}
