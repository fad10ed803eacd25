//! `/api/v1/groups`.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_model::api::list::List;
use wharf_model::api::people::{Group, GroupChange};
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Paging, Segments, Sent, named};
use crate::error::Failure;

/// The groups. It takes `user:read`.
#[utoipa::path(get, path = "/api/v1/groups", tag = "people", operation_id = "list_groups", params(Paging),
    responses((status = 200, body = List<Group>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    paging: Paging,
) -> Result<Json<List<Group>>, Failure> {
    Ok(Json(registry.groups(&subject, &paging.part()).await?))
}

/// A group. It takes `user:read`.
#[utoipa::path(get, path = "/api/v1/groups/{group}", tag = "people", operation_id = "get_group",
    params(("group" = String, Path)), responses((status = 200, body = Group)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(group): Segments<String>,
) -> Result<Json<Group>, Failure> {
    Ok(Json(registry.group(&subject, &named(&group)?).await?))
}

/// Makes the group, or changes it. It takes `group:write`, and to change its members all that the group is
/// given.
#[utoipa::path(put, path = "/api/v1/groups/{group}", tag = "people", operation_id = "put_group",
    params(("group" = String, Path)), request_body = GroupChange, responses((status = 200, body = Group)))]
pub async fn put(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(group): Segments<String>,
    Sent(change): Sent<GroupChange>,
) -> Result<Json<Group>, Failure> {
    Ok(Json(registry.put_group(&subject, &named(&group)?, &change).await?))
}

/// Deletes the group and what it is given. It takes `group:write`, and all of that.
#[utoipa::path(delete, path = "/api/v1/groups/{group}", tag = "people", operation_id = "delete_group",
    params(("group" = String, Path)), responses((status = 204, description = "It is gone")))]
pub async fn delete(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(group): Segments<String>,
) -> Result<StatusCode, Failure> {
    registry.delete_group(&subject, &named(&group)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
