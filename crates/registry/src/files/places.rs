//! Places among those that do the same, so that not more of it is done than there is room for, and who has to give one up: whoever
//! reads so slowly that others wait. A sender has a few of its own, where so many are counted.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::Error;

/// How long a request waits for others.
const WAIT: Duration = Duration::from_secs(10);

/// How slow whoever reads may be.
#[derive(Clone, Copy)]
struct Pace {
    /// How long they may take for one piece, even where nobody waits.
    piece: Duration,
    /// How long they may be waited for in all before it counts how much they take. It is less than [`WAIT`], so that who waits gets a
    /// place.
    grace: Duration,
    /// From then on, so much.
    bytes_per_sec: u64,
    /// How often it is looked whether others wait; and no more than one gives way in that time.
    look: Duration,
}

const PACE: Pace = Pace {
    piece: Duration::from_secs(30),
    grace: Duration::from_secs(5),
    bytes_per_sec: 128 << 10,
    look: Duration::from_secs(1),
};

/// Held by all that is done for one request, on whatever thread.
pub(super) type Permit = Arc<Held>;

/// A place, until it is dropped.
pub(super) struct Held {
    _own: Option<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
    all: Arc<Places>,
}

/// So many of them.
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// Those of senders that have some, or wait for some.
    own: Mutex<HashMap<String, Weak<Semaphore>>>,
    waiting: AtomicUsize,
    gave_way: Mutex<Option<Instant>>,
    pace: Pace,
}

impl Places {
    pub(super) fn new(count: usize) -> Places {
        Places {
            free: Arc::new(Semaphore::new(count)),
            own: Mutex::default(),
            waiting: AtomicUsize::new(0),
            gave_way: Mutex::default(),
            pace: PACE,
        }
    }

    /// A place, for which others are waited for.
    pub(super) async fn take(self: &Arc<Places>) -> Result<Permit, Error> {
        self.get(None).await
    }

    /// The same for `sender`, who has at most `most` at once.
    pub(super) async fn take_for(self: &Arc<Places>, sender: String, most: usize) -> Result<Permit, Error> {
        self.get(Some(self.own(sender, most))).await
    }

    async fn get(self: &Arc<Places>, own: Option<Arc<Semaphore>>) -> Result<Permit, Error> {
        let taken = async {
            let own = match own {
                Some(own) => Some(own.acquire_owned().await.ok()?),
                None => None,
            };
            let _waiting = Waiting::new(&self.waiting);
            let place = self.free.clone().acquire_owned().await.ok()?;
            Some(Held { _own: own, _place: place, all: self.clone() })
        };
        tokio::time::timeout(WAIT, taken).await.ok().flatten().map(Arc::new).ok_or(Error::TooManyRequests)
    }

    fn own(&self, sender: String, most: usize) -> Arc<Semaphore> {
        let mut all = self.own.lock();
        all.retain(|_, own| own.strong_count() > 0);
        if let Some(own) = all.get(&sender).and_then(Weak::upgrade) {
            return own;
        }
        let own = Arc::new(Semaphore::new(most));
        all.insert(sender, Arc::downgrade(&own));
        own
    }

    /// Whether somebody waits for whom nobody has just given way.
    fn is_wanted(&self) -> bool {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut gave_way = self.gave_way.lock();
        let is_wanted = gave_way.is_none_or(|at| at.elapsed() >= self.pace.look);
        if is_wanted {
            *gave_way = Some(Instant::now());
        }
        is_wanted
    }
}

/// Somebody who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn new(waiting: &AtomicUsize) -> Waiting<'_> {
        waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Hands pieces to whoever reads, as long as that does not keep a place from others. What breaks off is gone on with by a range.
pub(super) struct Hand {
    sender: mpsc::Sender<io::Result<Bytes>>,
    permit: Permit,
    sent: u64,
    waited: Duration,
}

impl Hand {
    pub(super) fn new(sender: mpsc::Sender<io::Result<Bytes>>, permit: Permit) -> Hand {
        Hand { sender, permit, sent: 0, waited: Duration::ZERO }
    }

    /// Whether it was taken; if not, nothing more will be.
    pub(super) async fn give(&mut self, piece: io::Result<Bytes>) -> bool {
        let (length, began, before) = (piece.as_ref().map_or(0, Bytes::len) as u64, Instant::now(), self.waited);
        let (mut piece, Pace { piece: most, look, .. }) = (piece, self.permit.all.pace);
        loop {
            let sent = self.sender.send_timeout(piece, look).await;
            self.waited = before + began.elapsed();
            match sent {
                Ok(()) => {
                    self.sent += length;
                    return true;
                }
                Err(SendTimeoutError::Timeout(back)) if began.elapsed() < most && !self.gives_way() => {
                    piece = back;
                }
                Err(_) => return false,
            }
        }
    }

    fn gives_way(&self) -> bool {
        let Pace { grace, bytes_per_sec, .. } = self.permit.all.pace;
        let allowed = grace + Duration::from_millis(self.sent.saturating_mul(1_000) / bytes_per_sec);
        self.waited > allowed && self.permit.all.is_wanted()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const PIECE: usize = 1 << 10;
    const PIECES: u64 = 20;
    /// What is read here, some 25 KiB a second, is slow.
    const QUICK: Pace = Pace {
        piece: Duration::from_secs(10),
        grace: Duration::from_millis(200),
        bytes_per_sec: 1 << 20,
        look: Duration::from_millis(10),
    };

    fn quick() -> Arc<Places> {
        Arc::new(Places { pace: QUICK, ..Places::new(1) })
    }

    /// Reads a piece now and then; how many were taken.
    async fn read_slowly(permit: Permit) -> u64 {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut hand = Hand::new(sender, permit);
        let reading = tokio::spawn(async move {
            while receiver.recv().await.is_some() {
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        });
        let mut taken = 0;
        while taken < PIECES && hand.give(Ok(Bytes::from_static(&[0; PIECE]))).await {
            taken += 1;
        }
        drop(hand);
        reading.await.unwrap();
        taken
    }

    #[tokio::test]
    async fn a_slow_reader_gives_way() {
        let places = quick();
        let slow = tokio::spawn(read_slowly(places.take().await.unwrap()));
        let began = Instant::now();
        places.take().await.expect("the slow one gave way");
        assert!(began.elapsed() >= QUICK.grace && slow.await.unwrap() < PIECES);
    }

    #[tokio::test]
    async fn a_slow_reader_whom_nobody_waits_for_goes_on() {
        assert_eq!(read_slowly(quick().take().await.unwrap()).await, PIECES);
    }

    #[tokio::test]
    async fn a_sender_has_some_places_and_no_more() {
        let places = Arc::new(Places::new(3));
        let mine = || places.take_for("kim".to_owned(), 2);
        let first = mine().await.unwrap();
        let second = mine().await.unwrap();
        let third = tokio::time::timeout(Duration::from_millis(50), mine()).await;
        assert!(third.is_err(), "it waits, for its own, and not for others'");
        assert_eq!(places.waiting.load(Ordering::Relaxed), 0);
        let other = tokio::time::timeout(Duration::from_millis(50), places.take_for("li".to_owned(), 2)).await;
        assert!(other.unwrap().is_ok());
        drop(first);
        let third = mine().await.unwrap();
        drop((second, third));
        assert_eq!(places.own("new".to_owned(), 1).available_permits(), 1);
        assert!(!places.own.lock().contains_key("kim"), "nothing is kept of who has gone");
    }
}
