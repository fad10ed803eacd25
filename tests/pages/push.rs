//! Pushing with a browser: files that are chosen, or dropped on the page.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;

use serde_json::json;
use wharf_testkit::fixture::{digest, noise};
use wharf_testkit::http::{Client, Response, basic, read_response};
use wharf_testkit::server::{Server, wait_for};

use crate::crawl::page;
use crate::server;
use crate::visitor::{WORD, tell, user};

const AT: &str = "/demo/files/-/push";

fn field(head: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--X\r\nContent-Disposition: form-data; {head}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    field(&format!("name=\"file\"; filename=\"{path}\""), content)
}

fn whole(fields: &[Vec<u8>]) -> Vec<u8> {
    [&fields.concat()[..], b"--X--\r\n"].concat()
}

fn ours(server: &Server) -> String {
    format!("http://{}", server.address)
}

fn post(client: &Client, origin: Option<String>, fields: &[Vec<u8>]) -> Response {
    let request = client.request("POST", AT).header("Content-Type", "multipart/form-data; boundary=X");
    let request = origin.into_iter().fold(request, |request, origin| request.header("Origin", origin));
    request.body(whole(fields)).send()
}

/// Sends no more than `part` of it; the connection, which stays open.
fn begin(client: &Client, server: &Server, whole: &[u8], part: usize) -> TcpStream {
    let request = client.request("POST", AT).header("Content-Type", "multipart/form-data; boundary=X");
    let request = request.header("Origin", ours(server)).header("Content-Length", whole.len()).body("");
    let mut stream = client.connect();
    stream.write_all(request.head_bytes().as_bytes()).unwrap();
    stream.write_all(&whole[..part]).unwrap();
    stream
}

/// Files that are chosen or dropped become an artifact, however large they are, and only by a page of ours.
#[test]
fn files_are_pushed_with_a_browser() {
    let server = server();
    let admin = server.admin();
    page(AT, &admin.get(AT).expect(200));
    assert_eq!(server.anonymous().get(AT).status, 404);
    let ours = || Some(ours(&server));
    let large = noise(7, 3 << 20);
    let tag = field("name=\"tag\"", b"1.0");
    let small = field("name=\"file\"; filename=\"docs/a.txt\"\r\nContent-Type: text/plain", b"hello\r\n--Y");
    let files = [tag.clone(), small, file("large", &large)];
    assert_eq!(post(&admin, None, &files).status, 403);
    assert_eq!(post(&admin, Some("https://evil.example".to_owned()), &files).status, 403);
    assert_eq!(post(&server.anonymous(), ours(), &files).status, 404);
    assert_eq!(post(&admin, ours(), &files[..1]).status, 400, "nothing was chosen");
    assert_eq!(post(&admin, ours(), &files[1..]).status, 400, "no tag before the files");
    let out = file("../x", b"x");
    assert_eq!(post(&admin, ours(), &[tag.clone(), out]).status, 400);
    for (one, other) in [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c/d")] {
        let answer = post(&admin, ours(), &[tag.clone(), file(one, b"x"), file(other, b"y")]).expect(400);
        assert!(answer.text().contains("cannot be a folder as well"), "{}", answer.text());
    }
    let pushed = post(&admin, ours(), &files).expect(303);
    assert_eq!(pushed.required("location"), "/demo/files/-/tags/1.0");
    let pushed = |path: &str| {
        admin.get(&format!("/api/v1/repositories/demo~files/artifacts/1.0/file?path={path}")).expect(200).body
    };
    assert_eq!(pushed("docs/a.txt"), b"hello\r\n--Y");
    assert!(pushed("large") == large);
    page("/demo/files/-/tags/1.0", &admin.get("/demo/files/-/tags/1.0").expect(200));
}

fn reserved(client: &Client) -> u64 {
    client.get("/api/v1/projects/demo").expect(200).json()["usage"]["reserved_bytes"].as_u64().unwrap()
}

/// What was reserved for a file that was coming is given back, and not only when the upload is old.
#[test]
fn a_page_that_is_closed_holds_nothing() {
    let server = server();
    let admin = server.admin();
    let set = json!({ "quota_bytes": 100_000_000 }).to_string();
    admin.put("/api/v1/projects/demo", "application/json", set).expect(200);
    let all = whole(&[field("name=\"tag\"", b"1.0"), file("large", &noise(7, 3 << 20))]);
    for part in [1 << 20, 200_000] {
        let stream = begin(&admin, &server, &all, part);
        wait_for("the reservation", || (reserved(&admin) > 0).then_some(()));
        drop(stream);
        wait_for("its end", || (reserved(&admin) == 0).then_some(()));
    }
}

/// A frame of HTTP/2 on the first stream, or on none (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// The same where a browser only ends its stream, and the request is dropped wherever it is.
#[test]
fn a_stream_that_is_reset_holds_nothing() {
    let server = server();
    let admin = server.admin();
    tell(&server, "PUT", "/api/v1/projects/demo", json!({ "quota_bytes": 100_000_000 })).expect(200);
    let (host, origin) = (server.address.to_string(), ours(&server));
    let authorization = admin.authorization.clone().unwrap();
    let head = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", AT),
        (":authority", &host),
        ("content-type", "multipart/form-data; boundary=X"),
        ("origin", &origin),
        ("authorization", &authorization),
    ];
    // Literal fields that nobody keeps (RFC 7541, section 6.2.2).
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let head: Vec<u8> = head.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect();
    let all = whole(&[field("name=\"tag\"", b"1.0"), file("large", &noise(7, 1 << 20))]);
    let mut stream = admin.connect();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&[frame(4, 0, 0, b""), frame(1, 4, 1, &head)].concat()).unwrap();
    for part in all[..60_000].chunks(15_000) {
        stream.write_all(&frame(0, 0, 1, part)).unwrap();
    }
    wait_for("the reservation", || (reserved(&admin) > 0).then_some(()));
    stream.write_all(&frame(3, 0, 1, &8_u32.to_be_bytes())).unwrap();
    wait_for("its end", || (reserved(&admin) == 0).then_some(()));
    drop(stream);
}

/// What takes long to push is made with the rights of its end.
#[test]
fn rights_that_end_meanwhile_end_a_push() {
    let server = server();
    let admin = server.admin();
    user(&server, "kim", None);
    tell(&server, "PUT", "/api/v1/projects/demo", json!({ "quota_bytes": 100_000_000 })).expect(200);
    let kim = Client { address: server.address, authorization: Some(basic("kim", WORD)) };
    let large = noise(7, 1 << 20);
    let more = field("name=\"more\"", &[b'x'; 100]);
    let all = whole(&[field("name=\"tag\"", b"1.0"), file("small", b"hello"), file("large", &large), more]);
    let given = || {
        let given = json!({ "subject": "user:kim", "role": "contributor" });
        let made = tell(&server, "POST", "/api/v1/projects/demo/bindings", given).expect(201).json();
        format!("/api/v1/projects/demo/bindings/{}", made["id"].as_str().unwrap())
    };
    let disable = |is_shut: bool| {
        tell(&server, "PUT", "/api/v1/users/kim", json!({ "disabled": is_shut })).expect(200);
    };
    let blob = format!("/v2/demo/files/blobs/{}", digest(&large));
    let check = |part: usize, has_come: &dyn Fn() -> bool, stop: &dyn Fn()| {
        let mut stream = begin(&kim, &server, &all, part);
        wait_for("what comes first", || has_come().then_some(()));
        stop();
        stream.write_all(&all[part..]).unwrap();
        let answer = read_response(&mut BufReader::new(stream), false).unwrap();
        assert_eq!(answer.status, 404, "{}", answer.text());
        assert_eq!(admin.get("/v2/demo/files/manifests/1.0").status, 404);
    };
    let binding = given();
    check(all.len() / 2, &|| reserved(&admin) > 0, &|| drop(admin.delete(&binding).expect(204)));
    assert_eq!(admin.head(&blob).status, 404);
    given();
    check(all.len() - 50, &|| admin.head(&blob).status == 200, &|| disable(true));
    disable(false);
    assert_eq!(post(&kim, Some(ours(&server)), &[field("name=\"tag\"", b"1.0"), file("a", b"x")]).status, 303);
}
