//! `wharf robot`.

use anyhow::Result;
use wharf_model::api::access::{Binding, NewBinding};
use wharf_model::api::people::{NewRobot, Robot, RobotChange, Rotation};
use wharf_model::handle::Handle;

use super::user::state;
use crate::Outcome;
use crate::args::robot::{NewRobotArgs, RobotArgs, RobotCommand};
use crate::moment::{moment, moment_or};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::sheet;

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &RobotArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        RobotCommand::List { project } => {
            let robots = session.admin.robots(project.as_ref()).await?;
            session.list(robots, &["NAME", "STATE", "EXPIRES", "USED", "RIGHTS", "DESCRIPTION"], row)
        }
        RobotCommand::Show { name } => session.show(&session.admin.robot(name).await?, text),
        RobotCommand::Create(args) => create(session, args).await,
        RobotCommand::Set { name, description } => {
            let change = RobotChange { description: Some(description.clone()), ..RobotChange::default() };
            change_robot(session, name, change, "changed").await
        }
        RobotCommand::Rotate { name, overlap, expires } => {
            let overlap_secs = overlap.map_or(0, |overlap| overlap.0);
            let rotation = Rotation { overlap_secs, days: expires.map(|days| days.0) };
            let made = session.admin.rotate_robot(name, &rotation).await?;
            session.made_with_secret(&made, made.secret.as_deref(), &format!("the robot {name} has a new secret"))
        }
        RobotCommand::Disable { name } => {
            let change = RobotChange { disabled: Some(true), ..RobotChange::default() };
            change_robot(session, name, change, "disabled").await
        }
        RobotCommand::Enable { name } => {
            let change = RobotChange { disabled: Some(false), ..RobotChange::default() };
            change_robot(session, name, change, "enabled").await
        }
        RobotCommand::Delete { name, yes } => delete(session, name, *yes).await,
    })
}

fn row(robot: &Robot) -> Vec<String> {
    vec![
        robot.name.to_string(),
        state(robot.disabled),
        moment_or(robot.expires_at, "never"),
        moment_or(robot.tokens.iter().filter_map(|token| token.used_at).max(), "never"),
        rights(robot).join("; "),
        robot.description.clone(),
    ]
}

fn text(robot: &Robot) -> String {
    let secret = |token: &wharf_model::api::people::Token| {
        format!("of {}, ends: {}", moment(token.created_at), moment_or(token.expires_at, "never"))
    };
    let secrets: Vec<_> = robot.tokens.iter().map(secret).collect();
    sheet([
        ("name", Some(robot.name.to_string())),
        ("project", robot.project.as_ref().map(ToString::to_string)),
        ("state", Some(state(robot.disabled))),
        ("description", Some(robot.description.clone())),
        ("rights", Some(rights(robot).join("; "))),
        ("secrets", Some(secrets.join("; "))),
        ("expires", Some(moment_or(robot.expires_at, "never"))),
        ("created", Some(moment(robot.created_at))),
        ("id", Some(robot.id.to_string())),
    ])
}

fn rights(robot: &Robot) -> Vec<String> {
    let right = |binding: &Binding| match &binding.repositories {
        Some(repositories) => format!("{} in {repositories}", super::gives(binding)),
        None => super::gives(binding),
    };
    robot.bindings.iter().map(right).collect()
}

async fn create(session: &Session<'_>, args: &NewRobotArgs) -> Result<Outcome> {
    let repositories = args.repositories.clone();
    let of_role = |role: &Handle| NewBinding {
        role: Some(role.clone()),
        repositories: repositories.clone(),
        ..NewBinding::default()
    };
    let alone = args.permissions.map(|permissions| NewBinding {
        permissions: Some(permissions),
        repositories: repositories.clone(),
        ..NewBinding::default()
    });
    let new = NewRobot {
        name: args.name.short().parse()?,
        description: args.description.clone(),
        days: args.expires.map(|days| days.0),
        bindings: args.role.iter().map(of_role).chain(alone).collect(),
    };
    let made = session.admin.create_robot(args.name.project().as_ref(), &new).await?;
    session.made_with_secret(&made, made.secret.as_deref(), &format!("the robot {} was made", args.name))
}

async fn change_robot(session: &Session<'_>, name: &Handle, change: RobotChange, how: &str) -> Result<Outcome> {
    let robot = session.admin.change_robot(name, &change).await?;
    session.made(&robot, &format!("the robot {name} was {how}"))
}

async fn delete(session: &Session<'_>, name: &Handle, yes: bool) -> Result<Outcome> {
    if !session.confirm(&format!("delete the robot {name}"), yes)? {
        return Ok(Outcome::No);
    }
    session.admin.delete_robot(name).await?;
    Ok(session.done(&format!("the robot {name} was deleted")))
}
