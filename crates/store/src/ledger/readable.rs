//! Which repositories somebody may read, in the form that lists need: ranges of names, so that a page costs what it shows.

use std::sync::Arc;

use wharf_model::pattern::Pattern;

/// Names that follow each other in byte order, all of them or those that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameRange {
    from: String,
    /// All names that begin with `from`; else only that one.
    below: bool,
    /// All of which its names match.
    patterns: Vec<Pattern>,
}

impl NameRange {
    /// One name.
    pub fn one(name: String) -> NameRange {
        NameRange { from: name, below: false, patterns: Vec::new() }
    }

    /// All that begin with `prefix`.
    pub fn below(prefix: String) -> NameRange {
        NameRange { from: prefix, below: true, patterns: Vec::new() }
    }

    /// Those that begin with `prefix` and match.
    pub fn matching(prefix: String, pattern: Pattern) -> NameRange {
        NameRange { from: prefix, below: true, patterns: vec![pattern] }
    }

    /// Its name, where it is made for one.
    pub fn single(&self) -> Option<&str> {
        (!self.below && self.patterns.is_empty()).then_some(&*self.from)
    }

    /// The first name that could be in it.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// A text that is greater than all of its names and not greater than any name beyond.
    pub fn to(&self) -> String {
        let mut to = self.from.clone();
        if !self.below {
            // Less than every character that a name may go on with.
            to.push('!');
            return to;
        }
        match to.pop() {
            Some(last) if last.is_ascii() && last < '\u{7e}' => to.push(char::from(last as u8 + 1)),
            Some(last) => to.extend([last, '\u{7f}']),
            None => to.push('\u{7f}'),
        }
        to
    }

    /// Whether `name` is in it.
    pub fn holds(&self, name: &str) -> bool {
        let within = if self.below { name.starts_with(&self.from) } else { name == self.from };
        within && self.patterns.iter().all(|pattern| pattern.matches(name))
    }

    /// Those of its names that match `pattern` as well; `None` where there can be none.
    #[must_use]
    pub fn also(&self, pattern: &Pattern) -> Option<NameRange> {
        let prefix = pattern.literal_prefix();
        if !self.below {
            return pattern.matches(&self.from).then(|| self.clone());
        }
        let from = if prefix.starts_with(&self.from) {
            prefix
        } else if self.from.starts_with(prefix) {
            &self.from
        } else {
            return None;
        };
        let mut patterns = self.patterns.clone();
        patterns.push(pattern.clone());
        Some(NameRange { from: from.to_owned(), below: true, patterns })
    }
}

/// Which repositories somebody may read: computed once per change of rights, taken by every question that lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All.
    All,
    /// Those of public projects, and those in these ranges, which are in the order of where they begin.
    Some(Arc<[NameRange]>),
}

impl Default for Readable {
    fn default() -> Self {
        Readable::public()
    }
}

impl Readable {
    /// Those of public projects only.
    pub fn public() -> Readable {
        Readable::Some(Arc::default())
    }

    /// Those of public projects, and those in these ranges.
    pub fn some(mut ranges: Vec<NameRange>) -> Readable {
        ranges.sort_unstable();
        ranges.dedup();
        Readable::Some(ranges.into())
    }

    /// Those that match one of `patterns`, besides the public ones.
    #[must_use]
    pub fn matching(&self, patterns: &[&Pattern]) -> Readable {
        let everything = [NameRange::below(String::new())];
        let ranges = match self {
            Readable::All => &everything[..],
            Readable::Some(ranges) => ranges,
        };
        let of = |pattern: &&Pattern| ranges.iter().filter_map(|range| range.also(pattern)).collect::<Vec<_>>();
        Readable::some(patterns.iter().flat_map(of).collect())
    }

    /// How many of the repositories of a project are among them; `public` is what it says.
    pub fn of_project(&self, project: &str, public: bool) -> Share {
        let Readable::Some(ranges) = self else { return Share::All };
        let inside = format!("{project}/");
        let is_whole = |range: &NameRange| range.below && range.patterns.is_empty() && inside.starts_with(&range.from);
        // A repository may be called as its project is.
        if public || (self.holds(project, public) && ranges.iter().any(is_whole)) {
            return Share::All;
        }
        let is_apart = |range: &NameRange| {
            range.from != project
                && !range.from.starts_with(&inside)
                && !(range.below && inside.starts_with(&range.from))
        };
        if ranges.iter().all(is_apart) { Share::None } else { Share::Some }
    }

    /// Whether the repository is among them; `public` is what its project says.
    pub fn holds(&self, name: &str, public: bool) -> bool {
        match self {
            Readable::All => true,
            Readable::Some(ranges) => public || ranges.iter().any(|range| range.holds(name)),
        }
    }
}

/// How many of some repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Each of them.
    All,
    /// Perhaps some.
    Some,
    /// Not one.
    None,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn projects_are_readable_as_a_whole_or_not() {
        let pattern: Pattern = "acme/*/web".parse().expect("a pattern");
        let check = |ranges: Vec<NameRange>, expect: Share| {
            let readable = Readable::some(ranges);
            assert_eq!(readable.of_project("acme", false), expect, "{readable:?}");
            assert_eq!(readable.of_project("acme", true), Share::All, "{readable:?}");
        };
        let one = |name: &str| NameRange::one(name.to_owned());
        let below = |prefix: &str| NameRange::below(prefix.to_owned());
        check(vec![], Share::None);
        check(vec![one("acme-x"), below("acme-x/"), one("acm"), below("b"), one("ac/me")], Share::None);
        check(vec![one("acme"), below("acme/")], Share::All);
        check(vec![below("")], Share::All);
        check(vec![below("ac")], Share::All);
        check(vec![below("acme/")], Share::Some);
        check(vec![one("acme")], Share::Some);
        check(vec![one("acme/x")], Share::Some);
        check(vec![below("acme/x")], Share::Some);
        check(vec![one("acme"), NameRange::matching("acme/".to_owned(), pattern.clone())], Share::Some);
        check(vec![NameRange::matching(String::new(), pattern)], Share::Some);
        assert_eq!(Readable::All.of_project("acme", false), Share::All);
    }

    #[test]
    fn ranges_end_before_what_is_beyond() {
        let check = |range: &NameRange, inside: &[&str], outside: &[&str]| {
            let to = range.to();
            for name in inside {
                assert!(range.holds(name) && range.from() <= *name && *name < to.as_str(), "{name} in {range:?}");
            }
            for name in outside {
                assert!(!range.holds(name), "{name} not in {range:?}");
                assert!(*name < range.from() || to.as_str() <= *name, "{name} beyond {range:?}");
            }
        };
        check(&NameRange::one("acme".into()), &["acme"], &["acm", "acme-x", "acme.x", "acme/x", "acme0", "b"]);
        check(&NameRange::below("acme/".into()), &["acme/0", "acme/z/z"], &["acme", "acme-x/y", "acme0", "acmf"]);
        check(&NameRange::below(String::new()), &["0", "zzz/zzz"], &[]);
        let web: Pattern = "acme/*/web".parse().expect("a pattern");
        let cut = |range: NameRange| range.also(&web);
        assert_eq!(cut(NameRange::below("other/".into())), None);
        assert_eq!(cut(NameRange::one("acme/x".into())), None);
        assert_eq!(cut(NameRange::one("acme/x/web".into())), Some(NameRange::one("acme/x/web".into())));
        let narrow = cut(NameRange::below("ac".into())).expect("some are");
        assert_eq!(narrow.from(), "acme/");
        assert!(narrow.holds("acme/x/web") && !narrow.holds("acme/x"));
        assert!(cut(NameRange::below("acme/x/".into())).expect("some are").holds("acme/x/web"));
        let pattern: Pattern = "acme/*/web".parse().expect("a pattern");
        let range = NameRange::matching("acme/".into(), pattern);
        assert!(range.holds("acme/x/web") && !range.holds("acme/x") && !range.holds("acme/x/y/web"));
    }
}
