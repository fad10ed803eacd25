//! `/api/v1/repositories/<repository>`, and the history of its tags. In the path, `/` in a repository's name is written `~`.

use axum::extract::State;
use axum::{Extension, Json};
use wharf_model::api::list::List;
use wharf_model::api::repository::Repository;
use wharf_model::api::trash::TagMove;
use wharf_model::name::RepositoryName;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Of, Paging, Segments, named};
use crate::error::Failure;

/// The repository that a segment of a path names.
///
/// # Errors
/// 400: it names none.
pub(super) fn repository(segment: &str) -> Result<RepositoryName, Failure> {
    named(&segment.replace('~', "/"))
}

/// The repositories from which whoever asks may `pull`, by name; a page may have fewer than were asked for.
#[utoipa::path(get, path = "/api/v1/repositories", tag = "repositories", operation_id = "list_repositories",
    params(("project" = Option<String>, Query, description = "Only those of the project of that name"), Paging),
    responses((status = 200, body = List<Repository>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Of(project): Of,
    paging: Paging,
) -> Result<Json<List<Repository>>, Failure> {
    Ok(Json(registry.list_repositories(&subject, project.as_ref(), &paging.part()).await?))
}

/// What the repository is. It takes `pull`.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}", tag = "repositories", operation_id = "get_repository",
    params(("repository" = String, Path, description = "`/` is written `~`", example = "acme~app")),
    responses((status = 200, body = Repository)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(name): Segments<String>,
) -> Result<Json<Repository>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    Ok(Json(registry.repository(&access).await?))
}

/// How a tag came to point where it does, the latest move first; what has been deleted, too. It takes `pull`. Who moved it is
/// told by name to whoever logged in.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tags/{tag}/history", tag = "repositories",
    operation_id = "tag_history",
    params(("repository" = String, Path, description = "`/` is written `~`"), ("tag" = String, Path), Paging),
    responses((status = 200, body = List<TagMove>)))]
pub async fn history(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((name, tag)): Segments<(String, String)>,
    paging: Paging,
) -> Result<Json<List<TagMove>>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    Ok(Json(registry.tag_history(&access, &named(&tag)?, &paging.part()).await?))
}

/// Points a tag to what it pointed to before it was deleted or moved last. It takes `restore`.
#[utoipa::path(post, path = "/api/v1/repositories/{repository}/tags/{tag}/restore", tag = "repositories",
    operation_id = "restore_tag",
    params(("repository" = String, Path, description = "`/` is written `~`"), ("tag" = String, Path)),
    responses((status = 200, description = "The move that this was", body = TagMove)))]
pub async fn restore(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((name, tag)): Segments<(String, String)>,
) -> Result<Json<TagMove>, Failure> {
    Ok(Json(registry.restore_tag(&subject, &repository(&name)?, &named(&tag)?).await?))
}
