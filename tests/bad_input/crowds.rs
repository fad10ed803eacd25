//! Many at once: open uploads, idle connections, pipelined requests.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;

use wharf_testkit::fixture::{begin, digest, noise};
use wharf_testkit::http::{Client, read_response};
use wharf_testkit::server::wait_for;

use super::{head, setup};

/// Begins uploads over one connection; their locations.
fn begin_many(client: &Client, count: usize) -> Vec<String> {
    let stream = client.connect();
    let mut reader = BufReader::new(&stream);
    let request = head(client, "POST", "/v2/acme/app/blobs/uploads/", "Content-Length: 0\r\n");
    let one = |_| {
        (&stream).write_all(&request).unwrap();
        let begun = read_response(&mut reader, false).expect("an answer").expect(202);
        begun.required("location").to_owned()
    };
    (0..count).map(one).collect()
}

#[test]
fn five_thousand_uploads_that_are_begun_cost_nothing() {
    let mut server = setup().start();
    let client = server.admin();
    begin_many(&client, 200);
    let (memory, ledger) =
        (server.memory_kib("RssAnon"), std::fs::metadata(server.data.join("ledger.db-wal")).unwrap().len());
    let locations = begin_many(&client, 5_000);
    let grown = server.memory_kib("RssAnon").saturating_sub(memory);
    assert!(grown < 4 << 10, "{grown} KiB of memory");
    assert_eq!(std::fs::metadata(server.data.join("ledger.db-wal")).unwrap().len(), ledger, "nothing is written");
    assert_eq!(std::fs::read_dir(server.data.join("blobs/uploads")).unwrap().count(), 0);
    // Each of them is a real one.
    for location in [&locations[0], &locations[2_500], &locations[4_999]] {
        client.put(&format!("{location}?digest={}", digest(b"x")), "application/octet-stream", "x").expect(201);
    }
    server.stop_calmly();
}

#[test]
fn many_uploads_with_bytes_hold_neither_memory_nor_files() {
    let mut server = setup().start();
    let client = server.admin();
    let bytes = noise(1, 100_000);
    let open = |count| {
        for _ in 0..count {
            client.request("PATCH", &begin(&client, "acme/app")).body(&bytes[..]).send().expect(202);
        }
    };
    open(50);
    let (memory, files) = (server.memory_kib("RssAnon"), server.open_files());
    open(300);
    let grown = server.memory_kib("RssAnon").saturating_sub(memory);
    assert!(grown < 8 << 10, "{grown} KiB of memory");
    wait_for("the files to be closed", || (server.open_files() <= files + 10).then_some(()));
    server.stop_calmly();
}

#[test]
fn two_hundred_idle_connections() {
    let mut server = setup().start();
    let client = server.anonymous();
    server.expect_alive();
    let memory = server.memory_kib("RssAnon");
    let connect = |at: usize| {
        let mut stream = client.connect();
        if at.is_multiple_of(2) {
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            read_response(&mut BufReader::new(&stream), false).expect("an answer").expect(200);
        }
        stream
    };
    let idle: Vec<TcpStream> = (0..200).map(connect).collect();
    for _ in 0..20 {
        server.expect_alive();
    }
    let grown = server.memory_kib("RssAnon").saturating_sub(memory);
    assert!(grown < 8 << 10, "{grown} KiB of memory");
    // They are as good as new ones.
    for mut stream in idle {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        read_response(&mut BufReader::new(stream), false).expect("an answer").expect(200);
    }
    server.stop_calmly();
}

/// Wrong passwords cost the server a hash each, by design; they must not keep others from being served.
#[test]
fn a_crowd_with_wrong_passwords() {
    let mut server = setup().start();
    server.admin().get("/v2/").expect(200);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let client = server.anonymous();
            scope.spawn(move || {
                for attempt in 0..3 {
                    let wrong = wharf_testkit::http::basic("admin", &format!("wrong {thread} {attempt}"));
                    let status = client.request("GET", "/v2/").header("Authorization", wrong).send().status;
                    assert!([401, 429].contains(&status), "{status}");
                }
            });
        }
        for _ in 0..20 {
            server.expect_alive();
            server.admin().get("/v2/").expect(200);
        }
    });
    server.stop_calmly();
}
