//! A store in memory, artifacts put together in it, and what holds of all facts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Write};

use serde_json::{Value, json};
use wharf_artifact::inspect::{self as inspectors, Artifact, Fetch};
use wharf_model::api::facts::{Detail, Facts};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::{FACT_ICON_BYTES_MAX, FACT_ITEMS_MAX, FACT_README_BYTES_MAX, FACTS_BYTES_MAX};
use wharf_model::manifest::Manifest;

/// What people write who want to do harm, where something is shown.
pub(crate) const EVIL: &str = "<script>alert(1)</script>\u{202e}\u{1b}[31m\u{0}\r\n\"'`{{7*7}}";

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[derive(Default)]
pub(crate) struct Store {
    blobs: RefCell<HashMap<Digest, Vec<u8>>>,
    manifests: RefCell<HashMap<Digest, Vec<u8>>>,
}

impl Store {
    /// Keeps a blob; its descriptor.
    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        self.blobs.borrow_mut().insert(digest, bytes.to_vec());
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
    }

    /// The descriptor of a blob that is not there.
    pub(crate) fn absent(&self, media_type: &str, size: u64) -> Value {
        let digest = Digest::of(Algorithm::Sha256, media_type.as_bytes());
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size })
    }

    /// The same, annotated.
    pub(crate) fn annotated(&self, media_type: &str, bytes: &[u8], annotations: Value) -> Value {
        let mut descriptor = self.blob(media_type, bytes);
        descriptor["annotations"] = annotations;
        descriptor
    }

    /// An image manifest with these fields.
    pub(crate) fn manifest(&self, fields: Value) -> Artifact {
        let empty = self.blob("application/vnd.oci.empty.v1+json", b"{}");
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [] });
        merge(&mut manifest, fields);
        artifact(manifest)
    }

    /// An index with these fields.
    pub(crate) fn index(&self, fields: Value) -> Artifact {
        let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
        merge(&mut index, fields);
        artifact(index)
    }

    /// Keeps a manifest as the child of an index; its descriptor.
    pub(crate) fn child(&self, artifact: &Artifact) -> Value {
        self.manifests.borrow_mut().insert(artifact.digest, artifact.bytes.clone());
        let media_type = artifact.manifest.media_type.as_str();
        json!({ "mediaType": media_type, "digest": artifact.digest.to_string(), "size": artifact.bytes.len() })
    }
}

fn merge(into: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    for (name, value) in fields {
        into[name] = value;
    }
}

fn artifact(manifest: Value) -> Artifact {
    let bytes = manifest.to_string().into_bytes();
    let manifest = Manifest::parse(&bytes, None).expect("a manifest");
    Artifact { digest: Digest::of(Algorithm::Sha256, &bytes), manifest, bytes }
}

impl Fetch for Store {
    fn manifest(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        Ok(self.manifests.borrow().get(digest).cloned())
    }

    fn blob(&self, digest: &Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        let bytes = self.blobs.borrow().get(digest).cloned();
        Ok(bytes.map(|bytes| -> Box<dyn Read> { Box::new(io::Cursor::new(bytes)) }))
    }
}

/// What the inspector tells of the artifact; looked at.
pub(crate) fn inspect(name: &str, store: &Store, artifact: Artifact) -> Facts {
    let facts = inspectors::run(inspectors::INSPECTORS, name, artifact, store)
        .expect("the store does not fail")
        .expect("an inspector");
    check(&facts);
    facts
}

/// What holds of all facts.
pub(crate) fn check(facts: &Facts) {
    let json = serde_json::to_string(facts).expect("facts are plain");
    assert!(json.len() <= FACTS_BYTES_MAX, "{} bytes", json.len());
    let again: Facts = serde_json::from_str(&json).expect("what was just written");
    assert_eq!(again, *facts, "facts come back as they went");
    check_value(&serde_json::from_str(&json).expect("JSON"));
}

fn check_value(value: &Value) {
    match value {
        Value::String(text) => {
            let harmless = |one: char| {
                matches!(one, '\n' | '\t') || !one.is_control() && !('\u{202a}'..='\u{202e}').contains(&one)
            };
            assert!(text.chars().all(harmless), "{text:?}");
            assert!(text.len() <= FACT_README_BYTES_MAX.max(FACT_ICON_BYTES_MAX));
        }
        Value::Array(items) => {
            assert!(items.len() <= FACT_ITEMS_MAX);
            items.iter().for_each(check_value);
        }
        Value::Object(fields) => fields.values().for_each(check_value),
        _ => (),
    }
}

/// What is wrong with the artifact: each fault with its place.
pub(crate) fn faults(facts: &Facts) -> Vec<String> {
    facts.faults.iter().map(|fault| format!("{}: {}", fault.at.as_str(), fault.what.as_str())).collect()
}

/// The faults are these: each holds one of `parts`, in this order.
pub(crate) fn check_faults(facts: &Facts, parts: &[&str]) {
    let faults = faults(facts);
    let fit = faults.len() == parts.len() && faults.iter().zip(parts).all(|(fault, part)| fault.contains(part));
    assert!(fit, "{faults:#?} are not {parts:#?}");
}

/// The detail, which is of this variant.
macro_rules! detail {
    ($facts:expr, $variant:ident) => {
        match &$facts.detail {
            Some(wharf_model::api::facts::Detail::$variant(detail)) => detail,
            other => panic!("{other:?} with {:?}", $facts.faults),
        }
    };
}
pub(crate) use detail;

/// The detail as JSON.
pub(crate) fn detail_json(facts: &Facts) -> Value {
    let none = Detail::Unknown;
    serde_json::to_value(facts.detail.as_ref().unwrap_or(&none)).expect("facts are plain")
}

/// A tar with these files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, bytes) in files {
        member(&mut tar, path, bytes, bytes.len() as u64);
    }
    tar.extend_from_slice(&[0; 1024]);
    tar
}

/// One member that says it has `size` bytes.
pub(crate) fn member(tar: &mut Vec<u8>, path: &str, bytes: &[u8], size: u64) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_mode(0o644);
    header.set_size(size);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// The same in gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
