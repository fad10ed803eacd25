//! What every page has around it: its title, who looks at it, and where its style and script are.

use wharf_model::units::Units;

use super::assets::ASSETS;
use super::html::Icon;
use super::{Visit, admin, told};

/// See the module.
pub struct Shell {
    /// What the page is about.
    pub title: String,
    /// The same in a sentence, for who is shown a link to it.
    pub about: Option<String>,
    /// The registry, as people name it.
    pub host: String,
    /// Who looks at it, if somebody has signed in.
    pub visitor: Option<String>,
    /// Whether they administer the registry.
    pub is_admin: bool,
    /// What has just been done.
    pub told: Option<String>,
    /// Where it is, to come back to: in a query, and in a form.
    pub here: String,
    /// See `here`.
    pub target: String,
    /// Whether sizes are told in decimal units.
    pub is_decimal: bool,
    /// Whether it is the page that asks who somebody is.
    pub is_sign_in: bool,
    /// Whether its head has the box that searches: where the page has one itself it has not.
    pub has_box: bool,
    /// Where the style sheet is.
    pub css: &'static str,
    /// Where the script is.
    pub js: &'static str,
    /// Where the mark is.
    pub mark: &'static str,
    /// Which release this is.
    pub version: &'static str,
}

impl Shell {
    /// Around a page of that title.
    pub fn new(visit: &Visit<'_>, title: &str) -> Shell {
        let target = visit.parts.uri.path_and_query().map_or("/", |target| target.as_str());
        Shell {
            title: title.to_owned(),
            about: None,
            host: visit.origin.host().to_owned(),
            visitor: visit.subject.actor.name().map(ToString::to_string),
            is_admin: admin::may_look(visit),
            told: told::shown(&visit.parts.headers, visit.origin),
            target: target.to_owned(),
            is_decimal: visit.units() == Units::Decimal,
            here: form_urlencoded::byte_serialize(target.as_bytes()).collect(),
            is_sign_in: false,
            has_box: true,
            css: &ASSETS.css.path,
            js: &ASSETS.js.path,
            mark: &ASSETS.mark.path,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// An icon, by its name.
    pub fn icon(&self, name: &'static str) -> Icon {
        Icon::named(name)
    }
}

/// A step of the way to a page.
pub struct Crumb {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub path: String,
}

impl Crumb {
    /// A step.
    pub fn new(name: impl ToString, path: impl ToString) -> Crumb {
        Crumb { name: name.to_string(), path: path.to_string() }
    }
}
