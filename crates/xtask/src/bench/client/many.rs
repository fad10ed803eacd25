//! A folder of very many very small files, pushed and pulled.

use anyhow::Result;

use super::super::Bench;
use super::super::peers::Peer;
use super::super::report::{Report, Series, Target};
use super::super::small::disk;
use super::{MEMORY_MIB, Site, host, same, tree};

/// All that can move a folder.
const TOOLS: [Peer; 4] = [Peer::Wharf, Peer::Imgpkg, Peer::Oras, Peer::Cp];

/// Measures, on a server of its own for each client.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let site = Site::new(bench)?;
    let root = site.path("many");
    tree::many(&root, bench.count(100_000))?;
    let bytes = disk(&root).allocated;
    let wins = |what| {
        Series::of_clients(what, "s").target(Peer::Imgpkg, Target::AtMost(1.0)).target(Peer::Oras, Target::AtMost(1.0))
    };
    let (mut push, mut pull) = (wins("push 100,000 files of 1 KB"), wins("pull 100,000 files of 1 KB"));
    let own = |what| Series::of_clients(what, "MiB").target(Peer::Wharf, Target::AtMost(MEMORY_MIB));
    let mut client = own("100,000 files of 1 KB: peak resident of the client");
    let mut server_memory = own("100,000 files of 1 KB: peak resident of the server");
    for round in 0..bench.rounds(3) {
        for tool in site.tools(&TOOLS) {
            let into = site.forget();
            tree::read(&root)?;
            let server = site.server()?;
            let reference = format!("{}/bench/many:latest", host(&server));
            let pushed = match tool.peer {
                Peer::Cp => None,
                _ => Some(site.run(tool.push(&root, &reference)?, bytes)?),
            };
            let pulled = site.run(tool.pull(&reference, &root, &into), bytes)?;
            if round == 0 {
                same(&root, &tool.pulled(&root, &into))?;
            }
            pull.add(tool.peer, pulled.took.as_secs_f64());
            let Some(pushed) = pushed else { continue };
            push.add(tool.peer, pushed.took.as_secs_f64());
            client.add(tool.peer, pushed.memory.max(pulled.memory));
            server_memory.add(tool.peer, server.process.memory_mib("VmHWM"));
        }
    }
    [push, pull, client, server_memory].into_iter().for_each(|series| report.add(series));
    Ok(())
}
