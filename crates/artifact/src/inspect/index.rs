//! Indexes: what they list (image-spec, "Image Index"). The attestations that BuildKit puts beside its images are told from
//! what runs: they are about a child, and for no platform (moby/buildkit docs/attestations/attestation-storage.md).

use serde::Deserialize;
use wharf_model::api::facts::image::{Child, Index};
use wharf_model::api::facts::{Detail, Facts, Line, Listed, Named};
use wharf_model::descriptor::Descriptor;
use wharf_model::manifest::Manifest;

use super::about::about;
use super::{Artifact, Turn, Want, annotation, total};

/// How many children are read, at most.
const READ_MAX: usize = 64;
const ABOUT: &str = "vnd.docker.reference.digest";
const PREDICATE: &str = "in-toto.io/predicate-type";

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let wants: Vec<Want> =
        artifact.manifest.manifests.iter().take(READ_MAX).map(|child| Want::Manifest(child.digest)).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let platforms = platforms(&artifact, &mut facts);
        let mut children = Listed::default();
        for (at, descriptor) in artifact.manifest.manifests.iter().enumerate() {
            let read = (at < READ_MAX).then(|| answers.manifest()).flatten();
            let manifest = read.and_then(|bytes| parse(&bytes, descriptor, &mut facts));
            children.push(child(descriptor, platforms.get(at), manifest.as_ref()));
        }
        facts.platforms = platform_list(&children);
        facts.detail = Some(Detail::Index(Index { children }));
        Turn::tell(facts)
    })
}

fn parse(bytes: &[u8], descriptor: &Descriptor, facts: &mut Facts) -> Option<Manifest> {
    let parsed = Manifest::parse(bytes, Some(&descriptor.media_type));
    parsed.map_err(|error| facts.fault(&descriptor.digest.to_string(), error)).ok()
}

/// What the children of an index run on, each once, in their order.
pub(super) fn platforms_of(artifact: &Artifact, facts: &mut Facts) -> Listed<Line> {
    let mut list: Vec<Line> = platforms(artifact, facts).iter().filter_map(Platform::line).collect();
    list.dedup();
    list.into_iter().collect()
}

/// Those of the children, each once, in their order.
fn platform_list(children: &[Child]) -> Listed<Line> {
    let mut list: Vec<Line> = Vec::new();
    for platform in children.iter().filter_map(|child| child.platform.as_ref()) {
        if !list.contains(platform) {
            list.push(platform.clone());
        }
    }
    list.into_iter().collect()
}

fn child(descriptor: &Descriptor, platform: Option<&Platform>, manifest: Option<&Manifest>) -> Child {
    let named = |(name, value): (&String, &String)| Named::new(name, value);
    let manifest_type = manifest.and_then(|manifest| manifest.artifact_type.as_deref());
    let predicates = manifest.into_iter().flat_map(|manifest| &manifest.layers);
    let about = annotation(descriptor, ABOUT).and_then(Line::some);
    Child {
        digest: Line::new(&descriptor.digest.to_string()),
        media_type: Line::new(descriptor.media_type.as_str()),
        artifact_type: descriptor.artifact_type.as_deref().or(manifest_type).and_then(Line::some),
        platform: platform.and_then(Platform::line),
        os_version: platform.and_then(|one| Line::some(one.os_version.as_deref()?)),
        os_features: platform.into_iter().flat_map(|one| &one.os_features).map(|one| Line::new(one)).collect(),
        size: manifest.map(size),
        predicates: predicates.filter_map(|layer| annotation(layer, PREDICATE)).map(Line::from).collect(),
        about,
        annotations: descriptor.annotations.iter().flatten().map(named).collect(),
    }
}

fn size(manifest: &Manifest) -> u64 {
    total(&manifest.layers).saturating_add(manifest.config.as_ref().map_or(0, |config| config.size))
}

/// What a child runs on.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
    #[serde(rename = "os.features")]
    os_features: Vec<String>,
}

impl Platform {
    fn line(&self) -> Option<Line> {
        platform(&self.os, &self.architecture, self.variant.as_deref())
    }
}

/// `linux/arm64/v8`; `None` of what is unknown.
pub(super) fn platform(os: &str, architecture: &str, variant: Option<&str>) -> Option<Line> {
    if os.is_empty() || architecture.is_empty() || (os, architecture) == ("unknown", "unknown") {
        return None;
    }
    let variant = variant.filter(|text| !text.is_empty()).map_or_else(String::new, |text| format!("/{text}"));
    Some(Line::new(&format!("{os}/{architecture}{variant}")))
}

/// Of each child, in their order.
fn platforms(artifact: &Artifact, facts: &mut Facts) -> Vec<Platform> {
    #[derive(Default, Deserialize)]
    struct Children {
        #[serde(default)]
        manifests: Vec<Entry>,
    }
    #[derive(Default, Deserialize)]
    struct Entry {
        platform: Option<Platform>,
    }
    let parsed: Result<Children, _> = serde_json::from_slice(&artifact.bytes);
    let children = parsed.unwrap_or_else(|error| {
        facts.fault("manifests", format_args!("a platform cannot be read: {error}"));
        Children::default()
    });
    children.manifests.into_iter().map(|entry| entry.platform.unwrap_or_default()).collect()
}
