//! The only writer of standard output and, beside the log, of standard error.

use std::io::{self, ErrorKind, Write as _};

use serde::Serialize;
use wharf_client::error::Error;
use wharf_content::abilities::{Need, Obstacle, Unfit};
use wharf_content::error::Error as ContentError;

use crate::session::NotNamed;

/// What to try where something is not there.
const MISSING: &str = "`wharf ls` lists what is there, as far as you may see it";

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Printer;

impl Printer {
    /// A line of the command's result. Where nobody reads any more, the command goes on in silence.
    ///
    /// # Errors
    /// Standard output cannot be written, as on a full disk.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// The command's result as it is.
    ///
    /// # Errors
    /// As [`Printer::line`].
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.chunk(bytes).map(drop)
    }

    /// A part of the command's result as it is; `false` where nobody reads any more.
    ///
    /// # Errors
    /// As [`Printer::line`].
    pub fn chunk(&self, bytes: &[u8]) -> io::Result<bool> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One thing: as JSON, or by `text`.
    ///
    /// # Errors
    /// As [`Printer::line`].
    pub fn show<T: Serialize>(&self, is_json: bool, thing: &T, text: impl FnOnce(&T) -> String) -> io::Result<()> {
        let text = if is_json { serde_json::to_string_pretty(thing)? } else { text(thing) };
        // A list of nothing is no empty line.
        if text.is_empty() { Ok(()) } else { self.line(&text) }
    }

    /// A line for whoever watches, in one write, so that it is not torn by the log.
    pub fn note(&self, text: &str) {
        // There is nobody to tell that there is nobody.
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
    }

    /// What is asked; the answer stands on the same line.
    pub fn prompt(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// What failed, on what, and why; and what to try next, where that can be said.
    pub fn failed(&self, error: &anyhow::Error) {
        self.note(&format!("wharf: {error:#}"));
        let by_name =
            error.downcast_ref().map(|NotNamed { by }| format!("name one {by}; `wharf serve` starts one here"));
        let hint = by_name.or_else(|| {
            error.chain().find_map(|error| match error.downcast_ref() {
                Some(ContentError::Missing { .. }) => Some(MISSING.to_owned()),
                Some(ContentError::Unfit(unfit)) => Some(way_out(unfit)),
                _ => said_by_registry(error).and_then(Error::hint),
            })
        });
        if let Some(hint) = hint {
            self.note(&format!("hint: {hint}"));
        }
    }
}

/// What there is to do where a registry does not take something.
fn way_out(unfit: &Unfit) -> String {
    let host = unfit.place.split('/').next().unwrap_or_default();
    let anew = format!("`wharf probe {host}` finds out anew what it takes");
    let is_index = |one: &Obstacle| matches!(one.need, Need::Index | Need::MultiArch | Need::MixedIndex);
    let root: Vec<&Obstacle> = unfit.obstacles.iter().filter(|one| one.is_root).collect();
    match root.first() {
        None => format!("--no-referrers leaves out what refers to it; {anew}"),
        Some(one) if one.manifest.is_some() && root.iter().all(|one| is_index(one)) => {
            format!("--platform OS/ARCH --single copies one image without its index; {anew}")
        }
        Some(_) => anew,
    }
}

/// What a registry had to do with it, be it that content was moved.
fn said_by_registry<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    match error.downcast_ref::<ContentError>() {
        Some(ContentError::End(inner)) => inner.downcast_ref(),
        _ => error.downcast_ref(),
    }
}
