//! Senders and readers that take their time.

use std::io::Write as _;
use std::net::TcpStream;

use wharf_testkit::fixture::{begin, digest, noise, push_blob};
use wharf_testkit::server::{Server, Setup, wait_for};

use super::{head, is_closed, setup};

fn impatient() -> Setup {
    setup().env("WHARF_LIMITS__HEADER_TIMEOUT_S", "1").env("WHARF_LIMITS__IDLE_TIMEOUT_S", "1")
}

fn wait_until_cut(stream: &TcpStream) {
    wait_for("the connection to be cut", || is_closed(stream).then_some(()));
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let mut server = impatient().start();
    let client = server.admin();
    let mut in_parts = Vec::new();
    for said in [
        "",
        "G",
        "GET /v2/ HTTP/1.1\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ",
        "PRI * HTTP/2.0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut stream = client.connect();
        stream.write_all(said.as_bytes()).unwrap();
        in_parts.push(stream);
    }
    in_parts.iter().for_each(wait_until_cut);
    server.expect_alive();
    server.stop_calmly();
}

#[test]
fn a_head_that_trickles_in_is_cut_however_steadily_it_comes() {
    let mut server = impatient().start();
    let stream = server.admin().connect();
    let mut letters = "GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ".bytes().chain(std::iter::repeat(b'x'));
    // A letter every few milliseconds.
    wait_for("the connection to be cut", || {
        let sent = (&stream).write_all(&[letters.next().unwrap()]);
        (sent.is_err() || is_closed(&stream)).then_some(())
    });
    server.expect_alive();
    server.stop_calmly();
}

#[test]
fn a_body_that_stands_still_is_cut_and_kept() {
    let mut server = impatient().start();
    let client = server.admin();
    let bytes = noise(1, 400_000);
    let location = begin(&client, "acme/app");
    let lines = format!("Content-Length: {}\r\n", bytes.len());
    let mut stream = client.connect();
    stream.write_all(&head(&client, "PATCH", &location, &lines)).unwrap();
    stream.write_all(&bytes[..250_000]).unwrap();
    wait_until_cut(&stream);
    let offset = wait_for("what came to be noted", || {
        Some(client.get(&location).expect(204).offset()).filter(|offset| *offset > 0)
    });
    assert_eq!(offset, 250_000);
    let last = format!("{location}?digest={}", digest(&bytes));
    client.put(&last, "application/octet-stream", &bytes[offset..]).expect(201);

    for (method, target) in [("PUT", "/v2/acme/app/manifests/x"), ("PUT", "/api/v1/projects/acme"), ("POST", "/token")]
    {
        let mut stream = client.connect();
        let lines = "Content-Type: application/json\r\nContent-Length: 1000\r\n";
        stream.write_all(&head(&client, method, target, lines)).unwrap();
        stream.write_all(b"{\"public\":").unwrap();
        wait_until_cut(&stream);
    }
    server.expect_alive();
    server.stop_calmly();
}

#[test]
fn a_small_body_that_trickles_in_is_cut_however_steadily_it_comes() {
    let mut server = impatient().start();
    let (client, nobody) = (server.admin(), server.anonymous());
    for (client, method, target) in [
        (&client, "PUT", "/v2/acme/app/manifests/x"),
        (&client, "PUT", "/api/v1/projects/acme"),
        (&nobody, "POST", "/token"),
    ] {
        let request = client.request(method, target).header("Content-Type", "application/json").body("");
        let head = request.header("Content-Length", 20_000).head_bytes();
        let stream = client.connect();
        (&stream).write_all(head.as_bytes()).unwrap();
        wait_for("the connection to be cut", || {
            let sent = (&stream).write_all(b" ");
            (sent.is_err() || is_closed(&stream)).then_some(())
        });
    }
    server.expect_alive();
    server.stop_calmly();
}

#[test]
fn whoever_does_not_read_is_cut() {
    let mut server = impatient().start();
    let client = server.admin();
    let blob = push_blob(&client, "acme/app", &noise(2, 32 << 20));
    let files = |server: &Server| server.open_files();
    wait_for("the pushes to be over", || (files(&server) < 60).then_some(()));
    let before = files(&server);
    let streams: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = client.connect();
            stream.write_all(&head(&client, "GET", &format!("/v2/acme/app/blobs/{blob}"), "")).unwrap();
            stream
        })
        .collect();
    wait_for("them to be served", || (files(&server) > before + 5).then_some(()));
    wait_for("them to be cut", || (files(&server) <= before + 2).then_some(()));
    drop(streams);
    server.expect_alive();
    server.stop_calmly();
}

/// Those who do nothing with their connection do not keep others out for good.
#[test]
fn all_places_taken_by_the_slow() {
    let mut server = impatient().env("WHARF_LIMITS__CONNECTIONS_MAX", "8").start();
    let slow: Vec<TcpStream> = (0..30).map(|_| server.admin().connect()).collect();
    server.expect_alive();
    slow.iter().for_each(wait_until_cut);
    server.expect_alive();
    server.stop_calmly();
}
