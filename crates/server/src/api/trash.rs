//! `/api/v1/trash`, and what puts repositories and projects there.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_model::api::list::List;
use wharf_model::api::trash::TrashItem;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Of, Paging, Segments, named};
use crate::error::Failure;

/// What was deleted and can be restored, the latest first: where whoever asks may `restore`.
#[utoipa::path(get, path = "/api/v1/trash", tag = "trash", operation_id = "list_trash",
    params(
        ("project" = Option<String>, Query, description = "Only what is in the project of that name, or was in one that is in the trash itself"),
        Paging,
    ),
    responses((status = 200, body = List<TrashItem>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Of(project): Of,
    paging: Paging,
) -> Result<Json<List<TrashItem>>, Failure> {
    Ok(Json(registry.trash(&subject, project.as_ref(), &paging.part()).await?))
}

/// Takes something out of the trash, back to where it was. It takes `restore` there.
#[utoipa::path(post, path = "/api/v1/trash/{id}/restore", tag = "trash", operation_id = "restore_trash",
    params(("id" = String, Path)), responses((status = 200, description = "What it was in the trash", body = TrashItem)))]
pub async fn restore(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(id): Segments<String>,
) -> Result<Json<TrashItem>, Failure> {
    Ok(Json(registry.restore(&subject, named(&id)?).await?))
}

/// Ends something in the trash for good. It takes `purge` where it was.
#[utoipa::path(delete, path = "/api/v1/trash/{id}", tag = "trash", operation_id = "purge_trash",
    params(("id" = String, Path)),
    responses((status = 204, description = "It is gone"),
        (status = 202, description = "It cannot be restored any more, and the sweep removes the rest of it")))]
pub async fn purge(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Failure> {
    let is_gone = registry.purge(&subject, named(&id)?).await?;
    Ok(if is_gone { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}

/// Moves the repository to the trash with everything in it. It takes `delete`.
#[utoipa::path(delete, path = "/api/v1/repositories/{repository}", tag = "trash", operation_id = "delete_repository",
    params(("repository" = String, Path, description = "`/` is written `~`")),
    responses((status = 200, description = "What it is in the trash", body = TrashItem)))]
pub async fn delete_repository(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(name): Segments<String>,
) -> Result<Json<TrashItem>, Failure> {
    let access = registry.authorise(&subject, Action::Delete, &repository(&name)?).await?;
    Ok(Json(registry.delete_repository(&access).await?))
}

/// Moves the project to the trash with everything in it, its robots too. It takes `project:delete`.
#[utoipa::path(delete, path = "/api/v1/projects/{project}", tag = "trash", operation_id = "delete_project",
    params(("project" = String, Path)),
    responses((status = 200, description = "What it is in the trash", body = TrashItem)))]
pub async fn delete_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
) -> Result<Json<TrashItem>, Failure> {
    Ok(Json(registry.delete_project(&subject, &named(&project)?).await?))
}
