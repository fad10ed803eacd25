//! Which registry, as whom: what every command that speaks to one begins with, and how it tells what came of it.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use wharf_client::admin::Admin;
use wharf_client::credentials::{Credentials, Login, Secret};
use wharf_client::error::Error as ClientError;
use wharf_client::http::{Http, HttpSettings};
use wharf_client::origin::Origin;
use wharf_model::api::list::List;

use crate::Outcome;
use crate::args::remote::{RemoteArgs, ServerArgs, TlsArgs};
use crate::ask;
use crate::printer::Printer;
use crate::table::{Table, printable};

/// The registry that is meant where nothing is said: what `wharf serve` is, unless told otherwise.
pub const DEFAULT_REGISTRY: &str = "127.0.0.1:5000";

/// How long it is waited for threads that are busy with files when a command ends.
const END_WAIT: Duration = Duration::from_secs(2);

/// One command's talk with a registry.
pub struct Session<'a> {
    /// The calls that can be made.
    pub admin: Admin,
    /// The password or token of the login, where it has one.
    pub password: Option<Secret>,
    printer: &'a Printer,
    is_json: bool,
}

/// Runs `work` with the registry that the arguments name, logged in as the files say.
///
/// # Errors
/// The address or the login is no good, or what `work` says.
pub fn run<W>(args: &RemoteArgs, printer: &Printer, work: W) -> Result<Outcome>
where
    W: AsyncFnOnce(&Session<'_>) -> Result<Outcome>,
{
    run_at(None, args, printer, work)
}

/// The same with the registry `named`, where one is.
///
/// # Errors
/// As [`run`].
pub fn run_at<W>(named: Option<&str>, args: &RemoteArgs, printer: &Printer, work: W) -> Result<Outcome>
where
    W: AsyncFnOnce(&Session<'_>) -> Result<Outcome>,
{
    let is_named = named.is_some() || args.server.registry.is_some();
    let done = block_on(async {
        let origin = origin(&args.server, named)?;
        let login = credentials().get(&origin).await?;
        let password = match &login {
            Some(Login::Password { password, .. }) => Some(password.clone()),
            _ => None,
        };
        let admin = Admin::new(http(&args.server)?, origin, login)?;
        work(&Session { admin, password, printer, is_json: args.json }).await
    });
    if is_named { done } else { unnamed("by --registry or WHARF_REGISTRY", done) }
}

/// No registry was named, and there is none where one is looked for then.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no registry was named")]
pub struct NotNamed {
    /// How one is.
    pub by: &'static str,
}

/// What came of asking the registry that is meant where nothing is said; `by` tells how one would be named.
///
/// # Errors
/// Those of `result`.
pub fn unnamed<T>(by: &'static str, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error.downcast_ref() {
        Some(ClientError::Unreachable { .. }) => error.context(NotNamed { by }),
        _ => error,
    })
}

/// Runs `work` to its end, on this thread.
///
/// # Errors
/// What `work` says.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Somebody has asked the command to stop, by Ctrl-C.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Runs `work`, which moves content, to its end, on all processors; or until Ctrl-C, which drops it where it is.
///
/// # Errors
/// What `work` says, or [`Interrupted`].
pub fn block_on_all<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            done = work => done,
            _ = interrupt.recv() => Err(Interrupted.into()),
        }
    });
    // What waits for the disk ends soon, and takes what it began with it; what waits for standard input does not.
    runtime.shutdown_timeout(END_WAIT);
    done
}

/// What came of something about `what`, in the repository, folder or file `place`; errors name it, where they do not
/// already: a registry says only who it is.
///
/// # Errors
/// Those of `result`.
pub fn about<T>(what: impl Display, place: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| if format!("{error:#}").contains(place) { error } else { error.context(what.to_string()) })
}

/// The registry that is meant: `named`, else what the flag or the variable says, else our own.
///
/// # Errors
/// It is none.
pub fn origin(args: &ServerArgs, named: Option<&str>) -> Result<Origin> {
    let name = named.or(args.registry.as_deref()).unwrap_or(DEFAULT_REGISTRY);
    Ok(Origin::parse(name, args.plain_http).map_err(wharf_client::error::Error::from)?)
}

/// What sends the requests.
///
/// # Errors
/// A file of certificates cannot be read.
pub fn http(args: &ServerArgs) -> Result<Http> {
    let user_agent = format!("wharf/{}", env!("CARGO_PKG_VERSION"));
    let TlsArgs { ca_file, cert_file, key_file } = args.tls.clone();
    let identity = cert_file.zip(key_file);
    let certificate_folders = certificate_folders();
    let settings = HttpSettings { ca_file, identity, certificate_folders, user_agent, ..HttpSettings::default() };
    Ok(Http::new(settings)?)
}

/// Where others keep certificates for single registries: those of the user before those of the machine.
fn certificate_folders() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".config"));
    let own = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from).or(home);
    let own = own.iter().flat_map(|folder| ["docker/certs.d", "containers/certs.d"].map(|below| folder.join(below)));
    own.chain(["docker", "containers", "containerd"].map(|of| PathBuf::from(format!("/etc/{of}/certs.d")))).collect()
}

/// Where logins are.
pub fn credentials() -> Credentials {
    Credentials::from_env(|name| std::env::var_os(name))
}

impl Session<'_> {
    /// Tells one thing: as the API does, or by `text`.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn show<T: Serialize>(&self, thing: &T, text: impl FnOnce(&T) -> String) -> Result<Outcome> {
        let text = if self.is_json { serde_json::to_string_pretty(thing)? } else { text(thing) };
        self.printer.line(&text)?;
        Ok(Outcome::Done)
    }

    /// Tells a list: as the API does, in one page, or as a table.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn list<T, R>(&self, items: Vec<T>, headings: &[&str], row: R) -> Result<Outcome>
    where
        T: Serialize,
        R: Fn(&T) -> Vec<String>,
    {
        self.show(&List { items, next: None }, |list| {
            let mut table = Table::new(headings);
            list.items.iter().for_each(|item| table.row(row(item)));
            table.text()
        })
    }

    /// Tells what was made or changed: as the API does, or as `note` to whoever watches.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn made<T: Serialize>(&self, thing: &T, note: &str) -> Result<Outcome> {
        if self.is_json {
            return self.show(thing, |_| String::new());
        }
        Ok(self.done(note))
    }

    /// Tells what was made, and its secret alone on standard output.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn made_with_secret<T: Serialize>(&self, thing: &T, secret: Option<&str>, note: &str) -> Result<Outcome> {
        let Some(secret) = secret.filter(|_| !self.is_json) else { return self.made(thing, note) };
        self.done(&format!("{note}; the secret, shown only this once, is"));
        self.printer.line(&printable(secret))?;
        Ok(Outcome::Done)
    }

    /// Says to whoever watches that it is done.
    pub fn done(&self, note: &str) -> Outcome {
        self.printer.note(&printable(note));
        Outcome::Done
    }

    /// Tells whoever watches.
    pub fn note(&self, text: &str) {
        self.printer.note(text);
    }

    /// Whether `what` is really meant; asked where there is a terminal, unless `yes`.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn confirm(&self, what: &str, yes: bool) -> Result<bool> {
        ask::confirm(self.printer, &format!("{what} at {}?", self.admin.origin().name()), yes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn how_a_registry_is_named_is_told_where_none_was() {
        let away = || ClientError::Unreachable { server: DEFAULT_REGISTRY.to_owned(), why: "refused".to_owned() };
        let error = unnamed::<()>("by name", Err(away().into())).expect_err("away");
        assert_eq!(format!("{error:#}"), "no registry was named: 127.0.0.1:5000 cannot be reached: refused");
        assert_eq!(error.downcast_ref::<NotNamed>().map(|not_named| not_named.by), Some("by name"));
        let other = unnamed::<()>("by name", Err(ClientError::Setup("x".to_owned()).into())).expect_err("another");
        assert!(!other.is::<NotNamed>());
        assert_eq!(away().hint().as_deref(), Some("does a registry run there? `wharf serve` starts one"));
    }
}
