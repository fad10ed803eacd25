//! Sizes, durations and counts as people write them and read them, on the command line, in forms and on pages.

use std::str::FromStr;

/// What sizes may end with, and how many bytes that is.
const SIZES: [(&str, u128); 11] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("B", 1),
];
/// What durations may end with, and how many seconds that is.
const DURATIONS: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3_600), ("d", DAY), ("w", 7 * DAY)];
/// A day, in seconds.
const DAY: u64 = 86_400;

/// Why some text is no size or duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No size.
    #[error("a size is a number with a unit: 500MB, 10GiB, 1.5TiB; GB are 1000 MB, GiB are 1024 MiB")]
    Size,
    /// No duration.
    #[error("a duration is a whole number with s, m, h, d or w: 12h, 30d")]
    Duration,
    /// Something that is counted in days.
    #[error("write whole days, 1d or more: 30d, 12w")]
    Days,
    /// More than can be counted.
    #[error("that is too much")]
    Range,
}

/// A size, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = SIZES.iter().find_map(|(unit, bytes)| {
            let has = text.len() > unit.len() && text.get(text.len() - unit.len()..)?.eq_ignore_ascii_case(unit);
            has.then(|| (text[..text.len() - unit.len()].trim_end(), *bytes))
        });
        // A number alone counts bytes.
        let (number, unit) = found.unwrap_or((text, 1));
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || (unit == 1 && number.contains('.')) {
            return Err(UnitError::Size);
        }
        let digits = |text: &str| text.parse::<u128>().map_err(|_| UnitError::Range);
        let part = &part[..part.len().min(9)];
        let fraction = digits(part)? * unit / 10u128.pow(part.len() as u32);
        let bytes = digits(whole)?.checked_mul(unit).and_then(|bytes| bytes.checked_add(fraction));
        // The ledger counts with a sign.
        let bytes = bytes.and_then(|bytes| i64::try_from(bytes).ok()).ok_or(UnitError::Range)?;
        Ok(Size(bytes as u64))
    }
}

/// In which units people read sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Units {
    /// `1.00 MiB` is 1,048,576 bytes.
    #[default]
    Binary,
    /// `1.00 MB` is 1,000,000 bytes.
    Decimal,
}

impl Units {
    /// A size for people: three digits of it.
    pub fn size(self, bytes: u64) -> String {
        let (step, units) = match self {
            Units::Binary => (1 << 10, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]),
            Units::Decimal => (1_000, ["kB", "MB", "GB", "TB", "PB", "EB"]),
        };
        let power = bytes.max(1).ilog(step);
        if power == 0 {
            return format!("{bytes} B");
        }
        let value = bytes as f64 / step.pow(power) as f64;
        let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        format!("{value:.digits$} {}", units[power as usize - 1])
    }
}

/// A size for people, in binary units.
pub fn size(bytes: u64) -> String {
    Units::Binary.size(bytes)
}

/// A duration, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub u32);

impl FromStr for Seconds {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unit = DURATIONS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
        let (number, unit) = unit.ok_or(UnitError::Duration)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(UnitError::Duration);
        }
        let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        seconds.and_then(|seconds| u32::try_from(seconds).ok()).map(Seconds).ok_or(UnitError::Range)
    }
}

/// A duration of whole days, one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(pub u32);

impl FromStr for Days {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Seconds(seconds) = text.parse()?;
        let is_whole = seconds > 0 && u64::from(seconds) % DAY == 0;
        if is_whole { Ok(Days(seconds / DAY as u32)) } else { Err(UnitError::Days) }
    }
}

/// So many of something: `1 image`, `2 images`.
pub fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let check = |text: &str, expect| assert_eq!(text.parse(), expect, "{text}");
        let bytes = |bytes| Ok(Size(bytes));
        check("0", bytes(0));
        check("1024", bytes(1024));
        check("12B", bytes(12));
        check("10GiB", bytes(10 << 30));
        check("10 gib", bytes(10 << 30));
        check("10GB", bytes(10_000_000_000));
        check("1.5TiB", bytes(3 << 39));
        check("0.001kB", bytes(1));
        check("8388607TiB", bytes(8_388_607 << 40));
        for text in ["8388608TiB", "99999999999999999999"] {
            check(text, Err(UnitError::Range));
        }
        for text in ["", "GiB", "10G", "-1GiB", "1.GiB", ".5GiB", "1.5", "1.5B", "1e3", "10 GiBs", "٣GiB", "é"] {
            check(text, Err(UnitError::Size));
        }
    }

    #[test]
    fn shown_sizes() {
        let check = |bytes, expect: &str| assert_eq!(size(bytes), expect);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.00 KiB");
        check(10 << 30, "10.0 GiB");
        check(123 << 20, "123 MiB");
        check(u64::MAX, "16.0 EiB");
        let check = |bytes, expect: &str| assert_eq!(Units::Decimal.size(bytes), expect);
        check(999, "999 B");
        check(1_000, "1.00 kB");
        check(12_345_678, "12.3 MB");
        check(u64::MAX, "18.4 EB");
    }

    #[test]
    fn durations() {
        let check = |text: &str, expect| assert_eq!(text.parse(), expect, "{text}");
        check("0s", Ok(Seconds(0)));
        check("90m", Ok(Seconds(5_400)));
        check("12h", Ok(Seconds(43_200)));
        check("30d", Ok(Seconds(2_592_000)));
        check("200w", Ok(Seconds(120_960_000)));
        check("99999999w", Err(UnitError::Range));
        for text in ["", "d", "30", "1.5d", "-1d", "+1d", "30 d", "30D", "1d12h"] {
            check(text, Err(UnitError::Duration));
        }
        let days = |text: &str, expect| assert_eq!(text.parse(), expect, "{text}");
        days("30d", Ok(Days(30)));
        days("2w", Ok(Days(14)));
        days("24h", Ok(Days(1)));
        days("12h", Err(UnitError::Days));
        days("0d", Err(UnitError::Days));
        days("soon", Err(UnitError::Duration));
    }
}
