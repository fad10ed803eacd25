//! What it costs that many may do many things: the same requests by one of ten thousand users and by the administrator of an
//! empty server, pages of the catalog for somebody who may read little of it, and pushes into a project with a quota.

use std::time::{Duration, Instant};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::content::Content;
use super::http::{Body, Connection, Target as Place};
use super::load::{IMAGE, INDEX, empty_index, manifest, parallel, push_blob, push_empty, push_manifest};
use super::manifests::wrk;
use super::peers::{Peer, Server};
use super::report::{Report, Series, Target};
use super::{Bench, MIB};

const USERS: usize = 10_000;
const PROJECTS: usize = 5_000;
/// Bindings of each project.
const BINDINGS: usize = 4;
/// What the user of the measurements logs in with.
const PASSWORD: &str = "correct horse battery staple";

/// Measures pulls and pushes; the catalog is with the other lists.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    // Rates swing by a tenth from round to round; what knowing and allowing cost of themselves, in nanoseconds, is measured by
    // the registry's example `access_speed`.
    let mut rate =
        Series::new("manifest by tag by one of 10,000 users with 20,000 bindings, against an empty server", "×");
    let mut cost =
        Series::new("the same: CPU of the server for each request", "×").target(Peer::Wharf, Target::Below(1.03));
    let (full, empty) = (bench.yard.start(Peer::Wharf)?, bench.yard.start(Peer::Wharf)?);
    let user = fill(bench, &full)?;
    for server in [&full, &empty] {
        push_manifest(&mut server.connect()?, "p00007/app", "latest", INDEX, &empty_index())?;
    }
    for _ in 0..bench.rounds(7) {
        let (of_empty, of_full) = (pull(bench, &empty, &empty.target)?, pull(bench, &full, &user)?);
        rate.add(Peer::Wharf, of_full.rate / of_empty.rate);
        cost.add(Peer::Wharf, of_full.cpu / of_empty.cpu);
    }
    report.add(rate);
    report.add(cost);
    quota(bench, report)
}

/// The same pushes into a project with a quota, against one without.
fn quota(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let mut small =
        Series::new("push small artifacts with a quota, against none", "×").target(Peer::Wharf, Target::Times(0.9));
    let mut large =
        Series::new("push a 256 MiB blob with a quota, against none", "×").target(Peer::Wharf, Target::Times(0.9));
    let server = bench.yard.start(Peer::Wharf)?;
    let document =
        json!({ "projects": { "free": {}, "held": { "settings": { "quota_bytes": 1_u64 << 50 } } } }).to_string();
    server
        .connect()?
        .request("POST", "/api/v1/config", &Body::Bytes("application/json", document.as_bytes()))?
        .expect(200)?;
    for round in 0..bench.rounds(7) {
        let [free, held] =
            ["free", "held"].map(|project| push_small(bench, &server, &format!("{project}/small-{round}")));
        small.add(Peer::Wharf, free?.as_secs_f64() / held?.as_secs_f64());
        let [free, held] = ["free", "held"].map(|project| push_large(bench, &server, &format!("{project}/large")));
        large.add(Peer::Wharf, free?.as_secs_f64() / held?.as_secs_f64());
    }
    report.add(small);
    report.add(large);
    Ok(())
}

/// Artifacts of one small layer each, on 16 connections.
fn push_small(bench: &Bench<'_>, server: &Server, repository: &str) -> Result<Duration> {
    let count = bench.count(2_000);
    push_empty(&mut server.connect()?, repository)?;
    let layers: Vec<_> = (0..count).map(|_| Content::fresh(5_000)).collect();
    parallel(&server.target, 16, count, |connection, number| {
        push_blob(connection, repository, &layers[number])?;
        let bytes = manifest(&[&layers[number]], repository);
        push_manifest(connection, repository, &format!("v{number}"), IMAGE, &bytes)
    })
}

fn push_large(bench: &Bench<'_>, server: &Server, repository: &str) -> Result<Duration> {
    let content = Content::fresh(bench.scaled(256 * MIB));
    let mut connection = server.connect()?;
    rustix::fs::sync();
    let begin = Instant::now();
    push_blob(&mut connection, repository, &content)?;
    Ok(begin.elapsed())
}

struct Pulled {
    /// Requests a second.
    rate: f64,
    /// Seconds of the server's CPU for each.
    cpu: f64,
}

fn pull(bench: &Bench<'_>, server: &Server, whose: &Place) -> Result<Pulled> {
    let seconds = if bench.quick() { 1 } else { 3 };
    let before = server.process.cpu_seconds();
    let rate = wrk(whose, "/v2/p00007/app/manifests/latest", seconds)?;
    let cpu = (server.process.cpu_seconds() - before) / (rate * seconds as f64);
    Ok(Pulled { rate, cpu })
}

/// Users, projects and who may do what in them, by one document. As whom to ask: somebody with a binding in four projects.
fn fill(bench: &Bench<'_>, server: &Server) -> Result<Place> {
    let (users, projects) = (bench.count(USERS), bench.count(PROJECTS));
    let mut connection = server.connect()?;
    let bindings = |project: usize| -> Vec<Value> {
        let user = |at: usize| format!("user:u{:05}", (project * BINDINGS + at) % users);
        let role = |at: usize| ["reader", "contributor", "maintainer", "owner"][at % 4];
        (0..BINDINGS).map(|at| json!({ "subject": user(at), "role": role(at) })).collect()
    };
    let all_users: Map<String, Value> = (0..users).map(|number| (format!("u{number:05}"), json!({}))).collect();
    let all_projects: Map<String, Value> =
        (0..projects).map(|number| (format!("p{number:05}"), json!({ "bindings": bindings(number) }))).collect();
    let document = json!({ "users": all_users, "projects": all_projects }).to_string();
    let begin = Instant::now();
    connection.request("POST", "/api/v1/config", &Body::Bytes("application/json", document.as_bytes()))?.expect(200)?;
    eprintln!("    applying {users} users, {projects} projects and their bindings took {:.1?}", begin.elapsed());
    let whose = format!("u{:05}", (7 * BINDINGS) % users);
    let password = json!({ "password": PASSWORD }).to_string();
    let path = format!("/api/v1/users/{whose}/password");
    connection.request("PUT", &path, &Body::Bytes("application/json", password.as_bytes()))?.expect(204)?;
    Ok(logged_in(server, &whose))
}

/// The server, as somebody else.
fn logged_in(server: &Server, user: &str) -> Place {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{PASSWORD}")));
    Place { authorization: Some(authorization), ..server.target.clone() }
}

/// Makes somebody who may read these repositories of the project, and nothing else.
pub(crate) fn reader_of(server: &Server, project: &str, repositories: impl Iterator<Item = String>) -> Result<Place> {
    let bindings: Vec<_> = repositories
        .map(|name| json!({ "subject": "user:reader", "permissions": ["pull"], "repositories": name }))
        .collect();
    reader(server, &json!({ project: { "bindings": bindings } }))
}

/// Makes somebody who may read these projects, which are made, and nothing else.
pub(crate) fn reader_of_projects(server: &Server, projects: impl Iterator<Item = String>) -> Result<Place> {
    let bindings = json!({ "bindings": [{ "subject": "user:reader", "role": "reader" }] });
    let projects: Map<String, Value> = projects.map(|name| (name, bindings.clone())).collect();
    reader(server, &Value::Object(projects))
}

fn reader(server: &Server, projects: &Value) -> Result<Place> {
    let mut connection: Connection = server.connect()?;
    let user = json!({ "name": "reader", "password": PASSWORD }).to_string();
    connection.request("POST", "/api/v1/users", &Body::Bytes("application/json", user.as_bytes()))?.expect(201)?;
    let document = json!({ "projects": projects }).to_string();
    connection.request("POST", "/api/v1/config", &Body::Bytes("application/json", document.as_bytes()))?.expect(200)?;
    Ok(logged_in(server, "reader"))
}
