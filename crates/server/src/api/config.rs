//! `/api/v1/config`: all that is configured, as one document.

use axum::extract::State;
use axum::{Extension, Json};
use http::request::Parts;
use utoipa::IntoParams;
use wharf_model::api::config::{Config, Plan};
use wharf_model::code::ErrorCode;
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::openapi::{Document, config_schema};
use super::request::Sent;
use crate::error::Failure;
use crate::extract::Query;

/// Where it is.
pub const PATH: &str = "/api/v1/config";

/// Exports all that is configured, without secrets. It takes all permissions in the whole system.
#[utoipa::path(get, path = "/api/v1/config", tag = "config", operation_id = "export_config",
    responses((status = 200, body = Config)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
) -> Result<Json<Config>, Failure> {
    Ok(Json(registry.export_config(&subject).await?))
}

/// Makes everything as the document says, all or nothing. What it does not name stays as it is; of a list that it has, what is
/// not on it goes. It takes all permissions in the whole system.
#[utoipa::path(post, path = "/api/v1/config", tag = "config", operation_id = "apply_config", params(Applying),
    request_body = Config, responses((status = 200, description = "What was changed", body = Plan)))]
pub async fn post(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    applying: Applying,
    Sent(config): Sent<Config>,
) -> Result<Json<Plan>, Failure> {
    Ok(Json(registry.apply_config(&subject, &config, applying.dry_run).await?))
}

/// The JSON Schema of the document.
#[utoipa::path(get, path = "/api/v1/config/schema", tag = "config", operation_id = "config_schema", security(()),
    responses((status = 200, description = "A JSON Schema", body = Object)))]
pub async fn schema(Extension(Document(document)): Extension<Document>) -> Json<serde_json::Value> {
    Json(config_schema(&document))
}

/// How a document is applied.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Applying {
    /// Whether nothing is changed, and only told what would be.
    #[param(required = false)]
    dry_run: bool,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Applying {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let dry_run = match Query::of(parts).get("dry_run").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            // Whoever means to look only must not change anything because of a slip.
            Some(other) => {
                let message = format!("dry_run is true or false, not {other:?}");
                return Err(Failure::new(http::StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message));
            }
        };
        Ok(Applying { dry_run })
    }
}
