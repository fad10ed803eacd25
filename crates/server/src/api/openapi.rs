//! The API's description of itself, OpenAPI 3.1, collected from the handlers.

use axum::{Extension, Json};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use wharf_model::api::config::Config;
use wharf_model::code::{ErrorBody, ErrorEntry};
use wharf_model::limits::{HANDLE_BYTES_MAX, NAME_BYTES_MAX, TAG_BYTES_MAX};

/// The name of the one way to log in.
const LOGIN: &str = "login";

/// What parameters look like that name something, by what they are called: where, in which form, and how long at most.
const NAMES: [(&str, ParameterIn, &str, usize); 12] = [
    ("project", ParameterIn::Path, PROJECT, NAME_BYTES_MAX),
    ("project", ParameterIn::Query, PROJECT, NAME_BYTES_MAX),
    (
        "repository",
        ParameterIn::Path,
        "^[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(~[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$",
        NAME_BYTES_MAX,
    ),
    ("tag", ParameterIn::Path, "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", TAG_BYTES_MAX),
    (
        "reference",
        ParameterIn::Path,
        "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$",
        135,
    ),
    ("user", ParameterIn::Path, HANDLE, HANDLE_BYTES_MAX),
    ("group", ParameterIn::Path, HANDLE, HANDLE_BYTES_MAX),
    ("role", ParameterIn::Path, HANDLE, HANDLE_BYTES_MAX),
    ("robot", ParameterIn::Path, HANDLE, HANDLE_BYTES_MAX),
    ("binding", ParameterIn::Path, ID, 32),
    ("token", ParameterIn::Path, ID, 32),
    ("id", ParameterIn::Path, ID, 32),
];
const PROJECT: &str = "^[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*$";
const HANDLE: &str = "^[a-z0-9]([a-z0-9._@-]*[a-z0-9])?$";
const ID: &str = "^[0-9a-f]{32}$";

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
    operation.parameters.iter_mut().flatten().for_each(shaped);
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

/// Says what a parameter looks like that names something.
fn shaped(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    let known = NAMES.iter().find(|(name, place, ..)| *name == parameter.name && *place == parameter.parameter_in);
    if let Some((_, _, pattern, longest)) = known {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(*pattern));
        parameter.schema = Some(text.min_length(Some(1)).max_length(Some(*longest)).build().into());
    }
}

/// The JSON Schema (draft 2020-12) of the document of all that is configured, for editors and checks of such files.
pub fn config_schema(document: &OpenApi) -> Value {
    const PLACE: &str = "#/components/schemas/";
    let text = serde_json::to_string(&document.components).unwrap_or_default().replace(PLACE, "#/$defs/");
    let components: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut definitions = Map::new();
    let mut wanted = vec![Config::name().into_owned()];
    while let Some(name) = wanted.pop() {
        let Some(schema) = components["schemas"].get(&name).filter(|_| !definitions.contains_key(&name)) else {
            continue;
        };
        references(schema, &mut wanted);
        definitions.insert(name, schema.clone());
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What is configured in a Wharf registry, as `wharf apply` reads it",
        "$ref": format!("#/$defs/{}", Config::name()),
        "$defs": definitions,
    })
}

/// The names of what a schema refers to.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix("#/$defs/"));
            found.extend(name.map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}
