//! Wharf's own API, `/api/v1`.

pub mod access;
pub mod artifacts;
pub mod bindings;
pub mod conditional;
pub mod config;
pub mod diff;
pub mod events;
pub mod files;
pub mod front;
pub mod groups;
pub mod kinds;
pub mod links;
pub mod me;
pub mod openapi;
pub mod projects;
pub mod repositories;
pub mod request;
pub mod robots;
pub mod roles;
pub mod search;
pub mod trash;
pub mod users;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum::{Extension, Router, middleware};
use http::StatusCode;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;
use wharf_artifact::kind::folder::InForce;
use wharf_model::limits::{API_BODY_BYTES_MAX, CONFIG_BODY_BYTES_MAX};
use wharf_registry::registry::Registry;

use crate::error::Failure;
use openapi::Document;

/// All routes of the API, with the document that describes them. What is not here is not served.
fn routes() -> OpenApiRouter<Registry> {
    OpenApiRouter::with_openapi(openapi::outline())
        .routes(routes!(openapi::get))
        .routes(routes!(me::get))
        .routes(routes!(access::get))
        .routes(routes!(me::list_projects))
        .routes(routes!(projects::get, projects::put, trash::delete_project))
        .routes(routes!(repositories::list))
        .routes(routes!(repositories::get, trash::delete_repository))
        .routes(routes!(front::get, front::put))
        .routes(routes!(front::catalogue))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::get))
        .routes(routes!(artifacts::list_attached))
        .routes(routes!(artifacts::list_tags))
        .routes(routes!(artifacts::get_tag))
        .routes(routes!(repositories::history))
        .routes(routes!(repositories::restore))
        .routes(routes!(events::list))
        .routes(routes!(events::list_in_project))
        .routes(routes!(events::list_in_repository))
        .routes(routes!(search::get))
        .routes(routes!(files::list))
        .routes(routes!(files::get))
        .routes(routes!(diff::get))
        .routes(routes!(files::archive))
        .routes(routes!(links::post))
        .routes(routes!(trash::list))
        .routes(routes!(trash::purge))
        .routes(routes!(trash::restore))
        .routes(routes!(bindings::list, bindings::post))
        .routes(routes!(bindings::delete))
        .routes(routes!(bindings::list_in_project, bindings::post_in_project))
        .routes(routes!(bindings::delete_in_project))
        .routes(routes!(roles::list))
        .routes(routes!(roles::get, roles::put, roles::delete))
        .routes(routes!(users::list, users::post))
        .routes(routes!(users::get, users::put, users::delete))
        .routes(routes!(users::put_password))
        .routes(routes!(users::delete_sessions))
        .routes(routes!(users::list_tokens, users::post_token))
        .routes(routes!(users::delete_token))
        .routes(routes!(config::get, config::post).layer(DefaultBodyLimit::max(CONFIG_BODY_BYTES_MAX)))
        .routes(routes!(config::schema))
        .routes(routes!(kinds::list))
        .routes(routes!(kinds::get))
        .routes(routes!(groups::list))
        .routes(routes!(groups::get, groups::put, groups::delete))
        .routes(routes!(robots::list, robots::post))
        .routes(routes!(robots::get, robots::put, robots::delete))
        .routes(routes!(robots::rotate))
        .routes(routes!(robots::list_in_project, robots::post_in_project))
        .routes(routes!(robots::get_in_project, robots::put_in_project, robots::delete_in_project))
        .routes(routes!(robots::rotate_in_project))
}

/// The API's description of itself, as `docs/openapi.json` has it and the server serves it.
pub fn document() -> OpenApi {
    openapi::finish(routes().into_openapi())
}

/// The JSON Schema of what `wharf apply` reads, as `docs/config.schema.json` has it and the server serves it.
pub fn config_schema() -> serde_json::Value {
    openapi::config_schema(&document())
}

/// How large a body may be there, in bytes.
pub fn body_bytes_max(path: &str) -> usize {
    if path == config::PATH { CONFIG_BODY_BYTES_MAX } else { API_BODY_BYTES_MAX }
}

/// The API. Who asks comes as an extension of the request, a `Subject`.
pub fn router(registry: Registry, kinds: Arc<InForce>) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = Document(openapi::finish(document).into());
    router
        .fallback(async || Failure::other(StatusCode::NOT_FOUND, "NOT_FOUND", "no such endpoint"))
        .method_not_allowed_fallback(async || {
            Failure::other(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "the endpoint has no such method")
        })
        .layer(middleware::from_fn(conditional::answer))
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .layer(Extension(document))
        .layer(Extension(kinds))
        .with_state(registry)
}

/// An answer of ours that says no more than that a name or a body is none.
#[derive(Clone, Copy, Debug)]
pub struct Misnamed;

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        let is_misnamed = matches!(&*self.entry.code, "NAME_INVALID" | "BODY_INVALID");
        let mut response = self.response().map(axum::body::Body::new);
        if is_misnamed {
            response.extensions_mut().insert(Misnamed);
        }
        response
    }
}
