//! What pages are made of: small things that render themselves, each in one way wherever it stands.
//!
//! These are the only types that templates do not escape. Each is a template of its own, in which everything that comes from
//! outside is escaped, or, as [`Prose`], was made of text by escaping it.

use std::fmt;

use askama::filters::HtmlSafe;
use askama::{FastWritable, Template, Values};
use jiff::Timestamp;
use wharf_model::digest::Digest;
use wharf_model::units::Units;

use super::units;

/// A moment: how long ago, and exactly when.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(ext = "html", source = r#"<time datetime="{{ iso }}" title="{{ exact }}">{{ ago }}</time>"#)]
pub struct Moment {
    iso: String,
    exact: String,
    ago: String,
}

impl HtmlSafe for Moment {}

impl Moment {
    /// A moment and now, both in milliseconds since 1970.
    pub fn new(at: i64, now: i64) -> Moment {
        let moment = Timestamp::from_millisecond(at).unwrap_or_default();
        let (iso, exact) = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC");
        let text = |form: &str| moment.strftime(form).to_string();
        Moment { iso: text(iso), exact: text(exact), ago: ago(at, now) }
    }

    /// A moment that an artifact tells: far from when it was pushed, so that the day says more.
    pub fn day(at: i64) -> Moment {
        let moment = Moment::new(at, at);
        let ago = moment.iso.get(..10).unwrap_or_default().to_owned();
        Moment { ago, ..moment }
    }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long ago that was, in the largest unit of which there is one at least.
fn ago(at: i64, now: i64) -> String {
    let secs = (now.saturating_sub(at)) / 1000;
    let units = [("year", 365 * DAY), ("month", 30 * DAY), ("day", DAY), ("hour", HOUR), ("minute", MINUTE)];
    let told = |secs: i64| {
        let (unit, count) = units.iter().map(|(unit, length)| (*unit, secs / length)).find(|(_, count)| *count > 0)?;
        Some(if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") })
    };
    match told(secs.saturating_abs()) {
        None => "just now".to_owned(),
        Some(text) if secs < 0 => format!("in {text}"),
        Some(text) => format!("{text} ago"),
    }
}

/// A size in the units that are [liked](units), and in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(ext = "html", source = r#"<span class="size" title="{{ exact }}">{{ text }}</span>"#)]
pub struct Size {
    text: SizeText,
    exact: String,
}

impl HtmlSafe for Size {}

impl Size {
    /// So many bytes.
    pub fn new(bytes: u64) -> Size {
        Size { text: SizeText(bytes), exact: format!("{} bytes", grouped(bytes)) }
    }
}

/// A size in the units that are [liked](units), as text alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeText(pub u64);

impl HtmlSafe for SizeText {}

impl FastWritable for SizeText {
    fn write_into(&self, dest: &mut dyn fmt::Write, values: &dyn Values) -> askama::Result<()> {
        Ok(dest.write_str(&units::of(values).size(self.0))?)
    }
}

impl fmt::Display for SizeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Units::default().size(self.0))
    }
}

/// A number with a comma before each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A digest, shortened; the whole one where the mouse rests, and in what is copied.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(ext = "html", source = r#"<code class="digest" title="{{ full }}">{{ short }}</code>"#)]
pub struct Short {
    short: String,
    full: String,
}

impl HtmlSafe for Short {}

impl Short {
    /// Of a digest.
    pub fn new(digest: &Digest) -> Short {
        Short::of(&digest.to_string())
    }

    /// Of what is said to be one.
    pub fn of(text: &str) -> Short {
        let short = match text.split_once(':') {
            Some((algorithm, hex)) => format!("{algorithm}:{}", hex.chars().take(12).collect::<String>()),
            None => text.chars().take(19).collect(),
        };
        Short { short, full: text.to_owned() }
    }

    /// The whole of it.
    pub fn full(&self) -> &str {
        &self.full
    }
}

/// A button that copies a text. Without script it is not shown: it could do nothing.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = r##"<button class="copy" type="button" data-copy="{{ text }}" aria-label="Copy {{ what }}" hidden><svg class="icon" aria-hidden="true"><use href="#i-copy"/></svg></button>"##
)]
pub struct Copy {
    text: String,
    what: &'static str,
}

impl HtmlSafe for Copy {}

impl Copy {
    /// Copies `text`, which is `what`.
    pub fn new(what: &'static str, text: impl Into<String>) -> Copy {
        Copy { text: text.into(), what }
    }
}

/// An icon that says nothing that is not said beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Template)]
#[template(ext = "html", source = r##"<svg class="icon" aria-hidden="true"><use href="#i-{{ name }}"/></svg>"##)]
pub struct Icon {
    name: &'static str,
}

impl HtmlSafe for Icon {}

/// The categories of kinds; each has an icon of its name in `templates/icons.svg`.
pub const CATEGORIES: [&str; 15] = [
    "signature",
    "attestation",
    "sbom",
    "package",
    "policy",
    "data",
    "plugin",
    "wasm",
    "ebpf",
    "gitops",
    "model",
    "lazy",
    "os",
    "image",
    "generic",
];

impl Icon {
    /// The icon of a category of kinds; of one that is not known, that of anything.
    pub fn of(category: &str) -> Icon {
        Icon { name: CATEGORIES.into_iter().find(|name| *name == category).unwrap_or("generic") }
    }

    /// The icon of that name.
    pub const fn named(name: &'static str) -> Icon {
        Icon { name }
    }
}

/// A text of which parts are marked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = r#"{% for (is_marked, part) in parts %}{% if *is_marked %}<mark>{{ part }}</mark>{% else %}{{ part }}{% endif %}{% endfor %}"#
)]
pub struct Marked {
    parts: Vec<(bool, String)>,
}

impl HtmlSafe for Marked {}

impl Marked {
    /// Marks these characters of a text, counted from 0, each range up to and without its end; ranges come in their order, and what of
    /// them is nowhere marks nothing.
    pub fn new(text: &str, ranges: &[(u32, u32)]) -> Marked {
        let mut parts: Vec<(bool, String)> = Vec::new();
        for (at, character) in text.chars().enumerate() {
            let is_marked = ranges.iter().any(|(from, to)| (*from as usize..*to as usize).contains(&at));
            match parts.last_mut() {
                Some((was_marked, part)) if *was_marked == is_marked => part.push(character),
                _ => parts.push((is_marked, character.to_string())),
            }
        }
        Marked { parts }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// HTML that was made of text that nobody trusts by [`super::markdown`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prose(pub(super) String);

impl std::fmt::Display for Prose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Prose {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn times() {
        let check =
            |secs: i64, expect: &str| assert_eq!(ago(1_800_000_000_000 - secs * 1000, 1_800_000_000_000), expect);
        check(0, "just now");
        check(59, "just now");
        check(60, "1 minute ago");
        check(3 * HOUR + 59, "3 hours ago");
        check(47 * HOUR, "1 day ago");
        check(29 * DAY, "29 days ago");
        check(364 * DAY, "12 months ago");
        check(800 * DAY, "2 years ago");
        check(-90, "in 1 minute");
        let moment = Moment::new(1_800_000_000_000, 1_800_000_120_000).to_string();
        let expect = r#"<time datetime="2027-01-15T08:00:00Z" title="2027-01-15 08:00:00 UTC">2 minutes ago</time>"#;
        assert_eq!(moment, expect);
        assert_eq!(Moment::day(i64::MIN), Moment::day(0), "what is no time is the first");
    }

    #[test]
    fn sizes() {
        let check = |bytes: u64, expect: &str| assert_eq!(Size::new(bytes).to_string(), expect);
        check(0, r#"<span class="size" title="0 bytes">0 B</span>"#);
        check(1_234_567, r#"<span class="size" title="1,234,567 bytes">1.18 MiB</span>"#);
        check(1 << 44, r#"<span class="size" title="17,592,186,044,416 bytes">16.0 TiB</span>"#);
        let decimal = Size::new(1_234_567).render_with_values(&units::Told(Units::Decimal)).expect("rendered");
        assert_eq!(decimal, r#"<span class="size" title="1,234,567 bytes">1.23 MB</span>"#);
    }

    #[test]
    fn marks() {
        let check = |ranges: &[(u32, u32)], expect: &str| assert_eq!(Marked::new("añb<c", ranges).to_string(), expect);
        check(&[], "añb&#60;c");
        check(&[(1, 2)], "a<mark>ñ</mark>b&#60;c");
        check(&[(0, 1), (1, 2), (3, 9)], "<mark>añ</mark>b<mark>&#60;c</mark>");
        check(&[(7, 9), (2, 2)], "añb&#60;c");
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let hostile = r#""><script>alert(1)</script>"#;
        for html in [Short::of(hostile).to_string(), Copy::new("it", hostile).to_string()] {
            assert!(!html.contains("<script") && !html.contains(r#"""><"#), "{html}");
        }
        assert_eq!(Icon::of(hostile), Icon::of("generic"));
    }

    /// What is not escaped is in this module, where it can be seen; and no template draws or runs anything by itself.
    #[test]
    fn templates_take_nothing_as_it_is() {
        fn look(folder: &std::path::Path, count: &mut usize) {
            for entry in std::fs::read_dir(folder).expect("templates") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    look(&path, count);
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("text");
                for word in ["safe", "escape", "style=", " onclick", " onload", "<script>", "<style"] {
                    assert!(!text.contains(word), "{}: {word}", path.display());
                }
                *count += 1;
            }
        }
        let mut count = 0;
        look(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")), &mut count);
        assert!(count > 15, "{count}");
    }

    #[test]
    fn every_category_has_an_icon() {
        let icons = include_str!("../../templates/icons.svg");
        for name in CATEGORIES {
            assert!(icons.contains(&format!("id=\"i-{name}\"")), "{name}");
        }
    }
}
