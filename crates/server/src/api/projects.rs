//! `/api/v1/projects/<project>`.

use axum::extract::State;
use axum::{Extension, Json};
use wharf_model::api::project::{Project, ProjectChange};
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Segments, Sent, named};
use crate::error::Failure;

/// What the project is. It takes `project:read`.
#[utoipa::path(get, path = "/api/v1/projects/{project}", tag = "projects", operation_id = "get_project",
    params(("project" = String, Path)), responses((status = 200, body = Project)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
) -> Result<Json<Project>, Failure> {
    Ok(Json(registry.project(&subject, &named(&project)?).await?))
}

/// Makes the project, or sets what it says.
///
/// Making one takes `project:create` in the system. Setting takes `project:write`; `immutable` and `trash_days` take
/// `policy:write`, and what it may use takes `quota:write` in the system.
#[utoipa::path(put, path = "/api/v1/projects/{project}", tag = "projects", operation_id = "put_project",
    params(("project" = String, Path)), request_body = ProjectChange, responses((status = 200, body = Project)))]
pub async fn put(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
    Sent(change): Sent<ProjectChange>,
) -> Result<Json<Project>, Failure> {
    Ok(Json(registry.put_project(&subject, &named(&project)?, &change).await?))
}
