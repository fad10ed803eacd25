//! What is brought into clusters: by Flux (fluxcd/pkg oci: `application/vnd.cncf.flux.*`), Timoni (stefanprodan/timoni
//! api/v1alpha1/artifact.go: a layer for each sort of content) and Argo CD (argoproj/argo-cd docs, "OCI": any single
//! archive).

use wharf_model::api::facts::config::GitOps;
use wharf_model::api::facts::{Detail, FileFact, Line};

use super::about::about;
use super::layer::LayerWant;
use super::{Artifact, Turn, Want, annotation, kube};

/// How Timoni says what is in a layer.
const CONTENT: &str = "sh.timoni.content.type";
/// How many layers are read, at most.
const LAYERS_MAX: usize = 16;
/// How many files of one layer are read, at most.
const FILES_MAX: usize = 300;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers: Vec<_> = artifact.manifest.layers.iter().take(LAYERS_MAX).cloned().collect();
    let patterns = ["**.yaml", "**.yml", "**.json"];
    let wants = layers.iter().map(|layer| Want::Layer(LayerWant::new(layer, &patterns, FILES_MAX))).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let mut detail = GitOps { tool: tool(&artifact), ..GitOps::default() };
        if layers.is_empty() {
            facts.fault("manifest", "there is no layer with content in it");
        }
        for layer in &layers {
            let digest = layer.digest.to_string();
            let content = annotation(layer, CONTENT);
            detail.contents.extend(content.and_then(Line::some));
            let mut seen = answers.layer(&mut facts, content.unwrap_or(&digest));
            let entries: Vec<FileFact> = seen.entries.to_vec();
            let more = seen.entries.left_out();
            detail.files.extend(entries);
            detail.files.leave_out(more);
            for file in seen.files.drain(..) {
                let documents = kube::documents(&file, &mut facts);
                detail.objects.extend(documents.iter().filter_map(|document| kube::object(document, &file.path)));
            }
        }
        facts.detail = Some(Detail::Gitops(detail));
        Turn::tell(facts)
    })
}

fn tool(artifact: &Artifact) -> Line {
    let config = artifact.manifest.config.as_ref().map_or("", |config| config.media_type.as_str());
    let has = |part: &str| {
        let layers = artifact.manifest.layers.iter().map(|layer| layer.media_type.as_str());
        layers.chain([config]).any(|media_type| media_type.contains(part))
    };
    let tool = if has(".timoni.") {
        "timoni"
    } else if has(".flux.") {
        "flux"
    } else {
        "argo-cd"
    };
    Line::new(tool)
}
