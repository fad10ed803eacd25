//! JSON and YAML that others wrote, read leniently: what is not of the expected form is as if it were not there.

use serde_json::Value;
use wharf_model::api::facts::{Line, Link, Listed, Named, Text};
use wharf_model::limits::INSPECT_FILE_BYTES_MAX;

/// The JSON in `bytes`, at most [`INSPECT_FILE_BYTES_MAX`] of them: in memory it takes up to 30 times as much. What is larger is
/// read with [`super::pieces`].
///
/// # Errors
/// What is wrong, and where, in words for people.
pub(super) fn json(bytes: &[u8]) -> Result<Value, String> {
    if bytes.len() > INSPECT_FILE_BYTES_MAX {
        return Err(format!("it has more than {INSPECT_FILE_BYTES_MAX} bytes, of which no JSON is read"));
    }
    serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON that can be read: {error}"))
}

/// The documents in `bytes`, which are YAML (of which JSON is a part), empty ones not. Bounded in aliases and depth by the
/// parser.
///
/// # Errors
/// What is wrong, and where, in words for people.
pub(super) fn yaml(bytes: &[u8]) -> Result<Vec<Value>, String> {
    if bytes.len() > INSPECT_FILE_BYTES_MAX {
        return Err(format!("it has more than {INSPECT_FILE_BYTES_MAX} bytes, of which no YAML is read"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"))?;
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| format!("it is no YAML that can be read: {error}"))
}

/// The time that `text` says (RFC 3339, or a day by itself), in milliseconds since 1970; none before.
pub(crate) fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let time: jiff::Timestamp = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).ok()?;
    Some(time.as_millisecond()).filter(|at| *at >= 0)
}

/// What may be in a value.
pub(super) trait Look {
    /// What is at `path`: keys with `/` between them. `Null` where nothing is.
    fn at(&self, path: &str) -> &Value;
    /// A text, number or truth value, as it would be written.
    fn plain(&self) -> Option<String>;
    /// The same, at `path`, on one line.
    fn line(&self, path: &str) -> Option<Line>;
    /// The same, or an empty line.
    fn line_or_empty(&self, path: &str) -> Line {
        self.line(path).unwrap_or_default()
    }
    /// Running text at `path`.
    fn text(&self, path: &str) -> Option<Text>;
    /// An address at `path`.
    fn link(&self, path: &str) -> Option<Link>;
    /// A number at `path`; also one that is written as text.
    fn number(&self, path: &str) -> Option<u64>;
    /// Whether `path` says so.
    fn flag(&self, path: &str) -> bool;
    /// A time at `path`, in milliseconds since 1970.
    fn time(&self, path: &str) -> Option<i64>;
    /// The entries of a list at `path`.
    fn items(&self, path: &str) -> std::slice::Iter<'_, Value>;
    /// The texts in a list at `path`, or the one that is there by itself.
    fn lines(&self, path: &str) -> Listed<Line>;
    /// The fields of an object at `path`; values that are not plain as JSON.
    fn named(&self, path: &str) -> Listed<Named>;
    /// The fields of an object at `path`.
    fn fields(&self, path: &str) -> Box<dyn Iterator<Item = (&str, &Value)> + '_>;
}

impl Look for Value {
    fn at(&self, path: &str) -> &Value {
        path.split('/').filter(|key| !key.is_empty()).fold(self, |value, key| value.get(key).unwrap_or(&Value::Null))
    }

    fn plain(&self) -> Option<String> {
        match self {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    fn line(&self, path: &str) -> Option<Line> {
        match self.at(path) {
            Value::String(text) => Line::some(text),
            other => other.plain().and_then(|text| Line::some(&text)),
        }
    }

    fn text(&self, path: &str) -> Option<Text> {
        self.at(path).as_str().and_then(Text::some)
    }

    fn link(&self, path: &str) -> Option<Link> {
        self.at(path).as_str().and_then(Link::new)
    }

    fn number(&self, path: &str) -> Option<u64> {
        let value = self.at(path);
        value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    fn flag(&self, path: &str) -> bool {
        let value = self.at(path);
        value.as_bool().unwrap_or_else(|| value.as_str() == Some("true"))
    }

    fn time(&self, path: &str) -> Option<i64> {
        self.at(path).as_str().and_then(time)
    }

    fn items(&self, path: &str) -> std::slice::Iter<'_, Value> {
        self.at(path).as_array().map_or(&[][..], Vec::as_slice).iter()
    }

    fn lines(&self, path: &str) -> Listed<Line> {
        match self.at(path) {
            Value::Array(items) => items.iter().filter_map(|item| item.line("")).collect(),
            other => other.line("").into_iter().collect(),
        }
    }

    fn named(&self, path: &str) -> Listed<Named> {
        let shown = |value: &Value| value.plain().unwrap_or_else(|| value.to_string());
        self.fields(path).map(|(name, value)| Named::new(name, &shown(value))).collect()
    }

    fn fields(&self, path: &str) -> Box<dyn Iterator<Item = (&str, &Value)> + '_> {
        match self.at(path) {
            Value::Object(fields) => Box::new(fields.iter().map(|(name, value)| (name.as_str(), value))),
            _ => Box::new(std::iter::empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |text: &str, expect| assert_eq!(time(text), expect, "{text}");
        check("1970-01-01T00:00:01.5Z", Some(1_500));
        check("2024-05-06T07:08:09+02:00", Some(1_714_972_089_000));
        check("0001-01-01T00:00:00Z", None);
        check("2024-05-06", Some(1_714_953_600_000));
        check("yesterday", None);
        check("", None);
    }

    #[test]
    fn what_is_of_another_form_is_not_there() {
        let value = serde_json::json!({ "a": { "b": 7, "c": ["x", 1, {}], "d": "https://e" }, "n": "8", "t": true });
        assert_eq!(value.line("a/b"), Some(Line::new("7")));
        assert_eq!(value.line("a"), None);
        assert_eq!(value.line("a/b/c"), None);
        assert_eq!(value.lines("a/c").iter().map(Line::as_str).collect::<Vec<_>>(), ["x", "1"]);
        assert_eq!(value.lines("n").len(), 1);
        assert_eq!((value.number("n"), value.number("a/b"), value.number("t")), (Some(8), Some(7), None));
        assert!(value.flag("t") && !value.flag("n"));
        assert!(value.link("a/d").is_some() && value.link("n").is_none());
        assert_eq!(value.named("a").len(), 3);
    }

    #[test]
    fn a_bomb_of_aliases_does_not_go_off() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let before = level - 1;
            let list = vec![format!("*a{before}"); 10].join(",");
            bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(yaml(bomb.as_bytes()).is_err());
        assert!(yaml(&b"[".repeat(100_000)).is_err());
        assert_eq!(yaml(b"a: 1\n---\nb: 2\n").map(|documents| documents.len()), Ok(2));
    }
}
