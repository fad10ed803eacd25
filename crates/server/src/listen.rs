//! Accepting connections and speaking HTTP/1.1 and HTTP/2 on them, with and without TLS, until told to stop.
//!
//! Everything that a peer can make us wait for has a bound: the TLS handshake, the head of a request, a body that stands
//! still in either direction, a connection that nothing is asked on, the number of connections. What a request means is
//! the [`Handler`]'s.

mod idle;
mod streams;
mod wire;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub use idle::ServerBody;

use crate::config::{Config, Limits};
use crate::exchange::{Exchange, Names};
use crate::metrics::Metrics;
use crate::origin::Peer;
use crate::tls::{Certificates, TlsError};
use streams::{Leaving, Streams};
use wire::Wire;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long nothing is accepted after accepting failed, as it does when no file descriptor is left.
const AFTER_FAILURE: Duration = Duration::from_millis(200);
/// Most headers of a request.
const HEADERS_MAX: usize = 100;
/// What the headers of a request may take on HTTP/2, in bytes.
const HEADER_LIST_BYTES_MAX: u32 = 32 << 10;
/// The largest read from an HTTP/1 connection, in bytes: hyper's buffer grows up to this while a body fills it. Larger reads
/// make uploads faster; 64 uploads at once have 64 such buffers.
const READ_BYTES_MAX: usize = 256 << 10;
/// What a client may send on a stream before we have taken it, in bytes.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all streams of a connection.
const CONNECTION_WINDOW: u32 = 2 << 20;
/// The largest frame that a client may send, in bytes.
const FRAME_BYTES_MAX: u32 = 64 << 10;
/// Most streams of a connection at once.
const STREAMS_MAX: u32 = 32;
/// How often a silent HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// What answers requests. Cheap to clone.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: http_body::Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static;

    /// Answers a request. Dropped half way where the client goes.
    fn handle(&self, request: Request<ServerBody>, peer: Peer) -> impl Future<Output = Response<Self::Body>> + Send;

    /// What is answered where `limits.requests_max` are under way already.
    fn too_many(&self) -> Response<Self::Body>;
}

/// Why nothing can be accepted.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {error}{hint}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A bound address at which nothing is accepted yet.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    certificates: Option<Certificates>,
    limits: Limits,
    metrics: Arc<Metrics>,
}

/// What connections are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serve,
    Finish,
    Cut,
}

impl Listener {
    /// Binds the address and reads the certificate. From now on clients can connect; they are answered by [`Self::serve`].
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn bind(config: &Config, metrics: Arc<Metrics>) -> Result<Listener, ListenError> {
        let certificates = match (&config.tls.cert, &config.tls.key) {
            (Some(cert), Some(key)) => Some(Certificates::open(cert, key)?),
            _ => None,
        };
        let wrong = |error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::AddrInUse => "; another program has it: stop that one, or choose another by --listen",
                io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: choose another by --listen",
                _ => "",
            };
            ListenError::Address { address: config.listen, error, hint }
        };
        let socket = TcpListener::bind(config.listen).await.map_err(wrong)?;
        let address = socket.local_addr().map_err(wrong)?;
        Ok(Listener { socket, address, certificates, limits: config.limits.clone(), metrics })
    }

    /// The address, with the port that was picked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Accepts and answers until `stop` is done; then nothing more is accepted, connections end after the request that they
    /// are at, and those that have not after `limits.stop_timeout` are cut. Returns whether all ended by themselves.
    pub async fn serve<H: Handler>(self, handler: H, stop: impl Future<Output = ()>) -> bool {
        let (phase, watched) = watch::channel(Phase::Serve);
        let limits = self.limits.clone();
        let places = Arc::new(Semaphore::new(limits.connections_max));
        let door = Arc::new(Door {
            handler,
            requests: Arc::new(Semaphore::new(limits.requests_max)),
            limits: self.limits,
            metrics: self.metrics,
            certificates: self.certificates,
            names: Names::new(),
        });
        tokio::select! {
            () = accept(self.socket, &door, &places, &watched) => {}
            () = stop => {}
        }
        drop(watched);
        phase.send_replace(Phase::Finish);
        // Each connection holds a receiver.
        let ended = timeout(limits.stop_timeout, phase.closed()).await.is_ok();
        if !ended {
            phase.send_replace(Phase::Cut);
            phase.closed().await;
        }
        ended
    }
}

async fn accept<H: Handler>(
    socket: TcpListener,
    door: &Arc<Door<H>>,
    places: &Arc<Semaphore>,
    phase: &watch::Receiver<Phase>,
) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, address)) => {
                let (door, phase) = (door.clone(), phase.clone());
                tokio::spawn(async move {
                    door.enter(stream, address, phase).await;
                    drop(place);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted; trying again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// What all connections share.
struct Door<H> {
    handler: H,
    /// Places for requests that are under way, on any connection.
    requests: Arc<Semaphore>,
    limits: Limits,
    metrics: Arc<Metrics>,
    certificates: Option<Certificates>,
    names: Names,
}

/// Counts an open connection.
struct Counted<'a>(&'a Metrics);

impl<'a> Counted<'a> {
    fn new(metrics: &'a Metrics) -> Counted<'a> {
        metrics.connections_accepted.fetch_add(1, Ordering::Relaxed);
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        Counted(metrics)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<H: Handler> Door<H> {
    async fn enter(self: Arc<Self>, stream: TcpStream, address: SocketAddr, mut phase: watch::Receiver<Phase>) {
        let _counted = Counted::new(&self.metrics);
        // Answers are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let peer = Peer { address, tls: self.certificates.is_some() };
        let begun = tokio::select! {
            begun = self.begin(stream, peer) => begun,
            _ = phase.changed() => return,
        };
        match begun {
            Some(Begun::Plain(wire, is_http2)) => self.speak(wire, is_http2, peer, phase).await,
            Some(Begun::Secured(wire, is_http2)) => self.speak(*wire, is_http2, peer, phase).await,
            None => {}
        }
    }

    /// The TLS handshake, or the first bytes; `None` where nothing sensible came.
    async fn begin(&self, mut stream: TcpStream, peer: Peer) -> Option<Begun> {
        let (idle, metrics) = (self.limits.idle_timeout, self.metrics.clone());
        let Some(certificates) = &self.certificates else {
            let first = self.first(&mut stream).await?;
            let is_http2 = first.is_http2();
            return Some(Begun::Plain(Wire::new(stream, first, idle, metrics), is_http2));
        };
        let handshake = TlsAcceptor::from(certificates.current()).accept(stream);
        let mut stream = match timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(peer = %peer.address, %error, "no TLS handshake");
                return None;
            }
            Err(_) => return None,
        };
        let first = self.first(&mut stream).await?;
        let is_http2 = first.is_http2() || stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Some(Begun::Secured(Box::new(Wire::new(stream, first, idle, metrics)), is_http2))
    }

    /// hyper has no bound for the first bytes of HTTP/2.
    async fn first(&self, stream: &mut (impl AsyncRead + Unpin)) -> Option<wire::First> {
        timeout(self.limits.header_timeout, wire::First::read(stream)).await.ok()?.ok()?
    }

    async fn speak<S>(self: &Arc<Self>, mut wire: Wire<S>, is_http2: bool, peer: Peer, phase: watch::Receiver<Phase>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (door, sending) = (self.clone(), (!is_http2).then(|| wire.lingers()));
        let service = service_fn(move |request: Request<Incoming>| {
            let (door, sending) = (door.clone(), sending.clone());
            async move {
                let exchange = Exchange::begin(&door.names, &door.metrics, &request, peer.address);
                let request = request.map(|body| ServerBody::new(body, door.limits.idle_timeout, sending));
                let place = door.requests.clone().try_acquire_owned().ok();
                let answer = if place.is_some() || exchange.is_about_us() {
                    exchange.answer(door.handler.handle(request, peer)).await
                } else {
                    exchange.answer(std::future::ready(door.handler.too_many())).await
                };
                Ok::<_, Infallible>(answer.map(|body| Leaving::new(body, place)))
            }
        });
        let io = TokioIo::new(wire);
        let ended = if is_http2 {
            let streams = Streams::new(self.limits.idle_timeout);
            let rests = Some((streams.open(), self.limits.header_timeout));
            drive(self.http2(streams).serve_connection(io, service), phase, rests).await
        } else {
            drive(self.http1().serve_connection(io, service), phase, None).await
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %peer.address, %error, "the connection broke");
        }
    }

    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(HEADERS_MAX)
            .max_buf_size(READ_BYTES_MAX);
        builder
    }

    fn http2(&self, streams: Streams) -> http2::Builder<Streams> {
        let mut builder = http2::Builder::new(streams);
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME_BYTES_MAX)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADER_LIST_BYTES_MAX);
        builder
    }
}

/// A connection that has begun to speak, and whether it speaks HTTP/2.
enum Begun {
    Plain(Wire<TcpStream>, bool),
    Secured(Box<Wire<tokio_rustls::server::TlsStream<TcpStream>>>, bool),
}

/// Runs a connection to its end, or until it is cut. One of HTTP/2 on which no stream has been open for so long is told to
/// end; where it still has not when that time has passed again, it is cut.
async fn drive<C: GracefulConnection>(
    connection: C,
    mut phase: watch::Receiver<Phase>,
    mut rests: Option<(watch::Receiver<usize>, Duration)>,
) -> Result<(), C::Error> {
    let (mut connection, mut has_rested) = (pin!(connection), false);
    loop {
        let rested = async {
            match &mut rests {
                Some((open, limit)) => streams::rest(open, *limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            _ = phase.changed() => {}
            () = rested => {
                if has_rested {
                    return Ok(());
                }
                has_rested = true;
                connection.as_mut().graceful_shutdown();
            }
        }
        let now = *phase.borrow_and_update();
        match now {
            Phase::Serve => {}
            Phase::Finish => connection.as_mut().graceful_shutdown(),
            Phase::Cut => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
