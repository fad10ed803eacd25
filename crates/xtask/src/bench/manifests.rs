//! Manifests: one read again and again by its tag, and many pushed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::content::Content;
use super::load::{IMAGE, manifest, parallel, push_blob, push_empty, push_manifest};
use super::peers::{Peer, Server};
use super::report::{Report, Series, Target, median};
use super::{Bench, INSTALL};
use super::{http, process};

/// Measures both.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    read(bench, report)?;
    push(bench, report)
}

fn read(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let mut rate = Series::new("manifest by tag, 16 connections", "requests/s")
        .target(Peer::DockerRegistry, Target::Times(20.0))
        .target(Peer::Nginx, Target::Times(0.7));
    let layer = Content::fresh(5000);
    let bytes = manifest(&[&layer], "the one that is read");
    let mut servers = Vec::new();
    for peer in bench.everyone() {
        let server = bench.yard.start(peer)?;
        if peer == Peer::Nginx {
            std::fs::write(server.data().join("manifest"), &bytes)?;
            servers.push((server, "/manifest"));
        } else {
            ready(&server, "bench/read", &layer)?;
            push_manifest(&mut server.connect()?, "bench/read", "latest", IMAGE, &bytes)?;
            servers.push((server, "/v2/bench/read/manifests/latest"));
        }
    }
    for _ in 0..bench.rounds(3) {
        for (server, path) in &servers {
            rate.add(server.peer, wrk(&server.target, path, if bench.quick() { 1 } else { 4 })?);
        }
    }
    report.add(rate);
    Ok(())
}

/// Requests a second that `wrk` gets through. Any answer but 200 is an error.
pub(crate) fn wrk(target: &http::Target, path: &str, seconds: u64) -> Result<f64> {
    let mut command = process::tied(&process::find("wrk").with_context(|| format!("wrk is missing: {INSTALL}"))?);
    command.args(["-t1", "-c16", "--timeout", "10s", &format!("-d{seconds}s"), "-H", &format!("Accept: {IMAGE}")]);
    if let Some(value) = &target.authorization {
        command.args(["-H", &format!("Authorization: {value}")]);
    }
    let said = process::output(command.arg(target.url(path)))?;
    ensure!(
        !said.contains("Non-2xx") && !said.contains("Socket errors"),
        "{} answered badly:\n{said}",
        target.url(path)
    );
    let rate = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).with_context(|| format!("wrk said:\n{said}"))
}

fn push(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let mut one =
        Series::new("push manifests, 1 connection", "manifests/s").target(Peer::DockerRegistry, Target::Times(3.0));
    let mut many =
        Series::new("push manifests, 16 connections", "manifests/s").target(Peer::DockerRegistry, Target::Times(6.0));
    let layer = Content::fresh(5000);
    let servers =
        bench.registries_and_open().into_iter().map(|peer| bench.yard.start(peer)).collect::<Result<Vec<_>>>()?;
    for round in 0..bench.rounds(3) {
        for (series, connections, count) in [(&mut one, 1, 300), (&mut many, 16, 1600)] {
            for server in &servers {
                let repository = format!("bench/push-{connections}-{round}");
                ready(server, &repository, &layer)?;
                let count = bench.count(count);
                let took = push_all(server, &repository, &layer, connections, count)?;
                series.add(server.peer, count as f64 / took.as_secs_f64());
            }
        }
    }
    let gain = |peer| Some((median(many.of(peer))?, median(one.of(peer))?));
    if let (Some((many, one)), reference) = (gain(Peer::Wharf), gain(Peer::DockerRegistry)) {
        let against = reference.map(|(_, one)| format!(", {:.1} × docker-registry's on 1", many / one));
        report.note(format!(
            "Pushing manifests on 16 connections is {:.1} × wharf's own rate on 1{}.",
            many / one,
            against.unwrap_or_default()
        ));
    }
    report.add(one);
    report.add(many);
    Ok(())
}

/// Pushes what the manifests name.
fn ready(server: &Server, repository: &str, layer: &Content) -> Result<()> {
    let mut connection = server.connect()?;
    push_empty(&mut connection, repository)?;
    push_blob(&mut connection, repository, layer)
}

fn push_all(server: &Server, repository: &str, layer: &Content, connections: usize, count: usize) -> Result<Duration> {
    // Made before the clock runs: the client's JSON is not what is measured.
    let made: Vec<_> = (0..count).map(|number| manifest(&[layer], &format!("{repository} {number}"))).collect();
    parallel(&server.target, connections, count, |connection, number| {
        push_manifest(connection, repository, &format!("v{number}"), IMAGE, &made[number])
    })
}
