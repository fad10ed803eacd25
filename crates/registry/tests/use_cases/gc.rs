//! The sweep: what goes, when, and what saves it.

use wharf_model::name::Reference;
use wharf_registry::error::Error;
use wharf_registry::jobs::Worker;
use wharf_store::blobs::faulty::{Failure, Fault};
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::change::{Change, Commit};
use wharf_store::ledger::faulty::When;
use wharf_store::ledger::notes::RECLAIM;
use wharf_store::ledger::trash::Trash as _;

use crate::house::{GRACE, House, IDLE, TRASH, chunk, image, noise, sha256, tagged};

const A: &str = "acme/app";
const B: &str = "other/app";

#[tokio::test]
async fn a_blob_that_nothing_names_is_hidden_after_half_the_grace_and_gone_after_all_of_it() {
    let house = House::new().await;
    for length in [100, 40_000] {
        let digest = house.push_blob(A, &noise(1, length)).await;
        house.advance(GRACE / 2 - 1);
        house.clean().await;
        assert!(house.shows(A, &digest).await);
        house.advance(1);
        assert!(!house.shows(A, &digest).await);
        assert!(!house.mount(B, digest, Some(A)).await, "nor can it be mounted");
        assert!(!house.mount(B, digest, None).await);
        assert!(matches!(house.delete_blob(A, &digest).await, Err(Error::BlobUnknown(_))), "nor deleted");
        house.advance(GRACE / 2 - 1);
        house.clean().await;
        assert_eq!(house.ledger.count_totals().await.expect("counted").1.blobs, 1, "it is still there");
        house.advance(1);
        house.clean().await;
        assert_eq!(house.ledger.count_totals().await.expect("counted").1.blobs, 0);
        assert_eq!(house.resting().await.len(), 0);
    }
}

#[tokio::test]
async fn a_hidden_blob_is_saved_by_a_new_upload() {
    let house = House::new().await;
    let content = noise(1, 40_000);
    let digest = house.push_blob(A, &content).await;
    for _ in 0..3 {
        house.advance(GRACE - 1);
        assert!(!house.shows(A, &digest).await);
        house.push_blob(A, &content).await;
        assert!(house.shows(A, &digest).await);
        house.clean().await;
        assert!(house.shows(A, &digest).await);
        assert_eq!(house.resting().await.len(), 1, "one copy");
    }
    house.advance(GRACE);
    house.clean().await;
    assert_eq!(house.resting().await.len(), 0);
}

#[tokio::test]
async fn a_hidden_blob_is_saved_by_a_manifest() {
    let house = House::new().await;
    let digest = house.push_blob(A, &noise(1, 40_000)).await;
    house.advance(GRACE - 1);
    assert!(!house.shows(A, &digest).await);
    house.push_image(A, "latest", &[digest]).await;
    assert!(house.shows(A, &digest).await);
    house.advance(10 * GRACE);
    house.clean().await;
    assert!(house.shows(A, &digest).await);
}

#[tokio::test]
async fn a_blob_is_saved_by_a_mount_while_it_is_shown() {
    let house = House::new().await;
    let digest = house.push_blob(A, &noise(1, 40_000)).await;
    house.advance(GRACE / 2 - 1);
    assert!(house.mount(B, digest, Some(A)).await);
    house.advance(GRACE / 2 + 1);
    house.clean().await;
    assert!(!house.shows(A, &digest).await);
    assert_eq!(house.resting().await.len(), 1);
    assert!(!house.shows(B, &digest).await, "hidden there too by now, but not gone");
    house.push_image(B, "latest", &[digest]).await;
    assert!(house.shows(B, &digest).await);
    assert!(house.mount(A, digest, Some(B)).await, "and back again");
    assert!(house.shows(A, &digest).await);
}

#[tokio::test]
async fn what_a_deleted_manifest_names_stays_until_the_trash_is_purged_and_the_grace_is_over() {
    let house = House::new().await;
    let blobs = [house.push_blob(A, &noise(1, 100)).await, house.push_blob(A, &noise(2, 40_000)).await];
    let manifest = house.push_image(A, "latest", &blobs).await;
    house.delete(A, &Reference::Digest(manifest)).await.expect("deleted");
    assert!(house.pull(A, &tagged("latest")).await.is_none());
    assert!(house.pull(A, &Reference::Digest(manifest)).await.is_none());
    house.advance(TRASH - 1);
    house.clean().await;
    for digest in &blobs {
        assert!(house.shows(A, digest).await, "the trash holds it");
    }
    house.advance(1);
    house.clean().await;
    for digest in &blobs {
        assert!(house.shows(A, digest).await, "its grace begins now");
    }
    house.advance(GRACE);
    house.clean().await;
    let totals = house.ledger.count_totals().await.expect("counted").1;
    assert_eq!((totals.manifests, totals.tags, totals.blobs, house.resting().await.len()), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_shared_blob_survives() {
    let house = House::new().await;
    let (shared, own) = (house.push_blob(A, &noise(1, 40_000)).await, house.push_blob(A, &noise(2, 40_000)).await);
    assert!(house.mount(B, shared, Some(A)).await);
    let first = house.push_image(A, "first", &[shared, own]).await;
    house.push_image(A, "second", &[shared]).await;
    house.push_image(B, "latest", &[shared]).await;
    house.delete(A, &Reference::Digest(first)).await.expect("deleted");
    house.advance(TRASH);
    house.clean().await;
    house.advance(GRACE);
    house.clean().await;
    assert!(house.shows(A, &shared).await && house.shows(B, &shared).await);
    assert!(!house.shows(A, &own).await);
    assert_eq!(house.resting().await.len(), 1);
}

#[tokio::test]
async fn deleting_a_blob_takes_it_from_one_repository_only() {
    let house = House::new().await;
    let content = noise(1, 40_000);
    let digest = house.push_blob(A, &content).await;
    assert!(house.mount(B, digest, Some(A)).await);
    house.delete_blob(A, &digest).await.expect("deleted");
    house.clean().await;
    assert!(!house.shows(A, &digest).await && house.shows(B, &digest).await);
    assert!(matches!(house.delete_blob(A, &digest).await, Err(Error::BlobUnknown(_))));
    house.delete_blob(B, &digest).await.expect("deleted");
    house.clean().await;
    assert_eq!(house.resting().await.len(), 0, "nobody held it any more");
    house.push_blob(A, &content).await;
    house.clean().await;
    assert!(house.shows(A, &digest).await, "the reclaimed place was that of the first upload only");
}

#[tokio::test]
async fn a_manifest_holds_the_bytes_of_a_deleted_blob() {
    let house = House::new().await;
    let content = noise(1, 40_000);
    let digest = house.push_blob(A, &content).await;
    let manifest = house.push_image(A, "latest", &[digest]).await;
    house.delete_blob(A, &digest).await.expect("deleted");
    house.clean().await;
    assert!(!house.shows(A, &digest).await);
    assert_eq!(house.resting().await.len(), 1);
    house.push_blob(A, &content).await;
    house.clean().await;
    assert!(house.shows(A, &digest).await);
    assert_eq!(house.resting().await.len(), 1, "the second copy went");
    house.delete_blob(A, &digest).await.expect("deleted");
    house.delete(A, &Reference::Digest(manifest)).await.expect("deleted");
    house.advance(TRASH);
    house.clean().await;
    assert_eq!(house.resting().await.len(), 0, "with the trash");
}

#[tokio::test]
async fn a_manifest_needs_its_blobs_in_its_own_repository() {
    let house = House::new().await;
    let digest = house.push_blob(A, &noise(1, 100)).await;
    let refused = house.put(B, tagged("latest"), image(&[digest])).await;
    assert!(matches!(refused, Err(Error::ManifestBlobUnknown(missing)) if missing == [digest]));
    assert!(house.pull(B, &tagged("latest")).await.is_none());
    assert_eq!(
        house.ledger.repositories(&wharf_registry::access::Readable::All, None, 9).await.unwrap().names.len(),
        1
    );
}

#[tokio::test]
async fn bytes_that_cannot_be_removed_are_tried_again() {
    let house = House::new().await;
    let digest = house.push_blob(A, &noise(1, 40_000)).await;
    house.delete_blob(A, &digest).await.expect("deleted");
    let reclaimer = Worker::reclaimer(&house.registry);
    for fault in [Fault::Before(Failure::Failed), Fault::After(Failure::Failed)] {
        house.blobs.fail_next(fault);
        reclaimer.work_off().await.expect("the ledger answers");
        assert_eq!(house.ledger.count_jobs(RECLAIM).await.expect("counted"), 1);
        assert_eq!(reclaimer.work_off().await.expect("the ledger answers"), 0, "not at once");
        house.advance(60_000);
    }
    assert_eq!(reclaimer.work_off().await.expect("the ledger answers"), 1);
    assert_eq!((house.ledger.count_jobs(RECLAIM).await.expect("counted"), house.resting().await.len()), (0, 0));
}

/// An image in the trash whose time is up, a blob whose grace is over, an upload that was left.
async fn garbage(house: &House) {
    let held = house.push_blob(A, b"held").await;
    let manifest = house.push_image(A, "latest", &[held]).await;
    house.delete(A, &Reference::Digest(manifest)).await.expect("deleted");
    house.push_blob(A, b"left").await;
    let session = house.begin(A).await;
    house.append(A, &session, chunk(&noise(1, 40_000))).await.expect("appended");
    house.advance(TRASH.max(GRACE).max(IDLE));
}

/// Of the three things that a sweep looks for none waits for the others.
#[tokio::test]
async fn a_failure_holds_up_nothing_else() {
    for call in 1..=3 {
        let house = House::new().await;
        garbage(&house).await;
        // To find is the first call of each part; the first of all fails now, the others where the ones before find nothing.
        let (trash, members) = (call > 1, call > 2);
        if trash {
            for row in house.ledger.expired_trash(9).await.expect("trash") {
                let purge = Change::PurgeTrash { id: row.id, freed: Default::default(), done: false };
                house.ledger.commit(Commit { changes: vec![purge], ..Commit::default() }).await.expect("purged");
            }
        }
        if members {
            for (repository, digest) in house.ledger.unreferenced(9).await.expect("members") {
                let sweep = Change::SweepMember { repository, digest, freed: Default::default() };
                house.ledger.commit(Commit { changes: vec![sweep], ..Commit::default() }).await.expect("swept");
            }
        }
        house.ledger.fail(call, When::Before);
        let failed = house.registry.sweep().await;
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{call}: {failed:?}");
        assert_eq!(house.ledger.expired_trash(9).await.expect("trash").len(), usize::from(call == 1), "{call}");
        assert_eq!(house.ledger.unreferenced(9).await.expect("members").len(), usize::from(call == 2), "{call}");
        assert_eq!(house.heap.uploads(), usize::from(call == 3), "{call}");
        house.sweep().await;
        assert_eq!((house.ledger.expired_trash(9).await.expect("trash").len(), house.heap.uploads()), (0, 0));
    }
}

/// Where several cannot be removed at once, each is by itself; each is counted once, also where the answer was lost.
#[tokio::test]
async fn a_batch_that_fails_is_made_one_by_one() {
    for when in [When::Before, When::After] {
        let house = House::new().await;
        for text in [b"one", b"two", b"six"] {
            house.push_blob(A, text).await;
        }
        house.advance(GRACE);
        house.ledger.fail(3, when);
        assert_eq!(house.registry.sweep().await.expect("in the end").members, 3, "{when:?}");
        assert!(house.ledger.unreferenced(9).await.expect("members").is_empty());
    }
}

/// More than one batch of garbage goes in one sweep, and what lives is not looked at.
#[tokio::test]
async fn sweeps_in_batches() {
    let house = House::new().await;
    for number in 0..450_u32 {
        house.push_blob(A, &number.to_be_bytes()).await;
    }
    let kept = house.push_blob(A, b"kept").await;
    house.push_image(A, "latest", &[kept]).await;
    house.advance(GRACE);
    let swept = house.registry.sweep().await.expect("no fault");
    assert_eq!(swept.members, 450);
    assert_eq!(house.registry.sweep().await.expect("no fault"), Default::default());
    assert!(house.shows(A, &kept).await);
    assert_eq!(house.ledger.count_totals().await.expect("counted").1.blobs, 1);
    assert_eq!(kept, sha256(b"kept"));
}
