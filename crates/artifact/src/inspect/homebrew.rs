//! Bottles of Homebrew (Homebrew/brew Library/Homebrew/github_packages.rb): an index for each version of a formula, with
//! all that is told in annotations, so nothing else is read.

use serde_json::Value;
use wharf_model::api::facts::package::{Bottle, HomebrewBottle};
use wharf_model::api::facts::{Detail, Facts, Line, Listed};
use wharf_model::descriptor::Descriptor;

use super::about::about;
use super::document::{self, Look};
use super::{Artifact, Turn, annotation, index};

const REF: &str = "org.opencontainers.image.ref.name";

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let mut facts = about(&artifact);
    let formula = facts.title.clone().unwrap_or_default();
    // A bottle by itself has its tag behind the formula.
    let formula = formula.as_str().split(' ').next().unwrap_or_default();
    let mut detail = HomebrewBottle { formula: Line::new(formula), ..HomebrewBottle::default() };
    facts.platforms = index::platforms_of(&artifact, &mut facts);
    let version = facts.version.clone().unwrap_or_default();
    for child in &artifact.manifest.manifests {
        let get = |key: &str| annotation(child, key);
        detail.bottles.push(bottle(get, version.as_str()));
        add_dependencies(annotation(child, "sh.brew.tab"), child, &mut detail, &mut facts);
    }
    if artifact.manifest.manifests.is_empty() {
        detail.bottles.push(bottle(|key| artifact.annotation(key), version.as_str()));
        let tab = artifact.annotation("sh.brew.tab");
        if let Some(layer) = artifact.manifest.layers.first() {
            add_dependencies(tab, layer, &mut detail, &mut facts);
        }
    }
    facts.detail = Some(Detail::Homebrew(detail));
    Turn::tell(facts)
}

fn bottle<'a>(get: impl Fn(&str) -> Option<&'a str>, version: &str) -> Bottle {
    let number = |key: &str| get(key).and_then(|text| text.parse().ok());
    let name = get(REF).unwrap_or_default();
    let tag = name.strip_prefix(version).map_or(name, |rest| rest.trim_start_matches('.'));
    let commands = get("sh.brew.path_exec_files").unwrap_or_default();
    Bottle {
        tag: Line::new(tag),
        digest: get("sh.brew.bottle.digest")
            .map(|hex| Line::new(&format!("sha256:{}", hex.trim_start_matches("sha256:")))),
        size: number("sh.brew.bottle.size"),
        installed_size: number("sh.brew.bottle.installed_size"),
        commands: commands.split([',', ' ']).filter_map(Line::some).collect(),
    }
}

/// What a bottle was built with says what has to be there when it runs.
fn add_dependencies(tab: Option<&str>, of: &Descriptor, detail: &mut HomebrewBottle, facts: &mut Facts) {
    let Some(tab) = tab else { return };
    let tab = match document::json(tab.as_bytes()) {
        Ok(tab) => tab,
        Err(what) => return facts.fault(&of.digest.to_string(), format_args!("sh.brew.tab: {what}")),
    };
    if detail.dependencies.is_empty() {
        detail.dependencies = tab.items("runtime_dependencies").filter_map(dependency).collect::<Listed<Line>>();
    }
}

fn dependency(value: &Value) -> Option<Line> {
    let name = value.line("full_name").or_else(|| value.line(""))?;
    let version = value.line("version").map(|version| format!(" {}", version.as_str())).unwrap_or_default();
    Line::some(&format!("{}{version}", name.as_str()))
}
