//! `wharf apply` and `wharf export config`: all that is configured, as documents.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use wharf_model::api::config::{Config, Plan, Planned, Verb};
use wharf_model::limits::CONFIG_BODY_BYTES_MAX;

use crate::Outcome;
use crate::args::apply::{ApplyArgs, ExportArgs, ExportCommand};
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::printable;

/// How files with documents end, in a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Most files of a folder.
const FILES_MAX: usize = 10_000;

/// Runs `apply`.
///
/// # Errors
/// A file is no document, what the registry says, or why it says nothing.
pub fn apply(args: &ApplyArgs, printer: &Printer) -> Result<Outcome> {
    let config = read_all(&args.files)?;
    session::run(&args.remote, printer, async |session: &Session<'_>| {
        let plan = session.admin.apply_config(&config, true).await?;
        if plan.changes.is_empty() {
            return session.made(&plan, "all is as the document says");
        }
        if args.dry_run {
            session.show(&plan, told)?;
            return Ok(Outcome::No);
        }
        session.note(&told(&plan));
        if !session.confirm("make these changes", args.yes)? {
            return Ok(Outcome::No);
        }
        let plan = session.admin.apply_config(&config, false).await?;
        session.made(&plan, &format!("{} changes were made", plan.changes.len()))
    })
}

/// Runs `export`.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn export(args: &ExportArgs, printer: &Printer) -> Result<Outcome> {
    let ExportCommand::Config = args.command;
    session::run(&args.remote, printer, async |session: &Session<'_>| {
        let config = session.admin.export_config().await?;
        let text = serde_saphyr::to_string(&config).context("the document cannot be written as YAML")?;
        session.show(&config, |_| text.trim_end().to_owned())
    })
}

/// One line for each change, and one for each detail.
fn told(plan: &Plan) -> String {
    let line = |Planned { verb, what, details }: &Planned| {
        let sign = match verb {
            Verb::Create => '+',
            Verb::Update => '~',
            Verb::Remove => '-',
        };
        let details: String = details.iter().map(|detail| format!("\n    {}", printable(detail))).collect();
        format!("{sign} {}{details}", printable(what))
    };
    plan.changes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What all the files say together.
fn read_all(files: &[PathBuf]) -> Result<Config> {
    let mut all = Config::default();
    for file in files {
        for (name, text) in texts(file)? {
            for config in documents(&name, &text)? {
                all.merge(config).map_err(|problem| anyhow!("{name}: {}: {}", problem.at, problem.reason))?;
            }
        }
    }
    Ok(all)
}

/// The documents of a file; errors say where in it.
fn documents(name: &str, text: &str) -> Result<Vec<Config>> {
    serde_saphyr::from_multiple::<Config>(text).map_err(|error| anyhow!("{name} is no document: {error}"))
}

fn texts(file: &Path) -> Result<Vec<(String, String)>> {
    if file == Path::new("-") {
        return Ok(vec![("standard input".to_owned(), bounded("standard input", std::io::stdin().lock())?)]);
    }
    let is_folder = std::fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?.is_dir();
    let files = if is_folder { in_folder(file)? } else { vec![file.to_owned()] };
    let mut texts = Vec::with_capacity(files.len());
    for file in files {
        let name = file.display().to_string();
        let open = std::fs::File::open(&file).with_context(|| format!("{name} cannot be read"))?;
        texts.push((name.clone(), bounded(&name, open)?));
    }
    Ok(texts)
}

/// The files of a folder that have documents, in the order of their names; not those of the folders in it.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("the folder {} cannot be read", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let has_ending = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
        if has_ending && path.is_file() {
            files.push(path);
        }
        ensure!(files.len() <= FILES_MAX, "the folder {} has more than {FILES_MAX} files", folder.display());
    }
    if files.is_empty() {
        bail!("the folder {} has no files that end in .yaml, .yml or .json", folder.display());
    }
    files.sort();
    Ok(files)
}

fn bounded(name: &str, reader: impl std::io::Read) -> Result<String> {
    let mut text = String::new();
    let read = reader.take(CONFIG_BODY_BYTES_MAX as u64 + 1).read_to_string(&mut text);
    let read = read.with_context(|| format!("{name} cannot be read as text"))?;
    ensure!(read <= CONFIG_BODY_BYTES_MAX, "{name} has more than {CONFIG_BODY_BYTES_MAX} bytes");
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn documents_say_where_they_are_wrong() {
        let check = |text: &str, expect: &str| {
            let error = documents("a.yaml", text).expect_err(text).to_string();
            assert!(error.contains("a.yaml") && error.contains(expect), "{error}");
        };
        check("users:\n  kim:\n    admin: true\n", "line 3");
        check("users:\n  kim: {}\n  kim: {}\n", "line 3");
        check("project: {}\n", "unknown field `project`");
        check("users: [", "line 1");
        let two = documents("a.yaml", "users: {kim: {}}\n---\nprojects:\n  acme: {settings: {quota_bytes: null}}\n");
        assert_eq!(two.expect("documents").len(), 2);
    }

    #[test]
    fn what_is_exported_can_be_read() {
        let text = r#"{"users": {"kim": {"description": "line one\nline two: #not a comment"}}, "bindings": [],
            "projects": {"acme": {"settings": {"quota_bytes": null, "immutable": [{"repositories": "**", "tags": "v*"}]},
            "bindings": [{"subject": "robot:ci", "permissions": ["pull"], "repositories": "acme/*"}]}}}"#;
        let config: Config = serde_json::from_str(text).expect("a document");
        let yaml = serde_saphyr::to_string(&config).expect("YAML");
        assert_eq!(documents("a.yaml", &yaml).expect("it can be read"), [config], "{yaml}");
    }

    #[test]
    fn folders_are_read_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        assert!(read_all(&[folder.path().to_owned()]).is_err(), "nothing is in it");
        write("b.yaml", "users: {ann: {}}");
        write("a.yml", "users: {kim: {}}");
        write("notes.txt", "users: {bob: {}}");
        let all = read_all(&[folder.path().to_owned()]).expect("documents");
        assert_eq!(all.users.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["ann", "kim"]);
        write("c.json", r#"{"users": {"kim": {}}}"#);
        let twice = read_all(&[folder.path().to_owned()]).expect_err("kim is there twice").to_string();
        assert!(twice.contains("c.json") && twice.contains("users.kim"), "{twice}");
    }

    #[test]
    fn plans_are_told() {
        let line = |verb, what: &str, details: &[&str]| Planned {
            verb,
            what: what.to_owned(),
            details: details.iter().map(|detail| (*detail).to_owned()).collect(),
        };
        let changes = vec![
            line(Verb::Create, "user kim", &["description: none → Kim"]),
            line(Verb::Update, "project acme", &[]),
            line(Verb::Remove, "binding of user:kim to owner in acme", &[]),
        ];
        let expect = "+ user kim\n    description: none → Kim\n~ project acme\n- binding of user:kim to owner in acme";
        assert_eq!(told(&Plan { changes, applied: false }), expect);
    }
}
