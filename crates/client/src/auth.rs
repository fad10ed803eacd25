//! From a registry's challenge to what answers it: Basic (RFC 7617), or a token of its token service (Distribution's token
//! authentication specification, and its OAuth 2 form for identity tokens).
//!
//! A login goes to the origin that it belongs to, and to the token service which that origin names; to the latter only where
//! the way there is not worse protected than the way to the registry. No redirect is followed.

mod session;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;

pub(crate) use session::Session;

use crate::credentials::{Login, Secret};
use crate::error::Error;
use crate::http::{Answer, Call, Http};
use crate::origin::{Origin, is_loopback};

/// Most challenges that are looked at, and most parameters of one.
const CHALLENGES_MAX: usize = 16;
/// What we call ourselves to token services that ask.
const CLIENT_ID: &str = "wharf";
/// How long a token counts where nothing is said of it, as the specification has it.
const TOKEN_LIFE: Duration = Duration::from_secs(60);
/// Longest that a token is kept, whatever is said of it.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(3600);

/// How a registry wants to be answered (RFC 9110 §11.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Name and password, with the request.
    Basic,
    /// A token of the service at `realm`.
    Bearer {
        /// The URL of the token service.
        realm: String,
        /// What the registry is called there.
        service: Option<String>,
        /// What the token must be for.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenges in the value of a `WWW-Authenticate` header, as far as they are understood; at most 16.
    pub fn parse(value: &str) -> Vec<Challenge> {
        let mut found = Vec::new();
        let mut rest = value.trim_start();
        while !rest.is_empty() && found.len() < CHALLENGES_MAX {
            let (scheme, after) = split_token(rest);
            let (parameters, after) = parameters(after);
            if scheme.is_empty() && parameters.is_empty() && after.len() == rest.len() {
                break;
            }
            let get = |name: &str| {
                let same = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
                parameters.iter().find(same).map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("basic") {
                found.push(Challenge::Basic);
            } else if let Some(realm) = get("realm").filter(|_| scheme.eq_ignore_ascii_case("bearer")) {
                found.push(Challenge::Bearer { realm, service: get("service"), scope: get("scope") });
            }
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        found
    }

    /// The one of an answer that is taken: Bearer before Basic, as Docker does.
    fn of(headers: &HeaderMap) -> Option<Challenge> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let mut all: Vec<_> = values.take(CHALLENGES_MAX).flat_map(Challenge::parse).collect();
        let bearer = all.iter().position(|challenge| matches!(challenge, Challenge::Bearer { .. })).unwrap_or(0);
        (!all.is_empty()).then(|| all.swap_remove(bearer))
    }
}

fn split_token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// `name=value` or `name="value"`, separated by commas, up to the next scheme; and what comes then.
fn parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t']);
    while found.len() < CHALLENGES_MAX {
        let (name, after) = split_token(rest.trim_start_matches([' ', '\t', ',']));
        let Some(after) = after.trim_start_matches([' ', '\t']).strip_prefix('=') else { break };
        let after = after.trim_start_matches([' ', '\t']);
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted),
            None => {
                let (value, after) = split_token(after);
                (value.to_owned(), after)
            }
        };
        if name.is_empty() {
            break;
        }
        found.push((name.to_owned(), value));
        rest = after;
    }
    (found, rest)
}

/// What stands between the quotes, without backslashes, and what comes after the second.
fn quoted_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// The header for a name with its password.
pub(crate) fn basic(user: &str, password: &Secret) -> HeaderValue {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal()))))
}

/// Marked, so that it is in nobody's log. What cannot stand in a header is sent as nothing.
fn sensitive(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Whether the registry lets this login in: asks for `/v2/` as it wants to be asked.
///
/// # Errors
/// [`Error::Unauthorized`] where it does not; else why that cannot be told.
pub async fn check(http: &Http, origin: &Origin, login: &Login) -> Result<(), Error> {
    let mut call = Call::new(Method::GET, origin.at("/v2/"));
    let answer = http.send(&call).await?;
    let answer = match answer.status {
        StatusCode::UNAUTHORIZED => {
            call.headers.insert(AUTHORIZATION, answer_to(http, origin, &answer, login).await?);
            call.is_patient = false;
            http.send(&call).await?
        }
        // Who asks without login is let in: then the login must not be wrong, where that can be asked.
        StatusCode::OK => match login {
            Login::Password { user, password } => {
                call.headers.insert(AUTHORIZATION, basic(user, password));
                call.is_patient = false;
                http.send(&call).await?
            }
            _ => answer,
        },
        _ => answer,
    };
    if answer.status.is_success() {
        return Ok(());
    }
    Err(Error::of(origin, answer.status.as_u16(), &answer.body, true))
}

/// The `Authorization` that answers what the registry asked for by `refusal`.
async fn answer_to(http: &Http, origin: &Origin, refusal: &Answer, login: &Login) -> Result<HeaderValue, Error> {
    match (Challenge::of(&refusal.headers), login) {
        (_, Login::Registry(token)) => Ok(sensitive(&format!("Bearer {}", token.reveal()))),
        (Some(Challenge::Bearer { realm, service, scope }), _) => {
            let realm = realm_of(origin, &realm)?;
            let scopes: Vec<String> = scope.into_iter().collect();
            let question = Question { service: service.as_deref(), scopes: &scopes };
            Ok(token(http, origin, realm, &question, Some(login)).await?.header)
        }
        (Some(Challenge::Basic), Login::Password { user, password }) => Ok(basic(user, password)),
        _ => {
            let call = Call::new(Method::GET, origin.at("/v2/"));
            let why = "asks for a login in a way that is not known here".to_owned();
            Err(Error::Strange { asked: call.asked(), why })
        }
    }
}

/// The URL of a token service, where a login may go there.
fn realm_of(origin: &Origin, realm: &str) -> Result<Url, Error> {
    let refused = |why| {
        let realm = realm.chars().filter(|c| !c.is_control()).take(300).collect();
        Error::Realm { server: origin.name().to_owned(), realm, why }
    };
    let url = Url::parse(realm).map_err(|_| refused("which is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("which has a name in it"));
    }
    let same = || Origin::of(&url).is_some_and(|service| service.name() == origin.name());
    match url.scheme() {
        "https" => Ok(url),
        "http" if !origin.is_tls() && (same() || is_loopback(&url)) => Ok(url),
        "http" => Err(refused("which is in the clear")),
        _ => Err(refused("which is not http")),
    }
}

/// What a token is asked for.
struct Question<'a> {
    service: Option<&'a str>,
    scopes: &'a [String],
}

/// A token as it is sent, and how long it counts from when it was asked for.
#[derive(Clone)]
struct Token {
    header: HeaderValue,
    life: Duration,
}

#[derive(Deserialize)]
struct Issued {
    #[serde(default)]
    token: Option<Secret>,
    #[serde(default)]
    access_token: Option<Secret>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Issued {
    fn token(self) -> Option<Token> {
        let life = self.expires_in.map_or(TOKEN_LIFE, Duration::from_secs).min(TOKEN_LIFE_MAX);
        let token = self.token.or(self.access_token).filter(|token| !token.is_empty())?;
        Some(Token { header: sensitive(&format!("Bearer {}", token.reveal())), life })
    }
}

/// A token of the service at `realm`, for `login` or for nobody.
async fn token(
    http: &Http,
    origin: &Origin,
    realm: Url,
    question: &Question<'_>,
    login: Option<&Login>,
) -> Result<Token, Error> {
    let call = question.call(realm, login);
    let answer = http.send(&call).await?;
    if !answer.status.is_success() {
        return Err(Error::of(origin, answer.status.as_u16(), &answer.body, login.is_some()));
    }
    let issued: Option<Issued> = serde_json::from_slice(&answer.body).ok();
    let strange = || Error::Strange { asked: call.asked(), why: "the answer has no token in it".to_owned() };
    issued.and_then(Issued::token).ok_or_else(strange)
}

impl Question<'_> {
    fn call(&self, mut realm: Url, login: Option<&Login>) -> Call {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(self.service.map(|service| ("service", service)));
        if let Some(Login::Identity(refresh)) = login {
            // As a form it is one parameter (RFC 6749 §3.3), in the URL one for each.
            form.extend_pairs((!self.scopes.is_empty()).then(|| ("scope", self.scopes.join(" "))));
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", refresh.reveal());
            form.append_pair("client_id", CLIENT_ID);
            let mut call = Call::new(Method::POST, realm);
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            call.headers.insert(CONTENT_TYPE, kind);
            call.body = Some(Bytes::from(form.finish()));
            call.is_patient = false;
            return call;
        }
        form.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        let password = match login {
            Some(Login::Password { user, password }) => Some((user, password)),
            _ => None,
        };
        form.extend_pairs(password.map(|(user, _)| ("account", user)));
        let form = form.finish();
        if !form.is_empty() {
            realm.query_pairs_mut().extend_pairs(form_urlencoded::parse(form.as_bytes()));
        }
        let mut call = Call::new(Method::GET, realm);
        // Nobody can be locked out who does not say who it is.
        call.is_patient = password.is_none();
        call.headers.extend(password.map(|(user, password)| (AUTHORIZATION, basic(user, password))));
        call
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) }
    }

    #[test]
    fn challenges() {
        let check = |value: &str, expect: &[Challenge]| assert_eq!(Challenge::parse(value), expect, "{value}");
        check(r#"Basic realm="http://x""#, &[Challenge::Basic]);
        check("basic", &[Challenge::Basic]);
        check(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
            &[bearer("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:a/b:pull,push"))],
        );
        check(
            r#"BEARER Realm = "https://x/t" , error="invalid_token" , service = y"#,
            &[bearer("https://x/t", Some("y"), None)],
        );
        check(
            r#"Negotiate, Basic realm="a, Bearer realm=b", Bearer realm="https://x/\"t\"""#,
            &[Challenge::Basic, bearer("https://x/\"t\"", None, None)],
        );
        check("Bearer service=x", &[]);
        check(r#"Bearer realm="unended"#, &[bearer("unended", None, None)]);
        for nonsense in ["", " ", ",,,", "=", "=x", "\"", "Negotiate abc==", "a=b=c,=,", "é"] {
            check(nonsense, &[]);
        }
    }

    #[test]
    fn bearer_is_taken_before_basic() {
        let mut headers = HeaderMap::new();
        assert_eq!(Challenge::of(&headers), None);
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=x"));
        assert_eq!(Challenge::of(&headers), Some(Challenge::Basic));
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=x"));
        assert_eq!(Challenge::of(&headers), Some(bearer("x", None, None)));
    }

    #[test]
    fn logins_go_only_where_the_way_is_as_good() {
        let check = |origin: &str, realm: &str, expect: Result<(), &str>| {
            let found = realm_of(&Origin::parse(origin, true).expect("an address"), realm).map(drop);
            let found = found.map_err(|error| error.to_string());
            match expect {
                Ok(()) => assert_eq!(found, Ok(()), "{origin} {realm}"),
                Err(part) => assert!(found.as_ref().is_err_and(|e| e.contains(part)), "{origin} {realm}: {found:?}"),
            }
        };
        check("docker.io", "https://auth.docker.io/token", Ok(()));
        check("127.0.0.1:5000", "http://127.0.0.1:5000/token", Ok(()));
        check("127.0.0.1:5000", "http://localhost:5001/token", Ok(()));
        check("registry.internal:5000", "http://registry.internal:5000/token", Ok(()));
        check("http://registry.internal:5000", "http://elsewhere/token", Err("in the clear"));
        check("https://registry.example.com", "http://registry.example.com/token", Err("in the clear"));
        check("https://registry.example.com", "file:///etc/passwd", Err("not http"));
        check("https://registry.example.com", "https://kim:x@elsewhere/", Err("has a name"));
        check("https://registry.example.com", "/token", Err("no URL"));
    }
}
