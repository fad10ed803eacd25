//! What a restart keeps, however it came about, and what a start refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use wharf_testkit::fixture::{Artifact, begin, digest, noise, push_blob};
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::{Server, Setup, wait_for};

/// The longest that a start on a small store may take on a machine that has other things to do.
const START_MAX: Duration = Duration::from_secs(5);

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_wharf")).env("WHARF_LIMITS__STOP_TIMEOUT_S", "1")
}

fn patch(client: &Client, location: &str, bytes: &[u8]) -> Response {
    client.request("PATCH", location).header("Content-Type", "application/octet-stream").body(bytes).send()
}

fn finish(client: &Client, location: &str, bytes: &[u8], rest: &[u8]) {
    let last = client.put(&format!("{location}?digest={}", digest(bytes)), "application/octet-stream", rest);
    let got = client.get(last.expect(201).required("location")).expect(200);
    assert!(got.body == bytes, "what was finished is what was sent");
}

/// A request that says that it sends more than it does; the server is reading its body when this returns.
fn send_in_part(client: &Client, method: &str, target: &str, whole: usize, part: &[u8]) -> TcpStream {
    let request = client.request(method, target).header("Content-Length", whole).header("Expect", "100-continue");
    let mut stream = client.connect();
    stream.write_all(request.body("").head_bytes().as_bytes()).unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&asked));
    stream.write_all(part).unwrap();
    stream
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let inside = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flatten().flat_map(|entry| inside(entry.path())).collect()
}

#[test]
fn an_upload_that_sigterm_cut_goes_on_after_the_restart() {
    let mut server = setup().start();
    let bytes = noise(1, 700_000);
    let location = begin(&server.admin(), "acme/app");
    let stream = send_in_part(&server.admin(), "PATCH", &location, bytes.len(), &bytes[..400_000]);
    server.stop_calmly();
    drop(stream);
    server.restart();
    let client = server.admin();
    let offset = client.get(&location).expect(204).offset();
    assert_eq!(offset, 400_000, "all that came is kept");
    patch(&client, &location, &bytes[offset..600_000]).expect(202);
    finish(&client, &location, &bytes, &bytes[600_000..]);
}

#[test]
fn a_session_survives_a_kill_at_the_offset_that_it_reported() {
    let mut server = setup().start();
    for (seed, first, second) in [(2, 0, 0), (3, 1_000, 2_000), (4, 10_000, 20_000), (5, 100_000, 300_000)] {
        let bytes = noise(seed, second + 50_000);
        let location = begin(&server.admin(), "acme/app");
        let offset = |server: &Server| server.admin().get(&location).expect(204).offset();
        for (from, to) in [(0, first), (first, second)] {
            assert_eq!(offset(&server), from);
            if to > from {
                patch(&server.admin(), &location, &bytes[from..to]).expect(202);
            }
            server.kill();
            server.restart();
            assert_eq!(offset(&server), to, "acknowledged, so it is there");
        }
        finish(&server.admin(), &location, &bytes, &bytes[second..]);
    }
    assert_eq!(files(&server.data.join("blobs/uploads")), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_upload_that_a_kill_cut_begins_again_and_leaves_nothing() {
    let mut server = setup().start();
    let uploads = server.data.join("blobs/uploads");
    for (seed, is_same) in [(6, true), (7, false)] {
        let cut = noise(seed, 900_000);
        let location = begin(&server.admin(), "acme/app");
        let target = format!("{location}?digest={}", digest(&cut));
        let stream = send_in_part(&server.admin(), "PUT", &target, cut.len(), &cut[..500_000]);
        wait_for("bytes on the heap", || {
            files(&uploads).iter().any(|path| path.metadata().unwrap().len() > 0).then_some(())
        });
        server.kill();
        drop(stream);
        server.restart();
        let client = server.admin();
        assert_eq!(client.get(&location).expect(204).offset(), 0, "nothing of it was acknowledged");
        if is_same {
            finish(&client, &location, &cut, &cut);
        } else {
            // It was to become something: with other content it is over.
            let other = format!("{location}?digest={}", digest(b"other"));
            let refused = client.put(&other, "application/octet-stream", "other");
            refused.expect_error(400, "BLOB_UPLOAD_INVALID");
        }
        assert_eq!(files(&uploads), Vec::<std::path::PathBuf>::new());
    }
}

/// A session's name outlives it. Whatever is sent to it once nobody remembers that it is over, the blob that came of it stays.
#[test]
fn coming_back_to_a_session_that_is_over_never_harms_its_blob() {
    let mut server = setup().start();
    let bytes = noise(8, 300_000);
    let location = begin(&server.admin(), "acme/app");
    finish(&server.admin(), &location, &bytes, &bytes);
    let blob = format!("/v2/acme/app/blobs/{}", digest(&bytes));
    let target = format!("{location}?digest={}", digest(&bytes));
    let untouched = |server: &Server| assert!(server.admin().get(&blob).expect(200).body == bytes);
    for other in [noise(9, 300_000), noise(9, 200_000), noise(9, 100), bytes.clone()] {
        server.kill();
        server.restart();
        let status = server.admin().put(&target, "application/octet-stream", &other[..]).status;
        assert!(if other == bytes { status == 201 } else { status == 400 }, "{status}");
        untouched(&server);
    }
    server.kill();
    server.restart();
    drop(send_in_part(&server.admin(), "PUT", &target, bytes.len(), &bytes[..200_000]));
    wait_for("the session to be free", || (server.admin().delete(&location).status != 409).then_some(()));
    untouched(&server);
    let resting = wait_for("one copy", || Some(files(&server.data.join("blobs"))).filter(|files| files.len() == 1));
    assert!(resting[0].metadata().unwrap().len() == 300_000);
}

#[test]
fn tags_people_tokens_and_public_projects_are_kept() {
    let mut server = setup().env("WHARF_LIMITS__HEADER_TIMEOUT_S", "30").start();
    let artifact = Artifact::small(1);
    artifact.push(&server.admin(), "acme/app", "1");
    artifact.push_manifest(&server.admin(), "acme/app", "2");
    server.admin().put("/api/v1/projects/acme", "application/json", r#"{"public":true}"#).expect(200);
    let token = server.admin().get("/token?service=x&scope=repository:acme/app:pull,push").expect(200).json();
    let bearer = Some(format!("Bearer {}", token["token"].as_str().unwrap()));
    let location = begin(&server.admin(), "acme/app");
    for kill in [true, false] {
        if kill {
            server.kill()
        } else {
            drop(server.stop_calmly())
        }
        let started = Instant::now();
        server.restart();
        server.anonymous().get("/livez").expect(200);
        assert!(started.elapsed() < START_MAX, "{:?}", started.elapsed());
        let list = server.anonymous().get("/v2/acme/app/tags/list").expect(200).json();
        assert_eq!(list["tags"], serde_json::json!(["1", "2"]));
        let got = server.anonymous().get("/v2/acme/app/manifests/2").expect(200);
        assert!(got.body == artifact.manifest);
        let holder = Client { authorization: bearer.clone(), ..server.anonymous() };
        push_blob(&holder, "acme/app", b"by a token of the process before");
        server.admin().get(&location).expect(204);
        server.anonymous().post("/v2/acme/app/blobs/uploads/").expect(401);
    }
}

/// Clients keep connections open; they must not hold up the end.
#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let mut server = setup().env("WHARF_LIMITS__STOP_TIMEOUT_S", "600").start();
    let mut idle: Vec<TcpStream> = (0..20).map(|_| server.anonymous().connect()).collect();
    for stream in &mut idle[..10] {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    let asked = Instant::now();
    server.stop_calmly();
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
}

#[test]
fn a_folder_in_use_a_newer_schema_and_a_broken_ledger_are_refused() {
    let mut server = setup().start();
    let (status, said) = setup().run_to_end(&server.data);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("in use by process"), "{said}");
    assert!(said.contains(server.data.to_str().unwrap()), "{said}");
    server.stop_calmly();

    let ledger = server.data.join("ledger.db");
    let set = |version: i64| {
        let connection = rusqlite::Connection::open(&ledger).unwrap();
        connection.execute("UPDATE schema_version SET version = version + ?1", [version]).unwrap();
        connection.query_row("SELECT version FROM schema_version", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let newer = set(1000).to_string();
    let (status, said) = setup().run_to_end(&server.data);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("newer") && said.contains(&newer), "{said}");
    set(-1000);
    server.restart();
    server.admin().get("/v2/").expect(200);
    server.stop_calmly();

    let whole = std::fs::read(&ledger).unwrap();
    std::fs::write(&ledger, noise(10, 50_000)).unwrap();
    let (status, said) = setup().run_to_end(&server.data);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("ledger") && !said.contains("panicked"), "{said}");
    std::fs::write(&ledger, whole).unwrap();
    server.restart();
    server.admin().get("/v2/").expect(200);
}
