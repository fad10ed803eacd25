//! `wharf kinds`: what kinds of artifacts there are, and which one something is.

mod page;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde::Serialize;
use wharf_artifact::kind::command::Place;
use wharf_artifact::kind::told;
use wharf_artifact::kind::{Kind, Kinds, folder};
use wharf_model::api::kind::{self as api, Command, Decided};
use wharf_model::api::list::List;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;

use crate::Outcome;
use crate::args::end::End;
use crate::args::kinds::{KindsArgs, KindsCommand, ListArgs, ShowArgs};
use crate::args::reference::LookArgs;
use crate::end::Reach;
use crate::found::{self, By, Found};
use crate::printer::Printer;
use crate::session;
use crate::table::{Table, printable, sheet};

/// What `test` tells.
#[derive(Serialize)]
struct Tested {
    reference: String,
    digest: Digest,
    kind: Decided,
    commands: Vec<Command>,
}

/// Runs the command.
///
/// # Errors
/// The folder of kinds cannot be used, there is no such kind, or what is to be tested is not there.
pub fn run(args: &KindsArgs, printer: &Printer) -> Result<Outcome> {
    let kinds = load(args.kinds.as_deref())?;
    match &args.command {
        KindsCommand::List(args) => list(&kinds, args, printer),
        KindsCommand::Show(args) => show(&kinds, args, printer),
        KindsCommand::Test(args) => test(&kinds, args, printer),
        KindsCommand::Page => {
            printer.bytes(page::page(&kinds).as_bytes())?;
            Ok(Outcome::Done)
        }
    }
}

fn load(own: Option<&Path>) -> Result<Arc<Kinds>> {
    Ok(match own {
        None => Kinds::built_in().clone(),
        Some(own) => Arc::new(Kinds::with_own(folder::read(own)?)?),
    })
}

fn list(kinds: &Kinds, args: &ListArgs, printer: &Printer) -> Result<Outcome> {
    let is_wanted = |kind: &&Kind| args.category.as_deref().is_none_or(|wanted| wanted == kind.category.as_str());
    let items: Vec<api::Kind> = kinds.iter().filter(is_wanted).map(Kind::told).collect();
    printer.show(args.json, &List { items, next: None }, |list| {
        let mut table = Table::new(&["KIND", "TITLE", "CATEGORY", "VERIFIED"]);
        for kind in &list.items {
            let verified = kind.verified.how.clone();
            table.row([kind.id.clone(), kind.title.clone(), kind.category.clone(), verified]);
        }
        table.text()
    })?;
    Ok(Outcome::Done)
}

fn show(kinds: &Kinds, args: &ShowArgs, printer: &Printer) -> Result<Outcome> {
    let none = || format!("there is no kind {:?}; `wharf kinds list` lists them", args.id);
    let kind = kinds.get(&args.id).with_context(none)?.told();
    printer.show(args.json, &kind, about)?;
    Ok(Outcome::Done)
}

fn about(kind: &api::Kind) -> String {
    let verified = &kind.verified;
    let head = sheet([
        ("kind", Some(kind.id.clone())),
        ("title", Some(kind.title.clone())),
        ("category", Some(kind.category.clone())),
        ("note", Some(kind.note.clone())),
        ("declared in", Some(kind.file.clone())),
        ("verified", Some(verified.how.clone())),
        ("read in", Some(verified.at.join(", "))),
        ("what", Some(verified.read.clone())),
        ("doubtful", Some(verified.doubtful.clone())),
    ]);
    let facts = kind.facts.iter().map(|fact| format!("{}: {}", fact.name, fact.from));
    let facts: Vec<String> = facts.chain(kind.more.iter().cloned()).collect();
    let all = ["pull", "use", "inspect", "verify", "copy", "push"];
    let parts = [head, block("told by any of", &kind.rules), shown(&kind.commands, &all), block("facts", &facts)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn block(title: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| printable(&format!("  {line}"))).collect();
    if lines.is_empty() { String::new() } else { format!("{title}:\n{}", lines.join("\n")) }
}

fn test(kinds: &Kinds, args: &LookArgs, printer: &Printer) -> Result<Outcome> {
    let tested = session::block_on_all(async {
        let found = Found::get(&Reach::new(&args.reach)?, &args.end, None).await?;
        let manifest = found.manifest()?;
        let tag = args.end.tag();
        let by = By { tag: tag.as_ref(), named_by: None };
        let decided = found::decide(kinds, found.source(), &manifest, by).await?.decided;
        let digest = found.fetched.digest;
        let commands = commands(decided.kind, &args.end, &manifest, &digest);
        Ok(Tested { reference: args.end.to_string(), digest, kind: decided.told(), commands })
    });
    let tested = session::about(&args.end, &args.end.place(), tested)?;
    printer.show(args.json, &tested, |tested| {
        let head = sheet([
            ("reference", Some(tested.reference.clone())),
            ("digest", Some(tested.digest.to_string())),
            ("kind", Some(format!("{} ({})", tested.kind.title, tested.kind.id))),
            ("because", Some(tested.kind.rule.clone())),
        ]);
        let commands = shown(&tested.commands, &["pull", "use", "inspect", "verify"]);
        [head, commands].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    })?;
    Ok(if tested.kind.id == "unknown" { Outcome::No } else { Outcome::Done })
}

/// The commands for what `end` names, where that is in a registry: from there others can fetch it too.
pub fn commands(kind: &Kind, end: &End, manifest: &Manifest, digest: &Digest) -> Vec<Command> {
    let End::Registry(image) = end else { return Vec::new() };
    let tag = image.tag.as_ref().filter(|_| image.digest.is_none());
    let subject = told::subject(manifest, tag);
    kind.commands_for(&Place {
        host: &image.host,
        repository: &image.repository,
        tag,
        digest: Some(digest),
        subject: subject.as_ref(),
    })
}

/// The commands that do one of these, for people: a line each, below what it does.
pub fn shown(commands: &[Command], does: &[&str]) -> String {
    let parts = does.iter().filter_map(|does| {
        let commands = commands.iter().filter(|command| command.does == **does);
        let lines: Vec<String> = commands.map(line).collect();
        (!lines.is_empty()).then(|| format!("{does}:\n{}", lines.join("\n")))
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

fn line(command: &Command) -> String {
    let doubt = if command.verified { "" } else { "  (not verified)" };
    let mut lines = command.text.lines().map(printable);
    if command.form == "shell" {
        return format!("  {}{doubt}", lines.next().unwrap_or_default());
    }
    let lines: Vec<String> = lines.map(|line| format!("    {line}")).collect();
    format!("  {}:{doubt}\n{}", command.client, lines.join("\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn commands_are_shown_by_what_they_do() {
        let command = |does: &str, form: &str, text: &str| Command {
            does: does.to_owned(),
            client: "x".to_owned(),
            form: form.to_owned(),
            text: text.to_owned(),
            verified: does != "push",
        };
        let all =
            [command("pull", "shell", "x pull"), command("push", "shell", "x push"), command("use", "file", "a:\n  b")];
        assert_eq!(shown(&all, &["pull", "use"]), "pull:\n  x pull\n\nuse:\n  x:\n    a:\n      b");
        assert_eq!(shown(&all, &["push"]), "push:\n  x push  (not verified)");
        assert_eq!(shown(&all, &["copy"]), "");
    }

    #[test]
    fn what_is_in_a_folder_has_no_commands_for_others() {
        let manifest = Manifest::parse(br#"{"schemaVersion":2,"layers":[]}"#, None).expect("a manifest");
        let digest = format!("sha256:{}", "a".repeat(64)).parse().expect("a digest");
        let kind = Kinds::built_in().get("files").expect("a kind");
        let of = |end: &str| commands(kind, &end.parse().expect("an end"), &manifest, &digest);
        assert!(of("oci:folder:1.0").is_empty());
        assert_eq!(of("r.example.com/acme/app:1.0")[0].text, "oras pull r.example.com/acme/app:1.0 -o app");
        let pinned = of(&format!("r.example.com/acme/app:1.0@{digest}"));
        assert_eq!(pinned[0].text, format!("oras pull r.example.com/acme/app@{digest} -o app"), "the digest counts");
    }
}
