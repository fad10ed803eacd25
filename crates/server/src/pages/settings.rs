//! A project: making one, what it is set to, deleting it.

use wharf_content::body::Body;
use wharf_model::api::project::{Immutable, Missing, Project, ProjectChange};
use wharf_model::name::ProjectName;
use wharf_model::permission::{Permission, Permissions};
use wharf_model::units::Size as Bytes;
use wharf_registry::error::Error;

use super::facts::{Cell, Pair};
use super::form::{Choice, Field, Form};
use super::html::{Size, grouped};
use super::manage::{self, Block, Head};
use super::route::{Page, Room};
use super::sent::{Sent, Wrong};
use super::shell::Crumb;
use super::{Trouble, Visit};
use crate::respond::Answer;

/// What a push may do about what is missing, as settings have it.
const MISSING: [(&str, &str, Option<Missing>); 4] = [
    ("", "as the server is set", None),
    ("refuse", "refuse: all of it must be here", Some(Missing::Refuse)),
    ("index", "index: what an index lists may come later", Some(Missing::Index)),
    ("accept", "accept: nothing needs to be here", Some(Missing::Accept)),
];

/// What stands above the pages of a project, for who may do that in it.
pub fn head(name: &ProjectName, may: Permissions, room: Option<Room>, title: &str) -> Head {
    let mut tabs = vec![("Repositories", Page::Project(name.clone()).to_string(), room.is_none())];
    let all = [
        ("Settings", Room::Settings, Permission::ProjectRead),
        ("Members", Room::Members, Permission::MemberRead),
        ("Robots", Room::Robots, Permission::RobotRead),
        ("Trash", Room::Trash, Permission::Restore),
    ];
    for (title, at, needed) in all {
        if may.has(needed) {
            tabs.push((title, Page::InProject(name.clone(), at).to_string(), room == Some(at)));
        }
    }
    Head { crumbs: crumbs(name), title: title.to_owned(), tabs }
}

/// The way to what is in a project.
pub fn crumbs(name: &ProjectName) -> Vec<Crumb> {
    vec![Crumb::new("Projects", Page::Projects), Crumb::new(name, Page::Project(name.clone()))]
}

/// `/-/new-project`
pub async fn new(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    visit.registry().authorise_system(visit.subject, Permission::ProjectCreate)?;
    if sent.is_post()
        && let Some(answer) = sent.done(make(visit, &sent).await)?
    {
        return Ok(answer);
    }
    let name = Field::name("name", "Name").hint("The first part of the names of its repositories: acme of acme/app.");
    let form = Form::new(Page::NewProject, "make", "", "Make the project").field(name);
    let form = form.field(Field::lines("description", "What it is for", "")).field(public(false));
    let head = Head::alone("A new project", vec![Crumb::new("Projects", Page::Projects)]);
    manage::page(visit, head, &sent, vec![Block::Form(form)])
}

fn public(is_public: bool) -> Field {
    Field::tick("public", "Everybody may pull from it, without signing in", is_public)
}

async fn make(visit: &Visit<'_>, sent: &Sent) -> Result<Answer, Wrong> {
    let name: ProjectName = sent.read("name")?;
    let taken = || Wrong::Field("name", "This name is not to be had.".to_owned());
    let change = about(sent);
    if visit.registry().browse_project(visit.subject, &name).await.is_ok() {
        return Err(taken());
    }
    match visit.registry().put_project(visit.subject, &name, &change).await {
        Ok(_) => Ok(manage::done(visit, Page::Project(name.clone()), format!("Made the project {name}."))),
        // It is somebody else's, of whom nothing is told.
        Err(Error::Denied) => Err(taken()),
        Err(error) => Err(error.into()),
    }
}

fn about(sent: &Sent) -> ProjectChange {
    let description = Some(sent.text("description").to_owned());
    ProjectChange { description, public: Some(sent.has("public")), ..ProjectChange::default() }
}

/// `/-/projects/<project>/settings`
pub async fn show(visit: &Visit<'_>, name: &ProjectName, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let may = visit.registry().may(visit.subject, Some(name)).await?;
    let project = visit.registry().project(visit.subject, name).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, name, may, &sent).await)?
    {
        return Ok(answer);
    }
    let here = Page::InProject(name.clone(), Room::Settings);
    if sent.deed() == "delete" && may.has(Permission::ProjectDelete) {
        return manage::ask(visit, crumbs(name), &sent, ask_delete(&here, name));
    }
    let mut blocks = vec![Block::Pairs("In brief", in_brief(visit, &project, may))];
    let forms = [
        (Permission::ProjectWrite, about_form as fn(&Page, &Project) -> Form),
        (Permission::PolicyWrite, rules_form),
        (Permission::QuotaWrite, quota_form),
        (Permission::SystemWrite, vouched_form),
    ];
    let open = forms.into_iter().filter(|(needed, _)| may.has(*needed));
    blocks.extend(open.map(|(_, form)| Block::Form(form(&here, &project))));
    if may.has(Permission::ProjectDelete) {
        blocks.push(Block::Ways(vec![("Delete this project".to_owned(), manage::asking(&here, "delete", ""))]));
    }
    manage::page(visit, head(name, may, Some(Room::Settings), &format!("Settings of {name}")), &sent, blocks)
}

/// What it uses; and what it is set to, to who cannot change that.
fn in_brief(visit: &Visit<'_>, project: &Project, may: Permissions) -> Vec<Pair> {
    let of = |quota: Option<String>| quota.map(|quota| format!(" of {quota}")).unwrap_or_default();
    let size = |bytes: u64| visit.units().size(bytes);
    let used = format!("{}{}", size(project.usage.bytes), of(project.quota_bytes.map(size)));
    let repositories =
        format!("{}{}", grouped(project.usage.repositories), of(project.quota_repositories.map(grouped)));
    let mut pairs = Pair::some([
        ("Uses", Cell::text(&used)),
        ("Of it in the trash", project.usage.trash_bytes.map_or(Cell::Nothing, |bytes| Cell::Size(Size::new(bytes)))),
        ("Reserved by uploads", Cell::Size(Size::new(project.usage.reserved_bytes))),
        ("Repositories", Cell::text(&repositories)),
        ("Made", Cell::Moment(visit.moment(project.created_at))),
    ]);
    if !may.has(Permission::ProjectWrite) {
        pairs.push(Pair::new("Who may pull", Cell::text(if project.public { "everybody" } else { "its members" })));
    }
    if !may.has(Permission::PolicyWrite) {
        let rules = project.immutable.iter().map(rule).collect::<Vec<_>>();
        pairs.extend(Pair::some([
            ("Tags that stay", Cell::words(rules.iter().map(String::as_str))),
            ("Days in the trash", project.trash_days.map_or(Cell::Nothing, |days| Cell::number(days.into()))),
        ]));
    }
    pairs
}

fn about_form(here: &Page, project: &Project) -> Form {
    let missing = MISSING.map(|(word, text, value)| Choice::new(word, text, value == project.missing)).into();
    let types = project.artifact_types.as_deref().unwrap_or_default().join("\n");
    let types = Field::lines("artifact_types", "Artifact types that may be pushed", &types);
    Form::new(here, "about", "About it", "Save")
        .field(Field::lines("description", "What it is for", &project.description))
        .field(public(project.public))
        .field(Field::tick("share", "Whoever may pull makes links for others, who need not sign in", project.share))
        .field(Field::one("missing", "Manifests that name what is not here", missing))
        .field(
            types.hint("One a line, * for what may differ; an image’s is the media type of its config. Nothing: all."),
        )
}

fn rule(rule: &Immutable) -> String {
    format!("{} {}", rule.repositories.as_str(), rule.tags.as_str())
}

fn rules_form(here: &Page, project: &Project) -> Form {
    let rules = project.immutable.iter().map(rule).collect::<Vec<_>>().join("\n");
    let days = project.trash_days.map(|days| days.to_string()).unwrap_or_default();
    let immutable = Field::lines("immutable", "Tags that neither move nor go", &rules);
    let hint = format!(
        "A rule a line: repositories, then tags, as in {}/** v*. Tags alone count in all of them.",
        project.name
    );
    Form::new(here, "rules", "Rules", "Save")
        .field(immutable.hint(hint))
        .field(Field::line("trash_days", "Days in the trash", days).hint("Nothing: as the server is set."))
}

/// Bytes as they are written, so that reading gives the same.
fn written(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return String::new() };
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units.into_iter().find(|(_, power)| bytes >= 1 << power && bytes.trailing_zeros() >= *power);
    whole.map_or_else(|| bytes.to_string(), |(unit, power)| format!("{} {unit}", bytes >> power))
}

fn quota_form(here: &Page, project: &Project) -> Form {
    let repositories = project.quota_repositories.map(|count| count.to_string()).unwrap_or_default();
    let bytes = Field::line("quota_bytes", "It may use", written(project.quota_bytes));
    let warn = Field::line("quota_warn_bytes", "Pushes are warned from", written(project.quota_warn_bytes));
    Form::new(here, "quota", "What it may use", "Save")
        .field(bytes.hint("As in 100 GiB. Nothing: any. The trash counts."))
        .field(warn.hint("Nothing: never."))
        .field(Field::line("quota_repositories", "Repositories that it may have", repositories).hint("Nothing: any."))
}

fn vouched_form(here: &Page, project: &Project) -> Form {
    let vouched = Field::tick("vouched", "Who administers the registry vouches for this project", project.vouched);
    Form::new(here, "vouched", "Vouched for", "Save").field(vouched)
}

fn ask_delete(here: &Page, name: &ProjectName) -> Form {
    Form::new(here, "delete", "Delete this project?", "Delete the project")
        .about(format!(
            "{name} goes to the trash with all its repositories and robots. Nobody can pull from it any more, at once."
        ))
        .about("Until its time there is up, it can be restored as it was.")
        .field(Field::name("name", "Its name, so that it is the right one"))
        .or(here)
}

async fn act(visit: &Visit<'_>, name: &ProjectName, may: Permissions, sent: &Sent) -> Result<Answer, Wrong> {
    let change = match sent.deed() {
        "about" => ProjectChange {
            missing: Some(missing(sent)?),
            artifact_types: Some(types(sent)),
            share: Some(sent.has("share")),
            ..about(sent)
        },
        "vouched" => ProjectChange { vouched: Some(sent.has("vouched")), ..ProjectChange::default() },
        "rules" => ProjectChange {
            immutable: Some(rules(sent)?),
            trash_days: Some(sent.number("trash_days")?),
            ..ProjectChange::default()
        },
        "quota" => ProjectChange {
            quota_bytes: Some(sent.maybe::<Bytes>("quota_bytes")?.map(|bytes| bytes.0)),
            quota_warn_bytes: Some(sent.maybe::<Bytes>("quota_warn_bytes")?.map(|bytes| bytes.0)),
            quota_repositories: Some(sent.number("quota_repositories")?),
            ..ProjectChange::default()
        },
        "delete" => return delete(visit, name, may, sent).await,
        _ => return Err(Trouble::Form.into()),
    };
    // The form is of this project: none is made by it.
    visit.registry().project(visit.subject, name).await?;
    visit.registry().put_project(visit.subject, name, &change).await?;
    Ok(manage::done(visit, Page::InProject(name.clone(), Room::Settings), "Saved."))
}

fn missing(sent: &Sent) -> Result<Option<Missing>, Wrong> {
    let found = MISSING.into_iter().find(|(word, ..)| *word == sent.text("missing"));
    found.map(|(.., value)| value).ok_or_else(|| Wrong::Field("missing", "Choose one of these.".to_owned()))
}

/// All of them where none is named.
fn types(sent: &Sent) -> Option<Vec<String>> {
    let types: Vec<String> = sent.lines("artifact_types").map(str::to_owned).collect();
    (!types.is_empty()).then_some(types)
}

fn rules(sent: &Sent) -> Result<Vec<Immutable>, Wrong> {
    let wrong = |line: &str, why: String| Wrong::Field("immutable", format!("{line}: {why}"));
    let pattern = |line: &str, text: &str| {
        text.parse().map_err(|error: wharf_model::pattern::PatternError| wrong(line, error.to_string()))
    };
    let rule = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (repositories, tags) = match words[..] {
            [tags] => ("**", tags),
            [repositories, tags] => (repositories, tags),
            _ => return Err(wrong(line, "write repositories, then tags".to_owned())),
        };
        Ok(Immutable { repositories: pattern(line, repositories)?, tags: pattern(line, tags)? })
    };
    sent.lines("immutable").map(rule).collect()
}

async fn delete(visit: &Visit<'_>, name: &ProjectName, may: Permissions, sent: &Sent) -> Result<Answer, Wrong> {
    if sent.text("name") != name.as_str() {
        return Err(Wrong::Field("name", format!("Write {name} to have it deleted.")));
    }
    visit.registry().delete_project(visit.subject, name).await?;
    let trash = Page::InProject(name.clone(), Room::Trash);
    let page = if may.has(Permission::Restore) { trash } else { Page::Projects };
    Ok(manage::done(visit, page, format!("Deleted the project {name}.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn sizes_are_written_as_they_are_read() {
        let check = |bytes: u64, expect: &str| {
            assert_eq!(written(Some(bytes)), expect);
            assert_eq!(expect.parse(), Ok(Bytes(bytes)));
        };
        check(0, "0");
        check(1000, "1000");
        check(1536, "1536");
        check(3 << 10, "3 KiB");
        check(100 << 30, "100 GiB");
        check((100 << 30) + 1, "107374182401");
        check(5 << 40, "5 TiB");
        assert_eq!(written(None), "");
    }
}
