//! Guessing is made slow: after some wrong passwords for one name from one place, further ones from there are answered as
//! wrong without being looked at, each time for twice as long; and after many more for one name, wherever they come from, for a
//! short while each time; but for where that name has logged in of late, which only its own failures hold. So nobody keeps others
//! out by failing in their name where they usually are; elsewhere only from many places, going on all the time. In memory only: a restart forgets, and a replica counts for itself.

use std::net::IpAddr;
use std::time::Duration;

use moka::sync::Cache;
use wharf_store::clock::Millis;

/// Of wrong passwords for a name from one place.
const HERE: Bounds = Bounds { wrong: 10, pause_ms: 5 * 60 * 1000 };
/// The same from everywhere together. The longest pause is short: whoever keeps others out must never rest.
const EVERYWHERE: Bounds = Bounds { wrong: 200, pause_ms: 8_000 };
/// Within how long they count together, in milliseconds; and for how long nobody must fail for all to be forgotten.
const WINDOW_MS: Millis = 5 * 60 * 1000;
/// The first pause, in milliseconds.
const PAUSE_MS: Millis = 1_000;
/// For how long a place from which somebody has logged in is one where their name is not held for what happens elsewhere.
const AT_HOME: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How many names are known at most, and how many names with places. More than that at once cost each of them a password
/// hash, which is slow as well.
const KNOWN_MAX: u64 = 10_000;

#[derive(Clone, Copy)]
struct Bounds {
    /// With how many the first pause begins.
    wrong: u32,
    /// The longest pause.
    pause_ms: Millis,
}

/// A keyed hash of a name, or of a name and a place: names that nobody has take no more room than others.
pub(super) type Key = [u8; 32];

/// Whose password it is that somebody shows, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    /// The name.
    pub(super) name: Key,
    /// The name, from there.
    pub(super) here: Key,
}

/// The bits of an address by which it is told where a guess comes from: all of an IPv4 address, and of an IPv6 one the network,
/// of which anybody has all addresses.
pub(super) fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_bits().into(),
        // Those that would look like IPv4 addresses are in nobody's network.
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

/// What is known of wrong passwords. Whether there is such a user makes no difference.
pub(super) struct Lockout {
    by_name: Cache<Key, Failures>,
    by_place: Cache<Key, Failures>,
    /// From where which name has logged in of late.
    at_home: Cache<Key, ()>,
}

#[derive(Clone, Copy, Default)]
struct Failures {
    wrong: u32,
    /// When the first came of those that count.
    since: Millis,
    locked_until: Millis,
}

impl Failures {
    fn and_one_at(mut self, now: Millis, bounds: Bounds) -> Failures {
        if now - self.since.max(self.locked_until) > WINDOW_MS {
            self = Failures { since: now, ..Failures::default() };
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= bounds.wrong {
            let doublings = (self.wrong - bounds.wrong).min(16);
            self.locked_until = now + (PAUSE_MS << doublings).min(bounds.pause_ms);
        }
        self
    }
}

impl Lockout {
    pub(super) fn new() -> Lockout {
        let at_home = Cache::builder().max_capacity(KNOWN_MAX).time_to_live(AT_HOME).build();
        Lockout { by_name: Cache::new(KNOWN_MAX), by_place: Cache::new(KNOWN_MAX), at_home }
    }

    /// Whether such a password is not to be looked at now.
    pub(super) fn is_locked(&self, guess: &Guess, now: Millis) -> bool {
        let is_locked = |known: Option<Failures>| known.is_some_and(|failures| now < failures.locked_until);
        // Whoever is at home there is not kept out by what happens elsewhere.
        let is_at_home = self.at_home.contains_key(&guess.here);
        is_locked(self.by_place.get(&guess.here)) || !is_at_home && is_locked(self.by_name.get(&guess.name))
    }

    /// Such a password was wrong.
    pub(super) fn wrong(&self, guess: &Guess, now: Millis) {
        for (known, key, bounds) in [(&self.by_place, guess.here, HERE), (&self.by_name, guess.name, EVERYWHERE)] {
            let failures = |entry: Option<moka::Entry<Key, Failures>>| {
                entry.map_or_else(Failures::default, moka::Entry::into_value)
            };
            known.entry(key).and_upsert_with(|entry| failures(entry).and_one_at(now, bounds));
        }
    }

    /// Such a password was right. What failed elsewhere may have been others, and counts on.
    pub(super) fn right(&self, guess: &Guess) {
        self.by_place.invalidate(&guess.here);
        self.at_home.insert(guess.here, ());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const GUESS: Guess = Guess { name: [1; 32], here: [2; 32] };
    const NOW: Millis = 1_800_000_000_000;

    #[test]
    fn pauses_double() {
        let lockout = Lockout::new();
        let mut now = NOW;
        for _ in 1..HERE.wrong {
            lockout.wrong(&GUESS, now);
            assert!(!lockout.is_locked(&GUESS, now));
        }
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map(|seconds| seconds * 1000) {
            lockout.wrong(&GUESS, now);
            assert!(lockout.is_locked(&GUESS, now + pause - 1), "{pause}");
            for other in [Guess { name: [3; 32], here: [3; 32] }, Guess { here: [3; 32], ..GUESS }] {
                assert!(!lockout.is_locked(&other, now), "somebody else, or elsewhere");
            }
            now += pause;
            assert!(!lockout.is_locked(&GUESS, now), "{pause}");
        }
        now += WINDOW_MS + 1;
        lockout.wrong(&GUESS, now);
        assert!(!lockout.is_locked(&GUESS, now), "all is forgotten");
    }

    #[test]
    fn who_fails_now_and_then_is_not_locked_out() {
        let lockout = Lockout::new();
        for at in 0..100 {
            lockout.wrong(&GUESS, NOW + at * WINDOW_MS / 8);
            assert!(!lockout.is_locked(&GUESS, NOW + at * WINDOW_MS / 8));
        }
        for _ in 0..HERE.wrong - 2 {
            lockout.wrong(&GUESS, NOW + 100 * WINDOW_MS);
        }
        lockout.right(&GUESS);
        lockout.wrong(&GUESS, NOW + 100 * WINDOW_MS);
        assert!(!lockout.is_locked(&GUESS, NOW + 100 * WINDOW_MS));
    }

    #[test]
    fn a_name_is_locked_everywhere_after_many_more() {
        let lockout = Lockout::new();
        let from = |place: u32| Guess { here: [place as u8; 32], ..GUESS };
        for count in 1..EVERYWHERE.wrong {
            lockout.wrong(&from(10 + count % 100), NOW);
            assert!(!lockout.is_locked(&from(1), NOW), "{count}");
        }
        // That somebody logs in elsewhere does not help who guesses, nor does that hurt them.
        lockout.right(&from(5));
        lockout.wrong(&from(10), NOW);
        let mut now = NOW;
        for pause in [1, 2, 4, 8, 8, 8].map(|seconds| seconds * 1000) {
            assert!(lockout.is_locked(&from(1), now + pause - 1), "{pause}");
            assert!(!lockout.is_locked(&from(1), now + pause), "{pause}");
            assert!(!lockout.is_locked(&from(5), now), "who is at home there");
            now += pause;
            lockout.wrong(&from(200), now);
        }
    }

    #[test]
    fn places() {
        let is_same = |one: &str, two: &str| {
            let [one, two] = [one, two].map(|text| network(text.parse().expect("an address")));
            one == two
        };
        assert!(is_same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!is_same("192.0.2.1", "192.0.2.2"));
        assert!(is_same("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
        assert!(!is_same("2001:db8:0:1::1", "2001:db8:0:2::1"));
    }
}
