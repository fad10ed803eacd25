//! A client of a few lines over a plain socket: it sends exactly what a test says, right or wrong, and shows exactly what
//! came back.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;

/// How long a test waits for bytes before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Speaks to one server, a connection for each request.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where.
    pub address: SocketAddr,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

/// A request in the making.
pub struct Request<'a> {
    client: &'a Client,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    chunked: bool,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The value of a Basic `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {encoded}")
}

impl Client {
    /// A request that says nothing but this and who asks.
    pub fn request(&self, method: &str, target: &str) -> Request<'_> {
        let headers = self.authorization.iter().map(|value| ("Authorization".to_owned(), value.clone())).collect();
        let (method, target) = (method.to_owned(), target.to_owned());
        Request { client: self, method, target, headers, body: None, chunked: false }
    }

    /// GET.
    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target).send()
    }

    /// HEAD.
    pub fn head(&self, target: &str) -> Response {
        self.request("HEAD", target).send()
    }

    /// DELETE.
    pub fn delete(&self, target: &str) -> Response {
        self.request("DELETE", target).send()
    }

    /// PUT with a body of that type.
    pub fn put(&self, target: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        self.request("PUT", target).header("Content-Type", content_type).body(body).send()
    }

    /// POST without a body.
    pub fn post(&self, target: &str) -> Response {
        self.request("POST", target).body("").send()
    }

    /// A connection on which a test says byte by byte what it wants.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream
    }
}

impl Request<'_> {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets the body; its length is announced.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the body in chunks instead, without saying how long it is.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The bytes of the request's head.
    pub fn head_bytes(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let has = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !has("host") {
            let _ = write!(head, "Host: {}\r\n", self.client.address);
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        match &self.body {
            Some(_) if self.chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Some(body) if !has("content-length") => {
                let _ = write!(head, "Content-Length: {}\r\n", body.len());
            }
            _ => {}
        }
        head.push_str("Connection: close\r\n\r\n");
        head
    }

    /// Sends it and reads the answer.
    pub fn send(self) -> Response {
        self.try_send().unwrap_or_else(|error| panic!("the request was not answered: {error}"))
    }

    /// The same where the server may be gone.
    pub fn try_send(self) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(self.client.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(self.head_bytes().as_bytes())?;
        if let Some(body) = &self.body {
            // A server that has answered already may close while the rest is being sent; its answer counts.
            let _ = if self.chunked { write_chunked(&mut stream, body) } else { stream.write_all(body) };
        }
        read_response(&mut BufReader::new(stream), self.method == "HEAD")
    }
}

fn write_chunked(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    for chunk in body.chunks(7000) {
        write!(stream, "{:x}\r\n", chunk.len())?;
        stream.write_all(chunk)?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// Reads an answer from a connection.
pub fn read_response(reader: &mut impl BufRead, is_head: bool) -> std::io::Result<Response> {
    let cut = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the connection was closed without an answer");
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(cut());
    }
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(cut)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    if status == 100 {
        return read_response(reader, is_head);
    }
    if !is_head && status != 204 && status != 304 {
        response.body = read_body(reader, &response)?;
    }
    Ok(response)
}

fn read_body(reader: &mut impl BufRead, response: &Response) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if response.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            reader.by_ref().take(length).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
    match response.header("content-length").and_then(|length| length.parse::<u64>().ok()) {
        Some(length) => {
            reader.by_ref().take(length).read_to_end(&mut body)?;
            if (body.len() as u64) < length {
                return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the body was cut off"));
            }
        }
        None => {
            reader.read_to_end(&mut body)?;
        }
    }
    Ok(body)
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A header that must be there.
    #[track_caller]
    pub fn required(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no header {name} in {self:?}"))
    }

    /// All headers of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The offset that an upload's `Range` tells; 0-0 is taken for nothing.
    #[track_caller]
    pub fn offset(&self) -> usize {
        let last = self.required("range").strip_prefix("0-").and_then(|last| last.parse().ok());
        match last.unwrap_or_else(|| panic!("the range of {self:?}")) {
            0 => 0,
            last => last + 1,
        }
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first error code of the body.
    #[track_caller]
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Fails the test unless the answer has this status; returns it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }

    /// Fails the test unless the answer is this error.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Response {
        let response = self.expect(status);
        assert_eq!(response.code(), code, "{}", response.text());
        let message = response.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(!message.is_empty(), "an error says what happened");
        response
    }
}
