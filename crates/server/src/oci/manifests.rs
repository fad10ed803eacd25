//! `/v2/<name>/manifests/<tag-or-digest>` (end-3, end-7, end-9).

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::json;
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
use crate::budget::Budget;
use crate::error::Failure;
use crate::extract::{self, Query};
use crate::respond;

/// What the manifests that are being pushed may take in memory, in bytes: at least sixteen at once, thousands of the usual
/// size. Who gets no room for this long is to come again.
static MEMORY: LazyLock<Budget> = LazyLock::new(|| Budget::new(64 << 20, Duration::from_secs(10)));

/// GET and HEAD. `Accept` is not read: a manifest is stored as it came, and there is nothing to choose from.
pub async fn get(call: Call<'_>, reference: Reference) -> Outcome {
    let row = call.registry.manifest(&call.access, &reference).await?;
    if let Some(answer) = respond::conditional(&call.parts.headers, &row.digest) {
        return Ok(answer);
    }
    if call.parts.method == http::Method::GET {
        call.registry.count_pull(&call.access, &reference);
    }
    let mut answer = respond::bytes(row.media_type.as_str(), row.bytes.clone());
    respond::set_digest(&mut answer, &row.digest);
    Ok(answer)
}

/// PUT, by tag, or by digest with any number of `tag` parameters.
pub async fn put(mut call: Call<'_>, reference: Reference) -> Outcome {
    let tags = tags(&Query::of(call.parts), &reference)?;
    let content_type = content_type(extract::header(call.parts, header::CONTENT_TYPE))?;
    let bytes = read(&mut call.body, &MEMORY).await?;
    let repository = call.access.repository().clone();
    let expected = respond::expected(&call.parts.headers);
    let push = Push { reference, tags, expected, content_type, bytes };
    let pushed = call.registry.put_manifest(&call.access, push).await?;
    let mut answer = respond::empty(StatusCode::CREATED);
    respond::set(&mut answer, header::LOCATION, Route::Manifest(repository, Reference::Digest(pushed.digest)));
    respond::set(&mut answer, respond::DOCKER_CONTENT_DIGEST, pushed.digest);
    if let Some(subject) = pushed.subject {
        respond::set(&mut answer, respond::OCI_SUBJECT, subject);
    }
    if let Some(warning) = pushed.warning {
        respond::warn(&mut answer, warning);
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
            let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
            return Err(failure.detail(json!({ "parameter": "tag" })));
        }
        if tags.len() == TAG_PARAMETERS_MAX {
            let message = format!("at most {TAG_PARAMETERS_MAX} tags in one push");
            let failure = Failure::new(StatusCode::URI_TOO_LONG, ErrorCode::Unsupported, message);
            return Err(failure.detail(json!({ "parameter": "tag", "max": TAG_PARAMETERS_MAX })));
        }
        let tag: Tag = tag.parse().map_err(|error: wharf_model::name::TagError| {
            let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, error.to_string());
            failure.detail(json!({ "parameter": "tag", "tag": tag }))
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
            let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, error.to_string());
            failure.detail(json!({ "header": "Content-Type" }))
        })
    };
    header.filter(|text| !text.is_empty()).map(parse).transpose()
}

/// A manifest has to be there as a whole to be read, so all that are pushed at once share a bound.
async fn read(body: &mut Body, budget: &Budget) -> Result<Bytes, Failure> {
    let too_large = || Failure::from(Error::ManifestInvalid(ManifestError::TooLarge));
    if body.length().is_some_and(|length| length > MANIFEST_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let mut all = budget.buffer();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Error::SenderGone(error.to_string()))?;
        if all.len() + chunk.len() > MANIFEST_BYTES_MAX {
            return Err(too_large());
        }
        all.push(&chunk).await?;
    }
    Ok(all.freeze())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn what_is_too_much_at_once_is_to_come_later() {
        let budget = Budget::new(10, Duration::ZERO);
        let first = read(&mut Body::full(Bytes::from_static(b"12345678")), &budget).await.expect("room");
        let refused =
            read(&mut Body::full(Bytes::from_static(b"abc")), &budget).await.expect_err("none left").response();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers().contains_key(header::RETRY_AFTER));
        drop(first);
        assert_eq!(read(&mut Body::full(Bytes::from_static(b"abc")), &budget).await.expect("room again"), "abc");
    }
}
