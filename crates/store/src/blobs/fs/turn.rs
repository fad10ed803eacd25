//! One at a time per upload. A write runs in a thread and cannot be called back when its caller goes away: it holds the
//! upload's turn until it has ended, so that whoever comes next finds the file at rest.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use wharf_model::id::Id;

/// The turns that are taken or waited for. Holds nothing of uploads that nobody works on.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Id, Arc<tokio::sync::Mutex<()>>>>);

/// The right to touch an upload's file, until it is dropped.
pub(super) struct Turn {
    id: Id,
    turns: Arc<Turns>,
    /// Empty while it is waited for.
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody has the upload's turn, and takes it.
    pub(super) async fn take(self: &Arc<Self>, id: Id) -> Arc<Turn> {
        let lock = self.0.lock().entry(id).or_default().clone();
        let mut turn = Turn { id, turns: self.clone(), guard: None };
        turn.guard = Some(lock.lock_owned().await);
        Arc::new(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Under the map's lock, so that of two that leave the last one sees that it is.
        let mut turns = self.turns.0.lock();
        self.guard = None;
        if turns.get(&self.id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            turns.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left() {
        let turns = Arc::new(Turns::default());
        let (one, other) = (Id([1; 16]), Id([2; 16]));
        let first = turns.take(one).await;
        let held_by_a_job = first.clone();
        drop(first);
        let mut waits = Box::pin(turns.take(one));
        let mut gives_up = Box::pin(turns.take(one));
        assert!(poll_immediate(&mut waits).await.is_none());
        assert!(poll_immediate(&mut gives_up).await.is_none());
        drop(turns.take(other).await);
        drop(gives_up);
        drop(held_by_a_job);
        assert!(poll_immediate(&mut waits).await.is_some());
        assert!(turns.0.lock().is_empty());
    }
}
