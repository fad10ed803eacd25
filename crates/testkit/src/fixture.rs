//! Things to push, made byte for byte.

use std::io::{self, Read};

use serde_json::{Value, json};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::{OCI_EMPTY, OCI_INDEX, OCI_MANIFEST};

use crate::http::Client;

/// The sha256 digest of some bytes.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// Bytes that repeat nowhere soon, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A stream of these bytes that fails where the digest would be compared, at its very end.
#[derive(Clone, Debug)]
pub struct FailsAtEnd<'a>(pub &'a [u8]);

impl Read for FailsAtEnd<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.read(bytes)? {
            0 => Err(io::Error::other("the digest is wrong")),
            count => Ok(count),
        }
    }
}

/// A descriptor.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

/// A manifest, and the blobs that it names.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The media type.
    pub media_type: String,
    /// The exact bytes.
    pub manifest: Vec<u8>,
    /// What must be pushed first.
    pub blobs: Vec<Vec<u8>>,
}

impl Artifact {
    /// An image of one config and these layers.
    pub fn image(config: &[u8], layers: &[Vec<u8>]) -> Artifact {
        let layer = |bytes: &Vec<u8>| descriptor("application/vnd.oci.image.layer.v1.tar", bytes);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        });
        let blobs = std::iter::once(config.to_vec()).chain(layers.iter().cloned()).collect();
        Artifact::of(OCI_MANIFEST, &manifest, blobs)
    }

    /// A small image that differs by `seed`.
    pub fn small(seed: u64) -> Artifact {
        let config = json!({ "architecture": "amd64", "os": "linux", "seed": seed }).to_string();
        Artifact::image(config.as_bytes(), &[noise(seed, 700)])
    }

    /// An artifact of a type, attached to a subject.
    pub fn attached(subject: &Artifact, artifact_type: &str, note: &str) -> Artifact {
        let empty = b"{}".to_vec();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": descriptor(OCI_EMPTY, &empty),
            "layers": [descriptor(OCI_EMPTY, &empty)],
            "subject": descriptor(&subject.media_type, &subject.manifest),
            "annotations": { "note": note },
        });
        Artifact::of(OCI_MANIFEST, &manifest, vec![empty])
    }

    /// An index of these.
    pub fn index(children: &[&Artifact]) -> Artifact {
        let manifests: Vec<_> = children.iter().map(|child| descriptor(&child.media_type, &child.manifest)).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
        Artifact::of(OCI_INDEX, &index, Vec::new())
    }

    /// Any manifest.
    pub fn of(media_type: &str, manifest: &Value, blobs: Vec<Vec<u8>>) -> Artifact {
        Artifact { media_type: media_type.to_owned(), manifest: manifest.to_string().into_bytes(), blobs }
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> Digest {
        digest(&self.manifest)
    }

    /// Pushes the blobs, then the manifest by `reference`.
    #[track_caller]
    pub fn push(&self, client: &Client, repository: &str, reference: &str) {
        for blob in &self.blobs {
            push_blob(client, repository, blob);
        }
        self.push_manifest(client, repository, reference);
    }

    /// Pushes the manifest alone.
    #[track_caller]
    pub fn push_manifest(&self, client: &Client, repository: &str, reference: &str) {
        let target = format!("/v2/{repository}/manifests/{reference}");
        client.put(&target, &self.media_type, self.manifest.clone()).expect(201);
    }
}

/// Pushes a blob in one go; its digest.
#[track_caller]
pub fn push_blob(client: &Client, repository: &str, bytes: &[u8]) -> Digest {
    let digest = digest(bytes);
    let location = begin(client, repository);
    let target = format!("{location}{}digest={digest}", if location.contains('?') { '&' } else { '?' });
    client.put(&target, "application/octet-stream", bytes).expect(201);
    digest
}

/// Begins an upload; its location.
#[track_caller]
pub fn begin(client: &Client, repository: &str) -> String {
    client.post(&format!("/v2/{repository}/blobs/uploads/")).expect(202).required("location").to_owned()
}
