//! What signatures and statements are wrapped in: Sigstore's bundle (sigstore/protobuf-specs sigstore_bundle.proto), DSSE
//! (secure-systems-lab/dsse envelope.md), in-toto statements (in-toto/attestation spec/v1/statement.md).

use serde_json::Value;
use wharf_model::api::facts::supply::{
    Certificate, LogEntry, Material, Provenance, Signature, Statement, StatementSubject,
};
use wharf_model::api::facts::{Facts, Line, Listed};

use super::document::Look;
use super::pieces::Pieces;
use super::{certificate, sbom, vex};

/// The predicate of a bundle that states nothing but "signed" (sigstore/cosign).
pub(super) const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A bundle that was read.
pub(super) struct Bundle {
    pub(super) signature: Signature,
    /// What it states; absent where it signs a digest.
    pub(super) statement: Option<Statement>,
}

/// What is read of a bundle, and of an envelope.
const BUNDLE: &[&str] = &["verificationMaterial", "messageSignature", "dsseEnvelope"];
pub(super) const ENVELOPE: &[&str] = &["payloadType", "payload", "signatures"];

/// Reads a bundle of Sigstore. What is malformed is noted at `at`.
pub(super) fn bundle(text: &str, at: &str, facts: &mut Facts) -> Option<Bundle> {
    let pieces = Pieces::read(text, BUNDLE).map_err(|what| facts.fault(at, what)).ok()?;
    let mut signature = Signature { format: Line::new("sigstore-bundle"), ..Signature::default() };
    if !pieces.has("verificationMaterial") {
        facts.fault(at, "it is no bundle of Sigstore: verificationMaterial is missing");
        return None;
    }
    verification(&pieces.value("verificationMaterial"), &mut signature, at, facts);
    let digest = pieces.value("messageSignature");
    if let Some(bytes) = digest.at("messageDigest/digest").as_str().and_then(certificate::base64) {
        let algorithm = match digest.at("messageDigest/algorithm").as_str() {
            Some("SHA2_512") => "sha512",
            _ => "sha256",
        };
        signature.subject = Some(Line::new(&format!("{algorithm}:{}", hex(&bytes))));
    }
    let mut statement = None;
    if pieces.has("dsseEnvelope") {
        let envelope = pieces.inside("dsseEnvelope", ENVELOPE).map_err(|what| facts.fault(at, what));
        statement = envelope.ok().and_then(|envelope| dsse(&envelope, at, facts));
    } else if !pieces.has("messageSignature") {
        facts.fault(at, "there is neither a signature nor a statement in it");
    }
    if let Some(statement) = &statement {
        signature.subject = statement.subjects.first().and_then(|subject| subject.digest.clone());
    }
    Some(Bundle { signature, statement })
}

fn verification(material: &Value, signature: &mut Signature, at: &str, facts: &mut Facts) {
    let leaf = material.items("x509CertificateChain/certificates").next().map(|one| one.at("rawBytes"));
    let raw = leaf.unwrap_or_else(|| material.at("certificate/rawBytes"));
    if let Some(text) = raw.as_str() {
        let parsed = certificate::base64(text).ok_or_else(|| "the certificate is no base64".to_owned());
        set_certificate(signature, parsed.and_then(|bytes| certificate::der(&bytes)), at, facts);
    }
    signature.key = material.line("publicKey/hint");
    let entry = material.items("tlogEntries").next();
    signature.log = entry.and_then(|entry| {
        Some(LogEntry {
            index: entry.number("logIndex")?,
            integrated: seconds(entry.at("integratedTime")),
            log: entry.line("logId/keyId"),
        })
    });
    signature.signed = signature.log.as_ref().and_then(|log| log.integrated);
    signature.timestamped = material.items("timestampVerificationData/rfc3161Timestamps").next().is_some();
}

/// Seconds since 1970, as a number or a text, in milliseconds; none of 0, which stands for nothing.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    let seconds = i64::try_from(value.number("")?).ok()?;
    seconds.checked_mul(1_000).filter(|at| *at > 0)
}

/// Puts a certificate to a signature, with what follows from it.
pub(super) fn set_certificate(
    signature: &mut Signature,
    parsed: Result<Certificate, String>,
    at: &str,
    facts: &mut Facts,
) {
    match parsed {
        Ok(parsed) => {
            let claim = |name: &str| parsed.claims.iter().find(|claim| claim.name.as_str() == name);
            let issuer = claim("issuer").or_else(|| claim("issuer (old)")).map(|claim| claim.value.clone());
            signature.issuer = issuer.or_else(|| Some(parsed.issuer.clone()));
            signature.identity = parsed.names.first().cloned().or_else(|| Some(parsed.subject.clone()));
            signature.certificate = Some(parsed);
        }
        Err(what) => facts.fault(at, what),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads an envelope of DSSE. What is malformed is noted at `at`.
pub(super) fn dsse(envelope: &Pieces<'_>, at: &str, facts: &mut Facts) -> Option<Statement> {
    let Some(payload) = envelope.text("payload").and_then(|text| certificate::base64(&text)) else {
        facts.fault(at, "the envelope has no payload in base64");
        return None;
    };
    if envelope.each("signatures", |_| ()).0 == 0 {
        facts.fault(at, "the envelope has no signature");
    }
    match std::str::from_utf8(&payload) {
        Ok(text) => statement(text, at, facts),
        Err(error) => {
            facts.fault(at, format_args!("its payload is not UTF-8: {error}"));
            None
        }
    }
}

/// What is read of a statement.
const FIELDS: &[&str] = &["predicateType", "subject", "predicate"];
/// What is read of a predicate that tells how something was built.
const PROVENANCE: &[&str] =
    &["builder", "buildType", "invocation", "metadata", "materials", "buildDefinition", "runDetails"];

/// Reads an in-toto statement, or an OpenVEX document, which some attach without one. What is malformed is noted at `at`.
pub(super) fn statement(text: &str, at: &str, facts: &mut Facts) -> Option<Statement> {
    let pieces = Pieces::read(text, FIELDS).map_err(|what| facts.fault(at, what)).ok()?;
    let predicate_type = pieces.value("predicateType").line_or_empty("");
    if predicate_type.as_str().is_empty() {
        if let Some(statement) = vex::document(text, facts) {
            return Some(statement);
        }
        facts.fault(at, "it is no in-toto statement: predicateType is missing");
        return None;
    }
    let mut subjects = Listed::default();
    pieces.each("subject", |value| subjects.push(subject(value)));
    let predicate = pieces.raw("predicate").map(serde_json::value::RawValue::get).unwrap_or_default();
    let mut statement = Statement { predicate_type, subjects, ..Statement::default() };
    read_predicate(&mut statement, predicate, at, facts);
    Some(statement)
}

fn read_predicate(statement: &mut Statement, predicate: &str, at: &str, facts: &mut Facts) {
    let kind = statement.predicate_type.as_str();
    if kind.contains("slsa.dev/provenance/") {
        match Pieces::read(predicate, PROVENANCE) {
            Ok(pieces) => statement.provenance = Some(provenance(&pieces)),
            Err(what) => facts.fault(at, format_args!("the predicate: {what}")),
        }
    } else if kind.contains("spdx") || kind.contains("cyclonedx") {
        match sbom::read(predicate.as_bytes()) {
            Ok((sbom, faults)) => {
                faults.into_iter().for_each(|what| facts.fault(at, what));
                statement.sbom = Some(sbom);
            }
            Err(what) => facts.fault(at, format_args!("the predicate: {what}")),
        }
    } else if kind.contains("openvex.dev/") {
        match vex::predicate(predicate) {
            Ok(vex) => statement.vex = vex,
            Err(what) => facts.fault(at, format_args!("the predicate: {what}")),
        }
    }
}

/// `sha256:…` of an object with digests, sha256 before others.
fn digest(value: &Value) -> Option<Line> {
    let named = |(algorithm, hex): (&str, &Value)| Line::some(&format!("{algorithm}:{}", hex.as_str()?));
    let sha256 = value.fields("digest").find(|(algorithm, _)| *algorithm == "sha256");
    sha256.or_else(|| value.fields("digest").next()).and_then(named)
}

fn subject(value: &Value) -> StatementSubject {
    StatementSubject { name: value.line_or_empty("name"), digest: digest(value) }
}

/// SLSA provenance 0.2 (slsa.dev/spec/v0.2/provenance) and 1 (slsa.dev/spec/v1.0/provenance).
fn provenance(pieces: &Pieces<'_>) -> Provenance {
    let (invocation, metadata) = (pieces.value("invocation"), pieces.value("metadata"));
    let (definition, run) = (pieces.value("buildDefinition"), pieces.value("runDetails"));
    let mut materials: Listed<Material> = Listed::default();
    let material = |value: &Value| Material { uri: value.line_or_empty("uri"), digest: digest(value) };
    pieces.each("materials", |value| materials.push(material(value)));
    materials.extend(definition.items("resolvedDependencies").map(material));
    let mut parameters = invocation.named("parameters");
    parameters.extend(definition.named("externalParameters").iter().cloned());
    let sources = ["externalParameters/workflow/repository", "externalParameters/source/uri"];
    Provenance {
        build_type: pieces.value("buildType").line("").or_else(|| definition.line("buildType")).unwrap_or_default(),
        builder: pieces.value("builder").line("id").or_else(|| run.line("builder/id")),
        invocation: metadata.line("buildInvocationID").or_else(|| run.line("metadata/invocationId")),
        started: metadata.time("buildStartedOn").or_else(|| run.time("metadata/startedOn")),
        finished: metadata.time("buildFinishedOn").or_else(|| run.time("metadata/finishedOn")),
        source: invocation.line("configSource/uri").or_else(|| sources.iter().find_map(|key| definition.line(key))),
        materials,
        parameters,
    }
}
