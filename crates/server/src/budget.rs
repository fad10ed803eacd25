//! Memory for bodies that are read whole before anything is done with them: all together have a bound, whoever sends them.
//!
//! As with uploads, bytes are counted when they come, not when they are announced: who announces much and sends little keeps
//! nothing from others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use wharf_registry::error::Error;

/// How many bytes there may be, and how long somebody waits for some.
pub(crate) struct Budget {
    left: Arc<Semaphore>,
    wait: Duration,
}

/// Bytes that count.
pub(crate) struct Buffer<'a> {
    budget: &'a Budget,
    held: Held,
}

/// What a buffer has, until the last who has a part of it lets go of it.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// `bytes` for all; who gets none of them within `wait` is turned away.
    pub(crate) fn new(bytes: usize, wait: Duration) -> Budget {
        Budget { left: Arc::new(Semaphore::new(bytes)), wait }
    }

    /// A buffer of nothing.
    pub(crate) fn buffer(&self) -> Buffer<'_> {
        Buffer { budget: self, held: Held::default() }
    }
}

impl Buffer<'_> {
    pub(crate) fn len(&self) -> usize {
        self.held.bytes.len()
    }

    /// Adds to it, once there is room.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]: there was none for too long. Several that hold some and wait for more do not wait for each
    /// other for ever.
    pub(crate) async fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let count = u32::try_from(chunk.len()).map_err(|_| Error::TooManyRequests)?;
        let more = timeout(self.budget.wait, self.budget.left.clone().acquire_many_owned(count)).await;
        let more = more.ok().and_then(Result::ok).ok_or(Error::TooManyRequests)?;
        match &mut self.held.permit {
            Some(all) => all.merge(more),
            none => *none = Some(more),
        }
        self.held.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// The bytes. They count as long as anybody has them, so also while a commit goes on whose sender has gone.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self.held)
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn bytes_count_as_long_as_anybody_has_them() {
        let budget = Budget::new(10, Duration::ZERO);
        let mut one = budget.buffer();
        one.push(b"abcd").await.expect("room");
        one.push(b"efgh").await.expect("room");
        let mut other = budget.buffer();
        other.push(b"ij").await.expect("room");
        assert!(matches!(other.push(b"k").await, Err(Error::TooManyRequests)));
        let bytes = one.freeze();
        let part = bytes.slice(2..3);
        drop(bytes);
        assert!(matches!(other.push(b"k").await, Err(Error::TooManyRequests)), "somebody has a part of it");
        assert_eq!(part, "c");
        drop(part);
        other.push(b"klmnopqr").await.expect("room again");
        assert_eq!((other.len(), &other.freeze()[..]), (10, &b"ijklmnopqr"[..]));
        assert_eq!(budget.left.available_permits(), 10);
    }
}
