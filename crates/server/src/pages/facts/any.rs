//! What any kind tells, by the names of its fields: what is said in a line as pairs, lists as words or tables, long text as it is.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Body, Cell, Pair, Section, Table};

/// From how many characters on text is no pair any more.
const LONG: usize = 240;
/// Most columns of a table.
const COLUMNS_MAX: usize = 7;

/// The sections of whatever it is.
pub(super) fn sections(told: &impl Serialize) -> Vec<Section> {
    let Ok(Value::Object(fields)) = serde_json::to_value(told) else { return Vec::new() };
    let (mut pairs, mut sections) = (Vec::new(), Vec::new());
    for (name, value) in fields.iter().filter(|(name, _)| *name != "type") {
        match value {
            Value::Object(of) if items(of).is_some() => sections.extend(list(name, of)),
            Value::Object(of) => {
                let of = of.iter().map(|(name, value)| Pair::new(words(name), cell(name, value))).collect();
                sections.push(Section::new(words(name), Body::Pairs(of)));
            }
            Value::String(text) if text.len() > LONG || text.contains('\n') => {
                sections.push(Section::new(words(name), Body::Code(text.clone())));
            }
            other => pairs.push(Pair::new(words(name), cell(name, other))),
        }
    }
    let first = (!pairs.is_empty()).then(|| Section::new("In brief", Body::Pairs(pairs)));
    first.into_iter().chain(sections).collect()
}

/// The entries of a list of facts, as it is written.
fn items(of: &Map<String, Value>) -> Option<&Vec<Value>> {
    of.get("items").and_then(Value::as_array)
}

fn list(name: &str, of: &Map<String, Value>) -> Option<Section> {
    let items = items(of)?;
    let left_out = of.get("left_out").and_then(Value::as_u64).unwrap_or(0);
    let section = |body| Section { left_out, ..Section::new(words(name), body) };
    if items.iter().any(Value::is_object) {
        let names: BTreeSet<&String> = items.iter().filter_map(Value::as_object).flat_map(Map::keys).collect();
        let mut names: Vec<&String> = names.into_iter().collect();
        // What something is called comes first.
        names.sort_by_key(|name| !matches!(name.as_str(), "name" | "path" | "kind"));
        names.truncate(COLUMNS_MAX);
        let row = |item: &Value| {
            names.iter().map(|name| cell(name, item.get(name.as_str()).unwrap_or(&Value::Null))).collect()
        };
        let columns = names.iter().map(|name| (words(name), class(name))).collect();
        return Some(section(Body::Table(Table { bar: Vec::new(), columns, rows: items.iter().map(row).collect() })));
    }
    let all: Vec<String> = items.iter().map(plain).filter(|text| !text.is_empty()).collect();
    (!all.is_empty()).then(|| section(Body::Words(all)))
}

fn class(name: &str) -> &'static str {
    match name {
        "name" | "path" => "name",
        "size" | "count" => "number",
        _ => "wrap",
    }
}

fn cell(name: &str, value: &Value) -> Cell {
    match value {
        Value::Number(number) if name.ends_with("size") => {
            number.as_u64().map_or(Cell::Nothing, |bytes| Cell::Size(super::Size::new(bytes)))
        }
        Value::Number(number) => number.as_u64().map_or_else(|| Cell::text(&number.to_string()), Cell::number),
        Value::String(text) if name == "digest" => Cell::Digest(super::Short::of(text)),
        Value::String(text) if matches!(name, "name" | "path") => Cell::code(text),
        Value::Object(of) => match items(of) {
            Some(items) => Cell::Words(items.iter().map(plain).collect()),
            None => Cell::text(&plain(value)),
        },
        other => Cell::text(&plain(other)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(of) => match items(of) {
            Some(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            None => of.values().map(plain).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" "),
        },
    }
}

/// The name of a field in words: `kube_version` is `Kube version`.
pub(super) fn words(name: &str) -> String {
    let mut text = name.replace(['_', '-'], " ");
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_it_is() {
        let told = json!({
            "type": "odd", "form": "module", "modules": 3, "total_size": 2048, "world": "a\nb",
            "imports": { "items": [{ "name": "x", "value": "func" }, { "name": "y" }], "left_out": 7 },
            "keywords": { "items": ["a", "b"] }, "none": { "items": [] }, "deep": { "of": { "items": ["c"] } },
        });
        let titles: Vec<(String, u64)> =
            sections(&told).into_iter().map(|section| (section.title, section.left_out)).collect();
        let expect = [("In brief", 0), ("Deep", 0), ("Imports", 7), ("Keywords", 0), ("World", 0)];
        assert_eq!(titles, expect.map(|(title, left_out)| (title.to_owned(), left_out)));
        assert!(sections(&json!([])).is_empty() && sections(&json!("x")).is_empty());
        assert_eq!(words("kube_version"), "Kube version");
        assert_eq!(words("é"), "é");
    }
}
