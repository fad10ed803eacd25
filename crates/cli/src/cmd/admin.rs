//! `wharf admin`: what is done to an installation whose server does not run.

use std::io::{BufRead as _, Read as _};

use anyhow::Context as _;
use wharf_model::limits::CREDENTIAL_BYTES_MAX;
use wharf_registry::identity::local;

use crate::Outcome;
use crate::args::ResetArgs;
use crate::cmd::serve;
use crate::data::DataFolder;
use crate::printer::Printer;

/// `wharf admin reset`: a new password for the user `admin`, printed where it was made up. Tokens of the old one end.
///
/// # Errors
/// The server runs, nothing is there, the password does not do, or the ledger fails.
pub fn reset(args: &ResetArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let config = super::resolve(&args.settings)?.config;
    let password = args.password_stdin.then(read_password).transpose()?;
    let _held = DataFolder::open(&config.data, false)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let made_up = runtime.block_on(async {
        let ledger = serve::open_ledger(&config).await?;
        let made_up = local::reset_admin(&*ledger, password.as_deref()).await?;
        anyhow::Ok(made_up)
    })?;
    match made_up {
        Some(password) => printer.line(&password)?,
        None => printer.note("the password of admin was set"),
    }
    Ok(Outcome::Done)
}

fn read_password() -> anyhow::Result<String> {
    let mut line = String::new();
    // One more byte than may be, and the end of the line, so that too long a password is seen to be.
    let mut input = std::io::stdin().lock().take(CREDENTIAL_BYTES_MAX as u64 + 2);
    input.read_line(&mut line).context("the password cannot be read from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "standard input has no password in its first line");
    Ok(password.to_owned())
}
