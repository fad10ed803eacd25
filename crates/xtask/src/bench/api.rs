//! A repository with many artifacts, all of them inspected: pages of our API's lists (from the latest, by kind, with tags, tags, and
//! what happened), and the pages that people see.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::Bench;
use super::content::Content;
use super::http::{Body, Connection, Target as Place};
use super::load::{IMAGE, parallel, push_blob, push_config, push_manifest};
use super::peers::{Peer, Server};
use super::report::{Report, Series, Target, median, percentile_99};
use super::{inspect, search};

/// Connections that fill it.
const CONNECTIONS: usize = 8;
/// Pages of each list that are measured, one after the other.
const PAGES: usize = 100;
/// Entries of a page.
const ENTRIES: usize = 100;
/// One artifact of so many is of the other kind.
const RARE: usize = 50;
const REPOSITORY: &str = "bench/api";
const BASE: &str = "/api/v1/repositories/bench~api";
/// Pages that people see, and what is read there.
const SEEN: [(&str, &str); 9] = [
    ("the first page", "/"),
    ("projects", "/-/projects"),
    ("a project", "/-/projects/bench"),
    ("a repository with its tags", "/bench/api"),
    ("all that is in a repository", "/bench/api/-/artifacts"),
    ("what happened in it", "/bench/api/-/activity"),
    ("an artifact", "/bench/api/-/tags/v000050"),
    ("files of an artifact", "/bench/api/-/tags/v000050/files"),
    ("history of a tag", "/bench/api/-/tags/v000050/history"),
];

/// Measures each list's pages, at their median and at their slowest.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let lists = [
        ("artifacts, the latest first", format!("{BASE}/artifacts?n={ENTRIES}")),
        ("artifacts of one kind in 50", format!("{BASE}/artifacts?kind=helm-chart&n={ENTRIES}")),
        ("artifacts with a tag", format!("{BASE}/artifacts?tagged=true&n={ENTRIES}")),
        ("tags", format!("{BASE}/tags?n={ENTRIES}")),
        ("events of the repository", format!("{BASE}/events?n={ENTRIES}")),
        ("events of everything", format!("/api/v1/events?n={ENTRIES}")),
    ];
    let count = bench.count(100_000);
    let named = |what: &str, which: &str| format!("page of 100 {what}, 100,000 artifacts with facts: {which}");
    let mut all: Vec<(Series, Series)> = lists
        .iter()
        .map(|(what, _)| {
            let median = Series::new(named(what, "median"), "ms").target(Peer::Wharf, Target::Below(10.0));
            let slowest = Series::new(named(what, "99 of 100 within"), "ms").target(Peer::Wharf, Target::Below(10.0));
            (median, slowest)
        })
        .collect();
    let mut seen: Vec<(Series, Series)> = SEEN
        .iter()
        .map(|(what, _)| {
            let time = Series::new(format!("{what}, as people see it, 100,000 artifacts: 99 of 100 within"), "ms");
            let size = Series::new(format!("{what}, as people see it, not compressed"), "KiB");
            (time.target(Peer::Wharf, Target::Below(20.0)), size.target(Peer::Wharf, Target::Below(100.0)))
        })
        .collect();
    let is_asked = |peer: &Peer| *peer == Peer::Wharf || *peer == Peer::WharfPostgres && bench.thorough();
    for peer in bench.registries().into_iter().filter(is_asked) {
        let server = bench.yard.start(peer)?;
        fill(&server, count)?;
        for ((_, path), (medians, slowest)) in lists.iter().zip(&mut all) {
            let times = pages(&server.target, path)?;
            medians.add(peer, median(&times).context("no page")?);
            slowest.add(peer, percentile_99(&times).context("no page")?);
        }
        for ((_, path), (slowest, sizes)) in SEEN.iter().zip(&mut seen) {
            let (times, size) = looks(&server.target, path)?;
            slowest.add(peer, percentile_99(&times).context("no page")?);
            sizes.add(peer, size);
        }
    }
    for (medians, slowest) in all.into_iter().chain(seen) {
        report.add(medians);
        report.add(slowest);
    }
    Ok(())
}

/// Charts and files, each of its own and with a tag, of which all but the manifest is shared.
fn fill(server: &Server, count: usize) -> Result<()> {
    let mut connection = server.connect()?;
    let chart = json!({"apiVersion": "v2", "name": "app", "version": "1.2.3", "description": "A chart."}).to_string();
    let (chart, empty) =
        (push_config(&mut connection, REPOSITORY, chart.as_bytes())?, push_config(&mut connection, REPOSITORY, b"{}")?);
    let layer = Content::fresh(1_000);
    push_blob(&mut connection, REPOSITORY, &layer)?;
    eprintln!("    {}: filling with {count} artifacts", server.peer);
    let took = parallel(&server.target, CONNECTIONS, count, |connection, number| {
        let (config, media) = if number % RARE == 0 {
            (&chart, "application/vnd.cncf.helm.config.v1+json")
        } else {
            (&empty, "application/vnd.oci.empty.v1+json")
        };
        let size = if number % RARE == 0 { 75 } else { 2 };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE,
            "config": {"mediaType": media, "digest": config, "size": size},
            "layers": [{"mediaType": "text/markdown", "digest": layer.digest, "size": layer.size,
                "annotations": {"org.opencontainers.image.title": "notes.md"}}],
            "annotations": {"org.opencontainers.image.title": format!("Artifact {number}"),
                "org.opencontainers.image.description": "What it is for, in a line of some length."},
        });
        push_manifest(connection, REPOSITORY, &format!("v{number:06}"), IMAGE, manifest.to_string().as_bytes())
    })?;
    eprintln!("    {}: that took {took:.1?}; waiting for facts", server.peer);
    let took = inspect::wait(server)?;
    eprintln!("    {}: that took {took:.1?} more; waiting for the search index", server.peer);
    search::wait(server, &format!("repo:{REPOSITORY}"), 10_000.min(count as u64))?;
    search::wait(server, &format!("repo:{REPOSITORY} tag:v{:06}", count - 1), 1)
}

/// The time of each page in milliseconds, one after the other; each has to be full.
fn pages(target: &Place, path: &str) -> Result<Vec<f64>> {
    let mut connection = Connection::open(target)?;
    connection.request("GET", "/v2/", &Body::Empty)?.expect(200)?;
    let (mut times, mut last) = (Vec::with_capacity(PAGES), String::new());
    for _ in 0..PAGES {
        let page = format!("{path}{last}");
        let begin = Instant::now();
        let answer = connection.request("GET", &page, &Body::Empty)?.expect(200)?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        let list: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let length = list["items"].as_array().map_or(0, Vec::len);
        let next = list["next"].as_str();
        ensure!(length == ENTRIES || next.is_none(), "{page} has {length} entries");
        match next {
            Some(next) => last = format!("&last={next}"),
            None => break,
        }
    }
    Ok(times)
}

/// The time of a page that people see in milliseconds, again and again, and its size in KiB.
fn looks(target: &Place, path: &str) -> Result<(Vec<f64>, f64)> {
    let mut connection = Connection::open(target)?;
    let mut times = Vec::with_capacity(PAGES);
    let mut size = 0.0;
    for _ in 0..PAGES {
        let begin = Instant::now();
        let answer = connection.request("GET", path, &Body::Empty)?.expect(200)?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        size = answer.body.len() as f64 / 1024.0;
    }
    Ok((times, size))
}
