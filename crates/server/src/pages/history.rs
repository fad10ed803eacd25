//! How a tag came to point where it does.

use wharf_content::body::Body;
use wharf_model::digest::Digest;
use wharf_model::name::{Reference, Tag};
use wharf_model::permission::Permission;
use wharf_registry::registry::Access;

use super::artifact::Head;
use super::form::Form;
use super::html::{Moment, Short};
use super::route::{Page, Part, View};
use super::sent::{Sent, Wrong};
use super::shell::{Crumb, Shell};
use super::{ENTRIES, Trouble, Visit, actor, diff, found, further, manage, plain, repository};
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "history.html")]
struct History {
    shell: Shell,
    head: Head,
    moves: Vec<Line>,
    /// Where the latest move is taken back.
    back: Option<String>,
    next: Option<String>,
}

/// A move.
struct Line {
    at: Moment,
    by: String,
    client: Option<String>,
    to: Option<(Short, String)>,
    from: Option<(Short, String)>,
    /// Where it is told what the move changed.
    compare: Option<String>,
}

/// `…/history`
pub async fn show(
    visit: &Visit<'_>,
    access: &Access,
    reference: &Reference,
    body: &mut Body,
) -> Result<Answer, Trouble> {
    let Reference::Tag(tag) = reference else { return Err(Trouble::NotHere) };
    let mut sent = Sent::of(visit, body).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, access, tag, &sent).await)?
    {
        return Ok(answer);
    }
    if sent.deed() == "restore" && access.may(Permission::Restore) {
        return ask(visit, access, tag, &sent);
    }
    let name = access.repository();
    let moves = visit.registry().tag_history(access, tag, &visit.part(ENTRIES)).await?;
    let here = Page::Repository(name.clone(), View::Artifact(reference.clone(), Part::History));
    let compare =
        |(from, to): (Digest, Digest)| diff::path(name, &Reference::Digest(to), &Reference::Digest(from), None);
    let link = |digest: Digest| (Short::new(&digest), Page::digest(name, &digest).to_string());
    let has_before = moves.items.first().is_some_and(|latest| latest.from.is_some());
    let may_go_back = has_before && access.may(Permission::Restore);
    let page = History {
        shell: visit.shell(&format!("History of {name}:{tag}")),
        head: Head::brief(visit, access, reference, Part::History).await?,
        back: may_go_back.then(|| manage::asking(&here, "restore", "")),
        next: further(visit, &here, &[], moves.next),
        moves: moves
            .items
            .into_iter()
            .map(|one| Line {
                at: visit.moment(one.at),
                by: actor(&one.by),
                client: one.client.as_deref().map(plain),
                compare: one.from.zip(one.to).filter(|(from, to)| from != to).map(compare),
                to: one.to.map(link),
                from: one.from.map(link),
            })
            .collect(),
    };
    found(visit, &page)
}

/// Asks whether the tag is to be pointed back.
fn ask(visit: &Visit<'_>, access: &Access, tag: &Tag, sent: &Sent) -> Result<Answer, Trouble> {
    let name = access.repository();
    let here = Page::Repository(name.clone(), View::Artifact(Reference::Tag(tag.clone()), Part::History));
    let mut crumbs = repository::crumbs(name);
    crumbs.push(Crumb::new(format!("{name}:{tag}"), &here));
    let form = Form::new(&here, "restore", "Point this tag back?", "Point it back")
        .about(format!("{name}:{tag} points again to what it pointed to before it was moved or deleted last."))
        .about("Done twice, it is where it was. What it points to comes back from the trash, if it is there.");
    manage::ask(visit, crumbs, sent, form.or(here))
}

async fn act(visit: &Visit<'_>, access: &Access, tag: &Tag, sent: &Sent) -> Result<Answer, Wrong> {
    if sent.deed() != "restore" {
        return Err(Trouble::Form.into());
    }
    let name = access.repository();
    let made = visit.registry().restore_tag(visit.subject, name, tag).await?;
    let to = made.to.map(|digest| format!(" to {}:{}", digest.algorithm(), &digest.hex()[..12])).unwrap_or_default();
    Ok(manage::done(visit, Page::tag(name, tag), format!("Pointed {tag} back{to}.")))
}
