//! `/api/v1/repositories/<repository>/artifacts` and `…/tags`: what is in a repository, and what is known of it.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use utoipa::IntoParams;
use wharf_artifact::kind::folder::InForce;
use wharf_model::api::artifact::{Artifact, ArtifactDetail, TagDetail};
use wharf_model::api::list::List;
use wharf_model::limits::KIND_TEXT_BYTES_MAX;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::artifacts::Filter;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Asked, FromQuery, Paging, Segments, misasked, named};
use crate::error::Failure;
use crate::extract::Query;
use crate::origin::Origin;

/// Which artifacts are wanted.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Only those of the kind with this identifier; those whose facts are still to be found out are in no such list.
    kind: Option<String>,
    /// Only those that a tag points to, or to which none does.
    tagged: Option<bool>,
}

impl FromQuery for Which {
    fn read(query: &Query<'_>) -> Result<Which, Failure> {
        let kind = query.get("kind").map(|kind| kind.into_owned());
        if kind.as_ref().is_some_and(|kind| kind.len() > KIND_TEXT_BYTES_MAX || kind.chars().any(char::is_control)) {
            return Err(misasked("kind", "kind is the identifier of a kind, as /api/v1/kinds lists them"));
        }
        let tagged = match query.get("tagged").as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(misasked("tagged", "tagged is true or false")),
        };
        Ok(Which { kind, tagged })
    }
}

/// The artifacts of the repository, those first that came last. It takes `pull`. Who pushed them is told by name to whoever logged
/// in. A page may have fewer than were asked for where `tagged` is said.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/artifacts", tag = "artifacts", operation_id = "list_artifacts",
    params(("repository" = String, Path, description = "`/` is written `~`", example = "acme~app"), Which, Paging),
    responses((status = 200, body = List<Artifact>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Segments(name): Segments<String>,
    Asked(which): Asked<Which>,
    paging: Paging,
) -> Result<Json<List<Artifact>>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    let filter = Filter { kind: which.kind, tagged: which.tagged };
    Ok(Json(registry.artifacts(&access, &in_force.kinds(), &filter, &paging.part()).await?))
}

/// An artifact with all that is known of it, and the commands that fetch and use it. It takes `pull`.
///
/// What its publisher says is not verified. Descriptors and annotations are as they were pushed; everything else is harmless to
/// show.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/artifacts/{reference}", tag = "artifacts",
    operation_id = "get_artifact",
    params(("repository" = String, Path, description = "`/` is written `~`"),
        ("reference" = String, Path, description = "A tag or a digest")),
    responses((status = 200, body = ArtifactDetail)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Extension(origin): Extension<Origin>,
    Segments((name, reference)): Segments<(String, String)>,
) -> Result<Json<ArtifactDetail>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    Ok(Json(registry.artifact(&access, &in_force.kinds(), origin.host(), &named(&reference)?).await?))
}

/// What is attached to an artifact, be it here or not: signatures, SBOMs, attestations and whatever else names it as its subject
/// or is found by cosign's tags. It takes `pull`.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/artifacts/{reference}/referrers", tag = "artifacts",
    operation_id = "list_referrers",
    params(("repository" = String, Path, description = "`/` is written `~`"),
        ("reference" = String, Path, description = "A tag or a digest"), Paging),
    responses((status = 200, body = List<Artifact>)))]
pub async fn list_attached(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Segments((name, reference)): Segments<(String, String)>,
    paging: Paging,
) -> Result<Json<List<Artifact>>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    Ok(Json(registry.attached(&access, &in_force.kinds(), &named(&reference)?, &paging.part()).await?))
}

/// The tags of the repository with what they point to, in byte order. It takes `pull`.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tags", tag = "artifacts", operation_id = "list_tags",
    params(("repository" = String, Path, description = "`/` is written `~`"), Paging),
    responses((status = 200, body = List<TagDetail>)))]
pub async fn list_tags(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Segments(name): Segments<String>,
    paging: Paging,
) -> Result<Json<List<TagDetail>>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    Ok(Json(registry.tagged(&access, &in_force.kinds(), &paging.part()).await?))
}

/// A tag with what it points to. It takes `pull`.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tags/{tag}", tag = "artifacts", operation_id = "get_tag",
    params(("repository" = String, Path, description = "`/` is written `~`"), ("tag" = String, Path)),
    responses((status = 200, body = TagDetail)))]
pub async fn get_tag(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Segments((name, tag)): Segments<(String, String)>,
) -> Result<Json<TagDetail>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    Ok(Json(registry.tag(&access, &in_force.kinds(), &named(&tag)?).await?))
}
