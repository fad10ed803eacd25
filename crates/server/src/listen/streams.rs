//! The streams of an HTTP/2 connection: how many are open, and an end for those whose answers are not taken.
//!
//! On HTTP/1 a client that does not read shows as a write that stands still ([`super::wire`]). On HTTP/2 it leaves the window
//! of its stream shut: nothing is written, so nothing stands still, and hyper waits for as long as the client says that it
//! is there. So each stream's task is told by the body of the answer whether it waits for us or for the client.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use super::idle::Idle;

tokio::task_local! {
    static PACE: Arc<Pace>;
}

/// What a stream's task and the body of its answer tell each other.
#[derive(Default)]
struct Pace {
    /// A frame was asked for, so what was given before has been taken.
    moved: AtomicBool,
    /// What there is was given: it is for the client to take it.
    given: AtomicBool,
}

/// Runs the streams of one connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Streams {
    limit: Duration,
    open: watch::Sender<usize>,
}

impl Streams {
    /// Streams whose answers may stand still for `limit`.
    pub(super) fn new(limit: Duration) -> Streams {
        Streams { limit, open: watch::Sender::new(0) }
    }

    /// How many are open.
    pub(super) fn open(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (open, pace) = (Open::new(self.open.clone()), Arc::<Pace>::default());
        let stream = paced(stream, pace.clone(), self.limit);
        tokio::spawn(PACE.scope(pace, async move {
            stream.await;
            drop(open);
        }));
    }
}

/// An open stream is counted.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(count: watch::Sender<usize>) -> Open {
        count.send_modify(|count| *count += 1);
        Open(count)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Runs a stream to its end, or until its client has taken nothing for `limit`; then the stream is reset.
async fn paced(stream: impl Future<Output = ()>, pace: Arc<Pace>, limit: Duration) {
    let (mut stream, mut idle) = (pin!(stream), Idle::new(limit));
    poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let has_moved = pace.moved.swap(false, Ordering::Relaxed);
        let is_given = pace.given.load(Ordering::Relaxed);
        if has_moved || !is_given {
            idle.stop();
        }
        if is_given { idle.poll_over(context).map(drop) } else { Poll::Pending }
    })
    .await;
}

/// Done when no stream has been open for `limit`.
pub(super) async fn rest(open: &mut watch::Receiver<usize>, limit: Duration) {
    loop {
        if open.wait_for(|count| *count == 0).await.is_err() {
            return pending().await;
        }
        if timeout(limit, open.changed()).await.is_err() {
            return;
        }
    }
}

/// The body of an answer on its way out. As long as it is, its request has its place among those that are under way.
pub(super) struct Leaving<B> {
    body: B,
    pace: Option<Arc<Pace>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl<B> Leaving<B> {
    pub(super) fn new(body: B, place: Option<OwnedSemaphorePermit>) -> Leaving<B> {
        let pace = PACE.try_with(Arc::clone).ok();
        if let Some(pace) = &pace {
            pace.given.store(true, Ordering::Relaxed);
        }
        Leaving { body, pace, _place: place }
    }
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Body for Leaving<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Some(pace) = &self.pace {
            pace.moved.store(true, Ordering::Relaxed);
            pace.given.store(frame.is_ready(), Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
