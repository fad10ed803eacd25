//! A large JSON document, read piece by piece: only what is asked for is ever a value in memory, one entry of a list at a
//! time.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use wharf_model::limits::INSPECT_FILE_BYTES_MAX;

/// The fields of a document that were asked for, unread.
pub(super) struct Pieces<'a>(Vec<(&'static str, &'a RawValue)>);

impl<'a> Pieces<'a> {
    /// The fields called `names` of the object in `text`. Of one that is there twice the last counts, as with most readers.
    ///
    /// # Errors
    /// What is wrong, in words for people.
    pub(super) fn read(text: &'a str, names: &'static [&'static str]) -> Result<Pieces<'a>, String> {
        let mut json = serde_json::Deserializer::from_str(text);
        let pieces = Wanted(names).deserialize(&mut json).and_then(|pieces| json.end().map(|()| pieces));
        pieces.map(Pieces).map_err(|error| format!("it is no JSON that can be read: {error}"))
    }

    /// The field, unread.
    pub(super) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(known, _)| *known == name).map(|(_, raw)| *raw)
    }

    /// The field as a value; `Null` where it is not there, or too large.
    pub(super) fn value(&self, name: &str) -> Value {
        self.raw(name).and_then(value).unwrap_or_default()
    }

    /// The text in the field, of any length.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    /// The fields called `names` of the object in the field.
    ///
    /// # Errors
    /// It is none; in words for people.
    pub(super) fn inside(&self, name: &str, names: &'static [&'static str]) -> Result<Pieces<'a>, String> {
        Pieces::read(self.raw(name).map_or("null", RawValue::get), names)
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Hands each entry of the list in a field to `take`; says how many there were, and how many of them were too large.
    pub(super) fn each(&self, name: &str, mut take: impl FnMut(&Value)) -> (u64, u64) {
        self.raw(name).map_or((0, 0), |raw| each(raw, &mut take))
    }
}

/// A piece as a value, where it is not too large.
fn value(raw: &RawValue) -> Option<Value> {
    let text = raw.get();
    (text.len() <= INSPECT_FILE_BYTES_MAX).then(|| serde_json::from_str(text).ok()).flatten()
}

fn each(raw: &RawValue, take: &mut dyn FnMut(&Value)) -> (u64, u64) {
    let mut counts = (0, 0);
    let mut each = |entry: &RawValue| {
        counts.0 += 1;
        match value(entry) {
            Some(value) => take(&value),
            None => counts.1 += 1,
        }
    };
    // What is no list has no entries.
    let _ = Entries(&mut each).deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
    counts
}

struct Wanted(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Vec<(&'static str, &'de RawValue)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Vec<(&'static str, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found: Self::Value = Vec::new();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let Some(name) = self.0.iter().find(|name| **name == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw = map.next_value::<&RawValue>()?;
            found.retain(|(known, _)| known != name);
            found.push((name, raw));
        }
        Ok(found)
    }
}

struct Entries<'f>(&'f mut dyn FnMut(&RawValue));

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<Borrowed<'de>>()? {
            (self.0)(entry.0);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] &'a RawValue);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_one_by_one() {
        let text = r#"{"a":[1,{"b":2},"c"],"skipped":[[[]]],"d":{"e":"f"},"d":{"e":"g"}}"#;
        let pieces = Pieces::read(text, &["a", "d", "missing"]).expect("JSON");
        let mut seen = Vec::new();
        assert_eq!(pieces.each("a", |value| seen.push(value.clone())), (3, 0));
        assert_eq!(seen.len(), 3);
        assert_eq!(pieces.value("d")["e"], "g");
        assert!(!pieces.has("missing") && pieces.value("missing").is_null());
        assert_eq!(pieces.each("d", |_| panic!("it is no list")), (0, 0));
        assert!(Pieces::read("[1]", &["a"]).is_err() && Pieces::read(r#"{"a":[1"#, &["a"]).is_err());
        let large = format!(r#"{{"a":["{}",1]}}"#, "x".repeat(INSPECT_FILE_BYTES_MAX));
        assert_eq!(Pieces::read(&large, &["a"]).expect("JSON").each("a", |_| ()), (2, 1));
    }
}
