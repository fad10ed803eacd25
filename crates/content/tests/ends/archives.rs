//! Archives as ends of a copy.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::write::GzEncoder;
use serde_json::json;
use wharf_content::archive::{Archive, Writer};
use wharf_content::body::Body;
use wharf_content::copy::Options;
use wharf_content::error::Error;
use wharf_content::memory::Memory;
use wharf_content::source::Source as _;
use wharf_content::target::{Origin, Target as _};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::Manifest;

use crate::graphs::{Registry, blob, image, run, tag, tagged};

struct Bytewise(&'static str);

#[async_trait]
impl Origin for Bytewise {
    async fn open(&self, _from: u64) -> Result<Body, Error> {
        Ok(Body::full(Bytes::from_static(self.0.as_bytes())))
    }
}

fn add(builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, path, content).unwrap();
}

fn config(layers: &[&str]) -> Vec<u8> {
    let ids: Vec<_> = layers.iter().map(|layer| Digest::of(Algorithm::Sha256, layer.as_bytes())).collect();
    json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": ids } })
        .to_string()
        .into()
}

/// What older versions of `docker save` write: layers in folders, one of them a link to another's.
fn saved(folder: &Path, config: &[u8]) -> PathBuf {
    let mut builder = tar::Builder::new(Vec::new());
    add(&mut builder, "1/layer.tar", b"one");
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "2/layer.tar", "../1/layer.tar").unwrap();
    add(&mut builder, "c.json", config);
    let layers = ["1/layer.tar", "2/layer.tar"];
    let images = json!([{ "Config": "c.json", "RepoTags": ["localhost:5000/acme/app:v1"], "Layers": layers },
        { "Config": "c.json", "RepoTags": null, "Layers": layers }]);
    add(&mut builder, "manifest.json", images.to_string().as_bytes());
    let path = folder.join("saved.tar");
    fs::write(&path, builder.into_inner().unwrap()).unwrap();
    path
}

#[tokio::test]
async fn what_docker_saved_is_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path(), &config(&["one", "one"]));
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&fs::read(&path).unwrap()).unwrap();
    let packed = folder.path().join("saved.tar.gz");
    fs::write(&packed, gzip.finish().unwrap()).unwrap();
    for path in [path, packed] {
        let archive = Archive::open(path).await.unwrap();
        let heads = archive.heads().await.unwrap();
        assert_eq!(heads[0].name.as_deref(), Some("localhost:5000/acme/app:v1"));
        assert_eq!(heads[0].tag, Some(tag("v1")));
        assert_eq!((heads.len(), heads[1].tag.as_ref()), (2, None));
        let registry = Registry::new();
        let report = run(&archive, "v1", &registry, &Options::default()).await.unwrap();
        assert_eq!((report.root.digest, report.blobs_sent), (heads[0].descriptor.digest, 2));
        let fetched = registry.memory.manifest(&tagged("there")).await.unwrap().unwrap();
        let manifest = Manifest::parse(&fetched.bytes, None).unwrap();
        assert_eq!(manifest.layers.len(), 2);
        assert_eq!(manifest.layers[0].media_type.as_str(), "application/vnd.oci.image.layer.v1.tar");
    }
}

#[tokio::test]
async fn a_plain_layer_has_to_be_the_one_that_the_config_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path(), &config(&["one", "two"]));
    let error = Archive::open(path).await.expect_err("another layer");
    assert!(matches!(error, Error::Wrong { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = async |bytes: &[u8], expect: &str| {
        let path = folder.path().join("x.tar");
        fs::write(&path, bytes).unwrap();
        let error = Archive::open(path).await.expect_err(expect).to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(b"", "not a tar archive").await;
    check(&[b'x'; 2000], "not a tar archive").await;
    check(&[0x1f, 0x8b, 8, 0], "read ").await;
    let with = |path: &str, content: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        add(&mut builder, path, content.as_bytes());
        builder.into_inner().unwrap()
    };
    check(&with("a", "b"), "neither an OCI archive").await;
    check(&with("manifest.json", "{}"), "manifest.json is not valid").await;
    check(&with("manifest.json", r#"[{"Config":"../../etc/passwd"}]"#), "has no ../../etc/passwd").await;
    assert!(Archive::open(folder.path().join("none.tar")).await.is_err());
}

#[tokio::test]
async fn what_did_not_come_leaves_a_gap_that_nobody_reads() {
    let memory = Memory::new();
    let layer = blob(&memory, "right");
    image(&memory, std::slice::from_ref(&layer), json!({}), &["v1"]);
    let never = blob(&memory, "never comes");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = Writer::create(&path, None).await.unwrap();
    for (wanted, given) in [(&layer, "wrong"), (&never, "never"), (&layer, "")] {
        writer.put_blob(wanted, &Bytewise(given)).await.expect_err("wrong bytes");
        assert!(!writer.has_blob(wanted).await.unwrap());
    }
    run(&memory, "v1", &writer, &Options::default()).await.unwrap();
    assert!(!path.exists(), "not before its end");
    writer.close().await.unwrap();
    writer.close().await.unwrap();
    let archive = Archive::open(&path).await.unwrap();
    run(&archive, "there", &Registry::new(), &Options::default()).await.unwrap();
    assert!(archive.blob(&never, 0).await.unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_writer_that_is_dropped_leaves_nothing() {
    let memory = Memory::new();
    image(&memory, &[blob(&memory, "a")], json!({}), &["v1"]);
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::create(folder.path().join("a.tar"), None).await.unwrap();
    run(&memory, "v1", &writer, &Options::default()).await.unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn long_names_fit_too() {
    let memory = Memory::new();
    let mut layer = blob(&memory, "long");
    layer.digest = Digest::of(Algorithm::Sha512, b"long");
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::create(folder.path().join("a.tar"), None).await.unwrap();
    writer.put_blob(&layer, &Bytewise("wrong")).await.expect_err("wrong bytes");
    writer.put_blob(&layer, &Bytewise("long")).await.unwrap();
    let other = wharf_model::descriptor::Descriptor { digest: Digest::of(Algorithm::Sha512, b"else"), ..layer.clone() };
    writer.put_blob(&other, &Bytewise("long")).await.expect_err("wrong bytes");
    writer.close().await.unwrap();
    let archive = Archive::open(folder.path().join("a.tar")).await.unwrap();
    let bytes = archive.blob(&layer, 1).await.unwrap().unwrap().collect(9).await.unwrap().unwrap();
    assert_eq!(bytes, "ong");
    assert!(archive.blob(&other, 0).await.unwrap().is_none());
}
