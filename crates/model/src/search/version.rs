//! Versions and how they are ordered: each ecosystem counts in its own way.
//!
//! What cannot be read as its ecosystem would have it is compared by its numbers and words, so that there is always an answer.

use std::cmp::Ordering;

/// The order of what is separated by anything: numbers by their values, words before nothing, unless they are such as come after a release.
///
/// `1.0-rc1` is before `1.0`, that before `1.0-post1`, and that before `1.0.1`; what is behind a `+` does not count. It is as if zeros without
/// end stood behind each version, so that any two can be compared, in one order of all.
pub fn generic(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (parts(left), parts(right));
    loop {
        let (one, other) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) => (one.unwrap_or(Part::Number("")), other.unwrap_or(Part::Number(""))),
        };
        let within = || match (&one, &other) {
            (Part::Number(one), Part::Number(other)) => numbers(one, other),
            (Part::Word(one), Part::Word(other)) => words(one, other),
            _ => Ordering::Equal,
        };
        let ordering = one.sort().cmp(&other.sort()).then_with(within);
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// The order of versions in an ecosystem, by the type in its package URLs.
pub fn compare(ecosystem: &str, left: &str, right: &str) -> Ordering {
    match ecosystem {
        "deb" => debian(left, right),
        "rpm" => epoch(left, right, '-', generic),
        _ => generic(left, right),
    }
}

/// As Debian compares them (Debian Policy §5.6.12): an epoch, what upstream says, and a revision.
fn debian(left: &str, right: &str) -> Ordering {
    epoch(left, right, '-', debian_part)
}

/// By the number before a colon, then by what stands before the last `sign`, then by what stands behind that.
fn epoch(left: &str, right: &str, sign: char, within: fn(&str, &str) -> Ordering) -> Ordering {
    let halves = |text: &'_ str| -> (String, String, String) {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
            _ => ("", text),
        };
        let (version, revision) = rest.rsplit_once(sign).unwrap_or((rest, ""));
        (epoch.to_owned(), version.to_owned(), revision.to_owned())
    };
    let (one, other) = (halves(left), halves(right));
    let versions = numbers(&one.0, &other.0).then_with(|| within(&one.1, &other.1));
    // What is asked for is mostly what upstream says: without a revision, all revisions are the same.
    let is_said = !one.2.is_empty() && !other.2.is_empty();
    versions.then_with(|| if is_said { within(&one.2, &other.2) } else { Ordering::Equal })
}

/// Text and numbers in turns; a `~` comes before nothing, letters before other signs.
fn debian_part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    while !left.is_empty() || !right.is_empty() {
        let (one, other) = (digits(&mut left, false), digits(&mut right, false));
        let weight = |sign: Option<char>| match sign {
            Some('~') => -1,
            None => 0,
            Some(letter) if letter.is_ascii_alphabetic() => letter as i64,
            Some(other) => other as i64 + 256,
        };
        let (mut these, mut those) = (one.chars(), other.chars());
        loop {
            let pair = (these.next(), those.next());
            match weight(pair.0).cmp(&weight(pair.1)) {
                Ordering::Equal if pair == (None, None) => break,
                Ordering::Equal => {}
                ordering => return ordering,
            }
        }
        let ordering = numbers(digits(&mut left, true), digits(&mut right, true));
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// Takes digits off the front, or what is none.
fn digits<'a>(text: &mut &'a str, are_digits: bool) -> &'a str {
    let end = text.find(|one: char| one.is_ascii_digit() != are_digits).unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    *text = rest;
    first
}

/// A part of a version.
enum Part<'a> {
    Number(&'a str),
    Word(&'a str),
}

impl Part<'_> {
    /// What comes first: words, nothing, words for what comes after a release, numbers.
    fn sort(&self) -> u8 {
        match self {
            Part::Word(word) if !is_later(word) => 0,
            Part::Number(number) if number.bytes().all(|digit| digit == b'0') => 1,
            Part::Word(_) => 2,
            Part::Number(_) => 3,
        }
    }
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let text = text.split('+').next().unwrap_or_default();
    let mut rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|one: char| !one.is_ascii_alphanumeric());
        let first = rest.chars().next()?;
        let is_same = |one: char| one.is_ascii_alphanumeric() && one.is_ascii_digit() == first.is_ascii_digit();
        let end = rest.find(|one: char| !is_same(one)).unwrap_or(rest.len());
        let (part, left) = rest.split_at(end);
        rest = left;
        Some(if first.is_ascii_digit() { Part::Number(part) } else { Part::Word(part) })
    })
}

/// Of any length.
fn numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn words(left: &str, right: &str) -> Ordering {
    left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase())
}

/// Words for what comes after a release.
fn is_later(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "p" | "r" | "post" | "patch" | "sp" | "u" | "update" | "build" | "final" | "ga"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let ascending = [
            "0.9",
            "1.0-alpha",
            "1.0-alpha.2",
            "1.0-beta1",
            "1.0-rc1",
            "1.0",
            "1.0-post1",
            "1.0.1",
            "v1.1",
            "1.10",
            "2",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(generic(left, right), at.cmp(&other), "{left} {right}");
            }
        }
        for (left, right) in [("1.0", "1"), ("v1.2", "1.2+build7"), ("01.2", "1.02"), ("", "")] {
            assert_eq!(generic(left, right), Ordering::Equal, "{left} {right}");
        }
        assert_eq!(generic("99999999999999999999999", "100000000000000000000000"), Ordering::Less);
    }

    #[test]
    fn each_ecosystem_counts_in_its_own_way() {
        let check = |ecosystem: &str, ascending: &[&str]| {
            for (at, left) in ascending.iter().enumerate() {
                for (other, right) in ascending.iter().enumerate() {
                    assert_eq!(compare(ecosystem, left, right), at.cmp(&other), "{ecosystem}: {left} {right}");
                }
            }
        };
        check("deb", &["1.0~rc1-1", "1.0-1", "1.0-1+deb12u1", "1.0-2", "1.0a-1", "1.0+dfsg-1", "1.2", "1:0.1"]);
        check("rpm", &["1.0-1.el9", "1.0-2.el9", "1.1-1", "2:0.9-1"]);
        check("npm", &["4.17.20", "4.17.21-beta.1", "4.17.21"]);
        check("maven", &["2.0-beta9", "2.14.1", "2.17", "2.17.1"]);
        assert_eq!(compare("deb", "7.88.1-10+deb12u5", "7.88.1"), Ordering::Equal);
        assert_eq!(compare("apk", "1.2.3-r0", "1.2.3-r1"), Ordering::Less);
    }
}
