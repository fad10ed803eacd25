//! `wharf token`.

use anyhow::{Context as _, Result};
use wharf_model::api::people::{Limit, NewToken, Token};
use wharf_model::handle::Handle;

use crate::Outcome;
use crate::args::token::{TokenArgs, TokenCommand};
use crate::moment::{moment, moment_or};
use crate::printer::Printer;
use crate::session::{self, Session};

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &TokenArgs, printer: &Printer) -> Result<Outcome> {
    session::run(&args.remote, printer, async |session: &Session<'_>| match &args.command {
        TokenCommand::List { user } => {
            let tokens = session.admin.tokens(&whose(session, user.as_ref())?).await?;
            session.list(tokens, &["ID", "NAME", "CREATED", "EXPIRES", "USED", "LIMITED TO"], row)
        }
        TokenCommand::Create { name, permissions, repositories, expires } => {
            let limit = permissions.map(|permissions| Limit { permissions, repositories: repositories.clone() });
            let days = expires.map(|days| days.0);
            let new = NewToken { name: name.clone(), limits: limit.into_iter().collect(), days };
            let made = session.admin.create_token(&whose(session, None)?, &new).await?;
            session.made_with_secret(&made, made.secret.as_deref(), &format!("the token {name} was made"))
        }
        TokenCommand::Delete { id, user, yes } => {
            if !session.confirm(&format!("delete the token {id}"), *yes)? {
                return Ok(Outcome::No);
            }
            session.admin.delete_token(&whose(session, user.as_ref())?, *id).await?;
            Ok(session.done(&format!("the token {id} was deleted")))
        }
    })
}

/// The user that is named, or who is logged in.
fn whose(session: &Session<'_>, named: Option<&Handle>) -> Result<Handle> {
    match named {
        Some(name) => Ok(name.clone()),
        None => {
            let user = session.admin.user().context("there is no login; `wharf login` first")?;
            user.parse().with_context(|| format!("{user:?} is logged in, which is no user of this registry"))
        }
    }
}

fn row(token: &Token) -> Vec<String> {
    vec![
        token.id.to_string(),
        token.name.clone(),
        moment(token.created_at),
        moment_or(token.expires_at, "never"),
        moment_or(token.used_at, "never"),
        limits(&token.limits),
    ]
}

fn limits(limits: &[Limit]) -> String {
    let limit = |limit: &Limit| match &limit.repositories {
        Some(repositories) => format!("{} in {repositories}", limit.permissions),
        None => limit.permissions.to_string(),
    };
    limits.iter().map(limit).collect::<Vec<_>>().join("; ")
}
