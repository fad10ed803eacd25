//! Bodies that are too large, too short, too long, or not what they say.

use std::io::Write as _;
use std::time::{Duration, Instant};

use wharf_model::limits::{API_BODY_BYTES_MAX, BLOB_BYTES_MAX, MANIFEST_BYTES_MAX, TOKEN_BODY_BYTES_MAX};
use wharf_testkit::fixture::{Artifact, begin, digest, noise};

use super::{answer, head, raw, setup};

#[test]
fn bodies_over_their_limit_are_refused_before_they_are_read() {
    let mut server = setup().start();
    let client = server.admin();
    let location = begin(&client, "acme/app");
    let too_long = format!("Content-Length: {}\r\n", BLOB_BYTES_MAX + 1);
    let manifest = format!("Content-Length: {}\r\n", MANIFEST_BYTES_MAX + 1);
    let api = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", API_BODY_BYTES_MAX + 1);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ";
    let form = format!("{form}{}\r\n", TOKEN_BODY_BYTES_MAX + 1);
    let whole = format!("digest={}", digest(b""));
    for (method, target, lines, statuses) in [
        ("PUT", "/v2/acme/app/manifests/x", &manifest, &[413][..]),
        ("PATCH", &location, &too_long, &[400, 413]),
        ("PUT", &format!("{location}?{whole}"), &too_long, &[400, 413]),
        ("POST", &format!("/v2/acme/app/blobs/uploads/?{whole}"), &too_long, &[400, 413]),
        ("PUT", "/api/v1/projects/acme", &api, &[413]),
        ("POST", "/token", &form, &[413]),
    ] {
        // Not one byte of the body is sent: whoever waited for it would wait as long as bodies may stand still.
        let (mut stream, asked) = (client.connect(), Instant::now());
        stream.write_all(&head(&client, method, target, lines)).unwrap();
        let refused = answer(stream).expect(target);
        assert!(asked.elapsed() < Duration::from_secs(30), "{method} {target}: {:?}", asked.elapsed());
        assert!(statuses.contains(&refused.status), "{method} {target}: {} {}", refused.status, refused.text());
        server.expect_alive();
    }
    let range = format!("0-{BLOB_BYTES_MAX}");
    let endless = client.request("PATCH", &location).header("Content-Range", range).body("x").chunked().send();
    endless.expect_error(400, "SIZE_INVALID");
    assert_eq!(client.get(&location).expect(204).offset(), 0);
    server.stop_calmly();
}

#[test]
fn bodies_of_unknown_length_are_read_up_to_their_limit() {
    let mut server = setup().start();
    let client = server.admin();
    let before = server.memory_kib("RssAnon");
    let endless = vec![b' '; 40 << 20];
    let put = |target: &str| client.request("PUT", target).header("Content-Type", "application/json");
    put("/v2/acme/app/manifests/x").body(&endless[..]).chunked().send().expect_error(413, "MANIFEST_INVALID");
    let api = put("/api/v1/projects/acme").body(&endless[..]).chunked().send();
    assert!([400, 413].contains(&api.status), "{}", api.status);
    let form = "application/x-www-form-urlencoded";
    let token = client.request("POST", "/token").header("Content-Type", form).body(&endless[..]).chunked().send();
    assert!([400, 413].contains(&token.status), "{}", token.status);
    assert!(server.memory_kib("RssAnon") < before + (24 << 10), "it was read into memory");
    server.expect_alive();
    server.stop_calmly();
}

/// Whoever only reads when everything is sent reads all of an answer that came before.
#[test]
fn an_answer_that_comes_early_is_not_lost() {
    let mut server = setup().start();
    let (client, nobody) = (server.admin(), server.anonymous());
    let body = noise(3, 8 << 20);
    for _ in 0..5 {
        for (client, target, status) in [
            (&nobody, "/v2/acme/app/blobs/uploads/x", 401),
            (&client, "/v2/acme/app/blobs/uploads/x", 404),
            (&client, "/v2/acme/App/blobs/uploads/x", 400),
        ] {
            let request = client.request("PATCH", target).header("Content-Length", body.len()).body("");
            let mut stream = client.connect();
            stream.write_all(request.head_bytes().as_bytes()).unwrap();
            for part in body.chunks(1 << 16) {
                stream.write_all(part).expect("nobody resets the connection");
            }
            let answer = answer(stream).expect("an answer").expect(status);
            assert!(!answer.code().is_empty());
        }
    }
    server.stop_calmly();
}

#[test]
fn a_manifest_of_just_the_limit_is_taken() {
    let mut server = setup().start();
    let client = server.admin();
    let mut image = Artifact::small(1);
    let room = MANIFEST_BYTES_MAX - image.manifest.len();
    image.manifest.extend(std::iter::repeat_n(b'\n', room));
    image.push(&client, "acme/app", "large");
    assert!(client.get("/v2/acme/app/manifests/large").expect(200).body == image.manifest);
    image.manifest.push(b'\n');
    let over = client.put("/v2/acme/app/manifests/larger", &image.media_type, image.manifest.clone());
    over.expect_error(413, "MANIFEST_INVALID");
    server.stop_calmly();
}

#[test]
fn lengths_and_chunks_that_are_wrong() {
    let mut server = setup().start();
    let client = server.admin();
    let chunked = "Transfer-Encoding: chunked\r\n";
    let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(200_000));
    let long_trailer = format!("5\r\nhello\r\n0\r\nX: {}\r\n\r\n", "x".repeat(2_000_000));
    for (lines, body) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
        ("Content-Length: 18446744073709551616\r\n", "hello"),
        ("Content-Length: -1\r\n", "hello"),
        ("Content-Length: +5\r\n", "hello"),
        ("Content-Length: 0x5\r\n", "hello"),
        ("Content-Length: five\r\n", "hello"),
        ("Content-Length: 50\r\n", "hello"),
        ("Transfer-Encoding: gzip\r\n", "hello"),
        ("Transfer-Encoding: chunked, gzip\r\n", "hello"),
        (chunked, "zz\r\nhello\r\n0\r\n\r\n"),
        (chunked, "-5\r\nhello\r\n0\r\n\r\n"),
        (chunked, "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        (chunked, "fffffffffffffff0\r\nhello"),
        (chunked, "5\r\nhello and more\r\n0\r\n\r\n"),
        (chunked, "50\r\n0\r\n\r\n"),
        (chunked, "5\r\nhello\r\n"),
        (chunked, ""),
        (chunked, "\r\n\r\n\r\n"),
        (chunked, &long_extension),
        (chunked, &long_trailer),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n"),
    ] {
        let location = begin(&client, "acme/app");
        let mut request = head(&client, "PATCH", &location, lines);
        request.extend_from_slice(body.as_bytes());
        let case = format!("{lines:?} {:?}", &body[..body.len().min(40)]);
        if let Some(refused) = raw(&client, &request) {
            assert!((400..500).contains(&refused.status), "{case}: {} {}", refused.status, refused.text());
        }
        // The server has the session in hand until it has noticed that the rest does not come.
        let offset = client.get(&location).expect(204).offset();
        assert!(offset <= 5, "{case}: {offset}");
        server.expect_alive();
    }
    server.stop_calmly();
}

/// What follows a body is never taken for a part of it, nor the body for what follows.
#[test]
fn overlong_bodies_do_not_reach_into_the_next_request() {
    let mut server = setup().start();
    let client = server.admin();
    let location = begin(&client, "acme/app");
    let mut request = head(&client, "PATCH", &location, "Content-Length: 5\r\n");
    request.extend_from_slice(b"hello, and what was too much");
    assert_eq!(raw(&client, &request).expect("an answer").offset(), 5);
    assert_eq!(client.get(&location).expect(204).offset(), 5);
    // Both ways of telling the length at once, as in request smuggling: the chunks count, and the connection ends.
    let hidden = "0\r\n\r\nDELETE /v2/acme/app/manifests/victim HTTP/1.1\r\nHost: x\r\n\r\n";
    Artifact::small(1).push(&client, "acme/app", "victim");
    let lines = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", hidden.len());
    let mut request = head(&client, "PATCH", &begin(&client, "acme/app"), &lines);
    request.extend_from_slice(hidden.as_bytes());
    raw(&client, &request);
    client.get("/v2/acme/app/manifests/victim").expect(200);
    server.stop_calmly();
}

#[test]
fn a_manifest_that_breaks_off_is_not_there() {
    let mut server = setup().start();
    let client = server.admin();
    let image = Artifact::small(1);
    image.push(&client, "acme/app", "whole");
    let lines = format!("Content-Type: {}\r\nContent-Length: {}\r\n", image.media_type, image.manifest.len());
    let mut request = head(&client, "PUT", "/v2/acme/app/manifests/broken", &lines);
    request.extend_from_slice(&image.manifest[..image.manifest.len() - 1]);
    if let Some(refused) = raw(&client, &request) {
        assert_eq!(refused.status, 400, "{}", refused.text());
    }
    client.get("/v2/acme/app/manifests/broken").expect_error(404, "MANIFEST_UNKNOWN");
    let blob = noise(1, 200_000);
    let lines = format!("Content-Length: {}\r\n", blob.len());
    let target = format!("/v2/acme/app/blobs/uploads/?digest={}", digest(&blob));
    let mut request = head(&client, "POST", &target, &lines);
    request.extend_from_slice(&blob[..blob.len() - 1]);
    raw(&client, &request);
    client.head(&format!("/v2/acme/app/blobs/{}", digest(&blob))).expect(404);
    server.stop_calmly();
}
