//! Small and flat: very many artifacts of a few KB each, and what one of them costs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::Bench;
use super::content::Content;
use super::http::{Body, Connection, requests};
use super::load::{IMAGE, manifest, parallel, push_blob, push_empty, push_manifest};
use super::peers::{Peer, Server};
use super::process::{self, Process};
use super::report::{Report, Series, Target};

/// Connections.
const CONNECTIONS: usize = 16;
/// Artifacts pushed while fsyncs are counted.
const TRACED: usize = 500;
const REPOSITORY: &str = "bench/small";

/// Measures speed in rounds, on a fresh server each; then counts.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let count = bench.count(10_000);
    let against = |what: &str, unit| Series::new(what, unit).target(Peer::DockerRegistry, Target::Times(3.0));
    let mut pushed = against("push small artifacts", "artifacts/s");
    let mut pulled = against("pull small artifacts", "artifacts/s");
    let mut costs = Costs::new();
    for round in 0..bench.rounds(2) {
        for peer in bench.registries_and_open() {
            let mut server = bench.yard.start(peer)?;
            let empty = disk(&server.data());
            let (before, contents) = (requests(), artifacts(count));
            pushed.add(peer, count as f64 / push(&server, &contents)?.as_secs_f64());
            let between = requests();
            pulled.add(peer, count as f64 / pull(&server, &contents)?.as_secs_f64());
            if round == 0 {
                costs.pushing.add(peer, (between - before) as f64 / count as f64);
                costs.pulling.add(peer, (requests() - between) as f64 / count as f64);
                server.stop();
                costs.disk(peer, &empty, &disk(&server.data()), count);
            }
        }
    }
    for peer in bench.registries().into_iter().filter(|peer| *peer != Peer::WharfPostgres) {
        match fsyncs(bench, peer) {
            Ok(calls) => costs.fsyncs.add(peer, calls as f64 / TRACED as f64),
            Err(error) => report.note(format!("fsyncs of {peer} were not counted: {error:#}")),
        }
    }
    let Costs { pushing, pulling, fsyncs, allocated, apparent, inodes } = costs;
    [pushed, pulled, pushing, pulling, fsyncs, allocated, apparent, inodes]
        .into_iter()
        .for_each(|series| report.add(series));
    Ok(())
}

/// What one artifact costs.
struct Costs {
    pushing: Series,
    pulling: Series,
    fsyncs: Series,
    allocated: Series,
    apparent: Series,
    inodes: Series,
}

impl Costs {
    fn new() -> Costs {
        Costs {
            pushing: Series::new("requests to push one", "requests"),
            pulling: Series::new("requests to pull one", "requests"),
            fsyncs: Series::new("fsyncs to push one", "calls"),
            allocated: Series::new("disk per artifact, allocated", "KB"),
            apparent: Series::new("disk per artifact, length of files", "KB"),
            inodes: Series::new("inodes per artifact", "inodes"),
        }
    }

    /// On PostgreSQL this is the folder of the blobs alone.
    fn disk(&mut self, peer: Peer, empty: &Disk, full: &Disk, count: usize) {
        let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / count as f64;
        self.allocated.add(peer, each(empty.allocated, full.allocated) / 1000.0);
        self.apparent.add(peer, each(empty.apparent, full.apparent) / 1000.0);
        self.inodes.add(peer, each(empty.inodes, full.inodes));
    }
}

/// A layer and the manifest over it.
type Artifact = (Content, Vec<u8>);

/// Artifacts of 1 to 10 KB.
fn artifacts(count: usize) -> Vec<Artifact> {
    let artifact = |number: usize| {
        let layer = Content::fresh(1000 + (number as u64 * 7919) % 9001);
        let bytes = manifest(&[&layer], &format!("{REPOSITORY} {number}"));
        (layer, bytes)
    };
    (0..count).map(artifact).collect()
}

fn push(server: &Server, artifacts: &[Artifact]) -> Result<Duration> {
    let begin = Instant::now();
    push_empty(&mut server.connect()?, REPOSITORY)?;
    parallel(&server.target, CONNECTIONS, artifacts.len(), |connection, number| {
        let (layer, bytes) = &artifacts[number];
        push_blob(connection, REPOSITORY, layer)?;
        push_manifest(connection, REPOSITORY, &format!("a{number}"), IMAGE, bytes)
    })?;
    Ok(begin.elapsed())
}

/// Each by its tag, then its one layer.
fn pull(server: &Server, artifacts: &[Artifact]) -> Result<Duration> {
    let get = |connection: &mut Connection, path: String| connection.request("GET", &path, &Body::Empty)?.expect(200);
    parallel(&server.target, CONNECTIONS, artifacts.len(), |connection, number| {
        let (layer, bytes) = &artifacts[number];
        let answer = get(connection, format!("/v2/{REPOSITORY}/manifests/a{number}"))?;
        ensure!(answer.body == *bytes, "another manifest under a{number}");
        let answer = get(connection, format!("/v2/{REPOSITORY}/blobs/{}", layer.digest))?;
        ensure!(answer.body.len() as u64 == layer.size, "another blob under a{number}");
        Ok(())
    })
}

/// How often the server asked for durability while artifacts were pushed, by `strace`.
fn fsyncs(bench: &Bench<'_>, peer: Peer) -> Result<u64> {
    let strace = process::find("strace").context("strace is missing (apt-get install strace)")?;
    let server = bench.yard.start(peer)?;
    let counts = bench.yard.folder.path().join("strace");
    let mut command = process::tied(&strace);
    command.args(["-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range,syncfs", "-o"]).arg(&counts);
    command.args(["-p", &server.process.id().to_string()]).stderr(std::process::Stdio::null());
    let mut tracer = Process::spawn(&mut command)?;
    let begin = Instant::now();
    while !server.process.traced() {
        ensure!(tracer.ended().is_none() && begin.elapsed() < Duration::from_secs(5), "strace cannot attach");
        std::thread::sleep(Duration::from_millis(10));
    }
    push(&server, &artifacts(TRACED))?;
    tracer.end(Signal::INT);
    let table = fs::read_to_string(counts)?;
    // "% time  seconds  usecs/call  calls  [errors]  syscall"
    let calls = |line: &str| {
        let name = line.split_whitespace().last()?;
        line.split_whitespace().nth(3).filter(|_| name.contains("sync"))?.parse::<u64>().ok()
    };
    Ok(table.lines().filter_map(calls).sum())
}

/// What a folder takes.
#[derive(Default)]
pub(crate) struct Disk {
    /// Bytes on the disk.
    pub(crate) allocated: u64,
    /// Lengths of all files, in bytes.
    pub(crate) apparent: u64,
    /// Files and folders.
    pub(crate) inodes: u64,
}

/// What `folder` takes.
pub(crate) fn disk(folder: &Path) -> Disk {
    let mut sum = Disk::default();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        sum.allocated += metadata.blocks() * 512;
        sum.inodes += 1;
        if metadata.is_dir() {
            left.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else {
            sum.apparent += metadata.len();
        }
    }
    sum
}
