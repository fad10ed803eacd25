//! Signatures in the layouts of cosign (sigstore/cosign specs/SIGNATURE_SPEC.md), Sigstore's bundles
//! (sigstore/protobuf-specs) and notation (notaryproject/specifications specs/signature-envelope-{jws,cose}.md). The
//! certificates are made by openssl, with the extensions of Fulcio (sigstore/fulcio docs/oid-info.md); the signatures are
//! no signatures, as nothing is verified here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

pub(crate) const FULCIO: &str = include_str!("certificates/fulcio.pem");
const NOTATION: &str = include_str!("certificates/notation.pem");
pub(crate) const SIGNED: &str = "sha256:73c803930ea3ba1e54bc25c2bdc53edd0284c62ed651fe7b00369da519a3c333";
const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0.0";

/// The bytes of a certificate in PEM, in base64.
pub(crate) fn base64_of(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

pub(crate) fn subject() -> Value {
    json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": SIGNED, "size": 7 })
}

fn payload() -> Value {
    json!({
        "critical": { "identity": { "docker-reference": "ghcr.io/acme/app" }, "image": { "docker-manifest-digest": SIGNED },
                      "type": "cosign container image signature" },
        "optional": { "creator": "cosign 2.2", "env": "prod" }
    })
}

const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Without a key: the certificate, and the log's entry, are beside the payload.
#[test]
fn cosign_keyless() {
    let store = Store::default();
    let log = json!({ "SignedEntryTimestamp": "MEUC", "Payload": { "body": "e30=", "integratedTime": 1_714_979_289,
        "logIndex": 94_000_001, "logID": "c0d23d6a" } });
    let annotations = json!({
        "dev.cosignproject.cosign/signature": "MEUCIQ==", "dev.sigstore.cosign/certificate": FULCIO,
        "dev.sigstore.cosign/chain": FULCIO, "dev.sigstore.cosign/bundle": log.to_string()
    });
    let layer = store.annotated(SIMPLE, payload().to_string().as_bytes(), annotations);
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer] })));
    check_faults(&facts, &[]);
    let signature = &detail_json(&facts)["signatures"]["items"][0];
    assert_eq!(signature["subject"], SIGNED);
    assert_eq!(signature["reference"], "ghcr.io/acme/app");
    assert_eq!(signature["identity"], WORKFLOW);
    assert_eq!(signature["issuer"], "https://token.actions.githubusercontent.com");
    assert_eq!(signature["signed"], 1_714_979_289_000_u64);
    assert_eq!(signature["log"]["index"], 94_000_001);
    assert_eq!(signature["certificate"]["serial"], "10:92");
    let claims = signature["certificate"]["claims"]["items"].as_array().unwrap();
    assert!(claims.contains(&json!({ "name": "source repository", "value": "https://github.com/acme/app" })));
    assert!(claims.contains(&json!({ "name": "runner", "value": "github-hosted" })));
}

/// With a key, as a referrer of another image than the one that was signed.
#[test]
fn cosign_with_a_key() {
    let store = Store::default();
    let annotations = json!({ "dev.cosignproject.cosign/signature": "MEUCIQ==" });
    let layer = store.annotated(SIMPLE, payload().to_string().as_bytes(), annotations);
    let mut other = subject();
    other["digest"] = json!(SIGNED.replace('7', "8"));
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer], "subject": other })));
    check_faults(&facts, &["it signs sha256:73c8"]);
    let signature = detail!(facts, Signature).signatures.first().expect("a signature");
    assert_eq!((&signature.identity, &signature.certificate), (&None, &None));
    assert_eq!(signature.annotations.len(), 2);
}

/// What cosign 3 writes: a bundle whose statement says nothing but "signed".
#[test]
fn bundle() {
    let store = Store::default();
    let statement = json!({ "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "subject": [{ "name": "", "digest": { "sha256": &SIGNED[7..] } }], "predicate": {} });
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": { "rawBytes": base64_of(FULCIO) },
            "tlogEntries": [{ "logIndex": "94000001", "logId": { "keyId": "wNI9" }, "integratedTime": "1714979289" }],
            "timestampVerificationData": { "rfc3161Timestamps": [{ "signedTimestamp": "MIIE" }] }
        },
        "dsseEnvelope": { "payload": STANDARD.encode(statement.to_string()), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": "MEUC" }] }
    });
    let layer = store.blob("application/vnd.dev.sigstore.bundle.v0.3+json", bundle.to_string().as_bytes());
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer], "subject": subject() })));
    check_faults(&facts, &[]);
    let signature = detail!(facts, Signature).signatures.first().expect("a signature");
    assert_eq!(signature.subject, Line::some(SIGNED));
    assert_eq!(signature.identity, Line::some(WORKFLOW));
    assert_eq!(signature.signed, Some(1_714_979_289_000));
    assert!(signature.timestamped);
}

/// A bundle of a key, over a digest.
#[test]
fn bundle_with_a_key() {
    let store = Store::default();
    let digest = STANDARD.encode([0x73, 0xc8]);
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "verificationMaterial": { "publicKey": { "hint": "key 1" } },
        "messageSignature": { "messageDigest": { "algorithm": "SHA2_256", "digest": digest }, "signature": "MEUC" }
    });
    let layer = store.blob("application/vnd.dev.sigstore.bundle+json", bundle.to_string().as_bytes());
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer] })));
    check_faults(&facts, &[]);
    let signature = detail!(facts, Signature).signatures.first().expect("a signature");
    assert_eq!((signature.subject.clone(), signature.key.clone()), (Line::some("sha256:73c8"), Line::some("key 1")));
}

fn target() -> Value {
    json!({ "targetArtifact": { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": SIGNED, "size": 16_724,
        "annotations": { "io.wabbit-networks.buildId": "123" } } })
}

#[test]
fn notation_jws() {
    let store = Store::default();
    let protected = json!({ "alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": ["io.cncf.notary.signingScheme"], "io.cncf.notary.signingScheme": "notary.x509",
        "io.cncf.notary.signingTime": "2024-05-06T07:08:09Z", "io.cncf.notary.expiry": "2025-05-06T07:08:09Z" });
    let envelope = json!({
        "payload": URL_SAFE_NO_PAD.encode(target().to_string()), "protected": URL_SAFE_NO_PAD.encode(protected.to_string()),
        "header": { "x5c": [base64_of(NOTATION)], "io.cncf.notary.signingAgent": "notation/1.1.0" }, "signature": "MEUC"
    });
    let layer = store.blob("application/jose+json", envelope.to_string().as_bytes());
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer], "subject": subject() })));
    check_faults(&facts, &[]);
    let signature = &detail_json(&facts)["signatures"]["items"][0];
    assert_eq!((&signature["format"], &signature["algorithm"]), (&json!("notation-jws"), &json!("ES256")));
    assert_eq!(
        (&signature["signed"], &signature["expires"]),
        (&json!(1_714_979_289_000_u64), &json!(1_746_515_289_000_u64))
    );
    assert_eq!(signature["identity"], "C=US, ST=WA, O=Notary, CN=wabbit-networks.io");
    assert_eq!(signature["agent"], "notation/1.1.0");
}

fn cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("memory");
    bytes
}

#[test]
fn notation_cose() {
    let store = Store::default();
    let text = |text: &str| Cbor::Text(text.to_owned());
    let time = |seconds: i64| Cbor::Tag(1, Box::new(Cbor::Integer(seconds.into())));
    let protected = Cbor::Map(vec![
        (Cbor::Integer(1.into()), Cbor::Integer((-38).into())),
        (text("io.cncf.notary.signingScheme"), text("notary.x509")),
        (text("io.cncf.notary.signingTime"), time(1_667_411_812)),
        (text("io.cncf.notary.expiry"), time(1_667_415_412)),
    ]);
    let der = STANDARD.decode(base64_of(NOTATION)).expect("base64");
    let unprotected = Cbor::Map(vec![
        (Cbor::Integer(33.into()), Cbor::Array(vec![Cbor::Bytes(der)])),
        (text("io.cncf.notary.signingAgent"), text("notation/1.0.0")),
        (text("io.cncf.notary.timestampSignature"), Cbor::Bytes(vec![1])),
    ]);
    let payload = target().to_string().into_bytes();
    let parts = vec![Cbor::Bytes(cbor(&protected)), unprotected, Cbor::Bytes(payload), Cbor::Bytes(vec![1])];
    let envelope = cbor(&Cbor::Tag(18, Box::new(Cbor::Array(parts))));
    let layer = store.blob("application/cose", &envelope);
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer], "subject": subject() })));
    check_faults(&facts, &[]);
    let signature = detail!(facts, Signature).signatures.first().expect("a signature");
    assert_eq!((signature.signed, signature.expires), (Some(1_667_411_812_000), Some(1_667_415_412_000)));
    assert_eq!(signature.algorithm, Line::some("PS384"));
    assert_eq!(signature.subject, Line::some(SIGNED));
    assert!(signature.timestamped && signature.certificate.is_some());
    for cut in [1, envelope.len() / 2, envelope.len() - 1] {
        let layer = store.blob("application/cose", &envelope[..cut]);
        let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer] })));
        check_faults(&facts, &["it is no signature of COSE"]);
    }
}

/// Names of parts that are numbers of any length: to write one of a megabyte takes minutes.
#[test]
fn large_certificates_are_not_read() {
    let store = Store::default();
    let pem =
        |bytes: &[u8]| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(bytes));
    let annotations = json!({ "dev.cosignproject.cosign/signature": "MEUCIQ==",
        "dev.sigstore.cosign/certificate": pem(&vec![0x30; (16 << 10) + 1]) });
    let layer = store.annotated(SIMPLE, payload().to_string().as_bytes(), annotations);
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer] })));
    check_faults(&facts, &["the certificate has more than 16384 bytes"]);
}

#[test]
fn hostile() {
    let store = Store::default();
    let payload = json!({ "critical": { "image": { "docker-manifest-digest": EVIL }, "identity": { "docker-reference": EVIL } },
        "optional": { EVIL: EVIL, "creator": [EVIL], "timestamp": u64::MAX } });
    let annotations = json!({ "dev.sigstore.cosign/certificate": EVIL, "dev.sigstore.cosign/bundle": EVIL });
    let evil = store.annotated(SIMPLE, payload.to_string().as_bytes(), annotations);
    let cases = [
        (
            evil,
            &[
                "there is no signature beside it",
                "there is no certificate in it",
                "the entry of the log: it is no JSON",
            ][..],
        ),
        (store.blob(SIMPLE, b"{"), &["it is no JSON", "there is no signature beside it"]),
        (store.blob(SIMPLE, b"{}"), &["it does not say what was signed", "there is no signature beside it"]),
        (
            store.blob(
                "application/jose+json",
                b"{\"payload\":\"%\",\"protected\":\"e30\",\"header\":{\"x5c\":[\"AAAA\"]}}",
            ),
            &["payload: it is no base64", "it is no X.509 certificate"],
        ),
        (store.blob("application/cose", &[0x9f; 100_000]), &["it is no signature of COSE"]),
        (store.blob("application/vnd.dev.sigstore.bundle.v0.3+json", b"{}"), &["verificationMaterial is missing"]),
        (
            store.blob(
                "application/vnd.dev.sigstore.bundle.v0.3+json",
                b"{\"verificationMaterial\":{\"certificate\":{\"rawBytes\":\"%\"}}}",
            ),
            &["the certificate is no base64", "there is neither a signature nor a statement"],
        ),
    ];
    for (layer, faults) in cases {
        check_faults(&inspect("signature", &store, store.manifest(json!({ "layers": [layer] }))), faults);
    }
    let layer = store.blob(SIMPLE, b"{}");
    let layers = vec![layer; 1_000];
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": layers })));
    assert_eq!(detail!(facts, Signature).signatures.total(), 1_000);
    check_faults(
        &inspect("signature", &store, store.manifest(json!({}))),
        &["there is no layer with a signature in it"],
    );
}
