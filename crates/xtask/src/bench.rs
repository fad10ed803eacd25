//! `cargo xtask bench`: wharf, docker-registry and nginx measured side by side in one run, and compared with the targets. Each
//! measurement is a module; this one chooses them, prepares the yard in which servers are started, and says what machine it was.

mod access;
mod api;
mod client;
mod content;
mod http;
mod inspect;
mod layer;
mod lists;
mod load;
mod manifests;
mod memory;
mod peers;
mod postgres;
mod process;
mod pull;
mod push;
mod report;
mod search;
mod small;
mod tls;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use peers::{Peer, Yard};
use report::Report;

const MIB: u64 = 1 << 20;
const GB: f64 = 1e9;
/// How to get what may be missing.
const INSTALL: &str = "apt-get install docker-registry nginx-light wrk (or leave it out with --peers)";
/// Free space that the largest measurement needs, in bytes, with room to spare.
const DISK_BYTES_MIN: u64 = 12 << 30;

/// What to measure, and how much of it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to measure; everything if nothing is named
    #[arg(value_enum)]
    items: Vec<Item>,
    /// Whom to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = selectable())]
    peers: Vec<Peer>,
    /// A twentieth of everything, to see that it runs; the figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Fill the long lists on PostgreSQL too (minutes)
    #[arg(long)]
    thorough: bool,
    /// Keep the result in docs/benchmarks.md, in place of what the same command measured before
    #[arg(long, conflicts_with_all = ["quick", "peers"])]
    write: bool,
    /// Use this binary instead of building one
    #[arg(long)]
    wharf: Option<PathBuf>,
    /// Where servers keep their data while they are measured: a real disk
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Most minutes that the run may take
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    #[command(flatten)]
    clients: client::Clients,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Item {
    Pull,
    Push,
    Manifests,
    Lists,
    Memory,
    Small,
    Inspect,
    Api,
    Access,
    Search,
    Folder,
    Many,
    Large,
    Copy,
    Layer,
}

impl Item {
    fn measure(self, bench: &Bench<'_>, report: &mut Report) -> Result<()> {
        match self {
            Item::Pull => pull::measure(bench, report),
            Item::Push => push::measure(bench, report),
            Item::Manifests => manifests::measure(bench, report),
            Item::Lists => lists::measure(bench, report),
            Item::Memory => memory::measure(bench, report),
            Item::Small => small::measure(bench, report),
            Item::Inspect => inspect::measure(bench, report),
            Item::Api => api::measure(bench, report),
            Item::Access => access::measure(bench, report),
            Item::Search => search::measure(bench, report),
            Item::Folder => client::folder::measure(bench, report),
            Item::Many => client::many::measure(bench, report),
            Item::Large => client::large::measure(bench, report),
            Item::Copy => client::copy::measure(bench, report),
            Item::Layer => layer::measure(bench, report),
        }
    }
}

/// A run.
struct Bench<'a> {
    options: &'a Options,
    peers: Vec<Peer>,
    yard: Yard,
}

impl Bench<'_> {
    /// All, docker-registry also without login.
    fn everyone(&self) -> Vec<Peer> {
        self.peers.clone()
    }

    /// Those that take pushes, docker-registry also without login.
    fn registries_and_open(&self) -> Vec<Peer> {
        self.peers.iter().copied().filter(|peer| peer.is_registry()).collect()
    }

    /// All, for what costs so much that logging in is nothing beside it.
    fn peers(&self) -> Vec<Peer> {
        self.peers.iter().copied().filter(|peer| *peer != Peer::DockerRegistryOpen).collect()
    }

    /// Those of them that take pushes.
    fn registries(&self) -> Vec<Peer> {
        self.peers().into_iter().filter(|peer| peer.is_registry()).collect()
    }

    fn quick(&self) -> bool {
        self.options.quick
    }

    fn thorough(&self) -> bool {
        self.options.thorough
    }

    fn rounds(&self, rounds: usize) -> usize {
        if self.quick() { 1 } else { rounds }
    }

    fn scaled(&self, bytes: u64) -> u64 {
        if self.quick() { bytes / 20 } else { bytes }
    }

    fn count(&self, count: usize) -> usize {
        if self.quick() { count / 20 } else { count }
    }
}

/// Runs. False if a target was missed; with `--quick` that does not count.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let begin = Instant::now();
    load::end_in(Duration::from_secs(options.minutes * 60));
    let mut report = Report::default();
    let bench = prepare(options, &mut report)?;
    if options.quick {
        report.note("A twentieth of all sizes and numbers, one round: these figures mean nothing.");
    }
    let mut failed = Vec::new();
    for item in Item::value_variants() {
        if !options.items.is_empty() && !options.items.contains(item) {
            continue;
        }
        eprintln!("{item:?} ({:.0?} so far)", begin.elapsed());
        if let Err(error) = item.measure(&bench, &mut report) {
            report.note(format!("{item:?} failed: {error:#}"));
            failed.push(*item);
        }
    }
    drop(bench);
    eprintln!("done in {:.0?}", begin.elapsed());
    println!("{}", report.markdown());
    ensure!(failed.is_empty(), "could not measure {failed:?}");
    if options.write {
        report.write(&crate::workspace().join("docs/benchmarks.md"), &again(options))?;
    }
    Ok(options.quick || report.reached())
}

fn prepare<'a>(options: &'a Options, report: &mut Report) -> Result<Bench<'a>> {
    let mut peers = options.peers.clone();
    peers.sort();
    peers.dedup();
    for (peer, program) in [
        (Peer::DockerRegistry, "docker-registry"),
        (Peer::DockerRegistryOpen, "docker-registry"),
        (Peer::Nginx, "nginx"),
    ] {
        ensure!(!peers.contains(&peer) || process::find(program).is_some(), "{program} is missing: {INSTALL}");
    }
    ensure!(process::find("wrk").is_some(), "wrk is missing: {INSTALL}");
    let folder = yard_folder(&crate::workspace().join(&options.folder))?;
    let certificate = optional(&mut peers, Peer::WharfTls, report, || tls::certificate(folder.path()));
    let postgres = optional(&mut peers, Peer::WharfPostgres, report, || postgres::Postgres::start(folder.path()));
    let wharf = match &options.wharf {
        _ if !peers.iter().any(|peer| peer.is_wharf()) => PathBuf::new(),
        Some(binary) => fs::canonicalize(binary).with_context(|| format!("{}", binary.display()))?,
        None => build()?,
    };
    facts(options, postgres.as_ref(), report);
    Ok(Bench { options, peers, yard: Yard { folder, wharf, certificate, postgres } })
}

/// What one peer needs, if it is asked for and can be had; else the peer is left out, with a note.
fn optional<T>(peers: &mut Vec<Peer>, peer: Peer, report: &mut Report, make: impl FnOnce() -> Result<T>) -> Option<T> {
    if !peers.contains(&peer) {
        return None;
    }
    make()
        .inspect_err(|error| {
            peers.retain(|other| *other != peer);
            report.note(format!("{peer} was left out: {error:#}"));
        })
        .ok()
}

/// A folder for this run. Those that runs left behind when they were killed are removed.
fn yard_folder(above: &Path) -> Result<tempfile::TempDir> {
    fs::create_dir_all(above)?;
    for entry in fs::read_dir(above)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix("run-").and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    let disk = rustix::fs::statvfs(above)?;
    ensure!(disk.f_bavail * disk.f_frsize >= DISK_BYTES_MIN, "{} has less than 12 GiB free", above.display());
    Ok(tempfile::Builder::new().prefix(&format!("run-{}-", std::process::id())).tempdir_in(above)?)
}

fn build() -> Result<PathBuf> {
    eprintln!("building wharf (release)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo)
        .args(["build", "--release", "--package", "wharf"])
        .current_dir(crate::workspace())
        .stdout(std::process::Stdio::null())
        .status()?;
    if !done.success() {
        bail!("wharf does not build");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::workspace().join("target"), PathBuf::from);
    Ok(target.join("release/wharf"))
}

fn facts(options: &Options, postgres: Option<&postgres::Postgres>, report: &mut Report) {
    let first = |program: &str, argument: &str| {
        let done = process::find(program).and_then(|program| Command::new(program).arg(argument).output().ok());
        let said = done.map(|done| [done.stdout, done.stderr].concat()).unwrap_or_default();
        let line = String::from_utf8_lossy(&said).lines().next().unwrap_or("none").trim().to_owned();
        line.split(" [").next().unwrap_or(&line).trim_start_matches("/usr/bin/").to_owned()
    };
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        line.map_or_else(|| "?".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0) / f64::from(1 << 20);
    let commit =
        process::output(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(crate::workspace()));
    report.facts = vec![
        format!("Date: {}, commit {}", jiff::Timestamp::now().strftime("%Y-%m-%d"), commit.unwrap_or_default().trim()),
        format!(
            "Machine: {} × {}, {:.1} GiB of memory, Linux {}",
            cores,
            field(&read("/proc/cpuinfo"), "model name"),
            memory,
            read("/proc/sys/kernel/osrelease").trim()
        ),
        format!(
            "Peers: {}; {}; PostgreSQL {}; {}",
            first("docker-registry", "--version"),
            first("nginx", "-v"),
            postgres.map_or_else(|| "none".to_owned(), |postgres| postgres.version().unwrap_or_default()),
            first("wrk", "-v")
        ),
        format!("Again: `{}`", again(options)),
    ];
}

/// All peers that can be chosen.
fn selectable() -> Vec<Peer> {
    Peer::value_variants().to_vec()
}

/// The command that repeats the run.
fn again(options: &Options) -> String {
    let names = options.items.iter().filter_map(ValueEnum::to_possible_value);
    let words = names.map(|name| name.get_name().to_owned());
    let flags = [(options.quick, "--quick"), (options.thorough, "--thorough"), (options.write, "--write")];
    let flags = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| (*flag).to_owned());
    let peers = options.peers.iter().filter_map(ValueEnum::to_possible_value).map(|peer| peer.get_name().to_owned());
    let peers = Some(peers.collect::<Vec<_>>().join(","))
        .filter(|_| options.peers != selectable())
        .map(|names| format!("--peers {names}"));
    let clients = options.clients.again();
    let first = std::iter::once("cargo xtask bench".to_owned());
    first.chain(words).chain(flags).chain(peers).chain(clients).collect::<Vec<_>>().join(" ")
}
