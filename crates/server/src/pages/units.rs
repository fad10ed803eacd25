//! In which units sizes are told: a browser keeps in a cookie what whoever uses it likes, and each page is drawn by it.

use std::any::Any;

use askama::Values;
use http::{HeaderMap, HeaderValue, Method, header};
use wharf_content::body::Body;
use wharf_model::limits::TOKEN_BODY_BYTES_MAX;
use wharf_model::units::Units;

use super::{Trouble, Visit, reply, session};
use crate::origin::Origin;
use crate::respond::Answer;

/// The name under which templates are told.
const VALUE: &str = "units";
/// How many fields of the form are read.
const FIELDS_MAX: usize = 4;
/// How long the browser remembers it, in seconds: a year.
const KEPT_SECS: u32 = 31_536_000;

fn name(origin: &Origin) -> &'static str {
    if origin.is_secure() { "__Host-wharf-units" } else { "wharf-units" }
}

/// In which units they like them who ask.
pub fn liked(headers: &HeaderMap, origin: &Origin) -> Units {
    if session::cookie(headers, name(origin)) == Some("decimal") { Units::Decimal } else { Units::Binary }
}

/// Tells templates, and what they are made of.
pub struct Told(pub Units);

impl Values for Told {
    fn get_value<'a>(&'a self, key: &str) -> Option<&'a dyn Any> {
        (key == VALUE).then_some(&self.0)
    }
}

/// What a template was told; binary units where it was told nothing.
pub fn of(values: &dyn Values) -> Units {
    askama::get_value(values, VALUE).copied().unwrap_or_default()
}

/// `/-/units`: has the browser remember it, and goes back to where that was asked.
///
/// # Errors
/// The form came from elsewhere.
pub async fn choose(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    if visit.parts.method != Method::POST {
        return Ok(reply::see("/"));
    }
    let sent = session::read(visit, body, TOKEN_BODY_BYTES_MAX, FIELDS_MAX).await?;
    let field = |name: &str| sent.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (chosen, secs) = if field("units") == Some("decimal") { ("decimal", KEPT_SECS) } else { ("", 0) };
    let (name, secure) = (name(visit.origin), if visit.origin.is_secure() { "; Secure" } else { "" });
    let cookie = format!("{name}={chosen}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Lax{secure}");
    let mut answer = reply::see(session::back(field("next")));
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}
