//! One exchange with a registry: bounded in time and in size, no redirect followed, repeated where the other side asks for
//! that.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, StatusCode, Url, redirect};

use crate::error::{Asked, Error};
use crate::origin::{Origin, is_loopback};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the other side may be silent.
const SILENCE: Duration = Duration::from_secs(120);
/// How long an exchange may take in all.
const TOTAL: Duration = Duration::from_secs(300);
/// How often a request is sent at most.
const ATTEMPTS_MAX: u32 = 4;
/// The longest pause that is made because the other side asks for it.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Largest file of certificates that is read, in bytes.
const CA_FILE_BYTES_MAX: u64 = 8 << 20;

/// How registries are spoken to.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// A PEM file with authorities that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// What we call ourselves.
    pub user_agent: String,
}

/// Sends requests. Connections are kept; cheap to clone is what it is not, so share it.
///
/// Proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), but for this machine.
#[derive(Debug)]
pub struct Http {
    settings: HttpSettings,
    authorities: Vec<Certificate>,
    /// Made when they are needed, as reading the system's certificates takes a while: through proxies, and without.
    clients: Mutex<[Option<Client>; 2]>,
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
    /// Reads the file of certificates, where one is named.
    ///
    /// # Errors
    /// [`Error::CaFile`].
    pub fn new(settings: HttpSettings) -> Result<Http, Error> {
        let authorities = settings.ca_file.as_deref().map(read_authorities).transpose()?.unwrap_or_default();
        Ok(Http { settings, authorities, clients: Mutex::default() })
    }

    /// Sends it, again where it is answered with 429 or 503 and may be: at most four times, and with pauses of at most 20
    /// seconds. Redirects are an error: nothing that is asked here is elsewhere.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let client = self.client(&call.url)?;
        let mut attempt = 1;
        loop {
            let mut request = client.request(call.method.clone(), call.url.clone());
            request = request.headers(call.headers.clone()).timeout(TOTAL);
            if let Some(body) = &call.body {
                request = request.body(body.clone());
            }
            let answer = request.send().await.map_err(|error| failed(call, &error))?;
            let is_busy = matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            let pause = pause(answer.headers(), attempt).filter(|_| is_busy && call.is_patient);
            let Some(pause) = pause else { return read(call, answer).await };
            drop(answer);
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    fn client(&self, url: &Url) -> Result<Client, Error> {
        let is_direct = is_loopback(url);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut clients[usize::from(is_direct)];
        if let Some(client) = slot {
            return Ok(client.clone());
        }
        // Without any authority in the system nobody is trusted but those of our file; and http needs none.
        let client = self.build(is_direct, false).or_else(|_| self.build(is_direct, true));
        let client = client.map_err(|error| Error::Setup(deepest(&error)))?;
        Ok(slot.insert(client).clone())
    }

    fn build(&self, is_direct: bool, only_ours: bool) -> reqwest::Result<Client> {
        let builder = Client::builder()
            .user_agent(&self.settings.user_agent)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        let builder = if is_direct { builder.no_proxy() } else { builder };
        let authorities = self.authorities.clone();
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

async fn read(call: &Call, mut answer: reqwest::Response) -> Result<Answer, Error> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(call.strange(format!("is answered with a redirect ({status}), which is not followed")));
    }
    let headers = std::mem::take(answer.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(call, &error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(call.strange(format!("the answer has more than {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body: body.into() })
}

/// Why there is no answer.
fn failed(call: &Call, error: &reqwest::Error) -> Error {
    let server = Origin::of(&call.url).map(|origin| origin.name().to_owned()).unwrap_or_default();
    if let Some(why) = distrust(error) {
        return Error::Untrusted { server, why };
    }
    if error.is_timeout() && !error.is_connect() {
        return Error::Late { asked: call.asked() };
    }
    match error.is_connect() {
        true => Error::Unreachable { server, why: deepest(error) },
        false => call.strange(deepest(error)),
    }
}

/// What TLS has against the other side, if it is that.
fn distrust(error: &reqwest::Error) -> Option<String> {
    chain(error).find_map(tls).map(|error| match error {
        rustls::Error::InvalidMessage(_) => format!("{error} (InvalidMessage)"),
        other => other.to_string(),
    })
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
