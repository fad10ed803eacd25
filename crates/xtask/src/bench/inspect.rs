//! Inspecting: whether facts keep up with pushes of small artifacts, on one core, which serves the pushes as well.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Bench;
use super::http::{Body, Connection};
use super::load::{IMAGE, parallel, push_config, push_manifest};
use super::peers::{Peer, Server};
use super::process;
use super::report::{Report, Series, Target};

/// Connections.
const CONNECTIONS: usize = 8;
/// What has to be kept up with, in pushes a second.
const RATE: u32 = 200;
const REPOSITORY: &str = "bench/inspect";
/// How long to wait for the last facts.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// Measures what comes in at a steady rate, and what comes in as fast as it goes.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let what = |what: &str| format!("{what}, on one core");
    let mut lag =
        Series::new(what("last facts after 200 pushes a second"), "s").target(Peer::Wharf, Target::Below(1.0));
    let mut used = Series::new(what("CPU for 200 pushes and inspections a second"), "%");
    let mut pushed = Series::new(what("push charts, images and files"), "artifacts/s");
    let mut inspected = Series::new(what("the same, and inspect them"), "artifacts/s");
    let count = bench.count(3_000);
    for _ in 0..bench.rounds(2) {
        for peer in bench.registries().into_iter().filter(|peer| matches!(peer, Peer::Wharf | Peer::WharfPostgres)) {
            let server = start(bench, peer)?;
            let before = server.process.cpu_seconds();
            let steady = push(&server, 0..count, Some(RATE))?;
            let waited = wait(&server)?;
            let reached = count as f64 / steady.as_secs_f64();
            if reached < 0.95 * f64::from(RATE) {
                report.note(format!("{peer} took {reached:.0} of {RATE} pushes a second, and inspected as many."));
            }
            lag.add(peer, waited.as_secs_f64());
            let cpu = server.process.cpu_seconds() - before;
            used.add(peer, 100.0 * cpu / (steady + waited).as_secs_f64());
            let quick = push(&server, count..2 * count, None)?;
            pushed.add(peer, count as f64 / quick.as_secs_f64());
            inspected.add(peer, count as f64 / (quick + wait(&server)?).as_secs_f64());
        }
    }
    [lag, used, pushed, inspected].into_iter().for_each(|series| report.add(series));
    Ok(())
}

/// A server that has one core.
fn start(bench: &Bench<'_>, peer: Peer) -> Result<Server> {
    let server = bench.yard.start(peer)?;
    let taskset = process::find("taskset").context("taskset is missing (apt-get install util-linux)")?;
    process::output(Command::new(taskset).args(["-a", "-c", "-p", "0"]).arg(server.process.id().to_string()))?;
    Ok(server)
}

/// Pushes those artifacts, under the tags `a0` and so on of `bench/inspect`; so many a second where that is said.
pub(super) fn push(server: &Server, numbers: std::ops::Range<usize>, rate: Option<u32>) -> Result<Duration> {
    let artifacts: Vec<Artifact> = numbers.clone().map(artifact).collect::<Result<_>>()?;
    let begin = Instant::now();
    parallel(&server.target, CONNECTIONS, artifacts.len(), |connection, at| {
        if let Some(rate) = rate {
            let due = begin + Duration::from_secs(1) * at as u32 / rate;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let artifact = &artifacts[at];
        for blob in &artifact.blobs {
            push_config(connection, REPOSITORY, blob)?;
        }
        push_manifest(connection, REPOSITORY, &format!("a{}", numbers.start + at), IMAGE, &artifact.manifest)
    })?;
    Ok(begin.elapsed())
}

/// Waits until everything is inspected.
pub(super) fn wait(server: &Server) -> Result<Duration> {
    let (begin, mut connection) = (Instant::now(), server.connect()?);
    while !is_done(&mut connection)? {
        ensure!(begin.elapsed() < WAIT_MAX, "facts are not made in {WAIT_MAX:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(begin.elapsed())
}

fn is_done(connection: &mut Connection) -> Result<bool> {
    let answer = connection.request("GET", "/metrics", &Body::Empty)?.expect(200)?;
    let text = String::from_utf8(answer.body).context("metrics are text")?;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).with_context(|| format!("no {name}"))?;
        line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).context("no number")
    };
    Ok(value("wharf_follower_lag{follower=\"inspect\"}")? == 0.0 && value("wharf_jobs{kind=\"inspect\"}")? == 0.0)
}

/// A small artifact.
struct Artifact {
    manifest: Vec<u8>,
    blobs: Vec<Vec<u8>>,
}

impl Artifact {
    /// Its layer is a file where it has a title.
    fn new(config: (&str, Vec<u8>), layer: (&str, Vec<u8>), title: Option<&str>) -> Artifact {
        let descriptor = |(media, bytes): &(&str, Vec<u8>)| {
            let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
            json!({"mediaType": media, "digest": digest, "size": bytes.len()})
        };
        let mut named = descriptor(&layer);
        if let Some(title) = title {
            named["annotations"] = json!({"org.opencontainers.image.title": title});
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE, "config": descriptor(&config), "layers": [named],
        });
        Artifact { manifest: manifest.to_string().into_bytes(), blobs: vec![config.1, layer.1] }
    }
}

/// A chart, an image and a file by turns, each of its own.
fn artifact(number: usize) -> Result<Artifact> {
    let name = format!("app-{number}");
    Ok(match number % 3 {
        0 => {
            let chart = json!({"apiVersion": "v2", "name": name, "version": "1.2.3", "description": "A chart."});
            let files = [
                (format!("{name}/Chart.yaml"), chart.to_string()),
                (format!("{name}/values.yaml"), "replicas: 1\nimage:\n  repository: app\n".repeat(20)),
                (format!("{name}/README.md"), format!("# {name}\n\n{}", "What it is for.\n".repeat(100))),
                (format!("{name}/templates/app.yaml"), "kind: Deployment\nmetadata:\n  name: app\n".repeat(50)),
            ];
            let config = ("application/vnd.cncf.helm.config.v1+json", chart.to_string().into_bytes());
            Artifact::new(
                config,
                ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive(&files)?),
                Some("app.tgz"),
            )
        }
        1 => {
            let config = json!({
                "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
                "config": {"Entrypoint": [format!("/{name}")], "Env": ["PATH=/bin"], "Labels": {"name": name}},
                "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", "0".repeat(64))]},
                "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "COPY app /"}],
            });
            let files: Vec<_> = (0..20).map(|at| (format!("usr/share/{name}/{at}"), "text\n".repeat(40))).collect();
            let config = ("application/vnd.oci.image.config.v1+json", config.to_string().into_bytes());
            Artifact::new(config, ("application/vnd.oci.image.layer.v1.tar+gzip", archive(&files)?), None)
        }
        _ => {
            let text = format!("# {name}\n\n{}", "Some text that somebody keeps here.\n".repeat(60));
            let config = ("application/vnd.oci.empty.v1+json", b"{}".to_vec());
            Artifact::new(config, ("text/markdown", text.into_bytes()), Some("notes.md"))
        }
    })
}

fn archive(files: &[(String, String)]) -> Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for (path, text) in files {
        gzip.write_all(&header(path, text.len()))?;
        gzip.write_all(text.as_bytes())?;
        gzip.write_all(&vec![0; text.len().next_multiple_of(512) - text.len()])?;
    }
    gzip.write_all(&[0; 1024])?;
    Ok(gzip.finish()?)
}

/// The header of a file in a tar (POSIX 1003.1, "ustar Interchange Format").
fn header(path: &str, length: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
