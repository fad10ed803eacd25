//! Bodies at the edge: the one of an answer, and a request's as a stream that the rooms below understand.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use wharf_content::body::Body;

/// The body of an answer.
pub struct ResponseBody(Kind);

enum Kind {
    Full(Option<Bytes>),
    Stream { chunks: Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>, left: Option<u64> },
    Api(axum::body::Body),
}

impl ResponseBody {
    /// No body.
    pub fn empty() -> ResponseBody {
        ResponseBody(Kind::Full(None))
    }

    /// A body that is there already.
    pub fn full(bytes: impl Into<Bytes>) -> ResponseBody {
        let bytes = bytes.into();
        ResponseBody(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    /// A body that comes as a stream.
    pub fn stream(body: Body) -> ResponseBody {
        let left = body.length();
        ResponseBody(Kind::Stream { chunks: Box::pin(body.into_stream()), left })
    }

    /// A body made by the router of our own API.
    pub(crate) fn api(body: axum::body::Body) -> ResponseBody {
        ResponseBody(Kind::Api(body))
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Stream { chunks, left } => chunks.poll_next_unpin(context).map_ok(|chunk| {
                *left = left.map(|left| left.saturating_sub(chunk.len() as u64));
                Frame::data(chunk)
            }),
            Kind::Api(body) => Pin::new(body).poll_frame(context).map_err(std::io::Error::other),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Stream { left, .. } => *left == Some(0),
            Kind::Api(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Stream { left, .. } => left.map_or_else(SizeHint::new, SizeHint::with_exact),
            Kind::Api(body) => body.size_hint(),
        }
    }
}

/// A body that is kept in memory until it is whole, and has so long for that: whoever sends a byte now and then would keep
/// it, and the connection, for days.
pub struct Within<B> {
    body: B,
    until: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<B> Within<B> {
    /// The body, which must come within `limit` from now.
    pub fn new(body: B, limit: Duration) -> Within<B> {
        Within { body, until: Instant::now() + limit, sleep: None }
    }
}

impl<B> HttpBody for Within<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context).map_err(std::io::Error::other);
        if frame.is_ready() {
            return frame;
        }
        let until = self.until;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        let late = || std::io::Error::new(std::io::ErrorKind::TimedOut, "it took too long");
        sleep.as_mut().poll(context).map(|()| Some(Err(late())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body as a stream of chunks; trailers are passed over.
pub fn incoming<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let length = body.size_hint().exact();
    let frames = http_body_util::BodyStream::new(body);
    let chunks = frames.filter_map(|frame| {
        std::future::ready(match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(std::io::Error::other(error))),
        })
    });
    Body::new(length, chunks)
}
