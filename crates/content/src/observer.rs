//! Who is told how far a copy is: a progress bar, a log, nobody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wharf_model::digest::Digest;

/// What became of a blob or a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It travelled, or would have.
    Sent,
    /// The target had it.
    Skipped,
    /// The target took it over from another of its repositories.
    Mounted,
}

/// What happened in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A blob is part of what is copied; told once, before all else about it.
    Found {
        /// Its digest.
        digest: Digest,
        /// Its size, in bytes.
        size: u64,
    },
    /// Bytes of a blob were taken by the target.
    Moved {
        /// Its digest.
        digest: Digest,
        /// How many more.
        bytes: u64,
    },
    /// Bytes of a blob that were told as moved have to travel again.
    Again {
        /// Its digest.
        digest: Digest,
        /// How many fewer.
        bytes: u64,
    },
    /// A blob is at the target.
    Done {
        /// Its digest.
        digest: Digest,
        /// Its size, in bytes.
        size: u64,
        /// How it got there.
        outcome: Outcome,
    },
    /// A manifest is at the target.
    Manifest {
        /// Its digest.
        digest: Digest,
        /// How it got there.
        outcome: Outcome,
    },
}

/// Is told what happens, from whichever task it happens in; must return at once.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn on(&self, event: Event);
}

/// Nobody.
impl Observer for () {
    fn on(&self, _event: Event) {}
}

/// How far a copy is, at one moment. `blobs_done` of `blobs`, `bytes_done` of `bytes`: what is known so far, as more is found
/// while it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    /// Blobs found so far.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that are at the target.
    pub blobs_done: u64,
    /// Bytes that are at the target or have travelled.
    pub bytes_done: u64,
    /// Bytes that have travelled.
    pub bytes_moved: u64,
    /// Blobs that the target had.
    pub blobs_skipped: u64,
    /// Blobs that were mounted.
    pub blobs_mounted: u64,
    /// Manifests that are at the target.
    pub manifests_done: u64,
}

/// Counts what happens, to be asked for at any time.
#[derive(Debug, Default)]
pub struct Tally {
    blobs: AtomicU64,
    bytes: AtomicU64,
    blobs_done: AtomicU64,
    bytes_still: AtomicU64,
    bytes_moved: AtomicU64,
    blobs_skipped: AtomicU64,
    blobs_mounted: AtomicU64,
    manifests_done: AtomicU64,
}

impl Tally {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        let bytes_moved = self.bytes_moved.load(Relaxed);
        Progress {
            blobs: self.blobs.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            blobs_done: self.blobs_done.load(Relaxed),
            bytes_done: bytes_moved + self.bytes_still.load(Relaxed),
            bytes_moved,
            blobs_skipped: self.blobs_skipped.load(Relaxed),
            blobs_mounted: self.blobs_mounted.load(Relaxed),
            manifests_done: self.manifests_done.load(Relaxed),
        }
    }

    fn done(&self, size: u64, outcome: Outcome) {
        self.blobs_done.fetch_add(1, Relaxed);
        let which = match outcome {
            Outcome::Sent => return,
            Outcome::Skipped => &self.blobs_skipped,
            Outcome::Mounted => &self.blobs_mounted,
        };
        which.fetch_add(1, Relaxed);
        self.bytes_still.fetch_add(size, Relaxed);
    }
}

impl Observer for Tally {
    fn on(&self, event: Event) {
        match event {
            Event::Found { size, .. } => {
                self.blobs.fetch_add(1, Relaxed);
                self.bytes.fetch_add(size, Relaxed);
            }
            Event::Moved { bytes, .. } => drop(self.bytes_moved.fetch_add(bytes, Relaxed)),
            Event::Again { bytes, .. } => drop(self.bytes_moved.fetch_sub(bytes, Relaxed)),
            Event::Done { size, outcome, .. } => self.done(size, outcome),
            Event::Manifest { .. } => drop(self.manifests_done.fetch_add(1, Relaxed)),
        }
    }
}
