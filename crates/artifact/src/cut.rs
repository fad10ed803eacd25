//! Which entries of a tree share a layer. Pure.
//!
//! Whether a layer ends at an entry hangs on that entry's path and size alone, and on the average that the whole tree asks
//! for: so what is added, removed or changed touches the layer that holds it and at most its neighbour, and all others keep
//! their digests. An entry ends a layer with the chance of its size over the average; thus layers have about the same size
//! whether their files are small or large, and whoever doubles the average keeps every second cut.
//!
//! The outcome is part of what makes the same tree the same digest: nothing here may change without a new artifact type.

use std::ops::Range;

use crate::tree::{Entry, Kind};

/// How many layers an artifact may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// How many are aimed at, at most.
    pub aim: u64,
    /// The most that there may be.
    pub max: usize,
}

impl Form {
    /// What is fetched by those who read artifacts: many layers, so that little travels again after a change.
    pub const ARTIFACT: Form = Form { aim: 500, max: 1_000 };
    /// What a container runtime can mount: overlayfs has its limits.
    pub const MOUNTABLE: Form = Form { aim: 50, max: 100 };
}

/// Average size of a layer of a small tree, in bytes of tar.
const AVERAGE_BYTES: u64 = 1 << 20;
/// A file of this many averages is a layer of its own, lest it travels again for the sake of its neighbours.
const ALONE: u64 = 4;
/// A layer of more than this many averages is cut again, at half the average.
const AVERAGES_MAX: u64 = 16;

/// The layers, in order: ranges of `entries` (as [`crate::tree::scan`] sorts them) that follow each other without a gap. None
/// of no entries.
pub fn cut(entries: &[Entry], form: Form) -> Vec<Range<usize>> {
    let units = units(entries);
    let total: u64 = units.iter().map(|unit| unit.weight).sum();
    let mut average = AVERAGE_BYTES;
    while total / average > form.aim {
        average *= 2;
    }
    loop {
        let layers = cut_at(&units, average);
        if layers.len() <= form.max.max(1) {
            return layers;
        }
        average *= 2;
    }
}

/// What is never parted: an entry with the further names of its file.
struct Unit {
    range: Range<usize>,
    /// Bytes of tar.
    weight: u64,
    hash: u64,
}

fn units(entries: &[Entry]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let weight = 512 + entry.size.next_multiple_of(512);
        match units.last_mut().filter(|_| matches!(entry.kind, Kind::HardLink(_))) {
            Some(unit) => {
                unit.range.end = at + 1;
                unit.weight += weight;
            }
            None => units.push(Unit { range: at..at + 1, weight, hash: hash(entry.path.as_bytes()) }),
        }
    }
    units
}

fn cut_at(units: &[Unit], average: u64) -> Vec<Range<usize>> {
    let mut layers = Vec::new();
    let mut start = 0;
    for end in 1..=units.len() {
        let is_cut = units.get(end).is_none_or(|next| is_alone(next, average)) || ends_layer(&units[end - 1], average);
        if is_cut {
            add_layers(&units[start..end], average, &mut layers);
            start = end;
        }
    }
    layers
}

/// Adds `units` as a layer, or as several where they are too many bytes for one.
fn add_layers(units: &[Unit], average: u64, layers: &mut Vec<Range<usize>>) {
    let (Some(first), Some(last)) = (units.first(), units.last()) else { return };
    let weight: u64 = units.iter().map(|unit| unit.weight).sum();
    if units.len() > 1 && weight > AVERAGES_MAX.saturating_mul(average) {
        layers.extend(cut_at(units, average / 2));
    } else {
        layers.push(first.range.start..last.range.end);
    }
}

fn is_alone(unit: &Unit, average: u64) -> bool {
    unit.weight >= average.saturating_mul(ALONE)
}

fn ends_layer(unit: &Unit, average: u64) -> bool {
    u128::from(unit.hash) * u128::from(average) < u128::from(unit.weight) << 64
}

/// FNV-1a, and MurmurHash3's last step to spread it over all bits.
fn hash(path: &[u8]) -> u64 {
    let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let mut hash = path.iter().fold(0xcbf2_9ce4_8422_2325, add);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests;
