//! Followers: they count exactly once, whatever happens to them.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use wharf_model::name::Reference;
use wharf_registry::followers::{Follower, Following, Reaction, totals::TotalsFollower};
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::faulty::When;
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::{Ledger, Seq};

use crate::house::{GRACE, House, TRASH, noise, tagged};

const A: &str = "acme/app";

async fn assert_counted(house: &House, what: &str) {
    let (_, recount) = house.ledger.count_totals().await.expect("counted");
    assert_eq!(house.ledger.totals().await.expect("read"), recount, "{what}");
}

/// A little of everything that changes a total.
async fn some_work(house: &House, seed: u64) {
    let blobs = [house.push_blob(A, &noise(seed, 100)).await, house.push_blob(A, &noise(seed, 20_000)).await];
    let manifest = house.push_image(A, &format!("tag{seed}"), &blobs).await;
    house.push_image(A, "latest", &blobs).await;
    match seed % 3 {
        0 => house.delete(A, &Reference::Digest(manifest)).await.expect("deleted"),
        1 => house.delete(A, &tagged(&format!("tag{seed}"))).await.expect("deleted"),
        _ => house.delete_blob(A, &blobs[0]).await.expect("deleted"),
    }
    if seed % 4 == 3 {
        house.advance(TRASH.max(GRACE));
        house.clean().await;
    }
}

#[tokio::test]
async fn totals_are_what_a_recount_finds() {
    let house = House::new().await;
    let following = house.totals();
    for seed in 0..24 {
        some_work(&house, seed).await;
        following.catch_up().await.expect("no fault");
        assert_eq!(following.lag(), 0);
        assert_counted(&house, &format!("after {seed}")).await;
    }
}

#[tokio::test]
async fn the_log_does_not_grow_by_itself() {
    let house = House::new().await;
    let following = house.totals();
    some_work(&house, 1).await;
    following.catch_up().await.expect("no fault");
    let latest = house.latest().await;
    for _ in 0..5 {
        following.catch_up().await.expect("no fault");
        house.clean().await;
        house.totals().catch_up().await.expect("no fault");
    }
    assert_eq!(house.latest().await, latest);
}

#[tokio::test]
async fn lags_while_it_is_paused_and_makes_up_for_it() {
    let mut house = House::new().await;
    let following = house.totals();
    some_work(&house, 1).await;
    following.catch_up().await.expect("no fault");
    following.pause(true).await.expect("no fault");
    let before = house.ledger.totals().await.expect("read");
    let latest = house.latest().await;
    some_work(&house, 2).await;
    following.catch_up().await.expect("no fault");
    assert!(following.is_paused());
    assert_eq!(
        following.lag(),
        house.latest().await - latest + 1,
        "its own entry, the last before, has no cursor after it"
    );
    assert_eq!(house.ledger.totals().await.expect("read"), before);
    house.crash().await;
    let following = house.totals();
    following.catch_up().await.expect("no fault");
    assert!(following.is_paused(), "a restart does not end a pause");
    following.pause(false).await.expect("no fault");
    following.catch_up().await.expect("no fault");
    assert_eq!(following.lag(), 0);
    assert_counted(&house, "resumed").await;
}

/// A pause that comes while a batch is followed neither gets lost nor lets the batch be counted twice.
#[tokio::test]
async fn a_pause_waits_for_the_batch_that_is_under_way() {
    for turns in 0..40 {
        let mut house = House::new().await;
        let following = std::sync::Arc::new(house.totals());
        some_work(&house, 2).await;
        let at_work = tokio::spawn({
            let following = following.clone();
            async move { following.catch_up().await }
        });
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        following.pause(true).await.expect("no fault");
        at_work.await.expect("ends").expect("no fault");
        following.catch_up().await.expect("no fault");
        assert!(following.is_paused(), "after {turns}");
        drop(following);
        house.crash().await;
        let following = house.totals();
        following.pause(false).await.expect("no fault");
        following.catch_up().await.expect("no fault");
        assert_counted(&house, &format!("after {turns}")).await;
    }
}

#[tokio::test]
async fn a_rebuild_sets_things_right_and_keeps_a_pause() {
    let house = House::new().await;
    let following = house.totals();
    some_work(&house, 1).await;
    following.catch_up().await.expect("no fault");
    let wrong = Change::AddTotals(wharf_store::ledger::query::Totals { blobs: 7, ..Default::default() });
    let commit = wharf_store::ledger::change::Commit { changes: vec![wrong], ..Default::default() };
    house.ledger.commit(commit).await.expect("committed");
    following.catch_up().await.expect("no fault");
    following.pause(true).await.expect("no fault");
    following.rebuild().await.expect("no fault");
    assert_counted(&house, "rebuilt").await;
    let restarted = house.totals();
    restarted.catch_up().await.expect("no fault");
    assert!(restarted.is_paused());
    restarted.rebuild().await.expect("no fault");
    restarted.pause(false).await.expect("no fault");
    some_work(&house, 2).await;
    restarted.catch_up().await.expect("no fault");
    assert_counted(&house, "resumed").await;
}

static VERSION: AtomicU32 = AtomicU32::new(1);
static REBUILDS: AtomicU32 = AtomicU32::new(0);

/// The totals, with a version that moves.
struct Moving;

#[async_trait]
impl Follower for Moving {
    fn name(&self) -> &'static str {
        TotalsFollower.name()
    }

    fn version(&self) -> u32 {
        VERSION.load(Ordering::SeqCst)
    }

    fn wants(&self, change: &Change) -> bool {
        TotalsFollower.wants(change)
    }

    fn follow(&self, entries: &[Entry]) -> Reaction {
        TotalsFollower.follow(entries)
    }

    async fn rebuild(&self, ledger: &dyn Ledger) -> Result<(Seq, Reaction), LedgerError> {
        REBUILDS.fetch_add(1, Ordering::SeqCst);
        TotalsFollower.rebuild(ledger).await
    }
}

#[tokio::test]
async fn a_new_version_is_rebuilt_once_and_a_restart_is_not() {
    let mut house = House::new().await;
    let rebuilds = || REBUILDS.load(Ordering::SeqCst);
    for (version, expect) in [(1, 1), (1, 1), (2, 2), (2, 2), (5, 3), (5, 3), (4, 4)] {
        VERSION.store(version, Ordering::SeqCst);
        some_work(&house, 1 + u64::from(version)).await;
        let following = Following::new(&Moving, house.ledger.clone());
        following.catch_up().await.expect("no fault");
        assert_eq!(rebuilds(), expect, "version {version}");
        let cursor = house.ledger.cursor("totals").await.expect("read").expect("there");
        assert_eq!(cursor.version, version);
        assert_counted(&house, &format!("version {version}")).await;
        drop(following);
        house.crash().await;
    }
}

/// Whatever call fails, before or after it took effect, nothing is counted twice and nothing is left out.
#[tokio::test]
async fn counts_once_through_faults_and_restarts() {
    let mut house = House::new().await;
    for seed in 0..40 {
        some_work(&house, seed).await;
        let following = house.totals();
        house.ledger.fail(seed % 5 + 1, if seed % 2 == 0 { When::Before } else { When::After });
        let followed = following.catch_up().await;
        house.ledger.heal();
        match seed % 3 {
            0 => {
                drop(following);
                house.crash().await;
                house.totals().catch_up().await.expect("no fault");
            }
            _ => following.catch_up().await.expect("no fault"),
        }
        assert_counted(&house, &format!("seed {seed}: {followed:?}")).await;
    }
}
