//! What inspectors tell of kept examples is kept, in brief: who changes it has to raise
//! [`recognise::INSPECTORS_VERSION`], or nobody would be told otherwise of what is stored. The examples are those of kinds, of
//! which nothing but the config is there, and what the fuzz tests begin with.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_artifact::inspect::{Artifact, Fetch, INSPECTORS};
use wharf_artifact::kind::Kinds;
use wharf_artifact::recognise;
use wharf_model::api::facts::Facts;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::Manifest;

use crate::store::{Store, inspect, tar};

/// What is looked at by which inspector: a corpus, the type of its files as config and as layer, and the path under which they
/// are in a layer that is an archive.
const CORPORA: &[(&str, &str, &str, &str)] = &[
    ("attestation", "attestation", "application/vnd.dev.sigstore.bundle.v0.3+json", ""),
    ("attestation", "attestation", "application/vnd.in-toto+json", ""),
    ("certificate", "signature", "application/vnd.dev.cosign.simplesigning.v1+json", ""),
    ("documents", "cnab", "application/vnd.cnab.config.v1+json", ""),
    ("documents", "dev-container", "application/vnd.devcontainers.collection.layer.v1+json", ""),
    ("documents", "falco", "application/vnd.cncf.falco.rulesfile.config.v1+json", ""),
    ("documents", "homebrew", "a/b", ""),
    ("documents", "model", "application/vnd.cncf.model.config.v1+json", ""),
    ("gguf", "model", "application/vnd.ollama.image.model", ""),
    ("image", "image", "application/vnd.oci.image.config.v1+json", ""),
    ("layer", "files", "application/vnd.oci.image.layer.v1.tar+gzip", ""),
    ("layer", "helm", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", ""),
    ("objects", "crossplane", "application/vnd.oci.image.layer.v1.tar", "package.yaml"),
    ("objects", "falco", "application/vnd.oci.image.layer.v1.tar", "a.yaml"),
    ("objects", "gitops", "application/vnd.oci.image.layer.v1.tar", "a.yaml"),
    ("objects", "kyverno", "a/b", ""),
    ("objects", "olm-bundle", "application/vnd.oci.image.layer.v1.tar", "manifests/a.yaml"),
    ("objects", "olm-catalog", "application/vnd.oci.image.layer.v1.tar", "configs/a.json"),
    ("objects", "security-profile", "a/b", ""),
    ("objects", "tekton", "application/vnd.oci.image.layer.v1.tar", "a"),
    ("rego", "policy-bundle", "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego", ""),
    ("rego", "policy-bundle", "application/vnd.oci.image.layer.v1.tar", "a.rego"),
    ("sbom", "sbom", "text/spdx", ""),
    ("signature", "signature", "application/cose", ""),
    ("signature", "signature", "application/jose+json", ""),
    ("signature", "signature", "application/vnd.dev.cosign.simplesigning.v1+json", ""),
    ("wasm", "wasm", "application/wasm", ""),
    ("yaml", "helm", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "a/Chart.yaml"),
    ("yaml", "helm", "application/vnd.cncf.helm.chart.provenance.v1.prov", ""),
];

fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// The files of a folder, with their names.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(tests(folder)).expect("kept").flatten().map(|entry| entry.path());
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("a file"))
    };
    entries.map(read).collect()
}

fn brief(facts: &Facts) -> String {
    let digest = Digest::of(Algorithm::Sha256, &serde_json::to_vec(facts).expect("facts are plain"));
    digest.to_string()["sha256:".len()..][..16].to_owned()
}

fn of_corpora(told: &mut BTreeMap<String, String>) {
    for (corpus, inspector, media_type, path) in CORPORA {
        for (name, bytes) in files(&format!("__fuzz__/inspect_{corpus}/corpus")) {
            let store = Store::default();
            let text = String::from_utf8_lossy(&bytes).replace('\0', "");
            let annotations = json!({
                "dev.sigstore.cosign/certificate": text, "sh.brew.tab": text, "dev.containers.metadata": text
            });
            let packed = if path.is_empty() { bytes } else { tar(&[(path, &bytes)]) };
            let part = store.annotated(media_type, &packed, annotations.clone());
            let fields = json!({ "config": part, "layers": [part], "annotations": annotations });
            let facts = inspect(inspector, &store, store.manifest(fields));
            told.insert(format!("{corpus}/{name} by {inspector} as {media_type}"), brief(&facts));
        }
    }
}

/// The config of an artifact, of which nothing else is there.
struct Alone(Option<(Digest, Vec<u8>)>);

impl Fetch for Alone {
    fn manifest(&self, _: &Digest) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn blob(&self, digest: &Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        let config = self.0.as_ref().filter(|(config, _)| config == digest);
        Ok(config.map(|(_, bytes)| Box::new(&bytes[..]) as Box<dyn Read>))
    }
}

fn of_kinds(told: &mut BTreeMap<String, String>) {
    for (name, text) in files("kinds") {
        let example: Value = serde_json::from_slice(&text).expect("JSON");
        let bytes = example["manifest"].to_string().into_bytes();
        let manifest = Manifest::parse(&bytes, None).expect("a manifest");
        let config = manifest.config.as_ref().zip(example.get("config"));
        let from = Alone(config.map(|(named, config)| (named.digest, config.to_string().into_bytes())));
        let kind = Kinds::built_in().get(name.split('.').next().expect("a kind")).expect("a kind");
        let artifact = Artifact { digest: Digest::of(Algorithm::Sha256, &bytes), manifest, bytes };
        let facts = recognise::tell(INSPECTORS, kind, artifact, &from).expect("memory does not fail");
        told.insert(format!("kinds/{name}"), brief(&facts));
    }
}

/// Compares with what is kept, or keeps it: where it is another version, or of other examples.
#[test]
fn what_is_told_otherwise_is_of_another_version() {
    let mut told = BTreeMap::new();
    of_corpora(&mut told);
    of_kinds(&mut told);
    let version = format!("version {}\n", recognise::INSPECTORS_VERSION);
    let found = told.iter().fold(version.clone(), |text, (name, brief)| text + brief + " " + name + "\n");
    let path = tests("inspect/told.txt");
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let is_other =
        |line: &&str| line.split_once(' ').is_some_and(|(brief, name)| told.get(name).is_some_and(|now| now != brief));
    let others: Vec<&str> = kept.lines().skip(1).filter(is_other).collect();
    assert!(
        others.is_empty() || !kept.starts_with(&version),
        "inspectors tell something else of\n{}\nIf it is meant, raise INSPECTORS_VERSION in src/recognise.rs.",
        others.join("\n")
    );
    if std::env::var_os("WHARF_SNAPSHOTS").is_some() {
        return fs::write(&path, found).expect("written");
    }
    let advice = "WHARF_SNAPSHOTS=write cargo test -p wharf-artifact --test inspect told";
    assert!(kept == found, "other examples, or another version, than in told.txt; to keep them: {advice}");
}
