//! Pulling one cached blob, on one connection and on eight.

use std::fs::File;

use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};

use super::content::Content;
use super::load::{parallel, push_blob};
use super::peers::{Peer, Server};
use super::report::{Report, Series, Target};
use super::{Bench, GB, MIB};

/// How often the blob is pulled on the one connection in a round: CPU time is counted in hundredths of a second.
const TIMES: usize = 4;
/// How often everybody has a turn on one connection: whether reader and writer wake each other or keep each other busy makes
/// half of the speed, and changes from one second to the next.
const ROUNDS_OF_ONE: usize = 15;

/// Measures, for all that can be read from.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let content = Content::fresh(bench.scaled(512 * MIB));
    let mut servers = Vec::new();
    for peer in bench.peers() {
        servers.push(ready(bench, peer, &content)?);
    }
    for (connections, rounds, target) in [(1, ROUNDS_OF_ONE, 1.4), (8, 5, 1.2)] {
        let what = format!("pull a cached blob, {connections} connection{}", if connections == 1 { "" } else { "s" });
        let mut speed = Series::new(&what, "GB/s").target(Peer::DockerRegistry, Target::Times(target));
        let mut cost = Series::new(format!("{what}: CPU of the server"), "s/GB");
        for _ in 0..bench.rounds(rounds) {
            for (server, path) in &servers {
                let count = if connections == 1 { TIMES } else { connections };
                let bytes = content.size as f64 * count as f64 / GB;
                let before = server.process.cpu_seconds();
                let took = parallel(&server.target, connections, count, |connection, _| {
                    let length = connection.pull(path, |bytes| {
                        std::hint::black_box(bytes);
                    })?;
                    ensure!(length == content.size, "{} sent {length} bytes", server.peer);
                    Ok(())
                })?;
                speed.add(server.peer, bytes / took.as_secs_f64());
                cost.add(server.peer, (server.process.cpu_seconds() - before) / bytes);
            }
        }
        report.add(speed);
        report.add(cost);
    }
    Ok(())
}

/// A server that has the blob, in the page cache: it has been pulled and verified once.
fn ready(bench: &Bench<'_>, peer: Peer, content: &Content) -> Result<(Server, String)> {
    let server = bench.yard.start(peer)?;
    let mut connection = server.connect()?;
    let path = if peer == Peer::Nginx {
        content.write_to(&mut File::create(server.data().join("blob"))?)?;
        "/blob".to_owned()
    } else {
        push_blob(&mut connection, "bench/pull", content)?;
        format!("/v2/bench/pull/blobs/{}", content.digest)
    };
    let mut hasher = Sha256::new();
    connection.pull(&path, |bytes| hasher.update(bytes))?;
    ensure!(content.digest.ends_with(&hex::encode(hasher.finalize())), "{peer} sent other bytes");
    Ok((server, path))
}
