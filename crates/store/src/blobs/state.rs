//! An upload's state as bytes, for whoever keeps it between two requests. Not the keeping itself: that is the ledger's notes.

use std::io;

use serde::{Deserialize, Serialize};
use wharf_model::digest::{Digest, Hasher};
use wharf_model::id::Id;

use super::{BlobsError, UploadState};

/// Version of the layout that [`encode`] writes.
const VERSION: u32 = 1;

/// What is written. A change of meaning takes a new [`VERSION`].
#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    id: Id,
    /// [`Hasher::save`], in hexadecimal digits.
    hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(default)]
    backend: serde_json::Value,
}

/// The state as bytes, to be given to [`decode`] in another process, of another release even.
pub fn encode(state: &UploadState) -> Vec<u8> {
    let saved = Saved {
        version: VERSION,
        id: state.id,
        hash: hex::encode(state.hasher.save()),
        digest: state.digest,
        backend: state.backend.clone(),
    };
    // Strings, numbers and a value that is JSON already: there is nothing that could fail.
    serde_json::to_vec(&saved).unwrap_or_default()
}

/// The state that was saved; `None` where it is of a layout that this release does not know. Then the upload is over: a
/// wrong digest is never an answer.
pub fn decode(saved: &[u8]) -> Option<UploadState> {
    let saved: Saved = serde_json::from_slice(saved).ok()?;
    if saved.version != VERSION {
        return None;
    }
    let hasher = Hasher::restore(&hex::decode(saved.hash).ok()?)?;
    Some(UploadState { id: saved.id, hasher, digest: saved.digest, backend: saved.backend })
}

/// What the upload is to be named.
///
/// # Errors
/// [`BlobsError::Failed`] where that is not set, [`BlobsError::Digest`] where the running hash says otherwise. Where it is
/// of another algorithm it cannot tell: that is for the backend, which has the bytes.
pub(super) fn expected(state: &UploadState) -> Result<Digest, BlobsError> {
    let digest = state.digest.ok_or_else(|| BlobsError::Failed {
        what: format!("finishing upload {}", state.id),
        error: io::Error::new(io::ErrorKind::InvalidInput, "its digest is not set"),
    })?;
    if digest.algorithm() == state.hasher.algorithm() {
        confirm(digest, state.hasher.clone().finish())?;
    }
    Ok(digest)
}

/// That content is what it was to be.
///
/// # Errors
/// [`BlobsError::Digest`] where it is not.
pub(super) fn confirm(expected: Digest, actual: Digest) -> Result<(), BlobsError> {
    if expected == actual { Ok(()) } else { Err(BlobsError::Digest { actual }) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::digest::Algorithm;

    use super::*;

    fn example() -> UploadState {
        let mut state = UploadState::new(Id([7; 16]), Algorithm::Sha256);
        state.hasher.update(b"abc");
        state.digest = Some(Digest::of(Algorithm::Sha512, b"abc"));
        state.backend = serde_json::json!({ "part": 3 });
        state
    }

    #[test]
    fn a_state_survives() {
        let restored = decode(&encode(&example())).expect("what was just saved");
        assert_eq!(restored.id, example().id);
        assert_eq!(restored.offset(), 3);
        assert_eq!(restored.digest, example().digest);
        assert_eq!(restored.backend, example().backend);
        assert_eq!(restored.hasher.finish(), Digest::of(Algorithm::Sha256, b"abc"));
    }

    #[test]
    fn the_layout_is_golden() {
        let mut state = UploadState::new(Id([7; 16]), Algorithm::Sha256);
        state.hasher.update(b"abc");
        assert_eq!(
            String::from_utf8(encode(&state)).expect("JSON"),
            "{\"version\":1,\"id\":\"07070707070707070707070707070707\",\"hash\":\"01010000000000000003\
             6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19616263\",\"backend\":null}"
        );
    }

    #[test]
    fn an_unknown_layout_is_refused() {
        let saved = String::from_utf8(encode(&example())).expect("JSON");
        for other in [
            String::new(),
            "{}".to_owned(),
            saved.replace("\"version\":1", "\"version\":2"),
            saved.replace("\"hash\":\"01", "\"hash\":\"02"),
            saved.replace("616263\"", "6162\""),
            saved.replace("sha512:", "sha9:"),
        ] {
            assert!(decode(other.as_bytes()).is_none(), "{other}");
        }
    }
}
