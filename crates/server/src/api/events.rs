//! `/api/v1/events`, and those of one project or repository: what happened.

use axum::extract::State;
use axum::{Extension, Json};
use utoipa::IntoParams;
use wharf_model::api::event::Events;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::events::EventPart;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Asked, FromQuery, Paging, Segments, misasked, named};
use crate::error::Failure;
use crate::extract::Query;

/// From where on.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// What `latest` said: then what came after that, the first of it first. Not together with `last`.
    after: Option<String>,
}

impl FromQuery for Since {
    fn read(query: &Query<'_>) -> Result<Since, Failure> {
        let after = query.get("after").filter(|after| !after.is_empty()).map(|after| after.into_owned());
        if after.as_ref().is_some_and(|after| after.chars().any(char::is_control)) {
            return Err(misasked("after", "after is what `latest` said, which has no control characters"));
        }
        Ok(Since { after })
    }
}

fn part(since: Since, paging: Paging) -> EventPart {
    EventPart { part: paging.part(), since: since.after }
}

/// What happened, the latest first: in repositories from which whoever asks may `pull`, and to projects of which they have
/// `project:read`. Who did it is told by name.
///
/// To learn what comes, ask once, keep `latest`, and ask again with `after`: no event is missed or told twice. A page may have
/// fewer than were asked for.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "list_events", params(Since, Paging),
    responses((status = 200, body = Events)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Asked(since): Asked<Since>,
    paging: Paging,
) -> Result<Json<Events>, Failure> {
    Ok(Json(registry.events(&subject, &part(since, paging)).await?))
}

/// What happened in the project and its repositories. It takes `project:read`.
#[utoipa::path(get, path = "/api/v1/projects/{project}/events", tag = "events", operation_id = "list_project_events",
    params(("project" = String, Path), Since, Paging), responses((status = 200, body = Events)))]
pub async fn list_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
    Asked(since): Asked<Since>,
    paging: Paging,
) -> Result<Json<Events>, Failure> {
    Ok(Json(registry.project_events(&subject, &named(&project)?, &part(since, paging)).await?))
}

/// What happened in the repository since it was made. It takes `pull`. Who did it is told by name to whoever logged in.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/events", tag = "events",
    operation_id = "list_repository_events",
    params(("repository" = String, Path, description = "`/` is written `~`"), Since, Paging),
    responses((status = 200, body = Events)))]
pub async fn list_in_repository(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(name): Segments<String>,
    Asked(since): Asked<Since>,
    paging: Paging,
) -> Result<Json<Events>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    Ok(Json(registry.repository_events(&access, &part(since, paging)).await?))
}
