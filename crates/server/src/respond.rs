//! Answers of the Distribution API: the headers that it asks for, in one place.

use std::fmt::{Display, Write as _};

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Body as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use wharf_model::digest::Digest;
use wharf_registry::push::{Digests, Expected};

use crate::body::ResponseBody;
use crate::error::Failure;
use crate::origin::Origin;

/// `Docker-Content-Digest`: the digest of what is answered.
pub const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// `Docker-Upload-UUID`: names an upload session.
pub const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// `OCI-Subject`: the subject of the manifest that was pushed was understood.
pub const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// `OCI-Tag`: a tag that was made.
pub const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// `OCI-Filters-Applied`: how a list of referrers was filtered.
pub const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// An answer of the Distribution API.
pub type Answer = Response<ResponseBody>;

/// An answer without a body.
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(ResponseBody::empty());
    *answer.status_mut() = status;
    answer
}

/// An answer with bytes that are there.
pub fn bytes(content_type: &str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(ResponseBody::full(bytes));
    set(&mut answer, header::CONTENT_TYPE, content_type);
    answer
}

/// An answer with JSON.
pub fn json(content_type: &str, value: &impl Serialize) -> Answer {
    bytes(content_type, serde_json::to_vec(value).unwrap_or_default().into())
}

/// What HEAD is answered with where GET is answered with this: the same head, with the length of the body that stays away.
/// Nothing below does that on HTTP/2.
pub fn head_of(answer: Answer) -> Answer {
    let (mut parts, body) = answer.into_parts();
    let has_length = parts.status != StatusCode::NO_CONTENT && parts.status != StatusCode::NOT_MODIFIED;
    if has_length && let Some(length) = body.size_hint().exact() {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    Response::from_parts(parts, ResponseBody::empty())
}

/// Sets a header. What cannot stand in one is left out: all that comes here was parsed by a grammar without such bytes.
pub fn set(answer: &mut Answer, name: HeaderName, value: impl Display) {
    let mut text = String::with_capacity(96);
    let _ = write!(text, "{value}");
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
        answer.headers_mut().insert(name, value);
    }
}

/// Says which content the answer is, for caches and for who verifies.
pub fn set_digest(answer: &mut Answer, digest: &Digest) {
    set(answer, DOCKER_CONTENT_DIGEST, digest);
    set(answer, header::ETAG, format_args!("\"{digest}\""));
}

/// Warns whoever reads what their client shows them (Distribution spec, "Warnings": `299`, no agent, no date). `text` is
/// made of what can stand in a quoted string as it is, and far below the 4,096 bytes that all warnings may have.
pub fn warn(answer: &mut Answer, text: impl Display) {
    set(answer, header::WARNING, format_args!("299 - \"{text}\""));
}

/// Asks for a name and a password.
pub fn challenge(answer: &mut Answer, origin: &Origin) {
    set(answer, header::WWW_AUTHENTICATE, format_args!("Basic realm=\"{origin}\""));
}

/// The answer, and where it is that a login is needed, how to log in: outside of the Distribution API always by name and
/// password.
pub fn challenged(mut answer: Answer, origin: &Origin) -> Answer {
    if answer.status() == StatusCode::UNAUTHORIZED {
        challenge(&mut answer, origin);
    }
    answer
}

/// Points to the next page (RFC 5988): the same path, with these parameters.
pub fn set_next(answer: &mut Answer, path: impl Display, parameters: &[(&str, &str)]) {
    let mut target = path.to_string();
    for (at, (key, value)) in parameters.iter().enumerate() {
        let between = if at == 0 { '?' } else { '&' };
        let _ = write!(target, "{between}{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    set(answer, header::LINK, format_args!("<{target}>; rel=\"next\""));
}

/// What the conditions of a request for this content (RFC 9110 §13.2.2) make of it: `None` where it is answered as if there
/// were none, else 412, or 304 with what tells which content it is.
pub fn conditional(headers: &HeaderMap, digest: &Digest) -> Option<Answer> {
    let Expected { among, not_among } = expected(headers);
    if among.is_some_and(|among| !among.has(digest)) {
        let failure = Failure::unmet("the content is another");
        return Some(failure.detail(serde_json::json!({ "digest": digest })).response());
    }
    if not_among.is_some_and(|not_among| not_among.has(digest)) {
        let mut answer = empty(StatusCode::NOT_MODIFIED);
        set_digest(&mut answer, digest);
        return Some(answer);
    }
    None
}

/// What a request says by `If-Match` and `If-None-Match`.
pub fn expected(headers: &HeaderMap) -> Expected {
    Expected {
        among: entity_tags(headers, header::IF_MATCH, Strength::Strong),
        not_among: entity_tags(headers, header::IF_NONE_MATCH, Strength::Weak),
    }
}

/// Whether a range may be answered with a part (`If-Range`, RFC 9110 §13.1.5): content never changes under its digest, so
/// only another entity tag, a weak one or a date speaks against it.
pub fn may_be_part(headers: &HeaderMap, digest: &Digest) -> bool {
    entity_tags(headers, header::IF_RANGE, Strength::Strong).is_none_or(|tags| tags.has(digest))
}

/// How entity tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

/// The content that the entity tags in all lines of a field name; `None` where there is no such field. Tags that are not
/// ours name nothing here.
fn entity_tags(headers: &HeaderMap, field: HeaderName, strength: Strength) -> Option<Digests> {
    let mut digests = Vec::new();
    let mut lines = headers.get_all(field).iter().peekable();
    lines.peek()?;
    for tag in lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim) {
        match tag.strip_prefix("W/") {
            None if tag == "*" => return Some(Digests::Any),
            Some(_) if strength == Strength::Strong => {}
            weak => digests.extend(weak.unwrap_or(tag).trim_matches('"').parse::<Digest>()),
        }
    }
    Some(Digests::These(digests))
}
