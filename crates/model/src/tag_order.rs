//! In which order people look for tags: `latest`, then versions from the newest, then all others by name; numbers in names count as
//! numbers. And which of several names something best. Nothing is promised by a version: it is only how a tag reads.

use std::cmp::Reverse;

/// Where a tag comes: what is less comes first. Two tags are never equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Rank, String);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Latest,
    Version(Reverse<(Vec<Number>, Release)>),
    Other(Vec<Piece>),
}

/// What comes after the numbers of a version. A release is newer than what leads to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Release {
    Before(Vec<Piece>),
    Itself,
}

/// A run of digits without leading zeros, by its length and then its digits: it may be of any length.
type Number = (usize, String);

/// A piece of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(Number),
    Text(String),
}

/// From how many digits on one number is no version, but a date, or a number that counts builds.
const NO_VERSION_DIGITS: usize = 8;

/// Where a tag comes among those that name the same thing: what is less names it better. What people call it by is the newest
/// release (`1.2.3` rather than `1.2`), else `latest`, else a version of something special, else whatever there is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Naming(u8, Key);

/// How well the tag names what it points to.
pub fn naming(tag: &str) -> Naming {
    let key = key(tag);
    let sort = match &key.0 {
        Rank::Version(Reverse((numbers, _))) if numbers[0].0 >= NO_VERSION_DIGITS => 3,
        Rank::Version(Reverse((_, Release::Itself))) => 0,
        Rank::Latest => 1,
        Rank::Version(_) => 2,
        Rank::Other(_) => 4,
    };
    Naming(sort, key)
}

/// Where the tag comes.
pub fn key(tag: &str) -> Key {
    let rank = if tag == "latest" {
        Rank::Latest
    } else {
        version(tag).map_or_else(|| Rank::Other(pieces(tag)), |version| Rank::Version(Reverse(version)))
    };
    Key(rank, tag.to_owned())
}

/// Numbers with dots between them, with or without a `v`, then nothing or something behind `-`, `_` or `+`.
fn version(tag: &str) -> Option<(Vec<Number>, Release)> {
    let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let end = text.find(['-', '_', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().all(is_number) {
        return None;
    }
    let release = if rest.is_empty() { Release::Itself } else { Release::Before(pieces(rest)) };
    Some((parts.into_iter().map(number).collect(), release))
}

fn number(digits: &str) -> Number {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits.to_owned())
}

fn pieces(text: &str) -> Vec<Piece> {
    let is_digit = |one: char| one.is_ascii_digit();
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|one| is_digit(one) != is_digit(first)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(if is_digit(first) { Piece::Number(number(piece)) } else { Piece::Text(piece.to_lowercase()) });
        rest = after;
    }
    pieces
}

/// Whether the tag is none that people gave, but attaches something to what its name says: a fallback of the referrers API, or one of
/// cosign's or imgpkg's.
pub fn attaches(tag: &str) -> bool {
    let rest = tag.strip_prefix("sha256-").map(|rest| (rest, 64));
    let Some((rest, length)) = rest.or_else(|| tag.strip_prefix("sha512-").map(|rest| (rest, 128))) else {
        return false;
    };
    let end = rest.find(|one: char| !one.is_ascii_hexdigit()).unwrap_or(rest.len());
    end == length && (rest.len() == length || rest[length..].starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let check = |expect: &[&str]| {
            let mut tags = expect.to_vec();
            tags.sort_unstable();
            tags.sort_by_cached_key(|tag| key(tag));
            assert_eq!(tags, expect);
        };
        check(&["latest", "2.0.0", "1.10.0", "1.9.1", "1.9", "1", "edge", "main"]);
        check(&["1.2.3", "1.2.3-rc.10", "1.2.3-rc.2", "1.2.3-alpine", "1.2.2"]);
        check(&["v2", "v1.1", "1.0", "v0.9"]);
        check(&["20261122", "20261101", "2026-11-22", "2026-11-3"]);
        check(&["build-2", "build-10", "deadbeef", "pr-7"]);
        check(&["1.0.0_build.2", "1.0.0_build.1"]);
        check(&["99999999999999999999999999.0", "3.0"]);
        check(&["1.x", "v", "v1.x"]);
        check(&["01", "1"]);
    }

    #[test]
    fn what_names_something_best() {
        let expect =
            ["1.10.0", "v1.10.0", "1.2.3", "1.2", "1", "latest", "2.0-rc1", "1.2-alpine", "20260101123456", "alpine"];
        let mut tags = expect;
        tags.sort_unstable();
        tags.sort_by_cached_key(|tag| naming(tag));
        assert_eq!(tags, expect);
    }

    #[test]
    fn what_only_attaches() {
        let digest = "ab".repeat(32);
        for tag in ["", ".sig", ".att", ".sbom", ".imgpkg"] {
            assert!(attaches(&format!("sha256-{digest}{tag}")), "{tag}");
        }
        assert!(attaches(&format!("sha512-{}", "ab".repeat(64))));
        for tag in ["latest", "sha256-abcdef", &format!("sha256-{digest}ab"), &format!("x-sha256-{digest}")] {
            assert!(!attaches(tag), "{tag}");
        }
    }
}
