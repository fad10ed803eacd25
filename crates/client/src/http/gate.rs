//! How many exchanges there are at once with one registry.
//!
//! Whoever has a place to read may wait for one to write, and whoever has either may wait for one to ask; never the other
//! way round, so that nobody waits for ever.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most blobs that come at once, most that go at once, and most other questions.
const PLACES: usize = 8;

/// A place, until it is dropped. `None` is one too.
pub(crate) type Place = Option<OwnedSemaphorePermit>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    asks: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Gate {
        let places = || Arc::new(Semaphore::new(PLACES));
        Gate { reads: places(), writes: places(), asks: places() }
    }
}

impl Gate {
    /// Waits for a place to fetch a blob.
    pub(crate) async fn read(&self) -> Place {
        self.reads.clone().acquire_owned().await.ok()
    }

    /// One more, where there is one that nobody waits for.
    pub(crate) fn read_more(&self) -> Place {
        self.reads.clone().try_acquire_owned().ok()
    }

    /// Waits for a place to send a blob.
    pub(crate) async fn write(&self) -> Place {
        self.writes.clone().acquire_owned().await.ok()
    }

    /// Waits for a place to ask for anything else.
    pub(crate) async fn ask(&self) -> Place {
        self.asks.clone().acquire_owned().await.ok()
    }
}
