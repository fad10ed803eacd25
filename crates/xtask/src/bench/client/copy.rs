//! An image copied from one registry to another, both on this machine.

use anyhow::Result;
use serde_json::json;

use super::super::content::Content;
use super::super::http::{Body, Connection};
use super::super::load::{IMAGE, push_blob, push_config, push_manifest};
use super::super::peers::Peer;
use super::super::report::{Report, Series, Target};
use super::super::{Bench, GB, MIB};
use super::{MEMORY_MIB, Site, host};

/// All that can copy an image.
const TOOLS: [Peer; 4] = [Peer::Wharf, Peer::Skopeo, Peer::Oras, Peer::Crane];
/// Layers of the image, each of 128 MiB.
const LAYERS: u64 = 8;

/// Measures, always to a fresh server.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let site = Site::new(bench)?;
    let layers: Vec<_> = (0..LAYERS).map(|_| Content::fresh(bench.scaled(128 * MIB))).collect();
    let source = site.server()?;
    push(&mut source.connect()?, &layers)?;
    let bytes: u64 = layers.iter().map(|layer| layer.size).sum();
    let gigabytes = bytes as f64 / GB;
    let mut speed = Series::of_clients("copy an image of 1 GiB from one registry to another", "GB/s")
        .target(Peer::Skopeo, Target::Times(1.0));
    let mut client = Series::of_clients("copy an image of 1 GiB: peak resident of the client", "MiB")
        .target(Peer::Wharf, Target::AtMost(MEMORY_MIB));
    for _ in 0..bench.rounds(5) {
        for tool in site.tools(&TOOLS) {
            site.forget();
            let target = bench.yard.start(Peer::Wharf)?;
            site.login(&[&source, &target])?;
            let at = |server| format!("{}/bench/image:latest", host(server));
            let copied = site.run(tool.copy(&at(&source), &at(&target)), bytes)?;
            target.connect()?.request("GET", "/v2/bench/image/manifests/latest", &Body::Empty)?.expect(200)?;
            speed.add(tool.peer, gigabytes / copied.took.as_secs_f64());
            client.add(tool.peer, copied.memory);
        }
    }
    [speed, client].into_iter().for_each(|series| report.add(series));
    Ok(())
}

fn push(connection: &mut Connection, layers: &[Content]) -> Result<()> {
    layers.iter().try_for_each(|layer| push_blob(connection, "bench/image", layer))?;
    let digests: Vec<_> = layers.iter().map(|layer| &layer.digest).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": digests}});
    let config = config.to_string();
    let digest = push_config(connection, "bench/image", config.as_bytes())?;
    let layer = |layer: &Content| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.digest, "size": layer.size});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()},
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
    });
    push_manifest(connection, "bench/image", "latest", IMAGE, manifest.to_string().as_bytes())
}
