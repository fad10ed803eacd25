//! `/api/v1/projects/<name>`.

use axum::Extension;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use wharf_model::api::project::{Project, ProjectSettings};
use wharf_model::code::ErrorCode;
use wharf_model::name::{NameError, ProjectName};
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use crate::error::Failure;

/// What the project is.
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Path(name): Path<String>,
) -> Result<Json<Project>, Failure> {
    Ok(Json(registry.project(&subject, &parse(&name)?).await?))
}

/// Makes the project, or sets what it says.
pub async fn put(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Path(name): Path<String>,
    settings: Result<Json<ProjectSettings>, JsonRejection>,
) -> Result<Json<Project>, Failure> {
    let Json(settings) = settings.map_err(|error| Failure::other(error.status(), "BODY_INVALID", error.body_text()))?;
    Ok(Json(registry.put_project(&subject, &parse(&name)?, &settings).await?))
}

fn parse(name: &str) -> Result<ProjectName, Failure> {
    name.parse().map_err(|error: NameError| {
        let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, error.to_string());
        failure.detail(serde_json::json!({ "name": name }))
    })
}
