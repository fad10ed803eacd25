//! `/api/v1/repositories/<repository>/artifacts/<reference>/diff`: what is not the same in two artifacts.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use utoipa::IntoParams;
use wharf_artifact::kind::folder::InForce;
use wharf_model::api::diff::Diff;
use wharf_model::name::{Reference, RepositoryName};
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::diff::End;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Asked, FromQuery, Paging, Segments, misasked, named};
use crate::error::Failure;
use crate::extract::Query;
use crate::origin::Origin;

/// With what something is compared.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct With {
    /// A tag or a digest: what it was before.
    #[param(value_type = String, example = "1.0")]
    with: Reference,
    /// Of which repository that is; of the same where nothing is said.
    #[param(value_type = Option<String>, example = "acme/app")]
    repository: Option<RepositoryName>,
}

impl FromQuery for With {
    fn read(query: &Query<'_>) -> Result<With, Failure> {
        let said = |name| query.get(name).filter(|text| !text.is_empty());
        let with = said("with").ok_or_else(|| misasked("with", "with is the tag or digest to compare with"))?;
        let repository = said("repository").map(|text| named(&text)).transpose()?;
        Ok(With { with: named(&with)?, repository })
    }
}

/// What is not the same in two artifacts: `from` is the one that is named by `with`, `to` that of the path. It takes `pull` for both.
///
/// Files are told in pages, folder by folder; all else comes with every page. Where a layer has not been looked into yet `files` is
/// `null`, and `no_files` says so: ask again in some seconds. Of contents no digests are known: two files are the same if they are one
/// in a layer that both have, or have one size, time, mode and owner; of two with one size and other times, or times that say nothing,
/// `content` says that it is not known. `wharf diff` compares contents.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/artifacts/{reference}/diff", tag = "artifacts",
    operation_id = "diff_artifacts",
    params(("repository" = String, Path, description = "`/` is written `~`"),
        ("reference" = String, Path, description = "A tag or a digest"), With, Paging),
    responses((status = 200, body = Diff)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(in_force): Extension<Arc<InForce>>,
    Extension(origin): Extension<Origin>,
    Segments((name, reference)): Segments<(String, String)>,
    Asked(with): Asked<With>,
    paging: Paging,
) -> Result<Json<Diff>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    let reference = named::<Reference>(&reference)?;
    let other = match &with.repository {
        Some(name) if name != access.repository() => registry.authorise(&subject, Action::Pull, name).await?,
        _ => access.clone(),
    };
    let from = End { access: &other, reference: &with.with };
    let to = End { access: &access, reference: &reference };
    Ok(Json(registry.diff(&in_force.kinds(), origin.host(), from, to, &paging.part()).await?))
}
