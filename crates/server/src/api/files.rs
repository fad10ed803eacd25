//! `/api/v1/repositories/<repository>/artifacts/<reference>/files` and `…/file`: what is inside of artifacts.
//!
//! The content of files is what people pushed: it is told as bytes and nothing else, to be saved, and never runs as a page of ours.

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::{Extension, Json};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use utoipa::IntoParams;
use wharf_model::api::files::FolderPage;
use wharf_model::code::ErrorCode;
use wharf_model::digest::Digest;
use wharf_model::limits::{TREE_DEPTH_MAX, TREE_PATH_BYTES_MAX};
use wharf_model::media;
use wharf_model::name::Reference;
use wharf_model::range::{self, ByteRange, Requested};
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::files::{FoundFile, Where};
use wharf_registry::pull::Served;
use wharf_registry::registry::Registry;

use super::repositories::repository;
use super::request::{Paging, Segments, named};
use crate::body::ResponseBody;
use crate::error::Failure;
use crate::extract::Query;
use crate::respond::{self, Answer};

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
    fn at(self) -> Result<Where, Failure> {
        let path = self.path.unwrap_or_default();
        if path.contains('\0') {
            let message = "no path has a NUL".to_owned();
            return Err(wrong_path(message));
        }
        if path.len() > TREE_PATH_BYTES_MAX || path.split('/').count() > TREE_DEPTH_MAX {
            let message = format!("a path has at most {TREE_PATH_BYTES_MAX} bytes and {TREE_DEPTH_MAX} names");
            return Err(wrong_path(message));
        }
        let layer = self.layer.map(|layer| named::<Digest>(&layer)).transpose()?;
        Ok(Where { path, layer })
    }
}

fn wrong_path(reason: String) -> Failure {
    let detail = serde_json::json!({ "field": "path", "reason": reason });
    Failure::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, reason).detail(detail)
}

impl<S: Send + Sync> FromRequestParts<S> for Looked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let query = Query::of(parts);
        let text = |name| query.get(name).map(|text| text.into_owned());
        Ok(Looked { path: text("path"), layer: text("layer").filter(|layer| !layer.is_empty()) })
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
    let mut answer = answer(&registry, &file, &request.0).await?;
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
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

/// The content of a file, or the part that is asked for: to be saved, under its name.
///
/// # Errors
/// There is no such part, or the heap fails.
pub(crate) async fn answer(registry: &Registry, file: &FoundFile, request: &Parts) -> Result<Answer, Failure> {
    let headers = &request.headers;
    if let Some(mut answer) = respond::conditional(headers, &file.tag) {
        // It is not the digest of what is answered.
        answer.headers_mut().remove(respond::DOCKER_CONTENT_DIGEST);
        return Ok(answer);
    }
    let range = headers.get(header::RANGE).filter(|_| respond::may_be_part(headers, &file.tag));
    let is_head = request.method == http::Method::HEAD;
    let part = match range::requested(range.and_then(|range| range.to_str().ok()), file.size) {
        Requested::Part(part) if !is_head => Some(part),
        Requested::Whole | Requested::Part(_) => None,
        Requested::Unsatisfiable => {
            let message = format!("the file has {} bytes", file.size);
            let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::SizeInvalid, message);
            let mut answer = failure.detail(serde_json::json!({ "size": file.size })).response();
            respond::set(&mut answer, header::CONTENT_RANGE, format_args!("bytes */{}", file.size));
            return Ok(answer);
        }
    };
    let mut answer = if is_head { respond::empty(StatusCode::OK) } else { body(registry, file, part).await? };
    let length = part.map_or(file.size, |part| part.len());
    respond::set(&mut answer, header::CONTENT_LENGTH, length);
    respond::set(&mut answer, header::ETAG, format_args!("\"{}\"", file.tag));
    let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
    respond::set(&mut answer, header::CONTENT_DISPOSITION, format_args!("attachment; filename*=UTF-8''{name}"));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media::OCTET_STREAM));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(answer)
}

async fn body(registry: &Registry, file: &FoundFile, part: Option<ByteRange>) -> Result<Answer, Failure> {
    let Served::Body(body) = registry.open_file(file, part).await? else {
        let error = wharf_registry::error::Error::Internal("the heap names an address for its bytes".to_owned());
        return Err(error.into());
    };
    let mut answer = Answer::new(ResponseBody::stream(body));
    if let Some(part) = part {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format_args!("bytes {}-{}/{}", part.start, part.end - 1, file.size);
        respond::set(&mut answer, header::CONTENT_RANGE, range);
    }
    Ok(answer)
}
