//! `/v2/<name>/blobs/uploads/…` (end-4, end-5, end-6, end-11, end-13, end-14).
//!
//! All that a session needs is in its path: clients may drop the query of a `Location`, and take relative ones.

use http::{StatusCode, header};
use serde_json::json;
use wharf_model::code::ErrorCode;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::name::RepositoryName;
use wharf_model::range::{self, ByteRange};
use wharf_model::route::Route;
use wharf_registry::error::Error;
use wharf_registry::upload::{Chunk, Progress};

use super::{Call, Outcome};
use crate::error::Failure;
use crate::extract::Query;
use crate::respond::{self, Answer};

/// POST: mounts, takes a whole blob at once, or begins a session.
pub async fn post(call: Call<'_>) -> Outcome {
    let query = Query::of(call.parts);
    if let Some(digest) = query.get("mount").filter(|digest| !digest.is_empty()) {
        let from = query.get("from").filter(|from| !from.is_empty()).map(|from| parse_name(&from)).transpose()?;
        let digest = parse_digest(&digest)?;
        if call.registry.mount_blob(&call.access, digest, from).await? {
            return Ok(created(call.access.repository(), &digest));
        }
        return begin(call, digest.algorithm()).await;
    }
    if let Some(digest) = query.get("digest").filter(|digest| !digest.is_empty()) {
        let digest = parse_digest(&digest)?;
        let session = call.registry.begin_upload(&call.access, digest.algorithm()).await?.session;
        return finish(call, &session, digest).await;
    }
    let algorithm = match query.get("digest-algorithm").filter(|name| !name.is_empty()) {
        Some(name) => name.parse().map_err(|error| Failure::from(Error::DigestMalformed(error)))?,
        None => Algorithm::Sha256,
    };
    begin(call, algorithm).await
}

/// GET: where does it stand?
pub async fn get(call: Call<'_>, session: &str) -> Outcome {
    let progress = call.registry.upload_status(&call.access, session).await?;
    Ok(progressed(StatusCode::NO_CONTENT, call.access.repository(), &progress))
}

/// PATCH: a chunk.
pub async fn patch(call: Call<'_>, session: &str) -> Outcome {
    let range = content_range(&call)?;
    let chunk = Chunk { range, body: call.body };
    let progress = call.registry.append_upload(&call.access, session, chunk).await;
    let repository = call.access.repository();
    match progress {
        Ok(progress) => Ok(progressed(StatusCode::ACCEPTED, repository, &progress)),
        Err(error) => Ok(refused(error, repository, session)),
    }
}

/// PUT: the last chunk, or all of it.
pub async fn put(call: Call<'_>, session: &str) -> Outcome {
    let digest = Query::of(call.parts).get("digest").ok_or_else(|| {
        let message = "the parameter digest is missing";
        let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, message);
        failure.detail(json!({ "parameter": "digest" }))
    })?;
    let digest = parse_digest(&digest)?;
    finish(call, session, digest).await
}

/// DELETE: never mind.
pub async fn delete(call: Call<'_>, session: &str) -> Outcome {
    call.registry.cancel_upload(&call.access, session).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

async fn begin(call: Call<'_>, algorithm: Algorithm) -> Outcome {
    let progress = call.registry.begin_upload(&call.access, algorithm).await?;
    Ok(progressed(StatusCode::ACCEPTED, call.access.repository(), &progress))
}

async fn finish(call: Call<'_>, session: &str, digest: Digest) -> Outcome {
    let range = content_range(&call)?;
    let chunk = Chunk { range, body: call.body };
    let finished = call.registry.finish_upload(&call.access, session, chunk, digest).await;
    let repository = call.access.repository();
    match finished {
        Ok(()) => Ok(created(repository, &digest)),
        Err(error) => Ok(refused(error, repository, session)),
    }
}

/// A chunk in the wrong place is told where the right one is.
fn refused(error: Error, repository: &RepositoryName, session: &str) -> Answer {
    let offset = match &error {
        Error::RangeInvalid { offset } => Some(*offset),
        _ => None,
    };
    let mut answer = Failure::from(error).response();
    if let Some(offset) = offset {
        set_progress(&mut answer, repository, session, offset);
    }
    answer
}

fn progressed(status: StatusCode, repository: &RepositoryName, progress: &Progress) -> Answer {
    let mut answer = respond::empty(status);
    set_progress(&mut answer, repository, &progress.session, progress.offset);
    respond::set(&mut answer, respond::DOCKER_UPLOAD_UUID, &progress.uuid);
    answer
}

fn set_progress(answer: &mut Answer, repository: &RepositoryName, session: &str, offset: u64) {
    respond::set(answer, header::LOCATION, Route::Upload(repository.clone(), session.to_owned()));
    // The spec has no way to say "nothing yet"; everybody writes 0-0.
    respond::set(answer, header::RANGE, format_args!("0-{}", offset.saturating_sub(1)));
}

fn created(repository: &RepositoryName, digest: &Digest) -> Answer {
    let mut answer = respond::empty(StatusCode::CREATED);
    respond::set(&mut answer, header::LOCATION, Route::Blob(repository.clone(), *digest));
    respond::set(&mut answer, respond::DOCKER_CONTENT_DIGEST, digest);
    answer
}

fn content_range(call: &Call<'_>) -> Result<Option<ByteRange>, Failure> {
    let Some(value) = call.parts.headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    // A last PUT without a body is sent by some with the range of nothing.
    if call.body.length() == Some(0) {
        return Ok(None);
    }
    let message = "Content-Range is written <first byte>-<last byte>";
    let malformed = || {
        let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::BlobUploadInvalid, message);
        failure.detail(json!({ "header": "Content-Range" }))
    };
    value.to_str().ok().and_then(range::chunk).map(Some).ok_or_else(malformed)
}

fn parse_digest(text: &str) -> Result<Digest, Failure> {
    text.parse().map_err(|error| Failure::from(Error::DigestMalformed(error)))
}

fn parse_name(text: &str) -> Result<RepositoryName, Failure> {
    text.parse().map_err(|error: wharf_model::name::NameError| {
        let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, error.to_string());
        failure.detail(json!({ "name": text }))
    })
}
