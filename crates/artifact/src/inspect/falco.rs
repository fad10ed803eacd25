//! Rules files, plugins and assets of Falco (falcosecurity/falcoctl pkg/oci/types.go): the config says what they need, the
//! layer is an archive; a plugin is an index, with a manifest for each platform.

use serde_json::Value;
use wharf_model::api::facts::policy::{Falco, FalcoDependency, FalcoRule};
use wharf_model::api::facts::{Detail, Facts, Line, Named};
use wharf_model::manifest::Manifest;

use super::about::{about, or};
use super::document::{self, Look};
use super::layer::{LayerWant, SeenFile};
use super::{Artifact, Turn, Want, index};

/// How many files of rules are read, at most.
const FILES_MAX: usize = 32;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let mut facts = about(&artifact);
    let Some(child) = artifact.manifest.manifests.first().cloned() else {
        return parts(artifact.manifest, facts);
    };
    facts.platforms = index::platforms_of(&artifact, &mut facts);
    Turn::ask(vec![Want::Manifest(child.digest)], move |mut answers| {
        let parsed = answers.manifest().map(|bytes| Manifest::parse(&bytes, Some(&child.media_type)));
        match parsed {
            Some(Ok(manifest)) if manifest.manifests.is_empty() => parts(manifest, facts),
            Some(Err(error)) => {
                facts.fault(&child.digest.to_string(), error);
                Turn::tell(facts)
            }
            _ => {
                facts.fault(&child.digest.to_string(), "what is for the first platform is not in this repository");
                Turn::tell(facts)
            }
        }
    })
}

/// Reads the config and the archive of `manifest`.
fn parts(manifest: Manifest, mut facts: Facts) -> Turn {
    let Some(config) = manifest.config.clone() else {
        facts.fault("manifest", "it names no config");
        return Turn::tell(facts);
    };
    let layer = manifest.layers.first().cloned();
    let mut wants = vec![Want::blob(&config)];
    wants.extend(layer.iter().map(|layer| Want::Layer(LayerWant::new(layer, &["**.yaml", "**.yml"], FILES_MAX))));
    Turn::ask(wants, move |mut answers| {
        let value = answers.json(&mut facts, "config", &config).unwrap_or_default();
        let mut falco = told_by_config(&value, config.media_type.as_str());
        if layer.is_some() {
            let seen = answers.layer(&mut facts, "the archive");
            falco.files = seen.entries;
            seen.files.iter().for_each(|file| rules(file, &mut falco, &mut facts));
        } else {
            facts.fault("manifest", "there is no layer with files in it");
        }
        or(&mut facts.title, || Line::some(falco.name.as_str()));
        or(&mut facts.version, || value.line("version"));
        facts.detail = Some(Detail::Falco(falco));
        Turn::tell(facts)
    })
}

fn told_by_config(value: &Value, media_type: &str) -> Falco {
    let form = ["rulesfile", "plugin", "asset"].into_iter().find(|form| media_type.contains(&format!(".{form}.")));
    let pair = |one: &Value| Named { name: one.line_or_empty("name"), value: one.line_or_empty("version") };
    let dependency = |one: &Value| FalcoDependency {
        name: one.line_or_empty("name"),
        version: one.line_or_empty("version"),
        alternatives: one.items("alternatives").map(pair).collect(),
    };
    Falco {
        form: Line::new(form.unwrap_or_default()),
        name: value.line_or_empty("name"),
        dependencies: value.items("dependencies").map(dependency).collect(),
        requirements: value.items("requirements").map(pair).collect(),
        ..Falco::default()
    }
}

/// Reads a file of rules: a list of rules, macros and lists (falcosecurity/falco docs, "Rules").
fn rules(file: &SeenFile, falco: &mut Falco, facts: &mut Facts) {
    let documents = document::yaml(&file.bytes).map_err(|what| facts.fault(&file.path, what)).unwrap_or_default();
    for item in documents.iter().flat_map(|document| document.items("")) {
        if item.get("macro").is_some() {
            falco.macros += 1;
        } else if item.get("list").is_some() {
            falco.lists += 1;
        } else if let Some(name) = item.line("rule") {
            falco.rules.push(FalcoRule {
                name,
                description: item.line("desc"),
                priority: item.line("priority"),
                source: item.line("source"),
                tags: item.lines("tags"),
                disabled: item.get("enabled").is_some_and(|flag| flag == &Value::Bool(false)),
            });
        }
    }
}
