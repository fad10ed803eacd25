//! Profiles of the Security Profiles Operator: a file of YAML for each platform, told by its name (kubernetes-sigs/
//! security-profiles-operator internal/pkg/artifact).

use std::collections::BTreeMap;

use serde_json::Value;
use wharf_model::api::facts::policy::{SecurityProfile, WorkloadProfile};
use wharf_model::api::facts::{Counted, Detail, Line};
use wharf_model::limits::INSPECT_FILE_BYTES_MAX;

use super::about::{about, or};
use super::document::Look;
use super::layer::SeenFile;
use super::{Artifact, Turn, Want, annotation, index, kube};
use crate::config::TITLE;

/// How many layers are read, at most.
const LAYERS_MAX: usize = 32;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers: Vec<_> = artifact.manifest.layers.iter().take(LAYERS_MAX).cloned().collect();
    let wants = layers.iter().map(|layer| Want::head(layer, INSPECT_FILE_BYTES_MAX)).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let mut detail = SecurityProfile::default();
        if layers.is_empty() {
            facts.fault("manifest", "there is no layer with a profile in it");
        }
        for layer in &layers {
            let name = annotation(layer, TITLE).map_or_else(|| layer.digest.to_string(), str::to_owned);
            let Some(bytes) = answers.head(&mut facts, &name) else { continue };
            let file = SeenFile { path: name, bytes, size: layer.size };
            let documents = kube::documents(&file, &mut facts);
            let before = detail.profiles.total();
            detail.profiles.extend(documents.iter().filter_map(|document| profile(document, &file.path)));
            if detail.profiles.total() == before {
                facts.fault(&file.path, "there is no profile in it");
            }
        }
        // A file may have several profiles.
        let mut platforms: Vec<Line> = detail.profiles.iter().filter_map(|profile| profile.platform.clone()).collect();
        platforms.dedup();
        facts.platforms = platforms.into_iter().collect();
        or(&mut facts.title, || detail.profiles.first().map(|profile| profile.name.clone()));
        facts.detail = Some(Detail::SecurityProfile(detail));
        Turn::tell(facts)
    })
}

fn profile(value: &Value, file: &str) -> Option<WorkloadProfile> {
    let kind = value.line("kind")?;
    let mut counts: BTreeMap<Line, u64> = BTreeMap::new();
    for rule in value.items("spec/syscalls") {
        *counts.entry(rule.line_or_empty("action")).or_default() += rule.items("names").len() as u64;
    }
    Some(WorkloadProfile {
        kind,
        name: value.line_or_empty("metadata/name"),
        file: Line::some(file),
        platform: platform(file),
        default_action: value.line("spec/defaultAction"),
        syscalls: counts.into_iter().map(|(name, count)| Counted { name, count }).collect(),
        architectures: value.lines("spec/architectures"),
    })
}

/// `profile-linux-amd64.yaml` is for `linux/amd64`.
fn platform(file: &str) -> Option<Line> {
    let mut parts = file.strip_prefix("profile-")?.strip_suffix(".yaml")?.split('-');
    index::platform(parts.next()?, parts.next()?, parts.next())
}
