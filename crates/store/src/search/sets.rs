//! Sets of artifacts by their keys, each with how well it fits: sorted, so that they are put together in one pass.
//!
//! A key is the number of a manifest with its rank behind it, so that keys are in the order in which manifests came.

use std::cmp::Ordering;

use super::Rank;

/// How many bits of a key the rank takes.
const RANK_BITS: u32 = 2;

/// Artifacts in the order of their keys, with how well each fits.
pub(super) type Scored = Vec<(u64, u32)>;

/// The key of a manifest.
pub(super) fn key(number: u64, rank: Rank) -> u64 {
    number << RANK_BITS | rank as u64
}

/// The keys that a manifest may have: from the first to the last.
pub(super) fn keys_of(number: u64) -> (u64, u64) {
    (number << RANK_BITS, number << RANK_BITS | 3)
}

/// Ranks that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranks(u8);

impl Ranks {
    pub(super) fn of(ranks: &[Rank]) -> Ranks {
        Ranks(ranks.iter().fold(0, |bits, rank| bits | 1 << *rank as u8))
    }

    pub(super) fn has(self, key: u64) -> bool {
        self.0 & (1 << (key & 3)) != 0
    }
}

/// Those in no order, some perhaps more than once, all of which fit as well as this says.
pub(super) fn all(mut keys: Vec<u64>, score: u32) -> Scored {
    // Mostly some lists one after the other, each in order, which a sort that keeps the order of equals merges.
    keys.sort();
    keys.dedup();
    keys.into_iter().map(|key| (key, score)).collect()
}

/// Those in both; what fits in both ways fits better.
pub(super) fn both(left: Scored, right: &Scored) -> Scored {
    let mut others = right.iter().peekable();
    let mut both = left;
    both.retain_mut(|(key, score)| {
        while others.next_if(|(other, _)| other < key).is_some() {}
        match others.peek() {
            Some((other, more)) if other == key => {
                *score = score.saturating_add(*more);
                true
            }
            _ => false,
        }
    });
    both
}

/// Those in one or the other, as well as they fit at best.
pub(super) fn either(left: Scored, right: Scored) -> Scored {
    if left.is_empty() || right.is_empty() {
        return if left.is_empty() { right } else { left };
    }
    let mut either = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        let ordering = match (left.peek(), right.peek()) {
            (Some((one, _)), Some((other, _))) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return either,
        };
        match ordering {
            Ordering::Less => either.extend(left.next()),
            Ordering::Greater => either.extend(right.next()),
            Ordering::Equal => {
                let other = right.next().map_or(0, |(_, score)| score);
                either.extend(left.next().map(|(key, score)| (key, score.max(other))));
            }
        }
    }
}

/// Those of the first that are not in the second.
pub(super) fn without(left: Scored, right: &Scored) -> Scored {
    let mut others = right.iter().peekable();
    let mut rest = left;
    rest.retain(|(key, _)| {
        while others.next_if(|(other, _)| other < key).is_some() {}
        others.peek().is_none_or(|(other, _)| other != key)
    });
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_put_together() {
        let left = || all(vec![5, 1, 3, 3], 10);
        let right = || all(vec![3, 4, 5], 7);
        assert_eq!(both(left(), &right()), [(3, 17), (5, 17)]);
        assert_eq!(either(left(), right()), [(1, 10), (3, 10), (4, 7), (5, 10)]);
        assert_eq!(without(left(), &right()), [(1, 10)]);
        assert_eq!(both(left(), &Vec::new()), []);
        assert_eq!(without(Vec::new(), &left()), []);
    }

    #[test]
    fn keys_are_in_the_order_of_numbers() {
        assert!(key(1, Rank::Loose) < key(2, Rank::Tagged));
        let ranks = Ranks::of(&[Rank::Tagged, Rank::Loose]);
        assert!(
            ranks.has(key(7, Rank::Tagged)) && ranks.has(key(7, Rank::Loose)) && !ranks.has(key(7, Rank::Attached))
        );
        let (from, to) = keys_of(7);
        assert!((from..=to).contains(&key(7, Rank::Attached)) && to < key(8, Rank::Tagged));
    }
}
