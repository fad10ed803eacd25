//! Wharf's own API, `/api/v1`.

pub mod projects;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use http::StatusCode;
use wharf_model::limits::API_BODY_BYTES_MAX;
use wharf_registry::registry::Registry;

use crate::error::Failure;

/// All routes of the API. Who asks comes as an extension of the request, a `Subject`.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/api/v1/projects/{name}", axum::routing::get(projects::get).put(projects::put))
        .fallback(async || Failure::other(StatusCode::NOT_FOUND, "NOT_FOUND", "no such endpoint"))
        .method_not_allowed_fallback(async || {
            Failure::other(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "the endpoint has no such method")
        })
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .with_state(registry)
}

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        self.response().map(axum::body::Body::new)
    }
}
