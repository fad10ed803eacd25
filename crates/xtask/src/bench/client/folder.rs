//! A folder as a build machine has it, pushed and pulled: for the first time, unchanged, and after a change in a few files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::super::Bench;
use super::super::peers::{Peer, Server};
use super::super::process;
use super::super::report::{Report, Series, Target};
use super::super::small::disk;
use super::{MEMORY_MIB, Run, SETTLED, Site, Tool, host, same, tree};

/// All that can move a folder.
const TOOLS: [Peer; 4] = [Peer::Wharf, Peer::Imgpkg, Peer::Oras, Peer::Cp];

/// Measures: in each round every client has its turn at everything, on a server of its own.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let site = Site::new(bench)?;
    let root = site.path("folder");
    match &bench.options.clients.m2 {
        Some(folder) => drop(process::output(Command::new("cp").arg("-a").arg(folder).arg(&root))?),
        None => tree::maven(&root, if bench.quick() { 20 } else { 1 })?,
    }
    let (jars, size) = (tree::jars(&root)?, disk(&root));
    let megabytes = size.apparent as f64 / 1e6;
    report.note(format!("The folder: {megabytes:.0} MB, {} files and folders, {} jars.", size.inodes, jars.len()));
    let mut figures = Figures::new();
    for round in 0..bench.rounds(5) {
        for tool in site.tools(&TOOLS) {
            Turn { site: &site, tool: &tool, root: &root, jars: &jars, round, bytes: size.apparent }
                .take(&mut figures)?;
        }
    }
    figures.add_to(report);
    Ok(())
}

struct Figures {
    push: Series,
    pull: Series,
    push_same: Series,
    pull_same: Series,
    push_changed: Series,
    pull_changed: Series,
    sent: Series,
    stored: Series,
    client: Series,
    server: Series,
}

impl Figures {
    fn new() -> Figures {
        let half = |what| Series::of_clients(what, "s").target(Peer::Imgpkg, Target::AtMost(0.5));
        let seconds = |what| Series::of_clients(what, "s");
        let own = |what, unit, most| Series::of_clients(what, unit).target(Peer::Wharf, Target::AtMost(most));
        Figures {
            push: half("push a folder for the first time"),
            pull: half("pull it for the first time"),
            push_same: seconds("push it again"),
            pull_same: seconds("pull it again"),
            push_changed: seconds("push it with a byte changed in one jar of a hundred"),
            pull_changed: seconds("pull that where the old one is"),
            sent: own("push it changed: bytes sent, of those of the first push", "%", 5.0),
            stored: own("push it changed: bytes stored, of those of the first push", "%", 5.0),
            client: own("all that: peak resident of the client", "MiB", MEMORY_MIB),
            server: own("all that: peak resident of the server", "MiB", MEMORY_MIB),
        }
    }

    fn add_to(self, report: &mut Report) {
        let of_first = |what, changed: &Series, first: &Series| {
            let mut ratio = Series::of_clients(what, "×").target(Peer::Wharf, Target::AtMost(0.2));
            let rounds = changed.of(Peer::Wharf).iter().zip(first.of(Peer::Imgpkg));
            rounds.for_each(|(changed, first)| ratio.add(Peer::Wharf, changed / first));
            ratio
        };
        let push_share = of_first("push it changed, against imgpkg's first push", &self.push_changed, &self.push);
        let pull_share = of_first("pull it changed, against imgpkg's first pull", &self.pull_changed, &self.pull);
        let Figures { push, pull, push_same, pull_same, push_changed, pull_changed, sent, stored, client, server } =
            self;
        let times = [push, pull, push_same, pull_same, push_changed, push_share, pull_changed, pull_share];
        times.into_iter().chain([sent, stored, client, server]).for_each(|series| report.add(series));
    }
}

/// One client, in one round.
struct Turn<'a> {
    site: &'a Site<'a>,
    tool: &'a Tool,
    root: &'a Path,
    jars: &'a [PathBuf],
    round: usize,
    bytes: u64,
}

impl Turn<'_> {
    fn take(&self, figures: &mut Figures) -> Result<()> {
        let (site, peer) = (self.site, self.tool.peer);
        let (into, server) = (site.forget(), site.server()?);
        if peer == Peer::Cp {
            figures.pull.add(peer, self.pull(&server, &into)?.took.as_secs_f64());
            return Ok(());
        }
        let empty = disk(&server.data()).allocated;
        let first = (self.push(&server)?, self.pull(&server, &into)?);
        let again = (self.push(&server)?, self.pull(&server, &into)?);
        let full = disk(&server.data()).allocated;
        tree::change(self.jars, self.round)?;
        std::thread::sleep(SETTLED);
        let changed = (self.push(&server)?, self.pull(&server, &into)?);
        if self.round == 0 {
            same(self.root, &self.tool.pulled(self.root, &into))?;
        }
        let after = disk(&server.data()).allocated;
        figures.stored.add(peer, after.saturating_sub(full) as f64 / (full - empty) as f64 * 100.0);
        if let (Some(sent), Some(all)) = (sent(&changed.0), sent(&first.0)) {
            figures.sent.add(peer, sent / all * 100.0);
        }
        let runs = [&first.0, &first.1, &again.0, &again.1, &changed.0, &changed.1];
        figures.client.add(peer, runs.iter().map(|run| run.memory).fold(0.0, f64::max));
        figures.server.add(peer, server.process.memory_mib("VmHWM"));
        let Figures { push, pull, push_same, pull_same, push_changed, pull_changed, .. } = figures;
        for (series, run) in [push, pull, push_same, pull_same, push_changed, pull_changed].into_iter().zip(runs) {
            series.add(peer, run.took.as_secs_f64());
        }
        Ok(())
    }

    fn push(&self, server: &Server) -> Result<Run> {
        tree::read(self.root)?;
        self.site.run(self.tool.push(self.root, &reference(server))?, self.bytes)
    }

    fn pull(&self, server: &Server, into: &Path) -> Result<Run> {
        self.site.run(self.tool.pull(&reference(server), self.root, into), self.bytes)
    }
}

fn reference(server: &Server) -> String {
    format!("{}/bench/folder:latest", host(server))
}

/// What wharf says that it sent, in bytes; others do not.
fn sent(run: &Run) -> Option<f64> {
    serde_json::from_str::<serde_json::Value>(&run.said).ok()?.get("bytes_sent")?.as_f64()
}
