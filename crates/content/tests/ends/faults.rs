//! Sources that lie.

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use wharf_content::body::Body;
use wharf_content::copy::Options;
use wharf_content::error::Error;
use wharf_content::memory::Memory;
use wharf_content::source::{Fetched, Source};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::media::{MediaType, OCI_MANIFEST};
use wharf_model::name::{Reference, Tag};

use crate::graphs::{Registry, blob, image, index, run};

/// A source that says things of its own.
#[derive(Default)]
struct Liar {
    memory: Memory,
    /// What it lists as referrers of anything.
    referrers: Vec<Descriptor>,
    /// What it gives instead of any blob.
    blob: Option<&'static str>,
    /// What it gives instead of any manifest asked for by digest.
    manifest: Option<&'static str>,
}

#[async_trait]
impl Source for Liar {
    fn name(&self) -> String {
        "liar".to_owned()
    }

    async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        match (reference, self.manifest) {
            (Reference::Digest(digest), Some(text)) => Ok(Some(Fetched {
                media_type: MediaType::known(OCI_MANIFEST),
                digest: *digest,
                bytes: Bytes::from_static(text.as_bytes()),
            })),
            _ => self.memory.manifest(reference).await,
        }
    }

    async fn blob(&self, descriptor: &Descriptor, from: u64) -> Result<Option<Body>, Error> {
        match self.blob {
            Some(text) => Ok(Some(Body::full(Bytes::from_static(text.as_bytes())))),
            None => self.memory.blob(descriptor, from).await,
        }
    }

    async fn referrers(&self, _subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        Ok(self.referrers.clone())
    }

    async fn tags(&self) -> Result<Vec<Tag>, Error> {
        self.memory.tags().await
    }
}

async fn refused(liar: &Liar) -> String {
    let registry = Registry::new();
    let error = run(liar, "v1", &registry, &Options::default()).await.expect_err("it lies");
    registry.assert_whole().await;
    assert!(registry.memory.tags().await.unwrap().is_empty(), "no tag");
    error.to_string()
}

#[tokio::test]
async fn wrong_bytes_never_arrive() {
    for (text, expect) in
        [("b", "liar gave wrong bytes for"), ("", "liar gave 0 bytes for"), ("bb", "liar gave 2 bytes for")]
    {
        let liar = Liar { blob: Some(text), ..Liar::default() };
        image(&liar.memory, &[blob(&liar.memory, "a")], json!({ "config": null }), &["v1"]);
        let error = refused(&liar).await;
        assert!(error.starts_with(expect), "{error}");
    }
    let liar = Liar { manifest: Some("{}"), ..Liar::default() };
    let child = image(&liar.memory, &[], json!({}), &[]);
    index(&liar.memory, &[json!(child)], json!({}), &["v1"]);
    let error = refused(&liar).await;
    assert!(error.starts_with("liar gave wrong bytes for"), "{error}");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let liar = Liar::default();
    let layer = blob(&liar.memory, "a");
    image(&liar.memory, std::slice::from_ref(&layer), json!({}), &["v1"]);
    liar.memory.remove_blob(&layer.digest);
    assert_eq!(refused(&liar).await, format!("liar has no {}", layer.digest));
    let error = run(&liar, "v2", &Registry::new(), &Options::default()).await.expect_err("no such tag");
    assert_eq!(error.to_string(), "liar has no v2");
}

#[tokio::test]
async fn lists_that_go_in_circles_end() {
    let mut liar = Liar::default();
    let root = image(&liar.memory, &[], json!({}), &["v1"]);
    let one = image(&liar.memory, &[], json!({ "subject": root, "annotations": { "n": "1" } }), &[]);
    let two = image(&liar.memory, &[], json!({ "subject": one, "annotations": { "n": "2" } }), &[]);
    let other = image(&liar.memory, &[], json!({ "annotations": { "n": "3" } }), &[]);
    liar.referrers = vec![root.clone(), one.clone(), two.clone(), other.clone()];
    let registry = Registry::new();
    let report = run(&liar, "v1", &registry, &Options::default()).await.unwrap();
    assert_eq!((report.manifests_sent, report.referrers), (3, 2));
    assert!(!registry.memory.manifests().contains(&other.digest), "it refers to nothing, whatever the list says");
}

#[tokio::test]
async fn graphs_are_bounded() {
    for (depth, expect) in [(16, true), (17, false)] {
        let memory = Memory::new();
        let mut child = image(&memory, &[], json!({}), &[]);
        for _ in 1..depth {
            child = index(&memory, &[json!(child)], json!({}), &[]);
        }
        index(&memory, &[json!(child)], json!({}), &["v1"]);
        let result = run(&memory, "v1", &Registry::new(), &Options::default()).await;
        assert_eq!(result.is_ok(), expect, "{result:?}");
    }
}

#[tokio::test]
async fn a_child_may_be_a_blob() {
    let memory = Memory::new();
    let part = memory.add_blob("application/x-part".parse().unwrap(), "no manifest");
    let root = index(&memory, &[json!(part), json!(part)], json!({}), &["v1"]);
    let registry = Registry::new();
    run(&memory, "v1", &registry, &Options::default()).await.unwrap();
    assert_eq!((registry.memory.manifests(), registry.memory.blobs()), (vec![root.digest], vec![part.digest]));
}
