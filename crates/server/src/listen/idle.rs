//! Waiting for a peer, but not for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// A clock that runs only while there is something to wait for. While data flows it costs nothing.
pub(super) struct Idle {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl Idle {
    pub(super) fn new(limit: Duration) -> Idle {
        Idle { limit, sleep: None, is_running: false }
    }

    /// Something moved.
    pub(super) fn stop(&mut self) {
        self.is_running = false;
    }

    /// Nothing moves: is it too long already?
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = || Instant::now() + self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
        if !self.is_running {
            self.is_running = true;
            sleep.as_mut().reset(deadline());
        }
        let limit = self.limit;
        sleep
            .as_mut()
            .poll(context)
            .map(|()| io::Error::new(io::ErrorKind::TimedOut, format!("nothing moved for {} s", limit.as_secs_f32())))
    }
}

/// The body of a request. A read that waits longer than `limits.idle_timeout` is an error of the kind
/// [`io::ErrorKind::TimedOut`], and what comes after it is never read.
pub struct ServerBody {
    incoming: Incoming,
    idle: Idle,
}

impl ServerBody {
    pub(super) fn new(incoming: Incoming, limit: Duration) -> ServerBody {
        ServerBody { incoming, idle: Idle::new(limit) }
    }
}

impl Body for ServerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(frame) => {
                self.idle.stop();
                Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
            }
            Poll::Pending => self.idle.poll_over(context).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
