//! The only writer of standard output and, beside the log, of standard error.

use std::io::{self, ErrorKind, Write as _};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Printer;

impl Printer {
    /// A line of the command's result. Where nobody reads any more, the command goes on in silence.
    ///
    /// # Errors
    /// Standard output cannot be written, as on a full disk.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// A line for whoever watches, in one write, so that it is not torn by the log.
    pub fn note(&self, text: &str) {
        // There is nobody to tell that there is nobody.
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
    }

    /// What failed, on what, and why.
    pub fn failed(&self, error: &anyhow::Error) {
        self.note(&format!("wharf: {error:#}"));
    }
}
