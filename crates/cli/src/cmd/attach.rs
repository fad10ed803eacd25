//! `wharf attach`: files beside what they are about, found through it.

use anyhow::Result;

use super::push;
use crate::Outcome;
use crate::args::attach::AttachArgs;
use crate::printer::Printer;

/// Runs the command.
///
/// # Errors
/// As of a push; or what it is attached to is not there.
pub fn run(args: &AttachArgs, printer: &Printer) -> Result<Outcome> {
    push::run(&args.as_push(), printer)
}
