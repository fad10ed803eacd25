//! The image that a bundle is in a registry. imgpkg reads only what it writes itself: Docker's manifest, one layer in gzip, and a
//! label in the config that says what it is.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::sync::Arc;

use flate2::GzBuilder;
use serde::{Deserialize, Serialize};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::BUNDLE_LOCK_BYTES_MAX;
use wharf_model::media::{DOCKER_MANIFEST, MediaType};

use super::LOCK;
use crate::config::{Bytes, ConfigError, Made, Wire};
use crate::layer::member::{MemberKind, Members};
use crate::layer::stream::Tar;
use crate::layer::{LayerError, Limits, too_much};
use crate::pack::{NORMAL_TIME, Packed};

/// The label by which a bundle is known.
pub const LABEL: &str = "dev.carvel.imgpkg.bundle";
/// The config of an image, to Docker.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer in gzip, to Docker: the only one that imgpkg reads.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// The file that says where the images of a bundle went, in an image of its own.
const LOCATIONS: &str = "image-locations.yml";

/// An image's config, as far as it matters.
#[derive(Serialize, Deserialize)]
struct Config {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<Inner>,
    #[serde(default)]
    rootfs: Rootfs,
}

#[derive(Default, Serialize, Deserialize)]
struct Inner {
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Rootfs {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    config: Wire,
    layers: [Wire; 1],
}

/// A small image that holds one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Small {
    /// Its layer, to be pushed first.
    pub layer: Bytes,
    /// The rest.
    pub made: Made,
}

/// The bundle whose folder is `layer`, which was packed in gzip.
///
/// # Errors
/// [`ConfigError`].
pub fn bundle(layer: &Packed) -> Result<Made, ConfigError> {
    let label = (LABEL.to_owned(), serde_json::Value::from("true"));
    let labels = Some([label].into_iter().collect());
    make(layer.diff_id, layer.digest, layer.size, Inner { labels })
}

/// The image that says where the images of a bundle went; `text` is [`super::lock::locations`].
///
/// # Errors
/// [`ConfigError`].
pub fn locations(text: &str) -> Result<Small, ConfigError> {
    let written = |error: std::io::Error| ConfigError::Json(serde_json::Error::io(error));
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(NORMAL_TIME.unsigned_abs());
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, LOCATIONS, text.as_bytes()).map_err(written)?;
    let tar = tar.into_inner().map_err(written)?;
    let level = flate2::Compression::default();
    // Neither time nor system: 255 is "unknown" (RFC 1952 §2.3.1).
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), level);
    let packed = gzip.write_all(&tar).and_then(|()| gzip.finish()).map_err(written)?;
    let layer = Bytes::new(DOCKER_LAYER, packed);
    let diff_id = Digest::of(Algorithm::Sha256, &tar);
    let made = make(diff_id, layer.digest, layer.bytes.len() as u64, Inner::default())?;
    Ok(Small { layer, made })
}

fn make(diff_id: Digest, layer: Digest, size: u64, inner: Inner) -> Result<Made, ConfigError> {
    let config = Config {
        architecture: "unknown".to_owned(),
        os: "linux".to_owned(),
        config: Some(inner),
        rootfs: Rootfs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
    };
    let config = Bytes::new(DOCKER_CONFIG, serde_json::to_vec(&config)?);
    let manifest = Manifest {
        schema_version: 2,
        media_type: DOCKER_MANIFEST,
        config: Wire::new(&config.media_type, config.digest, config.bytes.len() as u64),
        layers: [Wire::new(&MediaType::known(DOCKER_LAYER), layer, size)],
    };
    let manifest = Bytes::new(DOCKER_MANIFEST, serde_json::to_vec(&manifest)?);
    Ok(Made { config, manifest })
}

/// Whether an image is a bundle, by its config. What is no config of an image is none of a bundle.
pub fn is_bundle(config: &[u8]) -> bool {
    let config: Option<Config> = serde_json::from_slice(config).ok();
    let labels = config.and_then(|config| config.config?.labels);
    labels.is_some_and(|labels| labels.contains_key(LABEL))
}

/// The bytes of the lock in a layer of a bundle; `None` where there is none. The stream is read to its end, so that a reader
/// that fails there where the digest is not the expected one is all that a caller needs.
///
/// # Errors
/// [`LayerError`], also where the lock has more than [`BUNDLE_LOCK_BYTES_MAX`] bytes.
pub fn read_lock(layer: impl Read, media_type: &MediaType) -> Result<Option<Vec<u8>>, LayerError> {
    file(layer, media_type, LOCK, BUNDLE_LOCK_BYTES_MAX as u64)
}

/// The file `path` of a layer, of at most `max` bytes. Of several of that name the last counts, as where they are unpacked.
fn file(layer: impl Read, media_type: &MediaType, path: &str, max: u64) -> Result<Option<Vec<u8>>, LayerError> {
    let limits = Limits::default();
    let mut members = Members::new(Tar::open(layer, Some(media_type), limits, Arc::default())?);
    let (mut found, mut count) = (None, 0);
    while let Some(member) = members.next()? {
        count += 1;
        if count > limits.entries {
            return Err(too_much("entries", limits.entries as u64));
        }
        let name = member.path.strip_prefix(b"./").unwrap_or(&member.path);
        if name != path.as_bytes() || member.kind != MemberKind::File {
            continue;
        }
        if member.size > max {
            return Err(too_much("bytes in one file", max));
        }
        let (mut bytes, mut buffer) = (Vec::new(), [0; 8 << 10]);
        while let read @ 1.. = members.read(&mut buffer)? {
            bytes.extend_from_slice(&buffer[..read]);
        }
        found = Some(bytes);
    }
    members.drain()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_bundle_is_known_by_its_label() {
        let digest = Digest::of(Algorithm::Sha256, b"a");
        let media_type = MediaType::known(DOCKER_LAYER);
        let made = bundle(&Packed { media_type, digest, diff_id: digest, size: 7, tar_bytes: 1024 }).expect("an image");
        assert!(is_bundle(&made.config.bytes));
        let manifest = wharf_model::manifest::Manifest::parse(&made.manifest.bytes, None).expect("a manifest");
        assert_eq!(manifest.media_type.as_str(), DOCKER_MANIFEST);
        assert_eq!((manifest.layers.len(), manifest.layers[0].media_type.as_str()), (1, DOCKER_LAYER));
        for text in [
            "",
            "[]",
            "{}",
            r#"{"config":null}"#,
            r#"{"config":{"Labels":null}}"#,
            r#"{"config":{"Labels":{"a":"b"}}}"#,
        ] {
            assert!(!is_bundle(text.as_bytes()), "{text}");
        }
        assert!(is_bundle(br#"{"config":{"Labels":{"dev.carvel.imgpkg.bundle":"true"}},"created":"x"}"#));
    }

    #[test]
    fn locations_are_a_file_in_a_layer() {
        let small = locations("---\nx: y\n").expect("an image");
        let read = file(&small.layer.bytes[..], &small.layer.media_type, LOCATIONS, 100).expect("read");
        assert_eq!(read.as_deref(), Some(&b"---\nx: y\n"[..]));
        assert!(!is_bundle(&small.made.config.bytes));
        assert_eq!(small, locations("---\nx: y\n").expect("an image"), "always the same");
        let media_type = &small.layer.media_type;
        assert!(file(&small.layer.bytes[..], media_type, LOCATIONS, 3).is_err(), "bounded");
        assert_eq!(read_lock(&small.layer.bytes[..], media_type).expect("read"), None);
    }
}
