//! `/v2/<name>/manifests/<tag-or-digest>` (end-3, end-7, end-9).

use bytes::Bytes;
use http::{StatusCode, header};
use wharf_content::body::Body;
use wharf_model::code::ErrorCode;
use wharf_model::limits::{MANIFEST_BYTES_MAX, TAG_PARAMETERS_MAX};
use wharf_model::manifest::ManifestError;
use wharf_model::media::MediaType;
use wharf_model::name::{Reference, Tag};
use wharf_model::route::Route;
use wharf_registry::error::Error;
use wharf_registry::push::Push;

use super::{Call, Outcome};
use crate::error::Failure;
use crate::extract::{self, Query};
use crate::respond;

/// GET and HEAD. `Accept` is not read: a manifest is stored as it came, and there is nothing to choose from.
pub async fn get(call: Call<'_>, reference: Reference) -> Outcome {
    let row = call.registry.manifest(&call.access, &reference).await?;
    if let Some(answer) = respond::conditional(&call.parts.headers, &row.digest) {
        return Ok(answer);
    }
    let mut answer = respond::bytes(row.media_type.as_str(), row.bytes.clone());
    respond::set_digest(&mut answer, &row.digest);
    Ok(answer)
}

/// PUT, by tag, or by digest with any number of `tag` parameters.
pub async fn put(mut call: Call<'_>, reference: Reference) -> Outcome {
    let tags = tags(&Query::of(call.parts), &reference)?;
    let content_type = content_type(extract::header(call.parts, header::CONTENT_TYPE))?;
    let bytes = read(&mut call.body).await?;
    let repository = call.access.repository().clone();
    let push = Push { reference, tags, content_type, bytes };
    let pushed = call.registry.put_manifest(&call.access, push).await?;
    let mut answer = respond::empty(StatusCode::CREATED);
    respond::set(&mut answer, header::LOCATION, Route::Manifest(repository, Reference::Digest(pushed.digest)));
    respond::set(&mut answer, respond::DOCKER_CONTENT_DIGEST, pushed.digest);
    if let Some(subject) = pushed.subject {
        respond::set(&mut answer, respond::OCI_SUBJECT, subject);
    }
    if !pushed.tags.is_empty() {
        let tags: Vec<_> = pushed.tags.iter().map(Tag::as_str).collect();
        respond::set(&mut answer, respond::OCI_TAG, tags.join(", "));
    }
    Ok(answer)
}

/// DELETE: a tag, or a manifest.
pub async fn delete(call: Call<'_>, reference: Reference) -> Outcome {
    call.registry.delete_manifest(&call.access, &reference).await?;
    Ok(respond::empty(StatusCode::ACCEPTED))
}

fn tags(query: &Query<'_>, reference: &Reference) -> Result<Vec<Tag>, Failure> {
    let mut tags = Vec::new();
    for tag in query.all("tag") {
        if matches!(reference, Reference::Tag(_)) {
            let message = "tag parameters go with a push by digest";
            return Err(Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message));
        }
        if tags.len() == TAG_PARAMETERS_MAX {
            let message = format!("at most {TAG_PARAMETERS_MAX} tags in one push");
            return Err(Failure::new(StatusCode::URI_TOO_LONG, ErrorCode::Unsupported, message));
        }
        let tag: Tag = tag.parse().map_err(|error: wharf_model::name::TagError| {
            Failure::new(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, error.to_string())
        })?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn content_type(header: Option<&str>) -> Result<Option<MediaType>, Failure> {
    let parse = |text: &str| {
        text.parse().map_err(|error: wharf_model::media::MediaTypeError| {
            Failure::new(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, error.to_string())
        })
    };
    header.filter(|text| !text.is_empty()).map(parse).transpose()
}

async fn read(body: &mut Body) -> Result<Bytes, Failure> {
    let too_large = || Failure::from(Error::ManifestInvalid(ManifestError::TooLarge));
    if body.length().is_some_and(|length| length > MANIFEST_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let all =
        body.collect(MANIFEST_BYTES_MAX).await.map_err(|error| Failure::from(Error::SenderGone(error.to_string())))?;
    all.map_err(|_| too_large())
}
