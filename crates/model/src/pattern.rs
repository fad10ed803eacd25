//! Patterns over names of repositories and tags, as people write them in bindings and rules: `acme/**`, `v*`.

use std::{fmt, str::FromStr};

use crate::limits::{PATTERN_BYTES_MAX, WILDCARDS_MAX};

/// A pattern: `*` stands for any characters but `/`, `**` for any at all, `?` for one that is not `/`; everything else for
/// itself. At most [`PATTERN_BYTES_MAX`] bytes and [`WILDCARDS_MAX`] wildcards.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every match begins with.
    pub fn literal_prefix(&self) -> &str {
        let end = self.0.find(['*', '?']).unwrap_or(self.0.len());
        &self.0[..end]
    }

    /// Whether it stands for one name only.
    pub fn is_literal(&self) -> bool {
        self.literal_prefix().len() == self.0.len()
    }

    /// Whether `name` matches as a whole. Takes about as many steps as it has bytes, times the number of wildcards.
    pub fn matches(&self, name: &str) -> bool {
        if let Some(prefix) = self.open_prefix() {
            return name.starts_with(prefix);
        }
        if self.is_literal() {
            return &*self.0 == name;
        }
        matches(&self.0, name)
    }

    /// Whether every name that `other` matches is matched by this one too, as far as can be told from how they are written:
    /// `true` is certain.
    pub fn covers(&self, other: &Pattern) -> bool {
        if self == other {
            return true;
        }
        if other.is_literal() {
            return self.matches(other.as_str());
        }
        self.open_prefix().is_some_and(|prefix| other.literal_prefix().starts_with(prefix))
    }

    /// What stands before a last `**` that is the only wildcard.
    fn open_prefix(&self) -> Option<&str> {
        self.0.strip_suffix("**").filter(|prefix| !prefix.contains(['*', '?']))
    }
}

/// Whether `text` as a whole matches `pattern`, which may have any characters, with wildcards as in a [`Pattern`].
///
/// Takes about as many steps as `text` has bytes, times the number of wildcards; it ends where nothing can match any more.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.as_bytes();
    let (mut here, mut next) = (States::new(pattern.len()), States::new(pattern.len()));
    here.reach(pattern, 0);
    for &byte in text.as_bytes() {
        next.clear();
        for at in here.iter().filter(|at| *at < pattern.len()) {
            let (width, many) = token(pattern, at);
            match pattern[at] {
                b'*' if many || byte != b'/' => next.reach(pattern, at),
                b'?' if byte != b'/' => next.reach(pattern, at + width),
                b'*' | b'?' => {}
                literal if literal == byte => next.reach(pattern, at + width),
                _ => {}
            }
        }
        std::mem::swap(&mut here, &mut next);
        if here.is_empty() {
            return false;
        }
    }
    here.has(pattern.len())
}

/// How many bytes of the pattern the wildcard or letter at `at` takes, and whether it is `**`.
fn token(pattern: &[u8], at: usize) -> (usize, bool) {
    let many = pattern[at] == b'*' && pattern.get(at + 1) == Some(&b'*');
    (if many { 2 } else { 1 }, many)
}

/// Up to which places the pattern matches the text so far: a bit for each.
struct States(Vec<u64>);

impl States {
    fn new(places: usize) -> States {
        States(vec![0; places / 64 + 1])
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    /// That place, and those behind stars, which may stand for nothing.
    fn reach(&mut self, pattern: &[u8], mut at: usize) {
        loop {
            self.0[at / 64] |= 1 << (at % 64);
            if pattern.get(at) != Some(&b'*') {
                return;
            }
            at += token(pattern, at).0;
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                (left != 0).then(|| {
                    left &= left - 1;
                    word * 64 + bit
                })
            })
        })
    }
}

/// The text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is empty or too long.
    #[error("a pattern has 1 to {PATTERN_BYTES_MAX} bytes")]
    Length,
    /// It has a character that no name has.
    #[error("a pattern is made of letters, digits, `.`, `_`, `-`, `/`, and the wildcards `*`, `**` and `?`")]
    Character,
    /// Stars in a row.
    #[error("`***` means nothing; write `*` or `**`")]
    Stars,
    /// More than one needs, and enough to make matching slow.
    #[error("a pattern has at most {WILDCARDS_MAX} wildcards")]
    Wildcards,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::Length);
        }
        let is_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/*?".contains(&byte);
        if !text.bytes().all(is_of_a_name) {
            return Err(PatternError::Character);
        }
        if text.contains("***") {
            return Err(PatternError::Stars);
        }
        let wildcards = text.replace("**", "*").bytes().filter(|byte| b"*?".contains(byte)).count();
        if wildcards > WILDCARDS_MAX { Err(PatternError::Wildcards) } else { Ok(Pattern(text.into())) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().expect("a pattern")
    }

    #[test]
    fn matching() {
        let check = |text: &str, name: &str, expect| assert_eq!(pattern(text).matches(name), expect, "{text} {name}");
        check("acme/app", "acme/app", true);
        check("acme/app", "acme/apps", false);
        check("acme/*", "acme/app", true);
        check("acme/*", "acme/", true);
        check("acme/*", "acme", false);
        check("acme/*", "acme/app/web", false);
        check("acme/**", "acme/app/web", true);
        check("acme/**", "acme", false);
        check("**", "acme", true);
        check("**", "acme/app", true);
        check("*", "acme", true);
        check("*", "acme/app", false);
        check("**/web", "acme/app/web", true);
        check("**/web", "web", false);
        check("acme/*/web", "acme/app/web", true);
        check("acme/*/web", "acme/a/b/web", false);
        check("v?", "v1", true);
        check("v?", "v10", false);
        check("v?", "v", false);
        check("v*.*.*", "v1.2.3", true);
        check("v*.*.*", "v1.2", false);
        check("*a*a*a*b", &"a".repeat(100), false);
    }

    #[test]
    fn covering() {
        let check = |text: &str, other: &str, expect| {
            assert_eq!(pattern(text).covers(&pattern(other)), expect, "{text} {other}");
        };
        check("**", "acme/*", true);
        check("acme/**", "acme/app", true);
        check("acme/**", "acme/*", true);
        check("acme/**", "acme/**", true);
        check("acme/**", "acme*", false);
        check("acme/*", "acme/app", true);
        check("acme/*", "acme/a/b", false);
        check("acme/*", "acme/**", false);
        check("*", "acme/*", false);
    }

    #[test]
    fn parsing() {
        let check = |text: &str, expect: Result<(), PatternError>| {
            assert_eq!(text.parse::<Pattern>().map(drop), expect, "{text}");
        };
        check("acme/**", Ok(()));
        check("", Err(PatternError::Length));
        check(&"a".repeat(PATTERN_BYTES_MAX + 1), Err(PatternError::Length));
        check("a b", Err(PatternError::Character));
        check("a***", Err(PatternError::Stars));
        check("[ab]", Err(PatternError::Character));
        check(&"*?**a".repeat(4), Err(PatternError::Wildcards));
        check("?".repeat(WILDCARDS_MAX).as_str(), Ok(()));
        assert_eq!(pattern("acme/app-*/x").literal_prefix(), "acme/app-");
    }
}
