//! Robots: accounts for machines, of a project or of the system.

use wharf_content::body::Body;
use wharf_model::api::access::NewBinding;
use wharf_model::api::list::List;
use wharf_model::api::people::{NewRobot, Robot, RobotChange, Rotation, WithSecret};
use wharf_model::handle::Handle;
use wharf_model::name::ProjectName;
use wharf_model::permission::{Permission, Permissions};
use wharf_model::units::Seconds;

use super::account::{days, gives, moment_or};
use super::facts::Cell;
use super::form::{Field, Form};
use super::manage::{self, Block, Deed, Head, Row, Rows};
use super::members::{given, permissions, repositories, roles};
use super::route::{Desk, Page, Room};
use super::sent::{Sent, Wrong};
use super::{ENTRIES, Trouble, Visit, admin, further, plain, settings};
use crate::respond::Answer;

/// Where robots are: of which project, or of the system.
struct Home<'a> {
    project: Option<&'a ProjectName>,
    here: Page,
    may: Permissions,
}

impl Home<'_> {
    /// Whether whoever looks may make and change them.
    fn may_write(&self) -> bool {
        self.may.has(if self.project.is_some() { Permission::RobotWrite } else { Permission::UserWrite })
    }

    fn head(&self) -> Head {
        match self.project {
            Some(name) => settings::head(name, self.may, Some(Room::Robots), &format!("Robots of {name}")),
            None => admin::head(self.may, Some(&Desk::Robots), "Robots of no project"),
        }
    }
}

/// `/-/projects/<project>/robots` and `/-/admin/robots`
pub async fn show(visit: &Visit<'_>, project: Option<&ProjectName>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let here = match project {
        Some(name) => Page::InProject(name.clone(), Room::Robots),
        None => Page::Admin(Desk::Robots),
    };
    let home = Home { project, here, may: visit.registry().may(visit.subject, project).await? };
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, &home, &sent).await)?
    {
        return Ok(answer);
    }
    let listed = visit.registry().robots(visit.subject, project, &visit.part(ENTRIES)).await?;
    match sent.deed() {
        "rotate" if home.may_write() => {
            return manage::ask(visit, home.head().crumbs, &sent, ask_rotate(&home, &sent));
        }
        "delete" if home.may_write() => {
            return manage::ask(visit, home.head().crumbs, &sent, ask_delete(&home, &sent));
        }
        _ => {}
    }
    let mut blocks = vec![Block::Rows(list(visit, &home, listed))];
    if home.may_write() {
        blocks.push(Block::Form(make(visit, &home).await?));
    }
    manage::page(visit, home.head(), &sent, blocks)
}

fn list(visit: &Visit<'_>, home: &Home<'_>, listed: List<Robot>) -> Rows {
    Rows {
        title: "Robots",
        about: "Accounts for machines. Each logs in with a token of its own.".to_owned(),
        columns: vec!["Name", "May", "For", "State", "Ends", "Used"],
        rows: listed.items.into_iter().map(|robot| row(visit, home, robot)).collect(),
        empty: "There is none yet.",
        next: further(visit, &home.here, &[], listed.next),
        action: home.here.to_string(),
    }
}

fn row(visit: &Visit<'_>, home: &Home<'_>, robot: Robot) -> Row {
    let given = robot.bindings.iter().map(|binding| {
        let place =
            binding.repositories.as_ref().map(|pattern| format!(" in {}", pattern.as_str())).unwrap_or_default();
        match gives(binding) {
            Cell::Text(role) => format!("{role}{place}"),
            _ => format!("{}{place}", binding.permissions),
        }
    });
    let given: Vec<String> = given.collect();
    let used = robot.tokens.iter().filter_map(|token| token.used_at).max();
    // It ends with itself or with its token, whichever is first.
    let ends = robot.expires_at.into_iter().chain(robot.tokens.last().and_then(|token| token.expires_at)).min();
    let (name, short) = (robot.name.to_string(), robot.name.short().to_owned());
    let cells = vec![
        Cell::code(&name),
        Cell::words(given.iter().map(String::as_str)),
        Cell::text(&plain(&robot.description)),
        Cell::text(if robot.disabled { "off" } else { "on" }),
        moment_or(visit, ends, "never"),
        moment_or(visit, used, "never"),
    ];
    let switch = if robot.disabled { ("Switch on", "enable") } else { ("Switch off", "disable") };
    let deeds = vec![
        Deed::ask("New token", &home.here, "rotate", &short),
        Deed::at_once(switch.0, switch.1, &short),
        Deed::ask("Delete", &home.here, "delete", &short),
    ];
    Row { name, cells, deeds: if home.may_write() { deeds } else { Vec::new() } }
}

async fn make(visit: &Visit<'_>, home: &Home<'_>) -> Result<Form, Trouble> {
    let name = Field::name("name", "Name");
    let mut form = Form::new(&home.here, "make", "Make a robot", "Make the robot")
        .about("Nobody gives away what they do not have themselves.")
        .field(match home.project {
            Some(project) => name.hint(format!("It logs in as {project}+NAME.")),
            None => name,
        })
        .field(Field::lines("description", "What it is for", ""))
        .field(Field::one("role", "Role", roles(visit).await?))
        .field(permissions(home.project));
    if let Some(project) = home.project {
        form = form.field(repositories(project));
    }
    Ok(form.field(days()))
}

fn ask_rotate(home: &Home<'_>, sent: &Sent) -> Form {
    let overlap = Field::line("overlap", "The old token counts for", "1h");
    Form::new(&home.here, "rotate", "Make a new token?", "Make a new token")
        .of(sent.thing())
        .about(format!("For the robot {}.", plain(sent.thing())))
        .field(overlap.hint("As in 30m, 12h, 7d; 0s ends it at once. An older one ends in any case."))
        .field(days())
        .or(&home.here)
}

fn ask_delete(home: &Home<'_>, sent: &Sent) -> Form {
    Form::new(&home.here, "delete", "Delete this robot?", "Delete the robot")
        .of(sent.thing())
        .about(format!("{} is refused from then on, and all that it is given is gone.", plain(sent.thing())))
        .or(&home.here)
}

async fn act(visit: &Visit<'_>, home: &Home<'_>, sent: &Sent) -> Result<Answer, Wrong> {
    let (registry, subject, project) = (visit.registry(), visit.subject, home.project);
    let switched = |disabled| RobotChange { disabled: Some(disabled), ..RobotChange::default() };
    let name = || sent.named::<Handle>();
    let done = |text: String| Ok(manage::done(visit, &home.here, text));
    match sent.deed() {
        "make" => Ok(shown(visit, home, registry.new_robot(subject, project, &new(sent)?).await?)?),
        "rotate" => {
            let overlap = sent.maybe::<Seconds>("overlap")?.map_or(0, |overlap| overlap.0);
            let rotation = Rotation { overlap_secs: overlap, days: sent.number("days")? };
            Ok(shown(visit, home, registry.rotate_robot(subject, project, &name()?, &rotation).await?)?)
        }
        "disable" => {
            let robot = registry.change_robot(subject, project, &name()?, &switched(true)).await?;
            done(format!("{} is off.", robot.name))
        }
        "enable" => {
            let robot = registry.change_robot(subject, project, &name()?, &switched(false)).await?;
            done(format!("{} is on.", robot.name))
        }
        "delete" => {
            registry.delete_robot(subject, project, &name()?).await?;
            done(format!("Deleted the robot {}.", name()?))
        }
        _ => Err(Trouble::Form.into()),
    }
}

fn new(sent: &Sent) -> Result<NewRobot, Wrong> {
    let ((role, permissions), repositories) = (given(sent)?, sent.maybe("repositories")?);
    Ok(NewRobot {
        name: sent.read("name")?,
        description: sent.text("description").to_owned(),
        days: sent.number("days")?,
        bindings: vec![NewBinding { subject: None, role, permissions, repositories }],
    })
}

fn shown(visit: &Visit<'_>, home: &Home<'_>, made: WithSecret<Robot>) -> Result<Answer, Trouble> {
    let name = &made.made.name;
    let head = Head::alone(format!("The token of {name}"), home.head().crumbs);
    let about = format!("The robot logs in as {name}, with this as its password.");
    manage::secret(visit, head, about, made.secret.as_deref().unwrap_or_default(), &home.here.to_string())
}
