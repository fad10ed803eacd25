//! What `docker save` writes: `manifest.json`, which names a config and layers by their paths; read as a layout, and written
//! beside one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::limits::{IMAGE_CONFIG_BYTES_MAX, MANIFEST_BYTES_MAX, MANIFEST_DESCRIPTORS_MAX};
use wharf_model::manifest::Manifest;
use wharf_model::media::{MediaType, OCI_INDEX, OCI_MANIFEST};

use super::tape::Tape;
use super::{LIST, MARK, read_up_to};
use crate::error::Error;
use crate::layout::MARK_TEXT;
use crate::layout::contents::path;
use crate::layout::files::Part;
use crate::layout::list::{IMAGE_NAME, REF_NAME};

/// The list of what is in such an archive.
pub(super) const MANIFEST: &str = "manifest.json";
/// The config of an image, by OCI and by Docker.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// One image of an archive.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Image {
    config: String,
    #[serde(default, deserialize_with = "or_none")]
    pub(super) repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_none")]
    layers: Vec<String>,
}

/// Go writes an empty list as `null`.
fn or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    rootfs: Rootfs,
}

#[derive(Default, Deserialize)]
struct Rootfs {
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

impl Image {
    /// What stands in `manifest.json` for an image whose blobs are in a layout; `None` where it is no image of containers, or
    /// a blob of it is not there.
    pub(super) fn of(manifest: &Manifest, has: impl Fn(&Digest) -> bool) -> Option<Image> {
        let config = manifest.config.as_ref().filter(|config| CONFIGS.contains(&config.media_type.as_str()))?;
        if !manifest.layers.iter().chain([config]).all(|blob| has(&blob.digest)) {
            return None;
        }
        let layers = manifest.layers.iter().map(|layer| path(&layer.digest)).collect();
        Some(Image { config: path(&config.digest), repo_tags: Vec::new(), layers })
    }
}

/// Makes a layout of the archive: what it lacks for that is written to a temporary file.
pub(super) fn convert(tape: &mut Tape, place: &str) -> Result<(), Error> {
    let mut convert = Convert { tape, place, layers: HashMap::new(), made: Vec::new() };
    let bytes = convert.small(MANIFEST, MANIFEST_BYTES_MAX)?;
    let images: Vec<Image> = serde_json::from_slice(&bytes)
        .map_err(|error| Error::form(place, format!("{MANIFEST} is not valid: {error}")))?;
    let count: usize = images.iter().map(|image| image.layers.len() + 1 + image.repo_tags.len()).sum();
    if count > MANIFEST_DESCRIPTORS_MAX {
        return Err(Error::form(place, format!("{MANIFEST} names more than {MANIFEST_DESCRIPTORS_MAX} things")));
    }
    let mut entries = Vec::new();
    for image in images {
        let (digest, size) = convert.image(&image)?;
        let entry = |annotations| json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size, "annotations": annotations });
        let tag = |name: &str| name.rsplit_once(':').map_or(name, |(_, tag)| tag).to_owned();
        entries.extend(image.repo_tags.iter().map(|name| entry(json!({ REF_NAME: tag(name), IMAGE_NAME: name }))));
        if image.repo_tags.is_empty() {
            entries.push(entry(json!({})));
        }
    }
    let list = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    convert.made.push((LIST.to_owned(), list.to_string().into_bytes()));
    convert.made.push((MARK.to_owned(), MARK_TEXT.to_vec()));
    convert.write().map_err(|error| Error::Io { what: "write a temporary file".to_owned(), error })
}

struct Convert<'a> {
    tape: &'a mut Tape,
    place: &'a str,
    /// Layers by path, so that one that several images share is read once.
    layers: HashMap<String, Descriptor>,
    /// Files that are to be in the layout.
    made: Vec<(String, Vec<u8>)>,
}

impl Convert<'_> {
    fn part(&self, path: &str) -> Result<Part, Error> {
        let missing = || Error::Missing { what: path.to_owned(), place: self.place.to_owned() };
        self.tape.get(path).ok_or_else(missing)
    }

    fn small(&self, path: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let mut part = self.part(path)?;
        if part.length > limit as u64 {
            return Err(Error::form(self.place, format!("{path} is larger than {limit} bytes")));
        }
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).map_err(|error| self.failed(path, error))?;
        Ok(bytes)
    }

    fn failed(&self, path: &str, error: io::Error) -> Error {
        Error::Io { what: format!("read {path} in {}", self.place), error }
    }

    /// Makes the manifest of an image: its digest and size.
    fn image(&mut self, image: &Image) -> Result<(Digest, usize), Error> {
        let bytes = self.small(&image.config, IMAGE_CONFIG_BYTES_MAX)?;
        let config = Digest::of(Algorithm::Sha256, &bytes);
        self.tape.insert(path(&config), self.part(&image.config)?);
        let read: Config = serde_json::from_slice(&bytes)
            .map_err(|error| Error::form(self.place, format!("{} is not valid: {error}", image.config)))?;
        let diff_ids = Some(&read.rootfs.diff_ids).filter(|ids| ids.len() == image.layers.len());
        let mut layers = Vec::new();
        for (place, layer) in image.layers.iter().enumerate() {
            let layer = self.layer(layer)?;
            if layer.media_type.as_str() == LAYER
                && let Some(expected) = diff_ids.map(|ids| ids[place]).filter(|id| *id != layer.digest)
            {
                let actual = Box::new(layer.digest);
                return Err(Error::Wrong { place: self.place.to_owned(), expected, actual });
            }
            layers.push(layer);
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": { "mediaType": CONFIGS[0], "digest": config, "size": bytes.len() },
            "layers": layers,
        });
        let manifest = manifest.to_string().into_bytes();
        let (digest, size) = (Digest::of(Algorithm::Sha256, &manifest), manifest.len());
        self.made.push((path(&digest), manifest));
        Ok((digest, size))
    }

    fn layer(&mut self, name: &str) -> Result<Descriptor, Error> {
        if let Some(layer) = self.layers.get(name) {
            return Ok(layer.clone());
        }
        let part = self.part(name)?;
        let size = part.length;
        let (digest, media_type) = digest(part.clone()).map_err(|error| self.failed(name, error))?;
        let media_type = MediaType::known(media_type);
        let layer = Descriptor::new(media_type, digest, size);
        self.tape.insert(path(&digest), part);
        self.layers.insert(name.to_owned(), layer.clone());
        Ok(layer)
    }

    fn write(self) -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        for (_, bytes) in &self.made {
            file.write_all(bytes)?;
        }
        let file: Arc<File> = Arc::new(file);
        let mut start = 0;
        for (path, bytes) in self.made {
            let length = bytes.len() as u64;
            self.tape.insert(path, Part { file: file.clone(), start, length });
            start += length;
        }
        Ok(())
    }
}

/// The digest of a layer, and what it is.
fn digest(mut part: Part) -> io::Result<(Digest, &'static str)> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut bytes = vec![0; 256 << 10];
    let mut media_type = None;
    loop {
        let read = read_up_to(&mut part, &mut bytes)?;
        media_type.get_or_insert(match &bytes[..read] {
            [0x1f, 0x8b, ..] => LAYER_GZIP,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => LAYER_ZSTD,
            _ => LAYER,
        });
        if read == 0 {
            return Ok((hasher.finish(), media_type.unwrap_or(LAYER)));
        }
        hasher.update(&bytes[..read]);
    }
}
