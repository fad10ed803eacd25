//! When what failed is tried again: after 1, 2, 4, 8 seconds or so, or when the other side says; and then not any more.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use wharf_content::error::Error as ContentError;

/// How often something is tried in all, where nothing of it gets done.
const ATTEMPTS_MAX: u32 = 5;
/// The longest pause that is made because the other side asks for it.
const ASKED_MAX: Duration = Duration::from_secs(60);
/// How much must have been done, in bytes, that an attempt counts as the first again.
const PROGRESS_BYTES: u64 = 1 << 20;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct BackOff {
    first: Duration,
    /// Attempts since something got done.
    attempts: u32,
    /// How far it was when they were last counted anew.
    done: u64,
}

impl BackOff {
    /// Whose first pause is about so long.
    pub(crate) fn new(first: Duration) -> BackOff {
        BackOff { first, attempts: 1, done: 0 }
    }

    /// So much of it is done: who gets on is not given up on.
    pub(crate) fn reached(&mut self, done: u64) {
        if done >= self.done.saturating_add(PROGRESS_BYTES) {
            (self.attempts, self.done) = (1, done);
        }
    }

    /// How long to wait before the next attempt, at least `asked`; `None` where there is none any more, or it is asked for
    /// more than a minute.
    pub(crate) fn pause(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.attempts >= ATTEMPTS_MAX || asked > Some(ASKED_MAX) {
            return None;
        }
        let pause = self.first * 2_u32.pow(self.attempts - 1);
        self.attempts += 1;
        // From three quarters to five, so that those who failed together do not come back together.
        let chance = (RandomState::new().hash_one(0_u8) % 512) as u32;
        Some((pause * 3 / 4 + pause * chance / 1024).max(asked.unwrap_or_default()))
    }
}

/// Why an attempt failed, and whether another may not.
pub(crate) enum Failed {
    /// For the moment; how long the other side wants to be left alone, where it says so.
    Now(Option<Duration>, Box<ContentError>),
    /// As it always would.
    Ever(Box<ContentError>),
}

impl<E: Into<ContentError>> From<E> for Failed {
    fn from(error: E) -> Failed {
        Failed::Ever(Box::new(error.into()))
    }
}

impl Failed {
    /// For the moment.
    pub(crate) fn now(asked: Option<Duration>, error: impl Into<ContentError>) -> Failed {
        Failed::Now(asked, Box::new(error.into()))
    }
}

/// When the other side wants to be asked again, if it says so in seconds.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_and_end() {
        let mut back_off = BackOff::new(SECOND);
        for about in [1, 2, 4, 8] {
            let pause = back_off.pause(None).expect("one more");
            assert!(pause >= SECOND * about * 3 / 4 && pause <= SECOND * about * 5 / 4, "{pause:?}");
        }
        assert_eq!(back_off.pause(None), None);
    }

    #[test]
    fn who_gets_on_is_not_given_up_on() {
        let mut back_off = BackOff::new(Duration::ZERO);
        for done in 1..100 {
            back_off.reached(done * PROGRESS_BYTES);
            assert!(back_off.pause(None).is_some());
        }
        for _ in 0..3 {
            back_off.reached(99 * PROGRESS_BYTES + 1);
            assert!(back_off.pause(None).is_some());
        }
        assert_eq!(back_off.pause(None), None);
    }

    #[test]
    fn the_other_side_may_ask_for_longer_but_not_for_ever() {
        assert_eq!(BackOff::new(SECOND).pause(Some(SECOND * 60)), Some(SECOND * 60));
        assert_eq!(BackOff::new(SECOND).pause(Some(SECOND * 61)), None);
        let check = |text: &str, expect: Option<u64>| {
            let headers = [(RETRY_AFTER, text.parse().expect("a header"))].into_iter().collect();
            assert_eq!(asked(&headers), expect.map(Duration::from_secs), "{text}");
        };
        check("7", Some(7));
        check("Wed, 21 Oct 2015 07:28:00 GMT", None);
        check("-1", None);
    }
}
