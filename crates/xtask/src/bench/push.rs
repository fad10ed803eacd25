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

/// Measures. Every push goes into a fresh server, after [`settle`], so that no round pays for the one before.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let size = bench.scaled(1024 * MIB);
    let mut speed = Series::new("push a 1 GiB blob, durable", "GB/s")
        .target(Peer::DockerRegistry, Target::Times(2.2))
        .target(Peer::Plain, Target::Times(0.68));
    let mut cost = Series::new("push a 1 GiB blob: CPU of the server", "s/GB");
    for _ in 0..bench.rounds(5) {
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
    settle(yard.folder.path(), content.size)?;
    let (before, begin) = (server.process.cpu_seconds(), Instant::now());
    push_blob(&mut connection, "bench/push", content)?;
    let took = begin.elapsed();
    Ok((took, Some(server.process.cpu_seconds() - before)))
}

/// Empties the disk's queue, and has as much memory at hand as the page cache is about to take: the host of a virtual machine
/// takes back what is free, and what it costs to get it again would be most of what is measured, whoever writes.
pub(crate) fn settle(folder: &Path, size: u64) -> Result<()> {
    rustix::fs::sync();
    let path = folder.join("memory");
    let mut file = File::create(&path)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..size.div_ceil(1 << 20) {
        file.write_all(&zeros)?;
    }
    std::fs::remove_file(path)?;
    Ok(())
}

/// Hash, write, fsync: what a push cannot do without, with nothing side by side.
fn plain(folder: &Path, content: &Content) -> Result<Duration> {
    let path = folder.join("plain");
    settle(folder, content.size)?;
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
