//! The pages: what a person sees in a browser. Rendered here, of what the same use cases tell our API; a little script makes some
//! things quicker, and nothing needs it.
//!
//! [`route`] has every path. A page is a template and what it shows; what templates do not escape is in [`html`] and nowhere else.
//! What is hidden and what is missing is answered in the same way, to the byte.

pub mod account;
pub mod activity;
pub mod admin;
pub mod artifact;
pub mod assets;
pub mod catalogue;
pub mod client;
pub mod commands;
#[cfg(test)]
mod contrast;
pub mod cookie;
pub mod delete;
pub mod diff;
pub mod facts;
pub mod files;
pub mod form;
pub mod history;
pub mod home;
pub mod html;
pub mod json;
pub mod manage;
pub mod manifest;
pub mod markdown;
pub mod members;
pub mod overview;
pub mod project;
pub mod push;
pub mod reply;
pub mod repository;
pub mod robots;
pub mod route;
pub mod search;
pub mod sent;
pub mod session;
pub mod settings;
pub mod share;
pub mod shell;
pub mod told;
pub mod trash;
pub mod trouble;
pub mod units;

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use http::request::Parts;
use http::{Method, StatusCode};
use jiff::Timestamp;
use wharf_artifact::kind::Kinds;
use wharf_artifact::kind::folder::InForce;
use wharf_content::body::Body;
use wharf_model::api::facts::Line;
use wharf_model::limits::API_PAGE_ENTRIES_MAX;
use wharf_model::name::RepositoryName;
use wharf_model::units::Units;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::people::Part as ListPart;
use wharf_registry::registry::{Access, Registry};

use crate::extract::Query;
use crate::origin::Origin;
use crate::respond::Answer;
use html::Moment;
use route::{Page, Part, Room, View};
use shell::Shell;
use trouble::Trouble;

/// Entries of a list on one page.
const ENTRIES: usize = 50;

/// What all pages are made with.
pub struct Pages {
    registry: Registry,
    kinds: Arc<InForce>,
}

/// Somebody looks at a page.
pub struct Visit<'a> {
    pages: &'a Pages,
    kinds: Arc<Kinds>,
    subject: &'a Subject,
    parts: &'a Parts,
    origin: &'a Origin,
    from: IpAddr,
    now: i64,
}

impl Pages {
    /// How the paths end to which files are pushed.
    pub const PUSH: &str = "/-/push";

    /// The pages of a registry.
    pub fn new(registry: Registry, kinds: Arc<InForce>) -> Pages {
        Pages { registry, kinds }
    }

    /// Who looks at a page, by the cookie of their browser. Where nobody can be asked, the page that says so.
    ///
    /// # Errors
    /// That page.
    pub async fn visitor(&self, parts: &Parts, origin: &Origin) -> Result<Subject, Answer> {
        let visitor = session::visitor(self, parts, origin).await;
        let nobody = Subject::anonymous();
        visitor.map_err(|trouble| {
            let visit = self.visit(&nobody, parts, origin, IpAddr::from([0, 0, 0, 0]));
            reply::guarded(trouble.answer(&visit))
        })
    }

    fn visit<'a>(&'a self, subject: &'a Subject, parts: &'a Parts, origin: &'a Origin, from: IpAddr) -> Visit<'a> {
        let now = Timestamp::now().as_millisecond();
        Visit { pages: self, kinds: self.kinds.kinds(), subject, parts, origin, from, now }
    }

    /// Answers a request for a page.
    pub async fn answer(
        &self,
        subject: &Subject,
        parts: &Parts,
        mut body: Body,
        origin: &Origin,
        from: IpAddr,
    ) -> Answer {
        let visit = self.visit(subject, parts, origin, from);
        let answer = match visit.answer(&mut body).await {
            Ok(answer) => answer,
            Err(trouble) => trouble.answer(&visit),
        };
        let mut answer = reply::guarded(answer);
        if reply::is_page(&answer) && told::shown(&parts.headers, origin).is_some() {
            told::say(&mut answer, origin, None);
        }
        answer
    }
}

impl Visit<'_> {
    async fn answer(&self, body: &mut Body) -> Result<Answer, Trouble> {
        let path = self.parts.uri.path();
        let Some(page) = Page::parse(path) else { return self.without_slash(path).await };
        let is_form = page.takes_forms() && self.parts.method == Method::POST;
        if !is_form && self.parts.method != Method::GET && self.parts.method != Method::HEAD {
            return Err(Trouble::Method);
        }
        match page {
            Page::Home => home::show(self).await,
            Page::SignIn => session::sign_in(self, body).await,
            Page::SignOut => session::sign_out(self, body).await,
            Page::Units => units::choose(self, body).await,
            Page::Static(name) => assets::answer(&name, &self.parts.headers).ok_or(Trouble::NotHere),
            Page::Search => search::show(self).await,
            Page::Projects => project::list(self).await,
            Page::Project(name) => project::show(self, &name).await,
            Page::NewProject => settings::new(self, body).await,
            Page::InProject(name, Room::Settings) => settings::show(self, &name, body).await,
            Page::InProject(name, Room::Members) => members::show(self, Some(&name), body).await,
            Page::InProject(name, Room::Robots) => robots::show(self, Some(&name), body).await,
            Page::InProject(name, Room::Trash) => trash::show(self, Some(&name), body).await,
            Page::Account => account::show(self, body).await,
            Page::Trash => trash::show(self, None, body).await,
            Page::Admin(desk) => admin::answer(self, desk, body).await,
            Page::Catalogue => catalogue::show(self).await,
            Page::Client => client::show(self).await,
            Page::ClientFile(platform) => client::get(self, &platform).await,
            Page::Shared(link) => share::open(self, &link).await,
            Page::Repository(name, View::Push) => push::answer(self, &name, body).await,
            Page::Repository(name, View::Overview) => overview::edit(self, &self.access(&name).await?, body).await,
            Page::Repository(name, View::Artifact(reference, Part::Share)) => {
                share::make(self, &self.access(&name).await?, &reference, body).await
            }
            Page::Repository(name, view) => self.repository(name, view, body).await,
        }
    }

    /// What was typed with a slash too many, where there is such a thing.
    async fn without_slash(&self, path: &str) -> Result<Answer, Trouble> {
        let trimmed = path.trim_end_matches('/');
        let page = Page::parse(trimmed).filter(|_| trimmed.len() < path.len()).ok_or(Trouble::NotHere)?;
        if self.parts.method != Method::GET && self.parts.method != Method::HEAD {
            return Err(Trouble::NotHere);
        }
        if let Page::Repository(name, _) = &page {
            self.registry().repository(&self.access(name).await?).await?;
        }
        Ok(reply::see(&page.to_string()))
    }

    async fn repository(&self, name: RepositoryName, view: View, body: &mut Body) -> Result<Answer, Trouble> {
        let access = self.access(&name).await?;
        match view {
            View::Delete => delete::repository(self, &access, body).await,
            View::Artifact(reference, Part::Delete) => delete::artifact(self, &access, &reference, body).await,
            View::Tags => repository::tags(self, &access).await,
            View::Artifacts => repository::artifacts(self, &access).await,
            View::Activity => activity::show(self, &access).await,
            View::Artifact(reference, Part::Overview) => artifact::show(self, &access, &reference).await,
            View::Artifact(reference, Part::Files) => files::show(self, &access, &reference).await,
            View::Artifact(reference, Part::File) => files::get(self, &access, &reference).await,
            View::Artifact(reference, Part::Archive) => files::archive(self, &access, &reference).await,
            // Its form is answered where forms are.
            View::Overview | View::Push | View::Artifact(_, Part::Share) => Err(Trouble::NotHere),
            View::Artifact(reference, Part::Manifest) => manifest::show(self, &access, &reference).await,
            View::Artifact(reference, Part::Diff) => diff::show(self, &access, &reference).await,
            View::Artifact(reference, Part::History) => history::show(self, &access, &reference, body).await,
        }
    }

    fn registry(&self) -> &Registry {
        &self.pages.registry
    }

    /// Leave to look into the repository.
    async fn access(&self, name: &RepositoryName) -> Result<Access, Trouble> {
        Ok(self.registry().authorise(self.subject, Action::Pull, name).await?)
    }

    fn query(&self) -> Query<'_> {
        Query::of(self.parts)
    }

    /// A parameter that says something.
    fn asked(&self, name: &str) -> Option<String> {
        self.query().get(name).filter(|text| !text.is_empty()).map(|text| text.into_owned())
    }

    /// The part of a list that is wanted.
    fn part(&self, limit: usize) -> ListPart {
        let after = self.asked("last").filter(|last| !last.chars().any(char::is_control));
        ListPart { limit: limit.min(API_PAGE_ENTRIES_MAX), after }
    }

    fn moment(&self, at: i64) -> Moment {
        Moment::new(at, self.now)
    }

    /// In which units sizes are told.
    fn units(&self) -> Units {
        units::liked(&self.parts.headers, self.origin)
    }

    fn shell(&self, title: &str) -> Shell {
        Shell::new(self, title)
    }
}

/// A page with what it shows.
fn render(visit: &Visit<'_>, status: StatusCode, page: &impl Template) -> Result<Answer, Trouble> {
    let told = units::Told(visit.units());
    let html = page.render_with_values(&told).map_err(|error| Trouble::Failed(error.to_string()))?;
    Ok(reply::html(status, html, &visit.parts.headers))
}

/// A page that is found.
fn found(visit: &Visit<'_>, page: &impl Template) -> Result<Answer, Trouble> {
    render(visit, StatusCode::OK, page)
}

/// The same place in a list, further on: the path of what is looked at, with what else was asked and where the next page begins.
fn further(visit: &Visit<'_>, page: &Page, kept: &[&str], last: Option<impl ToString>) -> Option<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in kept {
        if let Some(value) = visit.asked(name) {
            query.append_pair(name, &value);
        }
    }
    query.append_pair("last", &last?.to_string());
    Some(format!("{page}?{}", query.finish()))
}

/// What people wrote, on one line and without what turns text round.
fn plain(text: &str) -> String {
    Line::new(text).as_str().to_owned()
}

/// Whoever did something, as lists tell it: `user:kim` is `kim`.
fn actor(text: &str) -> String {
    text.split_once(':').filter(|(sort, _)| *sort == "user").map_or(text, |(_, name)| name).to_owned()
}
