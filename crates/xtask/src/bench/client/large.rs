//! One file that is larger than any memory, pushed and pulled: what that takes of memory, on both sides.

use anyhow::{Result, ensure};

use super::super::peers::Peer;
use super::super::report::{Report, Series, Target};
use super::super::{Bench, GB, MIB};
use super::{MEMORY_MIB, Site, host, tree};

/// Measures wharf alone, once: a peak is a peak. What was pushed is removed before it is pulled, for the sake of the disk.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let site = Site::new(bench)?;
    let (size, root, into) = (bench.scaled(10 * 1024 * MIB), site.path("large"), site.path("pulled"));
    let disk = rustix::fs::statvfs(site.folder.path())?;
    ensure!(disk.f_bavail * disk.f_frsize > size * 2 + size / 4, "the disk is too small: 22 GiB are needed");
    std::fs::create_dir(&root)?;
    tree::large(&root.join("file"), size)?;
    let mut speed =
        ["push", "pull"].map(|what| Series::of_clients(format!("{what} a folder with a file of 10 GiB"), "GB/s"));
    let own = |what| Series::of_clients(what, "MiB").target(Peer::Wharf, Target::AtMost(MEMORY_MIB));
    let mut client = own("a file of 10 GiB: peak resident of the client");
    let mut server_memory = own("a file of 10 GiB: peak resident of the server");
    for tool in site.tools(&[Peer::Wharf]) {
        let server = site.server()?;
        let reference = format!("{}/bench/large:latest", host(&server));
        let pushed = site.run(tool.push(&root, &reference)?, MIB)?;
        std::fs::remove_dir_all(&root)?;
        let pulled = site.run(tool.pull(&reference, &root, &into), MIB)?;
        ensure!(into.join("file").metadata()?.len() == size, "what was pulled has another size");
        for (series, run) in speed.iter_mut().zip([&pushed, &pulled]) {
            series.add(tool.peer, size as f64 / GB / run.took.as_secs_f64());
        }
        client.add(tool.peer, pushed.memory.max(pulled.memory));
        server_memory.add(tool.peer, server.process.memory_mib("VmHWM"));
    }
    speed.into_iter().chain([client, server_memory]).for_each(|series| report.add(series));
    Ok(())
}
