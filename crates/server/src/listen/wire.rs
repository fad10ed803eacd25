//! The stream below HTTP: gives back the bytes that were looked at, counts what passes, ends where a client does not take
//! what is sent, and takes what a client still sends to which nobody listens any more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::idle::Idle;
use crate::metrics::Metrics;

/// What an HTTP/2 client begins with where nothing was negotiated (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first bytes of a connection.
#[derive(Default)]
pub(super) struct First {
    bytes: [u8; PREFACE.len()],
    taken: usize,
    length: usize,
}

impl First {
    /// Reads until it is clear which HTTP it is; `None` where the client goes without a word.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<First>> {
        let mut first = First::default();
        while first.length < PREFACE.len() && first.bytes[..first.length] == PREFACE[..first.length] {
            match stream.read(&mut first.bytes[first.length..]).await? {
                0 => return Ok((first.length > 0).then_some(first)),
                count => first.length += count,
            }
        }
        Ok(Some(first))
    }

    pub(super) fn is_http2(&self) -> bool {
        self.length == PREFACE.len() && self.bytes == *PREFACE
    }

    fn give(&mut self, into: &mut ReadBuf<'_>) -> bool {
        let left = &self.bytes[self.taken..self.length];
        let count = left.len().min(into.remaining());
        into.put_slice(&left[..count]);
        self.taken += count;
        count > 0
    }
}

/// How long a connection of ours that is over is read from, and how much.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 16 << 20);

/// Whether a client is in the middle of what it sends. Shared with the bodies of its requests.
#[derive(Clone, Default)]
pub(super) struct Sending(Arc<AtomicBool>);

impl Sending {
    /// The request has been read to its end.
    pub(super) fn over(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// See the module.
pub(super) struct Wire<S> {
    stream: S,
    first: First,
    idle: Idle,
    metrics: Arc<Metrics>,
    sending: Option<Sending>,
    linger: Option<Linger>,
}

/// What is left of reading from a connection that is over.
struct Linger {
    until: Pin<Box<Sleep>>,
    bytes: usize,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, first: First, limit: Duration, metrics: Arc<Metrics>) -> Wire<S> {
        Wire { stream, first, idle: Idle::new(limit), metrics, sending: None, linger: None }
    }

    /// The end of the connection waits for what the client is still sending, for a while, where it has not been told that
    /// it is over. For HTTP/1, where the server says by closing that it wants no more: a socket that is closed with bytes
    /// unread, or is sent some later, is reset, and what the client has not read of the answer is lost (RFC 9112 §9.6).
    pub(super) fn lingers(&mut self) -> Sending {
        self.sending.get_or_insert_default().clone()
    }

    /// Bounds the wait for a client that does not read.
    fn sent<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(outcome) => {
                self.idle.stop();
                Poll::Ready(outcome)
            }
            Poll::Pending => self.idle.poll_over(context).map(Err),
        }
    }

    fn counted(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &outcome {
            add(&self.metrics.sent, *count);
        }
        outcome
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        if !self.first.give(into) {
            ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        }
        let count = into.filled().len() - before;
        add(&self.metrics.received, count);
        if let Some(sending) = &self.sending {
            sending.0.store(count > 0, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads what is still sent, until the client closes its end, too, or it is enough.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let fresh = || Linger { until: Box::pin(tokio::time::sleep(LINGER.0)), bytes: LINGER.1 };
        let linger = self.linger.get_or_insert_with(fresh);
        let mut bytes = [0; 8 << 10];
        while linger.bytes > 0 && linger.until.as_mut().poll(context).is_pending() {
            let mut into = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut into)) {
                Ok(()) if !into.filled().is_empty() => linger.bytes = linger.bytes.saturating_sub(into.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        let outcome = self.counted(outcome);
        self.sent(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        let outcome = self.counted(outcome);
        self.sent(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.sent(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.sent(outcome, context))?;
        }
        if self.sending.as_ref().is_some_and(|sending| sending.0.load(Ordering::Relaxed)) {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}
