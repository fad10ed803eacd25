//! Attestations: BuildKit's (moby/buildkit docs/attestations), cosign's in DSSE (secure-systems-lab/dsse), GitHub's in
//! bundles (actions/attest-build-provenance), with the predicates of slsa.dev 0.2 and 1.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wharf_model::api::facts::{Facts, Line};

use crate::signature::{FULCIO, SIGNED, base64_of};
use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

fn statement(predicate_type: &str, predicate: Value) -> Value {
    json!({ "_type": "https://in-toto.io/Statement/v0.1", "predicateType": predicate_type,
        "subject": [{ "name": "pkg:docker/app@1", "digest": { "sha512": "0", "sha256": &SIGNED[7..] } }], "predicate": predicate })
}

fn slsa_02() -> Value {
    json!({
        "builder": { "id": "https://github.com/acme/app/actions/runs/1" }, "buildType": "https://mobyproject.org/buildkit@v1",
        "invocation": { "configSource": { "uri": "https://github.com/acme/app.git#refs/heads/main", "entryPoint": "Dockerfile" },
            "parameters": { "frontend": "dockerfile.v0", "args": { "a": "b" } } },
        "metadata": { "buildInvocationID": "run1", "buildStartedOn": "2024-05-06T07:08:09Z",
            "buildFinishedOn": "2024-05-06T07:08:10Z" },
        "materials": [{ "uri": "pkg:docker/alpine@3.20", "digest": { "sha256": "beef" } }]
    })
}

fn of(layer: Value, store: &Store) -> Facts {
    inspect("attestation", store, store.manifest(json!({ "layers": [layer] })))
}

/// Provenance and an SBOM beside one another, not signed.
#[test]
fn of_buildkit() {
    let store = Store::default();
    let provenance = statement("https://slsa.dev/provenance/v0.2", slsa_02());
    let sbom = json!({ "spdxVersion": "SPDX-2.3", "name": "sbom", "packages": [{ "name": "curl" }] });
    let sbom = statement("https://spdx.dev/Document", sbom);
    let layers = json!([
        store.blob(IN_TOTO, provenance.to_string().as_bytes()),
        store.blob(IN_TOTO, sbom.to_string().as_bytes())
    ]);
    let facts = inspect("attestation", &store, store.manifest(json!({ "layers": layers })));
    check_faults(&facts, &[]);
    let statements = &detail!(facts, Attestation).statements;
    assert_eq!(statements[1].sbom.as_ref().map(|sbom| sbom.packages.len()), Some(1));
    assert_eq!(statements[0].signature, None);
    let json = detail_json(&facts);
    let statement = &json["statements"]["items"][0];
    assert_eq!(statement["subjects"]["items"], json!([{ "name": "pkg:docker/app@1", "digest": SIGNED }]));
    let provenance = &statement["provenance"];
    assert_eq!(provenance["builder"], "https://github.com/acme/app/actions/runs/1");
    assert_eq!(
        (&provenance["started"], &provenance["finished"]),
        (&json!(1_714_979_289_000_u64), &json!(1_714_979_290_000_u64))
    );
    assert_eq!(provenance["materials"]["items"], json!([{ "uri": "pkg:docker/alpine@3.20", "digest": "sha256:beef" }]));
    assert_eq!(provenance["source"], "https://github.com/acme/app.git#refs/heads/main");
    assert_eq!(provenance["parameters"]["items"][0], json!({ "name": "args", "value": "{\"a\":\"b\"}" }));
}

/// `cosign attest`: an envelope, with the certificate in annotations.
#[test]
fn of_cosign() {
    let store = Store::default();
    let statement = statement("https://slsa.dev/provenance/v0.2", slsa_02());
    let envelope = json!({ "payloadType": IN_TOTO, "payload": STANDARD.encode(statement.to_string()),
        "signatures": [{ "keyid": "", "sig": "MEUC" }] });
    let annotations = json!({ "dev.sigstore.cosign/certificate": FULCIO, "predicateType": "slsaprovenance" });
    let facts = of(store.annotated(DSSE, envelope.to_string().as_bytes(), annotations), &store);
    check_faults(&facts, &[]);
    let statement = &detail!(facts, Attestation).statements[0];
    let signature = statement.signature.as_ref().expect("a signature");
    assert!(signature.identity.as_ref().is_some_and(|line| line.as_str().starts_with("https://github.com/acme/app/")));
    assert!(statement.provenance.is_some());
    // A signature whose inspector is asked is the same thing.
    let layer = store.blob(DSSE, envelope.to_string().as_bytes());
    let facts = inspect("signature", &store, store.manifest(json!({ "layers": [layer] })));
    assert_eq!(detail!(facts, Attestation).statements.len(), 1);
}

/// A document of OpenVEX by itself, as `oras attach --artifact-type application/vnd.openvex+json … vex.json:application/json`
/// has it, and the same as a predicate (openvex/vexctl pkg/attestation; openvex/spec OPENVEX-SPEC.md).
#[test]
fn of_openvex() {
    let store = Store::default();
    let document = json!({ "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://openvex.dev/docs/public/vex-1",
        "author": "Kim <kim@example.com>", "timestamp": "2026-01-08T18:02:03Z", "version": 1, "statements": [
            { "vulnerability": { "name": "CVE-2023-1255" }, "products": [{ "@id": "pkg:oci/app" }], "status": "not_affected",
                "justification": "vulnerable_code_not_present" },
            { "vulnerability": "CVE-2023-0286", "products": ["pkg:oci/app"], "status": "fixed" }] });
    let told = json!([{ "vulnerability": "CVE-2023-1255", "status": "not_affected", "justification": "vulnerable_code_not_present",
            "products": { "items": ["pkg:oci/app"] } },
        { "vulnerability": "CVE-2023-0286", "status": "fixed", "products": { "items": ["pkg:oci/app"] } }]);
    let facts = of(store.blob("application/json", document.to_string().as_bytes()), &store);
    check_faults(&facts, &[]);
    assert_eq!((facts.created, facts.authors.len()), (Some(1_767_895_323_000), 1));
    let statement = &detail_json(&facts)["statements"]["items"][0];
    assert_eq!(statement["predicate_type"], "https://openvex.dev/ns/v0.2.0");
    assert_eq!(statement["subjects"]["items"], json!([{ "name": "pkg:oci/app" }]));
    assert_eq!(statement["vex"]["items"], told);
    let statement = self::statement("https://openvex.dev/ns/v0.2.0", document);
    let facts = of(store.blob(IN_TOTO, statement.to_string().as_bytes()), &store);
    check_faults(&facts, &[]);
    let statement = &detail_json(&facts)["statements"]["items"][0];
    assert_eq!((&statement["vex"]["items"], &statement["subjects"]["items"][0]["digest"]), (&told, &json!(SIGNED)));
    // What claims to be one and has nothing of it.
    let empty =
        json!({ "@context": "https://openvex.dev/ns/v0.2.0", "statements": EVIL, "author": [EVIL], "timestamp": EVIL });
    let facts = of(store.blob("application/json", empty.to_string().as_bytes()), &store);
    check_faults(&facts, &[]);
    let facts = of(store.blob("application/json", b"{\"@context\":\"https://example.com\"}"), &store);
    check_faults(&facts, &["predicateType is missing"]);
}

/// GitHub's attestation: a bundle with provenance 1.
#[test]
fn of_github() {
    let store = Store::default();
    let predicate = json!({
        "buildDefinition": { "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": { "ref": "refs/heads/main", "repository": "https://github.com/acme/app" } },
            "resolvedDependencies": [{ "uri": "git+https://github.com/acme/app", "digest": { "gitCommit": "abc" } }] },
        "runDetails": { "builder": { "id": "https://github.com/actions/runner/github-hosted" },
            "metadata": { "invocationId": "https://github.com/acme/app/actions/runs/1" } }
    });
    let statement = statement("https://slsa.dev/provenance/v1", predicate);
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "certificate": { "rawBytes": base64_of(FULCIO) }, "tlogEntries": [] },
        "dsseEnvelope": { "payload": STANDARD.encode(statement.to_string()), "payloadType": IN_TOTO, "signatures": [{ "sig": "x" }] }
    });
    let facts = of(store.blob("application/vnd.dev.sigstore.bundle.v0.3+json", bundle.to_string().as_bytes()), &store);
    check_faults(&facts, &[]);
    let statement = &detail_json(&facts)["statements"]["items"][0];
    let provenance = &statement["provenance"];
    assert_eq!(provenance["source"], "https://github.com/acme/app");
    assert_eq!(provenance["materials"]["items"][0]["digest"], "gitCommit:abc");
    assert_eq!(provenance["invocation"], "https://github.com/acme/app/actions/runs/1");
    assert_eq!(statement["signature"]["format"], "sigstore-bundle");
}

/// An SBOM that is signed is larger than any other statement.
#[test]
fn a_large_one() {
    let store = Store::default();
    let packages: Vec<Value> =
        (0..40_000).map(|at| json!({ "name": format!("package-{at}"), "versionInfo": "1.0" })).collect();
    let statement = statement("https://spdx.dev/Document", json!({ "spdxVersion": "SPDX-2.3", "packages": packages }));
    let envelope =
        json!({ "payloadType": IN_TOTO, "payload": STANDARD.encode(statement.to_string()), "signatures": [{}] });
    assert!(envelope.to_string().len() > 2 << 20);
    let facts = of(store.blob(DSSE, envelope.to_string().as_bytes()), &store);
    check_faults(&facts, &[]);
    let statement = &detail!(facts, Attestation).statements[0];
    assert_eq!(statement.sbom.as_ref().map(|sbom| sbom.packages.total()), Some(40_000));
}

#[test]
fn hostile() {
    let store = Store::default();
    let evil = json!({ "buildType": EVIL, "builder": { "id": EVIL }, "materials": { "uri": EVIL }, "metadata": EVIL,
        "invocation": { "parameters": { EVIL: EVIL } } });
    let mut evil = statement("https://slsa.dev/provenance/v0.2", evil);
    evil["subject"] = json!(vec![json!({ "name": EVIL, "digest": EVIL }); 2_000]);
    let facts = of(store.blob(IN_TOTO, evil.to_string().as_bytes()), &store);
    check_faults(&facts, &[]);
    let statement = &detail!(facts, Attestation).statements[0];
    assert_eq!(statement.subjects.total(), 2_000);
    assert_eq!(statement.provenance.as_ref().map(|one| one.build_type.clone()), Some(Line::new(EVIL)));
    let check = |media_type: &str, bytes: &[u8], faults: &[&str]| {
        check_faults(&of(store.blob(media_type, bytes), &store), faults);
    };
    check(IN_TOTO, b"{\"predicateType\":\"a\"", &["it is no JSON"]);
    check(IN_TOTO, b"{}", &["predicateType is missing"]);
    check(IN_TOTO, b"\xff", &["it is not UTF-8"]);
    check(DSSE, b"{\"payloadType\":\"x\",\"payload\":7}", &["the envelope has no payload in base64"]);
    check(
        DSSE,
        b"{\"payloadType\":\"x\",\"payload\":\"e30=\"}",
        &["the envelope has no signature", "predicateType is missing"],
    );
    let no_sbom = self::statement("https://cyclonedx.org/bom", json!("text")).to_string();
    check(IN_TOTO, no_sbom.as_bytes(), &["the predicate: it is no bill of materials"]);
    let no_provenance = self::statement("https://slsa.dev/provenance/v1", json!(7)).to_string();
    check(IN_TOTO, no_provenance.as_bytes(), &["the predicate: it is no JSON"]);
}
