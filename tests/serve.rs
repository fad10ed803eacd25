//! Starting, stopping and looking after the server, on the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use wharf_testkit::fixture;
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::{PASSWORD, Setup};

const WHARF: &str = env!("CARGO_BIN_EXE_wharf");

fn setup() -> Setup {
    Setup::new(WHARF)
}

/// What the server says on stderr up to the line that tells where it listens, that one included.
fn said_at_start(data: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new(WHARF);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(arguments).env_clear();
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        lines.push(line);
        if lines.last().is_some_and(|line| line.starts_with("listening on ")) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

fn reset(data: &Path, stdin: Option<&str>) -> Output {
    let mut command = Command::new(WHARF);
    command.args(["admin", "reset", "--data"]).arg(data).args(stdin.map(|_| "--password-stdin")).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // It does not read where it is not told to.
    let _ = child.stdin.take().unwrap().write_all(stdin.unwrap_or_default().as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn the_first_start_shows_a_password_once_and_the_line_is_plain() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = said_at_start(&data, &["--set", "log.format=json"]);
    assert_eq!(first.len(), 3, "{first:?}");
    assert!(first[0].contains("admin"));
    let password = first[1].trim();
    assert!(first[2].starts_with("listening on http://127.0.0.1:") && !first[2].ends_with(":0"), "{first:?}");

    let second = said_at_start(&data, &["--set", "log.format=json"]);
    assert_eq!(second.len(), 1, "{second:?}");
    // WHARF_ADMIN_PASSWORD, which the testkit sets, counts at the first start only.
    let server = setup().start_on(&data);
    let client = |password| Client { authorization: Some(basic("admin", password)), ..server.anonymous() };
    client(password).get("/v2/").expect(200);
    client(PASSWORD).get("/v2/").expect(401);
}

#[test]
fn one_process_at_a_time_uses_a_data_folder() {
    let mut server = setup().start();
    let (status, said) = setup().run_to_end(&server.data);
    assert_eq!(status.code(), Some(2));
    assert!(said.contains(&format!("process {}", server.pid())), "{said}");
    assert_eq!(reset(&server.data, None).status.code(), Some(2), "the server runs");
    server.kill();
    server.restart();
    server.admin().get("/v2/").expect(200);
}

#[test]
fn a_new_password_for_the_administrator() {
    let mut server = setup().start();
    assert!(server.stop().success());
    let made_up = reset(&server.data, None);
    assert!(made_up.status.success());
    let made_up = String::from_utf8(made_up.stdout).unwrap();
    server.restart();
    let status = |client: Client| client.get("/v2/").status;
    let with = |address, password: &str| Client { address, authorization: Some(basic("admin", password)) };
    assert_eq!(status(with(server.address, made_up.trim())), 200);
    assert_eq!(status(with(server.address, PASSWORD)), 401);

    assert!(server.stop().success());
    assert!(reset(&server.data, Some("a new one\nand more")).status.success());
    assert_eq!(reset(&server.data, Some("\n")).status.code(), Some(2), "an empty one");
    server.restart();
    assert_eq!(status(with(server.address, "a new one")), 200);
    let nowhere = reset(&server.data.join("nowhere"), None);
    assert_eq!(nowhere.status.code(), Some(2));
}

#[test]
fn open_needs_no_login_but_for_administration() {
    let server = setup().arg("--open").start();
    let anyone = server.anonymous();
    fixture::Artifact::small(1).push(&anyone, "acme/app", "1");
    anyone.get("/v2/acme/app/manifests/1").expect(200);
    anyone.get("/v2/_catalog").expect(200);
    let settings = r#"{"public":true}"#;
    assert_eq!(anyone.put("/api/v1/projects/acme", "application/json", settings).status, 401);
    server.admin().put("/api/v1/projects/acme", "application/json", settings).expect(200);
}

#[test]
fn an_upload_in_flight_is_kept_when_the_server_stops() {
    let mut server = setup().arg("--set").arg("limits.stop_timeout_s=1").start();
    let location = fixture::begin(&server.admin(), "acme/app");
    let (admin, bytes) = (server.admin(), fixture::noise(1, 300_000));
    let request = admin.request("PATCH", &location).header("Content-Length", bytes.len() + 1).body("");
    let head = request.header("Content-Type", "application/octet-stream").header("Expect", "100-continue").head_bytes();
    let mut stream = admin.connect();
    stream.write_all(head.as_bytes()).unwrap();
    // Once the server asks for the body, the request is under way.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"));
    stream.write_all(&bytes).unwrap();
    assert!(server.stop().success());
    server.restart();
    let offset = server.admin().get(&location).expect(204);
    assert_eq!(offset.required("range"), format!("0-{}", bytes.len() - 1));
}

#[test]
fn health_metrics_and_the_name_of_a_request() {
    let mut server = setup().env("WHARF_LOG__ACCESS", "true").env("WHARF_LOG__FORMAT", "json").start();
    let client = server.anonymous();
    assert_eq!(client.get("/livez").expect(200).text(), "ok\n");
    let ready = client.get("/readyz").expect(200).json();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["components"]["ledger"]["state"], "ok");
    let metrics = client.get("/metrics").expect(200).text();
    assert!(metrics.contains("wharf_http_requests_total{route=\"health\",method=\"GET\",status_class=\"2xx\"} 2"));
    for told in ["wharf_follower_lag{follower=\"totals\"}", "wharf_jobs{kind=\"inspect\"}", "wharf_search_lag "] {
        assert!(metrics.contains(told), "{metrics}");
    }
    let answer = client.get("/v2/").expect(401);
    let id = answer.required("x-request-id").to_owned();
    // An upload goes on in a task of its own.
    std::fs::remove_dir(server.data.join("blobs/uploads")).unwrap();
    std::fs::write(server.data.join("blobs/uploads"), "in the way").unwrap();
    let admin = server.admin();
    let failed = admin.request("PATCH", &fixture::begin(&admin, "acme/app")).body(fixture::noise(1, 50_000)).send();
    let failed_id = failed.expect(500).required("x-request-id").to_owned();
    assert!(server.stop().success());
    let lines: Vec<serde_json::Value> =
        server.said_to_the_end().iter().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let line = lines.iter().find(|line| line["request"] == id.as_str()).expect("the request is in the log");
    assert_eq!((&line["status"], &line["path"]), (&401.into(), &"/v2/".into()));
    let errors = || lines.iter().filter(|line| line["level"] == "ERROR");
    assert!(errors().count() > 0 && errors().all(|line| line["span"]["id"] == failed_id.as_str()), "{lines:?}");
}

/// Everything in the data folder is its owner's alone, whatever the umask of whoever starts the server.
#[test]
fn nobody_else_reads_the_data_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$@\"", "sh", WHARF, "serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the shell runs");
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.into_iter().any(|line| line.starts_with("listening on ")));
    let (mut folders, mut found) = (vec![data], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", entry.path().display());
            found.push(entry.file_name());
            folders.extend(entry.file_type().unwrap().is_dir().then(|| entry.path()));
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for name in ["format", "ledger.db", "blobs", "secret.key"] {
        assert!(found.iter().any(|found| found == name), "no {name} in {found:?}");
    }
}
