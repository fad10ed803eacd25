//! The heap of blobs in a folder keeps the contract, and does with files what its drawing says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::poll_immediate;
use futures_util::{StreamExt as _, stream};
use tempfile::TempDir;
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Digest};
use wharf_store::blobs::{Blobs, BlobsError, fs::Files};
use wharf_store::contract::blobs::{content, fresh, holds, put, read};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

async fn open(dir: &Path) -> Arc<dyn Blobs> {
    Arc::new(Files::open(dir).await.expect("the folder opens"))
}

/// All files below, by their names from there.
fn files(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(dir).expect("below").to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contract() {
    let dir = folder();
    holds(async || open(dir.path()).await).await;
}

#[tokio::test]
async fn contract_in_one_thread() {
    let dir = folder();
    holds(async || open(dir.path()).await).await;
}

#[tokio::test]
async fn files_are_where_they_are_drawn() {
    let dir = folder();
    let blobs = open(&dir.path().join("new/blobs")).await;
    let mut state = fresh();
    blobs.append(&mut state, &mut Body::full(Bytes::from_static(b"abc")), 9).await.expect("appended");
    assert_eq!(files(dir.path()), [format!("new/blobs/uploads/{}", state.id)].into());
    let digest = Digest::of(Algorithm::Sha256, b"abc");
    state.digest = Some(digest);
    let stored = blobs.finish(&state).await.expect("finished");
    assert_eq!(stored.location.0, format!("sha256/ba/{}.{}", digest.hex(), state.id));
    assert_eq!(files(dir.path()), [format!("new/blobs/{}", stored.location.0)].into());
    blobs.cancel(&state).await.expect("cancelled");
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn strangers_are_not_listed() {
    let dir = folder();
    let blobs = open(dir.path()).await;
    put(&*blobs, &content(1, 10)).await.expect("stored");
    std::fs::write(dir.path().join("sha256/README"), "?").expect("written");
    std::fs::create_dir_all(dir.path().join("sha512/zz")).expect("made");
    std::fs::write(dir.path().join("sha512/zz/x.y"), "?").expect("written");
    assert_eq!(blobs.list().count().await, 1);
}

#[tokio::test]
async fn not_ready_without_its_folder() {
    let dir = folder();
    let blobs = open(&dir.path().join("blobs")).await;
    std::fs::remove_dir_all(dir.path().join("blobs")).expect("removed");
    assert!(matches!(blobs.check().await, Err(BlobsError::Failed { .. })));
}

/// One blocking thread, kept busy: what was handed over to be written is still waiting when its append is dropped. The next
/// append of the same upload is not to be hit by it.
#[test]
fn a_late_write_hits_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let dir = folder();
        let blobs = open(dir.path()).await;
        let note = fresh();
        let (busy, release) = std::sync::mpsc::channel::<()>();
        let occupied = stream::once(async move {
            tokio::task::spawn_blocking(move || release.recv());
            Ok(content(1, 4 << 20))
        });
        let mut body = Body::new(None, occupied.chain(stream::pending()));
        let mut thrown_away = note.clone();
        let mut append = Box::pin(blobs.append(&mut thrown_away, &mut body, u64::MAX));
        // More often than there are steps up to where it waits for the thread.
        for _ in 0..1000 {
            assert!(poll_immediate(&mut append).await.is_none());
            tokio::task::yield_now().await;
        }
        drop(append);
        let bytes = content(2, 1000);
        let mut state = note;
        let mut body = Body::full(bytes.clone());
        let mut append = Box::pin(blobs.append(&mut state, &mut body, u64::MAX));
        assert!(poll_immediate(&mut append).await.is_none(), "it waits for its turn");
        drop(busy);
        append.await.expect("appended");
        state.digest = Some(Digest::of(Algorithm::Sha256, &bytes));
        let stored = blobs.finish(&state).await.expect("finished");
        assert!(read(&*blobs, &stored.location, 0, stored.size).await == bytes);
    });
}

/// What lies far into an upload goes to the disk by another way: in blocks, whatever the chunks; cut off in the middle of a
/// block and written once more; and all of it is read by the ordinary way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_in_odd_pieces() {
    let dir = folder();
    let blobs = open(dir.path()).await;
    let bytes = content(5, (70 << 20) + 12_345);
    let mut state = fresh();
    let mut at = 0;
    for (end, again) in [((64 << 20) - 1, 0), ((65 << 20) + 4_095, 777), ((66 << 20) + 1, 100_000), (bytes.len(), 0)] {
        let whole = bytes.slice(at..end);
        let mut chunks = Vec::new();
        for (piece, size) in [1, 4_096, 5_000, 300_000].into_iter().cycle().enumerate() {
            let begin = chunks.iter().map(Bytes::len).sum::<usize>();
            if begin == whole.len() {
                break;
            }
            let size = if piece > 200 { whole.len() } else { size };
            chunks.push(whole.slice(begin..whole.len().min(begin + size)));
        }
        let thrown_away = bytes.slice(end..bytes.len().min(end + again));
        let mut body = Body::new(None, stream::iter(chunks.into_iter().map(Ok)));
        blobs.append(&mut state, &mut body, u64::MAX).await.expect("appended");
        let mut not_noted = state.clone();
        blobs.append(&mut not_noted, &mut Body::full(thrown_away), u64::MAX).await.expect("appended");
        at = end;
    }
    state.digest = Some(Digest::of(Algorithm::Sha256, &bytes));
    let stored = blobs.finish(&state).await.expect("finished");
    assert!(read(&*blobs, &stored.location, 0, stored.size).await == bytes);
}

/// A small file system of its own, taken away at the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(size: &str) -> SmallDisk {
        let disk = SmallDisk(folder());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(disk.0.path())
            .output()
            .expect("`mount` runs");
        let complaint = String::from_utf8_lossy(&mounted.stderr).into_owned();
        assert!(mounted.status.success(), "this test mounts a small tmpfs, which takes root: {complaint}");
        disk
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(self.0.path()).status().ok();
    }
}

#[tokio::test]
async fn a_full_disk() {
    let disk = SmallDisk::new("4m");
    let blobs = open(disk.0.path()).await;
    let before = content(1, 1 << 20);
    let stored = put(&*blobs, &before).await.expect("there is room");
    let mut state = fresh();
    let error = blobs.append(&mut state, &mut Body::full(content(2, 8 << 20)), u64::MAX).await;
    assert!(matches!(error, Err(BlobsError::Full)), "{error:?}");
    assert!(matches!(blobs.check().await, Err(BlobsError::Full)));
    assert!(read(&*blobs, &stored.location, 0, stored.size).await == before);
    blobs.cancel(&state).await.expect("cancelled");
    blobs.check().await.expect("there is room again");
    put(&*blobs, &content(3, 1 << 20)).await.expect("there is room again");
}
