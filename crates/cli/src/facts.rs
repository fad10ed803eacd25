//! What an artifact tells of itself, found out by reading it wherever it is, as the server does with its own.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use wharf_artifact::inspect::{Artifact, Fetch, INSPECTORS};
use wharf_artifact::kind::Kind;
use wharf_artifact::recognise;
use wharf_content::source::Source;
use wharf_content::verify::{self, Expected};
use wharf_model::api::facts::Facts;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::Reference;

use crate::folder::stream::reader;
use crate::found::Found;
use crate::moment::moment;
use crate::table::printable;

/// How many entries of a list are shown to people.
const SHOWN: usize = 12;
/// How deep what only one kind of artifact has is shown to people.
const DEPTH_MAX: usize = 3;
/// Longest value that is shown to people, in characters.
const VALUE_CHARS: usize = 120;

/// What `found`, of that kind, tells of itself, and how many bytes all that it names has; read as far as that takes.
///
/// # Errors
/// Where it is cannot be asked.
pub async fn facts(found: &Found, manifest: &Manifest, kind: &Kind) -> Result<(Facts, u64)> {
    let artifact =
        Artifact { digest: found.fetched.digest, manifest: manifest.clone(), bytes: found.fetched.bytes.to_vec() };
    let known = Mutex::default();
    let reading = Reading { source: found.opened.source.clone(), runtime: Handle::current(), known };
    reading.learn(manifest);
    let (kind, manifest) = (kind.clone(), manifest.clone());
    let work = spawn_blocking(move || {
        let size = recognise::size(&manifest, &reading)?;
        io::Result::Ok((recognise::tell(INSPECTORS, &kind, artifact, &reading)?, size))
    });
    Ok(work.await??)
}

/// Reads what an inspection wants, on a thread that may block.
struct Reading {
    source: Arc<dyn Source>,
    runtime: Handle,
    /// What manifests name that were read: a source is asked for a blob by all that is known of it.
    known: Mutex<HashMap<Digest, Descriptor>>,
}

impl Reading {
    fn learn(&self, manifest: &Manifest) {
        let named = manifest.config.iter().chain(&manifest.layers).chain(&manifest.manifests);
        let named = named.map(|descriptor| (descriptor.digest, descriptor.clone()));
        self.known.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
    }
}

impl Fetch for Reading {
    fn manifest(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        let fetched = self.runtime.block_on(self.source.manifest(&Reference::Digest(*digest)));
        let Some(fetched) = fetched.map_err(io::Error::other)? else { return Ok(None) };
        if let Ok(manifest) = Manifest::parse(&fetched.bytes, Some(&fetched.media_type)) {
            self.learn(&manifest);
        }
        Ok(Some(fetched.bytes.to_vec()))
    }

    fn blob(&self, digest: &Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        let Some(descriptor) = known else { return Ok(None) };
        let body = self.runtime.block_on(self.source.blob(&descriptor, 0)).map_err(io::Error::other)?;
        let Some(body) = body else { return Ok(None) };
        let expected = Expected { digest: *digest, size: descriptor.size, place: self.source.name() };
        let (stream, feed) = reader(verify::whole(body, expected));
        self.runtime.spawn(feed);
        Ok(Some(Box::new(stream)))
    }
}

/// Facts for people, a line each; empty where there are none.
pub fn text(facts: &Facts) -> String {
    let Ok(Value::Object(mut all)) = serde_json::to_value(facts) else { return String::new() };
    let mut lines = Vec::new();
    let [readme, icon, detail, faults] = ["readme", "icon", "detail", "faults"].map(|name| all.remove(name));
    let declared = all.remove("declared");
    for (name, value) in &all {
        line(&mut lines, 0, name, value);
    }
    for fact in items(declared.as_ref()) {
        line(&mut lines, 0, fact["name"].as_str().unwrap_or_default(), &fact["value"]);
    }
    if let Some(Value::Object(detail)) = &detail {
        let own = detail.iter().filter(|(name, _)| *name != "type");
        own.for_each(|(name, value)| line(&mut lines, 0, name, value));
    }
    for (name, value) in [("icon", icon), ("readme", readme)] {
        if value.is_some() {
            lines.push(format!("  {name}: yes"));
        }
    }
    for fault in items(faults.as_ref()) {
        let [at, what] = ["at", "what"].map(|name| fault[name].as_str().unwrap_or_default());
        lines.push(format!("  malformed: {at}: {what}"));
    }
    let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
    if lines.is_empty() { String::new() } else { format!("facts:\n{}", lines.join("\n")) }
}

/// The entries of a list that may have been cut.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(|value| value["items"].as_array()).into_iter().flatten()
}

fn line(lines: &mut Vec<String>, depth: usize, name: &str, value: &Value) {
    let (margin, label) = ("  ".repeat(depth + 1), name.replace('_', " "));
    match value {
        Value::Null => {}
        Value::Object(object) if object.contains_key("items") => {
            let left_out = object.get("left_out").and_then(Value::as_u64).unwrap_or(0);
            list(lines, depth, &label, &items(Some(value)).collect::<Vec<_>>(), left_out);
        }
        Value::Array(all) => list(lines, depth, &label, &all.iter().collect::<Vec<_>>(), 0),
        Value::Object(object) if depth < DEPTH_MAX => {
            lines.push(format!("{margin}{label}:"));
            object.iter().for_each(|(name, value)| line(lines, depth + 1, name, value));
        }
        Value::Object(_) => {}
        scalar => lines.push(format!("{margin}{label}: {}", short(name, scalar))),
    }
}

fn list(lines: &mut Vec<String>, depth: usize, label: &str, all: &[&Value], left_out: u64) {
    let margin = "  ".repeat(depth + 1);
    if all.is_empty() && left_out == 0 {
        return;
    }
    let more = (all.len() as u64).saturating_sub(SHOWN as u64).saturating_add(left_out);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    if all.iter().all(|one| !one.is_object() && !one.is_array()) {
        let shown: Vec<String> = all.iter().take(SHOWN).map(|one| short(label, one)).collect();
        lines.push(format!("{margin}{label}: {}{more}", shown.join(", ")));
        return;
    }
    lines.push(format!("{margin}{label}: {}", all.len() as u64 + left_out));
    for one in all.iter().take(SHOWN) {
        lines.push(format!("{margin}  {}", inline(one)));
    }
    if !more.is_empty() {
        lines.push(format!("{margin}  {}", more.trim_start_matches(", ")));
    }
}

/// An entry of a list, on one line.
fn inline(value: &Value) -> String {
    let Value::Object(object) = value else { return short("", value) };
    let mut scalars: Vec<(&String, &Value)> =
        object.iter().filter(|(_, value)| !value.is_object() && !value.is_array()).collect();
    // What is cut off at the end is what says least.
    scalars.sort_by_key(|(name, _)| match name.as_str() {
        "name" | "path" | "kind" => 0,
        "digest" | "description" => 2,
        _ => 1,
    });
    let parts: Vec<String> = scalars.into_iter().map(|(name, value)| short(name, value)).collect();
    cut(&parts.join("  "))
}

fn short(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => cut(text.lines().next().unwrap_or_default()),
        Value::Number(number) if name.starts_with("created") => number.as_i64().map_or_else(String::new, moment),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(facts: Value) -> String {
        let facts: Facts = serde_json::from_value(facts).unwrap_or_default();
        text(&facts)
    }

    #[test]
    fn facts_for_people() {
        assert_eq!(shown(json!({})), "");
        let facts = json!({
            "title": "App \u{1b}[31m", "version": "1.0", "created": 0, "readme": "# App\n",
            "licenses": { "items": ["MIT", "BSD-2-Clause"], "left_out": 3 },
            "authors": { "items": [{ "name": "Kim", "email": "kim@example.com" }] },
            "declared": { "items": [{ "name": "api_version", "value": "v2" }] },
            "faults": { "items": [{ "at": "config", "what": "is no JSON" }] },
        });
        let text = shown(facts);
        for line in [
            "facts:",
            "  version: 1.0",
            "  licenses: MIT, BSD-2-Clause, and 3 more",
            "  authors: 1",
            "  api version: v2",
            "  readme: yes",
            "  malformed: config: is no JSON",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in {text}");
        }
        assert!(text.contains("1970-01-01 00:00Z") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn names_come_first() {
        let long = "words ".repeat(100);
        let one = json!({ "description": long, "digest": "sha256:0", "size": 7, "name": "weights", "kind": "model" });
        assert!(inline(&one).starts_with("model  weights  7  "), "{}", inline(&one));
    }
}
