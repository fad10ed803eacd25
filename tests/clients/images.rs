//! Images of two platforms, byte for byte, whose layers are packed in every way that there is.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use wharf_model::media::{OCI_INDEX, OCI_MANIFEST};
use wharf_testkit::fixture::{Artifact, descriptor, digest, noise, push_blob};
use wharf_testkit::http::Client;

/// What the file `/shared` of every image holds: more than fits into the ledger.
pub(crate) fn shared() -> Vec<u8> {
    noise(7, 300_000)
}

/// How a layer is packed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A layer of one file.
pub(crate) struct Layer {
    tar: Vec<u8>,
    packing: Packing,
}

impl Layer {
    pub(crate) fn new(file: &str, content: &[u8], packing: Packing) -> Layer {
        Layer { tar: tar(file, content), packing }
    }

    pub(crate) fn packed(&self) -> Vec<u8> {
        match self.packing {
            Packing::Plain => self.tar.clone(),
            Packing::Gzip => gzip(&self.tar),
            Packing::Zstd => zstd(&self.tar),
        }
    }

    pub(crate) fn descriptor(&self) -> Value {
        let suffix = match self.packing {
            Packing::Plain => "",
            Packing::Gzip => "+gzip",
            Packing::Zstd => "+zstd",
        };
        descriptor(&format!("application/vnd.oci.image.layer.v1.tar{suffix}"), &self.packed())
    }
}

/// An image for an architecture.
pub(crate) fn image(architecture: &str, layers: &[Layer]) -> Artifact {
    let diffs: Vec<_> = layers.iter().map(|layer| digest(&layer.tar)).collect();
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Cmd": ["/none"] },
        "rootfs": { "type": "layers", "diff_ids": diffs },
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": layers.iter().map(Layer::descriptor).collect::<Vec<_>>(),
    });
    let blobs = std::iter::once(config).chain(layers.iter().map(Layer::packed)).collect();
    Artifact::of(OCI_MANIFEST, &manifest, blobs)
}

/// An image of two platforms.
pub(crate) struct Multi {
    pub(crate) index: Artifact,
    pub(crate) amd64: Artifact,
    pub(crate) arm64: Artifact,
}

impl Multi {
    /// A large shared layer and a small one for each platform, all packed by gzip.
    pub(crate) fn gzip() -> Multi {
        Multi::packed(Packing::Gzip, Packing::Gzip)
    }

    /// The same with a layer packed by zstd for one platform and one not packed at all for the other.
    pub(crate) fn mixed() -> Multi {
        Multi::packed(Packing::Zstd, Packing::Plain)
    }

    fn packed(amd64: Packing, arm64: Packing) -> Multi {
        let image = |architecture: &str, packing| {
            let own = Layer::new("arch", architecture.as_bytes(), packing);
            image(architecture, &[Layer::new("shared", &shared(), Packing::Gzip), own])
        };
        let (amd64, arm64) = (image("amd64", amd64), image("arm64", arm64));
        let child = |child: &Artifact, architecture: &str| {
            let mut entry = descriptor(&child.media_type, &child.manifest);
            entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
            entry
        };
        let manifests = [child(&amd64, "amd64"), child(&arm64, "arm64")];
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
        Multi { index: Artifact::of(OCI_INDEX, &index, Vec::new()), amd64, arm64 }
    }

    /// Pushes all of it, the index by `tag`.
    #[track_caller]
    pub(crate) fn push(&self, client: &Client, repository: &str, tag: &str) {
        for image in [&self.amd64, &self.arm64] {
            image.push(client, repository, &image.digest().to_string());
        }
        self.index.push(client, repository, tag);
    }

    /// Every manifest and blob, by the hexadecimal part of its digest.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let artifacts = [&self.index, &self.amd64, &self.arm64];
        let all = artifacts.into_iter().flat_map(|artifact| artifact.blobs.iter().chain([&artifact.manifest]));
        all.map(|bytes| (hex(bytes), bytes.clone())).collect()
    }

    /// Writes an OCI layout in which the index has the tag `multi`.
    pub(crate) fn write_layout(&self, folder: &Path) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        for (name, bytes) in self.contents() {
            std::fs::write(blobs.join(name), bytes).unwrap();
        }
        let mut entry = descriptor(OCI_INDEX, &self.index.manifest);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "multi" });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }
}

/// What an OCI layout holds, by the hexadecimal part of its digest.
pub(crate) fn read_layout(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder.join("blobs/sha256")).unwrap().flatten();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

/// A cache as BuildKit exports it: an index whose children are no manifests but layers and a config. The index, as it was
/// pushed to `repository` by the tag `cache`.
#[track_caller]
pub(crate) fn push_cache(client: &Client, repository: &str) -> Artifact {
    let layers = [("one", shared()), ("two", b"two".to_vec())];
    let layers = layers.map(|(file, bytes)| Layer::new(file, &bytes, Packing::Gzip));
    let config = br#"{"layers":[{"blob":"one","parent":-1},{"blob":"two"}],"records":[]}"#;
    let mut children: Vec<_> = layers.iter().map(Layer::descriptor).collect();
    children.push(descriptor("application/vnd.buildkit.cacheconfig.v0", config));
    for blob in layers.iter().map(Layer::packed).chain([config.to_vec()]) {
        push_blob(client, repository, &blob);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    let cache = Artifact::of(OCI_INDEX, &index, Vec::new());
    cache.push(client, repository, "cache");
    cache
}

fn hex(bytes: &[u8]) -> String {
    digest(bytes).to_string().split_off("sha256:".len())
}

/// A tar archive of one file (POSIX ustar).
fn tar(file: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, file);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = [&header, content].concat();
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// A gzip member of stored blocks (RFC 1952, RFC 1951 §3.2.4).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks = bytes.chunks(0xffff);
    let last = blocks.len() - 1;
    for (number, block) in blocks.enumerate() {
        let length = block.len() as u16;
        member.push(u8::from(number == last));
        member.extend(length.to_le_bytes());
        member.extend((!length).to_le_bytes());
        member.extend(block);
    }
    member.extend(crc32(bytes).to_le_bytes());
    member.extend((bytes.len() as u32).to_le_bytes());
    member
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// A zstd frame of raw blocks (RFC 8878 §3.1.1).
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend((bytes.len() as u32).to_le_bytes());
    let blocks = bytes.chunks(0xffff);
    let last = blocks.len() - 1;
    for (number, block) in blocks.enumerate() {
        let header = u32::from(number == last) | (block.len() as u32) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}
