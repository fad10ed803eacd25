//! Policies for the Open Policy Agent: of conftest, a file in each layer (open-policy-agent/conftest
//! internal/commands/push.go), and OPA's own bundles, all of it in one archive (open-policy-agent/opa docs, "Bundle File
//! Format").

use std::collections::HashSet;

use serde_json::Value;
use wharf_model::api::facts::policy::{PolicyBundle, RegoModule};
use wharf_model::api::facts::{Detail, Facts, FileFact, Line, Listed, Text};

use super::about::{about, or};
use super::document::{self, Look};
use super::layer::LayerWant;
use super::{Artifact, Turn, Want, annotation};
use crate::compression::Compression;
use crate::config::TITLE;

/// How many layers are read, at most.
const LAYERS_MAX: usize = 100;
/// How many files of an archive are read, at most.
const FILES_MAX: usize = 500;
/// Largest module that is read, in bytes.
const MODULE_BYTES_MAX: usize = 1 << 20;
/// How many rules of a module are told, at most.
const RULES_MAX: usize = 500;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers: Vec<_> = artifact.manifest.layers.iter().take(LAYERS_MAX).cloned().collect();
    let is_tar = |at: usize| Compression::of_type(&layers[at].media_type).is_some();
    let archives: Vec<bool> = (0..layers.len()).map(is_tar).collect();
    let wants = layers.iter().zip(&archives).map(|(layer, is_tar)| match is_tar {
        true => Want::Layer(LayerWant::new(layer, &["**.rego", "**.manifest", ".signatures.json"], FILES_MAX)),
        false => Want::head(layer, MODULE_BYTES_MAX),
    });
    Turn::ask(wants.collect(), move |mut answers| {
        let mut facts = about(&artifact);
        let mut bundle = PolicyBundle::default();
        for (layer, is_tar) in layers.iter().zip(archives) {
            let digest = layer.digest.to_string();
            let path = annotation(layer, TITLE).unwrap_or(&digest);
            if is_tar {
                let mut seen = answers.layer(&mut facts, path);
                let entries = std::mem::take(&mut seen.entries);
                entries.iter().filter(|entry| !entry.path.as_str().ends_with(".rego")).for_each(|entry| {
                    list(entry.clone(), &mut bundle);
                });
                seen.files.iter().for_each(|file| read(&file.path, &file.bytes, &mut bundle, &mut facts));
            } else if let Some(bytes) = answers.head(&mut facts, path) {
                let is_rego = layer.media_type.as_str().ends_with("+rego") || path.ends_with(".rego");
                if is_rego {
                    bundle.modules.push(module(path, &String::from_utf8_lossy(&bytes)));
                } else {
                    read(path, &bytes, &mut bundle, &mut facts);
                    list(FileFact { path: Line::new(path), size: layer.size }, &mut bundle);
                }
            }
        }
        if bundle.modules.is_empty() && bundle.wasm.is_empty() && bundle.data.is_empty() {
            facts.fault("layers", "there is neither a policy nor data in them");
        }
        or(&mut facts.title, || bundle.modules.iter().find_map(|module| module.title.clone()));
        or(&mut facts.description, || {
            bundle
                .modules
                .iter()
                .find_map(|module| module.description.clone())
                .and_then(|line| Text::some(line.as_str()))
        });
        facts.detail = Some(Detail::PolicyBundle(bundle));
        Turn::tell(facts)
    })
}

/// Notes a file that is no module.
fn list(file: FileFact, bundle: &mut PolicyBundle) {
    let path = file.path.as_str();
    let name = path.rsplit('/').next().unwrap_or_default();
    if path.ends_with(".wasm") {
        bundle.wasm.push(file);
    } else if matches!(name, ".signatures.json" | ".manifest") {
        bundle.signed |= name == ".signatures.json";
    } else if path.ends_with(".json") || path.ends_with(".yaml") || path.ends_with(".yml") {
        bundle.data.push(file);
    }
}

fn read(path: &str, bytes: &[u8], bundle: &mut PolicyBundle, facts: &mut Facts) {
    if path.ends_with(".rego") {
        bundle.modules.push(module(path, &String::from_utf8_lossy(bytes)));
    } else if path == ".manifest" || path.ends_with("/.manifest") {
        match document::json(bytes) {
            Ok(manifest) => {
                bundle.revision = manifest.line("revision");
                bundle.roots = manifest.lines("roots");
                bundle.rego_version = manifest.number("rego_version");
            }
            Err(what) => facts.fault(path, what),
        }
    }
}

/// What a file of Rego holds, read line by line: rules begin at the beginning of a line, as its formatter writes them.
fn module(path: &str, text: &str) -> RegoModule {
    let mut module = RegoModule { path: Line::new(path), test: path.ends_with("_test.rego"), ..RegoModule::default() };
    let (mut rules, mut known): (Vec<&str>, HashSet<&str>) = Default::default();
    let (mut metadata, mut is_metadata) = (String::new(), false);
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            is_metadata |= comment.trim() == "METADATA";
            if is_metadata && comment.trim() != "METADATA" && module.package.as_str().is_empty() {
                metadata.push_str(comment.strip_prefix(' ').unwrap_or(comment));
                metadata.push('\n');
            }
            continue;
        }
        is_metadata = false;
        if let Some(package) = line.strip_prefix("package ") {
            let package = package.split(['#', ';']).next().unwrap_or_default();
            module.package = Line::new(package);
        } else if let Some(rule) = rule(line).filter(|rule| rules.len() < RULES_MAX && known.insert(rule)) {
            rules.push(rule);
        }
    }
    module.rules = rules.into_iter().map(Line::from).collect::<Listed<Line>>();
    let metadata = document::yaml(metadata.as_bytes()).unwrap_or_default().into_iter().next().unwrap_or(Value::Null);
    module.title = metadata.line("title");
    module.description = metadata.line("description");
    module
}

/// The name of the rule that begins in a line.
fn rule(line: &str) -> Option<&str> {
    let line = line.strip_prefix("default ").map_or(line, str::trim_start);
    let end = line.find(|one: char| !one.is_ascii_alphanumeric() && one != '_').unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let is_name = name.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_');
    let is_rule = rest.starts_with([' ', '[', '(', '{', '.', ':', '=']) && !rest.trim_start().is_empty();
    (is_name && is_rule && !matches!(name, "import" | "else" | "package")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let check = |line: &str, expect: Option<&str>| assert_eq!(rule(line), expect, "{line}");
        check("default allow := false", Some("allow"));
        check("allow if {", Some("allow"));
        check("deny[msg] {", Some("deny"));
        check("deny contains msg if {", Some("deny"));
        check("f(x) := y", Some("f"));
        check("import rego.v1", None);
        check("else := 1", None);
        check("  input.x", None);
        check("}", None);
        check("package x", None);
        check("", None);
        check("word", None);
    }
}
