//! Inspectors over artifacts in the layouts that tools write: built byte for byte here, each saying where its layout was
//! read; and over such as nobody writes with good intent. Whatever an inspector tells is bounded, harmless and comes back
//! as it went ([`store::inspect`] looks at that each time).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod attestation;
mod cnab;
mod crossplane;
mod devcontainer;
mod falco;
mod files;
mod fuzz;
mod gitops;
mod helm;
mod homebrew;
mod image;
mod index;
mod kyverno;
mod model;
mod olm;
mod policy;
mod profile;
mod sbom;
mod signature;
mod store;
mod tekton;
mod told;
mod wasm;

use store::{Store, inspect};
use wharf_artifact::inspect::{self as inspectors, Fetch, INSPECTORS, Seen, Step};
use wharf_model::digest::Digest;

#[test]
fn there_is_one_inspector_of_each_name() {
    let names: Vec<&str> = INSPECTORS.iter().map(|(name, _)| *name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted, "sorted, each once");
    let store = Store::default();
    assert!(inspectors::begin(INSPECTORS, "hologram", store.manifest(serde_json::json!({}))).is_none());
}

/// A kind that asks for an inspector which there is not would tell nothing.
#[test]
fn kinds_name_inspectors_that_there_are() {
    for kind in wharf_artifact::kind::Kinds::built_in().iter() {
        let Some(name) = &kind.inspector else { continue };
        assert!(INSPECTORS.iter().any(|(known, _)| known == name), "{}: {name}", kind.file);
    }
}

/// An artifact whose every part is missing, empty, or something else: each inspector tells what it can, and what is wrong.
#[test]
fn every_inspector_stands_anything() {
    let store = Store::default();
    let noise: Vec<u8> = (0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let gone = store.absent("application/octet-stream", 77);
    let parts = [
        store.blob("application/vnd.oci.image.config.v1+json", &noise),
        store.blob("application/vnd.oci.image.config.v1+json", b"[]"),
        store.blob("application/vnd.oci.image.config.v1+json", b"{\"config\":7,\"history\":{},\"rootfs\":[]}"),
        store.blob("application/vnd.oci.image.layer.v1.tar+gzip", b"\x1f\x8b\x08"),
        store.blob("application/vnd.oci.image.layer.v1.tar", b""),
        gone,
    ];
    for (name, _) in INSPECTORS {
        inspect(name, &store, store.manifest(serde_json::json!({})));
        inspect(name, &store, store.index(serde_json::json!({ "manifests": [] })));
        inspect(name, &store, store.index(serde_json::json!({ "manifests": parts })));
        for part in &parts {
            for other in &parts {
                let manifest = serde_json::json!({ "config": part, "layers": [other, part] });
                inspect(name, &store, store.manifest(manifest));
            }
        }
    }
}

/// Who answers with fewer things than were asked for, or with others, gets facts nevertheless, after so many rounds.
#[test]
fn wrong_answers_are_stood() {
    let store = Store::default();
    let layer = store.blob("application/vnd.oci.image.layer.v1.tar", b"");
    for (name, _) in INSPECTORS {
        let manifest = serde_json::json!({ "config": layer, "layers": [layer, layer] });
        for answer in [None, Some(Seen::Nothing("no".into())), Some(Seen::Bytes(b"{}".to_vec()))] {
            let mut step = inspectors::begin(INSPECTORS, name, store.manifest(manifest.clone())).expect("an inspector");
            let mut rounds = 0;
            while let Step::Need(need) = step {
                rounds += 1;
                assert!(rounds <= wharf_model::limits::INSPECT_ROUNDS_MAX, "{name}");
                let seen = need.wants().iter().filter_map(|_| answer.clone()).collect();
                step = need.answer(seen);
            }
        }
    }
}

/// That the store fails says nothing of the artifact: it is no fault, but an error.
#[test]
fn a_store_that_fails_is_no_fault_of_the_artifact() {
    struct Failing;
    impl Fetch for Failing {
        fn manifest(&self, _: &Digest) -> std::io::Result<Option<Vec<u8>>> {
            Err(std::io::Error::other("the disk is gone"))
        }
        fn blob(&self, _: &Digest) -> std::io::Result<Option<Box<dyn std::io::Read + '_>>> {
            struct Broken;
            impl std::io::Read for Broken {
                fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                    Err(std::io::Error::other("the disk is gone"))
                }
            }
            Ok(Some(Box::new(Broken)))
        }
    }
    let store = Store::default();
    let layer = store.blob("application/vnd.oci.image.layer.v1.tar+gzip", b"");
    let manifest = serde_json::json!({ "config": layer, "layers": [layer] });
    for name in ["image", "helm", "files"] {
        let found = inspectors::run(INSPECTORS, name, store.manifest(manifest.clone()), &Failing);
        assert_eq!(found.map(drop).map_err(|error| error.to_string()), Err("the disk is gone".to_owned()), "{name}");
    }
}

/// However many things an artifact has, an inspection holds no more than so much of them at once.
#[test]
fn what_is_read_at_once_is_bounded() {
    let store = Store::default();
    let layers: Vec<_> = (0..100_u8).map(|at| store.blob("application/vnd.in-toto+json", &vec![at; 1 << 20])).collect();
    let facts = inspect("attestation", &store, store.manifest(serde_json::json!({ "layers": layers })));
    let faults = store::faults(&facts);
    assert_eq!(faults.len(), 32, "{faults:?}");
    let layers: Vec<_> = (0..10_u8).map(|at| store.blob("application/vnd.in-toto+json", &vec![at; 8 << 20])).collect();
    let facts = inspect("attestation", &store, store.manifest(serde_json::json!({ "layers": layers })));
    let late = store::faults(&facts).into_iter().filter(|fault| fault.contains("too much of what comes before"));
    assert_eq!(late.count(), 6);
}
