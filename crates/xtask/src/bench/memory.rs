//! Memory: of a server that does nothing, and at the peak of many large transfers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use super::content::Content;
use super::load::{parallel, push_blob};
use super::peers::{Peer, Server};
use super::report::{Report, Series, Target};
use super::{Bench, MIB};

/// Transfers at once.
const TRANSFERS: usize = 64;

/// Measures once at each peer: a peak is a peak.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let mut idle = Series::new("idle, anonymous memory", "MiB").target(Peer::Wharf, Target::AtMost(16.0));
    let what = "64 parallel pushes, then pulls, of 100 MiB";
    let mut peak = Series::new(format!("{what}: peak resident"), "MiB").target(Peer::Wharf, Target::AtMost(100.0));
    let mut anonymous = Series::new(format!("{what}: peak anonymous"), "MiB");
    for peer in bench.registries() {
        let server = bench.yard.start(peer)?;
        std::thread::sleep(Duration::from_secs(2));
        idle.add(peer, server.process.memory_mib("RssAnon"));
        anonymous.add(peer, sampled(&server, || transfer(bench, &server))?);
        peak.add(peer, server.process.memory_mib("VmHWM"));
    }
    [idle, peak, anonymous].into_iter().for_each(|series| report.add(series));
    Ok(())
}

/// The most anonymous memory seen, every 50 ms, while `work` is done.
fn sampled(server: &Server, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0.0_f64;
            while !done.load(Ordering::Relaxed) {
                most = most.max(server.process.memory_mib("RssAnon"));
                std::thread::sleep(Duration::from_millis(50));
            }
            most
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        let most = watch.join().unwrap_or(0.0);
        result.map(|()| most)
    })
}

fn transfer(bench: &Bench<'_>, server: &Server) -> Result<()> {
    let contents: Vec<_> = (0..TRANSFERS).map(|_| Content::fresh(bench.scaled(100 * MIB))).collect();
    let took = parallel(&server.target, TRANSFERS, TRANSFERS, |connection, number| {
        push_blob(connection, "bench/memory", &contents[number])
    })?;
    eprintln!("    {}: pushing took {took:.1?}", server.peer);
    let took = parallel(&server.target, TRANSFERS, TRANSFERS, |connection, number| {
        connection.pull(&format!("/v2/bench/memory/blobs/{}", contents[number].digest), |_| ()).map(drop)
    })?;
    eprintln!("    {}: pulling took {took:.1?}", server.peer);
    Ok(())
}
