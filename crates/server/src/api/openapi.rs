//! The API's description of itself, OpenAPI 3.1, collected from the handlers.

use axum::{Extension, Json};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};
use wharf_model::code::{ErrorBody, ErrorEntry};

/// The name of the one way to log in.
const LOGIN: &str = "login";

/// The document, served as it is.
#[derive(Clone)]
pub struct Document(pub std::sync::Arc<OpenApi>);

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "api", operation_id = "openapi", security(()),
    responses((status = 200, description = "An OpenAPI document", body = Object)))]
pub async fn get(Extension(document): Extension<Document>) -> Json<OpenApi> {
    Json(OpenApi::clone(&document.0))
}

/// The document without any routes.
pub fn outline() -> OpenApi {
    let about = "Wharf's own API. Log in with name and password, or with a token in place of the password. Lists come in \
                 pages: ask for the next one with `?last=` and what `next` said. Unknown fields are refused. Fields are never \
                 renamed or taken away within v1, and new ones may come in answers.";
    let info = InfoBuilder::new().title("Wharf").version("1").description(Some(about));
    let login = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
    let components = ComponentsBuilder::new()
        .security_scheme(LOGIN, login)
        .schema(ErrorBody::name(), ErrorBody::schema())
        .schema(ErrorEntry::name(), ErrorEntry::schema());
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build()
}

/// Says of every operation what all have in common: how to log in, and what errors look like.
pub fn finish(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete);
    }
    document
}

fn complete(operation: &mut Operation) {
    let none: [&str; 0] = [];
    operation.security.get_or_insert_with(|| vec![SecurityRequirement::new(LOGIN, none)]);
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = if status == "201" { "What was made" } else { "The answer" }.to_owned();
        }
    }
    let content = Content::builder().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    let error = ResponseBuilder::new().description("What went wrong").content("application/json", content);
    operation.responses.responses.entry("default".to_owned()).or_insert_with(|| error.build().into());
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}
