//! What is not HTTP, or hardly.

use std::io::{BufReader, Read as _, Write as _};
use std::process::Command;

use wharf_testkit::fixture::{Artifact, begin, digest, noise};
use wharf_testkit::http::read_response;
use wharf_testkit::server::PASSWORD;

use super::{head, raw, setup};

#[test]
fn heads_that_are_too_large() {
    let mut server = setup().start();
    let client = server.admin();
    // The password is checked now: the memory of its hash is not what is measured.
    client.get("/v2/").expect(200);
    let memory = server.memory_kib("RssAnon");
    let long = "x".repeat(5 << 20);
    let many: String = (0..5_000).map(|at| format!("X-{at}: {at}\r\n")).collect();
    for (request, statuses) in [
        (head(&client, "GET", "/v2/", &format!("X: {long}\r\n")), &[431][..]),
        (head(&client, "GET", "/v2/", &format!("{long}: x\r\n")), &[400, 431]),
        (head(&client, "GET", "/v2/", &many), &[431]),
        (head(&client, "GET", &format!("/v2/{long}"), ""), &[400, 414, 431]),
        (head(&client, &long, "/v2/", ""), &[400, 405, 431]),
        (head(&client, "GET", "/v2/", &format!("Cookie: {}\r\n", &long[..100_000])), &[200]),
    ] {
        // Where the server closes while it is still being sent to, its answer may be lost.
        if let Some(refused) = raw(&client, &request) {
            assert!(statuses.contains(&refused.status), "{} {}", refused.status, refused.text());
        }
        server.expect_alive();
    }
    let grown = server.memory_kib("RssAnon").saturating_sub(memory);
    assert!(grown < 8 << 10, "{grown} KiB of memory");
    server.stop_calmly();
}

#[test]
fn what_is_no_http() {
    let mut server = setup().start();
    let client = server.admin();
    let hello = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &noise(1, 507)].concat();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    let settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00".as_slice();
    for bytes in [
        noise(2, 100_000),
        vec![0; 100_000],
        b"\r\n".repeat(50_000),
        b"GET\r\n\r\n".to_vec(),
        b"GET /v2/\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\nHost: x\n\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\nHost x\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\n Host: x\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.0\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\nHost: \"><script>\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/3.0\r\nHost: x\r\n\r\n".to_vec(),
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n\r\n".to_vec(),
        hello,
        preface.to_vec(),
        [preface, &noise(3, 100_000)].concat(),
        [preface, settings, &b"\xff\xff\xff\x01\x04\xff\xff\xff\xff".repeat(100)].concat(),
        [preface, settings, &b"\x00\x00\x08\x06\x00\x00\x00\x00\x00pingping".repeat(20_000)].concat(),
        [preface, &settings.repeat(20_000)].concat(),
    ] {
        if let Some(answer) = raw(&client, &bytes) {
            assert!(answer.status < 500, "{}: {:?}", answer.status, &bytes[..bytes.len().min(60)]);
        }
        server.expect_alive();
    }
    server.stop_calmly();
}

#[test]
fn garbage_after_a_request() {
    let mut server = setup().start();
    let client = server.admin();
    for garbage in [&b"\0\0\0\0\r\n\r\n"[..], b"GET /v2/ HTTP/9.9\r\n\r\n", &noise(4, 50_000)] {
        let mut stream = client.connect();
        let good = head(&client, "GET", "/v2/", "");
        let _ = stream.write_all(&[&good[..], &good, garbage].concat());
        let mut reader = BufReader::new(stream);
        for _ in 0..2 {
            read_response(&mut reader, false).expect("what was right is answered").expect(200);
        }
        if let Ok(refused) = read_response(&mut reader, false) {
            assert_eq!(refused.status, 400);
        }
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        assert_eq!(rest, b"", "then it is over");
        server.expect_alive();
    }
    server.stop_calmly();
}

#[test]
fn a_hundred_requests_at_once_on_one_connection() {
    let mut server = setup().start();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "1");
    let one = head(&client, "GET", "/v2/acme/app/manifests/1", "");
    let stream = client.connect();
    (&stream).write_all(&one.repeat(100)).unwrap();
    let mut reader = BufReader::new(&stream);
    for _ in 0..100 {
        assert!(read_response(&mut reader, false).expect("an answer").expect(200).body == image.manifest);
    }
    server.stop_calmly();
}

/// A client that asks first is told to go on only where its body is wanted.
#[test]
fn expect_100_continue() {
    let mut server = setup().start();
    let (client, nobody) = (server.admin(), server.anonymous());
    let bytes = noise(5, 100_000);
    let target = format!("{}?digest={}", begin(&client, "acme/app"), digest(&bytes));
    let first_line = |request: wharf_testkit::http::Request<'_>, then: &[u8]| {
        let stream = client.connect();
        let request = request.header("Expect", "100-continue").body("");
        (&stream).write_all(request.head_bytes().as_bytes()).unwrap();
        let mut first = [0; 12];
        (&stream).read_exact(&mut first).unwrap();
        (&stream).write_all(then).unwrap();
        let mut rest = Vec::new();
        let _ = (&stream).read_to_end(&mut rest);
        (String::from_utf8_lossy(&first).into_owned(), String::from_utf8_lossy(&rest).into_owned())
    };
    let put = || client.request("PUT", &target).header("Content-Length", bytes.len());
    let (first, rest) = first_line(put(), &bytes);
    assert_eq!(first, "HTTP/1.1 100");
    assert!(rest.contains("HTTP/1.1 201"), "{rest}");
    for (refused, status) in [
        (nobody.request("PUT", &target).header("Content-Length", 100), "HTTP/1.1 401"),
        (client.request("PUT", "/v2/acme/app/manifests/x").header("Content-Length", 100 << 20), "HTTP/1.1 413"),
        (client.request("PATCH", "/v2/acme/app/blobs/uploads/x").header("Content-Length", 100), "HTTP/1.1 404"),
        (client.request("PUT", "/v2/A/manifests/x").header("Content-Length", 100), "HTTP/1.1 400"),
    ] {
        assert_eq!(first_line(refused, b"").0, status);
    }
    server.expect_alive();
    server.stop_calmly();
}

/// HTTP/2 without TLS, by those who know that it is spoken here.
#[test]
fn http2_by_prior_knowledge() {
    let version = Command::new("curl").arg("--version").output().expect("these tests need curl");
    assert!(String::from_utf8_lossy(&version.stdout).contains("HTTP2"), "these tests need a curl with HTTP/2");
    let mut server = setup().start();
    let client = server.admin();
    let curl = |arguments: &[&str], path: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--http2-prior-knowledge", "--user", &format!("admin:{PASSWORD}")]);
        curl.args(["--write-out", "%{http_version} %{http_code}", "--max-time", "60", "--output", "/dev/null"]);
        let ran = curl.args(arguments).arg(format!("http://{}{path}", server.address)).output().unwrap();
        String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned()
    };
    assert_eq!(curl(&[], "/v2/"), "2 200");
    assert_eq!(curl(&[], "/v2/A/tags/list"), "2 400");
    assert_eq!(curl(&["--request", "POST"], "/v2/acme/app/blobs/uploads/"), "2 202");
    for (path, status) in
        [("/v2/", 200), ("/v2/acme/app/tags/list", 404), ("/nothing", 404), ("/livez", 200), ("/token", 200)]
    {
        // A body would be an error of the protocol, which curl tells.
        assert_eq!(curl(&["--head"], path), format!("2 {status}"), "{path}");
    }
    assert_eq!(curl(&["--head", "--user", "admin:wrong"], "/v2/"), "2 401");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blob");
    let bytes = noise(6, 3_000_000);
    std::fs::write(&file, &bytes).unwrap();
    let data = format!("@{}", file.display());
    let target = format!("/v2/acme/app/blobs/uploads/?digest={}", digest(&bytes));
    assert_eq!(curl(&["--request", "POST", "--data-binary", &data], &target), "2 201");
    assert!(client.get(&format!("/v2/acme/app/blobs/{}", digest(&bytes))).expect(200).body == bytes);
    assert_eq!(curl(&["--request", "PUT", "--data-binary", &data], "/v2/acme/app/manifests/x"), "2 400");
    let header = format!("X: {}", "x".repeat(100_000));
    let refused = curl(&["--header", &header], "/v2/");
    assert!(refused == "2 431" || refused.starts_with("0 000"), "refused or cut: {refused}");
    server.expect_alive();
    server.stop_calmly();
}
