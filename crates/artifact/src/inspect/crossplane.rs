//! Packages of Crossplane (crossplane/crossplane contributing/specifications/xpkg.md): an image with `package.yaml` in the
//! layer that is marked as its base, by an annotation or, as older ones are, by a label of its config.

use serde_json::Value;
use wharf_model::api::facts::package::CrossplanePackage;
use wharf_model::api::facts::{Detail, Facts, Icon, Line, Link, Named, Person, Text};
use wharf_model::descriptor::Descriptor;

use super::about::{about, or};
use super::document::Look;
use super::layer::LayerWant;
use super::{Artifact, Turn, Want, annotation, kube};

const MARK: &str = "io.crossplane.xpkg";
const PACKAGE: &str = "package.yaml";
/// How many layers are looked through where none is marked.
const LAYERS_MAX: usize = 8;
/// How much of a package is read, in bytes; those of large clouds have tens of megabytes of definitions.
const PACKAGE_BYTES_MAX: usize = 1 << 20;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let base: Option<Descriptor> =
        artifact.manifest.layers.iter().find(|layer| annotation(layer, MARK) == Some("base")).cloned();
    let Some(config) = artifact.manifest.config.clone().filter(|_| base.is_none()) else {
        return package(artifact, base.into_iter().collect());
    };
    Turn::ask(vec![Want::blob(&config)], move |mut answers| {
        let mut ignored = Facts::default();
        let value = answers.json(&mut ignored, "config", &config).unwrap_or_default();
        let labels = value.at("config/Labels");
        let is_base = |layer: &&Descriptor| {
            labels.get(format!("{MARK}:{}", layer.digest)).and_then(Value::as_str) == Some("base")
        };
        let layers = &artifact.manifest.layers;
        let marked: Vec<Descriptor> = layers.iter().filter(is_base).take(1).cloned().collect();
        let layers = if marked.is_empty() { layers.iter().take(LAYERS_MAX).cloned().collect() } else { marked };
        package(artifact, layers)
    })
}

fn package(artifact: Artifact, layers: Vec<Descriptor>) -> Turn {
    let want = |layer: &Descriptor| {
        let mut want = LayerWant::new(layer, &[PACKAGE], 1);
        want.file_bytes_max = PACKAGE_BYTES_MAX;
        Want::Layer(want)
    };
    Turn::ask(layers.iter().map(want).collect(), move |mut answers| {
        let mut facts = about(&artifact);
        let seen: Vec<_> = layers.iter().map(|layer| answers.layer(&mut facts, &layer.digest.to_string())).collect();
        let mut detail = CrossplanePackage::default();
        match seen.into_iter().find_map(|mut seen| seen.take(PACKAGE)) {
            Some(file) => {
                for document in kube::documents(&file, &mut facts) {
                    read(&document, &mut detail, &mut facts);
                }
                if detail.package_kind.as_str().is_empty() {
                    facts.fault(PACKAGE, "it does not say what package it is");
                }
            }
            None => facts.fault("layers", "there is no package.yaml in them"),
        }
        facts.detail = Some(Detail::Crossplane(detail));
        Turn::tell(facts)
    })
}

fn read(document: &Value, detail: &mut CrossplanePackage, facts: &mut Facts) {
    let group = document.at("apiVersion").as_str().unwrap_or_default();
    if !group.starts_with("meta.pkg.crossplane.io/") {
        detail.objects.extend(kube::object(document, ""));
        return;
    }
    let said = |key: &str| kube::said(document, &format!("meta.crossplane.io/{key}"));
    detail.package_kind = document.line_or_empty("kind");
    detail.name = document.line_or_empty("metadata/name");
    detail.crossplane = document.line("spec/crossplane/version");
    detail.controller = document.line("spec/controller/image");
    detail.depends_on = document.items("spec/dependsOn").map(dependency).collect();
    or(&mut facts.title, || kube::said(document, "friendly-name.meta.crossplane.io").and_then(Line::some));
    facts.title = facts.title.take().or_else(|| Line::some(detail.name.as_str()));
    or(&mut facts.description, || said("description").and_then(Text::some));
    or(&mut facts.source, || said("source").and_then(Link::new));
    or(&mut facts.readme, || said("readme").and_then(Text::some));
    or(&mut facts.icon, || said("iconURI").and_then(Icon::of_url));
    if facts.licenses.is_empty() {
        facts.licenses = said("license").and_then(Line::some).into_iter().collect();
    }
    if facts.authors.is_empty() {
        facts.authors = said("maintainer").map(Person::parse).into_iter().collect();
    }
}

/// Named by its sort until version 1.15, and by `package` since.
fn dependency(value: &Value) -> Named {
    let keys = ["package", "provider", "configuration", "function"];
    let name = keys.iter().find_map(|key| value.line(key)).unwrap_or_default();
    Named { name, value: value.line_or_empty("version") }
}
