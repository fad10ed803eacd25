//! `wharf user`.

use anyhow::{Context as _, Result};
use wharf_client::credentials::Secret;
use wharf_model::api::people::{NewUser, PasswordChange, User, UserChange};
use wharf_model::handle::Handle;

use crate::Outcome;
use crate::args::user::{UserArgs, UserCommand};
use crate::ask;
use crate::moment::moment;
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::sheet;

/// What personal tokens begin with.
const TOKEN_START: &str = "wharf_";

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &UserArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        UserCommand::List => list(session).await,
        UserCommand::Show { name } => session.show(&session.admin.user_named(name).await?, text),
        UserCommand::Create { name, description, password_stdin } => {
            let password = password_stdin.then(ask::piped_password).transpose()?;
            create(session, NewUser { name: name.clone(), password, description: description.clone() }).await
        }
        UserCommand::Set { name, description } => {
            let change = UserChange { description: Some(description.clone()), ..UserChange::default() };
            change_user(session, name, change, "changed").await
        }
        UserCommand::Disable { name } => {
            change_user(session, name, UserChange { disabled: Some(true), ..UserChange::default() }, "disabled").await
        }
        UserCommand::Enable { name } => {
            change_user(session, name, UserChange { disabled: Some(false), ..UserChange::default() }, "enabled").await
        }
        UserCommand::Password { name, password_stdin } => password(session, name.as_ref(), *password_stdin).await,
        UserCommand::SignOut { name } => {
            session.admin.end_sessions(name).await?;
            Ok(session.done(&format!("what was issued to {name} ended")))
        }
        UserCommand::Delete { name, yes } => delete(session, name, *yes).await,
    })
}

async fn list(session: &Session<'_>) -> Result<Outcome> {
    let users = session.admin.users().await?;
    session.list(users, &["NAME", "STATE", "GROUPS", "CREATED", "DESCRIPTION"], |user| {
        vec![
            user.name.to_string(),
            state(user.disabled),
            groups(user),
            moment(user.created_at),
            user.description.clone(),
        ]
    })
}

/// Whether an account may log in.
pub(super) fn state(disabled: bool) -> String {
    if disabled { "disabled" } else { "active" }.to_owned()
}

fn groups(user: &User) -> String {
    super::joined(&user.groups)
}

fn text(user: &User) -> String {
    sheet([
        ("name", Some(user.name.to_string())),
        ("state", Some(state(user.disabled))),
        ("groups", Some(groups(user))),
        ("description", Some(user.description.clone())),
        ("created", Some(moment(user.created_at))),
        ("id", Some(user.id.to_string())),
    ])
}

async fn create(session: &Session<'_>, new: NewUser) -> Result<Outcome> {
    let made = session.admin.create_user(&new).await?;
    session.made_with_secret(&made, made.secret.as_deref(), &format!("the user {} was made", new.name))
}

async fn change_user(session: &Session<'_>, name: &Handle, change: UserChange, how: &str) -> Result<Outcome> {
    let user = session.admin.change_user(name, &change).await?;
    session.made(&user, &format!("the user {name} was {how}"))
}

async fn password(session: &Session<'_>, name: Option<&Handle>, is_piped: bool) -> Result<Outcome> {
    let own: Option<Handle> = session.admin.user().and_then(|user| user.parse().ok());
    let nobody = "there is no login; whose password? `wharf login` first, or name the user";
    let name = name.or(own.as_ref()).context(nobody)?;
    let is_own = own.as_ref() == Some(name);
    let current = is_own.then(|| current_password(session)).transpose()?;
    let password = match is_piped {
        true => ask::piped_password()?,
        false => ask::new_password(&format!("new password of {name}: "), "use --password-stdin")?,
    };
    session.admin.set_password(name, &PasswordChange { current, password }).await?;
    let again = if is_own { "; log in again: wharf login" } else { "" };
    Ok(session.done(&format!("the password of {name} was set{again}")))
}

/// Whoever changes their own shows that they know the one in force: what they are logged in with, unless that is a token.
fn current_password(session: &Session<'_>) -> Result<String> {
    match session.password.as_ref().map(Secret::reveal).filter(|known| !known.starts_with(TOKEN_START)) {
        Some(known) => Ok(known.to_owned()),
        None => ask::password("password in force: ", "log in with the password first: wharf login"),
    }
}

async fn delete(session: &Session<'_>, name: &Handle, yes: bool) -> Result<Outcome> {
    if !session.confirm(&format!("delete the user {name}"), yes)? {
        return Ok(Outcome::No);
    }
    session.admin.delete_user(name).await?;
    Ok(session.done(&format!("the user {name} was deleted")))
}
