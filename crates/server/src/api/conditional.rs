//! Conditional requests: whoever has an answer already is told whether it is still that one, and not given it again.
//!
//! What an answer is called is made of its bytes, so it needs nothing of the ledger, and is right for whatever they depend on: who
//! asks, the names of others, the kinds in force. It saves the way, not the work.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use wharf_model::digest::{Algorithm, Digest};
use wharf_registry::error::Error;

use crate::error::Failure;
use crate::respond;

/// Largest answer that is given a name, in bytes: documents are, files are not.
const BYTES_MAX: u64 = 16 << 20;

/// Names what is read, and answers 304 where whoever asks has it, 412 where they have demanded another.
pub async fn answer(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers().clone();
    let response = next.run(request).await;
    let is_document = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let is_small = response.body().size_hint().upper().is_some_and(|most| most <= BYTES_MAX);
    if !is_read || response.status() != StatusCode::OK || !is_document || !is_small {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, BYTES_MAX as usize).await else {
        return Failure::from(Error::Internal("an answer could not be read again".to_owned())).into_response();
    };
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    if let Some(answer) = respond::conditional(&headers, &digest) {
        return answer.map(Body::new);
    }
    if let Ok(tag) = HeaderValue::try_from(format!("\"{digest}\"")) {
        parts.headers.insert(header::ETAG, tag);
    }
    Response::from_parts(parts, Body::from(bytes))
}
