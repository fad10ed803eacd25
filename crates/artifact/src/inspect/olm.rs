//! What the Operator Lifecycle Manager reads (operator-framework/operator-registry docs): bundles, an operator's version,
//! and catalogues, file-based ones. Both are images, whose labels say where in them things are.

use std::collections::HashMap;

use serde_json::Value;
use wharf_model::api::facts::package::{OlmBundle, OlmCatalog, OlmKind, OlmPackage};
use wharf_model::api::facts::{Counted, Detail, Facts, Icon, Line, Link, Listed, Named, Person};
use wharf_model::descriptor::Descriptor;

use super::about::{about, or};
use super::document::{self, Look};
use super::layer::{LayerSeen, LayerWant, SeenFile};
use super::{Artifact, Turn, Want, kube};

const BUNDLE: &str = "operators.operatorframework.io.bundle.";
const CONFIGS: &str = "operators.operatorframework.io.index.configs.v1";
const DATABASE: &str = "operators.operatorframework.io.index.database.v1";
/// How many layers are looked through, at most.
const LAYERS_MAX: usize = 32;
/// How many files of one layer are read, at most.
const FILES_MAX: usize = 300;

/// Reads the config first, which says what else to read.
fn after_labels(artifact: Artifact, next: fn(Artifact, Facts, Value) -> Turn) -> Turn {
    let mut facts = about(&artifact);
    let Some(config) = artifact.manifest.config.clone() else {
        facts.fault("manifest", "it names no config");
        return Turn::tell(facts);
    };
    Turn::ask(vec![Want::blob(&config)], move |mut answers| {
        let value = answers.json(&mut facts, "config", &config).unwrap_or_default();
        next(artifact, facts, value.at("config/Labels").clone())
    })
}

fn label<'a>(labels: &'a Value, key: &str) -> Option<&'a str> {
    labels.get(key).and_then(Value::as_str)
}

/// A folder as a label writes it, as it is in a layer: `/configs/` is `configs`.
fn folder(labels: &Value, key: &str, usual: &str) -> String {
    let text = label(labels, key).unwrap_or(usual);
    text.trim_matches('/').replace('*', "")
}

fn layers(artifact: &Artifact) -> Vec<Descriptor> {
    artifact.manifest.layers.iter().take(LAYERS_MAX).cloned().collect()
}

// --- bundles

pub(super) fn bundle(artifact: Artifact) -> Turn {
    after_labels(artifact, |artifact, mut facts, labels| {
        let manifests = folder(&labels, &format!("{BUNDLE}manifests.v1"), "manifests/");
        let pattern = format!("{manifests}/*");
        let layers = layers(&artifact);
        let wants = layers.iter().map(|layer| Want::Layer(LayerWant::new(layer, &[&pattern], FILES_MAX))).collect();
        Turn::ask(wants, move |mut answers| {
            let said = |key: &str| label(&labels, &format!("{BUNDLE}{key}"));
            let mut detail = OlmBundle {
                package: said("package.v1").map(Line::new).unwrap_or_default(),
                channels: said("channels.v1").unwrap_or_default().split(',').filter_map(Line::some).collect(),
                default_channel: said("channel.default.v1").and_then(Line::some),
                ..OlmBundle::default()
            };
            if detail.package.as_str().is_empty() {
                facts.fault("config", "its labels do not say which package it is of");
            }
            for layer in &layers {
                let seen = answers.layer(&mut facts, &layer.digest.to_string());
                read_manifests(&seen, &manifests, &mut detail, &mut facts);
            }
            if detail.csv.is_none() {
                facts.fault("layers", "there is no ClusterServiceVersion in them");
            }
            or(&mut facts.title, || Line::some(detail.package.as_str()));
            facts.detail = Some(Detail::OlmBundle(detail));
            Turn::tell(facts)
        })
    })
}

fn read_manifests(seen: &LayerSeen, folder: &str, detail: &mut OlmBundle, facts: &mut Facts) {
    let is_manifest = |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    detail.files.extend(seen.entries.iter().filter(|entry| is_manifest(entry.path.as_str())).cloned());
    for file in &seen.files {
        for document in kube::documents(file, facts) {
            if document.at("kind").as_str() == Some("ClusterServiceVersion") {
                version(&document, detail, facts);
            }
        }
    }
}

/// A ClusterServiceVersion (operator-framework/api pkg/operators/v1alpha1).
fn version(csv: &Value, detail: &mut OlmBundle, facts: &mut Facts) {
    let said = |key: &str| kube::said(csv, key);
    facts.title = csv.line("spec/displayName").or(facts.title.take());
    facts.version = csv.line("spec/version").or(facts.version.take());
    facts.description = csv.text("spec/description").or(facts.description.take());
    facts.vendor = csv.line("spec/provider/name").or(facts.vendor.take());
    facts.keywords = csv.lines("spec/keywords");
    facts.authors = csv.items("spec/maintainers").map(maintainer).collect();
    or(&mut facts.source, || said("repository").and_then(Link::new));
    or(&mut facts.created, || said("createdAt").and_then(document::time));
    or(&mut facts.home, || csv.items("spec/links").find_map(|link| link.link("url")));
    let icon = csv.items("spec/icon").next();
    or(&mut facts.icon, || icon.and_then(icon_of));
    detail.csv = csv.line("metadata/name");
    detail.replaces = csv.line("spec/replaces");
    detail.maturity = csv.line("spec/maturity");
    detail.capabilities = said("capabilities").and_then(Line::some);
    detail.min_kube_version = csv.line("spec/minKubeVersion");
    let modes = csv.items("spec/installModes").filter(|mode| mode.flag("supported"));
    detail.install_modes = modes.filter_map(|mode| mode.line("type")).collect();
    let kinds =
        |which: &str| csv.items(&format!("spec/customresourcedefinitions/{which}")).map(kind).collect::<Listed<_>>();
    detail.owned = kinds("owned");
    detail.required = kinds("required");
    let image = |one: &Value| Named { name: one.line_or_empty("name"), value: one.line_or_empty("image") };
    detail.related_images = csv.items("spec/relatedImages").map(image).collect();
}

fn icon_of(icon: &Value) -> Option<Icon> {
    Icon::inline(icon.at("mediatype").as_str()?, icon.at("base64data").as_str()?)
}

fn maintainer(value: &Value) -> Person {
    Person { name: value.line_or_empty("name"), email: value.line("email"), url: None }
}

fn kind(value: &Value) -> OlmKind {
    OlmKind {
        kind: value.line_or_empty("kind"),
        version: value.line_or_empty("version"),
        name: value.line_or_empty("name"),
        description: value.line("description"),
    }
}

// --- catalogues

pub(super) fn catalog(artifact: Artifact) -> Turn {
    after_labels(artifact, |artifact, mut facts, labels| {
        if label(&labels, CONFIGS).is_none() && label(&labels, DATABASE).is_some() {
            facts.fault("config", "it is a database, as catalogues were before they were files; it is not read");
            facts.detail = Some(Detail::OlmCatalog(OlmCatalog { is_database: true, ..OlmCatalog::default() }));
            return Turn::tell(facts);
        }
        let configs = folder(&labels, CONFIGS, "/configs");
        let patterns = [format!("{configs}/**.yaml"), format!("{configs}/**.yml"), format!("{configs}/**.json")];
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let layers = layers(&artifact);
        let wants = layers.iter().map(|layer| Want::Layer(LayerWant::new(layer, &patterns, FILES_MAX))).collect();
        Turn::ask(wants, move |mut answers| {
            let mut shelf = Shelf::default();
            for layer in &layers {
                let seen = answers.layer(&mut facts, &layer.digest.to_string());
                for file in &seen.files {
                    for entry in entries(file, &mut facts) {
                        shelf.read(&entry);
                    }
                }
            }
            if shelf.packages.is_empty() {
                facts.fault("layers", format_args!("there is no package in /{configs}"));
            }
            let packages = shelf.packages.into_iter().collect();
            let detail = OlmCatalog { packages, bundles: shelf.bundles, is_database: false };
            facts.detail = Some(Detail::OlmCatalog(detail));
            Turn::tell(facts)
        })
    })
}

/// The entries of a file: documents of YAML, or values of JSON one after the other.
fn entries(file: &SeenFile, facts: &mut Facts) -> Vec<Value> {
    if !file.path.ends_with(".json") {
        return kube::documents(file, facts);
    }
    let mut entries = Vec::new();
    for value in serde_json::Deserializer::from_slice(&file.bytes).into_iter::<Value>() {
        match value {
            Ok(value) => entries.push(value),
            Err(error) => {
                facts.fault(&file.path, format_args!("it is no JSON that can be read: {error}"));
                break;
            }
        }
    }
    entries
}

/// A catalogue while it is read.
#[derive(Default)]
struct Shelf {
    packages: Vec<OlmPackage>,
    /// Where among them each is, by name.
    places: HashMap<Line, usize>,
    bundles: u64,
}

impl Shelf {
    /// The package of this name, which may come before or after what is in it.
    fn package(&mut self, name: &str) -> Option<&mut OlmPackage> {
        /// Most packages that are told apart.
        const PACKAGES_MAX: usize = 2_000;
        let name = Line::new(name);
        let known = self.places.get(&name).copied();
        if known.is_none() && self.packages.len() < PACKAGES_MAX {
            self.places.insert(name.clone(), self.packages.len());
            self.packages.push(OlmPackage { name, ..OlmPackage::default() });
            return self.packages.last_mut();
        }
        self.packages.get_mut(known?)
    }

    fn read(&mut self, entry: &Value) {
        let text = |key: &str| entry.at(key).as_str().unwrap_or_default();
        match text("schema") {
            "olm.package" => {
                let Some(package) = self.package(text("name")) else { return };
                package.default_channel = entry.line("defaultChannel");
                package.description = entry.line("description");
            }
            "olm.channel" => {
                let Some(package) = self.package(text("package")) else { return };
                let count = entry.items("entries").len() as u64;
                package.channels.push(Counted { name: entry.line_or_empty("name"), count });
            }
            "olm.bundle" => self.bundles += 1,
            _ => (),
        }
    }
}
