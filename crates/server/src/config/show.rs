//! Showing the configuration: what is in force, as TOML and as JSON, and the page that documents every setting.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::settings::{SETTINGS, Setting, Sort};
use super::{InForce, Resolved};

/// What is in force, as a configuration file, each value with where it came from. Passwords are left out.
pub fn toml(resolved: &Resolved) -> String {
    let mut out = String::new();
    let mut section = "";
    for place in &resolved.settings {
        let (of, name) = place.setting.section();
        if of != section {
            section = of;
            let _ = writeln!(out, "\n[{section}]");
        }
        let line = if place.text.is_empty() && place.setting.sort != Sort::List {
            format!("# {name} is not set")
        } else {
            format!("{name} = {}", literal(place.setting, &redacted(&place.text)))
        };
        let _ = writeln!(out, "{line:<50} # {}", place.origin);
    }
    out
}

/// The same as JSON: `{key: {value, origin}}`.
pub fn json(resolved: &Resolved) -> Value {
    let entry = |place: &InForce| {
        let value = if place.text.is_empty() && place.setting.sort != Sort::List {
            Value::Null
        } else {
            value(place.setting.sort, &redacted(&place.text))
        };
        (place.setting.key.to_owned(), json!({ "value": value, "origin": place.origin.to_string() }))
    };
    Value::Object(resolved.settings.iter().map(entry).collect::<Map<_, _>>())
}

fn value(sort: Sort, text: &str) -> Value {
    match sort {
        Sort::Text => Value::from(text),
        Sort::Number => text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
        Sort::Switch => Value::from(text == "true"),
        Sort::List => text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
    }
}

/// A value as a file writes it. JSON's strings are TOML's, but for one escape that no value has.
fn literal(setting: &Setting, text: &str) -> String {
    value(setting.sort, text).to_string()
}

/// The text without the password of a URL in it.
pub fn redacted(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    // A password may hold anything, so the last `@` before the path ends it; where there is none, further on.
    let at = rest[..end].rfind('@').or_else(|| rest.rfind('@'));
    let rest = match at {
        Some(at) => match rest[..at].split_once(':') {
            Some((user, _)) => format!("{user}:***{}", &rest[at..]),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    format!("{scheme}://{}", without_parameter(&rest))
}

fn without_parameter(rest: &str) -> String {
    let Some((before, query)) = rest.split_once('?') else { return rest.to_owned() };
    let hide = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    };
    let pairs: Vec<String> = query.split('&').map(hide).collect();
    format!("{before}?{}", pairs.join("&"))
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from crates/server/src/config/settings.rs by `cargo xtask docs`. -->

`wharf serve` needs no configuration. A setting comes from its flag, else from the environment, else from the file, else
it has its default. `wharf config` prints what is in force and where each value came from.

- **Flags**: those below, and `--set KEY=VALUE` for every setting, as in `--set log.format=json`.
- **Environment**: `WHARF_` and the key in capitals, with two underscores for the dot. A variable that begins with `WHARF_` and is
  no setting is refused, so that a slip does not go unseen. Lists have commas between their items.
- **File**: TOML, named by `--config` or `WHARF_CONFIG`. An unknown key is refused, with its line. Relative paths start where the
  process was started.

`WHARF_ADMIN_PASSWORD` is the password that `admin` gets at the first start; later it does nothing.
";

/// The page `docs/guide/configuration.md`.
pub fn page() -> String {
    let mut out = INTRODUCTION.to_owned();
    let mut section = None;
    for setting in SETTINGS {
        let (of, _) = setting.section();
        if section != Some(of) {
            section = Some(of);
            let title = if of.is_empty() { "At the top".to_owned() } else { format!("`[{of}]`") };
            let _ = write!(out, "\n## {title}\n\n| setting | default | what it does |\n|---|---|---|\n");
        }
        let default = match setting.default {
            "" => "–".to_owned(),
            text => format!("`{text}`"),
        };
        let flag = setting.flag.map(|flag| format!("`{flag}`<br>")).unwrap_or_default();
        let about = setting.about;
        let _ = writeln!(out, "| `{}`<br>{flag}`{}` | {default} | {about} |", setting.key, setting.variable());
    }
    out
}
