//! One HTTP/1.1 connection that costs the client as little as can be: blocking, one buffer, no headers but what is needed. It
//! understands answers with a `Content-Length` (all that the peers send here), and is no client for anything else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::content::Content;
use super::load;

/// How long a peer may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// Longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest body that is kept, in bytes.
const BODY_BYTES_MAX: u64 = 8 << 20;
/// What one read asks for, in bytes: as much as Go's `io.Copy` does, which is how most clients read.
const READ_BYTES: usize = 32 << 10;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// How many requests were sent so far, on all connections.
pub(crate) fn requests() -> u64 {
    REQUESTS.load(Ordering::Relaxed)
}

/// Where and as whom to connect.
#[derive(Clone)]
pub(crate) struct Target {
    /// The address, which is also the `Host`.
    pub(crate) address: SocketAddr,
    /// The value of `Authorization`; nobody in particular if there is none.
    pub(crate) authorization: Option<String>,
    /// TLS, if the peer speaks it.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// `http://…` or `https://…`.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }
}

/// What is sent after the head.
pub(crate) enum Body<'a> {
    /// These bytes, of this media type.
    Bytes(&'a str, &'a [u8]),
    /// A blob.
    Content(&'a Content),
    /// Nothing.
    Empty,
}

/// What came back.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
    head: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The answer if its status is this one, else an error that shows what was answered.
    pub(crate) fn expect(self, status: u16) -> Result<Answer> {
        let text = String::from_utf8_lossy(&self.body);
        ensure!(self.status == status, "answered {} instead of {status}: {}", self.status, text.trim());
        Ok(self)
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: Stream,
    target: Target,
    buffer: Vec<u8>,
    /// How much of the buffer holds bytes that nobody has looked at.
    filled: usize,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(target: &Target) -> Result<Connection> {
        let tcp = TcpStream::connect_timeout(&target.address, Duration::from_secs(10))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(SILENCE_MAX))?;
        tcp.set_write_timeout(Some(SILENCE_MAX))?;
        let stream = match &target.tls {
            None => Stream::Plain(tcp),
            Some(config) => {
                let name = rustls_pki_types::ServerName::from(target.address.ip());
                Stream::Tls(Box::new(StreamOwned::new(ClientConnection::new(Arc::clone(config), name)?, tcp)))
            }
        };
        Ok(Connection { stream, target: target.clone(), buffer: vec![0; READ_BYTES], filled: 0 })
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub(crate) fn request(&mut self, method: &str, path: &str, body: &Body<'_>) -> Result<Answer> {
        self.exchange(method, path, body).with_context(|| format!("{method} {path}"))
    }

    /// Reads the body of `path` through `each`, keeping nothing. Answers with its length.
    pub(crate) fn pull(&mut self, path: &str, mut each: impl FnMut(&[u8])) -> Result<u64> {
        self.send("GET", path, &Body::Empty)?;
        let head = self.head()?;
        ensure!(head.status == 200, "GET {path} answered {}", head.status);
        let length = body_length(&head)?;
        let mut left = length;
        while left > 0 {
            if self.filled == 0 {
                self.fill()?;
            }
            let taken = self.filled.min(usize::try_from(left).unwrap_or(usize::MAX));
            each(&self.buffer[..taken]);
            self.consume(taken);
            left -= taken as u64;
        }
        Ok(length)
    }

    fn exchange(&mut self, method: &str, path: &str, body: &Body<'_>) -> Result<Answer> {
        let sent = self.send(method, path, body);
        // A peer that refuses a body may answer and hang up before it was all sent: the answer says more than the broken pipe.
        let answer = self.answer();
        match (sent, answer) {
            (_, Ok(answer)) => Ok(answer),
            (Err(broken), Err(_)) => Err(broken),
            (Ok(()), Err(unread)) => Err(unread),
        }
    }

    fn send(&mut self, method: &str, path: &str, body: &Body<'_>) -> Result<()> {
        load::in_time()?;
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\naccept: */*\r\n", self.target.address);
        head.push_str("accept: application/vnd.oci.image.manifest.v1+json\r\n");
        if let Some(value) = &self.target.authorization {
            head.push_str(&format!("authorization: {value}\r\n"));
        }
        match body {
            Body::Empty if method == "GET" => head.push_str("\r\n"),
            Body::Empty => head.push_str("content-length: 0\r\n\r\n"),
            Body::Bytes(media, bytes) => {
                head.push_str(&format!("content-type: {media}\r\ncontent-length: {}\r\n\r\n", bytes.len()));
            }
            Body::Content(content) => head.push_str(&format!(
                "content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                content.size
            )),
        }
        let mut first = head.into_bytes();
        if let Body::Bytes(_, bytes) = body {
            first.extend_from_slice(bytes);
        }
        self.stream.write_all(&first)?;
        if let Body::Content(content) = body {
            content.write_to(&mut self.stream)?;
        }
        Ok(self.stream.flush()?)
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut answer = self.head()?;
        let length = body_length(&answer)?;
        ensure!(length <= BODY_BYTES_MAX, "an answer of {length} bytes");
        let mut left = usize::try_from(length)?;
        while left > 0 {
            if self.filled == 0 {
                self.fill()?;
            }
            let taken = self.filled.min(left);
            answer.body.extend_from_slice(&self.buffer[..taken]);
            self.consume(taken);
            left -= taken;
        }
        Ok(answer)
    }

    fn head(&mut self) -> Result<Answer> {
        let end = loop {
            if let Some(end) = self.buffer[..self.filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(self.filled < HEAD_BYTES_MAX, "an answer whose head does not end");
            self.fill()?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.consume(end);
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).context("an answer without a status")?;
        Ok(Answer { status, head, body: Vec::new() })
    }

    fn fill(&mut self) -> Result<()> {
        let read = self.stream.read(&mut self.buffer[self.filled..])?;
        ensure!(read > 0, "the peer hung up");
        self.filled += read;
        Ok(())
    }

    fn consume(&mut self, taken: usize) {
        self.buffer.copy_within(taken..self.filled, 0);
        self.filled -= taken;
    }
}

fn body_length(head: &Answer) -> Result<u64> {
    match head.header("content-length") {
        Some(length) => length.parse().context("a bad Content-Length"),
        None if head.status == 204 || head.status == 304 => Ok(0),
        None => bail!("an answer without Content-Length ({})", head.status),
    }
}
