//! `wharf config`: the settings in force, and where each value came from.

use wharf_server::config::show;

use crate::Outcome;
use crate::args::ConfigArgs;
use crate::printer::Printer;

/// Runs the command.
///
/// # Errors
/// The configuration is refused.
pub fn run(args: &ConfigArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let text = if args.page {
        show::page()
    } else {
        let resolved = super::resolve(&args.settings)?;
        if args.json { serde_json::to_string_pretty(&show::json(&resolved))? } else { show::toml(&resolved) }
    };
    printer.line(text.trim_end())?;
    Ok(Outcome::Done)
}
