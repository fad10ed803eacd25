//! Who may do what: in a project, or in the whole system.

use wharf_content::body::Body;
use wharf_model::api::access::{Binding, Bound, NewBinding};
use wharf_model::api::list::List;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::API_PAGE_ENTRIES_MAX;
use wharf_model::name::ProjectName;
use wharf_model::permission::{Level, Permission, Permissions};
use wharf_registry::people::Part;

use super::account::gives;
use super::facts::Cell;
use super::form::{Choice, Field, Form};
use super::manage::{self, Block, Deed, Head, Row, Rows};
use super::route::{Desk, Page, Room};
use super::sent::{Sent, Wrong};
use super::{ENTRIES, Trouble, Visit, admin, further, settings};
use crate::respond::Answer;

/// Of which sort somebody is who is given something.
const SORTS: [(&str, &str); 3] = [("user", "a user"), ("group", "a group"), ("robot", "a robot")];

/// `/-/projects/<project>/members` and `/-/admin/members`
pub async fn show(visit: &Visit<'_>, project: Option<&ProjectName>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let may = visit.registry().may(visit.subject, project).await?;
    let here = match project {
        Some(name) => Page::InProject(name.clone(), Room::Members),
        None => Page::Admin(Desk::Members),
    };
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, project, &here, &sent).await)?
    {
        return Ok(answer);
    }
    let listed = visit.registry().bindings(visit.subject, project, &visit.part(ENTRIES)).await?;
    let may_write = may.has(Permission::MemberWrite);
    if sent.deed() == "remove" && may_write {
        let form = ask_remove(&manage::in_part(visit, &here), &sent, &listed);
        return manage::ask(visit, head(project, may).crumbs, &sent, form);
    }
    let mut blocks = vec![Block::Rows(list(visit, &here, listed, may_write))];
    if may_write {
        blocks.push(Block::Form(add(visit, project, &here).await?));
    }
    manage::page(visit, head(project, may), &sent, blocks)
}

fn head(project: Option<&ProjectName>, may: Permissions) -> Head {
    match project {
        Some(name) => settings::head(name, may, Some(Room::Members), &format!("Members of {name}")),
        None => admin::head(may, Some(&Desk::Members), "Who may do what everywhere"),
    }
}

fn list(visit: &Visit<'_>, here: &Page, listed: List<Binding>, may_write: bool) -> Rows {
    let row = |binding: Binding| {
        let place = match (&binding.repositories, &binding.project) {
            (Some(pattern), _) => Cell::code(pattern.as_str()),
            (None, Some(_)) => Cell::text("all of the project"),
            (None, None) => Cell::text("everywhere"),
        };
        let remove = || Deed::ask_in_part(visit, "Remove", here, "remove", binding.id);
        let deeds = if may_write { vec![remove()] } else { Vec::new() };
        let name = binding.subject.to_string();
        Row { cells: vec![Cell::code(&name), gives(&binding), place], name, deeds }
    };
    Rows {
        title: "Who has what",
        about: String::new(),
        columns: vec!["Who", "What", "Where"],
        rows: listed.items.into_iter().map(row).collect(),
        empty: "Nobody has been given anything here. Whoever administers the registry may do everything all the same.",
        next: further(visit, here, &[], listed.next),
        action: here.to_string(),
    }
}

/// The roles that there are, as choices.
pub async fn roles(visit: &Visit<'_>) -> Result<Vec<Choice>, Trouble> {
    let part = Part { limit: API_PAGE_ENTRIES_MAX, after: None };
    let roles = visit.registry().roles(visit.subject, &part).await?.items;
    Ok(roles.into_iter().map(|role| Choice::new(&role.name, &role.name, role.name.as_str() == "reader")).collect())
}

/// Single permissions, in place of a role.
pub fn permissions(project: Option<&ProjectName>) -> Field {
    let level = if project.is_some() { Level::Project } else { Level::System };
    let choices = Choice::permissions(Permissions::within(level), Permissions::NONE);
    Field::many("permissions", "Single permissions instead", choices)
        .hint("What is ticked counts, and no role.")
        .folded()
}

/// The role, or the permissions, that are to be given.
///
/// # Errors
/// They are none.
pub fn given(sent: &Sent) -> Result<(Option<Handle>, Option<Permissions>), Wrong> {
    let permissions = sent.permissions("permissions")?;
    if permissions.is_empty() { Ok((Some(sent.read("role")?), None)) } else { Ok((None, Some(permissions))) }
}

/// In which repositories of a project something is given.
pub fn repositories(project: &ProjectName) -> Field {
    let hint = format!("A pattern, as in {project}/app/**. Nothing: all of the project.");
    Field::line("repositories", "In these repositories", "").hint(hint)
}

async fn add(visit: &Visit<'_>, project: Option<&ProjectName>, here: &Page) -> Result<Form, Trouble> {
    let sorts = SORTS.map(|(word, text)| Choice::new(word, text, word == "user")).into();
    let mut form = Form::new(here, "add", "Give somebody something", "Add")
        .about("Nobody gives away what they do not have themselves.")
        .field(Field::one("sort", "To", sorts))
        .field(Field::name("name", "Name").hint("A robot of a project has its name before it: acme+ci."))
        .field(Field::one("role", "Role", roles(visit).await?))
        .field(permissions(project));
    if let Some(project) = project {
        form = form.field(repositories(project));
    }
    Ok(form)
}

fn ask_remove(here: &str, sent: &Sent, listed: &List<Binding>) -> Form {
    let form = Form::new(here, "remove", "Take this away?", "Take it away").of(sent.thing()).or(here);
    let found = listed.items.iter().find(|binding| binding.id.to_string() == sent.thing());
    let told = found.map(|binding| {
        let what =
            binding.role.as_ref().map_or_else(|| binding.permissions.to_string(), |role| format!("the role {role}"));
        let place =
            binding.repositories.as_ref().map(|pattern| format!(" in {}", pattern.as_str())).unwrap_or_default();
        format!("{} has {what}{place}.", binding.subject)
    });
    let form = told.into_iter().fold(form, Form::about);
    form.about("It counts at once. What they have been given elsewhere, or by a group, stays.")
}

async fn act(visit: &Visit<'_>, project: Option<&ProjectName>, here: &Page, sent: &Sent) -> Result<Answer, Wrong> {
    match sent.deed() {
        "add" => {
            let (role, permissions) = given(sent)?;
            let (subject, repositories) = (Some(bound(sent)?), sent.maybe("repositories")?);
            let new = NewBinding { subject, role, permissions, repositories };
            let made = visit.registry().new_binding(visit.subject, project, &new).await?;
            Ok(manage::done(visit, here, format!("Added {}.", made.subject)))
        }
        "remove" => {
            visit.registry().delete_binding(visit.subject, project, sent.named::<Id>()?).await?;
            // Whoever took it from themselves may see no more here.
            Ok(manage::done(visit, here, "Taken away."))
        }
        _ => Err(Trouble::Form.into()),
    }
}

fn bound(sent: &Sent) -> Result<Bound, Wrong> {
    let name: Handle = sent.read("name")?;
    match sent.text("sort") {
        "user" => Ok(Bound::User(name)),
        "group" => Ok(Bound::Group(name)),
        "robot" => Ok(Bound::Robot(name)),
        _ => Err(Wrong::Field("sort", "Choose one of these.".to_owned())),
    }
}
