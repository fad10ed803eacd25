//! Texts in queries: with stars in them, and as they are written where they have spaces or quotes.

use std::fmt;

/// A text in which each `*` stands for any characters, `/` among them, or for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// The text, with stars as they are.
    pub(super) fn new(text: impl Into<String>) -> Glob {
        Glob(text.into())
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every match begins with.
    pub fn prefix(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }

    /// Whether there is no star in it.
    pub fn is_literal(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether `text` as a whole matches. Takes about as many steps as `text` has bytes, times the number of stars.
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // The first place where each part in the middle is found leaves most for those behind it.
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text as it is written in a query.
pub(super) struct Shown<'a> {
    text: &'a str,
    is_quoted: bool,
}

impl<'a> Shown<'a> {
    /// In quotes, whatever is in it.
    pub(super) fn quoted(text: &'a str) -> Shown<'a> {
        Shown { text, is_quoted: true }
    }

    /// Behind a field.
    pub(super) fn value(text: &'a str) -> Shown<'a> {
        Shown { text, is_quoted: text.is_empty() || text.contains(|one: char| one.is_whitespace() || one == '"') }
    }

    /// By itself, where it must not be taken for something else.
    pub(super) fn word(text: &'a str) -> Shown<'a> {
        let is_quoted = text.starts_with('-') || text.contains(':');
        Shown { is_quoted: is_quoted || Shown::value(text).is_quoted, text }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_quoted {
            return f.write_str(self.text);
        }
        write!(f, "\"{}\"", self.text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let check = |glob: &str, yes: &[&str], no: &[&str]| {
            let glob = Glob::new(glob);
            yes.iter().for_each(|text| assert!(glob.matches(text), "{text} is {glob}"));
            no.iter().for_each(|text| assert!(!glob.matches(text), "{text} is no {glob}"));
        };
        check("acme", &["acme"], &["acm", "acme/app", ""]);
        check("acme/*", &["acme/", "acme/app", "acme/a/b"], &["acme", "bacme/"]);
        check("*/app", &["acme/app", "/app", "a/b/app"], &["app", "acme/app2"]);
        check("1.*.0", &["1.2.0", "1..0", "1.2.0.0"], &["1.0", "1.2"]);
        check("*a*b*", &["ab", "xaxbx"], &["ba"]);
        check("ab*ba", &["abba", "abxba"], &["aba"]);
        check("*", &["", "x"], &[]);
        assert_eq!((Glob::new("a*b").prefix(), Glob::new("a").is_literal()), ("a", true));
    }
}
