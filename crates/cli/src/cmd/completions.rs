//! `wharf completions`.

use clap::CommandFactory as _;

use crate::Outcome;
use crate::args::{Cli, CompletionsArgs};
use crate::printer::Printer;

/// Prints what a shell reads to complete our commands.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(args: &CompletionsArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wharf", &mut script);
    printer.bytes(&script)?;
    Ok(Outcome::Done)
}
