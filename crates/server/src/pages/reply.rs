//! How a page goes out: its headers, packed where the browser takes that.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::respond::{self, Answer};

/// What a page may do: be drawn with our own style sheet and script, ask us, and send forms to us. Nothing in it counts that stands
/// in the page itself, and nobody else puts it into a page of theirs.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Below this size, in bytes, packing saves nothing.
const PACKED_MIN: usize = 1 << 10;
/// How hard pages are packed: they are made for each request.
const LEVEL: u32 = 4;

/// A page of HTML.
pub fn html(status: StatusCode, html: String, asked: &HeaderMap) -> Answer {
    let is_packed = html.len() >= PACKED_MIN && takes_gzip(asked);
    let bytes = if is_packed { pack(html.as_bytes(), LEVEL) } else { html.into_bytes() };
    let mut answer = respond::bytes("text/html; charset=utf-8", bytes.into());
    *answer.status_mut() = status;
    if is_packed {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// Elsewhere, to be read.
pub fn see(path: &str) -> Answer {
    let mut answer = respond::empty(StatusCode::SEE_OTHER);
    respond::set(&mut answer, header::LOCATION, path);
    answer
}

/// Whether it is a page, and not what one is drawn with or what somebody saves.
pub fn is_page(answer: &Answer) -> bool {
    let content_type = answer.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// What every page says, a file of an artifact apart, which is more careful still.
pub fn guarded(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    let mut say = |name: HeaderName, text: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(text));
    };
    say(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::X_FRAME_OPTIONS, "DENY");
    // Where somebody was is nobody's business elsewhere; our own forms are told by it.
    say(header::REFERRER_POLICY, "same-origin");
    say(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    say(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    // What is shown depends on who asks, and may change at any time.
    say(header::CACHE_CONTROL, "private, no-cache");
    say(header::VARY, "Cookie, Authorization, Accept-Encoding");
    answer
}

/// Whether a browser takes gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut words = lines.flat_map(|line| line.split(','));
    words.any(|word| {
        let (name, weight) = word.split_once(';').unwrap_or((word, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// The same as gzip. What fails is left as it is nowhere: memory is all it needs.
pub fn pack(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(level));
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn packed_where_it_is_taken() {
        let check = |line: &str, expect: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(line).expect("a header"));
            assert_eq!(takes_gzip(&headers), expect, "{line}");
            let answer = html(StatusCode::OK, "x".repeat(PACKED_MIN), &headers);
            assert_eq!(answer.headers().contains_key(header::CONTENT_ENCODING), expect);
        };
        check("gzip, deflate, br", true);
        check("br, GZIP;q=0.5", true);
        check("gzip;q=0", false);
        check("br", false);
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn nothing_in_a_page_counts() {
        for word in ["unsafe-inline", "unsafe-eval", "data:", "http", "*"] {
            assert!(!CONTENT_SECURITY_POLICY.contains(word), "{word}");
        }
        let mut answer = see("/");
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        let answer = guarded(answer);
        assert_eq!(answer.headers()[header::CONTENT_SECURITY_POLICY], "sandbox", "more careful stays");
        assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
