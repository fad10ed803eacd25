//! Pages of very long lists, and how soon the server answers when it holds them.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::http::{Body, Connection, Target};
use super::load::{INDEX, empty_index, parallel, push_manifest};
use super::peers::{Peer, Server};
use super::report::{self, Report, Series, median, percentile_99};
use super::{Bench, access};

/// Tags made by one push (the most that a server has to take is 10, wharf takes 100).
const TAGS_AT_ONCE: usize = 100;
/// Connections that fill the store.
const CONNECTIONS: usize = 16;
/// How many repositories somebody may read who may read few.
const SCATTERED: usize = 50;
/// Pages asked for.
const PAGES: usize = 200;

/// Measures wharf alone: the peers walk their folders for a list.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let (tags, repositories) = (bench.count(1_000_000), bench.count(100_000));
    let mut rows = Rows::new();
    for peer in bench.registries() {
        if peer == Peer::Wharf || (peer == Peer::WharfPostgres && bench.thorough()) {
            one(bench, peer, tags, repositories, &mut rows)?;
        }
    }
    let Rows { tags, tags_99, catalog, catalog_99, scattered, start } = rows;
    [tags, tags_99, catalog, catalog_99, scattered, start].into_iter().for_each(|series| report.add(series));
    Ok(())
}

struct Rows {
    tags: Series,
    tags_99: Series,
    catalog: Series,
    catalog_99: Series,
    scattered: Series,
    start: Series,
}

impl Rows {
    fn new() -> Rows {
        let own = |what: &str, unit, bound| Series::new(what, unit).target(Peer::Wharf, report::Target::Below(bound));
        Rows {
            tags: own("tags page, n=100 of 1,000,000, median", "ms", 2.0),
            tags_99: Series::new("tags page, 99 of 100 below", "ms"),
            catalog: own("catalog page, n=100 of 100,000, median", "ms", 2.0),
            catalog_99: Series::new("catalog page, 99 of 100 below", "ms"),
            scattered: Series::new("catalog for who may read 50 of them, against the administrator's, n=50", "×"),
            start: own("start to first answer with those stored", "ms", 100.0),
        }
    }
}

fn one(bench: &Bench<'_>, peer: Peer, tags: usize, repositories: usize, rows: &mut Rows) -> Result<()> {
    let mut server = bench.yard.start(peer)?;
    fill(&server, tags, repositories)?;
    for _ in 0..5 {
        rows.start.add(peer, bench.yard.restart(&mut server)?.as_secs_f64() * 1000.0);
    }
    let place = |page: usize, of: usize| page * 7919 % PAGES * (of - 200) / PAGES;
    let times = pages(&server.target, 100, "tags", |page| {
        format!("/v2/bench/tags/tags/list?n=100&last={}", tag(place(page, tags)))
    })?;
    rows.tags.add(peer, median(&times).context("no page")?);
    rows.tags_99.add(peer, percentile_99(&times).context("no page")?);
    let times = pages(&server.target, 100, "repositories", |page| {
        format!("/v2/_catalog?n=100&last={}", repository(place(page, repositories)))
    })?;
    rows.catalog.add(peer, median(&times).context("no page")?);
    rows.catalog_99.add(peer, percentile_99(&times).context("no page")?);
    let few = (0..SCATTERED).map(|number| repository(number * repositories / SCATTERED));
    let reader = access::reader_of(&server, "many", few)?;
    let whole = |target: &Target| pages(target, SCATTERED, "repositories", |_| format!("/v2/_catalog?n={SCATTERED}"));
    let (few, all) = (median(&whole(&reader)?), median(&whole(&server.target)?));
    rows.scattered.add(peer, few.context("no page")? / all.context("no page")?);
    Ok(())
}

/// An index of nothing under a million tags, then in a hundred thousand repositories.
fn fill(server: &Server, tags: usize, repositories: usize) -> Result<()> {
    let bytes = empty_index();
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
    eprintln!("    {}: filling with {tags} tags", server.peer);
    let took = parallel(&server.target, CONNECTIONS, tags.div_ceil(TAGS_AT_ONCE), |connection, push| {
        let named =
            (push * TAGS_AT_ONCE..tags.min((push + 1) * TAGS_AT_ONCE)).map(|number| format!("tag={}", tag(number)));
        let query = named.collect::<Vec<_>>().join("&");
        push_manifest(connection, "bench/tags", &format!("{digest}?{query}"), INDEX, &bytes)
    })?;
    eprintln!("    {}: {tags} tags took {took:.1?}; filling with {repositories} repositories", server.peer);
    let took = parallel(&server.target, CONNECTIONS, repositories, |connection, number| {
        push_manifest(connection, &repository(number), "latest", INDEX, &bytes)
    })?;
    eprintln!("    {}: {repositories} repositories took {took:.1?}", server.peer);
    Ok(())
}

fn tag(number: usize) -> String {
    format!("t{number:07}")
}

fn repository(number: usize) -> String {
    format!("many/r{number:06}")
}

/// The time of each page in milliseconds; each has to be full.
fn pages(target: &Target, entries: usize, member: &str, path: impl Fn(usize) -> String) -> Result<Vec<f64>> {
    let mut connection = Connection::open(target)?;
    connection.request("GET", "/v2/", &Body::Empty)?.expect(200)?;
    let mut times = Vec::with_capacity(PAGES);
    for page in 0..PAGES {
        let path = path(page);
        let begin = Instant::now();
        let answer = connection.request("GET", &path, &Body::Empty)?.expect(200)?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        let list: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let length = list[member].as_array().map_or(0, Vec::len);
        ensure!(length == entries, "{path} has {length} entries");
    }
    Ok(times)
}
