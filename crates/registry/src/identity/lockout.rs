//! Guessing is made slow: after some wrong passwords for one name, further ones are answered as wrong without being looked at,
//! each time for twice as long. In memory only: a restart forgets, and a replica counts for itself.

use moka::sync::Cache;
use wharf_store::clock::Millis;

/// How many wrong passwords are looked at before the first pause.
const WRONG_MAX: u32 = 10;
/// Within how long they count together, in milliseconds; and for how long nobody must fail for all to be forgotten.
const WINDOW_MS: Millis = 5 * 60 * 1000;
/// The first pause, in milliseconds.
const PAUSE_MS: Millis = 1_000;
/// The longest pause, in milliseconds.
const PAUSE_MS_MAX: Millis = 5 * 60 * 1000;
/// How many names are known at most. More than that at once cost each of them a password hash, which is slow as well.
const NAMES_MAX: u64 = 10_000;

/// A keyed hash of a name: names that nobody has take no more room than others.
pub(super) type Name = [u8; 32];

/// What is known of wrong passwords, by name. Whether there is such a user makes no difference.
pub(super) struct Lockout(Cache<Name, Failures>);

#[derive(Clone, Copy, Default)]
struct Failures {
    wrong: u32,
    /// When the first came of those that count.
    since: Millis,
    locked_until: Millis,
}

impl Failures {
    fn and_one_at(mut self, now: Millis) -> Failures {
        if now - self.since.max(self.locked_until) > WINDOW_MS {
            self = Failures { since: now, ..Failures::default() };
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= WRONG_MAX {
            let doublings = (self.wrong - WRONG_MAX).min(16);
            self.locked_until = now + (PAUSE_MS << doublings).min(PAUSE_MS_MAX);
        }
        self
    }
}

impl Lockout {
    pub(super) fn new() -> Lockout {
        Lockout(Cache::new(NAMES_MAX))
    }

    /// Whether a password for that name is not to be looked at now.
    pub(super) fn is_locked(&self, name: &Name, now: Millis) -> bool {
        self.0.get(name).is_some_and(|failures| now < failures.locked_until)
    }

    /// A password for that name was wrong.
    pub(super) fn wrong(&self, name: Name, now: Millis) {
        self.0
            .entry(name)
            .and_upsert_with(|entry| entry.map_or_else(Failures::default, moka::Entry::into_value).and_one_at(now));
    }

    /// A password for that name was right.
    pub(super) fn right(&self, name: &Name) {
        self.0.invalidate(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = [1; 32];
    const NOW: Millis = 1_800_000_000_000;

    #[test]
    fn pauses_double() {
        let lockout = Lockout::new();
        let mut now = NOW;
        for _ in 1..WRONG_MAX {
            lockout.wrong(NAME, now);
            assert!(!lockout.is_locked(&NAME, now));
        }
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map(|seconds| seconds * 1000) {
            lockout.wrong(NAME, now);
            assert!(lockout.is_locked(&NAME, now + pause - 1), "{pause}");
            assert!(!lockout.is_locked(&[2; 32], now), "somebody else");
            now += pause;
            assert!(!lockout.is_locked(&NAME, now), "{pause}");
        }
        now += WINDOW_MS + 1;
        lockout.wrong(NAME, now);
        assert!(!lockout.is_locked(&NAME, now), "all is forgotten");
    }

    #[test]
    fn who_fails_now_and_then_is_not_locked_out() {
        let lockout = Lockout::new();
        for at in 0..100 {
            lockout.wrong(NAME, NOW + at * WINDOW_MS / 8);
            assert!(!lockout.is_locked(&NAME, NOW + at * WINDOW_MS / 8));
        }
        for _ in 0..WRONG_MAX - 2 {
            lockout.wrong(NAME, NOW + 100 * WINDOW_MS);
        }
        lockout.right(&NAME);
        lockout.wrong(NAME, NOW + 100 * WINDOW_MS);
        assert!(!lockout.is_locked(&NAME, NOW + 100 * WINDOW_MS));
    }
}
