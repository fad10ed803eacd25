//! Pushing one large blob, durably, beside a plain program that does what has to be done one thing after the other.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};

use super::content::Content;
use super::load::push_blob;
use super::peers::{Peer, Yard};
use super::report::{Report, Series, Target};
use super::{Bench, GB, MIB};

/// Measures. Every push goes into a fresh server, after a `sync`, so that no round pays for the one before.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let size = bench.scaled(1024 * MIB);
    let mut speed = Series::new("push a 1 GiB blob, durable", "GB/s")
        .target(Peer::DockerRegistry, Target::Times(2.2))
        .target(Peer::Plain, Target::Times(0.68));
    let mut cost = Series::new("push a 1 GiB blob: CPU of the server", "s/GB");
    for _ in 0..bench.rounds(3) {
        let gigabytes = size as f64 / GB;
        for peer in bench.registries().into_iter().chain([Peer::Plain]) {
            let content = Content::fresh(size);
            let (took, cpu) = match peer {
                Peer::Plain => (plain(bench.yard.folder.path(), &content)?, None),
                _ => push(&bench.yard, peer, &content)?,
            };
            speed.add(peer, gigabytes / took.as_secs_f64());
            if let Some(cpu) = cpu {
                cost.add(peer, cpu / gigabytes);
            }
        }
    }
    report.add(speed);
    report.add(cost);
    Ok(())
}

fn push(yard: &Yard, peer: Peer, content: &Content) -> Result<(Duration, Option<f64>)> {
    let server = yard.start(peer)?;
    let mut connection = server.connect()?;
    push_blob(&mut connection, "bench/push", &Content::fresh(1000))?;
    rustix::fs::sync();
    let (before, begin) = (server.process.cpu_seconds(), Instant::now());
    push_blob(&mut connection, "bench/push", content)?;
    let took = begin.elapsed();
    Ok((took, Some(server.process.cpu_seconds() - before)))
}

/// Hash, write, fsync: what a push cannot do without, with nothing side by side.
fn plain(folder: &Path, content: &Content) -> Result<Duration> {
    let path = folder.join("plain");
    rustix::fs::sync();
    let begin = Instant::now();
    let (mut file, mut hasher) = (File::create(&path)?, Sha256::new());
    content.each(|bytes| {
        hasher.update(bytes);
        file.write_all(bytes)
    })?;
    ensure!(content.digest.ends_with(&hex::encode(hasher.finalize())), "the plain program hashed other bytes");
    file.sync_all()?;
    let took = begin.elapsed();
    std::fs::remove_file(path)?;
    Ok(took)
}
