//! What a request says, besides its path: its parameters and its headers, parsed.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use wharf_model::code::ErrorCode;
use wharf_model::limits::{CLIENT_BYTES_MAX, PAGE_ENTRIES_MAX};
use wharf_model::page::Page;

use crate::error::Failure;

/// The parameters of a query.
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// Those of a request.
    pub fn of(parts: &'a Parts) -> Query<'a> {
        Query(parts.uri.query().unwrap_or_default())
    }

    /// The first parameter of that name.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        form_urlencoded::parse(self.0.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All parameters of that name, in order.
    pub fn all(&self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        form_urlencoded::parse(self.0.as_bytes()).filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// `n` and `last`.
    ///
    /// # Errors
    /// `n` is not a number, or `last` no text of a list.
    pub fn page(&self) -> Result<Page, Failure> {
        Page::parse(self.get("n").as_deref(), self.get("last").as_deref())
            .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, error.to_string()))
            .map_err(|failure| failure.detail(json!({ "parameters": ["n", "last"], "n_max": PAGE_ENTRIES_MAX })))
    }
}

/// The `Authorization` header.
///
/// # Errors
/// There are several: whoever stands before us may have looked at another one than we would.
pub fn authorization(parts: &Parts) -> Result<Option<&[u8]>, Failure> {
    let mut all = parts.headers.get_all(header::AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (one, None) => Ok(one.map(HeaderValue::as_bytes)),
        _ => {
            let message = "there is more than one Authorization header";
            Err(Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message))
        }
    }
}

/// What the client calls itself, where the request may change something: `User-Agent` without control characters, and no more
/// of it than [`CLIENT_BYTES_MAX`].
pub fn client(parts: &Parts) -> Option<Arc<str>> {
    if parts.method == Method::GET || parts.method == Method::HEAD {
        return None;
    }
    let agent = String::from_utf8_lossy(parts.headers.get(header::USER_AGENT)?.as_bytes());
    let mut text: String = agent.chars().filter(|character| !character.is_control()).collect();
    text.truncate(text.floor_char_boundary(CLIENT_BYTES_MAX));
    (!text.is_empty()).then(|| text.into())
}

/// A header as text; `None` where it is missing or not text.
pub fn header(parts: &Parts, name: HeaderName) -> Option<&str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn clients_are_remembered_where_they_write() {
        let check = |method: &str, agent: &[u8], expect: Option<&str>| {
            let agent = HeaderValue::from_bytes(agent).expect("a header");
            let request = http::Request::builder().method(method).header("User-Agent", agent).body(());
            let (parts, ()) = request.expect("a request").into_parts();
            assert_eq!(client(&parts).as_deref(), expect, "{method}");
        };
        check("PUT", b"skopeo/1.9", Some("skopeo/1.9"));
        check("GET", b"skopeo/1.9", None);
        check("HEAD", b"skopeo/1.9", None);
        check("DELETE", b"a\tb", Some("ab"));
        check("PUT", b"", None);
        check("PUT", &[b'x'; 500], Some(&"x".repeat(CLIENT_BYTES_MAX)));
        // Cut between characters.
        check("PUT", format!("x{}", "\u{e9}".repeat(200)).as_bytes(), Some(&format!("x{}", "\u{e9}".repeat(63))));
        let (parts, ()) = http::Request::builder().method("PUT").body(()).expect("a request").into_parts();
        assert_eq!(client(&parts), None);
    }
}
