//! A blob to a registry: in one go where it takes that, in chunks where it does not; where it breaks off, the registry is
//! asked how much it has, and gets the rest.

mod sending;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION, RANGE};
use reqwest::{Method, StatusCode, Url};
use wharf_content::error::Error as ContentError;
use wharf_content::source::Home;
use wharf_content::target::Origin;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::media::OCTET_STREAM;
use wharf_model::range;

use crate::back_off::{self, BackOff, Failed};
use crate::error::{self, Error};
use crate::http::{Answer, SILENCE, TOTAL};
use crate::registry::Ask;
use crate::remote::{CONTENT_DIGEST, Remote, SMALL_BYTES_MAX};
use sending::{Failure, Sending, Watch};

/// Where a registry says how long chunks are at least, in bytes (Distribution spec, "Pushing a blob in chunks").
const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");
/// Shorter chunks are not tried, in bytes.
const CHUNK_BYTES_MIN: u64 = 256 << 10;

/// Takes a blob over from another repository of the registry; `false` where it does not come that way.
pub(crate) async fn mount(remote: &Remote, digest: &Digest, from: &Home) -> Result<bool, Error> {
    if from.registry != remote.place().registry {
        return Ok(false);
    }
    let path = format!("blobs/uploads/?mount={digest}&from={}", encoded(from.repository.as_str()));
    let mut ask = remote.push(Method::POST, &path).body(Default::default());
    ask.scopes.push(format!("repository:{}:pull", from.repository));
    let registry = remote.registry();
    let answer = match registry.send(&ask, SMALL_BYTES_MAX).await {
        Ok(answer) => answer,
        // Nobody may read there, or has no token for both: then the bytes have to go the long way, if they may.
        Err(Error::Unauthorized { .. } | Error::Denied { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    if answer.status == StatusCode::ACCEPTED
        && let Some(location) = location(&answer)
        && let Ok(url) = registry.location(&ask.call, location).await
    {
        remote.keep_upload(*digest, url);
    }
    Ok(answer.status == StatusCode::CREATED)
}

fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
}

fn location(answer: &Answer) -> Option<&str> {
    answer.headers.get(LOCATION).and_then(|value| value.to_str().ok())
}

/// Sends a blob; when this returns, the registry has it and has verified it.
pub(crate) async fn blob(remote: &Remote, descriptor: &Descriptor, origin: &dyn Origin) -> Result<(), ContentError> {
    let session = remote.take_upload(&descriptor.digest);
    let mut upload = Upload {
        remote,
        descriptor,
        origin,
        session,
        offset: 0,
        is_known: true,
        chunk: None,
        back_off: remote.registry().back_off(),
        is_renewed: false,
    };
    loop {
        let (asked, error) = match upload.step().await {
            Ok(true) => return Ok(()),
            Ok(false) => continue,
            Err(Failed::Ever(error)) => return Err(*error),
            Err(Failed::Now(asked, error)) => (asked, error),
        };
        upload.back_off.reached(upload.offset);
        let Some(pause) = upload.back_off.pause(asked) else { return Err(*error) };
        tokio::time::sleep(pause).await;
    }
}

/// A blob that is being sent.
struct Upload<'a> {
    remote: &'a Remote,
    descriptor: &'a Descriptor,
    origin: &'a dyn Origin,
    /// Where it is sent to, once the registry has said so.
    session: Option<Url>,
    /// How much the registry has.
    offset: u64,
    /// Whether that is known, or has to be asked.
    is_known: bool,
    /// How much may be sent at once; `None` for all.
    chunk: Option<u64>,
    back_off: BackOff,
    /// Whether a token has been renewed since something was sent.
    is_renewed: bool,
}

impl Upload<'_> {
    /// Does what is next; whether that was all.
    async fn step(&mut self) -> Result<bool, Failed> {
        let Some(session) = self.session.clone() else {
            self.begin().await?;
            return Ok(false);
        };
        if !self.is_known {
            return self.ask(session).await;
        }
        let left = self.descriptor.size - self.offset;
        match self.chunk.filter(|chunk| *chunk < left) {
            Some(chunk) => self.send(session, chunk, false).await,
            None => self.send(session, left, true).await,
        }
    }

    /// Begins an upload.
    async fn begin(&mut self) -> Result<(), Failed> {
        let registry = self.remote.registry();
        let ask = self.remote.push(Method::POST, "blobs/uploads/").body(Default::default());
        let answer = registry.success(registry.send(&ask, SMALL_BYTES_MAX).await?)?;
        let strange = || Error::Strange { asked: ask.call.asked(), why: "no place to upload to is named".to_owned() };
        let url = registry.location(&ask.call, location(&answer).ok_or_else(strange)?).await?;
        let least = answer
            .headers
            .get(CHUNK_MIN)
            .filter(|_| self.may_chunk())
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if let Some(least) = least {
            // Who speaks of chunks wants large blobs in them.
            let usual = registry.http().transfer().chunk;
            self.chunk = Some(self.chunk.unwrap_or(usual).max(least).max(1));
        }
        (self.session, self.offset, self.is_known) = (Some(url), 0, true);
        Ok(())
    }

    /// Whether it is not known to take nothing but all at once.
    fn may_chunk(&self) -> bool {
        self.remote.registry().abilities().chunked_upload != Some(false)
    }

    /// Asks how much the registry has. Where that is not to be had, it is begun anew, unless the blob is there by now: then
    /// only the answer was lost.
    async fn ask(&mut self, session: Url) -> Result<bool, Failed> {
        let registry = self.remote.registry();
        let ask = self.remote.push_at(Method::GET, session);
        let answer = registry.send(&ask, SMALL_BYTES_MAX).await?;
        let range = answer.headers.get(RANGE).and_then(|value| value.to_str().ok());
        let has = range.and_then(range::chunk).filter(|range| range.start == 0).map(|range| range.end);
        // `0-0` is nothing, or one byte: nobody can tell.
        let has = has.filter(|has| *has > 1 && *has <= self.descriptor.size && answer.status.is_success());
        let Some(has) = has else {
            (self.session, self.offset, self.is_known) = (None, 0, true);
            return Ok(self.remote.has(&self.descriptor.digest).await?);
        };
        if let Some(location) = location(&answer) {
            self.session = Some(registry.location(&ask.call, location).await?);
        }
        (self.offset, self.is_known) = (has, true);
        Ok(false)
    }

    /// Sends the next bytes: the last of them with the digest.
    async fn send(&mut self, session: Url, length: u64, is_last: bool) -> Result<bool, Failed> {
        let mut ask = match is_last {
            true => self.remote.push_at(Method::PUT, session),
            false => self.remote.push_at(Method::PATCH, session),
        };
        if is_last {
            ask.call.url.query_pairs_mut().append_pair("digest", &self.descriptor.digest.to_string());
        }
        ask = ask.header(CONTENT_TYPE, OCTET_STREAM);
        if length > 0 && (!is_last || self.offset > 0) {
            ask = ask.header(CONTENT_RANGE, &format!("{}-{}", self.offset, self.offset + length - 1));
        }
        // Whatever comes of it, how much has arrived is for the registry to say.
        self.is_known = false;
        let answer = self.exchange(&ask, length).await?;
        match answer.status.as_u16() {
            200..300 if is_last => self.done(&ask, &answer).map(|()| true),
            200..300 => self.went_on(&ask, &answer, length).await.map(|()| false),
            _ => self.refused(&answer, length),
        }
    }

    /// One request with bytes of the blob, and the answer.
    async fn exchange(&mut self, ask: &Ask, length: u64) -> Result<Answer, Failed> {
        let registry = self.remote.registry();
        // First what is to be sent, which may itself come from a registry; then the place to send it.
        let body = self.origin.open(self.offset).await?;
        if let Some(more) = body.length().filter(|more| self.offset + more != self.descriptor.size) {
            return Err(self.wrong_length(self.offset + more).into());
        }
        let _place = registry.gate().write().await;
        let watch = Watch::default();
        let sending = (length > 0).then(|| reqwest::Body::wrap(Sending::new(body, length, watch.clone())));
        let exchange = async { registry.open(ask, sending).await?.read_here(SMALL_BYTES_MAX).await };
        let result = tokio::select! {
            result = exchange => result,
            () = silence(&watch, length) => Err(Error::Cut {
                asked: ask.call.asked(),
                why: format!("nothing more was taken after {} of {length} bytes", watch.sent()),
            }),
        };
        result.map_err(|error| match watch.failure() {
            Some(failure) => self.unreadable(failure, watch.sent()).into(),
            None if registry.is_worth_it(&error) => Failed::now(None, error),
            None => error.into(),
        })
    }

    /// Why there was not enough to send.
    fn unreadable(&self, failure: Failure, sent: u64) -> ContentError {
        let what = format!("reading {} to send it to {}", self.descriptor.digest, self.remote);
        match failure {
            Failure::Short => self.wrong_length(self.offset + sent),
            Failure::Broken(error) => match error.downcast::<ContentError>() {
                Ok(error) => error,
                Err(error) => ContentError::Io { what, error },
            },
        }
    }

    fn wrong_length(&self, actual: u64) -> ContentError {
        let (digest, expected) = (self.descriptor.digest, self.descriptor.size);
        ContentError::Length { place: format!("what is sent to {}", self.remote), digest, expected, actual }
    }

    /// The registry has all.
    fn done(&self, ask: &Ask, answer: &Answer) -> Result<(), Failed> {
        let said = answer.headers.get(CONTENT_DIGEST).and_then(|value| value.to_str().ok()?.parse::<Digest>().ok());
        let expected = self.descriptor.digest;
        match said.filter(|said| said.algorithm() == expected.algorithm() && *said != expected) {
            Some(actual) => {
                Err(ContentError::Wrong { place: ask.call.asked().server, expected, actual: Box::new(actual) }.into())
            }
            None => Ok(()),
        }
    }

    /// The registry has more.
    async fn went_on(&mut self, ask: &Ask, answer: &Answer, length: u64) -> Result<(), Failed> {
        if let Some(location) = location(answer) {
            self.session = Some(self.remote.registry().location(&ask.call, location).await?);
        }
        let said = answer.headers.get(RANGE).and_then(|value| value.to_str().ok()).and_then(range::chunk);
        let reached = self.offset + length;
        // It may have taken less, but not more than was sent.
        let has = said.filter(|range| range.start == 0).map_or(reached, |range| range.end);
        if has <= self.offset || has > reached {
            let why = format!("after {reached} bytes it says that it has {has}");
            return Err(Error::Strange { asked: ask.call.asked(), why }.into());
        }
        (self.offset, self.is_known, self.is_renewed) = (has, true, false);
        self.back_off.reached(has);
        Ok(())
    }

    /// The registry has not taken it: whether something else is worth trying.
    fn refused(&mut self, answer: &Answer, length: u64) -> Result<bool, Failed> {
        let refusal = self.remote.registry().refusal(answer);
        match answer.status.as_u16() {
            // The token has ended, and the answer was looked at: there is another next time.
            401 if !self.is_renewed => {
                self.is_renewed = true;
                Ok(false)
            }
            // A proxy before it has its own idea of how much may come at once.
            413 if length / 4 >= CHUNK_BYTES_MIN && self.may_chunk() => {
                let usual = self.remote.registry().http().transfer().chunk;
                self.chunk = Some(usual.min(length / 4));
                self.session = None;
                Ok(false)
            }
            // It has another part of the blob than was thought, or has forgotten the upload.
            404 | 416 => Err(Failed::now(None, refusal)),
            status if error::is_passing(status) => Err(Failed::now(back_off::asked(&answer.headers), refusal)),
            // What was put together from two attempts may be wrong where what is sent in one is not.
            400 if self.offset > 0 && self.chunk.is_none() => {
                (self.session, self.offset, self.is_known) = (None, 0, true);
                Err(Failed::now(None, refusal))
            }
            _ => Err(refusal.into()),
        }
    }
}

/// Returns when nothing has been taken for too long; after the last byte it may be longer, as then the registry has work to do.
async fn silence(watch: &Watch, length: u64) {
    let mut before = 0;
    loop {
        let is_sent = before == length;
        tokio::time::sleep(if is_sent { TOTAL } else { SILENCE }).await;
        let sent = watch.sent();
        if sent == before {
            return;
        }
        before = sent;
    }
}
