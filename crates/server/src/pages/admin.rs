//! Administering the registry: what it is, its people, roles and robots.

pub mod groups;
pub mod roles;
pub mod users;

use wharf_content::body::Body;
use wharf_model::permission::{Permission, Permissions};
use wharf_registry::error::Error;
use wharf_registry::rights::Place;

use super::facts::{Cell, Pair};
use super::html::Size;
use super::manage::{self, Block, Head};
use super::route::{Desk, Page};
use super::sent::Sent;
use super::shell::Crumb;
use super::{Trouble, Visit, members, robots};
use crate::respond::Answer;

/// What makes somebody an administrator of something.
const LOOKS: Permissions = Permissions::of(&[
    Permission::UserRead,
    Permission::UserWrite,
    Permission::GroupWrite,
    Permission::RoleWrite,
    Permission::MemberRead,
    Permission::SystemRead,
]);

/// What whoever looks may do in the whole system.
fn may(visit: &Visit<'_>) -> Permissions {
    visit.subject.ceiling.leaves(visit.subject.rights.system(), &Place::default())
}

/// Whether whoever looks administers anything of the registry.
pub fn may_look(visit: &Visit<'_>) -> bool {
    may(visit).has_any(LOOKS)
}

/// `/-/admin` and what is behind it.
pub async fn answer(visit: &Visit<'_>, desk: Desk, body: &mut Body) -> Result<Answer, Trouble> {
    match desk {
        Desk::Overview => overview(visit, body).await,
        Desk::Users => users::list(visit, body).await,
        Desk::User(name) => users::show(visit, &name, body).await,
        Desk::Groups => groups::list(visit, body).await,
        Desk::Group(name) => groups::show(visit, &name, body).await,
        Desk::Roles => roles::list(visit, body).await,
        Desk::Role(name) => roles::show(visit, &name, body).await,
        Desk::Members => members::show(visit, None, body).await,
        Desk::Robots => robots::show(visit, None, body).await,
    }
}

/// What stands above the pages, for who may do that.
pub fn head(may: Permissions, desk: Option<&Desk>, title: &str) -> Head {
    let all = [
        ("Overview", Desk::Overview, LOOKS),
        ("Users", Desk::Users, Permissions::of(&[Permission::UserRead])),
        ("Groups", Desk::Groups, Permissions::of(&[Permission::UserRead])),
        ("Roles", Desk::Roles, LOOKS),
        ("Who may do what", Desk::Members, Permissions::of(&[Permission::MemberRead])),
        ("Robots", Desk::Robots, Permissions::of(&[Permission::UserRead])),
    ];
    let open = all.into_iter().filter(|(.., needed)| may.has_any(*needed));
    let tabs = open.map(|(title, at, _)| (title, Page::Admin(at.clone()).to_string(), desk == Some(&at)));
    Head { crumbs: vec![crumb()], title: title.to_owned(), tabs: tabs.collect() }
}

/// The way to what is behind it.
fn crumb() -> Crumb {
    Crumb::new("Administration", Page::Admin(Desk::Overview))
}

async fn overview(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    let sent = Sent::of(visit, body).await?;
    let may = may(visit);
    if !may_look(visit) {
        return Err(Trouble::NotHere);
    }
    let mut blocks = Vec::new();
    if may.has(Permission::SystemRead) {
        blocks.push(Block::Pairs("What it is and holds", facts(visit).await?));
    }
    let mut ways = Vec::new();
    let mut way = |text: &str, path: String, is_open: bool| ways.extend(is_open.then(|| (text.to_owned(), path)));
    way("What was deleted, of all projects", Page::Trash.to_string(), may.has(Permission::Restore));
    way("Make a project", Page::NewProject.to_string(), may.has(Permission::ProjectCreate));
    if !ways.is_empty() {
        blocks.push(Block::Ways(ways));
    }
    let head = Head { crumbs: Vec::new(), ..head(may, Some(&Desk::Overview), "Administration") };
    manage::page(visit, head, &sent, blocks)
}

async fn facts(visit: &Visit<'_>) -> Result<Vec<Pair>, Trouble> {
    let totals = visit.registry().totals().await.map_err(Error::from)?;
    let jobs = visit.registry().jobs().await.map_err(Error::from)?;
    let number = |count: i64| Cell::number(count.unsigned_abs());
    let waiting: Vec<String> = jobs.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    Ok(vec![
        Pair::new("Version", Cell::code(env!("CARGO_PKG_VERSION"))),
        Pair::new("Address", Cell::code(visit.origin.host())),
        Pair::new("Repositories", number(totals.repositories)),
        Pair::new("Artifacts", number(totals.manifests)),
        Pair::new("Tags", number(totals.tags)),
        Pair::new("Blobs", number(totals.blobs)),
        Pair::new("Bytes in blobs", Cell::Size(Size::new(totals.blob_bytes.unsigned_abs()))),
        Pair::new("Kinds of artifacts that are known", Cell::number(visit.kinds.iter().count() as u64)),
        Pair::new("Work that waits", Cell::words(waiting.iter().map(String::as_str))),
    ])
}
