//! What a request to our API says, parsed, with errors that say which field is wrong.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::request::Parts;
use http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::json;
use utoipa::IntoParams;
use wharf_model::code::ErrorCode;
use wharf_model::limits::{API_PAGE_ENTRIES, API_PAGE_ENTRIES_MAX};
use wharf_model::name::ProjectName;
use wharf_registry::people::Part;

use crate::error::Failure;
use crate::extract::Query;

/// A JSON body. One that is none is 400; one whose fields are not as they must be is 422, with the field in `detail`.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !is_json(content_type.unwrap_or_default()) {
            let message = "the body is JSON: send it with Content-Type: application/json";
            return Err(invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection| invalid(rejection.status(), rejection.body_text()))?;
        parse(&bytes).map(Sent)
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // An array would be taken for the fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(invalid(StatusCode::UNPROCESSABLE_ENTITY, "the body is an object, and no array"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner();
        match reason.classify() {
            Category::Data => wrong(&path, &reason),
            _ => invalid(StatusCode::BAD_REQUEST, format!("the body is not JSON: {reason}")),
        }
    })?;
    let end = deserializer.end().map_err(|error| format!("the body is not JSON: {error}"));
    end.map_err(|message| invalid(StatusCode::BAD_REQUEST, message)).map(|()| parsed)
}

fn wrong(path: &str, reason: &serde_json::Error) -> Failure {
    // A field that is missing, or is one too many, is named by the reason.
    let message = if path == "." { reason.to_string() } else { format!("{path}: {reason}") };
    let failure = invalid(StatusCode::UNPROCESSABLE_ENTITY, message);
    failure.detail(json!({ "field": path, "reason": reason.to_string() }))
}

fn invalid(status: StatusCode, message: impl Into<String>) -> Failure {
    Failure::other(status, "BODY_INVALID", message)
}

/// A part of the path that stands for something, as [`named`] reads it, or several of them.
pub struct Segments<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let Path(segments) = path.map_err(|error| {
            let message = format!("{}: {}", parts.uri.path(), error.body_text());
            Failure::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, message)
        })?;
        Ok(Segments(segments))
    }
}

/// A text of the path or the query as what it names.
///
/// # Errors
/// 400: it is no such name.
pub fn named<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| {
        let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, format!("{text}: {error}"));
        failure.detail(json!({ "name": text }))
    })
}

/// Parameters of a query that a handler reads by itself.
pub struct Asked<T>(pub T);

/// What reads them.
pub trait FromQuery: Sized {
    /// What they say.
    ///
    /// # Errors
    /// 400: one of them is no such thing.
    fn read(query: &Query<'_>) -> Result<Self, Failure>;
}

impl<S: Send + Sync, T: FromQuery> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        T::read(&Query::of(parts)).map(Asked)
    }
}

/// A parameter that is not what it must be.
pub fn misasked(parameter: &str, message: impl Into<String>) -> Failure {
    let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
    failure.detail(json!({ "parameter": parameter }))
}

/// Of which project, where that is asked.
pub struct Of(pub Option<ProjectName>);

impl<S: Send + Sync> FromRequestParts<S> for Of {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Query::of(parts).get("project").map(|text| named(&text)).transpose().map(Of)
    }
}

/// Which part of a list is wanted.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// The most entries of the page: at least 1, and 100 where nothing is said. It may have fewer, and has 1,000 at most.
    #[param(minimum = 1)]
    n: Option<usize>,
    /// What `next` said on the page before, to the same actor in the same list; else it is 400.
    last: Option<String>,
}

impl Paging {
    fn parse(query: &Query<'_>) -> Result<Paging, Failure> {
        let unsupported = |message: String| Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
        let number =
            |text: &str| text.parse().ok().filter(|n| *n > 0 && text.bytes().all(|byte| byte.is_ascii_digit()));
        let n = match query.get("n") {
            None => None,
            Some(text) => Some(number(&text).ok_or_else(|| {
                let message =
                    format!("n is the most entries of a page: a whole number from 1 to {API_PAGE_ENTRIES_MAX}");
                unsupported(message).detail(json!({ "parameter": "n", "max": API_PAGE_ENTRIES_MAX }))
            })?),
        };
        let last = query.get("last").filter(|last| !last.is_empty()).map(|last| last.into_owned());
        if last.as_ref().is_some_and(|last| last.chars().any(char::is_control)) {
            let message = "last is what `next` said on the page before, which has no control characters".to_owned();
            return Err(unsupported(message).detail(json!({ "parameter": "last" })));
        }
        Ok(Paging { n, last })
    }

    /// The part of the list.
    pub fn part(self) -> Part {
        Part { limit: self.n.unwrap_or(API_PAGE_ENTRIES).min(API_PAGE_ENTRIES_MAX), after: self.last }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Paging::parse(&Query::of(parts))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::api::people::{GroupChange, NewUser};

    use super::*;

    fn failed<T: DeserializeOwned>(body: &str) -> Failure {
        parse::<T>(body.as_bytes()).err().expect("it is wrong")
    }

    #[test]
    fn bodies_say_which_field_is_wrong() {
        let check = |failure: Failure, status: u16, field: Option<&str>| {
            assert_eq!((failure.status.as_u16(), &*failure.entry.code), (status, "BODY_INVALID"), "{failure:?}");
            assert_eq!(failure.entry.detail["field"].as_str(), field, "{failure:?}");
        };
        check(failed::<GroupChange>(r#"{"members": ["kim", "No Name"]}"#), 422, Some("members[1]"));
        check(failed::<GroupChange>(r#"{"member": []}"#), 422, Some("member"));
        check(failed::<GroupChange>("[]"), 422, None);
        check(failed::<GroupChange>("7"), 422, Some("."));
        check(failed::<GroupChange>("{} x"), 400, None);
        check(failed::<GroupChange>("{"), 400, None);
        check(failed::<GroupChange>(""), 400, None);
        let failure = failed::<NewUser>(r#"{"password": "correct horse"}"#);
        assert!(failure.entry.message.contains("missing field `name`"), "{failure:?}");
        check(failure, 422, Some("."));
        let failure = failed::<NewUser>(r#"{"name": "kim", "password": 1234567890}"#);
        assert!(parse::<NewUser>(br#"{"name": "kim", "password": "correct horse"}"#).is_ok());
        check(failure, 422, Some("password"));
    }

    #[test]
    fn json_is_json() {
        assert!(is_json("application/json") && is_json("Application/JSON; charset=utf-8"));
        assert!(!is_json("text/plain") && !is_json("") && !is_json("application/jsonp"));
    }

    #[test]
    fn pages() {
        let check = |query: &str, expect: Option<(usize, Option<&str>)>| {
            let uri = format!("/api/v1/users?{query}");
            let (parts, ()) = http::Request::get(uri).body(()).expect("a request").into_parts();
            let part = match Paging::parse(&Query::of(&parts)) {
                Ok(paging) => Some(paging.part()),
                Err(failure) => {
                    assert_eq!(failure.status, StatusCode::BAD_REQUEST, "{query}");
                    None
                }
            };
            assert_eq!(part.as_ref().map(|part| (part.limit, part.after.as_deref())), expect, "{query}");
        };
        check("", Some((100, None)));
        check("n=7&last=kim", Some((7, Some("kim"))));
        check("n=1000000&last=", Some((1000, None)));
        for n in ["0", "-1", "+1", "", "ten", "99999999999999999999999"] {
            check(&format!("n={n}"), None);
        }
        check("last=%00", None);
    }
}
