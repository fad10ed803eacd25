//! Bodies at the edge: the one of an answer, and a request's as a stream that the rooms below understand.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body::{Body as HttpBody, Frame, SizeHint};
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
