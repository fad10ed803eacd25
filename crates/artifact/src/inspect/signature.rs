//! Signatures: of cosign (sigstore/cosign specs/SIGNATURE_SPEC.md), under a tag or as a referrer, and of notation
//! (notaryproject/specifications specs/signature-envelope-jws.md and -cose.md). Sigstore's bundles are in
//! [`super::attestation`].

use ciborium::Value as Cbor;
use serde_json::Value;
use wharf_model::api::facts::supply::{LogEntry, Signature, Signatures};
use wharf_model::api::facts::{Detail, Facts, Line};
use wharf_model::descriptor::Descriptor;

use super::about::about;
use super::document::{self, Look};
use super::envelope::{seconds, set_certificate};
use super::{Artifact, Turn, Want, annotation, attestation, certificate};

const COSIGN: &str = "dev.sigstore.cosign/";
const COSIGN_SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// How many signatures are read, at most.
const LAYERS_MAX: usize = 64;
/// Largest signature that is read, in bytes.
const BYTES_MAX: usize = 4 << 20;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers = &artifact.manifest.layers;
    let is_other = |layer: &Descriptor| {
        let media_type = layer.media_type.as_str();
        media_type.starts_with("application/vnd.dev.sigstore.bundle")
            || media_type == "application/vnd.dsse.envelope.v1+json"
    };
    if layers.iter().any(is_other) {
        return attestation::inspect(artifact);
    }
    let wants = layers.iter().take(LAYERS_MAX).map(|layer| Want::head(layer, BYTES_MAX)).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let mut detail = Signatures::default();
        if artifact.manifest.layers.is_empty() {
            facts.fault("manifest", "there is no layer with a signature in it");
        }
        for (number, layer) in artifact.manifest.layers.iter().enumerate() {
            if number >= LAYERS_MAX {
                detail.signatures.leave_out(1);
                continue;
            }
            let at = layer.digest.to_string();
            let Some(bytes) = answers.blob(&mut facts, &at, layer) else { continue };
            let signature = read(layer, &bytes, &at, &mut facts);
            check_subject(&artifact, &signature, &at, &mut facts);
            detail.signatures.push(signature);
        }
        facts.detail = Some(Detail::Signature(detail));
        Turn::tell(facts)
    })
}

/// Notes that a signature is of something else than what it is attached to.
fn check_subject(artifact: &Artifact, signature: &Signature, at: &str, facts: &mut Facts) {
    let Some(attached) = artifact.manifest.subject.as_ref().map(|subject| subject.digest.to_string()) else { return };
    if let Some(signed) = signature.subject.as_ref().filter(|signed| signed.as_str() != attached) {
        facts.fault(at, format_args!("it signs {}, but is attached to {attached}", signed.as_str()));
    }
}

fn read(layer: &Descriptor, bytes: &[u8], at: &str, facts: &mut Facts) -> Signature {
    match layer.media_type.as_str() {
        "application/jose+json" => jws(bytes, at, facts),
        "application/cose" => cose(bytes, at, facts),
        _ => simple(layer, bytes, at, facts),
    }
}

/// Cosign's payload is that of "simple signing" (containers/image docs/containers-signature.5.md); all about the signature
/// is in the layer's annotations.
fn simple(layer: &Descriptor, bytes: &[u8], at: &str, facts: &mut Facts) -> Signature {
    let mut signature = Signature { format: Line::new("cosign"), ..Signature::default() };
    if let Ok(payload) = document::json(bytes).map_err(|what| facts.fault(at, what)) {
        signature.subject = payload.line("critical/image/docker-manifest-digest");
        signature.reference = payload.line("critical/identity/docker-reference");
        signature.annotations = payload.named("optional");
        signature.agent = payload.line("optional/creator");
        signature.signed = seconds(payload.at("optional/timestamp"));
        if signature.subject.is_none() {
            facts.fault(at, "it does not say what was signed");
        }
    }
    if annotation(layer, COSIGN_SIGNATURE).is_none_or(str::is_empty) {
        facts.fault(at, "there is no signature beside it");
    }
    cosign_annotations(layer, &mut signature, at, facts);
    signature
}

/// What cosign writes beside a layer: certificate, entry in the log, time stamp.
pub(super) fn cosign_annotations(layer: &Descriptor, signature: &mut Signature, at: &str, facts: &mut Facts) {
    let said = |key: &str| annotation(layer, &format!("{COSIGN}{key}")).filter(|text| !text.trim().is_empty());
    if let Some(text) = said("certificate") {
        set_certificate(signature, certificate::pem(text), at, facts);
    }
    if let Some(text) = said("bundle") {
        match document::json(text.as_bytes()) {
            Ok(bundle) => signature.log = log_entry(bundle.at("Payload")),
            Err(what) => facts.fault(at, format_args!("the entry of the log: {what}")),
        }
    }
    signature.timestamped = said("rfc3161timestamp").is_some();
    let logged = signature.log.as_ref().and_then(|log| log.integrated);
    signature.signed = logged.or(signature.signed);
}

fn log_entry(payload: &Value) -> Option<LogEntry> {
    let index = payload.number("logIndex")?;
    Some(LogEntry { index, integrated: seconds(payload.at("integratedTime")), log: payload.line("logID") })
}

/// A signature of notation as JWS: flattened JSON (RFC 7515 §7.2.2).
fn jws(bytes: &[u8], at: &str, facts: &mut Facts) -> Signature {
    let mut signature = Signature { format: Line::new("notation-jws"), ..Signature::default() };
    let Ok(envelope) = document::json(bytes).map_err(|what| facts.fault(at, what)) else { return signature };
    let mut part = |name: &str| {
        let decoded = envelope.at(name).as_str().and_then(certificate::base64);
        let parsed = decoded.ok_or_else(|| "it is no base64".to_owned()).and_then(|bytes| document::json(&bytes));
        parsed.unwrap_or_else(|what| {
            facts.fault(at, format_args!("{name}: {what}"));
            Value::Null
        })
    };
    let (payload, protected) = (part("payload"), part("protected"));
    target(&payload, &mut signature);
    let get = |key: &str| protected.get(key);
    let time = |key: &str| get(key).and_then(|value| value.time(""));
    signature.algorithm = protected.line("alg");
    signature.signed = time("io.cncf.notary.signingTime").or_else(|| time("io.cncf.notary.authenticSigningTime"));
    signature.expires = time("io.cncf.notary.expiry");
    let header = envelope.at("header");
    signature.agent = header.get("io.cncf.notary.signingAgent").and_then(|agent| agent.line(""));
    signature.timestamped = header.get("io.cncf.notary.timestampSignature").is_some_and(Value::is_string);
    let leaf = header.items("x5c").next().and_then(Value::as_str);
    let leaf = leaf.and_then(certificate::base64).ok_or_else(|| "there is no certificate in it".to_owned());
    set_certificate(&mut signature, leaf.and_then(|bytes| certificate::der(&bytes)), at, facts);
    signature
}

/// What notation signs.
fn target(payload: &Value, signature: &mut Signature) {
    signature.subject = payload.line("targetArtifact/digest");
    signature.annotations = payload.named("targetArtifact/annotations");
}

/// A signature of notation as COSE_Sign1 (RFC 9052 §4.2).
fn cose(bytes: &[u8], at: &str, facts: &mut Facts) -> Signature {
    let mut signature = Signature { format: Line::new("notation-cose"), ..Signature::default() };
    let Some([protected, unprotected, payload]) = cose_parts(bytes) else {
        facts.fault(at, "it is no signature of COSE that can be read");
        return signature;
    };
    match payload.as_bytes().map(|bytes| document::json(bytes)) {
        Some(Ok(payload)) => target(&payload, &mut signature),
        _ => facts.fault(at, "its payload is no JSON"),
    }
    let time = |key: &str| {
        let value = entry(&protected, key)?;
        let value = value.as_tag().map_or(value, |(_, inner)| inner);
        let seconds = i64::try_from(value.as_integer()?).ok()?;
        seconds.checked_mul(1_000).filter(|at| *at >= 0)
    };
    signature.signed = time("io.cncf.notary.signingTime").or_else(|| time("io.cncf.notary.authenticSigningTime"));
    signature.expires = time("io.cncf.notary.expiry");
    signature.algorithm = numbered(&protected, 1).and_then(Cbor::as_integer).and_then(algorithm);
    signature.agent = entry(&unprotected, "io.cncf.notary.signingAgent").and_then(Cbor::as_text).and_then(Line::some);
    signature.timestamped = entry(&unprotected, "io.cncf.notary.timestampSignature").is_some();
    let chain = numbered(&unprotected, 33).or_else(|| numbered(&protected, 33));
    let leaf = chain.and_then(|chain| chain.as_bytes().or_else(|| chain.as_array()?.first()?.as_bytes()));
    let leaf = leaf.ok_or_else(|| "there is no certificate in it".to_owned());
    set_certificate(&mut signature, leaf.and_then(|bytes| certificate::der(bytes)), at, facts);
    signature
}

/// The protected header, the other one, and the payload.
fn cose_parts(bytes: &[u8]) -> Option<[Cbor; 3]> {
    let value: Cbor = ciborium::from_reader(bytes).ok()?;
    let value = match value {
        Cbor::Tag(18, inner) => *inner,
        other => other,
    };
    let parts: [Cbor; 4] = value.into_array().ok()?.try_into().ok()?;
    let [protected, unprotected, payload, _] = parts;
    let protected: Cbor = ciborium::from_reader(protected.as_bytes()?.as_slice()).ok()?;
    Some([protected, unprotected, payload])
}

fn entry<'a>(map: &'a Cbor, key: &str) -> Option<&'a Cbor> {
    map.as_map()?.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
}

fn numbered(map: &Cbor, key: i64) -> Option<&Cbor> {
    let key = Cbor::Integer(key.into());
    map.as_map()?.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The algorithms that notation allows, by IANA's numbers.
fn algorithm(number: ciborium::value::Integer) -> Option<Line> {
    let name = match i64::try_from(number).ok()? {
        -7 => "ES256",
        -35 => "ES384",
        -36 => "ES512",
        -37 => "PS256",
        -38 => "PS384",
        -39 => "PS512",
        other => return Line::some(&other.to_string()),
    };
    Line::some(name)
}
