//! Policies of Kyverno: a file of YAML in each layer (kyverno/kyverno cmd/cli/kubectl-kyverno/commands/oci).

use serde_json::Value;
use wharf_model::api::facts::policy::{KyvernoPolicies, KyvernoPolicy};
use wharf_model::api::facts::{Detail, Line};
use wharf_model::limits::INSPECT_FILE_BYTES_MAX;

use super::about::{about, or};
use super::document::Look;
use super::layer::SeenFile;
use super::{Artifact, Turn, Want, kube};

/// How many layers are read, at most.
const LAYERS_MAX: usize = 100;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers: Vec<_> = artifact.manifest.layers.iter().take(LAYERS_MAX).cloned().collect();
    let wants = layers.iter().map(|layer| Want::head(layer, INSPECT_FILE_BYTES_MAX)).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let mut detail = KyvernoPolicies::default();
        if layers.is_empty() {
            facts.fault("manifest", "there is no layer with a policy in it");
        }
        for layer in &layers {
            let path = layer.digest.to_string();
            let Some(bytes) = answers.head(&mut facts, &path) else { continue };
            let file = SeenFile { path, bytes, size: layer.size };
            let documents = kube::documents(&file, &mut facts);
            detail.policies.extend(documents.iter().filter_map(policy));
            if documents.is_empty() {
                facts.fault(&file.path, "there is no policy in it");
            }
        }
        detail.policies.leave_out((artifact.manifest.layers.len() - layers.len()) as u64);
        or(&mut facts.title, || detail.policies.first().and_then(|policy| policy.title.clone()));
        facts.detail = Some(Detail::Kyverno(detail));
        Turn::tell(facts)
    })
}

fn policy(value: &Value) -> Option<KyvernoPolicy> {
    let said = |key: &str| kube::said(value, &format!("policies.kyverno.io/{key}")).and_then(Line::some);
    // In a rule since 1.13, for all rules before; in the newer kinds of policies a list.
    let actions = ["spec/validationFailureAction", "spec/validationActions"];
    let of_rules = || value.items("spec/rules").find_map(|rule| rule.line("validate/failureAction"));
    Some(KyvernoPolicy {
        kind: value.line("kind")?,
        name: value.line_or_empty("metadata/name"),
        title: said("title"),
        category: said("category"),
        severity: said("severity"),
        description: said("description"),
        action: actions.iter().find_map(|path| value.lines(path).first().cloned()).or_else(of_rules),
        rules: value.items("spec/rules").filter_map(|rule| rule.line("name")).collect(),
    })
}
