//! The client itself, for whoever has none yet.

use wharf_model::digest::Digest;

use super::home::First;
use super::html::{Copy, Size};
use super::route::Page;
use super::shell::Shell;
use super::{Trouble, Visit, found};
use crate::download;
use crate::program::{PLATFORM, PLATFORM_UNAME, Program};
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "client.html")]
struct Client {
    shell: Shell,
    version: &'static str,
    platform: &'static str,
    is_glibc: bool,
    size: Size,
    digest: Digest,
    path: String,
    lines: Vec<(&'static str, String, Copy)>,
    first: First,
}

/// The line that fetches it onto the machine where it is typed.
pub fn fetch_line(visit: &Visit<'_>) -> String {
    let page = Page::ClientFile(PLATFORM.to_owned());
    format!("curl -fsSLo wharf '{}{page}' && chmod +x wharf && export PATH=\"$PWD:$PATH\"", visit.origin)
}

/// `/-/client`
pub async fn show(visit: &Visit<'_>) -> Result<Answer, Trouble> {
    let program = program().await?;
    let line = |about, line: String| (about, line.clone(), Copy::new("the command", line));
    let lines = vec![
        line("Fetch it", fetch_line(visit)),
        line("See that it is what was sent", format!("echo '{}  wharf' | sha256sum -c", program.digest.hex())),
    ];
    let page = Client {
        shell: visit.shell("The client"),
        version: env!("CARGO_PKG_VERSION"),
        platform: PLATFORM,
        is_glibc: cfg!(target_env = "gnu"),
        size: Size::new(program.size),
        digest: program.digest,
        path: Page::ClientFile(PLATFORM.to_owned()).to_string(),
        lines,
        first: First::with_client(visit, "demo/hello"),
    };
    found(visit, &page)
}

/// `/-/client/<platform>`: the program, to be saved.
pub async fn get(visit: &Visit<'_>, platform: &str) -> Result<Answer, Trouble> {
    if platform != PLATFORM && platform != PLATFORM_UNAME {
        return Err(Trouble::NotHere);
    }
    Ok(download::program(visit.registry(), program().await?, visit.parts).await?)
}

async fn program() -> Result<Program, Trouble> {
    Program::get().await.map_err(|error| Trouble::Failed(format!("the program cannot be read: {error}")))
}
