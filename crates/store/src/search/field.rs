//! What artifacts are found by that is no running text: values, field by field, in the form in which they are looked up.

use super::Document;

/// Fields of the table `value`, by their numbers there.
pub(super) const KIND: i64 = 1;
pub(super) const LICENSE: i64 = 2;
pub(super) const PLATFORM: i64 = 3;
pub(super) const TAG: i64 = 4;
pub(super) const VERSION: i64 = 5;
pub(super) const LABEL: i64 = 6;
pub(super) const LABEL_KEY: i64 = 7;
pub(super) const ANNOTATION: i64 = 8;
pub(super) const ANNOTATION_KEY: i64 = 9;
/// All licences or platforms of something together, as they are counted: a line for each.
pub(super) const LICENSES: i64 = 10;
pub(super) const PLATFORMS: i64 = 11;
/// Whether something is signed: there only where it is.
pub(super) const SIGNED: i64 = 12;
pub(super) const YES: &str = "yes";
/// Words of running text, wherever they are, in titles and in names of people, where the engine does not tell them quickly (`text.rs`).
pub(super) const WORD: i64 = 13;
pub(super) const TITLE_WORD: i64 = 14;
pub(super) const MAINTAINER_WORD: i64 = 15;

/// The day on which it was pushed.
pub(super) const PUSHED: i64 = 16;

/// How long a value is that is looked up, in bytes; of a longer one the beginning is.
const VALUE_BYTES_MAX: usize = 512;

/// How long all that is counted of something is, in bytes; of more the first are.
const COUNTED_BYTES_MAX: usize = 2_000;

/// The kind of something, as it is looked up.
pub(super) fn kind(document: &Document) -> &str {
    &document.kind[..document.kind.floor_char_boundary(VALUE_BYTES_MAX)]
}

/// The day of a time, in UTC, so that days are in the order of their texts.
pub(super) fn day(millis: i64) -> String {
    format!("{:08}", millis.max(0) / 86_400_000)
}

/// The values that something is found by.
pub(super) fn values(document: &Document) -> Vec<(i64, String)> {
    let mut values = vec![(PUSHED, day(document.pushed_at))];
    if !document.kind.is_empty() {
        values.push((KIND, kind(document).to_owned()));
    }
    values.extend(document.licenses.iter().flat_map(|text| licenses(text)).map(|one| (LICENSE, one)));
    values.extend(document.platforms.iter().flat_map(|text| platforms(text)).map(|one| (PLATFORM, one)));
    values.extend(document.tags.iter().map(|tag| (TAG, tag.as_str().to_owned())));
    if !document.version.is_empty() {
        values.push((VERSION, document.version.clone()));
    }
    let pairs = [(&document.labels, LABEL, LABEL_KEY), (&document.annotations, ANNOTATION, ANNOTATION_KEY)];
    for (pairs, whole, key) in pairs {
        for (name, value) in pairs {
            values.push((whole, format!("{name}={value}")));
            values.push((key, name.clone()));
        }
    }
    for (_, text) in &mut values {
        text.truncate(text.floor_char_boundary(VALUE_BYTES_MAX));
    }
    values.sort_unstable();
    values.dedup();
    values
}

/// The licences that an SPDX expression names, in lower case.
fn licenses(expression: &str) -> impl Iterator<Item = String> {
    let words = expression.split(|one: char| one.is_whitespace() || matches!(one, '(' | ')' | ',' | ';'));
    let words =
        words.filter(|word| !word.is_empty() && !matches!(*word, "AND" | "OR" | "WITH" | "and" | "or" | "with"));
    words.map(str::to_lowercase)
}

/// The licences of something, as they are counted: each once.
pub(super) fn counted_licenses(document: &Document) -> String {
    counted(document.licenses.iter().flat_map(|text| licenses(text)).collect())
}

/// What something runs on, as that is counted: without variants of processors, which are too many and mean little.
pub(super) fn counted_platforms(document: &Document) -> String {
    let of = |text: &String| text.to_lowercase().splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
    counted(document.platforms.iter().map(of).collect())
}

fn counted(mut all: Vec<String>) -> String {
    all.sort_unstable();
    all.dedup();
    let mut length = 0;
    all.retain(|text| {
        length += text.len() + 1;
        length <= COUNTED_BYTES_MAX
    });
    all.join("\n")
}

/// A platform by all that people call it: `linux/arm64/v8`, `linux/arm64`, `linux`, `arm64`, `arm64/v8`.
fn platforms(platform: &str) -> Vec<String> {
    let lower = platform.to_lowercase();
    let parts: Vec<&str> = lower.splitn(3, '/').collect();
    let mut names = vec![lower.clone()];
    match parts[..] {
        [system, processor, variant] => {
            names.extend([system.to_owned(), processor.to_owned()]);
            names.extend([format!("{system}/{processor}"), format!("{processor}/{variant}")]);
        }
        [system, processor] => names.extend([system.to_owned(), processor.to_owned()]),
        _ => {}
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_people_ask_for_them() {
        assert_eq!(platforms("linux/arm64/v8"), ["linux/arm64/v8", "linux", "arm64", "linux/arm64", "arm64/v8"]);
        assert_eq!(platforms("linux/amd64"), ["linux/amd64", "linux", "amd64"]);
        assert_eq!(platforms("wasip1"), ["wasip1"]);
        let found: Vec<String> =
            licenses("(MIT OR Apache-2.0) AND GPL-2.0-only WITH Classpath-exception-2.0").collect();
        assert_eq!(found, ["mit", "apache-2.0", "gpl-2.0-only", "classpath-exception-2.0"]);
    }
}
