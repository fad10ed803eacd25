//! What people type to find something: words and fields, `nginx kind:image -license:GPL pushed:>2026-01-01`.
//!
//! Everything that is asked holds of what is found; a clause with `-` before it does not. A [`Query`] is parsed with errors that say
//! where, and what would be right there; it prints as it is understood, so that each clause can be shown by itself and taken away.
//! What a clause means in a store of documents is not here.

mod parse;
mod text;
pub mod version;

use std::fmt;
use std::ops::Range;

pub use parse::{FIELDS, Field, QueryError};
pub use text::Glob;

use text::Shown;

/// What is asked: nothing at all, or some clauses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// What has to hold; at most [`crate::limits::QUERY_CLAUSES_MAX`].
    pub clauses: Vec<Clause>,
}

/// One thing that has to hold, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Whether it must not hold.
    pub is_not: bool,
    /// What.
    pub term: Term,
    /// Where it was written, in characters from the beginning.
    pub at: Range<usize>,
}

/// What is asked of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A word in its name, title, description or anything else that is text; the beginning of one is enough. Lower case.
    Word(String),
    /// These words, in this order. Lower case.
    Phrase(String),
    /// Which kind of thing it is, as people call it. Lower case.
    Kind(String),
    /// The repository that it is in. Lower case.
    Repository(Glob),
    /// The project that it is in. Lower case.
    Project(Glob),
    /// A tag that points to it.
    Tag(Glob),
    /// Its version, as its author counts.
    Version(Glob),
    /// What it runs on: `linux/arm64`, or only `linux` or `arm64`. Lower case.
    Platform(String),
    /// A licence that it is under. Lower case.
    License(Glob),
    /// A label of an image, with that value where one is said.
    Label(String, Option<Glob>),
    /// An annotation, with that value where one is said.
    Annotation(String, Option<Glob>),
    /// A word in the names and addresses of those who made it. Lower case.
    Maintainer(String),
    /// What its digest begins with, with the algorithm or without. Lower case.
    Digest(String),
    /// Whether a signature is attached to it.
    Signed(bool),
    /// Which of all there is.
    Tagged(Tagged),
    /// When it was pushed.
    Pushed(Compare, Days),
    /// A package that is in it, as bills of materials tell.
    Package(Package),
    /// A file that is in it.
    File(FilePattern),
}

/// Which of all that there is are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// What a tag points to: what people publish.
    Yes,
    /// What none points to: parts of something, what was overwritten, signatures.
    No,
    /// All of it.
    Any,
}

/// How something compares to what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The same.
    Is,
    /// Less, or before.
    Less,
    /// At most, or not after.
    AtMost,
    /// More, or after.
    More,
    /// At least, or not before.
    AtLeast,
}

/// A day, a month or a year in UTC, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The year.
    pub year: u16,
    /// From 1.
    pub month: Option<u8>,
    /// From 1.
    pub day: Option<u8>,
}

/// A package, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Where it is from, by the type in package URLs: `npm`, `maven`, `deb`. Lower case.
    pub ecosystem: Option<String>,
    /// Its name, with a namespace before it where one is said: `lodash`, `org.apache.logging.log4j/log4j-core`. Lower case.
    pub name: Glob,
    /// Its version.
    pub version: Option<(Compare, String)>,
}

/// Which files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePattern {
    /// What has this path, without a slash before it: a file or a folder.
    Path(String),
    /// Files that are called so, whatever folder they are in.
    Name(String),
    /// Those whose path begins so, without a slash before it.
    Below(String),
}

impl Query {
    /// What `text` asks.
    ///
    /// # Errors
    /// [`QueryError`], with where it is and what would be right.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        parse::parse(text)
    }

    /// The words and phrases that are looked for, as they were written.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().filter(|clause| !clause.is_not).filter_map(|clause| match &clause.term {
            Term::Word(word) | Term::Phrase(word) => Some(word.as_str()),
            _ => None,
        })
    }
}

impl Term {
    /// The field that it is about; `None` for words.
    pub fn field(&self) -> Option<&'static str> {
        Some(match self {
            Term::Word(_) | Term::Phrase(_) => return None,
            Term::Kind(_) => "kind",
            Term::Repository(_) => "repo",
            Term::Project(_) => "project",
            Term::Tag(_) => "tag",
            Term::Version(_) => "version",
            Term::Platform(_) => "platform",
            Term::License(_) => "license",
            Term::Label(..) => "label",
            Term::Annotation(..) => "annotation",
            Term::Maintainer(_) => "maintainer",
            Term::Digest(_) => "digest",
            Term::Signed(_) => "signed",
            Term::Tagged(_) => "tagged",
            Term::Pushed(..) => "pushed",
            Term::Package(_) => "pkg",
            Term::File(_) => "file",
        })
    }

    /// What is said of the field, as it is written behind the colon, but for quotes.
    pub fn value(&self) -> String {
        let with_key = |key: &String, value: &Option<Glob>| match value {
            Some(value) => format!("{key}={value}"),
            None => key.clone(),
        };
        match self {
            Term::Word(text) | Term::Phrase(text) | Term::Kind(text) | Term::Platform(text) => text.clone(),
            Term::Maintainer(text) | Term::Digest(text) => text.clone(),
            Term::Repository(glob) | Term::Project(glob) | Term::Tag(glob) => glob.to_string(),
            Term::Version(glob) | Term::License(glob) => glob.to_string(),
            Term::Label(key, value) | Term::Annotation(key, value) => with_key(key, value),
            Term::Signed(is_signed) => if *is_signed { "yes" } else { "no" }.to_owned(),
            Term::Tagged(tagged) => tagged.as_str().to_owned(),
            Term::Pushed(compare, days) => format!("{}{days}", compare.as_str()),
            Term::Package(package) => package.to_string(),
            Term::File(FilePattern::Path(path)) => format!("/{path}"),
            Term::File(FilePattern::Name(name)) => name.clone(),
            Term::File(FilePattern::Below(prefix)) => format!("/{prefix}*"),
        }
    }
}

impl Tagged {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Tagged::Yes => "yes",
            Tagged::No => "no",
            Tagged::Any => "any",
        }
    }
}

impl Compare {
    /// As it is written before a date; being the same is written with nothing.
    pub fn as_str(self) -> &'static str {
        match self {
            Compare::Is => "",
            Compare::Less => "<",
            Compare::AtMost => "<=",
            Compare::More => ">",
            Compare::AtLeast => ">=",
        }
    }

    /// Whether something that is `ordering` to what is said is as it is asked for.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Compare::Is => ordering.is_eq(),
            Compare::Less => ordering.is_lt(),
            Compare::AtMost => ordering.is_le(),
            Compare::More => ordering.is_gt(),
            Compare::AtLeast => ordering.is_ge(),
        }
    }
}

impl Days {
    /// From when to when it lasts, in milliseconds since 1970: not including the end.
    pub fn millis(self) -> Range<i64> {
        let (year, month) = (i64::from(self.year), i64::from(self.month.unwrap_or(1)));
        let from = days_from_civil(year, month, i64::from(self.day.unwrap_or(1)));
        let to = match (self.month, self.day) {
            (Some(_), Some(_)) => from + 1,
            (Some(12), None) | (None, _) => days_from_civil(year + 1, 1, 1),
            (Some(_), None) => days_from_civil(year, month + 1, 1),
        };
        const DAY: i64 = 86_400_000;
        from * DAY..to * DAY
    }
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ecosystem) = &self.ecosystem {
            write!(f, "{ecosystem}/")?;
        }
        write!(f, "{}", self.name)?;
        match &self.version {
            None => Ok(()),
            Some((Compare::Is, version)) => write!(f, "={version}"),
            Some((compare, version)) => write!(f, "{}{version}", compare.as_str()),
        }
    }
}

/// As it is understood: what this prints means the same.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_not {
            f.write_str("-")?;
        }
        match (&self.term, self.term.field()) {
            (Term::Phrase(text), _) => write!(f, "{}", Shown::quoted(text)),
            (term, None) => write!(f, "{}", Shown::word(&term.value())),
            (term, Some(field)) => write!(f, "{field}:{}", Shown::value(&term.value())),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, clause) in self.clauses.iter().enumerate() {
            let between = if at > 0 { " " } else { "" };
            write!(f, "{between}{clause}")?;
        }
        Ok(())
    }
}
