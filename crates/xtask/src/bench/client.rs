//! Clients that move folders and images between this machine and wharf servers on it: wharf beside skopeo and `cp -r`, and
//! beside imgpkg, oras and crane where their paths are given. Here is how they are called; what is measured of them is in the
//! modules below. What they talk to is always wharf, on a fresh server each: it is the clients that are compared.

pub(crate) mod copy;
pub(crate) mod folder;
pub(crate) mod large;
pub(crate) mod many;
mod tree;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::peers::{Peer, Server, authorization};
use super::process::{self, Process};
use super::push::settle;
use super::{Bench, load};

/// Whom else to measure, and what with.
#[derive(clap::Args, Default)]
pub(crate) struct Clients {
    /// Folder to push and pull, such as a real ~/.m2 (it is copied); else one of the same shape is made
    #[arg(long, value_name = "FOLDER", conflicts_with = "write")]
    m2: Option<PathBuf>,
    /// Measure this imgpkg too
    #[arg(long, value_name = "PATH", conflicts_with = "write")]
    imgpkg: Option<PathBuf>,
    /// Measure this oras too
    #[arg(long, value_name = "PATH", conflicts_with = "write")]
    oras: Option<PathBuf>,
    /// Measure this crane too
    #[arg(long, value_name = "PATH", conflicts_with = "write")]
    crane: Option<PathBuf>,
}

impl Clients {
    /// What is to be written to measure the same again.
    pub(crate) fn again(&self) -> Vec<String> {
        let Clients { m2, imgpkg, oras, crane } = self;
        let all = [("m2", m2), ("imgpkg", imgpkg), ("oras", oras), ("crane", crane)];
        let given = all.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
        given.map(|(name, path)| format!("--{name} {}", path.display())).collect()
    }
}

/// How often the memory of a client is looked at. Its peak is kept by the kernel: only the very last of it can be missed.
const LOOK: Duration = Duration::from_millis(2);
/// The most that a client or a server may take, in MiB.
const MEMORY_MIB: f64 = 128.0;
/// What was changed less than two seconds before it was listed is not believed to be unchanged.
const SETTLED: Duration = Duration::from_millis(2_100);

/// A client, and where its program is.
struct Tool {
    peer: Peer,
    program: PathBuf,
}

/// What one run of a client took.
struct Run {
    took: Duration,
    /// Its peak resident size, in MiB.
    memory: f64,
    /// Its standard output.
    said: String,
}

/// Where clients are run.
struct Site<'a> {
    bench: &'a Bench<'a>,
    folder: TempDir,
    /// Fresh starts: each has its own folders.
    fresh: Cell<u32>,
}

impl<'a> Site<'a> {
    fn new(bench: &'a Bench<'a>) -> Result<Site<'a>> {
        ensure!(bench.peers.contains(&Peer::Wharf), "clients are measured against wharf, which --peers leaves out");
        Ok(Site { bench, folder: TempDir::new_in(&bench.yard.folder)?, fresh: Cell::default() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Those of `wanted` that there are.
    fn tools(&self, wanted: &[Peer]) -> Vec<Tool> {
        let Clients { imgpkg, oras, crane, .. } = &self.bench.options.clients;
        let program = |peer: Peer| match peer {
            Peer::Wharf => Some(self.bench.yard.wharf.clone()),
            Peer::Skopeo => process::find("skopeo"),
            Peer::Cp => process::find("cp"),
            Peer::Imgpkg => imgpkg.clone(),
            Peer::Oras => oras.clone(),
            Peer::Crane => crane.clone(),
            _ => None,
        };
        let found = |peer: &Peer| Some(Tool { peer: *peer, program: program(*peer)? });
        wanted.iter().filter_map(found).collect()
    }

    /// From now on no client knows anything from before. Answers with a folder to pull into, which is not there yet. It stays
    /// to the end of all: where much was just removed, some file systems take long to make files.
    fn forget(&self) -> PathBuf {
        self.fresh.set(self.fresh.get() + 1);
        self.path(&format!("pulled-{}", self.fresh.get()))
    }

    /// A fresh server that every client can log in to.
    fn server(&self) -> Result<Server> {
        let server = self.bench.yard.start(Peer::Wharf)?;
        self.login(&[&server])?;
        Ok(server)
    }

    /// Lets all clients log in to these servers.
    fn login(&self, servers: &[&Server]) -> Result<()> {
        let secret = authorization();
        let secret = secret.trim_start_matches("Basic ");
        let logins = servers.iter().map(|server| (host(server), serde_json::json!({ "auth": secret })));
        let config = serde_json::json!({ "auths": logins.collect::<serde_json::Map<_, _>>() });
        fs::create_dir_all(self.path("docker"))?;
        Ok(fs::write(self.path("docker/config.json"), config.to_string())?)
    }

    /// Runs a client to its end, with memory at hand for the `bytes` that it is about to have written ([`settle`]).
    fn run(&self, mut command: Command, bytes: u64) -> Result<Run> {
        load::in_time()?;
        let (out, err) = (self.path("stdout"), self.path("stderr"));
        command.env("DOCKER_CONFIG", self.path("docker")).env("REGISTRY_AUTH_FILE", self.path("docker/config.json"));
        command.env("XDG_CACHE_HOME", self.path(&format!("cache-{}", self.fresh.get())));
        command.stdin(Stdio::null()).stdout(fs::File::create(&out)?).stderr(fs::File::create(&err)?);
        settle(self.folder.path(), bytes)?;
        let shown = format!("{command:?}");
        let begin = Instant::now();
        let mut process = Process::spawn(&mut command)?;
        let (id, over) = (process.id(), AtomicBool::new(false));
        let (status, took, memory) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut peak = 0.0_f64;
                while !over.load(Ordering::Relaxed) {
                    peak = peak.max(process::memory_mib(id, "VmHWM"));
                    std::thread::sleep(LOOK);
                }
                peak
            });
            let status = process.wait();
            let took = begin.elapsed();
            over.store(true, Ordering::Relaxed);
            (status, took, watch.join().unwrap_or(0.0))
        });
        let said = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        ensure!(status?.success(), "{shown} failed: {}", said(&err).trim());
        Ok(Run { took, memory, said: said(&out) })
    }
}

/// What clients write before a repository of a server.
fn host(server: &Server) -> String {
    server.target.address.to_string()
}

impl Tool {
    fn command(&self) -> Command {
        process::tied(&self.program)
    }

    /// Sends a folder to a reference.
    fn push(&self, folder: &Path, reference: &str) -> Result<Command> {
        let mut command = self.command();
        let (above, name) = (folder.parent().context("a folder")?, folder.file_name().context("a folder")?);
        match self.peer {
            Peer::Imgpkg => command.args(["push", "--tty=false", "-i", reference, "-f"]).arg(folder),
            Peer::Oras => command.current_dir(above).args(["push", "--plain-http", reference]).arg(name),
            _ => command.args(["push", "--json", "--allow-secrets"]).arg(folder).arg(reference),
        };
        Ok(command)
    }

    /// Fetches a reference into a folder; `cp` knows of no references, and copies `from`.
    fn pull(&self, reference: &str, from: &Path, into: &Path) -> Command {
        let mut command = self.command();
        match self.peer {
            Peer::Imgpkg => command.args(["pull", "--tty=false", "-i", reference, "-o"]).arg(into),
            Peer::Oras => command.args(["pull", "--plain-http", reference, "-o"]).arg(into),
            Peer::Cp => command.arg("-r").arg(from).arg(into),
            _ => command.args(["pull", "--json", reference]).arg(into),
        };
        command
    }

    /// Where in the folder that it pulled into the folder is that was pushed.
    fn pulled(&self, folder: &Path, into: &Path) -> PathBuf {
        match (self.peer, folder.file_name()) {
            (Peer::Oras, Some(name)) => into.join(name),
            _ => into.to_owned(),
        }
    }

    /// Copies an image from one registry to another.
    fn copy(&self, from: &str, to: &str) -> Command {
        let mut command = self.command();
        match self.peer {
            Peer::Skopeo => command
                .args(["copy", "--quiet", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"])
                .args([format!("docker://{from}"), format!("docker://{to}")]),
            Peer::Oras => command.args(["copy", "--from-plain-http", "--to-plain-http", from, to]),
            Peer::Crane => command.args(["copy", "--insecure", from, to]),
            _ => command.args(["copy", "--json", from, to]),
        };
        command
    }
}

/// That two folders hold the same.
fn same(one: &Path, other: &Path) -> Result<()> {
    process::output(Command::new("diff").args(["-rq", "--no-dereference"]).arg(one).arg(other)).map(drop)
}
