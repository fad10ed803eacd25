//! Bytes that are what they are said to be: a body that checks its length and digest while it is read.
//!
//! The check comes with the last byte; what was read before it is not to be shown to anybody until the end is reached
//! without an error.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wharf_model::digest::{Digest, Hasher};

use crate::body::Body;
use crate::error::Error;

/// Bodies from this size on, in bytes, are hashed in a thread of their own, beside whatever reads and sends them.
const OWN_THREAD_BYTES: u64 = 1 << 20;
/// Chunks that may wait to be hashed.
const WAITING_CHUNKS: usize = 8;

/// What a body is to be.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What it is named by.
    pub digest: Digest,
    /// Its length, in bytes.
    pub size: u64,
    /// Who gives it, for messages.
    pub place: String,
}

/// `body`, all of which is expected to have this digest and size. It never yields more bytes than that, and ends with
/// [`Error::Wrong`] or [`Error::Length`] (by [`Error::from_io`]) where it is something else. Large ones need a runtime.
pub fn whole(body: Body, expected: Expected) -> Body {
    let hash = Hash::new(&expected);
    checked(body, 0, expected, Some(hash))
}

/// What is left from byte `from` on of a body of this size: the length is checked, the digest cannot be.
pub fn rest(body: Body, from: u64, expected: Expected) -> Body {
    checked(body, from, expected, None)
}

fn checked(body: Body, from: u64, expected: Expected, hash: Option<Hash>) -> Body {
    let length = expected.size.saturating_sub(from);
    let check = Check { body, position: from, expected, hash, ended: false };
    Body::new(
        Some(length),
        stream::unfold(check, |mut check| async move {
            let chunk = check.next().await?;
            Some((chunk.map_err(Error::into_io), check))
        }),
    )
}

struct Check {
    body: Body,
    position: u64,
    expected: Expected,
    hash: Option<Hash>,
    ended: bool,
}

impl Check {
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.ended {
            return None;
        }
        let step = self.step().await;
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }

    async fn step(&mut self) -> Option<Result<Bytes, Error>> {
        let Some(chunk) = self.body.next().await else {
            return self.finish().await.err().map(Err);
        };
        let place = &self.expected.place;
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => return Some(Err(Error::from_io(error, || format!("read from {place}")))),
        };
        self.position += chunk.len() as u64;
        if self.position > self.expected.size {
            return Some(Err(self.length()));
        }
        if let Some(hash) = &mut self.hash {
            hash.update(&chunk).await;
        }
        Some(Ok(chunk))
    }

    async fn finish(&mut self) -> Result<(), Error> {
        if self.position != self.expected.size {
            return Err(self.length());
        }
        let Some(hash) = self.hash.take() else { return Ok(()) };
        let actual = hash.finish().await?;
        let Expected { digest, place, .. } = &self.expected;
        if actual == *digest {
            return Ok(());
        }
        Err(Error::Wrong { place: place.clone(), expected: *digest, actual: Box::new(actual) })
    }

    fn length(&self) -> Error {
        let Expected { digest, size, place } = self.expected.clone();
        Error::Length { place, digest, expected: size, actual: self.position }
    }
}

/// A hash that runs here, or beside.
enum Hash {
    Here(Box<Hasher>),
    Beside { chunks: mpsc::Sender<Bytes>, digest: JoinHandle<Digest> },
}

impl Hash {
    fn new(expected: &Expected) -> Hash {
        let mut hasher = Hasher::new(expected.digest.algorithm());
        if expected.size < OWN_THREAD_BYTES {
            return Hash::Here(Box::new(hasher));
        }
        let (chunks, mut waiting) = mpsc::channel::<Bytes>(WAITING_CHUNKS);
        let digest = tokio::task::spawn_blocking(move || {
            while let Some(chunk) = waiting.blocking_recv() {
                hasher.update(&chunk);
            }
            hasher.finish()
        });
        Hash::Beside { chunks, digest }
    }

    async fn update(&mut self, chunk: &Bytes) {
        match self {
            Hash::Here(hasher) => hasher.update(chunk),
            // The thread takes chunks until the sender is gone; had it died, its digest would be missed at the end.
            Hash::Beside { chunks, .. } => drop(chunks.send(chunk.clone()).await),
        }
    }

    async fn finish(self) -> Result<Digest, Error> {
        match self {
            Hash::Here(hasher) => Ok(hasher.finish()),
            Hash::Beside { chunks, digest } => {
                drop(chunks);
                digest.await.map_err(|error| Error::Io { what: "hash".to_owned(), error: io::Error::other(error) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wharf_model::digest::Algorithm;

    use super::*;

    async fn read(came: &[&'static str], expected: &str, from: u64) -> (String, Option<Error>) {
        let chunks: Vec<_> = came.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        let body = Body::new(None, stream::iter(chunks));
        let digest = Digest::of(Algorithm::Sha256, expected.as_bytes());
        let expected = Expected { digest, size: expected.len() as u64, place: "here".to_owned() };
        let mut body = if from == 0 { whole(body, expected) } else { rest(body, from, expected) };
        let mut text = String::new();
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => text.push_str(std::str::from_utf8(&chunk).expect("text")),
                Err(error) => {
                    let error = Error::from_io(error, String::new);
                    assert!(body.next().await.is_none(), "nothing comes after an error");
                    return (text, Some(error));
                }
            }
        }
        (text, None)
    }

    #[tokio::test]
    async fn what_comes_is_what_was_announced() {
        assert!(matches!(read(&["ab", "cd"], "abcd", 0).await, (text, None) if text == "abcd"));
        assert!(matches!(read(&[], "", 0).await, (text, None) if text.is_empty()));
        assert!(matches!(read(&["ab", "ce"], "abcd", 0).await.1, Some(Error::Wrong { .. })));
        assert!(matches!(read(&["ab"], "abcd", 0).await.1, Some(Error::Length { actual: 2, expected: 4, .. })));
        let (text, error) = read(&["ab", "cde"], "abcd", 0).await;
        assert!(matches!((text.as_str(), error), ("ab", Some(Error::Length { actual: 5, .. }))), "not one byte more");
    }

    #[tokio::test]
    async fn the_rest_has_the_rest_of_the_length() {
        assert!(matches!(read(&["cx"], "abcd", 2).await, (text, None) if text == "cx"));
        assert!(matches!(read(&["c"], "abcd", 2).await.1, Some(Error::Length { actual: 3, .. })));
        assert!(matches!(read(&["cde"], "abcd", 2).await.1, Some(Error::Length { actual: 5, .. })));
    }

    #[tokio::test]
    async fn large_ones_are_hashed_beside() {
        let bytes = Bytes::from(vec![7; 3 << 20]);
        for (last, expect) in [(7, true), (8, false)] {
            let expected = Expected {
                digest: Digest::of(Algorithm::Sha256, &bytes),
                size: bytes.len() as u64,
                place: String::new(),
            };
            let mut chunks: Vec<_> = (0..3).map(|part| Ok(bytes.slice(part << 20..(part + 1) << 20))).collect();
            chunks[2] = Ok(Bytes::from([&bytes[1..1 << 20], &[last]].concat()));
            let read = whole(Body::new(None, stream::iter(chunks)), expected).collect(4 << 20).await;
            assert_eq!(read.is_ok(), expect);
        }
    }
}
