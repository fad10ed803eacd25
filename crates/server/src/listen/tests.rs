//! The listener on real sockets, with a handler that does as the path says. Limits are set low; what is waited for is
//! always an event: an answer, the end of a connection, a body that is dropped.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

#[derive(Clone)]
struct Doing {
    /// Told when `/hang` was reached.
    reached: Arc<Semaphore>,
    /// Lets `/hang` go on.
    released: Arc<Semaphore>,
    /// Dropped with the body of `/endless`.
    endless: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Handler for Doing {
    type Body = BoxBody<Bytes, io::Error>;

    async fn handle(&self, request: Request<ServerBody>, peer: Peer) -> Response<Self::Body> {
        let full = |text: String| Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {}).boxed();
        match request.uri().path() {
            "/endless" => {
                let guard = self.endless.lock().unwrap().take();
                let chunks = futures_util::stream::repeat_with(move || {
                    let _ = &guard;
                    Ok(hyper::body::Frame::data(Bytes::from_static(&[0; 1 << 16])))
                });
                Response::new(BoxBody::new(StreamBody::new(chunks)))
            }
            "/hang" => {
                self.reached.add_permits(1);
                let _ = self.released.acquire().await;
                Response::new(full("late".to_owned()))
            }
            _ => match request.into_body().collect().await {
                Ok(body) => {
                    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
                    Response::new(full(format!("{text} tls={}", peer.tls)))
                }
                Err(error) => Response::new(full(format!("{:?}", error.kind()))),
            },
        }
    }

    fn too_many(&self) -> Response<Self::Body> {
        let body = Full::new(Bytes::from("too many")).map_err(|never: Infallible| match never {}).boxed();
        Response::builder().status(429).body(body).unwrap()
    }
}

struct Running {
    address: SocketAddr,
    url: String,
    handler: Doing,
    dropped: oneshot::Receiver<()>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<bool>,
}

async fn running(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = crate::config::load(Vec::new(), [], None).unwrap().config;
    config.listen.set_port(0);
    change(&mut config);
    let listener = Listener::bind(&config, Arc::default()).await.unwrap();
    let (gone, dropped) = oneshot::channel();
    let handler = Doing {
        reached: Arc::new(Semaphore::new(0)),
        released: Arc::new(Semaphore::new(0)),
        endless: Arc::new(Mutex::new(Some(gone))),
    };
    let (address, url) = (listener.address(), listener.url());
    let (stop, stopped) = oneshot::channel();
    let serving = listener.serve(handler.clone(), async {
        let _ = stopped.await;
    });
    Running { address, url, handler, dropped, stop, ended: tokio::spawn(serving) }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends, and returns all that comes until the server ends the connection.
    async fn tell(&self, text: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_ref()).await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        all.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn answers_one_request_after_the_other_each_with_its_id() {
    let server = running(|_| {}).await;
    let mut stream = server.connect().await;
    let mut ids = Vec::new();
    for text in ["one", "two"] {
        let request = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{text}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = until(&mut stream, &format!("{text} tls=false")).await;
        let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id").to_owned();
        assert_eq!(id.len(), 16);
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(server.url, format!("http://{}", server.address));
}

#[tokio::test]
async fn speaks_http2_to_who_begins_with_it() {
    let server = running(|_| {}).await;
    let io = TokioIo::new(server.connect().await);
    assert_eq!(ask_http2(io).await, "hello tls=false");
}

async fn ask_http2(io: impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static) -> String {
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://x/").body(Full::new(Bytes::from("hello"))).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn an_http2_connection_without_requests_ends_however_lively_it_is() {
    let server = running(|config| config.limits.header_timeout = Duration::from_millis(50)).await;
    let connect = async || {
        let io = TokioIo::new(server.connect().await);
        let executor = TokioExecutor::new();
        let (sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        // It answers pings, and keeps its end open.
        (sender, tokio::spawn(connection))
    };
    let (mut busy, _busy) = connect().await;
    let request = Request::get("http://x/hang").body(Full::<Bytes>::default()).unwrap();
    let answer = tokio::spawn(busy.send_request(request));
    server.handler.reached.acquire().await.unwrap().forget();
    let (idle, connection) = connect().await;
    connection.await.unwrap().unwrap();
    server.handler.released.add_permits(1);
    assert_eq!(answer.await.unwrap().unwrap().status(), 200, "a request is waited for");
    drop::<hyper::client::conn::http2::SendRequest<Full<Bytes>>>(idle);
}

#[tokio::test]
async fn a_stream_whose_window_stays_shut_is_reset_and_the_others_go_on() {
    let server = running(|config| config.limits.idle_timeout = Duration::from_millis(50)).await;
    let io = TokioIo::new(server.connect().await);
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.initial_stream_window_size(1000).handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = |path: &str| Request::get(format!("http://x{path}")).body(Full::<Bytes>::default()).unwrap();
    let unread = sender.send_request(request("/endless")).await.unwrap();
    assert!(server.dropped.await.is_err(), "the body is dropped, as nobody takes it");
    let other = sender.send_request(request("/")).await.unwrap();
    assert_eq!(other.into_body().collect().await.unwrap().to_bytes(), " tls=false");
    drop(unread);
}

#[tokio::test]
async fn a_head_has_bounds_in_time_number_and_size() {
    let server = running(|config| config.limits.header_timeout = Duration::from_millis(50)).await;
    assert_eq!(server.tell("").await, "", "nothing was said");
    assert_eq!(server.tell("PRI * HT").await, "", "the beginning of HTTP/2");
    assert_eq!(server.tell("GET / HTTP/1.1\r\nhost: ").await, "", "half a head");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert!(server.tell(&many).await.starts_with("HTTP/1.1 431 "), "many headers");
    let long = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(READ_BYTES_MAX * 2));
    assert!(server.tell(&long).await.starts_with("HTTP/1.1 431 "), "long headers");
    assert!(server.tell("what?\r\n\r\n").await.starts_with("HTTP/1.1 400 "), "no HTTP");
}

#[tokio::test]
async fn a_body_that_stands_still_is_an_error_of_its_reader() {
    let server = running(|config| config.limits.idle_timeout = Duration::from_millis(50)).await;
    let answer = server.tell("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
    assert!(answer.ends_with("TimedOut"), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let server = running(|config| config.limits.idle_timeout = Duration::from_millis(50)).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(server.dropped.await.is_err(), "the body is dropped, as nobody takes it");
    drop(stream);
}

#[tokio::test]
async fn stops_after_the_request_that_is_under_way() {
    let server = running(|_| {}).await;
    let mut idle = server.connect().await;
    idle.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    until(&mut idle, " tls=false").await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.handler.reached.acquire().await.unwrap().forget();
    server.stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "", "a connection without a request ends at once");
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing more is accepted");
    server.handler.released.add_permits(1);
    assert!(rest(&mut busy).await.ends_with("late"));
    assert!(server.ended.await.unwrap());
}

#[tokio::test]
async fn cuts_what_does_not_end() {
    let server = running(|config| config.limits.stop_timeout = Duration::from_millis(50)).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.handler.reached.acquire().await.unwrap().forget();
    server.stop.send(()).unwrap();
    assert!(!server.ended.await.unwrap());
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn further_connections_wait_for_their_turn() {
    let server = running(|config| config.limits.connections_max = 1).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    server.handler.reached.acquire().await.unwrap().forget();
    let mut second = server.connect().await;
    second.write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    server.handler.released.add_permits(1);
    assert!(rest(&mut first).await.ends_with("late"));
    assert!(rest(&mut second).await.ends_with("late"));
}

#[tokio::test]
async fn further_requests_are_refused_until_an_answer_has_left() {
    let server = running(|config| config.limits.requests_max = 1).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    server.handler.reached.acquire().await.unwrap().forget();
    let ask = |path: &str| server.tell(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    assert!(ask("/").await.starts_with("HTTP/1.1 429 "));
    assert!(ask("/livez").await.starts_with("HTTP/1.1 200 "), "how it is, it always tells");
    server.handler.released.add_permits(1);
    assert!(rest(&mut first).await.ends_with("late"));
    assert!(ask("/").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn over_tls_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = crate::tls::tests::write_pair(folder.path(), "localhost");
    let server = running(|config| {
        config.tls = crate::config::Tls { cert: Some(cert.0), key: Some(key) };
        config.limits.header_timeout = Duration::from_millis(500);
    })
    .await;
    assert!(server.url.starts_with("https://"));
    assert!(!server.tell("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.contains("HTTP/1.1 200"), "no plain HTTP here");

    let connector = connector(&cert.1, b"h2");
    let connect = async || connector.connect("localhost".try_into().unwrap(), server.connect().await).await.unwrap();
    assert_eq!(ask_http2(TokioIo::new(connect().await)).await, "hello tls=true");
    let mut silent = connect().await;
    assert_eq!(silent.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let _ = silent.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_new_connection_gets_the_new_certificate_and_an_old_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (old, key) = crate::tls::tests::write_pair(folder.path(), "localhost");
    let server = running(|config| config.tls = crate::config::Tls { cert: Some(old.0), key: Some(key) }).await;
    let connect = async |root: &rustls_pki_types::CertificateDer<'static>| {
        let stream = server.connect().await;
        connector(root, b"http/1.1").connect("localhost".try_into().unwrap(), stream).await
    };
    let mut before = connect(&old.1).await.unwrap();
    let (new, _) = crate::tls::tests::write_pair(folder.path(), "localhost");
    // The files are looked at once a second.
    let look = async {
        while connect(&new.1).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), look).await.expect("the new one is there");
    assert!(connect(&old.1).await.is_err(), "the old one is not shown any more");
    before.write_all(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
    let mut answer = Vec::new();
    let _ = before.read_to_end(&mut answer).await;
    assert!(answer.ends_with(b"hi tls=true"));
}

/// A client that believes this certificate and speaks this protocol.
fn connector(root: &rustls_pki_types::CertificateDer<'static>, protocol: &[u8]) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut client = builder.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![protocol.to_vec()];
    tokio_rustls::TlsConnector::from(Arc::new(client))
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = running(|_| {}).await;
    let mut config = crate::config::load(Vec::new(), [], None).unwrap().config;
    config.listen = taken.address;
    let error = Listener::bind(&config, Arc::default()).await.err().expect("it is taken").to_string();
    assert!(error.contains(&taken.address.to_string()) && error.contains("--listen"), "{error}");
}
