//! Cookies that the pages keep: only we read them, on all of our paths. Where they travel in secret they are bound to this host by their
//! names, and are never sent otherwise.

use http::{HeaderMap, HeaderValue, header};

use crate::origin::Origin;
use crate::respond::Answer;

/// A cookie: what it is called where it is bound, and what otherwise; and whether a browser shows it when it comes from elsewhere.
pub struct Cookie {
    /// With `__Host-` before the other (RFC 6265bis, section 4.1.3.2).
    pub bound: &'static str,
    /// Where there is no TLS.
    pub plain: &'static str,
    /// `Lax` or `Strict`.
    pub same_site: &'static str,
}

impl Cookie {
    fn name(&self, origin: &Origin) -> &'static str {
        if origin.is_secure() { self.bound } else { self.plain }
    }

    /// What a browser shows, if it says something.
    pub fn shown<'a>(&self, headers: &'a HeaderMap, origin: &Origin) -> Option<&'a str> {
        let name = self.name(origin);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.find(|(key, _)| *key == name).map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// The header that has a browser keep it for so many seconds, or forget it where these are none; `None` where the text is none for a header.
    fn header(&self, origin: &Origin, text: &str, secs: i64) -> Option<HeaderValue> {
        let (name, secure) = (self.name(origin), if origin.is_secure() { "; Secure" } else { "" });
        let same_site = self.same_site;
        let cookie = format!("{name}={text}; Path=/; Max-Age={secs}; HttpOnly; SameSite={same_site}{secure}");
        HeaderValue::try_from(cookie).ok()
    }

    /// Puts that header there.
    pub fn set(&self, answer: &mut Answer, origin: &Origin, text: &str, secs: i64) {
        if let Some(cookie) = self.header(origin, text, secs) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}
