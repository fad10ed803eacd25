//! Roles: permissions with a name.

use wharf_content::body::Body;
use wharf_model::api::access::{Role, RoleChange};
use wharf_model::api::list::List;
use wharf_model::handle::Handle;
use wharf_model::permission::{Permission, Permissions};

use super::super::account::permissions;
use super::super::facts::{Cell, Pair};
use super::super::form::{Choice, Field, Form};
use super::super::manage::{self, Block, Head, Row, Rows};
use super::super::route::{Desk, Page};
use super::super::sent::{Sent, Wrong};
use super::super::shell::Crumb;
use super::super::{ENTRIES, Trouble, Visit, further, plain};
use super::{crumb, head, may, may_look};
use crate::respond::Answer;

fn here() -> Page {
    Page::Admin(Desk::Roles)
}

fn of(name: &Handle) -> Page {
    Page::Admin(Desk::Role(name.clone()))
}

/// `/-/admin/roles`
pub async fn list(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let may = may(visit);
    if !may_look(visit) {
        return Err(Trouble::NotHere);
    }
    if sent.is_post()
        && let Some(answer) = sent.done(make(visit, &sent).await)?
    {
        return Ok(answer);
    }
    let listed = visit.registry().roles(visit.subject, &visit.part(ENTRIES)).await?;
    let mut blocks = vec![Block::Rows(rows(visit, listed))];
    if may.has(Permission::RoleWrite) {
        let form = Form::new(here(), "make", "Make a role", "Make the role").field(Field::name("name", "Name"));
        blocks.push(Block::Form(described(form, "", Permissions::NONE)));
    }
    manage::page(visit, head(may, Some(&Desk::Roles), "Roles"), &sent, blocks)
}

fn rows(visit: &Visit<'_>, listed: List<Role>) -> Rows {
    let row = |role: Role| {
        let name = role.name.to_string();
        let cells = vec![
            Cell::Way { path: of(&role.name).to_string(), text: name.clone() },
            Cell::text(&plain(&role.description)),
            permissions(role.permissions),
        ];
        Row { name, cells, deeds: Vec::new() }
    };
    Rows {
        title: "Roles",
        about: String::new(),
        columns: vec!["Name", "For", "May"],
        rows: listed.items.into_iter().map(row).collect(),
        empty: "There is none.",
        next: further(visit, &here(), &[], listed.next),
        action: String::new(),
    }
}

fn described(form: Form, description: &str, given: Permissions) -> Form {
    form.field(Field::lines("description", "What it is for", description)).field(Field::many(
        "permissions",
        "What it allows",
        Choice::permissions(Permissions::ALL, given),
    ))
}

async fn make(visit: &Visit<'_>, sent: &Sent) -> Result<Answer, Wrong> {
    if sent.deed() != "make" {
        return Err(Trouble::Form.into());
    }
    let (name, change): (Handle, RoleChange) = (sent.read("name")?, change(sent)?);
    if visit.registry().role(visit.subject, &name).await.is_ok() {
        return Err(Wrong::Field("name", "There is such a role already.".to_owned()));
    }
    visit.registry().put_role(visit.subject, &name, &change).await?;
    Ok(manage::done(visit, of(&name), format!("Made the role {name}.")))
}

fn change(sent: &Sent) -> Result<RoleChange, Wrong> {
    Ok(RoleChange { description: sent.text("description").to_owned(), permissions: sent.permissions("permissions")? })
}

/// `/-/admin/roles/<name>`
pub async fn show(visit: &Visit<'_>, name: &Handle, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    if !may_look(visit) {
        return Err(Trouble::NotHere);
    }
    let role = visit.registry().role(visit.subject, name).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, name, &sent).await)?
    {
        return Ok(answer);
    }
    let may_write = may(visit).has(Permission::RoleWrite) && !role.built_in;
    let mut crumbs = vec![crumb(), Crumb::new("Roles", here())];
    if may_write && sent.deed() == "delete" {
        crumbs.push(Crumb::new(name, of(name)));
        let form = Form::new(of(name), "delete", "Delete this role?", "Delete the role").or(of(name));
        return manage::ask(visit, crumbs, &sent, form.about(format!("{name} goes, unless somebody has it.")));
    }
    let blocks = if may_write {
        let form = Form::new(of(name), "change", "About it", "Save").about("It counts at once, for all who have it.");
        let ways = vec![("Delete this role".to_owned(), manage::asking(of(name), "delete", ""))];
        vec![Block::Form(described(form, &role.description, role.permissions)), Block::Ways(ways)]
    } else {
        vec![Block::Pairs("In brief", in_brief(&role))]
    };
    manage::page(visit, Head::alone(name, crumbs), &sent, blocks)
}

fn in_brief(role: &Role) -> Vec<Pair> {
    let mut pairs = Pair::some([
        ("For", Cell::text(&plain(&role.description))),
        ("It comes with Wharf", Cell::text(if role.built_in { "and stays as it is" } else { "" })),
    ]);
    pairs.extend(role.permissions.iter().map(|one| Pair::new(one, Cell::text(one.about()))));
    pairs
}

async fn act(visit: &Visit<'_>, name: &Handle, sent: &Sent) -> Result<Answer, Wrong> {
    match sent.deed() {
        "change" => {
            visit.registry().put_role(visit.subject, name, &change(sent)?).await?;
            Ok(manage::done(visit, of(name), "Saved."))
        }
        "delete" => {
            visit.registry().delete_role(visit.subject, name).await?;
            Ok(manage::done(visit, here(), format!("Deleted the role {name}.")))
        }
        _ => Err(Trouble::Form.into()),
    }
}
