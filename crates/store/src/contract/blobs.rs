//! What every heap of blobs must do. Not how: what files or keys there are is tested beside each backend.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::{join_all, poll_immediate, select};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::oneshot;
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::id::Id;
use wharf_model::range::ByteRange;

use crate::blobs::{Blobs, BlobsError, Location, Served, Stored, UploadState, state};

/// More than any upload here has, in bytes.
const ALL: u64 = u64::MAX;
/// Spans several of any backend's buffers, and ends on no boundary.
const LARGE: usize = (3 << 20) + 12_345;

/// Runs all cases, and panics where one does not hold. `open` opens the same storage each time, as a new process would.
pub async fn holds(open: impl AsyncFn() -> Arc<dyn Blobs>) {
    let blobs = open().await;
    blobs.check().await.expect("an empty heap is ready");
    gives_back_what_it_was_given(&open).await;
    serves_any_range(&blobs).await;
    resumes_where_it_was_noted(&open).await;
    begins_again_where_nothing_was_noted(&open).await;
    keeps_what_came_before_the_sender_broke_off(&blobs).await;
    takes_what_the_limit_allows(&blobs).await;
    takes_chunks_of_any_size(&blobs).await;
    refuses_another_digest(&blobs).await;
    hashes_again_for_another_algorithm(&blobs).await;
    needs_a_digest(&blobs).await;
    finishes_again(&open).await;
    cancels_at_any_time(&blobs).await;
    finds_that_bytes_are_missing(&blobs).await;
    keeps_uploads_of_one_digest_apart(&blobs).await;
    deletes_under_a_reader(&blobs).await;
    does_not_know_other_locations(&blobs).await;
    lists_what_rests(&open).await;
    forgets_an_append_that_was_dropped(&blobs).await;
    takes_many_at_once(&blobs).await;
    blobs.check().await.expect("a heap in use is ready");
}

/// Bytes that repeat nowhere soon, the same each time for a seed.
pub fn content(seed: u64, length: usize) -> Bytes {
    let mut word = seed.wrapping_mul(2).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = (0..length.div_ceil(8)).flat_map(|_| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()
    });
    words.take(length).collect::<Vec<u8>>().into()
}

/// An upload that no other case has.
pub fn fresh() -> UploadState {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    UploadState::new(Id(u128::from(count).to_be_bytes()), Algorithm::Sha256)
}

/// Appends all of `bytes` and puts them to rest.
///
/// # Errors
/// The backend's.
pub async fn put(blobs: &dyn Blobs, bytes: &Bytes) -> Result<Stored, BlobsError> {
    let mut state = fresh();
    blobs.append(&mut state, &mut Body::full(bytes.clone()), ALL).await?;
    state.digest = Some(Digest::of(Algorithm::Sha256, bytes));
    blobs.finish(&state).await
}

/// All that a range of a blob has.
pub async fn read(blobs: &dyn Blobs, location: &Location, start: u64, end: u64) -> Bytes {
    let mut body = opened(blobs, location, start, end).await;
    assert_eq!(body.length(), Some(end - start));
    body.collect(usize::MAX).await.expect("the body is read to its end").expect("no limit")
}

async fn opened(blobs: &dyn Blobs, location: &Location, start: u64, end: u64) -> Body {
    match blobs.open(location, ByteRange { start, end }).await.expect("the blob opens") {
        Served::Body(body) => body,
        Served::Redirect(url) => panic!("no contract for redirects yet: {url}"),
    }
}

fn in_chunks(bytes: &Bytes, size: usize) -> Body {
    let chunks: Vec<_> = (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..bytes.len().min(at + size))).collect();
    Body::new(Some(bytes.len() as u64), stream::iter(chunks.into_iter().map(Ok)))
}

async fn append_all(blobs: &dyn Blobs, state: &mut UploadState, bytes: &Bytes) {
    let ended = blobs.append(state, &mut Body::full(bytes.clone()), ALL).await.expect("bytes are appended");
    assert!(ended);
}

/// Finishes, and checks that what rests is `expect`.
async fn finish_as(blobs: &dyn Blobs, state: &mut UploadState, expect: &Bytes) -> Stored {
    state.digest = Some(Digest::of(state.hasher.algorithm(), expect));
    let stored = blobs.finish(state).await.expect("the upload is finished");
    assert_eq!(stored.size, expect.len() as u64);
    assert_eq!(blobs.stat(&stored.location).await.expect("stat"), Some(stored.size));
    assert!(read(blobs, &stored.location, 0, stored.size).await == *expect, "{:?} differs", stored.location);
    stored
}

/// What a restart leaves of a state.
fn noted(state: &UploadState) -> UploadState {
    state::decode(&state::encode(state)).expect("a state that was just saved")
}

async fn gives_back_what_it_was_given(open: &impl AsyncFn() -> Arc<dyn Blobs>) {
    let blobs = open().await;
    for length in [0, 1, 63, 64, 65, 4096, 300_000, LARGE] {
        let bytes = content(length as u64, length);
        let mut state = fresh();
        append_all(&*blobs, &mut state, &bytes).await;
        assert_eq!(state.offset(), length as u64);
        let stored = finish_as(&*blobs, &mut state, &bytes).await;
        assert!(read(&*open().await, &stored.location, 0, stored.size).await == bytes);
    }
    let mut never_appended = fresh();
    finish_as(&*blobs, &mut never_appended, &Bytes::new()).await;
}

async fn serves_any_range(blobs: &Arc<dyn Blobs>) {
    let bytes = content(1, LARGE);
    let stored = put(&**blobs, &bytes).await.expect("stored");
    let size = LARGE as u64;
    let quarter = 256 << 10;
    for (start, end) in [
        (0, 1),
        (0, size),
        (1, size),
        (size - 1, size),
        (size / 2, size / 2 + 1),
        (quarter - 1, quarter + 1),
        (quarter, 2 * quarter),
        (5, 5 + 3 * quarter),
    ] {
        let part = read(&**blobs, &stored.location, start, end).await;
        assert!(part == bytes[start as usize..end as usize], "{start}..{end}");
    }
    let beyond = blobs.open(&stored.location, ByteRange { start: 0, end: size + 1 }).await;
    assert!(matches!(beyond, Err(BlobsError::Lost(_))), "more than there is");
}

async fn resumes_where_it_was_noted(open: &impl AsyncFn() -> Arc<dyn Blobs>) {
    let bytes = content(2, LARGE);
    for cut in [1, 64, 1000, 1 << 20, LARGE - 1] {
        let blobs = open().await;
        let mut state = fresh();
        append_all(&*blobs, &mut state, &bytes.slice(..cut)).await;
        blobs.sync(&state).await.expect("synced");
        let note = noted(&state);
        append_all(&*blobs, &mut state, &content(99, 100_000)).await;
        let blobs = open().await;
        let mut state = note;
        assert_eq!(state.offset(), cut as u64);
        append_all(&*blobs, &mut state, &bytes.slice(cut..)).await;
        finish_as(&*blobs, &mut state, &bytes).await;
    }
    let blobs = open().await;
    let mut state = fresh();
    append_all(&*blobs, &mut state, &bytes).await;
    let mut note = noted(&state);
    append_all(&*blobs, &mut state, &content(99, 100)).await;
    finish_as(&*open().await, &mut note, &bytes).await;
}

async fn begins_again_where_nothing_was_noted(open: &impl AsyncFn() -> Arc<dyn Blobs>) {
    let blobs = open().await;
    let note = fresh();
    append_all(&*blobs, &mut note.clone(), &content(3, 100_000)).await;
    let blobs = open().await;
    let mut empty = note.clone();
    blobs.sync(&empty).await.expect("nothing to sync");
    let bytes = content(4, 5000);
    append_all(&*blobs, &mut empty, &bytes).await;
    finish_as(&*blobs, &mut empty, &bytes).await;
}

async fn keeps_what_came_before_the_sender_broke_off(blobs: &Arc<dyn Blobs>) {
    let bytes = content(5, LARGE);
    for received in [0, 1, 70_000, 2 << 20] {
        let chunks: Vec<_> = in_chunks(&bytes.slice(..received), 50_000).into_stream().collect().await;
        let broken = chunks.into_iter().chain([Err(io::ErrorKind::ConnectionReset.into())]);
        let mut body = Body::new(Some(LARGE as u64), stream::iter(broken.collect::<Vec<_>>()));
        let mut state = fresh();
        let error = blobs.append(&mut state, &mut body, ALL).await;
        assert!(matches!(error, Err(BlobsError::Sender(_))), "{error:?}");
        assert_eq!(state.offset(), received as u64);
        blobs.sync(&state).await.expect("what was received is synced");
        let mut state = noted(&state);
        append_all(&**blobs, &mut state, &bytes.slice(received..)).await;
        finish_as(&**blobs, &mut state, &bytes).await;
    }
}

async fn takes_what_the_limit_allows(blobs: &Arc<dyn Blobs>) {
    let bytes = content(6, 10_000);
    let mut body = in_chunks(&bytes, 3000);
    let mut state = fresh();
    for (limit, offset, ended) in [(0, 0, false), (1, 1, false), (2999, 3000, false), (5000, 8000, false)] {
        assert_eq!(blobs.append(&mut state, &mut body, limit).await.expect("appended"), ended);
        assert_eq!(state.offset(), offset);
    }
    assert!(!blobs.append(&mut state, &mut body, 2000).await.expect("appended"), "the end is not waited for");
    assert_eq!(state.offset(), 10_000);
    assert!(blobs.append(&mut state, &mut body, 1).await.expect("appended"), "now it is seen");
    finish_as(&**blobs, &mut state, &bytes).await;

    let mut state = fresh();
    let mut body = in_chunks(&bytes, 3000);
    assert!(!blobs.append(&mut state, &mut body, 4000).await.expect("appended"));
    let rest = body.collect(usize::MAX).await.expect("the rest is there").expect("no limit");
    assert!(rest == bytes[4000..], "what was not taken is still to be read");
    let mut stalls = in_chunks(&rest, 6000);
    stalls = Body::new(None, stalls.into_stream().chain(stream::pending()));
    assert!(!blobs.append(&mut state, &mut stalls, 6000).await.expect("nothing more is asked of the sender"));
    finish_as(&**blobs, &mut state, &bytes).await;
}

async fn takes_chunks_of_any_size(blobs: &Arc<dyn Blobs>) {
    let bytes = content(7, 700_001);
    for size in [7, 4095, 4096, 65_536, 700_000] {
        let mut state = fresh();
        let ended = blobs.append(&mut state, &mut in_chunks(&bytes, size), ALL).await.expect("appended");
        assert!(ended);
        finish_as(&**blobs, &mut state, &bytes).await;
    }
    let sizes = [1, 5000, 2, 3, 300_000, 4, 4096, 390_895];
    let mut at = 0;
    let mut chunks = Vec::new();
    for size in sizes {
        chunks.push(Ok(bytes.slice(at..at + size)));
        at += size;
    }
    assert_eq!(at, bytes.len());
    let mut state = fresh();
    assert!(blobs.append(&mut state, &mut Body::new(None, stream::iter(chunks)), ALL).await.expect("appended"));
    finish_as(&**blobs, &mut state, &bytes).await;
}

async fn refuses_another_digest(blobs: &Arc<dyn Blobs>) {
    let bytes = content(8, 1000);
    let mut state = fresh();
    append_all(&**blobs, &mut state, &bytes).await;
    for algorithm in Algorithm::ALL {
        state.digest = Some(Digest::of(algorithm, b"something else"));
        match blobs.finish(&state).await {
            Err(BlobsError::Digest { actual }) => assert_eq!(actual, Digest::of(algorithm, &bytes)),
            other => panic!("{other:?}"),
        }
        assert!(!listed(&**blobs).await.iter().any(|location| location.0.contains(&state.id.to_string())));
    }
    finish_as(&**blobs, &mut state, &bytes).await;
}

async fn hashes_again_for_another_algorithm(blobs: &Arc<dyn Blobs>) {
    for (begun, named) in [(Algorithm::Sha256, Algorithm::Sha512), (Algorithm::Sha512, Algorithm::Sha256)] {
        for length in [0, 100, LARGE] {
            let bytes = content(9, length);
            let mut state = UploadState::new(fresh().id, begun);
            append_all(&**blobs, &mut state, &bytes).await;
            state.digest = Some(Digest::of(named, &bytes));
            let stored = blobs.finish(&state).await.expect("finished");
            assert!(read(&**blobs, &stored.location, 0, stored.size).await == bytes);
        }
    }
}

async fn needs_a_digest(blobs: &Arc<dyn Blobs>) {
    let mut state = fresh();
    append_all(&**blobs, &mut state, &content(10, 10)).await;
    assert!(matches!(blobs.finish(&state).await, Err(BlobsError::Failed { .. })));
}

async fn finishes_again(open: &impl AsyncFn() -> Arc<dyn Blobs>) {
    let blobs = open().await;
    let bytes = content(11, 5000);
    let mut state = fresh();
    append_all(&*blobs, &mut state, &bytes).await;
    let stored = finish_as(&*blobs, &mut state, &bytes).await;
    assert_eq!(open().await.finish(&state).await.expect("finished before"), stored);
}

async fn cancels_at_any_time(blobs: &Arc<dyn Blobs>) {
    let mut state = fresh();
    blobs.cancel(&state).await.expect("never begun");
    append_all(&**blobs, &mut state, &content(12, 5000)).await;
    blobs.cancel(&state).await.expect("begun");
    let gone = blobs.append(&mut state.clone(), &mut Body::empty(), ALL).await;
    assert!(matches!(gone, Err(BlobsError::Lost(_))), "{gone:?}");

    let bytes = content(13, 5000);
    let mut state = fresh();
    append_all(&**blobs, &mut state, &bytes).await;
    state.digest = Some(Digest::of(Algorithm::Sha256, &bytes));
    let before = state.clone();
    let stored = blobs.finish(&state).await.expect("finished");
    for _ in 0..2 {
        blobs.cancel(&before).await.expect("finished already");
        assert_eq!(blobs.stat(&stored.location).await.expect("stat"), None);
    }
    assert!(matches!(blobs.finish(&state).await, Err(BlobsError::Lost(_))));
}

async fn finds_that_bytes_are_missing(blobs: &Arc<dyn Blobs>) {
    let mut longer = fresh();
    append_all(&**blobs, &mut longer, &content(14, 5000)).await;
    let mut shorter = UploadState::new(longer.id, Algorithm::Sha256);
    append_all(&**blobs, &mut shorter, &content(15, 4999)).await;
    let appended = blobs.append(&mut longer.clone(), &mut Body::full(Bytes::from_static(b"x")), ALL).await;
    assert!(matches!(appended, Err(BlobsError::Lost(_))), "{appended:?}");
    assert!(matches!(blobs.sync(&longer).await, Err(BlobsError::Lost(_))));
    longer.digest = Some(longer.hasher.clone().finish());
    assert!(matches!(blobs.finish(&longer).await, Err(BlobsError::Lost(_))));
    let mut never_seen = longer.clone();
    never_seen.id = fresh().id;
    assert!(matches!(blobs.sync(&never_seen).await, Err(BlobsError::Lost(_))));
    assert!(matches!(blobs.finish(&never_seen).await, Err(BlobsError::Lost(_))));
}

async fn keeps_uploads_of_one_digest_apart(blobs: &Arc<dyn Blobs>) {
    let bytes = content(16, LARGE);
    let all = join_all((0..4).map(|_| put(&**blobs, &bytes))).await;
    let all: Vec<Stored> = all.into_iter().map(|stored| stored.expect("stored")).collect();
    let distinct: BTreeSet<&Location> = all.iter().map(|stored| &stored.location).collect();
    assert_eq!(distinct.len(), all.len());
    for loser in &all[1..] {
        blobs.delete(&loser.location).await.expect("deleted");
        assert_eq!(blobs.stat(&loser.location).await.expect("stat"), None);
    }
    assert!(read(&**blobs, &all[0].location, 0, all[0].size).await == bytes);
}

async fn deletes_under_a_reader(blobs: &Arc<dyn Blobs>) {
    let bytes = content(17, LARGE);
    let stored = put(&**blobs, &bytes).await.expect("stored");
    let mut started = opened(&**blobs, &stored.location, 0, stored.size).await;
    let mut unread = opened(&**blobs, &stored.location, 0, stored.size).await;
    let first = started.next().await.expect("a chunk").expect("no failure");
    for _ in 0..2 {
        blobs.delete(&stored.location).await.expect("deleted");
    }
    let range = ByteRange { start: 0, end: stored.size };
    assert!(matches!(blobs.open(&stored.location, range).await, Err(BlobsError::Lost(_))));
    let rest = started.collect(usize::MAX).await.expect("read to its end").expect("no limit");
    assert!(first == bytes[..first.len()] && rest == bytes[first.len()..]);
    assert!(unread.collect(usize::MAX).await.expect("read to its end").expect("no limit") == bytes);
}

async fn does_not_know_other_locations(blobs: &Arc<dyn Blobs>) {
    let mut state = fresh();
    append_all(&**blobs, &mut state, &content(18, 100)).await;
    let hash = "0".repeat(64);
    for other in [
        String::new(),
        "/etc/passwd".to_owned(),
        "../../etc/passwd".to_owned(),
        format!("uploads/{}", state.id),
        format!("sha256/00/{hash}"),
        format!("sha256/00/{hash}.{}", state.id),
        format!("sha256/../uploads/{}", state.id),
    ] {
        let location = Location(other);
        assert_eq!(blobs.stat(&location).await.expect("no failure"), None, "{location:?}");
        let open = blobs.open(&location, ByteRange { start: 0, end: 1 }).await;
        assert!(matches!(open, Err(BlobsError::Lost(_))), "{location:?}");
        blobs.delete(&location).await.expect("no failure");
    }
    finish_as(&**blobs, &mut state, &content(18, 100)).await;
}

async fn listed(blobs: &dyn Blobs) -> BTreeSet<Location> {
    blobs.list().map_ok(|(location, _)| location).try_collect().await.expect("listed")
}

async fn lists_what_rests(open: &impl AsyncFn() -> Arc<dyn Blobs>) {
    let blobs = open().await;
    let before = listed(&*blobs).await;
    let mut unfinished = fresh();
    append_all(&*blobs, &mut unfinished, &content(19, 100)).await;
    let mut expect = BTreeSet::new();
    for seed in 0..40 {
        let length = 10 + seed as usize;
        expect.insert((put(&*blobs, &content(seed, length)).await.expect("stored").location, length as u64));
    }
    let gone = put(&*blobs, &content(20, 100)).await.expect("stored").location;
    blobs.delete(&gone).await.expect("deleted");
    let all: Vec<(Location, u64)> = open().await.list().try_collect().await.expect("listed");
    let new: BTreeSet<_> = all.iter().filter(|(location, _)| !before.contains(location)).cloned().collect();
    assert_eq!(new, expect);
    assert_eq!(all.len(), before.len() + expect.len(), "nothing twice");
    let first = blobs.list().next().await;
    assert!(matches!(first, Some(Ok(_))), "a listing may be left early");
}

/// The first append is dropped with bytes in every stage of being written; the second takes other bytes from the note on.
async fn forgets_an_append_that_was_dropped(blobs: &Arc<dyn Blobs>) {
    let start = content(21, 1000);
    let bytes = content(22, LARGE);
    for dropped_after in 0..24 {
        let mut note = fresh();
        append_all(&**blobs, &mut note, &start).await;
        let (reached, until) = oneshot::channel();
        let garbage = in_chunks(&content(23, 2 * LARGE), 300_000).into_stream().take(dropped_after);
        let stalls = stream::once(async move {
            reached.send(()).ok();
            std::future::pending().await
        });
        let mut body = Body::new(None, garbage.chain(stalls));
        let mut thrown_away = note.clone();
        {
            let append = Box::pin(blobs.append(&mut thrown_away, &mut body, ALL));
            select(append, until).await;
        }
        append_all(&**blobs, &mut note, &bytes).await;
        finish_as(&**blobs, &mut note, &[&start[..], &bytes[..]].concat().into()).await;
    }
    let mut state = fresh();
    let mut thrown_away = state.clone();
    let mut body = Body::new(None, stream::pending());
    assert!(poll_immediate(blobs.append(&mut thrown_away, &mut body, ALL)).await.is_none());
    append_all(&**blobs, &mut state, &bytes).await;
    finish_as(&**blobs, &mut state, &bytes).await;
}

async fn takes_many_at_once(blobs: &Arc<dyn Blobs>) {
    let tasks = (0..24).map(|seed| {
        let blobs = blobs.clone();
        tokio::spawn(async move {
            let bytes = content(100 + seed, LARGE);
            let mut state = fresh();
            let slow = in_chunks(&bytes, 10_000 + 9973 * seed as usize).into_stream().then(|chunk| async {
                tokio::task::yield_now().await;
                chunk
            });
            assert!(blobs.append(&mut state, &mut Body::new(None, slow), ALL).await.expect("appended"));
            finish_as(&*blobs, &mut state, &bytes).await;
        })
    });
    for task in join_all(tasks).await {
        task.expect("no upload fails");
    }
}
