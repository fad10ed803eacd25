//! `wharf inspect`: what something is, for people.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_artifact::kind::Kinds;
use wharf_content::platform::Platforms;
use wharf_content::source::Source;
use wharf_model::api::kind::Command;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::media::MediaType;

use super::kinds;
use crate::Outcome;
use crate::args::end::End;
use crate::args::reference::InspectArgs;
use crate::end::Reach;
use crate::found::{self, By, Found};
use crate::printer::Printer;
use crate::session;
use crate::table::{Table, printable, sheet};
use crate::units::size;

/// How much of the line is shown that made a layer, in characters.
const STEP_CHARS: usize = 60;
/// The annotation by which files are named.
const TITLE: &str = "org.opencontainers.image.title";
/// Which commands are shown to people: how to get it, and what to do with it.
const SHOWN: [&str; 4] = ["pull", "use", "inspect", "verify"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    reference: String,
    digest: Digest,
    media_type: MediaType,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    /// What programs call its kind.
    kind: String,
    /// The same, for people.
    kind_title: String,
    /// By which rule it is of this kind.
    rule: String,
    /// Of the manifest, its config and its layers, in bytes.
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Image>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Descriptor>,
    layers: Vec<Descriptor>,
    manifests: Vec<Child>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
    referrers: usize,
    /// How it is fetched and used, where it is in a registry.
    commands: Vec<Command>,
}

/// A child of an index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Child {
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(flatten)]
    descriptor: Descriptor,
}

/// What the config of an image says, as far as people ask for it.
#[derive(Serialize, Deserialize)]
struct Image {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(default)]
    config: Value,
    /// How it was made, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<Step>,
}

/// A step in the making of an image.
#[derive(Serialize, Deserialize)]
struct Step {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// Whether it made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    empty_layer: bool,
}

/// Runs the command.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn run(args: &InspectArgs, printer: &Printer) -> Result<Outcome> {
    let end = &args.look.end;
    let found = session::block_on_all(async {
        let reach = Reach::new(&args.look.reach)?;
        let found = Found::get(&reach, end, args.platform.as_ref()).await?;
        let summary = if args.raw { None } else { Some(summary(end, &found).await?) };
        Ok((found.fetched.bytes, summary))
    });
    match session::about(end, &end.place(), found)? {
        (bytes, None) => printer.bytes(&bytes)?,
        (_, Some(summary)) => printer.show(args.look.json, &summary, text)?,
    }
    Ok(Outcome::Done)
}

async fn summary(end: &End, found: &Found) -> Result<Summary> {
    let (fetched, manifest) = (&found.fetched, found.manifest()?);
    let referrers = found::referrers(found.source(), &fetched.digest).await?.len();
    let tag = end.tag();
    let by = By { tag: tag.as_ref(), named_by: None };
    let told = found::decide(Kinds::built_in(), found.source(), &manifest, by).await?;
    let kind = told.decided.kind;
    let image = match &manifest.config {
        Some(config) if is_image(config) => image(found.source(), config, told.config).await?,
        _ => None,
    };
    let commands = kinds::commands(kind, end, &manifest, &fetched.digest);
    let size = manifest.config.iter().chain(&manifest.layers).map(|part| part.size);
    let size = size.fold(fetched.bytes.len() as u64, u64::saturating_add);
    let platforms = Platforms::of(&fetched.bytes);
    let child = |descriptor: Descriptor| {
        let platform = platforms.get(&descriptor.digest).first().map(ToString::to_string);
        Child { platform, descriptor }
    };
    Ok(Summary {
        reference: end.to_string(),
        digest: fetched.digest,
        media_type: manifest.media_type,
        artifact_type: manifest.artifact_type,
        kind: kind.id.clone(),
        kind_title: kind.title.clone(),
        rule: told.decided.to_string(),
        size,
        image,
        config: manifest.config,
        layers: manifest.layers,
        manifests: manifest.manifests.into_iter().map(child).collect(),
        subject: manifest.subject,
        annotations: manifest.annotations.unwrap_or_default(),
        referrers,
        commands,
    })
}

fn is_image(config: &Descriptor) -> bool {
    let known = ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
    known.contains(&config.media_type.as_str())
}

/// What a config says; nothing where it is not there, too large, or none after all.
async fn image(source: &dyn Source, config: &Descriptor, read: Option<Vec<u8>>) -> Result<Option<Image>> {
    let read = match read {
        Some(bytes) => Some(bytes),
        None => found::small_blob(source, config).await?,
    };
    Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

fn text(summary: &Summary) -> String {
    let of_image = |name: &str| summary.image.as_ref().map(|image| setting(image, name));
    let layers = match summary.layers.len() {
        0 => size(summary.size),
        1 => format!("{} in 1 layer", size(summary.size)),
        several => format!("{} in {several} layers", size(summary.size)),
    };
    let facts = sheet([
        ("reference", Some(summary.reference.clone())),
        ("digest", Some(summary.digest.to_string())),
        ("kind", Some(summary.kind_title.clone())),
        ("media type", Some(summary.media_type.to_string())),
        ("artifact type", summary.artifact_type.clone().filter(|_| summary.image.is_none())),
        ("size", Some(layers).filter(|_| summary.manifests.is_empty())),
        ("platform", summary.image.as_ref().map(platform)),
        ("created", summary.image.as_ref().and_then(|image| image.created.clone())),
        ("author", summary.image.as_ref().and_then(|image| image.author.clone())),
        ("user", of_image("User")),
        ("entrypoint", of_image("Entrypoint")),
        ("command", of_image("Cmd")),
        ("folder", of_image("WorkingDir")),
        ("ports", of_image("ExposedPorts")),
        ("volumes", of_image("Volumes")),
        ("subject", summary.subject.as_ref().map(|subject| subject.digest.to_string())),
        ("referrers", Some(summary.referrers.to_string())),
    ]);
    let commands = kinds::shown(&summary.commands, &SHOWN);
    let parts = [facts, commands, annotations(summary), manifests(summary), self::layers(summary)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn platform(image: &Image) -> String {
    let variant = image.variant.iter().map(|variant| format!("/{variant}"));
    format!("{}/{}{}", image.os, image.architecture, variant.collect::<String>())
}

/// A text, a list of them, or the keys of an object.
fn setting(image: &Image, name: &str) -> String {
    match image.config.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(texts)) => {
            let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
            // As a shell would want them, near enough to be read.
            let quoted = |text: &&str| if text.contains(' ') { format!("{text:?}") } else { (*text).to_owned() };
            texts.iter().map(quoted).collect::<Vec<_>>().join(" ")
        }
        Some(Value::Object(object)) => object.keys().cloned().collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn annotations(summary: &Summary) -> String {
    let lines = summary.annotations.iter();
    let lines: Vec<String> = lines.map(|(key, text)| printable(&format!("  {key}: {text}"))).collect();
    if lines.is_empty() { String::new() } else { format!("annotations:\n{}", lines.join("\n")) }
}

fn manifests(summary: &Summary) -> String {
    let mut table = Table::new(&["PLATFORM", "DIGEST", "MEDIA TYPE"]);
    for Child { platform, descriptor } in &summary.manifests {
        let platform = platform.clone().unwrap_or_default();
        table.row([platform, descriptor.digest.to_string(), descriptor.media_type.to_string()]);
    }
    if summary.manifests.is_empty() { String::new() } else { table.text() }
}

fn layers(summary: &Summary) -> String {
    let titles = summary.layers.iter().map(|layer| layer.annotations.as_ref()?.get(TITLE).cloned());
    let (titles, steps) = (titles.collect::<Vec<_>>(), steps(summary));
    let (heading, texts) = match (titles.iter().any(Option::is_some), steps) {
        (false, Some(steps)) => ("MADE BY", steps.into_iter().map(Some).collect()),
        _ => ("TITLE", titles),
    };
    let mut table = Table::new(&["LAYER", "SIZE", "MEDIA TYPE", heading]);
    for (layer, text) in summary.layers.iter().zip(texts) {
        let text = text.unwrap_or_default();
        table.row([layer.digest.to_string(), size(layer.size), layer.media_type.to_string(), text]);
    }
    if summary.layers.is_empty() { String::new() } else { table.text() }
}

/// What each layer was made by, where the image says that of all.
fn steps(summary: &Summary) -> Option<Vec<String>> {
    let steps = summary.image.as_ref()?.history.iter().filter(|step| !step.empty_layer);
    let steps: Vec<String> = steps.map(|step| made_by(step.created_by.as_deref().unwrap_or_default())).collect();
    (steps.len() == summary.layers.len()).then_some(steps)
}

/// The line of a build file, without what builders put around it.
fn made_by(text: &str) -> String {
    let text = text.trim_end_matches("# buildkit").trim();
    let text = match text.strip_prefix("/bin/sh -c ") {
        Some(rest) => rest.strip_prefix("#(nop) ").map_or_else(|| format!("RUN {rest}"), |rest| rest.trim().to_owned()),
        None => text.to_owned(),
    };
    let mut short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = short.char_indices().nth(STEP_CHARS) {
        short.truncate(at);
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_build_files() {
        let check = |text: &str, expect: &str| assert_eq!(made_by(text), expect);
        check("/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]");
        check("/bin/sh -c apt-get  update &&\tapt-get install -y x", "RUN apt-get update && apt-get install -y x");
        check("COPY a b # buildkit", "COPY a b");
        check("", "");
        assert_eq!(made_by(&"é".repeat(100)).chars().count(), STEP_CHARS + 1);
    }
}
