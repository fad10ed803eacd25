//! `wharf admin`: what is done to an installation whose server does not run.

use wharf_registry::identity::local;

use crate::Outcome;
use crate::args::ResetArgs;
use crate::ask;
use crate::cmd::serve;
use crate::data::DataFolder;
use crate::printer::Printer;

/// `wharf admin reset`: a new password for the user `admin`, printed where it was made up. All else that it could log in with
/// ends.
///
/// # Errors
/// The server runs, nothing is there, the password does not do, or the ledger fails.
pub fn reset(args: &ResetArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let config = super::resolve(&args.settings)?.config;
    let password = args.password_stdin.then(ask::piped_password).transpose()?;
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
