//! Files inside of artifacts: of trees that jobs have made and of small layers at once, by who may read the layer, and by nobody
//! else.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use wharf_artifact::archive::Format;
use wharf_artifact::kind::folder::InForce;
use wharf_model::api::files::{FileChange, FileKind, FolderPage};
use wharf_model::digest::Digest;
use wharf_model::media::OCI_MANIFEST;
use wharf_model::range::ByteRange;
use wharf_registry::access::Action;
use wharf_registry::error::Error;
use wharf_registry::files::{TREE, Where};
use wharf_registry::followers::Following;
use wharf_registry::followers::inspect::InspectFollower;
use wharf_registry::inspect::{InspectSettings, Inspector};
use wharf_registry::jobs::Worker;
use wharf_registry::people::Part;
use wharf_registry::pull::Served;
use wharf_store::blobs::faulty::{Failure, Fault};
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::change::{Commit, Place};
use wharf_store::ledger::facts::Facts as _;
use wharf_store::ledger::notes::{Claim, NewJob};

use crate::house::{House, IDLE, name, noise, tagged};

const A: &str = "acme/app";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

pub(crate) fn layer(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes).expect("memory");
    }
    tar.into_inner().expect("memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).expect("memory");
    gzip.finish().expect("memory")
}

impl House {
    /// Pushes an artifact of these layers, each with its media type and its title.
    pub(crate) async fn push_layers(
        &self,
        repository: &str,
        tag: &str,
        layers: &[(&str, Option<&str>, &[u8])],
    ) -> Vec<Digest> {
        let config = self.push_blob(repository, b"{}").await;
        let (mut digests, mut descriptors) = (Vec::new(), Vec::new());
        for (media_type, title, bytes) in layers {
            let digest = self.push_blob(repository, bytes).await;
            let mut layer = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
            if let Some(title) = title {
                layer["annotations"] = json!({ "org.opencontainers.image.title": title });
            }
            descriptors.push(layer);
            digests.push(digest);
        }
        let config = json!({ "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 });
        let manifest: Value =
            json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": descriptors });
        self.put(repository, tagged(tag), manifest.to_string().into()).await.expect("pushed");
        digests
    }

    async fn ls(&self, repository: &str, tag: &str, at: &Where, part: &Part) -> Result<FolderPage, Error> {
        let access = self.access(Action::Pull, repository).await;
        self.registry.files(&access, &tagged(tag), at, part).await
    }

    async fn names(&self, tag: &str, path: &str) -> Vec<String> {
        let files = self.ls(A, tag, &at(path), &ALL).await.expect("files");
        files.items.into_iter().map(|file| file.path).collect()
    }

    async fn cat(&self, tag: &str, at: &Where, part: Option<ByteRange>) -> Result<Bytes, Error> {
        let access = self.access(Action::Pull, A).await;
        let found = self.registry.file(&access, &tagged(tag), at).await?;
        let Served::Body(mut body) = self.registry.open_file(&found, part).await? else { panic!("memory has no URL") };
        Ok(body.collect(1 << 24).await.expect("a whole layer").expect("within the limit"))
    }

    /// Makes the tree of a layer and writes it down.
    pub(crate) async fn derive(&self, repository: &str, layer: &Digest) -> bool {
        let change = self.registry.derive_tree(&name(repository), layer).await.expect("no fault");
        let is_new = change.is_some();
        let changes = change.into_iter().collect();
        let commit = Commit { actor: "test".to_owned(), changes, ..Commit::default() };
        self.ledger.commit(commit).await.expect("no fault");
        is_new
    }
}

impl House {
    async fn queue_tree(&self, repository: &str, layer: &Digest) {
        let name = format!("{repository}@{layer}");
        let jobs = vec![NewJob { kind: TREE.to_owned(), key: name.clone(), payload: name }];
        let commit = Commit { actor: "test".to_owned(), jobs, ..Commit::default() };
        self.ledger.commit(commit).await.expect("no fault");
    }

    async fn work_off_trees(&self) -> usize {
        Worker::of_trees(&self.registry).work_off().await.expect("no fault")
    }

    async fn tree_jobs(&self) -> u64 {
        self.ledger.count_jobs(TREE).await.expect("no fault")
    }

    /// Pushes a layer that is too large to be looked at while somebody waits.
    pub(crate) async fn push_large(&self, repository: &str) -> Digest {
        let long = noise(2, 5 << 20);
        self.push_layers(repository, "v1", &[(TAR, None, &layer(&[("long", &long)]))]).await[0]
    }
}

const ALL: Part = Part { limit: 1_000, after: None };

fn at(path: &str) -> Where {
    Where { path: path.to_owned(), layer: None }
}

fn of(layer: Digest, path: &str) -> Where {
    Where { path: path.to_owned(), layer: Some(layer) }
}

#[tokio::test]
async fn layers_on_one_another() {
    let house = House::new().await;
    let long = noise(1, 300_000);
    let first = gzip(&layer(&[("etc/conf", b"old"), ("etc/gone", b"1"), ("bin/tool", &long)]));
    let second = layer(&[("etc/conf", b"newer"), ("etc/.wh.gone", b"")]);
    let digests = house.push_layers(A, "v1", &[(GZIP, None, &first), (TAR, None, &second)]).await;
    for round in ["looked at anew", "of trees at rest"] {
        assert_eq!(house.names("v1", "").await, ["bin", "etc"], "{round}");
        assert_eq!(house.names("v1", "/etc/").await, ["conf"], "{round}");
        assert_eq!(house.cat("v1", &at("etc/conf"), None).await.expect("a file"), "newer");
        assert_eq!(house.cat("v1", &of(digests[0], "etc/conf"), None).await.expect("a file"), "old");
        assert!(house.cat("v1", &at("bin/tool"), None).await.expect("a file") == long, "{round}");
        let part = Some(ByteRange { start: 250_000, end: 250_010 });
        assert_eq!(house.cat("v1", &at("bin/tool"), part).await.expect("a file"), long[250_000..250_010]);
        let files = house.ls(A, "v1", &of(digests[1], "etc"), &ALL).await.expect("files");
        let told: Vec<_> = files.items.iter().map(|file| (&*file.path, file.change)).collect();
        assert_eq!(told, [("conf", Some(FileChange::Changed)), ("gone", Some(FileChange::Removed))]);
        let files = house.ls(A, "v1", &of(digests[0], "etc"), &ALL).await.expect("files");
        assert!(files.items.iter().all(|file| file.hidden_by == Some(digests[1])), "{files:?}");
        let file = house.ls(A, "v1", &at("etc/conf"), &ALL).await.expect("files");
        assert_eq!((file.items.len(), file.items[0].size, file.items[0].layer), (1, Some(5), digests[1]));
        assert_eq!(house.derive(A, &digests[0]).await, round == "looked at anew");
        assert_eq!(house.derive(A, &digests[1]).await, round == "looked at anew");
    }
    for (path, what) in [("none", "is not there"), ("etc/conf/x", "is not there")] {
        let error = house.ls(A, "v1", &at(path), &ALL).await.expect_err("no such file");
        assert!(error.to_string().ends_with(what), "{error}");
        assert!(matches!(house.cat("v1", &at(path), None).await, Err(Error::NotThere { .. })));
    }
    assert!(matches!(house.cat("v1", &at("etc"), None).await, Err(Error::Unsupported(_))), "a folder");
    assert!(matches!(house.ls(A, "v1", &of(noise_digest(), ""), &ALL).await, Err(Error::NotThere { .. })));
}

fn noise_digest() -> Digest {
    crate::house::sha256(b"no layer")
}

#[tokio::test]
async fn pages_of_a_folder() {
    let house = House::new().await;
    let names: Vec<String> = (0..25).map(|number| format!("f{number:02}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    house.push_layers(A, "v1", &[(TAR, None, &layer(&files))]).await;
    let (mut found, mut part) = (Vec::new(), Part { limit: 10, after: None });
    loop {
        let page = house.ls(A, "v1", &at(""), &part).await.expect("files");
        found.extend(page.items.into_iter().map(|file| file.path));
        let Some(next) = page.next else { break };
        let elsewhere = Part { limit: 10, after: Some(next.clone()) };
        assert!(matches!(house.ls(A, "v1", &at("f00"), &elsewhere).await, Err(Error::Unsupported(_))));
        part = elsewhere;
    }
    assert_eq!(found, names);
}

#[tokio::test]
async fn files_that_are_layers_of_their_own() {
    let house = House::new().await;
    let layers: [(&str, Option<&str>, &[u8]); 4] = [
        ("text/plain", Some("a.txt"), b"hello"),
        ("text/plain", Some("docs/b.txt"), b"22"),
        (GZIP, Some("whole.tar.gz"), b"a tar that nobody unpacks"),
        ("text/plain", Some("../out"), b"no"),
    ];
    let digests = house.push_layers(A, "v1", &layers).await;
    assert_eq!(house.names("v1", "").await, ["a.txt", "docs", "whole.tar.gz"]);
    assert_eq!(house.names("v1", "docs").await, ["b.txt"]);
    let files = house.ls(A, "v1", &at(""), &ALL).await.expect("files");
    assert_eq!((files.items[0].layer, files.items[0].kind), (digests[0], FileKind::File));
    assert_eq!(files.incomplete[0].layer, digests[3]);
    assert_eq!(house.cat("v1", &at("docs/b.txt"), None).await.expect("a file"), "22");
    assert_eq!(house.cat("v1", &of(digests[2], "whole.tar.gz"), None).await.expect("a file"), layers[2].2);
    let part = Some(ByteRange { start: 1, end: 3 });
    assert_eq!(house.cat("v1", &at("a.txt"), part).await.expect("a file"), "el");
}

/// What is derived from a layer is the same for all repositories, and read only through one that shows it.
#[tokio::test]
async fn files_are_read_by_who_may_read_the_layer() {
    let house = House::new().await;
    let secret = layer(&[("secret", b"x")]);
    let layers = house.push_layers("acme/closed", "v1", &[(TAR, None, &secret)]).await;
    house.derive("acme/closed", &layers[0]).await;
    // Whoever knows the digest names it in a repository of their own.
    let config = house.push_blob("othr/app", b"{}").await;
    let config = json!({ "mediaType": "application/x", "digest": config, "size": 2 });
    let child = json!({ "mediaType": TAR, "digest": layers[0], "size": secret.len(), "urls": ["https://x.example/"] });
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [child] });
    house.put("othr/app", tagged("v1"), manifest.to_string().into()).await.expect("foreign layers may be missing");
    let files = house.ls("othr/app", "v1", &at(""), &ALL).await.expect("nothing");
    assert_eq!((files.items.len(), &*files.incomplete[0].reason), (0, "it is not in this repository"));
    let answer = house.ls("othr/app", "v1", &of(layers[0], ""), &ALL).await;
    assert!(matches!(answer, Err(Error::NotThere { what: "layer", .. })), "{answer:?}");
    assert_eq!(house.registry.derive_tree(&name("othr/app"), &layers[0]).await.expect("no fault"), None);
    assert_eq!(house.ls("acme/closed", "v1", &at(""), &ALL).await.expect("files").items.len(), 1);
}

#[tokio::test]
async fn large_trees_rest_on_the_heap_and_end_with_their_layer() {
    let house = House::new().await;
    let names: Vec<String> =
        (0..3_000_u64).map(|number| format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let bytes = layer(&files);
    let layers = house.push_layers(A, "v1", &[(TAR, None, &bytes)]).await;
    let before = house.resting().await.len();
    assert!(house.derive(A, &layers[0]).await);
    let row = house.ledger.derived(&name(A), &layers[0], TREE).await.expect("no fault").expect("a tree");
    assert!(matches!(row.place, Place::Heap(_)), "{row:?}");
    assert_eq!(house.resting().await.len(), before + 1);
    let page = house.ls(A, "v1", &at(""), &Part { limit: 3, after: None }).await.expect("files");
    assert_eq!(page.items.len(), 3);
    assert!(house.ledger.idle_uploads(-1_000_000_000, 10).await.expect("no fault").is_empty(), "no note is left");
}

#[tokio::test]
async fn a_tree_that_cannot_be_put_to_rest_leaves_nothing() {
    let house = House::new().await;
    let bytes: Vec<u8> = noise(3, 400_000).to_vec();
    let names: Vec<String> =
        bytes.chunks(100).map(|chunk| chunk.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&name[..90], &b""[..])).collect();
    let layers = house.push_layers(A, "v1", &[(TAR, None, &layer(&files))]).await;
    let before = house.resting().await;
    // Reading the layer, then adding to the tree, making that durable, and giving it its name.
    for operation in 0..4 {
        house.blobs.fail(house.blobs.operations() + operation, Fault::Before(Failure::Failed));
        assert!(house.registry.derive_tree(&name(A), &layers[0]).await.is_err(), "{operation}");
        house.heal();
        house.advance(IDLE + 1);
        house.clean().await;
        assert_eq!(house.resting().await.len(), before.len());
    }
    assert!(house.derive(A, &layers[0]).await);
}

/// A layer that takes long is not looked at while somebody waits.
#[tokio::test]
async fn large_layers_are_told_later() {
    let house = House::new().await;
    let long = noise(2, 5 << 20);
    let layers = house.push_layers(A, "v1", &[(TAR, None, &layer(&[("long", &long)]))]).await;
    let answer = house.ls(A, "v1", &at(""), &ALL).await;
    assert!(matches!(answer, Err(Error::NotReady(layer)) if layer == layers[0]), "{answer:?}");
    house.derive(A, &layers[0]).await;
    assert_eq!(house.names("v1", "").await, ["long"]);
}

#[tokio::test]
async fn what_is_no_layer_is_told() {
    let house = House::new().await;
    let broken = gzip(&layer(&[("a", b"1"), ("b", &noise(1, 50_000))]));
    let layers: [(&str, Option<&str>, &[u8]); 2] =
        [(GZIP, None, &broken[..broken.len() / 2]), (TAR, None, b"no tar at all, but something else")];
    house.push_layers(A, "v1", &layers).await;
    let files = house.ls(A, "v1", &at(""), &ALL).await.expect("what there is");
    assert_eq!(files.incomplete.len(), 2, "{files:?}");
    house.push_layers(A, "v2", &[("application/x-other", None, b"?")]).await;
    assert!(matches!(house.ls(A, "v2", &at(""), &ALL).await, Err(Error::Unsupported(_))));
}

/// What ends the process each time is not done for ever; the files say so, and whoever asks for it again has it tried again.
#[tokio::test]
async fn a_layer_that_ends_the_process_is_given_up() {
    let mut house = House::new().await;
    let layer = house.push_large(A).await;
    house.queue_tree(A, &layer).await;
    for _ in 0..5 {
        assert_eq!(house.ledger.claim_jobs(Claim::new(TREE, 60_000, 10)).await.expect("no fault").len(), 1);
        house.crash().await;
    }
    assert_eq!((house.work_off_trees().await, house.tree_jobs().await), (1, 0));
    let files = house.ls(A, "v1", &at(""), &ALL).await.expect("what there is");
    assert_eq!((files.items.len(), files.incomplete.len()), (0, 1), "{files:?}");
    assert!(files.incomplete[0].reason.contains("broke off each time"), "{files:?}");
    house.queue_tree(A, &layer).await;
    assert_eq!(house.work_off_trees().await, 1);
    assert_eq!(house.names("v1", "").await, ["long"]);
}

/// Bytes that are lost: so many attempts, and then the files say so. A heap that does not answer is waited for.
#[tokio::test]
async fn a_layer_whose_bytes_are_lost_is_given_up() {
    let house = House::new().await;
    let layer = house.push_large(A).await;
    house.queue_tree(A, &layer).await;
    for _ in 0..8 {
        house.blobs.fail_next(Fault::Before(Failure::Failed));
        assert_eq!((house.work_off_trees().await, house.tree_jobs().await), (1, 1));
        house.advance(60_000);
    }
    let row = house.ledger.blob(&name(A), &layer).await.expect("no fault").expect("it is there");
    let Place::Heap(location) = row.place else { panic!("it is large") };
    house.heap.lose(&location, None);
    for _ in 0..5 {
        assert!(matches!(house.ls(A, "v1", &at(""), &ALL).await, Err(Error::NotReady(_))));
        assert_eq!((house.work_off_trees().await, house.tree_jobs().await <= 1), (1, true));
        house.advance(60_000);
    }
    assert_eq!(house.tree_jobs().await, 0);
    let files = house.ls(A, "v1", &at(""), &ALL).await.expect("what there is");
    assert_eq!(files.incomplete[0].reason, "it cannot be read");
}

/// A repository that goes takes the tree of its layer from no other.
#[tokio::test]
async fn each_repository_has_its_layers_looked_into() {
    let house = House::new().await;
    let layer = house.push_large(A).await;
    house.push_large("othr/app").await;
    Following::new(&InspectFollower, house.ledger.clone()).catch_up().await.expect("no fault");
    let inspector = Inspector::new(&house.registry, Arc::new(InForce::default()), InspectSettings::default());
    for worker in Worker::inspectors(&house.registry, &inspector) {
        worker.work_off().await.expect("no fault");
    }
    let access = house.access(Action::Delete, "othr/app").await;
    house.registry.delete_repository(&access).await.expect("deleted");
    assert!(house.work_off_trees().await > 0);
    assert_eq!(house.names("v1", "").await, ["long"]);
    assert!(!house.derive(A, &layer).await, "it is known");
}

/// The note goes in the commit that makes the tree known: until then the sweep finds its bytes, and afterwards leaves them.
#[tokio::test]
async fn a_tree_that_is_never_committed_is_swept() {
    let mut house = House::new().await;
    let names: Vec<String> =
        (0..3_000_u64).map(|number| format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let layers = house.push_layers(A, "v1", &[(TAR, None, &layer(&files))]).await;
    let before = house.resting().await.len();
    let change = house.registry.derive_tree(&name(A), &layers[0]).await.expect("no fault");
    assert_eq!(house.resting().await.len(), before + 1);
    house.crash().await;
    house.advance(IDLE + 1);
    house.clean().await;
    assert_eq!(house.resting().await.len(), before);
    // Its commit comes too late: nothing is to name what is gone.
    let commit = Commit { actor: "test".to_owned(), changes: change.into_iter().collect(), ..Commit::default() };
    house.ledger.commit(commit).await.expect("it has no effect");
    assert_eq!(house.ledger.derived(&name(A), &layers[0], TREE).await.expect("no fault"), None);
    assert!(house.derive(A, &layers[0]).await);
    house.advance(IDLE + 1);
    house.clean().await;
    assert_eq!(house.resting().await.len(), before + 1);
    assert_eq!(house.names("v1", "").await.len(), 1_000);
}

/// A small layer that becomes a large one is not told in part.
#[tokio::test]
async fn what_is_cut_short_at_once_is_told_later() {
    let house = House::new().await;
    let zeros = vec![0; 66 << 20];
    let layers =
        house.push_layers(A, "v1", &[(GZIP, None, &gzip(&layer(&[("a", b"1"), ("b", &zeros), ("c", b"3")])))]).await;
    let answer = house.ls(A, "v1", &at(""), &ALL).await;
    assert!(matches!(answer, Err(Error::NotReady(layer)) if layer == layers[0]), "{answer:?}");
    house.derive(A, &layers[0]).await;
    assert_eq!(house.cat("v1", &at("c"), None).await.expect("a file"), "3");
}

#[tokio::test]
async fn a_layer_is_asked_for_itself() {
    let house = House::new().await;
    let chart = gzip(&layer(&[("app/Chart.yaml", b"name: app")]));
    let layers: [(&str, Option<&str>, &[u8]); 2] = [(GZIP, None, &chart), ("text/plain", Some("app.prov"), b"signed")];
    let digests = house.push_layers(A, "v1", &layers).await;
    assert_eq!(house.cat("v1", &at("app.prov"), None).await.expect("a file"), "signed");
    assert_eq!(house.cat("v1", &of(digests[1], "app.prov"), None).await.expect("a file"), "signed");
    let answer = house.cat("v1", &of(digests[0], "app.prov"), None).await;
    assert!(matches!(answer, Err(Error::NotThere { .. })), "it is in another layer: {answer:?}");
    assert_eq!(house.cat("v1", &of(digests[0], "app/Chart.yaml"), None).await.expect("a file"), "name: app");
}

/// A file that says that it is longer than its layer has no content.
#[tokio::test]
async fn files_end_within_their_layer() {
    let house = House::new().await;
    for (tag, size) in [("v1", 1 << 40), ("v2", u64::MAX - 511), ("v3", 2_000)] {
        let mut header = tar::Header::new_gnu();
        header.set_path("long").expect("a path");
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        let bytes = [header.as_bytes().as_slice(), &[b'x'; 1_000]].concat();
        house.push_layers(A, tag, &[(TAR, None, &bytes)]).await;
        let answer = house.cat(tag, &at("long"), None).await;
        assert!(matches!(answer, Err(Error::Unsupported(_) | Error::NotThere { .. })), "{tag}: {answer:?}");
    }
}

impl House {
    /// All bytes of an archive, and that each part of it is that part of them.
    async fn archive(&self, tag: &str, at: &Where, format: Format) -> Result<Bytes, Error> {
        let access = self.access(Action::Pull, A).await;
        let found = self.registry.archive(&access, &tagged(tag), at, format, None).await?;
        let (size, name) = (found.size(), found.tag);
        let whole =
            self.registry.open_archive(found, None).collect(1 << 24).await.expect("whole").expect("not so large");
        assert_eq!(whole.len() as u64, size);
        for start in (0..size).step_by(size as usize / 7 + 1) {
            let found = self.registry.archive(&access, &tagged(tag), at, format, None).await?;
            assert_eq!(found.tag, name);
            let range = ByteRange { start, end: size.min(start + 5_000) };
            let part = self.registry.open_archive(found, Some(range)).collect(1 << 24).await;
            let part = part.expect("whole").expect("not so large");
            assert!(part == whole[range.start as usize..range.end as usize], "{format} {range:?}");
        }
        Ok(whole)
    }

    /// Names, contents and targets of what is in a tar of it.
    async fn tar(&self, tag: &str, at: &Where) -> Vec<(String, Vec<u8>, String)> {
        let bytes = self.archive(tag, at, Format::Tar).await.expect("an archive");
        let mut told = Vec::new();
        for entry in tar::Archive::new(&*bytes).entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            let target = entry.link_name().expect("a name").map(|name| name.display().to_string()).unwrap_or_default();
            told.push((entry.path().expect("a path").display().to_string(), content, target));
        }
        told
    }
}

/// A layer of whatever these are.
fn odd_layer(links: &[(&str, tar::EntryType, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    for (path, bytes) in files {
        header.set_size(bytes.len() as u64);
        header.set_mode(0o4755);
        tar.append_data(&mut header, path, *bytes).expect("memory");
    }
    for (path, kind, target) in links {
        header.set_entry_type(*kind);
        header.set_size(0);
        tar.append_link(&mut header, path, target).expect("memory");
    }
    tar.into_inner().expect("memory")
}

/// Folders of several layers as one file, whole and in part; what is hidden is not in it, and no link leads out.
#[tokio::test]
async fn archives_of_folders() {
    use tar::EntryType::{Fifo, Link, Symlink};
    let house = House::new().await;
    let long = noise(1, 300_000);
    let links = [("etc/rel", Symlink, "../bin/tool"), ("etc/out", Symlink, "/../../../etc/passwd"), ("p", Fifo, "x")];
    let first = odd_layer(&links, &[("etc/conf", b"old"), ("etc/gone", b"1"), ("bin/tool", &long), ("etc/z", b"z")]);
    let second = odd_layer(
        &[("etc/hard", Link, "etc/conf"), ("bin/tool2", Link, "bin/tool")],
        &[("etc/conf", b"newer"), ("etc/.wh.gone", b"")],
    );
    let digests = house.push_layers(A, "v1", &[(GZIP, None, &gzip(&first)), (TAR, None, &second)]).await;
    let file = |path: &str, content: &[u8]| (path.to_owned(), content.to_vec(), String::new());
    let link = |path: &str, target: &str| (path.to_owned(), Vec::new(), target.to_owned());
    for round in ["looked at anew", "of trees at rest"] {
        let expect = [
            file("bin/", b""),
            file("etc/", b""),
            file("bin/tool", &long),
            link("bin/tool2", "bin/tool"),
            file("etc/z", b"z"),
            file("etc/conf", b"newer"),
            link("etc/hard", "etc/conf"),
            link("etc/out", "passwd"),
            link("etc/rel", "../bin/tool"),
        ];
        assert_eq!(house.tar("v1", &at("")).await, expect, "{round}");
        let expect = [file("z", b"z"), file("conf", b"newer"), link("hard", "conf"), link("out", "passwd")];
        assert_eq!(house.tar("v1", &at("/etc/")).await, expect, "{round}");
        assert_eq!(house.tar("v1", &at("etc/rel")).await, [file("tool", &long)], "{round}");
        let names = house.tar("v1", &of(digests[0], "etc")).await;
        assert!(names.contains(&file("gone", b"1")), "{names:?}");
        let zip = house.archive("v1", &at(""), Format::Zip).await.expect("an archive");
        assert!(zip.starts_with(b"PK") && zip.windows(long.len()).any(|part| part == &*long), "{round}");
        for digest in &digests {
            assert_eq!(house.derive(A, digest).await, round == "looked at anew");
        }
    }
    assert!(matches!(house.archive("v1", &at("none"), Format::Tar).await, Err(Error::NotThere { .. })));
}

#[tokio::test]
async fn archives_of_files_that_are_layers_of_their_own() {
    let house = House::new().await;
    let layers: [(&str, Option<&str>, &[u8]); 4] = [
        ("text/plain", Some("b.txt"), b"hello"),
        ("text/plain", Some("docs/a.txt"), b"22"),
        ("text/plain", Some("c.txt"), b"hello"),
        ("text/plain", Some("../out"), b"no"),
    ];
    house.push_layers(A, "v1", &layers[..3]).await;
    let told = house.tar("v1", &at("")).await;
    let told: Vec<_> = told.iter().map(|(path, content, _)| (&**path, &**content)).collect();
    let expect: [(&str, &[u8]); 4] = [("docs/", b""), ("b.txt", b"hello"), ("c.txt", b"hello"), ("docs/a.txt", b"22")];
    assert_eq!(told, expect);
    house.push_layers(A, "out", &layers).await;
    let error = house.archive("out", &at(""), Format::Tar).await.expect_err("one has no name");
    assert!(error.to_string().contains("its name is no path"), "{error}");
    // The longest that there is stands in both, and what is longer in none: a zip has no room for what it may be.
    for (tag, length, is_there) in [("long", 4_095, true), ("longer", 4_096, false), ("longest", 70_000, false)] {
        let name = "n".repeat(length);
        house.push_layers(A, tag, &[("text/plain", Some(&name), b"hello")]).await;
        for format in [Format::Tar, Format::Zip] {
            let archive = house.archive(tag, &at(""), format).await;
            assert_eq!(archive.is_ok(), is_there, "{format} {tag}");
        }
    }
}

/// Where something may be missing, nobody is to take what is there for all.
#[tokio::test]
async fn what_is_not_wholly_known_has_no_archive() {
    let house = House::new().await;
    let bytes = layer(&[("a", b"x")]);
    house.push_layers(A, "broken", &[(TAR, None, &bytes), (TAR, None, b"no tar, whatever is said")]).await;
    let error = house.archive("broken", &at(""), Format::Tar).await.expect_err("a layer is no tar");
    assert!(error.to_string().contains("not all is known of its layer"), "{error}");
    let wrong = json!({ "mediaType": "text/plain", "digest": crate::house::sha256(b"x"), "size": 9,
        "annotations": { "org.opencontainers.image.title": "a" } });
    house.push_blob(A, b"x").await;
    let config = house.push_blob(A, b"{}").await;
    let config = json!({ "mediaType": "application/x", "digest": config, "size": 2 });
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [wrong] });
    if house.put(A, tagged("size"), manifest.to_string().into()).await.is_ok() {
        let error = house.archive("size", &at(""), Format::Tar).await.expect_err("it is shorter");
        assert!(error.to_string().contains("its layer ends before"), "{error}");
    }
}
