//! What the people of a repository say of it, and the form by which they do.

use wharf_model::api::facts::Text;
use wharf_model::api::front::OverviewChange;
use wharf_model::limits::OVERVIEW_BYTES_MAX;
use wharf_registry::access::Action;
use wharf_registry::registry::Access;

use super::html::Moment;
use super::repository::Head;
use super::route::{Page, View};
use super::shell::Shell;
use super::{Body, Trouble, Visit, actor, found, reply, session};
use crate::respond::Answer;

/// Most bytes of a form: an overview whose every byte is encoded, and the rest.
const FORM_BYTES_MAX: usize = 3 * OVERVIEW_BYTES_MAX + 1024;

#[derive(askama::Template)]
#[template(path = "overview.html")]
struct Edit {
    shell: Shell,
    head: Head,
    text: String,
    changed: Option<(Moment, String)>,
    path: String,
    back: String,
    max: usize,
}

/// `/<repository>/-/overview`: the form, and what it is sent with. Whoever may not push does not see it.
pub async fn edit(visit: &Visit<'_>, access: &Access, body: &mut Body) -> Result<Answer, Trouble> {
    let registry = visit.registry();
    let name = access.repository();
    let access = registry.authorise(visit.subject, Action::Push, name).await?;
    let back = Page::repository(name).to_string();
    if visit.parts.method == http::Method::POST {
        let sent = session::read(visit, body, FORM_BYTES_MAX, 4).await?;
        let text = sent.into_iter().find(|(key, _)| key == "text").map(|(_, text)| text).ok_or(Trouble::Form)?;
        registry.set_overview(&access, OverviewChange { text: text.replace("\r\n", "\n") }).await?;
        return Ok(reply::see(&back));
    }
    let reading = visit.access(name).await?;
    let overview = registry.overview(&reading).await?;
    let changed = overview.as_ref().map(|overview| (visit.moment(overview.changed_at), actor(&overview.changed_by)));
    let page = Edit {
        shell: visit.shell(&format!("Overview of {name}")),
        head: Head::new(visit, &reading, &View::Overview).await?,
        text: overview.map(|overview| Text::new(&overview.text).as_str().to_owned()).unwrap_or_default(),
        changed,
        path: Page::Repository(name.clone(), View::Overview).to_string(),
        back,
        max: OVERVIEW_BYTES_MAX,
    };
    found(visit, &page)
}
