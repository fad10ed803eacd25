//! One request and its answer, watched from the outside: its name, what it counts, the line that it leaves.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tracing::Instrument as _;

use crate::logs::{self, ACCESS};
use crate::metrics::{Endpoint, Metrics};

/// The header that tells the client how its request is called in the log.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What is kept of a path in the log, in bytes.
const PATH_BYTES_MAX: usize = 512;
/// What is kept of `User-Agent`, in bytes.
const AGENT_BYTES_MAX: usize = 128;

/// Names a request: 64 bits that do not repeat within a process and hardly among several. Never taken from the client, so
/// that nobody can write into another's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u64);

impl RequestId {
    fn header(self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 16];
        for (at, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[(self.0 >> (60 - 4 * at)) as usize & 15];
        }
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Gives names to requests.
#[derive(Debug)]
pub struct Names {
    next: AtomicU64,
}

impl Names {
    /// Begins anywhere.
    pub fn new() -> Names {
        Names { next: AtomicU64::new(getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()) << 32)) }
    }

    /// A counter, scrambled (splitmix64's last step, which maps no two numbers to one).
    fn next(&self) -> RequestId {
        let mut word = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        RequestId(word ^ (word >> 31))
    }
}

impl Default for Names {
    fn default() -> Self {
        Names::new()
    }
}

/// Who asked, as the log shows it. Put among an answer's extensions by whoever found out; only worth it where
/// [`logs::access_enabled`].
#[derive(Clone, Debug)]
pub struct Who(pub String);

/// A request that is being answered.
pub struct Exchange {
    id: RequestId,
    started: Instant,
    endpoint: Endpoint,
    method: Method,
    metrics: Arc<Metrics>,
    line: Option<Box<Line>>,
}

impl Exchange {
    /// A request has come.
    pub fn begin<B>(names: &Names, metrics: &Arc<Metrics>, request: &Request<B>, peer: SocketAddr) -> Exchange {
        let (id, started) = (names.next(), Instant::now());
        metrics.in_flight.fetch_add(1, Ordering::Relaxed);
        let line = logs::access_enabled().then(|| Box::new(Line::of(id, started, request, peer)));
        let endpoint = Endpoint::of(request.uri().path());
        Exchange { id, started, endpoint, method: request.method().clone(), metrics: metrics.clone(), line }
    }

    /// Whether it asks how the process is, which is answered however much there is to do.
    pub fn is_about_us(&self) -> bool {
        matches!(self.endpoint, Endpoint::Health | Endpoint::Metrics)
    }

    /// Runs what answers it. Whatever is logged on the way says for which request.
    pub async fn answer<B>(self, answer: impl Future<Output = Response<B>>) -> Response<Watched<B>> {
        // At this level it is there for every line that is.
        let span = tracing::error_span!("request", id = %self.id);
        let response = answer.instrument(span).await;
        self.answered(response)
    }

    fn answered<B>(mut self, mut response: Response<B>) -> Response<Watched<B>> {
        self.metrics.answered(self.endpoint, &self.method, response.status(), self.started.elapsed());
        response.headers_mut().insert(X_REQUEST_ID, self.id.header());
        let mut line = self.line.take();
        if let Some(line) = &mut line {
            line.status = response.status().as_u16();
            line.actor = response.extensions_mut().remove().map(|Who(name)| name);
        }
        response.map(|body| Watched { body, line })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The line that a request leaves. Written when it is dropped: then its answer has gone, or the client has.
struct Line {
    id: RequestId,
    started: Instant,
    method: Method,
    path: String,
    agent: String,
    peer: SocketAddr,
    status: u16,
    bytes: u64,
    actor: Option<String>,
}

impl Line {
    fn of<B>(id: RequestId, started: Instant, request: &Request<B>, peer: SocketAddr) -> Line {
        let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Line {
            id,
            started,
            method: request.method().clone(),
            path: cut(told(request.uri().path()), PATH_BYTES_MAX),
            agent: cut(agent, AGENT_BYTES_MAX),
            peer,
            // What is left where the client went before there was an answer, as nginx writes it.
            status: 499,
            bytes: 0,
            actor: None,
        }
    }
}

/// The path, without what opens something for whoever has it.
fn told(path: &str) -> &str {
    let shared = "/-/shared/";
    if path.starts_with(shared) { shared } else { path }
}

impl Drop for Line {
    fn drop(&mut self) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: ACCESS,
            request = %self.id,
            method = %self.method,
            path = self.path,
            status = self.status,
            bytes = self.bytes,
            micros,
            peer = %self.peer,
            actor = self.actor.as_deref().unwrap_or("-"),
            agent = self.agent,
        );
    }
}

fn cut(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}

/// The body of an answer, counted for the log.
pub struct Watched<B> {
    body: B,
    line: Option<Box<Line>>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Some(line) = &mut self.line
            && let Poll::Ready(Some(Ok(frame))) = &frame
        {
            line.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_repeat_and_fit_a_header() {
        let names = Names::new();
        let all: std::collections::HashSet<u64> = (0..10_000).map(|_| names.next().0).collect();
        assert_eq!(all.len(), 10_000);
        let id = RequestId(0x0123_4567_89ab_cdef);
        assert_eq!(id.header(), "0123456789abcdef");
        assert_eq!(id.to_string(), "0123456789abcdef");
    }

    #[test]
    fn paths_are_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("ab", 9), "ab");
    }
}
