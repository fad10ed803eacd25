//! What is said of two images or artifacts, and is not the same.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use wharf_model::descriptor::Descriptor;
use wharf_model::manifest::Manifest;

use crate::found::{Found, small_blob};

/// Something that is said.
#[derive(Serialize)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// What a config says of layers, which are compared themselves.
const OF_LAYERS: [&str; 2] = ["rootfs", "history"];
/// Deepest part of a config that is told apart.
const DEPTH_MAX: usize = 4;

/// One of the two, with the bytes of its config where they have been read.
pub(super) type About<'a> = (&'a Found, &'a Manifest, Option<Vec<u8>>);

pub(super) async fn differences(one: About<'_>, other: About<'_>) -> Result<Vec<Fact>> {
    let (mut one, mut other) = (facts(one).await?, facts(other).await?);
    let names: std::collections::BTreeSet<String> = one.keys().chain(other.keys()).cloned().collect();
    let facts = names.into_iter().map(|name| {
        let (from, to) = (one.remove(&name), other.remove(&name));
        Fact { name, from, to }
    });
    Ok(facts.filter(|fact| fact.from != fact.to).collect())
}

async fn facts((found, manifest, read): About<'_>) -> Result<BTreeMap<String, String>> {
    let mut facts = BTreeMap::from([("media type".to_owned(), manifest.media_type.to_string())]);
    facts.extend(manifest.artifact_type.clone().map(|text| ("artifact type".to_owned(), text)));
    facts.extend(manifest.subject.as_ref().map(|subject| ("subject".to_owned(), subject.digest.to_string())));
    for (key, text) in manifest.annotations.iter().flatten() {
        facts.insert(format!("annotation {key}"), text.clone());
    }
    let Some(config) = &manifest.config else { return Ok(facts) };
    match config_of(found, config, read).await? {
        Some(Value::Object(object)) => {
            let object = object.into_iter().filter(|(key, _)| !OF_LAYERS.contains(&key.as_str()));
            object.for_each(|(key, value)| tell(key.to_ascii_lowercase(), value, 0, &mut facts));
        }
        _ => drop(facts.insert("config".to_owned(), config.digest.to_string())),
    }
    Ok(facts)
}

/// The config, where it is one that can be read. `read`: its bytes, where they have been needed before.
async fn config_of(found: &Found, config: &Descriptor, read: Option<Vec<u8>>) -> Result<Option<Value>> {
    if !config.media_type.as_str().ends_with("json") {
        return Ok(None);
    }
    let bytes = match read {
        Some(bytes) => Some(bytes),
        None => small_blob(found.source(), config).await?,
    };
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Objects by their keys, the environment by its variables, all else as it is.
fn tell(name: String, value: Value, depth: usize, facts: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => (),
        // Written by some where there is nothing to say.
        Value::Object(object) if name == "config" && object.is_empty() => (),
        Value::Object(object) if depth < DEPTH_MAX && !object.is_empty() => {
            for (key, value) in object {
                let name = match name.as_str() {
                    // What is in the config of a container stands for itself.
                    "config" if key == "Labels" => "label".to_owned(),
                    "config" => key.to_ascii_lowercase(),
                    _ => format!("{name} {key}"),
                };
                tell(name, value, depth + 1, facts);
            }
        }
        Value::Array(texts) if name == "env" => {
            for text in texts.iter().filter_map(Value::as_str) {
                let (key, value) = text.split_once('=').unwrap_or((text, ""));
                facts.insert(format!("env {key}"), value.to_owned());
            }
        }
        Value::String(text) => drop(facts.insert(name, text)),
        other => drop(facts.insert(name, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_are_told_by_name() {
        let config = serde_json::json!({
            "architecture": "amd64", "variant": null,
            "config": { "Env": ["A=1", "B"], "Labels": { "x.y": "z" }, "Cmd": ["sh"], "ExposedPorts": { "80/tcp": {} } },
        });
        let mut facts = BTreeMap::new();
        let Value::Object(object) = config else { panic!("an object") };
        object.into_iter().for_each(|(key, value)| tell(key, value, 0, &mut facts));
        let told: Vec<String> = facts.into_iter().map(|(name, text)| format!("{name}={text}")).collect();
        let expect = ["architecture=amd64", "cmd=[\"sh\"]", "env A=1", "env B=", "label x.y=z"];
        assert!(expect.iter().all(|one| told.iter().any(|other| other == one)), "{told:?}");
        assert!(told.iter().any(|one| one.starts_with("exposedports 80/tcp")), "{told:?}");
    }
}
