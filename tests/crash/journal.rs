//! What a sender knows: for each thing what it may be now. An acknowledged request leaves one possibility; one that was cut
//! leaves two, until somebody looks.

use std::collections::BTreeMap;

use wharf_testkit::fixture::{Artifact, noise};

/// Numbers that look random, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }
}

/// Content, made again whenever it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    pub(crate) length: usize,
}

impl Content {
    pub(crate) fn bytes(self) -> Vec<u8> {
        noise(self.seed, self.length)
    }
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    Yes,
    No,
    /// A request about it was cut.
    Perhaps,
}

/// An upload that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) location: String,
    pub(crate) content: Content,
    /// What was acknowledged.
    pub(crate) offset: usize,
    /// The request that finishes it was cut: it may be over.
    pub(crate) finishing: bool,
    /// The request that cancels it was cut.
    pub(crate) cancelling: bool,
}

/// All that one sender did, in its own repository.
pub(crate) struct Journal {
    pub(crate) repository: String,
    pub(crate) sender: usize,
    pub(crate) random: Random,
    /// Blobs that no manifest names.
    pub(crate) blobs: BTreeMap<Content, There>,
    /// Images by their number.
    pub(crate) images: BTreeMap<u64, There>,
    /// What each tag may point to.
    pub(crate) tags: BTreeMap<String, Vec<Option<u64>>>,
    pub(crate) sessions: Vec<Session>,
}

impl Journal {
    pub(crate) fn new(sender: usize, seed: u64) -> Journal {
        Journal {
            repository: format!("load/of-{sender}"),
            sender,
            random: Random::new(seed),
            blobs: BTreeMap::new(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            sessions: Vec::new(),
        }
    }

    /// The image of that number: a config and a small layer of its own, and a large layer that it shares with others.
    pub(crate) fn image(number: u64) -> Artifact {
        let config = format!("{{\"number\":{number}}}");
        let layers = [noise(1_000_000 + number, 3_000), noise(2_000_000 + number % 7, 60_000)];
        Artifact::image(config.as_bytes(), &layers)
    }
}
