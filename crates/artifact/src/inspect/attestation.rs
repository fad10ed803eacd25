//! Attestations: in-toto statements, signed (cosign's `.att` and bundles) or not (BuildKit's, moby/buildkit
//! docs/attestations/attestation-storage.md).

use wharf_model::api::facts::supply::{Attestations, Signature, Signatures, Statement};
use wharf_model::api::facts::{Detail, Facts, Line, Listed};
use wharf_model::descriptor::Descriptor;

use super::about::about;
use super::document::Look;
use super::envelope::{self, ENVELOPE, SIGN};
use super::pieces::Pieces;
use super::signature;
use super::{Artifact, Turn, Want, annotation};

/// The media types of statements that are not signed.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";
/// How many layers are read, at most.
const LAYERS_MAX: usize = 32;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let wants = artifact.manifest.layers.iter().take(LAYERS_MAX).map(Want::blob).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let mut found = Found::default();
        if artifact.manifest.layers.is_empty() {
            facts.fault("manifest", "there is no layer with a statement in it");
        }
        for (number, layer) in artifact.manifest.layers.iter().enumerate() {
            if number >= LAYERS_MAX {
                found.statements.leave_out(1);
                continue;
            }
            let at = layer.digest.to_string();
            if let Some(bytes) = answers.blob(&mut facts, &at, layer) {
                found.read(layer, &bytes, &at, &mut facts);
            }
        }
        facts.detail = Some(found.detail());
        Turn::tell(facts)
    })
}

/// What was found in the layers.
#[derive(Default)]
struct Found {
    statements: Listed<Statement>,
    /// Bundles that state nothing but "signed".
    signatures: Listed<Signature>,
}

impl Found {
    fn read(&mut self, layer: &Descriptor, bytes: &[u8], at: &str, facts: &mut Facts) {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return facts.fault(at, format_args!("it is not UTF-8: {error}")),
        };
        if layer.media_type.as_str().starts_with("application/vnd.dev.sigstore.bundle") {
            self.read_bundle(text, at, facts);
            return;
        }
        let Ok(envelope) = Pieces::read(text, ENVELOPE).map_err(|what| facts.fault(at, what)) else { return };
        if !envelope.has("payloadType") {
            let statement = envelope::statement(text, at, facts);
            statement.into_iter().for_each(|statement| self.add(statement, None, at));
            return;
        }
        let mut signed = Signature { format: Line::new("dsse"), ..Signature::default() };
        signature::cosign_annotations(layer, &mut signed, at, facts);
        signed.key = envelope.value("signatures").items("").find_map(|one| one.line("keyid"));
        let statement = envelope::dsse(&envelope, at, facts);
        statement.into_iter().for_each(|statement| self.add(statement, Some(signed.clone()), at));
    }

    fn read_bundle(&mut self, text: &str, at: &str, facts: &mut Facts) {
        let Some(bundle) = envelope::bundle(text, at, facts) else { return };
        match bundle.statement.filter(|statement| statement.predicate_type.as_str() != SIGN) {
            Some(statement) => self.add(statement, Some(bundle.signature), at),
            None => self.signatures.push(bundle.signature),
        }
    }

    fn add(&mut self, statement: Statement, signature: Option<Signature>, at: &str) {
        self.statements.push(Statement { layer: Line::new(at), signature, ..statement });
    }

    fn detail(self) -> Detail {
        if self.statements.is_empty() && !self.signatures.is_empty() {
            return Detail::Signature(Signatures { signatures: self.signatures });
        }
        Detail::Attestation(Attestations { statements: self.statements })
    }
}

/// Whether all that an image's manifest names are statements: BuildKit gives its attestations the config of an image.
pub(super) fn is_buildkit(artifact: &Artifact) -> bool {
    let layers = &artifact.manifest.layers;
    let is_statement = |layer: &Descriptor| {
        layer.media_type.as_str() == IN_TOTO || annotation(layer, "in-toto.io/predicate-type").is_some()
    };
    !layers.is_empty() && layers.iter().all(is_statement)
}
