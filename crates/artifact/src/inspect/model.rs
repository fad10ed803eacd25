//! Models: Ollama's (ollama/ollama types/model, server/images.go), Docker's (docker/model-spec config.md), those of the
//! CNCF's ModelPack (modelpack/model-spec docs/config.md) and KitOps' (kitops-ml/kitops docs, "Kitfile").

mod gguf;

use std::collections::HashMap;

use serde_json::Value;
use wharf_model::api::facts::runnable::{Model, ModelPart};
use wharf_model::api::facts::{Detail, Facts, Line, Listed, Person, Text};
use wharf_model::descriptor::Descriptor;

use super::about::{about, or};
use super::answers::Answers;
use super::document::{self, Look};
use super::{Artifact, Turn, Want, annotation, total};

const OLLAMA: &str = "application/vnd.ollama.image.";
/// Where a layer's file name is, by those who write models.
const NAMES: [&str; 3] = ["org.opencontainers.image.title", "org.cncf.model.filepath", "org.cnai.model.filepath"];
/// How much of a model's file is read, in bytes: what is said of the model comes before the vocabulary.
const HEADER_BYTES_MAX: usize = 1 << 20;
/// How much is read of a text beside the model, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// A text that Ollama keeps beside a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    System,
    Template,
    Options,
}

const BESIDE: [(&str, Beside); 3] =
    [("system", Beside::System), ("template", Beside::Template), ("params", Beside::Options)];

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers = &artifact.manifest.layers;
    let config = artifact.manifest.config.clone().filter(|config| config.media_type.as_str().ends_with("json"));
    let file = layers.iter().find(|layer| is_gguf(layer)).cloned();
    let beside: Vec<(Beside, Descriptor)> = BESIDE
        .iter()
        .filter_map(|(name, beside)| {
            let is = |layer: &&Descriptor| layer.media_type.as_str().strip_prefix(OLLAMA) == Some(*name);
            Some((*beside, layers.iter().find(is)?.clone()))
        })
        .collect();
    let mut wants: Vec<Want> = config.iter().map(Want::blob).collect();
    wants.extend(file.iter().map(|file| Want::head(file, HEADER_BYTES_MAX)));
    wants.extend(beside.iter().map(|(_, layer)| Want::head(layer, TEXT_BYTES_MAX)));
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let layers = &artifact.manifest.layers;
        let mut model = Model { size: total(layers), ..Model::default() };
        if layers.is_empty() {
            facts.fault("manifest", "there is no layer with a model in it");
        }
        let value = config.as_ref().and_then(|config| answers.json(&mut facts, "config", config)).unwrap_or_default();
        let paths = kitfile_paths(&value);
        model.parts =
            layers.iter().map(|layer| part(layer, paths.get(layer.digest.to_string().as_str()).copied())).collect();
        told_by_config(&value, &mut model, &mut facts);
        if let Some(file) = &file {
            header(&mut answers, file, &mut model, &mut facts);
        }
        for (beside, layer) in &beside {
            read_beside(*beside, &mut answers, layer, &mut model, &mut facts);
        }
        facts.detail = Some(Detail::Model(model));
        Turn::tell(facts)
    })
}

/// Whether a layer is a file of GGUF, as it is, and no archive.
fn is_gguf(layer: &Descriptor) -> bool {
    let media_type = layer.media_type.as_str();
    let is_named = NAMES.iter().filter_map(|key| annotation(layer, key)).any(|name| name.ends_with(".gguf"));
    media_type == "application/vnd.ollama.image.model"
        || media_type.starts_with("application/vnd.docker.ai.gguf.v3") && !media_type.ends_with("lora")
        || is_named && !media_type.contains("tar")
}

/// What a Kitfile says each layer is in the folder that it was packed from, by digest (kitops-ml/kitops pkg/artifact/kitfile.go).
fn kitfile_paths(config: &Value) -> HashMap<&str, &str> {
    let model = &config["model"];
    let lists = [&model["parts"], &config["code"], &config["datasets"], &config["docs"]];
    let parts = lists.into_iter().filter_map(Value::as_array).flatten().chain([model]);
    parts.filter_map(|part| Some((part["digest"].as_str()?, part["path"].as_str()?))).collect()
}

fn part(layer: &Descriptor, path: Option<&str>) -> ModelPart {
    let media_type = layer.media_type.as_str();
    let named = NAMES.iter().find_map(|key| annotation(layer, key));
    let known = ["application/vnd.ollama.image.", "application/vnd.docker.ai.", "application/vnd.cncf.model."];
    let by_type = known.iter().find_map(|prefix| media_type.strip_prefix(prefix));
    ModelPart {
        name: Line::new(named.or(path).or(by_type).unwrap_or(media_type)),
        media_type: Line::new(media_type),
        digest: Line::new(&layer.digest.to_string()),
        size: layer.size,
    }
}

/// Each writes its config in a way of its own; the first of the places where something is counts.
fn told_by_config(config: &Value, model: &mut Model, facts: &mut Facts) {
    let first = |paths: &[&str]| paths.iter().find_map(|path| config.line(path));
    model.format = first(&["model_format", "config/format"]);
    model.family = first(&["model_family", "descriptor/family"]);
    model.architecture = first(&["config/architecture", "config/gguf/architecture", "config/safetensors/architecture"]);
    let counts = ["model_type", "config/paramSize", "config/parameters", "config/gguf/parameter_count"];
    model.parameters = first(&counts).or_else(|| first(&["config/safetensors/parameter_count", "model/parameters"]));
    model.precision = first(&["config/precision"]);
    model.quantization = first(&["file_type", "config/quantization", "config/gguf/quantization"]);
    model.context_length = config.number("config/context_size");
    let capabilities = config.at("config/capabilities");
    for (name, list) in [("takes", "input_types"), ("gives", "output_types")] {
        model
            .capabilities
            .extend(capabilities.lines(list).iter().map(|one| Line::new(&format!("{name} {}", one.as_str()))));
    }
    for flag in ["reasoning", "tool_usage", "embedding"].into_iter().filter(|flag| capabilities.flag(flag)) {
        model.capabilities.push(Line::new(flag));
    }
    or(&mut facts.title, || first(&["descriptor/title", "descriptor/name", "package/name"]));
    or(&mut facts.version, || first(&["descriptor/version", "package/version"]));
    or(&mut facts.vendor, || config.line("descriptor/vendor"));
    or(&mut facts.created, || config.time("descriptor/createdAt").or_else(|| config.time("descriptor/created")));
    or(&mut facts.revision, || config.line("descriptor/revision"));
    or(&mut facts.documentation, || config.link("descriptor/docURL"));
    or(&mut facts.source, || config.link("descriptor/sourceURL"));
    or(&mut facts.description, || config.text("descriptor/description").or_else(|| config.text("package/description")));
    let either = |one: Listed<Line>, other: Listed<Line>| if one.is_empty() { other } else { one };
    if facts.licenses.is_empty() {
        facts.licenses = either(config.lines("descriptor/licenses"), config.lines("package/license"));
    }
    if facts.authors.is_empty() {
        let authors = either(config.lines("descriptor/authors"), config.lines("package/authors"));
        facts.authors = authors.iter().map(|author| Person::parse(author.as_str())).collect();
    }
}

fn header(answers: &mut Answers, file: &Descriptor, model: &mut Model, facts: &mut Facts) {
    let at = file.digest.to_string();
    let Some(bytes) = answers.head(facts, &at) else { return };
    let header = match gguf::read(&bytes) {
        Ok(header) => header,
        Err(what) => return facts.fault(&at, what),
    };
    let get = |key: &str| header.iter().find(|one| one.name.as_str() == key).map(|one| one.value.clone());
    or(&mut model.format, || Line::some("gguf"));
    or(&mut model.architecture, || get("general.architecture"));
    or(&mut model.parameters, || get("general.size_label"));
    or(&mut model.quantization, || get("general.file_type").and_then(|number| gguf::file_type(number.as_str())));
    let architecture = get("general.architecture").unwrap_or_default();
    let context = get(&format!("{}.context_length", architecture.as_str()));
    model.context_length = model.context_length.or_else(|| context?.as_str().parse().ok());
    or(&mut facts.title, || get("general.name"));
    if facts.licenses.is_empty() {
        facts.licenses = get("general.license").into_iter().collect();
    }
    model.header = header;
}

fn read_beside(beside: Beside, answers: &mut Answers, layer: &Descriptor, model: &mut Model, facts: &mut Facts) {
    let at = layer.media_type.as_str();
    let Some(bytes) = answers.head(facts, at) else { return };
    let text = || Text::some(&String::from_utf8_lossy(&bytes));
    match beside {
        Beside::System => model.system = text(),
        Beside::Template => model.template = text(),
        Beside::Options => match document::json(&bytes) {
            Ok(options) => model.options = options.named(""),
            Err(what) => facts.fault(at, what),
        },
    }
}
