//! `/token`: the token service of the Distribution API, by GET (Docker's token specification) and by POST (its OAuth 2
//! form). Who may get what is the identity's; this is the form of it.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use wharf_content::body::Body;
use wharf_model::limits::{SCOPES_MAX, TOKEN_BODY_BYTES_MAX};
use wharf_model::scope::Scope;
use wharf_registry::identity::Credential;
use wharf_registry::registry::Registry;

use crate::error::Failure;
use crate::extract;
use crate::oci::Outcome;
use crate::origin::Origin;
use crate::respond;

#[derive(Serialize)]
struct Token {
    token: String,
    access_token: String,
    expires_in: i64,
    issued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Answers a request for a token.
pub async fn answer(registry: &Registry, parts: &Parts, mut body: Body, origin: &Origin, from: IpAddr) -> Outcome {
    let authorization = extract::authorization(parts)?;
    let form = match parts.method {
        Method::GET | Method::HEAD => parts.uri.query().unwrap_or_default().to_owned(),
        Method::POST => read(&mut body).await?,
        _ => return Err(Failure::not_allowed(&[Method::GET, Method::HEAD, Method::POST])),
    };
    let form = Form::parse(&form);
    let offline = form.get("offline_token").is_some_and(|text| text == "true")
        || form.get("access_type").is_some_and(|text| text == "offline");
    let credential = if parts.method == Method::POST { form.credential()? } else { Credential::Header(authorization) };
    let policy = registry.settings().policy;
    let issued = match registry.identity().token(credential, &form.scopes(), offline, &policy, from).await {
        Ok(issued) => issued,
        Err(error) => return Ok(respond::challenged(crate::app::unauthenticated(error).response(), origin)),
    };
    let issued_at = Timestamp::from_millisecond(issued.issued_at).map(|at| at.to_string()).unwrap_or_default();
    let mut answer = respond::json(
        "application/json",
        &Token {
            access_token: issued.token.clone(),
            token: issued.token,
            expires_in: issued.expires_in,
            issued_at,
            refresh_token: issued.refresh_token,
        },
    );
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

async fn read(body: &mut Body) -> Result<String, Failure> {
    let invalid = |status, message: &str| Failure::other(status, "FORM_INVALID", message);
    let too_large = || invalid(StatusCode::PAYLOAD_TOO_LARGE, "the form is too large");
    if body.length().is_some_and(|length| length > TOKEN_BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let all = body.collect(TOKEN_BODY_BYTES_MAX).await;
    let all = all.map_err(|error| invalid(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let all = all.map_err(|_| too_large())?;
    String::from_utf8(all.into()).map_err(|_| invalid(StatusCode::BAD_REQUEST, "the form is not text"))
}

/// The fields of a form, or of a query.
struct Form(Vec<(String, String)>);

impl Form {
    fn parse(text: &str) -> Form {
        Form(form_urlencoded::parse(text.as_bytes()).take(4 * SCOPES_MAX).map(|(k, v)| (k.into(), v.into())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn scopes(&self) -> Vec<Scope> {
        let scopes = self.0.iter().filter(|(key, _)| key == "scope");
        scopes.flat_map(|(_, value)| Scope::parse_all(value)).take(SCOPES_MAX).collect()
    }

    fn credential(&self) -> Result<Credential<'_>, Failure> {
        let invalid = |message: &str| Failure::other(StatusCode::BAD_REQUEST, "FORM_INVALID", message);
        match self.get("grant_type") {
            Some("password") => Ok(Credential::Password {
                name: self.get("username").unwrap_or_default(),
                password: self.get("password").unwrap_or_default(),
            }),
            Some("refresh_token") => {
                Ok(Credential::Refresh(self.get("refresh_token").ok_or_else(|| invalid("refresh_token is missing"))?))
            }
            _ => Err(invalid("grant_type is password or refresh_token")),
        }
    }
}
