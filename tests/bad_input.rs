//! Requests that are wrong, too large, too slow or too many: each is answered with the spec's code or cut, none costs much, and
//! none takes the server down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "bad_input/bodies.rs"]
mod bodies;
#[path = "bad_input/crowds.rs"]
mod crowds;
#[path = "bad_input/manifests.rs"]
mod manifests;
#[path = "bad_input/shapes.rs"]
mod shapes;
#[path = "bad_input/slow.rs"]
mod slow;
#[path = "bad_input/wire.rs"]
mod wire;

use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpStream};

use wharf_testkit::http::{Client, Response, read_response};
use wharf_testkit::server::Setup;

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_wharf"))
}

/// Sends bytes as they are, and nothing after them; the first answer, or `None` where the connection is cut without one.
fn raw(client: &Client, bytes: &[u8]) -> Option<Response> {
    let mut stream = client.connect();
    // A server that has seen enough may close meanwhile.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    answer(stream)
}

fn answer(stream: TcpStream) -> Option<Response> {
    read_response(&mut BufReader::new(stream), false).ok()
}

/// The head of a request by the administrator, with more header lines.
fn head(client: &Client, method: &str, target: &str, lines: &str) -> Vec<u8> {
    let authorization = client.authorization.as_deref().unwrap();
    format!("{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n{lines}\r\n").into_bytes()
}

/// Whether the peer has closed the connection, as far as can be told without waiting.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let closed = loop {
        let mut bytes = [0; 4096];
        match std::io::Read::read(&mut &*stream, &mut bytes) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
        }
    };
    stream.set_nonblocking(false).unwrap();
    closed
}
