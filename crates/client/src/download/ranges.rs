//! A large blob by several ranges at once, delivered in order. What came too early waits in memory: of each range that is
//! under way all of it at most, and there are only so many.

use std::collections::VecDeque;
use std::io;

use futures_util::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::AbortHandle;

use super::Chunk;
use super::fetch::Fetch;
use crate::http::Place;

/// A range that is under way.
struct Window {
    chunks: UnboundedReceiver<Chunk>,
    task: AbortHandle,
    /// Bytes that are still to come of it.
    left: u64,
    /// Its place among all exchanges with the registry, until it has been taken by the reader; `None` where it is that of the
    /// whole.
    extra: Place,
}

impl Drop for Window {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Window {
    fn start(mut fetch: Fetch, extra: Place) -> Window {
        let (sender, chunks) = unbounded_channel();
        let left = fetch.end - fetch.at;
        let task = tokio::spawn(async move {
            while let Some(chunk) = fetch.next().await {
                if sender.send(chunk).is_err() {
                    break;
                }
            }
        });
        Window { chunks, task: task.abort_handle(), left, extra }
    }
}

/// See the module.
struct Ranges {
    windows: VecDeque<Window>,
    /// What further parts are made from; it fetches nothing itself.
    pattern: Fetch,
    /// Where the next window begins.
    next: u64,
    is_over: bool,
    /// There is one place for the whole, so that it gets on however many others there are.
    _place: Place,
}

/// `first`, which has been answered, and then the rest of its blob.
pub(super) fn stream(first: Fetch, place: Place) -> impl Stream<Item = Chunk> + Send + 'static {
    let pattern = first.part(first.end, first.end);
    let next = first.end;
    let windows = VecDeque::from([Window::start(first, None)]);
    let ranges = Ranges { windows, pattern, next, is_over: false, _place: place };
    futures_util::stream::unfold(ranges, |mut ranges| async {
        let chunk = ranges.chunk().await?;
        Some((chunk, ranges))
    })
}

impl Ranges {
    async fn chunk(&mut self) -> Option<Chunk> {
        while !self.is_over {
            self.fill();
            let window = self.windows.front_mut()?;
            match window.chunks.recv().await {
                Some(chunk) => {
                    self.is_over = chunk.is_err();
                    window.left -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64).min(window.left);
                    return Some(chunk);
                }
                None if window.left == 0 => drop(self.windows.pop_front()),
                None => {
                    self.is_over = true;
                    return Some(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
        self.windows.clear();
        None
    }

    /// Begins as many windows as there may be.
    fn fill(&mut self) {
        let (registry, size) = (self.pattern.registry().clone(), self.pattern.size);
        let transfer = registry.http().transfer();
        while self.next < size && self.windows.len() < transfer.ranges {
            let is_own_taken = self.windows.iter().any(|window| window.extra.is_none());
            let extra = if is_own_taken { registry.gate().read_more() } else { None };
            if is_own_taken && extra.is_none() {
                return;
            }
            let end = self.next.saturating_add(transfer.range.max(1)).min(size);
            let fetch = self.pattern.part(self.next, end);
            self.windows.push_back(Window::start(fetch, extra));
            self.next = end;
        }
    }
}
