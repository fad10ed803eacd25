//! `wharf login` and `wharf logout`: logins in Docker's files and helpers, which other clients find too.

use anyhow::{Result, ensure};
use wharf_client::auth;
use wharf_client::credentials::{Kept, Login, Secret};

use crate::Outcome;
use crate::args::login::{LoginArgs, LogoutArgs};
use crate::args::remote::ServerArgs;
use crate::printer::Printer;
use crate::{ask, session};

/// `wharf login`: asks the registry whether it lets the login in, then keeps it.
///
/// # Errors
/// It does not, or the login cannot be kept.
pub fn login(args: &LoginArgs, printer: &Printer) -> Result<Outcome> {
    let server = args.server();
    let origin = session::origin(&server, None)?;
    let user = name(args, printer)?;
    let password = match args.password_stdin {
        true => ask::piped_password()?,
        false => ask::password(&format!("password or token of {user}: "), "use --password-stdin")?,
    };
    let password = Secret::new(password);
    let done = session::block_on(async {
        let login = Login::Password { user: user.clone(), password: password.clone() };
        auth::check(&session::http(&server)?, &origin, &login).await?;
        let kept = session::credentials().put(&origin, &user, &password).await?;
        let place = match kept {
            Kept::File(path) => format!("{}, not encrypted", path.display()),
            Kept::Helper(helper) => format!("docker-credential-{helper}"),
        };
        printer.note(&format!("logged in to {} as {user}; the login is kept in {place}", origin.name()));
        Ok(Outcome::Done)
    });
    if args.host.is_some() { done } else { session::unnamed("after `wharf login` or by WHARF_REGISTRY", done) }
}

fn name(args: &LoginArgs, printer: &Printer) -> Result<String> {
    if let Some(user) = &args.user {
        return Ok(user.clone());
    }
    ensure!(ask::is_terminal() && !args.password_stdin, "there is no name to log in with; give one by --user");
    let user = ask::line(printer, "name: ")?;
    ensure!(!user.is_empty(), "there is no name to log in with");
    Ok(user)
}

/// `wharf logout`: forgets a login. The registry is not asked.
///
/// # Errors
/// The files cannot be read or written.
pub fn logout(args: &LogoutArgs, printer: &Printer) -> Result<Outcome> {
    // What is forgotten is not sent anywhere.
    let server = ServerArgs { registry: args.host.clone(), plain_http: true, ..ServerArgs::default() };
    let origin = session::origin(&server, None)?;
    session::block_on(async {
        let name = origin.name();
        let note = match session::credentials().forget(&origin).await? {
            true => format!("logged out of {name}"),
            false => format!("there was no login for {name}"),
        };
        printer.note(&note);
        Ok(Outcome::Done)
    })
}
