//! Container images: what their config says (image-spec, "Image Configuration"; Docker's is the same but for its media
//! type).

use serde_json::Value;
use wharf_model::api::facts::image::{BaseImage, HistoryStep, Image, ImageLayer};
use wharf_model::api::facts::{Detail, Facts, Line, Listed, Named, Person};

use super::about::{about, fill, or};
use super::document::Look;
use super::{Artifact, Turn, Want, attestation, total};

const AT: &str = "config";
const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

pub(super) fn inspect(artifact: Artifact) -> Turn {
    if attestation::is_buildkit(&artifact) {
        return attestation::inspect(artifact);
    }
    let mut facts = about(&artifact);
    let Some(config) = artifact.manifest.config.clone() else {
        facts.fault("manifest", "it names no config");
        return Turn::tell(tell(&artifact, facts, &Value::Null));
    };
    Turn::ask(vec![Want::blob(&config)], move |mut answers| {
        let value = answers.json(&mut facts, AT, &config).unwrap_or_default();
        if value.is_object() {
            check(&artifact, &mut facts, &value);
        } else if !value.is_null() {
            facts.fault(AT, "it is no object, as the config of an image is");
        }
        Turn::tell(tell(&artifact, facts, &value))
    })
}

/// Notes what contradicts itself.
fn check(artifact: &Artifact, facts: &mut Facts, config: &Value) {
    for key in ["os", "architecture"] {
        if config.line(key).is_none() {
            facts.fault(AT, format_args!("{key} is missing"));
        }
    }
    let (layers, ids) = (artifact.manifest.layers.len(), config.items("rootfs/diff_ids").len());
    if layers != ids {
        facts.fault(AT, format_args!("it lists {ids} layers, and the manifest {layers}"));
    }
}

fn tell(artifact: &Artifact, mut facts: Facts, config: &Value) -> Facts {
    let labels = config.at("config/Labels");
    fill(&mut facts, |key| labels.get(key).and_then(Value::as_str));
    or(&mut facts.created, || config.time("created"));
    if facts.authors.is_empty() {
        facts.authors = config.line("author").map(|line| Person::parse(line.as_str())).into_iter().collect();
    }
    let (layers, history) = tie(artifact, &mut facts, config);
    let image = Image {
        os: config.line_or_empty("os"),
        architecture: config.line_or_empty("architecture"),
        variant: config.line("variant"),
        os_version: config.line("os.version"),
        size: total(&artifact.manifest.layers),
        layers,
        history,
        entrypoint: config.lines("config/Entrypoint"),
        cmd: config.lines("config/Cmd"),
        env: config.items("config/Env").filter_map(Value::as_str).map(variable).collect(),
        user: config.line("config/User"),
        working_dir: config.line("config/WorkingDir"),
        ports: keys(config, "config/ExposedPorts"),
        volumes: keys(config, "config/Volumes"),
        stop_signal: config.line("config/StopSignal"),
        health_check: config.lines("config/Healthcheck/Test"),
        labels: config.named("config/Labels"),
        base: base(artifact, labels),
    };
    facts.platforms = platform(&image).into_iter().collect();
    facts.detail = Some(Detail::Image(image));
    facts
}

fn platform(image: &Image) -> Option<Line> {
    let (os, architecture) = (image.os.as_str(), image.architecture.as_str());
    super::index::platform(os, architecture, image.variant.as_ref().map(Line::as_str))
}

fn variable(text: &str) -> Named {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Named::new(name, value)
}

fn keys(config: &Value, path: &str) -> Listed<Line> {
    config.fields(path).map(|(name, _)| Line::new(name)).collect()
}

fn base(artifact: &Artifact, labels: &Value) -> Option<BaseImage> {
    let get = |key: &str| artifact.annotation(key).or_else(|| labels.get(key)?.as_str()).and_then(Line::some);
    let base = BaseImage { name: get(BASE_NAME), digest: get(BASE_DIGEST) };
    (base != BaseImage::default()).then_some(base)
}

/// The layers and the history, each tied to the other: the steps that are not empty made the layers, in their order. Where
/// there are not as many of one as of the other, nobody knows which made which.
fn tie(artifact: &Artifact, facts: &mut Facts, config: &Value) -> (Listed<ImageLayer>, Listed<HistoryStep>) {
    let layers = &artifact.manifest.layers;
    let steps: Vec<&Value> = config.items("history").collect();
    let made = steps.iter().filter(|step| !step.flag("empty_layer")).count();
    let tied = made == layers.len();
    if !tied && !steps.is_empty() {
        facts.fault(AT, format_args!("its history made {made} layers, and the manifest lists {}", layers.len()));
    }
    let mut makers = Vec::with_capacity(layers.len());
    let history = steps.iter().enumerate().map(|(at, step)| {
        let empty = step.flag("empty_layer");
        let layer = (tied && !empty).then(|| {
            makers.push(at);
            small(makers.len() - 1)
        });
        history_step(step, empty, layer.flatten())
    });
    let history: Listed<HistoryStep> = history.collect();
    let layers = layers.iter().enumerate().map(|(at, layer)| ImageLayer {
        digest: Line::new(&layer.digest.to_string()),
        media_type: Line::new(layer.media_type.as_str()),
        size: layer.size,
        step: makers.get(at).copied().and_then(small),
        foreign: layer.is_foreign(),
    });
    (layers.collect(), history)
}

fn small(number: usize) -> Option<u32> {
    u32::try_from(number).ok()
}

fn history_step(step: &Value, empty: bool, layer: Option<u32>) -> HistoryStep {
    HistoryStep {
        created: step.time("created"),
        created_by: step.line_or_empty("created_by"),
        comment: step.line("comment"),
        author: step.line("author"),
        empty,
        layer,
    }
}
