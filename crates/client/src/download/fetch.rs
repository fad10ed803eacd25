//! A part of a blob over one connection after the other.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use reqwest::{Method, StatusCode, Url};
use wharf_content::error::Error as ContentError;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::range;

use super::Chunk;
use crate::back_off::{self, BackOff, Failed};
use crate::error::{self, Error};
use crate::http::{Call, Reply};
use crate::registry::{Ask, Registry};
use crate::remote::{Remote, SMALL_BYTES_MAX};

/// How a request for a part was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// There is no such blob.
    Missing,
    /// With that part.
    Part,
    /// With all of it, whatever was asked for.
    Whole,
}

/// Fetches the bytes from `at` to `end` of a blob.
pub(super) struct Fetch {
    registry: Arc<Registry>,
    ask: Ask,
    place: String,
    digest: Digest,
    pub(super) size: u64,
    /// The next byte.
    pub(super) at: u64,
    /// The byte after the last.
    pub(super) end: u64,
    /// Bytes of the answer that come before those that are wanted.
    skip: u64,
    /// Whether the answer goes on to the end of the blob, whatever was asked for.
    is_whole: bool,
    reply: Option<Reply>,
    back_off: BackOff,
    /// Where the registry has sent us for this blob, so that it need not be asked each time.
    elsewhere: Arc<Mutex<Option<Url>>>,
    is_over: bool,
}

impl Fetch {
    pub(super) fn new(remote: &Remote, descriptor: &Descriptor, at: u64, end: u64) -> Fetch {
        Fetch {
            registry: remote.registry().clone(),
            ask: remote.pull(Method::GET, &format!("blobs/{}", descriptor.digest)),
            place: remote.to_string(),
            digest: descriptor.digest,
            size: descriptor.size,
            at,
            end,
            skip: 0,
            is_whole: false,
            reply: None,
            back_off: remote.registry().back_off(),
            elsewhere: Arc::default(),
            is_over: false,
        }
    }

    /// Another part of the same blob.
    pub(super) fn part(&self, at: u64, end: u64) -> Fetch {
        Fetch {
            registry: self.registry.clone(),
            ask: self.ask.clone(),
            place: self.place.clone(),
            reply: None,
            back_off: self.registry.back_off(),
            elsewhere: self.elsewhere.clone(),
            is_over: false,
            skip: 0,
            is_whole: false,
            at,
            end,
            ..*self
        }
    }

    pub(super) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The part ends there.
    pub(super) fn extend(&mut self, end: u64) {
        self.end = end;
    }

    /// Asks, until there is an answer.
    pub(super) async fn begin(&mut self) -> Result<Answered, ContentError> {
        loop {
            let (asked, error) = match self.connect().await {
                Ok(answered) => return Ok(answered),
                Err(Failed::Ever(error)) => return Err(*error),
                Err(Failed::Now(asked, error)) => (asked, error),
            };
            self.wait(asked).await.ok_or(*error)?;
        }
    }

    async fn wait(&mut self, asked: Option<Duration>) -> Option<()> {
        tokio::time::sleep(self.back_off.pause(asked)?).await;
        Some(())
    }

    /// The next chunk, `None` at the end of the part, or after an error.
    pub(super) async fn next(&mut self) -> Option<Chunk> {
        if self.is_over {
            return None;
        }
        let chunk = self.chunk().await;
        if !matches!(chunk, Ok(Some(_))) {
            (self.is_over, self.reply) = (true, None);
        }
        chunk
            .map_err(|error| match error {
                ContentError::Io { error, .. } => error,
                length @ ContentError::Length { .. } => io::Error::new(io::ErrorKind::InvalidData, length),
                other => io::Error::other(other),
            })
            .transpose()
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, ContentError> {
        loop {
            let Some(reply) = &mut self.reply else {
                if self.at == self.end {
                    return Ok(None);
                }
                match self.begin().await? {
                    Answered::Missing => {
                        return Err(ContentError::Missing { what: self.digest.to_string(), place: self.place.clone() });
                    }
                    Answered::Part | Answered::Whole => continue,
                }
            };
            let broken = match reply.chunk().await {
                Ok(Some(chunk)) => match self.take(chunk)? {
                    Some(chunk) => return Ok(Some(chunk)),
                    None => continue,
                },
                Ok(None) if self.at == self.end => return Ok(None),
                Ok(None) => {
                    Error::Cut { asked: reply.asked(), why: format!("it ended {} bytes early", self.end - self.at) }
                }
                // All is there: what comes instead of the end is of no interest.
                Err(_) if self.at == self.end => return Ok(None),
                Err(error) => error,
            };
            self.reply = None;
            self.wait(None).await.ok_or(broken)?;
        }
    }

    /// What is wanted of a chunk that came.
    fn take(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, ContentError> {
        let skip = self.skip.min(chunk.len() as u64);
        self.skip -= skip;
        chunk = chunk.split_off(skip as usize);
        let wanted = (self.end - self.at).min(chunk.len() as u64);
        let is_more = chunk.len() as u64 > wanted;
        if is_more && self.end == self.size {
            return Err(self.wrong_length(self.size + 1));
        }
        chunk.truncate(wanted as usize);
        self.at += wanted;
        if self.at == self.end && (is_more || self.is_whole && self.end < self.size) {
            // The rest of such an answer is not waited for.
            self.reply = None;
        }
        self.back_off.reached(self.at);
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    fn wrong_length(&self, actual: u64) -> ContentError {
        ContentError::Length { place: self.place.clone(), digest: self.digest, expected: self.size, actual }
    }

    /// Asks once.
    async fn connect(&mut self) -> Result<Answered, Failed> {
        let mut ask = self.ask.clone();
        if self.at > 0 || self.end < self.size {
            ask = ask.header(RANGE, &format!("bytes={}-{}", self.at, self.end - 1));
        }
        let reply = self.open(ask).await.map_err(|error| match self.registry.is_worth_it(&error) {
            true => Failed::now(None, error),
            false => error.into(),
        })?;
        match reply.status {
            StatusCode::OK => self.whole(reply),
            StatusCode::PARTIAL_CONTENT => self.part_of(reply),
            StatusCode::NOT_FOUND => Ok(Answered::Missing),
            // An object store has no empty ranges, and some registries none of an empty blob.
            StatusCode::RANGE_NOT_SATISFIABLE if self.size == 0 => Ok(Answered::Whole),
            _ => {
                let (asked, answer) = (back_off::asked(&reply.headers), reply.read(SMALL_BYTES_MAX).await?);
                let refusal = self.registry.refusal(&answer);
                match error::is_passing(answer.status.as_u16()) {
                    true => Err(Failed::now(asked, refusal)),
                    false => Err(refusal.into()),
                }
            }
        }
    }

    /// Where the registry has sent us before, if there; else as it sends now.
    async fn open(&self, ask: Ask) -> Result<Reply, Error> {
        let known = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(url) = known {
            let direct = Ask { call: Call { url: url.clone(), ..ask.call.clone() }, scopes: Vec::new() };
            // Such addresses end; why does not matter, as the registry gives another.
            if let Ok(reply) = self.registry.open(&direct, None).await
                && reply.status.is_success()
            {
                self.remember(Some(url));
                return Ok(reply);
            }
        }
        let (reply, elsewhere) = self.registry.follow(&ask).await?;
        self.remember(elsewhere.filter(|_| reply.status.is_success()));
        Ok(reply)
    }

    fn remember(&self, url: Option<Url>) {
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    fn whole(&mut self, reply: Reply) -> Result<Answered, Failed> {
        let length: Option<u64> = reply.header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        if let Some(actual) = length.filter(|length| *length != self.size) {
            return Err(self.wrong_length(actual).into());
        }
        (self.skip, self.is_whole, self.reply) = (self.at, true, Some(reply));
        Ok(Answered::Whole)
    }

    /// The part must begin where it was asked to; it may be shorter.
    fn part_of(&mut self, reply: Reply) -> Result<Answered, Failed> {
        let strange = |why: &str| Error::Strange { asked: reply.asked(), why: why.to_owned() };
        let text = reply.header(CONTENT_RANGE).unwrap_or_default();
        let found = range::chunk(text).ok_or_else(|| strange("a part without a range"))?;
        if found.start != self.at || found.end > self.end {
            return Err(strange("another part than was asked for").into());
        }
        let total = text.rsplit_once('/').and_then(|(_, total)| total.parse::<u64>().ok());
        if let Some(actual) = total.filter(|total| *total != self.size) {
            return Err(self.wrong_length(actual).into());
        }
        (self.skip, self.is_whole, self.reply) = (0, false, Some(reply));
        Ok(Answered::Part)
    }
}
