//! `/api/v1/bindings` and `/api/v1/projects/<project>/bindings`.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_model::api::access::{Binding, NewBinding};
use wharf_model::api::list::List;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Paging, Segments, Sent, named};
use crate::error::Failure;

/// What is given in the whole system. It takes `member:read` there.
#[utoipa::path(get, path = "/api/v1/bindings", tag = "access", operation_id = "list_bindings", params(Paging),
    responses((status = 200, body = List<Binding>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    paging: Paging,
) -> Result<Json<List<Binding>>, Failure> {
    Ok(Json(registry.bindings(&subject, None, &paging.part()).await?))
}

/// Gives somebody something in the whole system. It takes `member:write` there, and all that is given.
#[utoipa::path(post, path = "/api/v1/bindings", tag = "access", operation_id = "new_binding",
    request_body = NewBinding, responses((status = 201, body = Binding)))]
pub async fn post(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Sent(new): Sent<NewBinding>,
) -> Result<(StatusCode, Json<Binding>), Failure> {
    Ok((StatusCode::CREATED, Json(registry.new_binding(&subject, None, &new).await?)))
}

/// Takes away what a binding of the system gives. It takes `member:write` there.
#[utoipa::path(delete, path = "/api/v1/bindings/{binding}", tag = "access", operation_id = "delete_binding",
    params(("binding" = String, Path)), responses((status = 204, description = "It is gone")))]
pub async fn delete(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(binding): Segments<String>,
) -> Result<StatusCode, Failure> {
    registry.delete_binding(&subject, None, named(&binding)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is given in the project. It takes `member:read`.
#[utoipa::path(get, path = "/api/v1/projects/{project}/bindings", tag = "access",
    operation_id = "list_project_bindings", params(("project" = String, Path), Paging),
    responses((status = 200, body = List<Binding>)))]
pub async fn list_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
    paging: Paging,
) -> Result<Json<List<Binding>>, Failure> {
    Ok(Json(registry.bindings(&subject, Some(&named(&project)?), &paging.part()).await?))
}

/// Gives somebody something in the project. It takes `member:write`, and all that is given.
#[utoipa::path(post, path = "/api/v1/projects/{project}/bindings", tag = "access",
    operation_id = "new_project_binding", params(("project" = String, Path)), request_body = NewBinding,
    responses((status = 201, body = Binding)))]
pub async fn post_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
    Sent(new): Sent<NewBinding>,
) -> Result<(StatusCode, Json<Binding>), Failure> {
    Ok((StatusCode::CREATED, Json(registry.new_binding(&subject, Some(&named(&project)?), &new).await?)))
}

/// Takes away what a binding of the project gives. It takes `member:write`.
#[utoipa::path(delete, path = "/api/v1/projects/{project}/bindings/{binding}", tag = "access",
    operation_id = "delete_project_binding", params(("project" = String, Path), ("binding" = String, Path)),
    responses((status = 204, description = "It is gone")))]
pub async fn delete_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((project, binding)): Segments<(String, String)>,
) -> Result<StatusCode, Failure> {
    registry.delete_binding(&subject, Some(&named(&project)?), named(&binding)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
