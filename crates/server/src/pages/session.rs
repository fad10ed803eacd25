//! Signing in and out, and the cookie by which a browser shows that it has.
//!
//! The cookie is for the pages alone: neither the Distribution API nor our own looks at it, so that no page from elsewhere can have
//! a browser do anything there. Forms are taken from our own pages only, told by what browsers say of where a request began.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use wharf_content::body::Body;
use wharf_model::limits::TOKEN_BODY_BYTES_MAX;
use wharf_registry::actor::Subject;
use wharf_registry::identity::{AuthError, Session};

use super::cookie::Cookie;
use super::shell::Shell;
use super::{Pages, Trouble, Visit, render, reply};
use crate::extract::{self, Query};
use crate::origin::Origin;
use crate::respond::Answer;

/// Longest session that is looked at, in bytes.
const SESSION_BYTES_MAX: usize = 4 << 10;
/// Longest path that is gone back to, in bytes.
const BACK_BYTES_MAX: usize = 2 << 10;
/// How many fields are read of what is sent to sign in.
const FIELDS_MAX: usize = 16;

const SESSION: Cookie = Cookie { bound: "__Host-wharf", plain: "wharf", same_site: "Lax" };

/// The session that a browser shows.
fn shown<'a>(headers: &'a HeaderMap, origin: &Origin) -> Option<&'a str> {
    SESSION.shown(headers, origin).filter(|value| value.len() <= SESSION_BYTES_MAX)
}

/// Who looks at a page: whoever the `Authorization` header says, else whose session it is; one that is over is nobody's.
///
/// # Errors
/// Nobody can be asked now.
pub async fn visitor(pages: &Pages, parts: &Parts, origin: &Origin) -> Result<Subject, Trouble> {
    let Some(session) = shown(&parts.headers, origin) else { return Ok(Subject::anonymous()) };
    match pages.registry.identity().signed_in(session).await {
        Ok(subject) => Ok(Subject { client: extract::client(parts), ..subject }),
        Err(AuthError::BadCredentials | AuthError::Expired | AuthError::Malformed) => Ok(Subject::anonymous()),
        Err(error) => Err(Trouble::from(error)),
    }
}

/// Has the browser keep the session, or forget the one that it has.
pub fn keep(answer: &mut Answer, origin: &Origin, session: Option<&Session>) {
    let (text, secs) = session.map_or(("", 0), |session| (session.text.as_str(), session.lives_secs));
    SESSION.set(answer, origin, text, secs);
}

/// Whether a form was sent by one of our pages. Browsers say so in one of two ways; who says neither is none.
pub fn is_ours(headers: &HeaderMap, origin: &Origin) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (text(header::HeaderName::from_static("sec-fetch-site")), text(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(from)) => from.split_once("://").is_some_and(|(_, host)| host.eq_ignore_ascii_case(origin.host())),
        (None, None) => false,
    }
}

/// Where to go after signing in: a path of ours, and nothing that a browser would take for another place.
pub fn back(text: Option<&str>) -> &str {
    let is_path = |text: &&str| {
        text.len() <= BACK_BYTES_MAX
            && text.starts_with('/')
            && !text.starts_with("//")
            && text.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'\\')
    };
    text.filter(is_path).unwrap_or("/")
}

/// The page that asks for name and password.
#[derive(askama::Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    shell: Shell,
    back: &'a str,
    name: &'a str,
    wrong: Option<&'static str>,
    is_first: bool,
}

/// `/-/sign-in`
pub async fn sign_in(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    if visit.parts.method != Method::POST {
        let query = Query::of(visit.parts);
        let next = query.get("next");
        let back = back(next.as_deref());
        if !visit.subject.actor.is_anonymous() {
            return Ok(reply::see(back));
        }
        return form(visit, StatusCode::OK, back, "", None);
    }
    let sent = read(visit, body, TOKEN_BODY_BYTES_MAX, FIELDS_MAX).await?;
    let field = |name: &str| sent.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (name, back) = (field("name").unwrap_or_default().trim(), back(field("next")));
    let identity = visit.pages.registry.identity();
    match identity.sign_in(name, field("password").unwrap_or_default(), visit.from).await {
        Ok(session) => {
            let mut answer = reply::see(back);
            keep(&mut answer, visit.origin, Some(&session));
            Ok(answer)
        }
        Err(AuthError::BadCredentials | AuthError::Malformed) => {
            let wrong = "That name and password do not go together. After several wrong ones, even the right one is refused for a while.";
            form(visit, StatusCode::UNAUTHORIZED, back, name, Some(wrong))
        }
        Err(AuthError::Expired) => form(
            visit,
            StatusCode::UNAUTHORIZED,
            back,
            name,
            Some("That token has expired. Sign in with the password, or another token."),
        ),
        Err(error) => Err(Trouble::from(error)),
    }
}

fn form(
    visit: &Visit<'_>,
    status: StatusCode,
    back: &str,
    name: &str,
    wrong: Option<&'static str>,
) -> Result<Answer, Trouble> {
    let mut shell = visit.shell("Sign in");
    shell.is_sign_in = true;
    let is_first = name.is_empty();
    render(visit, status, &SignIn { shell, back, name, wrong, is_first })
}

/// `/-/sign-out`
pub async fn sign_out(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    if visit.parts.method != Method::POST {
        return Ok(reply::see("/"));
    }
    read(visit, body, TOKEN_BODY_BYTES_MAX, FIELDS_MAX).await?;
    let mut answer = reply::see("/");
    keep(&mut answer, visit.origin, None);
    Ok(answer)
}

/// The fields of a form that one of our pages sent: so many at most, of so many bytes together.
///
/// # Errors
/// It came from elsewhere, or is none.
pub async fn read(
    visit: &Visit<'_>,
    body: &mut Body,
    bytes_max: usize,
    fields_max: usize,
) -> Result<Vec<(String, String)>, Trouble> {
    if !is_ours(&visit.parts.headers, visit.origin) {
        return Err(Trouble::Foreign);
    }
    let all = body.collect(bytes_max).await.ok().and_then(Result::ok).ok_or(Trouble::Form)?;
    Ok(form_urlencoded::parse(&all)
        .take(fields_max)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::origin::Peer;

    fn origin(url: &str) -> Origin {
        let (parts, ()) = http::Request::get("/").body(()).expect("a request").into_parts();
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), tls: false };
        Origin::of(&parts, &peer, Some(url), &[])
    }

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn cookies() {
        let (plain, secure) = (origin("http://localhost:5000"), origin("https://r.example"));
        let session = Session { text: "a.b.c".to_owned(), lives_secs: 60 };
        let kept = |origin: &Origin, session: Option<&Session>| {
            let mut answer = reply::see("/");
            keep(&mut answer, origin, session);
            answer.headers()[header::SET_COOKIE].to_str().expect("text").to_owned()
        };
        assert_eq!(
            kept(&secure, Some(&session)),
            "__Host-wharf=a.b.c; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(kept(&plain, None), "wharf=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let check = |line: &'static str, origin: &Origin, expect: Option<&str>| {
            assert_eq!(shown(&headers(&[("cookie", line)]), origin), expect, "{line}");
        };
        check("a=1; wharf=x.y; b=2", &plain, Some("x.y"));
        check("wharf=x.y", &secure, None);
        check("wharf=x; __Host-wharf=y", &secure, Some("y"));
        check("wharf=", &plain, None);
        check("nowharf=x", &plain, None);
        assert_eq!(shown(&HeaderMap::new(), &plain), None);
    }

    #[test]
    fn forms_are_ours() {
        let origin = origin("https://r.example:8443");
        let check = |all: &[(&'static str, &'static str)], expect| {
            assert_eq!(is_ours(&headers(all), &origin), expect, "{all:?}");
        };
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("origin", "https://r.example:8443")], true);
        check(&[("origin", "http://R.EXAMPLE:8443")], true);
        check(&[("origin", "https://r.example")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "https://evil.example")], false);
        check(&[("sec-fetch-site", "same-site"), ("origin", "https://r.example:8443")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("referer", "https://r.example:8443/")], false);
        check(&[], false);
    }

    #[test]
    fn the_way_back_is_ours() {
        let check = |text: &str, expect: &str| assert_eq!(back(Some(text)), expect, "{text}");
        check("/acme/app?x=1", "/acme/app?x=1");
        for elsewhere in [
            "",
            "acme",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a b",
            "/\t/x",
            "/\r\nSet-Cookie: x",
        ] {
            check(elsewhere, "/");
        }
        assert_eq!(back(None), "/");
        assert_eq!(back(Some(&format!("/{}", "x".repeat(BACK_BYTES_MAX)))), "/");
    }
}
