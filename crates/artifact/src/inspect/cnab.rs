//! Cloud native application bundles (cnabio/cnab-spec 101-bundle-json.md), as cnab-to-oci and Porter push them: an index,
//! of which one child has the bundle for its config (cnabio/cnab-to-oci converter/convert.go).

use serde_json::Value;
use wharf_model::api::facts::package::{CnabAction, CnabBundle, CnabCredential, CnabImage, CnabParameter};
use wharf_model::api::facts::{Detail, Facts, Line, Listed, Person};
use wharf_model::descriptor::Descriptor;
use wharf_model::manifest::Manifest;

use super::about::{about, or};
use super::document::Look;
use super::{Artifact, Turn, Want, annotation};

/// How a child says what it is for the bundle.
const TYPE: &str = "io.cnab.manifest.type";
/// Where cnab-to-oci puts the maintainers, as the JSON of the bundle, which tells them better.
const AUTHORS: &str = "org.opencontainers.image.authors";

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let mut facts = about(&artifact);
    if artifact.annotation(AUTHORS).is_some_and(|authors| authors.starts_with('[')) {
        facts.authors = Listed::default();
    }
    let children = &artifact.manifest.manifests;
    let is_config = |child: &&Descriptor| annotation(child, TYPE) == Some("config");
    let Some(child) = children.iter().find(is_config).or(children.first()).cloned() else {
        return bundle(artifact.manifest.config, facts);
    };
    Turn::ask(vec![Want::Manifest(child.digest)], move |mut answers| {
        let at = child.digest.to_string();
        let Some(bytes) = answers.manifest() else {
            facts.fault(&at, "the child with the bundle is not in this repository");
            return Turn::tell(facts);
        };
        match Manifest::parse(&bytes, Some(&child.media_type)) {
            Ok(manifest) => bundle(manifest.config, facts),
            Err(error) => {
                facts.fault(&at, error);
                Turn::tell(facts)
            }
        }
    })
}

/// Reads the bundle.
fn bundle(config: Option<Descriptor>, mut facts: Facts) -> Turn {
    let Some(config) = config else {
        facts.fault("manifest", "it names no bundle");
        return Turn::tell(facts);
    };
    Turn::ask(vec![Want::blob(&config)], move |mut answers| {
        let value = answers.json(&mut facts, "bundle.json", &config).unwrap_or_default();
        if value.line("name").is_none() {
            facts.fault("bundle.json", "it is no bundle: it has no name");
        }
        or(&mut facts.title, || value.line("name"));
        or(&mut facts.version, || value.line("version"));
        or(&mut facts.description, || value.text("description"));
        let keywords = value.lines("keywords");
        facts.keywords = keywords;
        if facts.licenses.is_empty() {
            facts.licenses = value.lines("license");
        }
        if facts.authors.is_empty() {
            facts.authors = value.items("maintainers").map(maintainer).collect();
        }
        facts.detail = Some(Detail::Cnab(tell(&value)));
        Turn::tell(facts)
    })
}

fn maintainer(value: &Value) -> Person {
    Person { name: value.line_or_empty("name"), email: value.line("email"), url: value.link("url") }
}

fn tell(value: &Value) -> CnabBundle {
    let definitions = value.at("definitions");
    let images = value.fields("images").map(|(name, image)| CnabImage { name: Line::some(name), ..self::image(image) });
    CnabBundle {
        name: value.line_or_empty("name"),
        schema_version: value.line_or_empty("schemaVersion"),
        parameters: value.fields("parameters").map(|(name, one)| parameter(name, one, definitions)).collect(),
        credentials: value.fields("credentials").map(|(name, one)| credential(name, one)).collect(),
        actions: value.fields("actions").map(|(name, one)| action(name, one)).collect(),
        invocation_images: value.items("invocationImages").map(image).collect(),
        images: images.collect(),
        outputs: value.fields("outputs").map(|(name, _)| Line::new(name)).collect(),
        required_extensions: value.lines("requiredExtensions"),
    }
}

fn parameter(name: &str, value: &Value, definitions: &Value) -> CnabParameter {
    let none = Value::Null;
    let definition = value.at("definition").as_str().and_then(|name| definitions.get(name)).unwrap_or(&none);
    let secret = definition.flag("writeOnly");
    let default = definition.get("default").filter(|_| !secret);
    CnabParameter {
        name: Line::new(name),
        value_type: definition.line("type"),
        default: default.and_then(|default| Line::some(&default.to_string())),
        required: value.flag("required"),
        secret,
        description: value.line("description").or_else(|| definition.line("description")),
    }
}

fn credential(name: &str, value: &Value) -> CnabCredential {
    let env = value.line("env").map(|env| Line::new(&format!("${}", env.as_str())));
    CnabCredential {
        name: Line::new(name),
        required: value.flag("required"),
        description: value.line("description"),
        place: env.or_else(|| value.line("path")),
    }
}

fn action(name: &str, value: &Value) -> CnabAction {
    let description = value.line("description").or_else(|| value.line("title"));
    CnabAction { name: Line::new(name), description, modifies: value.flag("modifies") }
}

fn image(value: &Value) -> CnabImage {
    CnabImage {
        name: None,
        image: value.line_or_empty("image"),
        digest: value.line("contentDigest"),
        size: value.number("size"),
    }
}
