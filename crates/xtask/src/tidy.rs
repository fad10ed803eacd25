//! Checks of the house that the compiler does not make, and the pages that are generated from the code.
//!
//! What is checked: the arrows between rooms against the table in ARCHITECTURE.md, module documentation, files that belong to
//! no crate, tests that an invariant names, and that generated pages are what the code says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::workspace;

/// Libraries that a room must not know, whatever its table row says of other rooms.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("model", &["tokio", "hyper", "rusqlite", "axum", "tracing"]),
    ("artifact", &["tokio", "hyper", "reqwest", "rusqlite", "axum"]),
    ("content", &["hyper", "axum", "rusqlite", "tokio-postgres"]),
    ("store", &["hyper", "axum", "http"]),
    ("client", &["axum", "rusqlite", "tokio-postgres", "clap"]),
    ("registry", &["hyper", "axum", "rusqlite", "tokio-postgres"]),
    ("server", &["rusqlite", "tokio-postgres", "clap"]),
];

/// Whether the house is tidy; says on stderr what is not.
pub(crate) fn tidy() -> Result<bool> {
    let root = workspace();
    let mut problems = Vec::new();
    arrows(&root, &mut problems)?;
    sources(&root, &mut problems)?;
    invariants(&root, &mut problems)?;
    for (path, text) in generated(&root)? {
        if fs::read_to_string(root.join(&path)).unwrap_or_default() != text {
            problems.push(format!("{path} is not what the code says; run: cargo xtask docs"));
        }
    }
    for problem in &problems {
        eprintln!("untidy: {problem}");
    }
    Ok(problems.is_empty())
}

/// Writes the generated pages.
pub(crate) fn docs() -> Result<bool> {
    let root = workspace();
    for (path, text) in generated(&root)? {
        fs::write(root.join(&path), text).with_context(|| format!("{path} cannot be written"))?;
        println!("{path}");
    }
    Ok(true)
}

fn generated(root: &Path) -> Result<Vec<(String, String)>> {
    Ok(vec![
        ("docs/conformance.md".to_owned(), conformance(root)?),
        ("docs/guide/configuration.md".to_owned(), configuration(root)?),
        ("docs/guide/kinds.md".to_owned(), kinds_page(root)?),
        ("docs/openapi.json".to_owned(), printed(root, "examples/openapi", &[])?),
        ("docs/config.schema.json".to_owned(), config_schema(root)?),
    ])
}

/// The guide's page on the configuration, as the program prints it.
fn configuration(root: &Path) -> Result<String> {
    printed(root, "wharf", &["config", "--page"])
}

/// The guide's page on kinds, as the program prints it.
fn kinds_page(root: &Path) -> Result<String> {
    printed(root, "wharf", &["kinds", "page"])
}

/// Prints of each kind of artifact what that page has in its table, and how it was verified.
pub(crate) fn kinds() -> Result<bool> {
    let page = kinds_page(&workspace())?;
    let all = page.split_once("## All kinds").map_or(page.as_str(), |(_, all)| all);
    print!("{}", all.trim_start());
    Ok(true)
}

/// The schema of what `wharf apply` reads, as the server serves it.
fn config_schema(root: &Path) -> Result<String> {
    printed(root, "examples/openapi", &["config"])
}

/// What a program of the workspace prints. All of them are built at once, with the features that tests are built with: a
/// program built alone would have other features, and most of what it stands on would be built a second time.
fn printed(root: &Path, program: &str, arguments: &[&str]) -> Result<String> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bins", "--examples"])
        .current_dir(root)
        .status()
        .context("cargo cannot be run")?;
    if !built.success() {
        bail!("the workspace cannot be built");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let output = Command::new(target.join("debug").join(program)).args(arguments).current_dir(root).output();
    let output = output.with_context(|| format!("{program} cannot be run"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

// --- arrows

fn arrows(root: &Path, problems: &mut Vec<String>) -> Result<()> {
    let table = rooms(&fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata cannot be run")?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(room) = name.strip_prefix("wharf-") else { continue };
        let Some(allowed) = table.get(room) else {
            problems.push(format!("the room {room} is not in ARCHITECTURE.md's table"));
            continue;
        };
        let forbidden = FORBIDDEN.iter().find(|(known, _)| *known == room).map_or(&[][..], |(_, names)| names);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            if !dependency["kind"].is_null() {
                continue;
            }
            if let Some(other) = target.strip_prefix("wharf-")
                && !allowed.iter().any(|one| one == other || one == "all")
            {
                problems.push(format!("{room} may not use {other} (ARCHITECTURE.md)"));
            }
            if forbidden.contains(&target) {
                problems.push(format!("{room} may not use the library {target}"));
            }
        }
    }
    Ok(())
}

/// The table of rooms: name → what it may use.
fn rooms(architecture: &str) -> BTreeMap<String, Vec<String>> {
    let rows = architecture.lines().skip_while(|line| !line.starts_with("| room | may use"));
    let cells = rows.skip(2).take_while(|line| line.starts_with('|')).map(|line| line.split('|').map(str::trim));
    cells
        .filter_map(|mut cells| {
            let room = cells.nth(1)?.trim_matches('`').to_owned();
            let uses = cells.next()?.split([',', ' ']).filter(|word| !word.is_empty() && *word != "–");
            Some((room, uses.map(|word| word.trim_matches('`').to_owned()).collect()))
        })
        .collect()
}

// --- sources

fn sources(root: &Path, problems: &mut Vec<String>) -> Result<()> {
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests"] {
        collect(&root.join(folder), &mut files)?;
    }
    for file in &files {
        let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
        let text = fs::read_to_string(file)?;
        if file.file_name().is_some_and(|name| name == "mod.rs") {
            problems.push(format!("{shown}: a module is foo.rs, not foo/mod.rs"));
        }
        if !text.starts_with("//!") {
            problems.push(format!("{shown}: a module opens with //! saying what it is"));
        }
        for word in ["TODO", "FIXME", "XXX"] {
            if text.contains(&format!("{word}:")) && !shown.ends_with("tidy.rs") {
                problems.push(format!("{shown}: {word}: belongs into an issue"));
            }
        }
        if is_dead(file, root) {
            problems.push(format!("{shown}: no module declares this file"));
        }
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

/// Whether nobody says `mod` of a file. Roots of crates, tests and examples are named by cargo.
fn is_dead(file: &Path, root: &Path) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let Some(folder) = file.parent() else { return false };
    let folder_name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if matches!(stem.as_str(), "lib" | "main" | "build")
        || matches!(folder_name.as_str(), "tests" | "examples" | "benches")
    {
        return false;
    }
    let declares = |parent: &Path| {
        let text = fs::read_to_string(parent).unwrap_or_default();
        text.lines().any(|line| {
            let line = line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            line.strip_prefix("mod ").is_some_and(|rest| rest.trim_end_matches(';') == stem)
        })
    };
    let parents = [
        folder.join("lib.rs"),
        folder.join("main.rs"),
        folder.with_extension("rs"),
        root.join("tests").join(format!("{folder_name}.rs")),
    ];
    !parents.iter().any(|parent| parent.is_file() && declares(parent))
}

// --- invariants

/// Each invariant of ARCHITECTURE.md names the test or assertion that holds it, as `name`; the name must be somewhere.
fn invariants(root: &Path, problems: &mut Vec<String>) -> Result<()> {
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md"))?;
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        collect(&root.join(folder), &mut files)?;
    }
    let all: String = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    for line in architecture.lines().filter(|line| line.starts_with("| I")) {
        let held_by = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<_> = held_by.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            problems.push(format!("an invariant names nothing that holds it: {line}"));
        }
        for name in names {
            let name = name.rsplit("::").next().unwrap_or(name);
            if !all.contains(&format!("fn {name}(")) && !all.contains(&format!("fn {name}<")) {
                problems.push(format!("an invariant names a test that is not there: {name}"));
            }
        }
    }
    Ok(())
}

// --- conformance

/// docs/conformance.md: the sections of the specification and the tests that hold them.
fn conformance(root: &Path) -> Result<String> {
    let mut sections: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut files = Vec::new();
    collect(&root.join("tests/spec"), &mut files)?;
    for file in files {
        let module = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file)?;
        let mut said = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("/// spec: ") {
                said = rest.split_once(": ").map(|(section, what)| (section.to_owned(), what.to_owned()));
            } else if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.strip_suffix("() {"))
                && let Some((section, what)) = said.take()
            {
                sections.entry(section).or_default().push((format!("{module}::{name}"), what));
            }
        }
    }
    let mut page = String::from(
        "# Conformance\n\nWhich test of `cargo test --test spec` holds which section of the Distribution specification (1.1, and \
         what its main\nbranch has added). Generated by `cargo xtask docs`.\n",
    );
    for (section, tests) in sections {
        page.push_str(&format!("\n## {section}\n\n| test | what it holds |\n| --- | --- |\n"));
        for (name, what) in tests {
            page.push_str(&format!("| `{name}` | {what} |\n"));
        }
    }
    Ok(page)
}
