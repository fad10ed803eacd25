//! `/api/v1/me`, `/api/v1/projects`: who asks, and which projects they may see.

use axum::extract::State;
use axum::{Extension, Json};
use wharf_model::api::list::List;
use wharf_model::api::people::Me;
use wharf_model::api::project::ListedProject;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::Paging;
use crate::error::Failure;

/// Who asks, and what they may do in the whole system.
#[utoipa::path(get, path = "/api/v1/me", tag = "people", operation_id = "me", responses((status = 200, body = Me)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
) -> Result<Json<Me>, Failure> {
    Ok(Json(registry.me(&subject).await?))
}

/// The projects that whoever asks may see: those in which they are given something, and the public ones. Of those that they
/// may not read (`project:read`) only `name`, `public` and `description` are told.
#[utoipa::path(get, path = "/api/v1/projects", tag = "projects", operation_id = "list_projects", params(Paging),
    responses((status = 200, body = List<ListedProject>)))]
pub async fn list_projects(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    paging: Paging,
) -> Result<Json<List<ListedProject>>, Failure> {
    Ok(Json(registry.projects(&subject, &paging.part()).await?))
}
