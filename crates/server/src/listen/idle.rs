//! Waiting for a peer, but not for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::wire::Sending;

/// The slowest that a body may come on average, in bytes per second: what a bad modem does.
const RATE_MIN: u128 = 1 << 10;
/// How long a body is waited for before that counts.
const UNHURRIED: Duration = Duration::from_secs(60);

/// A clock that runs only while there is something to wait for. While data flows it costs nothing.
pub(super) struct Idle {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    since: Option<Instant>,
}

impl Idle {
    pub(super) fn new(limit: Duration) -> Idle {
        Idle { limit, sleep: None, since: None }
    }

    /// Something moved; how long it was waited for.
    pub(super) fn stop(&mut self) -> Duration {
        self.since.take().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Nothing moves: is it too long already?
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            sleep.as_mut().reset(now + self.limit);
        }
        let limit = self.limit;
        sleep
            .as_mut()
            .poll(context)
            .map(|()| io::Error::new(io::ErrorKind::TimedOut, format!("nothing moved for {} s", limit.as_secs_f32())))
    }
}

/// How fast a body comes. Only the time counts that it is waited for: where we are slow ourselves, nobody else is.
struct Rate {
    window: Duration,
    /// Since the window began.
    waited: Duration,
    bytes: u128,
    is_first: bool,
}

impl Rate {
    fn new(window: Duration) -> Rate {
        Rate { window, waited: Duration::ZERO, bytes: 0, is_first: true }
    }

    /// `bytes` came after they were waited for. Whether that ends a window in which too few came; the first has time.
    fn is_too_slow(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.bytes += bytes as u128;
        if self.waited < if self.is_first { UNHURRIED } else { self.window } {
            return false;
        }
        let is_too_slow = !self.is_first && self.bytes * 1000 < RATE_MIN * self.waited.as_millis();
        *self = Rate { is_first: false, ..Rate::new(self.window) };
        is_too_slow
    }
}

/// The body of a request. A read that waits longer than `limits.idle_timeout` is an error of the kind
/// [`io::ErrorKind::TimedOut`], and what comes after it is never read. So is one after bytes that trickled in, under 1 KiB
/// a second over as long as that, from the second minute on: else a byte now and then would keep a connection, and what
/// waits for the body, for ever.
pub struct ServerBody {
    incoming: Incoming,
    idle: Idle,
    rate: Rate,
    is_too_slow: bool,
    sending: Option<Sending>,
}

impl ServerBody {
    pub(super) fn new(incoming: Incoming, limit: Duration, sending: Option<Sending>) -> ServerBody {
        let (idle, rate) = (Idle::new(limit), Rate::new(limit));
        ServerBody { incoming, idle, rate, is_too_slow: false, sending }
    }

    fn over(&self) {
        if let Some(sending) = &self.sending {
            sending.over();
        }
    }
}

impl Drop for ServerBody {
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.over();
        }
    }
}

impl Body for ServerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_too_slow {
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the body comes too slowly"))));
        }
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(frame) => {
                let came = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
                let waited = self.idle.stop();
                // What came is taken all the same.
                self.is_too_slow = self.rate.is_too_slow(waited, came) && !self.incoming.is_end_stream();
                if frame.is_none() {
                    self.over();
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_trickle_in_end() {
        const MINUTE: u64 = 60_000;
        // Again and again after so many milliseconds so many bytes: after how many of them it is too slow.
        let check = |window: u64, every: u64, bytes: usize, expect: Option<usize>| {
            let mut rate = Rate::new(Duration::from_millis(window));
            let found = (1..=1000).find(|_| rate.is_too_slow(Duration::from_millis(every), bytes));
            assert_eq!(found, expect, "{bytes} bytes every {every} ms over {window} ms");
        };
        check(MINUTE, 59_000, 1, Some(4));
        check(MINUTE, 1_000, 1, Some(120));
        check(MINUTE, 1_000, 1_023, Some(120));
        check(MINUTE, 1_000, 1_024, None);
        check(MINUTE, 30_000, 30_720, None);
        check(MINUTE, 0, 1, None);
        check(1_000, 900, 500, Some(69));
        check(1_000, 900, 1_000, None);
        check(10 * MINUTE, 59_000, 1, Some(13));
    }

    #[test]
    fn a_pause_is_made_up_for() {
        let mut rate = Rate::new(Duration::from_secs(60));
        for _ in 0..10 {
            assert!(!rate.is_too_slow(Duration::from_secs(59), 1));
            assert!(!rate.is_too_slow(Duration::from_secs(1), 100 << 10));
        }
    }
}
