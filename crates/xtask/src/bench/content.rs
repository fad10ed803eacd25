//! Bytes to push: cheap to make, incompressible, never the same twice, of any size. Not the bytes of real artifacts.
//!
//! Content is one random block repeated. Each repetition begins with its number, and the last one also with a stamp that no other
//! content has: so all content of one size shares the hash of everything but its last block, and naming 64 blobs costs one pass.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// Length of the repeated block, in bytes.
pub(crate) const BLOCK: usize = 1 << 20;

/// Bytes that exist only while they are written.
pub(crate) struct Content {
    /// How many bytes.
    pub(crate) size: u64,
    /// `sha256:…` of them.
    pub(crate) digest: String,
    stamp: u64,
}

impl Content {
    /// Content of `size` bytes (8 at least) that has never been before, in this run or another.
    pub(crate) fn fresh(size: u64) -> Content {
        let mut content = Content { size: size.max(8), digest: String::new(), stamp: stamp() };
        let whole = content.whole_blocks();
        let mut hasher = shared_prefix(whole);
        let mut block = block().to_vec();
        hasher.update(content.last(&mut block));
        content.digest = format!("sha256:{}", hex::encode(hasher.finalize()));
        content
    }

    /// Gives all bytes to `sink`, at most [`BLOCK`] at a time.
    pub(crate) fn each(&self, mut sink: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut block = block().to_vec();
        for number in 0..self.whole_blocks() {
            block[..8].copy_from_slice(&number.to_le_bytes());
            sink(&block)?;
        }
        sink(self.last(&mut block))
    }

    /// Writes all bytes.
    pub(crate) fn write_to(&self, sink: &mut impl Write) -> io::Result<()> {
        self.each(|bytes| sink.write_all(bytes))
    }

    /// The blocks before the last one, which has from 8 to `BLOCK + 7` bytes.
    fn whole_blocks(&self) -> u64 {
        (self.size - 8) / BLOCK as u64
    }

    fn last<'a>(&self, block: &'a mut Vec<u8>) -> &'a [u8] {
        let length = self.size - self.whole_blocks() * BLOCK as u64;
        block.resize(usize::try_from(length).unwrap_or(BLOCK), 7);
        block[..8].copy_from_slice(&self.stamp.to_le_bytes());
        block
    }
}

/// The hash after `whole` numbered blocks; computed once for each size.
fn shared_prefix(whole: u64) -> Sha256 {
    static KNOWN: OnceLock<Mutex<HashMap<u64, Sha256>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let hashed = known.entry(whole).or_insert_with(|| {
        let mut hasher = Sha256::new();
        let mut block = block().to_vec();
        for number in 0..whole {
            block[..8].copy_from_slice(&number.to_le_bytes());
            hasher.update(&block);
        }
        hasher
    });
    hashed.clone()
}

/// A number that nothing else was stamped with: the time when the run began, counted up.
fn stamp() -> u64 {
    static NEXT: OnceLock<AtomicU64> = OnceLock::new();
    let start = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0));
    NEXT.get_or_init(|| AtomicU64::new(start())).fetch_add(1, Ordering::Relaxed)
}

/// The block: xorshift from a fixed seed.
fn block() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut bytes = Vec::with_capacity(BLOCK);
        while bytes.len() < BLOCK {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_bytes_and_never_the_same_twice() {
        let block = BLOCK as u64;
        for size in [8, 9, 1000, block, block + 7, block + 8, 3 * block + 12_345] {
            let (one, other) = (Content::fresh(size), Content::fresh(size));
            assert_ne!(one.digest, other.digest);
            let mut bytes = Vec::new();
            one.write_to(&mut bytes).expect("a Vec takes everything");
            assert_eq!(bytes.len() as u64, size);
            assert_eq!(one.digest, format!("sha256:{}", hex::encode(Sha256::digest(&bytes))));
        }
    }
}
