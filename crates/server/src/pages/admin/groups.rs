//! Groups of users.

use wharf_content::body::Body;
use wharf_model::api::list::List;
use wharf_model::api::people::{Group, GroupChange};
use wharf_model::handle::Handle;
use wharf_model::limits::FACT_README_BYTES_MAX;
use wharf_model::permission::Permission;

use super::super::facts::{Cell, Pair};
use super::super::form::{Field, Form};
use super::super::html::grouped;
use super::super::manage::{self, Block, Head, Row, Rows};
use super::super::route::{Desk, Page};
use super::super::sent::{Sent, Wrong};
use super::super::shell::Crumb;
use super::super::{ENTRIES, Trouble, Visit, further, plain};
use super::{crumb, head, may};
use crate::respond::Answer;

/// How many members of a group are told in a list.
const MEMBERS_TOLD: usize = 10;

fn here() -> Page {
    Page::Admin(Desk::Groups)
}

fn of(name: &Handle) -> Page {
    Page::Admin(Desk::Group(name.clone()))
}

/// `/-/admin/groups`
pub async fn list(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let may = may(visit);
    if sent.is_post()
        && let Some(answer) = sent.done(make(visit, &sent).await)?
    {
        return Ok(answer);
    }
    let listed = visit.registry().groups(visit.subject, &visit.part(ENTRIES)).await?;
    let mut blocks = vec![Block::Rows(rows(visit, listed))];
    if may.has(Permission::GroupWrite) {
        let form = Form::new(here(), "make", "Make a group", "Make the group").field(Field::name("name", "Name"));
        blocks.push(Block::Form(described(form, "").field(members(""))));
    }
    manage::page(visit, head(may, Some(&Desk::Groups), "Groups"), &sent, blocks)
}

fn rows(visit: &Visit<'_>, listed: List<Group>) -> Rows {
    let row = |group: Group| {
        let name = group.name.to_string();
        let more = group.members.len().saturating_sub(MEMBERS_TOLD);
        let mut members: Vec<String> = group.members.iter().take(MEMBERS_TOLD).map(ToString::to_string).collect();
        members.extend((more > 0).then(|| format!("and {} more", grouped(more as u64))));
        let cells = vec![
            Cell::Way { path: of(&group.name).to_string(), text: name.clone() },
            Cell::text(&plain(&group.description)),
            Cell::words(members.iter().map(String::as_str)),
        ];
        Row { name, cells, deeds: Vec::new() }
    };
    Rows {
        title: "Groups",
        about: "What a group is given, all who are in it have.".to_owned(),
        columns: vec!["Name", "For", "Members"],
        rows: listed.items.into_iter().map(row).collect(),
        empty: "There is none yet.",
        next: further(visit, &here(), &[], listed.next),
        action: String::new(),
    }
}

fn described(form: Form, description: &str) -> Form {
    form.field(Field::lines("description", "What it is for", description))
}

fn members(names: &str) -> Field {
    Field::lines("members", "Members", names).hint("A name a line.")
}

/// What it is and who is in it; where these are more than a field holds they stay as they are.
fn about(group: &Group) -> Form {
    let form = described(Form::new(of(&group.name), "change", "About it", "Save"), &group.description);
    let names: Vec<&str> = group.members.iter().map(Handle::as_str).collect();
    let names = names.join("\n");
    if names.len() <= FACT_README_BYTES_MAX {
        return form.field(members(&names));
    }
    let (name, count) = (&group.name, grouped(names.lines().count() as u64));
    form.about(format!(
        "It has {count} members, which are too many for a form: wharf group set {name} --add USER, the same with --remove, and \
         wharf apply change them, and so does the API."
    ))
}

async fn make(visit: &Visit<'_>, sent: &Sent) -> Result<Answer, Wrong> {
    if sent.deed() != "make" {
        return Err(Trouble::Form.into());
    }
    let (name, change): (Handle, GroupChange) = (sent.read("name")?, change(sent)?);
    if visit.registry().group(visit.subject, &name).await.is_ok() {
        return Err(Wrong::Field("name", "There is such a group already.".to_owned()));
    }
    visit.registry().put_group(visit.subject, &name, &change).await?;
    Ok(manage::done(visit, of(&name), format!("Made the group {name}.")))
}

fn change(sent: &Sent) -> Result<GroupChange, Wrong> {
    let members = sent.has("members").then(|| sent.each("members")).transpose()?;
    Ok(GroupChange { description: Some(sent.text("description").to_owned()), members })
}

/// `/-/admin/groups/<name>`
pub async fn show(visit: &Visit<'_>, name: &Handle, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let group = visit.registry().group(visit.subject, name).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, name, &sent).await)?
    {
        return Ok(answer);
    }
    let may_write = may(visit).has(Permission::GroupWrite);
    let mut crumbs = vec![crumb(), Crumb::new("Groups", here())];
    if may_write && sent.deed() == "delete" {
        crumbs.push(Crumb::new(name, of(name)));
        let form = Form::new(of(name), "delete", "Delete this group?", "Delete the group").or(of(name));
        let about = format!("{name} goes, and what it is given; its members stay, without that.");
        return manage::ask(visit, crumbs, &sent, form.about(about));
    }
    let blocks = if may_write {
        let ways = vec![("Delete this group".to_owned(), manage::asking(of(name), "delete", ""))];
        vec![Block::Form(about(&group)), Block::Ways(ways)]
    } else {
        let (description, members) = (plain(&group.description), group.members.iter().map(Handle::as_str));
        vec![Block::Pairs(
            "In brief",
            Pair::some([("For", Cell::text(&description)), ("Members", Cell::words(members))]),
        )]
    };
    manage::page(visit, Head::alone(name, crumbs), &sent, blocks)
}

async fn act(visit: &Visit<'_>, name: &Handle, sent: &Sent) -> Result<Answer, Wrong> {
    match sent.deed() {
        "change" => {
            visit.registry().put_group(visit.subject, name, &change(sent)?).await?;
            Ok(manage::done(visit, of(name), "Saved."))
        }
        "delete" => {
            visit.registry().delete_group(visit.subject, name).await?;
            Ok(manage::done(visit, here(), format!("Deleted the group {name}.")))
        }
        _ => Err(Trouble::Form.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::super::form::Input;
    use super::*;

    /// A field would cut what is longer, and saving would take the rest out of the group.
    #[test]
    fn no_form_cuts_members() {
        let asked = |count: usize| {
            let members = (0..count).map(|number| format!("somebody-{number:04}").parse().expect("a name")).collect();
            let group = Group { name: "devs".parse().expect("a name"), description: "a\nb".to_owned(), members };
            about(&group)
        };
        let form = asked(4_000);
        let Input::Lines(names) = &form.fields[1].input else { panic!("no lines") };
        assert_eq!((names.lines().count(), form.about.len()), (4_000, 0));
        let form = asked(5_000);
        assert_eq!((form.fields.len(), form.fields[0].name), (1, "description"));
        assert!(form.about[0].contains("5,000 members"), "{}", form.about[0]);
    }
}
