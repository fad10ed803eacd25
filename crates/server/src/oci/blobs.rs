//! `/v2/<name>/blobs/<digest>` (end-2, end-10).

use http::{HeaderValue, Method, StatusCode, header};
use wharf_model::code::ErrorCode;
use wharf_model::digest::Digest;
use wharf_model::media;
use wharf_model::range::Requested;
use wharf_registry::pull::{FoundBlob, Served};
use wharf_registry::registry::Registry;

use super::{Call, Outcome};
use crate::body::ResponseBody;
use crate::error::Failure;
use crate::extract;
use crate::respond::{self, Answer};

/// A blob never changes under its digest.
const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// GET and HEAD, whole or in part.
pub async fn get(call: Call<'_>, digest: Digest) -> Outcome {
    let blob = call.registry.blob(&call.access, &digest).await?;
    let headers = &call.parts.headers;
    if let Some(mut answer) = respond::conditional(headers, &digest) {
        if answer.status() == StatusCode::NOT_MODIFIED {
            answer.headers_mut().insert(header::CACHE_CONTROL, FOR_EVER);
        }
        return Ok(answer);
    }
    let range = extract::header(call.parts, header::RANGE).filter(|_| respond::may_be_part(headers, &digest));
    let is_head = call.parts.method == Method::HEAD;
    let mut answer = match Registry::requested(&blob, range) {
        Requested::Whole => whole(call.registry, &blob, is_head).await?,
        Requested::Part(_) if is_head => whole(call.registry, &blob, is_head).await?,
        Requested::Part(part) => {
            let mut answer = served(call.registry.open_blob(&blob, Some(part)).await?);
            if answer.status() == StatusCode::OK {
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = format_args!("bytes {}-{}/{}", part.start, part.end - 1, blob.size);
                respond::set(&mut answer, header::CONTENT_RANGE, range);
            }
            answer
        }
        Requested::Unsatisfiable => {
            let message = format!("the blob has {} bytes", blob.size);
            let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::SizeInvalid, message);
            let mut answer = failure.detail(serde_json::json!({ "size": blob.size })).response();
            respond::set(&mut answer, header::CONTENT_RANGE, format_args!("bytes */{}", blob.size));
            return Ok(answer);
        }
    };
    respond::set_digest(&mut answer, &digest);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media::OCTET_STREAM));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, FOR_EVER);
    Ok(answer)
}

/// DELETE.
pub async fn delete(call: Call<'_>, digest: Digest) -> Outcome {
    call.registry.delete_blob(&call.access, &digest).await?;
    Ok(respond::empty(StatusCode::ACCEPTED))
}

async fn whole(registry: &Registry, blob: &FoundBlob, is_head: bool) -> Outcome {
    if is_head {
        let mut answer = respond::empty(StatusCode::OK);
        respond::set(&mut answer, header::CONTENT_LENGTH, blob.size);
        return Ok(answer);
    }
    Ok(served(registry.open_blob(blob, None).await?))
}

fn served(served: Served) -> Answer {
    match served {
        Served::Body(body) => Answer::new(ResponseBody::stream(body)),
        Served::Redirect(url) => {
            let mut answer = respond::empty(StatusCode::TEMPORARY_REDIRECT);
            respond::set(&mut answer, header::LOCATION, url);
            answer
        }
    }
}
