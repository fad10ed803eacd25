//! Many requests at once, and the few things that a client of a registry does. Measures nothing but the time of the whole.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::content::Content;
use super::http::{Body, Connection, Target};

/// Media type of an image manifest.
pub(crate) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The config of what is no image, and its digest.
const EMPTY: &[u8] = b"{}";
const EMPTY_DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

static DEADLINE: OnceLock<Instant> = OnceLock::new();

/// Bounds the run: from then on every request fails.
pub(crate) fn end_in(limit: Duration) {
    let _ = DEADLINE.set(Instant::now() + limit);
}

/// An error once the time of the run is up.
pub(crate) fn in_time() -> Result<()> {
    ensure!(DEADLINE.get().is_none_or(|end| Instant::now() < *end), "the time of the run is up (--minutes)");
    Ok(())
}

/// Does `each` for every number below `count`, on so many connections at once. Connecting is not part of the time answered.
pub(crate) fn parallel(
    target: &Target,
    connections: usize,
    count: usize,
    each: impl Fn(&mut Connection, usize) -> Result<()> + Sync,
) -> Result<Duration> {
    let open = (0..connections).map(|_| Connection::open(target)).collect::<Result<Vec<_>>>()?;
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = |mut connection: Connection| -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            if count >= 5000 && number.is_multiple_of(count / 5) && number > 0 {
                eprintln!("      {number} of {count}");
            }
            each(&mut connection, number).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = open.into_iter().map(|connection| scope.spawn(|| work(connection))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    Ok(start.elapsed())
}

/// Pushes a blob as clients do: `POST`, then `PUT` of the whole with its length.
pub(crate) fn push_blob(connection: &mut Connection, repository: &str, content: &Content) -> Result<()> {
    upload(connection, repository, &content.digest, &Body::Content(content))
}

/// Pushes the empty config, `{}`.
pub(crate) fn push_empty(connection: &mut Connection, repository: &str) -> Result<()> {
    upload(connection, repository, EMPTY_DIGEST, &Body::Bytes("application/octet-stream", EMPTY))
}

/// Pushes the config of an image, and answers with its digest.
pub(crate) fn push_config(connection: &mut Connection, repository: &str, bytes: &[u8]) -> Result<String> {
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
    upload(connection, repository, &digest, &Body::Bytes("application/octet-stream", bytes))?;
    Ok(digest)
}

fn upload(connection: &mut Connection, repository: &str, digest: &str, body: &Body<'_>) -> Result<()> {
    let opened = connection.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &Body::Empty)?.expect(202)?;
    let location = opened.header("location").context("an upload without Location")?;
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => location,
    };
    let joint = if path.contains('?') { '&' } else { '?' };
    connection.request("PUT", &format!("{path}{joint}digest={digest}"), body)?.expect(201)?;
    Ok(())
}

/// Pushes a manifest or an index under a reference (which may have a query).
pub(crate) fn push_manifest(
    connection: &mut Connection,
    repository: &str,
    reference: &str,
    media: &str,
    bytes: &[u8],
) -> Result<()> {
    let path = format!("/v2/{repository}/manifests/{reference}");
    connection.request("PUT", &path, &Body::Bytes(media, bytes))?.expect(201)?;
    Ok(())
}

/// A manifest over the empty config and these layers, that differs from others by its note.
pub(crate) fn manifest(layers: &[&Content], note: &str) -> Vec<u8> {
    let layer = |content: &&Content| serde_json::json!({"mediaType": "application/octet-stream", "digest": content.digest, "size": content.size});
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": "application/vnd.wharf.bench",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": EMPTY_DIGEST, "size": EMPTY.len()},
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        "annotations": {"org.opencontainers.image.title": note},
    });
    manifest.to_string().into_bytes()
}

/// An index of nothing.
pub(crate) fn empty_index() -> Vec<u8> {
    serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string().into_bytes()
}
