//! In which order people look for tags: `latest`, then versions from the newest, then all others by name; numbers in names count as
//! numbers. And which of several names something best. Nothing is promised by a version: it is only how a tag reads.

/// Where a tag comes: what is less comes first. Two tags are never equal. Made of bytes, so that ten thousand are sorted in a
/// millisecond or two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

/// What a key begins with.
const LATEST: u8 = 0;
const VERSION: u8 = 1;
const OTHER: u8 = 2;

/// What stands before a piece of a name, and behind the last one: less than all others, as `1` is less than `1.0`.
const END: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;

/// What comes after the numbers of a version. A release is newer than what leads to it.
const BEFORE: u8 = 0;
const ITSELF: u8 = 1;

/// From how many digits on one number is no version, but a date, or a number that counts builds.
const NO_VERSION_DIGITS: usize = 8;

/// Where a tag comes among those that name the same thing: what is less names it better. What people call it by is the newest
/// release (`1.2.3` rather than `1.2`), else `latest`, else a version of something special, else whatever there is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Naming(u8, Key);

/// How well the tag names what it points to.
pub fn naming(tag: &str) -> Naming {
    let sort = match Version::of(tag) {
        Some(version) if version.first().len() >= NO_VERSION_DIGITS => 3,
        Some(version) if version.rest.is_empty() => 0,
        None if tag == "latest" => 1,
        Some(_) => 2,
        None => 4,
    };
    Naming(sort, key(tag))
}

/// Where the tag comes.
pub fn key(tag: &str) -> Key {
    let mut key = Vec::with_capacity(4 * tag.len() + 16);
    if tag == "latest" {
        key.push(LATEST);
    } else if let Some(version) = Version::of(tag) {
        key.push(VERSION);
        version.put(&mut key);
        // The newest first.
        key[1..].iter_mut().for_each(|byte| *byte = !*byte);
    } else {
        key.push(OTHER);
        put_pieces(tag, &mut key);
    }
    key.extend_from_slice(tag.as_bytes());
    Key(key)
}

/// Numbers with dots between them, with or without a `v`, then nothing or something behind `-`, `_` or `+`.
struct Version<'a> {
    numbers: &'a str,
    rest: &'a str,
}

impl Version<'_> {
    fn of(tag: &str) -> Option<Version<'_>> {
        let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
        let (numbers, rest) = text.split_at(text.find(['-', '_', '+']).unwrap_or(text.len()));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        numbers.split('.').all(is_number).then_some(Version { numbers, rest })
    }

    /// The first number, without leading zeros.
    fn first(&self) -> &str {
        self.numbers.split('.').next().unwrap_or_default().trim_start_matches('0')
    }

    fn put(&self, key: &mut Vec<u8>) {
        for number in self.numbers.split('.') {
            put_number(number, key);
        }
        key.push(END);
        if self.rest.is_empty() {
            key.push(ITSELF);
        } else {
            key.push(BEFORE);
            put_pieces(self.rest, key);
        }
    }
}

/// By how many digits it has, without leading zeros, and then by these: it may be of any length.
fn put_number(digits: &str, key: &mut Vec<u8>) {
    let digits = digits.trim_start_matches('0');
    key.push(NUMBER);
    key.extend((digits.len() as u32).to_be_bytes());
    key.extend_from_slice(digits.as_bytes());
}

/// Numbers and what is between them, in upper or lower case.
fn put_pieces(text: &str, key: &mut Vec<u8>) {
    let is_digit = |one: char| one.is_ascii_digit();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (piece, after) = rest.split_at(rest.find(|one| is_digit(one) != is_digit(first)).unwrap_or(rest.len()));
        if is_digit(first) {
            put_number(piece, key);
        } else {
            key.push(TEXT);
            key.extend(piece.bytes().map(|byte| byte.to_ascii_lowercase()));
            key.push(END);
        }
        rest = after;
    }
    key.push(END);
}

/// Whether the tag is none that people gave, but attaches something to what its name says: a fallback of the referrers API, or one of
/// cosign's or imgpkg's.
pub fn attaches(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-").or_else(|| tag.strip_prefix("sha512-")) else { return false };
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    // The hash of either is cut there.
    let (hash, end) = rest.as_bytes().split_at(rest.len().min(64));
    hash.len() == 64 && hash.iter().all(is_digit) && (end.is_empty() || end.starts_with(b"."))
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
        assert!(attaches(&format!("sha512-{digest}")));
        for tag in ["latest", "sha256-abcdef", &format!("sha256-{digest}ab"), &format!("x-sha256-{digest}")] {
            assert!(!attaches(tag), "{tag}");
        }
    }
}
