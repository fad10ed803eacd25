//! `wharf man`: the manual, made of the help pages.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

use crate::Outcome;
use crate::args::{Cli, ManArgs};
use crate::printer::Printer;

/// Prints the page of `wharf`, or writes a page for every command into a folder.
///
/// # Errors
/// The folder or standard output cannot be written.
pub fn run(args: &ManArgs, printer: &Printer) -> Result<Outcome> {
    match &args.folder {
        Some(folder) => pages(folder).with_context(|| format!("{} cannot be written", folder.display()))?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            printer.bytes(&page)?;
        }
    }
    Ok(Outcome::Done)
}

fn pages(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut ahead = vec![(command, "wharf".to_owned())];
    while let Some((command, name)) = ahead.pop() {
        for under in command.get_subcommands().filter(|under| !under.is_hide_set()) {
            ahead.push((under.clone(), format!("{name}-{}", under.get_name())));
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command.display_name(name.clone())).title(&name).render(&mut page)?;
        std::fs::write(folder.join(format!("{name}.1")), page)?;
    }
    Ok(())
}
