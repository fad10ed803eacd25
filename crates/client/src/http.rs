//! One exchange with a registry: bounded in time and in size, no redirect followed, repeated where the other side asks for
//! that. How many are under way at once.

mod certificates;
mod gate;
mod reply;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, StatusCode, Url, redirect};
use rustls::AlertDescription;

use certificates::Own;
pub(crate) use gate::{Gate, Place};
pub(crate) use reply::Reply;

use crate::error::{Asked, Error};
use crate::origin::{Origin, is_loopback};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the other side may be silent.
pub(crate) const SILENCE: Duration = Duration::from_secs(120);
/// How long an exchange may take in all, but for the bytes of blobs.
pub(crate) const TOTAL: Duration = Duration::from_secs(300);
/// How often a request is sent at most.
const ATTEMPTS_MAX: u32 = 4;
/// The longest pause that is made because the other side asks for it.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// Largest answer that is read, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Most pages of a list without an entry: where much is passed over that is not shown there are some, and a list that never ends
/// has more.
pub(crate) const EMPTY_PAGES_MAX: usize = 1_000;
/// Largest file of certificates that is read, in bytes.
const CA_FILE_BYTES_MAX: u64 = 8 << 20;

/// How registries are spoken to.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// A PEM file with authorities that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM files with the certificate and the key by which registries know us that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Folders that may have a folder `HOST:PORT` with certificates for that registry, as Docker has them in
    /// `/etc/docker/certs.d`: `*.crt` to trust, `*.cert` and `*.key` to be known by. The first that has one counts.
    pub certificate_folders: Vec<PathBuf>,
    /// What we call ourselves.
    pub user_agent: String,
    /// How content is moved.
    pub transfer: Transfer,
}

/// How content is moved: how patiently, and how much of it at once.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The first pause before what failed is tried again; each further one is twice as long, with a quarter more or less by
    /// chance.
    pub pause: Duration,
    /// Blobs of more than so many bytes are fetched by several ranges at once.
    pub ranges_from: u64,
    /// How many ranges of one blob are fetched at once; 1 or more.
    pub ranges: usize,
    /// Whether they come by ranges from this machine too. One connection is three times as fast there: nothing is waited for.
    pub ranges_at_home: bool,
    /// How long such a range is, in bytes; 1 or more. So much of each may wait in memory.
    pub range: u64,
    /// The most that one request takes where a registry wants large blobs in chunks, in bytes.
    pub chunk: u64,
}

impl Default for Transfer {
    /// One second; beyond 64 MiB four ranges of 4 MiB, but from this machine; chunks of 64 MiB.
    fn default() -> Transfer {
        let pause = Duration::from_secs(1);
        let (ranges_from, range, chunk) = (64 << 20, 4 << 20, 64 << 20);
        Transfer { pause, ranges_from, ranges: 4, ranges_at_home: false, range, chunk }
    }
}

/// Sends requests. Connections are kept; cheap to clone is what it is not, so share it.
///
/// Proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), but for this machine.
#[derive(Debug)]
pub struct Http {
    settings: HttpSettings,
    authorities: Vec<Certificate>,
    /// Made when they are needed, as reading the system's certificates takes a while: through proxies, and without.
    clients: Mutex<Clients>,
    /// Who is spoken to as a registry.
    registries: Mutex<HashSet<String>>,
    /// By origin.
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

#[derive(Debug, Default)]
struct Clients {
    /// Through proxies, and without.
    any: [Option<Client>; 2],
    /// By host and port, where that has been asked for.
    of_hosts: HashMap<String, Client>,
}

/// A request. Its body may have a password in it, so that there is no way to print it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// Whether it is sent again where the other side has too much to do. Passwords are not: there, that means something else.
    pub(crate) is_patient: bool,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url) -> Call {
        Call { method, url, headers: HeaderMap::new(), body: None, is_patient: true }
    }

    /// What is asked, for messages.
    pub(crate) fn asked(&self) -> Asked {
        let server = Origin::of(&self.url).map(|origin| origin.to_string()).unwrap_or_default();
        Asked { server, method: self.method.clone(), path: self.url.path().to_owned() }
    }

    /// Whether it is of a method that has a body, be that empty.
    fn sends(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }

    fn strange(&self, why: impl Into<String>) -> Error {
        Error::Strange { asked: self.asked(), why: why.into() }
    }
}

/// An answer. Its body may have a secret in it.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    /// Reads the files of certificates, where such are named.
    ///
    /// # Errors
    /// [`Error::CaFile`].
    pub fn new(settings: HttpSettings) -> Result<Http, Error> {
        let authorities = settings.ca_file.as_deref().map(read_authorities).transpose()?.unwrap_or_default();
        if let Some((cert, key)) = &settings.identity {
            certificates::identity(cert, key)?;
        }
        let (clients, registries, gates) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Http { settings, authorities, clients, registries, gates })
    }

    /// Sends it, again where it is answered with 429 or 503 and may be: at most four times, and with pauses of at most 20
    /// seconds. Redirects are an error: nothing that is asked here is elsewhere.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            let exchange = async {
                let reply = self.open(call).await?;
                let is_busy = matches!(reply.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
                match pause(&reply.headers, attempt).filter(|_| is_busy && call.is_patient) {
                    Some(pause) => Ok(Err(pause)),
                    None => reply.read_here(ANSWER_BYTES_MAX).await.map(Ok),
                }
            };
            let late = |_| Error::Late { asked: call.asked() };
            match tokio::time::timeout(TOTAL, exchange).await.map_err(late)?? {
                Ok(answer) => return Ok(answer),
                Err(pause) => tokio::time::sleep(pause).await,
            }
            attempt += 1;
        }
    }

    /// Sends it once, whatever the answer; the answer's body is still to be read.
    pub(crate) async fn open(&self, call: &Call) -> Result<Reply, Error> {
        let late = |_| Error::Late { asked: call.asked() };
        let body = call.body.clone().filter(|body| !body.is_empty()).map(reqwest::Body::from);
        tokio::time::timeout(SILENCE, self.open_with(call, body)).await.map_err(late)?
    }

    /// The same with this body, and without a bound on the time that it takes to send it: that is whose body it is.
    pub(crate) async fn open_with(&self, call: &Call, body: Option<reqwest::Body>) -> Result<Reply, Error> {
        let client = self.client(&call.url)?;
        let mut request = client.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
        match body {
            Some(body) => request = request.body(body),
            // Not said by itself, and there are servers that wait for it.
            None if call.sends() => request = request.header(CONTENT_LENGTH, 0),
            None => (),
        }
        let inner = request.send().await.map_err(|error| failed(call, &error))?;
        Ok(Reply::new(call, inner))
    }

    /// How many exchanges there may be at once with whoever is at `origin`.
    pub(crate) fn gate(&self, origin: &Origin) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.entry(origin.to_string()).or_default().clone()
    }

    /// How content is moved.
    pub(crate) fn transfer(&self) -> &Transfer {
        &self.settings.transfer
    }

    /// From now on `origin` is spoken to as a registry: it may know who we are.
    pub(crate) fn introduce(&self, origin: &Origin) {
        let name = Origin::of(&origin.at("/")).map(|origin| origin.name().to_owned()).unwrap_or_default();
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).of_hosts.remove(&name);
        self.registries.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    fn client(&self, url: &Url) -> Result<Client, Error> {
        let host = Origin::of(url).map(|origin| origin.name().to_owned()).unwrap_or_default();
        let (is_tls, is_direct) = (url.scheme() == "https", is_loopback(url));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.of_hosts.get(&host).filter(|_| is_tls) {
            return Ok(client.clone());
        }
        let is_registry = self.registries.lock().unwrap_or_else(PoisonError::into_inner).contains(&host);
        let own = if is_tls { Own::of(&self.settings, &host, is_registry)? } else { None };
        let client = match (own, &mut clients.any[usize::from(is_direct)]) {
            (Some(own), _) => self.made(is_direct, own)?,
            (None, Some(client)) => client.clone(),
            (None, slot) => slot.insert(self.made(is_direct, Own::default())?).clone(),
        };
        if is_tls {
            clients.of_hosts.insert(host, client.clone());
        }
        Ok(client)
    }

    fn made(&self, is_direct: bool, own: Own) -> Result<Client, Error> {
        // Without any authority in the system nobody is trusted but those of our file; and http needs none.
        let client = self.build(is_direct, &own, false).or_else(|_| self.build(is_direct, &own, true));
        client.map_err(|error| Error::Setup(deepest(&error)))
    }

    fn build(&self, is_direct: bool, own: &Own, only_ours: bool) -> reqwest::Result<Client> {
        let builder = Client::builder()
            .user_agent(&self.settings.user_agent)
            .redirect(redirect::Policy::none())
            // A connection for each transfer: on a shared one, a large blob holds up all others.
            .http1_only()
            .connect_timeout(CONNECT);
        let builder = if is_direct { builder.no_proxy() } else { builder };
        let builder = match &own.identity {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        };
        let authorities: Vec<Certificate> = self.authorities.iter().chain(&own.authorities).cloned().collect();
        let builder =
            if only_ours { builder.tls_certs_only(authorities) } else { builder.tls_certs_merge(authorities) };
        builder.build()
    }
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, Error> {
    let failed = |why: String| Error::CaFile { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > CA_FILE_BYTES_MAX {
        return Err(failed(format!("is larger than {CA_FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&bytes).map_err(|error| failed(deepest(&error)))?;
    if certificates.is_empty() { Err(failed("has no certificate in PEM form".to_owned())) } else { Ok(certificates) }
}

/// How long to wait before the next attempt; `None` where there is none any more, or it would be too long.
fn pause(headers: &HeaderMap, attempt: u32) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let pause = Duration::from_secs(asked.unwrap_or(1 << attempt.min(4)));
    (attempt < ATTEMPTS_MAX && pause <= PAUSE_MAX).then_some(pause)
}

/// Why there is no answer.
fn failed(call: &Call, error: &reqwest::Error) -> Error {
    let server = Origin::of(&call.url).map(|origin| origin.name().to_owned()).unwrap_or_default();
    match chain(error).find_map(tls) {
        Some(rustls::Error::AlertReceived(alert)) if is_about_us(*alert) => {
            return Error::Distrusted { server, why: said(*alert) };
        }
        Some(error) => return Error::Untrusted { server, why: distrust(error) },
        None => (),
    }
    if error.is_timeout() && !error.is_connect() {
        return Error::Late { asked: call.asked() };
    }
    match error.is_connect() {
        true => Error::Unreachable { server, why: deepest(error) },
        false if is_cut(error) => Error::Cut { asked: call.asked(), why: deepest(error) },
        false => call.strange(deepest(error)),
    }
}

/// Whether the connection broke, rather than that something wrong came over it.
fn is_cut(error: &reqwest::Error) -> bool {
    // hyper does not let its errors be told apart from here but by their text.
    let said = [
        "connection closed",
        "connection error",
        // It closed before it was asked anything: so do servers that want another certificate (TLS 1.3 tells them late).
        "connection was not ready",
        "end of file before message",
        "error writing a body",
    ];
    chain(error).any(|error| {
        let text = error.to_string();
        error.is::<std::io::Error>() || said.iter().any(|said| text.contains(said))
    })
}

/// What TLS has against the other side.
fn distrust(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => format!("{error} (InvalidMessage)"),
        other => other.to_string(),
    }
}

/// Whether the other side says by it what it has against our certificate, or that it wants one (RFC 8446 §6.2).
fn is_about_us(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
            | Alert::HandshakeFailure
    )
}

fn said(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it wants to see one".to_owned(),
        AlertDescription::UnknownCA => "it does not know who signed it".to_owned(),
        AlertDescription::CertificateExpired => "it has expired".to_owned(),
        AlertDescription::CertificateRevoked => "it has been revoked".to_owned(),
        other => format!("it says {other:?}"),
    }
}

/// The error of TLS, which may be wrapped in errors of reading and writing: they do not name it as their source.
fn tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = || tls(error.downcast_ref::<std::io::Error>()?.get_ref()?);
    error.downcast_ref::<rustls::Error>().or_else(inner)
}

/// The reason behind all the others: the outer ones say only that something failed.
fn deepest(error: &reqwest::Error) -> String {
    let message = chain(error).last().map(ToString::to_string);
    message.unwrap_or_default()
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn pauses_are_bounded() {
        let check = |asked: Option<&str>, attempt, expect: Option<u64>| {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert(RETRY_AFTER, asked.parse().expect("a header"));
            }
            assert_eq!(pause(&headers, attempt), expect.map(Duration::from_secs), "{asked:?} {attempt}");
        };
        check(Some("1"), 1, Some(1));
        check(Some("20"), 3, Some(20));
        check(Some("21"), 1, None);
        check(Some("1"), ATTEMPTS_MAX, None);
        check(None, 1, Some(2));
        check(None, 3, Some(8));
        check(Some("soon"), 2, Some(4));
        check(Some("-1"), 1, Some(2));
    }

    #[test]
    fn files_of_certificates() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let check = |part: &str| {
            let settings = HttpSettings { ca_file: Some(path.clone()), ..HttpSettings::default() };
            let error = Http::new(settings).expect_err("refused").to_string();
            assert!(error.contains("ca.pem") && error.contains(part), "{error}");
        };
        check("No such file");
        std::fs::write(&path, "no certificate").expect("written");
        check("no certificate");
    }
}
