//! How a tag came to point where it does.

use wharf_model::digest::Digest;
use wharf_model::name::Reference;
use wharf_registry::registry::Access;

use super::artifact::Head;
use super::html::{Moment, Short};
use super::route::{Page, Part, View};
use super::shell::Shell;
use super::{ENTRIES, Trouble, Visit, actor, found, further, plain};
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "history.html")]
struct History {
    shell: Shell,
    head: Head,
    moves: Vec<Line>,
    next: Option<String>,
}

/// A move.
struct Line {
    at: Moment,
    by: String,
    client: Option<String>,
    to: Option<(Short, String)>,
    from: Option<(Short, String)>,
}

/// `…/history`
pub async fn show(visit: &Visit<'_>, access: &Access, reference: &Reference) -> Result<Answer, Trouble> {
    let Reference::Tag(tag) = reference else { return Err(Trouble::NotHere) };
    let name = access.repository();
    let moves = visit.registry().tag_history(access, tag, &visit.part(ENTRIES)).await?;
    let here = Page::Repository(name.clone(), View::Artifact(reference.clone(), Part::History));
    let link = |digest: Digest| (Short::new(&digest), Page::digest(name, &digest).to_string());
    let page = History {
        shell: visit.shell(&format!("History of {name}:{tag}")),
        head: Head::brief(visit, access, reference, Part::History).await?,
        next: further(visit, &here, &[], moves.next),
        moves: moves
            .items
            .into_iter()
            .map(|one| Line {
                at: visit.moment(one.at),
                by: actor(&one.by),
                client: one.client.as_deref().map(plain),
                to: one.to.map(link),
                from: one.from.map(link),
            })
            .collect(),
    };
    found(visit, &page)
}
