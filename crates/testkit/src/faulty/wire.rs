//! Requests and answers as bytes; the bytes of blobs among them are counted, and can be held.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{Faulty, upload_of};

/// How many bytes of a blob are read or written before they are counted.
const PIECE_BYTES: usize = 16 << 10;
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// As much as was read.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Method and target.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The repository that it is about.
    pub fn repository(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default().trim_start_matches("/v2/");
        let ends = ["/blobs/", "/manifests/", "/tags/", "/referrers/"];
        path.split_at(ends.iter().filter_map(|end| path.find(end)).min().unwrap_or(path.len())).0
    }

    pub(super) fn parameter(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let plain = |value: &str| value.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| plain(value)).collect()
    }
}

/// An answer; `None` as status closes the connection.
pub(super) struct Reply {
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) length: Option<usize>,
    pub(super) cut: Option<usize>,
    pub(super) is_chunked: bool,
    /// Whether the body is a blob's, to be counted.
    pub(super) is_blob: bool,
}

impl Reply {
    pub(super) fn new(status: u16) -> Reply {
        let (headers, body) = Default::default();
        Reply { status: Some(status), headers, body, length: None, cut: None, is_chunked: false, is_blob: false }
    }

    /// None at all: the connection is closed.
    pub(super) fn none() -> Reply {
        Reply { status: None, ..Reply::new(0) }
    }

    /// An error as the specification has it.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
        let error = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        Reply::new(status).body(error.to_string())
    }

    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Reply {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = body.into();
        self
    }
}

/// When everything is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// After so many bytes of blobs, either way.
    Bytes(u64),
    /// After so many requests.
    Requests(u64),
}

/// Counts what comes and goes, and holds it.
#[derive(Default)]
pub(super) struct Meter {
    counted: Mutex<Counted>,
    changed: Condvar,
}

#[derive(Default)]
struct Counted {
    received: u64,
    sent: u64,
    requests: u64,
    hold: Option<Hold>,
    is_held: bool,
    /// Connections of an earlier one are not served any more.
    generation: u64,
    /// Who has been let in.
    accepted: HashSet<SocketAddr>,
}

impl Meter {
    pub(super) fn generation(&self) -> u64 {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Somebody has connected; the generation that they are of.
    pub(super) fn accepted(&self, peer: Option<SocketAddr>) -> u64 {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.accepted.extend(peer);
        self.changed.notify_all();
        counted.generation
    }

    /// Waits until whoever is at `peer` has been let in.
    pub(super) fn until_accepted(&self, peer: SocketAddr) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(counted, PATIENCE, |counted| !counted.accepted.contains(&peer));
        assert!(waited.is_ok_and(|(counted, _)| counted.accepted.contains(&peer)), "nobody is let in");
    }

    /// Bytes of blobs that came and that went, since this was asked last.
    pub(super) fn take(&self) -> (u64, u64) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut counted.received), std::mem::take(&mut counted.sent))
    }

    pub(super) fn hold(&self, hold: Hold) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { received, sent, requests, .. } = *counted;
        counted.hold = Some(match hold {
            Hold::Bytes(bytes) => Hold::Bytes(received + sent + bytes),
            Hold::Requests(more) => Hold::Requests(requests + more),
        });
    }

    /// Waits until everything is held.
    pub(super) fn until_held(&self) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(counted, PATIENCE, |counted| !counted.is_held);
        assert!(waited.is_ok_and(|(counted, _)| counted.is_held), "nothing came so far that it was to be held");
    }

    /// Whoever is connected is not served any more; new ones are.
    pub(super) fn forget(&self) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.generation += 1;
        (counted.hold, counted.is_held) = (None, false);
        self.changed.notify_all();
    }

    /// Adds what came or went, and waits where everything is held. `false` where the connection is over.
    fn count(&self, generation: u64, add: impl FnOnce(&mut Counted)) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.generation == generation {
            add(&mut counted);
        }
        while counted.generation == generation && counted.is_full() {
            counted.is_held = true;
            self.changed.notify_all();
            counted = self.changed.wait(counted).unwrap_or_else(PoisonError::into_inner);
        }
        counted.generation == generation
    }
}

impl Counted {
    fn is_full(&self) -> bool {
        match self.hold {
            Some(Hold::Bytes(bytes)) => self.received + self.sent >= bytes,
            Some(Hold::Requests(requests)) => self.requests >= requests,
            None => false,
        }
    }
}

impl Faulty {
    /// One request; whether it is cut off.
    pub(super) fn read(&self, reader: &mut BufReader<TcpStream>, generation: u64) -> Option<(Asked, bool)> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        assert!(!headers.contains_key("transfer-encoding"), "all that is sent says how long it is");
        let is_blob = matches!(&*method, "PUT" | "PATCH") && target.contains("/blobs/uploads/") && length > 0;
        let cut = if is_blob { self.state().faults.cut_uploads.pop_front() } else { None };
        let mut body = vec![0; cut.unwrap_or(length).min(length)];
        for piece in body.chunks_mut(PIECE_BYTES) {
            reader.read_exact(piece).ok()?;
            let more = if is_blob { piece.len() as u64 } else { 0 };
            self.meter.count(generation, |counted| counted.received += more).then_some(())?;
        }
        self.meter.count(generation, |counted| counted.requests += 1).then_some(())?;
        let asked = Asked { method, target, headers, body };
        if cut.is_some() {
            let mut state = self.state();
            match (state.faults.forgetful, upload_of(&asked)) {
                (true, Some(id)) => drop(state.uploads.remove(&id)),
                (false, Some(id)) => state.uploads.get_mut(&id).unwrap().extend(&asked.body),
                _ => (),
            }
        }
        Some((asked, cut.is_some()))
    }

    /// `None` where the connection is to be closed.
    pub(super) fn write(&self, mut stream: &TcpStream, method: &str, reply: &Reply, generation: u64) -> Option<()> {
        let mut head = format!("HTTP/1.1 {} x\r\n", reply.status?);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match reply.is_chunked {
            true => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
            false => head.push_str(&format!("Content-Length: {}\r\n\r\n", reply.length.unwrap_or(reply.body.len()))),
        }
        stream.write_all(head.as_bytes()).ok()?;
        if method == "HEAD" || reply.status == Some(204) {
            return Some(());
        }
        let cut = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
        if reply.is_chunked {
            stream.write_all(format!("{:x}\r\n", reply.body.len()).as_bytes()).ok()?;
        }
        for piece in reply.body[..cut].chunks(PIECE_BYTES) {
            let more = if reply.is_blob { piece.len() as u64 } else { 0 };
            self.meter.count(generation, |counted| counted.sent += more).then_some(())?;
            stream.write_all(piece).ok()?;
        }
        if reply.is_chunked {
            stream.write_all(b"\r\n0\r\n\r\n").ok()?;
        }
        (cut == reply.body.len() && reply.length.is_none()).then_some(())
    }
}
