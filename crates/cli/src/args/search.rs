//! `wharf search`.

use clap::Args;
use wharf_model::search::FIELDS;

use super::remote::RemoteArgs;

/// What stands below the options: fields from their one table.
pub fn help() -> String {
    let width = FIELDS.iter().map(|field| field.example.len()).max().unwrap_or(0);
    let line = |field: &wharf_model::search::Field| format!("  {:<width$}  {}\n", field.example, field.about);
    let fields: String = FIELDS.iter().map(line).collect();
    format!(
        "Words are found in names, titles, descriptions, tags, labels and annotations; all of them must be there. Fields:\n{fields}\
        - before a word or a field says that it must not hold, * stands for anything, quotes keep together what has spaces.\n\
        Where nothing is found the exit code is 1.\n\n\
        Examples:\n  \
        wharf search nginx\n  \
        wharf search redis kind:helm license:MIT\n  \
        wharf search 'signed:no pushed:>2026-01-01 -project:sandbox' -n 100\n  \
        wharf search repo:acme/app 'tag:1.*' --all --json"
    )
}

/// Arguments of `search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Words and fields; in single quotes, where a shell would take a sign for its own
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Each artifact, and not only what fits best in each repository
    #[arg(short, long)]
    pub all: bool,
    /// At most so many
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 25)]
    pub limit: usize,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}
