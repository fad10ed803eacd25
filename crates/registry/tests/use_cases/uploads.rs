//! Uploads: where the bytes go, what survives, what ends a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, stream};
use tokio::sync::oneshot;
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::INLINE_BLOB_BYTES_MAX;
use wharf_model::range::ByteRange;
use wharf_registry::access::Action;
use wharf_registry::error::Error;
use wharf_registry::upload::Chunk;
use wharf_store::blobs::faulty::{Failure, Fault};
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::faulty::When;

use crate::house::{HOUR, House, IDLE, broken, chunk, noise, sha256};

const REPOSITORY: &str = "acme/app";

#[tokio::test]
async fn up_to_16_kib_bytes_rest_in_the_ledger() {
    let house = House::new().await;
    for (length, on_heap) in [(0, 0), (1, 0), (INLINE_BLOB_BYTES_MAX - 1, 0), (INLINE_BLOB_BYTES_MAX, 0)] {
        let digest = house.push_blob(REPOSITORY, &noise(1, length)).await;
        assert!(house.shows(REPOSITORY, &digest).await);
        assert_eq!(house.resting().await.len(), on_heap, "{length}");
    }
    let digest = house.push_blob(REPOSITORY, &noise(1, INLINE_BLOB_BYTES_MAX + 1)).await;
    assert!(house.shows(REPOSITORY, &digest).await);
    assert_eq!((house.resting().await.len(), house.heap.uploads()), (1, 0));
}

#[tokio::test]
async fn many_small_chunks_spill_when_they_are_many() {
    let house = House::new().await;
    for length in [INLINE_BLOB_BYTES_MAX, INLINE_BLOB_BYTES_MAX + 1, 50_000] {
        let content = noise(length as u64, length);
        let session = house.begin(REPOSITORY).await;
        let mut sent = 0;
        for piece in content.chunks(5_000) {
            sent += piece.len() as u64;
            assert_eq!(house.append(REPOSITORY, &session, chunk(piece)).await.expect("appended"), sent);
            assert_eq!(house.heap.uploads() > 0, sent > INLINE_BLOB_BYTES_MAX as u64, "{sent} of {length}");
        }
        house.finish(REPOSITORY, &session, chunk(b""), sha256(&content)).await.expect("finished");
        assert_eq!(house.pull_blob(REPOSITORY, &sha256(&content)).await.expect("there"), content);
    }
    assert_eq!((house.resting().await.len(), house.heap.uploads()), (2, 0));
}

#[tokio::test]
async fn the_digest_may_be_of_another_algorithm_than_the_session() {
    let house = House::new().await;
    for length in [100, 40_000] {
        let content = noise(3, length);
        let digest = Digest::of(Algorithm::Sha512, &content);
        let (at_once, in_two) = (house.begin(REPOSITORY).await, house.begin(REPOSITORY).await);
        house.finish(REPOSITORY, &at_once, chunk(&content), digest).await.expect("finished");
        house.append(REPOSITORY, &in_two, chunk(&content)).await.expect("appended");
        house.finish(REPOSITORY, &in_two, chunk(b""), digest).await.expect("finished");
        assert_eq!(house.pull_blob(REPOSITORY, &digest).await.expect("there"), content);
        assert!(!house.shows(REPOSITORY, &sha256(&content)).await, "only under the name that it was given");
    }
    house.clean().await;
    assert_eq!(house.resting().await.len(), 1, "the second copy went");
}

#[tokio::test]
async fn a_wrong_digest_ends_the_session_and_leaves_nothing() {
    let house = House::new().await;
    for length in [100, 40_000] {
        let session = house.begin(REPOSITORY).await;
        house.append(REPOSITORY, &session, chunk(&noise(4, length))).await.expect("appended");
        let finished = house.finish(REPOSITORY, &session, chunk(b"more"), sha256(b"other")).await;
        assert!(matches!(finished, Err(Error::DigestMismatch { .. })), "{finished:?}");
        assert!(matches!(house.status(REPOSITORY, &session).await, Err(Error::UploadUnknown)));
        assert_eq!((house.resting().await.len(), house.heap.uploads()), (0, 0));
    }
}

#[tokio::test]
async fn resumes_after_a_crash_at_the_offset_that_it_tells() {
    let mut house = House::new().await;
    for (first, second) in [(0, 100), (100, 100), (100, 40_000), (40_000, 100), (40_000, 40_000)] {
        let content = noise(first as u64 + 5, first + second);
        let session = house.begin(REPOSITORY).await;
        house.append(REPOSITORY, &session, chunk(&content[..first])).await.expect("appended");
        house.crash().await;
        assert_eq!(house.status(REPOSITORY, &session).await.expect("there").offset, first as u64);
        house.finish(REPOSITORY, &session, chunk(&content[first..]), sha256(&content)).await.expect("finished");
        assert_eq!(house.pull_blob(REPOSITORY, &sha256(&content)).await.expect("there"), content);
    }
}

#[tokio::test]
async fn what_came_before_the_sender_went_is_kept() {
    let content = noise(6, 60_000);
    for first in [0, 3, 5_000] {
        for sent in [0, 1, 5_000, 12_000, 40_000] {
            let house = House::new().await;
            let session = house.begin(REPOSITORY).await;
            house.append(REPOSITORY, &session, chunk(&content[..first])).await.expect("appended");
            let all = first + sent;
            let gone = house.append(REPOSITORY, &session, broken(&content[first..all])).await;
            assert!(matches!(gone, Err(Error::SenderGone(_))), "{gone:?}");
            assert_eq!(house.status(REPOSITORY, &session).await.expect("there").offset, all as u64);
            house.finish(REPOSITORY, &session, broken(&[]), sha256(&content)).await.expect_err("it broke off again");
            house.finish(REPOSITORY, &session, chunk(&content[all..]), sha256(&content)).await.expect("finished");
            assert_eq!(house.pull_blob(REPOSITORY, &sha256(&content)).await.expect("there"), content);
        }
    }
}

/// What a chunk says of its end bounds what is read of it, though its sender never ends.
#[tokio::test]
async fn no_more_is_read_than_was_announced() {
    let house = House::new().await;
    for (first, said) in [(0_u64, 10_u64), (0, 100_000), (10, 100_000), (40_000, 10), (40_000, 100_000)] {
        let content = noise(7, first as usize);
        let session = house.begin(REPOSITORY).await;
        house.append(REPOSITORY, &session, chunk(&content)).await.expect("appended");
        let (read, range) = (Arc::new(AtomicU64::new(0)), Some(ByteRange { start: first, end: first + said }));
        let counted = read.clone();
        let endless = stream::repeat_with(move || {
            counted.fetch_add(5_000, Ordering::Relaxed);
            Ok(noise(8, 5_000))
        });
        let refused = house.append(REPOSITORY, &session, Chunk { range, body: Body::new(None, endless) }).await;
        assert!(matches!(refused, Err(Error::SizeInvalid(_))), "{refused:?}");
        let read = read.load(Ordering::Relaxed);
        assert!(read <= said.max(INLINE_BLOB_BYTES_MAX as u64) + 10_000, "{read} of {said}");
        assert_eq!(house.status(REPOSITORY, &session).await.expect("there").offset, first);
        house.cancel(REPOSITORY, &session).await.expect("cancelled");
    }
    assert_eq!(house.heap.uploads(), 0);
}

#[tokio::test]
async fn a_chunk_in_the_wrong_place_or_of_the_wrong_length_is_not_kept() {
    let house = House::new().await;
    for first in [10_u64, 40_000] {
        let content = noise(7, first as usize);
        let session = house.begin(REPOSITORY).await;
        house.append(REPOSITORY, &session, chunk(&content)).await.expect("appended");
        for range in [(0, 4), (first + 1, first + 5)] {
            let range = Some(ByteRange { start: range.0, end: range.1 });
            let refused = house.append(REPOSITORY, &session, Chunk { range, ..chunk(b"late") }).await;
            assert!(matches!(refused, Err(Error::RangeInvalid { offset }) if offset == first), "{refused:?}");
        }
        for (said, sent) in [(10, 4), (4, 10), (30_000, 40_000), (40_000, 30_000)] {
            let pieces = stream::iter([Ok(noise(8, sent))]);
            let range = Some(ByteRange { start: first, end: first + said });
            let refused = house.append(REPOSITORY, &session, Chunk { range, body: Body::new(None, pieces) }).await;
            assert!(matches!(refused, Err(Error::SizeInvalid(_))), "{refused:?}");
            assert_eq!(house.status(REPOSITORY, &session).await.expect("there").offset, first);
        }
        house.finish(REPOSITORY, &session, chunk(b""), sha256(&content)).await.expect("finished");
        assert!(house.shows(REPOSITORY, &sha256(&content)).await);
    }
    assert_eq!(house.heap.uploads(), 0, "nor does the heap keep it");
}

#[tokio::test]
async fn cancelled_is_over_and_gone() {
    let house = House::new().await;
    for length in [0, 100, 40_000] {
        let session = house.begin(REPOSITORY).await;
        house.append(REPOSITORY, &session, chunk(&noise(9, length))).await.expect("appended");
        house.cancel(REPOSITORY, &session).await.expect("cancelled");
        assert!(matches!(house.status(REPOSITORY, &session).await, Err(Error::UploadUnknown)));
        assert!(matches!(house.cancel(REPOSITORY, &session).await, Err(Error::UploadUnknown)));
        assert!(matches!(house.append(REPOSITORY, &session, chunk(b"x")).await, Err(Error::UploadUnknown)));
        assert_eq!((house.resting().await.len(), house.heap.uploads()), (0, 0));
    }
}

#[tokio::test]
async fn belongs_to_its_repository() {
    let house = House::new().await;
    let session = house.begin(REPOSITORY).await;
    house.append(REPOSITORY, &session, chunk(b"abc")).await.expect("appended");
    for (repository, session) in [("acme/other", session.as_str()), (REPOSITORY, "nonsense"), (REPOSITORY, "")] {
        assert!(matches!(house.status(repository, session).await, Err(Error::UploadUnknown)), "{repository} {session}");
        let finished = house.finish(repository, session, chunk(b""), sha256(b"abc")).await;
        assert!(matches!(finished, Err(Error::UploadUnknown)), "{repository} {session}");
    }
    assert_eq!(house.status(REPOSITORY, &session).await.expect("there").offset, 3);
}

#[tokio::test]
async fn one_sender_at_a_time() {
    let house = House::new().await;
    let session = house.begin(REPOSITORY).await;
    let (send, held) = oneshot::channel::<()>();
    let pieces = stream::iter([Ok(noise(1, 10))]).chain(stream::once(async {
        let _ = held.await;
        Ok(noise(2, 10))
    }));
    let access = house.access(Action::Push, REPOSITORY).await;
    let slow = Chunk { range: None, body: Body::new(None, pieces.boxed()) };
    let first = tokio::spawn({
        let (registry, session) = (house.registry.clone(), session.clone());
        async move { registry.append_upload(&access, &session, slow).await }
    });
    tokio::task::yield_now().await;
    assert!(matches!(house.append(REPOSITORY, &session, chunk(b"x")).await, Err(Error::UploadBusy)));
    assert!(matches!(house.cancel(REPOSITORY, &session).await, Err(Error::UploadBusy)));
    send.send(()).expect("it waits");
    assert_eq!(first.await.expect("ends").expect("appended").offset, 20);
    assert_eq!(house.append(REPOSITORY, &session, chunk(b"x")).await.expect("free again"), 21);
}

#[tokio::test]
async fn idle_sessions_end() {
    let house = House::new().await;
    for length in [100, 40_000] {
        let session = house.begin(REPOSITORY).await;
        house.append(REPOSITORY, &session, chunk(&noise(1, length))).await.expect("appended");
        house.advance(IDLE - 1);
        house.sweep().await;
        assert_eq!(house.append(REPOSITORY, &session, chunk(b"x")).await.expect("there"), length as u64 + 1);
        house.advance(IDLE - 1);
        house.sweep().await;
        assert!(house.status(REPOSITORY, &session).await.is_ok(), "what it received last counts");
        house.advance(1);
        house.sweep().await;
        assert!(matches!(house.status(REPOSITORY, &session).await, Err(Error::UploadUnknown)));
        assert_eq!((house.resting().await.len(), house.heap.uploads()), (0, 0));
    }
}

/// What cannot be removed keeps nothing else from it, and is tried again when it has been idle once more.
#[tokio::test]
async fn an_idle_session_that_cannot_be_ended_holds_up_no_other() {
    let house = House::new().await;
    for seed in 0..3 {
        let session = house.begin(REPOSITORY).await;
        house.append(REPOSITORY, &session, chunk(&noise(seed, 40_000))).await.expect("appended");
        house.advance(1);
    }
    house.advance(IDLE);
    house.blobs.fail_next(Fault::Before(Failure::Failed));
    assert_eq!(house.registry.sweep().await.expect("the ledger answers").uploads, 2);
    assert_eq!(house.heap.uploads(), 1);
    assert!(house.ledger.idle_uploads(1, 9).await.expect("notes").is_empty(), "it comes after those that wait");
    house.advance(IDLE);
    assert_eq!(house.registry.sweep().await.expect("no fault").uploads, 1);
    assert_eq!(house.heap.uploads(), 0);
}

/// A release that cannot read what another has noted still removes the bytes, whole or in part, when the session is over.
#[tokio::test]
async fn a_session_that_cannot_be_read_ends_and_leaves_nothing() {
    let content = noise(1, 40_000);
    for (what, is_at_rest) in [("appended", false), ("at rest", true)] {
        let house = House::new().await;
        let session = house.begin(REPOSITORY).await;
        if is_at_rest {
            house.ledger.fail(4, When::Before);
            let failed = house.finish(REPOSITORY, &session, chunk(&content), sha256(&content)).await;
            assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        } else {
            house.append(REPOSITORY, &session, chunk(&content)).await.expect("appended");
        }
        assert_eq!((house.resting().await.len(), house.heap.uploads() > 0), (usize::from(is_at_rest), !is_at_rest));
        let id = session.split_once('.').expect("a name").0.replace('-', "").parse().expect("an id");
        let mut note = house.ledger.upload(id).await.expect("an answer").expect("a note");
        let mut state: serde_json::Value = serde_json::from_slice(&note.state).expect("JSON");
        state["state"] = "of another layout".into();
        (note.state, note.version) = (state.to_string().into(), note.version + 1);
        assert!(house.ledger.put_upload(&note).await.expect("noted"));
        let status = house.status(REPOSITORY, &session).await;
        assert!(matches!(status, Err(Error::UploadInvalid(_))), "{what}: {status:?}");
        house.advance(IDLE);
        assert_eq!(house.registry.sweep().await.expect("no fault").uploads, 1, "{what}");
        assert_eq!((house.resting().await.len(), house.heap.uploads()), (0, 0), "{what}");
        assert_eq!(house.ledger.upload(id).await.expect("an answer"), None, "{what}");
    }
}

#[tokio::test]
async fn a_session_that_never_received_anything_ends_by_its_age() {
    let mut house = House::new().await;
    let session = house.begin(REPOSITORY).await;
    house.crash().await;
    house.advance(IDLE);
    assert_eq!(house.status(REPOSITORY, &session).await.expect("there").offset, 0);
    house.advance(2 * HOUR);
    assert!(matches!(house.status(REPOSITORY, &session).await, Err(Error::UploadUnknown)));
}

/// The name of a finished session outlives it: whoever comes back by it begins anew and harms nothing.
#[tokio::test]
async fn a_finished_session_cannot_harm_its_blob() {
    let mut house = House::new().await;
    let content = noise(1, 40_000);
    let session = house.begin(REPOSITORY).await;
    house.finish(REPOSITORY, &session, chunk(&content), sha256(&content)).await.expect("finished");
    assert!(matches!(house.status(REPOSITORY, &session).await, Err(Error::UploadUnknown)));
    house.crash().await;
    house.append(REPOSITORY, &session, chunk(&noise(2, 40_000))).await.expect("anew");
    let finished = house.finish(REPOSITORY, &session, chunk(b""), sha256(&content)).await;
    assert!(matches!(finished, Err(Error::DigestMismatch { .. })), "{finished:?}");
    assert!(house.shows(REPOSITORY, &sha256(&content)).await);
    house.crash().await;
    house.finish(REPOSITORY, &session, chunk(&content), sha256(&content)).await.expect("the same once more");
    house.clean().await;
    assert!(house.shows(REPOSITORY, &sha256(&content)).await);
    assert_eq!((house.resting().await.len(), house.heap.uploads()), (1, 0));
}

/// A finish that failed at any point can be repeated, or the session cancelled; neither leaves bytes behind.
#[tokio::test]
async fn a_finish_that_failed_can_be_repeated_or_cancelled() {
    let content = noise(1, 40_000);
    for before in [0, 10_000, 30_000] {
        for cancel in [false, true] {
            for call in 1..6 {
                for when in [When::Before, When::After] {
                    let house = House::new().await;
                    let session = house.begin(REPOSITORY).await;
                    house.append(REPOSITORY, &session, chunk(&content[..before])).await.expect("appended");
                    house.ledger.fail(call, when);
                    let failed = house.finish(REPOSITORY, &session, chunk(&content[before..]), sha256(&content)).await;
                    house.ledger.heal();
                    let what = format!("{before} bytes before, call {call} fails {when:?}: {failed:?}");
                    assert!(
                        failed.is_ok() || !house.shows(REPOSITORY, &sha256(&content)).await || when == When::After,
                        "{what}"
                    );
                    settle(&house, &session, cancel, &what).await;
                }
            }
        }
    }
}

async fn settle(house: &House, session: &str, cancel: bool, what: &str) {
    let content = noise(1, 40_000);
    match house.status(REPOSITORY, session).await {
        Err(Error::UploadUnknown) => assert!(house.shows(REPOSITORY, &sha256(&content)).await, "{what}"),
        Err(error) => panic!("{what}: {error}"),
        Ok(_) if cancel => house.cancel(REPOSITORY, session).await.expect(what),
        Ok(progress) => {
            let rest = chunk(&content[progress.offset as usize..]);
            house.finish(REPOSITORY, session, rest, sha256(&content)).await.expect(what);
            assert!(house.shows(REPOSITORY, &sha256(&content)).await, "{what}");
        }
    }
    house.clean().await;
    let expect = usize::from(house.shows(REPOSITORY, &sha256(&content)).await);
    assert_eq!((house.resting().await.len(), house.heap.uploads()), (expect, 0), "{what}");
}

/// A commit whose outcome nobody learned may arrive at any time: of it and of what the client does meanwhile one wins, and a
/// blob that is shown has its bytes.
#[tokio::test]
async fn a_late_commit_and_what_is_done_meanwhile_exclude_each_other() {
    let content = noise(1, 40_000);
    for before in [0, 10_000] {
        for then in ["cancel", "finish", "finish otherwise", "append", "nothing"] {
            for (call, lands) in (1..6).flat_map(|call| (1..9).map(move |lands| (call, lands))) {
                let house = House::new().await;
                let session = house.begin(REPOSITORY).await;
                house.append(REPOSITORY, &session, chunk(&content[..before])).await.expect("appended");
                house.ledger.fail(call, When::Late(lands));
                let _ = house.finish(REPOSITORY, &session, chunk(&content[before..]), sha256(&content)).await;
                let offset = house.status(REPOSITORY, &session).await.map_or(0, |progress| progress.offset) as usize;
                let rest = chunk(&content[offset..]);
                // Whether it is done or refused, nothing may be lost by it.
                let _ = match then {
                    "cancel" => house.cancel(REPOSITORY, &session).await,
                    "finish" => house.finish(REPOSITORY, &session, rest, sha256(&content)).await,
                    "finish otherwise" => house.finish(REPOSITORY, &session, rest, sha256(b"other")).await,
                    "append" => house.append(REPOSITORY, &session, rest).await.map(drop),
                    _ => Ok(()),
                };
                house.ledger.land().await;
                house.heal();
                let what =
                    format!("{before} bytes before, call {call} fails, then {then}, it lands {lands} calls later");
                let shown = house.shows(REPOSITORY, &sha256(&content)).await;
                let known = house.ledger.count_totals().await.expect("counted").1.blobs;
                assert_eq!(i64::from(shown), known, "{what}");
                house.advance(2 * IDLE);
                house.clean().await;
                assert_eq!((house.resting().await.len(), house.heap.uploads()), (0, 0), "{what}");
            }
        }
    }
}

/// Bytes that have gone from the heap, or of which only a part is left, are brought back by whoever pushes the blob again;
/// those that are there are not replaced.
#[tokio::test]
async fn lost_bytes_are_healed_by_a_new_upload() {
    let house = House::new().await;
    let content = noise(1, 40_000);
    let digest = house.push_blob(REPOSITORY, &content).await;
    house.push_image(REPOSITORY, "latest", &[digest]).await;
    let before = house.resting().await;
    house.push_blob("acme/other", &content).await;
    house.clean().await;
    assert_eq!(house.resting().await, before, "the first copy stays");
    for left in [None, Some(100)] {
        house.heap.lose(&house.resting().await[0], left);
        let access = house.access(Action::Pull, REPOSITORY).await;
        let found = house.registry.blob(&access, &digest).await.expect("it is known");
        assert!(house.registry.open_blob(&found, None).await.is_err());
        house.push_blob("acme/other", &content).await;
        house.clean().await;
        for repository in [REPOSITORY, "acme/other"] {
            assert_eq!(house.pull_blob(repository, &digest).await.expect("there"), content);
        }
        assert_eq!(house.resting().await.len(), 1, "what was left of the old copy went");
    }
}

#[tokio::test]
async fn a_full_heap_is_said_and_costs_nothing_that_was_acknowledged() {
    let house = House::new().await;
    let content = noise(1, 60_000);
    let session = house.begin(REPOSITORY).await;
    house.append(REPOSITORY, &session, chunk(&content[..30_000])).await.expect("appended");
    for fault in [Fault::Before(Failure::Full), Fault::Cut(7, Failure::Full), Fault::After(Failure::Full)] {
        house.blobs.fail_next(fault);
        let full = house.append(REPOSITORY, &session, chunk(&content[30_000..])).await;
        assert!(matches!(full, Err(Error::Full)), "{full:?}");
        assert_eq!(house.status(REPOSITORY, &session).await.expect("there").offset, 30_000);
    }
    house.finish(REPOSITORY, &session, chunk(&content[30_000..]), sha256(&content)).await.expect("finished");
    assert_eq!(house.pull_blob(REPOSITORY, &sha256(&content)).await.expect("there"), content);
}
