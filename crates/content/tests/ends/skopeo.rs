//! skopeo reads what is written here, and the reverse.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use wharf_content::archive::{Archive, Writer};
use wharf_content::copy::{Options, copy};
use wharf_content::layout::Layout;
use wharf_content::memory::Memory;
use wharf_content::source::Source;
use wharf_content::target::Target;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::media::{MediaType, OCI_MANIFEST};

use crate::graphs::{CONFIG, LAYER, Registry, index, manifest_of, tag, tagged};

/// A layer with one file.
fn layer(content: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "file", content.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

/// An image that a container could be made of.
fn image(memory: &Memory, architecture: &str, tags: &[&str]) -> Descriptor {
    let layers = ["one", "two"].map(|content| memory.add_blob(MediaType::known(LAYER), layer(content)));
    let ids = layers.each_ref().map(|layer| layer.digest);
    let config =
        json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": ids } });
    let config = memory.add_blob(MediaType::known(CONFIG), config.to_string());
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    manifest_of(memory, OCI_MANIFEST, &manifest, tags)
}

fn skopeo(folder: &Path, words: &str) -> String {
    let mut command = Command::new("skopeo");
    command.arg("--insecure-policy").args(words.split_whitespace()).current_dir(folder).env("TMPDIR", folder);
    let output = command.output().expect("skopeo runs");
    assert!(output.status.success(), "skopeo {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn send(source: &dyn Source, from: &str, target: &dyn Target) -> Digest {
    let options = Options::default();
    copy(source, &tagged(from), target, &[tag("v1")], &options, Arc::new(())).await.unwrap().root.digest
}

fn layers(folder: &Path, from: &str) -> Value {
    serde_json::from_str::<Value>(&skopeo(folder, &format!("inspect {from}"))).unwrap()["Layers"].clone()
}

#[tokio::test]
async fn reads_folders_and_archives() {
    let memory = Memory::new();
    let root = image(&memory, "amd64", &["v1"]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    send(&memory, "v1", &Layout::create(at.join("layout")).await.unwrap()).await;
    let writer = Writer::create(at.join("a.tar"), Some("localhost/acme/app".to_owned())).await.unwrap();
    send(&memory, "v1", &writer).await;
    writer.close().await.unwrap();
    for (number, from) in ["oci:layout:v1", "oci-archive:a.tar:v1"].into_iter().enumerate() {
        skopeo(at, &format!("copy -q --preserve-digests {from} oci:back{number}:v1"));
        let back = Layout::open(at.join(format!("back{number}"))).await.unwrap();
        assert_eq!(send(&back, "v1", &Registry::new()).await, root.digest);
    }
    let expect = layers(at, "oci:layout:v1");
    for from in ["docker-archive:a.tar", "docker-archive:a.tar:localhost/acme/app:v1"] {
        assert_eq!(layers(at, from), expect, "{from}");
        skopeo(at, &format!("copy -q {from} dir:{}", if from.contains("acme") { "named" } else { "only" }));
    }
}

#[tokio::test]
async fn finds_an_image_for_docker_in_an_index() {
    let memory = Memory::new();
    let children = ["s390x", "amd64", "arm64"].map(|architecture| {
        let mut child = json!(image(&memory, architecture, &[]));
        child["platform"] = json!({ "os": "linux", "architecture": architecture });
        child
    });
    let root = index(&memory, &children, json!({}), &["v1"]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let writer = Writer::create(at.join("a.tar"), Some("localhost/acme/app".to_owned())).await.unwrap();
    assert_eq!(send(&memory, "v1", &writer).await, root.digest);
    writer.close().await.unwrap();
    skopeo(at, "copy -q --all --preserve-digests oci-archive:a.tar:v1 oci:back:v1");
    let back = Layout::open(at.join("back")).await.unwrap();
    assert_eq!(send(&back, "v1", &Registry::new()).await, root.digest);
    let inspected: Value =
        serde_json::from_str(&skopeo(at, "inspect docker-archive:a.tar:localhost/acme/app:v1")).unwrap();
    let here = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        _ => "s390x",
    };
    assert_eq!(inspected["Architecture"], here);
}

#[tokio::test]
async fn what_it_writes_is_read() {
    let memory = Memory::new();
    image(&memory, "amd64", &["v1"]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let root = send(&memory, "v1", &Layout::create(at.join("layout")).await.unwrap()).await;
    skopeo(at, "copy -q --preserve-digests oci:layout:v1 oci-archive:oci.tar:v1");
    skopeo(at, "copy -q oci:layout:v1 docker-archive:docker.tar:localhost/acme/app:v1");
    let oci = Archive::open(at.join("oci.tar")).await.unwrap();
    assert_eq!(send(&oci, "v1", &Registry::new()).await, root);
    let docker = Archive::open(at.join("docker.tar")).await.unwrap();
    let registry = Registry::new();
    send(&docker, "v1", &registry).await;
    for digest in ["one", "two"].map(|content| memory.add_blob(MediaType::known(LAYER), layer(content)).digest) {
        assert!(registry.memory.blobs().contains(&digest), "plain layers lie in it as they were");
    }
}
