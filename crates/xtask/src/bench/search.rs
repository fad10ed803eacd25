//! Searching when there is very much: each query of a list that is kept here, over HTTP, by who may read everything and by who may read
//! little; and whether the index keeps up with pushes while it is so large.
//!
//! The index is filled without pushing (`store/examples/search_fixture.rs`), which would take most of a day.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::http::{Body, Connection, Target as Place};
use super::peers::{Peer, Server};
use super::report::{Report, Series, Target, median, percentile_95};
use super::{Bench, access, inspect, process};

const QUERIES: &str = include_str!("search/queries.txt");
/// How often each is asked, in one order after the other.
const TURNS: usize = 20;
/// Pushes a second that have to be kept up with.
const RATE: u32 = 200;
/// How many projects somebody may read who may read some.
const FEW: usize = 50;
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Measures wharf alone, on both engines.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let what = |what: &str| format!("search 100,000 artifacts, 5,000,000 files, 1,000,000 packages: {what}");
    let mut middle = Series::new(what("median"), "ms");
    let mut slow = Series::new(what("95 of 100 within"), "ms").target(Peer::Wharf, Target::Below(30.0));
    let mut slowest = Series::new(what("the slowest query, its median"), "ms");
    let mut few = Series::new(what("95 of 100 within, for who may read 60 of 200 projects"), "ms")
        .target(Peer::Wharf, Target::Below(30.0));
    let mut lag =
        Series::new("last of 200 pushes a second found, with its files", "s").target(Peer::Wharf, Target::Below(2.0));
    for peer in bench.registries().into_iter().filter(|peer| matches!(peer, Peer::Wharf | Peer::WharfPostgres)) {
        let mut server = bench.yard.start(peer)?;
        wait(&server, "tagged:any", 0)?;
        server.stop();
        fill(bench, &server)?;
        bench.yard.restart(&mut server)?;
        wait(&server, "tagged:any", 1)?;
        let times = ask(&server.target, true)?;
        middle.add(peer, median(&times.all).context("no query")?);
        slow.add(peer, percentile_95(&times.all).context("no query")?);
        slowest.add(peer, times.slowest.1);
        report.note(format!("The slowest query of {peer} is `{}`.", times.slowest.0));
        let projects = (0..FEW).map(|number| format!("team{:03}", 20 + number * 3));
        let reader = access::reader_of_projects(&server, projects)?;
        few.add(peer, percentile_95(&ask(&reader, false)?.all).context("no query")?);
        let count = bench.count(3_000);
        inspect::push(&server, 0..count, Some(RATE))?;
        let begin = Instant::now();
        wait(&server, &format!("repo:bench/inspect tag:a{}", count - 1), 1)?;
        let last_image = (0..count).rev().find(|number| number % 3 == 1).context("an image")?;
        wait(&server, &format!("file:/usr/share/app-{last_image}/0"), 1)?;
        lag.add(peer, begin.elapsed().as_secs_f64());
    }
    [middle, slow, slowest, few, lag].into_iter().for_each(|series| report.add(series));
    Ok(())
}

/// Puts the fixture into the index of a server that is stopped.
fn fill(bench: &Bench<'_>, server: &Server) -> Result<()> {
    let begin = Instant::now();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--package", "wharf-store", "--example", "search_fixture", "--"]);
    match server.database() {
        Some(url) => command.arg(url),
        None => command.arg(server.data().join("search.db")),
    };
    let said = process::output(command.arg(if bench.quick() { "5" } else { "100" }).current_dir(crate::workspace()))?;
    eprintln!("    filling the index took {:.1?}: {}", begin.elapsed(), said.trim().replace('\n', ", "));
    if let (Some(url), Some(postgres)) = (server.database(), &bench.yard.postgres) {
        // As it does by itself a minute later.
        postgres.vacuum(url)?;
    } else {
        eprintln!("    it has {} MiB", std::fs::metadata(server.data().join("search.db"))?.len() >> 20);
    }
    Ok(())
}

/// Waits until a query finds so much.
pub(crate) fn wait(server: &Server, query: &str, least: u64) -> Result<()> {
    let (begin, mut connection) = (Instant::now(), server.connect()?);
    loop {
        ensure!(begin.elapsed() < WAIT_MAX, "{query} is not found in {WAIT_MAX:?}");
        let answer = connection.request("GET", &path(query), &Body::Empty)?;
        if answer.status == 200 && found(&answer.body)? >= least {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn found(body: &[u8]) -> Result<u64> {
    let found: Value = serde_json::from_slice(body)?;
    found["total"].as_u64().context("no total")
}

struct Times {
    /// In milliseconds.
    all: Vec<f64>,
    /// The query whose median is largest, and that.
    slowest: (String, f64),
}

/// Asks all queries, one after the other on one connection; each has to find something where that is said.
fn ask(target: &Place, find: bool) -> Result<Times> {
    let queries: Vec<&str> = QUERIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); queries.len()];
    let mut connection = Connection::open(target)?;
    connection.request("GET", "/v2/", &Body::Empty)?.expect(200)?;
    for turn in 0..TURNS {
        for at in 0..queries.len() {
            // Not always behind the same.
            let at = (at * (2 * turn + 1) + turn) % queries.len();
            let begin = Instant::now();
            let answer = connection.request("GET", &path(queries[at]), &Body::Empty)?.expect(200)?;
            times[at].push(begin.elapsed().as_secs_f64() * 1000.0);
            ensure!(!find || turn > 0 || found(&answer.body)? > 0, "{} finds nothing", queries[at]);
        }
    }
    let of_each = queries.iter().zip(&times).filter_map(|(query, times)| Some(((*query).to_owned(), median(times)?)));
    let mut of_each: Vec<(String, f64)> = of_each.collect();
    of_each.sort_by(|one, other| other.1.total_cmp(&one.1));
    for (query, time) in of_each.iter().take(10) {
        eprintln!("      {time:.1} ms: {query}");
    }
    let slowest = of_each.into_iter().next().context("no query")?;
    Ok(Times { all: times.concat(), slowest })
}

fn path(query: &str) -> String {
    let escaped: String = query
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("/api/v1/search?q={escaped}")
}
