//! What people are asked for: names, passwords, whether they mean it.

use std::io::{BufRead as _, IsTerminal as _, Read as _, stdin};

use anyhow::{Context as _, Result, bail, ensure};
use wharf_model::limits::CREDENTIAL_BYTES_MAX;

use crate::printer::Printer;

/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 4 << 10;

/// Whether somebody can be asked.
pub fn is_terminal() -> bool {
    stdin().is_terminal()
}

/// Whether `what` is really meant: asked where there is a terminal and it was not said already by `--yes`.
///
/// # Errors
/// The terminal cannot be read.
pub fn confirm(printer: &Printer, what: &str, yes: bool) -> Result<bool> {
    if yes || !is_terminal() {
        return Ok(true);
    }
    let answer = line(printer, &format!("{what} [y/N] "))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A line of text.
///
/// # Errors
/// Standard input cannot be read.
pub fn line(printer: &Printer, prompt: &str) -> Result<String> {
    printer.prompt(prompt);
    let mut line = String::new();
    stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line).context("standard input cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A password, without showing it. `instead` says what to do where nobody can be asked.
///
/// # Errors
/// There is no terminal, or nothing was written.
pub fn password(prompt: &str, instead: &str) -> Result<String> {
    if !is_terminal() {
        bail!("there is no terminal to ask for a password; {instead}");
    }
    let password = rpassword::prompt_password(prompt).context("the password cannot be read from the terminal")?;
    ensure!(!password.is_empty(), "there is no password");
    Ok(password)
}

/// A new password, asked for twice.
///
/// # Errors
/// As [`password`], or they differ.
pub fn new_password(prompt: &str, instead: &str) -> Result<String> {
    let first = password(prompt, instead)?;
    ensure!(first == password("the same again: ", instead)?, "the two passwords differ");
    Ok(first)
}

/// The password in the first line of standard input.
///
/// # Errors
/// There is none.
pub fn piped_password() -> Result<String> {
    let mut line = String::new();
    // One more byte than may be, and the end of the line, so that too long a password is seen to be.
    let mut input = stdin().lock().take(CREDENTIAL_BYTES_MAX as u64 + 2);
    input.read_line(&mut line).context("the password cannot be read from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "standard input has no password in its first line");
    Ok(password.to_owned())
}
