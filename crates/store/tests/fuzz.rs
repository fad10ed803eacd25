//! The saved state of an upload, read from what nobody wrote. The corpus is beside, in `__fuzz__`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use wharf_store::blobs::state::{decode, encode};
use wharf_testkit::fuzz::{BRIEFLY, Feed};

#[test]
fn upload_state() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/__fuzz__/upload_state");
    let words =
        ["{", "}", "\"", ":", ",", "[", "version", "id", "hash", "digest", "backend", "1", "0101", "null", "00000000"];
    let feed = Feed::new(folder, &words);
    bolero::check!(name = "upload_state").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |saved| {
            let Some(state) = decode(saved) else { return };
            let again = decode(&encode(&state)).expect("what was just saved");
            assert_eq!((again.id, again.digest, again.offset()), (state.id, state.digest, state.offset()));
            assert_eq!(again.hasher.save(), state.hasher.save());
            assert_eq!(again.hasher.finish(), state.hasher.finish());
        });
    });
}
