//! `/api/v1/roles`.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_model::api::access::{Role, RoleChange};
use wharf_model::api::list::List;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Paging, Segments, Sent, named};
use crate::error::Failure;

/// The roles, those that are built in too.
#[utoipa::path(get, path = "/api/v1/roles", tag = "access", operation_id = "list_roles", params(Paging),
    responses((status = 200, body = List<Role>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    paging: Paging,
) -> Result<Json<List<Role>>, Failure> {
    Ok(Json(registry.roles(&subject, &paging.part()).await?))
}

/// A role.
#[utoipa::path(get, path = "/api/v1/roles/{role}", tag = "access", operation_id = "get_role",
    params(("role" = String, Path)), responses((status = 200, body = Role)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(role): Segments<String>,
) -> Result<Json<Role>, Failure> {
    Ok(Json(registry.role(&subject, &named(&role)?).await?))
}

/// Makes the role, or changes it for all who have it. It takes `role:write`, and all that the role allows in the system.
#[utoipa::path(put, path = "/api/v1/roles/{role}", tag = "access", operation_id = "put_role",
    params(("role" = String, Path)), request_body = RoleChange, responses((status = 200, body = Role)))]
pub async fn put(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(role): Segments<String>,
    Sent(change): Sent<RoleChange>,
) -> Result<Json<Role>, Failure> {
    Ok(Json(registry.put_role(&subject, &named(&role)?, &change).await?))
}

/// Deletes the role, unless a binding gives it. It takes `role:write`.
#[utoipa::path(delete, path = "/api/v1/roles/{role}", tag = "access", operation_id = "delete_role",
    params(("role" = String, Path)), responses((status = 204, description = "It is gone")))]
pub async fn delete(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(role): Segments<String>,
) -> Result<StatusCode, Failure> {
    registry.delete_role(&subject, &named(&role)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
