//! Moments as people read them.

use jiff::Timestamp;

/// A moment, in UTC and to the minute.
pub fn moment(ms: i64) -> String {
    let moment = Timestamp::from_millisecond(ms);
    moment.map_or_else(|_| ms.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%MZ").to_string())
}

/// The same where there may be none.
pub fn moment_or(ms: Option<i64>, none: &str) -> String {
    ms.map_or_else(|| none.to_owned(), moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(moment(1_795_273_267_123), "2026-11-21 15:01Z");
        assert_eq!(moment(i64::MAX), i64::MAX.to_string());
        assert_eq!(moment_or(None, "never"), "never");
    }
}
