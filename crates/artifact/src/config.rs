//! The manifests and configs of artifacts, as bytes. The same layers and options are the same bytes.

mod guess;

use std::collections::BTreeMap;

use serde::Serialize;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::{MANIFEST_BYTES_MAX, MANIFEST_DESCRIPTORS_MAX};
use wharf_model::media::{MediaType, OCI_EMPTY, OCI_MANIFEST};

use crate::compression::Compression;
use crate::pack::Packed;

pub use guess::{HEAD_BYTES, guess_type};

/// The artifact type of a folder.
pub const FOLDER_TYPE: &str = "application/vnd.wharf.directory.v1";
/// The artifact type of files where nothing else is said: what oras says.
pub const UNKNOWN_TYPE: &str = "application/vnd.unknown.artifact.v1";
/// The media type of an image's config.
pub const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The annotation of a layer that is a file: its name.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The annotation by which oras says that a layer with a name is a packed folder, which it unpacks.
pub(crate) const UNPACK: &str = "io.deis.oras.content.unpack";
/// The annotation by which oras checks what it unpacks: the digest of the tar.
const CONTENT_DIGEST: &str = "io.deis.oras.content.digest";
/// The annotation of when an artifact was made.
pub const CREATED: &str = "org.opencontainers.image.created";

/// What is said of an artifact beyond its content.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
    /// Its type; else [`FOLDER_TYPE`] or [`UNKNOWN_TYPE`].
    pub artifact_type: Option<String>,
    /// What it is attached to.
    pub subject: Option<Descriptor>,
    /// When it was made, as RFC 3339 writes it. Without it the same content is the same artifact.
    pub created: Option<String>,
}

/// A file that is a layer of its own.
#[derive(Clone, Debug)]
pub struct FileLayer {
    /// Its name, as those who pull it are to call it.
    pub title: String,
    /// What it is ([`guess_type`]).
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// Free text by key, beside the title.
    pub annotations: BTreeMap<String, String>,
}

/// What is to be pushed after the layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The config, to be pushed as a blob.
    pub config: Bytes,
    /// The manifest.
    pub manifest: Bytes,
}

/// Some content in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// What it is.
    pub media_type: MediaType,
    /// What it is named by.
    pub digest: Digest,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It would be larger than registries take.
    #[error(
        "the manifest would have {0} bytes; registries take {MANIFEST_BYTES_MAX}: push fewer files, or shorter annotations"
    )]
    TooLarge(usize),
    /// It would name more than registries take.
    #[error(
        "the manifest would name {0} blobs; registries take {MANIFEST_DESCRIPTORS_MAX}: push the folder instead of its files"
    )]
    TooMany(usize),
    /// It cannot be written as JSON.
    #[error("cannot write the manifest: {0}")]
    Json(#[from] serde_json::Error),
}

/// The manifest of a folder: an image whose layers are `layers`, which runtimes can mount and others can read. Layers of gzip say
/// in annotations what oras needs to unpack them.
///
/// # Errors
/// [`ConfigError`].
pub fn directory(layers: &[Packed], options: &Options) -> Result<Made, ConfigError> {
    let image = Image {
        created: options.created.as_deref(),
        // The content is of no architecture, and the same digest on any.
        architecture: "unknown",
        os: "linux",
        config: BTreeMap::new(),
        rootfs: Rootfs { kind: "layers", diff_ids: layers.iter().map(|layer| layer.diff_id).collect() },
    };
    let config = Bytes::new(IMAGE_CONFIG, serde_json::to_vec(&image)?);
    let layers = layers.iter().enumerate().map(|(number, layer)| Wire::of_layer(number, layer)).collect();
    make(config, None, layers, FOLDER_TYPE, options)
}

/// The manifest of some files, as oras writes it: an empty config, and a layer with a title for each. Without files, what is
/// attached to something says all in its annotations.
///
/// # Errors
/// [`ConfigError`].
pub fn files(files: &[FileLayer], options: &Options) -> Result<Made, ConfigError> {
    let config = Bytes::new(OCI_EMPTY, b"{}".to_vec());
    let mut layers: Vec<Wire> = files.iter().map(Wire::of_file).collect();
    if layers.is_empty() {
        // There must be one (image-spec, "Guidelines for Artifact Usage").
        layers.push(Wire { data: Some(EMPTY_DATA), ..Wire::new(&config.media_type, config.digest, 2) });
    }
    make(config, Some(EMPTY_DATA), layers, UNKNOWN_TYPE, options)
}

/// `{}` in base64.
const EMPTY_DATA: &str = "e30=";

fn make(
    config: Bytes,
    data: Option<&'static str>,
    layers: Vec<Wire>,
    default_type: &str,
    options: &Options,
) -> Result<Made, ConfigError> {
    if layers.len() + 2 > MANIFEST_DESCRIPTORS_MAX {
        return Err(ConfigError::TooMany(layers.len()));
    }
    let mut annotations = options.annotations.clone();
    if let Some(created) = &options.created {
        annotations.entry(CREATED.to_owned()).or_insert_with(|| created.clone());
    }
    let manifest = Manifest {
        schema_version: 2,
        media_type: OCI_MANIFEST,
        artifact_type: options.artifact_type.as_deref().unwrap_or(default_type),
        config: Wire { data, ..Wire::new(&config.media_type, config.digest, config.bytes.len() as u64) },
        layers,
        subject: options.subject.as_ref().map(|one| Wire::new(&one.media_type, one.digest, one.size)),
        annotations,
    };
    let bytes = serde_json::to_vec(&manifest)?;
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(ConfigError::TooLarge(bytes.len()));
    }
    Ok(Made { config, manifest: Bytes::new(OCI_MANIFEST, bytes) })
}

impl Bytes {
    pub(crate) fn new(media_type: &'static str, bytes: Vec<u8>) -> Bytes {
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        Bytes { media_type: MediaType::known(media_type), digest, bytes }
    }

    /// The descriptor of the content.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.bytes.len() as u64)
    }
}

/// A manifest as it is written: the order of the fields is that of the bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    artifact_type: &'a str,
    config: Wire,
    layers: Vec<Wire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Wire>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// A descriptor as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wire {
    media_type: MediaType,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Wire {
    pub(crate) fn new(media_type: &MediaType, digest: Digest, size: u64) -> Wire {
        Wire { media_type: media_type.clone(), digest, size, data: None, annotations: BTreeMap::new() }
    }

    fn of_layer(number: usize, layer: &Packed) -> Wire {
        let mut wire = Wire::new(&layer.media_type, layer.digest, layer.size);
        if layer.media_type == Compression::Gzip.layer_type() {
            let digest = layer.diff_id.to_string();
            let all = [(TITLE, here(number)), (UNPACK, "true".to_owned()), (CONTENT_DIGEST, digest)];
            wire.annotations = all.map(|(key, text)| (key.to_owned(), text)).into();
        }
        wire
    }

    pub(crate) fn annotated<const N: usize>(mut self, all: [(&str, &str); N]) -> Wire {
        self.annotations.extend(all.map(|(key, text)| (key.to_owned(), text.to_owned())));
        self
    }

    fn of_file(file: &FileLayer) -> Wire {
        let mut annotations = file.annotations.clone();
        annotations.insert(TITLE.to_owned(), file.title.clone());
        Wire { annotations, ..Wire::new(&file.media_type, file.digest, file.size) }
    }
}

/// The folder that is pulled into, as a path that is another text for each number: oras takes no name twice.
fn here(number: usize) -> String {
    let digits = format!("{number:b}");
    let steps = digits.chars().map(|digit| if digit == '1' { "/." } else { "//." });
    std::iter::once(".").chain(steps).collect()
}

/// An image's config (image-spec, "Image Configuration").
#[derive(Serialize)]
struct Image<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    architecture: &'static str,
    os: &'static str,
    config: BTreeMap<String, String>,
    rootfs: Rootfs,
}

#[derive(Serialize)]
struct Rootfs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<Digest>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(content: &[u8]) -> Packed {
        let digest = Digest::of(Algorithm::Sha256, content);
        let media_type = crate::compression::Compression::Zstd.layer_type();
        Packed { media_type, digest, diff_id: Digest::of(Algorithm::Sha256, b"tar"), size: 7, tar_bytes: 1024 }
    }

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(&bytes.bytes).expect("JSON")
    }

    #[test]
    fn a_folder_is_an_image() {
        let made = directory(&[packed(b"a")], &Options::default()).expect("a manifest");
        assert_eq!(
            text(&made.config),
            r#"{"architecture":"unknown","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7fc2b0b3c7b1e7b6bb2d2a4bb4"]}}"#
                .replace("sha256:f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7fc2b0b3c7b1e7b6bb2d2a4bb4", &Digest::of(Algorithm::Sha256, b"tar").to_string())
        );
        let manifest = wharf_model::manifest::Manifest::parse(&made.manifest.bytes, None).expect("a manifest");
        assert_eq!(manifest.artifact_type.as_deref(), Some(FOLDER_TYPE));
        assert_eq!(manifest.layers.len(), 1);
        assert_eq!(manifest.config, Some(made.config.descriptor()));
        assert_eq!(manifest.annotations, None);
    }

    #[test]
    fn layers_of_gzip_are_as_oras_unpacks_them() {
        let gzip = Packed { media_type: Compression::Gzip.layer_type(), ..packed(b"a") };
        let made = directory(&[gzip.clone(), gzip], &Options::default()).expect("a manifest");
        let manifest = wharf_model::manifest::Manifest::parse(&made.manifest.bytes, None).expect("a manifest");
        let titles: Vec<&str> = manifest
            .layers
            .iter()
            .map(|layer| {
                let annotations = layer.annotations.as_ref().expect("annotations");
                assert_eq!(annotations[UNPACK], "true");
                assert_eq!(annotations[CONTENT_DIGEST], Digest::of(Algorithm::Sha256, b"tar").to_string());
                annotations[TITLE].as_str()
            })
            .collect();
        assert_eq!(titles, [".//.", "./."]);
        let all: std::collections::BTreeSet<String> = (0..2_000).map(here).collect();
        assert_eq!(all.len(), 2_000);
    }

    #[test]
    fn files_are_as_oras_has_them() {
        let file = FileLayer {
            title: "a.txt".to_owned(),
            media_type: "text/plain".parse().expect("a media type"),
            digest: Digest::of(Algorithm::Sha256, b""),
            size: 0,
            annotations: BTreeMap::new(),
        };
        let options = Options {
            annotations: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            subject: Some(Bytes::new(OCI_MANIFEST, b"{}".to_vec()).descriptor()),
            created: Some("2024-01-01T00:00:00Z".to_owned()),
            ..Options::default()
        };
        let made = files(&[file], &options).expect("a manifest");
        assert_eq!(
            text(&made.manifest),
            concat!(
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
                r#""artifactType":"application/vnd.unknown.artifact.v1","#,
                r#""config":{"mediaType":"application/vnd.oci.empty.v1+json","#,
                r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30="},"#,
                r#""layers":[{"mediaType":"text/plain","#,
                r#""digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"#,
                r#""annotations":{"org.opencontainers.image.title":"a.txt"}}],"#,
                r#""subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
                r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"#,
                r#""annotations":{"k":"v","org.opencontainers.image.created":"2024-01-01T00:00:00Z"}}"#,
            )
        );
    }

    #[test]
    fn no_file_is_the_empty_layer() {
        let made = files(&[], &Options::default()).expect("a manifest");
        let manifest = wharf_model::manifest::Manifest::parse(&made.manifest.bytes, None).expect("a manifest");
        assert_eq!(manifest.layers[0].media_type.as_str(), OCI_EMPTY);
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        let layers = vec![packed(b"a"); MANIFEST_DESCRIPTORS_MAX];
        assert!(matches!(directory(&layers, &Options::default()), Err(ConfigError::TooMany(_))));
        let annotations = BTreeMap::from([("k".to_owned(), "v".repeat(MANIFEST_BYTES_MAX))]);
        let options = Options { annotations, ..Options::default() };
        assert!(matches!(files(&[], &options), Err(ConfigError::TooLarge(_))));
    }
}
