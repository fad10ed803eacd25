//! The tree of a large layer: how fast it is made, against unpacking the layer and nothing else, and how fast folders of it are
//! listed afterwards.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::http::{Body, Connection};
use super::load::{IMAGE, push_config, push_manifest};
use super::peers::Peer;
use super::report::{Report, Series, Target, median, percentile_99};

/// Whose files the layer has: those of this machine.
const FROM: &str = "/usr";
const GIB: u64 = 1 << 30;
const REPOSITORY: &str = "bench/layer";
const FILES: &str = "/api/v1/repositories/bench~layer/artifacts/v1/files";
/// How long to wait for the tree.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Folders listed.
const FOLDERS: usize = 300;

/// Measures wharf alone.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let folder = tempfile::TempDir::new_in(&bench.yard.folder)?;
    let layer = folder.path().join("layer.tar.gz");
    let folders = pack(&layer, bench.scaled(GIB))?;
    made(bench, &layer, report)?;
    let mut waited = Series::new("tree of a 1 GiB layer (gzip), from its push on", "s");
    let mut listed = Series::new("a folder of its tree, n=100, median", "ms");
    let mut listed_99 =
        Series::new("a folder of its tree, n=100, 99 of 100 below", "ms").target(Peer::Wharf, Target::Below(5.0));
    let mut worst = Series::new("a folder of its tree, n=1000, the slowest", "ms");
    for peer in bench.registries().into_iter().filter(|peer| *peer == Peer::Wharf) {
        let server = bench.yard.start(peer)?;
        let mut connection = Connection::open(&server.target)?;
        waited.add(peer, push(&mut connection, &fs::read(&layer)?)?.as_secs_f64());
        let some = folders.iter().step_by((folders.len() / FOLDERS).max(1));
        let times = some.clone().map(|path| list(&mut connection, path, 100)).collect::<Result<Vec<_>>>()?;
        listed.add(peer, median(&times).context("no folder")?);
        listed_99.add(peer, percentile_99(&times).context("no folder")?);
        let times = some.map(|path| list(&mut connection, path, 1_000)).collect::<Result<Vec<_>>>()?;
        worst.add(peer, times.into_iter().fold(0.0, f64::max));
    }
    [waited, listed, listed_99, worst].into_iter().for_each(|series| report.add(series));
    Ok(())
}

/// A layer of so many bytes of files, in gzip, and the folders in it.
fn pack(layer: &Path, bytes: u64) -> Result<Vec<String>> {
    let (mut list, mut folders, mut left) = (Vec::new(), Vec::new(), bytes);
    let mut ahead = vec![PathBuf::from(FROM)];
    while let Some(folder) = ahead.pop().filter(|_| left > 0) {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        folders.push(folder.to_string_lossy().into_owned());
        list.push(folder);
        for entry in entries.flatten() {
            let Ok(metadata) = entry.path().symlink_metadata() else { continue };
            if metadata.is_dir() {
                ahead.push(entry.path());
            } else if metadata.len() <= left {
                left -= metadata.len().max(512 * u64::from(metadata.nlink() > 0)).min(left);
                list.push(entry.path());
            }
        }
    }
    ensure!(left < bytes / 2, "{FROM} has too few files");
    let pack = "tar --create --no-recursion --null --files-from=- --directory=/ --absolute-names | gzip -6";
    let mut command = Command::new("sh");
    command.args(["-c", pack]).stdin(Stdio::piped()).stdout(fs::File::create(layer)?).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().context("no input")?;
    for path in &list {
        input.write_all(path.as_os_str().as_encoded_bytes())?;
        input.write_all(b"\0")?;
    }
    drop(input);
    ensure!(child.wait()?.success(), "tar failed");
    Ok(folders)
}

/// Makes the tree and unpacks, in one process and in turn.
fn made(bench: &Bench<'_>, layer: &Path, report: &mut Report) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--package", "wharf-artifact", "--example", "tree", "--"]).arg(layer);
    let output =
        command.arg(bench.rounds(3).to_string()).current_dir(crate::workspace()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the tree could not be made");
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let seconds =
        |name: &str| -> Vec<f64> { told[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect() };
    let what = "making the tree of a 1 GiB layer (gzip), against unpacking it";
    let mut ratio = Series::new(format!("{what}, time"), "×").target(Peer::Wharf, Target::AtMost(1.25));
    let mut speed = Series::new(format!("{what}: unpacked"), "MiB/s");
    let mut memory = Series::new("memory for that, peak resident", "MiB").target(Peer::Wharf, Target::AtMost(64.0));
    let bytes = told["bytes"].as_f64().context("no size")?;
    for (tree, unpack) in seconds("tree").into_iter().zip(seconds("unpack")) {
        ratio.add(Peer::Wharf, tree / unpack);
        speed.add(Peer::Wharf, bytes / f64::from(1 << 20) / tree);
    }
    memory.add(Peer::Wharf, told["peak_kib"].as_f64().context("no peak")? / 1024.0);
    eprintln!("    the tree of {} entries has {} bytes", told["entries"], told["tree_bytes"]);
    [ratio, speed, memory].into_iter().for_each(|series| report.add(series));
    Ok(())
}

/// Pushes an image of the layer; how long it then takes until its files are told.
fn push(connection: &mut Connection, layer: &[u8]) -> Result<Duration> {
    let config = push_config(connection, REPOSITORY, b"{}")?;
    let digest = push_config(connection, REPOSITORY, layer)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": layer.len() }],
    });
    push_manifest(connection, REPOSITORY, "v1", IMAGE, manifest.to_string().as_bytes())?;
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        match connection.request("GET", FILES, &Body::Empty)?.status {
            200 => return Ok(begun.elapsed()),
            503 => std::thread::sleep(Duration::from_millis(20)),
            status => bail!("{FILES} answered {status}"),
        }
    }
    bail!("there is no tree after {WAIT_MAX:?}")
}

/// How long a page of a folder takes, in milliseconds.
fn list(connection: &mut Connection, path: &str, count: usize) -> Result<f64> {
    let path: String = path.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let begun = Instant::now();
    let answer = connection.request("GET", &format!("{FILES}?n={count}&path={path}"), &Body::Empty)?.expect(200)?;
    let took = begun.elapsed();
    ensure!(answer.body.starts_with(b"{"), "no list");
    Ok(took.as_secs_f64() * 1000.0)
}
