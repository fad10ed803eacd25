//! The bytes of a request, as they are on their way: counted, and watched.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};
use wharf_content::body::Body;

/// Why there was less to send than was announced.
pub(super) enum Failure {
    /// It ended.
    Short,
    /// It broke.
    Broken(io::Error),
}

/// What the other end of a [`Sending`] tells.
#[derive(Clone, Default)]
pub(super) struct Watch {
    sent: Arc<AtomicU64>,
    failed: Arc<Mutex<Option<Failure>>>,
}

impl Watch {
    /// Bytes that have been handed over to be sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Why there were no more bytes, if it was that.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Exactly so many bytes of a body. One that has fewer fails; what it has beyond them is not looked at.
pub(super) struct Sending {
    /// A lock that nobody waits for: it lets this be shared, as the other side of it wants.
    chunks: Mutex<Chunks>,
    left: u64,
    watch: Watch,
}

impl Sending {
    pub(super) fn new(body: Body, length: u64, watch: Watch) -> Sending {
        Sending { chunks: Mutex::new(Box::pin(body.into_stream())), left: length, watch }
    }

    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        *self.watch.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        self.left = 0;
        Poll::Ready(Some(Err(io::Error::other("there were no more bytes to send"))))
    }
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunks = self.chunks.get_mut().unwrap_or_else(PoisonError::into_inner);
        match chunks.as_mut().poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(mut chunk))) => {
                chunk.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= chunk.len() as u64;
                self.watch.sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Poll::Ready(Some(Err(error))) => self.fail(Failure::Broken(error)),
            Poll::Ready(None) => self.fail(Failure::Short),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
