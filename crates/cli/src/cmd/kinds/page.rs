//! The guide's page on kinds, `docs/guide/kinds.md`: how to declare one, and all that come with Wharf.

use std::fmt::Write as _;

use wharf_artifact::kind::{Kind, Kinds};
use wharf_model::api::kind as api;

/// What the page begins with.
const HEAD: &str = include_str!("head.md");

/// The whole page.
pub(super) fn page(kinds: &Kinds) -> String {
    let kinds: Vec<api::Kind> = kinds.iter().map(Kind::told).collect();
    let mut page = HEAD.to_owned();
    page.push_str("| kind | title | category | told by | facts | commands | verified |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for kind in &kinds {
        // Writing to a string does not fail.
        let _ = writeln!(page, "{}", row(kind));
    }
    page.push_str("\n## One by one\n");
    for kind in &kinds {
        page.push_str(&section(kind));
    }
    page
}

fn row(kind: &api::Kind) -> String {
    let mut clients: Vec<&str> = Vec::new();
    for command in &kind.commands {
        let client = command.client.split(" (").next().unwrap_or_default();
        if !clients.contains(&client) {
            clients.push(client);
        }
    }
    let rules = match kind.rules.as_slice() {
        [] => "–".to_owned(),
        [only] => format!("`{only}`"),
        [first, more @ ..] => format!("`{first}`, or {} more", more.len()),
    };
    let verified = if kind.verified.doubtful.is_empty() { "" } else { ", with doubts" };
    let cells = [
        format!("`{}`", kind.id),
        kind.title.clone(),
        kind.category.clone(),
        rules,
        kind.facts.len().to_string(),
        clients.join(", "),
        format!("{}{verified}", kind.verified.how),
    ];
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn section(kind: &api::Kind) -> String {
    let mut text = format!("\n### {} (`{}`)\n\n", kind.title, kind.id);
    if !kind.note.is_empty() {
        text.push_str(&format!("{}\n\n", kind.note));
    }
    list(&mut text, "Told by", kind.rules.iter().map(|rule| format!("`{rule}`")));
    let commands = kind.commands.iter().map(|command| {
        let doubt = if command.verified { "" } else { " (not verified)" };
        let shown = command.text.trim_end().lines().collect::<Vec<_>>().join(" ⏎ ");
        format!("{}, {}{doubt}: `{shown}`", command.does, command.client)
    });
    list(&mut text, "Commands", commands);
    let facts = kind.facts.iter().map(|fact| format!("{}: `{}`", fact.name, fact.from));
    list(&mut text, "Facts", facts.chain(kind.more.iter().cloned()));
    let at: Vec<String> = kind.verified.at.iter().map(|at| format!("`{at}`")).collect();
    text.push_str(&format!("Verified ({}) in {}: {}\n", kind.verified.how, at.join(", "), kind.verified.read));
    if !kind.verified.doubtful.is_empty() {
        text.push_str(&format!("Doubtful: {}.\n", kind.verified.doubtful));
    }
    text
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.map(|line| format!("- {line}")).collect();
    if !lines.is_empty() {
        text.push_str(&format!("{title}:\n\n{}\n\n", lines.join("\n")));
    }
}
