//! What an error is on the wire: the only place where errors become statuses.

use http::{HeaderValue, Method, Response, StatusCode, header};
use wharf_model::code::{ErrorBody, ErrorCode, ErrorEntry};
use wharf_model::manifest::ManifestError;
use wharf_model::name::ReferenceError;
use wharf_model::route::RouteError;
use wharf_registry::error::Error;

use crate::body::ResponseBody;

/// An answer that is an error.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub entry: ErrorEntry,
    /// The methods that the endpoint does have, where that is the error.
    pub allow: Option<String>,
}

impl Failure {
    /// An error with a code of the spec.
    pub fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Failure {
        let code = serde_json::to_value(code).ok().and_then(|code| code.as_str().map(str::to_owned));
        Failure::other(status, &code.unwrap_or_default(), message)
    }

    /// An error for which the spec has no code.
    pub fn other(status: StatusCode, code: &str, message: impl Into<String>) -> Failure {
        let (code, message) = (code.to_owned(), message.into());
        Failure { status, entry: ErrorEntry { code, message, detail: serde_json::Value::Null }, allow: None }
    }

    /// What the request demanded is not so (RFC 9110 §15.5.13).
    pub fn unmet(message: impl Into<String>) -> Failure {
        Failure::other(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", message)
    }

    /// The endpoint is there, and has other methods: these.
    pub fn not_allowed(methods: &[Method]) -> Failure {
        let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let allow = methods.join(", ");
        let message = format!("this endpoint has the methods {allow}");
        let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, message);
        Failure { allow: Some(allow), ..failure }.detail(serde_json::json!({ "methods": methods }))
    }

    /// With something more for programs.
    pub fn detail(mut self, detail: serde_json::Value) -> Failure {
        self.entry.detail = detail;
        self
    }

    /// What was asked for, where that is what there is to say: login is needed, or it is not allowed.
    pub fn asked(self, asked: impl FnOnce() -> serde_json::Value) -> Failure {
        let is_about_rights = matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if is_about_rights && self.entry.detail.is_null() { self.detail(asked()) } else { self }
    }

    /// The answer.
    pub fn response(self) -> Response<ResponseBody> {
        let retry = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let body = serde_json::to_vec(&ErrorBody { errors: vec![self.entry] }).unwrap_or_default();
        let mut response = Response::new(ResponseBody::full(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(methods) = self.allow.and_then(|methods| HeaderValue::try_from(methods).ok()) {
            headers.insert(header::ALLOW, methods);
        }
        if retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = status(&error);
        if status.is_server_error() && !matches!(error, Error::NotReady(_) | Error::Indexing) {
            tracing::error!(%error, "a request failed");
        }
        let (detail, message) = (error.detail(), told(&error));
        let failure = match error.code() {
            Some(code) => Failure::new(status, code, message),
            None if status == StatusCode::PRECONDITION_FAILED => Failure::unmet(message),
            None if matches!(error, Error::NotReady(_) | Error::Indexing) => {
                Failure::other(status, "NOT_READY", message)
            }
            None => Failure::other(status, own_code(status), message),
        };
        failure.detail(detail)
    }
}

/// The code of an error for which the spec has none.
fn own_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::CONFLICT => "CONFLICT",
        StatusCode::UNPROCESSABLE_ENTITY => "BODY_INVALID",
        _ => "UNKNOWN",
    }
}

/// What a stranger may know of an error. What failed inside, with its paths and addresses, is for the log.
fn told(error: &Error) -> String {
    match error {
        Error::Unavailable(_) => "the registry is not available; try again in a moment".to_owned(),
        Error::Internal(_) => "the registry failed; its log says more, under this answer's X-Request-Id".to_owned(),
        other => other.to_string(),
    }
}

/// The status of an error.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::NameUnknown(_)
        | Error::ManifestUnknown(_)
        | Error::BlobUnknown(_)
        | Error::ProjectUnknown(_)
        | Error::NotThere { .. }
        | Error::UploadUnknown => StatusCode::NOT_FOUND,
        Error::UploadBusy | Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Field { .. } | Error::Config(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::RangeInvalid { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
        Error::ManifestInvalid(ManifestError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::UploadInvalid(_)
        | Error::SenderGone(_)
        | Error::DigestMalformed(_)
        | Error::DigestMismatch { .. }
        | Error::ManifestInvalid(_)
        | Error::ManifestBlobUnknown(_)
        | Error::SizeInvalid(_)
        | Error::Query(_)
        | Error::Unsupported(_) => StatusCode::BAD_REQUEST,
        Error::TagMoved(..) => StatusCode::PRECONDITION_FAILED,
        Error::Unauthorized => StatusCode::UNAUTHORIZED,
        Error::Denied
        | Error::Forbidden(_)
        | Error::Quota { .. }
        | Error::Immutable(_)
        | Error::ArtifactType { .. }
        | Error::Beyond { .. }
        | Error::Above(_)
        | Error::PasswordWrong
        | Error::PasswordNeeded(_) => StatusCode::FORBIDDEN,
        Error::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Error::Full => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable(_) | Error::NotReady(_) | Error::Indexing => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Failure {
    /// A path that is no route. What is asked for by something that cannot be a tag is not there; what is pushed by it is
    /// refused.
    pub fn misrouted(error: RouteError, method: &Method, path: &str) -> Failure {
        let (message, detail) = (error.to_string(), serde_json::json!({ "path": path }));
        let (status, code) = match error {
            RouteError::Unknown => (StatusCode::NOT_FOUND, ErrorCode::Unsupported),
            RouteError::Name(_) => (StatusCode::BAD_REQUEST, ErrorCode::NameInvalid),
            RouteError::Digest(_) | RouteError::Reference(ReferenceError::Digest(_)) => {
                (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid)
            }
            RouteError::Reference(ReferenceError::Tag(_)) if method == Method::PUT => {
                (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid)
            }
            RouteError::Reference(ReferenceError::Tag(_)) => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
        };
        Failure::new(status, code, message).detail(detail)
    }
}

#[cfg(test)]
mod tests {
    use wharf_registry::identity::AuthError;

    use super::*;
    use crate::app::unauthenticated;

    #[test]
    fn strangers_do_not_learn_what_failed_inside() {
        let check = |failure: Failure, status: u16| {
            assert_eq!((failure.status.as_u16(), &*failure.entry.code), (status, "UNKNOWN"));
            assert!(!failure.entry.message.contains("secret"), "{}", failure.entry.message);
            assert!(failure.entry.detail.is_null());
        };
        let secret = || "opening /srv/secret: refused by secret.internal:5432".to_owned();
        check(Error::Unavailable(secret()).into(), 503);
        check(Error::Internal(secret()).into(), 500);
        check(unauthenticated(AuthError::Failed(secret())), 500);
    }
}
