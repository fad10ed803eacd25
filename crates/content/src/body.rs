//! A stream of bytes, of a length that may be known.

use std::{fmt, io, pin::Pin};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

/// A stream of chunks, read once. Chunks are as large as whoever made it likes; none is empty.
///
/// Dropping it ends whatever feeds it. Reading is cancel-safe: a chunk is either returned or still to come.
pub struct Body {
    length: Option<u64>,
    /// What was read and given back: comes first.
    unread: Option<Bytes>,
    chunks: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
}

impl Body {
    /// A body of `chunks`, `length` bytes in all where that is known. The length is what was announced, not a promise:
    /// who depends on it counts.
    pub fn new(length: Option<u64>, chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
        Body { length, unread: None, chunks: Box::pin(chunks) }
    }

    /// A body that is there already.
    pub fn full(bytes: Bytes) -> Body {
        let length = bytes.len() as u64;
        let chunk = (!bytes.is_empty()).then_some(Ok(bytes));
        Body::new(Some(length), futures_util::stream::iter(chunk))
    }

    /// A body of nothing.
    pub fn empty() -> Body {
        Body::full(Bytes::new())
    }

    /// `start`, which is no part of this body and makes it longer, then what is left of it. What was read from it goes back
    /// by [`Body::unread`].
    pub fn prepend(self, start: Bytes) -> Body {
        if start.is_empty() {
            return self;
        }
        let length = self.length.map(|length| length + start.len() as u64);
        Body::new(length, futures_util::stream::iter([Ok(start)]).chain(self.into_stream()))
    }

    /// Gives back the end of what was read last, be it of one chunk or of several; it is the next to be read. The announced
    /// length stays, as that counts it already.
    pub fn unread(&mut self, rest: Bytes) {
        debug_assert!(self.unread.is_none(), "what was given back before has not been read since");
        self.unread = Some(rest).filter(|rest| !rest.is_empty());
    }

    /// The length that was announced, in bytes.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next chunk, `None` at the end. After an error there is nothing more to be had.
    ///
    /// # Errors
    /// Whatever broke the source: a connection that was cut, a disk that fails.
    pub async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(rest) = self.unread.take() {
            return Some(Ok(rest));
        }
        loop {
            match self.chunks.next().await? {
                Ok(chunk) if chunk.is_empty() => continue,
                other => return Some(other),
            }
        }
    }

    /// All that is left, if it is at most `limit` bytes; `Err` with what was read so far where it is more.
    ///
    /// # Errors
    /// The outer error is the source's, with what came before it.
    pub async fn collect(&mut self, limit: usize) -> Result<Result<Bytes, Bytes>, Broken> {
        let mut all = bytes::BytesMut::new();
        while let Some(chunk) = self.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(Broken { read: all.freeze(), error }),
            };
            if all.is_empty() && chunk.len() > limit {
                return Ok(Err(chunk));
            }
            all.extend_from_slice(&chunk);
            if all.len() > limit {
                return Ok(Err(all.freeze()));
            }
        }
        Ok(Ok(all.freeze()))
    }

    /// The chunks as a stream.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        futures_util::stream::iter(self.unread.map(Ok)).chain(self.chunks)
    }
}

/// A body that broke off while it was collected.
#[derive(Debug)]
pub struct Broken {
    /// What came before, within the limit.
    pub read: Bytes,
    /// What broke it.
    pub error: io::Error,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Body {
        let chunks = ["ab", "", "cd"].map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        Body::new(None, futures_util::stream::iter(chunks))
    }

    #[tokio::test]
    async fn no_chunk_is_empty() {
        let mut body = three().prepend(Bytes::from_static(b"0"));
        let mut chunks = Vec::new();
        while let Some(chunk) = body.next().await {
            chunks.push(chunk.expect("no failure"));
        }
        assert_eq!(chunks, ["0", "ab", "cd"]);
    }

    #[tokio::test]
    async fn what_is_given_back_comes_first() {
        let mut body = three();
        let mut chunk = body.next().await.expect("a chunk").expect("no failure");
        body.unread(chunk.split_off(1));
        assert_eq!(body.collect(4).await.expect("no failure"), Ok(Bytes::from_static(b"bcd")));
        body.unread(chunk);
        let mut body = body.prepend(Bytes::from_static(b"0"));
        assert_eq!(body.collect(4).await.expect("no failure"), Ok(Bytes::from_static(b"0a")));
    }

    #[tokio::test]
    async fn each_byte_counts_once_in_the_length() {
        let chunks = ["ab", "cd"].map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        let mut body = Body::new(Some(4), futures_util::stream::iter(chunks));
        let start = body.collect(1).await.expect("no failure").expect_err("more than one byte");
        body.unread(start);
        assert_eq!(body.length(), Some(4), "what was read and given back is in it already");
        let mut body = body.prepend(Bytes::from_static(b"01"));
        assert_eq!(body.length(), Some(6), "what is put before it is not");
        assert_eq!(body.collect(6).await.expect("no failure"), Ok(Bytes::from_static(b"01abcd")));
    }

    #[tokio::test]
    async fn collects_up_to_its_limit() {
        assert_eq!(three().collect(4).await.expect("no failure"), Ok(Bytes::from_static(b"abcd")));
        assert_eq!(three().collect(3).await.expect("no failure"), Err(Bytes::from_static(b"abcd")));
        assert_eq!(three().collect(1).await.expect("no failure"), Err(Bytes::from_static(b"ab")));
        assert_eq!(Body::empty().collect(0).await.expect("no failure"), Ok(Bytes::new()));
    }

    #[tokio::test]
    async fn what_came_before_a_failure_is_not_lost() {
        let gone = || io::Error::from(io::ErrorKind::ConnectionReset);
        let chunks = [Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"cd")), Err(gone())];
        let broken = Body::new(Some(9), futures_util::stream::iter(chunks)).collect(9).await.expect_err("it broke");
        assert_eq!((&broken.read[..], broken.error.kind()), (&b"abcd"[..], io::ErrorKind::ConnectionReset));
    }
}
