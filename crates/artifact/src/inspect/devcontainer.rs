//! Features, templates and collections of development containers (devcontainers/spec
//! docs/specs/devcontainer-features-distribution.md): an archive, whose metadata is in an annotation, too; a collection is
//! a list of them.

use serde_json::Value;
use wharf_model::api::facts::config::{DevContainer, DevContainerOption};
use wharf_model::api::facts::{Detail, Facts, Line, Listed, Named};

use super::about::{about, or};
use super::document::{self, Look};
use super::layer::LayerWant;
use super::{Artifact, Turn, Want};

const METADATA: &str = "dev.containers.metadata";
const COLLECTION: &str = "application/vnd.devcontainers.collection.layer.v1+json";
const FEATURE: &str = "devcontainer-feature.json";
const TEMPLATE: &str = "devcontainer-template.json";

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let mut facts = about(&artifact);
    let Some(layer) = artifact.manifest.layers.first().cloned() else {
        facts.fault("manifest", "there is no layer with content in it");
        return Turn::tell(facts);
    };
    if layer.media_type.as_str() == COLLECTION {
        return Turn::ask(vec![Want::blob(&layer)], move |mut answers| {
            let value = answers.json(&mut facts, "devcontainer-collection.json", &layer).unwrap_or_default();
            facts.detail = Some(Detail::DevContainer(collection(&value)));
            Turn::tell(facts)
        });
    }
    let want = LayerWant::new(&layer, &[FEATURE, TEMPLATE, "README.md"], 3);
    Turn::ask(vec![Want::Layer(want)], move |mut answers| {
        let mut seen = answers.layer(&mut facts, "the archive");
        let readme = seen.take("README.md");
        facts.readme = readme.and_then(|file| super::helm::text(&file, &mut facts));
        let is_template = seen.files.iter().any(|file| file.path == TEMPLATE);
        let file = seen.files.first();
        let metadata = artifact.annotation(METADATA).map(str::as_bytes).or(file.map(|file| file.bytes.as_slice()));
        let value = match metadata.map(document::json) {
            Some(Ok(value)) => value,
            Some(Err(what)) => {
                facts.fault("metadata", what);
                Value::Null
            }
            None => {
                facts.fault("the archive", "there is neither a feature nor a template in it");
                Value::Null
            }
        };
        let mut detail = member(&value, &mut facts);
        detail.form = Line::new(if is_template { "template" } else { "feature" });
        detail.files = std::mem::take(&mut seen.entries);
        facts.detail = Some(Detail::DevContainer(detail));
        Turn::tell(facts)
    })
}

fn member(value: &Value, facts: &mut Facts) -> DevContainer {
    or(&mut facts.title, || value.line("name"));
    or(&mut facts.version, || value.line("version"));
    or(&mut facts.description, || value.text("description"));
    or(&mut facts.documentation, || value.link("documentationURL"));
    if facts.keywords.is_empty() {
        facts.keywords = value.lines("keywords");
    }
    if facts.licenses.is_empty() {
        facts.licenses = value.lines("license");
    }
    DevContainer {
        id: value.line_or_empty("id"),
        options: value.fields("options").map(|(name, one)| option(name, one)).collect(),
        depends_on: value.fields("dependsOn").map(|(name, _)| Line::new(name)).collect(),
        installs_after: value.lines("installsAfter"),
        ..DevContainer::default()
    }
}

fn option(name: &str, value: &Value) -> DevContainerOption {
    let allowed = value.lines("enum");
    DevContainerOption {
        name: Line::new(name),
        value_type: value.line("type"),
        default: value.line("default"),
        description: value.line("description"),
        choices: if allowed.is_empty() { value.lines("proposals") } else { allowed },
    }
}

fn collection(value: &Value) -> DevContainer {
    let members = value.items("features").chain(value.items("templates"));
    let named = |one: &Value| Named { name: one.line_or_empty("id"), value: one.line_or_empty("version") };
    DevContainer {
        form: Line::new("collection"),
        members: members.map(named).collect::<Listed<Named>>(),
        ..DevContainer::default()
    }
}
