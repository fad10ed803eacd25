//! In which units sizes are told: a browser keeps in a cookie what whoever uses it likes, and each page is drawn by it.

use std::any::Any;

use askama::Values;
use http::{HeaderMap, Method};
use wharf_content::body::Body;
use wharf_model::limits::TOKEN_BODY_BYTES_MAX;
use wharf_model::units::Units;

use super::cookie::Cookie;
use super::{Trouble, Visit, reply, session};
use crate::origin::Origin;
use crate::respond::Answer;

/// The name under which templates are told.
const VALUE: &str = "units";
/// How many fields of the form are read.
const FIELDS_MAX: usize = 4;
/// How long the browser remembers it, in seconds: a year.
const KEPT_SECS: i64 = 31_536_000;

const LIKED: Cookie = Cookie { bound: "__Host-wharf-units", plain: "wharf-units", same_site: "Lax" };

/// In which units they like them who ask.
pub fn liked(headers: &HeaderMap, origin: &Origin) -> Units {
    if LIKED.shown(headers, origin) == Some("decimal") { Units::Decimal } else { Units::Binary }
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
    let mut answer = reply::see(session::back(field("next")));
    LIKED.set(&mut answer, visit.origin, chosen, secs);
    Ok(answer)
}
