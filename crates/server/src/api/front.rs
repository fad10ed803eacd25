//! What a repository shows in front: `/api/v1/repositories/<repository>/overview` and `/api/v1/catalogue`.

use axum::extract::State;
use axum::{Extension, Json};
use wharf_model::api::front::{CatalogueEntry, Overview, OverviewChange};
use wharf_model::api::list::List;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Paging, Segments, Sent};
use crate::error::Failure;

/// What the people of the repository say of it. It takes `pull`. It was written by people whom nobody trusts, and is Markdown as
/// they wrote it.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/overview", tag = "repositories",
    operation_id = "get_overview",
    params(("repository" = String, Path, description = "`/` is written `~`", example = "acme~app")),
    responses((status = 200, body = Overview), (status = 404, description = "They say nothing")))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(name): Segments<String>,
) -> Result<Json<Overview>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    registry.repository(&access).await?;
    let overview = registry.overview(&access).await?;
    let nothing = || Error::NotThere { what: "overview of", name: access.repository().to_string() };
    Ok(Json(overview.ok_or_else(nothing)?))
}

/// Sets what the people of the repository say of it; a text with nothing in it takes it away. It takes `push`. That it changed is
/// told among what happened, without the text.
#[utoipa::path(put, path = "/api/v1/repositories/{repository}/overview", tag = "repositories",
    operation_id = "set_overview",
    params(("repository" = String, Path, description = "`/` is written `~`", example = "acme~app")),
    request_body = OverviewChange,
    responses((status = 204, description = "It is set")))]
pub async fn put(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(name): Segments<String>,
    Sent(change): Sent<OverviewChange>,
) -> Result<http::StatusCode, Failure> {
    let access = registry.authorise(&subject, Action::Push, &repository(&name)?).await?;
    registry.set_overview(&access, change).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// What everybody may pull, that which is pulled most first. For whoever comes by.
#[utoipa::path(get, path = "/api/v1/catalogue", tag = "repositories", operation_id = "get_catalogue", security(()),
    params(Paging),
    responses((status = 200, body = List<CatalogueEntry>)))]
pub async fn catalogue(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    paging: Paging,
) -> Result<Json<List<CatalogueEntry>>, Failure> {
    Ok(Json(registry.catalogue(&subject, &paging.part()).await?))
}
