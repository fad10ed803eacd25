//! `/api/v1/repositories/<repository>/artifacts/<reference>/links`: links that open something without a login.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_model::api::link::{Link, NewLink};
use wharf_model::name::Reference;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::links::MadeLink;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Segments, Sent, named};
use crate::error::Failure;
use crate::origin::Origin;
use crate::pages::route::Page;

/// Makes a link that opens a file or a folder of an artifact for whoever has it, until it ends. It takes `pull`, with a password or
/// a token of one's own, and a project that allows it (`share`).
///
/// Nothing is stored for it, so it cannot be listed or taken back one by one: it ends at its time, and earlier where the project
/// allows links no more, the artifact is deleted, or whoever made it may not pull it any more, gets another password, has their
/// sessions ended or the token deleted that they came with.
#[utoipa::path(post, path = "/api/v1/repositories/{repository}/artifacts/{reference}/links", tag = "artifacts",
    operation_id = "make_link",
    params(("repository" = String, Path, description = "`/` is written `~`"),
        ("reference" = String, Path, description = "A tag or a digest")),
    request_body = NewLink,
    responses((status = 201, body = Link),
        (status = 403, description = "The project allows no links, or who asks came with a bearer token"),
        (status = 503, description = "A layer has not been looked into yet; `Retry-After` says when to ask again")))]
pub async fn post(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Extension(origin): Extension<Origin>,
    Segments((name, reference)): Segments<(String, String)>,
    Sent(new): Sent<NewLink>,
) -> Result<(StatusCode, Json<Link>), Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    super::files::check_path(&new.path)?;
    let made = registry.make_link(&access, &named::<Reference>(&reference)?, &new).await?;
    Ok((StatusCode::CREATED, Json(told(&origin, made))))
}

/// The link as whoever made it gets it.
pub(crate) fn told(origin: &Origin, made: MadeLink) -> Link {
    let MadeLink { text, digest, until } = made;
    Link { url: format!("{origin}{}", Page::Shared(text)), digest, expires_at: until }
}
