//! What a page says once of what has just been done: it travels in a cookie of its own, which only we set, and is forgotten when it
//! is shown.

use http::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use wharf_model::api::facts::Line;

use super::cookie::Cookie;
use crate::origin::Origin;
use crate::respond::Answer;

/// Longest text that is said, in bytes.
const TOLD_BYTES_MAX: usize = 400;
/// How long it waits to be shown, in seconds.
const WAITS_SECS: i64 = 60;

const TOLD: Cookie = Cookie { bound: "__Host-wharf-told", plain: "wharf-told", same_site: "Strict" };

/// What is to be said.
pub fn shown(headers: &HeaderMap, origin: &Origin) -> Option<String> {
    let value = TOLD.shown(headers, origin).filter(|value| value.len() <= 3 * TOLD_BYTES_MAX)?;
    let text = percent_decode_str(value).decode_utf8().ok()?;
    Line::some(&text).map(|line| line.as_str().to_owned())
}

/// Has it said on the page that is looked at next; nothing, once it was.
pub fn say(answer: &mut Answer, origin: &Origin, text: Option<&str>) {
    let (text, secs) = text.map_or(("", 0), |text| (text, WAITS_SECS));
    let text = utf8_percent_encode(&text[..text.floor_char_boundary(TOLD_BYTES_MAX)], NON_ALPHANUMERIC).to_string();
    TOLD.set(answer, origin, &text, secs);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use http::{HeaderValue, StatusCode, header};

    use super::*;
    use crate::origin::Peer;
    use crate::respond;

    #[test]
    fn it_comes_as_it_went() {
        let (parts, ()) = http::Request::get("/").body(()).expect("a request").into_parts();
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), tls: false };
        for (url, begin, end) in [
            ("http://localhost:5000", "wharf-told=", "SameSite=Strict"),
            ("https://r.example", "__Host-wharf-told=", "SameSite=Strict; Secure"),
        ] {
            let origin = Origin::of(&parts, &peer, Some(url), &[]);
            let check = |text: &str, expect: Option<&str>| {
                let mut answer = respond::empty(StatusCode::SEE_OTHER);
                say(&mut answer, &origin, Some(text));
                let cookie = answer.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
                assert!(cookie.starts_with(begin) && cookie.ends_with(end), "{cookie}");
                let mut headers = HeaderMap::new();
                let pair = cookie.split(';').next().unwrap_or_default();
                headers.insert(header::COOKIE, HeaderValue::try_from(pair).expect("a header"));
                assert_eq!(shown(&headers, &origin).as_deref(), expect, "{text}");
            };
            check("Added “kim”; ok?\r\nSet-Cookie: x", Some("Added “kim”; ok?  Set-Cookie: x"));
            check("turned\u{202e}", Some("turned"));
            check("", None);
            check(&"é".repeat(500), Some(&"é".repeat(200)));
        }
    }
}
