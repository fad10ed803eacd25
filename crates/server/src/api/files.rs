//! `/api/v1/repositories/<repository>/artifacts/<reference>/files`, `…/file` and `…/archive`: what is inside of artifacts.
//!
//! The content of files is what people pushed: it is told as bytes and nothing else, to be saved, and never runs as a page of ours.

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::{Extension, Json};
use http::StatusCode;
use http::request::Parts;
use utoipa::IntoParams;
use wharf_artifact::archive::{Format, FormatError};
use wharf_model::api::files::FolderPage;
use wharf_model::code::ErrorCode;
use wharf_model::digest::Digest;
use wharf_model::limits::{TREE_DEPTH_MAX, TREE_PATH_BYTES_MAX};
use wharf_model::name::Reference;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::files::Where;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Asked, FromQuery, Paging, Segments, misasked, named};
use crate::download;
use crate::error::Failure;
use crate::extract::Query;

/// Where to look.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Looked {
    /// A path from the root, of 4,095 bytes and 256 names at most; the root where nothing is said.
    path: Option<String>,
    /// The digest of a layer: only what that has.
    layer: Option<String>,
}

impl Looked {
    /// What a request asks for.
    pub(crate) fn of(parts: &Parts) -> Looked {
        let query = Query::of(parts);
        let text = |name| query.get(name).map(|text| text.into_owned());
        Looked { path: text("path"), layer: text("layer").filter(|layer| !layer.is_empty()) }
    }

    /// The place that it names.
    ///
    /// # Errors
    /// 400: it is none.
    pub(crate) fn at(self) -> Result<Where, Failure> {
        let path = self.path.unwrap_or_default();
        check_path(&path)?;
        let layer = self.layer.map(|layer| named::<Digest>(&layer)).transpose()?;
        Ok(Where { path, layer })
    }
}

/// Refuses a path that is none.
pub(crate) fn check_path(path: &str) -> Result<(), Failure> {
    if path.contains('\0') {
        return Err(wrong_path("no path has a NUL".to_owned()));
    }
    if path.len() > TREE_PATH_BYTES_MAX || path.split('/').count() > TREE_DEPTH_MAX {
        let message = format!("a path has at most {TREE_PATH_BYTES_MAX} bytes and {TREE_DEPTH_MAX} names");
        return Err(wrong_path(message));
    }
    Ok(())
}

fn wrong_path(reason: String) -> Failure {
    let detail = serde_json::json!({ "field": "path", "reason": reason });
    Failure::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, reason).detail(detail)
}

impl<S: Send + Sync> FromRequestParts<S> for Looked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Ok(Looked::of(parts))
    }
}

/// What a folder of an artifact holds, by name; a file is told alone. It takes `pull`.
///
/// Without `layer` it is what all layers make together, or the files that an artifact is made of, and links in `path` are
/// followed. With `layer` it is what that layer has there or removes, and what became of it. What is told of files was pushed by
/// people whom nobody trusts, and was not verified.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/artifacts/{reference}/files", tag = "artifacts",
    operation_id = "list_files",
    params(("repository" = String, Path, description = "`/` is written `~`"),
        ("reference" = String, Path, description = "A tag or a digest"), Looked, Paging),
    responses((status = 200, body = FolderPage),
        (status = 503, description = "A layer has not been looked into yet; `Retry-After` says when to ask again")))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((name, reference)): Segments<(String, String)>,
    looked: Looked,
    paging: Paging,
) -> Result<Json<FolderPage>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    let reference = named::<Reference>(&reference)?;
    Ok(Json(registry.files(&access, &reference, &looked.at()?, &paging.part()).await?))
}

/// The content of a file in an artifact, or a part of it (`Range`). It takes `pull`.
///
/// Links are followed, and lead nowhere else than within the artifact. The entity tag names the content, but is not its digest.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/artifacts/{reference}/file", tag = "artifacts",
    operation_id = "get_file",
    params(("repository" = String, Path, description = "`/` is written `~`"),
        ("reference" = String, Path, description = "A tag or a digest"), Looked),
    responses((status = 200, description = "The file", content_type = "application/octet-stream"),
        (status = 206, description = "A part of it", content_type = "application/octet-stream"),
        (status = 304, description = "Whoever asks has it"),
        (status = 416, description = "It has no such part"),
        (status = 503, description = "A layer has not been looked into yet; `Retry-After` says when to ask again")))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((name, reference)): Segments<(String, String)>,
    looked: Looked,
    request: Request,
) -> Result<http::Response<Body>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    let file = registry.file(&access, &named::<Reference>(&reference)?, &looked.at()?).await?;
    Ok(download::file(&registry, file, &request.0).await?.map(Body::new))
}

/// In what form files are wanted.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Form {
    /// `tar`, which is meant where nothing is said, or `zip`.
    format: Option<String>,
}

impl FromQuery for Form {
    fn read(query: &Query<'_>) -> Result<Form, Failure> {
        let format = query.get("format").map(|format| format.into_owned());
        Ok(Form { format: format.filter(|format| !format.is_empty()) })
    }
}

impl Form {
    fn format(&self) -> Result<Format, Failure> {
        let format = self.format.as_deref().map_or(Ok(Format::Tar), str::parse);
        format.map_err(|error: FormatError| misasked("format", error.to_string()))
    }
}

/// All files of an artifact, or of a folder in it, as one: a tar or a zip, not compressed, or a part of that (`Range`). It takes
/// `pull`.
///
/// Of a file it has that alone. Links are told within the folder; those that lead out of it, devices and fifos are left out, and so
/// is what upper layers hide. The same artifact, path, layer and format give the same bytes, which the entity tag names, so that
/// what broke off can be gone on with (`Range` with `If-Range`).
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/artifacts/{reference}/archive", tag = "artifacts",
    operation_id = "get_archive",
    params(("repository" = String, Path, description = "`/` is written `~`"),
        ("reference" = String, Path, description = "A tag or a digest"), Looked, Form),
    responses((status = 200, description = "The archive", content_type = "application/x-tar"),
        (status = 206, description = "A part of it", content_type = "application/x-tar"),
        (status = 304, description = "Whoever asks has it"),
        (status = 416, description = "It has no such part"),
        (status = 503, description = "A layer has not been looked into yet; `Retry-After` says when to ask again")))]
pub async fn archive(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((name, reference)): Segments<(String, String)>,
    looked: Looked,
    Asked(form): Asked<Form>,
    request: Request,
) -> Result<http::Response<Body>, Failure> {
    let access = registry.authorise(&subject, Action::Pull, &repository(&name)?).await?;
    let (reference, looked) = (named::<Reference>(&reference)?, looked.at()?);
    let answer = download::archive(&registry, &access, &reference, &looked, form.format()?, &request.0).await?;
    Ok(answer.map(Body::new))
}

/// The head of a request.
pub struct Request(Parts);

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Ok(Request(parts.clone()))
    }
}
