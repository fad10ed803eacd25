//! What was deleted: in a project, or wherever whoever looks may restore it.

use wharf_content::body::Body;
use wharf_model::api::trash::{TrashItem, TrashKind};
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::permission::Permissions;
use wharf_registry::error::Error;
use wharf_registry::trash::Seen;

use super::facts::Cell;
use super::form::Form;
use super::manage::{self, Block, Deed, Head, Row, Rows};
use super::route::{Page, Room};
use super::sent::{Sent, Wrong};
use super::{ENTRIES, Trouble, Visit, actor, further, settings};
use crate::respond::Answer;

/// `/-/projects/<project>/trash` and `/-/trash`
pub async fn show(visit: &Visit<'_>, project: Option<&ProjectName>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let here = project.map_or(Page::Trash, |name| Page::InProject(name.clone(), Room::Trash));
    let listed = visit.registry().trash_seen(visit.subject, project, &visit.part(ENTRIES)).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, &here, &sent).await)?
    {
        return Ok(answer);
    }
    let head = head(visit, project).await?;
    if sent.deed() == "purge" {
        let form = ask_purge(&manage::in_part(visit, &here), &sent, &listed.items);
        return manage::ask(visit, head.crumbs, &sent, form);
    }
    let rows = Rows {
        title: "What was deleted",
        about: "It comes back as it was, until its time is up.".to_owned(),
        columns: vec!["What", "Tags", "Deleted", "By", "Until"],
        rows: listed.items.into_iter().map(|seen| row(visit, &here, seen)).collect(),
        empty: "Nothing is in the trash.",
        next: further(visit, &here, &[], listed.next),
        action: here.to_string(),
    };
    manage::page(visit, head, &sent, vec![Block::Rows(rows)])
}

/// A project that is in the trash itself has no pages.
async fn head(visit: &Visit<'_>, project: Option<&ProjectName>) -> Result<Head, Trouble> {
    let Some(name) = project else { return Ok(Head::alone("Trash", Vec::new())) };
    let title = format!("Trash of {name}");
    match visit.registry().may(visit.subject, Some(name)).await {
        Ok(may) => Ok(settings::head(name, may, Some(Room::Trash), &title)),
        Err(Error::ProjectUnknown(_)) => {
            let crumbs = settings::head(name, Permissions::NONE, None, "").crumbs.into_iter().take(1).collect();
            Ok(Head::alone(title, crumbs))
        }
        Err(error) => Err(error.into()),
    }
}

fn what(item: &TrashItem) -> String {
    match (item.kind, item.digest) {
        (TrashKind::Manifest, Some(digest)) => format!("{}@{}:{}", item.name, digest.algorithm(), &digest.hex()[..12]),
        (TrashKind::Manifest, None) => item.name.clone(),
        (TrashKind::Repository, _) => format!("the repository {}", item.name),
        (TrashKind::Project, _) => format!("the project {}", item.name),
    }
}

fn row(visit: &Visit<'_>, here: &Page, seen: Seen) -> Row {
    let Seen { item, may_purge } = seen;
    let name = what(&item);
    let cells = vec![
        Cell::text(&name),
        Cell::words(item.tags.iter().map(|tag| tag.as_str())),
        Cell::Moment(visit.moment(item.deleted_at)),
        Cell::text(&actor(&item.deleted_by)),
        Cell::Moment(visit.moment(item.until)),
    ];
    let mut deeds = vec![Deed::at_once("Restore", "restore", item.id)];
    if may_purge {
        deeds.push(Deed::ask_in_part(visit, "Purge", here, "purge", item.id));
    }
    Row { name, cells, deeds }
}

fn ask_purge(here: &str, sent: &Sent, items: &[Seen]) -> Form {
    let found = items.iter().find(|seen| seen.item.id.to_string() == sent.thing());
    let name = found.map_or_else(|| "What you chose".to_owned(), |seen| what(&seen.item));
    Form::new(here, "purge", "Purge this?", "Purge it for good")
        .of(sent.thing())
        .about(format!("{name}: nothing brings it back after that."))
        .or(here)
}

async fn act(visit: &Visit<'_>, here: &Page, sent: &Sent) -> Result<Answer, Wrong> {
    let id: Id = sent.named()?;
    match sent.deed() {
        "restore" => {
            let item = visit.registry().restore(visit.subject, id).await?;
            let place = place(&item).unwrap_or_else(|| here.clone());
            Ok(manage::done(visit, place, format!("Restored {}.", what(&item))))
        }
        "purge" => {
            visit.registry().purge(visit.subject, id).await?;
            Ok(manage::done(visit, here, "Purged."))
        }
        _ => Err(Trouble::Form.into()),
    }
}

/// Where it is again.
fn place(item: &TrashItem) -> Option<Page> {
    let repository = || item.name.parse::<RepositoryName>().ok();
    match (item.kind, item.digest) {
        (TrashKind::Manifest, Some(digest)) => Some(Page::digest(&repository()?, &digest)),
        (TrashKind::Manifest, None) => None,
        (TrashKind::Repository, _) => Some(Page::repository(&repository()?)),
        (TrashKind::Project, _) => Some(Page::Project(item.name.parse().ok()?)),
    }
}
