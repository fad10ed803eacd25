//! `wharf search`.

use anyhow::Result;
use wharf_model::api::facts::Line;
use wharf_model::api::search::{Hit, SearchResult};
use wharf_model::units::size;

use crate::Outcome;
use crate::args::search::SearchArgs;
use crate::moment::moment;
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::{Table, printable};

/// How many platforms of something are told in a table.
const PLATFORMS_TOLD: usize = 2;

/// Runs the command: no where nothing is found.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &SearchArgs, printer: &Printer) -> Result<Outcome> {
    let query = args.query.join(" ");
    session::run(&args.remote, printer, async |session: &Session<'_>| {
        let found = session.admin.search(&query, args.all, args.limit).await?;
        if found.indexing {
            session.note("the index is being made; what was pushed earlier may be missing still");
        }
        let is_empty = found.items.is_empty();
        if !is_empty || args.remote.json {
            session.show(&found, |found| text(found, args.all))?;
        }
        let notes = if is_empty { nothing(&found) } else { vec![counted(&found)] };
        notes.iter().filter(|_| !args.remote.json).for_each(|note| session.note(&printable(note)));
        Ok(if is_empty { Outcome::No } else { Outcome::Done })
    })
}

fn text(found: &SearchResult, all: bool) -> String {
    let mut table = Table::new(&["NAME", "KIND", "TITLE", "SIZE", "PLATFORMS", "PUSHED", "SIGNED"]);
    found.items.iter().for_each(|hit| table.row(row(hit, all)));
    table.text()
}

fn row(hit: &Hit, all: bool) -> [String; 7] {
    let name = match &hit.tag {
        Some(tag) => format!("{}:{tag}", hit.repository),
        None => format!("{}@{}", hit.repository, hit.digest),
    };
    let others = hit.matches.saturating_sub(1);
    let name = if others > 0 && !all { format!("{name} (+{others})") } else { name };
    let line = |line: &Option<Line>| line.as_ref().map(|line| line.as_str().to_owned());
    let mut platforms: Vec<&str> = hit.platforms.iter().take(PLATFORMS_TOLD).map(Line::as_str).collect();
    let more = hit.platforms.len().saturating_sub(PLATFORMS_TOLD);
    let more = if more > 0 { format!("+{more}") } else { String::new() };
    platforms.extend((!more.is_empty()).then_some(&*more));
    [
        name,
        hit.kind.as_ref().map(|kind| kind.title.clone()).unwrap_or_default(),
        line(&hit.title).or_else(|| line(&hit.summary)).unwrap_or_default(),
        hit.size.map(size).unwrap_or_default(),
        platforms.join(", "),
        moment(hit.pushed_at),
        if hit.signed { "yes" } else { "" }.to_owned(),
    ]
}

/// How much there is, for whoever sees a part of it.
fn counted(found: &SearchResult) -> String {
    let more = if found.more { "+" } else { "" };
    let many = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let mut text = format!(
        "{}{more} in {}",
        many(found.total, "artifact", "artifacts"),
        many(found.repositories, "repository", "repositories")
    );
    for corrected in &found.corrected {
        text.push_str(&format!("; {} was taken for {}", corrected.word, corrected.to.join(", ")));
    }
    text
}

/// That there is nothing, and what to try.
fn nothing(found: &SearchResult) -> Vec<String> {
    if found.clauses.is_empty() {
        return vec!["nothing is there that you may pull".to_owned()];
    }
    let hint = if found.clauses.len() > 1 {
        "all of it must hold; leave something out"
    } else {
        "you find only what you may pull; `wharf search --help` tells the fields"
    };
    vec![format!("nothing is found for {}", found.query), format!("hint: {hint}")]
}
