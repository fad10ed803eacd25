//! Folders as ends of a copy.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use wharf_content::body::Body;
use wharf_content::copy::{Options, copy};
use wharf_content::error::Error;
use wharf_content::layout::Layout;
use wharf_content::memory::Memory;
use wharf_content::source::Source as _;
use wharf_content::target::{Origin, Target as _};
use wharf_model::limits::MANIFEST_BYTES_MAX;
use wharf_model::name::Reference;

use crate::graphs::{Registry, blob, image, index, run, tag, tagged};

/// The same bytes, as often as one likes.
struct Bytewise(&'static str);

#[async_trait]
impl Origin for Bytewise {
    async fn open(&self, _from: u64) -> Result<Body, Error> {
        Ok(Body::full(Bytes::from_static(self.0.as_bytes())))
    }
}

/// What is in a folder, by path, without what holds the lock.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.retain(|name| name != ".wharf.lock");
    found.sort();
    found
}

#[tokio::test]
async fn roots_and_referrers_are_listed_and_parts_are_not() {
    let memory = Memory::new();
    let child = image(&memory, &[blob(&memory, "a")], json!({}), &[]);
    let root = index(&memory, &[json!(child)], json!({}), &["v1"]);
    let more = json!({ "subject": child, "artifactType": "application/x-note" });
    let note = image(&memory, &[], more, &[]);
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).await.unwrap();
    run(&memory, "v1", &layout, &Options::default()).await.unwrap();
    let heads = layout.heads().await.unwrap();
    let names: Vec<_> = heads.iter().map(|head| (head.descriptor.digest, head.tag.clone())).collect();
    assert_eq!(names, [(root.digest, Some(tag("there"))), (note.digest, None)]);
    let layout = Layout::open(folder.path()).await.unwrap();
    let referrers = layout.referrers(&child.digest).await.unwrap();
    assert_eq!(referrers.len(), 1);
    assert_eq!(referrers[0].artifact_type.as_deref(), Some("application/x-note"));
    assert_eq!(layout.tags().await.unwrap(), [tag("there")]);
    let part = Reference::Digest(child.digest);
    assert!(layout.manifest(&part).await.unwrap().is_some(), "it is found by its digest all the same");
    assert_eq!(files(folder.path()).len(), 2 + 3 + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_writers_none_loses_anything() {
    let memory = Arc::new(Memory::new());
    let names: Vec<String> = (0..24).map(|number| format!("v{number}")).collect();
    for name in &names {
        image(&memory, &[blob(&memory, name)], json!({ "annotations": { "n": name } }), &[name]);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for name in names.clone() {
        let (root, memory) = (folder.path().to_owned(), memory.clone());
        writers.spawn(async move {
            let layout = Layout::create(root).await.unwrap().unsynced();
            copy(&*memory, &tagged(&name), &layout, &[tag(&name)], &Options::default(), Arc::new(())).await.unwrap();
        });
    }
    writers.join_all().await;
    let layout = Layout::open(folder.path()).await.unwrap();
    assert_eq!(layout.tags().await.unwrap().len(), names.len());
    for name in names {
        run(&layout, &name, &Registry::new(), &Options::default()).await.unwrap();
    }
}

#[tokio::test]
async fn wrong_bytes_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).await.unwrap();
    let before = files(folder.path());
    let wanted = blob(&Memory::new(), "right");
    for wrong in ["wrong", "", "right and more"] {
        let error = layout.put_blob(&wanted, &Bytewise(wrong)).await.expect_err("wrong");
        assert!(matches!(error, Error::Wrong { .. } | Error::Length { .. }), "{error}");
        assert_eq!(files(folder.path()), before);
    }
    layout.put_blob(&wanted, &Bytewise("right")).await.unwrap();
    assert!(layout.has_blob(&wanted).await.unwrap());
    fs::write(folder.path().join(format!("blobs/sha256/{}", wanted.digest.hex())), "cut").unwrap();
    assert!(!layout.has_blob(&wanted).await.unwrap(), "of another length, it is not there");
}

#[tokio::test]
async fn only_what_is_or_becomes_a_layout_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let error = Layout::create(folder.path()).await.expect_err("no layout");
    assert!(error.to_string().contains("the folder has other files in it"), "{error}");
    assert!(Layout::open(folder.path()).await.is_err());
    let inside = folder.path().join("new/layout");
    Layout::create(&inside).await.unwrap();
    Layout::create(&inside).await.unwrap();
    assert_eq!(files(&inside), ["index.json", "oci-layout"]);
}

#[tokio::test]
async fn hostile_folders_are_refused() {
    let check = async |list: &[u8], expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).await.unwrap();
        fs::write(folder.path().join("index.json"), list).unwrap();
        let error = layout.manifest(&tagged("v1")).await.expect_err(expect).to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(&vec![b' '; MANIFEST_BYTES_MAX + 1], "larger than").await;
    check(b"[]", "index.json is not valid").await;
    let entry = |digest: &str| {
        json!({ "manifests": [{
            "mediaType": "a/b", "digest": digest, "size": 1,
            "annotations": { "org.opencontainers.image.ref.name": "v1" },
        }]})
    };
    check(entry("sha256:../../../etc/passwd").to_string().as_bytes(), "is not valid").await;
    check(entry(&format!("sha256:{}", "0".repeat(64))).to_string().as_bytes(), "has no sha256:000").await;
    let two = |digit: &str| entry(&format!("sha256:{}", digit.repeat(64)))["manifests"][0].clone();
    let both: Value = json!({ "manifests": [two("1"), two("2")] });
    check(both.to_string().as_bytes(), "name one by its digest").await;
}

#[tokio::test]
async fn a_manifest_with_other_bytes_is_refused() {
    let memory = Memory::new();
    let root = image(&memory, &[], json!({}), &["v1"]);
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).await.unwrap();
    run(&memory, "v1", &layout, &Options::default()).await.unwrap();
    let path = folder.path().join(format!("blobs/sha256/{}", root.digest.hex()));
    fs::write(path, "{}").unwrap();
    let error = layout.manifest(&tagged("there")).await.expect_err("other bytes");
    assert!(matches!(error, Error::Wrong { .. }), "{error}");
}
