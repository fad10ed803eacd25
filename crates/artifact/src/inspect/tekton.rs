//! Bundles of Tekton: an object in each layer, in an archive of its own (tektoncd/pipeline docs/tekton-bundle-contracts.md).

use wharf_model::api::facts::config::TektonBundle;
use wharf_model::api::facts::{Detail, KubeObject, Line};
use wharf_model::descriptor::Descriptor;

use super::about::{about, or};
use super::layer::LayerWant;
use super::{Artifact, Turn, Want, annotation, kube};

/// How many layers are read, at most; Tekton takes 20.
const LAYERS_MAX: usize = 64;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers: Vec<_> = artifact.manifest.layers.iter().take(LAYERS_MAX).cloned().collect();
    let wants = layers.iter().map(|layer| Want::Layer(LayerWant::new(layer, &["**"], 1))).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let mut detail = TektonBundle::default();
        if layers.is_empty() {
            facts.fault("manifest", "there is no layer with an object in it");
        }
        for layer in &layers {
            let told = told(layer);
            let at = told.as_ref().map_or_else(|| layer.digest.to_string(), |told| told.name.as_str().to_owned());
            if told.is_none() {
                facts.fault(&at, "the layer does not say what is in it (dev.tekton.image.name and .kind)");
            }
            let file = answers.layer(&mut facts, &at).files.into_iter().next();
            let is = file.and_then(|file| {
                kube::documents(&file, &mut facts).first().and_then(|one| kube::object(one, &file.path))
            });
            if let (Some(told), Some(is)) = (&told, &is)
                && told.name != is.name
            {
                facts.fault(
                    &at,
                    format_args!("the layer says {:?}, but {:?} is in it", told.name.as_str(), is.name.as_str()),
                );
            }
            detail.objects.extend(is.or(told));
        }
        detail.objects.leave_out((artifact.manifest.layers.len() - layers.len()) as u64);
        or(&mut facts.title, || detail.objects.first().map(|object| object.name.clone()));
        facts.detail = Some(Detail::Tekton(detail));
        Turn::tell(facts)
    })
}

/// What a layer says is in it.
fn told(layer: &Descriptor) -> Option<KubeObject> {
    let said = |key: &str| annotation(layer, &format!("dev.tekton.image.{key}")).and_then(Line::some);
    Some(KubeObject {
        api_version: said("apiVersion").unwrap_or_default(),
        kind: said("kind")?,
        name: said("name")?,
        ..KubeObject::default()
    })
}
